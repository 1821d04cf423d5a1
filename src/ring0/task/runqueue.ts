// Which tasks can run, and which one's registers are in the CPU block: the run queue, parking on wait queues,
// and the switch of contexts. Everything here is on the path of a pipe's round trip, so nothing allocates.

import type { Kernel } from '../kernel.ts';
import type { AddressSpace } from '../mm/types.ts';
import type { Block } from '../wait.ts';
import { type FrameBuffer, frameBuffer } from './frame.ts';
import { type Load, noLoad } from './load.ts';
import { type TimerHeap, timerHeap } from './timers.ts';
import type { Task } from './types.ts';

/**
 * Blocks that a task may enter before it is the next one's turn: about a millisecond for most code. Code whose
 * blocks take longer (x87, for one) gets fewer, so that timers and signals are not late.
 */
export const BUDGET = 100_000;

/** The scheduler's state, one per kernel. */
export interface RunState {
  head: Task | null;
  tail: Task | null;
  /** Whose context is in the CPU block; null before the first and after an exit. */
  loaded: Task | null;
  /** What the CPU's page table belongs to. */
  mm: AddressSpace | null;
  /** Address spaces to release once the CPU has left the code that runs in them. */
  readonly graveyard: AddressSpace[];
  readonly timers: TimerHeap;
  /** Signal frames are put together here. */
  readonly frame: FrameBuffer;
  lastPid: number;
  /** Monotonic ns up to which the CPU time of the running task is accounted. */
  sliceStart: number;
  /** Monotonic ns from which on the running task has had its turn, whatever is left of its budget. */
  turnEnd: number;
  /** Since boot: context switches and forks, for /proc/stat. */
  switches: number;
  forks: number;
  readonly load: Load;
}

export const runState = (): RunState => ({
  head: null,
  tail: null,
  loaded: null,
  mm: null,
  graveyard: [],
  timers: timerHeap(),
  frame: frameBuffer(),
  lastPid: 0,
  sliceStart: 0,
  turnEnd: 0,
  switches: 0,
  forks: 0,
  load: noLoad(),
});

const enqueue = (run: RunState, task: Task): void => {
  if (task.queued) return;
  task.queued = true;
  task.next = null;
  if (run.tail === null) run.head = task;
  else run.tail.next = task;
  run.tail = task;
};

/** The next runnable task, taken off the queue; null when there is none. */
export const pick = (run: RunState): Task | null => {
  for (;;) {
    const task = run.head;
    if (task === null) return null;
    run.head = task.next;
    if (run.head === null) run.tail = null;
    task.next = null;
    task.queued = false;
    // A task that was stopped or killed while it was queued stays in the queue until here.
    if (task.state === 'runnable') return task;
  }
};

/** Takes a task off the wait queues it is parked on, whatever its state. */
export const unpark = (task: Task): void => {
  const { blockedOn } = task;
  if (blockedOn === null) return;
  task.blockedOn = null;
  for (const q of blockedOn.on) q.waiters.delete(task);
  if (task.cancelDeadline !== null) {
    task.cancelDeadline();
    task.cancelDeadline = null;
  }
};

/** Makes a task runnable and queues it, unless it is dead or on the CPU already. */
export const ready = (task: Task): void => {
  if (task.state === 'dead') return;
  unpark(task);
  task.state = 'runnable';
  if (task !== task.kernel.current) enqueue(task.kernel.run, task);
};

/** Puts a preempted task at the end of the queue. */
export const requeue = (task: Task): void => {
  if (task.state === 'runnable') enqueue(task.kernel.run, task);
};

/** Wakes a blocked task so that its call is tried again; a stopped one stays stopped (it tries again then). */
export const wakeTask = (task: Task): void => {
  if (task.state === 'blocked') ready(task);
};

/** Puts the task to sleep until one of the queues is woken or the deadline passes. */
export const sleepOn = (task: Task, block: Block): void => {
  task.state = 'blocked';
  task.blockedOn = block;
  for (const q of block.on) q.waiters.add(task);
  if (block.deadline !== null) task.cancelDeadline = task.kernel.at(block.deadline, task.wake);
};

/** Takes the task out of running for a stop; its blocked call is tried again when it continues. */
export const suspend = (task: Task): void => {
  if (task.state === 'dead') return;
  unpark(task);
  task.state = 'stopped';
};

/** Accounts the time since the running task was put on the CPU, or since this was last called. Returns the time. */
export const settle = ({ run, clock, current }: Kernel): number => {
  const now = clock.monotonic();
  if (current !== null) {
    const ns = now - run.sliceStart;
    // What one timed call stands for may be more than there was time for since then: the rest is later time's.
    const systemNs = Math.min(current.callNs, ns);
    current.callNs -= systemNs;
    const to = current.state === 'dead' ? current.process : current;
    to.systemNs += systemNs;
    to.userNs += ns - systemNs;
    run.sliceStart = now;
  }
  return now;
};

/** Loads the task's registers and address space into the CPU, saving whoever was there. */
export const switchTo = (task: Task): void => {
  const { run, cpu } = task.kernel;
  const { loaded } = run;
  if (loaded !== task) {
    if (loaded !== null) cpu.save(loaded.context);
    cpu.load(task.context);
    run.loaded = task;
    run.switches++;
  }
  if (run.mm !== task.mm) {
    run.mm = task.mm;
    cpu.switchTo(task.mm.pageTable);
  }
};

/** The task's `context` was filled anew (execve): if it is on the CPU, the CPU gets it. */
export const adoptContext = (task: Task): void => {
  if (task.kernel.run.loaded === task) task.kernel.cpu.load(task.context);
};

/** Gives the task another address space (execve); the old one loses a reference once the CPU has left it. */
export const replaceMm = (task: Task, mm: AddressSpace): void => {
  const { run, cpu } = task.kernel;
  run.graveyard.push(task.mm);
  task.mm = mm;
  if (run.loaded === task) {
    run.mm = mm;
    cpu.switchTo(mm.pageTable);
  }
};

/** Drops the address spaces that tasks have left. Only while nothing runs in ring 3. */
export const bury = (kernel: Kernel): void => {
  const { graveyard } = kernel.run;
  for (let mm = graveyard.pop(); mm !== undefined; mm = graveyard.pop()) {
    // The CPU must not keep a page table that is about to be freed.
    if (mm.refs === 1 && kernel.run.mm === mm) kernel.run.mm = null;
    mm.release();
  }
};

/** Everybody who is in the run queue, for /proc/loadavg. */
export const runnableCount = (kernel: Kernel): number => {
  let n = kernel.current === null ? 0 : 1;
  for (let t = kernel.run.head; t !== null; t = t.next) if (t.state === 'runnable') n++;
  return n;
};
