// eventfd(2): a counter that is read and written through a descriptor.

import { EAGAIN, EINVAL } from '../../abi/errno.ts';
import { EFD, EFD_FLAGS, POLL } from '../../abi/poll.ts';
import { flags, uint } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { anonymousFile, staysPut } from '../task/anon.ts';
import type { Task } from '../task/types.ts';
import { installOrRelease } from '../vfs/fdtable.ts';
import { vfsOf } from '../vfs/state.ts';
import type { FileOps } from '../vfs/types.ts';
import { block, waitQueue, wake } from '../wait.ts';

const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const MAX = 0xfffffffffffffffen;

const eventOps = (initial: number, semaphore: boolean, id: number): FileOps => {
  let count = BigInt(initial);
  const queue = waitQueue();
  return {
    seek: staysPut,
    read(_task, file, buf, at, n) {
      if (n < 8) return -EINVAL;
      if (count === 0n) return file.flags & O_NONBLOCK ? -EAGAIN : block([queue], 'restart');
      const taken = semaphore ? 1n : count;
      count -= taken;
      new DataView(buf.buffer, buf.byteOffset + at, 8).setBigUint64(0, taken, true);
      wake(queue);
      return 8;
    },
    exactly: 8,
    write(_task, file, buf, at, n) {
      if (n !== 8) return -EINVAL;
      const add = new DataView(buf.buffer, buf.byteOffset + at, 8).getBigUint64(0, true);
      if (add > MAX) return -EINVAL;
      if (count + add > MAX) return file.flags & O_NONBLOCK ? -EAGAIN : block([queue], 'restart');
      count += add;
      wake(queue);
      return 8;
    },
    poll: () => (count > 0n ? POLL.POLLIN : 0) | (count < MAX ? POLL.POLLOUT : 0),
    pollQueues: () => [queue],
    info: () =>
      `eventfd-count: ${count.toString(16).padStart(16)}\neventfd-id: ${id}\neventfd-semaphore: ${semaphore ? 1 : 0}\n`,
  };
};

const make = (task: Task, initial: number, options: number): number => {
  if (options & ~(EFD.EFD_SEMAPHORE | EFD.EFD_CLOEXEC | EFD.EFD_NONBLOCK)) return -EINVAL;
  const vfs = vfsOf(task.kernel);
  vfs.eventfds = (vfs.eventfds ?? 0) + 1;
  const ops = eventOps(initial, (options & EFD.EFD_SEMAPHORE) !== 0, vfs.eventfds);
  const file = anonymousFile(task.kernel, '[eventfd]', ops, O_RDWR | (options & EFD.EFD_NONBLOCK));
  return installOrRelease(task, file, (options & EFD.EFD_CLOEXEC) !== 0);
};

export const rows = [
  syscall('eventfd', [uint('initval')], { returns: 'fd', family: 'desc' }, (task, n) => make(task, n, 0)),
  syscall(
    'eventfd2',
    [uint('initval'), flags('flags', EFD_FLAGS)],
    { returns: 'fd', family: 'desc' },
    (task, n, options) => make(task, n, options),
  ),
];
