// Which arithmetic flags are wanted after each instruction of a region, walking backwards. A place where
// control may leave the region (a fault, a call, the end of the budget) wants all of them, because a signal
// frame or the interpreter will show them; but not a call to code that forgets them.

import type { Insn } from '../decode/insn.ts';
import { insnFlags } from '../decode/row-flags.ts';
import { ARITH_FLAGS } from '../layout.ts';
import { canLeave } from './can-leave.ts';
import { directTarget, type Region } from './region.ts';
import type { Structure } from './structure.ts';

/** Wanted flags behind every instruction, by block and place in the block. `memoryHolds`: blocks where accesses to memory do not fault. */
export const flagLiveness = (
  region: Region,
  s: Structure,
  memoryHolds: (block: number) => boolean = () => false,
): readonly Uint16Array[] => {
  const { blocks } = region;
  const liveIn = new Uint16Array(blocks.length);
  const after = blocks.map((b) => new Uint16Array(b.insns.length));
  const atEnd = (index: number): number => {
    const b = blocks[index] as (typeof blocks)[number];
    const last = b.insns[b.insns.length - 1];
    if (!last && b.ip >= 0) return liveIn[b.succs[0] as number] as number;
    // A dispatch block leaves for addresses that it does not know.
    if (!last) return ARITH_FLAGS;
    const { flow } = last.row;
    if (flow === 'call' && region.flagless.has(directTarget(last) ?? -1)) return 0;
    if (flow !== 'next' && flow !== 'jump' && flow !== 'branch') return ARITH_FLAGS;
    const ways = flow === 'branch' ? 2 : 1;
    if (b.succs.length < ways) return ARITH_FLAGS;
    let live = 0;
    for (const to of b.succs)
      live |= s.leaves(index, to) || s.isBack(index, to) ? ARITH_FLAGS : (liveIn[to] as number);
    return live;
  };
  // Edges back to a header count as leaving (budget), so one pass in postorder sees every successor first.
  for (let n = s.order.length - 1; n >= 0; n--) {
    const index = s.order[n] as number;
    const b = blocks[index] as (typeof blocks)[number];
    let live = atEnd(index);
    for (let k = b.insns.length - 1; k >= 0; k--) {
      const i = b.insns[k] as Insn;
      (after[index] as Uint16Array)[k] = live;
      const { written, read } = insnFlags(i);
      live = (live & ~written) | (read & ARITH_FLAGS);
      if (canLeave(i, memoryHolds(index))) live = ARITH_FLAGS;
    }
    liveIn[index] = live;
  }
  return after;
};
