// madvise(2). Advice that only concerns speed is accepted and has no effect.

import { EACCES, EFAULT, EINVAL, ENOMEM, EOPNOTSUPP, EPERM } from '../../abi/errno.ts';
import { MADV, MAP_LOCKED, PROT_READ, PROT_WRITE } from '../../abi/mman.ts';
import { PTE } from '../../ring3/cpu.ts';
import { findMapping, resolveFault } from './fault.ts';
import { isPageAligned, PAGE, pageUp, TASK_SIZE } from './layout.ts';
import { covers, indexAfter, maySplit } from './mappings.ts';
import { mayWrite } from './protect.ts';
import { dropRange, isolate, type MutableSpace, mergeRange } from './ranges.ts';
import { type Mapping, VM } from './types.ts';

/** Sets and clears flags of the mappings in a range that `suits`, up to one that is `refused`. */
export const reflag = (
  space: MutableSpace,
  start: number,
  end: number,
  set: number,
  clear: number,
  refused: (m: Mapping) => number = () => 0,
  suits: (m: Mapping) => boolean = () => true,
): number => {
  if (!maySplit(space.list, start, end)) return -ENOMEM;
  const [from, to] = isolate(space, start, end);
  let result = 0;
  for (let i = from; i < to; i++) {
    const m = space.list[i] as Mapping;
    result = refused(m);
    if (result < 0) break;
    if (!suits(m)) continue;
    m.flags = (m.flags & ~clear) | set;
  }
  mergeRange(space, start, end);
  return result;
};

/** mseal(2): all of it, or nothing where there are holes. */
export const sealRange = (space: MutableSpace, addr: number, length: number): number => {
  const end = addr + pageUp(length);
  if (!isPageAligned(addr) || end >= 2 ** 64) return -EINVAL;
  if (end === addr) return 0;
  return covers(space.list, addr, end) ? reflag(space, addr, end, VM.sealed, 0) : -ENOMEM;
};

/** What was sealed without a right to write is not dropped either: that would be a write of zeros. */
const keeps = ({ flags, pages, prot }: Mapping): boolean =>
  (flags & VM.sealed) !== 0 && pages === null && (prot & PROT_WRITE) === 0;

/** Applies `act` to the parts of mappings within a range, until one fails. */
const visit = (
  space: MutableSpace,
  start: number,
  end: number,
  act: (m: Mapping, from: number, to: number) => number,
): number => {
  for (let i = indexAfter(space.list, start); i < space.list.length; i++) {
    const m = space.list[i] as Mapping;
    if (m.start >= end) break;
    const r = act(m, Math.max(m.start, start), Math.min(m.end, end));
    if (r < 0) return r;
  }
  return 0;
};

/**
 * Faults every page in, in order; stops at the first hole (ENOMEM) or mapping that forbids it (EINVAL). More pages
 * than there are frames, which only pages of zeros could be, are refused: it would take minutes.
 */
const populate = (space: MutableSpace, start: number, end: number, write: boolean): number => {
  const last = start + space.state.frames.total * PAGE;
  for (let at = start; at < end; at += PAGE) {
    if (at >= last) return -ENOMEM;
    const m = findMapping(space.list, at);
    if (!m) return -ENOMEM;
    if (!(m.prot & (write ? PROT_WRITE : PROT_READ))) return -EINVAL;
    const entry = space.pageTable.get(at / PAGE);
    if (entry & (write ? PTE.write : PTE.read)) continue;
    const r = resolveFault(space, at, write ? 'write' : 'read');
    if (r !== 'resolved') return 'signo' in r && r.signo === 9 ? -ENOMEM : -EFAULT;
  }
  return 0;
};

const dontNeed = (space: MutableSpace, start: number, end: number, lockedToo: boolean): number =>
  visit(space, start, end, (m, from, to) => {
    if (keeps(m)) return -EPERM;
    if (m.flags & MAP_LOCKED && !lockedToo) return -EINVAL;
    dropRange(space, m, from, to);
    return 0;
  });

const remove = (space: MutableSpace, start: number, end: number): number =>
  visit(space, start, end, (m, from, to) => {
    if (keeps(m)) return -EPERM;
    if (m.flags & MAP_LOCKED) return -EINVAL;
    if (!m.pages) return -EINVAL;
    if (!m.shared || !mayWrite(m)) return -EACCES;
    const first = m.pageOffset + (from - m.start) / PAGE;
    return m.pages.punch?.(first, first + (to - from) / PAGE) ?? -EOPNOTSUPP;
  });

export const adviseRange = (space: MutableSpace, addr: number, length: number, advice: number): number => {
  if (!Object.values<number>(MADV).includes(advice) || advice === MADV.MADV_COLLAPSE) return -EINVAL;
  if (!isPageAligned(addr)) return -EINVAL;
  const end = addr + pageUp(length);
  if (!(end >= addr) || end >= 2 ** 64) return -EINVAL;
  if (end === addr) return 0;
  if (addr >= TASK_SIZE) return -ENOMEM;
  if (advice >= MADV.MADV_HWPOISON) return -EPERM;
  const act = (): number => {
    switch (advice) {
      case MADV.MADV_DONTNEED:
        return dontNeed(space, addr, end, false);
      case MADV.MADV_DONTNEED_LOCKED:
        return dontNeed(space, addr, end, true);
      case MADV.MADV_FREE:
        // Pages that may be freed at any time are freed at once; only private anonymous memory has such.
        return visit(space, addr, end, (m, from, to) => {
          if (keeps(m)) return -EPERM;
          if (m.pages || m.flags & MAP_LOCKED) return -EINVAL;
          dropRange(space, m, from, to);
          return 0;
        });
      case MADV.MADV_REMOVE:
        return remove(space, addr, end);
      case MADV.MADV_DONTFORK:
        return reflag(space, addr, end, VM.dontFork, 0, (m) => (keeps(m) ? -EPERM : 0));
      case MADV.MADV_DOFORK:
        return reflag(space, addr, end, 0, VM.dontFork);
      case MADV.MADV_WIPEONFORK:
        return reflag(space, addr, end, VM.wipeOnFork, 0, (m) =>
          keeps(m) ? -EPERM : m.shared || m.file !== null ? -EINVAL : 0,
        );
      case MADV.MADV_KEEPONFORK:
        return reflag(space, addr, end, 0, VM.wipeOnFork);
      case MADV.MADV_NORMAL:
        return reflag(space, addr, end, 0, VM.sequential | VM.random);
      case MADV.MADV_SEQUENTIAL:
        return reflag(space, addr, end, VM.sequential, VM.random);
      case MADV.MADV_RANDOM:
        return reflag(space, addr, end, VM.random, VM.sequential);
      case MADV.MADV_HUGEPAGE:
        return reflag(space, addr, end, VM.huge, VM.noHuge);
      case MADV.MADV_NOHUGEPAGE:
        return reflag(space, addr, end, VM.noHuge, VM.huge);
      case MADV.MADV_MERGEABLE:
        return reflag(space, addr, end, VM.mergeable, 0, undefined, (m) => !m.shared);
      case MADV.MADV_UNMERGEABLE:
        return reflag(space, addr, end, 0, VM.mergeable);
      case MADV.MADV_DONTDUMP:
        return reflag(space, addr, end, VM.dontDump, 0);
      case MADV.MADV_DODUMP:
        return reflag(space, addr, end, 0, VM.dontDump);
      case MADV.MADV_WILLNEED:
        return 0;
      case MADV.MADV_POPULATE_READ:
        return populate(space, addr, end, false);
      case MADV.MADV_POPULATE_WRITE:
        return populate(space, addr, end, true);
      default:
        return 0;
    }
  };
  // Holes are reported, but only after the advice was applied to what is mapped.
  const whole = covers(space.list, addr, end);
  const r = act();
  return r < 0 ? r : whole ? 0 : -ENOMEM;
};
