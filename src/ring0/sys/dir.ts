// Directories and names: getdents, the working directory, and the calls that make, remove and rename.

import { DIRENT_NAME, DIRENT64_NAME, DT_DIR } from '../../abi/dirent.ts';
import { EBADF, EFAULT, EINVAL, ENOENT, ENOTDIR, EPERM, ERANGE, EXDEV } from '../../abi/errno.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_FLAGS,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  RENAME_FLAGS,
} from '../../abi/fcntl.ts';
import { IN } from '../../abi/inotify.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK } from '../../abi/stat.ts';
import {
  device,
  direntsOut,
  dirfd,
  fd,
  fileMode,
  flags,
  mode,
  path,
  size,
  stringOut,
  uint,
} from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import type { Task } from '../task/types.ts';
import { pathName } from '../vfs/dentry.ts';
import { fileAt } from '../vfs/fdtable.ts';
import { isDirectory, listing } from '../vfs/file.ts';
import { badRename, make, makeLink, makeSymlink, remove, rename as renameFile } from '../vfs/namei.ts';
import { notifyFile } from '../vfs/notify.ts';
import { CAP, capable, inodePermission, MAY, owns } from '../vfs/perm.ts';
import { noteRead } from '../vfs/times.ts';
import type { DirEntry, Inode, OpenFile, Path } from '../vfs/types.ts';
import { FOLLOW, isPath, MUST_BE_DIR, walk } from '../vfs/walk.ts';
import type { Result } from '../wait.ts';
import { targetAt } from './stat.ts';

const inoOf = (inode: Inode): number => {
  const a = inode.attr();
  return typeof a === 'number' ? 1 : a.ino;
};

/** `.` and `..` come first; a file system whose listing has no place in the tree shows its own number twice. */
const dots = (file: OpenFile): readonly DirEntry[] => {
  const self = inoOf(file.inode);
  const { path: at } = file;
  let up = self;
  if (at !== null) {
    const top = at.dentry === at.mount.root ? at.mount.at : at;
    up = top?.dentry.parent ? inoOf(top.dentry.parent.inode) : self;
  }
  return [
    { name: '.', ino: self, type: DT_DIR },
    { name: '..', ino: up, type: DT_DIR },
  ];
};

const TWO32 = 4294967296;

/** The position of a directory stream is the index of the next entry, `.` and `..` counted. */
const getEntries = (task: Task, n: number, buf: number, count: number, wide: boolean): Result => {
  const file = fileAt(task, n);
  if (file === undefined) return -EBADF;
  if (!isDirectory(file.inode)) return -ENOTDIR;
  if (file.path?.dentry.unlinked && file.path.dentry !== file.path.mount.root) return -ENOENT;
  const list = listing(task, file);
  if (typeof list === 'number') return list;
  if (!Array.isArray(list)) return list as Result;
  const entries = list as readonly DirEntry[];
  const head = dots(file);
  // The kernel counts in a signed int.
  const out = new Uint8Array(count > 0x7fffffff ? 0 : Math.min(count, 1 << 16));
  const dv = new DataView(out.buffer);
  let at = 0;
  let i = file.pos;
  for (; i < entries.length + 2; i++) {
    const e = i < 2 ? head[i] : entries[i - 2];
    if (e === undefined) break;
    const nameAt = at + (wide ? DIRENT64_NAME : DIRENT_NAME);
    // With its NUL, and in the old form the type after it; aligned to 8.
    const length = Math.ceil(((wide ? DIRENT64_NAME : DIRENT_NAME + 1) + e.name.length + 1) / 8) * 8;
    if (at + length > out.length) break;
    dv.setUint32(at, e.ino % TWO32, true);
    dv.setUint32(at + 4, Math.floor(e.ino / TWO32), true);
    dv.setUint32(at + 8, i + 1, true);
    dv.setUint16(at + 16, length, true);
    out[wide ? at + 18 : at + length - 1] = e.type;
    for (let k = 0; k < e.name.length; k++) out[nameAt + k] = e.name.charCodeAt(k);
    at += length;
  }
  if (at === 0 && i < entries.length + 2) return -EINVAL;
  if (!task.mm.write(buf, out, 0, at)) return -EFAULT;
  file.pos = i;
  noteRead(file);
  notifyFile(file, IN.IN_ACCESS);
  return at;
};

export const getdents64 = syscall(
  'getdents64',
  [fd('fd'), direntsOut('dirp'), uint('count')],
  { returns: 'size', family: 'desc' },
  (task, n, buf, count) => getEntries(task, n, buf, count, true),
);

export const getdents = syscall(
  'getdents',
  [fd('fd'), direntsOut('dirp'), uint('count')],
  { returns: 'size', family: 'desc' },
  (task, n, buf, count) => getEntries(task, n, buf, count, false),
);

export const getcwd = syscall(
  'getcwd',
  [stringOut('buf'), size('size')],
  { returns: 'size', family: 'file' },
  (task, buf, room) => {
    const p = pathName(task.fs.cwd, task.fs.root);
    if (p.deleted) return -ENOENT;
    const name = p.reachable ? p.name : `(unreachable)${p.name}`;
    if (name.length + 1 > room) return -ERANGE;
    const bytes = new Uint8Array(name.length + 1);
    for (let i = 0; i < name.length; i++) bytes[i] = name.charCodeAt(i);
    return task.mm.write(buf, bytes) ? bytes.length : -EFAULT;
  },
);

const enter = (task: Task, p: Path): number => {
  if (!isDirectory(p.dentry.inode)) return -ENOTDIR;
  const refused = inodePermission(task, p.dentry.inode, MAY.exec);
  if (refused !== 0) return refused;
  task.fs.cwd = p;
  return 0;
};

export const chdir = syscall('chdir', [path('path')], { returns: 'int', family: 'file' }, (task, name) => {
  const p = walk(task, AT_FDCWD, name, FOLLOW | MUST_BE_DIR);
  return isPath(p) ? enter(task, p) : p;
});

export const fchdir = syscall('fchdir', [fd('fd')], { returns: 'int', family: 'desc' }, (task, n) => {
  const file = fileAt(task, n, true);
  if (file === undefined) return -EBADF;
  return file.path === null ? -ENOTDIR : enter(task, file.path);
});

export const chroot = syscall('chroot', [path('path')], { returns: 'int', family: 'file' }, (task, name) => {
  const p = walk(task, AT_FDCWD, name, FOLLOW | MUST_BE_DIR);
  if (!isPath(p)) return p;
  const refused = inodePermission(task, p.dentry.inode, MAY.exec);
  if (refused !== 0) return refused;
  if (!capable(task.cred, CAP.sysChroot)) return -EPERM;
  task.fs.root = p;
  return 0;
});

export const umask = syscall(
  'umask',
  [mode('mask')],
  { returns: 'octal', family: 'process' },
  (task, mask) => {
    const was = task.fs.umask;
    task.fs.umask = mask & 0o777;
    return was;
  },
);

const made = (r: ReturnType<typeof make>): Result => (isPath(r) ? 0 : r);

export const mkdir = syscall(
  'mkdir',
  [path('pathname'), mode('mode')],
  { returns: 'int', family: 'file' },
  (task, name, perm) => made(make(task, AT_FDCWD, name, S_IFDIR | (perm & 0o1777), 0)),
);

export const mkdirat = syscall(
  'mkdirat',
  [dirfd('dirfd'), path('pathname'), mode('mode')],
  { returns: 'int', family: ['file', 'desc'] },
  (task, dir, name, perm) => made(make(task, dir, name, S_IFDIR | (perm & 0o1777), 0)),
);

/** may_mknod of the kernel. */
const badNode = (given: number): number => {
  const kind = given & S_IFMT || S_IFREG;
  if (kind === S_IFDIR) return -EPERM;
  return [S_IFREG, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK].includes(kind) ? 0 : -EINVAL;
};

const makeNode = (task: Task, dir: number, name: string, given: number, dev: number): Result => {
  const kind = given & S_IFMT || S_IFREG;
  const bad = badNode(given);
  if (bad !== 0) return bad;
  const isDevice = kind === S_IFCHR || kind === S_IFBLK;
  // Whiteout devices (0:0) need no privilege.
  if (isDevice && !capable(task.cred, CAP.mknod) && !(kind === S_IFCHR && dev === 0)) return -EPERM;
  return made(make(task, dir, name, kind | (given & 0o7777), isDevice ? dev : 0));
};

export const mknod = syscall(
  'mknod',
  [path('pathname'), fileMode('mode'), device('dev')],
  { returns: 'int', family: 'file', before: (_name, given) => badNode(given) },
  (task, name, given, dev) => makeNode(task, AT_FDCWD, name, given, dev),
);

export const mknodat = syscall(
  'mknodat',
  [dirfd('dirfd'), path('pathname'), fileMode('mode'), device('dev')],
  { returns: 'int', family: ['file', 'desc'], before: (_dir, _name, given) => badNode(given) },
  (task, dir, name, given, dev) => makeNode(task, dir, name, given, dev),
);

export const rmdir = syscall('rmdir', [path('pathname')], { returns: 'int', family: 'file' }, (task, name) =>
  remove(task, AT_FDCWD, name, true),
);

export const unlink = syscall(
  'unlink',
  [path('pathname')],
  { returns: 'int', family: 'file' },
  (task, name) => remove(task, AT_FDCWD, name, false),
);

export const unlinkat = syscall(
  'unlinkat',
  [dirfd('dirfd'), path('pathname'), flags('flags', AT_FLAGS)],
  {
    returns: 'int',
    family: ['file', 'desc'],
    before: (_dir, _name, how) => (how & ~AT_REMOVEDIR ? -EINVAL : 0),
  },
  (task, dir, name, how) =>
    how & ~AT_REMOVEDIR ? -EINVAL : remove(task, dir, name, (how & AT_REMOVEDIR) !== 0),
);

export const rename = syscall(
  'rename',
  [path('oldpath'), path('newpath')],
  { returns: 'int', family: 'file' },
  (task, from, to) => renameFile(task, AT_FDCWD, from, AT_FDCWD, to, 0),
);

export const renameat = syscall(
  'renameat',
  [dirfd('olddirfd'), path('oldpath'), dirfd('newdirfd'), path('newpath')],
  { returns: 'int', family: ['file', 'desc'] },
  (task, fromDir, from, toDir, to) => renameFile(task, fromDir, from, toDir, to, 0),
);

export const renameat2 = syscall(
  'renameat2',
  [dirfd('olddirfd'), path('oldpath'), dirfd('newdirfd'), path('newpath'), flags('flags', RENAME_FLAGS)],
  {
    returns: 'int',
    family: ['file', 'desc'],
    support: 'partial',
    note: 'in a volume (-v) RENAME_EXCHANGE is three renames to the host',
    before: (_fromDir, _from, _toDir, _to, how) => badRename(how),
  },
  renameFile,
);

const badLink = (how: number): number => (how & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH) ? -EINVAL : 0);

const linkFile = (
  task: Task,
  fromDir: number,
  from: string,
  toDir: number,
  to: string,
  how: number,
): Result => {
  if (badLink(how) !== 0) return -EINVAL;
  const t = targetAt(
    task,
    fromDir,
    from,
    (how & AT_SYMLINK_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW) | (how & AT_EMPTY_PATH),
  );
  if (typeof t === 'number' || 'blocked' in t) return t;
  // Whoever may not read every file may only do this with what is theirs.
  if (from === '' && !capable(task.cred, CAP.dacReadSearch)) {
    const a = t.inode.attr();
    if (typeof a !== 'number' && !owns(task.cred, a)) return -ENOENT;
  }
  return t.path === null ? -EXDEV : makeLink(task, t.path, toDir, to);
};

export const link = syscall(
  'link',
  [path('oldpath'), path('newpath')],
  { returns: 'int', family: 'file' },
  (task, from, to) => linkFile(task, AT_FDCWD, from, AT_FDCWD, to, 0),
);

export const linkat = syscall(
  'linkat',
  [dirfd('olddirfd'), path('oldpath'), dirfd('newdirfd'), path('newpath'), flags('flags', AT_FLAGS)],
  {
    returns: 'int',
    family: ['file', 'desc'],
    before: (_fromDir, _from, _toDir, _to, how) => badLink(how),
  },
  linkFile,
);

export const symlink = syscall(
  'symlink',
  [path('target'), path('linkpath')],
  { returns: 'int', family: 'file' },
  (task, target, name) => makeSymlink(task, target, AT_FDCWD, name),
);

export const symlinkat = syscall(
  'symlinkat',
  [path('target'), dirfd('newdirfd'), path('linkpath')],
  { returns: 'int', family: ['file', 'desc'] },
  makeSymlink,
);

export const rows = [
  getdents64,
  getdents,
  getcwd,
  chdir,
  fchdir,
  chroot,
  umask,
  mkdir,
  mkdirat,
  mknod,
  mknodat,
  rmdir,
  unlink,
  unlinkat,
  rename,
  renameat,
  renameat2,
  link,
  linkat,
  symlink,
  symlinkat,
];
