// Who may look at a process through /proc: "Ptrace access mode checking" in ptrace(2), the owners of its nodes, and
// the links that lead out of /proc (proc(5)).

import { EACCES, ENOENT } from '../../abi/errno.ts';
import { capable, capSubset } from '../task/creds.ts';
import type { Task } from '../task/types.ts';
import { displayName } from '../vfs/dentry.ts';
import type { Path } from '../vfs/types.ts';
import type { LinkTarget, OwnerOf } from './proc-node.ts';
import type { Subject } from './proc-status.ts';

/** Finds the task that a directory is about; null when it has gone. */
export type Find = () => Subject | null;

/** PTRACE_MODE_READ_FSCREDS: may `reader` see the insides of `target`? */
export const mayLookInto = (reader: Task, target: Task): boolean => {
  if (reader.process === target.process) return true;
  if (capable(reader, 'CAP_SYS_PTRACE')) return true;
  const { fsuid, fsgid, capPermitted } = reader.cred;
  const t = target.cred;
  const same =
    [t.euid, t.suid, t.uid].every((id) => id === fsuid) &&
    [t.egid, t.sgid, t.gid].every((id) => id === fsgid);
  const dumpable = target.process.attributes.get('dumpable') ?? 1;
  return same && dumpable === 1 && capSubset(t.capPermitted, capPermitted);
};

/** Owner and group of a process's nodes; root's where it must not be looked into. */
export const ownerOf =
  (find: Find, always: boolean): OwnerOf =>
  () => {
    const s = find();
    if (s === null) return null;
    const dumpable = s.process.attributes.get('dumpable') ?? 1;
    if (!always && dumpable !== 1) return { uid: 0, gid: 0 };
    return { uid: s.task.cred.euid, gid: s.task.cred.egid };
  };

/** Asked at open: whether it is still there and, where it is guarded, whether the task may look into it. */
export const guard =
  (find: Find, guarded: boolean) =>
  (task: Task): number => {
    const s = find();
    if (s === null) return -ENOENT;
    return guarded && !mayLookInto(task, s.task) ? -EACCES : 0;
  };

/** A magic link that only those may use who may look into the task. */
export const guardedLink = (find: Find, target: (task: Task) => Path | number): LinkTarget => {
  const follow = (reader: Task): Path | number => {
    const s = find();
    if (s === null) return -ENOENT;
    return mayLookInto(reader, s.task) ? target(s.task) : -EACCES;
  };
  return {
    follow,
    readlink: (reader) => {
      const to = follow(reader);
      return typeof to === 'number' ? to : displayName(to, reader.fs.root);
    },
  };
};
