// kcmp(2): whether two tasks share something, or two descriptors a description.

import { EBADF, EINVAL, EPERM, ESRCH } from '../../abi/errno.ts';
import { KCMP } from '../../abi/kcmp.ts';
import { choice, pid, ulong } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { mayLookInto } from '../fs/proc-access.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task/types.ts';
import { fileAt } from '../vfs/fdtable.ts';

/** A number for an object that orders it among others for as long as it lives. */
const rank = (kernel: Kernel, of: object): number => {
  kernel.ranks ??= { known: new WeakMap(), next: 1 };
  const { known } = kernel.ranks;
  const n = known.get(of) ?? kernel.ranks.next++;
  known.set(of, n);
  return n;
};

/** 0 for the same, else 1 or 2 as the first comes before or after the second. */
const compare = (kernel: Kernel, a: object | undefined, b: object | undefined): number => {
  if (a === undefined || b === undefined) return -EBADF;
  if (a === b) return 0;
  return rank(kernel, a) < rank(kernel, b) ? 1 : 2;
};

const compareTasks = (a: Task, b: Task, type: number, first: number, second: number): number => {
  const { kernel } = a;
  switch (type) {
    case KCMP.KCMP_FILE:
      return compare(kernel, fileAt(a, first | 0, true), fileAt(b, second | 0, true));
    case KCMP.KCMP_VM:
      return compare(kernel, a.mm, b.mm);
    case KCMP.KCMP_FILES:
      return compare(kernel, a.files, b.files);
    case KCMP.KCMP_FS:
      return compare(kernel, a.fs, b.fs);
    case KCMP.KCMP_SIGHAND:
      return compare(kernel, a.sighand, b.sighand);
    default:
      return -EINVAL;
  }
};

export const kcmp = syscall(
  'kcmp',
  [pid('pid1'), pid('pid2'), choice('type', KCMP, 'KCMP_???'), ulong('idx1'), ulong('idx2')],
  {
    returns: 'int',
    family: 'process',
    support: 'partial',
    note: 'KCMP_IO, KCMP_SYSVSEM and KCMP_EPOLL_TFD answer EINVAL',
  },
  (task, one, other, type, first, second) => {
    const a = task.kernel.tasks.get(one);
    const b = task.kernel.tasks.get(other);
    if (a === undefined || b === undefined) return -ESRCH;
    if (!mayLookInto(task, a) || !mayLookInto(task, b)) return -EPERM;
    return compareTasks(a, b, type, first, second);
  },
);

export const rows = [kcmp];
