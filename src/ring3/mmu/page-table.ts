// A page table: four levels of 4-byte entries in physical frames (5 + 10 + 10 + 10 bits of page number), as
// the core module walks it on a TLB miss, with the TLB and the jump cache of its address space.
// An entry is the frame's physical address with the access bits (PTE) below; 0 is "not mapped".

import { type PageTable, PTE } from '../cpu.ts';
import {
  CPU,
  FRAME_FLAGS,
  HOME,
  HOME_BYTES,
  JUMP,
  JUMP_BYTES,
  MEMO,
  memoAt,
  OFF,
  PAGE,
  TLB,
  TLB_BYTES,
} from '../layout.ts';
import type { PhysicalMemory } from './frames.ts';

/** What the processor needs to know of a page table beyond the contract. */
export interface MmuTable extends PageTable {
  /** Physical addresses of the root, the TLB and the jump cache. */
  readonly root: number;
  readonly tlb: number;
  readonly jump: number;
  /** See HOME in layout.ts; a whole number of pages, in bytes. */
  readonly home: number;
  /** See OFF.epoch in layout.ts. */
  readonly epoch: number;
  /** For which mode of arithmetic (OFF.exactFp) the jump cache is; kept by whoever changes it. */
  jumpMode: number;
  /** Readies the jump cache; to be called before the processor uses it. Many an address space never runs. */
  useJumps(): void;
  /** Forgets every jump cache entry. */
  flushJumps(): void;
  flushTlb(): void;
  destroyed: boolean;
}

const TWO32 = 4294967296;
/** Frames of the largest memory. */
const FRAMES = TWO32 / PAGE;
/** Addresses have 47 bits. */
const ADDRESSES = 2 ** 47;
const TABLE_FRAMES = (TLB_BYTES + HOME_BYTES + JUMP_BYTES) / PAGE;

/** Low half of the tag of nothing in the entry of a page. */
const noTag = (page: number): number => (page & 1 ? 0 : PAGE);
const EMPTY_TLB = new Int32Array((TLB_BYTES + HOME_BYTES) / 4);
/** What the first two entries of a table hold is in all: a loop over them takes half a millisecond before it is compiled. */
const repeat = (table: number, entryShift: number): void => {
  for (let n = 2; n < TLB.entries; n *= 2)
    EMPTY_TLB.copyWithin((table + (n << entryShift)) >> 2, table >> 2, (table + (n << entryShift)) >> 2);
};
for (let n = 0; n < 2; n++) {
  const entry = (n << TLB.entryShift) >> 2;
  EMPTY_TLB[entry + (TLB.readTag >> 2)] = noTag(n);
  EMPTY_TLB[entry + (TLB.writeTag >> 2)] = noTag(n);
  const home = (HOME.table + (n << HOME.entryShift)) >> 2;
  EMPTY_TLB[home + (HOME.readTag >> 2)] = noTag(n);
  EMPTY_TLB[home + (HOME.writeTag >> 2)] = noTag(n);
}
repeat(0, TLB.entryShift);
repeat(HOME.table, HOME.entryShift);

/** Regions remember nothing of the TLB any more. */
export const forgetMemos = ({ i32 }: Pick<PhysicalMemory, 'i32'>): void => {
  const used = (CPU + OFF.memosUsed) >>> 2;
  if (i32[used] === 0) return;
  i32[used] = 0;
  i32.set(NO_MEMOS, memoAt(0) >>> 2);
};
const NO_MEMOS = new Int32Array((MEMO.number * MEMO.bytes) / 4);
{
  const view = new DataView(NO_MEMOS.buffer);
  for (let at = 0; at < NO_MEMOS.byteLength; at += MEMO.bytes) {
    view.setBigInt64(at + MEMO.tag, MEMO.noTag, true);
    view.setInt32(at + MEMO.frame, MEMO.noFrame, true);
  }
}

/** `codeMoved` is called when an executable page appears, goes or changes its frame. */
export const createPageTable = (
  mem: PhysicalMemory,
  codeMoved: (table: MmuTable) => void,
  home = 0,
): MmuTable | null => {
  const root = mem.allocZeroed() * PAGE;
  if (root === 0) return null;
  const tlb = mem.allocContiguous(TABLE_FRAMES);
  if (tlb === 0) {
    mem.release(root / PAGE);
    return null;
  }
  const jump = tlb + TLB_BYTES + HOME_BYTES;
  const { u32, i32 } = mem;

  const forgetEntry = (at: number, none: number): void => {
    i32[at] = none;
    i32[at + 1] = 0;
    i32[at + 2] = none;
    i32[at + 3] = 0;
  };
  const forget = (page: number): void => {
    const n = page & (TLB.entries - 1);
    const none = noTag(page);
    forgetEntry((tlb + (n << TLB.entryShift)) >>> 2, none);
    forgetEntry((tlb + HOME.table + (n << HOME.entryShift)) >>> 2, none);
    forgetMemos(mem);
  };

  /** Frames of the tables, to be freed. */
  const frames = [root / PAGE];
  /** Table below entry i of a table, made when it is absent and `make`; 0 when there is none. */
  const below = (table: number, i: number, make: boolean): number => {
    const at = (table >>> 2) + i;
    const found = u32[at] as number;
    if (found !== 0 || !make) return found;
    const frame = mem.allocZeroed();
    if (frame !== 0) frames.push(frame);
    u32[at] = frame * PAGE;
    return frame * PAGE;
  };
  let epoch = 0;
  let jumpsUsed = false;
  /** The last table that was found, and which pages it is for: accesses stay close together. */
  let lastSpan = -1;
  let lastTable = 0;
  /** Word index of the leaf entry of a page, or 0 when there is no table for it (`make`: or no memory). */
  const leaf = (page: number, make: boolean): number => {
    const span = Math.floor(page / 1024);
    if (span === lastSpan) return lastTable + (page & 1023);
    // A page number has 35 bits: the upper 15 apart, so that the rest is 32-bit arithmetic.
    const high = span >>> 10;
    const second = below(root, (high >>> 10) & 31, make);
    if (second === 0) return 0;
    const third = below(second, high & 1023, make);
    if (third === 0) return 0;
    const last = below(third, span & 1023, make);
    if (last === 0) return 0;
    lastSpan = span;
    lastTable = last >>> 2;
    return lastTable + (page & 1023);
  };

  const self: MmuTable = {
    root,
    tlb,
    jump,
    home,
    jumpMode: 0,
    get epoch() {
      return epoch;
    },
    homeOf: (page) => (page + home / PAGE) % FRAMES,
    destroyed: false,
    program: null,
    set(page, frame, access) {
      const i = leaf(page, true);
      if (i === 0) return false;
      const old = u32[i] as number;
      const entry = (frame * PAGE + access) >>> 0;
      if (old === entry) return true;
      u32[i] = entry;
      if ((access & PTE.write) !== 0)
        mem.u8[FRAME_FLAGS + frame] = (mem.u8[FRAME_FLAGS + frame] as number) | 2;
      // What was not there is in no cache.
      if (old === 0) return true;
      forget(page);
      if (((old | access) & PTE.exec) !== 0) codeMoved(self);
      return true;
    },
    get(page) {
      const i = leaf(page, false);
      if (i === 0) return 0;
      const e = u32[i] as number;
      return (e >>> 12) * 8 + (e & 7);
    },
    translate(address, write) {
      if (!(address >= 0 && address < ADDRESSES)) return -1;
      const high = Math.floor(address / TWO32);
      const low = (address - high * TWO32) >>> 0;
      const tag = (low & -PAGE) >>> 0;
      const entry = (tlb + (((low >>> 12) & (TLB.entries - 1)) << TLB.entryShift)) >>> 2;
      const at = write ? entry + (TLB.writeTag >> 2) : entry + (TLB.readTag >> 2);
      if (u32[at] === tag && u32[at + 1] === high)
        return (u32[entry + (TLB.frame >> 2)] as number) + (low & (PAGE - 1));
      const i = leaf(high * 0x100000 + (low >>> 12), false);
      if (i === 0) return -1;
      const e = u32[i] as number;
      if ((e & PTE.read) === 0) return -1;
      const writable = (e & PTE.write) !== 0 && ((mem.u8[FRAME_FLAGS + (e >>> 12)] as number) & 1) === 0;
      if (write && !writable) return -1;
      u32[entry] = tag;
      u32[entry + 1] = high;
      u32[entry + 2] = writable ? tag : noTag(low >>> 12);
      u32[entry + 3] = writable ? high : 0;
      u32[entry + 4] = e & -PAGE;
      return ((e & -PAGE) | (low & (PAGE - 1))) >>> 0;
    },
    clear(page) {
      const i = leaf(page, false);
      if (i === 0) return;
      const old = u32[i] as number;
      if (old === 0) return;
      u32[i] = 0;
      forget(page);
      if ((old & PTE.exec) !== 0) codeMoved(self);
    },
    each(from, to, visit) {
      let page = from;
      while (page < to) {
        const high = Math.floor(page / 0x100000);
        const second = below(root, (high >>> 10) & 31, false);
        const third = second === 0 ? 0 : below(second, high & 1023, false);
        const last = third === 0 ? 0 : below(third, (page & 0xfffff) >>> 10, false);
        // The next page that another table of the level that ends here is for.
        const span = second === 0 ? 0x40000000 : third === 0 ? 0x100000 : 1024;
        const next = (Math.floor(page / span) + 1) * span;
        if (last !== 0) {
          const end = Math.min(next, to);
          const base = (last >>> 2) - (next - 1024);
          for (; page < end; page++) {
            const e = u32[base + page] as number;
            if (e !== 0) visit(page, e >>> 12, e & 7);
          }
        }
        page = next;
      }
    },
    useJumps() {
      if (jumpsUsed) return;
      jumpsUsed = true;
      self.flushJumps();
    },
    flushJumps() {
      if (!jumpsUsed) return;
      i32.fill(-1, jump >>> 2, (jump + JUMP_BYTES) >>> 2);
      // A program may jump to address -1, which is looked up in slot 0: an address of slot 1 stands there.
      i32[(jump + JUMP.ip) >>> 2] = 1;
      i32[(jump + JUMP.ip + 4) >>> 2] = 0;
      const last = (CPU + OFF.lastEpoch) >>> 2;
      epoch = ((u32[last] as number) + 1) >>> 0 || 1;
      u32[last] = epoch;
      if (u32[(CPU + OFF.jumpCache) >>> 2] === jump) u32[(CPU + OFF.epoch) >>> 2] = epoch;
    },
    flushTlb() {
      i32.set(EMPTY_TLB, tlb >>> 2);
      forgetMemos(mem);
    },
    destroy() {
      if (self.destroyed) return;
      self.destroyed = true;
      for (const frame of frames) mem.release(frame);
      mem.releaseContiguous(tlb, TABLE_FRAMES);
    },
  };
  self.flushTlb();
  return self;
};
