// Futexes: tasks that wait on a word of memory (futex(2)). A private futex is named by address space and
// address; a shared one by the physical frame, which every mapping of the object has in common.

import { EINVAL } from '../../abi/errno.ts';
import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS, ROBUST_LIST_LIMIT } from '../../abi/futex.ts';
import { SCHED } from '../../abi/sched.ts';
import { PAGE } from '../../ring3/layout.ts';
import type { AddressSpace } from '../mm/types.ts';
import { type WaitQueue, waitQueue, wake } from '../wait.ts';
import type { PiLock } from './futex-pi.ts';
import type { Task } from './types.ts';

type Waiting = Map<number, FutexWaiter[]>;

/** Which futex a word is. */
export interface FutexKey {
  readonly map: Waiting;
  /** An address, or a physical address. */
  readonly at: number;
}

/** One task that waits for a word. */
export interface FutexWaiter {
  readonly task: Task;
  readonly queue: WaitQueue;
  readonly bitset: number;
  readonly deadline: number | null;
  /** The state of its Block, by which it is known to be waiting still: itself, or what futex_waitv waits with. */
  readonly state: unknown;
  /** FUTEX_WAIT_REQUEUE_PI: the lock that it may be moved to. */
  readonly target: FutexKey | null;
  /** Where the word of that lock, or of the next, is in the task's memory. */
  readonly lockAt: number;
  /** The PI lock that it is in line for, to be handed over by its owner. */
  pi: PiLock | null;
  key: FutexKey;
  woken: boolean;
}

export interface FutexTable {
  readonly private: WeakMap<AddressSpace, Waiting>;
  /** By physical address. */
  readonly shared: Waiting;
  /** There has been a PI lock that somebody waited for: dying threads have to look. */
  pi: boolean;
}

export const futexTable = (): FutexTable => ({ private: new WeakMap(), shared: new Map(), pi: false });

export const futexKey = (task: Task, addr: number, isPrivate: boolean): FutexKey => {
  const { futexes } = task.kernel;
  const { mm } = task;
  if (!isPrivate && mm.find(addr)?.shared === true) {
    // frame * 8 + access
    const frame = Math.floor(mm.pageTable.get(Math.floor(addr / PAGE)) / 8);
    return { map: futexes.shared, at: frame * PAGE + (addr % PAGE) };
  }
  let map = futexes.private.get(mm);
  if (map === undefined) {
    map = new Map();
    futexes.private.set(mm, map);
  }
  return { map, at: addr };
};

export const sameFutex = (a: FutexKey, b: FutexKey): boolean => a.map === b.map && a.at === b.at;

/** Calls that a signal ended leave their waiter behind: it no longer counts. */
const waits = (w: FutexWaiter): boolean =>
  w.task.state !== 'dead' && !w.woken && w.task.call?.block?.state === w.state;

const NOBODY: readonly FutexWaiter[] = [];

/** Who waits for a futex, first come first but for those of a real-time priority. */
export const waitersOf = (key: FutexKey): readonly FutexWaiter[] => {
  const list = key.map.get(key.at);
  if (list === undefined) return NOBODY;
  for (let i = list.length - 1; i >= 0; i--) if (!waits(list[i] as FutexWaiter)) list.splice(i, 1);
  if (list.length === 0) key.map.delete(key.at);
  return list;
};

/** As the kernel counts: lower goes first, and all that are not real-time are alike. */
const rank = (task: Task): number => {
  const policy = task.attributes.get('policy');
  const realtime = policy === SCHED.SCHED_FIFO || policy === SCHED.SCHED_RR;
  return realtime ? 99 - (task.attributes.get('rtprio') ?? 0) : 100;
};

const enqueue = (w: FutexWaiter): void => {
  const { map, at } = w.key;
  const list = map.get(at);
  if (list === undefined) {
    map.set(at, [w]);
    return;
  }
  let i = list.length;
  const own = rank(w.task);
  while (i > 0 && rank((list[i - 1] as FutexWaiter).task) > own) i--;
  list.splice(i, 0, w);
};

export interface WaitOptions {
  readonly bitset: number;
  readonly deadline: number | null;
  readonly pi?: PiLock;
  readonly target?: FutexKey;
  readonly lockAt?: number;
  /** For several waiters of one call. */
  readonly queue?: WaitQueue;
  readonly state?: unknown;
}

export const addWaiter = (task: Task, key: FutexKey, o: WaitOptions): FutexWaiter => {
  const w: FutexWaiter & { state: unknown } = {
    task,
    queue: o.queue ?? waitQueue(),
    bitset: o.bitset,
    deadline: o.deadline,
    state: o.state,
    target: o.target ?? null,
    lockAt: o.lockAt ?? 0,
    pi: o.pi ?? null,
    key,
    woken: false,
  };
  w.state ??= w;
  enqueue(w);
  return w;
};

export const removeWaiter = (w: FutexWaiter): void => {
  const { map, at } = w.key;
  const list = map.get(at);
  const i = list?.indexOf(w) ?? -1;
  if (list === undefined || i < 0) return;
  list.splice(i, 1);
  if (list.length === 0) map.delete(at);
};

export const release = (w: FutexWaiter): void => {
  removeWaiter(w);
  w.woken = true;
  wake(w.queue);
};

/** Whether a waiter belongs to a lock with priority inheritance, which other operations must not meet. */
const isPi = (w: FutexWaiter): boolean => w.pi !== null || w.target !== null;

/** Wakes up to n waiters whose bitset has a bit in common; returns how many, or -EINVAL. */
export const wakeFutex = (key: FutexKey, n: number, bitset: number): number => {
  let done = 0;
  for (const w of [...waitersOf(key)]) {
    if (done >= n) break;
    if (isPi(w)) return -EINVAL;
    if ((w.bitset & bitset) === 0) continue;
    release(w);
    done++;
  }
  return done;
};

export const moveWaiter = (w: FutexWaiter, to: FutexKey): void => {
  removeWaiter(w);
  w.key = to;
  enqueue(w);
};

/** Wakes some waiters and moves others to another futex; returns how many of both, or -EINVAL. */
export const requeueFutex = (from: FutexKey, to: FutexKey, wakes: number, moves: number): number => {
  let done = 0;
  for (const w of [...waitersOf(from)]) {
    if (done - wakes >= moves) break;
    if (isPi(w)) return -EINVAL;
    if (++done <= wakes) release(w);
    else if (!sameFutex(from, to)) moveWaiter(w, to);
  }
  return done;
};

/** Wakes one waiter of a word, private or shared: what the kernel does at a thread's exit. */
export const wakeAddress = (task: Task, addr: number): void => {
  for (const isPrivate of [true, false]) wakeFutex(futexKey(task, addr, isPrivate), 1, -1);
};

/** Marks the robust mutexes that the dying thread holds, and wakes a waiter of each (set_robust_list(2)). */
export const releaseRobustList = (task: Task): void => {
  const { mm, robustList: head } = task;
  const offset = mm.readI64(head + 8);
  const pendingEntry = mm.readU64(head + 16);
  let entry = mm.readU64(head);
  if (offset === null || entry === null || pendingEntry === null) return;
  const pending = pendingEntry - (pendingEntry % 2);
  for (let i = 0; i < ROBUST_LIST_LIMIT && entry !== null && entry !== head; i++) {
    // Bit 0 marks a PI mutex; it is not part of the address.
    const node: number = entry - (entry % 2);
    if (node === head) break;
    const next = mm.readU64(node);
    if (node !== pending && !markDead(task, node + offset, entry % 2 === 1, false)) return;
    entry = next;
  }
  if (pending !== 0) markDead(task, pending + offset, pendingEntry % 2 === 1, true);
};

/** Waiters of a PI lock are seen to later (futex-pi.ts). False: bad address. */
const markDead = (task: Task, addr: number, pi: boolean, pending: boolean): boolean => {
  const { mm } = task;
  const word = addr % 4 === 0 ? mm.readU32(addr) : null;
  if (word === null) return false;
  // It may have died between the unlock and the wake that was to follow.
  if (pending && !pi && word === 0) wakeAddress(task, addr);
  if ((word & FUTEX_TID_MASK) !== task.tid) return true;
  if (!mm.writeU32(addr, ((word & FUTEX_WAITERS) | FUTEX_OWNER_DIED) >>> 0)) return false;
  if (!pi && (word & FUTEX_WAITERS) !== 0) wakeAddress(task, addr);
  return true;
};
