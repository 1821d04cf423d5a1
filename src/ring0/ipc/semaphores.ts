// System V semaphore sets (semop(2)): operations on several semaphores at once, and what a process's end undoes.

import { EAGAIN, EIDRM, EINVAL, ENOMEM, ENOSPC, ERANGE } from '../../abi/errno.ts';
import { IPC_NOWAIT, SEM_UNDO, SEMVMX } from '../../abi/ipc.ts';
import { realtime } from '../clock.ts';
import { charge, uncharge } from '../heap.ts';
import type { Kernel } from '../kernel.ts';
import type { Process, Task } from '../task/types.ts';
import { block, type Result, type WaitQueue, waitQueue, wake } from '../wait.ts';
import {
  getObject,
  type IpcObject,
  type IpcTable,
  ipcTable,
  live,
  newPerm,
  removeObject,
} from './objects.ts';

/** Bytes of the heap that a set and one of its semaphores cost. */
const SET_BYTES = 512;
const SEM_BYTES = 32;

export interface SemaphoreSet extends IpcObject {
  readonly values: number[];
  /** Who changed each last. */
  readonly pids: number[];
  otime: number;
  ctime: number;
  removed: boolean;
  /** Whoever waits for any of them. */
  readonly changed: WaitQueue;
}

export interface Semaphores extends IpcTable<SemaphoreSet> {
  /** What the end of a process adds to each semaphore of a set (SEM_UNDO). */
  readonly undo: Map<Process, Map<SemaphoreSet, number[]>>;
}

export interface Operation {
  readonly sem: number;
  readonly op: number;
  readonly flags: number;
}

/** What a waiting task waits for: GETNCNT and GETZCNT count these. */
interface Waiting {
  readonly set: SemaphoreSet;
  readonly deadline: number | null;
  readonly sem: number;
  readonly forZero: boolean;
}

export const semaphoresOf = (kernel: Kernel): Semaphores => {
  if (kernel.ipc.semaphores === null) {
    const table: Semaphores = { ...ipcTable<SemaphoreSet>(), undo: new Map() };
    kernel.ipc.semaphores = table;
    const { exitTask } = kernel.hooks;
    kernel.hooks.exitTask = (task) => {
      if (task.process.threads.size === 1) undoAll(table, task.process);
      exitTask(task);
    };
  }
  return kernel.ipc.semaphores;
};

const seconds = (kernel: Kernel): number => realtime(kernel.clock).sec;

/** How many semaphores all sets have together. */
export const semaphoresIn = (kernel: Kernel): number =>
  live(semaphoresOf(kernel)).reduce((sum, s) => sum + s.values.length, 0);

/** semget(2): the id. */
export const getSet = (task: Task, key: number, n: number, how: number): number => {
  const { kernel } = task;
  const [perSet, inAll, , sets] = kernel.settings['kernel/sem'];
  if (n < 0 || n > perSet) return -EINVAL;
  return getObject(
    task,
    semaphoresOf(kernel),
    key,
    how,
    sets,
    (known) => (n > known.values.length ? -EINVAL : 0),
    (id) => {
      if (n === 0) return -EINVAL;
      if (semaphoresIn(kernel) + n > inAll) return -ENOSPC;
      if (!charge(kernel.heap, SET_BYTES + n * SEM_BYTES)) return -ENOMEM;
      return {
        ...newPerm(task, how),
        id,
        key,
        values: new Array<number>(n).fill(0),
        pids: new Array<number>(n).fill(0),
        otime: 0,
        ctime: seconds(kernel),
        removed: false,
        changed: waitQueue(),
      };
    },
  );
};

export const removeSet = (kernel: Kernel, set: SemaphoreSet): void => {
  const table = semaphoresOf(kernel);
  removeObject(table, set);
  uncharge(kernel.heap, SET_BYTES + set.values.length * SEM_BYTES);
  for (const sets of table.undo.values()) sets.delete(set);
  set.removed = true;
  wake(set.changed);
};

/** The first operation that has to wait, -errno for one that cannot be, or the values after all of them. */
const attempt = (
  set: SemaphoreSet,
  list: readonly Operation[],
  adjust: readonly number[] | undefined,
): Operation | number | { values: Map<number, number>; undo: Map<number, number> } => {
  const values = new Map<number, number>();
  const undo = new Map<number, number>();
  for (const o of list) {
    const now = values.get(o.sem) ?? (set.values[o.sem] as number);
    if (o.op === 0 ? now !== 0 : now + o.op < 0) return o.flags & IPC_NOWAIT ? -EAGAIN : o;
    if (now + o.op > SEMVMX) return -ERANGE;
    if (o.flags & SEM_UNDO) {
      const back = (undo.get(o.sem) ?? adjust?.[o.sem] ?? 0) - o.op;
      if (back < -SEMVMX - 1 || back > SEMVMX) return -ERANGE;
      undo.set(o.sem, back);
    }
    values.set(o.sem, now + o.op);
  }
  return { values, undo };
};

/** semop(2) and semtimedop(2) on a set that the task may change; `timeout` in ns. */
export const operate = (
  task: Task,
  set: SemaphoreSet,
  list: readonly Operation[],
  timeout: number | null,
): Result => {
  const { kernel, process } = task;
  if (set.removed) return -EIDRM;
  const all = semaphoresOf(kernel).undo;
  const mine = all.get(process);
  const r = attempt(set, list, mine?.get(set));
  if (typeof r === 'number') return r;
  if ('sem' in r) {
    const now = kernel.clock.monotonic();
    const waiting = task.resume as Waiting | undefined;
    const deadline = waiting ? waiting.deadline : timeout === null ? null : now + timeout;
    if (deadline !== null && now >= deadline) return -EAGAIN;
    const state: Waiting = { set, deadline, sem: r.sem, forZero: r.op === 0 };
    return block([set.changed], 'eintr', deadline, state);
  }
  for (const [sem, v] of r.values) set.values[sem] = v;
  for (const o of list) set.pids[o.sem] = process.pid;
  set.otime = seconds(kernel);
  if (r.undo.size > 0) {
    const sets = mine ?? new Map<SemaphoreSet, number[]>();
    all.set(process, sets);
    const adjust = sets.get(set) ?? set.values.map(() => 0);
    sets.set(set, adjust);
    for (const [sem, v] of r.undo) adjust[sem] = v;
  }
  if (list.some((o) => o.op !== 0)) wake(set.changed);
  return 0;
};

const undoAll = (table: Semaphores, process: Process): void => {
  const sets = table.undo.get(process);
  if (sets === undefined) return;
  table.undo.delete(process);
  for (const [set, adjust] of sets) {
    for (const [sem, by] of adjust.entries()) {
      if (by === 0) continue;
      set.values[sem] = Math.min(Math.max((set.values[sem] as number) + by, 0), SEMVMX);
      set.pids[sem] = process.pid;
    }
    set.otime = seconds(process.leader.kernel);
    wake(set.changed);
  }
};

/** SETVAL and SETALL: what was to be undone is forgotten. */
export const setValue = (task: Task, set: SemaphoreSet, sem: number, v: number): void => {
  set.values[sem] = v;
  set.pids[sem] = task.process.pid;
  for (const sets of semaphoresOf(task.kernel).undo.values()) {
    const adjust = sets.get(set);
    if (adjust !== undefined) adjust[sem] = 0;
  }
};

/** How many tasks wait for a semaphore to grow, or to become zero. */
export const waitersFor = (kernel: Kernel, set: SemaphoreSet, sem: number, forZero: boolean): number => {
  let n = 0;
  for (const t of kernel.tasks.values()) {
    if (t.blockedOn === null || !t.blockedOn.on.includes(set.changed)) continue;
    const w = t.blockedOn.state as Waiting;
    if (w.sem === sem && w.forZero === forZero) n++;
  }
  return n;
};
