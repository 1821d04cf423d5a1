// Which thread of this process goes first where there are not enough processors.

import { readdirSync } from 'node:fs';

/** How much nicer the others are (setpriority(2)): enough to matter, and they still get a tenth of what they compete for. */
const NICER = 10;
const MAX_NICE = 19;

/**
 * Lets the main thread, which runs the guest, go before V8's compilers and the translator: a program that has just become
 * hot would get half a processor of two until all that it calls is optimized. Where Linux is not below, nothing changes.
 */
export const favourMainThread = (): void => {
  try {
    const { getPriority, setPriority } = process.getBuiltinModule('node:os');
    const nice = Math.min(MAX_NICE, getPriority(process.pid) + NICER);
    for (const name of readdirSync('/proc/self/task'))
      if (name !== `${process.pid}`) setPriority(Number(name), nice);
  } catch {
    // A thread has just ended, or may not be told: all go on as they were.
  }
};
