// Leases (fcntl(2), F_SETLEASE): who has one is told by SIGIO before somebody else opens or truncates the file, who
// waits meanwhile. The rules are those of fs/locks.c of the kernel.

import { EACCES, EAGAIN, EINVAL, ENOLCK } from '../../abi/errno.ts';
import { F_OWNER_TYPES, F_RDLCK, F_UNLCK, F_WRLCK, O_ACCMODE, O_ASYNC, O_RDONLY } from '../../abi/fcntl.ts';
import { POLL as BAND } from '../../abi/signal.ts';
import { S_IFMT, S_IFREG } from '../../abi/stat.ts';
import { COST, charge, uncharge } from '../heap.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task/types.ts';
import { type Block, block, type WaitQueue, waitQueue, wake } from '../wait.ts';
import { ownByDefault, tellOwner } from './async.ts';
import { canRead, canWrite } from './file.ts';
import { CAP, capable } from './perm.ts';
import type { Inode, OpenFile } from './types.ts';

/** /proc/sys/fs/lease-break-time, s: how long a holder may take to give way. */

export interface Lease {
  readonly file: OpenFile;
  /** The descriptor that it was asked for with, for si_fd. */
  readonly fd: number;
  readonly pid: number;
  /** F_RDLCK or F_WRLCK. */
  type: number;
  /** When it is taken away, or made one for reading: monotonic ns; null while nobody wants that. */
  unlockAt: number | null;
  downgradeAt: number | null;
  /** Forgets it when the description ends. */
  readonly end: () => void;
}

export interface InodeLeases {
  held: Lease[];
  readonly changed: WaitQueue;
  /** Those of the waiting who will write: they count as writers of the file already. */
  readonly writers: WaitQueue;
}

const leasesOf = (inode: Inode): InodeLeases => {
  inode.leases ??= { held: [], changed: waitQueue(), writers: waitQueue() };
  return inode.leases;
};

const drop = (kernel: Kernel, leases: InodeLeases, lease: Lease): void => {
  const { file } = lease;
  leases.held = leases.held.filter((l) => l !== lease);
  uncharge(kernel.heap, COST.lock);
  file.ends?.delete(lease.end);
  file.flags &= ~O_ASYNC;
  file.owner = null;
  file.signal = 0;
  wake(leases.changed);
};

const downgrade = (leases: InodeLeases, lease: Lease): void => {
  lease.type = F_RDLCK;
  lease.downgradeAt = null;
  wake(leases.changed);
};

/** Takes from holders what they did not give in time. */
const expire = (kernel: Kernel, leases: InodeLeases): void => {
  const now = kernel.clock.monotonic();
  for (const l of leases.held) {
    if (l.downgradeAt !== null && now >= l.downgradeAt) downgrade(leases, l);
    if (l.unlockAt !== null && now >= l.unlockAt) drop(kernel, leases, l);
  }
};

/** What a lease will be once its holder has given way. */
export const target = (l: Lease): number =>
  l.unlockAt !== null ? F_UNLCK : l.downgradeAt !== null ? F_RDLCK : l.type;

/** F_GETLEASE. */
export const getLease = (task: Task, file: OpenFile): number => {
  const { leases } = file.inode;
  if (!leases) return F_UNLCK;
  expire(task.kernel, leases);
  const own = leases.held.find((l) => l.file === file);
  return own === undefined ? F_UNLCK : target(own);
};

/** Whether others have the file open in a way that the lease would have to hear of. */
const openElsewhere = (leases: InodeLeases, file: OpenFile, type: number): boolean => {
  const { inode } = file;
  const writers = (inode.writers ?? 0) + leases.writers.waiters.size;
  if (type === F_RDLCK) return writers > 0;
  const writes = canWrite(file);
  const reads = canRead(file) && !writes;
  return writers !== Number(writes) || (inode.readers ?? 0) !== Number(reads);
};

/** F_SETLEASE: F_RDLCK, F_WRLCK, or F_UNLCK to give it back. */
export const setLease = (task: Task, file: OpenFile, fd: number, type: number): number => {
  if (type !== F_RDLCK && type !== F_WRLCK && type !== F_UNLCK) return -EINVAL;
  const { kernel, cred } = task;
  const attr = file.inode.attr();
  if (typeof attr === 'number') return attr;
  if (attr.uid !== cred.fsuid && !capable(cred, CAP.lease)) return -EACCES;
  if ((attr.mode & S_IFMT) !== S_IFREG) return -EINVAL;
  const leases = leasesOf(file.inode);
  expire(kernel, leases);
  const own = leases.held.find((l) => l.file === file);
  if (type === F_UNLCK) {
    if (own === undefined) return -EAGAIN;
    drop(kernel, leases, own);
    return 0;
  }
  if (openElsewhere(leases, file, type)) return -EAGAIN;
  const others = leases.held.filter((l) => l !== own);
  if (others.length > 0 && (type === F_WRLCK || others.some((l) => l.unlockAt !== null))) return -EAGAIN;
  if (own !== undefined) {
    if (type === F_RDLCK) downgrade(leases, own);
    else own.type = type;
    return 0;
  }
  if (!charge(kernel.heap, COST.lock)) return -ENOLCK;
  const end = (): void => drop(kernel, leases, lease);
  const { pid } = task.process;
  const lease: Lease = { file, fd, pid, type, unlockAt: null, downgradeAt: null, end };
  leases.held.push(lease);
  file.ends ??= new Set();
  file.ends.add(end);
  file.flags |= O_ASYNC;
  ownByDefault(task, file, F_OWNER_TYPES.F_OWNER_PID, pid);
  return 0;
};

/**
 * Makes way for an open with these flags: 0 when no lease is against it, -EAGAIN when it cannot wait, else what to wait
 * for. Holders are told once.
 */
export const breakLeases = (task: Task, inode: Inode, flags: number, nonblock: boolean): number | Block => {
  const { leases } = inode;
  if (!leases || leases.held.length === 0) return 0;
  const { kernel } = task;
  expire(kernel, leases);
  const writes = (flags & O_ACCMODE) !== O_RDONLY;
  const against = leases.held.filter((l) => writes || l.type === F_WRLCK);
  if (against.length === 0) return 0;
  const until = kernel.clock.monotonic() + kernel.settings['fs/lease-break-time'] * 1e9;
  for (const l of against) {
    if (l.unlockAt !== null || (!writes && l.downgradeAt !== null)) continue;
    if (writes) l.unlockAt = until;
    else l.downgradeAt = until;
    tellOwner(kernel, l.file, l.fd, BAND.POLL_MSG);
  }
  if (nonblock) return -EAGAIN;
  const ends = against.flatMap((l) => [l.unlockAt, l.downgradeAt]).filter((t) => t !== null);
  const on = writes ? [leases.changed, leases.writers] : [leases.changed];
  return block(on, 'restart', Math.min(...ends));
};
