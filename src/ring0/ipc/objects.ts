// What the three kinds of System V objects share: keys, ids, and permissions (sysvipc(7); ipc/util.c of the kernel).

import { EACCES, EEXIST, EIDRM, EINVAL, ENOENT, ENOSPC } from '../../abi/errno.ts';
import { IPC_CREAT, IPC_EXCL, IPC_PRIVATE } from '../../abi/shm.ts';
import type { Task } from '../task/types.ts';
import { capable } from '../vfs/perm.ts';

const CAP_IPC_OWNER = 15;
const CAP_SYS_ADMIN = 21;
/** Indexes go round among this many, or half as many again as there are objects. */
const MIN_CYCLE = 64;
/** An id is a sequence number times this, and an index. */
export const SEQUENCE = 32768;

export interface IpcPerm {
  uid: number;
  gid: number;
  readonly cuid: number;
  readonly cgid: number;
  /** Permission bits, and more above them. */
  mode: number;
}

export interface IpcObject extends IpcPerm {
  readonly id: number;
  readonly key: number;
}

/** The permissions of an object that the task makes. */
export const newPerm = ({ cred }: Task, how: number): IpcPerm => ({
  uid: cred.euid,
  gid: cred.egid,
  cuid: cred.euid,
  cgid: cred.egid,
  mode: how & 0o777,
});

/** May the task do what `want` (permission bits of one digit) asks? */
export const mayUse = ({ cred }: Task, s: IpcPerm, want: number): boolean => {
  const owner = cred.euid === s.uid || cred.euid === s.cuid;
  const group = [cred.egid, ...cred.groups].some((g) => g === s.gid || g === s.cgid);
  const bits = owner ? s.mode >> 6 : group ? s.mode >> 3 : s.mode;
  return (want & ~bits & 7) === 0 || capable(cred, CAP_IPC_OWNER);
};

/** What the *id_ds of every kind begin with (struct ipc64_perm). */
export const permFields = ({ id, key, uid, gid, cuid, cgid, mode }: IpcObject) => ({
  key,
  uid,
  gid,
  cuid,
  cgid,
  mode,
  seq: Math.floor(id / SEQUENCE),
});

export const owns = ({ cred }: Task, s: IpcPerm): boolean =>
  cred.euid === s.uid || cred.euid === s.cuid || capable(cred, CAP_SYS_ADMIN);

/** The objects of one kind. */
export interface IpcTable<T extends IpcObject> {
  readonly slots: (T | undefined)[];
  sequence: number;
  /** Index given last; the sequence advances when indexes start over. */
  last: number;
}

export const ipcTable = <T extends IpcObject>(): IpcTable<T> => ({ slots: [], sequence: 0, last: -1 });

/** By id, or -EINVAL; -EIDRM for one that has been removed and replaced. */
export const byId = <T extends IpcObject>(table: IpcTable<T>, id: number): T | number => {
  const s = id >= 0 ? table.slots[id % SEQUENCE] : undefined;
  if (s === undefined) return -EINVAL;
  return s.id === id ? s : -EIDRM;
};

/**
 * An id for a new object, or -ENOSPC when there are `most`. Indexes go round, so that an id is not given again soon
 * (ipc_idr_alloc of the kernel).
 */
export const nextId = <T extends IpcObject>(table: IpcTable<T>, most: number): number => {
  const used = live(table).length;
  if (used >= most) return -ENOSPC;
  const end = Math.min(Math.max(Math.floor((used * 3) / 2), MIN_CYCLE), most);
  let index = table.last + 1 < end ? table.last + 1 : 0;
  while (table.slots[index] !== undefined) index = index + 1 < end ? index + 1 : 0;
  const sequence = index <= table.last ? (table.sequence + 1) % 65536 : table.sequence;
  return sequence * SEQUENCE + index;
};

/** Enters a new object under its id. */
export const addObject = <T extends IpcObject>(table: IpcTable<T>, s: T): void => {
  table.sequence = Math.floor(s.id / SEQUENCE);
  table.last = s.id % SEQUENCE;
  table.slots[table.last] = s;
};

/** The *get calls: the id of the object with that key, which `check` may refuse, or of a new one that `make` gives. */
export const getObject = <T extends IpcObject>(
  task: Task,
  table: IpcTable<T>,
  key: number,
  how: number,
  most: number,
  check: (known: T) => number,
  make: (id: number) => T | number,
): number => {
  if (key !== IPC_PRIVATE) {
    const known = table.slots.find((s) => s?.key === key);
    if (known !== undefined) {
      if (how & IPC_CREAT && how & IPC_EXCL) return -EEXIST;
      const wrong = check(known);
      if (wrong !== 0) return wrong;
      const want = (how >> 6) | (how >> 3) | how;
      return mayUse(task, known, want) ? known.id : -EACCES;
    }
    if (!(how & IPC_CREAT)) return -ENOENT;
  }
  const id = nextId(table, most);
  if (id < 0) return id;
  const made = make(id);
  if (typeof made === 'number') return made;
  addObject(table, made);
  return made.id;
};

export const removeObject = <T extends IpcObject>(table: IpcTable<T>, s: T): void => {
  if (table.slots[s.id % SEQUENCE] === s) table.slots[s.id % SEQUENCE] = undefined;
};

export const live = <T extends IpcObject>({ slots }: IpcTable<T>): T[] =>
  slots.filter((s) => s !== undefined);

/** Index of the highest object in use, as IPC_INFO and its kin return it. */
export const highest = <T extends IpcObject>({ slots }: IpcTable<T>): number =>
  Math.max(
    0,
    slots.findLastIndex((s) => s !== undefined),
  );
