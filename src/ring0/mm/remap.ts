// mremap(2): a mapping shrinks, grows in place, or moves with its pages.

import { EAGAIN, EFAULT, EINVAL, ENOMEM, EPERM } from '../../abi/errno.ts';
import {
  MAP_LOCKED,
  MAP_NORESERVE,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PROT_WRITE,
} from '../../abi/mman.ts';
import { mayCommit } from './commit.ts';
import { allowsMore, findMapping } from './fault.ts';
import { isPageAligned, MAX_MAPPINGS, MMAP_MIN, PAGE, pageUp, TASK_SIZE } from './layout.ts';
import { hasSeal, indexAfter, slice } from './mappings.ts';
import { choose, chooseNear, guardedStart } from './place.ts';
import { insert, isolate, type MutableSpace, mergeRange, removeRange } from './ranges.ts';
import { limitOf, RLIMIT_DATA, RLIMIT_MEMLOCK } from './state.ts';
import { LOCKS, type Mapping, VM } from './types.ts';

/** Moves the present pages of [from, from+length) to another place. False when memory is out. */
const movePages = (space: MutableSpace, from: number, to: number, length: number): boolean => {
  const { pageTable } = space;
  const shift = (to - from) / PAGE;
  let moved = true;
  pageTable.each(from / PAGE, (from + length) / PAGE, (page, frame, access) => {
    if (!moved) return;
    if (!pageTable.set(page + shift, frame, access)) {
      moved = false;
      return;
    }
    pageTable.clear(page);
  });
  return moved;
};

/** Whether the limits let a mapping grow by so many bytes. */
const mayGrow = (space: MutableSpace, m: Mapping, bytes: number): number => {
  if (m.flags & MAP_LOCKED) {
    let locked = bytes;
    for (const each of space.list) if (each.flags & MAP_LOCKED) locked += each.end - each.start;
    if (locked > limitOf(space.state, RLIMIT_MEMLOCK)) return -EAGAIN;
  }
  if (!allowsMore(space, bytes)) return -ENOMEM;
  if (!m.shared && m.prot & PROT_WRITE && !mayCommit(space.state, bytes, (m.flags & MAP_NORESERVE) !== 0))
    return -ENOMEM;
  if (!m.shared && m.prot & PROT_WRITE && space.dataBytes() + bytes > limitOf(space.state, RLIMIT_DATA))
    return -ENOMEM;
  return 0;
};

/** Moves [addr, addr+oldLength), all of one mapping, to `to` with a new length. */
const move = (
  space: MutableSpace,
  addr: number,
  oldLength: number,
  to: number,
  newLength: number,
  keep: boolean,
): number => {
  // Room for the borders and the copy, as the kernel's move_vma asks for.
  if (space.list.length >= MAX_MAPPINGS - 3) return -ENOMEM;
  const [from] = isolate(space, addr, addr + oldLength);
  const m = space.list[from] as Mapping;
  const copy = slice(m, m.start, m.end);
  copy.start = to;
  copy.end = to + newLength;
  insert(space, copy);
  if (!movePages(space, addr, to, Math.min(oldLength, newLength))) {
    movePages(space, to, addr, Math.min(oldLength, newLength));
    removeRange(space, to, to + newLength);
    mergeRange(space, addr, addr + oldLength);
    return -ENOMEM;
  }
  if (keep) {
    m.flags &= ~LOCKS;
    mergeRange(space, addr, addr + oldLength);
  } else removeRange(space, addr, addr + oldLength);
  return to;
};

/** Whether a mapping has the part that is to be resized: 0 or -errno (vma_to_resize of the kernel). */
const resizable = (m: Mapping, addr: number, oldLength: number, flags: number): number => {
  if (oldLength === 0 && !m.shared) return -EINVAL;
  if (flags & MREMAP_DONTUNMAP && oldLength === 0) return -EINVAL;
  return oldLength > m.end - addr ? -EFAULT : 0;
};

/** MREMAP_FIXED and MREMAP_DONTUNMAP. */
const remapTo = (
  space: MutableSpace,
  m: Mapping,
  addr: number,
  oldLength: number,
  newLength: number,
  flags: number,
  newAddr: number,
): number => {
  if (m.flags & VM.sealed) return -EPERM;
  // What is to be cut off may lie in other mappings.
  const wrong = resizable(m, addr, Math.min(oldLength, newLength), flags);
  if (wrong < 0) return wrong;
  let to = newAddr;
  if (flags & MREMAP_FIXED) {
    if (hasSeal(space.list, newAddr, newAddr + newLength)) return -EPERM;
    removeRange(space, newAddr, newAddr + newLength);
    // A mapping that was to be duplicated onto itself is gone.
    if (findMapping(space.list, addr) === null) return -EFAULT;
    if (newAddr < MMAP_MIN && !space.mayMapLow()) return -EPERM;
  }
  let length = oldLength;
  if (oldLength > newLength) {
    if (oldLength > TASK_SIZE - addr) return -EINVAL;
    if (hasSeal(space.list, addr + newLength, addr + oldLength)) return -EPERM;
    removeRange(space, addr + newLength, addr + oldLength);
    length = newLength;
  }
  const extra = flags & MREMAP_DONTUNMAP ? newLength : newLength - length;
  const denied = extra > 0 ? mayGrow(space, m, extra) : 0;
  if (denied < 0) return denied;
  if (!(flags & MREMAP_FIXED)) {
    to = chooseNear(space.list, newAddr, newLength, false);
    if (to < 0) return -ENOMEM;
  }
  return length === 0
    ? duplicate(space, m, addr, to, newLength)
    : move(space, addr, length, to, newLength, (flags & MREMAP_DONTUNMAP) !== 0);
};

/** With an old size of 0, a second mapping of the same shared pages is made. */
const duplicate = (space: MutableSpace, m: Mapping, addr: number, to: number, length: number): number => {
  const copy = slice(m, addr, addr + PAGE);
  copy.start = to;
  copy.end = to + length;
  insert(space, copy);
  return to;
};

/** Mappings that are placed by what they show (get_unmapped_area) move by themselves only. */
const movesAlone = (m: Mapping): boolean =>
  m.name.startsWith('/SYSV') || (m.name === '/dev/zero' && !m.shared);

/**
 * MREMAP_FIXED with one size: all mappings in [addr, addr+length) move, one after the other, up to the first that cannot.
 * Gaps between them stay gaps, and what lies where they go stays (remap_move of mm/mremap.c, since Linux 6.17).
 */
const moveAll = (
  space: MutableSpace,
  addr: number,
  length: number,
  flags: number,
  newAddr: number,
): number => {
  const { list } = space;
  const end = addr + length;
  let at = addr;
  while (at < end) {
    const m = list[indexAfter(list, at)];
    if (m === undefined || m.start >= end) break;
    const first = at === addr;
    if (first && m.start > addr) break;
    // What MREMAP_DONTUNMAP left behind may have become one with what is next.
    const from = Math.max(m.start, at);
    const stop = Math.min(m.end, end);
    if (movesAlone(m) && !(first && m.end >= end)) return -EFAULT;
    const part = stop - from;
    const r = remapTo(space, m, from, part, part, flags, newAddr + (from - addr));
    if (r < 0) return r;
    at = stop;
  }
  return at === addr ? -EFAULT : newAddr;
};

export const remapRange = (
  space: MutableSpace,
  addr: number,
  oldSize: number,
  newSize: number,
  flags: number,
  newAddr: number,
): number => {
  const known = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
  if (flags & ~known || !isPageAligned(addr)) return -EINVAL;
  if (flags & MREMAP_FIXED && !(flags & MREMAP_MAYMOVE)) return -EINVAL;
  // Rounded up within 64 bits: the last sizes become 0.
  const oldLength = pageUp(oldSize) % 2 ** 64;
  const newLength = pageUp(newSize);
  if (newLength === 0 || newLength > TASK_SIZE) return -EINVAL;
  if (flags & MREMAP_DONTUNMAP && (!(flags & MREMAP_MAYMOVE) || oldLength !== newLength)) return -EINVAL;

  if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
    if (!isPageAligned(newAddr) || newAddr > TASK_SIZE - newLength) return -EINVAL;
    if (addr + oldLength > newAddr && newAddr + newLength > addr) return -EINVAL;
  }
  if (flags & MREMAP_FIXED && oldLength === newLength) return moveAll(space, addr, oldLength, flags, newAddr);
  const m = findMapping(space.list, addr);
  if (!m) return -EFAULT;
  if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
    return remapTo(space, m, addr, oldLength, newLength, flags, newAddr);

  if (m.flags & VM.sealed) return -EPERM;
  // Shrinking is nothing but an munmap, whatever lies there.
  if (oldLength >= newLength) {
    if (oldLength > TASK_SIZE - addr) return -EINVAL;
    if (hasSeal(space.list, addr + newLength, addr + oldLength)) return -EPERM;
    if (oldLength > newLength) removeRange(space, addr + newLength, addr + oldLength);
    return addr;
  }
  const wrong = resizable(m, addr, oldLength, flags);
  if (wrong < 0) return wrong;
  const grow = newLength - oldLength;
  if (oldLength === 0) {
    if (!(flags & MREMAP_MAYMOVE)) return -ENOMEM;
    const refused = mayGrow(space, m, newLength);
    const to = choose(space.list, newLength, false);
    return refused < 0 ? refused : to < 0 ? -ENOMEM : duplicate(space, m, addr, to, newLength);
  }
  const denied = mayGrow(space, m, grow);
  if (denied < 0) return denied;
  if (addr + oldLength === m.end) {
    const next = space.list[indexAfter(space.list, m.end)];
    const ceiling = next ? guardedStart(next) : TASK_SIZE;
    if (addr + newLength <= ceiling) {
      m.end = addr + newLength;
      mergeRange(space, m.start, m.end);
      return addr;
    }
  }
  if (!(flags & MREMAP_MAYMOVE)) return -ENOMEM;
  const to = choose(space.list, newLength, false);
  return to < 0 ? -ENOMEM : move(space, addr, oldLength, to, newLength, false);
};
