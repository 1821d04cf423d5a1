// Advisory file locks: POSIX record locks (owned by a process's descriptor table, as in Linux), open file
// description locks, and flock's whole-file locks. See fcntl(2) and flock(2).

import { EAGAIN, EDEADLK, ENOLCK } from '../../abi/errno.ts';
import { F_UNLCK, F_WRLCK, LOCK_EX, LOCK_UN } from '../../abi/fcntl.ts';
import { COST, charge, type KernelHeap, uncharge } from '../heap.ts';
import type { FileTable, Task } from '../task/types.ts';
import { type Block, block, type Result, type WaitQueue, waitQueue, wake } from '../wait.ts';
import type { Inode, OpenFile } from './types.ts';

export type LockOwner = FileTable | OpenFile;

export interface RangeLock {
  readonly owner: LockOwner;
  /** The description that it was asked for with (fdinfo). */
  readonly file?: OpenFile;
  /** As F_GETLK reports it: -1 for open file description locks. */
  readonly pid: number;
  /** F_RDLCK, F_WRLCK, or F_UNLCK in requests. */
  readonly type: number;
  /** Bytes [start, end); Infinity locks to the end of the file, however it grows. */
  readonly start: number;
  readonly end: number;
}

/** A lock of flock(2). */
export interface FileLock {
  readonly file: OpenFile;
  /** LOCK_SH or LOCK_EX. */
  readonly type: number;
  /** The process that took it. */
  readonly pid: number;
}

/** What a task that waits for a lock wants. */
export interface LockWait {
  readonly inode: Inode;
  readonly want: RangeLock | FileLock;
}
export const lockWaitOf = (task: Task): LockWait | undefined =>
  (task.blockedOn?.state as { lockWait?: LockWait } | null | undefined)?.lockWait;

/** Whether a lock keeps another from being taken. */
export const stops = (held: RangeLock | FileLock, want: RangeLock | FileLock): boolean =>
  'owner' in held ? 'owner' in want && clashes(held, want) : !('owner' in want) && held.file !== want.file;

export interface InodeLocks {
  ranges: RangeLock[];
  flocks: FileLock[];
  readonly changed: WaitQueue;
  /** Where the ranges are charged; null before the first. */
  heap: KernelHeap | null;
}

const locksOf = (inode: Inode): InodeLocks => {
  inode.locks ??= { ranges: [], flocks: [], changed: waitQueue(), heap: null };
  return inode.locks;
};

const overlaps = (a: RangeLock, b: RangeLock): boolean => a.start < b.end && b.start < a.end;
const clashes = (a: RangeLock, b: RangeLock): boolean =>
  a.owner !== b.owner && overlaps(a, b) && (a.type === F_WRLCK || b.type === F_WRLCK);

/** The lock that stands in the way of `want`, or null (F_GETLK). */
export const conflicting = (inode: Inode, want: RangeLock): RangeLock | null =>
  inode.locks?.ranges.find((l) => clashes(l, want)) ?? null;

/** Most locks of one file: each costs whoever looks for those that are in the way. */
const MAX_LOCKS = 1 << 16;

/** Replaces what the owner held in the range; neighbours of the same type merge. False when there are too many. */
const place = (locks: InodeLocks, heap: KernelHeap, want: RangeLock): boolean => {
  if (want.type !== F_UNLCK && locks.ranges.length >= MAX_LOCKS) return false;
  const kept: RangeLock[] = [];
  let { start, end } = want;
  for (const l of locks.ranges) {
    const touches = l.start <= end && start <= l.end;
    if (l.owner !== want.owner || !touches) kept.push(l);
    else if (l.type === want.type) {
      start = Math.min(start, l.start);
      end = Math.max(end, l.end);
    } else {
      if (l.start < want.start) kept.push({ ...l, end: Math.min(l.end, want.start) });
      if (l.end > want.end) kept.push({ ...l, start: Math.max(l.start, want.end) });
    }
  }
  if (want.type !== F_UNLCK) kept.push({ ...want, start, end });
  const more = kept.length - locks.ranges.length;
  if (more > 0 && !charge(heap, more * COST.lock)) return false;
  if (more < 0) uncharge(heap, -more * COST.lock);
  locks.heap = heap;
  locks.ranges = kept.sort((a, b) => a.start - b.start);
  return true;
};

/** Would waiting for `blocker` close a circle of processes that wait for each other? */
const deadlocks = (task: Task, blocker: RangeLock): boolean => {
  const seen = new Set<LockOwner>([task.files]);
  let at: RangeLock | null = blocker;
  while (at !== null) {
    if (at.owner === task.files) return true;
    if (seen.has(at.owner)) return false;
    seen.add(at.owner);
    const owner: LockOwner = at.owner;
    at = null;
    for (const other of task.kernel.tasks.values()) {
      const waits = other.files === owner ? lockWaitOf(other) : undefined;
      if (waits !== undefined && 'owner' in waits.want) at = conflicting(waits.inode, waits.want);
    }
  }
  return false;
};

/** F_SETLK, F_SETLKW and their OFD kin. */
export const setLock = (task: Task, inode: Inode, want: RangeLock, wait: boolean): Result => {
  const locks = locksOf(inode);
  if (want.type !== F_UNLCK) {
    const blocker = conflicting(inode, want);
    if (blocker !== null) {
      if (!wait) return -EAGAIN;
      if (want.owner === task.files && deadlocks(task, blocker)) return -EDEADLK;
      return block([locks.changed], 'restart', null, { lockWait: { inode, want } });
    }
  }
  if (!place(locks, task.kernel.heap, want)) return -ENOLCK;
  wake(locks.changed);
  return 0;
};

/** flock(2): `operation` without LOCK_NB. */
export const setFlock = (task: Task, file: OpenFile, operation: number, wait: boolean): number | Block => {
  const locks = locksOf(file.inode);
  const held = locks.flocks.find((l) => l.file === file);
  if (held?.type === operation) return 0;
  // Converting is not atomic: the old lock goes first (flock(2)).
  if (held !== undefined) {
    locks.flocks = locks.flocks.filter((l) => l !== held);
    wake(locks.changed);
  }
  if (operation === LOCK_UN) return 0;
  const want: FileLock = { file, type: operation, pid: task.process.pid };
  if (locks.flocks.some((l) => l.type === LOCK_EX || operation === LOCK_EX)) {
    const lockWait: LockWait = { inode: file.inode, want };
    return wait ? block([locks.changed], 'restart', null, { lockWait }) : -EAGAIN;
  }
  locks.flocks.push(want);
  return 0;
};

/** Closing any descriptor of a file drops all POSIX locks that the process has on it. */
export const dropLocks = (inode: Inode, owner: LockOwner): void => {
  const locks = inode.locks;
  if (!locks) return;
  const ranges = locks.ranges.filter((l) => l.owner !== owner);
  const flocks = locks.flocks.filter((l) => l.file !== owner);
  if (ranges.length === locks.ranges.length && flocks.length === locks.flocks.length) return;
  if (locks.heap !== null) uncharge(locks.heap, (locks.ranges.length - ranges.length) * COST.lock);
  locks.ranges = ranges;
  locks.flocks = flocks;
  wake(locks.changed);
};
