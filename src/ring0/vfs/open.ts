// open(2): flags, creation, permission, and the operations that belong to the kind of file.

import {
  EACCES,
  EEXIST,
  EINVAL,
  EISDIR,
  ELOOP,
  ENOENT,
  ENOTDIR,
  ENXIO,
  EOPNOTSUPP,
  EPERM,
  ETXTBSY,
} from '../../abi/errno.ts';
import {
  MS_NODEV,
  O_ACCMODE,
  O_APPEND,
  O_CREAT,
  O_DIRECT,
  O_DIRECTORY,
  O_EXCL,
  O_LARGEFILE,
  O_NOATIME,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_TMPFILE,
  O_TRUNC,
  O_WRONLY,
} from '../../abi/fcntl.ts';
import { IN } from '../../abi/inotify.ts';
import {
  major,
  minor,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../../abi/stat.ts';
import type { Task } from '../task/types.ts';
import type { Block } from '../wait.ts';
import { attach, isInode, newDentry } from './dentry.ts';
import { directoryOps, dropAccess, newFile, pathOnlyOps, sealedSize, takesDirect } from './file.ts';
import { breakLeases } from './leases.ts';
import { creationIds, inherit } from './namei.ts';
import { notifyDentry, notifyName } from './notify.ts';
import { inodePermission, MAY, mayCreate, owns, permission, writableMount } from './perm.ts';
import { vfsOf } from './state.ts';
import type { FileOps, Inode, InodeAttr, OpenFile, Path } from './types.ts';
import { FOLLOW, isPath, MUST_BE_DIR, startAt, Walk, walkFrom } from './walk.ts';

const TMPFILE_BIT = O_TMPFILE & ~O_DIRECTORY;
/** Flags that the description does not keep. */
const NOT_KEPT = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC;
/** Flags that mean something with O_PATH. */
const PATH_FLAGS = O_PATH | O_DIRECTORY | O_NOFOLLOW | 0o2000000;

const wants = (flags: number): number => {
  const acc = flags & O_ACCMODE;
  let want = acc === O_RDONLY ? MAY.read : acc === O_WRONLY ? MAY.write : MAY.read | MAY.write;
  if (flags & O_TRUNC) want |= MAY.write;
  return want;
};

/** Operations for an inode that is being opened. */
const opsFor = (
  task: Task,
  inode: Inode,
  attr: InodeAttr,
  flags: number,
  path: Path,
): FileOps | number | Block => {
  const vfs = vfsOf(task.kernel);
  switch (attr.mode & S_IFMT) {
    case S_IFDIR:
      return inode.open?.(task, flags, path) ?? directoryOps;
    case S_IFIFO:
      if (inode.open) return inode.open(task, flags, path);
      return vfs.fifo?.(task, inode, flags, path) ?? -ENXIO;
    case S_IFCHR:
    case S_IFBLK: {
      if (inode.open) return inode.open(task, flags, path);
      if ((path.mount.flags ?? 0) & MS_NODEV) return -EACCES;
      const kind = (attr.mode & S_IFMT) === S_IFCHR ? 'c' : 'b';
      const driver =
        vfs.devices.get(`${kind}:${major(attr.rdev)}:${minor(attr.rdev)}`) ??
        vfs.devices.get(`${kind}:${major(attr.rdev)}`);
      return driver?.(task, inode, flags, path) ?? -ENXIO;
    }
    case S_IFSOCK:
      return -ENXIO;
    default:
      return inode.open?.(task, flags, path) ?? -ENXIO;
  }
};

/** Opens what a path leads to; permission is checked unless the file was just created. */
export const openPath = (
  task: Task,
  path: Path,
  flags: number,
  created = false,
): OpenFile | number | Block => {
  const { inode } = path.dentry;
  const attr = inode.attr();
  if (typeof attr === 'number') return attr;
  const kind = attr.mode & S_IFMT;
  if (flags & O_PATH) {
    if (flags & O_DIRECTORY && kind !== S_IFDIR) return -ENOTDIR;
    return newFile(inode, path, pathOnlyOps, (flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW)) | 0);
  }
  if (kind === S_IFLNK) return -ELOOP;
  if (flags & O_DIRECTORY && kind !== S_IFDIR) return -ENOTDIR;
  const want = wants(flags);
  if (kind === S_IFDIR && want & MAY.write) return -EISDIR;
  if (!created) {
    const refused = permission(task.cred, attr, want);
    if (refused !== 0) return refused;
  }
  const changesFs = kind === S_IFREG && (want & MAY.write) !== 0;
  if (changesFs) {
    const ro = writableMount(path.mount);
    if (ro !== 0) return ro;
    if ((inode.writers ?? 0) < 0) return -ETXTBSY;
  }
  if (flags & O_NOATIME && !owns(task.cred, attr)) return -EPERM;
  const waits = breakLeases(task, inode, flags, (flags & O_NONBLOCK) !== 0);
  if (waits !== 0) return waits;
  const ops = opsFor(task, inode, attr, flags, path);
  if (typeof ops === 'number' || 'blocked' in ops) return ops as number | Block;
  const file = newFile(inode, path, ops, (flags & ~NOT_KEPT) | O_LARGEFILE);
  if (flags & O_DIRECT && !takesDirect(inode)) {
    file.refs = 0;
    dropUnused(file);
    return -EINVAL;
  }
  if (flags & O_TRUNC && kind === S_IFREG && !created) {
    const r = sealedSize(inode, 0) ? -EPERM : (inode.setattr?.({ size: 0 }) ?? -EINVAL);
    if (r !== 0) {
      file.refs = 0;
      dropUnused(file);
      return r;
    }
    notifyDentry(path.dentry, IN.IN_OPEN);
    notifyDentry(path.dentry, IN.IN_MODIFY);
    return file;
  }
  notifyDentry(path.dentry, IN.IN_OPEN);
  return file;
};

const dropUnused = (file: OpenFile): void => {
  const { inode } = file;
  dropAccess(file);
  inode.holders = (inode.holders ?? 1) - 1;
  file.ops.release?.(file);
};

/** The open family, from a starting point. `resolve` are RESOLVE_* bits. */
export const openFrom = (
  task: Task,
  base: Path,
  name: string,
  givenFlags: number,
  mode: number,
  resolve = 0,
): OpenFile | number | Block => {
  const flags = givenFlags & O_PATH ? givenFlags & PATH_FLAGS : givenFlags;
  if (flags & TMPFILE_BIT) return openTmpfile(task, base, name, flags, mode, resolve);
  if (!(flags & O_CREAT)) {
    const how = (flags & O_NOFOLLOW ? 0 : FOLLOW) | (flags & O_DIRECTORY ? MUST_BE_DIR : 0) | resolve;
    // O_DIRECTORY|O_NOFOLLOW on a link is ENOTDIR, O_NOFOLLOW alone ELOOP (openPath).
    const path = walkFrom(task, base, name, how);
    return isPath(path) ? openPath(task, path, flags) : path;
  }
  return openCreate(task, base, name, flags, mode, resolve);
};

const openCreate = (
  task: Task,
  base: Path,
  name: string,
  flags: number,
  mode: number,
  resolve: number,
): OpenFile | number | Block => {
  const w = new Walk(task, base, resolve);
  let r = w.parent(name);
  for (;;) {
    if (r !== 0) return r;
    if (w.lastKind !== 'name') {
      // The path ends in a directory, or a magic link led to a file.
      if (flags & O_EXCL) return -EEXIST;
      if (w.lastKind === 'root' && name !== '' && !isDir(w.dentry.inode))
        return openPath(task, here(w), flags);
      return -EISDIR;
    }
    if (w.slash) return -EISDIR;
    const found = w.child();
    if (isPath(found)) {
      if (flags & O_EXCL) return -EEXIST;
      const attr = found.dentry.inode.attr();
      if (typeof attr === 'number') return attr;
      const kind = attr.mode & S_IFMT;
      if (kind === S_IFLNK) {
        if (flags & O_NOFOLLOW) return -ELOOP;
        r = w.through(found.dentry);
        continue;
      }
      if (kind === S_IFDIR) return -EISDIR;
      const guarded = protectedRegular(task, w, attr);
      return guarded !== 0 ? guarded : openPath(task, found, flags);
    }
    if (found !== -ENOENT) return found;
    if (w.dentry.unlinked) return -ENOENT;
    const refused = mayCreate(task, w.mount, w.dentry.inode);
    if (refused !== 0) return refused;
    const dir = w.dentry.inode;
    const ids = creationIds(task, dir, S_IFREG | (mode & 0o7777));
    const made = dir.create?.(w.last, ids.mode, ids.uid, ids.gid, 0) ?? -EACCES;
    if (!isInode(made)) return made;
    inherit(made, ids);
    const dentry = attach(w.dentry, w.last, made);
    notifyName(dir, w.last, made, IN.IN_CREATE);
    return openPath(task, { mount: w.mount, dentry }, flags, true);
  }
};

const here = (w: Walk): Path => ({ mount: w.mount, dentry: w.dentry });
const isDir = (inode: Inode): boolean => {
  const a = inode.attr();
  return typeof a !== 'number' && (a.mode & S_IFMT) === S_IFDIR;
};

/** fs.protected_regular = 1: in a sticky world-writable directory O_CREAT opens only one's own files. */
const protectedRegular = (task: Task, w: Walk, attr: InodeAttr): number => {
  const dir = w.dentry.inode.attr();
  if (typeof dir === 'number' || (attr.mode & S_IFMT) !== S_IFREG) return 0;
  const guarded = (dir.mode & 0o1002) === 0o1002;
  return guarded && attr.uid !== task.cred.fsuid && attr.uid !== dir.uid ? -EACCES : 0;
};

const openTmpfile = (
  task: Task,
  base: Path,
  name: string,
  flags: number,
  mode: number,
  resolve: number,
): OpenFile | number | Block => {
  const path = walkFrom(task, base, name, FOLLOW | MUST_BE_DIR | resolve);
  if (!isPath(path)) return path;
  const dir = path.dentry.inode;
  const refused = writableMount(path.mount) || inodePermission(task, dir, MAY.write | MAY.exec);
  if (refused !== 0) return refused;
  if (dir.tmpfile === undefined) return -EOPNOTSUPP;
  const ids = creationIds(task, dir, S_IFREG | (mode & 0o7777));
  const inode = dir.tmpfile(ids.mode, ids.uid, ids.gid, (flags & O_EXCL) === 0);
  if (typeof inode === 'number') return inode;
  inherit(inode, ids);
  const attr = inode.attr();
  const dentry = newDentry(`#${typeof attr === 'number' ? 0 : attr.ino}`, path.dentry, inode);
  dentry.unlinked = true;
  const file = openPath(task, { mount: path.mount, dentry }, flags & ~O_TMPFILE, true);
  // F_GETFL tells how it was opened.
  if (isOpenFile(file)) file.flags |= O_TMPFILE;
  return file;
};

/** Whether flags ask for a file without a name in a way that cannot be: it has to be written to, and is made anyway. */
const badTmpfile = (flags: number): boolean =>
  (flags & TMPFILE_BIT) !== 0 &&
  (flags & O_PATH) === 0 &&
  ((flags & O_TMPFILE) !== O_TMPFILE || (flags & O_ACCMODE) === O_RDONLY || (flags & O_CREAT) !== 0);

/** open as the *at calls take it. */
export const open = (
  task: Task,
  dirfd: number,
  path: string,
  flags: number,
  mode: number,
  resolve = 0,
): OpenFile | number | Block => {
  // What no path can make right comes before the path (build_open_flags, getname).
  if ((flags & (O_CREAT | O_DIRECTORY | O_PATH)) === (O_CREAT | O_DIRECTORY)) return -EINVAL;
  if (badTmpfile(flags)) return -EINVAL;
  if (path === '') return -ENOENT;
  const base = startAt(task, dirfd, path, resolve);
  return typeof base === 'number' ? base : openFrom(task, base, path, flags, mode, resolve);
};

/** Append position is decided by the writer at each write. */
export const appends = (file: OpenFile): boolean => (file.flags & O_APPEND) !== 0;

export const isOpenFile = (r: OpenFile | number | Block): r is OpenFile =>
  typeof r === 'object' && (r as { blocked?: boolean }).blocked !== true;
