// Opening files and moving their bytes: open and its kin, read, write, their positioned and vectored forms,
// lseek, truncation and synchronisation.

import {
  E2BIG,
  EAGAIN,
  EBADF,
  EFAULT,
  EFBIG,
  EINVAL,
  EISDIR,
  ENODEV,
  EOPNOTSUPP,
  EPERM,
  ESPIPE,
  ETXTBSY,
} from '../../abi/errno.ts';
import {
  AT_FDCWD,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_WRITE,
  FADVICE,
  FALLOC_FL_COLLAPSE_RANGE,
  FALLOC_FL_INSERT_RANGE,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_UNSHARE_RANGE,
  FALLOC_FL_WRITE_ZEROES,
  FALLOC_FL_ZERO_RANGE,
  FALLOC_FLAGS,
  O_ACCMODE,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_PATH,
  O_TMPFILE,
  O_TRUNC,
  O_WRONLY,
  OPEN_FLAGS,
  OPEN_HOW,
  RESOLVE_BENEATH,
  RESOLVE_CACHED,
  RESOLVE_FLAGS,
  RESOLVE_IN_ROOT,
  RWF_APPEND,
  RWF_DSYNC,
  RWF_FLAGS,
  RWF_HIPRI,
  RWF_NOAPPEND,
  RWF_NOWAIT,
  RWF_SYNC,
  SEEK_SET,
  SEEK_WHENCE,
  SYNC_RANGE_FLAGS,
} from '../../abi/fcntl.ts';
import { IN } from '../../abi/inotify.ts';
import { S_IFBLK, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../abi/stat.ts';
import {
  addr,
  bytesIn,
  bytesOut,
  choice,
  dirfd,
  fd,
  flags,
  iovec,
  long,
  mode,
  off,
  path,
  size,
} from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { TASK_SIZE } from '../mm/layout.ts';
import type { Task } from '../task/types.ts';
import { fileAt, installOrRelease } from '../vfs/fdtable.ts';
import { canRead, canWrite, dropSetId, fileSizeLimit, sealedSize, seekTo } from '../vfs/file.ts';
import { breakLeases } from '../vfs/leases.ts';
import { notifyDentry, notifyFile } from '../vfs/notify.ts';
import { isOpenFile, open as openAt } from '../vfs/open.ts';
import { MAX_FILE, Pages } from '../vfs/pagecache.ts';
import { inodePermission, MAY, writableMount } from '../vfs/perm.ts';
import { readFile, readIoVec, readVector, writeFile, writeVector } from '../vfs/transfer.ts';
import type { Inode, Mount, OpenFile } from '../vfs/types.ts';
import { FOLLOW, isPath, walk } from '../vfs/walk.ts';
import type { Result } from '../wait.ts';

const TMPFILE_BIT = O_TMPFILE & ~O_DIRECTORY;

const openFd = (task: Task, dir: number, name: string, how: number, perm: number, resolve = 0): Result => {
  const file = openAt(task, dir, name, how, perm, resolve);
  return isOpenFile(file) ? installOrRelease(task, file, (how & O_CLOEXEC) !== 0) : file;
};

/** Linux ignores unknown bits in open and openat; only openat2 checks them. */
const known = (how: number): number => how & 0o37777703;

export const open = syscall(
  'open',
  [path('pathname'), flags('flags', OPEN_FLAGS), mode('mode')],
  { returns: 'fd', family: ['file', 'desc'] },
  (task, name, how, perm) => openFd(task, AT_FDCWD, name, known(how), perm),
);

export const openat = syscall(
  'openat',
  [dirfd('dirfd'), path('pathname'), flags('flags', OPEN_FLAGS), mode('mode')],
  { returns: 'fd', family: ['file', 'desc'] },
  (task, dir, name, how, perm) => openFd(task, dir, name, known(how), perm),
);

export const creat = syscall(
  'creat',
  [path('pathname'), mode('mode')],
  { returns: 'fd', family: ['file', 'desc'] },
  (task, name, perm) => openFd(task, AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, perm),
);

const ALL_RESOLVE = Object.values(RESOLVE_FLAGS.bits).reduce((a, b) => a | b, 0);
const ALL_OPEN = Object.values(OPEN_FLAGS.bits).reduce((a, b) => a | b, O_ACCMODE);

const badHowSize = (bytes: number): number => (bytes < OPEN_HOW.size ? -EINVAL : bytes > 4096 ? -E2BIG : 0);

export const openat2 = syscall(
  'openat2',
  [dirfd('dirfd'), path('pathname'), addr('how'), size('size')],
  {
    returns: 'fd',
    family: ['file', 'desc'],
    support: 'partial',
    note: 'RESOLVE_CACHED answers EAGAIN',
    before: (_dir, _name, _how, bytes) => badHowSize(bytes),
  },
  (task, dir, name, howAddr, bytes) => {
    if (badHowSize(bytes) !== 0) return badHowSize(bytes);
    const raw = task.mm.read(howAddr, bytes);
    if (raw === null) return -EFAULT;
    // A newer, longer struct is fine as long as it asks for nothing new.
    if (raw.subarray(OPEN_HOW.size).some((b) => b !== 0)) return -E2BIG;
    const how = OPEN_HOW.decode(raw);
    const { resolve } = how;
    const f = how.flags;
    if (f > 0xffffffff || resolve > 0xffffffff || f & ~ALL_OPEN || resolve & ~ALL_RESOLVE) return -EINVAL;
    const makes = (f & O_CREAT) !== 0 || (f & TMPFILE_BIT) !== 0;
    if (makes ? how.mode > 0o7777 : how.mode !== 0) return -EINVAL;
    if (f & O_PATH && f & ~(O_PATH | O_DIRECTORY | 0o400000 | O_CLOEXEC)) return -EINVAL;
    if (resolve & RESOLVE_BENEATH && resolve & RESOLVE_IN_ROOT) return -EINVAL;
    if (resolve & RESOLVE_CACHED) return -EAGAIN;
    return openFd(task, dir, name, f, how.mode, resolve);
  },
);

/** Counts a call that is over, for /proc/PID/io. */
export const countRead = (task: Task, r: Result): Result => {
  if (typeof r !== 'number') return r;
  const { usage } = task.process;
  usage.reads++;
  if (r > 0) usage.bytesRead += r;
  return r;
};
export const countWrite = (task: Task, r: Result): Result => {
  if (typeof r !== 'number') return r;
  const { usage } = task.process;
  usage.writes++;
  if (r > 0) usage.bytesWritten += r;
  return r;
};

export const read = syscall(
  'read',
  [fd('fd'), bytesOut('buf', 'count'), size('count')],
  { returns: 'size', family: 'desc' },
  (task, n, buf, count) => {
    const file = task.files.slots[n]?.file;
    return file === undefined ? -EBADF : countRead(task, readFile(task, file, buf, count, -1));
  },
);

export const write = syscall(
  'write',
  [fd('fd'), bytesIn('buf', 'count'), size('count')],
  { returns: 'size', family: 'desc' },
  (task, n, buf, count) => {
    const file = task.files.slots[n]?.file;
    return file === undefined ? -EBADF : countWrite(task, writeFile(task, file, buf, count, -1));
  },
);

/** A description that can be read or written at a position. */
const positioned = (task: Task, n: number, at: number): OpenFile | number => {
  if (at < 0) return -EINVAL;
  const file = fileAt(task, n);
  if (file === undefined) return -EBADF;
  return file.ops.seekable === true ? file : -ESPIPE;
};

/** Whether offsets of the transfer would not fit in off_t (rw_verify_area); past MAX_FILE there is nothing anyway. */
const overflows = (at: number, count: number): boolean => at + count >= 2 ** 63;

export const pread64 = syscall(
  'pread64',
  [fd('fd'), bytesOut('buf', 'count'), size('count'), off('offset')],
  { returns: 'size', family: 'desc' },
  (task, n, buf, count, at) => {
    const file = positioned(task, n, at);
    if (typeof file === 'number') return file;
    if (count > 0 && canRead(file) && overflows(at, count)) return count >= TASK_SIZE ? -EFAULT : -EINVAL;
    return countRead(task, readFile(task, file, buf, count, at));
  },
);

export const pwrite64 = syscall(
  'pwrite64',
  [fd('fd'), bytesIn('buf', 'count'), size('count'), off('offset')],
  { returns: 'size', family: 'desc' },
  (task, n, buf, count, at) => {
    const file = positioned(task, n, at);
    if (typeof file === 'number') return file;
    if (count > 0 && canWrite(file) && overflows(at, count)) return count >= TASK_SIZE ? -EFAULT : -EINVAL;
    return countWrite(task, writeFile(task, file, buf, count, at));
  },
);

const RWF_KNOWN = RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND | RWF_NOAPPEND;

/** readv and its kin: `at` is -1 for the file's own position. */
export const vectored = (
  task: Task,
  file: OpenFile | number,
  vec: number,
  count: number,
  at: number,
  writing: boolean,
  rwf = 0,
): Result => {
  if (typeof file === 'number') return file;
  if (!(writing ? canWrite(file) : canRead(file))) return -EBADF;
  if ((writing ? file.ops.write : file.ops.read) === undefined) return -EINVAL;
  const list = readIoVec(task, vec, count);
  if (typeof list === 'number') return list;
  // Nothing to move is no error, even of a directory; flags are looked at after that (do_iter_read of the kernel).
  if (list.length === 0) {
    if (writing) return countWrite(task, 0);
    notifyFile(file, IN.IN_ACCESS);
    return countRead(task, 0);
  }
  if (rwf & ~RWF_KNOWN) return -EOPNOTSUPP;
  return writing
    ? countWrite(task, writeVector(task, file, list, at))
    : countRead(task, readVector(task, file, list, at));
};

export const readv = syscall(
  'readv',
  [fd('fd'), iovec('iov', 'iovcnt', 'out'), long('iovcnt')],
  { returns: 'size', family: 'desc' },
  (task, n, vec, count) => vectored(task, fileAt(task, n) ?? -EBADF, vec, count, -1, false),
);

export const writev = syscall(
  'writev',
  [fd('fd'), iovec('iov', 'iovcnt', 'in'), long('iovcnt')],
  { returns: 'size', family: 'desc' },
  (task, n, vec, count) => vectored(task, fileAt(task, n) ?? -EBADF, vec, count, -1, true),
);

export const preadv = syscall(
  'preadv',
  [fd('fd'), iovec('iov', 'iovcnt', 'out'), long('iovcnt'), off('offset'), long('offset_high')],
  { returns: 'size', family: 'desc' },
  (task, n, vec, count, at) => vectored(task, positioned(task, n, at), vec, count, at, false),
);

export const pwritev = syscall(
  'pwritev',
  [fd('fd'), iovec('iov', 'iovcnt', 'in'), long('iovcnt'), off('offset'), long('offset_high')],
  { returns: 'size', family: 'desc' },
  (task, n, vec, count, at) => vectored(task, positioned(task, n, at), vec, count, at, true),
);

const positionedV2 = (task: Task, n: number, at: number): OpenFile | number =>
  at !== -1 ? positioned(task, n, at) : (fileAt(task, n) ?? -EBADF);

export const preadv2 = syscall(
  'preadv2',
  [
    fd('fd'),
    iovec('iov', 'iovcnt', 'out'),
    long('iovcnt'),
    off('offset'),
    long('offset_high'),
    flags('flags', RWF_FLAGS),
  ],
  { returns: 'size', family: 'desc' },
  (task, n, vec, count, at, _high, rwf) =>
    vectored(task, positionedV2(task, n, at), vec, count, at, false, rwf),
);

export const pwritev2 = syscall(
  'pwritev2',
  [
    fd('fd'),
    iovec('iov', 'iovcnt', 'in'),
    long('iovcnt'),
    off('offset'),
    long('offset_high'),
    flags('flags', RWF_FLAGS),
  ],
  { returns: 'size', family: 'desc' },
  (task, n, vec, count, at, _high, rwf) => {
    const file = positionedV2(task, n, at);
    if (typeof file === 'number') return file;
    const was = file.flags;
    if (rwf & RWF_APPEND) file.flags |= O_APPEND;
    if (rwf & RWF_NOAPPEND) file.flags &= ~O_APPEND;
    const r = vectored(task, file, vec, count, at, true, rwf);
    file.flags = was;
    return r;
  },
);

export const lseek = syscall(
  'lseek',
  [fd('fd'), off('offset'), choice('whence', SEEK_WHENCE, 'SEEK_???')],
  { returns: 'size', family: 'desc' },
  (task, n, offset, whence) => {
    const file = fileAt(task, n);
    if (file === undefined) return -EBADF;
    if (whence < SEEK_SET || whence > 4) return -EINVAL;
    const { ops } = file;
    let to: number;
    if (ops.seek !== undefined) to = ops.seek(file, offset, whence);
    else if (ops.seekable !== true) return -ESPIPE;
    else {
      const attr = file.inode.attr();
      to = seekTo(file, offset, whence, typeof attr === 'number' ? 0 : attr.size);
    }
    if (to > MAX_FILE) return -EINVAL;
    if (to >= 0) file.pos = to;
    return to;
  },
);

const setSize = (task: Task, inode: Inode, to: number): Result => {
  const attr = inode.attr();
  if (typeof attr === 'number') return attr;
  if (to > attr.size) {
    const room = fileSizeLimit(task, attr.size, to - attr.size);
    if (room < to - attr.size) return room < 0 ? room : fileSizeLimit(task, to, 1);
  }
  if (sealedSize(inode, to)) return -EPERM;
  dropSetId(task, inode, attr);
  return inode.setattr?.({ size: to }) ?? -EINVAL;
};

export const truncate = syscall(
  'truncate',
  [path('path'), off('length')],
  { returns: 'int', family: 'file', before: (_name, length) => (length < 0 ? -EINVAL : 0) },
  (task, name, length) => {
    if (length < 0) return -EINVAL;
    const p = walk(task, AT_FDCWD, name, FOLLOW);
    if (!isPath(p)) return p;
    const { inode } = p.dentry;
    const attr = inode.attr();
    if (typeof attr === 'number') return attr;
    const kind = attr.mode & S_IFMT;
    if (kind !== S_IFREG) return kind === S_IFDIR ? -EISDIR : -EINVAL;
    const refused = writableMount(p.mount) || inodePermission(task, inode, MAY.write);
    if (refused !== 0) return refused;
    if ((inode.writers ?? 0) < 0) return -ETXTBSY;
    const waits = breakLeases(task, inode, O_WRONLY, false);
    if (waits !== 0) return waits;
    const r = setSize(task, inode, length);
    if (r === 0) notifyDentry(p.dentry, IN.IN_MODIFY);
    return r;
  },
);

export const ftruncate = syscall(
  'ftruncate',
  [fd('fd'), off('length')],
  { returns: 'int', family: 'desc' },
  (task, n, length) => {
    if (length < 0) return -EINVAL;
    const file = fileAt(task, n);
    if (file === undefined) return -EBADF;
    if (!canWrite(file)) return -EINVAL;
    if (file.ops.truncate) return file.ops.truncate(task, file, length);
    const attr = file.inode.attr();
    if (typeof attr === 'number') return attr;
    if ((attr.mode & S_IFMT) !== S_IFREG) return -EINVAL;
    const r = setSize(task, file.inode, length);
    if (r === 0) notifyFile(file, IN.IN_MODIFY);
    return r;
  },
);

const pagesOf = (file: OpenFile): Pages | null =>
  file.inode.pages instanceof Pages ? file.inode.pages : null;

/** What fallocate is to do: one thing at a time. Some need that the file keeps its size, others that it does not. */
const knownAllocation = (how: number): boolean => {
  const keep = (how & FALLOC_FL_KEEP_SIZE) !== 0;
  switch (how & ~FALLOC_FL_KEEP_SIZE) {
    case 0:
    case FALLOC_FL_ZERO_RANGE:
    case FALLOC_FL_UNSHARE_RANGE:
      return true;
    case FALLOC_FL_PUNCH_HOLE:
      return keep;
    case FALLOC_FL_COLLAPSE_RANGE:
    case FALLOC_FL_INSERT_RANGE:
    case FALLOC_FL_WRITE_ZEROES:
      return !keep;
    default:
      return false;
  }
};

export const fallocate = syscall(
  'fallocate',
  [fd('fd'), flags('mode', FALLOC_FLAGS), off('offset'), off('len')],
  {
    returns: 'int',
    family: 'desc',
    support: 'partial',
    note: 'FALLOC_FL_INSERT_RANGE and FALLOC_FL_COLLAPSE_RANGE answer EOPNOTSUPP, as on tmpfs; in a volume (-v) only a hole at the end of a file frees blocks',
  },
  (task, n, how, offset, length) => {
    const file = fileAt(task, n);
    if (file === undefined) return -EBADF;
    if (offset < 0 || length <= 0) return -EINVAL;
    if (!knownAllocation(how)) return -EOPNOTSUPP;
    if (!canWrite(file)) return -EBADF;
    const { inode } = file;
    const attr = inode.attr();
    if (typeof attr === 'number') return attr;
    const kind = attr.mode & S_IFMT;
    if (kind === 0o010000) return -ESPIPE;
    if (kind === S_IFDIR) return -EISDIR;
    if (kind !== S_IFREG) return -ENODEV;
    if (how & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE | FALLOC_FL_WRITE_ZEROES))
      return -EOPNOTSUPP;
    const end = offset + length;
    if (end > MAX_FILE) return -EFBIG;
    const pages = pagesOf(file);
    const backed = 'wroteThrough' in inode;
    if (pages === null) return -EOPNOTSUPP;
    const changed = (): number => {
      dropSetId(task, inode, attr);
      inode.modified?.();
      notifyFile(file, IN.IN_MODIFY);
      return 0;
    };
    const seals = inode.seals ?? 0;
    if (how & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) {
      if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) return -EPERM;
      const r = pages.punchBytes(offset, end);
      if (r < 0) return r;
      if (how & FALLOC_FL_PUNCH_HOLE) return changed();
    }
    if (!(how & FALLOC_FL_KEEP_SIZE) && end > attr.size) {
      const r = setSize(task, inode, end);
      if (r !== 0) return r;
    }
    if (backed) return 0;
    const r = pages.allocate(offset, end);
    return r < 0 ? r : changed();
  },
);

const sync1 = (task: Task, n: number): Result => {
  const file = fileAt(task, n);
  if (file === undefined) return -EBADF;
  if (file.ops.fsync) return file.ops.fsync(file);
  // Devices, pipes and sockets cannot be synchronised; directories in memory have nothing to do.
  const attr = file.inode.attr();
  const kind = typeof attr === 'number' ? 0 : attr.mode & S_IFMT;
  return kind === S_IFREG || kind === S_IFDIR ? 0 : -EINVAL;
};

export const fsync = syscall('fsync', [fd('fd')], { returns: 'int', family: 'desc' }, sync1);
export const fdatasync = syscall('fdatasync', [fd('fd')], { returns: 'int', family: 'desc' }, sync1);

export const sync = syscall('sync', [], { returns: 'int', family: 'system' }, (task) => {
  for (const m of new Set<Mount>(task.kernel.mounts.list)) m.fs.sync?.();
  return 0;
});

export const syncfs = syscall('syncfs', [fd('fd')], { returns: 'int', family: 'desc' }, (task, n) => {
  const file = fileAt(task, n);
  if (file === undefined) return -EBADF;
  file.inode.fs.sync?.();
  return 0;
});

export const syncFileRange = syscall(
  'sync_file_range',
  [fd('fd'), off('offset'), off('nbytes'), flags('flags', SYNC_RANGE_FLAGS)],
  { returns: 'int', family: 'desc' },
  (task, n, offset, bytes, how) => {
    const file = fileAt(task, n);
    if (file === undefined) return -EBADF;
    if (how & ~7 || offset < 0 || bytes < 0 || overflows(offset, bytes)) return -EINVAL;
    const attr = file.inode.attr();
    if (typeof attr === 'number') return attr;
    // Files with pages of their own, that is; devices that can be sought in are none.
    if (![S_IFREG, S_IFDIR, S_IFLNK, S_IFBLK].includes(attr.mode & S_IFMT)) return -ESPIPE;
    return file.ops.fsync?.(file) ?? 0;
  },
);

export const readahead = syscall(
  'readahead',
  [fd('fd'), off('offset'), size('count')],
  { returns: 'int', family: 'desc', support: 'stub', note: 'pages are read when they are needed' },
  (task, n) => {
    const file = fileAt(task, n);
    if (file === undefined || !canRead(file)) return -EBADF;
    return file.inode.pages === undefined ? -EINVAL : 0;
  },
);

export const fadvise64 = syscall(
  'fadvise64',
  [fd('fd'), off('offset'), size('len'), choice('advice', FADVICE, 'POSIX_FADV_???')],
  { returns: 'int', family: 'desc', support: 'stub', note: 'advice changes nothing that a program can see' },
  (task, n, _offset, length, advice) => {
    const file = fileAt(task, n);
    if (file === undefined) return -EBADF;
    const attr = file.inode.attr();
    if (typeof attr !== 'number' && (attr.mode & S_IFMT) === 0o010000) return -ESPIPE;
    return advice < 0 || advice > 5 || length >= 2 ** 63 ? -EINVAL : 0;
  },
);

export const rows = [
  open,
  openat,
  creat,
  openat2,
  read,
  write,
  pread64,
  pwrite64,
  readv,
  writev,
  preadv,
  pwritev,
  preadv2,
  pwritev2,
  lseek,
  truncate,
  ftruncate,
  fallocate,
  fsync,
  fdatasync,
  sync,
  syncfs,
  syncFileRange,
  readahead,
  fadvise64,
];
