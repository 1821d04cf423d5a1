// System V semaphores: semget(2), semop(2), semtimedop(2), semctl(2).

import { E2BIG, EACCES, EFAULT, EFBIG, EINVAL, EPERM, ERANGE } from '../../abi/errno.ts';
import {
  IPCGET_TABLE,
  SEMBUF_BYTES,
  SEMCTL,
  SEMID_DS,
  SEMINFO,
  SEMMNS,
  SEMOPM,
  SEMVMX,
} from '../../abi/ipc.ts';
import { TIMESPEC } from '../../abi/time.ts';
import { addr, choice, commandArg, flags, int, structInOrNull, uint } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { realtime } from '../clock.ts';
import { byId, highest, live, mayUse, owns, permFields } from '../ipc/objects.ts';
import {
  getSet,
  type Operation,
  operate,
  removeSet,
  type SemaphoreSet,
  semaphoresIn,
  semaphoresOf,
  setValue,
  waitersFor,
} from '../ipc/semaphores.ts';
import type { Task } from '../task/types.ts';
import { type Result, wake } from '../wait.ts';

const readOperations = (task: Task, at: number, n: number): Operation[] | null => {
  const bytes = task.mm.read(at, n * SEMBUF_BYTES);
  if (bytes === null) return null;
  const dv = new DataView(bytes.buffer, bytes.byteOffset);
  return Array.from({ length: n }, (_, i) => ({
    sem: dv.getUint16(i * SEMBUF_BYTES, true),
    op: dv.getInt16(i * SEMBUF_BYTES + 2, true),
    flags: dv.getUint16(i * SEMBUF_BYTES + 4, true),
  }));
};

const semop = (
  task: Task,
  id: number,
  at: number,
  n: number,
  t: { sec: number; nsec: number } | null,
): Result => {
  if (n > task.kernel.settings['kernel/sem'][2]) return -E2BIG;
  if (n < 1 || id < 0) return -EINVAL;
  const list = readOperations(task, at, n);
  if (list === null) return -EFAULT;
  if (t !== null && (t.sec < 0 || t.nsec < 0 || t.nsec >= 1e9)) return -EINVAL;
  const waited = task.resume as { set: SemaphoreSet } | undefined;
  const set = waited?.set ?? byId(semaphoresOf(task.kernel), id);
  if (typeof set === 'number') return set;
  if (list.some((o) => o.sem >= set.values.length)) return -EFBIG;
  if (!mayUse(task, set, list.some((o) => o.op !== 0) ? 2 : 4)) return -EACCES;
  return operate(task, set, list, t === null ? null : t.sec * 1e9 + t.nsec);
};

const report = (task: Task, s: SemaphoreSet, at: number): boolean =>
  SEMID_DS.write(task.mm, at, {
    ...permFields(s),
    otime: s.otime,
    ctime: s.ctime,
    nsems: s.values.length,
  });

const { IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT, SEM_INFO, SEM_STAT, SEM_STAT_ANY } = SEMCTL;

const info = (task: Task, cmd: number, at: number): number => {
  const all = semaphoresOf(task.kernel);
  const sets = live(all);
  const [semmsl, semmns, semopm, semmni] = task.kernel.settings['kernel/sem'];
  const limits = {
    semmap: SEMMNS,
    semmni,
    semmns,
    semmnu: SEMMNS,
    semmsl,
    semopm,
    semume: SEMOPM,
    semusz: cmd === SEM_INFO ? sets.length : 20,
    semvmx: SEMVMX,
    semaem: cmd === SEM_INFO ? semaphoresIn(task.kernel) : SEMVMX,
  };
  return SEMINFO.write(task.mm, at, limits) ? highest(all) : -EFAULT;
};

/** Commands for one semaphore. */
const ofOne = (task: Task, set: SemaphoreSet, sem: number, cmd: number, arg: number): number => {
  if (cmd === SEMCTL.SETVAL && (arg < 0 || arg > SEMVMX)) return -ERANGE;
  if (sem < 0 || sem >= set.values.length) return -EINVAL;
  if (!mayUse(task, set, cmd === SEMCTL.SETVAL ? 2 : 4)) return -EACCES;
  switch (cmd) {
    case SEMCTL.GETVAL:
      return set.values[sem] as number;
    case SEMCTL.GETPID:
      return set.pids[sem] as number;
    case SEMCTL.GETNCNT:
      return waitersFor(task.kernel, set, sem, false);
    case SEMCTL.GETZCNT:
      return waitersFor(task.kernel, set, sem, true);
    default:
      setValue(task, set, sem, arg);
      set.ctime = realtime(task.kernel.clock).sec;
      wake(set.changed);
      return 0;
  }
};

/** GETALL and SETALL. */
const ofAll = (task: Task, set: SemaphoreSet, cmd: number, at: number): number => {
  const n = set.values.length;
  if (!mayUse(task, set, cmd === SEMCTL.SETALL ? 2 : 4)) return -EACCES;
  if (cmd === SEMCTL.GETALL) {
    const out = new Uint8Array(n * 2);
    const dv = new DataView(out.buffer);
    for (const [i, v] of set.values.entries()) dv.setUint16(i * 2, v, true);
    return task.mm.write(at, out) ? 0 : -EFAULT;
  }
  const bytes = task.mm.read(at, n * 2);
  if (bytes === null) return -EFAULT;
  const dv = new DataView(bytes.buffer, bytes.byteOffset);
  const values = Array.from({ length: n }, (_, i) => dv.getUint16(i * 2, true));
  if (values.some((v) => v > SEMVMX)) return -ERANGE;
  for (const [i, v] of values.entries()) setValue(task, set, i, v);
  set.ctime = realtime(task.kernel.clock).sec;
  wake(set.changed);
  return 0;
};

const change = (task: Task, set: SemaphoreSet, cmd: number, at: number): number => {
  const given = cmd === IPC_SET ? SEMID_DS.read(task.mm, at) : null;
  if (cmd === IPC_SET && given === null) return -EFAULT;
  if (!owns(task, set)) return -EPERM;
  if (given === null) removeSet(task.kernel, set);
  else {
    set.uid = given.uid;
    set.gid = given.gid;
    set.mode = (set.mode & ~0o777) | (given.mode & 0o777);
    set.ctime = realtime(task.kernel.clock).sec;
  }
  return 0;
};

const control = (task: Task, id: number, sem: number, cmd: number, arg: number): number => {
  if (id < 0) return -EINVAL;
  const all = semaphoresOf(task.kernel);
  switch (cmd) {
    case IPC_INFO:
    case SEM_INFO:
      return info(task, cmd, arg);
    case SEM_STAT:
    case SEM_STAT_ANY: {
      const s = all.slots[id];
      if (s === undefined) return -EINVAL;
      if (cmd === SEM_STAT && !mayUse(task, s, 4)) return -EACCES;
      return report(task, s, arg) ? s.id : -EFAULT;
    }
  }
  const set = byId(all, id);
  if (typeof set === 'number') return set;
  switch (cmd) {
    case IPC_STAT:
      if (!mayUse(task, set, 4)) return -EACCES;
      return report(task, set, arg) ? 0 : -EFAULT;
    case IPC_RMID:
    case IPC_SET:
      return change(task, set, cmd, arg);
    case SEMCTL.GETALL:
    case SEMCTL.SETALL:
      return ofAll(task, set, cmd, arg);
    case SEMCTL.GETVAL:
    case SEMCTL.GETPID:
    case SEMCTL.GETNCNT:
    case SEMCTL.GETZCNT:
    case SEMCTL.SETVAL:
      // SETVAL's argument is an int.
      return ofOne(task, set, sem, cmd, arg | 0);
    default:
      return -EINVAL;
  }
};

export const rows = [
  syscall(
    'semget',
    [int('key'), int('nsems'), flags('semflg', IPCGET_TABLE)],
    { returns: 'int', family: 'ipc' },
    getSet,
  ),
  syscall(
    'semop',
    [int('semid'), addr('sops'), uint('nsops')],
    { returns: 'int', family: 'ipc' },
    (task, id, at, n) => semop(task, id, at, n, null),
  ),
  syscall(
    'semtimedop',
    [int('semid'), addr('sops'), uint('nsops'), structInOrNull('timeout', TIMESPEC)],
    { returns: 'int', family: 'ipc' },
    semop,
  ),
  syscall(
    'semctl',
    [int('semid'), int('semnum'), choice('cmd', SEMCTL, 'SEM_???'), commandArg('arg')],
    { returns: 'int', family: 'ipc' },
    control,
  ),
];
