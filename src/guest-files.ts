// The files of a machine from outside: what `machine.fs` does. Works through the guest's own VFS with the
// rights of root, so that mounts, symlinks and overlays mean what they mean to a program.

import { EINVAL, EIO, EISDIR, errnoName } from './abi/errno.ts';
import { AT_FDCWD, O_CREAT, O_DIRECTORY, O_RDONLY, O_TRUNC, O_WRONLY } from './abi/fcntl.ts';
import { S_IFDIR, S_IFMT } from './abi/stat.ts';
import { strerror } from './abi/strerror.ts';
import { bytesOf, checkPath } from './options.ts';
import type { Task } from './ring0/task/types.ts';
import { listing, releaseFile } from './ring0/vfs/file.ts';
import { make, remove } from './ring0/vfs/namei.ts';
import { isOpenFile, open } from './ring0/vfs/open.ts';
import type { OpenFile } from './ring0/vfs/types.ts';
import { FOLLOW, isPath, walk } from './ring0/vfs/walk.ts';
import type { Result } from './ring0/wait.ts';

/** A failed file operation; `code` is the errno's name. */
export class GuestFileError extends Error {
  readonly code: string;
  readonly path: string;

  constructor(errno: number, path: string) {
    const code = errnoName(errno) ?? 'EIO';
    super(`${path}: ${strerror(code)}`);
    this.name = 'GuestFileError';
    this.code = code;
    this.path = path;
  }
}

export interface GuestStat {
  /** Type and permission bits. */
  readonly mode: number;
  /** Bytes. */
  readonly size: number;
  readonly isDirectory: boolean;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
}

/** File access from outside. Paths are absolute guest paths. Operations reject with GuestFileError. */
export interface GuestFiles {
  readFile(path: string): Promise<Uint8Array>;
  /** Creates or replaces. `mode` defaults to 0o644. */
  writeFile(path: string, data: ArrayBufferView | string, mode?: number): Promise<void>;
  readdir(path: string): Promise<string[]>;
  mkdir(path: string, mode?: number): Promise<void>;
  /** Removes a file or an empty directory. */
  rm(path: string): Promise<void>;
  stat(path: string): Promise<GuestStat>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const toBytes = (s: string): string => String.fromCharCode(...encoder.encode(s));
const toText = (s: string): string => decoder.decode(Uint8Array.from(s, (c) => c.charCodeAt(0)));

const checked = (r: Result, path: string): number => {
  if (typeof r !== 'number') throw new GuestFileError(EIO, path);
  if (r < 0) throw new GuestFileError(-r, path);
  return r;
};

const opened = (task: Task, path: string, flags: number, mode: number): OpenFile => {
  if (!path.startsWith('/')) throw new GuestFileError(EINVAL, path);
  const r = open(task, AT_FDCWD, toBytes(path), flags, mode);
  if (isOpenFile(r)) return r;
  throw new GuestFileError(typeof r === 'number' ? -r : EIO, path);
};

const CHUNK = 1 << 20;

export const guestFiles = (task: Task): GuestFiles => ({
  async readFile(path) {
    checkPath('readFile', path);
    const file = opened(task, path, O_RDONLY, 0);
    try {
      const parts: Uint8Array[] = [];
      let length = 0;
      for (;;) {
        const buf = new Uint8Array(CHUNK);
        const n = checked(file.ops.read?.(task, file, buf, 0, CHUNK, length) ?? -EINVAL, path);
        if (n === 0) break;
        parts.push(buf.subarray(0, n));
        length += n;
      }
      const out = new Uint8Array(length);
      let at = 0;
      for (const p of parts) {
        out.set(p, at);
        at += p.length;
      }
      return out;
    } finally {
      releaseFile(file);
    }
  },
  async writeFile(path, data, mode = 0o644) {
    checkPath('writeFile', path, mode);
    const bytes = bytesOf('fs.writeFile: data', data);
    const file = opened(task, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    try {
      let at = 0;
      while (at < bytes.length) {
        const n = checked(file.ops.write?.(task, file, bytes, at, bytes.length - at, at) ?? -EINVAL, path);
        if (n === 0) throw new GuestFileError(EIO, path);
        at += n;
      }
    } finally {
      releaseFile(file);
    }
  },
  async readdir(path) {
    checkPath('readdir', path);
    const file = opened(task, path, O_RDONLY | O_DIRECTORY, 0);
    try {
      const list = listing(task, file);
      if (typeof list === 'number' || 'blocked' in list)
        throw new GuestFileError(typeof list === 'number' ? -list : EIO, path);
      return list.map((e) => toText(e.name));
    } finally {
      releaseFile(file);
    }
  },
  async mkdir(path, mode = 0o755) {
    checkPath('mkdir', path, mode);
    const r = make(task, AT_FDCWD, toBytes(path), S_IFDIR | mode, 0);
    if (typeof r !== 'number' && !('blocked' in r)) return;
    checked(r, path);
  },
  async rm(path) {
    checkPath('rm', path);
    const r = remove(task, AT_FDCWD, toBytes(path), false);
    checked(r === -EISDIR ? remove(task, AT_FDCWD, toBytes(path), true) : r, path);
  },
  async stat(path) {
    checkPath('stat', path);
    const at = walk(task, AT_FDCWD, toBytes(path), FOLLOW);
    if (!isPath(at)) throw new GuestFileError(typeof at === 'number' ? -at : EIO, path);
    const attr = at.dentry.inode.attr();
    if (typeof attr === 'number') throw new GuestFileError(-attr, path);
    return {
      mode: attr.mode,
      size: attr.size,
      isDirectory: (attr.mode & S_IFMT) === S_IFDIR,
      uid: attr.uid,
      gid: attr.gid,
      mtime: attr.mtime.sec + attr.mtime.nsec / 1e9,
    };
  },
});
