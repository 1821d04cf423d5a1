// Where predecoded ops live: chunks of adjacent frames, filled from the front and dropped all at once.

import { PAGE } from '../layout.ts';
import type { PhysicalMemory } from '../mmu/frames.ts';
import { OP_BYTES } from './op.ts';

const CHUNK_FRAMES = 64;

export interface Arena {
  /** Physical address of n ops; 0 when the arena is full and has to be reset. */
  alloc(n: number): number;
  /** Frees everything. */
  reset(): void;
}

export const createArena = (mem: PhysicalMemory, maxBytes: number): Arena => {
  let chunks: number[] = [];
  let at = 0;
  let end = 0;
  return {
    alloc(n) {
      const bytes = n * OP_BYTES;
      if (at + bytes > end) {
        if (chunks.length * CHUNK_FRAMES * PAGE >= maxBytes) return 0;
        const chunk = mem.allocContiguous(CHUNK_FRAMES);
        if (chunk === 0) return 0;
        chunks.push(chunk);
        at = chunk;
        end = chunk + CHUNK_FRAMES * PAGE;
      }
      const here = at;
      at += bytes;
      return here;
    },
    reset() {
      for (const c of chunks) mem.releaseContiguous(c, CHUNK_FRAMES);
      chunks = [];
      at = 0;
      end = 0;
    },
  };
};
