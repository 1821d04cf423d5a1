// Where predecoded ops live: chunks of adjacent frames, filled from the front and dropped all at once. The first
// chunk is taken at boot and kept, so that a machine whose memory is full can still decode.

import { PAGE } from '../layout.ts';
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
  let at = kept;
  let end = kept + CHUNK_FRAMES * PAGE;
  return {
    room(n) {
      const bytes = n * OP_BYTES;
      if (at + bytes > end) {
        if ((chunks.length + 1) * CHUNK_FRAMES * PAGE >= maxBytes) return 0;
        const chunk = mem.allocContiguous(CHUNK_FRAMES);
        if (chunk === 0) return 0;
        chunks.push(chunk);
        at = chunk;
        end = chunk + CHUNK_FRAMES * PAGE;
      }
      return at;
    },
    take(n) {
      at += n * OP_BYTES;
    },
    reset() {
      for (const c of chunks) mem.releaseContiguous(c, CHUNK_FRAMES);
      chunks = [];
      at = kept;
      end = kept + CHUNK_FRAMES * PAGE;
    },
  };
};
