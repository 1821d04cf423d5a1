// How tasks and processes end (exit(2), exit_group(2), wait(2)): what a thread lets go of, when the process
// becomes a zombie, who hears of it, and who gets its children.

import { CLD, SA, SIG, SIG_IGN } from '../../abi/signal.ts';
import { exitedStatus } from '../../abi/wait.ts';
import type { Kernel } from '../kernel.ts';
import { wake } from '../wait.ts';
import { releaseRobustList, wakeAddress } from './futex.ts';
import { dropPiLocks } from './futex-pi.ts';
import { cancelTimers } from './itimers.ts';
import { unpark } from './runqueue.ts';
import {
  actionOf,
  childInfo,
  kernelInfo,
  membersOf,
  orphanedGroup,
  signalProcess,
  signalTask,
} from './signals.ts';
import type { Process, Task } from './types.ts';

/** What a thread tells others through memory when it leaves it, at its end and at execve (mm_release of the kernel). */
export const releaseMemory = (task: Task): void => {
  if (task.robustList !== 0) releaseRobustList(task);
  dropPiLocks(task);
  if (task.clearChildTid !== 0 && task.mm.refs > 1) {
    task.mm.writeU32(task.clearChildTid, 0);
    wakeAddress(task, task.clearChildTid);
  }
  task.robustList = 0;
  task.clearChildTid = 0;
};

/** The first thread stays a task, dead as it is, until its process has been waited for: what its id stands for is still there. */
const leaveTasks = (task: Task): void => {
  if (task !== task.process.leader) task.kernel.tasks.delete(task.tid);
};

/** Ends one thread; the process ends with its last one. `status` is a wait status word. */
export const exitTask = (task: Task, status: number): void => {
  if (task.state === 'dead') return;
  const { kernel, process } = task;
  const { call } = task;
  unpark(task);
  releaseMemory(task);
  task.state = 'dead';
  task.exitCode = status;
  const last = process.threads.size === 1;
  kernel.events.exit?.(task, status, status & 0x7f);
  if (call !== null) kernel.gate.abandon(task, null);
  kernel.hooks.exitTask(task);
  kernel.hooks.releaseFiles(task);
  kernel.hooks.releaseFs(task);
  if (last) process.usage.peakPages = Math.max(process.usage.peakPages, task.mm.usage().peakPages);
  task.sighand.refs--;
  task.pending.clear();
  process.threads.delete(task);
  leaveTasks(task);
  process.userNs += task.userNs;
  process.systemNs += task.systemNs;
  kernel.run.graveyard.push(task.mm);
  if (kernel.run.loaded === task) kernel.run.loaded = null;
  releaseVfork(task);
  // A process that nobody ended as a whole has the status of its last thread (synchronize_group_exit of the kernel).
  if (last) exitProcess(process, process.exiting ? process.exitStatus : status);
};

/** Ends the whole process. */
export const exitGroup = (task: Task, status: number): void => {
  const { process } = task;
  if (!process.exiting) {
    process.exiting = true;
    process.exitStatus = status;
  }
  for (const t of [...process.threads]) if (t !== task) exitTask(t, process.exitStatus);
  exitTask(task, process.exitStatus);
};

/**
 * Ends a process whose end has met a bug: what `exitGroup` left undone is tried step by step, so that one that fails (it
 * is told to `bug`) keeps nobody waiting. Nothing is written to the process's memory any more.
 */
export const exitBroken = (process: Process, status: number, bug: (error: unknown) => void): void => {
  const attempt = (step: () => void): void => {
    try {
      step();
    } catch (e) {
      bug(e);
    }
  };
  const { kernel } = process.leader;
  process.exiting = true;
  for (const task of [...process.threads]) {
    task.state = 'dead';
    task.exitCode = status;
    attempt(() => unpark(task));
    if (task.call !== null) attempt(() => kernel.gate.abandon(task, null));
    attempt(() => kernel.hooks.exitTask(task));
    attempt(() => kernel.hooks.releaseFiles(task));
    attempt(() => kernel.hooks.releaseFs(task));
    process.threads.delete(task);
    leaveTasks(task);
    kernel.run.graveyard.push(task.mm);
    if (kernel.run.loaded === task) kernel.run.loaded = null;
    attempt(() => releaseVfork(task));
  }
  let told = false;
  const end = (): void => {
    exitProcess(process, status);
    told = true;
  };
  if (process.state !== 'zombie') attempt(end);
  if (told) return;
  process.state = 'zombie';
  process.exitStatus = status;
  attempt(() => giveAwayChildren(process));
  if (process.tree === process.pid) attempt(() => endTree(process));
  attempt(() => notifyOfDeath(process));
  attempt(() => tellEnd(process));
};

/** exit_group(2) with an exit code. */
export const exitWithCode = (task: Task, code: number): void => exitGroup(task, exitedStatus(code));

/** Lets a vfork parent go on: its child has called execve or is gone. */
export const releaseVfork = (task: Task): void => {
  const { vforkDone } = task;
  if (vforkDone === null) return;
  task.vforkDone = null;
  wake(vforkDone);
};

const exitProcess = (process: Process, status: number): void => {
  const { leader } = process;
  const { kernel } = leader;
  process.exiting = true;
  process.exitStatus = status;
  cancelTimers(process);
  process.sharedPending.clear();
  if (process.pid === process.sid) kernel.hooks.hangup(process);
  // The groups of the children may become orphaned by this death, and so may the group of the process itself.
  const groups = new Set([process.pgid]);
  for (const child of process.children) if (child.pgid !== process.pgid) groups.add(child.pgid);
  const before = new Map([...groups].map((g) => [g, orphanedGroup(kernel, g)]));
  process.state = 'zombie';
  giveAwayChildren(process);
  if (process.tree === process.pid) endTree(process);
  for (const [pgid, was] of before) if (!was) hangupIfOrphaned(kernel, pgid);
  wake(process.exitWait);
  notifyOfDeath(process);
  tellEnd(process);
};

/** Tells whoever started the process from outside, once. */
const tellEnd = (process: Process): void => {
  const { onExit } = process;
  process.onExit = null;
  onExit?.(process.exitStatus);
};

/** A stopped group that nobody is left to continue gets SIGHUP and SIGCONT (POSIX, exit). */
const hangupIfOrphaned = (kernel: Kernel, pgid: number): void => {
  const members = membersOf(kernel, pgid);
  if (!members.some((p) => p.state === 'stopped') || !orphanedGroup(kernel, pgid)) return;
  for (const p of members) {
    signalProcess(p, kernelInfo(SIG.SIGHUP));
    signalProcess(p, kernelInfo(SIG.SIGCONT));
  }
};

/** Orphans go to the nearest subreaper above, else to the machine. */
const giveAwayChildren = (process: Process): void => {
  const reaper = reaperOf(process);
  for (const child of [...process.children]) {
    process.children.delete(child);
    child.parent = reaper;
    for (const t of child.threads) {
      const signo = t.attributes.get('pdeathsig') ?? 0;
      if (signo !== 0) {
        signalTask(t, { signo, errno: 0, code: 0, pid: process.pid, uid: process.leader.cred.uid });
      }
    }
    child.exitSignal = SIG.SIGCHLD;
    reaper?.children.add(child);
    if (child.state === 'zombie') notifyOfDeath(child);
  }
};

/** As in a container whose first process ends, nothing that descends from it survives it. */
const endTree = (root: Process): void => {
  for (const p of [...root.leader.kernel.processes.values()]) {
    if (p.tree === root.pid && p !== root) signalProcess(p, kernelInfo(SIG.SIGKILL));
  }
};

const reaperOf = (process: Process): Process | null => {
  for (let p = process.parent; p !== null; p = p.parent) {
    if (p.state !== 'zombie' && p.attributes.get('subreaper') === 1) return p;
  }
  return null;
};

/** SIGCHLD to the parent, or straight to oblivion where the parent does not want to know. */
const notifyOfDeath = (process: Process): void => {
  const { parent, exitStatus } = process;
  if (parent === null || parent.state === 'zombie') {
    forget(process);
    return;
  }
  const action = actionOf(parent.leader, SIG.SIGCHLD);
  const unwanted =
    process.exitSignal === SIG.SIGCHLD &&
    (action.handler === SIG_IGN || (action.flags & SA.SA_NOCLDWAIT) !== 0);
  const signo = exitStatus & 0x7f;
  if (process.exitSignal !== 0 && !(unwanted && action.handler === SIG_IGN)) {
    const code = signo === 0 ? CLD.CLD_EXITED : CLD.CLD_KILLED;
    const value = signo === 0 ? (exitStatus >> 8) & 0xff : signo;
    signalProcess(parent, childInfo(process, process.exitSignal, code, value));
  }
  if (unwanted) forget(process);
  wake(parent.childWait);
};

/** The zombie has been waited for, or nobody will. */
export const forget = (process: Process): void => {
  const { kernel } = process.leader;
  process.parent?.children.delete(process);
  kernel.processes.delete(process.pid);
  kernel.tasks.delete(process.pid);
};

/** wait(2) has taken the zombie: its times count for the parent. */
export const reap = (process: Process): void => {
  const { parent } = process;
  if (parent !== null) {
    parent.childUserNs += process.userNs + process.childUserNs;
    parent.childSystemNs += process.systemNs + process.childSystemNs;
    parent.childMinorFaults += process.usage.minorFaults + process.childMinorFaults;
    parent.childPeakPages = Math.max(parent.childPeakPages, process.usage.peakPages, process.childPeakPages);
  }
  forget(process);
};
