// Copies between descriptors that do not pass through the program: sendfile, copy_file_range, splice, tee,
// vmsplice. Bytes are moved, not pages.

import { EAGAIN, EBADF, EFAULT, EINVAL, EISDIR, EOVERFLOW, ESPIPE } from '../../abi/errno.ts';
import {
  O_ACCMODE,
  O_APPEND,
  O_NONBLOCK,
  O_WRONLY,
  SPLICE_F_NONBLOCK,
  SPLICE_FLAGS,
} from '../../abi/fcntl.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../abi/stat.ts';
import { fd, flags, iovec, offsetInOut, size, uint } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { type Pipe, pipeOf, takeBytes } from '../fs/pipe.ts';
import { socketOf } from '../net/types.ts';
import type { Task } from '../task/types.ts';
import { fileAt } from '../vfs/fdtable.ts';
import { canRead, canWrite } from '../vfs/file.ts';
import {
  type IoVec,
  MAX_RW,
  readBytes,
  readIoVec,
  readVector,
  writeBytes,
  writeVector,
} from '../vfs/transfer.ts';
import type { OpenFile } from '../vfs/types.ts';
import { isBlock, type Result } from '../wait.ts';

const CHUNK = 1 << 16;
/** After so long a copy ends short, as a signal would end it: gigabytes of holes must not keep others waiting. */
const LONG_NS = 100e6;

/** The offset behind a pointer, null for NULL (the file's own position); undefined when it cannot be read. */
const offsetAt = (task: Task, at: number): number | null | undefined =>
  at === 0 ? null : (task.mm.readI64(at) ?? undefined);

/**
 * Moves up to n bytes from a file that keeps what it is not asked to give (a regular file) to any other. What
 * the target does not take is not lost: the position only advances by what went over.
 */
const copyOut = (task: Task, from: OpenFile, to: OpenFile, n: number, at: number, toAt = -1): Result => {
  const buf = new Uint8Array(Math.min(n, CHUNK));
  const start = at < 0 ? from.pos : at;
  const { clock } = task.kernel;
  const end = clock.monotonic() + LONG_NS;
  let done = 0;
  while (done < n) {
    const r = readBytes(task, from, buf, 0, Math.min(buf.length, n - done), start + done);
    if (done === 0 && (typeof r !== 'number' || r < 0)) return r;
    if (typeof r !== 'number' || r <= 0) break;
    const w = writeSome(task, to, buf, r, toAt < 0 ? -1 : toAt + done);
    if (done === 0 && (typeof w !== 'number' || w < 0)) return w;
    if (typeof w !== 'number' || w < 0) break;
    done += w;
    if (w < r || clock.monotonic() > end) break;
  }
  if (at < 0) from.pos = start + done;
  return done;
};

/** Writes what goes without waiting; only a target that takes nothing blocks. */
const writeSome = (task: Task, to: OpenFile, buf: Uint8Array, n: number, at: number): Result => {
  const nonblocking = (to.flags & O_NONBLOCK) !== 0;
  if (nonblocking || to.ops.seekable === true) return writeBytes(task, to, buf, 0, n, at);
  // A blocking stream would go on with its part later; here the caller decides what is next.
  if (socketOf(to) !== undefined) return sendSome(task, to, buf, n);
  const p = pipeOf(to);
  if (p === undefined) return writeBytes(task, to, buf, 0, n, at);
  const room = p.capacity - p.used;
  return writeBytes(task, to, buf, 0, room > 0 ? Math.min(n, room) : n, at);
};

/** As if the socket did not wait; only when it takes nothing does it. */
const sendSome = (task: Task, to: OpenFile, buf: Uint8Array, n: number): Result => {
  to.flags |= O_NONBLOCK;
  const w = writeBytes(task, to, buf, 0, n, -1);
  to.flags &= ~O_NONBLOCK;
  return w === -EAGAIN ? writeBytes(task, to, buf, 0, n, -1) : w;
};

const kindOf = (file: OpenFile): number => {
  const a = file.inode.attr();
  return typeof a === 'number' ? 0 : a.mode & S_IFMT;
};

export const sendfile = syscall(
  'sendfile',
  [fd('out_fd'), fd('in_fd'), offsetInOut('offset'), size('count')],
  { returns: 'size', family: ['desc', 'network'] },
  (task, out, inn, offset, count) => {
    const given = offsetAt(task, offset);
    if (given === undefined) return -EFAULT;
    const from = fileAt(task, inn);
    if (from === undefined || !canRead(from)) return -EBADF;
    if (given !== null && from.ops.seekable !== true) return -ESPIPE;
    const at = given ?? -1;
    if ((given !== null && given < 0) || Math.max(at, 0) + count >= 2 ** 63) return -EINVAL;
    const to = fileAt(task, out);
    if (to === undefined || !canWrite(to)) return -EBADF;
    if (from.ops.read === undefined || to.ops.write === undefined) return -EINVAL;
    if (to.flags & O_APPEND || from.ops.seekable !== true) return -EINVAL;
    if (count > 0 && kindOf(from) === S_IFDIR) return -EINVAL;
    const r = copyOut(task, from, to, Math.min(count, MAX_RW), at);
    if (typeof r === 'number' && at >= 0 && !task.mm.writeI64(offset, at + Math.max(0, r))) return -EFAULT;
    return r;
  },
);

export const copyFileRange = syscall(
  'copy_file_range',
  [fd('fd_in'), offsetInOut('off_in'), fd('fd_out'), offsetInOut('off_out'), size('len'), uint('flags')],
  { returns: 'size', family: 'desc' },
  (task, inn, inOffset, out, outOffset, count, how) => {
    const from = fileAt(task, inn);
    const to = fileAt(task, out);
    if (from === undefined || to === undefined) return -EBADF;
    const at = offsetAt(task, inOffset);
    const toAt = offsetAt(task, outOffset);
    if (at === undefined || toAt === undefined) return -EFAULT;
    if (how !== 0) return -EINVAL;
    const kinds = [kindOf(from), kindOf(to)];
    if (kinds.includes(S_IFDIR)) return -EISDIR;
    if (kinds.some((kind) => kind !== S_IFREG)) return -EINVAL;
    if (!canRead(from) || !canWrite(to) || to.flags & O_APPEND) return -EBADF;
    let n = Math.min(count, MAX_RW);
    const start = at ?? from.pos;
    const toStart = toAt ?? to.pos;
    if (start < 0 || toStart < 0) return -EOVERFLOW;
    const a = from.inode.attr();
    if (typeof a !== 'number') n = Math.max(0, Math.min(n, a.size - start));
    if (from.inode === to.inode && start < toStart + n && toStart < start + n && n > 0) return -EINVAL;
    const r = copyOut(task, from, to, n, start, toStart);
    if (typeof r !== 'number' || r < 0) return r;
    if (at === null) from.pos = start + r;
    else if (!task.mm.writeI64(inOffset, at + r)) return -EFAULT;
    if (toAt === null) to.pos = toStart + r;
    else if (!task.mm.writeI64(outOffset, toAt + r)) return -EFAULT;
    return r;
  },
);

/** Waits as a read of an empty pipe does (or says why it need not); 0 when there are bytes. */
const awaitBytes = (task: Task, p: Pipe, file: OpenFile, nonblock: boolean): Result => {
  if (p.used > 0) return 0;
  if (nonblock && p.writers > 0) return -EAGAIN;
  return file.ops.read?.(task, file, new Uint8Array(1), 0, 1, -1) ?? -EINVAL;
};

/** Looks at up to n bytes of a pipe without taking them. */
const peekBytes = (p: Pipe, n: number): Uint8Array => {
  const k = Math.min(n, p.used);
  const out = new Uint8Array(k);
  for (let i = 0; i < k; i++) out[i] = p.data[(p.head + i) % p.data.length] as number;
  return out;
};

/** Out of a pipe into anything; only as much is taken as went over. */
const pipeTo = (
  task: Task,
  p: Pipe,
  from: OpenFile,
  to: OpenFile,
  n: number,
  toAt: number,
  nonblock: boolean,
): Result => {
  const wait = awaitBytes(task, p, from, nonblock);
  if (isBlock(wait) || wait < 0 || p.used === 0) return wait;
  const bytes = peekBytes(p, n);
  const w = writeSome(task, to, bytes, bytes.length, toAt);
  if (typeof w === 'number' && w > 0) takeBytes(p, new Uint8Array(w), 0, w);
  return w;
};

export const splice = syscall(
  'splice',
  [
    fd('fd_in'),
    offsetInOut('off_in'),
    fd('fd_out'),
    offsetInOut('off_out'),
    size('len'),
    flags('flags', SPLICE_FLAGS),
  ],
  { returns: 'size', family: 'desc' },
  (task, inn, inOffset, out, outOffset, count, how) => {
    if (count === 0) return 0;
    if (how & ~0xf) return -EINVAL;
    const from = fileAt(task, inn);
    const to = fileAt(task, out);
    if (from === undefined || to === undefined) return -EBADF;
    const source = pipeOf(from);
    const target = pipeOf(to);
    if ((source !== undefined && inOffset !== 0) || (target !== undefined && outOffset !== 0)) return -ESPIPE;
    const givenAt = offsetAt(task, inOffset);
    const givenTo = offsetAt(task, outOffset);
    if (givenAt === undefined || givenTo === undefined) return -EFAULT;
    if (!canRead(from) || !canWrite(to)) return -EBADF;
    if (source === undefined && target === undefined) return -EINVAL;
    if (source !== undefined && source === target) return -EINVAL;
    if (givenAt !== null && (givenAt < 0 || from.ops.seekable !== true)) return -EINVAL;
    if (givenTo !== null && (givenTo < 0 || to.ops.seekable !== true)) return -EINVAL;
    const [at, toAt] = [givenAt ?? -1, givenTo ?? -1];
    if (source === undefined && from.ops.read === undefined) return -EINVAL;
    if (target === undefined && (to.ops.write === undefined || to.flags & O_APPEND)) return -EINVAL;
    const n = Math.min(count, MAX_RW);
    const nonblock = (how & SPLICE_F_NONBLOCK) !== 0;
    let r: Result;
    if (source !== undefined) r = pipeTo(task, source, from, to, n, toAt, nonblock);
    else if (target !== undefined) r = intoPipe(task, from, to, target, n, at, nonblock);
    else return -EINVAL;
    if (typeof r !== 'number' || r <= 0) return r;
    if (at >= 0 && !task.mm.writeI64(inOffset, at + r)) return -EFAULT;
    if (toAt >= 0 && !task.mm.writeI64(outOffset, toAt + r)) return -EFAULT;
    return r;
  },
);

const intoPipe = (
  task: Task,
  from: OpenFile,
  to: OpenFile,
  p: Pipe,
  n: number,
  at: number,
  nonblock: boolean,
): Result => {
  const room = p.capacity - p.used;
  if (room === 0 || p.readers === 0) {
    if (nonblock && p.readers > 0) return -EAGAIN;
    // One byte more than fits: waits, or raises SIGPIPE, as a write does.
    return to.ops.write?.(task, to, new Uint8Array(1), 0, 1, -1) ?? -EINVAL;
  }
  if (from.ops.seekable === true) return copyOut(task, from, to, Math.min(n, room), at);
  const buf = new Uint8Array(Math.min(n, room, CHUNK));
  const was = from.flags;
  if (nonblock && socketOf(from) !== undefined) from.flags |= O_NONBLOCK;
  const r = readBytes(task, from, buf, 0, buf.length, -1);
  from.flags = was;
  return typeof r === 'number' && r > 0 ? writeBytes(task, to, buf, 0, r, -1) : r;
};

export const tee = syscall(
  'tee',
  [fd('fd_in'), fd('fd_out'), size('len'), flags('flags', SPLICE_FLAGS)],
  { returns: 'size', family: 'desc' },
  (task, inn, out, count, how) => {
    if (how & ~0xf) return -EINVAL;
    if (count === 0) return 0;
    const from = fileAt(task, inn);
    const to = fileAt(task, out);
    if (from === undefined || to === undefined) return -EBADF;
    if (!canRead(from) || !canWrite(to)) return -EBADF;
    const source = pipeOf(from);
    const target = pipeOf(to);
    if (source === undefined || target === undefined || source === target) return -EINVAL;
    const nonblock = (how & SPLICE_F_NONBLOCK) !== 0;
    const wait = awaitBytes(task, source, from, nonblock);
    if (isBlock(wait) || wait < 0 || source.used === 0) return wait;
    const bytes = peekBytes(source, Math.min(count, MAX_RW));
    if (nonblock && target.capacity === target.used) return -EAGAIN;
    return writeSome(task, to, bytes, bytes.length, -1);
  },
);

/** The first n bytes of a vector. */
const upTo = (list: readonly IoVec[], n: number): IoVec[] => {
  const out: IoVec[] = [];
  let left = n;
  for (const { base, length } of list) {
    if (left <= 0) break;
    out.push({ base, length: Math.min(length, left) });
    left -= length;
  }
  return out;
};

export const vmsplice = syscall(
  'vmsplice',
  [fd('fd'), iovec('iov', 'nr_segs', 'in'), size('nr_segs'), flags('flags', SPLICE_FLAGS)],
  { returns: 'size', family: 'desc' },
  (task, n, vec, count, how) => {
    if (how & ~0xf) return -EINVAL;
    const file = fileAt(task, n);
    if (file === undefined || !(canRead(file) || canWrite(file))) return -EBADF;
    const list = readIoVec(task, vec, count);
    if (typeof list === 'number') return list;
    if (list.length === 0) return 0;
    const pipe = pipeOf(file);
    if (pipe === undefined) return -EBADF;
    const was = file.flags;
    if (how & SPLICE_F_NONBLOCK) file.flags |= O_NONBLOCK;
    // As much as there is room for, or one byte more than fits, to wait or to hear SIGPIPE as a write does.
    const room = Math.max(1, pipe.capacity - pipe.used);
    const r =
      (file.flags & O_ACCMODE) === O_WRONLY
        ? writeVector(task, file, upTo(list, room), -1)
        : readVector(task, file, list, -1);
    file.flags = was;
    return r;
  },
);

export const rows = [sendfile, copyFileRange, splice, tee, vmsplice];
