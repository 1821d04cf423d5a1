// The sorted list of mappings and its arithmetic: find, split, merge. The page table is not touched here.

import { MAX_MAPPINGS, PAGE } from './layout.ts';
import { type Mapping, VM } from './types.ts';

/** Index of the first mapping that ends after addr; the list's length when there is none. */
export const indexAfter = (list: readonly Mapping[], addr: number): number => {
  let lo = 0;
  let hi = list.length;
  while (lo < hi) {
    const mid = (lo + hi) >>> 1;
    if ((list[mid] as Mapping).end > addr) hi = mid;
    else lo = mid + 1;
  }
  return lo;
};

/** A copy of part of a mapping. Its references on file and pages are the caller's business. */
export const slice = (m: Mapping, start: number, end: number): Mapping => ({
  start,
  end,
  prot: m.prot,
  shared: m.shared,
  pages: m.pages,
  pageOffset: m.pages ? m.pageOffset + (start - m.start) / PAGE : 0,
  file: m.file,
  name: m.name,
  flags: m.flags,
});

/** Whether b simply continues a. */
export const continues = (a: Mapping, b: Mapping): boolean =>
  a.end === b.start &&
  a.prot === b.prot &&
  a.flags === b.flags &&
  a.shared === b.shared &&
  a.pages === b.pages &&
  a.file === b.file &&
  a.name === b.name &&
  (a.pages === null || a.pageOffset + (a.end - a.start) / PAGE === b.pageOffset);

/** The first address at or after start that is not mapped. */
export const holeAfter = (list: readonly Mapping[], start: number): number => {
  let at = start;
  for (let i = indexAfter(list, start); ; i++) {
    const m = list[i];
    if (!m || m.start > at) return at;
    at = m.end;
  }
};

/** Whether [start, end) is mapped without a hole. */
export const covers = (list: readonly Mapping[], start: number, end: number): boolean =>
  start >= end || holeAfter(list, start) >= end;

export const overlaps = (list: readonly Mapping[], start: number, end: number): boolean => {
  const m = list[indexAfter(list, start)];
  return m !== undefined && m.start < end;
};

/** Whether anything in [start, end) is sealed (mseal(2)): then the whole range stays as it is. */
export const hasSeal = (list: readonly Mapping[], start: number, end: number): boolean => {
  for (let i = indexAfter(list, start); i < list.length; i++) {
    const m = list[i] as Mapping;
    if (m.start >= end) return false;
    if (m.flags & VM.sealed) return true;
  }
  return false;
};

/** Whether there is room (vm.max_map_count) for the borders that a change of [start, end) makes. */
export const maySplit = (list: readonly Mapping[], start: number, end: number): boolean => {
  if (list.length < MAX_MAPPINGS - 1) return true;
  const inside = (addr: number): number => {
    const m = list[indexAfter(list, addr)];
    return m !== undefined && m.start < addr ? 1 : 0;
  };
  return list.length + inside(start) + inside(end) <= MAX_MAPPINGS;
};
