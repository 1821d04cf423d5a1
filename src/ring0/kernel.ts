// The kernel of one machine: everything that is not per task. No module of ring 0 keeps state of its own, so
// two machines in one process do not see each other.

import { printable } from '../abi/printable.ts';
import type { Cpu } from '../ring3/cpu.ts';
import type { Clock } from './clock.ts';
import { type KernelEvents, kernelEvents } from './events.ts';
import { type KernelHeap, kernelHeap } from './heap.ts';
import type { MessageQueue } from './ipc/messages.ts';
import type { IpcTable } from './ipc/objects.ts';
import type { Semaphores } from './ipc/semaphores.ts';
import type { MemoryState } from './mm/state.ts';
import type { NetState } from './net/state.ts';
import { defaultSettings, type Settings } from './settings.ts';
import { type FutexTable, futexTable } from './task/futex.ts';
import { timerDequeued } from './task/itimers.ts';
import { killForMemory } from './task/oom.ts';
import { type RunState, ready, runState } from './task/runqueue.ts';
import { signalTask, userInfo } from './task/signals.ts';
import { addTimer } from './task/timers.ts';
import type { FileTable, FsContext, Process, SigInfo, Task } from './task/types.ts';
import { copyTable, newTable, releaseTable } from './vfs/fdtable.ts';
import { newVfs, type Vfs } from './vfs/state.ts';
import type { Inode, Mount } from './vfs/types.ts';
import { type WaitQueue, waitQueue } from './wait.ts';

export interface Kernel {
  readonly cpu: Cpu;
  readonly clock: Clock;
  /** Fills with random bytes. */
  entropy(into: Uint8Array): void;
  readonly hostname: { node: string; domain: string };
  /** Limits that privileged programs may change. */
  readonly settings: Settings;
  /** By pid and by tid. */
  readonly processes: Map<number, Process>;
  readonly tasks: Map<number, Task>;
  /**
   * Process 1 of a machine, the init that programs see: it never runs, no signal reaches it, and orphans are the
   * machine's own children in its name (`Process.parent` is null).
   */
  init?: Process;
  /** In which order objects are to kcmp(2); made on first use. */
  ranks?: { readonly known: WeakMap<object, number>; next: number };
  /** The task on the CPU while a handler runs. */
  current: Task | null;
  readonly mounts: { list: Mount[]; changed: WaitQueue };
  /** Device registry, FIFO hook and counters of the virtual file system; made on first use (vfs/state.ts, vfsOf). */
  vfs?: Vfs;
  /** Makes a task runnable. */
  ready(task: Task): void;
  /** One-shot timer on the monotonic clock; returns a cancel function. */
  at(deadlineNs: number, run: () => void): () => void;
  /** Reports an exception that should not have been: a mistake in Kanmon itself. The same one is told once. */
  bug(where: string, error: unknown): void;
  /** Counts of calls that are not implemented, by name, for --stats. */
  readonly missing: Map<string, number>;
  /** What all address spaces share; made on first use by mm/state.ts (memoryOf). */
  memory?: MemoryState;
  readonly limits: { readonly memoryBytes: number; readonly tasks: number };
  /** What kernel objects take of the host's heap. */
  readonly heap: KernelHeap;
  /** Run queue, timers, pid counter: task/runqueue.ts. */
  readonly run: RunState;
  readonly futexes: FutexTable;
  /** System V semaphores and message queues, made on first use (ipc/). */
  readonly ipc: { semaphores: Semaphores | null; messages: IpcTable<MessageQueue> | null };
  /** Sockets; made on first use (net/state.ts). */
  net?: NetState;
  /** Woken whenever a signal is queued for anybody: signalfd's poll. */
  readonly signalfds: WaitQueue;
  /** The inode of timerfd and its like, made on first use (task/anon.ts). */
  anonymousInode?: Inode;
  /** The door: set by the machine once the gate is open. */
  gate: GatePort;
  /** What other parts of ring 0 want to hear of tasks. Replace members to add to them. */
  readonly hooks: KernelHooks;
  /** Signals, exits, forks and stops, for traces. Cheap when nobody listens. */
  readonly events: KernelEvents;
}

/** What the scheduler needs of the gate (gate/gate.ts). */
export interface GatePort {
  /** Tries the task's blocked call again; its registers are on the CPU. */
  retry(task: Task): boolean;
  /** The call ends otherwise: interrupted by a signal, or with the task. */
  abandon(task: Task, shown: number | null): void;
}

export interface KernelHooks {
  /** For clone without CLONE_FILES and CLONE_FS. */
  /** Null when there is no memory for the copy. */
  copyFiles(files: FileTable): FileTable | null;
  copyFs(fs: FsContext): FsContext;
  /** A task that ends drops its references. */
  releaseFiles(task: Task): void;
  releaseFs(task: Task): void;
  /** A thread ends, its memory still there: semaphore undo and the like. */
  exitTask(task: Task): void;
  /** A new process: what it inherits outside task/ (shared memory segments ...). */
  forkProcess(parent: Process, child: Process): void;
  /** The leader of a session has ended: its terminal is hung up. */
  hangup(leader: Process): void;
  /** Memory is out; true when a process other than the task's was killed to get some. */
  outOfMemory(task: Task): boolean;
  /** A signal leaves the queue; may replace its information. */
  dequeued(task: Task, info: SigInfo): SigInfo;
}

export interface KernelOptions {
  readonly cpu: Cpu;
  readonly clock: Clock;
  entropy(into: Uint8Array): void;
  /** Default `kanmon`. */
  readonly hostname?: string;
  /** Gets reports of mistakes in Kanmon itself, one line each. */
  readonly report?: (text: string) => void;
  /** Default: the memory of the CPU, and 4096 tasks. */
  readonly limits?: { readonly memoryBytes?: number; readonly tasks?: number };
}

/** Reports of one machine; what repeats is dropped, and so is what comes after these. */
const MAX_REPORTS = 10;

const bugReporter = (report: (text: string) => void): Kernel['bug'] => {
  const told = new Set<string>();
  return (where, error) => {
    const stack = error instanceof Error ? (error.stack ?? '').split('\n') : [];
    const at = stack.find((line) => /^\s+at /.test(line))?.trim() ?? '';
    const what = `${String(error)} ${at}`.trim();
    if (told.has(what) || told.size >= MAX_REPORTS) return;
    told.add(what);
    report(printable(`bug: ${what}; met by ${where}`));
  };
};

const noGate: GatePort = { retry: () => true, abandon: () => {} };

/**
 * A kernel without processes and mounts. The machine then opens the gate and sets `kernel.gate`, mounts the root,
 * makes the first process (task/fork.ts, createInitProcess) and calls `runSlice` (task/scheduler.ts).
 */
export const createKernel = (options: KernelOptions): Kernel => {
  const { cpu, clock, entropy, hostname = 'kanmon', limits = {} } = options;
  const run = runState();
  const memoryBytes = limits.memoryBytes ?? cpu.frames.total * 4096;
  const bug = bugReporter(options.report ?? ((): void => {}));
  return {
    cpu,
    clock,
    entropy,
    hostname: { node: hostname, domain: '(none)' },
    settings: defaultSettings(),
    processes: new Map(),
    tasks: new Map(),
    current: null,
    mounts: { list: [], changed: waitQueue() },
    vfs: { ...newVfs(), raise: (task, signo) => void signalTask(task, userInfo(task, signo)) },
    ready,
    at: (deadline, action) => addTimer(run.timers, deadline, action),
    missing: new Map(),
    bug,
    limits: { memoryBytes, tasks: limits.tasks ?? 4096 },
    heap: kernelHeap(memoryBytes),
    run,
    futexes: futexTable(),
    ipc: { semaphores: null, messages: null },
    signalfds: waitQueue(),
    gate: noGate,
    hooks: {
      copyFiles: copyTable,
      copyFs: (fs) => ({ ...fs, refs: 1 }),
      releaseFiles: (task) => {
        const { files } = task;
        // /proc may still look at the task: it has no descriptors any more.
        task.files = newTable();
        releaseTable(files);
      },
      releaseFs: (task) => {
        task.fs.refs--;
      },
      exitTask: () => {},
      forkProcess: () => {},
      hangup: () => {},
      outOfMemory: killForMemory,
      dequeued: timerDequeued,
    },
    events: kernelEvents(bug),
  };
};
