// The memory calls: mmap(2), munmap(2), mprotect(2), mremap(2), brk(2), madvise(2), msync(2), mincore(2), the
// mlock(2) family. The rules are in ring0/mm.

import {
  EACCES,
  EAGAIN,
  EBADF,
  EBUSY,
  EFAULT,
  EINVAL,
  ENODEV,
  ENOMEM,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
} from '../../abi/errno.ts';
import { F_SEAL_FUTURE_WRITE, F_SEAL_WRITE } from '../../abi/fcntl.ts';
import {
  MADV,
  MAP_32BIT,
  MAP_ABOVE4G,
  MAP_ANONYMOUS,
  MAP_DENYWRITE,
  MAP_EXECUTABLE,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_HUGETLB,
  MAP_LOCKED,
  MAP_NONBLOCK,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
  MAP_STACK,
  MAP_TABLE,
  MAP_TYPE,
  MCL_CURRENT,
  MCL_FUTURE,
  MCL_ONFAULT,
  MCL_TABLE,
  MLOCK_ONFAULT,
  MLOCK_TABLE,
  MREMAP_TABLE,
  MS_ASYNC,
  MS_INVALIDATE,
  MS_SYNC,
  MSYNC_TABLE,
  PROT_EXEC,
  PROT_READ,
  PROT_TABLE,
  PROT_WRITE,
} from '../../abi/mman.ts';
import { PERSONALITY } from '../../abi/prctl.ts';
import { makedev, S_IFCHR, S_IFMT } from '../../abi/stat.ts';
import { addr, bytesOut, choice, fd, flags, int, offHex, size, ulong } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { anonymousPages } from '../mm/anonymous.ts';
import {
  checkFixed,
  lockedBytes,
  lockRange,
  populateAll,
  populateRange,
  residentPages,
  syncRange,
} from '../mm/calls.ts';
import { isPageAligned, PAGE, pageUp, TASK_SIZE } from '../mm/layout.ts';
import { mayWrite } from '../mm/protect.ts';
import { limitOf, memoryOf, RLIMIT_MEMLOCK } from '../mm/state.ts';
import { LOCKS, type Mapping, VM } from '../mm/types.ts';
import type { Task } from '../task/types.ts';
import { fileAt } from '../vfs/fdtable.ts';
import { canRead, canWrite } from '../vfs/file.ts';
import { capable } from '../vfs/perm.ts';
import type { OpenFile } from '../vfs/types.ts';

type Fresh = Omit<Mapping, 'start' | 'end'>;

/** Flags that a mapping remembers. */
const KEPT = MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE;
/** Stacks have no huge pages, since Linux 6.7. */
const kept = (how: number): number => (how & KEPT) | (how & MAP_STACK ? VM.noHuge : 0);
/** Flags that MAP_SHARED_VALIDATE lets through. */
const KNOWN =
  MAP_TYPE |
  MAP_FIXED |
  MAP_ANONYMOUS |
  MAP_32BIT |
  MAP_GROWSDOWN |
  MAP_DENYWRITE |
  MAP_EXECUTABLE |
  MAP_LOCKED |
  MAP_NORESERVE |
  MAP_POPULATE |
  MAP_NONBLOCK |
  MAP_STACK |
  MAP_ABOVE4G |
  // The sizes of huge pages that are known, 2 MiB and 1 GiB.
  (21 << 26) |
  (30 << 26) |
  MAP_HUGETLB |
  MAP_FIXED_NOREPLACE;

const CAP_IPC_LOCK = 14;
const CAP_SYS_RAWIO = 17;

/** Whether so many more bytes may be locked: 0, -EPERM when none may be at all, or `over`. */
const mayLock = (task: Task, bytes: number, over: number): number => {
  const limit = limitOf(memoryOf(task.kernel), RLIMIT_MEMLOCK);
  if (capable(task.cred, CAP_IPC_LOCK)) return 0;
  if (limit === 0) return -EPERM;
  return task.mm.usage().lockedPages * PAGE + bytes > limit ? over : 0;
};

/** The rights asked for, with execution where the personality has reading imply it (personality(2)). */
const implied = (task: Task, prot: number, file: OpenFile | null): number => {
  const persona = task.process.attributes.get('personality') ?? 0;
  if (!(prot & PROT_READ) || !(persona & PERSONALITY.READ_IMPLIES_EXEC)) return prot;
  return file !== null && memoryOf(task.kernel).isNoExec(file) ? prot : prot | PROT_EXEC;
};

/** /dev/zero maps as anonymous memory. */
const isDevZero = (file: OpenFile): boolean => {
  const attr = file.inode.attr();
  return typeof attr !== 'number' && (attr.mode & S_IFMT) === S_IFCHR && attr.rdev === makedev(1, 5);
};

/** What a file mapping shows, or -errno. */
const filePages = (
  task: Task,
  number: number,
  how: number,
  prot: number,
  shared: boolean,
  length: number,
  offset: number,
): Fresh | number => {
  const file = fileAt(task, number);
  if (!file) return -EBADF;
  if (offset < 0 || offset + pageUp(length) >= 2 ** 63) return -EOVERFLOW;
  if (!canRead(file)) return -EACCES;
  if (shared && prot & PROT_WRITE && !canWrite(file)) return -EACCES;
  if (prot & PROT_EXEC && memoryOf(task.kernel).isNoExec(file)) return -EPERM;
  if (isDevZero(file)) {
    const own = shared ? anonymousPages(memoryOf(task.kernel), length) : null;
    return { prot, shared, pages: own, pageOffset: 0, file: null, name: '/dev/zero', flags: kept(how) };
  }
  const pages = file.ops.mmapPages ? file.ops.mmapPages(file) : (file.inode.pages ?? -ENODEV);
  if (typeof pages === 'number') return pages;
  if (how & MAP_GROWSDOWN) return -EINVAL;
  if (shared && prot & PROT_WRITE && (file.inode.seals ?? 0) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
    return -EPERM;
  return { prot, shared, pages, pageOffset: 0, file, name: '', flags: kept(how) };
};

export const mmap = syscall(
  'mmap',
  [
    addr('addr'),
    size('length'),
    flags('prot', PROT_TABLE),
    flags('flags', MAP_TABLE),
    fd('fd'),
    offHex('offset'),
  ],
  { returns: 'addr', family: ['memory', 'desc'] },
  (task, at, length, prot, how, number, offset) => {
    if (!isPageAligned(offset)) return -EINVAL;
    const anonymous = (how & MAP_ANONYMOUS) !== 0;
    if (!anonymous && !fileAt(task, number)) return -EBADF;
    // No huge pages are set aside in this machine.
    if (how & MAP_HUGETLB) return anonymous ? -ENOMEM : -EINVAL;
    if (length === 0) return -EINVAL;
    const type = how & MAP_TYPE;
    const shared = type === MAP_SHARED || type === MAP_SHARED_VALIDATE;
    if (!shared && type !== MAP_PRIVATE) return -EINVAL;
    if (type === MAP_SHARED_VALIDATE && anonymous) return -EINVAL;
    if (type === MAP_SHARED_VALIDATE && how & ~KNOWN) return -EOPNOTSUPP;
    if (how & MAP_LOCKED) {
      const refused = mayLock(task, pageUp(length), -EAGAIN);
      if (refused < 0) return refused;
    }
    const { mm } = task;
    const bits = implied(task, prot & 7, anonymous ? null : (fileAt(task, number) ?? null));
    const fixed = how & MAP_FIXED_NOREPLACE ? 'noreplace' : how & MAP_FIXED ? 'fixed' : 'hint';
    if (fixed !== 'hint') {
      const wrong = checkFixed(mm, at, length, fixed === 'noreplace', capable(task.cred, CAP_SYS_RAWIO));
      if (wrong < 0) return wrong;
    }
    let m: Fresh;
    if (anonymous) {
      if (how & MAP_GROWSDOWN && shared) return -EINVAL;
      const pages = shared ? anonymousPages(memoryOf(task.kernel), length) : null;
      m = {
        prot: bits,
        shared,
        pages,
        pageOffset: 0,
        file: null,
        name: shared ? '/dev/zero (deleted)' : '',
        flags: kept(how),
      };
    } else {
      const found = filePages(task, number, how, bits, shared, length, offset);
      if (typeof found === 'number') return found;
      m = found.file ? { ...found, pageOffset: offset / PAGE } : found;
    }
    m.flags |= mm.lockFuture | (how & MAP_32BIT);
    const r = mm.map(at, length, m, fixed);
    const wanted = how & MAP_POPULATE || (m.flags & LOCKS) === MAP_LOCKED;
    if (r >= 0 && wanted && !(how & MAP_NONBLOCK))
      populateRange(
        mm,
        r,
        pageUp(length),
        (bits & PROT_WRITE) !== 0 && !shared,
        task.kernel.cpu.frames.total,
      );
    return r;
  },
);

export const munmap = syscall(
  'munmap',
  [addr('addr'), size('length')],
  { returns: 'int', family: 'memory' },
  (task, at, length) => task.mm.unmap(at, length),
);

export const mprotect = syscall(
  'mprotect',
  [addr('addr'), size('length'), flags('prot', PROT_TABLE)],
  { returns: 'int', family: 'memory' },
  (task, at, length, prot) =>
    task.mm.protect(at, length, implied(task, prot, task.mm.find(at)?.file ?? null)),
);

export const mremap = syscall(
  'mremap',
  [
    addr('old_address'),
    size('old_size'),
    size('new_size'),
    flags('flags', MREMAP_TABLE),
    addr('new_address'),
  ],
  { returns: 'addr', family: 'memory' },
  (task, at, oldSize, newSize, how, to) => task.mm.remap(at, oldSize, newSize, how, to),
);

export const brk = syscall('brk', [addr('addr')], { returns: 'addr', family: 'memory' }, (task, at) =>
  task.mm.setBrk(at),
);

export const madvise = syscall(
  'madvise',
  [addr('addr'), size('length'), choice('advice', MADV, 'MADV_???')],
  { returns: 'int', family: 'memory' },
  (task, at, length, advice) => task.mm.advise(at, length, advice),
);

export const mseal = syscall(
  'mseal',
  [addr('addr'), size('length'), ulong('flags')],
  { returns: 'int', family: 'memory' },
  (task, at, length, how) => (how !== 0 ? -EINVAL : task.mm.seal(at, length)),
);

export const msync = syscall(
  'msync',
  [addr('addr'), size('length'), flags('flags', MSYNC_TABLE)],
  { returns: 'int', family: 'memory' },
  (task, at, length, how) => {
    if (how & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || !isPageAligned(at)) return -EINVAL;
    if (how & MS_ASYNC && how & MS_SYNC) return -EINVAL;
    const end = at + pageUp(length);
    // PAGE_ALIGN of the kernel wraps around to nothing.
    if (end === at || length > 2 ** 64 - PAGE) return 0;
    if (!(end <= TASK_SIZE)) return -ENOMEM;
    return syncRange(task.mm, at, end, how & MS_INVALIDATE ? -EBUSY : 0, (how & MS_SYNC) !== 0);
  },
);

export const mincore = syscall(
  'mincore',
  [addr('addr'), size('length'), bytesOut('vec', 0)],
  { returns: 'int', family: 'memory' },
  (task, at, length, vec) => {
    if (!isPageAligned(at)) return -EINVAL;
    if (!(at + length <= TASK_SIZE)) return -ENOMEM;
    const pages = Math.ceil(length / PAGE);
    const CHUNK = 65536;
    for (let done = 0; done < pages; done += CHUNK) {
      const n = Math.min(CHUNK, pages - done);
      const bytes = residentPages(task.mm, at + done * PAGE, n);
      if (bytes === null) return -ENOMEM;
      if (!task.mm.write(vec + done, bytes)) return -EFAULT;
    }
    return 0;
  },
);

/**
 * Where a range to lock ends, or -errno (do_mlock of the kernel). A length that only rounding up takes beyond 2^64 is none,
 * one that gets there by itself is wrong.
 */
const lockEnd = (start: number, at: number, length: number): number => {
  if (length + (at - start) > 2 ** 64 - PAGE) return start;
  const end = pageUp(at + length);
  return end >= 2 ** 64 ? -EINVAL : end > TASK_SIZE && end > start ? -ENOMEM : end;
};

const lock = (task: Task, at: number, length: number, onFault: boolean): number => {
  const start = at - (at % PAGE);
  const end = lockEnd(start, at, length);
  // Whether so much may be locked comes before whether it is there.
  const bytes = end < 0 ? length : end - start - lockedBytes(task.mm, start, end);
  const refused = mayLock(task, bytes, -ENOMEM);
  if (refused < 0) return refused;
  if (end < 0) return end;
  if (end === start) return 0;
  const r = lockRange(task.mm, start, end, onFault ? LOCKS : MAP_LOCKED);
  if (r < 0 || onFault) return r;
  const populated = populateRange(task.mm, start, end - start, true, task.kernel.cpu.frames.total);
  return populated === -ENOMEM ? -EAGAIN : populated < 0 ? -ENOMEM : 0;
};

const LOCKING = {
  returns: 'int',
  family: 'memory',
} as const;

export const mlock = syscall('mlock', [addr('addr'), size('length')], LOCKING, (task, at, length) =>
  lock(task, at, length, false),
);

export const mlock2 = syscall(
  'mlock2',
  [addr('addr'), size('length'), flags('flags', MLOCK_TABLE)],
  LOCKING,
  (task, at, length, how) =>
    how & ~MLOCK_ONFAULT ? -EINVAL : lock(task, at, length, (how & MLOCK_ONFAULT) !== 0),
);

export const munlock = syscall('munlock', [addr('addr'), size('length')], LOCKING, (task, at, length) => {
  const start = at - (at % PAGE);
  const end = lockEnd(start, at, length);
  return end < 0 ? end : end === start ? 0 : lockRange(task.mm, start, end, 0);
});

export const mlockall = syscall('mlockall', [flags('flags', MCL_TABLE)], LOCKING, (task, how) => {
  if (how === 0 || how & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || how === MCL_ONFAULT) return -EINVAL;
  const { mm } = task;
  const total = how & MCL_CURRENT ? (mm.usage().totalPages - mm.usage().lockedPages) * PAGE : 0;
  const refused = mayLock(task, total, -ENOMEM);
  if (refused < 0) return refused;
  const locks = how & MCL_ONFAULT ? LOCKS : MAP_LOCKED;
  mm.lockFuture = how & MCL_FUTURE ? locks : 0;
  if (!(how & MCL_CURRENT)) return 0;
  lockRange(mm, 0, TASK_SIZE, locks, true);
  if (locks === MAP_LOCKED) populateAll(mm, task.kernel.cpu.frames.total);
  return 0;
});

export const munlockall = syscall('munlockall', [], LOCKING, (task) => {
  task.mm.lockFuture = 0;
  lockRange(task.mm, 0, TASK_SIZE, 0, true);
  return 0;
});

export const remap_file_pages = syscall(
  'remap_file_pages',
  [addr('addr'), size('size'), int('prot'), size('pgoff'), int('flags')],
  { returns: 'int', family: 'memory' },
  (task, at, length, prot, pgoff) => {
    const { mm } = task;
    const start = at - (at % PAGE);
    const bytes = length - (length % PAGE);
    if (prot !== 0 || bytes === 0 || start + bytes > TASK_SIZE) return -EINVAL;
    const m = mm.find(start);
    // Shared pages that may not be written are not VM_SHARED to the kernel.
    if (!m?.shared || !m.pages || !mayWrite(m) || start + bytes > m.end) return -EINVAL;
    const { start: _start, end: _end, ...same } = m;
    const r = mm.map(start, bytes, { ...same, pageOffset: pgoff }, 'fixed');
    return Math.min(r, 0);
  },
);

const MEMBARRIER = {
  MEMBARRIER_CMD_QUERY: 0,
  MEMBARRIER_CMD_GLOBAL: 1,
  MEMBARRIER_CMD_GLOBAL_EXPEDITED: 2,
  MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED: 4,
  MEMBARRIER_CMD_PRIVATE_EXPEDITED: 8,
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED: 16,
  MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE: 32,
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE: 64,
  MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ: 128,
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ: 256,
  MEMBARRIER_CMD_GET_REGISTRATIONS: 512,
} as const;
const REGISTRATIONS = 4 | 16 | 64 | 256;
/** Expedited commands and the registration that each needs. */
const NEEDS: Readonly<Record<number, number>> = { 8: 16, 32: 64, 128: 256 };

export const membarrier = syscall(
  'membarrier',
  [choice('cmd', MEMBARRIER, 'MEMBARRIER_CMD_???'), int('flags'), int('cpu_id')],
  { returns: 'int', family: 'memory' },
  (task, cmd, how) => {
    // Only one guest thread runs at a time, so every barrier holds already; only the bookkeeping is left.
    const { attributes } = task.process;
    const known = attributes.get('membarrier') ?? 0;
    if (how !== 0 && !(cmd === MEMBARRIER.MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ && how === 1)) return -EINVAL;
    if (cmd === MEMBARRIER.MEMBARRIER_CMD_QUERY) return 1023;
    if (cmd === MEMBARRIER.MEMBARRIER_CMD_GET_REGISTRATIONS) return known;
    if (cmd === MEMBARRIER.MEMBARRIER_CMD_GLOBAL || cmd === MEMBARRIER.MEMBARRIER_CMD_GLOBAL_EXPEDITED)
      return 0;
    if (cmd > 0 && (cmd & REGISTRATIONS) === cmd) {
      attributes.set('membarrier', known | cmd);
      return 0;
    }
    const needed = NEEDS[cmd];
    if (needed === undefined) return -EINVAL;
    return known & needed ? 0 : -EPERM;
  },
);

export const rows = [
  mmap,
  munmap,
  mprotect,
  mremap,
  brk,
  madvise,
  msync,
  mincore,
  mlock,
  mlock2,
  munlock,
  mlockall,
  munlockall,
  remap_file_pages,
  membarrier,
  mseal,
];
