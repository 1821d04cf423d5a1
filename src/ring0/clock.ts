// The two clocks that everything else is computed from (time(7)).

/** Time as the host gives it. Injected, so that a run can be made deterministic. */
export interface Clock {
  /** Monotonic ns since boot of the machine. */
  monotonic(): number;
  /** What the wall clock showed when the monotonic one was 0: whole seconds and ns. */
  epoch(): { readonly sec: number; readonly nsec: number };
}

/** The wall clock. One sum for all who read it, the vDSO too: it must not seem to run backwards between two of them. */
export const realtime = (clock: Clock): { sec: number; nsec: number } => {
  const { sec, nsec } = clock.epoch();
  const ns = Math.floor(clock.monotonic());
  const whole = Math.floor(ns / 1e9);
  const rest = nsec + (ns - whole * 1e9);
  return rest < 1e9 ? { sec: sec + whole, nsec: rest } : { sec: sec + whole + 1, nsec: rest - 1e9 };
};
