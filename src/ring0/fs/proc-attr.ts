// /proc/[pid]/attr: what a security module says of a process. There is none, so nothing can be read or set.

import { EINVAL, EPERM, ESRCH } from '../../abi/errno.ts';
import type { Task } from '../task/types.ts';
import { type Find, ownerOf } from './proc-access.ts';
import { PseudoDir, PseudoFile, type PseudoFs } from './proc-node.ts';

/** Nobody may set those of another thread. */
const refusal = (find: Find, writer: Task): number => {
  const s = find();
  if (s === null) return -ESRCH;
  return s.task === writer ? -EINVAL : -EPERM;
};

export const attrDir = (fs: PseudoFs, find: Find): PseudoDir => {
  const dir = new PseudoDir(fs, 0o555, ownerOf(find, true));
  for (const name of ['current', 'exec', 'fscreate', 'keycreate', 'prev', 'sockcreate']) {
    const file = {
      mode: name === 'prev' ? 0o444 : 0o666,
      write: (writer: Task) => refusal(find, writer),
    };
    dir.put(name, new PseudoFile(fs, file, ownerOf(find, false)));
  }
  return dir;
};
