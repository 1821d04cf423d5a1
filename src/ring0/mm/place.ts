// Choosing an address for a new mapping, as arch_get_unmapped_area_topdown does: the highest hole that fits,
// and for MAP_32BIT the lowest of its range.

import { MAP_GROWSDOWN } from '../../abi/mman.ts';
import type { PageCache } from '../vfs/types.ts';
import {
  IMAGE_BOTTOM,
  LOW_BOTTOM,
  LOW_TOP,
  MMAP_MIN,
  MMAP_TOP,
  pageDown,
  STACK_GUARD,
  TASK_SIZE,
} from './layout.ts';
import { indexAfter } from './mappings.ts';
import type { MemoryState } from './state.ts';
import type { Mapping } from './types.ts';

/** Lowest address that a neighbour below m may reach: a mapping that grows down keeps a gap. */
export const guardedStart = (m: Mapping): number =>
  m.flags & MAP_GROWSDOWN ? Math.max(0, m.start - STACK_GUARD) : m.start;

/** Whether [addr, addr+length) is free, guard gaps respected. */
export const isFree = (list: readonly Mapping[], addr: number, length: number): boolean => {
  if (addr < MMAP_MIN || addr + length > TASK_SIZE) return false;
  const next = list[indexAfter(list, addr)];
  return next === undefined || guardedStart(next) >= addr + length;
};

/** Start of the highest hole of `length` bytes in [bottom, top), or -1. */
const highestHole = (list: readonly Mapping[], length: number, bottom: number, top: number): number => {
  let ceiling = top;
  for (let i = indexAfter(list, top - 1); ; i--) {
    const above = list[i];
    if (above) ceiling = Math.min(ceiling, guardedStart(above));
    const below = list[i - 1];
    const floor = Math.max(bottom, below ? below.end : 0);
    if (ceiling - length >= floor) return ceiling - length;
    if (!below || below.start <= bottom) return -1;
  }
};

/** Start of the lowest hole of `length` bytes in [bottom, top), or -1. */
const lowestHole = (list: readonly Mapping[], length: number, bottom: number, top: number): number => {
  let floor = bottom;
  for (let i = indexAfter(list, bottom); floor + length <= top; i++) {
    const next = list[i];
    if (!next || guardedStart(next) >= floor + length) return floor;
    floor = Math.max(floor, next.end);
  }
  return -1;
};

/** An address for `length` bytes, in MAP_32BIT's range or anywhere, or -1 when there is no room. */
export const choose = (list: readonly Mapping[], length: number, low: boolean): number => {
  if (low) return lowestHole(list, length, LOW_BOTTOM, LOW_TOP);
  const at = highestHole(list, length, MMAP_MIN, MMAP_TOP);
  return at >= 0 ? at : highestHole(list, length, MMAP_MIN, TASK_SIZE);
};

/** The address that was asked for, to the page and not below vm.mmap_min_addr, if it is free; another one or -1 otherwise. */
export const chooseNear = (list: readonly Mapping[], hint: number, length: number, low: boolean): number => {
  const page = pageDown(hint);
  if (page === 0) return choose(list, length, low);
  const at = Math.max(page, MMAP_MIN);
  // A hint may lie below MAP_32BIT's range, but not above it.
  const fits = !low || at + length <= LOW_TOP;
  return fits && isFree(list, at, length) ? at : choose(list, length, low);
};

/**
 * The address of a program image: the one it had before in this machine if that is free here, a new one that no
 * other image ever had otherwise. -1 when the window is used up.
 */
export const chooseForImage = (
  state: MemoryState,
  list: readonly Mapping[],
  pages: PageCache,
  length: number,
): number => {
  let known = state.images.get(pages);
  if (!known) {
    known = new Map();
    state.images.set(pages, known);
  }
  const before = known.get(length);
  if (before !== undefined) return isFree(list, before, length) ? before : -1;
  const fresh = state.imageFloor - length;
  if (fresh < IMAGE_BOTTOM || !isFree(list, fresh, length)) return -1;
  state.imageFloor = fresh;
  known.set(length, fresh);
  return fresh;
};
