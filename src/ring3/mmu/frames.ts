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
  const counts = new Int32Array(total);
  const freeList: number[] = [];
  /** Frames in [next, top) were never used and are zero. */
  let next = first;
  let top = total;
  const chunks = new Map<number, number[]>();
  let inUse = 0;

  /** Turns the tables that nobody uses back into frames; whether there were any. */
  const splitChunks = (): boolean => {
    for (const [n, list] of chunks) {
      for (const address of list) {
        const start = address / PAGE;
        for (let f = start + n - 1; f >= start; f--) {
          counts[f] = 0;
          freeList.push(f);
        }
      }
    }
    chunks.clear();
    return freeList.length > 0;
  };

  /** First of n adjacent frames among those that were given back, taken off the list; 0 when there are none. */
  const gather = (n: number): number => {
    if (freeList.length < n) return 0;
    let run = 0;
    for (let frame = first; frame < total; frame++) {
      if (frame === next && next < top) {
        frame = top;
        run = 0;
      }
      run = frame < total && counts[frame] === 0 ? run + 1 : 0;
      if (run < n) continue;
      const start = frame - n + 1;
      let kept = 0;
      for (const f of freeList) if (f < start || f > frame) freeList[kept++] = f;
      freeList.length = kept;
      return start;
    }
    return 0;
  };

  const take = (zero: boolean): number => {
    if (freeList.length === 0 && next >= top) splitChunks();
    const recycled = freeList.pop();
    let frame: number;
    if (recycled !== undefined) {
      frame = recycled;
      if (zero) u8.fill(0, frame * PAGE, frame * PAGE + PAGE);
    } else if (next < top) frame = next++;
    else return 0;
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
    alloc: () => take(false),
    allocZeroed: () => take(true),
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
      freeList.push(frame);
      inUse--;
    },
    refs: (frame) => counts[frame] as number,
    willWrite(frame) {
      if (((u8[FRAME_FLAGS + frame] as number) & 1) !== 0) this.onCodeWrite(frame);
    },
    allocContiguous(n) {
      let start = (chunks.get(n)?.pop() ?? 0) / PAGE;
      if (start === 0) {
        if (top - n >= next) {
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
