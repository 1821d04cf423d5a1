// Time: structs, clock numbers and flags. Source: linux/time.h, linux/time_types.h, linux/timerfd.h.

import type { FlagTable } from '../gate/codec.ts';
import { struct } from './struct.ts';

export const TIMESPEC = struct('timespec', { sec: 'i64', nsec: 'i64' });
export const TIMEVAL = struct('timeval', { sec: 'i64', usec: 'i64' });
export const TIMEZONE = struct('timezone', { minuteswest: 'i32', dsttime: 'i32' });
export const ITIMERSPEC = struct('itimerspec', {
  intervalSec: 'i64',
  intervalNsec: 'i64',
  valueSec: 'i64',
  valueNsec: 'i64',
});
export const ITIMERVAL = struct('itimerval', {
  intervalSec: 'i64',
  intervalUsec: 'i64',
  valueSec: 'i64',
  valueUsec: 'i64',
});
export const TMS = struct('tms', { utime: 'i64', stime: 'i64', cutime: 'i64', cstime: 'i64' });

/** struct timex of adjtimex(2): how the clock is kept. */
export const TIMEX = struct(
  'timex',
  {
    modes: 'u32',
    offset: 'i64',
    freq: 'i64',
    maxerror: 'i64',
    esterror: 'i64',
    status: 'i32',
    constant: 'i64',
    precision: 'i64',
    tolerance: 'i64',
    timeSec: 'i64',
    timeUsec: 'i64',
    tick: 'i64',
    ppsfreq: 'i64',
    jitter: 'i64',
    shift: 'i32',
    stabil: 'i64',
    jitcnt: 'i64',
    calcnt: 'i64',
    errcnt: 'i64',
    stbcnt: 'i64',
    tai: 'i32',
  },
  208,
);
/** Bits of `modes` and of `status`, and the result for a clock that nothing keeps: linux/timex.h. */
export const ADJ = { ADJ_OFFSET_SINGLESHOT: 0x1, ADJ_OFFSET_READONLY: 0x2000, ADJ_ADJTIME: 0x8000 } as const;
export const STA_UNSYNC = 0x40;
export const TIME_ERROR = 5;

export const CLOCKS = {
  CLOCK_REALTIME: 0,
  CLOCK_MONOTONIC: 1,
  CLOCK_PROCESS_CPUTIME_ID: 2,
  CLOCK_THREAD_CPUTIME_ID: 3,
  CLOCK_MONOTONIC_RAW: 4,
  CLOCK_REALTIME_COARSE: 5,
  CLOCK_MONOTONIC_COARSE: 6,
  CLOCK_BOOTTIME: 7,
  CLOCK_REALTIME_ALARM: 8,
  CLOCK_BOOTTIME_ALARM: 9,
  CLOCK_TAI: 11,
} as const;

export const TIMER_ABSTIME = 1;
export const TIMER_FLAGS: FlagTable = { unknown: 'TIMER_???', bits: { TIMER_ABSTIME } };
export const ITIMERS = { ITIMER_REAL: 0, ITIMER_VIRTUAL: 1, ITIMER_PROF: 2 } as const;

export const TFD = { TFD_CLOEXEC: 0o2000000, TFD_NONBLOCK: 0o4000 } as const;
export const TFD_FLAGS: FlagTable = { unknown: 'TFD_???', bits: TFD };
export const TFD_TIMER_ABSTIME = 1;
export const TFD_TIMER_CANCEL_ON_SET = 2;
export const TFD_SETTIME_FLAGS: FlagTable = {
  unknown: 'TFD_???',
  bits: { TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET, ...TFD },
};

export const SIGEV = { SIGEV_SIGNAL: 0, SIGEV_NONE: 1, SIGEV_THREAD: 2, SIGEV_THREAD_ID: 4 } as const;
/** struct sigevent; tid is valid with SIGEV_THREAD_ID. */
export const SIGEVENT = struct('sigevent', { value: 'b64', signo: 'i32', notify: 'i32', tid: 'i32' }, 64);

/** Ticks a second of times(2) and /proc: sysconf(_SC_CLK_TCK). */
export const USER_HZ = 100;
export const NS_PER_SEC = 1e9;
