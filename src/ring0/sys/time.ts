// Clocks, sleeping and interval timers (time(7)).

import { EFAULT, EINVAL, EOPNOTSUPP, EPERM } from '../../abi/errno.ts';
import type { StructValue } from '../../abi/struct.ts';
import {
  CLOCKS,
  ITIMERS,
  ITIMERVAL,
  TIMER_ABSTIME,
  TIMER_FLAGS,
  TIMESPEC,
  TIMEVAL,
  TIMEZONE,
  TMS,
  USER_HZ,
} from '../../abi/time.ts';
import { addr, choice, flags, structIn, structInOrNull, structOut, uint } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { realtime } from '../clock.ts';
import {
  deadlineOf,
  fromNs,
  isStaticClock,
  isWallClock,
  readClock,
  type Time,
  validTime,
} from '../task/clock.ts';
import { itimerNow, processSystemNs, processUserNs, setItimer } from '../task/itimers.ts';
import { settle } from '../task/runqueue.ts';
import { deliverable } from '../task/signals.ts';
import type { Process, Task } from '../task/types.ts';
import { block, type Result } from '../wait.ts';

interface Sleep {
  readonly deadline: number;
}

/** Sleeps until a time on a clock. `remaining` gets what is left when a signal is about to interrupt it. */
const sleep = (
  task: Task,
  clock: number,
  time: Readonly<Time>,
  absolute: boolean,
  remaining: number,
): Result => {
  if (!validTime(time)) return -EINVAL;
  const again = task.resume as Sleep | undefined;
  const deadline = again?.deadline ?? deadlineOf(task, clock, time, absolute);
  const now = task.kernel.clock.monotonic();
  if (now >= deadline) return 0;
  if (again !== undefined && !absolute && remaining !== 0 && deliverable(task)) {
    if (!TIMESPEC.write(task.mm, remaining, fromNs(deadline - now))) return -EFAULT;
  }
  return block([], absolute ? 'nohand' : 'restart-block', deadline, { deadline } satisfies Sleep);
};

/** clock_nanosleep returns its errors as the others do, but knows which clocks it can sleep on. */
const clockSleep = (task: Task, clock: number, options: number, time: Time, remaining: number): Result => {
  if (!isWallClock(clock))
    return isStaticClock(clock) || readClock(task, clock) !== -EINVAL ? -EOPNOTSUPP : -EINVAL;
  return sleep(task, clock, time, (options & TIMER_ABSTIME) !== 0, remaining);
};

const ticks = (ns: number): number => Math.floor(ns / (1e9 / USER_HZ));

const micros = (ns: number): { sec: number; usec: number } => {
  const { sec, nsec } = fromNs(ns);
  return { sec, usec: Math.floor(nsec / 1000) };
};

/** What is left of an interval timer and its period, as struct itimerval. */
const readItimer = (process: Process, which: 0 | 1 | 2): Partial<StructValue<typeof ITIMERVAL.fields>> => {
  const timer = process.itimers[which];
  // An armed timer never shows zero, which would mean that it is not armed.
  const left = timer.next === null ? 0 : Math.max(1000, timer.next - itimerNow(process, which));
  const value = micros(left);
  const interval = micros(timer.interval);
  return {
    valueSec: value.sec,
    valueUsec: value.usec,
    intervalSec: interval.sec,
    intervalUsec: interval.usec,
  };
};

const isItimer = (which: number): which is 0 | 1 | 2 => which === 0 || which === 1 || which === 2;

const setitimer = (
  task: Task,
  which: number,
  next: StructValue<typeof ITIMERVAL.fields> | null,
  oldAt: number,
): number => {
  if (!isItimer(which)) return -EINVAL;
  const v = next ?? { intervalSec: 0, intervalUsec: 0, valueSec: 0, valueUsec: 0 };
  const bad = (sec: number, usec: number): boolean => sec < 0 || usec < 0 || usec >= 1e6;
  if (bad(v.valueSec, v.valueUsec) || bad(v.intervalSec, v.intervalUsec)) return -EINVAL;
  const old = readItimer(task.process, which);
  const value = v.valueSec * 1e9 + v.valueUsec * 1e3;
  setItimer(task.process, which, value, v.intervalSec * 1e9 + v.intervalUsec * 1e3);
  return oldAt === 0 || ITIMERVAL.write(task.mm, oldAt, old) ? 0 : -EFAULT;
};

const alarm = (task: Task, seconds: number): number => {
  const timer = task.process.itimers[0];
  const left = timer.next === null ? 0 : timer.next - task.kernel.clock.monotonic();
  setItimer(task.process, 0, seconds * 1e9, 0);
  // Rounded to the nearest second, but never down to 0 while one was pending.
  return left <= 0 ? 0 : Math.max(1, Math.round(left / 1e9));
};

const clockId = choice('clockid', CLOCKS, 'CLOCK_???');

export const rows = [
  syscall(
    'clock_gettime',
    [clockId, structOut('tp', TIMESPEC)],
    { returns: 'int', family: 'time' },
    (task, clock, at) => {
      const t = readClock(task, clock);
      if (typeof t === 'number') return t;
      return task.mm.writeI64(at, t.sec) && task.mm.writeI64(at + 8, t.nsec) ? 0 : -EFAULT;
    },
  ),
  syscall(
    'clock_getres',
    [clockId, structOut('res', TIMESPEC)],
    { returns: 'int', family: 'time' },
    (task, clock, at) => {
      const t = readClock(task, clock);
      if (typeof t === 'number') return t;
      const coarse = clock === CLOCKS.CLOCK_REALTIME_COARSE || clock === CLOCKS.CLOCK_MONOTONIC_COARSE;
      return at === 0 || TIMESPEC.write(task.mm, at, { sec: 0, nsec: coarse ? 4000000 : 1 }) ? 0 : -EFAULT;
    },
  ),
  syscall(
    'clock_settime',
    [clockId, structIn('tp', TIMESPEC)],
    { returns: 'int', family: 'time', support: 'stub', note: 'nobody has CAP_SYS_TIME: EPERM' },
    (_task, clock, time) => (clock === CLOCKS.CLOCK_REALTIME && validTime(time) ? -EPERM : -EINVAL),
  ),
  syscall(
    'nanosleep',
    [structIn('rqtp', TIMESPEC), structOut('rmtp', TIMESPEC)],
    { returns: 'int', family: 'time' },
    (task, time, remaining) => sleep(task, CLOCKS.CLOCK_MONOTONIC, time, false, remaining),
  ),
  syscall(
    'clock_nanosleep',
    [clockId, flags('flags', TIMER_FLAGS), structIn('rqtp', TIMESPEC), structOut('rmtp', TIMESPEC)],
    { returns: 'int', family: 'time', support: 'partial', note: 'not on CPU-time clocks (EOPNOTSUPP)' },
    clockSleep,
  ),
  syscall(
    'gettimeofday',
    [structOut('tv', TIMEVAL), structOut('tz', TIMEZONE)],
    { returns: 'int', family: 'time' },
    (task, tv, tz) => {
      const { sec, nsec } = realtime(task.kernel.clock);
      const usec = Math.floor(nsec / 1000);
      if (tv !== 0 && !TIMEVAL.write(task.mm, tv, { sec, usec })) return -EFAULT;
      return tz === 0 || TIMEZONE.write(task.mm, tz, {}) ? 0 : -EFAULT;
    },
  ),
  syscall('time', [addr('tloc')], { returns: 'int', family: 'time' }, (task, at) => {
    const { sec } = realtime(task.kernel.clock);
    return at === 0 || task.mm.writeI64(at, sec) ? sec : -EFAULT;
  }),
  syscall('times', [structOut('buf', TMS)], { returns: 'int', family: ['time', 'process'] }, (task, at) => {
    const { process } = task;
    settle(task.kernel);
    const used = {
      utime: ticks(processUserNs(process)),
      stime: ticks(processSystemNs(process)),
      cutime: ticks(process.childUserNs),
      cstime: ticks(process.childSystemNs),
    };
    if (at !== 0 && !TMS.write(task.mm, at, used)) return -EFAULT;
    return ticks(task.kernel.clock.monotonic());
  }),
  syscall('alarm', [uint('seconds')], { returns: 'int', family: 'time' }, alarm),
  syscall(
    'getitimer',
    [choice('which', ITIMERS, 'ITIMER_???'), structOut('curr_value', ITIMERVAL)],
    { returns: 'int', family: 'time' },
    (task, which, at) => {
      if (!isItimer(which)) return -EINVAL;
      return ITIMERVAL.write(task.mm, at, readItimer(task.process, which)) ? 0 : -EFAULT;
    },
  ),
  syscall(
    'setitimer',
    [
      choice('which', ITIMERS, 'ITIMER_???'),
      structInOrNull('new_value', ITIMERVAL),
      structOut('old_value', ITIMERVAL),
    ],
    { returns: 'int', family: 'time' },
    setitimer,
  ),
];
