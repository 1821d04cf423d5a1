// The kernel of one machine: everything that is not per task. No module of ring 0 keeps state of its own, so
// two machines in one process do not see each other.

import type { Cpu } from '../ring3/cpu.ts';
import type { MemoryState } from './mm/state.ts';
import type { Process, Task } from './task/types.ts';
import type { Vfs } from './vfs/state.ts';
import type { Mount } from './vfs/types.ts';
import type { WaitQueue } from './wait.ts';

/** Time as the host gives it. Injected, so that a run can be made deterministic. */
export interface Clock {
  /** Monotonic ns since boot of the machine. */
  monotonic(): number;
  /** Wall clock: whole seconds and ns. */
  realtime(): { sec: number; nsec: number };
}

export interface Kernel {
  readonly cpu: Cpu;
  readonly clock: Clock;
  /** Fills with random bytes. */
  entropy(into: Uint8Array): void;
  readonly hostname: { node: string; domain: string };
  /** By pid and by tid. */
  readonly processes: Map<number, Process>;
  readonly tasks: Map<number, Task>;
  /** The task on the CPU while a handler runs. */
  current: Task | null;
  readonly mounts: { list: Mount[]; changed: WaitQueue };
  /** Device registry, FIFO hook and counters of the virtual file system; made on first use (vfs/state.ts, vfsOf). */
  vfs?: Vfs;
  /** Makes a task runnable. */
  ready(task: Task): void;
  /** One-shot timer on the monotonic clock; returns a cancel function. */
  at(deadlineNs: number, run: () => void): () => void;
  /** Counts of calls that are not implemented, by name, for --stats. */
  readonly missing: Map<string, number>;
  /** What all address spaces share; made on first use by mm/state.ts (memoryOf). */
  memory?: MemoryState;
  readonly limits: { readonly memoryBytes: number; readonly tasks: number };
  /** Records an event for traces: signals, exits, forks, execs. Cheap when nobody listens. */
  readonly events: KernelEvents;
}

/** Taps for what is not a system call. Null while nobody listens. */
export interface KernelEvents {
  signal: ((task: Task, info: import('./task/types.ts').SigInfo) => void) | null;
  exit: ((task: Task, status: number, bySignal: number) => void) | null;
  fork: ((parent: Task, child: Task) => void) | null;
  stop: ((task: Task, signo: number) => void) | null;
}
