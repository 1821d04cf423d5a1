// How the clock is kept: adjtimex(2), clock_adjtime(2). It is the host's, and nothing here may steer it: to programs
// it is a clock that nobody has synchronized.

import { EFAULT, EINVAL, EOPNOTSUPP, EPERM } from '../../abi/errno.ts';
import { ADJ, CLOCKS, STA_UNSYNC, TIME_ERROR, TIMEX } from '../../abi/time.ts';
import { choice, structOut } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { realtime } from '../clock.ts';
import { isStaticClock } from '../task/clock.ts';
import type { Task } from '../task/types.ts';

/** What Linux starts with (kernel/time/ntp.c): errors in us, the tolerance in 2^-16 ppm, the tick in us. */
const UNSYNCHRONIZED = {
  maxerror: 16_000_000,
  esterror: 16_000_000,
  status: STA_UNSYNC,
  constant: 2,
  precision: 1,
  tolerance: 32_768_000,
  tick: 10_000,
} as const;

const adjust = (task: Task, at: number): number => {
  const asked = TIMEX.read(task.mm, at);
  if (asked === null) return -EFAULT;
  const { modes } = asked;
  const single = (modes & ADJ.ADJ_OFFSET_SINGLESHOT) !== 0;
  if (modes & ADJ.ADJ_ADJTIME && !single) return -EINVAL;
  const reads = modes === 0 || (modes & ADJ.ADJ_ADJTIME && modes & ADJ.ADJ_OFFSET_READONLY);
  if (!reads) return -EPERM;
  const { sec, nsec } = realtime(task.kernel.clock);
  const now = { timeSec: sec, timeUsec: Math.floor(nsec / 1000) };
  return TIMEX.write(task.mm, at, { modes, ...UNSYNCHRONIZED, ...now }) ? TIME_ERROR : -EFAULT;
};

/** A clock of a process or thread; others below zero are descriptors of clock devices, and there are none. */
const isCpuClock = (clock: number): boolean => clock < 0 && (clock & 7) !== 3;

const support = { support: 'partial', note: 'nobody has CAP_SYS_TIME: changes answer EPERM' } as const;

export const rows = [
  syscall('adjtimex', [structOut('buf', TIMEX)], { returns: 'int', family: 'time', ...support }, adjust),
  syscall(
    'clock_adjtime',
    [choice('clk_id', CLOCKS, 'CLOCK_???'), structOut('buf', TIMEX)],
    { returns: 'int', family: 'time', ...support },
    (task, clock, at) => {
      if (clock === CLOCKS.CLOCK_REALTIME) return adjust(task, at);
      if (TIMEX.read(task.mm, at) === null) return -EFAULT;
      return isCpuClock(clock) || isStaticClock(clock) ? -EOPNOTSUPP : -EINVAL;
    },
  ),
];
