// Strip mining: a loop whose addresses advance by fixed steps runs in strips of rounds that stay on the pages where it is,
// which are looked up once for a strip. A loop gets a copy for that (strip-loops.ts): after a few rounds, each of which
// looks up what it reaches as any code does, the pages of the next round are looked for in the TLB; where all are there,
// the copy does as many rounds as fit, and the first round that does not is the original's again. So the copy never
// faults and never asks the core, and whatever is unusual (a page that is missing, a store to code) the original meets.
// That addresses advance so is seen while the copy is emitted, by the symbolic values of its registers; where it is not
// so after all, the region is emitted again without this copy.

import { tlbEntry, WASM } from '../emit-base.ts';
import { PAGE, TLB } from '../layout.ts';
import type { Code } from '../wasm/code.ts';
import { i32, i64, loadAt, select, type Val } from '../wasm/ir.ts';
import type { Group } from './guest-memory.ts';
import type { StripLoop } from './strip-loops.ts';
import { type Sym, Symbols } from './symbols.ts';

/** Rounds of a strip that are worth the look. */
const LEAST_ROUNDS = 4;

/** Addresses that lie at known distances from each other, and advance together. */
interface Stream {
  readonly root: number;
  readonly groups: Group[];
  /** i32 local: from an address to the physical address. */
  readonly toPhysical: Val;
}

/** What something advances by in a round: a constant, and what a register holds that the loop leaves alone, given by its root. */
interface Step {
  readonly constant: number;
  readonly register: number | null;
}
const NO_STEP: Step = { constant: 0, register: null };

/** A loop's copy while it is emitted. */
export class Strip {
  readonly loop: StripLoop;
  #symbols = new Symbols();
  /** The general registers by the roots of what they hold where a round begins. */
  #registers: ReadonlyMap<number, Val> = new Map();
  /** What each root is from round to round; null where that differs. */
  readonly #next = new Map<number, Sym | null>();
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
      const known = this.#next.get(root);
      const same = known === undefined || (known?.root === now.root && known.offset === now.offset);
      this.#next.set(root, same ? now : null);
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

  #isInvariant(root: number): boolean {
    return this.#next.get(root)?.root === root && this.#next.get(root)?.offset === 0;
  }
  /** What a register advances by, whose root is `root`. */
  #stepOfRegister(root: number): Step | null {
    const next = this.#next.get(root);
    if (!next) return null;
    if (next.root === root) return { constant: next.offset, register: null };
    const parts = this.#symbols.partsOf(next.root);
    if (parts?.kind !== 'sum' || (parts.x !== root && parts.y !== root)) return null;
    const register = parts.x === root ? parts.y : parts.x;
    return this.#isInvariant(register) ? { constant: next.offset, register } : null;
  }
  /** What a root advances by in a round; null when that is not known. */
  #stepOf(root: number): Step | null {
    if (root === 0) return NO_STEP;
    if (this.#registers.has(root)) return this.#stepOfRegister(root);
    const parts = this.#symbols.partsOf(root);
    if (!parts) return null;
    if (parts.kind === 'high') return NO_STEP;
    const x = this.#stepOf(parts.x);
    if (!x) return null;
    if (parts.kind === 'shift')
      return x.register === null ? { constant: x.constant * 2 ** parts.y, register: null } : null;
    const y = this.#stepOf(parts.y);
    if (!y || (x.register !== null && y.register !== null)) return null;
    return { constant: x.constant + y.constant, register: x.register ?? y.register };
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
      return step !== null && Math.abs(step.constant) < PAGE;
    };
    const keepsAligned = (root: number, mask: number): boolean => {
      const step = this.#stepOf(root);
      return step !== null && step.register === null && (step.constant & mask) === 0;
    };
    return (
      !this.#refused &&
      this.#streams.length > 0 &&
      this.#streams.every((t) => steady(t.root) && extent(t).bytes <= PAGE) &&
      this.#aligned.every(({ sym, mask }) => keepsAligned(sym.root, mask))
    );
  }

  /** How many rounds stay on a page, from an offset in it to where there is `room` left; null: all. */
  #roundsOf(c: Code, { constant, register }: Step, offset: Val, room: number): Val | null {
    const at = i32.wrap(offset);
    const rounds = (way: Val, step: Val): Val => i32.add(i32.divU(way, step), i32.const(1));
    if (register === null) {
      if (constant === 0) return null;
      const way = constant < 0 ? at : i32.sub(i32.const(room), at);
      return rounds(way, i32.const(Math.abs(constant)));
    }
    const step = c.local('i64');
    c.set(step, i64.add(this.#valueOf(register), i64.const(constant)));
    // Only forwards, and by less than a page.
    const small = i64.ltU(i64.sub(step, i64.const(1)), i64.const(PAGE));
    const forwards = rounds(i32.sub(i32.const(room), at), select(small, i32.wrap(step), i32.const(1)));
    return select(small, forwards, i32.const(0));
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
        c.set(at, i64.add(this.#valueOf(stream.root), i64.const(lo)));
        c.set(entry, tlbEntry(tlb, at));
        c.set(offset, i64.sub(at, loadAt('i64', WASM.i64Load, entry, write ? TLB.writeTag : TLB.readTag)));
        const physical = i32.add(i32.wrap(offset), loadAt('i32', WASM.i32Load, entry, TLB.frame));
        c.set(stream.toPhysical, i32.sub(physical, i32.wrap(at)));
        const fitting = this.#roundsOf(c, this.#stepOf(stream.root) as Step, offset, room);
        if (fitting) {
          c.set(entry, fitting);
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
