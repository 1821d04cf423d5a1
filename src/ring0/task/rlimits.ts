// Resource limits that a process starts with: those of a Linux service, with the number of processes bounded by
// what the machine allows.

import { RLIM_NLIMITS, RLIMITS } from '../../abi/resource.ts';
import type { Process, RLimit } from './types.ts';

const MIB = 1024 * 1024;
const INFINITY = Number.POSITIVE_INFINITY;

export const defaultRlimits = (tasks: number): RLimit[] => {
  const limits = Array.from({ length: RLIM_NLIMITS }, (): RLimit => ({ soft: INFINITY, hard: INFINITY }));
  const set = (which: number, soft: number, hard: number): void => {
    limits[which] = { soft, hard };
  };
  set(RLIMITS.RLIMIT_STACK, 8 * MIB, INFINITY);
  // No core files: WCOREDUMP is never set.
  set(RLIMITS.RLIMIT_CORE, 0, INFINITY);
  set(RLIMITS.RLIMIT_NPROC, tasks, tasks);
  set(RLIMITS.RLIMIT_NOFILE, 1024, 1048576);
  set(RLIMITS.RLIMIT_MEMLOCK, 8 * MIB, 8 * MIB);
  set(RLIMITS.RLIMIT_SIGPENDING, 15000, 15000);
  set(RLIMITS.RLIMIT_MSGQUEUE, 819200, 819200);
  set(RLIMITS.RLIMIT_NICE, 0, 0);
  set(RLIMITS.RLIMIT_RTPRIO, 0, 0);
  return limits;
};

/** Soft limit of a process by RLIMIT_* number; Infinity for none. */
export const softLimit = (process: Process, which: number): number =>
  process.rlimits[which]?.soft ?? INFINITY;
