// Sending signals: who may, what is dropped, where it is queued and who is woken (signal(7), kill(2)).
// Delivery is in deliver.ts.

import { CAP, capHas } from '../../abi/capability.ts';
import { EAGAIN, EINVAL, EPERM, ESRCH } from '../../abi/errno.ts';
import { RLIMITS } from '../../abi/resource.ts';
import { CLD, defaultAction, SA, SI, SIG, SIG_DFL, SIG_IGN, SIGRTMIN } from '../../abi/signal.ts';
import type { Kernel } from '../kernel.ts';
import { wake } from '../wait.ts';
import { ready, suspend } from './runqueue.ts';
import { hasSignal, validSignal, withoutUnblockable } from './sigset.ts';
import type { Process, SigAction, SigInfo, SigSet, Task } from './types.ts';

const DEFAULT: SigAction = Object.freeze({ handler: SIG_DFL, flags: 0, restorer: 0, mask: { lo: 0, hi: 0 } });

/** Actions of a process that has set none. */
export const defaultActions = (): SigAction[] => new Array<SigAction>(65).fill(DEFAULT);

export const actionOf = (task: Task, signo: number): SigAction => task.sighand.actions[signo] ?? DEFAULT;

/** Whether delivering the signal would do nothing. */
export const ignored = (task: Task, signo: number): boolean => {
  const { handler } = actionOf(task, signo);
  return handler === SIG_IGN || (handler === SIG_DFL && defaultAction(signo) === 'ignore');
};

/** A signal sent by a process on purpose. */
export const userInfo = (sender: Task, signo: number, code: number = SI.SI_USER): SigInfo => ({
  signo,
  errno: 0,
  code,
  pid: sender.process.pid,
  uid: sender.cred.uid,
});

/** A signal from the kernel itself. */
export const kernelInfo = (signo: number): SigInfo => ({
  signo,
  errno: 0,
  code: SI.SI_KERNEL,
  pid: 0,
  uid: 0,
});

/** kill(2): the sender's real or effective id is the target's real or saved one, CAP_KILL, or SIGCONT in one session. */
export const mayKill = (sender: Task, target: Process, signo: number): boolean => {
  const c = sender.cred;
  const t = target.leader.cred;
  return (
    sender.process === target ||
    c.euid === t.uid ||
    c.euid === t.suid ||
    c.uid === t.uid ||
    c.uid === t.suid ||
    capHas(c.capEffective, CAP.CAP_KILL) ||
    (signo === SIG.SIGCONT && sender.process.sid === target.sid)
  );
};

/** Whether the task has a signal that would be acted on now. */
export const deliverable = (task: Task): boolean => {
  const { pending } = task;
  const shared = task.process.sharedPending;
  return pending.passes(task.sigmask) || shared.passes(task.sigmask);
};

/** SIGKILL is pending: ends even waits that cannot be interrupted. */
export const dying = (task: Task): boolean =>
  task.pending.has(SIG.SIGKILL) || task.process.sharedPending.has(SIG.SIGKILL);

const wants = (task: Task, signo: number): boolean =>
  task.state !== 'dead' &&
  (!hasSignal(task.sigmask, signo) || (task.sigwait !== null && hasSignal(task.sigwait, signo)));

const rouse = (task: Task, signo: number): void => {
  if (task.state === 'stopped' && signo === SIG.SIGKILL) ready(task);
  if (task.state !== 'blocked') return;
  if (task.blockedOn?.restart === 'uninterruptible' && signo !== SIG.SIGKILL) return;
  ready(task);
};

const STOPS = [SIG.SIGSTOP, SIG.SIGTSTP, SIG.SIGTTIN, SIG.SIGTTOU] as const;
const CONTINUES = [SIG.SIGCONT] as const;

const isStop = (signo: number): boolean => signo >= SIG.SIGSTOP && signo <= SIG.SIGTTOU;

/** Stop and continue signals cancel each other when they are sent, whether blocked, ignored or not. */
const prepare = (process: Process, signo: number): void => {
  const continues = signo === SIG.SIGCONT;
  if (!continues && !isStop(signo)) return;
  for (const other of continues ? STOPS : CONTINUES) dropPending(process, other);
  if (continues) continueProcess(process);
};

const queueLimit = (process: Process): number => process.rlimits[RLIMITS.RLIMIT_SIGPENDING]?.soft ?? 0;

/** Queues a signal for one thread, or for the process when `only` is null. 0 or -EAGAIN (the queue is full). */
const send = (process: Process, only: Task | null, info: SigInfo): number => {
  const { signo } = info;
  if (process.state === 'zombie' || process === process.leader.kernel.init) return 0;
  prepare(process, signo);
  if (only?.state === 'dead') return 0;
  const probe = only ?? process.leader;
  const blockedSomewhere = only === null ? everyoneBlocks(process, signo) : hasSignal(only.sigmask, signo);
  if (!blockedSomewhere && ignored(probe, signo) && !awaited(process, only, signo)) {
    probe.kernel.events.dropped?.(probe, info);
    return 0;
  }
  const list = only === null ? process.sharedPending : only.pending;
  if (signo < SIGRTMIN && list.has(signo)) return 0;
  if ((signo >= SIGRTMIN && list.length >= queueLimit(process)) || !list.push(info)) {
    // The kernel tells senders of queued values; for the others the signal is set, its information may be lost.
    if (signo >= SIGRTMIN && info.code < 0 && info.code !== SI.SI_TIMER) return -EAGAIN;
    if (list.has(signo)) return 0;
    list.force(info);
  }
  for (const t of process.threads) if (t.sigwait !== null && hasSignal(t.sigwait, signo)) rouse(t, signo);
  if (only !== null) {
    if (wants(only, signo)) rouse(only, signo);
  } else wakeOne(process, signo);
  wake(process.leader.kernel.signalfds);
  return 0;
};

const everyoneBlocks = (process: Process, signo: number): boolean => {
  for (const t of process.threads) if (t.state !== 'dead' && !hasSignal(t.sigmask, signo)) return false;
  return true;
};
const awaited = (process: Process, only: Task | null, signo: number): boolean => {
  if (only !== null) return only.sigwait !== null && hasSignal(only.sigwait, signo);
  for (const t of process.threads) if (t.sigwait !== null && hasSignal(t.sigwait, signo)) return true;
  return false;
};

/** The leader takes a process's signal if it can, else the first thread that does not block it. */
const wakeOne = (process: Process, signo: number): void => {
  const { leader, threads } = process;
  const taker = wants(leader, signo) ? leader : [...threads].find((t) => wants(t, signo));
  if (taker !== undefined) rouse(taker, signo);
};

export const signalTask = (task: Task, info: SigInfo): number => send(task.process, task, info);
export const signalProcess = (process: Process, info: SigInfo): number => send(process, null, info);

/** Signals every process of a group, as the terminal does; returns how many there were. */
export const signalGroup = (kernel: Kernel, pgid: number, info: SigInfo): number => {
  let n = 0;
  for (const p of membersOf(kernel, pgid)) {
    signalProcess(p, info);
    n++;
  }
  return n;
};

export const membersOf = (kernel: Kernel, pgid: number): Process[] =>
  [...kernel.processes.values()].filter((p) => p.pgid === pgid && p.state !== 'zombie');

/**
 * A process group is orphaned when no member has a parent in another group of the same session: nobody could
 * continue it, so it must not be stopped by the terminal. The machine stands for the parent of a process that it
 * started, except to the terminal: Ctrl-Z would stop such a process for good.
 */
export const orphanedGroup = (kernel: Kernel, pgid: number, byTerminal = false): boolean => {
  for (const p of kernel.processes.values()) {
    if (p.pgid !== pgid || p.state === 'zombie') continue;
    if (p.parent === null) {
      if (p.tree === p.pid && !byTerminal) return false;
    } else if (p.parent.pgid !== pgid && p.parent.sid === p.sid) return false;
  }
  return true;
};

/** kill(2) as a function: pid > 0 a process, 0 the sender's group, -1 everybody, < -1 a group. */
export const kill = (sender: Task, pid: number, info: SigInfo): number => {
  const { kernel } = sender;
  const { signo } = info;
  // Only who would get it is asked whether it is a signal (check_kill_permission of the kernel).
  const isSignal = signo === 0 || validSignal(signo);
  if (pid > 0) {
    const target = kernel.processes.get(pid) ?? kernel.tasks.get(pid)?.process;
    if (target === undefined) return -ESRCH;
    if (!isSignal) return -EINVAL;
    if (!mayKill(sender, target, signo)) return -EPERM;
    return signo === 0 ? 0 : signalProcess(target, info);
  }
  const all = pid === -1;
  const pgid = pid === 0 ? sender.process.pgid : -pid;
  let found = 0;
  let done = 0;
  for (const p of [...kernel.processes.values()]) {
    if (all ? p.pid === 1 || p === sender.process : p.pgid !== pgid) continue;
    if (!isSignal) return -EINVAL;
    found++;
    if (!mayKill(sender, p, signo)) continue;
    done++;
    if (signo !== 0) signalProcess(p, info);
  }
  return found === 0 ? -ESRCH : done === 0 ? -EPERM : 0;
};

/**
 * A signal that the program cannot evade: for a fault in its own code. If it blocks or ignores it, it dies of it.
 */
export const forceSignal = (task: Task, info: SigInfo): void => {
  const { signo } = info;
  const { actions } = task.sighand;
  const blocked = hasSignal(task.sigmask, signo);
  if (blocked || actionOf(task, signo).handler === SIG_IGN) actions[signo] = DEFAULT;
  if (blocked) {
    const { lo, hi } = task.sigmask;
    task.sigmask =
      signo <= 32
        ? { lo: (lo & ~(1 << (signo - 1))) >>> 0, hi }
        : { lo, hi: (hi & ~(1 << (signo - 33))) >>> 0 };
  }
  task.pending.force(info);
  rouse(task, signo);
};

/** Forces SIGSEGV on a task whose signal frame cannot be written or read; a second one kills. */
export const forceSegv = (task: Task, whileDelivering: number): void => {
  if (whileDelivering === SIG.SIGSEGV) task.sighand.actions[SIG.SIGSEGV] = DEFAULT;
  forceSignal(task, kernelInfo(SIG.SIGSEGV));
};

/** Stops every thread of the process and tells its parent. */
export const stopProcess = (process: Process, signo: number): void => {
  if (process.state !== 'running') return;
  process.state = 'stopped';
  process.stopSignal = signo;
  process.stopReported = false;
  process.continued = false;
  for (const t of process.threads) suspend(t);
  const { events } = process.leader.kernel;
  events.stop?.(process.leader, signo);
  notifyParent(process, CLD.CLD_STOPPED, signo);
};

export const continueProcess = (process: Process): void => {
  if (process.state !== 'stopped') return;
  process.state = 'running';
  process.continued = true;
  process.stopReported = true;
  for (const t of process.threads) if (t.state === 'stopped') ready(t);
  notifyParent(process, CLD.CLD_CONTINUED, SIG.SIGCONT);
};

/** SIGCHLD for a stop or a continue; exit has its own rules (exit.ts). */
const notifyParent = (process: Process, code: number, status: number): void => {
  const { parent } = process;
  if (parent === null || parent.state === 'zombie') return;
  if ((actionOf(parent.leader, SIG.SIGCHLD).flags & SA.SA_NOCLDSTOP) === 0) {
    signalProcess(parent, childInfo(process, SIG.SIGCHLD, code, status));
  }
  wake(parent.childWait);
};

/** siginfo of a child's change of state; times in clock ticks of 10 ms. */
export const childInfo = (process: Process, signo: number, code: number, status: number): SigInfo => ({
  signo,
  errno: 0,
  code,
  pid: process.pid,
  uid: process.leader.cred.uid,
  status,
  utime: Math.floor(process.userNs / 1e7),
  stime: Math.floor(process.systemNs / 1e7),
});

/** Replaces the mask for the length of one call (sigsuspend, ppoll, pselect, epoll_pwait). */
export const setTemporaryMask = (task: Task, set: SigSet): void => {
  // On a retry the mask is in place already.
  if (task.resume !== undefined) return;
  task.savedSigmask = task.sigmask;
  task.sigmask = withoutUnblockable(set);
};

export const setMask = (task: Task, set: SigSet): void => {
  task.sigmask = withoutUnblockable(set);
};

/** Takes the next signal that the mask lets through, the thread's own before the process's. */
export const dequeue = (task: Task): SigInfo | null => {
  if (task.pending.length === 0 && task.process.sharedPending.length === 0) return null;
  const { lo, hi } = task.sigmask;
  const set = { lo: ~lo, hi: ~hi };
  const info = task.pending.take(set) ?? task.process.sharedPending.take(set);
  return info && task.kernel.hooks.dequeued(task, info);
};

/** Takes the next pending signal of a set, blocked or not: sigtimedwait and signalfd. */
export const takeOf = (task: Task, set: SigSet): SigInfo | null => {
  const info = task.pending.take(set) ?? task.process.sharedPending.take(set);
  return info && task.kernel.hooks.dequeued(task, info);
};

/** Signals pending for the thread or its process, as a set. */
export const pendingSet = (task: Task): SigSet => {
  const { pending } = task;
  const { sharedPending } = task.process;
  return { lo: (pending.lo | sharedPending.lo) >>> 0, hi: (pending.hi | sharedPending.hi) >>> 0 };
};

/** Drops pending signals that have become ignored (sigaction to SIG_IGN, exec). */
export const dropPending = (process: Process, signo: number): void => {
  process.sharedPending.remove(signo);
  for (const t of process.threads) t.pending.remove(signo);
};
