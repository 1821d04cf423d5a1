// Waiting for children (wait4(2), waitid(2)).

import { EAGAIN, EBADF, ECHILD, EFAULT, EINVAL, ESRCH } from '../../abi/errno.ts';
import { O_NONBLOCK } from '../../abi/fcntl.ts';
import { RUSAGE } from '../../abi/resource.ts';
import { CLD, SIG, SIGINFO } from '../../abi/signal.ts';
import { CONTINUED_STATUS, P_TYPES, stoppedStatus, W, WAIT4_FLAGS, WAITID_FLAGS } from '../../abi/wait.ts';
import { choice, flags, pid, structOut, waitStatusOut } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { reap } from '../task/exit.ts';
import type { Process, Task } from '../task/types.ts';
import { usageWithChildren } from '../task/usage.ts';
import { fileAt } from '../vfs/fdtable.ts';
import { type Block, block, isBlock, type Result } from '../wait.ts';
import { pidfdTarget } from './process-pidfd.ts';

interface Change {
  readonly child: Process;
  readonly status: number;
  /** CLD_* and its si_status. */
  readonly code: number;
  readonly value: number;
}

const exitChange = (child: Process): Change => {
  const status = child.exitStatus;
  const signo = status & 0x7f;
  return signo === 0
    ? { child, status, code: CLD.CLD_EXITED, value: (status >> 8) & 0xff }
    : { child, status, code: CLD.CLD_KILLED, value: signo };
};

/** The change of state of a child that the options ask for, which is thereby reported unless WNOWAIT. */
const changeOf = (child: Process, options: number): Change | null => {
  const keep = (options & W.WNOWAIT) !== 0;
  if (child.state === 'zombie') return (options & W.WEXITED) !== 0 ? exitChange(child) : null;
  if (child.state === 'stopped' && (options & W.WSTOPPED) !== 0 && !child.stopReported) {
    if (!keep) child.stopReported = true;
    const value = child.stopSignal;
    return { child, status: stoppedStatus(value), code: CLD.CLD_STOPPED, value };
  }
  if (child.continued && (options & W.WCONTINUED) !== 0) {
    if (!keep) child.continued = false;
    return { child, status: CONTINUED_STATUS, code: CLD.CLD_CONTINUED, value: SIG.SIGCONT };
  }
  return null;
};

/** Children made by clone with another signal than SIGCHLD are only seen with __WCLONE or __WALL. */
const visible = (child: Process, options: number): boolean =>
  (options & W.__WALL) !== 0 || (child.exitSignal !== SIG.SIGCHLD) === ((options & W.__WCLONE) !== 0);

/** A change, 0 with WNOHANG, -ECHILD, or a Block. */
const waitChild = (task: Task, match: (p: Process) => boolean, options: number): Change | number | Block => {
  const { process } = task;
  let any = false;
  for (const child of process.children) {
    if (!match(child) || !visible(child, options)) continue;
    any = true;
    const change = changeOf(child, options);
    if (change !== null) return change;
  }
  if (!any) return -ECHILD;
  return (options & W.WNOHANG) !== 0 ? 0 : block([process.childWait], 'restart');
};

const WAIT4_OPTIONS = (W.WNOHANG | W.WUNTRACED | W.WCONTINUED | W.__WNOTHREAD | W.__WCLONE | W.__WALL) >>> 0;
const WAITID_OPTIONS = (WAIT4_OPTIONS | W.WEXITED | W.WNOWAIT) >>> 0;

const wait4 = (task: Task, id: number, status: number, options: number, rusage: number): Result => {
  if ((options & ~WAIT4_OPTIONS) >>> 0 !== 0) return -EINVAL;
  if (id === -2147483648) return -ESRCH;
  const pgid = id === 0 ? task.process.pgid : -id;
  const match = (p: Process): boolean => (id > 0 ? p.pid === id : id === -1 || p.pgid === pgid);
  const r = waitChild(task, match, (options | W.WEXITED) >>> 0);
  if (typeof r === 'number' || isBlockOf(r)) return r;
  const { child } = r;
  const usage = rusage === 0 ? null : usageWithChildren(child);
  if (child.state === 'zombie') reap(child);
  if (status !== 0 && !task.mm.writeU32(status, r.status)) return -EFAULT;
  if (usage !== null && !RUSAGE.write(task.mm, rusage, usage)) return -EFAULT;
  return child.pid;
};

const isBlockOf = (r: Change | Block): r is Block => 'blocked' in r && isBlock(r);

/** What waitid tells in siginfo, or -errno; zeros when there is nothing to tell. */
const waitFor = (
  task: Task,
  type: number,
  id: number,
  options: number,
  rusage: number,
): Uint8Array | number | Block => {
  if ((options & ~WAITID_OPTIONS) >>> 0 !== 0) return -EINVAL;
  if ((options & (W.WEXITED | W.WSTOPPED | W.WCONTINUED)) === 0) return -EINVAL;
  const match = matcher(task, type, id);
  if (typeof match === 'number') return match;
  const r = waitChild(task, match, options);
  if (typeof r === 'number') return r;
  if (isBlockOf(r)) {
    const nonblocking = type === P_TYPES.P_PIDFD && ((fileAt(task, id)?.flags ?? 0) & O_NONBLOCK) !== 0;
    return nonblocking ? -EAGAIN : r;
  }
  const { child, code, value } = r;
  const usage = rusage === 0 ? null : usageWithChildren(child);
  const uid = child.leader.cred.uid;
  if (child.state === 'zombie' && (options & W.WNOWAIT) === 0) reap(child);
  if (usage !== null && !RUSAGE.write(task.mm, rusage, usage)) return -EFAULT;
  return SIGINFO.child.encode({ signo: SIG.SIGCHLD, code, pid: child.pid, uid, status: value });
};

/** Fields are written even when the call fails, or has nothing to report: zeros. */
const waitid = (
  task: Task,
  type: number,
  id: number,
  info: number,
  options: number,
  rusage: number,
): Result => {
  const r = waitFor(task, type, id, options, rusage);
  if (typeof r === 'number') return info === 0 || task.mm.clear(info, 32) ? r : -EFAULT;
  if (!(r instanceof Uint8Array)) return r;
  return info === 0 || task.mm.write(info, r, 0, 32) ? 0 : -EFAULT;
};

const matcher = (task: Task, type: number, id: number): ((p: Process) => boolean) | number => {
  switch (type) {
    case P_TYPES.P_ALL:
      return () => true;
    case P_TYPES.P_PID:
      return id <= 0 ? -EINVAL : (p) => p.pid === id;
    case P_TYPES.P_PGID: {
      if (id < 0) return -EINVAL;
      const pgid = id === 0 ? task.process.pgid : id;
      return (p) => p.pgid === pgid;
    }
    case P_TYPES.P_PIDFD: {
      if (id < 0) return -EINVAL;
      const target = pidfdTarget(task, id);
      return target === null ? -EBADF : (p) => p === target;
    }
    default:
      return -EINVAL;
  }
};

export const rows = [
  syscall(
    'wait4',
    [pid('pid'), waitStatusOut('wstatus'), flags('options', WAIT4_FLAGS), structOut('rusage', RUSAGE)],
    { returns: 'pid', family: 'process' },
    wait4,
  ),
  syscall(
    'waitid',
    [
      choice('idtype', P_TYPES, 'P_???'),
      pid('id'),
      structOut('infop', SIGINFO.child),
      flags('options', WAITID_FLAGS),
      structOut('rusage', RUSAGE),
    ],
    { returns: 'int', family: 'process' },
    waitid,
  ),
];
