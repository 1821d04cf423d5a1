// Calls about the memory of other processes: process_vm_readv(2), process_vm_writev(2), process_madvise(2),
// process_mrelease(2).

import { EACCES, EFAULT, EINVAL, EPERM, ESRCH } from '../../abi/errno.ts';
import { MADV } from '../../abi/mman.ts';
import { addr, choice, fd, iovec, pid, size, uint, ulong } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { mayLookInto } from '../fs/proc-access.ts';
import { dying } from '../task/signals.ts';
import type { Task } from '../task/types.ts';
import { CAP, capable } from '../vfs/perm.ts';
import { readIoVec } from '../vfs/transfer.ts';
import { pidfdProcess } from './process-pidfd.ts';

interface Span {
  readonly base: number;
  readonly length: number;
}

const IOV_MAX = 1024;

const readSpans = (task: Task, at: number, count: number): Span[] | number => {
  if (count > IOV_MAX) return -EINVAL;
  const spans: Span[] = [];
  for (let i = 0; i < count; i++) {
    const base = task.mm.readU64(at + 16 * i);
    const length = task.mm.readU64(at + 16 * i + 8);
    if (base === null || length === null) return -EFAULT;
    if (length >= 2 ** 63) return -EINVAL;
    spans.push({ base, length });
  }
  return spans;
};

/** Copies between lists of spans of two address spaces until one ends or is bad; bytes, or -EFAULT for none. */
const transfer = (task: Task, other: Task, local: Span[], remote: Span[], write: boolean): number => {
  const CHUNK = 65536;
  const buf = new Uint8Array(CHUNK);
  let total = 0;
  let l = 0;
  let r = 0;
  let lAt = 0;
  let rAt = 0;
  for (;;) {
    const mine = local[l];
    const theirs = remote[r];
    if (!mine || !theirs) return total;
    const n = Math.min(mine.length - lAt, theirs.length - rAt, CHUNK);
    if (n > 0) {
      const [from, fromAt, to, toAt] = write
        ? [task.mm, mine.base + lAt, other.mm, theirs.base + rAt]
        : [other.mm, theirs.base + rAt, task.mm, mine.base + lAt];
      const got = from.readInto(fromAt, buf, 0, n);
      const put = got > 0 ? to.writeSome(toAt, buf, 0, got) : 0;
      total += put;
      if (put < n) return total > 0 ? total : -EFAULT;
      lAt += n;
      rAt += n;
    }
    if (lAt >= mine.length) {
      l++;
      lAt = 0;
    }
    if (rAt >= theirs.length) {
      r++;
      rAt = 0;
    }
  }
};

/** PTRACE_MODE_ATTACH_REALCREDS, without Yama. */
const mayAccess = (task: Task, other: Task): boolean => {
  if (task.process === other.process) return true;
  if (capable(task.cred, CAP.sysPtrace)) return true;
  const { uid, gid } = task.cred;
  const c = other.cred;
  const same =
    uid === c.uid && uid === c.euid && uid === c.suid && gid === c.gid && gid === c.egid && gid === c.sgid;
  return same && other.process.attributes.get('dumpable') !== 0;
};

const processVm = (
  task: Task,
  target: number,
  local: number,
  locals: number,
  remote: number,
  remotes: number,
  how: number,
  write: boolean,
): number => {
  if (how !== 0) return -EINVAL;
  const mine = readSpans(task, local, locals);
  if (typeof mine === 'number') return mine;
  // With nothing to move, nothing else is looked at.
  if (mine.every((s) => s.length === 0)) return 0;
  const theirs = readSpans(task, remote, remotes);
  if (typeof theirs === 'number') return theirs;
  if (theirs.every((s) => s.length === 0)) return 0;
  const other = task.kernel.tasks.get(target);
  if (other === undefined || other.state === 'dead') return -ESRCH;
  if (!mayAccess(task, other)) return -EPERM;
  return transfer(task, other, mine, theirs, write);
};

const VM_PARAMS = [
  pid('pid'),
  addr('local_iov'),
  ulong('liovcnt'),
  addr('remote_iov'),
  ulong('riovcnt'),
  ulong('flags'),
] as const;

export const process_vm_readv = syscall(
  'process_vm_readv',
  VM_PARAMS,
  { returns: 'size', family: 'process' },
  (task, target, local, locals, remote, remotes, how) =>
    processVm(task, target, local, locals, remote, remotes, how, false),
);

export const process_vm_writev = syscall(
  'process_vm_writev',
  VM_PARAMS,
  { returns: 'size', family: 'process' },
  (task, target, local, locals, remote, remotes, how) =>
    processVm(task, target, local, locals, remote, remotes, how, true),
);

/** Advice that a process may give for another: it changes how fast things are, and nothing else. */
const HARMLESS: readonly number[] = [
  MADV.MADV_COLD,
  MADV.MADV_PAGEOUT,
  MADV.MADV_WILLNEED,
  MADV.MADV_COLLAPSE,
];

export const process_madvise = syscall(
  'process_madvise',
  [
    fd('pidfd'),
    iovec('iovec', 'vlen', 'in'),
    size('vlen'),
    choice('advice', MADV, 'MADV_???'),
    uint('flags'),
  ],
  { returns: 'size', family: ['memory', 'process'] },
  (task, pidfd, vec, count, advice, how) => {
    if (how !== 0) return -EINVAL;
    const list = readIoVec(task, vec, count);
    if (typeof list === 'number') return list;
    const target = pidfdProcess(task, pidfd);
    if (typeof target === 'number') return target;
    if (target.state === 'zombie') return -ESRCH;
    if (!mayLookInto(task, target.leader)) return -EACCES;
    const { mm } = target.leader;
    if (mm !== task.mm) {
      if (!HARMLESS.includes(advice)) return -EINVAL;
      if (!capable(task.cred, CAP.sysNice)) return -EPERM;
    }
    let done = 0;
    for (const { base, length } of list) {
      const r = mm.advise(base, length, advice);
      if (r < 0) return done > 0 ? done : r;
      done += length;
    }
    return done;
  },
);

export const process_mrelease = syscall(
  'process_mrelease',
  [fd('pidfd'), uint('flags')],
  { returns: 'int', family: ['memory', 'process'] },
  (task, pidfd, how) => {
    if (how !== 0) return -EINVAL;
    const target = pidfdProcess(task, pidfd);
    if (typeof target === 'number') return target;
    if (target.state === 'zombie') return -ESRCH;
    // Who is about to end gives its memory back by itself, before anybody else runs.
    return target.exiting || dying(target.leader) ? 0 : -EINVAL;
  },
);

export const rows = [process_vm_readv, process_vm_writev, process_madvise, process_mrelease];
