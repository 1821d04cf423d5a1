// What msync, mincore, mlock and MAP_POPULATE do to a range of an address space, over its public interface.

import { EEXIST, EFAULT, EINVAL, ENOMEM, EPERM } from '../../abi/errno.ts';
import { MAP_LOCKED, PROT_WRITE } from '../../abi/mman.ts';
import { PTE } from '../../ring3/cpu.ts';
import { isPageAligned, MMAP_MIN, PAGE, pageUp, TASK_SIZE } from './layout.ts';
import { covers, holeAfter, indexAfter, overlaps } from './mappings.ts';
import { type AddressSpace, LOCKS, type Mapping } from './types.ts';

/** Whether a fixed mapping may lie there: 0 or -errno. Checked before anything about the file. */
export const checkFixed = (
  mm: AddressSpace,
  addr: number,
  length: number,
  noReplace: boolean,
  lowToo: boolean,
): number => {
  if (!isPageAligned(addr)) return -EINVAL;
  const size = pageUp(length);
  if (!(addr >= 0 && addr <= TASK_SIZE - size)) return -ENOMEM;
  if (addr < MMAP_MIN && !lowToo) return -EPERM;
  return noReplace && overlaps(mm.mappings, addr, addr + size) ? -EEXIST : 0;
};

/** Calls visit for each part of a mapping in [start, end); stops when it returns an error. */
const parts = (
  mm: AddressSpace,
  start: number,
  end: number,
  visit: (m: Mapping, from: number, to: number) => number,
): number => {
  const { mappings } = mm;
  for (let i = indexAfter(mappings, start); i < mappings.length; i++) {
    const m = mappings[i] as Mapping;
    if (m.start >= end) break;
    const r = visit(m, Math.max(m.start, start), Math.min(m.end, end));
    if (r < 0) return r;
  }
  return 0;
};

/**
 * Faults pages in: MAP_POPULATE, mlock. -ENOMEM when memory is out or has fewer frames than pages are asked for, -EFAULT
 * where nothing can be read.
 */
export const populateRange = (
  mm: AddressSpace,
  start: number,
  length: number,
  write: boolean,
  mostPages: number,
): number => {
  let left = mostPages;
  return parts(mm, start, start + length, (m, from, to) => {
    if ((m.prot & 7) === 0) return -EFAULT;
    const how = write && m.prot & PROT_WRITE ? 'write' : 'read';
    const need = how === 'write' ? PTE.write : PTE.read;
    for (let at = from; at < to; at += PAGE) {
      if (--left < 0) return -ENOMEM;
      if (mm.pageTable.get(at / PAGE) & need) continue;
      const r = mm.fault(at, how);
      if (r !== 'resolved') return 'signo' in r && r.signo === 9 ? -ENOMEM : -EFAULT;
    }
    return 0;
  });
};

/**
 * msync: stores to shared pages are told to their caches, which write them back when `sync`. Locked pages answer
 * with `locked`. -ENOMEM for holes, after the rest was done.
 */
export const syncRange = (
  mm: AddressSpace,
  start: number,
  end: number,
  locked: number,
  sync: boolean,
): number => {
  const whole = covers(mm.mappings, start, end);
  const r = parts(mm, start, end, (m, from, to) => {
    if (locked < 0 && m.flags & MAP_LOCKED) return locked;
    const { pages } = m;
    if (!m.shared || !pages) return 0;
    const first = m.start / PAGE;
    mm.pageTable.each(from / PAGE, to / PAGE, (page, frame, access) => {
      if (!(access & PTE.write)) return;
      pages.dirty(m.pageOffset + (page - first));
      // Write-protected again, so that the next store is noticed.
      mm.pageTable.set(page, frame, access & ~PTE.write);
    });
    const index = m.pageOffset + (from - m.start) / PAGE;
    return sync ? (pages.writeback?.(index, index + (to - from) / PAGE) ?? 0) : 0;
  });
  return r < 0 ? r : whole ? 0 : -ENOMEM;
};

/** mincore: a byte for each page, 1 where it is in memory; null where nothing is mapped. */
export const residentPages = (mm: AddressSpace, start: number, pages: number): Uint8Array | null => {
  const end = start + pages * PAGE;
  if (!covers(mm.mappings, start, end)) return null;
  const out = new Uint8Array(pages);
  const first = start / PAGE;
  mm.pageTable.each(first, first + pages, (page) => {
    out[page - first] = 1;
  });
  parts(mm, start, end, (m, from, to) => {
    if (!m.pages?.peek) return 0;
    for (let at = from; at < to; at += PAGE)
      if (m.pages.peek(m.pageOffset + (at - m.start) / PAGE) > 0) out[at / PAGE - first] = 1;
    return 0;
  });
  return out;
};

/** Faults in what is mapped, as far as it goes (mlockall). */
export const populateAll = (mm: AddressSpace, mostPages: number): void => {
  for (const { start, end, prot } of [...mm.mappings])
    if ((prot & 7) !== 0 && populateRange(mm, start, end - start, true, mostPages) === -ENOMEM) return;
};

/** Bytes of a range that are locked. */
export const lockedBytes = (mm: AddressSpace, start: number, end: number): number => {
  let bytes = 0;
  parts(mm, start, end, (m, from, to) => {
    if (m.flags & MAP_LOCKED) bytes += to - from;
    return 0;
  });
  return bytes;
};

/** Gives a range its LOCKS. -ENOMEM where it has holes, unless those do not matter (mlockall). */
export const lockRange = (
  mm: AddressSpace,
  start: number,
  end: number,
  locks: number,
  holes = false,
): number => {
  // Up to the first hole, like the kernel's apply_vma_lock_flags.
  const until = holes ? end : Math.min(end, holeAfter(mm.mappings, start));
  mm.reflag(start, until, locks, LOCKS & ~locks);
  return until < end ? -ENOMEM : 0;
};
