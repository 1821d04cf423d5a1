// Asynchronous input and output: io_setup(2), io_submit(2), io_getevents(2) and their kin. The rules are those of fs/aio.c
// of the kernel.

import { AIO_SIGSET, IO_EVENT_BYTES, IOCB, IOCB_CMD, IOCB_FLAG_RESFD, IOCB_KEY } from '../../abi/aio.ts';
import { EAGAIN, EBADF, EFAULT, EINVAL, ERRNO } from '../../abi/errno.ts';
import { POLL } from '../../abi/poll.ts';
import { TIMESPEC } from '../../abi/time.ts';
import { addr, addrOut, long, structInOrNull, uint, ulong } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { setTemporaryMask } from '../task/signals.ts';
import { readSet } from '../task/sigset.ts';
import type { Task } from '../task/types.ts';
import { type AioContext, destroyAio, setupAio } from '../vfs/aio.ts';
import { fileAt } from '../vfs/fdtable.ts';
import { canRead, canWrite, holdFile, releaseFile } from '../vfs/file.ts';
import { eventQueues, readyEvents } from '../vfs/poll.ts';
import { readFile, readIoVec, writeFile } from '../vfs/transfer.ts';
import type { OpenFile } from '../vfs/types.ts';
import { type Block, block, isBlock, type Result, type Waiter, wake } from '../wait.ts';
import { countRead, countWrite, vectored } from './file.ts';

type Iocb = NonNullable<ReturnType<typeof IOCB.read>>;

const contextOf = (task: Task, id: number): AioContext | undefined => task.mm.aio?.get(id);

/** Tells a finished request to who waits for it. */
const complete = (
  task: Task,
  context: AioContext,
  at: number,
  r: Iocb,
  eventfd: OpenFile | null,
  result: number,
): void => {
  if (context.gone) return;
  context.events.push({ data: BigInt(r.data), iocb: at, result });
  if (eventfd !== null) {
    const one = new Uint8Array(8);
    one[0] = 1;
    eventfd.ops.write?.(task, eventfd, one, 0, 8, -1);
  }
  wake(context.queue);
};

/** IOCB_CMD_POLL: ends when an event is there, at once or later. */
const poll = (
  task: Task,
  context: AioContext,
  at: number,
  r: Iocb,
  file: OpenFile,
  eventfd: OpenFile | null,
): number => {
  if (r.buf > 0xffff || r.offset !== 0 || r.nbytes !== 0 || r.rwFlags !== 0) return -EINVAL;
  const wanted = r.buf | POLL.POLLERR | POLL.POLLHUP;
  const now = readyEvents(task, file) & wanted;
  if (now !== 0) {
    complete(task, context, at, r, eventfd, now);
    return 0;
  }
  const queues = eventQueues(file);
  holdFile(file);
  if (eventfd !== null) holdFile(eventfd);
  const end = (result: number | null): void => {
    for (const q of queues) q.waiters.delete(waiter);
    context.pending.delete(at);
    if (result !== null) complete(task, context, at, r, eventfd, result);
    releaseFile(file);
    if (eventfd !== null) releaseFile(eventfd);
  };
  const waiter: Waiter = {
    wake() {
      const events = readyEvents(task, file) & wanted;
      if (events === 0) {
        for (const q of queues) q.waiters.add(waiter);
        return;
      }
      end(events);
    },
  };
  for (const q of queues) q.waiters.add(waiter);
  context.pending.set(at, end);
  return 0;
};

/** Reading and writing: the result for the event, or `refused` for an error that io_submit itself gives. */
const transfer = (task: Task, r: Iocb, file: OpenFile): Result | { readonly refused: number } => {
  const writing = r.opcode === IOCB_CMD.IOCB_CMD_PWRITE || r.opcode === IOCB_CMD.IOCB_CMD_PWRITEV;
  if (!(writing ? canWrite(file) : canRead(file))) return { refused: -EBADF };
  if ((writing ? file.ops.write : file.ops.read) === undefined || r.offset < 0) return { refused: -EINVAL };
  const vector = r.opcode === IOCB_CMD.IOCB_CMD_PREADV || r.opcode === IOCB_CMD.IOCB_CMD_PWRITEV;
  if (!vector) {
    return writing
      ? countWrite(task, writeFile(task, file, r.buf, r.nbytes, r.offset))
      : countRead(task, readFile(task, file, r.buf, r.nbytes, r.offset));
  }
  const list = readIoVec(task, r.buf, r.nbytes);
  if (typeof list === 'number') return { refused: list };
  return vectored(task, file, r.buf, r.nbytes, r.offset, writing, r.rwFlags);
};

/** One request: 0, -errno, or a Block of a pipe or socket, where submitting waits. */
const submit = (task: Task, context: AioContext, at: number): Result => {
  const r = IOCB.read(task.mm, at);
  if (r === null) return -EFAULT;
  if (r.reserved !== 0 || r.nbytes < 0) return -EINVAL;
  if (context.events.length + context.pending.size >= context.room) return -EAGAIN;
  const file = fileAt(task, r.fd | 0);
  if (file === undefined) return -EBADF;
  let eventfd: OpenFile | null = null;
  if (r.flags & IOCB_FLAG_RESFD) {
    const given = fileAt(task, r.resfd | 0);
    if (given === undefined) return -EBADF;
    if (given.label !== 'anon_inode:[eventfd]') return -EINVAL;
    eventfd = given;
  }
  if (!task.mm.writeU32(at + IOCB_KEY, 0)) return -EFAULT;
  switch (r.opcode) {
    case IOCB_CMD.IOCB_CMD_PREAD:
    case IOCB_CMD.IOCB_CMD_PWRITE:
    case IOCB_CMD.IOCB_CMD_PREADV:
    case IOCB_CMD.IOCB_CMD_PWRITEV: {
      const result = transfer(task, r, file);
      if (typeof result === 'object' && 'refused' in result) return result.refused;
      if (isBlock(result)) return result;
      complete(task, context, at, r, eventfd, result);
      return 0;
    }
    case IOCB_CMD.IOCB_CMD_FSYNC:
    case IOCB_CMD.IOCB_CMD_FDSYNC: {
      if (r.buf !== 0 || r.offset !== 0 || r.nbytes !== 0 || r.rwFlags !== 0) return -EINVAL;
      if (file.ops.fsync === undefined) return -EINVAL;
      const result = file.ops.fsync(file);
      if (isBlock(result)) return result;
      complete(task, context, at, r, eventfd, result);
      return 0;
    }
    case IOCB_CMD.IOCB_CMD_POLL:
      return poll(task, context, at, r, file, eventfd);
    default:
      return -EINVAL;
  }
};

/** What io_submit keeps while it waits for one request. */
interface Submitting {
  readonly done: number;
  readonly inner: unknown;
}

const submitAll = (task: Task, id: number, n: number, list: number): Result => {
  const context = contextOf(task, id);
  if (context === undefined || n < 0) return -EINVAL;
  const waited = task.resume as Submitting | undefined;
  const count = Math.min(n, context.room);
  for (let i = waited?.done ?? 0; i < count; i++) {
    task.resume = i === waited?.done ? waited.inner : undefined;
    const at = task.mm.readU64(list + i * 8);
    const r = at === null ? -EFAULT : submit(task, context, at);
    if (isBlock(r)) {
      const state: Submitting = { done: i, inner: r.state };
      const again: Block = { ...r, state };
      return i > 0 ? { ...again, partial: i } : again;
    }
    if (r < 0) return i > 0 ? i : r;
  }
  return count;
};

const writeEvent = (task: Task, at: number, e: AioContext['events'][number]): boolean => {
  const bytes = new Uint8Array(IO_EVENT_BYTES);
  const dv = new DataView(bytes.buffer);
  dv.setBigUint64(0, e.data, true);
  dv.setBigUint64(8, BigInt(e.iocb), true);
  dv.setBigInt64(16, BigInt(e.result), true);
  return task.mm.write(at, bytes);
};

interface Fetching {
  readonly got: number;
  readonly deadline: number | null;
}

const fetch = (
  task: Task,
  id: number,
  least: number,
  most: number,
  to: number,
  timeout: { readonly sec: number; readonly nsec: number } | null,
): Result => {
  const waited = task.resume as Fetching | undefined;
  const context = contextOf(task, id);
  if (context === undefined) return waited !== undefined && waited.got > 0 ? waited.got : -EINVAL;
  if (least > most || least < 0) return -EINVAL;
  const now = task.kernel.clock.monotonic();
  const deadline = waited
    ? waited.deadline
    : timeout === null
      ? null
      : now + timeout.sec * 1e9 + timeout.nsec;
  let got = waited?.got ?? 0;
  for (; got < most; got++) {
    const [e] = context.events;
    if (e === undefined) break;
    if (!writeEvent(task, to + got * IO_EVENT_BYTES, e)) return got > 0 ? got : -EFAULT;
    context.events.shift();
  }
  if (got >= least || (deadline !== null && now >= deadline)) return got;
  const state: Fetching = { got, deadline };
  const wait = block([context.queue], 'eintr', deadline, state);
  return got > 0 ? { ...wait, partial: got } : wait;
};

/** io_cancel(2): whatever could still be cancelled has an event of its own. */
const cancel = (task: Task, id: number, at: number): number => {
  const key = task.mm.readU32(at + IOCB_KEY);
  if (key === null) return -EFAULT;
  if (key !== 0) return -EINVAL;
  const end = contextOf(task, id)?.pending.get(at);
  if (end === undefined) return -EINVAL;
  end(0);
  return -ERRNO.EINPROGRESS;
};

export const rows = [
  syscall(
    'io_setup',
    [uint('nr_events'), addrOut('ctx_idp')],
    { returns: 'int', family: 'memory' },
    (task, n, at) => {
      const given = task.mm.readU64(at);
      if (given === null) return -EFAULT;
      if (given !== 0 || n === 0) return -EINVAL;
      const context = setupAio(task, n);
      if (typeof context === 'number') return context;
      if (task.mm.writeI64(at, context.id)) return 0;
      destroyAio(task, context.id);
      return -EFAULT;
    },
  ),
  syscall('io_destroy', [ulong('ctx_id')], { returns: 'int', family: 'memory' }, destroyAio),
  syscall(
    'io_submit',
    [ulong('ctx_id'), long('nr'), addr('iocbpp')],
    { returns: 'int', family: 'desc' },
    submitAll,
  ),
  syscall(
    'io_cancel',
    [ulong('ctx_id'), addr('iocb'), addr('result')],
    { returns: 'int', family: 'desc' },
    cancel,
  ),
  syscall(
    'io_getevents',
    [ulong('ctx_id'), long('min_nr'), long('nr'), addr('events'), structInOrNull('timeout', TIMESPEC)],
    { returns: 'int', family: 'desc' },
    fetch,
  ),
  syscall(
    'io_pgetevents',
    [
      ulong('ctx_id'),
      long('min_nr'),
      long('nr'),
      addr('events'),
      structInOrNull('timeout', TIMESPEC),
      structInOrNull('usig', AIO_SIGSET),
    ],
    { returns: 'int', family: 'desc' },
    (task, id, least, most, to, timeout, usig) => {
      if (usig !== null && usig.mask !== 0) {
        if (usig.bytes !== 8) return -EINVAL;
        const set = readSet(task.mm, usig.mask);
        if (set === null) return -EFAULT;
        setTemporaryMask(task, set);
      }
      return fetch(task, id, least, most, to, timeout);
    },
  ),
];
