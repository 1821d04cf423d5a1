// Symbolic values of i64 locals: a root and a constant offset, so that two addresses can be seen to lie a
// known distance apart. Equal roots mean equal values at the time of looking; nothing more is claimed.

import { constOf, type Val } from '../wasm/ir.ts';

export interface Sym {
  readonly root: number;
  readonly offset: number;
}

const ADD = 0x7c;
const SUB = 0x7d;
const SHL = 0x86;

/** Distances beyond this are of no use to anyone, and sums of them stay exact. */
const FAR = 2 ** 40;

const smallConst = (v: Val | null): number | null => {
  if (!v) return null;
  const c = constOf(v);
  return typeof c === 'number' && Math.abs(c) < FAR ? c : null;
};

/** What a root stands for beyond a value that came from somewhere. */
const KIND = { sum: 0, shift: 1, field: 2, high: 3 } as const;
/** Keys are small integers: two parts of so many bits. */
const PART_BITS = 15;

interface Roots {
  next: number;
  /** Root by the two parts that made it, for each kind. */
  readonly keys: readonly Map<number, number>[];
}

export class Symbols {
  /** By number of the local; null where nothing is known. */
  #locals: (Sym | null)[] = [];
  readonly #roots: Roots;

  constructor(roots: Roots = { next: 1, keys: [new Map(), new Map(), new Map(), new Map()] }) {
    this.#roots = roots;
  }
  /** The same knowledge, or none, to go on from independently. */
  fork(keep: boolean): Symbols {
    const s = new Symbols(this.#roots);
    if (keep) s.#locals = this.#locals.slice();
    return s;
  }
  /** What is known of the given locals alone, to go on from independently. */
  only(locals: readonly number[]): Symbols {
    const s = new Symbols(this.#roots);
    for (const local of locals) {
      const known = this.#locals[local];
      if (known) s.set(local, known);
    }
    return s;
  }
  /** Keeps what another path knows, too. */
  meet(other: Symbols): void {
    const mine = this.#locals;
    for (let i = 0; i < mine.length; i++) {
      const s = mine[i];
      const t = other.#locals[i];
      if (s && (!t || t.root !== s.root || t.offset !== s.offset)) mine[i] = null;
    }
  }

  #fresh(): number {
    return this.#roots.next++;
  }
  #root(kind: number, x: number, y: number): number {
    if (x >>> PART_BITS !== 0 || y >>> PART_BITS !== 0) return this.#fresh();
    const keys = this.#roots.keys[kind] as Map<number, number>;
    const key = (x << PART_BITS) | y;
    let root = keys.get(key);
    if (root === undefined) {
      root = this.#fresh();
      keys.set(key, root);
    }
    return root;
  }

  /** What a root was made of: the sum of two roots, a root shifted, or a constant; null for a value that came from somewhere. */
  partsOf(
    root: number,
  ):
    | { kind: 'sum' | 'shift'; readonly x: number; readonly y: number }
    | { kind: 'high'; readonly base: number }
    | null {
    for (const kind of ['sum', 'shift', 'high'] as const)
      for (const [key, made] of this.#roots.keys[KIND[kind]] as Map<number, number>) {
        if (made !== root) continue;
        const x = key >>> PART_BITS;
        return kind === 'high' ? { kind, base: x * FAR } : { kind, x, y: key & ((1 << PART_BITS) - 1) };
      }
    return null;
  }

  /** What is known of a value now. `epoch` dates what memory of the CPU block holds. */
  of(v: Val, epoch: number): Sym {
    switch (v.k) {
      case 'local': {
        let s = this.#locals[v.op];
        if (!s) {
          s = { root: this.#fresh(), offset: 0 };
          this.set(v.op, s);
        }
        return s;
      }
      case 'const': {
        const c = constOf(v);
        if (typeof c !== 'number') break;
        if (Math.abs(c) < FAR) return { root: 0, offset: c };
        // Shared libraries lie beyond: a root for each stretch of that size.
        const high = Math.floor(c / FAR);
        return { root: this.#root(KIND.high, high, 0), offset: c - high * FAR };
      }
      case 'load': {
        const base = v.a;
        if (base?.k === 'const') {
          return { root: this.#root(KIND.field, Number(v.imm), epoch), offset: 0 };
        }
        break;
      }
      case 'op': {
        const { a, b } = v;
        if (!a || !b) break;
        const c = smallConst(b);
        if (v.op === SHL && c !== null) {
          const s = this.of(a, epoch);
          if (s.root === 0 || c < 0 || c > 3) break;
          return this.#near({ root: this.#root(KIND.shift, s.root, c), offset: s.offset * 2 ** c });
        }
        if (v.op !== ADD && v.op !== SUB) break;
        const s = this.of(a, epoch);
        const t = this.of(b, epoch);
        if (v.op === SUB) {
          if (t.root !== 0) break;
          return this.#near({ root: s.root, offset: s.offset - t.offset });
        }
        const offset = s.offset + t.offset;
        if (s.root === 0) return this.#near({ root: t.root, offset });
        if (t.root === 0) return this.#near({ root: s.root, offset });
        const [lo, hi] = s.root < t.root ? [s.root, t.root] : [t.root, s.root];
        return this.#near({ root: this.#root(KIND.sum, lo, hi), offset });
      }
    }
    return { root: this.#fresh(), offset: 0 };
  }
  #near(s: Sym): Sym {
    return Math.abs(s.offset) < FAR ? s : { root: this.#fresh(), offset: 0 };
  }

  set(local: number, s: Sym): void {
    const locals = this.#locals;
    while (locals.length <= local) locals.push(null);
    locals[local] = s;
  }
  /** The local has a value of which nothing is known. */
  forget(local: number): void {
    if (local < this.#locals.length) this.#locals[local] = null;
  }
  forgetAll(): void {
    this.#locals = [];
  }
}
