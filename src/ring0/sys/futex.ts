// futex(2), robust lists and restartable sequences: the handlers over task/futex.ts.

import { EAGAIN, EBUSY, EFAULT, EINVAL, ENOSYS, EPERM, ESRCH, ETIMEDOUT } from '../../abi/errno.ts';
import {
  FUTEX,
  FUTEX_BITSET_MATCH_ANY,
  FUTEX_CLOCK_REALTIME,
  FUTEX_CMD_MASK,
  FUTEX_OP,
  FUTEX_OP_CMP,
  FUTEX_OPS,
  FUTEX_PRIVATE_FLAG,
  FUTEX_WAITV,
  FUTEX_WAITV_MAX,
  FUTEX2_FLAGS,
  FUTEX2_MPOL,
  FUTEX2_NUMA,
  FUTEX2_PRIVATE,
  FUTEX2_SIZE_MASK,
  FUTEX2_SIZE_U32,
  ROBUST_LIST_HEAD_BYTES,
  RSEQ,
  RSEQ_FLAG_UNREGISTER,
} from '../../abi/futex.ts';
import { CLOCKS, TIMESPEC } from '../../abi/time.ts';
import { addr, addrOut, choice, flags, int, pid, size, uint, ulong } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { deadlineOf, validTime } from '../task/clock.ts';
import {
  addWaiter,
  type FutexWaiter,
  futexKey,
  removeWaiter,
  requeueFutex,
  sameFutex,
  wakeFutex,
} from '../task/futex.ts';
import { lockPi, requeuePi, unlockPi } from '../task/futex-pi.ts';
import type { Task } from '../task/types.ts';
import { block, type RestartRule, type Result, type WaitQueue, waitQueue } from '../wait.ts';

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
const sleepAs = (w: FutexWaiter): Result => {
  const wait = block([w.queue], ruleOf(w), w.deadline, w);
  // In line for a lock that it did not ask for, it cannot begin anew (futex_wait_requeue_pi of the kernel).
  return w.target !== null && w.pi !== null ? { ...wait, partial: -EAGAIN } : wait;
};
const ruleOf = (w: FutexWaiter): RestartRule => {
  if (w.pi !== null || w.target !== null) return 'always';
  return w.deadline === null ? 'restart' : 'restart-block';
};

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
  return sleepAs(addWaiter(task, futexKey(task, at, own), { bitset, deadline }));
};

const wakeSome = (task: Task, at: number, count: number, bitset: number, own: boolean): number => {
  if (bitset === 0) return -EINVAL;
  if (!own && task.mm.readU32(at) === null) return -EFAULT;
  return wakeFutex(futexKey(task, at, own), count, bitset);
};

const requeue = (
  task: Task,
  from: number,
  to: number,
  wakes: number,
  moves: number,
  own: boolean,
  ownTarget = own,
): number => {
  if (wakes < 0 || moves < 0) return -EINVAL;
  // Another process's word has to be there to be named.
  if (!own && task.mm.readU32(from) === null) return -EFAULT;
  if (!ownTarget && task.mm.readU32(to) === null) return -EFAULT;
  return requeueFutex(futexKey(task, from, own), futexKey(task, to, ownTarget), wakes, moves);
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
  const woken = wakeFutex(futexKey(task, a, own), wakeA, FUTEX_BITSET_MATCH_ANY);
  if (woken < 0 || !matched) return woken;
  const more = wakeFutex(futexKey(task, b, own), wakeB, FUTEX_BITSET_MATCH_ANY);
  return more < 0 ? more : woken + more;
};

/** FUTEX_WAIT_REQUEUE_PI: waits for a word, to be moved in line for a lock. */
const waitRequeuePi = (
  task: Task,
  at: number,
  expected: number,
  deadline: number | null,
  lockAt: number,
  own: boolean,
): Result => {
  if (at === lockAt || lockAt % 4 !== 0) return -EINVAL;
  if (task.mm.readU32(lockAt) === null) return -EFAULT;
  const value = task.mm.readU32(at);
  if (value === null) return -EFAULT;
  if (value !== expected >>> 0) return -EAGAIN;
  const key = futexKey(task, at, own);
  const target = futexKey(task, lockAt, own);
  if (sameFutex(key, target)) return -EINVAL;
  return sleepAs(addWaiter(task, key, { bitset: FUTEX_BITSET_MATCH_ANY, deadline, target, lockAt }));
};

const cmpRequeuePi = (
  task: Task,
  at: number,
  wakes: number,
  moves: number,
  lockAt: number,
  expected: number,
  own: boolean,
): number => {
  if (wakes < 0 || moves < 0 || at === lockAt || wakes !== 1 || lockAt % 4 !== 0) return -EINVAL;
  const value = task.mm.readU32(at);
  if (value === null || task.mm.readU32(lockAt) === null) return -EFAULT;
  const from = futexKey(task, at, own);
  const to = futexKey(task, lockAt, own);
  if (sameFutex(from, to)) return -EINVAL;
  return value === expected >>> 0 ? requeuePi(task, from, lockAt, to, moves) : -EAGAIN;
};

/** Commands that are there; others are refused before the address is looked at. */
const COMMANDS: ReadonlySet<number> = new Set(Object.values(FUTEX));
const CLOCKED: ReadonlySet<number> = new Set([
  FUTEX.FUTEX_WAIT_BITSET,
  FUTEX.FUTEX_WAIT_REQUEUE_PI,
  FUTEX.FUTEX_LOCK_PI2,
]);

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
  // Unlocking looks at the word first.
  if (at % 4 !== 0 && COMMANDS.has(command) && command !== FUTEX.FUTEX_UNLOCK_PI) return -EINVAL;
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
      // The kernel looks at the count after the first wake: 0 and negative ones wake one.
      return wakeSome(task, at, Math.max(1, count), bitset, own);
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
      if (task.mm.readU32(at) === null) return -EFAULT;
      const tryOnly = command === FUTEX.FUTEX_TRYLOCK_PI;
      const r = lockPi(task, at, futexKey(task, at, own), deadline, tryOnly);
      return typeof r === 'number' ? r : sleepAs(r);
    }
    case FUTEX.FUTEX_UNLOCK_PI: {
      if (task.mm.readU32(at) === null) return -EFAULT;
      return unlockPi(task, at, futexKey(task, at, own));
    }
    case FUTEX.FUTEX_WAIT_REQUEUE_PI: {
      const deadline = timeoutOf(task, timeout, clock, true);
      if (deadline === -EFAULT || deadline === -EINVAL) return deadline;
      return waitRequeuePi(task, at, val, deadline, at2, own);
    }
    case FUTEX.FUTEX_CMP_REQUEUE_PI:
      return cmpRequeuePi(task, at, count, secondCount(timeout), at2, val3, own);
    default:
      return -ENOSYS;
  }
};

const FUTEX2_KNOWN = FUTEX2_SIZE_MASK | FUTEX2_NUMA | FUTEX2_MPOL | FUTEX2_PRIVATE;

/** Whether the newer calls take the flags of a word: 32 bits, and no node of its own. */
const validFlags = (how: number): boolean =>
  (how & ~FUTEX2_KNOWN) === 0 && (how & FUTEX2_SIZE_MASK) === FUTEX2_SIZE_U32 && (how & FUTEX2_NUMA) === 0;
const isOwn = (how: number): boolean => (how & FUTEX2_PRIVATE) !== 0;

/** The absolute timeout of the newer calls; null for none, or -errno. */
const timeoutOn = (task: Task, at: number, clock: number): number | null => {
  if (at === 0) return null;
  if (clock !== CLOCKS.CLOCK_REALTIME && clock !== CLOCKS.CLOCK_MONOTONIC) return -EINVAL;
  return timeoutOf(task, at, clock, true);
};

type WaitVEntry = NonNullable<ReturnType<typeof FUTEX_WAITV.read>>;

/** Reads `count` entries of struct futex_waitv; -errno. */
const readEntries = (task: Task, at: number, count: number): WaitVEntry[] | number => {
  const list: WaitVEntry[] = [];
  for (let i = 0; i < count; i++) {
    const entry = FUTEX_WAITV.read(task.mm, at + i * FUTEX_WAITV.size);
    if (entry === null) return -EFAULT;
    if (!validFlags(entry.flags) || entry.reserved !== 0 || entry.val >= 2 ** 32) return -EINVAL;
    list.push(entry);
  }
  return list;
};

/** What futex_waitv waits with. */
interface WaitV {
  readonly waiters: FutexWaiter[];
  readonly queue: WaitQueue;
  readonly deadline: number | null;
}

const sleepOnAll = (v: WaitV): Result => block([v.queue], 'restart', v.deadline, v);

const resumeAll = (task: Task, v: WaitV): Result => {
  const { waiters, deadline } = v;
  const woken = waiters.findLastIndex((w) => w.woken);
  const late = deadline !== null && task.kernel.clock.monotonic() >= deadline;
  if (woken < 0 && !late) return sleepOnAll(v);
  for (const w of waiters) removeWaiter(w);
  return woken < 0 ? -ETIMEDOUT : woken;
};

const waitAll = (
  task: Task,
  at: number,
  count: number,
  how: number,
  timeout: number,
  clock: number,
): Result => {
  if (task.resume !== undefined) return resumeAll(task, task.resume as WaitV);
  if (how !== 0 || count === 0 || count > FUTEX_WAITV_MAX || at === 0) return -EINVAL;
  const deadline = timeoutOn(task, timeout, clock);
  if (deadline === -EFAULT || deadline === -EINVAL) return deadline;
  const list = readEntries(task, at, count);
  if (typeof list === 'number') return list;
  for (const e of list) {
    if (e.uaddr % 4 !== 0) return -EINVAL;
    if (!isOwn(e.flags) && task.mm.readU32(e.uaddr) === null) return -EFAULT;
  }
  for (const e of list) {
    const value = task.mm.readU32(e.uaddr);
    if (value === null) return -EFAULT;
    if (value !== e.val) return -EAGAIN;
  }
  const v: WaitV = { waiters: [], queue: waitQueue(), deadline };
  const options = { bitset: FUTEX_BITSET_MATCH_ANY, deadline, queue: v.queue, state: v };
  for (const e of list) v.waiters.push(addWaiter(task, futexKey(task, e.uaddr, isOwn(e.flags)), options));
  return sleepOnAll(v);
};

const FUTEX_FAMILY = {
  returns: 'int',
  family: 'ipc',
  support: 'partial',
  note: 'no FUTEX2_NUMA (EINVAL)',
} as const;

/** The newer calls, each of which takes the flags of its words. */
const newer = [
  syscall(
    'futex_waitv',
    [
      addr('waiters'),
      uint('nr_futexes'),
      uint('flags'),
      addr('timeout'),
      choice('clockid', CLOCKS, 'CLOCK_???'),
    ],
    FUTEX_FAMILY,
    waitAll,
  ),
  syscall(
    'futex_wake',
    [addr('uaddr'), ulong('mask'), int('nr'), flags('flags', FUTEX2_FLAGS)],
    FUTEX_FAMILY,
    (task, at, mask, count, how) => {
      if (!validFlags(how) || mask >= 2 ** 32 || mask === 0 || at % 4 !== 0) return -EINVAL;
      if (count === 0) return isOwn(how) || task.mm.readU32(at) !== null ? 0 : -EFAULT;
      return wakeSome(task, at, Math.max(1, count), mask, isOwn(how));
    },
  ),
  syscall(
    'futex_wait',
    [
      addr('uaddr'),
      ulong('val'),
      ulong('mask'),
      flags('flags', FUTEX2_FLAGS),
      addr('timeout'),
      choice('clockid', CLOCKS, 'CLOCK_???'),
    ],
    FUTEX_FAMILY,
    (task, at, val, mask, how, timeout, clock) => {
      if (task.resume !== undefined) return resume(task, task.resume as FutexWaiter);
      if (!validFlags(how) || val >= 2 ** 32 || mask >= 2 ** 32) return -EINVAL;
      const deadline = timeoutOn(task, timeout, clock);
      if (deadline === -EFAULT || deadline === -EINVAL) return deadline;
      if (at % 4 !== 0) return -EINVAL;
      return wait(task, at, val, deadline, mask, isOwn(how));
    },
  ),
  syscall(
    'futex_requeue',
    [addr('waiters'), uint('flags'), int('nr_wake'), int('nr_requeue')],
    FUTEX_FAMILY,
    (task, at, how, wakes, moves) => {
      if (how !== 0 || at === 0) return -EINVAL;
      const list = readEntries(task, at, 2);
      if (typeof list === 'number') return list;
      const [from, to] = list;
      if (from === undefined || to === undefined || wakes < 0 || moves < 0) return -EINVAL;
      if (from.uaddr % 4 !== 0 || to.uaddr % 4 !== 0) return -EINVAL;
      const value = task.mm.readU32(from.uaddr);
      if (value === null) return -EFAULT;
      if (value !== from.val) return -EAGAIN;
      return requeue(task, from.uaddr, to.uaddr, wakes, moves, isOwn(from.flags), isOwn(to.flags));
    },
  ),
];

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
  ...newer,
  syscall(
    'futex',
    [addr('uaddr'), flags('futex_op', FUTEX_OPS), uint('val'), addr('timeout'), addr('uaddr2'), uint('val3')],
    {
      returns: 'int',
      family: 'ipc',
      support: 'partial',
      note: 'who waits for a PI lock lends no priority: tasks take turns whatever theirs is',
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
