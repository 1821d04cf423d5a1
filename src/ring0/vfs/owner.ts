// Whom signals about an open file description go to (fcntl(2), F_SETOWN and F_SETOWN_EX; ioctl FIOSETOWN of sockets).

import { EINVAL, ESRCH } from '../../abi/errno.ts';
import { F_OWNER_TYPES } from '../../abi/fcntl.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task/types.ts';
import type { FileOwner, OpenFile } from './types.ts';

const { F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP } = F_OWNER_TYPES;

export const NO_OWNER: FileOwner = { type: F_OWNER_TID, pid: 0 };

/** Whether a number stands for a thread, process, group or session, as the kernel's find_vpid has it. */
const inUse = ({ tasks, processes }: Kernel, id: number): boolean =>
  tasks.has(id) || processes.has(id) || [...processes.values()].some((p) => p.pgid === id || p.sid === id);

export const setOwner = (task: Task, file: OpenFile, type: number, pid: number): number => {
  if (type < F_OWNER_TID || type > F_OWNER_PGRP) return -EINVAL;
  if (pid !== 0 && !inUse(task.kernel, pid)) return -ESRCH;
  file.owner = { type, pid };
  return 0;
};

/** A process, or a group as a negative number. */
export const setOwnerByNumber = (task: Task, file: OpenFile, who: number): number => {
  if (who === -(2 ** 31)) return -EINVAL;
  return setOwner(task, file, who < 0 ? F_OWNER_PGRP : F_OWNER_PID, Math.abs(who));
};

export const ownerNumber = ({ owner }: OpenFile): number =>
  owner.type === F_OWNER_PGRP ? -owner.pid : owner.pid;
