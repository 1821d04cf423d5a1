// Futexes: tasks that wait on a word of memory (futex(2)). A private futex is named by address space and
// address; a shared one by the physical frame, which every mapping of the object has in common.

import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS, ROBUST_LIST_LIMIT } from '../../abi/futex.ts';
import { PAGE } from '../../ring3/layout.ts';
import type { AddressSpace } from '../mm/types.ts';
import { type WaitQueue, waitQueue, wake } from '../wait.ts';
import type { Task } from './types.ts';

/** One waiting task. It is the `state` of its Block, by which it is known to be waiting still. */
export interface FutexWaiter {
  readonly task: Task;
  readonly queue: WaitQueue;
  readonly bitset: number;
  readonly deadline: number | null;
  /** Waits for a PI lock, to be handed over by UNLOCK_PI. */
  readonly pi: boolean;
  list: FutexWaiter[];
  woken: boolean;
}

export interface FutexTable {
  readonly private: WeakMap<AddressSpace, Map<number, FutexWaiter[]>>;
  /** By physical address. */
  readonly shared: Map<number, FutexWaiter[]>;
}

export const futexTable = (): FutexTable => ({ private: new WeakMap(), shared: new Map() });

/** The waiters of a futex; null when there are none and none are to be made. */
export const bucket = (task: Task, addr: number, isPrivate: boolean, make: boolean): FutexWaiter[] | null => {
  const { futexes } = task.kernel;
  const { mm } = task;
  let map: Map<number, FutexWaiter[]>;
  let key = addr;
  if (!isPrivate && mm.find(addr)?.shared === true) {
    map = futexes.shared;
    // frame * 8 + access
    key = Math.floor(mm.pageTable.get(Math.floor(addr / PAGE)) / 8) * PAGE + (addr % PAGE);
  } else {
    const found = futexes.private.get(mm);
    if (found === undefined && !make) return null;
    map = found ?? new Map();
    if (found === undefined) futexes.private.set(mm, map);
  }
  const list = map.get(key);
  if (list !== undefined) {
    purge(list);
    if (list.length > 0 || make) return list;
    map.delete(key);
    return null;
  }
  if (!make) return null;
  const fresh: FutexWaiter[] = [];
  map.set(key, fresh);
  return fresh;
};

/** Calls that a signal ended leave their waiter behind: it no longer counts. */
const waits = (w: FutexWaiter): boolean =>
  w.task.state !== 'dead' && !w.woken && w.task.call?.block?.state === w;
const purge = (list: FutexWaiter[]): void => {
  for (let i = list.length - 1; i >= 0; i--) if (!waits(list[i] as FutexWaiter)) list.splice(i, 1);
};

export const addWaiter = (
  task: Task,
  list: FutexWaiter[],
  bitset: number,
  deadline: number | null,
  pi = false,
): FutexWaiter => {
  const w: FutexWaiter = { task, queue: waitQueue(), bitset, deadline, pi, list, woken: false };
  list.push(w);
  return w;
};

export const removeWaiter = (w: FutexWaiter): void => {
  const at = w.list.indexOf(w);
  if (at >= 0) w.list.splice(at, 1);
};

const release = (w: FutexWaiter): void => {
  w.woken = true;
  wake(w.queue);
};

/** Wakes up to n waiters whose bitset has a bit in common; returns how many. */
export const wakeFutex = (list: FutexWaiter[] | null, n: number, bitset: number): number => {
  if (list === null) return 0;
  let done = 0;
  for (let i = 0; i < list.length && done < n; ) {
    const w = list[i] as FutexWaiter;
    if ((w.bitset & bitset) === 0) {
      i++;
      continue;
    }
    list.splice(i, 1);
    release(w);
    done++;
  }
  return done;
};

/** Takes the first waiter off without regard to bitsets: the next owner of a PI lock. */
export const takeWaiter = (list: FutexWaiter[] | null): FutexWaiter | null => {
  const w = list?.shift();
  if (w === undefined) return null;
  release(w);
  return w;
};

/** Moves up to n waiters to another futex without waking them. */
export const requeueFutex = (from: FutexWaiter[] | null, to: FutexWaiter[], n: number): number => {
  if (from === null) return 0;
  const moved = from.splice(0, n);
  for (const w of moved) {
    w.list = to;
    to.push(w);
  }
  return moved.length;
};

/** Wakes one waiter of a word, private or shared: what the kernel does at a thread's exit. */
export const wakeAddress = (task: Task, addr: number): void => {
  for (const isPrivate of [true, false]) wakeFutex(bucket(task, addr, isPrivate, false), 1, -1);
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
    if (node !== pending && !markDead(task, node + offset, entry % 2 === 1)) return;
    entry = next;
  }
  if (pending !== 0) markDead(task, pending + offset, pendingEntry % 2 === 1);
};

const markDead = (task: Task, addr: number, pi: boolean): boolean => {
  const { mm } = task;
  const word = mm.readU32(addr);
  if (word === null) return false;
  if ((word & FUTEX_TID_MASK) !== task.tid) return true;
  if (!mm.writeU32(addr, ((word & FUTEX_WAITERS) | FUTEX_OWNER_DIED) >>> 0)) return false;
  if (pi) handOver(task, addr, FUTEX_OWNER_DIED);
  else if ((word & FUTEX_WAITERS) !== 0) wakeAddress(task, addr);
  return true;
};

/** Gives a PI lock to its first waiter, or frees it; `extra` bits are kept in the word. False: bad address. */
export const handOver = (task: Task, addr: number, extra: number): boolean => {
  const list = bucket(task, addr, true, false) ?? bucket(task, addr, false, false);
  const next = takeWaiter(list);
  const more = list !== null && list.length > 0 ? FUTEX_WAITERS : 0;
  return task.mm.writeU32(addr, next === null ? extra : (next.task.tid | more | extra) >>> 0);
};
