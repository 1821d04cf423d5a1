// How tasks and processes begin: the first one, which the machine makes, and clone(2) for all others.

import { CAP, CAP_DOCKER, capHas } from '../../abi/capability.ts';
import { CLONE, CLONE_NAMESPACES, CLONE3 } from '../../abi/clone.ts';
import { EAGAIN, EEXIST, EINVAL, ENOMEM, EPERM } from '../../abi/errno.ts';
import { RLIMITS } from '../../abi/resource.ts';
import { SCHED } from '../../abi/sched.ts';
import { SIG, SIG_DFL, SIG_IGN } from '../../abi/signal.ts';
import { CONTEXT_BYTES, GPR, OFF } from '../../ring3/layout.ts';
import type { Kernel } from '../kernel.ts';
import type { AddressSpace } from '../mm/types.ts';
import { waitQueue } from '../wait.ts';
import { intervalTimer } from './itimers.ts';
import { defaultRlimits } from './rlimits.ts';
import { BUDGET, ready, wakeTask } from './runqueue.ts';
import { defaultActions } from './signals.ts';
import { SigQueue } from './sigqueue.ts';
import { EMPTY } from './sigset.ts';
import type { Credentials, FileTable, FsContext, Process, SigHand, Task } from './types.ts';

/** /proc/sys/kernel/pid_max. Ids start over at 300, as Linux does, to stay clear of those of daemons. */
export const PID_MAX = 4194304;
const PID_WRAP = 300;

const free = (kernel: Kernel, pid: number): boolean => {
  if (kernel.tasks.has(pid) || kernel.processes.has(pid)) return false;
  for (const p of kernel.processes.values()) if (p.pgid === pid || p.sid === pid) return false;
  return true;
};

/** A process or thread id that no process, thread, group or session has. */
export const allocatePid = (kernel: Kernel): number => {
  const { run } = kernel;
  let pid = run.lastPid;
  const most = kernel.settings['kernel/pid_max'];
  do pid = pid + 1 >= most ? PID_WRAP : pid + 1;
  while (!free(kernel, pid));
  run.lastPid = pid;
  return pid;
};

const newProcess = (kernel: Kernel, pid: number, parent: Process | null): Omit<Process, 'leader'> => ({
  pid,
  parent,
  tree: parent?.tree ?? pid,
  children: new Set(),
  threads: new Set(),
  pgid: pid,
  sid: pid,
  tty: null,
  execed: false,
  sharedPending: new SigQueue(kernel.heap),
  rlimits: defaultRlimits(kernel.limits.tasks),
  state: 'running',
  exitStatus: 0,
  stopSignal: 0,
  stopReported: true,
  continued: false,
  exitSignal: SIG.SIGCHLD,
  exiting: false,
  childWait: waitQueue(),
  exitWait: waitQueue(),
  onExit: null,
  exe: null,
  comm: '',
  userNs: 0,
  systemNs: 0,
  usage: {
    switches: 0,
    preemptions: 0,
    minorFaults: 0,
    majorFaults: 0,
    peakPages: 0,
    bytesRead: 0,
    bytesWritten: 0,
    reads: 0,
    writes: 0,
  },
  childUserNs: 0,
  childSystemNs: 0,
  childPeakPages: 0,
  childMinorFaults: 0,
  itimers: [intervalTimer(), intervalTimer(), intervalTimer()],
  timers: new Map(),
  cpuTimers: 0,
  startNs: kernel.clock.monotonic(),
  attributes: new Map([['dumpable', 1]]),
});

interface TaskParts {
  readonly mm: AddressSpace;
  readonly files: FileTable;
  readonly fs: FsContext;
  readonly sighand: SigHand;
  readonly cred: Credentials;
}

const newTask = (kernel: Kernel, tid: number, process: Process, parts: TaskParts): Task => {
  const task: Task = {
    kernel,
    tid,
    process,
    state: 'blocked',
    queued: false,
    budget: BUDGET,
    next: null,
    cancelDeadline: null,
    ...parts,
    context: new Uint8Array(CONTEXT_BYTES),
    sigmask: EMPTY,
    savedSigmask: null,
    pending: new SigQueue(kernel.heap),
    sigwait: null,
    trap: { number: 0, errorCode: 0, cr2: 0 },
    altstack: { sp: 0, size: 0, flags: 0 },
    comm: '',
    call: null,
    blockedOn: null,
    resume: undefined,
    clearChildTid: 0,
    robustList: 0,
    rseq: null,
    vforkDone: null,
    userNs: 0,
    systemNs: 0,
    callNs: 0,
    exitCode: 0,
    attributes: new Map(),
    wake: () => wakeTask(task),
  };
  return task;
};

/** Credentials of a user, with docker's capabilities for root and none for others. */
export const credentialsOf = (uid = 0, gid = uid, groups: readonly number[] = []): Credentials => ({
  uid,
  euid: uid,
  suid: uid,
  fsuid: uid,
  gid,
  egid: gid,
  sgid: gid,
  fsgid: gid,
  groups,
  capEffective: uid === 0 ? CAP_DOCKER : 0,
  capPermitted: uid === 0 ? CAP_DOCKER : 0,
  capInheritable: 0,
  capBounding: CAP_DOCKER,
  capAmbient: 0,
  noNewPrivs: false,
  securebits: 0,
});

export interface InitOptions {
  readonly mm: AddressSpace;
  readonly files: FileTable;
  readonly fs: FsContext;
  readonly cred?: Credentials;
  readonly comm?: string;
  /** Called once with the wait status when the process has ended. */
  readonly onExit?: (status: number) => void;
}

/**
 * Makes a process at the root of its own tree: leader of a session and a group, no parent. It is not runnable yet:
 * fill its `context` (cpu.reset, rip, rsp: the ELF loader does), then call `kernel.ready(task)`.
 */
export const createInitProcess = (kernel: Kernel, options: InitOptions): Task => {
  const pid = allocatePid(kernel);
  const process = newProcess(kernel, pid, null) as Process;
  const task = newTask(kernel, pid, process, {
    mm: options.mm,
    files: options.files,
    fs: options.fs,
    sighand: { actions: defaultActions(), refs: 1 },
    cred: options.cred ?? credentialsOf(),
  });
  task.comm = process.comm = options.comm ?? '';
  process.leader = task;
  process.threads.add(task);
  process.onExit = options.onExit ?? null;
  kernel.processes.set(pid, process);
  kernel.tasks.set(pid, task);
  return task;
};

/** clone's arguments in one form for all of its calls. Addresses are 0 for none. */
export interface CloneArgs {
  /** Without the exit signal; may have bits above 32. */
  readonly flags: number;
  readonly exitSignal: number;
  /** Stack pointer of the child; 0: the parent's. */
  readonly stack: number;
  readonly parentTid: number;
  readonly childTid: number;
  readonly tls: number;
  /** Ids to give it, innermost pid namespace first; empty: any. */
  readonly setTid: readonly number[];
}

const has = (flags: number, bit: number): boolean => Math.floor(flags / bit) % 2 === 1;

const invalid = (parent: Task, args: CloneArgs): number => {
  const { flags } = args;
  const on = (bit: number): boolean => has(flags, bit);
  if (on(CLONE.CLONE_SIGHAND) && !on(CLONE.CLONE_VM)) return -EINVAL;
  if (on(CLONE.CLONE_THREAD) && !on(CLONE.CLONE_SIGHAND)) return -EINVAL;
  if (on(CLONE3.CLONE_CLEAR_SIGHAND) && on(CLONE.CLONE_SIGHAND)) return -EINVAL;
  if (on(CLONE.CLONE_NEWNS) && on(CLONE.CLONE_FS)) return -EINVAL;
  if (on(CLONE.CLONE_NEWUSER) && on(CLONE.CLONE_FS)) return -EINVAL;
  if (on(CLONE.CLONE_NEWPID) && on(CLONE.CLONE_THREAD)) return -EINVAL;
  if (on(CLONE.CLONE_PARENT) && parent.process.parent === null) return -EINVAL;
  // There is one of each namespace; a process in a container may not make more.
  for (let bit = 1; bit < 2 ** 32; bit *= 2) {
    if (on(bit) && (CLONE_NAMESPACES & bit) !== 0) return -EPERM;
  }
  if (on(CLONE3.CLONE_INTO_CGROUP)) return -EINVAL;
  return 0;
};

const tooMany = (parent: Task): boolean => {
  const { kernel, process, cred } = parent;
  const own = kernel.init === undefined ? 0 : 1;
  if (kernel.tasks.size - own >= kernel.limits.tasks) return true;
  const limit = process.rlimits[RLIMITS.RLIMIT_NPROC]?.soft ?? Number.POSITIVE_INFINITY;
  if (cred.uid === 0 || limit === Number.POSITIVE_INFINITY) return false;
  let n = 0;
  for (const t of kernel.tasks.values()) if (t.cred.uid === cred.uid) n++;
  return n >= limit;
};

const chooseTid = (parent: Task, setTid: readonly number[]): number => {
  const { kernel } = parent;
  const wanted = setTid[0];
  if (wanted === undefined) return allocatePid(kernel);
  if (setTid.length > 1 || wanted < 1 || wanted >= kernel.settings['kernel/pid_max']) return -EINVAL;
  if (!capHas(parent.cred.capEffective, CAP.CAP_CHECKPOINT_RESTORE)) return -EPERM;
  return free(kernel, wanted) ? wanted : -EEXIST;
};

/** What the new task shares with its parent and what it gets a copy of. -errno when memory is out. */
const partsFor = (parent: Task, flags: number): TaskParts | number => {
  const { hooks } = parent.kernel;
  let { mm, files, fs, sighand } = parent;
  if (has(flags, CLONE.CLONE_VM)) mm.refs++;
  else {
    const copy = mm.fork();
    if (typeof copy === 'number') return copy;
    mm = copy;
  }
  if (has(flags, CLONE.CLONE_FILES)) files.refs++;
  else {
    const copy = hooks.copyFiles(files);
    if (copy === null) {
      mm.release();
      return -ENOMEM;
    }
    files = copy;
  }
  if (has(flags, CLONE.CLONE_FS)) fs.refs++;
  else fs = hooks.copyFs(fs);
  if (has(flags, CLONE.CLONE_SIGHAND)) sighand.refs++;
  else sighand = { actions: copyActions(sighand, has(flags, CLONE3.CLONE_CLEAR_SIGHAND)), refs: 1 };
  return { mm, files, fs, sighand, cred: { ...parent.cred } };
};

const copyActions = ({ actions }: SigHand, clear: boolean): SigHand['actions'] =>
  actions.map((a) => (clear && a.handler !== SIG_IGN ? { ...a, handler: SIG_DFL, flags: 0 } : a));

/** What a child of one with SCHED_RESET_ON_FORK does not inherit (sched_fork of the kernel). */
const beginUnprivileged = ({ attributes }: Task): void => {
  const policy = attributes.get('policy');
  const realtime = policy === SCHED.SCHED_FIFO || policy === SCHED.SCHED_RR;
  if (realtime) {
    attributes.set('policy', SCHED.SCHED_OTHER);
    attributes.set('rtprio', 0);
  }
  if (realtime || (attributes.get('nice') ?? 0) < 0) attributes.set('nice', 0);
  attributes.delete('resetOnFork');
};

/** Process attributes (prctl) that a child starts with. */
const INHERITED = ['dumpable', 'personality', 'thpDisable', 'mdwe'] as const;

const childProcess = (parent: Task, pid: number, args: CloneArgs): Process => {
  const p = parent.process;
  const sibling = has(args.flags, CLONE.CLONE_PARENT);
  const process = newProcess(parent.kernel, pid, sibling ? p.parent : p) as Process;
  Object.assign(process, {
    tree: p.tree,
    pgid: p.pgid,
    sid: p.sid,
    tty: p.tty,
    exe: p.exe,
    comm: parent.comm,
  });
  process.exitSignal = sibling ? p.exitSignal : args.exitSignal;
  process.rlimits = p.rlimits.map((l) => ({ ...l }));
  for (const name of INHERITED) {
    const v = p.attributes.get(name);
    if (v !== undefined) process.attributes.set(name, v);
  }
  parent.kernel.hooks.forkProcess(p, process);
  return process;
};

const setRegister = (context: Uint8Array, offset: number, v: number): void => {
  const dv = new DataView(context.buffer, context.byteOffset);
  dv.setUint32(offset, v >>> 0, true);
  dv.setUint32(offset + 4, Math.floor(v / 4294967296), true);
};

/**
 * Makes a copy of the task on the CPU that shares with it what the flags say, and makes it runnable. The caller
 * does what needs files (CLONE_PIDFD) and waits for CLONE_VFORK. Returns the new task or -errno.
 */
export const cloneTask = (parent: Task, args: CloneArgs): Task | number => {
  const { kernel } = parent;
  const { flags } = args;
  const on = (bit: number): boolean => has(flags, bit);
  const bad = invalid(parent, args);
  if (bad !== 0) return bad;
  if (tooMany(parent)) return -EAGAIN;
  const tid = chooseTid(parent, args.setTid);
  if (tid < 0) return tid;
  const parts = partsFor(parent, flags);
  if (typeof parts === 'number') return parts;

  const thread = on(CLONE.CLONE_THREAD);
  const process = thread ? parent.process : childProcess(parent, tid, args);
  const child = newTask(kernel, tid, process, parts);
  child.comm = parent.comm;
  child.sigmask = parent.sigmask;
  for (const [k, v] of parent.attributes) if (k !== 'pdeathsig') child.attributes.set(k, v);
  if (parent.attributes.get('resetOnFork') === 1) beginUnprivileged(child);
  const slack = parent.attributes.get('timerslack');
  if (slack !== undefined) child.attributes.set('timerslackDefault', slack);
  const shares = on(CLONE.CLONE_VM);
  if (!shares || on(CLONE.CLONE_VFORK)) child.altstack = { ...parent.altstack };
  if (!shares) child.rseq = parent.rseq;
  kernel.cpu.save(child.context);
  setRegister(child.context, OFF.gpr + 8 * GPR.rax, 0);
  if (args.stack !== 0) setRegister(child.context, OFF.gpr + 8 * GPR.rsp, args.stack);
  if (on(CLONE.CLONE_SETTLS)) setRegister(child.context, OFF.fsBase, args.tls);
  if (on(CLONE.CLONE_CHILD_CLEARTID)) child.clearChildTid = args.childTid;
  if (on(CLONE.CLONE_CHILD_SETTID)) child.mm.writeU32(args.childTid, tid);
  if (on(CLONE.CLONE_PARENT_SETTID)) parent.mm.writeU32(args.parentTid, tid);
  if (on(CLONE.CLONE_VFORK)) child.vforkDone = waitQueue();

  if (!thread) {
    process.leader = child;
    process.parent?.children.add(process);
    kernel.processes.set(tid, process);
  }
  process.threads.add(child);
  kernel.tasks.set(tid, child);
  kernel.run.forks++;
  kernel.events.fork?.(parent, child);
  ready(child);
  return child;
};
