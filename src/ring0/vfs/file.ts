// Open file descriptions: making, sharing and dropping them, the operations of page-cached regular files and
// of directories, and the counts that keep an unlinked inode alive while it is open.

import { EFBIG, EINVAL, EISDIR, ENOTDIR, EPERM, ETXTBSY } from '../../abi/errno.ts';
import {
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  O_ACCMODE,
  O_PATH,
  O_RDWR,
  O_WRONLY,
  SEEK_CUR,
  SEEK_DATA,
  SEEK_END,
  SEEK_HOLE,
  SEEK_SET,
} from '../../abi/fcntl.ts';
import { IN } from '../../abi/inotify.ts';
import { major, minor, S_IFDIR, S_IFMT, S_ISGID, S_ISUID } from '../../abi/stat.ts';
import { dropFileCaps } from '../exec/file-caps.ts';
import type { Task } from '../task/types.ts';
import type { Block } from '../wait.ts';
import { dropLocks } from './locks.ts';
import { notifyFile, notifyGone } from './notify.ts';
import type { Pages } from './pagecache.ts';
import { CAP, capable } from './perm.ts';
import { vfsOf } from './state.ts';
import { noteRead } from './times.ts';
import type { DirEntry, FileOps, Inode, InodeAttr, OpenFile, Path } from './types.ts';

// Access mode 3 asks for both permissions and gives a description that can do neither: it is for ioctl (open(2)).
export const canRead = (file: OpenFile): boolean => (file.flags & (O_WRONLY | O_PATH)) === 0;
export const canWrite = (file: OpenFile): boolean =>
  ((file.flags + 1) & O_ACCMODE & O_RDWR) !== 0 && (file.flags & O_PATH) === 0;

/** Whether its bytes can go past the page cache; the files of memfd_create cannot. */
export const takesDirect = (inode: Inode): boolean => inode.pages !== undefined && inode.seals === undefined;

/** How fdinfo names an inode: `ino:` and `sdev:` in hexadecimal, the device as the kernel itself has it (20 bits of minor). */
export const inodeId = (inode: Inode): string => {
  const attr = inode.attr();
  const ino = typeof attr === 'number' ? 0 : attr.ino;
  const { dev } = inode.fs;
  return `ino:${ino.toString(16)} sdev:${(major(dev) * 2 ** 20 + minor(dev)).toString(16)}`;
};

/** A new open file description with one reference, for whoever puts it into a descriptor table. */
export const newFile = (
  inode: Inode,
  path: Path | null,
  ops: FileOps,
  flags: number,
  label = '',
): OpenFile => {
  inode.holders = (inode.holders ?? 0) + 1;
  const file: OpenFile = {
    inode,
    path,
    label,
    ops,
    flags,
    pos: 0,
    refs: 1,
    dirState: null,
    owner: null,
    signal: 0,
  };
  if (canWrite(file)) inode.writers = (inode.writers ?? 0) + 1;
  else if (canRead(file)) inode.readers = (inode.readers ?? 0) + 1;
  return file;
};

export const holdFile = (file: OpenFile): OpenFile => {
  file.refs++;
  return file;
};

/** Takes a description out of the counts of those that read and write its inode. */
export const dropAccess = (file: OpenFile): void => {
  const { inode } = file;
  if (canWrite(file)) inode.writers = (inode.writers ?? 1) - 1;
  else if (canRead(file)) inode.readers = (inode.readers ?? 1) - 1;
};

/** Drops one reference: a descriptor, a mapping, a message in flight. The last one closes. */
export const releaseFile = (file: OpenFile): void => {
  file.refs--;
  if (file.refs > 0) return;
  const { inode } = file;
  notifyFile(file, canWrite(file) ? IN.IN_CLOSE_WRITE : IN.IN_CLOSE_NOWRITE);
  dropAccess(file);
  if (inode.locks) dropLocks(inode, file);
  if (file.ends !== undefined) for (const end of [...file.ends]) end();
  file.ops.release?.(file);
  inode.holders = (inode.holders ?? 1) - 1;
  releaseIfGone(inode);
};

/** Frees an inode that has neither a name nor a user any more. */
export const releaseIfGone = (inode: Inode): void => {
  if ((inode.holders ?? 0) > 0 || (inode.release === undefined && inode.watches === undefined)) return;
  const attr = inode.attr();
  if (typeof attr === 'number' || attr.nlink !== 0) return;
  notifyGone(inode);
  inode.release?.();
};

/** execve: nobody may write to the file from now on. -ETXTBSY while somebody has it open for writing. */
export const denyWrite = (inode: Inode): number => {
  if ((inode.writers ?? 0) > 0) return -ETXTBSY;
  inode.writers = (inode.writers ?? 0) - 1;
  return 0;
};
export const allowWrite = (inode: Inode): void => {
  inode.writers = (inode.writers ?? 0) + 1;
};

/** A regular file that keeps its contents in Pages. */
export interface PagedInode extends Inode {
  readonly pages: Pages;
  accessed(): void;
  modified(): void;
  attr(): InodeAttr | number;
  /** Writes to where the file lives (host files), instead of to the pages; the count or -errno. */
  wroteThrough?(buf: Uint8Array, at: number, n: number, pos: number): number;
  closed?(): void;
  fsync?(): number;
}

const RLIMIT_FSIZE = 1;
const SIGXFSZ = 25;

/** How many of n bytes of a regular file may be written at pos (RLIMIT_FSIZE), or -EFBIG with SIGXFSZ raised. */
export const fileSizeLimit = (task: Task, pos: number, n: number): number => {
  const limit = task.process.rlimits[RLIMIT_FSIZE]?.soft ?? Number.POSITIVE_INFINITY;
  if (pos + n <= limit) return n;
  if (pos < limit) return limit - pos;
  vfsOf(task.kernel).raise?.(task, SIGXFSZ);
  return -EFBIG;
};

/** Seals of a memfd against a write of [pos, pos+n). */
const sealed = (inode: Inode, end: number, size: number): boolean => {
  const seals = inode.seals ?? 0;
  if (seals === 0) return false;
  return (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0 || ((seals & F_SEAL_GROW) !== 0 && end > size);
};

/** Seals of a memfd against changing its size. */
export const sealedSize = (inode: Inode, to: number): boolean => {
  const seals = inode.seals ?? 0;
  if (seals === 0) return false;
  const attr = inode.attr();
  const now = typeof attr === 'number' ? 0 : attr.size;
  return (to < now && (seals & F_SEAL_SHRINK) !== 0) || (to > now && (seals & F_SEAL_GROW) !== 0);
};

/** Writing takes set-id bits and capabilities away (file_remove_privs of the kernel). */
export const dropSetId = (task: Task, inode: Inode, attr: InodeAttr): void => {
  dropFileCaps(inode);
  const { mode } = attr;
  if ((mode & (S_ISUID | S_ISGID)) === 0 || capable(task.cred, CAP.fsetid)) return;
  let gone = mode & S_ISUID;
  if ((mode & (S_ISGID | 0o010)) === (S_ISGID | 0o010)) gone |= S_ISGID;
  if (gone !== 0) inode.setattr?.({ mode: mode & ~gone });
};

/** Operations of a page-cached regular file; made once per inode. */
export const pagedOps = (inode: PagedInode): FileOps => {
  const { pages } = inode;
  return {
    seekable: true,
    read: (_task, file, buf, at, n, pos) => {
      const r = pages.read(buf, at, n, pos);
      if (r > 0) noteRead(file);
      return r;
    },
    write: (task, _file, buf, at, n, pos) => {
      if (inode.seals && sealed(inode, pos + n, pages.size())) return -EPERM;
      const attr = inode.attr();
      if (typeof attr !== 'number' && ((attr.mode & (S_ISUID | S_ISGID)) !== 0 || inode.hasCaps))
        dropSetId(task, inode, attr);
      if (inode.wroteThrough !== undefined) {
        const w = inode.wroteThrough(buf, at, n, pos);
        if (w > 0) pages.update(buf, at, w, pos);
        return w;
      }
      const r = pages.write(buf, at, n, pos);
      if (r > 0) inode.modified();
      return r;
    },
    seek: (file, offset, whence) => {
      if (whence !== SEEK_DATA && whence !== SEEK_HOLE) return seekTo(file, offset, whence, sizeOf(inode));
      if (offset < 0) return -6;
      return pages.seekData(offset, whence === SEEK_HOLE);
    },
    fsync: () => inode.fsync?.() ?? 0,
    release: () => inode.closed?.(),
  };
};

const sizeOf = (inode: Inode): number => {
  const attr = inode.attr();
  return typeof attr === 'number' ? 0 : attr.size;
};

/** The new position for SEEK_SET, SEEK_CUR and SEEK_END; the caller stores it. */
export const seekTo = (file: OpenFile, offset: number, whence: number, size: number): number => {
  const base =
    whence === SEEK_SET ? 0 : whence === SEEK_CUR ? file.pos : whence === SEEK_END ? size : Number.NaN;
  const pos = base + offset;
  return Number.isNaN(pos) || pos < 0 ? -EINVAL : pos;
};

/** The entries a directory stream goes through; taken when it is at its start, kept until it is rewound. */
export const listing = (task: Task, file: OpenFile): readonly DirEntry[] | number | Block => {
  if (file.pos !== 0 && file.dirState !== null) return file.dirState as readonly DirEntry[];
  const list = file.ops.readdir?.(task, file) ?? file.inode.readdir?.() ?? -ENOTDIR;
  if (Array.isArray(list)) file.dirState = list;
  return list;
};

/** Operations of a directory. */
export const directoryOps: FileOps = {
  seekable: true,
  read: () => -EISDIR,
  seek: (file, offset, whence) =>
    // In a file system in memory nothing says where a directory ends.
    whence === SEEK_END && file.inode.fs.type === 'tmpfs'
      ? -EINVAL
      : seekTo(file, offset, whence, Number.MAX_SAFE_INTEGER),
};

/** Operations of an O_PATH description: nothing. */
export const pathOnlyOps: FileOps = {};

export const isDirectory = (inode: Inode): boolean => {
  const attr = inode.attr();
  return typeof attr !== 'number' && (attr.mode & S_IFMT) === S_IFDIR;
};
