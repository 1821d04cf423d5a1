// Changes to ranges of an address space that keep the mapping list and the page table in step: insert, split,
// remove, and the dropping of pages. Everything above (mmap, mremap, madvise, brk) is made of these.

import { PTE } from '../../ring3/cpu.ts';
import type { OpenFile, PageMapper } from '../vfs/types.ts';
import type { Space } from './fault.ts';
import { PAGE } from './layout.ts';
import { continues, indexAfter, slice } from './mappings.ts';
import { releaseFrame } from './state.ts';
import type { Mapping } from './types.ts';

/** A space whose mappings can be changed. */
export interface MutableSpace extends Space, PageMapper {
  /** Bytes of private writable memory, which RLIMIT_DATA bounds. */
  dataBytes(): number;
  /** Whether the current task may map below vm.mmap_min_addr. */
  mayMapLow(): boolean;
  /** Whether a file lies on a mount without execution. */
  isNoExec(file: OpenFile): boolean;
}

/** Takes the references that a mapping in the list holds. */
export const attach = (space: MutableSpace, m: Mapping): void => {
  if (m.file) m.file.refs++;
  m.pages?.attach?.(space);
};

export const detach = (space: MutableSpace, m: Mapping): void => {
  m.pages?.detach?.(space);
  if (m.file) space.state.closeFile(m.file);
};

/**
 * Unmaps the present pages of part of a mapping, or only those that are its file's own. Stores to shared pages are
 * reported to their cache.
 */
export const dropRange = (
  space: MutableSpace,
  m: Mapping,
  start: number,
  end: number,
  copies = true,
): void => {
  const { state, pageTable } = space;
  const first = m.start / PAGE;
  pageTable.each(start / PAGE, end / PAGE, (page, frame, access) => {
    if (!copies && !m.shared && frame !== m.pages?.peek?.(m.pageOffset + (page - first))) return;
    pageTable.clear(page);
    if (m.shared && m.pages && access & PTE.write) m.pages.dirty(m.pageOffset + (page - first));
    releaseFrame(state, frame);
    space.resident--;
  });
};

/** Merges the mapping at i with its left neighbour if it continues it. */
const mergeLeft = (space: MutableSpace, i: number): boolean => {
  const { list } = space;
  const a = list[i - 1];
  const b = list[i];
  if (!a || !b || !continues(a, b)) return false;
  a.end = b.end;
  list.splice(i, 1);
  detach(space, b);
  return true;
};

/** Merges around every border in [start, end]. */
export const mergeRange = (space: MutableSpace, start: number, end: number): void => {
  const { list } = space;
  let i = Math.max(1, indexAfter(list, start - 1));
  while (i < list.length && (list[i] as Mapping).start <= end) if (!mergeLeft(space, i)) i++;
};

/** Puts a mapping where nothing is, merging it with its neighbours. */
export const insert = (space: MutableSpace, m: Mapping): void => {
  attach(space, m);
  const i = indexAfter(space.list, m.start);
  space.list.splice(i, 0, m);
  mergeLeft(space, i + 1);
  mergeLeft(space, i);
};

/** Makes addr a border between mappings if one contains it. */
export const splitAt = (space: MutableSpace, addr: number): void => {
  const { list } = space;
  const i = indexAfter(list, addr);
  const m = list[i];
  if (!m || m.start >= addr) return;
  const right = slice(m, addr, m.end);
  attach(space, right);
  m.end = addr;
  list.splice(i + 1, 0, right);
};

/** Splits at both ends; the indexes [from, to) of the mappings inside. */
export const isolate = (space: MutableSpace, start: number, end: number): [number, number] => {
  splitAt(space, start);
  splitAt(space, end);
  const from = indexAfter(space.list, start);
  let to = from;
  while (to < space.list.length && (space.list[to] as Mapping).start < end) to++;
  return [from, to];
};

/** munmap of an aligned range. */
export const removeRange = (space: MutableSpace, start: number, end: number): void => {
  const first = space.list[indexAfter(space.list, start)];
  if (!first || first.start >= end) return;
  const [from, to] = isolate(space, start, end);
  const gone = space.list.splice(from, to - from);
  for (const m of gone) {
    dropRange(space, m, m.start, m.end);
    detach(space, m);
  }
};
