// Pages that are neighbours in virtual memory, or in a file, are put into neighbouring frames where that can be had:
// translated code then reaches a range that crosses from one into the other by a single physical address.

import type { Frames } from '../../ring3/cpu.ts';

/** Pages for which frames are set aside together, 256 KiB. */
const RUN = 64;

/** The frames of one address space, or of one file, by page number. */
export class FrameRuns {
  readonly #frames: Frames;
  /**
   * First frames of what was set aside for each run of pages. A second one is for the copies that are written while
   * another process still holds the first; the two take turns.
   */
  readonly #firsts = new Map<number, readonly [number, number]>();

  constructor(frames: Frames) {
    this.#frames = frames;
  }

  /** A free frame that suits a page, 0 for any. `frameOf` tells where a page is, 0 for nowhere. */
  wanted(page: number, frameOf: (page: number) => number): number {
    const run = Math.floor(page / RUN);
    const at = page - run * RUN;
    const [first, second] = this.#firsts.get(run) ?? [0, 0];
    const fits = (base: number): boolean => base !== 0 && this.#frames.refs(base + at) === 0;
    const beside = (base: number): boolean =>
      (at > 0 && frameOf(page - 1) === base + at - 1) ||
      (at < RUN - 1 && frameOf(page + 1) === base + at + 1);
    if (fits(first) && (!fits(second) || !beside(second))) return first + at;
    if (fits(second)) return second + at;
    const fresh = this.#frames.setAside(RUN);
    this.#firsts.set(run, first === 0 ? [fresh, 0] : [first, fresh]);
    return fresh === 0 ? 0 : fresh + at;
  }
}
