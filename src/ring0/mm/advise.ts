// madvise(2). Advice that only concerns speed is accepted and has no effect.

import { EACCES, EBADF, EFAULT, EINVAL, ENOMEM, EOPNOTSUPP, EPERM } from '../../abi/errno.ts';
import { MADV, MAP_LOCKED, PROT_WRITE } from '../../abi/mman.ts';
import { resolveFault } from './fault.ts';
import { isPageAligned, PAGE, pageUp, TASK_SIZE } from './layout.ts';
import { covers, indexAfter } from './mappings.ts';
import { dropRange, isolate, type MutableSpace, mergeRange } from './ranges.ts';
import { type Mapping, VM } from './types.ts';

/** Sets and clears flags of the mappings in a range. */
export const reflag = (
  space: MutableSpace,
  start: number,
  end: number,
  set: number,
  clear: number,
  allowed: (m: Mapping) => boolean = () => true,
): number => {
  const [from, to] = isolate(space, start, end);
  let result = 0;
  for (let i = from; i < to; i++) {
    const m = space.list[i] as Mapping;
    if (!allowed(m)) {
      result = -EINVAL;
      break;
    }
    m.flags = (m.flags & ~clear) | set;
  }
  mergeRange(space, start, end);
  return result;
};

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

/** Faults every page in, as MAP_POPULATE does; stops at the first that cannot be had. */
export const populate = (space: MutableSpace, start: number, end: number, write: boolean): number =>
  visit(space, start, end, (m, from, to) => {
    if ((m.prot & 7) === 0 || (write && !(m.prot & PROT_WRITE))) return -EFAULT;
    for (let at = from; at < to; at += PAGE) {
      const entry = space.pageTable.get(at / PAGE);
      if (entry !== 0 && (!write || entry & 2)) continue;
      const r = resolveFault(space, at, write ? 'write' : 'read');
      if (r !== 'resolved') return 'signo' in r && r.signo === 9 ? -ENOMEM : -EFAULT;
    }
    return 0;
  });

const dontNeed = (space: MutableSpace, start: number, end: number, lockedToo: boolean): number =>
  visit(space, start, end, (m, from, to) => {
    if (m.flags & MAP_LOCKED && !lockedToo) return -EINVAL;
    dropRange(space, m, from, to);
    return 0;
  });

const remove = (space: MutableSpace, start: number, end: number): number =>
  visit(space, start, end, (m, from, to) => {
    if (m.flags & MAP_LOCKED) return -EINVAL;
    if (!m.pages || !m.shared) return -EINVAL;
    if (!(m.prot & PROT_WRITE)) return -EACCES;
    const first = m.pageOffset + (from - m.start) / PAGE;
    return m.pages.punch?.(first, first + (to - from) / PAGE) ?? -EOPNOTSUPP;
  });

export const adviseRange = (space: MutableSpace, addr: number, length: number, advice: number): number => {
  if (!Object.values<number>(MADV).includes(advice) || advice === MADV.MADV_COLLAPSE) return -EINVAL;
  if (!isPageAligned(addr)) return -EINVAL;
  const end = addr + pageUp(length);
  if (!(end >= addr) || end > TASK_SIZE) return -EINVAL;
  if (end === addr) return 0;
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
          if (m.pages || m.flags & MAP_LOCKED) return -EINVAL;
          dropRange(space, m, from, to);
          return 0;
        });
      case MADV.MADV_REMOVE:
        return remove(space, addr, end);
      case MADV.MADV_DONTFORK:
        return reflag(space, addr, end, VM.dontFork, 0);
      case MADV.MADV_DOFORK:
        return reflag(space, addr, end, 0, VM.dontFork);
      case MADV.MADV_WIPEONFORK:
        return reflag(space, addr, end, VM.wipeOnFork, 0, (m) => !m.shared && m.file === null);
      case MADV.MADV_KEEPONFORK:
        return reflag(space, addr, end, 0, VM.wipeOnFork);
      case MADV.MADV_DONTDUMP:
        return reflag(space, addr, end, VM.dontDump, 0);
      case MADV.MADV_DODUMP:
        return reflag(space, addr, end, 0, VM.dontDump);
      case MADV.MADV_WILLNEED:
        return visit(space, addr, end, (m) => (m.pages ? 0 : -EBADF));
      case MADV.MADV_POPULATE_READ:
      case MADV.MADV_POPULATE_WRITE: {
        const write = advice === MADV.MADV_POPULATE_WRITE;
        if (!covers(space.list, addr, end)) return -ENOMEM;
        const wrong = visit(space, addr, end, (m) => (m.prot & (write ? PROT_WRITE : 7) ? 0 : -EINVAL));
        return wrong < 0 ? wrong : populate(space, addr, end, write);
      }
      default:
        return 0;
    }
  };
  // Holes are reported, but only after the advice was applied to what is mapped.
  const whole = covers(space.list, addr, end);
  const r = act();
  return r < 0 ? r : whole ? 0 : -ENOMEM;
};
