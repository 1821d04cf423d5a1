// Changing what a file is: mode, owner and time stamps (chmod(2), chown(2), utimensat(2)).

import { EACCES, EBADF, EFAULT, EINVAL, EOPNOTSUPP, EPERM } from '../../abi/errno.ts';
import { AT_EMPTY_PATH, AT_FDCWD, AT_FLAGS, AT_SYMLINK_NOFOLLOW } from '../../abi/fcntl.ts';
import { IN } from '../../abi/inotify.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_ISGID, S_ISUID, UTIME_NOW, UTIME_OMIT } from '../../abi/stat.ts';
import { dirfd, fd, flags, mode, path, pathOrNull, timesIn, uid } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { dropFileCaps } from '../exec/file-caps.ts';
import type { Task } from '../task/types.ts';
import { fileAt } from '../vfs/fdtable.ts';
import { notifyDentry } from '../vfs/notify.ts';
import { CAP, capable, inGroup, MAY, owns, permission, writableMount } from '../vfs/perm.ts';
import { now } from '../vfs/state.ts';
import type { Inode, Mount, TimeSpec } from '../vfs/types.ts';
import type { Block, Result } from '../wait.ts';
import { type Target, targetAt } from './stat.ts';

type Found = Target | number | Block;
const isTarget = (r: Found): r is Target => typeof r === 'object' && !('blocked' in r);

/** What a descriptor refers to; `pathToo` where O_PATH will do. */
const byFd = (task: Task, n: number, pathToo = false): Found => {
  const file = fileAt(task, n, pathToo);
  return file === undefined
    ? -EBADF
    : { inode: file.inode, mount: file.path?.mount ?? null, path: file.path };
};

const writable = (mount: Mount | null): number => (mount === null ? 0 : writableMount(mount));

/** The result of a change, and word of it to who watches. */
const changed = (t: Target, r: Result, event: number = IN.IN_ATTRIB): Result => {
  if (r === 0 && t.path !== null) notifyDentry(t.path.dentry, event);
  return r;
};

const changeMode = (task: Task, t: Found, perm: number): Result => {
  if (!isTarget(t)) return t;
  const ro = writable(t.mount);
  if (ro !== 0) return ro;
  const a = t.inode.attr();
  if (typeof a === 'number') return a;
  if ((a.mode & S_IFMT) === S_IFLNK) return -EOPNOTSUPP;
  if (!owns(task.cred, a)) return -EPERM;
  let to = perm & 0o7777;
  if (to & S_ISGID && !inGroup(task.cred, a.gid) && !capable(task.cred, CAP.fsetid)) to &= ~S_ISGID;
  return changed(t, t.inode.setattr?.({ mode: to }) ?? -EPERM);
};

export const chmod = syscall(
  'chmod',
  [path('pathname'), mode('mode')],
  { returns: 'int', family: 'file' },
  (task, name, perm) => changeMode(task, targetAt(task, AT_FDCWD, name, 0), perm),
);

export const fchmod = syscall(
  'fchmod',
  [fd('fd'), mode('mode')],
  { returns: 'int', family: 'desc' },
  (task, n, perm) => changeMode(task, byFd(task, n), perm),
);

export const fchmodat = syscall(
  'fchmodat',
  [dirfd('dirfd'), path('pathname'), mode('mode')],
  { returns: 'int', family: ['file', 'desc'] },
  (task, dir, name, perm) => changeMode(task, targetAt(task, dir, name, 0), perm),
);

const badAt = (how: number): number => (how & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) ? -EINVAL : 0);

export const fchmodat2 = syscall(
  'fchmodat2',
  [dirfd('dirfd'), path('pathname'), mode('mode'), flags('flags', AT_FLAGS)],
  { returns: 'int', family: ['file', 'desc'], before: (_dir, _name, _perm, how) => badAt(how) },
  (task, dir, name, perm, how) => {
    if (badAt(how) !== 0) return -EINVAL;
    return changeMode(task, targetAt(task, dir, name, how), perm);
  },
);

const UNCHANGED = 0xffffffff;

const changeOwner = (task: Task, t: Found, newUid: number, newGid: number): Result => {
  if (!isTarget(t)) return t;
  const ro = writable(t.mount);
  if (ro !== 0) return ro;
  const a = t.inode.attr();
  if (typeof a === 'number') return a;
  const { cred } = task;
  if (!capable(cred, CAP.chown)) {
    const mine = cred.fsuid === a.uid;
    if (newUid !== UNCHANGED && !(mine && newUid === a.uid)) return -EPERM;
    if (newGid !== UNCHANGED && !(mine && (newGid === a.gid || inGroup(cred, newGid)))) return -EPERM;
  }
  const change: Parameters<NonNullable<Inode['setattr']>>[0] = {};
  if (newUid !== UNCHANGED) change.uid = newUid;
  if (newGid !== UNCHANGED) change.gid = newGid;
  // Whoever does it, set-id bits go (chown_common of the kernel).
  if ((a.mode & S_IFMT) !== S_IFDIR && a.mode & (S_ISUID | S_ISGID)) {
    const group = (a.mode & (S_ISGID | 0o010)) === (S_ISGID | 0o010) ? S_ISGID : 0;
    change.mode = a.mode & ~(S_ISUID | group) & 0o7777;
  }
  if ((a.mode & S_IFMT) !== S_IFDIR) dropFileCaps(t.inode);
  return changed(t, t.inode.setattr?.(change) ?? -EPERM);
};

export const chown = syscall(
  'chown',
  [path('pathname'), uid('owner'), uid('group')],
  { returns: 'int', family: 'file' },
  (task, name, u, g) => changeOwner(task, targetAt(task, AT_FDCWD, name, 0), u, g),
);

export const lchown = syscall(
  'lchown',
  [path('pathname'), uid('owner'), uid('group')],
  { returns: 'int', family: 'file' },
  (task, name, u, g) => changeOwner(task, targetAt(task, AT_FDCWD, name, AT_SYMLINK_NOFOLLOW), u, g),
);

export const fchown = syscall(
  'fchown',
  [fd('fd'), uid('owner'), uid('group')],
  { returns: 'int', family: 'desc' },
  (task, n, u, g) => changeOwner(task, byFd(task, n), u, g),
);

export const fchownat = syscall(
  'fchownat',
  [dirfd('dirfd'), path('pathname'), uid('owner'), uid('group'), flags('flags', AT_FLAGS)],
  { returns: 'int', family: ['file', 'desc'], before: (_dir, _name, _u, _g, how) => badAt(how) },
  (task, dir, name, u, g, how) => {
    if (badAt(how) !== 0) return -EINVAL;
    return changeOwner(task, targetAt(task, dir, name, how), u, g);
  },
);

/** The seconds that a time stamp reaches here, s_time_max of a file system: what a double holds exactly. */
const TIME_MAX = Number.MAX_SAFE_INTEGER;

/** A time that is out of range becomes the nearest that is not (timestamp_truncate in fs/inode.c). */
const inRange = (t: TimeSpec): TimeSpec =>
  Math.abs(t.sec) < TIME_MAX ? t : { sec: t.sec < 0 ? -TIME_MAX : TIME_MAX, nsec: 0 };

/** New times: null leaves one as it is, 'now' is the current time. */
type NewTime = TimeSpec | 'now' | null;

const changeTimes = (task: Task, t: Found, atime: NewTime, mtime: NewTime): Result => {
  if (!isTarget(t)) return t;
  if (!validTime(atime) || !validTime(mtime)) return -EINVAL;
  const ro = writable(t.mount);
  if (ro !== 0) return ro;
  const a = t.inode.attr();
  if (typeof a === 'number') return a;
  if (!owns(task.cred, a)) {
    // Whoever may write may set both to now, and nothing else.
    if (atime !== 'now' || mtime !== 'now') return -EPERM;
    if (permission(task.cred, a, MAY.write) !== 0) return -EACCES;
  }
  const current = now(task.kernel);
  const change: Parameters<NonNullable<Inode['setattr']>>[0] = { ctime: current };
  if (atime !== null) change.atime = atime === 'now' ? current : inRange(atime);
  if (mtime !== null) change.mtime = mtime === 'now' ? current : inRange(mtime);
  // One time alone looks like the access that would have set it.
  const event = atime === null ? IN.IN_MODIFY : mtime === null ? IN.IN_ACCESS : IN.IN_ATTRIB;
  return changed(t, t.inode.setattr?.(change) ?? -EPERM, event);
};

const validTime = (t: NewTime): boolean => t === null || t === 'now' || (t.nsec >= 0 && t.nsec < 1e9);

/**
 * Reads two struct timespec (or timeval: `unit` 1000); -EFAULT, -EINVAL. Whether nanoseconds are any is asked when the
 * file is known (vfs_utimes of the kernel), microseconds are looked at here.
 */
const readTimes = (task: Task, at: number, unit: number): [NewTime, NewTime] | number => {
  if (at === 0) return ['now', 'now'];
  const list: NewTime[] = [];
  for (const i of [0, 16]) {
    const sec = task.mm.readI64(at + i);
    const part = task.mm.readI64(at + i + 8);
    if (sec === null || part === null) return -EFAULT;
    if (unit === 1 && part === UTIME_NOW) list.push('now');
    else if (unit === 1 && part === UTIME_OMIT) list.push(null);
    else if (unit !== 1 && (part < 0 || part >= 1e9 / unit)) return -EINVAL;
    else list.push({ sec, nsec: part * unit });
  }
  return [list[0] ?? null, list[1] ?? null];
};

/** Without a path, the descriptor itself. */
const timesTarget = (task: Task, dir: number, name: string | null, how: number): Found => {
  const byDescriptor = name === null && dir !== AT_FDCWD;
  if (how & ~(byDescriptor ? 0 : AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return -EINVAL;
  if (name !== null) return targetAt(task, dir, name, how);
  return byDescriptor ? byFd(task, dir) : -EFAULT;
};

export const utimensat = syscall(
  'utimensat',
  [dirfd('dirfd'), pathOrNull('pathname'), timesIn('times', 'timespec'), flags('flags', AT_FLAGS)],
  { returns: 'int', family: ['file', 'desc'], note: 'files of a volume (-v) keep whole microseconds' },
  (task, dir, name, times, how) => {
    const t = readTimes(task, times, 1);
    if (typeof t === 'number') return t;
    // Nothing to change: nothing else is looked at, be it wrong.
    if (t[0] === null && t[1] === null) return 0;
    return changeTimes(task, timesTarget(task, dir, name, how), t[0], t[1]);
  },
);

export const futimesat = syscall(
  'futimesat',
  [dirfd('dirfd'), pathOrNull('pathname'), timesIn('times', 'timeval')],
  { returns: 'int', family: ['file', 'desc'] },
  (task, dir, name, times) => {
    const t = readTimes(task, times, 1000);
    if (typeof t === 'number') return t;
    return changeTimes(task, timesTarget(task, dir, name, 0), t[0], t[1]);
  },
);

export const utimes = syscall(
  'utimes',
  [path('filename'), timesIn('times', 'timeval')],
  { returns: 'int', family: 'file' },
  (task, name, times) => {
    const t = readTimes(task, times, 1000);
    return typeof t === 'number' ? t : changeTimes(task, targetAt(task, AT_FDCWD, name, 0), t[0], t[1]);
  },
);

export const utime = syscall(
  'utime',
  [path('filename'), timesIn('times', 'timeval')],
  { returns: 'int', family: 'file' },
  (task, name, times) => {
    let t: [NewTime, NewTime] = ['now', 'now'];
    if (times !== 0) {
      const a = task.mm.readI64(times);
      const m = task.mm.readI64(times + 8);
      if (a === null || m === null) return -EFAULT;
      t = [
        { sec: a, nsec: 0 },
        { sec: m, nsec: 0 },
      ];
    }
    return changeTimes(task, targetAt(task, AT_FDCWD, name, 0), t[0], t[1]);
  },
);

export const rows = [
  chmod,
  fchmod,
  fchmodat,
  fchmodat2,
  chown,
  lchown,
  fchown,
  fchownat,
  utimensat,
  futimesat,
  utimes,
  utime,
];
