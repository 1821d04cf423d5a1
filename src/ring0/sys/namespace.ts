// Joining namespaces: setns(2).

import { CLONE, CLONE_FLAGS, CLONE_NAMESPACES } from '../../abi/clone.ts';
import { EBADF, EINVAL, EPERM, ESRCH, EUSERS } from '../../abi/errno.ts';
import { fd, flags } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { namespaceOf } from '../fs/nsfs.ts';
import { mayLookInto } from '../fs/proc-access.ts';
import { capable } from '../task/creds.ts';
import type { Task } from '../task/types.ts';
import { fileAt } from '../vfs/fdtable.ts';
import { visible } from '../vfs/mount.ts';
import type { OpenFile } from '../vfs/types.ts';
import { processOfFile } from './process-pidfd.ts';

/** Which kinds of namespace a descriptor and `what` stand for together (a set of flags of clone), or -errno. */
const namespacesToJoin = (task: Task, file: OpenFile, what: number): number => {
  const namespace = namespaceOf(file);
  if (namespace !== null) return what === 0 || what === namespace.flag ? namespace.flag : -EINVAL;
  const process = processOfFile(file);
  if (process === null || what === 0 || (what & ~CLONE_NAMESPACES) !== 0) return -EINVAL;
  if (process.state === 'zombie') return -ESRCH;
  return mayLookInto(task, process.leader) ? what : -EPERM;
};

/** Everybody is in every namespace there is: what is left are the conditions, and the root of the mount namespace. */
const setns = (task: Task, fd: number, what: number): number => {
  const file = fileAt(task, fd);
  if (file === undefined) return -EBADF;
  const kinds = namespacesToJoin(task, file, what);
  if (kinds < 0) return kinds;
  // One's own user namespace cannot be entered again.
  if ((kinds & CLONE.CLONE_NEWUSER) !== 0) return -EINVAL;
  if (!capable(task, 'CAP_SYS_ADMIN')) return -EPERM;
  if ((kinds & CLONE.CLONE_NEWTIME) !== 0 && task.process.threads.size > 1) return -EUSERS;
  if ((kinds & CLONE.CLONE_NEWNS) === 0) return 0;
  if (!capable(task, 'CAP_SYS_CHROOT')) return -EPERM;
  if (task.fs.refs > 1) return -EINVAL;
  const first = task.kernel.mounts.list[0];
  if (first === undefined) return -EINVAL;
  task.fs.root = visible({ mount: first, dentry: first.root });
  task.fs.cwd = task.fs.root;
  return 0;
};

export const rows = [
  syscall(
    'setns',
    [fd('fd'), flags('nstype', CLONE_FLAGS)],
    {
      returns: 'int',
      family: 'process',
      support: 'partial',
      note: 'there is one namespace of each kind, where everybody is already',
    },
    setns,
  ),
];
