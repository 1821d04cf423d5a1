// futex(2), robust lists and restartable sequences: the handlers over task/futex.ts.

import { EAGAIN, EBUSY, EDEADLK, EFAULT, EINVAL, ENOSYS, EPERM, ESRCH, ETIMEDOUT } from '../../abi/errno.ts';
import {
  FUTEX,
  FUTEX_BITSET_MATCH_ANY,
  FUTEX_CLOCK_REALTIME,
  FUTEX_CMD_MASK,
  FUTEX_OP,
  FUTEX_OP_CMP,
  FUTEX_OPS,
  FUTEX_OWNER_DIED,
  FUTEX_PRIVATE_FLAG,
  FUTEX_TID_MASK,
  FUTEX_WAITERS,
  ROBUST_LIST_HEAD_BYTES,
  RSEQ,
  RSEQ_FLAG_UNREGISTER,
} from '../../abi/futex.ts';
import { CLOCKS, TIMESPEC } from '../../abi/time.ts';
import { addr, addrOut, flags, int, pid, size, uint } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { deadlineOf, validTime } from '../task/clock.ts';
import {
  addWaiter,
  bucket,
  type FutexWaiter,
  handOver,
  removeWaiter,
  requeueFutex,
  wakeFutex,
} from '../task/futex.ts';
import type { Task } from '../task/types.ts';
import { block, type Result } from '../wait.ts';

/** Deadline (monotonic ns) of the timeout argument; null for none, or -errno as a negative number. */
const timeoutOf = (task: Task, at: number, clock: number, absolute: boolean): number | null => {
  if (at === 0) return null;
  const time = TIMESPEC.read(task.mm, at);
  if (time === null) return -EFAULT;
  if (!validTime(time)) return -EINVAL;
  return deadlineOf(task, clock, time, absolute);
};

/** The timeout's argument as a count. Beyond 2^63 it is a negative one: its low bits may be lost, its sign is not. */
const secondCount = (given: number): number => (given >= 2 ** 63 ? -1 : given | 0);

/** A waiter that is tried again: woken, out of time, or to wait on. */
const resume = (task: Task, w: FutexWaiter): Result => {
  if (w.woken) return 0;
  if (w.deadline !== null && task.kernel.clock.monotonic() >= w.deadline) {
    removeWaiter(w);
    return -ETIMEDOUT;
  }
  return sleepAs(w);
};
const sleepAs = (w: FutexWaiter): Result =>
  block([w.queue], w.deadline === null ? 'restart' : 'restart-block', w.deadline, w);

const wait = (
  task: Task,
  at: number,
  expected: number,
  deadline: number | null,
  bitset: number,
  own: boolean,
): Result => {
  if (bitset === 0) return -EINVAL;
  const value = task.mm.readU32(at);
  if (value === null) return -EFAULT;
  if (value !== expected >>> 0) return -EAGAIN;
  const list = bucket(task, at, own, true);
  if (list === null) return -EFAULT;
  return sleepAs(addWaiter(task, list, bitset, deadline));
};

const requeue = (
  task: Task,
  from: number,
  to: number,
  wakes: number,
  moves: number,
  own: boolean,
): number => {
  if (wakes < 0 || moves < 0) return -EINVAL;
  // Another process's word has to be there to be named.
  if (!own && task.mm.readU32(to) === null) return -EFAULT;
  const list = bucket(task, from, own, false);
  const woken = wakeFutex(list, wakes, FUTEX_BITSET_MATCH_ANY);
  if (list === null || list.length === 0) return woken;
  const target = bucket(task, to, own, true);
  return target === null || target === list ? woken : woken + requeueFutex(list, target, moves);
};

/** FUTEX_WAKE_OP: changes the second word by the coded operation and wakes its waiters if the old value matches. */
const wakeOp = (
  task: Task,
  a: number,
  b: number,
  wakeA: number,
  wakeB: number,
  code: number,
  own: boolean,
): number => {
  const sign12 = (v: number): number => (v << 20) >> 20;
  const op = (code >>> 28) & 15;
  const cmp = (code >>> 24) & 15;
  let arg = sign12(code >>> 12);
  const cmpArg = sign12(code);
  if ((op & FUTEX_OP.ARG_SHIFT) !== 0) arg = 1 << (arg & 31);
  const old = task.mm.readI32(b);
  if (old === null) return -EFAULT;
  const results: Record<number, number> = {
    [FUTEX_OP.SET]: arg,
    [FUTEX_OP.ADD]: old + arg,
    [FUTEX_OP.OR]: old | arg,
    [FUTEX_OP.ANDN]: old & ~arg,
    [FUTEX_OP.XOR]: old ^ arg,
  };
  const next = results[op & 7];
  if (next === undefined) return -ENOSYS;
  if (!task.mm.writeU32(b, next >>> 0)) return -EFAULT;
  const matches: Record<number, boolean> = {
    [FUTEX_OP_CMP.EQ]: old === cmpArg,
    [FUTEX_OP_CMP.NE]: old !== cmpArg,
    [FUTEX_OP_CMP.LT]: old < cmpArg,
    [FUTEX_OP_CMP.LE]: old <= cmpArg,
    [FUTEX_OP_CMP.GT]: old > cmpArg,
    [FUTEX_OP_CMP.GE]: old >= cmpArg,
  };
  const matched = matches[cmp];
  if (matched === undefined) return -ENOSYS;
  const woken = wakeFutex(bucket(task, a, own, false), wakeA, FUTEX_BITSET_MATCH_ANY);
  return matched ? woken + wakeFutex(bucket(task, b, own, false), wakeB, FUTEX_BITSET_MATCH_ANY) : woken;
};

/** FUTEX_LOCK_PI: takes the lock or queues for it; priorities do not exist here, so nothing is inherited. */
const lockPi = (task: Task, at: number, deadline: number | null, tryOnly: boolean, own: boolean): Result => {
  const word = task.mm.readU32(at);
  if (word === null) return -EFAULT;
  const owner = word & FUTEX_TID_MASK;
  if (owner === task.tid) return -EDEADLK;
  if (owner === 0) {
    const kept = (word & (FUTEX_OWNER_DIED | FUTEX_WAITERS)) >>> 0;
    return task.mm.writeU32(at, (task.tid | kept) >>> 0) ? 0 : -EFAULT;
  }
  if (tryOnly) return -EAGAIN;
  if (!task.kernel.tasks.has(owner)) return -ESRCH;
  const list = bucket(task, at, own, true);
  if (list === null || !task.mm.writeU32(at, (word | FUTEX_WAITERS) >>> 0)) return -EFAULT;
  return sleepAs(addWaiter(task, list, FUTEX_BITSET_MATCH_ANY, deadline, true));
};

const unlockPi = (task: Task, at: number): number => {
  const word = task.mm.readU32(at);
  if (word === null) return -EFAULT;
  if ((word & FUTEX_TID_MASK) !== task.tid) return -EPERM;
  return handOver(task, at, 0) ? 0 : -EFAULT;
};

/** Commands that are there; others are refused before the address is looked at. */
const COMMANDS: ReadonlySet<number> = new Set(Object.values(FUTEX));
const CLOCKED: ReadonlySet<number> = new Set([FUTEX.FUTEX_WAIT_BITSET, FUTEX.FUTEX_LOCK_PI2]);

const futex = (
  task: Task,
  at: number,
  op: number,
  val: number,
  timeout: number,
  at2: number,
  val3: number,
): Result => {
  if (task.resume !== undefined) return resume(task, task.resume as FutexWaiter);
  const command = op & FUTEX_CMD_MASK;
  const own = (op & FUTEX_PRIVATE_FLAG) !== 0;
  const realtime = (op & FUTEX_CLOCK_REALTIME) !== 0;
  // Only these tell the clock; for others it is as if they were not there.
  if (realtime && !CLOCKED.has(command)) return -ENOSYS;
  if (at % 4 !== 0 && COMMANDS.has(command)) return -EINVAL;
  const clock = realtime ? CLOCKS.CLOCK_REALTIME : CLOCKS.CLOCK_MONOTONIC;
  const count = val | 0;
  switch (command) {
    case FUTEX.FUTEX_WAIT:
    case FUTEX.FUTEX_WAIT_BITSET: {
      const bitsets = command === FUTEX.FUTEX_WAIT_BITSET;
      const deadline = timeoutOf(task, timeout, clock, bitsets);
      if (deadline === -EFAULT || deadline === -EINVAL) return deadline;
      return wait(task, at, val, deadline, bitsets ? val3 : FUTEX_BITSET_MATCH_ANY, own);
    }
    case FUTEX.FUTEX_WAKE:
    case FUTEX.FUTEX_WAKE_BITSET: {
      const bitset = command === FUTEX.FUTEX_WAKE ? FUTEX_BITSET_MATCH_ANY : val3;
      if (bitset === 0) return -EINVAL;
      if (!own && task.mm.readU32(at) === null) return -EFAULT;
      // The kernel looks at the count after the first wake: 0 and negative ones wake one.
      return wakeFutex(bucket(task, at, own, false), Math.max(1, count), bitset);
    }
    case FUTEX.FUTEX_REQUEUE:
    case FUTEX.FUTEX_CMP_REQUEUE: {
      if (at2 % 4 !== 0 || count < 0 || secondCount(timeout) < 0) return -EINVAL;
      if (command === FUTEX.FUTEX_CMP_REQUEUE) {
        const value = task.mm.readU32(at);
        if (value === null) return -EFAULT;
        if (value !== val3 >>> 0) return -EAGAIN;
      }
      return requeue(task, at, at2, count | 0, secondCount(timeout), own);
    }
    case FUTEX.FUTEX_WAKE_OP:
      return at2 % 4 !== 0 ? -EINVAL : wakeOp(task, at, at2, Math.max(1, count), timeout | 0, val3, own);
    case FUTEX.FUTEX_LOCK_PI:
    case FUTEX.FUTEX_LOCK_PI2:
    case FUTEX.FUTEX_TRYLOCK_PI: {
      const pi1 = command === FUTEX.FUTEX_LOCK_PI;
      const deadline = timeoutOf(task, timeout, pi1 ? CLOCKS.CLOCK_REALTIME : clock, true);
      if (deadline === -EFAULT || deadline === -EINVAL) return deadline;
      return lockPi(task, at, deadline, command === FUTEX.FUTEX_TRYLOCK_PI, own);
    }
    case FUTEX.FUTEX_UNLOCK_PI:
      return unlockPi(task, at);
    default:
      return -ENOSYS;
  }
};

/** The kernel's size of struct rseq, which it reports in AT_RSEQ_FEATURE_SIZE; older programs give 32. */
const RSEQ_BYTES = 32;

const rseq = (task: Task, at: number, bytes: number, options: number, signature: number): number => {
  const old = task.rseq;
  if ((options & RSEQ_FLAG_UNREGISTER) !== 0) {
    if ((options & ~RSEQ_FLAG_UNREGISTER) !== 0) return -EINVAL;
    if (old === null || old.addr !== at || old.size !== bytes) return -EINVAL;
    if (old.signature !== signature) return -EPERM;
    task.mm.writeU32(at + RSEQ.cpuId, 0xffffffff);
    task.rseq = null;
    return 0;
  }
  if (options !== 0) return -EINVAL;
  if (old !== null) {
    if (old.addr !== at || old.size !== bytes) return -EINVAL;
    return old.signature === signature ? -EBUSY : -EPERM;
  }
  if (at % 32 !== 0 || bytes < RSEQ_BYTES) return -EINVAL;
  if (!task.mm.clear(at, 24)) return -EFAULT;
  task.rseq = { addr: at, size: bytes, signature };
  return 0;
};

export const rows = [
  syscall(
    'futex',
    [addr('uaddr'), flags('futex_op', FUTEX_OPS), uint('val'), addr('timeout'), addr('uaddr2'), uint('val3')],
    {
      returns: 'int',
      family: 'ipc',
      support: 'partial',
      note: 'PI locks without priorities; no FUTEX_WAIT_REQUEUE_PI, FUTEX_CMP_REQUEUE_PI (ENOSYS)',
    },
    futex,
  ),
  syscall(
    'set_robust_list',
    [addr('head'), size('len')],
    { returns: 'int', family: 'process' },
    (task, head, bytes) => {
      if (bytes !== ROBUST_LIST_HEAD_BYTES) return -EINVAL;
      task.robustList = head;
      return 0;
    },
  ),
  syscall(
    'get_robust_list',
    [pid('pid'), addrOut('head_ptr'), addrOut('len_ptr')],
    { returns: 'int', family: 'process' },
    (task, id, headAt, lengthAt) => {
      const target = id === 0 ? task : task.kernel.tasks.get(id);
      if (target === undefined) return -ESRCH;
      if (target.process !== task.process && target.cred.uid !== task.cred.euid) return -EPERM;
      const ok =
        task.mm.writeI64(lengthAt, ROBUST_LIST_HEAD_BYTES) && task.mm.writeI64(headAt, target.robustList);
      return ok ? 0 : -EFAULT;
    },
  ),
  syscall(
    'rseq',
    [addr('rseq'), uint('rseq_len'), int('flags'), uint('sig')],
    { returns: 'int', family: 'process' },
    rseq,
  ),
];
