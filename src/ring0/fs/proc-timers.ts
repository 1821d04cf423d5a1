// /proc/[pid]/timers: the timers of timer_create(2), the newest first.

import { CLOCKS, SIGEV } from '../../abi/time.ts';
import type { PosixTimer } from '../task/timers.ts';
import type { Subject } from './proc-status.ts';

/** The clocks of the caller's CPU time have numbers of their own to the kernel: no process, and whether it is a thread's. */
const INNER: Readonly<Record<number, number>> = {
  [CLOCKS.CLOCK_PROCESS_CPUTIME_ID]: -6,
  [CLOCKS.CLOCK_THREAD_CPUTIME_ID]: -2,
};
const HOW: Readonly<Record<number, string>> = {
  [SIGEV.SIGEV_NONE]: 'none',
  [SIGEV.SIGEV_THREAD]: 'thread',
};

const describe = (pid: number, t: PosixTimer): string => {
  const toThread = t.notify === SIGEV.SIGEV_THREAD_ID;
  return (
    `ID: ${t.id}\nsignal: ${t.signo}/${BigInt.asUintN(64, t.value).toString(16).padStart(16, '0')}\n` +
    `notify: ${HOW[t.notify] ?? 'signal'}/${toThread ? 'tid' : 'pid'}.${toThread ? t.tid : pid}\n` +
    `ClockID: ${INNER[t.clock] ?? t.clock}\n`
  );
};

export const posixTimers = ({ process }: Subject): string =>
  [...process.timers.values()]
    .reverse()
    .map((t) => describe(process.pid, t))
    .join('');
