// The table of blocks (BLOCKS in layout.ts) as TypeScript writes it: what dispatch finds before it asks code-cache.ts.
// Places in it are indices of 32-bit words, 0 for none.

import { BLOCKS, CPU, JUMP, OFF, PAGE } from './layout.ts';
import type { PhysicalMemory } from './mmu/frames.ts';

export interface BlockTable {
  /** Where the block of the code at `ip` in a frame is, for a mode of arithmetic (Block.exactFp); 0 when it is not. */
  find(frame: number, ip: number, exact: boolean): number;
  /** Whether that block may be in memory all the same: others may have displaced it. */
  mayHaveBeen(frame: number, ip: number): boolean;
  /** Enters a block, to be run by `fn` of the code table with `arg`, while the epoch is this one, or for good if that is 0. */
  enter(frame: number, ip: number, exact: boolean, fn: number, arg: number, epoch: number): void;
  retract(frame: number, ip: number, exact: boolean): void;
  clear(): void;
}

/** A machine with as much can have a large table. */
const MUCH_MEMORY = 256 << 20;

export const createBlockTable = ({ u8, u32, allocContiguous }: PhysicalMemory): BlockTable => {
  const entries = u8.length < MUCH_MEMORY ? BLOCKS.few : BLOCKS.entries;
  const table = allocContiguous((entries << BLOCKS.entryShift) / PAGE);
  if (table === 0) throw new RangeError('memoryBytes is too small for tables');
  u32[(CPU + OFF.blocks) >>> 2] = table;
  u32[(CPU + OFF.blocksMask) >>> 2] = entries - 1;

  const high = (ip: number, exact: boolean): number =>
    Math.floor(ip / 4294967296) + (exact ? 2 ** (BLOCKS.exactShift - 32) : 0);
  const codeAt = (frame: number, ip: number): number => frame * PAGE + (ip & (PAGE - 1));
  const codeIn = (at: number): number => u32[at + BLOCKS.code / 4] as number;
  /** The first of the two places of a block. */
  const first = (code: number): number =>
    (table + ((((code ^ (code >>> 12)) >>> BLOCKS.nearShift) & (entries - 1)) << BLOCKS.entryShift)) >>> 2;
  const other = (at: number): number => at ^ (1 << (BLOCKS.entryShift - 2));
  const find = (frame: number, ip: number, exact: boolean): number => {
    const code = codeAt(frame, ip);
    const holds = (at: number): boolean =>
      codeIn(at) === code && u32[at] === ip >>> 0 && u32[at + 1] === high(ip, exact);
    const at = first(code);
    return holds(at) ? at : holds(other(at)) ? other(at) : 0;
  };
  return {
    find,
    mayHaveBeen: (frame, ip) => codeIn(first(codeAt(frame, ip))) !== 0,
    enter(frame, ip, exact, fn, arg, epoch) {
      const code = codeAt(frame, ip);
      let at = find(frame, ip, exact);
      if (at === 0) {
        at = first(code);
        if (codeIn(at) > BLOCKS.gone) at = other(at);
      }
      u32[at] = ip;
      u32[at + 1] = high(ip, exact);
      u32[at + JUMP.fn / 4] = fn;
      u32[at + JUMP.arg / 4] = arg;
      u32[at + BLOCKS.code / 4] = code;
      u32[at + BLOCKS.epoch / 4] = epoch;
    },
    retract(frame, ip, exact) {
      const at = find(frame, ip, exact);
      if (at !== 0) u32[at + BLOCKS.code / 4] = BLOCKS.gone;
    },
    clear: () => void u8.fill(0, table, table + (entries << BLOCKS.entryShift)),
  };
};
