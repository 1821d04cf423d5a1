// Job control: which processes a terminal belongs to, who may use it, and who hears of its end (credentials(7),
// tty_ioctl(4); behaviour of the kernel's drivers/tty/tty_jobctrl.c).

import { EIO, ENOTTY, EPERM } from '../../abi/errno.ts';
import { SIG, SIG_IGN } from '../../abi/signal.ts';
import type { Kernel } from '../kernel.ts';
import { capable } from '../task/creds.ts';
import { actionOf, kernelInfo, orphanedGroup, signalGroup, signalProcess } from '../task/signals.ts';
import { hasSignal } from '../task/sigset.ts';
import type { Process, Task } from '../task/types.ts';
import { block, type Result, wake } from '../wait.ts';
import type { Tty } from './types.ts';

/** A signal to another thread of the process leaves this one waiting: it looks again after that, ns. */
const LOOK_AGAIN = 50e6;

export const terminalOf = (process: Process): Tty | null => process.tty as Tty | null;

export const signalForeground = (kernel: Kernel, tty: Tty, signo: number): void => {
  if (tty.foreground !== 0) signalGroup(kernel, tty.foreground, kernelInfo(signo));
};

/**
 * Whether the task may use its terminal now. One in the background gets the signal (SIGTTIN or SIGTTOU) and tries
 * again when it is continued; where the signal can do nothing, reading fails and changing succeeds.
 */
export const foregroundOnly = (task: Task, tty: Tty, signo: number): Result => {
  const { process, kernel } = task;
  if (process.tty !== tty || tty.foreground === 0 || process.pgid === tty.foreground) return 0;
  if (hasSignal(task.sigmask, signo) || actionOf(task, signo).handler === SIG_IGN) {
    return signo === SIG.SIGTTIN ? -EIO : 0;
  }
  if (orphanedGroup(kernel, process.pgid, true)) return -EIO;
  signalGroup(kernel, process.pgid, kernelInfo(signo));
  return block([tty.toRead], 'restart', kernel.clock.monotonic() + LOOK_AGAIN);
};

const isLeader = (process: Process): boolean => process.pid === process.sid;

/** Makes the terminal that of the process's session. */
export const takeTerminal = (process: Process, tty: Tty): void => {
  tty.session = process.sid;
  tty.foreground = process.pgid;
  process.tty = tty;
};

/** What an open without O_NOCTTY does. */
export const takeIfFree = (process: Process, tty: Tty): void => {
  if (isLeader(process) && process.tty === null && tty.session === 0) takeTerminal(process, tty);
};

/** No process of a session has a controlling terminal any more. */
const forgetTerminal = (kernel: Kernel, sid: number): void => {
  for (const p of kernel.processes.values()) if (p.sid === sid) p.tty = null;
};

/** ioctl(TIOCSCTTY). */
export const claimTerminal = (task: Task, tty: Tty, steal: boolean, readable: boolean): number => {
  const { process, kernel } = task;
  if (isLeader(process) && process.sid === tty.session) return 0;
  if (!isLeader(process) || process.tty !== null) return -EPERM;
  const admin = capable(task, 'CAP_SYS_ADMIN');
  if (tty.session !== 0) {
    if (!steal || !admin) return -EPERM;
    forgetTerminal(kernel, tty.session);
  }
  if (!readable && !admin) return -EPERM;
  takeTerminal(process, tty);
  return 0;
};

const release = (tty: Tty): void => {
  tty.session = 0;
  tty.foreground = 0;
};

/** ioctl(TIOCNOTTY): the leader gives the terminal up for its whole session. */
export const dropTerminal = (task: Task, tty: Tty): number => {
  const { process, kernel } = task;
  if (process.tty !== tty) return -ENOTTY;
  if (isLeader(process)) {
    signalForeground(kernel, tty, SIG.SIGHUP);
    signalForeground(kernel, tty, SIG.SIGCONT);
    release(tty);
    forgetTerminal(kernel, process.sid);
  }
  process.tty = null;
  return 0;
};

/** The group that was in the foreground of a terminal that has been hung up. */
const OLD_GROUP = 'ttyOldGroup';

/** The leader of a session has ended. */
export const leaderEnded = (leader: Process): void => {
  const { kernel } = leader.leader;
  const tty = terminalOf(leader);
  if (tty === null) {
    const group = leader.attributes.get(OLD_GROUP) ?? 0;
    if (group === 0) return;
    signalGroup(kernel, group, kernelInfo(SIG.SIGHUP));
    signalGroup(kernel, group, kernelInfo(SIG.SIGCONT));
    return;
  }
  signalForeground(kernel, tty, SIG.SIGHUP);
  release(tty);
  forgetTerminal(kernel, leader.sid);
};

/** The line is gone: the master was closed. Open descriptions are dead from here on. */
export const hangUp = (kernel: Kernel, tty: Tty): void => {
  tty.generation++;
  tty.slaves = 0;
  const { session, foreground } = tty;
  if (session !== 0) {
    for (const p of kernel.processes.values()) {
      if (p.sid !== session) continue;
      if (p.pid === session) {
        signalProcess(p, kernelInfo(SIG.SIGHUP));
        signalProcess(p, kernelInfo(SIG.SIGCONT));
        p.attributes.set(OLD_GROUP, foreground);
      }
      p.tty = null;
    }
  }
  release(tty);
  for (const q of [tty.toRead, tty.toWrite, tty.masterRead, tty.masterWrite]) wake(q);
};

/**
 * The last description of the slave is closed: nobody has it as controlling terminal any more. A leader that closes
 * it by ending still does what leaders do at their end.
 */
export const lastClosed = (kernel: Kernel, tty: Tty): void => {
  if (tty.session === 0) return;
  const leader = kernel.processes.get(tty.session);
  const ending = leader !== undefined && [...leader.threads].every((t) => t.state === 'dead');
  if (!ending) forgetTerminal(kernel, tty.session);
};
