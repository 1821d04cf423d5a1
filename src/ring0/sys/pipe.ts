// pipe(2), pipe2(2).

import { EFAULT, EINVAL } from '../../abi/errno.ts';
import { O_CLOEXEC, O_DIRECT, O_NONBLOCK, OPEN_FLAGS } from '../../abi/fcntl.ts';
import { fdPairOut, flags } from '../../gate/codec.ts';
import { type Row, syscall } from '../../gate/row.ts';
import { makePipe } from '../fs/pipe.ts';
import type { Task } from '../task/types.ts';
import { closeFd, installOrRelease } from '../vfs/fdtable.ts';
import { releaseFile } from '../vfs/file.ts';

const open = (task: Task, fds: number, options: number): number => {
  const cloexec = (options & O_CLOEXEC) !== 0;
  const { fsuid, fsgid } = task.cred;
  const [input, output] = makePipe(task.kernel, fsuid, fsgid, options & (O_NONBLOCK | O_DIRECT));
  const r = installOrRelease(task, input, cloexec);
  if (r < 0) {
    releaseFile(output);
    return r;
  }
  const w = installOrRelease(task, output, cloexec);
  if (w < 0) {
    closeFd(task, r);
    return w;
  }
  if (task.mm.writeU32(fds, r) && task.mm.writeU32(fds + 4, w)) return 0;
  closeFd(task, r);
  closeFd(task, w);
  return -EFAULT;
};

export const pipe = syscall('pipe', [fdPairOut('fds')], { returns: 'int', family: 'desc' }, (task, fds) =>
  open(task, fds, 0),
);

export const pipe2 = syscall(
  'pipe2',
  [fdPairOut('fds'), flags('flags', { unknown: 'O_???', bits: OPEN_FLAGS.bits })],
  {
    returns: 'int',
    family: 'desc',
    support: 'partial',
    note: 'notification pipes are refused with EINVAL',
  },
  (task, fds, options) =>
    (options & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) !== 0 ? -EINVAL : open(task, fds, options),
);

export const rows: readonly Row[] = [pipe, pipe2];
