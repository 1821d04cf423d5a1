// Calls that move slots of pipes, or fill and empty them without the program's buffers: splice, tee, vmsplice. Bytes are
// copied, not pages shared.

import { EBADF, EFAULT, EINVAL, ESPIPE } from '../../abi/errno.ts';
import { O_APPEND, O_NONBLOCK, SPLICE_F_NONBLOCK, SPLICE_FLAGS } from '../../abi/fcntl.ts';
import { fd, flags, iovec, offsetInOut, size } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { awaitBytes, awaitRoom, pipeOf } from '../fs/pipe.ts';
import { dropBytes, giveSlots, isFull, type Pipe, peekBytes, putForeign } from '../fs/pipe-ring.ts';
import { PAGE } from '../mm/layout.ts';
import type { Task } from '../task/types.ts';
import { fileAt } from '../vfs/fdtable.ts';
import { canRead, canWrite } from '../vfs/file.ts';
import { type IoVec, MAX_RW, readIoVec, readVector } from '../vfs/transfer.ts';
import type { OpenFile } from '../vfs/types.ts';
import { isBlock, type Result } from '../wait.ts';
import { intoPipe, moves, offsetAt, told, writeSome } from './splice-ends.ts';

/** Whether the call does not wait: it says so, or one of the pipes' descriptions does. */
const nonblocking = (how: number, ...pipes: readonly OpenFile[]): boolean =>
  (how & SPLICE_F_NONBLOCK) !== 0 || pipes.some((f) => (f.flags & O_NONBLOCK) !== 0);

/** Out of a pipe into anything but a pipe; only as much is taken as went over. */
const pipeTo = (task: Task, p: Pipe, to: OpenFile, n: number, toAt: number, nonblock: boolean): Result => {
  const wait = awaitBytes(p, nonblock);
  if (isBlock(wait) || wait < 0 || p.used === 0) return wait;
  const bytes = peekBytes(p, n);
  const w = writeSome(task, to, bytes, bytes.length, toAt);
  if (typeof w === 'number' && w > 0) dropBytes(p, w);
  return w;
};

/** Slots of a pipe to another, once there are some and room for them; with `keep` both have them then. */
const betweenPipes = (
  task: Task,
  from: Pipe,
  to: Pipe,
  n: number,
  nonblock: boolean,
  keep: boolean,
): Result => {
  const empty = awaitBytes(from, nonblock);
  if (isBlock(empty) || empty < 0) return empty;
  const full = awaitRoom(task, to, nonblock);
  return isBlock(full) || full < 0 ? full : giveSlots(from, to, n, keep);
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
    if (target === undefined && (to.ops.write === undefined || to.flags & O_APPEND)) return -EINVAL;
    const n = Math.min(count, MAX_RW);
    let r: Result;
    if (source !== undefined && target !== undefined)
      r = betweenPipes(task, source, target, n, nonblocking(how, from, to), false);
    else if (source !== undefined) r = pipeTo(task, source, to, n, toAt, nonblocking(how, from));
    else if (target !== undefined) r = intoPipe(task, from, target, n, at, nonblocking(how, to));
    else return -EINVAL;
    if (typeof r !== 'number' || r <= 0) return r;
    told(from, to, r);
    if (at >= 0 && !task.mm.writeI64(inOffset, moves(from) ? at + r : at)) return -EFAULT;
    if (toAt >= 0 && !task.mm.writeI64(outOffset, moves(to) ? toAt + r : toAt)) return -EFAULT;
    return r;
  },
);

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
    return told(
      from,
      to,
      betweenPipes(task, source, target, Math.min(count, MAX_RW), nonblocking(how, from, to), true),
    );
  },
);

/** Pages of memory, and parts of pages, into slots of their own. */
const spliceMemory = (task: Task, p: Pipe, list: readonly IoVec[]): number => {
  const page = new Uint8Array(PAGE);
  let done = 0;
  for (const { base, length } of list) {
    for (let at = base; at < base + length; ) {
      if (isFull(p)) return done;
      const k = Math.min(PAGE - (at % PAGE), base + length - at);
      const got = task.mm.readInto(at, page, 0, k);
      if (got > 0 && putForeign(p, page, 0, got)) done += got;
      if (got < k) return done > 0 ? done : -EFAULT;
      at += k;
    }
  }
  return done;
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
    const nonblock = (how & SPLICE_F_NONBLOCK) !== 0;
    if (!canWrite(file)) {
      const wait = awaitBytes(pipe, nonblock);
      return isBlock(wait) || wait < 0 ? wait : readVector(task, file, list, -1);
    }
    const wait = awaitRoom(task, pipe, nonblock);
    return isBlock(wait) || wait < 0 ? wait : spliceMemory(task, pipe, list);
  },
);

export const rows = [splice, tee, vmsplice];
