// Which loops of a region may run in strips (strips.ts), by the look of their instructions, and their copies.

import type { Insn } from '../decode/insn.ts';
import { type Effects, NO_EFFECTS } from './between.ts';
import type { BasicBlock, Region } from './region.ts';
import { loopBody, type Structure, structure } from './structure.ts';

/** Rounds that the original does before pages are looked for. */
export const ROUNDS_BEFORE = 16;
/** The longest loop that gets a copy, in instructions. */
const MAX_INSNS = 64;
/** Copies in a region. */
const MAX_COPIES = 8;

/**
 * A loop of a region by the numbers of its blocks. Where its header was, there is an empty block now that leads to it: so the
 * loop and its copy stand side by side in a loop around both, and neither costs the other the processor's registers.
 */
export interface StripLoop {
  /** The empty block, by which the loop is entered and by which the copy goes back to it. */
  readonly entry: number;
  /** The header, in its new place. */
  readonly header: number;
  /** The copy of each block of the loop. */
  readonly copies: ReadonlyMap<number, number>;
}

/** Whether an instruction adds something to a register that the loop leaves alone, as far as one instruction tells. */
const isStep = (i: Insn): boolean => {
  const [to, by] = i.operands;
  if (to?.kind !== 'reg' || to.width !== 64) return false;
  switch (i.row.semantics) {
    case 'inc':
    case 'dec':
      return true;
    case 'add':
      return by?.kind === 'imm' || (by?.kind === 'reg' && by.reg !== to.reg);
    case 'sub':
      return by?.kind === 'imm';
    case 'lea':
      return by?.kind === 'mem' && by.base === to.reg && by.index < 0;
    default:
      return false;
  }
};

const COMPARES: ReadonlySet<string> = new Set(['cmp', 'test', 'bt']);
/** The register that an instruction writes by the look of its operands, as a bit: a guess. */
const firstOperand = ({ row, operands: [to] }: Insn): number =>
  to?.kind === 'reg' && !COMPARES.has(row.semantics) ? 1 << to.reg : 0;

/** Whether a loop seems to go round a few times only, by how often it and what lies behind it have run. */
const isBrief = (region: Region, header: number, body: ReadonlySet<number>): boolean => {
  const { blocks } = region;
  const exits = new Set<BasicBlock>();
  for (const n of body)
    for (const to of (blocks[n] as BasicBlock).succs) if (!body.has(to)) exits.add(blocks[to] as BasicBlock);
  let left = 0;
  for (const { runs } of exits) left += Math.max(0, runs);
  const { runs } = blocks[header] as BasicBlock;
  return runs >= 0 && left * ROUNDS_BEFORE > runs;
};

/** Whether a loop looks as if its addresses advanced by fixed steps. */
const looksSteady = (insns: readonly Insn[]): boolean => {
  let wild = 0;
  let written = 0;
  for (const i of insns) {
    written |= firstOperand(i);
    if (!isStep(i)) wild |= firstOperand(i);
  }
  for (const i of insns) {
    const by = i.operands[1];
    if (isStep(i) && by?.kind === 'reg' && ((written >>> by.reg) & 1) !== 0) wild |= firstOperand(i);
  }
  let accesses = 0;
  for (const i of insns) {
    if (i.row.semantics === 'lea' || i.row.semantics === 'nop') continue;
    for (const o of i.operands) {
      if (o.kind !== 'mem') continue;
      if (o.segment !== null) return false;
      for (const reg of [o.base, o.index]) if (reg >= 0 && ((wild >>> reg) & 1) !== 0) return false;
      accesses++;
    }
  }
  return accesses > 0;
};

/**
 * The loops that may get a copy, by their headers: innermost, without calls, with addresses that seem to advance by fixed
 * steps. Where two loops share a header (a region may begin in the midst of both) the shorter is the inner one.
 */
const loopsOf = (
  region: Region,
  s: Structure,
  effects: readonly Effects[],
): ReadonlyMap<number, ReadonlySet<number>> => {
  const preds: number[][] = region.blocks.map(() => []);
  for (const b of region.blocks)
    for (const to of b.succs) if (!s.leaves(b.index, to)) preds[to]?.push(b.index);
  const fits = (header: number, body: ReadonlySet<number>): boolean => {
    const blocks = [...body].map((n) => region.blocks[n] as BasicBlock);
    const plain = blocks.every(({ index, insns }) => {
      const flow = insns[insns.length - 1]?.row.flow;
      if (index !== header && s.header[index] === 1) return false;
      return (
        (flow === 'next' || flow === 'jump' || flow === 'branch') && !(effects[index] as Effects).clobbers
      );
    });
    const insns = blocks.flatMap((b) => b.insns);
    return plain && insns.length <= MAX_INSNS && looksSteady(insns) && !isBrief(region, header, body);
  };
  const found = new Map<number, ReadonlySet<number>>();
  s.header.forEach((is, header) => {
    if (is === 0 || found.size === MAX_COPIES) return;
    const latches = (preds[header] as number[]).filter((u) => s.isBack(u, header));
    const bodies = latches.map((u) => loopBody(header, [u], preds)).sort((x, y) => x.size - y.size);
    const best = [loopBody(header, latches, preds), ...bodies].find((body) => fits(header, body));
    if (best) found.set(header, best);
  });
  return found;
};

/** A region with its loops' headers and copies behind its blocks, and the effects of all. */
export interface Stripped {
  readonly region: Region;
  readonly structure: Structure;
  readonly effects: readonly Effects[];
  readonly loops: readonly StripLoop[];
}

/** Copies the loops that may be run in strips, but those whose headers are in `without`; null: none. */
export const withStrips = (
  region: Region,
  s: Structure,
  effects: readonly Effects[],
  without: ReadonlySet<number> | null,
): Stripped => {
  const loops: StripLoop[] = [];
  const blocks = [...region.blocks];
  const allEffects = [...effects];
  const add = (b: BasicBlock, effect: Effects, succs: readonly number[]): number => {
    const index = blocks.length;
    blocks.push({ ...b, index, succs });
    allEffects.push(effect);
    return index;
  };
  for (const [entry, body] of region.cautious || !without ? [] : loopsOf(region, s, effects)) {
    if (without?.has(entry)) continue;
    const first = region.blocks[entry] as BasicBlock;
    const header = add(first, effects[entry] as Effects, first.succs);
    blocks[entry] = {
      index: entry,
      ip: first.ip,
      insns: [],
      end: first.ip,
      succs: [header],
      runs: first.runs,
    };
    allEffects[entry] = NO_EFFECTS;

    const inLoop = [...body].map((n) => (n === entry ? header : n));
    const copies = new Map(inLoop.map((n, k) => [n, blocks.length + k]));
    const copyOfHeader = copies.get(header) as number;
    for (const n of inLoop) {
      const b = blocks[n] as BasicBlock;
      const isLatch = b.succs.includes(entry);
      const succs = b.succs.map((to) => (to === entry ? header : to));
      blocks[n] = { ...b, succs: isLatch ? [...succs, copyOfHeader] : succs };
      const inside = succs.map((to) => copies.get(to) ?? to);
      add(b, allEffects[n] as Effects, isLatch ? [...inside, entry] : inside);
    }
    loops.push({ entry, header, copies });
  }
  if (loops.length === 0) return { region, structure: s, effects, loops };
  const stripped = structure(blocks.map((b) => b.succs));
  return { region: { ...region, blocks }, structure: stripped, effects: allEffects, loops };
};
