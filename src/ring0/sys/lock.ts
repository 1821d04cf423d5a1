// File locks as programs ask for them: struct flock of fcntl(2), and flock(2). The locks themselves are kept by
// vfs/locks.ts.

import { EBADF, EFAULT, EINVAL, EOVERFLOW } from '../../abi/errno.ts';
import {
  F_RDLCK,
  F_UNLCK,
  F_WRLCK,
  FLOCK,
  FLOCK_OPERATIONS,
  LOCK_EX,
  LOCK_MAND,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  O_ACCMODE,
  O_RDONLY,
  O_WRONLY,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from '../../abi/fcntl.ts';
import { fd, flags } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import type { Task } from '../task/types.ts';
import { fileAt } from '../vfs/fdtable.ts';
import { conflicting, type RangeLock, setFlock, setLock } from '../vfs/locks.ts';
import { MAX_FILE } from '../vfs/pagecache.ts';
import type { OpenFile } from '../vfs/types.ts';
import type { Result } from '../wait.ts';

/** The lock that a struct flock at `addr` describes; -errno. */
const readLock = (task: Task, file: OpenFile, addr: number, ofd: boolean): RangeLock | number => {
  const f = FLOCK.read(task.mm, addr);
  if (f === null) return -EFAULT;
  if (f.l_type !== F_RDLCK && f.l_type !== F_WRLCK && f.l_type !== F_UNLCK) return -EINVAL;
  const attr = file.inode.attr();
  const size = typeof attr === 'number' ? 0 : attr.size;
  const base =
    f.l_whence === SEEK_SET ? 0 : f.l_whence === SEEK_CUR ? file.pos : f.l_whence === SEEK_END ? size : -1;
  if (base < 0) return -EINVAL;
  let start = base + f.l_start;
  if (start > 2 ** 63 - 1024) return -EOVERFLOW;
  let end = f.l_len === 0 ? Number.POSITIVE_INFINITY : start + f.l_len;
  if (f.l_len < 0) [start, end] = [start + f.l_len, start];
  if (start < 0) return -EINVAL;
  // Lengths that reach the largest offset mean "to the end".
  if (end > MAX_FILE) end = Number.POSITIVE_INFINITY;
  return ofd
    ? { owner: file, pid: -1, type: f.l_type, start, end }
    : { owner: task.files, file, pid: task.process.pid, type: f.l_type, start, end };
};

/** Locks of open file descriptions have no process: the field has to be 0. */
const hasPid = (task: Task, addr: number): boolean => FLOCK.read(task.mm, addr)?.l_pid !== 0;

/** F_GETLK, F_OFD_GETLK. */
export const getLock = (task: Task, file: OpenFile, addr: number, ofd: boolean): Result => {
  const want = readLock(task, file, addr, ofd);
  if (typeof want === 'number') return want;
  const given = FLOCK.read(task.mm, addr);
  if (given === null) return -EFAULT;
  if (want.type === F_UNLCK || (ofd && given.l_pid !== 0)) return -EINVAL;
  const other = conflicting(file.inode, want);
  const answer =
    other === null
      ? { ...given, l_type: F_UNLCK }
      : {
          l_type: other.type,
          l_whence: SEEK_SET,
          l_start: other.start,
          l_len: other.end === Number.POSITIVE_INFINITY ? 0 : other.end - other.start,
          l_pid: other.pid,
        };
  return FLOCK.write(task.mm, addr, answer) ? 0 : -EFAULT;
};

/** F_SETLK, F_SETLKW and their OFD forms. */
export const requestLock = (
  task: Task,
  file: OpenFile,
  addr: number,
  ofd: boolean,
  wait: boolean,
): Result => {
  const want = readLock(task, file, addr, ofd);
  if (typeof want === 'number') return want;
  const access = file.flags & O_ACCMODE;
  if (want.type === F_RDLCK && access === O_WRONLY) return -EBADF;
  if (want.type === F_WRLCK && access === O_RDONLY) return -EBADF;
  if (ofd && hasPid(task, addr)) return -EINVAL;
  return setLock(task, file.inode, want, wait);
};

export const flock = syscall(
  'flock',
  [fd('fd'), flags('operation', FLOCK_OPERATIONS)],
  { returns: 'int', family: 'desc' },
  (task, n, operation) => {
    // What was LOCK_MAND once is accepted and does nothing, whatever else is given (flock(2) of 5.18 and later).
    if (operation & LOCK_MAND) return 0;
    const what = operation & ~LOCK_NB;
    if (what !== LOCK_SH && what !== LOCK_EX && what !== LOCK_UN) return -EINVAL;
    const file = fileAt(task, n);
    if (file === undefined) return -EBADF;
    return setFlock(task, file, what, (operation & LOCK_NB) === 0);
  },
);

export const rows = [flock];
