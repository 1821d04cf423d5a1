// The clocks of clock_gettime(2), in ns where a double is exact enough and as seconds and ns where it is not.

import { EINVAL } from '../../abi/errno.ts';
import { CLOCKS } from '../../abi/time.ts';
import { realtime } from '../clock.ts';
import { processSystemNs, processUserNs } from './itimers.ts';
import { settle } from './runqueue.ts';
import type { Task } from './types.ts';

export interface Time {
  sec: number;
  nsec: number;
}

export const fromNs = (ns: number): Time => {
  const sec = Math.floor(ns / 1e9);
  return { sec, nsec: Math.floor(ns - sec * 1e9) };
};
export const toNs = (t: Readonly<Time>): number => t.sec * 1e9 + t.nsec;
/** A timespec that the kernel takes: not negative, less than a second of ns. */
export const validTime = (t: Readonly<Time>): boolean => t.sec >= 0 && t.nsec >= 0 && t.nsec < 1e9;

// The two alarm clocks need a real-time clock device that wakes the host: EINVAL, as on a machine without one.
const isRealtime = (clock: number): boolean =>
  clock === CLOCKS.CLOCK_REALTIME || clock === CLOCKS.CLOCK_REALTIME_COARSE || clock === CLOCKS.CLOCK_TAI;
const isMonotonic = (clock: number): boolean =>
  clock === CLOCKS.CLOCK_MONOTONIC ||
  clock === CLOCKS.CLOCK_MONOTONIC_RAW ||
  clock === CLOCKS.CLOCK_MONOTONIC_COARSE ||
  clock === CLOCKS.CLOCK_BOOTTIME;

/** A negative clock id is ~pid << 3 | 4 for a thread | kind (0 PROF, 1 VIRT, 2 SCHED); 3 stands for a descriptor. */
const dynamic = (clock: number): { id: number; thread: boolean; kind: number } => ({
  id: ~(clock >> 3),
  thread: (clock & 4) !== 0,
  kind: clock & 3,
});

/** CPU time of the clock in ns, null when it is no CPU clock of a living task. */
const cpuNs = (task: Task, clock: number): number | null => {
  const { kernel } = task;
  settle(kernel);
  if (clock === CLOCKS.CLOCK_THREAD_CPUTIME_ID) return task.userNs + task.systemNs;
  if (clock === CLOCKS.CLOCK_PROCESS_CPUTIME_ID) {
    return processUserNs(task.process) + processSystemNs(task.process);
  }
  if (clock >= 0) return null;
  const { id, thread, kind } = dynamic(clock);
  if (kind === 3) return null;
  if (thread) {
    const t = id === 0 ? task : kernel.tasks.get(id);
    if (t === undefined || t.process !== task.process) return null;
    return t.userNs + (kind === 1 ? 0 : t.systemNs);
  }
  const p = id === 0 ? task.process : kernel.processes.get(id);
  if (p === undefined) return null;
  return processUserNs(p) + (kind === 1 ? 0 : processSystemNs(p));
};

/** The time on a clock, or -EINVAL. */
export const readClock = (task: Task, clock: number): Time | number => {
  const { clock: host } = task.kernel;
  if (isMonotonic(clock)) return fromNs(host.monotonic());
  if (isRealtime(clock)) return realtime(host);
  const ns = cpuNs(task, clock);
  return ns === null ? -EINVAL : fromNs(ns);
};

const CLOCK_IDS: readonly number[] = Object.values(CLOCKS);
/** A clock that has a number of its own, whether it can be read here or not. */
export const isStaticClock = (clock: number): boolean => CLOCK_IDS.includes(clock);

/** Clocks that can be slept on and timed by; CPU clocks only by timers. */
export const isWallClock = (clock: number): boolean =>
  (isMonotonic(clock) && clock !== CLOCKS.CLOCK_MONOTONIC_RAW && clock !== CLOCKS.CLOCK_MONOTONIC_COARSE) ||
  (isRealtime(clock) && clock !== CLOCKS.CLOCK_REALTIME_COARSE);

/** Monotonic ns at which a wall clock will show an absolute time. */
export const monotonicAt = (task: Task, clock: number, t: Readonly<Time>): number => {
  const { clock: host } = task.kernel;
  if (!isRealtime(clock)) return toNs(t);
  const now = realtime(host);
  return host.monotonic() + (t.sec - now.sec) * 1e9 + (t.nsec - now.nsec);
};

/** Deadline of a relative or absolute timeout on a wall clock, monotonic ns. */
export const deadlineOf = (task: Task, clock: number, t: Readonly<Time>, absolute: boolean): number =>
  absolute ? monotonicAt(task, clock, t) : task.kernel.clock.monotonic() + toNs(t);
