// Signals about files (fcntl(2), F_SETOWN, F_SETSIG, F_NOTIFY): who is told by SIGIO or a signal of its choice that a pipe,
// socket or terminal is ready (O_ASYNC), and that something was done in a directory (dnotify).

import { EINVAL, ENOTDIR, ESRCH } from '../../abi/errno.ts';
import { DN, F_OWNER_TYPES, O_ASYNC } from '../../abi/fcntl.ts';
import { IN } from '../../abi/inotify.ts';
import { POLL } from '../../abi/poll.ts';
import { POLL as BAND, SI, SIG } from '../../abi/signal.ts';
import type { Kernel } from '../kernel.ts';
import { kernelInfo, membersOf, signalProcess, signalTask } from '../task/signals.ts';
import type { Process, SigInfo, Task } from '../task/types.ts';
import type { Waiter } from '../wait.ts';
import { isDirectory } from './file.ts';
import { RENAMED, type Watch } from './notify.ts';
import type { FileOwner, OpenFile } from './types.ts';

const { F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP } = F_OWNER_TYPES;

/** Sets who hears of a file; -ESRCH when there is nobody of that id. */
export const setOwner = (task: Task, file: OpenFile, type: number, id: number): number => {
  const { tasks, processes } = task.kernel;
  const there =
    type === F_OWNER_PGRP ? membersOf(task.kernel, id).length > 0 : tasks.has(id) || processes.has(id);
  if (id !== 0 && !there) return -ESRCH;
  // A thread's id will do for its process.
  const of = type === F_OWNER_PID ? (tasks.get(id)?.process.pid ?? id) : id;
  file.owner = { type, id: of, uid: task.cred.uid, euid: task.cred.euid };
  return 0;
};

/** F_SETOWN and its kin: the number of a process, or a negative one of a group. */
export const setOwnerNumber = (task: Task, file: OpenFile, who: number): number => {
  if (who === -(2 ** 31)) return -EINVAL;
  return who < 0 ? setOwner(task, file, F_OWNER_PGRP, -who) : setOwner(task, file, F_OWNER_PID, who);
};

/** What F_GETOWN tells: 0 for nobody, or nobody any more. */
export const ownerNumber = (kernel: Kernel, file: OpenFile): number => {
  const { owner } = file;
  if (owner === null) return 0;
  if (owner.type === F_OWNER_PGRP) return membersOf(kernel, owner.id).length > 0 ? -owner.id : 0;
  return kernel.tasks.has(owner.id) ? owner.id : 0;
};

/** Whoever asked to be told is told, unless somebody was before. */
export const ownByDefault = (task: Task, file: OpenFile, type: number, id: number): void => {
  if (file.owner === null || file.owner.id === 0) setOwner(task, file, type, id);
};

/** sigio_perm of the kernel. */
const mayTell = (owner: FileOwner, of: Process): boolean => {
  const { uid, suid } = of.leader.cred;
  return owner.euid === 0 || [uid, suid].includes(owner.euid) || [uid, suid].includes(owner.uid);
};

const POLLMSG = 0x400;
/** Events of poll(2) that go with each reason (band_table of fs/fcntl.c). */
const BANDS: Readonly<Record<number, number>> = {
  [BAND.POLL_IN]: POLL.POLLIN | POLL.POLLRDNORM,
  [BAND.POLL_OUT]: POLL.POLLOUT | POLL.POLLWRNORM | POLL.POLLWRBAND,
  [BAND.POLL_MSG]: POLL.POLLIN | POLL.POLLRDNORM | POLLMSG,
  [BAND.POLL_ERR]: POLL.POLLERR,
  [BAND.POLL_PRI]: POLL.POLLPRI | POLL.POLLRDBAND,
  [BAND.POLL_HUP]: POLL.POLLHUP | POLL.POLLERR,
};
/** Signals whose own codes would be taken for reasons. */
const WITH_CODES: readonly number[] = [
  SIG.SIGILL,
  SIG.SIGFPE,
  SIG.SIGSEGV,
  SIG.SIGBUS,
  SIG.SIGTRAP,
  SIG.SIGCHLD,
  SIG.SIGSYS,
];

/** Signals the owner of a file; `fd` is the descriptor that the events were asked for with. */
export const tellOwner = (kernel: Kernel, file: OpenFile, fd: number, reason: number): void => {
  const signo = file.signal ?? 0;
  const code = WITH_CODES.includes(signo) ? SI.SI_SIGIO : reason;
  const band = BANDS[reason] ?? 0;
  sendOwner(
    kernel,
    file,
    signo === 0 ? kernelInfo(SIG.SIGIO) : { signo, errno: 0, code, band, fd, pid: 0, uid: 0 },
  );
};

/** A byte out of band has come: SIGURG whether or not O_ASYNC is on, and the signal of choice if it is. */
export const tellUrgent = (kernel: Kernel, file: OpenFile): void => {
  sendOwner(kernel, file, kernelInfo(SIG.SIGURG));
  if (file.asyncFd !== undefined && file.signal) tellOwner(kernel, file, file.asyncFd, BAND.POLL_PRI);
};

const sendOwner = (kernel: Kernel, file: OpenFile, info: SigInfo): void => {
  const { owner } = file;
  if (owner === null || owner.id === 0) return;
  const tell = (send: (i: SigInfo) => number, to: Process): void => {
    // The queue of signals is full: SIGIO has no need to queue.
    if (mayTell(owner, to) && send(info) < 0) send(kernelInfo(SIG.SIGIO));
  };
  if (owner.type === F_OWNER_PGRP) {
    for (const p of membersOf(kernel, owner.id)) tell((i) => signalProcess(p, i), p);
    return;
  }
  const task = kernel.tasks.get(owner.id);
  if (task === undefined) return;
  if (owner.type === F_OWNER_TID) tell((i) => signalTask(task, i), task.process);
  else tell((i) => signalProcess(task.process, i), task.process);
};

/** Lets something end with the description. */
const endWith = (file: OpenFile, end: () => void): void => {
  file.ends ??= new Set();
  file.ends.add(end);
};

/** Turns O_ASYNC on or off; false when the file has no such events. */
export const setAsync = (task: Task, file: OpenFile, fd: number, on: boolean): boolean => {
  if (file.ops.asyncQueues === undefined) return false;
  if (((file.flags & O_ASYNC) !== 0) === on) return true;
  file.flags = on ? file.flags | O_ASYNC : file.flags & ~O_ASYNC;
  if (!on) {
    file.stopAsync?.();
    return true;
  }
  const { kernel } = task;
  const group = file.ops.foreground?.();
  if (group) ownByDefault(task, file, F_OWNER_PGRP, group);
  else if (group === 0) ownByDefault(task, file, F_OWNER_PID, task.process.pid);
  const listeners = file.ops.asyncQueues(file).map(({ queue, reason }) => {
    const w: Waiter = {
      wake() {
        queue.waiters.add(w);
        const why = reason();
        if (why !== 0) tellOwner(kernel, file, fd, why);
      },
    };
    queue.waiters.add(w);
    return () => queue.waiters.delete(w);
  });
  const stop = (): void => {
    for (const end of listeners) end();
    file.ends?.delete(stop);
    file.stopAsync = null;
    delete file.asyncFd;
  };
  file.stopAsync = stop;
  file.asyncFd = fd;
  endWith(file, stop);
  return true;
};

/** What of inotify's events each bit of F_NOTIFY means; a rename is one within the directory only. */
const EVENTS: readonly (readonly [number, number])[] = [
  [DN.DN_ACCESS, IN.IN_ACCESS],
  [DN.DN_MODIFY, IN.IN_MODIFY],
  [DN.DN_CREATE, IN.IN_CREATE | IN.IN_MOVED_TO],
  [DN.DN_RENAME, RENAMED],
  [DN.DN_DELETE, IN.IN_DELETE | IN.IN_MOVED_FROM],
  [DN.DN_ATTRIB, IN.IN_ATTRIB],
];

/** F_NOTIFY: signals, once or from now on, what is done in a directory. */
export const watchDirectory = (task: Task, file: OpenFile, fd: number, wanted: number): number => {
  if ((wanted & ~DN.DN_MULTISHOT) === 0) {
    file.dnotify?.end();
    return 0;
  }
  const { inode } = file;
  if (!isDirectory(inode)) return -ENOTDIR;
  const known = file.dnotify ?? null;
  let bits = wanted | (known?.bits ?? 0);
  const { kernel } = task;
  const end = (): void => {
    const rest = (inode.watches ?? []).filter((w) => w !== watch);
    if (rest.length > 0) inode.watches = rest;
    else delete inode.watches;
    file.ends?.delete(end);
    file.dnotify = null;
  };
  const watch: Watch = {
    mask: EVENTS.reduce((m, [bit, events]) => ((bits & bit) !== 0 ? m | events : m), 0),
    tell(event) {
      for (const [bit, events] of EVENTS) {
        if ((bits & bit) === 0 || (event & events) === 0) continue;
        tellOwner(kernel, file, fd, BAND.POLL_MSG);
        if ((bits & DN.DN_MULTISHOT) !== 0) continue;
        bits = 0;
        end();
      }
    },
    end,
  };
  known?.end();
  inode.watches = [...(inode.watches ?? []), watch];
  file.dnotify = { bits, end };
  endWith(file, end);
  ownByDefault(task, file, F_OWNER_PID, task.process.pid);
  return 0;
};
