// Resource usage as getrusage(2) and wait4(2) report it.

import type { RUSAGE } from '../../abi/resource.ts';
import { PAGE } from '../../ring3/layout.ts';
import { processSystemNs, processUserNs } from './itimers.ts';
import type { Process, Task } from './types.ts';

const KIB = 1024;
type Usage = Parameters<typeof RUSAGE.encode>[0];

const times = (userNs: number, systemNs: number): Usage => ({
  utimeSec: Math.floor(userNs / 1e9),
  utimeUsec: Math.floor((userNs % 1e9) / 1e3),
  stimeSec: Math.floor(systemNs / 1e9),
  stimeUsec: Math.floor((systemNs % 1e9) / 1e3),
});

const counters = (process: Process): Usage => ({
  minflt: process.usage.minorFaults,
  majflt: process.usage.majorFaults,
  nvcsw: process.usage.switches,
  nivcsw: process.usage.preemptions,
});

/** Most pages that the process has had resident. */
const peakPages = (process: Process): number => {
  const { leader, usage } = process;
  if (process.state === 'zombie') return usage.peakPages;
  const living = leader.state === 'dead' ? [...process.threads][0] : leader;
  return Math.max(usage.peakPages, living?.mm.usage().peakPages ?? 0);
};

export const usageOfProcess = (process: Process): Usage => ({
  ...times(processUserNs(process), processSystemNs(process)),
  ...counters(process),
  maxrss: (peakPages(process) * PAGE) / KIB,
});

/** RUSAGE_BOTH: what wait4 gives of a child, its own waited-for children included. */
export const usageWithChildren = (process: Process): Usage => ({
  ...times(processUserNs(process) + process.childUserNs, processSystemNs(process) + process.childSystemNs),
  ...counters(process),
  minflt: process.usage.minorFaults + process.childMinorFaults,
  maxrss: (Math.max(peakPages(process), process.childPeakPages) * PAGE) / KIB,
});

export const usageOfChildren = (process: Process): Usage => ({
  ...times(process.childUserNs, process.childSystemNs),
  minflt: process.childMinorFaults,
  maxrss: (process.childPeakPages * PAGE) / KIB,
});

export const usageOfThread = (task: Task): Usage => ({
  ...times(task.userNs, task.systemNs),
  ...counters(task.process),
  maxrss: (peakPages(task.process) * PAGE) / KIB,
});
