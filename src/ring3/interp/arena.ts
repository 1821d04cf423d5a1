// Where predecoded ops live: chunks of adjacent frames, filled from the front and dropped all at once. The first
// chunk is taken at boot and kept, so that a machine whose memory is full can still decode.

import { CPU, OFF, PAGE } from '../layout.ts';
import type { PhysicalMemory } from '../mmu/frames.ts';
import { OP_BYTES } from './op.ts';

const CHUNK_FRAMES = 64;

export interface Arena {
  /** Physical address with room for n ops, which `take` takes; 0 when the arena is full and has to be reset. */
  room(n: number): number;
  /** Takes n ops of the room. */
  take(n: number): void;
  /** Frees everything. */
  reset(): void;
}

export const createArena = (mem: PhysicalMemory, maxBytes: number): Arena => {
  const kept = mem.allocContiguous(CHUNK_FRAMES);
  if (kept === 0) throw new RangeError('memoryBytes is too small for predecoded code');
  let chunks: number[] = [];
  // Where WebAssembly finds them, too: it makes most of the blocks.
  const { u32 } = mem;
  const at = (CPU + OFF.arena) >>> 2;
  const end = (CPU + OFF.arenaEnd) >>> 2;
  const begin = (chunk: number): void => {
    u32[at] = chunk;
    u32[end] = chunk + CHUNK_FRAMES * PAGE;
  };
  begin(kept);
  return {
    room(n) {
      const bytes = n * OP_BYTES;
      if ((u32[at] as number) + bytes > (u32[end] as number)) {
        if ((chunks.length + 1) * CHUNK_FRAMES * PAGE >= maxBytes) return 0;
        const chunk = mem.allocContiguous(CHUNK_FRAMES);
        if (chunk === 0) return 0;
        chunks.push(chunk);
        begin(chunk);
      }
      return u32[at] as number;
    },
    take(n) {
      u32[at] = (u32[at] as number) + n * OP_BYTES;
    },
    reset() {
      for (const c of chunks) mem.releaseContiguous(c, CHUNK_FRAMES);
      chunks = [];
      begin(kept);
    },
  };
};
