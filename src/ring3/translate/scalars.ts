// Scalar floating point out of vectors: beside the v128 local of an xmm register, a region keeps the low lane in
// a float local of its own where scalar instructions read it. A chain of additions then depends from one float
// local to the next and not through the lane insertions, which cost V8's code a blend and two crossings
// between the integer and the floating-point side of the vector unit (twice the time of the chain,
// measured with such a loop). The copies that nobody reads V8 throws away.

import type { Insn } from '../decode/insn.ts';
import type { Code } from '../wasm/code.ts';
import { apply, f32, f64, type Val, v128 } from '../wasm/ir.ts';

type Float = 'f32' | 'f64';
const FLOATS: readonly Float[] = ['f64', 'f32'];
const EXTRACT = { f32: 0x1f, f64: 0x21 } as const;
const REPLACE = { f32: 0xfd20, f64: 0xfd22 } as const;
const XOR = 0xfd51;
const NONE = v128.const(new Uint8Array(16));

/** Scalar instructions, by the end of their names: addsd, cvtss2sd, cvttsd2si ... */
const SCALAR = /s[sd](2si)?$/;
const known = new Map<string, boolean>();
const isScalar = (semantics: string): boolean => {
  let is = known.get(semantics);
  if (is === undefined) {
    is = SCALAR.test(semantics);
    known.set(semantics, is);
  }
  return is;
};

export class ScalarLanes {
  readonly #low: Readonly<Record<Float, Map<number, Val>>> = { f32: new Map(), f64: new Map() };

  constructor(code: Code, insns: Iterable<Insn>) {
    for (const insn of insns) {
      if (!isScalar(insn.row.semantics)) continue;
      for (const o of insn.operands) {
        if (o.kind !== 'xmm' || (o.width !== 32 && o.width !== 64)) continue;
        const t = o.width === 32 ? 'f32' : 'f64';
        if (!this.#low[t].has(o.reg)) this.#low[t].set(o.reg, code.local(t));
      }
    }
  }

  /** The local that always holds the low lane, if the region keeps one. */
  get(t: Float, reg: number): Val | undefined {
    return this.#low[t].get(reg);
  }

  /** Sets the vector local of a register, and what is kept of its low lane. `same`: the register that v is a copy of. */
  set(code: Code, reg: number, vector: Val, v: Val, same: number | null): void {
    // The usual way to clear a register, which has no dependency on it on the processor either.
    let value = v.k === 'op' && v.op === XOR && v.a === v.b ? NONE : v;
    const rest: Float[] = [];
    for (const t of FLOATS) {
      const low = this.#low[t].get(reg);
      if (!low) continue;
      if (value === NONE) code.set(low, t === 'f32' ? f32.const(0) : f64.const(0));
      else if (value.k === 'op' && value.op === REPLACE[t] && value.imm === 0) {
        code.set(low, value.b as Val);
        value = apply('v128', value.op, value.a as Val, low);
      } else {
        const source = same === null ? undefined : this.#low[t].get(same);
        if (source) code.set(low, source);
        else rest.push(t);
      }
    }
    code.set(vector, value);
    for (const t of rest) code.set(this.#low[t].get(reg) as Val, v128.extract(t, EXTRACT[t], vector, 0));
  }

  /** The register's vector local has been loaded. */
  loaded(code: Code, reg: number, vector: Val): void {
    for (const t of FLOATS) {
      const low = this.#low[t].get(reg);
      if (low) code.set(low, v128.extract(t, EXTRACT[t], vector, 0));
    }
  }
}
