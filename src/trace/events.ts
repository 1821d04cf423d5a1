// What a trace consists of: typed events, each a plain object that JSON can carry.

/** One argument of a call. */
export interface TraceArgument {
  readonly name: string;
  /** As strace writes it. */
  readonly text: string;
  /** The decoded value where it is a number or a string. */
  readonly value?: number | string;
}

interface Common {
  readonly pid: number;
  readonly tid: number;
  /** Wall-clock time, seconds since the epoch. */
  readonly time: number;
}

export interface SyscallEvent extends Common {
  readonly kind: 'syscall';
  readonly name: string;
  readonly number: number;
  readonly args: readonly TraceArgument[];
  /** What the program got; null when the call never returned. A restarted call has minus the kernel's code. */
  readonly result: number | null;
  /** Behind the equals sign of strace: `3`, `-1 ENOENT (No such file or directory)`, `?`. */
  readonly resultText: string;
  /** Name of the error, null when there was none. */
  readonly errno: string | null;
  /** Monotonic ns from trap to result. */
  readonly durationNs: number;
}

export interface SignalEvent extends Common {
  readonly kind: 'signal';
  readonly signal: string;
  /** siginfo_t as strace writes it. */
  readonly info: string;
}

export interface StopEvent extends Common {
  readonly kind: 'stop';
  readonly signal: string;
}

export interface ExitEvent extends Common {
  readonly kind: 'exit';
  /** It was the first thread of its process, and this other one goes on with its id after an execve. */
  readonly supersededBy?: number;
  /** Exit code, or null when a signal killed it. */
  readonly code: number | null;
  readonly signal: string | null;
}

export interface ForkEvent extends Common {
  readonly kind: 'fork';
  readonly child: number;
}

export type TraceEvent = SyscallEvent | SignalEvent | StopEvent | ExitEvent | ForkEvent;
