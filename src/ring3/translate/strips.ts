// Strip mining: a loop whose addresses advance by fixed steps runs in strips of rounds that stay on the pages that it is on,
// which are looked up once for a strip. A loop gets a copy for that: after a few rounds, each of which looks up what it
// reaches as any code does, the pages of the next round are looked for in the TLB; where all are there, the copy does as many rounds as fit,
// and the first round that does not is the original's again. So the copy never faults, never asks the core, and whatever is unusual
// (a page that is not there, a store to a page of code) happens in the original.
// That addresses advance so is seen while the copy is emitted, by the symbolic values of its registers; where it is not
// so after all, the region is emitted again without this copy.

import type { Insn } from '../decode/insn.ts';
import { WASM } from '../emit-base.ts';
import { PAGE, TLB } from '../layout.ts';
import type { Code } from '../wasm/code.ts';
import { i32, i64, loadAt, select, type Val } from '../wasm/ir.ts';
import { type Effects, NO_EFFECTS } from './between.ts';
import type { Group } from './guest-memory.ts';
import type { BasicBlock, Region } from './region.ts';
import { loopBody, type Structure } from './structure.ts';
import { type Sym, Symbols } from './symbols.ts';

/** Rounds that the original does before pages are looked for. */
export const ROUNDS_BEFORE = 16;
/** Rounds of a strip that are worth the look. */
const LEAST_ROUNDS = 4;
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

const STEPS: ReadonlySet<string> = new Set(['add', 'sub', 'inc', 'dec', 'lea']);
/** Whether an instruction adds a constant to a register. */
const isStep = (i: Insn): boolean => {
  const [to, by] = i.operands;
  if (to?.kind !== 'reg' || to.width !== 64) return false;
  switch (i.row.semantics) {
    case 'inc':
    case 'dec':
      return true;
    case 'add':
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

/** Whether a loop ends when a counter that begins near 0, it seems, has come to a small constant. */
const looksShort = (insns: readonly Insn[]): boolean => {
  const ends = insns.findLast((i) => i.row.semantics === 'cmp');
  const [counter, bound] = ends?.operands ?? [];
  if (counter?.kind !== 'reg' || bound?.kind !== 'imm') return false;
  const step = insns.find(
    ({ row, operands: [to] }) => STEPS.has(row.semantics) && to?.kind === 'reg' && to.reg === counter.reg,
  );
  const by = step?.operands[1];
  const size = by?.kind === 'imm' ? Number(by.value) : by?.kind === 'mem' ? Number(by.disp) : 1;
  return Math.abs(Number(bound.value)) < Math.abs(size) * 2 * ROUNDS_BEFORE;
};

/** Whether a loop looks as if its addresses advanced by fixed steps. */
const looksSteady = (insns: readonly Insn[]): boolean => {
  let wild = 0;
  for (const i of insns) if (!isStep(i)) wild |= firstOperand(i);
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
 * steps. Of loops that share a header (a region may begin in the midst of two) the shortest is the inner one.
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
    return plain && insns.length <= MAX_INSNS && looksSteady(insns) && !looksShort(insns);
  };
  const found = new Map<number, ReadonlySet<number>>();
  s.header.forEach((is, header) => {
    if (is === 0 || found.size === MAX_COPIES) return;
    const latches = (preds[header] as number[]).filter((u) => s.isBack(u, header));
    const best = latches
      .map((u) => loopBody(header, [u], preds))
      .filter((body) => fits(header, body))
      .sort((x, y) => x.size - y.size)[0];
    if (best) found.set(header, best);
  });
  return found;
};

/** A region with its loops' headers and copies behind its blocks, and the effects of all. */
export interface Stripped {
  readonly region: Region;
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
    blocks[entry] = { index: entry, ip: first.ip, insns: [], end: first.ip, succs: [header] };
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
  return { region: { ...region, blocks }, effects: allEffects, loops };
};

/** Addresses that lie at known distances from each other, and advance together. */
interface Stream {
  readonly root: number;
  readonly groups: Group[];
  /** i32 local: from an address to the physical address. */
  readonly toPhysical: Val;
}

/** A loop's copy while it is emitted. */
export class Strip {
  readonly loop: StripLoop;
  #symbols = new Symbols();
  /** The general registers by the roots of what they hold where a round begins. */
  #registers: ReadonlyMap<number, Val> = new Map();
  /** What each root advances by from round to round; null where that differs. */
  readonly #steps = new Map<number, number | null>();
  readonly #streams: Stream[] = [];
  readonly #aligned: { readonly sym: Sym; readonly mask: number }[] = [];
  readonly #code: Code;
  /** What the budget falls below when pages are looked for next. */
  readonly next: Val;
  /** What the budget is when a strip ends. */
  readonly stop: Val;
  readonly #count: Val;
  #refused = false;

  constructor(loop: StripLoop, code: Code) {
    this.loop = loop;
    this.#code = code;
    this.next = code.local('i32');
    this.stop = code.local('i32');
    this.#count = code.local('i32');
  }

  /** Where a round of the copy begins: `symbols` learns a root for each of the general registers, whose locals are `gprs`. */
  begin(symbols: Symbols, gprs: readonly Val[]): void {
    this.#symbols = symbols;
    this.#registers = new Map(gprs.map((local) => [symbols.of(local, 0).root, local]));
  }
  /** The copy does something that it cannot do. */
  refuse(): void {
    this.#refused = true;
  }
  /** Where a round ends and the next begins. */
  endRound(symbols: Symbols): void {
    for (const [root, local] of this.#registers) {
      const now = symbols.of(local, 0);
      const step = now.root === root ? now.offset : null;
      const known = this.#steps.get(root);
      this.#steps.set(root, known === undefined || known === step ? step : null);
    }
  }
  /** Takes a group of accesses; returns the local that takes it to physical memory. */
  add(group: Group): Val {
    let stream = this.#streams.find((t) => t.root === group.root && near(t.groups[0] as Group, group));
    if (!stream) {
      stream = { root: group.root, groups: [], toPhysical: this.#code.local('i32') };
      this.#streams.push(stream);
    }
    stream.groups.push(group);
    return stream.toPhysical;
  }
  /** The address has to be a multiple of mask + 1. */
  align(sym: Sym, mask: number): void {
    this.#aligned.push({ sym, mask });
  }

  /** What a root advances by in a round; null when that is not known. */
  #stepOf(root: number): number | null {
    if (root === 0) return 0;
    const step = this.#steps.get(root);
    if (step !== undefined) return step;
    const parts = this.#symbols.partsOf(root);
    if (!parts) return null;
    if (parts.kind === 'high') return 0;
    const x = this.#stepOf(parts.x);
    if (parts.kind === 'shift') return x === null ? null : x * 2 ** parts.y;
    const y = this.#stepOf(parts.y);
    return x === null || y === null ? null : x + y;
  }
  /** The value of a root where a round begins. */
  #valueOf(root: number): Val {
    if (root === 0) return i64.const(0);
    const register = this.#registers.get(root);
    if (register) return register;
    const parts = this.#symbols.partsOf(root);
    if (!parts) throw new Error('a root without a step has no value');
    if (parts.kind === 'high') return i64.const(parts.base);
    const x = this.#valueOf(parts.x);
    return parts.kind === 'shift' ? i64.shl(x, i64.const(parts.y)) : i64.add(x, this.#valueOf(parts.y));
  }

  /** Whether the copy may run, when all of it is emitted. */
  get holds(): boolean {
    const steady = (root: number): boolean => {
      const step = this.#stepOf(root);
      return step !== null && Math.abs(step) < PAGE;
    };
    return (
      !this.#refused &&
      this.#streams.length > 0 &&
      this.#streams.every((t) => steady(t.root) && extent(t).bytes <= PAGE) &&
      this.#aligned.every(
        ({ sym, mask }) => steady(sym.root) && ((this.#stepOf(sym.root) as number) & mask) === 0,
      )
    );
  }

  /**
   * Where a round begins: looks for the pages, and sets `toPhysical` of all streams. Then calls `then` for the case that a strip of
   * several rounds is possible, within the budget.
   */
  look(budget: Val, tlb: Val, then: () => void): void {
    const code = this.#code;
    const count = this.#count;
    code.set(count, budget);
    code.later((c) => {
      const at = c.local('i64');
      const entry = c.local('i32');
      const offset = c.local('i64');
      for (const stream of this.#streams) {
        const { lo, bytes, write } = extent(stream);
        const room = PAGE - bytes;
        const step = this.#stepOf(stream.root) as number;
        c.set(at, i64.add(this.#valueOf(stream.root), i64.const(lo)));
        const index = i32.shrU(i32.wrap(at), i32.const(12 - TLB.entryShift));
        c.set(entry, i32.add(i32.and(index, i32.const((TLB.entries - 1) << TLB.entryShift)), tlb));
        c.set(offset, i64.sub(at, loadAt('i64', WASM.i64Load, entry, write ? TLB.writeTag : TLB.readTag)));
        const physical = i32.add(i32.wrap(offset), loadAt('i32', WASM.i32Load, entry, TLB.frame));
        c.set(stream.toPhysical, i32.sub(physical, i32.wrap(at)));
        const left = step < 0 ? i32.wrap(offset) : i32.sub(i32.const(room), i32.wrap(offset));
        if (step !== 0) {
          c.set(entry, i32.add(i32.divU(left, i32.const(Math.abs(step))), i32.const(1)));
          c.set(count, select(i32.ltS(entry, count), entry, count));
        }
        c.set(count, select(i64.gtU(offset, i64.const(room)), i32.const(0), count));
      }
      for (const { sym, mask } of this.#aligned) {
        const address = i32.add(i32.wrap(this.#valueOf(sym.root)), i32.const(sym.offset | 0));
        c.set(count, select(i32.and(address, i32.const(mask)), i32.const(0), count));
      }
    });
    code.if(i32.geS(count, i32.const(LEAST_ROUNDS)), () => {
      code.set(this.stop, i32.sub(budget, count));
      then();
    });
  }
}

const near = (a: Group, b: Group): boolean => Math.abs(a.lo - b.lo) < PAGE / 8;

/** Bytes from the first to the last that a stream reaches in a round. */
const extent = ({ groups }: Stream): { lo: number; bytes: number; write: boolean } => {
  const lo = Math.min(...groups.map((g) => g.lo));
  const hi = Math.max(...groups.map((g) => g.hi));
  return { lo, bytes: hi - lo, write: groups.some((g) => g.write) };
};
