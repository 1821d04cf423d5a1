// RCPSS/PS and RSQRTSS/PS. The manual only bounds their error; Intel's processors (measured on a Xeon of the
// Sapphire Rapids generation, every block of mantissas) follow a rule: cut the operand into 2048 blocks a
// binade (1024 for the root), take 1/x or 1/sqrt(x) of the block's middle, and round it to 12 bits after the
// leading one. Denormal operands count as zero, denormal results become zero, MXCSR plays no part.

import type { Emit, Semantics, SemanticsTable } from '../../emit.ts';
import { f32, i32, type Val, v128 } from '../../wasm/ir.ts';
import { bitselect, each32, isMem, operand, setLowFloat } from './common.ts';
import { F32, I32, V } from './opcodes.ts';

const { op } = v128;
const SIGN = each32(0x80000000);
const INFINITY = each32(0x7f800000);
const exponentIs = (x: Val, bits: number): Val => op(I32.eq, op(V.and, x, INFINITY), each32(bits));
const splat = (v: number): Val => op(I32.splat, i32.const(v));

/** Rounds to 12 fraction bits, `adjust` added to the half. */
const round = (y: Val, adjust?: Val): Val =>
  op(V.and, op(I32.add, y, adjust ? op(I32.add, splat(0x400), adjust) : splat(0x400)), splat(~0x7ff));
/** The middle of x's block. */
const middle = (x: Val, block: number): Val => op(V.or, op(V.and, x, splat(-block)), splat(block >> 1));

/** Zero and denormals give infinity, NaNs stay (quieted). */
const withSpecials = (e: Emit, x: Val, y: Val, atInfinity: Val): Val => {
  const sign = op(V.and, x, SIGN);
  const nan = op(F32.ne, x, x);
  let r = bitselect(op(V.or, sign, INFINITY), y, exponentIs(x, 0));
  r = bitselect(atInfinity, e.let(r), op(I32.eq, op(V.andnot, x, SIGN), INFINITY));
  return bitselect(op(V.or, x, splat(0x400000)), e.let(r), nan);
};

const reciprocal = (e: Emit, x: Val): Val => {
  const sign = op(V.and, x, SIGN);
  const y = e.let(op(F32.div, op(F32.splat, f32.const(1)), middle(x, 0x1000)));
  // In this one block binary32 division rounds to the tie from below.
  const tie = op(I32.eq, op(V.and, x, splat(0x7ff000)), splat(0x7c0000));
  const rounded = e.let(round(y, tie));
  return withSpecials(e, x, e.let(bitselect(sign, rounded, exponentIs(y, 0))), sign);
};

const reciprocalRoot = (e: Emit, x: Val): Val => {
  const y = op(F32.div, op(F32.splat, f32.const(1)), op(F32.sqrt, middle(x, 0x2000)));
  const negative = op(I32.ltS, x, splat(0));
  const r = e.let(bitselect(splat(0xffc00000 | 0), e.let(round(y)), negative));
  return withSpecials(e, x, r, op(V.and, negative, splat(0xffc00000 | 0)));
};

const packed =
  (f: (e: Emit, x: Val) => Val): Semantics =>
  (e, i) =>
    e.writeX(operand(i, 0), f(e, e.let(e.readX(operand(i, 1)))));
const scalar =
  (f: (e: Emit, x: Val) => Val): Semantics =>
  (e, i) => {
    const src = operand(i, 1);
    const x = e.let(isMem(src) ? op(F32.splat, e.readF(src)) : e.readX(src));
    setLowFloat(e, 'f32', operand(i, 0), v128.extract('f32', F32.extract, f(e, x), 0));
  };

export const approximationSemantics = (): SemanticsTable => ({
  rcpps: packed(reciprocal),
  rcpss: scalar(reciprocal),
  rsqrtps: packed(reciprocalRoot),
  rsqrtss: scalar(reciprocalRoot),
});
