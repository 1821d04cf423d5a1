// How busy the machine has been: the tasks that can run, looked at every five seconds and averaged over 1, 5 and 15
// minutes (proc(5), /proc/loadavg).

export const PERIOD_NS = 5e9;
const MINUTES = [1, 5, 15] as const;

export interface Load {
  /** Over 1, 5 and 15 minutes. */
  readonly averages: [number, number, number];
  /** Monotonic ns at which to look next. */
  next: number;
}

export const noLoad = (): Load => ({ averages: [0, 0, 0], next: PERIOD_NS });

/** Looks, when it is time: `active` tasks can run now. Nothing could at the times that have been slept through. */
export const sampleLoad = (load: Load, now: number, active: number): void => {
  if (now < load.next) return;
  const periods = Math.floor((now - load.next) / PERIOD_NS) + 1;
  load.next += periods * PERIOD_NS;
  MINUTES.forEach((minutes, k) => {
    const kept = Math.exp(-5 / (60 * minutes));
    load.averages[k] = (load.averages[k] as number) * kept ** periods + active * (1 - kept);
  });
};
