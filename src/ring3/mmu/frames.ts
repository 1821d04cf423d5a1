// Physical memory: one WebAssembly.Memory cut into frames of 4096 bytes with reference counts. The low end
// holds the CPU block and one flag byte a frame; tables that need several adjacent frames come from the top.

import type { Frames } from '../cpu.ts';
import { FRAME_FLAGS, PAGE } from '../layout.ts';

export interface PhysicalMemory extends Frames {
  readonly memory: WebAssembly.Memory;
  readonly u64: BigUint64Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  /** Physical address of `n` adjacent frames, contents undefined; 0 when memory is out. */
  allocContiguous(n: number): number;
  releaseContiguous(address: number, n: number): void;
  /** Called with a frame whose code must be forgotten. */
  onCodeWrite: (frame: number) => void;
}

/** Physical memory of so many bytes; `made` is used if it has that size. */
export const createFrames = (bytes: number, made?: WebAssembly.Memory): PhysicalMemory => {
  const pages64 = Math.min(65535, Math.max(64, Math.floor(bytes / 65536)));
  const memory =
    made?.buffer.byteLength === pages64 * 65536
      ? made
      : new WebAssembly.Memory({ initial: pages64, maximum: pages64 });
  const { buffer } = memory;
  const total = (pages64 * 65536) / PAGE;
  const first = Math.ceil((FRAME_FLAGS + total) / PAGE);
  const u8 = new Uint8Array(buffer);
  /** References; those below the first are never free. */
  const counts = new Int32Array(total).fill(1, 0, first);
  /**
   * Frames that were given back; of those, some may have been taken again as wanted. What was first taken as wanted may
   * be wanted again, and is given to others when there is nothing else.
   */
  const freeList: number[] = [];
  const freeFar: number[] = [];
  /** Bit 0: on such a list. Bit 1: used before, so no longer zero. Bit 2: goes to the second list. */
  const marks = new Uint8Array(total);
  const LISTED = 1;
  const USED = 2;
  const FAR = 4;
  /** First and last + 1 of stretches set aside, some of which may have been taken. */
  const aside: [number, number][] = [];
  /** Frames in [next, top) were never used and are zero. */
  let next = first;
  let top = total;
  const chunks = new Map<number, number[]>();
  let inUse = 0;

  /** Neither taken nor to be found on the list. */
  const isFree = (frame: number): boolean => counts[frame] === 0 && ((marks[frame] as number) & LISTED) === 0;

  const putBack = (frame: number): void => {
    const mark = marks[frame] as number;
    if ((mark & LISTED) === 0) (mark & FAR ? freeFar : freeList).push(frame);
    marks[frame] = mark | LISTED | USED;
  };
  const recycled = (list: number[]): number => {
    for (let frame = list.pop(); frame !== undefined; frame = list.pop()) {
      marks[frame] = (marks[frame] as number) & ~LISTED;
      if (counts[frame] === 0) return frame;
    }
    return 0;
  };
  /** A frame that was never used; those that were taken as wanted are passed over. */
  const fresh = (): number => {
    while (next < top) {
      const frame = next++;
      if (isFree(frame)) return frame;
    }
    return 0;
  };
  /** A frame of those set aside that nobody has come for. */
  const leftOver = (): number => {
    for (let last = aside[aside.length - 1]; last; last = aside[aside.length - 1]) {
      while (last[0] < last[1]) {
        const frame = last[0]++;
        if (isFree(frame)) return frame;
      }
      aside.pop();
    }
    return 0;
  };

  /** Turns the tables that nobody uses back into frames; whether there were any. */
  const splitChunks = (): boolean => {
    for (const [n, list] of chunks) {
      for (const address of list) {
        const start = address / PAGE;
        for (let f = start + n - 1; f >= start; f--) {
          counts[f] = 0;
          putBack(f);
        }
      }
    }
    chunks.clear();
    return freeList.length + freeFar.length > 0;
  };

  /** First of n adjacent free frames; 0 when there are none. */
  const gather = (n: number): number => {
    if (total - first - inUse < n) return 0;
    let run = 0;
    for (let frame = first; frame < total; frame++) {
      run = frame < total && counts[frame] === 0 ? run + 1 : 0;
      if (run < n) continue;
      return frame - n + 1;
    }
    return 0;
  };

  const take = (zero: boolean, wanted: number): number => {
    let frame = wanted >= first && counts[wanted] === 0 ? wanted : recycled(freeList);
    if (frame >= next) marks[frame] = (marks[frame] as number) | FAR;
    if (frame === 0) frame = fresh() || leftOver() || recycled(freeFar);
    if (frame === 0 && splitChunks()) frame = recycled(freeList) || recycled(freeFar);
    if (frame === 0) return 0;
    if (zero && ((marks[frame] as number) & USED) !== 0) u8.fill(0, frame * PAGE, frame * PAGE + PAGE);
    counts[frame] = 1;
    inUse++;
    return frame;
  };

  return {
    memory,
    u8,
    u16: new Uint16Array(buffer),
    u32: new Uint32Array(buffer),
    i32: new Int32Array(buffer),
    u64: new BigUint64Array(buffer),
    f32: new Float32Array(buffer),
    f64: new Float64Array(buffer),
    dv: new DataView(buffer),
    onCodeWrite: () => {},
    total: total - first,
    get free() {
      return total - first - inUse;
    },
    alloc: (wanted = 0) => take(false, wanted),
    allocZeroed: (wanted = 0) => take(true, wanted),
    setAside(n) {
      // Tables need adjacent frames, too.
      if (top - next < n + total / 4) return 0;
      const start = next;
      next += n;
      aside.push([start, next]);
      return start;
    },
    hold(frame) {
      counts[frame] = (counts[frame] as number) + 1;
    },
    release(frame) {
      const n = (counts[frame] as number) - 1;
      counts[frame] = n;
      if (n > 0) return;
      if (n < 0) throw new Error(`frame ${frame} released too often`);
      if (((u8[FRAME_FLAGS + frame] as number) & 1) !== 0) this.onCodeWrite(frame);
      u8[FRAME_FLAGS + frame] = 0;
      putBack(frame);
      inUse--;
    },
    refs: (frame) => counts[frame] as number,
    willWrite(frame) {
      if (((u8[FRAME_FLAGS + frame] as number) & 1) !== 0) this.onCodeWrite(frame);
    },
    allocContiguous(n) {
      let start = (chunks.get(n)?.pop() ?? 0) / PAGE;
      if (start === 0) {
        if (top - n >= next && counts.subarray(top - n, top).every((count) => count === 0)) {
          top -= n;
          start = top;
        } else {
          splitChunks();
          start = gather(n);
          if (start === 0) return 0;
        }
        counts.fill(1, start, start + n);
      }
      inUse += n;
      return start * PAGE;
    },
    releaseContiguous(address, n) {
      inUse -= n;
      const list = chunks.get(n);
      if (list) list.push(address);
      else chunks.set(n, [address]);
    },
  };
};
