// What a place that has files offers a machine: calls on open directories and single names, nothing that could
// follow a link out of a folder. Node's implementation is host/files.ts.

import type { InodeAttr, StatFs } from '../vfs/types.ts';

/** An open file or directory of the host; >= 0. */
export type HostHandle = number;

export interface HostStat extends InodeAttr {
  /** Exact identity of the inode on the host: device and number. */
  readonly id: string;
}

/**
 * The host's file system, synchronous. Names and link targets are byte strings. `dir` is a handle of a
 * directory, `name` one component. Nothing follows a symbolic link at `name`. Errors are negated errno.
 */
export interface HostFiles {
  /** Opens where a mount starts. Here links are followed: the path is the caller's own. */
  root(path: string): HostHandle | number;
  stat(handle: HostHandle): HostStat | number;
  lstat(dir: HostHandle, name: string): HostStat | number;
  /** 'path' only holds on to it; 'read' and 'write' open its contents. The caller compares `stat` before use. */
  open(dir: HostHandle, name: string, how: 'path' | 'read' | 'write'): HostHandle | number;
  /** Opens the contents of what a handle holds on to. */
  reopen(handle: HostHandle, how: 'read' | 'write'): HostHandle | number;
  close(handle: HostHandle): void;
  list(handle: HostHandle): readonly string[] | number;
  readlink(dir: HostHandle, name: string): string | number;
  read(handle: HostHandle, buf: Uint8Array, at: number, n: number, pos: number): number;
  write(handle: HostHandle, buf: Uint8Array, at: number, n: number, pos: number): number;
  truncate(handle: HostHandle, size: number): number;
  sync(handle: HostHandle): number;
  /** Makes an empty regular file; fails if the name is taken. */
  create(dir: HostHandle, name: string, mode: number): number;
  /** Opens a new, empty regular file without a name, for writing. */
  tmpfile(dir: HostHandle, mode: number): HostHandle | number;
  /** Makes a copy of what a handle holds, owner, mode and times included; it has its name when it is whole. */
  nameCopy(handle: HostHandle, dir: HostHandle, name: string): number;
  mkdir(dir: HostHandle, name: string, mode: number): number;
  symlink(dir: HostHandle, name: string, target: string): number;
  link(handle: HostHandle, dir: HostHandle, name: string): number;
  unlink(dir: HostHandle, name: string): number;
  rmdir(dir: HostHandle, name: string): number;
  rename(dir: HostHandle, name: string, toDir: HostHandle, toName: string): number;
  /** Swaps two names; the machine does nothing meanwhile, but others on the host may see them missing. */
  exchange(dir: HostHandle, name: string, toDir: HostHandle, toName: string): number;
  chmod(handle: HostHandle, mode: number): number;
  chown(handle: HostHandle, uid: number, gid: number): number;
  utimes(handle: HostHandle, attr: Pick<InodeAttr, 'atime' | 'mtime'>): number;
  statfs(handle: HostHandle): StatFs | number;
}
