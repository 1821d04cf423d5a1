// Extended attributes (xattr(7)): user.* by permission bits, trusted.* for CAP_SYS_ADMIN, security.* kept as
// given, security.capability for CAP_SETFCAP. Of system.* there are POSIX ACLs (vfs/acl.ts), which are no attributes but read
// and set as such.

import { ACL_ACCESS, ACL_DEFAULT } from '../../abi/acl.ts';
import { E2BIG, EACCES, EBADF, EFAULT, EINVAL, ENODATA, EOPNOTSUPP, EPERM, ERANGE } from '../../abi/errno.ts';
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  XATTR_CREATE,
  XATTR_FLAGS,
  XATTR_NAME_MAX,
  XATTR_REPLACE,
  XATTR_SIZE_MAX,
} from '../../abi/fcntl.ts';
import { IN } from '../../abi/inotify.ts';
import { S_IFDIR, S_IFMT, S_IFREG, S_ISVTX } from '../../abi/stat.ts';
import { bytesIn, bytesOut, fd, flags, path, size, string } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { asRevision2, FILE_CAPS, parseFileCaps } from '../exec/file-caps.ts';
import type { Task } from '../task/types.ts';
import { checkAcl, decodeAcl, encodeAcl, isMinimal, modeOfAcl } from '../vfs/acl.ts';
import { fileAt } from '../vfs/fdtable.ts';
import { notifyDentry } from '../vfs/notify.ts';
import { CAP, capable, inGroup, inodePermission, MAY, owns, writableMount } from '../vfs/perm.ts';
import type { Block, Result } from '../wait.ts';
import { type Target, targetAt } from './stat.ts';

type Found = Target | number | Block;
const isTarget = (r: Found): r is Target => typeof r === 'object' && !('blocked' in r);

const at = (task: Task, name: string, follow: boolean): Found =>
  targetAt(task, AT_FDCWD, name, follow ? 0 : AT_SYMLINK_NOFOLLOW);
const byFd = (task: Task, n: number): Found => {
  const file = fileAt(task, n);
  return file === undefined
    ? -EBADF
    : { inode: file.inode, mount: file.path?.mount ?? null, path: file.path };
};

/** xattr_permission of the kernel: 0 or -errno. */
const allowed = (task: Task, t: Target, name: string, write: boolean): number => {
  if (name === '' || name.length > XATTR_NAME_MAX) return -ERANGE;
  if (write && t.mount !== null) {
    const ro = writableMount(t.mount);
    if (ro !== 0) return ro;
  }
  if (name.startsWith('trusted.')) return capable(task.cred, CAP.sysAdmin) ? 0 : write ? -EPERM : -ENODATA;
  if (name === FILE_CAPS) return write && !capable(task.cred, CAP.setfcap) ? -EPERM : 0;
  if (name.startsWith('security.')) return write && !capable(task.cred, CAP.sysAdmin) ? -EPERM : 0;
  if (!name.startsWith('user.')) return -EOPNOTSUPP;
  const a = t.inode.attr();
  if (typeof a === 'number') return a;
  const kind = a.mode & S_IFMT;
  // user.* only makes sense where permission bits do.
  if (kind !== S_IFREG && kind !== S_IFDIR) return write ? -EPERM : -ENODATA;
  if (write && kind === S_IFDIR && a.mode & S_ISVTX && !owns(task.cred, a)) return -EPERM;
  const refused = inodePermission(task, t.inode, write ? MAY.write : MAY.read);
  // A name after the prefix is asked for when the file system is.
  return refused !== 0 ? refused : name === 'user.' ? -EINVAL : 0;
};

const changed = (t: Target, r: Result): Result => {
  if (r === 0 && t.path !== null) notifyDentry(t.path.dentry, IN.IN_ATTRIB);
  return r;
};

const isAcl = (name: string): boolean => name === ACL_ACCESS || name === ACL_DEFAULT;

/** Sets an access list, or takes it away (set_posix_acl of the kernel). */
const setAcl = (task: Task, { inode, mount }: Target, name: string, value: Uint8Array): Result => {
  const acl = decodeAcl(value);
  if (typeof acl === 'number') return acl;
  const a = inode.attr();
  if (typeof a === 'number') return a;
  const ro = mount === null ? 0 : writableMount(mount);
  if (ro !== 0) return ro;
  if (!inode.acls) return -EOPNOTSUPP;
  if (name === ACL_DEFAULT && (a.mode & S_IFMT) !== S_IFDIR) return acl === null ? 0 : -EACCES;
  if (!owns(task.cred, a)) return -EPERM;
  const wrong = acl === null ? 0 : checkAcl(acl);
  if (wrong !== 0) return wrong;
  if (name === ACL_DEFAULT) {
    inode.defaultAcl = acl;
    return inode.setattr?.({}) ?? -EPERM;
  }
  if (acl === null) return inode.setattr?.({ acl }) ?? -EPERM;
  const keepsGroup = inGroup(task.cred, a.gid) || capable(task.cred, CAP.fsetid);
  const mode = (a.mode & (keepsGroup ? 0o7000 : 0o5000)) | modeOfAcl(acl);
  return inode.setattr?.({ mode, acl: isMinimal(acl) ? null : acl }) ?? -EPERM;
};

const getAcl = ({ inode }: Target, name: string): Uint8Array | number => {
  if (!inode.acls) return -EOPNOTSUPP;
  const a = inode.attr();
  if (typeof a === 'number') return a;
  const acl = name === ACL_ACCESS ? a.acl : inode.defaultAcl;
  return acl ? encodeAcl(acl) : -ENODATA;
};

/** The names of the lists that an inode has, which come before its attributes. */
const aclNames = ({ inode }: Target): readonly string[] => {
  const a = inode.attr();
  if (!inode.acls || typeof a === 'number') return [];
  return [...(a.acl ? [ACL_ACCESS] : []), ...(inode.defaultAcl ? [ACL_DEFAULT] : [])];
};

const set = (task: Task, t: Found, name: string, value: number, n: number, how: number): Result => {
  if (!isTarget(t)) return t;
  if (how & ~(XATTR_CREATE | XATTR_REPLACE)) return -EINVAL;
  if (name === '' || name.length > XATTR_NAME_MAX) return -ERANGE;
  if (n > XATTR_SIZE_MAX) return -E2BIG;
  const bytes = task.mm.read(value, n);
  if (bytes === null) return -EFAULT;
  if (isAcl(name)) return changed(t, setAcl(task, t, name, bytes));
  const caps = name === FILE_CAPS;
  if (caps && n > 0 && parseFileCaps(bytes) === null) return -EINVAL;
  const refused = allowed(task, t, name, true);
  if (refused !== 0) return refused;
  const r = t.inode.setxattr?.(name, caps && n > 0 ? asRevision2(bytes) : bytes, how) ?? -EOPNOTSUPP;
  if (r === 0 && caps) t.inode.hasCaps = true;
  return changed(t, r);
};

const get = (task: Task, t: Found, name: string, buf: number, room: number): Result => {
  if (!isTarget(t)) return t;
  const refused = isAcl(name) ? 0 : allowed(task, t, name, false);
  if (refused !== 0) return refused;
  const value = isAcl(name) ? getAcl(t, name) : (t.inode.getxattr?.(name) ?? -EOPNOTSUPP);
  if (typeof value === 'number') return value;
  if (room === 0) return value.length;
  if (value.length > room) return -ERANGE;
  return task.mm.write(buf, value) ? value.length : -EFAULT;
};

const list = (task: Task, t: Found, buf: number, room: number): Result => {
  if (!isTarget(t)) return t;
  const names = t.inode.listxattr?.() ?? [];
  if (typeof names === 'number') return names;
  const seen = [...aclNames(t), ...names].filter(
    (n) => !n.startsWith('trusted.') || capable(task.cred, CAP.sysAdmin),
  );
  const text = seen.map((n) => `${n}\0`).join('');
  if (room === 0) return text.length;
  if (text.length > room) return -ERANGE;
  const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
  return task.mm.write(buf, bytes) ? bytes.length : -EFAULT;
};

const drop = (task: Task, t: Found, name: string): Result => {
  if (!isTarget(t)) return t;
  if (isAcl(name)) return changed(t, setAcl(task, t, name, new Uint8Array(0)));
  const refused = allowed(task, t, name, true);
  if (refused !== 0) return refused;
  return changed(t, t.inode.removexattr?.(name) ?? -EOPNOTSUPP);
};

const SUPPORT = { support: 'partial', note: 'files of a volume (-v) have none: EOPNOTSUPP' } as const;
const FILE = { returns: 'int', family: 'file', ...SUPPORT } as const;
const DESC = { returns: 'int', family: 'desc', ...SUPPORT } as const;
const SIZE_FILE = { returns: 'size', family: 'file', ...SUPPORT } as const;
const SIZE_DESC = { returns: 'size', family: 'desc', ...SUPPORT } as const;
const value = bytesIn('value', 'size');
const into = bytesOut('value', 'size');
const how = flags('flags', XATTR_FLAGS);

export const setxattr = syscall(
  'setxattr',
  [path('path'), string('name'), value, size('size'), how],
  FILE,
  (task, p, name, v, n, f) => set(task, at(task, p, true), name, v, n, f),
);
export const lsetxattr = syscall(
  'lsetxattr',
  [path('path'), string('name'), value, size('size'), how],
  FILE,
  (task, p, name, v, n, f) => set(task, at(task, p, false), name, v, n, f),
);
export const fsetxattr = syscall(
  'fsetxattr',
  [fd('fd'), string('name'), value, size('size'), how],
  DESC,
  (task, d, name, v, n, f) => set(task, byFd(task, d), name, v, n, f),
);
export const getxattr = syscall(
  'getxattr',
  [path('path'), string('name'), into, size('size')],
  SIZE_FILE,
  (task, p, name, v, n) => get(task, at(task, p, true), name, v, n),
);
export const lgetxattr = syscall(
  'lgetxattr',
  [path('path'), string('name'), into, size('size')],
  SIZE_FILE,
  (task, p, name, v, n) => get(task, at(task, p, false), name, v, n),
);
export const fgetxattr = syscall(
  'fgetxattr',
  [fd('fd'), string('name'), into, size('size')],
  SIZE_DESC,
  (task, d, name, v, n) => get(task, byFd(task, d), name, v, n),
);
const names = bytesOut('list', 'size');
export const listxattr = syscall(
  'listxattr',
  [path('path'), names, size('size')],
  SIZE_FILE,
  (task, p, v, n) => list(task, at(task, p, true), v, n),
);
export const llistxattr = syscall(
  'llistxattr',
  [path('path'), names, size('size')],
  SIZE_FILE,
  (task, p, v, n) => list(task, at(task, p, false), v, n),
);
export const flistxattr = syscall('flistxattr', [fd('fd'), names, size('size')], SIZE_DESC, (task, d, v, n) =>
  list(task, byFd(task, d), v, n),
);
export const removexattr = syscall('removexattr', [path('path'), string('name')], FILE, (task, p, name) =>
  drop(task, at(task, p, true), name),
);
export const lremovexattr = syscall('lremovexattr', [path('path'), string('name')], FILE, (task, p, name) =>
  drop(task, at(task, p, false), name),
);
export const fremovexattr = syscall('fremovexattr', [fd('fd'), string('name')], DESC, (task, d, name) =>
  drop(task, byFd(task, d), name),
);

export const rows = [
  setxattr,
  lsetxattr,
  fsetxattr,
  getxattr,
  lgetxattr,
  fgetxattr,
  listxattr,
  llistxattr,
  flistxattr,
  removexattr,
  lremovexattr,
  fremovexattr,
];
