// signalfd(2): signals read as records from a descriptor.

import { EAGAIN, EBADF, EFAULT, EINVAL } from '../../abi/errno.ts';
import { SFD_FLAGS, SIGNALFD_SIGINFO } from '../../abi/signal.ts';
import { fd, flags, sigsetIn, size } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { anonymousFile, staysPut } from '../task/anon.ts';
import { pendingSet, takeOf } from '../task/signals.ts';
import { readSet, withoutUnblockable } from '../task/sigset.ts';
import type { SigInfo, SigSet, Task } from '../task/types.ts';
import { fileAt, installOrRelease } from '../vfs/fdtable.ts';
import type { FileOps, OpenFile } from '../vfs/types.ts';
import { block, type Result } from '../wait.ts';

const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const POLLIN_RDNORM = 0x41;
const RECORD = SIGNALFD_SIGINFO.size;

interface SignalfdOps extends FileOps {
  signals: SigSet;
}
const isSignalfd = (ops: FileOps): ops is SignalfdOps => 'signals' in ops;

const record = (info: SigInfo): Uint8Array => {
  const { signo, errno, code, pid = 0, uid = 0, fd = 0, band = 0, overrun = 0, status = 0 } = info;
  const value = BigInt.asUintN(64, info.value ?? 0n);
  return SIGNALFD_SIGINFO.encode({
    signo,
    errno,
    code,
    pid,
    uid,
    fd,
    tid: info.timerId ?? 0,
    band,
    overrun,
    status,
    int: Number(BigInt.asIntN(32, value)),
    ptr: Number(value),
    utime: info.utime ?? 0,
    stime: info.stime ?? 0,
    addr: info.addr ?? 0,
  });
};

const newOps = (signals: SigSet): SignalfdOps => ({
  signals,
  seek: staysPut,
  read(task: Task, file: OpenFile, buf: Uint8Array, at: number, n: number): Result {
    if (n < RECORD) return -EINVAL;
    const set = (file.ops as SignalfdOps).signals;
    task.sigwait = null;
    let done = 0;
    while (n - done >= RECORD) {
      const info = takeOf(task, set);
      if (info === null) break;
      buf.set(record(info), at + done);
      done += RECORD;
    }
    if (done > 0) return done;
    if ((file.flags & O_NONBLOCK) !== 0) return -EAGAIN;
    task.sigwait = set;
    return block([], 'restart');
  },
  poll(task: Task, file: OpenFile): number {
    const set = (file.ops as SignalfdOps).signals;
    const { lo, hi } = pendingSet(task);
    return (lo & set.lo) !== 0 || (hi & set.hi) !== 0 ? POLLIN_RDNORM : 0;
  },
  pollQueues: () => [],
  info(file: OpenFile): string {
    const { lo, hi } = (file.ops as SignalfdOps).signals;
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
    return `sigmask:\t${hex(hi)}${hex(lo)}\n`;
  },
});

const signalfd = (task: Task, number: number, setAt: number, bytes: number, flags: number): number => {
  if (bytes !== 8) return -EINVAL;
  const read = readSet(task.mm, setAt);
  if (read === null) return -EFAULT;
  if ((flags & ~(O_NONBLOCK | O_CLOEXEC)) !== 0) return -EINVAL;
  const signals = withoutUnblockable(read);
  if (number === -1) {
    const ops = newOps(signals);
    const { signalfds } = task.kernel;
    ops.pollQueues = () => [signalfds];
    const file = anonymousFile(task.kernel, '[signalfd]', ops, O_RDWR | (flags & O_NONBLOCK));
    return installOrRelease(task, file, (flags & O_CLOEXEC) !== 0);
  }
  const file = fileAt(task, number);
  if (file === undefined) return -EBADF;
  if (!isSignalfd(file.ops)) return -EINVAL;
  file.ops.signals = signals;
  return number;
};

export const rows = [
  syscall(
    'signalfd',
    [fd('fd'), sigsetIn('mask'), size('sizemask')],
    { returns: 'fd', family: ['signal', 'desc'] },
    (task, number, at, bytes) => signalfd(task, number, at, bytes, 0),
  ),
  syscall(
    'signalfd4',
    [fd('fd'), sigsetIn('mask'), size('sizemask'), flags('flags', SFD_FLAGS)],
    { returns: 'fd', family: ['signal', 'desc'] },
    signalfd,
  ),
];
