// timerfd(2): timers whose expirations are read from a descriptor.

import { EAGAIN, EBADF, EFAULT, EINVAL, EPERM } from '../../abi/errno.ts';
import type { StructValue } from '../../abi/struct.ts';
import { CLOCKS, ITIMERSPEC, TFD, TFD_FLAGS, TFD_SETTIME_FLAGS, TFD_TIMER_ABSTIME } from '../../abi/time.ts';
import { choice, fd, flags, structIn, structOut } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import type { Kernel } from '../kernel.ts';
import { anonymousFile, staysPut } from '../task/anon.ts';
import { deadlineOf, fromNs, toNs, validTime } from '../task/clock.ts';
import { capable } from '../task/creds.ts';
import type { Task } from '../task/types.ts';
import { fileAt, installOrRelease } from '../vfs/fdtable.ts';
import type { FileOps, OpenFile } from '../vfs/types.ts';
import { block, type WaitQueue, waitQueue, wake } from '../wait.ts';

const O_RDWR = 2;
const POLLIN_RDNORM = 0x41;

interface Timerfd {
  readonly clock: number;
  /** Monotonic ns of the next expiry, null when disarmed; ns between expiries. */
  next: number | null;
  interval: number;
  /** Of the last timerfd_settime. */
  flags: number;
  /** Expirations that have not been read. */
  ticks: number;
  cancel: (() => void) | null;
  readonly queue: WaitQueue;
}

interface TimerfdOps extends FileOps {
  readonly timerfd: Timerfd;
}
const timerOf = (file: OpenFile | undefined): Timerfd | null =>
  file !== undefined && 'timerfd' in file.ops ? (file.ops as TimerfdOps).timerfd : null;

/** Counts what has expired up to now. */
const advance = (kernel: Kernel, t: Timerfd): void => {
  if (t.next === null) return;
  const now = kernel.clock.monotonic();
  if (now < t.next) return;
  if (t.interval === 0) {
    t.ticks++;
    t.next = null;
    return;
  }
  const n = Math.floor((now - t.next) / t.interval) + 1;
  t.ticks += n;
  t.next += n * t.interval;
};

const arm = (kernel: Kernel, t: Timerfd): void => {
  t.cancel?.();
  t.cancel = null;
  if (t.next === null) return;
  t.cancel = kernel.at(t.next, () => {
    t.cancel = null;
    advance(kernel, t);
    wake(t.queue);
    arm(kernel, t);
  });
};

const opsFor = (kernel: Kernel, timerfd: Timerfd): TimerfdOps => ({
  timerfd,
  seek: staysPut,
  read(task, file, buf, at, n) {
    if (n < 8) return -EINVAL;
    advance(task.kernel, timerfd);
    if (timerfd.ticks === 0) {
      return (file.flags & TFD.TFD_NONBLOCK) !== 0 ? -EAGAIN : block([timerfd.queue], 'restart');
    }
    new DataView(buf.buffer, buf.byteOffset).setBigUint64(at, BigInt(timerfd.ticks), true);
    timerfd.ticks = 0;
    return 8;
  },
  poll(task) {
    advance(task.kernel, timerfd);
    return timerfd.ticks > 0 ? POLLIN_RDNORM : 0;
  },
  pollQueues: () => [timerfd.queue],
  info() {
    advance(kernel, timerfd);
    const { clock, ticks, flags, next, interval } = timerfd;
    const pair = (ns: number): string => `(${fromNs(ns).sec}, ${fromNs(ns).nsec})`;
    // Once it has expired, a timer is set again when that is read, and what it missed is counted then.
    const left = next === null || ticks > 0 ? 0 : next - kernel.clock.monotonic();
    return `clockid: ${clock}\nticks: ${Math.min(ticks, 1)}\nsettime flags: 0${flags.toString(8)}\nit_value: ${pair(left)}\nit_interval: ${pair(interval)}\n`;
  },
  release() {
    timerfd.cancel?.();
    timerfd.cancel = null;
  },
});

const ALARMS: readonly number[] = [CLOCKS.CLOCK_REALTIME_ALARM, CLOCKS.CLOCK_BOOTTIME_ALARM];
const CLOCKS_ALLOWED: readonly number[] = [
  CLOCKS.CLOCK_REALTIME,
  CLOCKS.CLOCK_MONOTONIC,
  CLOCKS.CLOCK_BOOTTIME,
  ...ALARMS,
];

const spec = (kernel: Kernel, t: Timerfd): Partial<StructValue<typeof ITIMERSPEC.fields>> => {
  advance(kernel, t);
  const value = fromNs(t.next === null ? 0 : Math.max(1, t.next - kernel.clock.monotonic()));
  const interval = fromNs(t.interval);
  return {
    valueSec: value.sec,
    valueNsec: value.nsec,
    intervalSec: interval.sec,
    intervalNsec: interval.nsec,
  };
};

const settime = (
  task: Task,
  number: number,
  options: number,
  v: StructValue<typeof ITIMERSPEC.fields>,
  oldAt: number,
): number => {
  const value = { sec: v.valueSec, nsec: v.valueNsec };
  const interval = { sec: v.intervalSec, nsec: v.intervalNsec };
  if ((options & ~3) !== 0 || !validTime(value) || !validTime(interval)) return -EINVAL;
  const file = fileAt(task, number);
  if (file === undefined) return -EBADF;
  const t = timerOf(file);
  if (t === null) return -EINVAL;
  const old = spec(task.kernel, t);
  t.ticks = 0;
  t.interval = toNs(interval);
  t.flags = options;
  const absolute = (options & TFD_TIMER_ABSTIME) !== 0;
  t.next = toNs(value) === 0 ? null : deadlineOf(task, t.clock, value, absolute);
  arm(task.kernel, t);
  return oldAt === 0 || ITIMERSPEC.write(task.mm, oldAt, old) ? 0 : -EFAULT;
};

export const rows = [
  syscall(
    'timerfd_create',
    [choice('clockid', CLOCKS, 'CLOCK_???'), flags('flags', TFD_FLAGS)],
    { returns: 'fd', family: ['time', 'desc'] },
    (task, clock, options) => {
      if ((options & ~(TFD.TFD_CLOEXEC | TFD.TFD_NONBLOCK)) !== 0) return -EINVAL;
      if (!CLOCKS_ALLOWED.includes(clock)) return -EINVAL;
      if (ALARMS.includes(clock) && !capable(task, 'CAP_WAKE_ALARM')) return -EPERM;
      const timer: Timerfd = {
        clock,
        next: null,
        interval: 0,
        flags: 0,
        ticks: 0,
        cancel: null,
        queue: waitQueue(),
      };
      const status = O_RDWR | (options & TFD.TFD_NONBLOCK);
      const file = anonymousFile(task.kernel, '[timerfd]', opsFor(task.kernel, timer), status);
      return installOrRelease(task, file, (options & TFD.TFD_CLOEXEC) !== 0);
    },
  ),
  syscall(
    'timerfd_settime',
    [
      fd('fd'),
      flags('flags', TFD_SETTIME_FLAGS),
      structIn('new_value', ITIMERSPEC),
      structOut('old_value', ITIMERSPEC),
    ],
    {
      returns: 'int',
      family: ['time', 'desc'],
      support: 'partial',
      note: 'TFD_TIMER_CANCEL_ON_SET does nothing: the clock is never set',
    },
    settime,
  ),
  syscall(
    'timerfd_gettime',
    [fd('fd'), structOut('curr_value', ITIMERSPEC)],
    { returns: 'int', family: ['time', 'desc'] },
    (task, number, at) => {
      const file = fileAt(task, number);
      if (file === undefined) return -EBADF;
      const t = timerOf(file);
      if (t === null) return -EINVAL;
      return ITIMERSPEC.write(task.mm, at, spec(task.kernel, t)) ? 0 : -EFAULT;
    },
  ),
];
