// What a file is: the stat family, statx, statfs, access and readlink.

import { EACCES, EBADF, EFAULT, EINVAL, ENOENT } from '../../abi/errno.ts';
import {
  ACCESS_AT_FLAGS,
  ACCESS_MODES,
  AT_EACCESS,
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_FLAGS,
  AT_NO_AUTOMOUNT,
  AT_STATX_SYNC_TYPE,
  AT_SYMLINK_NOFOLLOW,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  STATX_AT_FLAGS,
} from '../../abi/fcntl.ts';
import {
  major,
  minor,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  ST,
  STAT,
  STATFS,
  STATX,
  STATX_ATTR_MOUNT_ROOT,
  STATX_BASIC_STATS,
  STATX_BTIME,
  STATX_MASK,
  STATX_MNT_ID,
  STATX_RESERVED,
} from '../../abi/stat.ts';
import { dirfd, fd, flags, path, size, stringOut, structOut } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import type { Task } from '../task/types.ts';
import { fileAt } from '../vfs/fdtable.ts';
import { MAY, permission, realCredentials, writableMount } from '../vfs/perm.ts';
import { noteAccess } from '../vfs/times.ts';
import type { Inode, InodeAttr, Mount, Path } from '../vfs/types.ts';
import { EMPTY_PATH, FOLLOW, isPath, startAt, walk, walkFrom } from '../vfs/walk.ts';
import type { Block, Result } from '../wait.ts';

const TWO32 = 4294967296;

/** Places of the fields of struct stat in 32-bit words. */
const AT = Object.fromEntries(Object.entries(STAT.offsets).map(([name, at]) => [name, at / 4])) as Readonly<
  Record<keyof typeof STAT.offsets, number>
>;
const WORDS = STAT.size / 4;

const put64 = (u32: Uint32Array, at: number, v: number): void => {
  const low = v >>> 0;
  u32[at] = low;
  u32[at + 1] = low === v ? 0 : Math.floor(v / TWO32);
};

/** struct stat at word `at`, every word of it: the hottest struct there is, so it is written in place. */
const encodeStat = (u32: Uint32Array, at: number, a: InodeAttr, dev: number): void => {
  put64(u32, at + AT.st_dev, dev);
  put64(u32, at + AT.st_ino, a.ino);
  put64(u32, at + AT.st_nlink, a.nlink);
  u32[at + AT.st_mode] = a.mode;
  u32[at + AT.st_uid] = a.uid;
  u32[at + AT.st_gid] = a.gid;
  u32[at + AT.__pad0] = 0;
  put64(u32, at + AT.st_rdev, a.rdev);
  put64(u32, at + AT.st_size, a.size);
  put64(u32, at + AT.st_blksize, a.blksize);
  put64(u32, at + AT.st_blocks, a.blocks);
  const { atime, mtime, ctime } = a;
  put64(u32, at + AT.st_atime, atime.sec);
  put64(u32, at + AT.st_atime_nsec, atime.nsec);
  put64(u32, at + AT.st_mtime, mtime.sec);
  put64(u32, at + AT.st_mtime_nsec, mtime.nsec);
  put64(u32, at + AT.st_ctime, ctime.sec);
  put64(u32, at + AT.st_ctime_nsec, ctime.nsec);
  for (let i = at + AT.st_ctime_nsec + 2; i < at + WORDS; i++) u32[i] = 0;
};

const giveStat = (task: Task, inode: Inode, addr: number): Result => {
  const a = inode.attr();
  if (typeof a === 'number') return a;
  const { mm } = task;
  const phys = mm.direct(addr, STAT.size, true);
  if (phys >= 0 && (phys & 3) === 0) {
    encodeStat(task.kernel.cpu.frames.u32, phys / 4, a, inode.fs.dev);
    return 0;
  }
  const words = new Uint32Array(WORDS);
  encodeStat(words, 0, a, inode.fs.dev);
  return mm.write(addr, new Uint8Array(words.buffer)) ? 0 : -EFAULT;
};

export interface Target {
  readonly path: Path | null;
  readonly inode: Inode;
  readonly mount: Mount | null;
}

/** The file that an *at call names: by path, or by the descriptor itself with AT_EMPTY_PATH. */
export const targetAt = (
  task: Task,
  dir: number,
  name: string,
  atFlags: number,
): { inode: Inode; mount: Mount | null; path: Path | null } | number | Block => {
  if (name === '' && atFlags & AT_EMPTY_PATH && dir !== AT_FDCWD) {
    const file = task.files.slots[dir]?.file;
    return file === undefined
      ? -EBADF
      : { inode: file.inode, mount: file.path?.mount ?? null, path: file.path };
  }
  const how = (atFlags & AT_SYMLINK_NOFOLLOW ? 0 : FOLLOW) | (atFlags & AT_EMPTY_PATH ? EMPTY_PATH : 0);
  const p = walk(task, dir, name, how);
  return isPath(p) ? { inode: p.dentry.inode, mount: p.mount, path: p } : p;
};

const isTarget = <T extends object>(r: T | number | Block): r is T =>
  typeof r === 'object' && (r as { blocked?: boolean }).blocked !== true;

export const stat = syscall(
  'stat',
  [path('pathname'), structOut('statbuf', STAT)],
  { returns: 'int', family: 'file' },
  (task, name, buf) => {
    const p = walkFrom(task, task.fs.cwd, name, FOLLOW);
    return isPath(p) ? giveStat(task, p.dentry.inode, buf) : p;
  },
);

export const lstat = syscall(
  'lstat',
  [path('pathname'), structOut('statbuf', STAT)],
  { returns: 'int', family: 'file' },
  (task, name, buf) => {
    const p = walkFrom(task, task.fs.cwd, name, 0);
    return isPath(p) ? giveStat(task, p.dentry.inode, buf) : p;
  },
);

export const fstat = syscall(
  'fstat',
  [fd('fd'), structOut('statbuf', STAT)],
  { returns: 'int', family: 'desc' },
  (task, n, buf) => {
    const file = fileAt(task, n, true);
    return file === undefined ? -EBADF : giveStat(task, file.inode, buf);
  },
);

const STAT_AT = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH;

const badStatAt = (atFlags: number): number => (atFlags & ~(STAT_AT | AT_STATX_SYNC_TYPE) ? -EINVAL : 0);

export const newfstatat = syscall(
  'newfstatat',
  [dirfd('dirfd'), path('pathname'), structOut('statbuf', STAT), flags('flags', AT_FLAGS)],
  { returns: 'int', family: ['file', 'desc'], before: (_dir, _name, _buf, atFlags) => badStatAt(atFlags) },
  (task, dir, name, buf, atFlags) => {
    if (badStatAt(atFlags) !== 0) return -EINVAL;
    const t = targetAt(task, dir, name, atFlags);
    return isTarget(t) ? giveStat(task, t.inode, buf) : t;
  },
);

const isMountRoot = (p: Path | null): boolean => p !== null && p.dentry === p.mount.root;

const badStatx = (atFlags: number, mask: number): number => {
  if ((atFlags & AT_STATX_SYNC_TYPE) === AT_STATX_SYNC_TYPE) return -EINVAL;
  // As an unsigned comparison: the bit is bit 31.
  return mask >= STATX_RESERVED ? -EINVAL : badStatAt(atFlags);
};

export const statx = syscall(
  'statx',
  [
    dirfd('dirfd'),
    path('pathname'),
    flags('flags', STATX_AT_FLAGS),
    flags('mask', STATX_MASK),
    structOut('statxbuf', STATX),
  ],
  {
    returns: 'int',
    family: ['file', 'desc'],
    before: (_dir, _name, atFlags, mask) => badStatx(atFlags, mask),
  },
  (task, dir, name, atFlags, mask, buf) => {
    if (badStatx(atFlags, mask) !== 0) return -EINVAL;
    const t = targetAt(task, dir, name, atFlags);
    if (!isTarget(t)) return t;
    const a = t.inode.attr();
    if (typeof a === 'number') return a;
    const dev = t.inode.fs.dev;

    return STATX.write(task.mm, buf, {
      stx_mask: STATX_BASIC_STATS | (mask & STATX_BTIME) | (t.mount === null ? 0 : STATX_MNT_ID),
      stx_blksize: a.blksize,
      stx_attributes: isMountRoot(t.path) ? STATX_ATTR_MOUNT_ROOT : 0,
      stx_nlink: a.nlink,
      stx_uid: a.uid,
      stx_gid: a.gid,
      stx_mode: a.mode,
      stx_ino: a.ino,
      stx_size: a.size,
      stx_blocks: a.blocks,
      stx_attributes_mask: STATX_ATTR_MOUNT_ROOT,
      stx_atime: a.atime.sec,
      stx_atime_nsec: a.atime.nsec,
      stx_btime: a.btime.sec,
      stx_btime_nsec: a.btime.nsec,
      stx_ctime: a.ctime.sec,
      stx_ctime_nsec: a.ctime.nsec,
      stx_mtime: a.mtime.sec,
      stx_mtime_nsec: a.mtime.nsec,
      stx_rdev_major: major(a.rdev),
      stx_rdev_minor: minor(a.rdev),
      stx_dev_major: major(dev),
      stx_dev_minor: minor(dev),
      stx_mnt_id: t.mount?.id ?? 0,
    })
      ? 0
      : -EFAULT;
  },
);

const giveStatfs = (task: Task, fs: Inode['fs'], mount: Mount | null, addr: number): Result => {
  const s = fs.statfs();
  const m = mount?.flags ?? 0;
  let f = ST.valid | (mount === null ? 0 : ST.relatime) | s.flags;
  if (mount?.readonly || fs.readonly) f |= ST.rdonly;
  if (m & MS_NOSUID) f |= ST.nosuid;
  if (m & MS_NODEV) f |= ST.nodev;
  if (m & MS_NOEXEC) f |= ST.noexec;
  if (m & MS_NOATIME) f = (f | ST.noatime) & ~ST.relatime;
  if (m & MS_NODIRATIME) f |= ST.nodiratime;
  return STATFS.write(task.mm, addr, {
    f_type: s.type,
    f_bsize: s.bsize,
    f_blocks: s.blocks,
    f_bfree: s.bfree,
    f_bavail: s.bavail,
    f_files: s.files,
    f_ffree: s.ffree,
    f_fsid0: fs.dev,
    f_namelen: s.namelen,
    f_frsize: s.bsize,
    f_flags: f,
  })
    ? 0
    : -EFAULT;
};

export const statfs = syscall(
  'statfs',
  [path('path'), structOut('buf', STATFS)],
  { returns: 'int', family: 'file' },
  (task, name, buf) => {
    const p = walk(task, AT_FDCWD, name, FOLLOW);
    return isPath(p) ? giveStatfs(task, p.dentry.inode.fs, p.mount, buf) : p;
  },
);

export const fstatfs = syscall(
  'fstatfs',
  [fd('fd'), structOut('buf', STATFS)],
  { returns: 'int', family: 'desc' },
  (task, n, buf) => {
    const file = fileAt(task, n, true);
    if (file === undefined) return -EBADF;
    return giveStatfs(task, file.inode.fs, file.path?.mount ?? null, buf);
  },
);

const badAccess = (want: number, atFlags: number): number =>
  want & ~7 || atFlags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) ? -EINVAL : 0;

const accessible = (task: Task, dir: number, name: string, want: number, atFlags: number): Result => {
  if (badAccess(want, atFlags) !== 0) return -EINVAL;
  const cred = atFlags & AT_EACCESS ? task.cred : realCredentials(task.cred);
  let inode: Inode;
  let mount: Mount | null;
  if (name === '' && atFlags & AT_EMPTY_PATH && dir !== AT_FDCWD) {
    const file = fileAt(task, dir, true);
    if (file === undefined) return -EBADF;
    inode = file.inode;
    mount = file.path?.mount ?? null;
  } else {
    if (name === '' && !(atFlags & AT_EMPTY_PATH)) return -ENOENT;
    const base = startAt(task, dir, name);
    if (typeof base === 'number') return base;
    const how = (atFlags & AT_SYMLINK_NOFOLLOW ? 0 : FOLLOW) | (atFlags & AT_EMPTY_PATH ? EMPTY_PATH : 0);
    const p = walkFrom(task, base, name, how, cred);
    if (!isPath(p)) return p;
    inode = p.dentry.inode;
    mount = p.mount;
  }
  const a = inode.attr();
  if (typeof a === 'number') return a;
  const kind = a.mode & S_IFMT;
  if (want & MAY.exec && kind === S_IFREG && (mount?.flags ?? 0) & MS_NOEXEC) return -EACCES;
  const refused = permission(cred, a, want);
  if (refused !== 0) return refused;
  const changes = kind === S_IFREG || kind === S_IFDIR || kind === S_IFLNK;
  return want & MAY.write && mount !== null && changes ? writableMount(mount) : 0;
};

export const access = syscall(
  'access',
  [path('pathname'), flags('mode', ACCESS_MODES)],
  { returns: 'int', family: 'file', before: (_name, want) => badAccess(want, 0) },
  (task, name, want) => accessible(task, AT_FDCWD, name, want, 0),
);

export const faccessat = syscall(
  'faccessat',
  [dirfd('dirfd'), path('pathname'), flags('mode', ACCESS_MODES)],
  { returns: 'int', family: ['file', 'desc'], before: (_dir, _name, want) => badAccess(want, 0) },
  (task, dir, name, want) => accessible(task, dir, name, want, 0),
);

export const faccessat2 = syscall(
  'faccessat2',
  [dirfd('dirfd'), path('pathname'), flags('mode', ACCESS_MODES), flags('flags', ACCESS_AT_FLAGS)],
  {
    returns: 'int',
    family: ['file', 'desc'],
    before: (_dir, _name, want, atFlags) => badAccess(want, atFlags),
  },
  accessible,
);

const readLink = (task: Task, dir: number, name: string, buf: number, room: number): Result => {
  if (room <= 0) return -EINVAL;
  const t = targetAt(task, dir, name, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
  if (!isTarget(t)) return t;
  if (name === '' && dir === AT_FDCWD) return -ENOENT;
  const target = t.inode.readlink?.(task) ?? (name === '' ? -ENOENT : -EINVAL);
  if (typeof target === 'number') return target;
  if (t.path) noteAccess(t.path.mount, t.inode);
  const n = Math.min(target.length, room);
  const bytes = new Uint8Array(n);
  for (let i = 0; i < n; i++) bytes[i] = target.charCodeAt(i);
  return task.mm.write(buf, bytes) ? n : -EFAULT;
};

const badRoom = (room: number): number => ((room | 0) <= 0 ? -EINVAL : 0);

export const readlink = syscall(
  'readlink',
  [path('pathname'), stringOut('buf'), size('bufsiz')],
  { returns: 'size', family: 'file', before: (_name, _buf, room) => badRoom(room) },
  (task, name, buf, room) => readLink(task, AT_FDCWD, name, buf, room | 0),
);

export const readlinkat = syscall(
  'readlinkat',
  [dirfd('dirfd'), path('pathname'), stringOut('buf'), size('bufsiz')],
  { returns: 'size', family: ['file', 'desc'], before: (_dir, _name, _buf, room) => badRoom(room) },
  (task, dir, name, buf, room) => readLink(task, dir, name, buf, room | 0),
);

export const rows = [
  stat,
  lstat,
  fstat,
  newfstatat,
  statx,
  statfs,
  fstatfs,
  access,
  faccessat,
  faccessat2,
  readlink,
  readlinkat,
];
