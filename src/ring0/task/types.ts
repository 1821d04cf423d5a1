// The nouns of process management: task (thread), thread group (process), and what they share. Field groups
// say what clone(2) flag shares them. Behaviour lives beside: scheduler.ts, signals.ts, fork.ts, exit.ts.

import type { Call } from '../../gate/call.ts';
import type { KernelHeap } from '../heap.ts';
import type { Kernel } from '../kernel.ts';
import type { AddressSpace } from '../mm/types.ts';
import type { Dentry, Mount, OpenFile, Path } from '../vfs/types.ts';
import type { Block, Waiter, WaitQueue } from '../wait.ts';
import type { SigQueue } from './sigqueue.ts';
import type { IntervalTimer, PosixTimer } from './timers.ts';

/** 64 signals as a bigint-free set: bit n-1 of lo (signals 1..32) or hi (33..64). */
export interface SigSet {
  lo: number;
  hi: number;
}

/** siginfo_t in decoded form; the union members that apply are present. */
export interface SigInfo {
  readonly signo: number;
  readonly errno: number;
  readonly code: number;
  readonly pid?: number;
  readonly uid?: number;
  readonly status?: number;
  readonly utime?: number;
  readonly stime?: number;
  /** Faulting address. */
  readonly addr?: number;
  readonly trapno?: number;
  /** sigval as a raw 64-bit number. */
  readonly value?: bigint;
  readonly timerId?: number;
  readonly overrun?: number;
  readonly band?: number;
  readonly fd?: number;
  /** SIGSYS of seccomp: number and architecture of the call; addr is the instruction. */
  readonly syscall?: number;
  readonly arch?: number;
  /** The 128 bytes that rt_sigqueueinfo was given, where they are passed on as they are. */
  readonly raw?: Uint8Array;
}

export interface SigAction {
  /** 0 SIG_DFL, 1 SIG_IGN, or a guest address. */
  readonly handler: number;
  readonly flags: number;
  readonly restorer: number;
  readonly mask: SigSet;
}

/** Shared with CLONE_SIGHAND. Index by signal number 1..64. */
export interface SigHand {
  actions: SigAction[];
  refs: number;
}

export interface Credentials {
  uid: number;
  euid: number;
  suid: number;
  fsuid: number;
  gid: number;
  egid: number;
  sgid: number;
  fsgid: number;
  groups: readonly number[];
  /** Capability sets as 41-bit numbers. */
  capEffective: number;
  capPermitted: number;
  capInheritable: number;
  capBounding: number;
  capAmbient: number;
  noNewPrivs: boolean;
  securebits: number;
}

/** Shared with CLONE_FS. */
export interface FsContext {
  cwd: Path;
  root: Path;
  umask: number;
  refs: number;
}

/** One slot of a descriptor table. */
export interface Descriptor {
  readonly file: OpenFile;
  cloexec: boolean;
}

/** Shared with CLONE_FILES. */
export interface FileTable {
  readonly slots: (Descriptor | undefined)[];
  refs: number;
  /** Where its descriptors and slots are charged; null until it has any. */
  heap: KernelHeap | null;
}

export interface RLimit {
  /** Infinity for RLIM_INFINITY. */
  soft: number;
  hard: number;
}

/** A thread group: what a process is to the outside. */
export interface Process {
  readonly pid: number;
  /** Null for processes that the machine started, and for orphans: the machine is their init. */
  parent: Process | null;
  /** Pid of the process at the root of the tree, which the machine started; its own pid there. */
  readonly tree: number;
  readonly children: Set<Process>;
  readonly threads: Set<Task>;
  leader: Task;
  /** Process group and session ids. */
  pgid: number;
  sid: number;
  /** Controlling terminal, or null. */
  tty: unknown;
  /** Has called execve since fork (setpgid's EACCES rule). */
  execed: boolean;
  readonly sharedPending: SigQueue;
  rlimits: RLimit[];
  /** 'running', or a group stop, or a zombie with its wait status. */
  state: 'running' | 'stopped' | 'zombie';
  /** wait(2) status word, valid for zombie; stop signal for stopped. */
  exitStatus: number;
  stopSignal: number;
  /** Unreported stop or continue for wait4's WUNTRACED and WCONTINUED. */
  stopReported: boolean;
  continued: boolean;
  /** Signal sent to the parent at exit (SIGCHLD), 0 for none. */
  exitSignal: number;
  /** Set once the group is ending, so that nothing else decides its status. */
  exiting: boolean;
  /** Woken at every child state change. */
  readonly childWait: WaitQueue;
  /** Woken when the process becomes a zombie: pidfd_open(2)'s poll. */
  readonly exitWait: WaitQueue;
  /** For processes that the machine started: called once with the wait status, then the process is gone. */
  onExit: ((status: number) => void) | null;
  /** Executable, argv and environment as execve left them. */
  exe: Path | null;
  comm: string;
  /** User and system time of threads that have ended, ns. */
  userNs: number;
  systemNs: number;
  /** Voluntary and involuntary context switches, page faults and peak pages of threads, ended ones included. */
  readonly usage: {
    switches: number;
    preemptions: number;
    minorFaults: number;
    majorFaults: number;
    peakPages: number;
    /** Bytes and calls of read(2), write(2) and their kin. */
    bytesRead: number;
    bytesWritten: number;
    reads: number;
    writes: number;
  };
  /** User and system time of reaped children, ns, and the largest of their peaks. */
  childUserNs: number;
  childSystemNs: number;
  childPeakPages: number;
  childMinorFaults: number;
  /** ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF. */
  readonly itimers: readonly [IntervalTimer, IntervalTimer, IntervalTimer];
  readonly timers: Map<number, PosixTimer>;
  /** How many of the timers above run on CPU time and are armed. */
  cpuTimers: number;
  /** Start time, monotonic ns. */
  readonly startNs: number;
  /** PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, oom_score_adj ... */
  readonly attributes: Map<string, number>;
}

export type TaskState = 'runnable' | 'blocked' | 'stopped' | 'dead';

/** A thread. */
export interface Task extends Waiter {
  readonly kernel: Kernel;
  /** Changes only when a thread other than the leader calls execve and becomes the leader. */
  tid: number;
  readonly process: Process;
  /** Change it through runqueue.ts, which keeps the queue of runnable tasks. */
  state: TaskState;
  /** Place in the run queue. */
  queued: boolean;
  /** Blocks that its next slice may enter (scheduler.ts). */
  budget: number;
  next: Task | null;
  /** Stops the timer of blockedOn.deadline. */
  cancelDeadline: (() => void) | null;
  /** Shared with CLONE_VM. */
  mm: AddressSpace;
  /**
   * Saved CPU context: CONTEXT_BYTES of the CPU block, while the task is not on the CPU. A handler that replaces
   * the context of the running task (execve) fills this and calls `adoptContext` (task/runqueue.ts).
   */
  readonly context: Uint8Array;
  files: FileTable;
  fs: FsContext;
  sighand: SigHand;
  /** Blocked signals, and the mask to restore after sigsuspend and its kin. */
  sigmask: SigSet;
  savedSigmask: SigSet | null;
  readonly pending: SigQueue;
  altstack: { sp: number; size: number; flags: number };
  cred: Credentials;
  comm: string;
  /** The call in progress, where it blocked or is watched: number, raw and decoded arguments. The gate's. */
  call: Call | null;
  /** What it waits for while it is parked. */
  blockedOn: Block | null;
  /** State handed over by the Block of the call that is being tried again; undefined on the first try. */
  resume: unknown;
  /** Signals that sigtimedwait or a signalfd read waits for: they wake the task although they are blocked. */
  sigwait: SigSet | null;
  /** Exception behind the last fault signal, for the machine context of its frame. */
  readonly trap: { number: number; errorCode: number; cr2: number };
  /** set_tid_address, robust list head, rseq area: guest addresses, 0 for none. */
  clearChildTid: number;
  robustList: number;
  rseq: { addr: number; size: number; signature: number } | null;
  /** vfork: the parent waits here until exec or exit. */
  vforkDone: WaitQueue | null;
  /** CPU time, ns. */
  userNs: number;
  systemNs: number;
  /** Time in calls that is not in systemNs yet: an estimate (gate/gate.ts), ns. */
  callNs: number;
  /** Signal that killed it, if one did, for the exit line of traces. */
  exitCode: number;
  /** PR_SET_PDEATHSIG, timer slack ... */
  readonly attributes: Map<string, number>;
}

export type { AddressSpace, Dentry, Mount };
