// System V shared memory: shmget(2), shmat(2), shmdt(2), shmctl(2).

import { EACCES, EFAULT, EINVAL, EPERM } from '../../abi/errno.ts';
import {
  SHM_HUGETLB,
  SHM_INFO,
  SHM_LOCKED,
  SHMAT_TABLE,
  SHMCTL,
  SHMGET_TABLE,
  SHMID_DS,
  SHMINFO,
} from '../../abi/shm.ts';
import { addr, choice, commandArg, flags, int, size } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { realtime } from '../clock.ts';
import { highest, mayUse, owns, permFields } from '../ipc/objects.ts';
import { PAGE, pageUp } from '../mm/layout.ts';
import {
  attachSegment,
  detachSegment,
  getSegment,
  removeSegment,
  type Segment,
  segmentById,
  segmentsOf,
} from '../mm/sysv.ts';
import type { Task } from '../task/types.ts';

export const shmget = syscall(
  'shmget',
  [int('key'), size('size'), flags('shmflg', SHMGET_TABLE)],
  { returns: 'int', family: 'ipc' },
  (task, key, bytes, how) => (how & SHM_HUGETLB ? -EINVAL : getSegment(task, key, bytes, how)),
);

export const shmat = syscall(
  'shmat',
  [int('shmid'), addr('shmaddr'), flags('shmflg', SHMAT_TABLE)],
  { returns: 'addr', family: ['ipc', 'memory'] },
  (task, id, at, how) => attachSegment(task, id, at, how),
);

export const shmdt = syscall(
  'shmdt',
  [addr('shmaddr')],
  { returns: 'int', family: ['ipc', 'memory'] },
  (task, at) => detachSegment(task, at),
);

const report = (task: Task, s: Segment, at: number): boolean =>
  SHMID_DS.write(task.mm, at, {
    ...permFields(s),
    segsz: s.size,
    atime: s.atime,
    dtime: s.dtime,
    ctime: s.ctime,
    cpid: s.cpid,
    lpid: s.lpid,
    nattch: s.pages.mappings(),
  });

const control = (task: Task, id: number, cmd: number, buf: number): number => {
  const { kernel } = task;
  switch (cmd) {
    case SHMCTL.IPC_INFO: {
      const shmmni = kernel.settings['kernel/shmmni'];
      const info = { shmmin: 1, shmmni, shmseg: shmmni };
      const written =
        SHMINFO.write(task.mm, buf, info) &&
        task.mm.writeBig(buf + SHMINFO.offsets.shmmax, kernel.settings['kernel/shmmax']) &&
        task.mm.writeBig(buf + SHMINFO.offsets.shmall, kernel.settings['kernel/shmall']);
      return written ? highest(segmentsOf(task.kernel)) : -EFAULT;
    }
    case SHMCTL.SHM_INFO: {
      const live = segmentsOf(kernel).slots.filter((s) => s !== undefined);
      const pages = live.reduce((n, s) => n + pageUp(s.size) / PAGE, 0);
      const present = live.reduce((n, s) => n + s.pages.resident(), 0);
      const info = { used_ids: live.length, shm_tot: pages, shm_rss: present };
      return SHM_INFO.write(task.mm, buf, info) ? highest(segmentsOf(task.kernel)) : -EFAULT;
    }
    case SHMCTL.SHM_STAT:
    case SHMCTL.SHM_STAT_ANY: {
      const s = id >= 0 ? segmentsOf(kernel).slots[id] : undefined;
      if (!s) return -EINVAL;
      if (cmd === SHMCTL.SHM_STAT && !mayUse(task, s, 4)) return -EACCES;
      return report(task, s, buf) ? s.id : -EFAULT;
    }
  }
  const s = segmentById(kernel, id);
  if (typeof s === 'number') return s;
  switch (cmd) {
    case SHMCTL.IPC_STAT:
      if (!mayUse(task, s, 4)) return -EACCES;
      return report(task, s, buf) ? 0 : -EFAULT;
    case SHMCTL.IPC_RMID:
      return removeSegment(task, s);
    case SHMCTL.IPC_SET: {
      const given = SHMID_DS.read(task.mm, buf);
      if (!given) return -EFAULT;
      if (!owns(task, s)) return -EPERM;
      s.uid = given.uid;
      s.gid = given.gid;
      s.mode = (s.mode & ~0o777) | (given.mode & 0o777);
      s.ctime = realtime(kernel.clock).sec;
      return 0;
    }
    case SHMCTL.SHM_LOCK:
    case SHMCTL.SHM_UNLOCK:
      if (!owns(task, s)) return -EPERM;
      s.mode = cmd === SHMCTL.SHM_LOCK ? s.mode | SHM_LOCKED : s.mode & ~SHM_LOCKED;
      return 0;
    default:
      return -EINVAL;
  }
};

export const shmctl = syscall(
  'shmctl',
  [int('shmid'), choice('cmd', SHMCTL, 'SHM_???'), commandArg('buf')],
  { returns: 'int', family: 'ipc' },
  (task, id, cmd, buf) => control(task, id, cmd, buf),
);

export const rows = [shmget, shmat, shmdt, shmctl];
