// Exact code that mostly runs at the speed of fast code: the result is computed by the host's operators first,
// and the helper is called only where it could differ from that or raise a flag not yet set. The common state
// of a program that once touched MXCSR is round to nearest, everything masked, inexact already raised.

import type { Insn } from '../../decode/insn.ts';
import type { Emit } from '../../emit.ts';
import { f32, f64, i32, type Val, v128 } from '../../wasm/ir.ts';
import { each32, each64, type Float, lane, operand, scratched, zero } from './common.ts';
import { type ExactOp, exactCode } from './exact-ops.ts';
import { MXCSR } from './mxcsr.ts';
import { I32, I64, V } from './opcodes.ts';

const { op } = v128;
const scalars = { f32, f64 } as const;
const leastNormal = { f32: 2 ** -126, f64: 2 ** -1022 } as const;
const leastNormals = { f32: each32(0x00800000), f64: each64(0x0010000000000000n) } as const;
const infinities = { f32: each32(0x7f800000), f64: each64(0x7ff0000000000000n) } as const;
const allTrue = { f32: I32.allTrue, f64: I64.allTrue } as const;

/** Round to nearest, no DAZ, no FTZ, every exception masked, and inexact raised: i32 0 or 1. */
export const inexactIsKnown = (e: Emit): Val =>
  i32.eq(i32.and(e.field('mxcsr'), i32.const(0xffe0)), i32.const(MXCSR.masks | MXCSR.PE));

/** No NaN and no denormal in x (a scalar, or all lanes). */
export const calm = (t: Float, x: Val): Val => {
  if (x.t === 'v128') {
    const l = lane[t];
    return v128.test(allTrue[t], op(V.or, op(l.ge, op(l.abs, x), leastNormals[t]), op(l.eq, x, zero)));
  }
  const f = scalars[t];
  return i32.or(f.ge(f.abs(x), f.const(leastNormal[t])), f.eq(x, f.const(0)));
};
/** A result that raises nothing but inexact: normal and finite, in all lanes. */
export const ordinary = (t: Float, x: Val): Val => {
  if (x.t === 'v128') {
    const l = lane[t];
    const magnitude = op(l.abs, x);
    return v128.test(
      allTrue[t],
      op(V.and, op(l.ge, magnitude, leastNormals[t]), op(l.lt, magnitude, infinities[t])),
    );
  }
  const f = scalars[t];
  return i32.and(f.ge(f.abs(x), f.const(leastNormal[t])), f.lt(f.abs(x), f.const(Number.POSITIVE_INFINITY)));
};

/** What the helper is told. */
export interface Exact {
  readonly name: ExactOp;
  readonly t: Float;
  readonly packed: boolean;
  readonly imm?: number;
}

/** Calls the helper with dst's vector and the source; results are in slot 2. */
export const callExact = (e: Emit, i: Insn, x: Exact, source: Val): void => {
  const dst = operand(i, 0);
  e.scratch(1, source);
  if (dst.kind === 'xmm') e.scratch(0, e.readX(dst));
  e.helper('sseExact', exactCode(x.name, x.t, x.packed, x.imm ?? 0));
};

/** `result`, which has to be bound; in exact code, where `quick` does not hold, the helper's. */
export const settled = (e: Emit, i: Insn, x: Exact, source: Val, quick: () => Val, result: Val): Val => {
  if (!e.exactFp) return result;
  const out = e.variable(result.t);
  e.set(out, result);
  e.if(i32.eqz(quick()), () => {
    callExact(e, i, x, source);
    e.set(out, scratched(result.t, 2));
  });
  return out;
};
