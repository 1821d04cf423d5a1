// Descriptors that stand for processes (pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2)). A signal can be sent by
// way of an open /proc/[pid], too.

import { EBADF, EINVAL, EPERM, ESRCH } from '../../abi/errno.ts';
import { SI, SIGINFO, SIGINFO_BYTES } from '../../abi/signal.ts';
import { fd, flags, pid, signo, structInOrNull, uint } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { processOfDirectory } from '../fs/proc-process.ts';
import { anonymousFile } from '../task/anon.ts';
import { kill, mayKill, userInfo } from '../task/signals.ts';
import { validSignal } from '../task/sigset.ts';
import type { Process, SigInfo, Task } from '../task/types.ts';
import { fileAt, installOrRelease } from '../vfs/fdtable.ts';
import { holdFile } from '../vfs/file.ts';
import type { FileOps, OpenFile } from '../vfs/types.ts';

const O_RDWR = 2;
const PIDFD_NONBLOCK = 0o4000;
const POLLIN_RDNORM = 0x41;

/** Carries the process it stands for, so that whoever holds the file can find it. */
interface PidfdOps extends FileOps {
  readonly pidfd: Process;
}

const isPidfd = (ops: FileOps): ops is PidfdOps => 'pidfd' in ops;

/** Opens a pidfd; readable once the process has ended. A descriptor or -errno. */
export const openPidfd = (task: Task, process: Process, cloexec: boolean, flags: number): number => {
  const ops: PidfdOps = {
    pidfd: process,
    poll: () => (process.state === 'zombie' ? POLLIN_RDNORM : 0),
    pollQueues: () => [process.exitWait],
    read: () => -EINVAL,
    write: () => -EINVAL,
    info: () => {
      const pid = process.leader.kernel.processes.get(process.pid) === process ? process.pid : -1;
      return `Pid:\t${pid}\nNSpid:\t${pid}\n`;
    },
  };
  const file = anonymousFile(task.kernel, '[pidfd]', ops, O_RDWR | flags);
  return installOrRelease(task, file, cloexec);
};

export const processOfFile = (file: OpenFile | undefined): Process | null =>
  file !== undefined && isPidfd(file.ops) ? file.ops.pidfd : null;

/** The process behind a descriptor, or null when it is no pidfd. */
export const pidfdTarget = (task: Task, fd: number): Process | null => processOfFile(fileAt(task, fd));

/** The caller's own thread and process, in the place of a pidfd (PIDFD_SELF_THREAD, PIDFD_SELF_THREAD_GROUP). */
const SELF = [-10000, -10001];

/** The process that a call is about by its pidfd: -EBADF when it is none, -ESRCH when the process is gone. */
export const pidfdProcess = (task: Task, fd: number): Process | number => {
  if (SELF.includes(fd)) return task.process;
  const target = pidfdTarget(task, fd);
  if (target === null) return -EBADF;
  return task.kernel.processes.get(target.pid) === target ? target : -ESRCH;
};

export const rows = [
  syscall(
    'pidfd_open',
    [pid('pid'), flags('flags', { unknown: 'PIDFD_???', bits: { PIDFD_NONBLOCK } })],
    { returns: 'fd', family: ['process', 'desc'] },
    (task, id, flags) => {
      if (id <= 0 || (flags & ~PIDFD_NONBLOCK) !== 0) return -EINVAL;
      const process = task.kernel.processes.get(id);
      if (process === undefined) return task.kernel.tasks.has(id) ? -EINVAL : -ESRCH;
      return openPidfd(task, process, true, flags);
    },
  ),
  syscall(
    'pidfd_send_signal',
    [fd('pidfd'), signo('sig'), structInOrNull('info', SIGINFO.queue), uint('flags')],
    { returns: 'int', family: ['signal', 'process'] },
    (task, number, signo, info, flags) => {
      if (flags !== 0) return -EINVAL;
      const file = fileAt(task, number);
      const own = SELF.includes(number) ? task.process : undefined;
      const target = own ?? processOfFile(file) ?? (file && processOfDirectory(file.inode));
      if (target === undefined) return -EBADF;
      if (target === null) return -ESRCH;
      if (signo !== 0 && !validSignal(signo)) return -EINVAL;
      if (task.kernel.processes.get(target.pid) !== target) return -ESRCH;
      if (info === null) return kill(task, target.pid, userInfo(task, signo));
      if (info.signo !== signo) return -EINVAL;
      if (target !== task.process && (info.code >= 0 || info.code === SI.SI_TKILL)) return -EPERM;
      const { errno, code, pid, uid, value } = info;
      const sent: SigInfo = { signo, errno, code, pid, uid, value };
      return kill(task, target.pid, { ...sent, raw: SIGINFO.queue.encode(info).subarray(0, SIGINFO_BYTES) });
    },
  ),
  syscall(
    'pidfd_getfd',
    [fd('pidfd'), fd('targetfd'), uint('flags')],
    { returns: 'fd', family: ['process', 'desc'] },
    (task, number, targetFd, flags) => {
      if (flags !== 0) return -EINVAL;
      const target = pidfdTarget(task, number);
      if (target === null) return -EBADF;
      if (target.state === 'zombie') return -ESRCH;
      // ptrace's rule of access: same user, or the power to signal anybody.
      if (!mayKill(task, target, 0)) return -EPERM;
      const file = fileAt(target.leader, targetFd, true);
      return file === undefined ? -EBADF : installOrRelease(task, holdFile(file), true);
    },
  ),
];
