// Pages of shared anonymous memory (MAP_SHARED | MAP_ANONYMOUS, System V segments): a page cache without a
// file, whose frames go when the last mapping and the last holder have gone.

import { ENOMEM, ENXIO } from '../../abi/errno.ts';
import type { PageCache, PageMapper } from '../vfs/types.ts';
import { PAGE } from './layout.ts';
import { allocFrame, type MemoryState, releaseFrame } from './state.ts';

export interface AnonymousPages extends PageCache {
  /** Mappings plus other holders. */
  hold(): void;
  drop(): void;
  /** Pages present, and mappings of them. */
  resident(): number;
  mappings(): number;
}

/** Pages for `bytes` bytes of shared memory, zero until written. `unmapped` hears of every mapping that goes. */
export const anonymousPages = (
  state: MemoryState,
  bytes: number,
  unmapped: (() => void) | null = null,
): AnonymousPages => {
  const frames = new Map<number, number>();
  const pages = Math.ceil(bytes / PAGE);
  let holders = 0;
  let mapped = 0;
  const mappers = new Map<PageMapper, number>();
  const free = (from: number, to: number): void => {
    for (const [index, frame] of frames) {
      if (index < from || index >= to) continue;
      releaseFrame(state, frame);
      frames.delete(index);
    }
  };
  const drop = (): void => {
    holders--;
    if (holders === 0) free(0, Number.POSITIVE_INFINITY);
  };
  const cache: AnonymousPages = {
    frame: (index) => {
      const known = frames.get(index);
      if (known !== undefined) return known;
      if (index >= pages) return -ENXIO;
      const fresh = allocFrame(state, true);
      if (fresh === 0) return -ENOMEM;
      frames.set(index, fresh);
      return fresh;
    },
    peek: (index) => frames.get(index) ?? 0,
    size: () => bytes,
    dirty: () => {},
    attach: (by) => {
      mappers.set(by, (mappers.get(by) ?? 0) + 1);
      mapped++;
      holders++;
    },
    detach: (by) => {
      const n = (mappers.get(by) ?? 1) - 1;
      if (n === 0) mappers.delete(by);
      else mappers.set(by, n);
      mapped--;
      unmapped?.();
      drop();
    },
    punch: (from, to) => {
      for (const by of mappers.keys()) by.dropPages(cache, from, to, false);
      free(from, to);
      return 0;
    },
    hold: () => {
      holders++;
    },
    drop,
    resident: () => frames.size,
    mappings: () => mapped,
  };
  return cache;
};

/** A page cache over frames that are simply there: the vDSO and its data. The frames are never freed. */
export const fixedPages = (frames: readonly number[]): PageCache => ({
  frame: (index) => frames[index] ?? -ENXIO,
  peek: (index) => frames[index] ?? 0,
  size: () => frames.length * PAGE,
  dirty: () => {},
});
