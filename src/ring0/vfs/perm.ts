// Permission checks on inodes: mode bits, access lists, ownership and the capabilities that override them
// (path_resolution(7), capabilities(7)).

import { EACCES, EPERM, EROFS } from '../../abi/errno.ts';
import { S_IFDIR, S_IFMT, S_IFREG, S_ISVTX } from '../../abi/stat.ts';
import type { Credentials, Task } from '../task/types.ts';
import { aclPermission } from './acl.ts';
import type { Inode, InodeAttr, Mount } from './types.ts';

export const CAP = {
  chown: 0,
  dacOverride: 1,
  dacReadSearch: 2,
  fowner: 3,
  fsetid: 4,
  sysChroot: 18,
  sysPtrace: 19,
  sysAdmin: 21,
  sysNice: 23,
  sysResource: 24,
  mknod: 27,
  lease: 28,
  setfcap: 31,
} as const;

export const MAY = { exec: 1, write: 2, read: 4 } as const;

export const capable = (cred: Credentials, cap: number): boolean =>
  Math.floor(cred.capEffective / 2 ** cap) % 2 === 1;

export const inGroup = (cred: Credentials, gid: number): boolean =>
  cred.fsgid === gid || cred.groups.includes(gid);

/** May `cred` do all of `want` (MAY bits) with a file of these attributes? 0 or -EACCES. */
export const permission = (cred: Credentials, attr: InodeAttr, want: number): number => {
  const mode = attr.mode;
  // Without group bits the mask allows nothing, and the list is not asked (acl_permission_check of the kernel).
  if (attr.acl && cred.fsuid !== attr.uid && mode & 0o070) {
    if (aclPermission(cred, attr.acl, attr.gid, want, inGroup) === 0) return 0;
  } else {
    const bits = cred.fsuid === attr.uid ? mode >> 6 : inGroup(cred, attr.gid) ? mode >> 3 : mode;
    if ((bits & want) === want) return 0;
  }
  const isDir = (mode & S_IFMT) === S_IFDIR;
  if (capable(cred, CAP.dacOverride) && (isDir || !(want & MAY.exec) || (mode & 0o111) !== 0)) return 0;
  const readOnly = isDir ? (want & MAY.write) === 0 : want === MAY.read;
  if (readOnly && capable(cred, CAP.dacReadSearch)) return 0;
  return -EACCES;
};

export const inodePermission = (task: Task, inode: Inode, want: number): number => {
  const attr = inode.attr();
  return typeof attr === 'number' ? attr : permission(task.cred, attr, want);
};

/** The real ids, for access(2). Capabilities follow the real uid as Linux has it. */
export const realCredentials = (cred: Credentials): Credentials => ({
  ...cred,
  fsuid: cred.uid,
  fsgid: cred.gid,
  capEffective: cred.uid === 0 ? cred.capPermitted : 0,
});

/** Writable at all, before permission bits: EROFS for files and directories of read-only mounts. */
export const writableMount = (mount: Mount): number => (mount.readonly || mount.fs.readonly ? -EROFS : 0);

export const owns = (cred: Credentials, attr: InodeAttr): boolean =>
  cred.fsuid === attr.uid || capable(cred, CAP.fowner);

/** May an entry be made in a directory? */
export const mayCreate = (task: Task, mount: Mount, dir: Inode): number =>
  writableMount(mount) || inodePermission(task, dir, MAY.write | MAY.exec);

/** May `victim` be removed from a directory or replaced there? Sticky directories protect others' files. */
export const mayDelete = (task: Task, mount: Mount, dir: Inode, victim: Inode): number => {
  const refused = mayCreate(task, mount, dir);
  if (refused !== 0) return refused;
  const d = dir.attr();
  if (typeof d === 'number') return d;
  if ((d.mode & S_ISVTX) === 0 || d.uid === task.cred.fsuid) return 0;
  const v = victim.attr();
  if (typeof v === 'number') return v;
  return owns(task.cred, v) ? 0 : -EPERM;
};

/** protected_hardlinks: others' files may only be linked by who could write them anyway. */
export const mayLink = (task: Task, attr: InodeAttr): number => {
  if (owns(task.cred, attr)) return 0;
  const special =
    (attr.mode & S_IFMT) !== S_IFREG || (attr.mode & 0o4000) !== 0 || (attr.mode & 0o2010) === 0o2010;
  return !special && permission(task.cred, attr, MAY.read | MAY.write) === 0 ? 0 : -EPERM;
};
