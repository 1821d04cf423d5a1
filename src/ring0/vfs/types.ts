// The nouns of the virtual file system, as Linux has them: file system, inode, dentry, mount, open file
// description. Names and paths are byte strings (one char a byte, latin1), so that any file name survives.
// Operations return a value or a negated errno; those that may have to wait return a Block as well.

import type { FileTable, Task } from '../task/types.ts';
import type { Block, Result, WaitQueue } from '../wait.ts';
import type { Acl } from './acl.ts';
import type { InodeLeases } from './leases.ts';
import type { InodeLocks } from './locks.ts';
import type { Watch } from './notify.ts';
import type { IoVec } from './transfer.ts';

/** A time stamp in ns since the epoch; exact enough in a double to about 200 ns, so seconds and ns are apart. */
export interface TimeSpec {
  sec: number;
  nsec: number;
}

/** What stat(2) and statx(2) report. Mutable: file systems keep it in the inode. */
export interface InodeAttr {
  ino: number;
  /** Type and permission bits (S_IFMT | 07777). */
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  /** Device number of a device node. */
  rdev: number;
  /** Bytes. */
  size: number;
  /** 512-byte blocks. */
  blocks: number;
  blksize: number;
  atime: TimeSpec;
  mtime: TimeSpec;
  ctime: TimeSpec;
  btime: TimeSpec;
  /** POSIX access list, when it says more than the mode. */
  acl?: Acl | null;
}

export interface DirEntry {
  readonly name: string;
  readonly ino: number;
  /** DT_* of dirent.h. */
  readonly type: number;
}

/** A mounted file system instance (a superblock). */
export interface FileSystem {
  /** Name in /proc/mounts, e.g. `tmpfs`. */
  readonly type: string;
  /** st_dev: major << 8 | minor in the kernel's dev_t encoding (see makedev). */
  readonly dev: number;
  readonly root: Inode;
  readonly readonly: boolean;
  statfs(): StatFs;
  sync?(): void;
  /** It is mounted nowhere any more: frees what nobody has open. */
  discard?(): void;
  /** Options that /proc/mounts shows, e.g. `size=1024k`. */
  readonly options?: string;
}

export interface StatFs {
  type: number;
  bsize: number;
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
  namelen: number;
  flags: number;
}

/**
 * A file, directory or special file. File systems implement what they support; an operation that is absent
 * fails with the errno in its comment. Page-cached file systems give `pages`, which mmap and the default
 * read/write use, so that a shared mapping and read(2) see the same bytes.
 */
export interface Inode {
  readonly fs: FileSystem;
  /** Fresh attributes, or -errno. The object may be the inode's own: do not change it. */
  attr(): InodeAttr | number;
  /** Changes mode, uid, gid, size (truncate), times or access list. Permission has been checked. Absent: EPERM. */
  setattr?(
    change: Partial<Pick<InodeAttr, 'mode' | 'uid' | 'gid' | 'size' | 'atime' | 'mtime' | 'ctime' | 'acl'>>,
  ): Result;
  /** Whether it can have POSIX ACLs. */
  readonly acls?: boolean;
  /** Directories: the list that files made there inherit. */
  defaultAcl?: Acl | null;

  /** Somebody has read it: sets atime as relatime has it. Absent: nobody keeps that time. Called by vfs/times.ts. */
  accessed?(): void;
  /** Somebody has written to it: sets mtime and ctime. */
  modified?(): void;

  // Directories. Absent: ENOTDIR for lookup, EPERM for changes (EROFS where the mount is read-only).
  /** ENOENT as a number when there is no such name. */
  lookup?(name: string): Inode | number | Block;
  create?(name: string, mode: number, uid: number, gid: number, rdev: number): Inode | number;
  symlink?(name: string, target: string, uid: number, gid: number): Inode | number;
  /** A file without a name (O_TMPFILE); `linkable` unless O_EXCL. Absent: EOPNOTSUPP. */
  tmpfile?(mode: number, uid: number, gid: number, linkable: boolean): Inode | number;
  link?(name: string, target: Inode): number;
  unlink?(name: string): number;
  rmdir?(name: string): number;
  /** flags: RENAME_NOREPLACE, RENAME_EXCHANGE. `toDir` is an inode of the same file system. */
  rename?(name: string, toDir: Inode, toName: string, flags: number): number;
  /** All entries but . and .., in a stable order. */
  readdir?(): readonly DirEntry[] | number | Block;

  /** Target of a symbolic link; absent: EINVAL. A magic link (/proc/self/fd/N) jumps by `follow` instead. */
  readlink?(task: Task): string | number;
  /** Magic links: where following leads, bypassing the path. */
  follow?(task: Task): Path | number;

  /** Names the contents, the same in every machine that sees them; null when they are this machine's own. */
  origin?(): string | null;
  /** Pages of a regular file for mmap and cached read/write. */
  readonly pages?: PageCache;
  /** Makes the per-open operations; absent: regular files use the page cache, others ENXIO. */
  open?(task: Task, flags: number, path: Path): FileOps | number | Block;

  getxattr?(name: string): Uint8Array | number;
  setxattr?(name: string, value: Uint8Array, flags: number): number;
  listxattr?(): readonly string[] | number;
  removexattr?(name: string): number;
  /** It has the attribute security.capability (exec/file-caps.ts). */
  hasCaps?: boolean;
  /** Last reference dropped (unlinked and closed). */
  release?(): void;

  /** Open file descriptions of this inode; kept by vfs/file.ts. */
  holders?: number;
  /** Descriptions open for writing, or negative while it is being executed (ETXTBSY); see vfs/file.ts. */
  writers?: number;
  /** Descriptions open for reading only. */
  readers?: number;
  /** Who watches it (vfs/notify.ts); absent while nobody does. */
  watches?: Watch[];
  /** POSIX, OFD and flock locks; kept by vfs/locks.ts. */
  locks?: InodeLocks | null;
  /** Kept by vfs/leases.ts. */
  leases?: InodeLeases;
  /** Guards F_ADD_SEALS (memfd_create); absent: EINVAL. */
  seals?: number;
  /** How long what is written will live (F_SET_RW_HINT); 0 when nobody said. */
  writeHint?: number;
}

/**
 * The cached pages of a regular file: physical frames by page index. Frames are shared by every mapping and
 * by read and write. The cache holds one reference on each frame (mm/frames).
 */
export interface PageCache {
  /**
   * Frame number of page `index` (0-based, 4096 bytes), filled; -errno (EIO), or a Block. Beyond the end of the file: -ENXIO.
   * `home`: the frame that suits it best, if it has none yet.
   */
  frame(index: number, forWrite: boolean, home?: number | null): number | Block;
  /** Bytes. */
  size(): number;
  /** Called after a shared mapping or write made page `index` dirty. */
  dirty(index: number): void;
  /** The frame of page `index` if it is cached already, else 0: for mapping the neighbours of a faulting page. */
  peek?(index: number): number;
  /** How many pages of [from, to) are cached (cachestat(2)). */
  cached?(from: number, to: number): number;
  /**
   * A mapping of these pages came into being or went away (once per mapping, so the same space may attach
   * several times). A cache whose file can shrink or drop pages keeps the attached spaces and tells them.
   */
  attach?(by: PageMapper): void;
  detach?(by: PageMapper): void;
  /** Writes dirty pages back to where the file lives, for msync and munmap; 0 or -errno. */
  writeback?(from: number, to: number): number;
  /** Frees pages [from, to) so that they read as zero (MADV_REMOVE); absent: EOPNOTSUPP. */
  punch?(from: number, to: number): number;
}

/** Whoever maps the pages of a PageCache: an address space. */
export interface PageMapper {
  /**
   * Unmaps pages [from, to) of the cache wherever they are mapped. Private copies go as well when the file is cut off
   * (`copies`), and stay when a hole is made in it (even_cows of unmap_mapping_range, mm/memory.c).
   */
  dropPages(cache: PageCache, from: number, to: number, copies: boolean): void;
}

/** Where a name leads: an inode reached through a mount. Like struct path of the kernel. */
export interface Path {
  readonly mount: Mount;
  readonly dentry: Dentry;
}

/** A name in a directory, cached. The tree of dentries gives getcwd and /proc/self/fd their paths. */
export interface Dentry {
  name: string;
  parent: Dentry | null;
  inode: Inode;
  /** Set when the name was removed: shown as " (deleted)". */
  unlinked: boolean;
  /** Names looked up in this directory so far. Make dentries with vfs/dentry.ts. */
  children?: Map<string, Dentry> | null;
  /** The one looked up last. */
  recent?: Dentry | null;
  /** Mounts on this dentry, most recent last. */
  mounted?: Mount[] | null;
}

export interface Mount {
  readonly id: number;
  readonly fs: FileSystem;
  readonly root: Dentry;
  /** Where it is mounted: null for the root mount and for one that was detached. */
  at: Path | null;
  /** Read-only, whatever the file system is. */
  readonly: boolean;
  /** MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME ... as mount(2) was given them. */
  flags?: number;
  /** Device or path shown in /proc/mounts. */
  readonly source: string;
}

/** Operations of an open file description. Positions and O_APPEND are the caller's business (vfs/file.ts). */
export interface FileOps {
  /** Reads up to n bytes into buf at `at`. `pos` is -1 for streams. 0 at the end. May block unless nonblock. */
  read?(task: Task, file: OpenFile, buf: Uint8Array, at: number, n: number, pos: number): Result;
  write?(task: Task, file: OpenFile, buf: Uint8Array, at: number, n: number, pos: number): Result;
  /** How many bytes a write must have, and none more or fewer: EINVAL before they are looked at. */
  readonly exactly?: number;
  /** `write` does not look at the bytes that it is given. */
  readonly unread?: boolean;
  /** Own readv and writev, straight to the program's memory: sockets, whose messages have to arrive whole. */
  readVector?(task: Task, file: OpenFile, list: readonly IoVec[]): Result;
  writeVector?(task: Task, file: OpenFile, list: readonly IoVec[]): Result;
  /**
   * How many bytes a read would take now, of at most `most` those in whole buffers. For streams that keep what could not
   * be copied to the reader (pipes); others lose it, as Linux's do.
   */
  ready?(file: OpenFile, most: number): number;
  /** Whether lseek works; absent or false: ESPIPE. */
  readonly seekable?: boolean;
  /** Own lseek for directories and special files. */
  seek?(file: OpenFile, offset: number, whence: number): number;
  /** Events ready now (POLLIN ...). Absent: always readable and writable. */
  poll?(task: Task, file: OpenFile): number;
  /** Queues to wait on for poll events. */
  pollQueues?(file: OpenFile): readonly WaitQueue[];
  /** Queues whose wakes O_ASYNC tells of, each with the reason of now (POLL_*), 0 for none; absent: none can be told. */
  asyncQueues?(file: OpenFile): readonly { readonly queue: WaitQueue; readonly reason: () => number }[];
  /** Terminals: the group that such signals go to if nobody says so; 0: to whoever asked. */
  foreground?(): number;
  ioctl?(task: Task, file: OpenFile, request: number, arg: number): Result;
  /** Own mmap (devices); absent: the inode's pages. */
  mmapPages?(file: OpenFile): PageCache | number;
  readdir?(task: Task, file: OpenFile): readonly DirEntry[] | number | Block;
  truncate?(task: Task, file: OpenFile, size: number): Result;
  fsync?(file: OpenFile): Result;
  /** Own lines of /proc/[pid]/fdinfo. */
  info?(file: OpenFile): string;
  /** A descriptor in this table was closed; others may be left. */
  flush?(file: OpenFile, table: FileTable): void;
  /** The last descriptor is gone. */
  release?(file: OpenFile): void;
}

/** An open file description (POSIX): what descriptors share after dup and fork. */
export interface OpenFile {
  readonly inode: Inode;
  /** Null for pipes, sockets and anonymous inodes; then `label` names it in /proc/self/fd. */
  readonly path: Path | null;
  /** e.g. `pipe:[123]`, `anon_inode:[eventfd]`. */
  readonly label: string;
  readonly ops: FileOps;
  /** O_ACCMODE and status flags (O_APPEND, O_NONBLOCK ...); F_SETFL changes them. */
  flags: number;
  pos: number;
  /** Descriptors and other holders. */
  refs: number;
  /** Directory entries between getdents calls. */
  dirState: unknown;
  /** fcntl(F_SETOWN), F_SETSIG (vfs/async.ts). */
  owner: FileOwner | null;
  signal?: number;
  /** Ends O_ASYNC; null while it is off. */
  stopAsync?: (() => void) | null;
  /** The descriptor that it was asked for with. */
  asyncFd?: number;
  /** fcntl(F_NOTIFY): DN_* bits. */
  dnotify?: { readonly bits: number; end(): void } | null;
  /** Called when the description ends. */
  ends?: Set<() => void>;
}

/** Who is signalled about a file, and with whose permission. */
export interface FileOwner {
  /** F_OWNER_*. */
  readonly type: number;
  readonly id: number;
  readonly uid: number;
  readonly euid: number;
}
