// Interval timers and POSIX timers of a process (setitimer(2), timer_create(2)). Those on wall-clock time sit in
// the kernel's heap; those on CPU time are looked at after each time slice.

import { RLIMITS } from '../../abi/resource.ts';
import { SI, SIG } from '../../abi/signal.ts';
import { CLOCKS } from '../../abi/time.ts';
import { COST, uncharge } from '../heap.ts';
import type { Kernel } from '../kernel.ts';
import { settle } from './runqueue.ts';
import { kernelInfo, signalProcess, signalTask } from './signals.ts';
import type { IntervalTimer, PosixTimer } from './timers.ts';
import type { Process, SigInfo, Task } from './types.ts';

export const intervalTimer = (): IntervalTimer => ({ next: null, interval: 0, cancel: null });

/** CPU time of all threads, ended ones included, ns. */
export const processUserNs = (p: Process): number => {
  let ns = p.userNs;
  for (const t of p.threads) ns += t.userNs;
  return ns;
};
export const processSystemNs = (p: Process): number => {
  let ns = p.systemNs;
  for (const t of p.threads) ns += t.systemNs;
  return ns;
};

/** Signals of ITIMER_REAL, ITIMER_VIRTUAL and ITIMER_PROF. */
const ITIMER_SIGNALS = [SIG.SIGALRM, SIG.SIGVTALRM, SIG.SIGPROF] as const;

/** Time on the timer's own clock: monotonic, user, or user and system time of the process. */
export const itimerNow = (process: Process, which: number): number => {
  const now = settle(process.leader.kernel);
  if (which === 0) return now;
  return processUserNs(process) + (which === 1 ? 0 : processSystemNs(process));
};

/** Arms or, with value 0, disarms; times in ns. */
export const setItimer = (process: Process, which: 0 | 1 | 2, value: number, interval: number): void => {
  const timer = process.itimers[which];
  timer.cancel?.();
  timer.cancel = null;
  if (which !== 0 && timer.next !== null) process.cpuTimers--;
  timer.interval = interval;
  timer.next = value === 0 ? null : itimerNow(process, which) + value;
  if (timer.next === null) return;
  if (which !== 0) process.cpuTimers++;
  else armReal(process, timer);
};

const armReal = (process: Process, timer: IntervalTimer): void => {
  if (timer.next === null) return;
  timer.cancel = process.leader.kernel.at(timer.next, () => {
    timer.cancel = null;
    timer.next = after(timer, process.leader.kernel.clock.monotonic());
    signalProcess(process, kernelInfo(SIG.SIGALRM));
    armReal(process, timer);
  });
};

/** The next expiry of a periodic timer after `now`, or null for a one-shot timer. */
const after = (timer: { next: number | null; interval: number }, now: number): number | null => {
  if (timer.next === null || timer.interval === 0) return null;
  const missed = Math.max(0, Math.floor((now - timer.next) / timer.interval));
  return timer.next + (missed + 1) * timer.interval;
};

/** Looks at what runs on CPU time: called after a slice of a process that has such timers or a limit. */
export const checkCpuTime = (process: Process): void => {
  for (const which of [1, 2] as const) {
    const timer = process.itimers[which];
    if (timer.next === null) continue;
    const now = itimerNow(process, which);
    if (now < timer.next) continue;
    timer.next = after(timer, now);
    if (timer.next === null) process.cpuTimers--;
    signalProcess(process, kernelInfo(ITIMER_SIGNALS[which]));
  }
  for (const timer of process.timers.values()) {
    if (timer.next === null || !onCpuTime(timer.clock)) continue;
    const now = timerNow(process, timer);
    if (now >= timer.next) expire(process, timer, now);
  }
  checkCpuLimit(process);
};

/** RLIMIT_CPU: SIGXCPU each second from the soft limit on, SIGKILL at the hard one. */
const checkCpuLimit = (process: Process): void => {
  const limit = process.rlimits[RLIMITS.RLIMIT_CPU];
  if (limit === undefined || limit.soft === Number.POSITIVE_INFINITY) return;
  const seconds = Math.floor((processUserNs(process) + processSystemNs(process)) / 1e9);
  if (seconds >= limit.hard) signalProcess(process, kernelInfo(SIG.SIGKILL));
  else if (seconds >= limit.soft && process.attributes.get('xcpu') !== seconds) {
    process.attributes.set('xcpu', seconds);
    signalProcess(process, kernelInfo(SIG.SIGXCPU));
  }
};
export const hasCpuLimit = (process: Process): boolean =>
  (process.rlimits[RLIMITS.RLIMIT_CPU]?.soft ?? Number.POSITIVE_INFINITY) !== Number.POSITIVE_INFINITY;

export const onCpuTime = (clock: number): boolean =>
  clock === CLOCKS.CLOCK_PROCESS_CPUTIME_ID || clock === CLOCKS.CLOCK_THREAD_CPUTIME_ID || clock < 0;

/** The timer's clock in ns; CPU clocks of other processes are not offered to timers. */
export const timerNow = (
  process: Process,
  timer: { readonly clock: number; readonly tid: number },
): number => {
  const { kernel } = process.leader;
  const now = settle(kernel);
  if (!onCpuTime(timer.clock)) return now;
  if (timer.clock === CLOCKS.CLOCK_THREAD_CPUTIME_ID) {
    const t = kernel.tasks.get(timer.tid) ?? process.leader;
    return t.userNs + t.systemNs;
  }
  return processUserNs(process) + processSystemNs(process);
};

/** Arms a POSIX timer for `next` on its own clock (monotonic ns or CPU ns), or disarms it. */
export const armTimer = (
  process: Process,
  timer: PosixTimer,
  next: number | null,
  interval: number,
): void => {
  timer.cancel?.();
  timer.cancel = null;
  const cpu = onCpuTime(timer.clock);
  if (cpu && timer.next !== null) process.cpuTimers--;
  timer.next = next;
  timer.interval = interval;
  timer.missed = 0;
  timer.overrun = 0;
  if (next === null) return;
  if (cpu) process.cpuTimers++;
  else armWall(process.leader.kernel, process, timer);
};

const armWall = (kernel: Kernel, process: Process, timer: PosixTimer): void => {
  if (timer.next === null) return;
  timer.cancel = kernel.at(timer.next, () => {
    timer.cancel = null;
    expire(process, timer, kernel.clock.monotonic());
    armWall(kernel, process, timer);
  });
};

const expire = (process: Process, timer: PosixTimer, now: number): void => {
  const due = timer.next ?? now;
  const times = timer.interval === 0 ? 1 : Math.floor((now - due) / timer.interval) + 1;
  timer.next = after(timer, now);
  if (timer.next === null && onCpuTime(timer.clock)) process.cpuTimers--;
  if (timer.notify === 1) return;
  const target = timer.tid === 0 ? null : (process.leader.kernel.tasks.get(timer.tid) ?? null);
  if (timer.tid !== 0 && (target === null || target.state === 'dead' || target.process !== process)) return;
  const list = target === null ? process.sharedPending : target.pending;
  // Only one signal of a timer is ever queued; the rest are overruns.
  if (list.hasTimer(timer.signo, timer.id)) {
    timer.missed += times;
    return;
  }
  timer.missed = times - 1;
  const info: SigInfo = {
    signo: timer.signo,
    errno: 0,
    code: SI.SI_TIMER,
    timerId: timer.id,
    overrun: 0,
    value: timer.value,
  };
  if (target === null) signalProcess(process, info);
  else signalTask(target, info);
};

/** As many overruns as are counted, INT_MAX. */
const DELAYTIMER_MAX = 0x7fffffff;

/** A timer's signal is being delivered: the overruns so far go with it. */
export const timerDequeued = (task: Task, info: SigInfo): SigInfo => {
  if (info.code !== SI.SI_TIMER || info.timerId === undefined) return info;
  const timer = task.process.timers.get(info.timerId);
  if (timer === undefined) return info;
  timer.overrun = Math.min(timer.missed, DELAYTIMER_MAX);
  timer.missed = 0;
  return { ...info, overrun: timer.overrun };
};

/** exit and (POSIX timers only) exec. */
export const deleteTimers = (process: Process): void => {
  for (const timer of process.timers.values()) armTimer(process, timer, null, 0);
  uncharge(process.leader.kernel.heap, process.timers.size * COST.timer);
  process.timers.clear();
};
export const cancelTimers = (process: Process): void => {
  deleteTimers(process);
  for (const which of [0, 1, 2] as const) setItimer(process, which, 0, 0);
};
