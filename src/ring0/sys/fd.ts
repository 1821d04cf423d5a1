// Descriptors: close, dup, fcntl, ioctl, and the anonymous memory file.

import { EBADF, EBUSY, EFAULT, EINVAL, ENODEV, ENOTTY, EOPNOTSUPP, EPERM } from '../../abi/errno.ts';
import {
  CLOSE_RANGE_CLOEXEC,
  CLOSE_RANGE_FLAGS,
  CLOSE_RANGE_UNSHARE,
  F_ADD_SEALS,
  F_CREATED_QUERY,
  F_DUPFD,
  F_DUPFD_CLOEXEC,
  F_DUPFD_QUERY,
  F_GET_RW_HINT,
  F_GET_SEALS,
  F_GETFD,
  F_GETFL,
  F_GETLEASE,
  F_GETLK,
  F_GETOWN,
  F_GETOWN_EX,
  F_GETOWNER_UIDS,
  F_GETPIPE_SZ,
  F_GETSIG,
  F_NOTIFY,
  F_OFD_GETLK,
  F_OFD_SETLK,
  F_OFD_SETLKW,
  F_OWNER_EX,
  F_OWNER_TYPES,
  F_SEAL_EXEC,
  F_SEAL_SEAL,
  F_SEAL_WRITE,
  F_SET_RW_HINT,
  F_SETFD,
  F_SETFL,
  F_SETLEASE,
  F_SETLK,
  F_SETLKW,
  F_SETOWN,
  F_SETOWN_EX,
  F_SETPIPE_SZ,
  F_SETSIG,
  FCNTL_COMMANDS,
  FD_CLOEXEC,
  MFD_ALLOW_SEALING,
  MFD_CLOEXEC,
  MFD_EXEC,
  MFD_FLAGS,
  MFD_HUGE_SHIFT,
  MFD_HUGETLB,
  MFD_NOEXEC_SEAL,
  O_APPEND,
  O_ASYNC,
  O_CLOEXEC,
  O_DIRECT,
  O_LARGEFILE,
  O_NOATIME,
  O_NONBLOCK,
  O_PATH,
  O_RDWR,
  RWH_WRITE_LIFE_EXTREME,
} from '../../abi/fcntl.ts';
import {
  FIBMAP,
  FICLONE,
  FICLONERANGE,
  FIDEDUPERANGE,
  FIGETBSZ,
  FIOASYNC,
  FIOCLEX,
  FIONBIO,
  FIONCLEX,
  FIONREAD,
  FIOQSIZE,
  FS_IOC_FIEMAP,
} from '../../abi/ioctl.ts';
import { PROT_WRITE } from '../../abi/mman.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../abi/stat.ts';
import { choice, commandArg, fd, flags, string, uint } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { HUGE_PAGE, HugeFile, HugeFs } from '../fs/hugetlb.ts';
import { pipeOf, setCapacity } from '../fs/pipe.ts';
import { MemFile, MemFs, newAttr } from '../fs/tmpfs.ts';
import type { Kernel } from '../kernel.ts';
import { PAGE } from '../mm/layout.ts';
import { capable } from '../task/creds.ts';
import type { Descriptor, Task } from '../task/types.ts';
import { ownerNumber, setAsync, setOwner, setOwnerNumber, watchDirectory } from '../vfs/async.ts';
import { cloneFile, cloneRange, dedupeRange } from '../vfs/clone-range.ts';
import { newDentry } from '../vfs/dentry.ts';
import {
  closeFd,
  closeRange as closeFds,
  fileAt,
  installAt,
  installFile,
  installOrRelease,
  maxDescriptors,
  unshareTable,
} from '../vfs/fdtable.ts';
import { canWrite, holdFile, newFile, releaseFile, takesDirect } from '../vfs/file.ts';
import { getLease, setLease } from '../vfs/leases.ts';
import { newMount } from '../vfs/mount.ts';
import { owns } from '../vfs/perm.ts';
import { vfsOf } from '../vfs/state.ts';
import type { Inode, Mount, OpenFile } from '../vfs/types.ts';
import type { Result } from '../wait.ts';
import { getLock, requestLock } from './lock.ts';

export const close = syscall('close', [fd('fd')], { returns: 'int', family: 'desc' }, closeFd);

export const closeRange = syscall(
  'close_range',
  [uint('first'), uint('last'), flags('flags', CLOSE_RANGE_FLAGS)],
  { returns: 'int', family: 'desc' },
  (task, first, last, how) => {
    if (how & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || first > last) return -EINVAL;
    const own = how & CLOSE_RANGE_UNSHARE ? unshareTable(task) : 0;
    if (own < 0) return own;
    return closeFds(task, first, last, (how & CLOSE_RANGE_CLOEXEC) !== 0);
  },
);

/** Another number for the same description, the lowest from `min`. */
const duplicate = (task: Task, file: OpenFile, cloexec: boolean, min: number): number => {
  const n = installFile(task, holdFile(file), cloexec, min);
  if (n < 0) releaseFile(file);
  return n;
};

export const dup = syscall('dup', [fd('oldfd')], { returns: 'fd', family: 'desc' }, (task, n) => {
  const file = fileAt(task, n, true);
  return file === undefined ? -EBADF : duplicate(task, file, false, 0);
});

const dupTo = (task: Task, from: number, to: number, cloexec: boolean): number => {
  const file = fileAt(task, from, true);
  if (file === undefined || to < 0 || to >= maxDescriptors(task)) return -EBADF;
  const n = installAt(task, to, holdFile(file), cloexec);
  if (n < 0) releaseFile(file);
  return n;
};

export const dup2 = syscall(
  'dup2',
  [fd('oldfd'), fd('newfd')],
  { returns: 'fd', family: 'desc' },
  (task, from, to) => {
    if (from === to) return fileAt(task, from, true) === undefined ? -EBADF : to;
    return dupTo(task, from, to, false);
  },
);

export const dup3 = syscall(
  'dup3',
  [fd('oldfd'), fd('newfd'), flags('flags', { unknown: 'O_???', bits: { O_CLOEXEC } })],
  { returns: 'fd', family: 'desc' },
  (task, from, to, how) => {
    if (how & ~O_CLOEXEC || from === to) return -EINVAL;
    return dupTo(task, from, to, (how & O_CLOEXEC) !== 0);
  },
);

const SETTABLE = O_APPEND | O_DIRECT | O_NOATIME | O_NONBLOCK;

const setFlags = (task: Task, file: OpenFile, n: number, to: number): number => {
  if (to & O_NOATIME && !(file.flags & O_NOATIME)) {
    const a = file.inode.attr();
    if (typeof a !== 'number' && !owns(task.cred, a)) return -EPERM;
  }
  // For pipes it means packets.
  if (to & O_DIRECT && pipeOf(file) === undefined && !takesDirect(file.inode)) return -EINVAL;
  // Files that have no such events take no notice of the flag.
  setAsync(task, file, n, (to & O_ASYNC) !== 0);
  file.flags = (file.flags & ~SETTABLE) | (to & SETTABLE);
  return 0;
};

/** Whether somebody may still store through a shared mapping of the file (F_SEAL_WRITE's EBUSY). */
const writableMapping = (task: Task, file: OpenFile): boolean => {
  for (const t of task.kernel.tasks.values()) {
    if (t.state === 'dead') continue;
    for (const m of t.mm.mappings)
      if (m.shared && m.pages !== null && m.pages === file.inode.pages && m.prot & PROT_WRITE) return true;
  }
  return false;
};

/** Files of a tmpfs can have seals, but none may be added to those with a name (memfd_create(2)). */
const sealsOf = (inode: Inode): number | undefined =>
  inode.seals ?? (inode instanceof MemFile && inode.fs.type === 'tmpfs' ? F_SEAL_SEAL : undefined);

const addSeals = (task: Task, file: OpenFile, add: number): number => {
  const { inode } = file;
  if (!canWrite(file)) return -EPERM;
  const seals = sealsOf(inode);
  if (seals === undefined || add & ~0x3f) return -EINVAL;
  if (seals & F_SEAL_SEAL || inode.seals === undefined) return -EPERM;
  if (add & F_SEAL_WRITE && !(inode.seals & F_SEAL_WRITE) && writableMapping(task, file)) return -EBUSY;
  inode.seals |= add;
  return 0;
};

type Command = (task: Task, d: Descriptor, arg: number) => Result;

type AsyncCommand = (task: Task, d: Descriptor, arg: number, fd: number) => Result;

/** About signals, which tell the number of the descriptor. */
const ASYNC: Readonly<Record<number, AsyncCommand>> = {
  [F_SETFL]: (task, d, arg, n) => setFlags(task, d.file, n, arg | 0),
  [F_SETLEASE]: (task, d, arg, n) => setLease(task, d.file, n, arg | 0),
  [F_NOTIFY]: (task, d, arg, n) => watchDirectory(task, d.file, n, arg | 0),
};

const dupFd =
  (cloexec: boolean): Command =>
  (task, d, arg) => {
    const min = arg | 0;
    return min < 0 || min >= maxDescriptors(task) ? -EINVAL : duplicate(task, d.file, cloexec, min);
  };

/** Commands that O_PATH descriptors answer, too. */
const ANY: Readonly<Record<number, Command>> = {
  [F_DUPFD]: dupFd(false),
  [F_DUPFD_CLOEXEC]: dupFd(true),
  [F_DUPFD_QUERY]: (task, d, arg) => (fileAt(task, arg | 0, true) === d.file ? 1 : 0),
  [F_GETFD]: (_task, d) => (d.cloexec ? FD_CLOEXEC : 0),
  [F_SETFD]: (_task, d, arg) => {
    d.cloexec = (arg & FD_CLOEXEC) !== 0;
    return 0;
  },
  [F_GETFL]: (_task, d) => d.file.flags & ~O_CLOEXEC,
};

const COMMANDS: Readonly<Record<number, Command>> = {
  [F_GETLK]: (task, d, arg) => getLock(task, d.file, arg, false),
  [F_SETLK]: (task, d, arg) => requestLock(task, d.file, arg, false, false),
  [F_SETLKW]: (task, d, arg) => requestLock(task, d.file, arg, false, true),
  [F_OFD_GETLK]: (task, d, arg) => getLock(task, d.file, arg, true),
  [F_OFD_SETLK]: (task, d, arg) => requestLock(task, d.file, arg, true, false),
  [F_OFD_SETLKW]: (task, d, arg) => requestLock(task, d.file, arg, true, true),
  [F_SETOWN]: (task, d, arg) => setOwnerNumber(task, d.file, arg | 0),
  [F_GETOWN]: (task, d) => ownerNumber(task.kernel, d.file),
  [F_SETOWN_EX]: (task, d, arg) => {
    const o = F_OWNER_EX.read(task.mm, arg);
    if (o === null) return -EFAULT;
    if (o.type < 0 || o.type > 2) return -EINVAL;
    return setOwner(task, d.file, o.type, o.pid);
  },
  [F_GETOWN_EX]: (task, d, arg) => {
    const type = d.file.owner?.type ?? F_OWNER_TYPES.F_OWNER_TID;
    const pid = Math.abs(ownerNumber(task.kernel, d.file));
    return F_OWNER_EX.write(task.mm, arg, { type, pid }) ? 0 : -EFAULT;
  },
  [F_GETOWNER_UIDS]: (task, d, arg) => {
    const { uid, euid } = d.file.owner ?? { uid: 0, euid: 0 };
    return task.mm.writeU32(arg, uid) && task.mm.writeU32(arg + 4, euid) ? 0 : -EFAULT;
  },
  [F_SETSIG]: (_task, d, arg) => {
    if (arg < 0 || arg > 64) return -EINVAL;
    d.file.signal = arg;
    return 0;
  },
  [F_GETSIG]: (_task, d) => d.file.signal ?? 0,
  [F_GETLEASE]: (task, d) => getLease(task, d.file),
  [F_SETPIPE_SZ]: (task, d, arg) => {
    const p = pipeOf(d.file);
    return p === undefined ? -EBADF : setCapacity(task, p, arg >>> 0);
  },
  [F_GETPIPE_SZ]: (_task, d) => {
    const p = pipeOf(d.file);
    return p === undefined ? -EBADF : p.slots * PAGE;
  },
  [F_ADD_SEALS]: (task, d, arg) => addSeals(task, d.file, arg),
  [F_GET_SEALS]: (_task, d) => sealsOf(d.file.inode) ?? -EINVAL,
  [F_GET_RW_HINT]: (task, d, arg) => (task.mm.writeI64(arg, d.file.inode.writeHint ?? 0) ? 0 : -EFAULT),
  [F_SET_RW_HINT]: (task, d, arg) => {
    const { inode } = d.file;
    const attr = inode.attr();
    if (typeof attr === 'number') return attr;
    if (!owns(task.cred, attr)) return -EPERM;
    const hint = task.mm.readU64(arg);
    if (hint === null) return -EFAULT;
    if (hint > RWH_WRITE_LIFE_EXTREME) return -EINVAL;
    inode.writeHint = Number(hint);
    return 0;
  },
  [F_CREATED_QUERY]: () => 0,
};

export const fcntl = syscall(
  'fcntl',
  [fd('fd'), choice('cmd', FCNTL_COMMANDS, 'F_???'), commandArg('arg')],
  {
    returns: 'int',
    family: 'desc',
  },
  (task, n, command, arg) => {
    const d = task.files.slots[n];
    if (d === undefined) return -EBADF;
    const any = ANY[command];
    if (any !== undefined) return any(task, d, arg);
    if (d.file.flags & O_PATH) return -EBADF;
    return ASYNC[command]?.(task, d, arg, n) ?? COMMANDS[command]?.(task, d, arg) ?? -EINVAL;
  },
);

const readInt = (task: Task, arg: number): number | null => task.mm.readI32(arg);

/** Requests that every file answers (do_vfs_ioctl of the kernel). */
const GENERIC: Readonly<
  Record<number, (task: Task, d: Descriptor, arg: number, fd: number) => Result | null>
> = {
  [FIOCLEX]: (_task, d) => {
    d.cloexec = true;
    return 0;
  },
  [FIONCLEX]: (_task, d) => {
    d.cloexec = false;
    return 0;
  },
  [FIONBIO]: (task, d, arg) => {
    const on = readInt(task, arg);
    if (on === null) return -EFAULT;
    d.file.flags = on !== 0 ? d.file.flags | O_NONBLOCK : d.file.flags & ~O_NONBLOCK;
    return 0;
  },
  [FIOASYNC]: (task, d, arg, n) => {
    const on = readInt(task, arg);
    if (on === null) return -EFAULT;
    const changes = ((d.file.flags & O_ASYNC) !== 0) !== (on !== 0);
    return !changes || setAsync(task, d.file, n, on !== 0) ? 0 : -ENOTTY;
  },
  [FIOQSIZE]: (task, d, arg) => {
    const a = d.file.inode.attr();
    if (typeof a === 'number') return a;
    if (![S_IFREG, S_IFDIR, S_IFLNK].includes(a.mode & S_IFMT)) return -ENOTTY;
    return task.mm.writeI64(arg, a.blocks * 512) ? 0 : -EFAULT;
  },
  [FIONREAD]: (task, d, arg) => {
    const a = d.file.inode.attr();
    if (typeof a === 'number' || (a.mode & S_IFMT) !== S_IFREG) return null;
    return task.mm.writeU32(arg, a.size - d.file.pos) ? 0 : -EFAULT;
  },
  [FIGETBSZ]: (task, d, arg) => {
    const a = d.file.inode.attr();
    if (typeof a === 'number') return null;
    return task.mm.writeU32(arg, a.blksize) ? 0 : -EFAULT;
  },
  // No file system here says where on a disk its blocks lie.
  [FIBMAP]: (task, d) => {
    const a = d.file.inode.attr();
    if (typeof a === 'number' || (a.mode & S_IFMT) !== S_IFREG) return null;
    return capable(task, 'CAP_SYS_RAWIO') ? -EINVAL : -EPERM;
  },
  [FS_IOC_FIEMAP]: () => -EOPNOTSUPP,
  [FICLONE]: (task, d, arg) => cloneFile(task, d.file, arg),
  [FICLONERANGE]: (task, d, arg) => cloneRange(task, d.file, arg),
  [FIDEDUPERANGE]: (task, d, arg) => dedupeRange(task, d.file, arg),
};

export const ioctl = syscall(
  'ioctl',
  [fd('fd'), uint('request'), commandArg('arg')],
  { returns: 'int', family: 'desc' },
  (task, n, request, arg) => {
    const d = task.files.slots[n];
    if (d === undefined || d.file.flags & O_PATH) return -EBADF;
    const generic = GENERIC[request]?.(task, d, arg, n) ?? null;
    return generic ?? d.file.ops.ioctl?.(task, d.file, request, arg) ?? -ENOTTY;
  },
);

/** The mount of anonymous memory files, which is nowhere in the tree. */
const memoryFiles = (kernel: Kernel): Mount => {
  const vfs = vfsOf(kernel);
  vfs.memfd ??= newMount(kernel, new MemFs(kernel, { maxPages: 0, maxNames: 0 }));
  return vfs.memfd;
};

/** The same of those of huge pages. */
const hugeFiles = (kernel: Kernel): Mount => {
  const vfs = vfsOf(kernel);
  vfs.hugetlb ??= newMount(kernel, new HugeFs(kernel));
  return vfs.hugetlb;
};

const MFD_KNOWN = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_NOEXEC_SEAL | MFD_EXEC;

const badMemfd = (how: number): number => {
  const sizes = how & MFD_HUGETLB ? (0x3f << MFD_HUGE_SHIFT) >>> 0 : 0;
  return how & ~(MFD_KNOWN | sizes) || (how & MFD_EXEC && how & MFD_NOEXEC_SEAL) ? -EINVAL : 0;
};

export const memfdCreate = syscall(
  'memfd_create',
  [string('name'), flags('flags', MFD_FLAGS)],
  {
    returns: 'fd',
    family: 'desc',
    before: (_name, how) => badMemfd(how),
  },
  (task, name, how) => {
    if (badMemfd(how) !== 0) return -EINVAL;
    // "memfd:" and the name fit in a file name.
    if (name.length > 249) return -EINVAL;
    const huge = (how & MFD_HUGETLB) !== 0;
    const order = how >>> MFD_HUGE_SHIFT;
    if (huge && order !== 0 && 2 ** order !== HUGE_PAGE) return -ENODEV;
    const mount = huge ? hugeFiles(task.kernel) : memoryFiles(task.kernel);
    const { fs } = mount;
    if (!(fs instanceof MemFs)) return -EINVAL;
    const mode = S_IFREG | (how & MFD_NOEXEC_SEAL ? 0o666 : 0o777);
    const attr = newAttr(fs, mode, task.cred.fsuid, task.cred.fsgid);
    const inode = fs instanceof HugeFs ? new HugeFile(fs, attr) : new MemFile(fs, attr);
    inode.addLink(-1);
    inode.seals = how & MFD_NOEXEC_SEAL ? F_SEAL_EXEC : how & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL;
    const ops = inode.open();
    if (typeof ops === 'number') return ops;
    const dentry = newDentry(`memfd:${name}`, mount.root, inode);
    dentry.unlinked = true;
    const file = newFile(inode, { mount, dentry }, ops, O_RDWR | O_LARGEFILE);
    return installOrRelease(task, file, (how & MFD_CLOEXEC) !== 0);
  },
);

export const rows = [close, closeRange, dup, dup2, dup3, fcntl, ioctl, memfdCreate];
