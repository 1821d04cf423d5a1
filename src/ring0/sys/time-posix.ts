// POSIX timers (timer_create(2) and its kin): they raise signals.

import { EAGAIN, EFAULT, EINVAL, EOPNOTSUPP } from '../../abi/errno.ts';
import { RLIMITS } from '../../abi/resource.ts';
import { NSIG, SIG } from '../../abi/signal.ts';
import type { StructValue } from '../../abi/struct.ts';
import { CLOCKS, ITIMERSPEC, SIGEV, SIGEVENT, TIMER_ABSTIME, TIMER_FLAGS } from '../../abi/time.ts';
import { choice, flags, int, intOut, structInOrNull, structOut } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { COST, charge, uncharge } from '../heap.ts';
import { deadlineOf, fromNs, isStaticClock, isWallClock, readClock, toNs, validTime } from '../task/clock.ts';
import { armTimer, onCpuTime, timerNow } from '../task/itimers.ts';
import { softLimit } from '../task/rlimits.ts';
import type { PosixTimer } from '../task/timers.ts';
import type { Task } from '../task/types.ts';

const MAX_TIMERS = 4096;

const create = (
  task: Task,
  clock: number,
  event: StructValue<typeof SIGEVENT.fields> | null,
  idAt: number,
): number => {
  const { process } = task;
  if (!isWallClock(clock)) {
    if (!isStaticClock(clock) && readClock(task, clock) === -EINVAL) return -EINVAL;
    // There to be read only, or for machines that can be woken.
    if (!onCpuTime(clock)) return -EOPNOTSUPP;
  }
  let id = 0;
  while (process.timers.has(id)) id++;
  // A timer has its signal with it from the start, which counts among the pending ones.
  const signals = process.timers.size + process.sharedPending.length;
  if (signals >= softLimit(process, RLIMITS.RLIMIT_SIGPENDING)) return -EAGAIN;
  if (id >= MAX_TIMERS || !charge(task.kernel.heap, COST.timer)) return -EAGAIN;
  const r = make(task, clock, event, idAt, id);
  if (r !== 0) uncharge(task.kernel.heap, COST.timer);
  return r;
};

const make = (
  task: Task,
  clock: number,
  event: StructValue<typeof SIGEVENT.fields> | null,
  idAt: number,
  id: number,
): number => {
  const { process } = task;
  const notify = event?.notify ?? SIGEV.SIGEV_SIGNAL;
  const signo = event?.signo ?? SIG.SIGALRM;
  const known = [SIGEV.SIGEV_SIGNAL, SIGEV.SIGEV_NONE, SIGEV.SIGEV_THREAD_ID, SIGEV.SIGEV_THREAD] as number[];
  if (!known.includes(notify)) return -EINVAL;
  if (notify !== SIGEV.SIGEV_NONE && (signo < 1 || signo > NSIG)) return -EINVAL;
  let tid = clock === CLOCKS.CLOCK_THREAD_CPUTIME_ID ? task.tid : 0;
  if (notify === SIGEV.SIGEV_THREAD_ID) {
    tid = event?.tid ?? 0;
    if (task.kernel.tasks.get(tid)?.process !== process) return -EINVAL;
  }
  const timer: PosixTimer = {
    id,
    clock,
    notify,
    signo,
    value: event?.value ?? BigInt(id),
    tid,
    next: null,
    interval: 0,
    cancel: null,
    missed: 0,
    overrun: 0,
  };
  if (!task.mm.writeU32(idAt, id)) return -EFAULT;
  process.timers.set(id, timer);
  return 0;
};

const spec = (task: Task, timer: PosixTimer): Partial<StructValue<typeof ITIMERSPEC.fields>> => {
  const left = timer.next === null ? 0 : Math.max(1, timer.next - timerNow(task.process, timer));
  const value = fromNs(left);
  const interval = fromNs(timer.interval);
  return {
    valueSec: value.sec,
    valueNsec: value.nsec,
    intervalSec: interval.sec,
    intervalNsec: interval.nsec,
  };
};

const settime = (
  task: Task,
  id: number,
  options: number,
  v: StructValue<typeof ITIMERSPEC.fields> | null,
  oldAt: number,
): number => {
  const timer = task.process.timers.get(id);
  if (timer === undefined || v === null) return -EINVAL;
  const value = { sec: v.valueSec, nsec: v.valueNsec };
  const interval = { sec: v.intervalSec, nsec: v.intervalNsec };
  if (!validTime(value) || !validTime(interval)) return -EINVAL;
  const old = spec(task, timer);
  const absolute = (options & TIMER_ABSTIME) !== 0;
  const next = onCpuTime(timer.clock)
    ? toNs(value) + (absolute ? 0 : timerNow(task.process, timer))
    : deadlineOf(task, timer.clock, value, absolute);
  armTimer(task.process, timer, toNs(value) === 0 ? null : next, toNs(interval));
  return oldAt === 0 || ITIMERSPEC.write(task.mm, oldAt, old) ? 0 : -EFAULT;
};

export const rows = [
  syscall(
    'timer_create',
    [choice('clockid', CLOCKS, 'CLOCK_???'), structInOrNull('sevp', SIGEVENT), intOut('timerid')],
    { returns: 'int', family: 'time' },
    create,
  ),
  syscall(
    'timer_settime',
    [
      int('timerid'),
      flags('flags', TIMER_FLAGS),
      structInOrNull('new_value', ITIMERSPEC),
      structOut('old_value', ITIMERSPEC),
    ],
    { returns: 'int', family: 'time' },
    settime,
  ),
  syscall(
    'timer_gettime',
    [int('timerid'), structOut('curr_value', ITIMERSPEC)],
    { returns: 'int', family: 'time' },
    (task, id, at) => {
      const timer = task.process.timers.get(id);
      if (timer === undefined) return -EINVAL;
      return ITIMERSPEC.write(task.mm, at, spec(task, timer)) ? 0 : -EFAULT;
    },
  ),
  syscall(
    'timer_getoverrun',
    [int('timerid')],
    { returns: 'int', family: 'time' },
    (task, id) => task.process.timers.get(id)?.overrun ?? -EINVAL,
  ),
  syscall('timer_delete', [int('timerid')], { returns: 'int', family: 'time' }, (task, id) => {
    const timer = task.process.timers.get(id);
    if (timer === undefined) return -EINVAL;
    armTimer(task.process, timer, null, 0);
    task.process.timers.delete(id);
    uncharge(task.kernel.heap, COST.timer);
    return 0;
  }),
];
