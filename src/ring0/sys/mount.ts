// mount(2), umount2(2) and pivot_root(2), for who has CAP_SYS_ADMIN: bind mounts, in-memory file systems,
// remounting and moving. The new mount API (fsopen, move_mount ...) is absent.

import { EBUSY, EFAULT, EINVAL, ENODEV, ENOSPC, ENOTDIR, EPERM } from '../../abi/errno.ts';
import {
  AT_FDCWD,
  MNT_DETACH,
  MNT_EXPIRE,
  MNT_FORCE,
  MOUNT_FLAGS,
  MS_BIND,
  MS_MOVE,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_REMOUNT,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
  UMOUNT_FLAGS,
  UMOUNT_NOFOLLOW,
} from '../../abi/fcntl.ts';
import { addr, flags, flags64, path, pathOrNull } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import type { Task } from '../task/types.ts';
import { isUnder } from '../vfs/dentry.ts';
import { isDirectory } from '../vfs/file.ts';
import { bindMount, MAX_MOUNTS, mountFs, moveMount, unmount } from '../vfs/mount.ts';
import { CAP, capable } from '../vfs/perm.ts';
import { vfsOf } from '../vfs/state.ts';
import type { Path } from '../vfs/types.ts';
import { FOLLOW, isPath, MUST_BE_DIR, walk } from '../vfs/walk.ts';
import { type Result, wake } from '../wait.ts';

const MS_MGC_MSK = 0xffff0000;
const MS_MGC_VAL = 0xc0ed0000;
/** Bits of a mount rather than of its file system. */
const PER_MOUNT = 0x1 | 0x2 | 0x4 | 0x8 | 0x100 | 0x400 | 0x800 | (1 << 21);

const remount = (at: Path, how: number): number => {
  const { mount } = at;
  if (at.dentry !== mount.root) return -EINVAL;
  mount.readonly = (how & MS_RDONLY) !== 0;
  mount.flags = ((mount.flags ?? 0) & ~PER_MOUNT) | (how & PER_MOUNT);
  return 0;
};

const bind = (task: Task, source: string | null, at: Path, how: number): Result => {
  if (source === null) return -EINVAL;
  const from = walk(task, AT_FDCWD, source, FOLLOW);
  if (!isPath(from)) return from;
  if (isDirectory(from.dentry.inode) !== isDirectory(at.dentry.inode)) return -ENOTDIR;
  return bindMount(task.kernel, from, at, (how & MS_REC) !== 0, 0);
};

export const mount = syscall(
  'mount',
  [
    pathOrNull('source'),
    path('target'),
    pathOrNull('filesystemtype'),
    flags64('mountflags', MOUNT_FLAGS),
    addr('data'),
  ],
  {
    returns: 'int',
    family: 'file',
    support: 'partial',
    note: 'bind, move, remount, tmpfs, proc and the like; no block devices, propagation is always private',
  },
  (task, source, target, type, given, data) => {
    const { kernel } = task;
    let how = (given % 4294967296) | 0;
    if ((how & MS_MGC_MSK) === (MS_MGC_VAL | 0)) how &= ~MS_MGC_MSK;
    const at = walk(task, AT_FDCWD, target, FOLLOW);
    if (!isPath(at)) return at;
    if (!capable(task.cred, CAP.sysAdmin)) return -EPERM;
    if (how & MS_REMOUNT) return remount(at, how);
    if (how & MS_BIND) return bind(task, source, at, how);
    if (how & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE))
      return at.dentry === at.mount.root ? 0 : -EINVAL;
    if (how & MS_MOVE) {
      const from = source === null ? -EINVAL : walk(task, AT_FDCWD, source, FOLLOW);
      if (!isPath(from)) return from;
      return from.dentry === from.mount.root ? moveMount(kernel, from.mount, at) : -EINVAL;
    }
    if (type === null) return -EINVAL;
    const maker = vfsOf(kernel).types.get(type);
    if (maker === undefined) return -ENODEV;
    if (!isDirectory(at.dentry.inode)) return -ENOTDIR;
    const options = data === 0 ? '' : task.mm.readString(data, 4096);
    if (typeof options === 'number') return -EFAULT;
    if (kernel.mounts.list.length >= MAX_MOUNTS) return -ENOSPC;
    const fs = maker(kernel, source ?? type, options);
    if (typeof fs === 'number') return fs;
    mountFs(kernel, fs, at, { source: source ?? type, flags: how });
    return 0;
  },
);

export const umount2 = syscall(
  'umount2',
  [path('target'), flags('flags', UMOUNT_FLAGS)],
  { returns: 'int', family: 'file' },
  (task, target, how) => {
    if (how & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW)) return -EINVAL;
    const at = walk(task, AT_FDCWD, target, how & UMOUNT_NOFOLLOW ? 0 : FOLLOW);
    if (!isPath(at)) return at;
    if (!capable(task.cred, CAP.sysAdmin)) return -EPERM;
    if (at.dentry !== at.mount.root) return -EINVAL;
    if (at.mount.at === null) return -EBUSY;
    return unmount(task.kernel, at.mount, (how & MNT_DETACH) !== 0);
  },
);

export const pivotRoot = syscall(
  'pivot_root',
  [path('new_root'), path('put_old')],
  { returns: 'int', family: 'file' },
  (task, newRoot, putOld) => {
    if (!capable(task.cred, CAP.sysAdmin)) return -EPERM;
    const { kernel } = task;
    const to = walk(task, AT_FDCWD, newRoot, FOLLOW | MUST_BE_DIR);
    if (!isPath(to)) return to;
    const old = walk(task, AT_FDCWD, putOld, FOLLOW | MUST_BE_DIR);
    if (!isPath(old)) return old;
    const root = task.fs.root;
    if (to.dentry !== to.mount.root || root.dentry !== root.mount.root) return -EINVAL;
    if (to.mount === root.mount || old.mount === root.mount) return -EBUSY;
    if (old.mount !== to.mount || !isUnder(old.dentry, to.dentry)) return -EINVAL;
    const was = root.mount;
    const place = was.at;
    const newAt = to.mount.at;
    if (newAt === null) return -EINVAL;
    for (const m of [was, to.mount]) {
      const list = m.at?.dentry.mounted;
      if (list) list.splice(list.indexOf(m), 1);
    }
    // The new root takes the old one's place, and the old one hangs below it.
    to.mount.at = place;
    if (place !== null) {
      place.dentry.mounted ??= [];
      place.dentry.mounted.push(to.mount);
    }
    was.at = { mount: to.mount, dentry: old.dentry };
    old.dentry.mounted ??= [];
    old.dentry.mounted.push(was);
    // Whoever stood at the old root stands at the new one now.
    for (const t of kernel.tasks.values()) {
      if (t.fs.root.mount === was && t.fs.root.dentry === was.root) t.fs.root = to;
      if (t.fs.cwd.mount === was && t.fs.cwd.dentry === was.root) t.fs.cwd = to;
    }
    wake(kernel.mounts.changed);
    return 0;
  },
);

export const rows = [mount, umount2, pivotRoot];
