// Code of the current address space as it lies in memory: its frames, its instructions, its bytes. Nothing here makes
// a page present, except where that is said.

import type { PageTable } from './cpu.ts';
import { decode, endsBlock } from './decode/decoder.ts';
import type { Insn } from './decode/insn.ts';
import { PAGE } from './layout.ts';
import type { PhysicalMemory } from './mmu/frames.ts';

/** Why there is no instruction: a page that it needs is absent, its bytes mean nothing, or they are more than 15. */
export type NoInsn = 'page' | 'undefined' | 'too-long';

export interface CodeMemory {
  /** The frame of a page that may be executed, or 0. */
  frameOf(page: number): number;
  decodeAt(ip: number): Insn | NoInsn;
  /** Instructions from `ip` on, at most `most`, to the first that may go elsewhere; why there are no more, if not that. */
  decodeRun(ip: number, most: number): { readonly insns: readonly Insn[]; readonly failed: NoInsn | '' };
  /** An address on the page that is absent, if there is no instruction at `ip` for want of one: that of ip itself, or the one it runs into. */
  missing(ip: number): number;
  /** Copies the code at [ip, end), whose pages are there. */
  bytes(ip: number, end: number, into: Uint8Array, at: number): void;
  /** Whether this code lies there; may ask for pages. */
  isSame(ip: number, code: Uint8Array): boolean;
  /** See `GuestCode.word`. */
  word(address: number): number | null;
}

export const codeMemory = (
  { u8, u32 }: PhysicalMemory,
  table: () => PageTable,
  /** Makes code of a page present; false when an exception is pending. */
  fetchable: (address: number) => boolean,
): CodeMemory => {
  const window = new Uint8Array(16);
  const frameOf = (page: number): number => {
    const e = table().get(page);
    return (e & 4) !== 0 ? e >>> 3 : 0;
  };
  const decodeAt = (ip: number): Insn | NoInsn => {
    const page = Math.floor(ip / PAGE);
    const frame = frameOf(page);
    if (frame === 0) return 'page';
    const offset = ip & (PAGE - 1);
    const here = PAGE - offset;
    const first = decode(u8, frame * PAGE + offset, ip, here);
    if (!('error' in first)) return first;
    if (first.error !== 'short') return first.error;
    const nextFrame = frameOf(page + 1);
    if (nextFrame === 0) return 'page';
    window.set(u8.subarray(frame * PAGE + offset, frame * PAGE + PAGE));
    window.set(u8.subarray(nextFrame * PAGE, nextFrame * PAGE + 16 - here), here);
    const both = decode(window, 0, ip, 15);
    if (!('error' in both)) return both;
    return both.error === 'undefined' ? 'undefined' : 'too-long';
  };
  return {
    frameOf,
    decodeAt,
    decodeRun(ip, most) {
      const insns: Insn[] = [];
      let at = ip;
      while (insns.length < most) {
        const i = decodeAt(at);
        if (typeof i === 'string') return { insns, failed: i };
        insns.push(i);
        at = i.next;
        if (endsBlock(i)) break;
      }
      return { insns, failed: '' };
    },
    missing: (ip) => (frameOf(Math.floor(ip / PAGE)) === 0 ? ip : (Math.floor(ip / PAGE) + 1) * PAGE),
    bytes(ip, end, into, at) {
      for (let from = ip; from < end; ) {
        const page = Math.floor(from / PAGE);
        const n = Math.min(end, (page + 1) * PAGE) - from;
        const p = frameOf(page) * PAGE + (from & (PAGE - 1));
        into.set(u8.subarray(p, p + n), at + from - ip);
        from += n;
      }
    },
    isSame(ip, code) {
      for (let n = 0; n < code.length; ) {
        const page = Math.floor((ip + n) / PAGE);
        if (frameOf(page) === 0 && !fetchable(page * PAGE)) return false;
        let at = frameOf(page) * PAGE + ((ip + n) & (PAGE - 1));
        for (const end = Math.min(code.length, n + PAGE - (at & (PAGE - 1))); n < end; n++)
          if (u8[at++] !== code[n]) return false;
      }
      return true;
    },
    word(address) {
      const e = address % 4 === 0 ? table().get(Math.floor(address / PAGE)) : 0;
      return (e & 1) === 0 ? null : (u32[(Math.floor(e / 8) * PAGE + (address % PAGE)) >>> 2] as number);
    },
  };
};
