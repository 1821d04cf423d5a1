// The nouns of process management: task (thread), thread group (process), and what they share. Field groups
// say what clone(2) flag shares them. Behaviour lives beside: scheduler.ts, signals.ts, fork.ts, exit.ts.

import type { Call } from '../../gate/call.ts';
import type { Kernel } from '../kernel.ts';
import type { AddressSpace } from '../mm/types.ts';
import type { Dentry, Mount, OpenFile, Path } from '../vfs/types.ts';
import type { Block, WaitQueue } from '../wait.ts';

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
}

export interface RLimit {
  /** Infinity for RLIM_INFINITY. */
  soft: number;
  hard: number;
}

/** A thread group: what a process is to the outside. */
export interface Process {
  readonly pid: number;
  parent: Process | null;
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
  readonly sharedPending: SigInfo[];
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
  /** Woken at every child state change. */
  readonly childWait: WaitQueue;
  /** Executable, argv and environment as execve left them. */
  exe: Path | null;
  comm: string;
  /** User and system time of reaped children, ns. */
  childUserNs: number;
  childSystemNs: number;
  /** Start time, monotonic ns. */
  readonly startNs: number;
  /** PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, oom_score_adj ... */
  readonly attributes: Map<string, number>;
}

export type TaskState = 'runnable' | 'blocked' | 'stopped' | 'dead';

/** A thread. */
export interface Task {
  readonly kernel: Kernel;
  readonly tid: number;
  readonly process: Process;
  state: TaskState;
  /** Shared with CLONE_VM. */
  mm: AddressSpace;
  /** Saved CPU context: CONTEXT_BYTES of the CPU block, while the task is not on the CPU. */
  readonly context: Uint8Array;
  files: FileTable;
  fs: FsContext;
  sighand: SigHand;
  /** Blocked signals, and the mask to restore after sigsuspend and its kin. */
  sigmask: SigSet;
  savedSigmask: SigSet | null;
  readonly pending: SigInfo[];
  altstack: { sp: number; size: number; flags: number };
  cred: Credentials;
  comm: string;
  /** The call in progress, where it blocked or is watched: number, raw and decoded arguments. The gate's. */
  call: Call | null;
  /** What it waits for while it is parked. */
  blockedOn: Block | null;
  /** State handed over by the Block of the call that is being tried again; undefined on the first try. */
  resume: unknown;
  /** set_tid_address, robust list head, rseq area: guest addresses, 0 for none. */
  clearChildTid: number;
  robustList: number;
  rseq: { addr: number; size: number; signature: number } | null;
  /** vfork: the parent waits here until exec or exit. */
  vforkDone: WaitQueue | null;
  /** CPU time, ns. */
  userNs: number;
  systemNs: number;
  /** Signal that killed it, if one did, for the exit line of traces. */
  exitCode: number;
  /** PR_SET_PDEATHSIG, timer slack ... */
  readonly attributes: Map<string, number>;
}

export type { AddressSpace, Dentry, Mount };
