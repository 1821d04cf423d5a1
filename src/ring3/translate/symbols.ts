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

export class Symbols {
  #locals: Map<number, Sym>;
  readonly #shared: { next: number; keys: Map<string, number> };

  constructor(shared: { next: number; keys: Map<string, number> } = { next: 1, keys: new Map() }) {
    this.#locals = new Map();
    this.#shared = shared;
  }
  /** The same knowledge, or none, to go on from independently. */
  fork(keep: boolean): Symbols {
    const s = new Symbols(this.#shared);
    if (keep) s.#locals = new Map(this.#locals);
    return s;
  }
  /** Keeps what another path knows, too. */
  meet(other: Symbols): void {
    for (const [local, s] of this.#locals) {
      const t = other.#locals.get(local);
      if (!t || t.root !== s.root || t.offset !== s.offset) this.#locals.delete(local);
    }
  }

  #fresh(): number {
    return this.#shared.next++;
  }
  #root(key: string): number {
    let root = this.#shared.keys.get(key);
    if (root === undefined) {
      root = this.#fresh();
      this.#shared.keys.set(key, root);
    }
    return root;
  }

  /** What is known of a value now. `epoch` dates what memory of the CPU block holds. */
  of(v: Val, epoch: number): Sym {
    switch (v.k) {
      case 'local': {
        let s = this.#locals.get(v.op);
        if (!s) {
          s = { root: this.#fresh(), offset: 0 };
          this.#locals.set(v.op, s);
        }
        return s;
      }
      case 'const': {
        const c = smallConst(v);
        // Absolute addresses beyond the limit are rare: each is a root of its own.
        return c === null ? { root: this.#root(`c${v.imm}`), offset: 0 } : { root: 0, offset: c };
      }
      case 'load': {
        const base = v.a;
        if (base?.k === 'const') return { root: this.#root(`m${v.imm}:${epoch}`), offset: 0 };
        break;
      }
      case 'op': {
        const { a, b } = v;
        if (!a || !b) break;
        const c = smallConst(b);
        if (v.op === SHL && c !== null) {
          const s = this.of(a, epoch);
          return { root: this.#root(`s${s.root}:${s.offset}:${c}`), offset: 0 };
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
        return this.#near({ root: this.#root(`a${lo}:${hi}`), offset });
      }
    }
    return { root: this.#fresh(), offset: 0 };
  }
  #near(s: Sym): Sym {
    return Math.abs(s.offset) < FAR ? s : { root: this.#fresh(), offset: 0 };
  }

  set(local: number, s: Sym): void {
    this.#locals.set(local, s);
  }
  /** The local has a value of which nothing is known. */
  forget(local: number): void {
    this.#locals.delete(local);
  }
  forgetAll(): void {
    this.#locals.clear();
  }
}
