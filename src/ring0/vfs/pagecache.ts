// The cached pages of a regular file: physical frames by page index, used by read and write and by every
// mapping, so that all of them see the same bytes. A page that is not there is a hole, or still with the
// file's source (a host file), from which it is read when first needed. Stands on cpu.ts's Frames.

import { EFBIG, ENOMEM, ENOSPC, ENXIO, EOPNOTSUPP } from '../../abi/errno.ts';
import type { Frames } from '../../ring3/cpu.ts';
import { FrameRuns } from '../mm/runs.ts';
import type { PageCache, PageMapper } from './types.ts';

export const PAGE_SIZE = 4096;
/** Pages read from a source at once when a mapping faults. */
const READ_AROUND = 16;
/** Bytes read from a source at once for read(2). */
const READ_AHEAD = 1 << 17;
/** Largest file: positions stay exact in a double. */
export const MAX_FILE = Number.MAX_SAFE_INTEGER;

/** Most pages of a source that are punched at once: each is remembered. */
const MAX_PUNCHED = 1 << 18;

/** Where pages come from that were never written here. */
export interface PageSource {
  /** Reads up to n bytes at `pos` into buf at `at`; the count, short only at the end of the file, or -errno. */
  read(buf: Uint8Array, at: number, n: number, pos: number): number;
}

/** How many pages the files of a file system may have together, and have. */
export interface PageQuota {
  used: number;
  limit: number;
}

export class Pages implements PageCache {
  readonly #frames: Frames;
  /** Frames by page index; 0 is a hole although the source has data there. */
  readonly #map = new Map<number, number>();
  readonly #runs: FrameRuns;
  readonly #frameOf = (index: number): number => this.#map.get(index) ?? 0;
  #size = 0;
  #source: PageSource | null = null;
  /** Bytes that may still come from the source. */
  #sourceEnd = 0;
  /** Pages that differ from the source; null without one. */
  #own: Set<number> | null = null;
  readonly #mappers = new Map<PageMapper, number>();
  /** Frees memory when it is short; returns how many frames it got. */
  readonly #reclaim: (() => number) | null;
  /** Frames that are left to programs: files may not take the last ones. */
  readonly #reserve: number;
  /** For files without a source. */
  readonly #quota: PageQuota | null;
  /** Called when a store through a shared mapping may have changed the file. */
  onStore: (() => void) | null = null;
  // The page used last: runs of small reads and writes stay on one page.
  #lastIndex = -1;
  /** While pages are read for a mapping: the home of the file's first page there. */
  #homes: number | null = null;
  #lastFrame = 0;

  constructor(
    frames: Frames,
    reclaim: (() => number) | null = null,
    reserve = 0,
    quota: PageQuota | null = null,
  ) {
    this.#frames = frames;
    this.#runs = new FrameRuns(frames);
    this.#reclaim = reclaim;
    this.#reserve = reserve;
    this.#quota = quota;
  }

  size(): number {
    return this.#size;
  }

  /** Frames held. */
  get resident(): number {
    return this.#map.size;
  }

  cached(from: number, to: number): number {
    let n = 0;
    for (const [index, frame] of this.#map) if (frame !== 0 && index >= from && index < to) n++;
    return n;
  }

  /** Whether an address space maps these pages. */
  get mapped(): boolean {
    return this.#mappers.size > 0;
  }

  /** Takes its contents from `source` from now on, up to `size` bytes. Drops what was cached. */
  setSource(source: PageSource | null, size: number): void {
    this.#dropRange(0, Number.POSITIVE_INFINITY);
    this.#source = source;
    this.#sourceEnd = source === null ? 0 : size;
    this.#own = source === null ? null : new Set();
    this.#size = size;
  }

  attach(by: PageMapper): void {
    this.#mappers.set(by, (this.#mappers.get(by) ?? 0) + 1);
  }

  detach(by: PageMapper): void {
    const n = (this.#mappers.get(by) ?? 0) - 1;
    if (n > 0) this.#mappers.set(by, n);
    else this.#mappers.delete(by);
  }

  /** A frame for a page of this file alone; -ENOSPC at the limit of its file system, -ENOMEM. */
  #allocOwn(index: number, zeroed: boolean): number {
    const quota = this.#quota;
    if (quota !== null && quota.used >= quota.limit) return -ENOSPC;
    const frame = this.#alloc(index, zeroed);
    if (frame === 0) return -ENOMEM;
    if (quota !== null) quota.used++;
    return frame;
  }

  #alloc(index: number, zeroed: boolean): number {
    const frames = this.#frames;
    if (frames.free <= this.#reserve) {
      this.#reclaim?.();
      if (frames.free <= this.#reserve) return 0;
    }
    const wanted = this.#wanted(index);
    const f = zeroed ? frames.allocZeroed(wanted) : frames.alloc(wanted);
    if (f !== 0 || this.#reclaim === null || this.#reclaim() === 0) return f;
    return zeroed ? frames.allocZeroed() : frames.alloc();
  }

  /** A free frame that suits a page, 0 for any. */
  #wanted(index: number): number {
    const home = this.#homes === null ? 0 : this.#homes + index;
    if (home > 0 && this.#frames.refs(home) === 0) return home;
    // Of files of a page or two, few pages are ever mapped.
    return this.#size > 2 * PAGE_SIZE ? this.#runs.wanted(index, this.#frameOf) : 0;
  }

  #inSource(index: number): boolean {
    return index * PAGE_SIZE < this.#sourceEnd && !this.#map.has(index);
  }

  /** Reads pages [from, to) of the source, which are absent, into fresh frames: into neighbouring ones at once. */
  #load(from: number, to: number): number {
    const source = this.#source;
    if (source === null) return 0;
    const frames = this.#frames;
    // Where frames would have to be taken back from others, the page that is asked for has to do.
    const end = frames.free - this.#reserve > to - from ? to : from + 1;
    for (let i = from; i < end; i++) {
      const frame = this.#alloc(i, false);
      if (frame === 0) return i === from ? -ENOMEM : this.#fill(source, from, i);
      this.#map.set(i, frame);
    }
    return this.#fill(source, from, end);
  }

  /** Reads pages [from, to) into the frames that they have been given. */
  #fill(source: PageSource, from: number, to: number): number {
    const { u8 } = this.#frames;
    const frameOf = (i: number): number => this.#map.get(i) as number;
    for (let i = from, next = from; i < to; i = next) {
      const first = frameOf(i);
      do next++;
      while (next < to && frameOf(next) === first + next - i);
      const at = first * PAGE_SIZE;
      const n = Math.min(next * PAGE_SIZE, this.#sourceEnd) - i * PAGE_SIZE;
      const got = source.read(u8, at, n, i * PAGE_SIZE);
      if (got < 0) {
        for (let k = i; k < to; k++) {
          this.#frames.release(frameOf(k));
          this.#map.delete(k);
        }
        // What is already there serves the caller as far as it goes.
        return i === from ? got : 0;
      }
      u8.fill(0, at + got, at + (next - i) * PAGE_SIZE);
    }
    return 0;
  }

  /** End of the run of pages from `from` (at most to `limit`) that have to come from the source. */
  #runEnd(from: number, limit: number): number {
    let to = from + 1;
    while (to < limit && this.#inSource(to)) to++;
    return to;
  }

  /** The frame of a page, made if it is a hole; -errno. */
  #page(index: number): number {
    const f = this.#map.get(index);
    if (f !== undefined && f !== 0) return f;
    if (f === undefined && this.#inSource(index)) {
      const bad = this.#load(index, this.#runEnd(index, index + READ_AROUND));
      return bad < 0 ? bad : (this.#map.get(index) ?? -ENOMEM);
    }
    const fresh = this.#allocOwn(index, true);
    if (fresh > 0) this.#map.set(index, fresh);
    return fresh;
  }

  frame(index: number, forWrite: boolean, home: number | null = null): number {
    if (index * PAGE_SIZE >= this.#size) return -ENXIO;
    this.#homes = home === null ? null : home - index;
    const f = this.#page(index);
    this.#homes = null;
    if (f > 0 && forWrite) this.#own?.add(index);
    return f;
  }

  peek(index: number): number {
    return index * PAGE_SIZE >= this.#size ? 0 : (this.#map.get(index) ?? 0);
  }

  dirty(index: number): void {
    this.#own?.add(index);
    this.onStore?.();
  }

  /** Copies up to n bytes at `pos` into buf at `at`; the count (0 at the end) or -errno. */
  read(buf: Uint8Array, at: number, n: number, pos: number): number {
    const left = this.#size - pos;
    if (left <= 0) return 0;
    const want = Math.min(n, left);
    let done = 0;
    while (done < want) {
      const from = pos + done;
      const index = Math.floor(from / PAGE_SIZE);
      const offset = from - index * PAGE_SIZE;
      const k = Math.min(PAGE_SIZE - offset, want - done);
      let frame = this.#lastFrame;
      if (index !== this.#lastIndex) {
        frame = this.#map.get(index) ?? 0;
        if (frame === 0 && this.#inSource(index)) {
          const limit = Math.ceil((from + Math.min(want - done, READ_AHEAD)) / PAGE_SIZE);
          const bad = this.#load(index, this.#runEnd(index, Math.max(limit, index + READ_AROUND)));
          if (bad < 0) return done > 0 ? done : bad;
          frame = this.#map.get(index) ?? 0;
        }
        if (frame !== 0) {
          this.#lastIndex = index;
          this.#lastFrame = frame;
        }
      }
      if (frame === 0) buf.fill(0, at + done, at + done + k);
      else copy(this.#frames.u8, frame * PAGE_SIZE + offset, buf, at + done, k);
      done += k;
    }
    return done;
  }

  /** Writes n bytes of buf from `at` to `pos`, growing the file; the count (short when memory is out) or -errno. */
  write(buf: Uint8Array, at: number, n: number, pos: number): number {
    if (pos + n > MAX_FILE) return -EFBIG;
    let done = 0;
    while (done < n) {
      const to = pos + done;
      const index = Math.floor(to / PAGE_SIZE);
      const offset = to - index * PAGE_SIZE;
      const k = Math.min(PAGE_SIZE - offset, n - done);
      let frame = this.#lastFrame;
      if (index !== this.#lastIndex) {
        frame = this.#map.get(index) ?? 0;
        if (frame === 0) {
          frame = k === PAGE_SIZE ? this.#allocOwn(index, false) : this.#page(index);
          if (frame < 0) return done > 0 ? done : frame === -ENOMEM ? -ENOSPC : frame;
          this.#map.set(index, frame);
        }
        this.#lastIndex = index;
        this.#lastFrame = frame;
      }
      this.#own?.add(index);
      this.#frames.willWrite(frame);
      copy(buf, at + done, this.#frames.u8, frame * PAGE_SIZE + offset, k);
      done += k;
      if (to + k > this.#size) this.#size = to + k;
    }
    return done;
  }

  /** The source was just written: brings cached pages up to date without caching others. */
  update(buf: Uint8Array, at: number, n: number, pos: number): void {
    for (let done = 0; done < n; ) {
      const to = pos + done;
      const index = Math.floor(to / PAGE_SIZE);
      const offset = to - index * PAGE_SIZE;
      const k = Math.min(PAGE_SIZE - offset, n - done);
      const frame = this.#map.get(index) ?? 0;
      if (frame !== 0) {
        this.#frames.willWrite(frame);
        copy(buf, at + done, this.#frames.u8, frame * PAGE_SIZE + offset, k);
      }
      done += k;
    }
    if (pos + n > this.#size) this.#size = pos + n;
    this.#sourceEnd = this.#size;
  }

  /** Cuts or extends the file together with its source. */
  truncateSource(size: number): number {
    const r = this.truncate(size);
    if (r === 0 && this.#source !== null) this.#sourceEnd = size;
    return r;
  }

  /** Cuts or extends the file. What lies beyond the end reads as zero if the file grows again. */
  truncate(size: number): number {
    if (size > MAX_FILE) return -EFBIG;
    if (size < this.#size) {
      const from = Math.ceil(size / PAGE_SIZE);
      const bad = this.#zero(size, from * PAGE_SIZE);
      if (bad < 0) return bad;
      // Mappings first: afterwards nobody but the cache holds the frames.
      this.#size = size;
      this.#unmapRange(from, Number.POSITIVE_INFINITY, true);
      this.#dropRange(from, Number.POSITIVE_INFINITY);
      this.#sourceEnd = Math.min(this.#sourceEnd, size);
    }
    this.#size = size;
    return 0;
  }

  /** Zeroes bytes [from, to), which lie in one page. */
  #zero(from: number, to: number): number {
    if (from >= to) return 0;
    const index = Math.floor(from / PAGE_SIZE);
    if (!this.#map.get(index) && !this.#inSource(index)) return 0;
    const frame = this.#page(index);
    if (frame < 0) return frame;
    this.#own?.add(index);
    this.#frames.willWrite(frame);
    const base = frame * PAGE_SIZE - index * PAGE_SIZE;
    this.#frames.u8.fill(0, base + from, base + to);
    return 0;
  }

  /** Frees the pages [from, to) so that they read as zero. */
  punch(from: number, to: number): number {
    return this.punchBytes(from * PAGE_SIZE, to * PAGE_SIZE);
  }

  /** FALLOC_FL_PUNCH_HOLE: bytes [from, to) read as zero afterwards; whole pages are freed. */
  punchBytes(from: number, to: number): number {
    const end = Math.min(to, this.#size);
    const first = Math.ceil(from / PAGE_SIZE);
    // Beyond the end there may be pages that FALLOC_FL_KEEP_SIZE has set aside.
    const whole = Math.floor(to / PAGE_SIZE);
    const last = to >= this.#size ? Math.max(whole, Math.ceil(end / PAGE_SIZE)) : whole;
    if (from >= end) {
      if (first < last) this.#dropRange(first, last);
      return 0;
    }
    if (first > last || (first === last && from < first * PAGE_SIZE && end <= first * PAGE_SIZE))
      return this.#zero(from, end);
    const sourced = Math.min(last, Math.ceil(this.#sourceEnd / PAGE_SIZE));
    if (sourced - first > MAX_PUNCHED) return -EOPNOTSUPP;
    const bad = this.#zero(from, Math.min(first * PAGE_SIZE, end)) || this.#zero(last * PAGE_SIZE, end);
    if (bad < 0) return bad;
    if (first >= last) return 0;
    this.#unmapRange(first, last, false);
    this.#dropRange(first, last);
    // The source must not shine through the hole.
    for (let i = first; i < sourced; i++) {
      this.#map.set(i, 0);
      this.#own?.add(i);
    }
    return 0;
  }

  /** Gives [from, to) frames, so that later writes cannot fail for lack of memory. */
  allocate(from: number, to: number): number {
    for (let i = Math.floor(from / PAGE_SIZE); i * PAGE_SIZE < to; i++) {
      const f = this.#page(i);
      if (f < 0) return f === -ENOMEM ? -ENOSPC : f;
    }
    return 0;
  }

  /** SEEK_DATA and SEEK_HOLE: the next byte at or after `pos` of that kind; -ENXIO beyond the end. */
  seekData(pos: number, hole: boolean): number {
    if (pos >= this.#size) return -ENXIO;
    const has = (i: number): boolean => (this.#map.get(i) ?? 0) !== 0 || this.#inSource(i);
    let index = Math.floor(pos / PAGE_SIZE);
    if (hole) {
      const sourced = Math.ceil(this.#sourceEnd / PAGE_SIZE);
      if (index < sourced) {
        // What the source gives is data, but for what was punched; page by page it could be thousands of millions.
        let next = sourced;
        for (const [i, f] of this.#map) if (f === 0 && i >= index && i < next) next = i;
        index = next;
      }
      while (index * PAGE_SIZE < this.#size && has(index)) index++;
      return Math.min(Math.max(pos, index * PAGE_SIZE), this.#size);
    }
    if (!has(index)) {
      let best = Number.POSITIVE_INFINITY;
      for (const [i, f] of this.#map) if (f !== 0 && i > index && i < best) best = i;
      for (let i = index + 1; i * PAGE_SIZE < this.#sourceEnd && i < best; i++)
        if (this.#inSource(i)) best = i;
      index = best;
    }
    return index * PAGE_SIZE >= this.#size ? -ENXIO : Math.max(pos, index * PAGE_SIZE);
  }

  /** Bytes that take up memory or come from the source, for st_blocks. */
  get allocated(): number {
    let pages = this.#map.size;
    if (this.#source !== null) {
      pages = Math.ceil(this.#sourceEnd / PAGE_SIZE);
      for (const [i, f] of this.#map) {
        if (i * PAGE_SIZE >= this.#sourceEnd) pages += f === 0 ? 0 : 1;
        else if (f === 0) pages--;
      }
    }
    return pages * PAGE_SIZE;
  }

  /** The physical address of page `index`, which is cached; 0 if it is not. */
  address(index: number): number {
    return (this.#map.get(index) ?? 0) * PAGE_SIZE;
  }

  /** Physical memory. */
  get bytes(): Uint8Array {
    return this.#frames.u8;
  }

  /** Pages in [from, to) that differ from the source, in order. */
  modified(from: number, to: number): number[] {
    return this.#own === null ? [] : [...this.#own].filter((i) => i >= from && i < to).sort((a, b) => a - b);
  }

  /** The source has this page's bytes again. */
  clean(index: number): void {
    this.#own?.delete(index);
  }

  /** Frees pages that can be read again from the source and that nobody maps; returns how many. */
  reclaim(): number {
    if (this.#own === null) return 0;
    let n = 0;
    for (const [i, f] of this.#map) {
      if (f === 0 || this.#own.has(i) || i * PAGE_SIZE >= this.#sourceEnd || this.#frames.refs(f) > 1)
        continue;
      this.#frames.release(f);
      this.#map.delete(i);
      n++;
    }
    this.#lastIndex = -1;
    return n;
  }

  /** Frees everything: the file is gone. */
  free(): void {
    this.#dropRange(0, Number.POSITIVE_INFINITY);
    this.#size = 0;
    this.#sourceEnd = 0;
    this.#source = null;
    this.#own = null;
  }

  #unmapRange(from: number, to: number, copies: boolean): void {
    for (const m of [...this.#mappers.keys()]) m.dropPages(this, from, to, copies);
  }

  #dropRange(from: number, to: number): void {
    this.#lastIndex = -1;
    const drop = (i: number, f: number): void => {
      if (f !== 0) this.#frames.release(f);
      if (f !== 0 && this.#quota !== null) this.#quota.used--;
      this.#map.delete(i);
      this.#own?.delete(i);
    };
    if (to - from <= this.#map.size) {
      for (let i = from; i < to; i++) {
        const f = this.#map.get(i);
        if (f !== undefined) drop(i, f);
      }
      return;
    }
    for (const [i, f] of this.#map) if (i >= from && i < to) drop(i, f);
  }
}

const SMALL = 32;

/** Copies n bytes; cheap for a few, and without views where both sides are physical memory. */
export const copy = (from: Uint8Array, at: number, to: Uint8Array, toAt: number, n: number): void => {
  if (n <= SMALL) for (let i = 0; i < n; i++) to[toAt + i] = from[at + i] as number;
  else if (from === to) to.copyWithin(toAt, at, at + n);
  else to.set(from.subarray(at, at + n), toAt);
};
