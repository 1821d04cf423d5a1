// Futexes with priority inheritance (futex(2), kernel/futex/pi.c): the word has the owner's thread id, and an owner hands
// the lock over to whoever is first in line. The scheduler knows no priorities, so none is lent: they decide the line only.

import { EAGAIN, EDEADLK, EFAULT, EINVAL, EPERM, ESRCH } from '../../abi/errno.ts';
import { FUTEX_BITSET_MATCH_ANY, FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS } from '../../abi/futex.ts';
import {
  addWaiter,
  type FutexKey,
  type FutexWaiter,
  moveWaiter,
  release,
  sameFutex,
  waitersOf,
} from './futex.ts';
import type { Task } from './types.ts';

/** A lock that somebody waits for. */
export interface PiLock {
  owner: Task;
}

/** The kernel's knowledge of the owner against the word's: they differ when a program broke the protocol. */
const agrees = (lock: PiLock, word: number): boolean => {
  const tid = word & FUTEX_TID_MASK;
  return tid === lock.owner.tid || (tid === 0 && (word & FUTEX_OWNER_DIED) !== 0);
};

/** Whether waiting for a lock would wait for oneself, through whatever locks its owner waits for. */
const closesCircle = (by: Task, lock: PiLock): boolean => {
  const seen = new Set<Task>();
  for (let owner = lock.owner; !seen.has(owner); ) {
    if (owner === by) return true;
    seen.add(owner);
    const w = owner.call?.block?.state as Partial<FutexWaiter> | null | undefined;
    if (!w?.pi || w.woken || w.task !== owner) return false;
    owner = w.pi.owner;
  }
  return false;
};

/**
 * Takes a lock for a task if it is free. Otherwise marks it as waited for and gives what to wait for. `wanted`: others
 * will wait for it, so that the new owner has to ask the kernel when it unlocks (futex_lock_pi_atomic).
 */
const claim = (
  task: Task,
  addr: number,
  key: FutexKey,
  by: Task,
  wanted: boolean,
): { lock: PiLock; taken: boolean } | number => {
  const word = task.mm.readU32(addr);
  if (word === null) return -EFAULT;
  const tid = word & FUTEX_TID_MASK;
  if (tid === by.tid) return -EDEADLK;
  const top = waitersOf(key)[0];
  if (top !== undefined)
    return top.pi !== null && agrees(top.pi, word) ? { lock: top.pi, taken: false } : -EINVAL;
  const next =
    tid === 0 ? (word & FUTEX_OWNER_DIED) | by.tid | (wanted ? FUTEX_WAITERS : 0) : word | FUTEX_WAITERS;
  if (!task.mm.writeU32(addr, next >>> 0)) return -EFAULT;
  const owner = tid === 0 ? by : task.kernel.tasks.get(tid);
  if (owner === undefined || owner.state === 'dead') return -ESRCH;
  return { lock: { owner }, taken: tid === 0 };
};

/** FUTEX_LOCK_PI: 0, what to wait with, or -errno. */
export const lockPi = (
  task: Task,
  addr: number,
  key: FutexKey,
  deadline: number | null,
  tryOnly: boolean,
): FutexWaiter | number => {
  const c = claim(task, addr, key, task, false);
  if (typeof c === 'number') return c;
  if (c.taken) return 0;
  if (tryOnly) return -EAGAIN;
  if (closesCircle(task, c.lock)) return -EDEADLK;
  task.kernel.futexes.pi = true;
  return addWaiter(task, key, { bitset: FUTEX_BITSET_MATCH_ANY, deadline, pi: c.lock, lockAt: addr });
};

/** FUTEX_UNLOCK_PI. The new owner has to come here, too, whether or not somebody waits behind it. */
export const unlockPi = (task: Task, addr: number, key: FutexKey): number => {
  const word = task.mm.readU32(addr);
  if (word === null) return -EFAULT;
  if ((word & FUTEX_TID_MASK) !== task.tid) return -EPERM;
  const next = waitersOf(key)[0];
  if (next === undefined) return task.mm.writeU32(addr, 0) ? 0 : -EFAULT;
  if (next.pi === null || next.pi.owner !== task) return -EINVAL;
  if (!task.mm.writeU32(addr, (FUTEX_WAITERS | next.task.tid) >>> 0)) return -EFAULT;
  handOver(next.pi, next);
  return 0;
};

const handOver = (lock: PiLock, next: FutexWaiter): void => {
  lock.owner = next.task;
  release(next);
};

/**
 * FUTEX_CMP_REQUEUE_PI: the first waiter gets the lock if it is free; it and up to `moves` others, or as many as that, wait
 * for it from now on. The count of all, or -errno.
 */
export const requeuePi = (task: Task, from: FutexKey, addr: number, to: FutexKey, moves: number): number => {
  const list = [...waitersOf(from)];
  const first = list[0];
  if (first === undefined) return 0;
  const fits = (w: FutexWaiter): boolean => w.target !== null && w.pi === null && sameFutex(w.target, to);
  if (!fits(first)) return -EINVAL;
  const c = claim(task, addr, to, first.task, moves > 0);
  if (typeof c === 'number') return c;
  task.kernel.futexes.pi = true;
  let done = 0;
  if (c.taken) {
    done = 1;
    release(first);
    list.shift();
  }
  for (const w of list) {
    if (done - 1 >= moves) break;
    if (!fits(w)) return -EINVAL;
    if (closesCircle(w.task, c.lock)) return -EDEADLK;
    w.pi = c.lock;
    moveWaiter(w, to);
    done++;
  }
  return done;
};

/** A thread ends: whoever is first in line for a lock of its gets it, marked as left behind (exit_pi_state_list). */
export const dropPiLocks = (task: Task): void => {
  const { futexes } = task.kernel;
  if (!futexes.pi) return;
  for (const map of [futexes.private.get(task.mm), futexes.shared]) {
    for (const at of [...(map?.keys() ?? [])]) {
      const next = map === undefined ? undefined : waitersOf({ map, at })[0];
      if (next?.pi?.owner !== task) continue;
      next.task.mm.writeU32(next.lockAt, (FUTEX_WAITERS | FUTEX_OWNER_DIED | next.task.tid) >>> 0);
      handOver(next.pi, next);
    }
  }
};
