// A system call that outlives its handler's first run: one that blocked, or one that somebody watches. The
// plain call, which does neither, never makes such a record.

import type { Task } from '../ring0/task/types.ts';
import type { Block } from '../ring0/wait.ts';
import type { Row } from './row.ts';

export interface Call {
  readonly task: Task;
  readonly row: Row;
  /** As the program gave it: what a restart puts back into rax. */
  readonly number: number;
  /** Decoded arguments, in order. The handler of a call that is tried again gets the same ones. */
  readonly args: readonly unknown[];
  /** The argument registers at the trap, low and high words; zeros when nobody watched. */
  readonly words: Uint32Array;
  /** Monotonic ns at the trap; NaN when nobody watched. */
  readonly startNs: number;
  /** Whether taps saw it enter and must see it leave. */
  readonly tapped: boolean;
  /** What it waits for, once it has blocked. */
  block: Block | null;
}

/** Stands in `Call.args` for an argument that could not be copied in (the call fails with EFAULT or the like). */
export const UNREADABLE: unique symbol = Symbol('unreadable');

/**
 * A listener at the gate. `enter` sees a call before its handler, `leave` after it, with the result that the
 * program gets; null when the call never returns (exit), or the task died in it. A call that a signal interrupts leaves
 * with a negated restart code (RESTART), which the program does not see.
 */
export interface Tap {
  enter?(call: Call): void;
  leave?(call: Call, result: number | null): void;
  /** One of the others threw this; the tap has been removed, and the call goes on. */
  failed?(error: unknown): void;
}

/** The kernel's own error numbers for a call that a signal interrupted (linux/errno.h); never in a register. */
export const RESTART = {
  ERESTARTSYS: 512,
  ERESTARTNOINTR: 513,
  ERESTARTNOHAND: 514,
  ERESTART_RESTARTBLOCK: 516,
} as const;
