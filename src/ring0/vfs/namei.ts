// Changing names: mknod, mkdir, symlink, link, unlink, rmdir, rename. These are the kernel's own entry points
// (bind(2) of a socket uses `make` as mknod(2) does); the calls in sys/ only decode.

import { EBUSY, EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EPERM, EXDEV } from '../../abi/errno.ts';
import { RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT } from '../../abi/fcntl.ts';
import { IN } from '../../abi/inotify.ts';
import { S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_ISGID } from '../../abi/stat.ts';
import type { Task } from '../task/types.ts';
import type { Block, Result } from '../wait.ts';
import { type Acl, inheritAcl } from './acl.ts';
import { attach, detach, isInode, isUnder, moveDentry } from './dentry.ts';
import { releaseIfGone } from './file.ts';
import { notifyInode, notifyName, RENAMED } from './notify.ts';
import {
  CAP,
  capable,
  inGroup,
  inodePermission,
  MAY,
  mayCreate,
  mayDelete,
  mayLink,
  writableMount,
} from './perm.ts';
import { vfsOf } from './state.ts';
import type { Dentry, Inode, Path } from './types.ts';
import { isPath, isWalk, type Walk, walkParent } from './walk.ts';

interface Creation {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Lists for the new file; see `inherit`. */
  readonly acl?: Acl | null;
  readonly defaultAcl?: Acl | null;
}

/**
 * Owner and mode of a new file: set-group-id directories hand their group (and the bit) down. A directory's default list
 * stands in place of the umask.
 */
export const creationIds = (task: Task, dir: Inode, mode: number): Creation => {
  const ids = withGroup(task, dir, mode);
  if ((mode & S_IFMT) === S_IFLNK) return ids;
  const list = dir.defaultAcl;
  if (!list) return { ...ids, mode: ids.mode & ~task.fs.umask };
  const own = inheritAcl(list, ids.mode);
  return { ...ids, ...own, defaultAcl: (mode & S_IFMT) === S_IFDIR ? list : null };
};

/** Gives a file that was just made the lists that it inherits. */
export const inherit = (made: Inode, { acl, defaultAcl }: Creation): void => {
  if (acl) made.setattr?.({ acl });
  if (defaultAcl && made.acls) made.defaultAcl = defaultAcl;
};

const withGroup = (task: Task, dir: Inode, mode: number): Creation => {
  const d = dir.attr();
  const uid = task.cred.fsuid;
  if (typeof d === 'number' || (d.mode & S_ISGID) === 0) return { mode, uid, gid: task.cred.fsgid };
  if ((mode & S_IFMT) === S_IFDIR) return { mode: mode | S_ISGID, uid, gid: d.gid };
  const strip =
    (mode & (S_ISGID | 0o010)) === (S_ISGID | 0o010) &&
    !inGroup(task.cred, d.gid) &&
    !capable(task.cred, CAP.fsetid);
  return { mode: strip ? mode & ~S_ISGID : mode, uid, gid: d.gid };
};

/** The directory for a new name: EEXIST when it is there, ENOENT with a slash after it unless a directory is made. */
const forNew = (task: Task, dirfd: number, path: string, directory: boolean): Walk | number | Block => {
  const w = walkParent(task, dirfd, path);
  if (!isWalk(w)) return w;
  if (w.lastKind !== 'name') return -EEXIST;
  const there = w.child();
  if (isPath(there)) return -EEXIST;
  if (there !== -ENOENT) return there;
  if (w.slash && !directory) return -ENOENT;
  if (w.dentry.unlinked) return -ENOENT;
  return mayCreate(task, w.mount, w.dentry.inode) || w;
};

/** Makes a file, directory or special file; `mode` has the type, umask is applied. */
export const make = (
  task: Task,
  dirfd: number,
  path: string,
  mode: number,
  rdev: number,
): Path | number | Block => {
  const isDir = (mode & S_IFMT) === S_IFDIR;
  const w = forNew(task, dirfd, path, isDir);
  if (!isWalk(w)) return w;
  const dir = w.dentry.inode;
  const ids = creationIds(task, dir, mode);
  const made = dir.create?.(w.last, ids.mode, ids.uid, ids.gid, rdev) ?? -EPERM;
  if (!isInode(made)) return made;
  inherit(made, ids);
  const dentry = attach(w.dentry, w.last, made);
  notifyName(dir, w.last, made, IN.IN_CREATE);
  return { mount: w.mount, dentry };
};

export const makeSymlink = (task: Task, target: string, dirfd: number, path: string): Result => {
  if (target === '') return -ENOENT;
  const w = forNew(task, dirfd, path, false);
  if (!isWalk(w)) return w;
  const dir = w.dentry.inode;
  const ids = creationIds(task, dir, S_IFLNK | 0o777);
  const made = dir.symlink?.(w.last, target, ids.uid, ids.gid) ?? -EPERM;
  if (!isInode(made)) return made;
  attach(w.dentry, w.last, made);
  notifyName(dir, w.last, made, IN.IN_CREATE);
  return 0;
};

export const makeLink = (task: Task, from: Path, dirfd: number, path: string): Result => {
  const w = forNew(task, dirfd, path, false);
  if (!isWalk(w)) return w;
  if (from.mount !== w.mount) return -EXDEV;
  const { inode } = from.dentry;
  const attr = inode.attr();
  if (typeof attr === 'number') return attr;
  if ((attr.mode & S_IFMT) === S_IFDIR) return -EPERM;
  const refused = mayLink(task, attr);
  if (refused !== 0) return refused;
  const r = w.dentry.inode.link?.(w.last, inode) ?? -EPERM;
  if (r !== 0) return r;
  attach(w.dentry, w.last, inode);
  notifyInode(inode, IN.IN_ATTRIB);
  notifyName(w.dentry.inode, w.last, inode, IN.IN_CREATE);
  return 0;
};

/** unlink and rmdir. */
export const remove = (task: Task, dirfd: number, path: string, directory: boolean): Result => {
  const w = walkParent(task, dirfd, path);
  if (!isWalk(w)) return w;
  if (w.lastKind !== 'name') {
    if (!directory) return -EISDIR;
    return w.lastKind === 'dot' ? -EINVAL : w.lastKind === 'dotdot' ? -ENOTEMPTY : -EBUSY;
  }
  const found = w.child();
  if (!isPath(found)) return found;
  const dir = w.dentry.inode;
  const victim = found.dentry.inode;
  const attr = victim.attr();
  if (typeof attr === 'number') return attr;
  const isDir = (attr.mode & S_IFMT) === S_IFDIR;
  if (!directory && w.slash) return isDir ? -EISDIR : -ENOTDIR;
  if (found.mount !== w.mount) return mayDelete(task, w.mount, dir, victim) || -EBUSY;
  const refused = mayDelete(task, w.mount, dir, victim);
  if (refused !== 0) return refused;
  if (directory && !isDir) return -ENOTDIR;
  if (!directory && isDir) return -EISDIR;
  if (isMountPoint(found.dentry)) return -EBUSY;
  const r = (directory ? dir.rmdir?.(w.last) : dir.unlink?.(w.last)) ?? -EPERM;
  if (r !== 0) return r;
  detach(w.dentry, w.last);
  if (!isDir) notifyInode(victim, IN.IN_ATTRIB);
  // Of what nobody has open the end is told before its name's (dentry_unlink_inode of the kernel).
  releaseIfGone(victim);
  notifyName(dir, w.last, victim, IN.IN_DELETE | (isDir ? IN.IN_ISDIR : 0));
  return 0;
};

/** A dentry that something is mounted on, as seen from any mount. */
const isMountPoint = (d: Dentry): boolean => (d.mounted?.length ?? 0) > 0;

const typeOf = (inode: Inode): number => {
  const a = inode.attr();
  return typeof a === 'number' ? a : a.mode & S_IFMT;
};

/** Flags that renameat2(2) does not take, alone or together: -EINVAL. */
export const badRename = (flags: number): number =>
  flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT) ||
  (flags & RENAME_EXCHANGE && flags & (RENAME_NOREPLACE | RENAME_WHITEOUT))
    ? -EINVAL
    : 0;

/** renameat2(2). */
export const rename = (
  task: Task,
  fromDir: number,
  fromPath: string,
  toDir: number,
  toPath: string,
  flags: number,
): Result => {
  if (badRename(flags) !== 0) return -EINVAL;
  const from = walkParent(task, fromDir, fromPath);
  if (!isWalk(from)) return from;
  const to = walkParent(task, toDir, toPath);
  if (!isWalk(to)) return to;
  if (from.mount !== to.mount) return -EXDEV;
  if (from.lastKind !== 'name') return -EBUSY;
  if (to.lastKind !== 'name') return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
  const ro = writableMount(from.mount);
  const source = from.child();
  if (!isPath(source)) return source;
  const target = to.child();
  if (!isPath(target) && target !== -ENOENT) return target;
  const replaced = isPath(target) ? target : null;
  if (ro !== 0) return ro;
  if (replaced !== null && flags & RENAME_NOREPLACE) return -EEXIST;
  const exchange = (flags & RENAME_EXCHANGE) !== 0;
  if (replaced === null && exchange) return -ENOENT;
  const { dentry } = source;
  const isDir = typeOf(dentry.inode) === S_IFDIR;
  const overDir = replaced !== null && typeOf(replaced.dentry.inode) === S_IFDIR;
  if (exchange && !overDir && to.slash) return -ENOTDIR;
  if (!isDir && (from.slash || (to.slash && !exchange))) return -ENOTDIR;
  // Into itself, or over an ancestor.
  if (isDir && isUnder(to.dentry, dentry)) return -EINVAL;
  if (replaced !== null && isUnder(from.dentry, replaced.dentry)) return exchange ? -EINVAL : -ENOTEMPTY;
  // Two names of one file: nothing to do, whoever asks.
  if (replaced !== null && replaced.dentry.inode === dentry.inode) return 0;
  const refused = mayDelete(task, from.mount, from.dentry.inode, dentry.inode);
  if (refused !== 0) return refused;
  if (to.dentry.unlinked) return -ENOENT;
  const intoRefused =
    replaced === null
      ? mayCreate(task, to.mount, to.dentry.inode)
      : mayDelete(task, to.mount, to.dentry.inode, replaced.dentry.inode);
  if (intoRefused !== 0) return intoRefused;
  if (replaced !== null && !exchange) {
    if (isDir && !overDir) return -ENOTDIR;
    if (!isDir && overDir) return -EISDIR;
  }
  if (source.mount !== from.mount || isMountPoint(dentry)) return -EBUSY;
  if (replaced !== null && (replaced.mount !== to.mount || isMountPoint(replaced.dentry))) return -EBUSY;
  // A directory's `..` changes: that is a write to it.
  if (from.dentry !== to.dentry) {
    const own = isDir ? inodePermission(task, dentry.inode, MAY.write) : 0;
    if (own !== 0) return own;
    const other =
      exchange && replaced !== null && overDir ? inodePermission(task, replaced.dentry.inode, MAY.write) : 0;
    if (other !== 0) return other;
  }
  const r =
    from.dentry.inode.rename?.(from.last, to.dentry.inode, to.last, flags & ~RENAME_WHITEOUT) ?? -EPERM;
  if (r !== 0) return r;
  if (exchange && replaced !== null) {
    swapDentries(dentry, replaced.dentry);
    notifyMove(task, from, to, dentry.inode);
    notifyMove(task, to, from, replaced.dentry.inode);
  } else {
    moveDentry(dentry, to.dentry, to.last);
    notifyMove(task, from, to, dentry.inode, replaced?.dentry.inode);
    if (replaced !== null) releaseIfGone(replaced.dentry.inode);
    if (flags & RENAME_WHITEOUT) return whiteOut(task, from);
  }
  return 0;
};

/** RENAME_WHITEOUT: the device 0:0 in the place of what has moved, which hides what lies below in a union of folders. */
const whiteOut = (task: Task, from: Walk): number => {
  const dir = from.dentry.inode;
  const ids = creationIds(task, dir, S_IFCHR);
  const made = dir.create?.(from.last, ids.mode, ids.uid, ids.gid, 0) ?? -EPERM;
  return typeof made === 'number' && made < 0 ? made : 0;
};

/** Both ends of a move have one cookie. */
const notifyMove = (task: Task, from: Walk, to: Walk, moved: Inode, replaced?: Inode): void => {
  const cookie = vfsOf(task.kernel).nextCookie++;
  const within = from.dentry.inode === to.dentry.inode ? RENAMED : 0;
  notifyName(from.dentry.inode, from.last, moved, IN.IN_MOVED_FROM | within, cookie);
  notifyName(to.dentry.inode, to.last, moved, IN.IN_MOVED_TO, cookie);
  if (replaced !== undefined) notifyInode(replaced, IN.IN_ATTRIB);
  notifyInode(moved, IN.IN_MOVE_SELF);
};

const swapDentries = (a: Dentry, b: Dentry): void => {
  const place = { parent: a.parent, name: a.name };
  a.parent = b.parent;
  a.name = b.name;
  b.parent = place.parent;
  b.name = place.name;
  for (const d of [a, b]) d.parent?.children?.set(d.name, d);
};
