// Shifts of packed integers. x86 counts past the width give zero (or the sign), wasm takes the count
// modulo the width. The count is an immediate byte or the low 64 bits of an operand.

import type { Insn } from '../../decode/insn.ts';
import type { Emit, Semantics, SemanticsTable } from '../../emit.ts';
import { constOf, i32, i64, select, type Val, v128 } from '../../wasm/ir.ts';
import { bytes8, knownImmediate, low64, low64Of, mmVector, operand, range, zero } from './common.ts';
import { I8, I16, I32, I64, V } from './opcodes.ts';

/** The count as an i32, at most `limit`. */
const countOf = (e: Emit, i: Insn, limit: number): Val => {
  const src = operand(i, 1);
  if (src.kind === 'imm') {
    const known = knownImmediate(e, i, 1);
    if (known !== null) return i32.const(Math.min(known, limit));
    const c = e.let(i32.and(e.read(src), i32.const(0xff)));
    return e.let(select(i32.ltU(c, i32.const(limit)), c, i32.const(limit)));
  }
  const c = e.let(src.kind === 'mem' && src.width === 128 ? low64(e.readX(src)) : low64Of(e, src));
  return e.let(select(i64.ltU(c, i64.const(limit)), i32.wrap(c), i32.const(limit)));
};

const shift =
  (code: number, width: number, arithmetic = false): Semantics =>
  (e, i) => {
    const dst = operand(i, 0);
    if (dst.kind === 'mm') e.pendingX87();
    const count = countOf(e, i, arithmetic ? width - 1 : width);
    const known = constOf(count);
    const a = dst.kind === 'mm' ? mmVector(e, dst) : e.readX(dst);
    let r: Val;
    if (known === 0) r = a;
    else if (known === width) r = zero;
    else {
      r = v128.op(code, a, count);
      if (!arithmetic && known === null) r = select(i32.ltU(count, i32.const(width)), e.let(r), zero);
    }
    if (dst.kind === 'mm') {
      const v = e.let(low64(r));
      e.enterMmx();
      e.writeMm(dst, v);
    } else e.writeX(dst, r);
  };

/** PSLLDQ and PSRLDQ: by bytes, zeros shifted in. */
const byteShift =
  (direction: 1 | -1): Semantics =>
  (e, i) => {
    const dst = operand(i, 0);
    const known = knownImmediate(e, i, 1);
    if (known === null) {
      // Swizzle gives zero for lanes past 15, which is where both ends of the shift fall.
      const splat = v128.op(I8.splat, countOf(e, i, 16));
      const index = v128.op(direction === 1 ? I8.add : I8.sub, bytes8(...range(16, (k) => k)), splat);
      e.writeX(dst, v128.op(V.swizzle, e.readX(dst), index));
      return;
    }
    const n = Math.min(known, 16);
    const a = e.readX(dst);
    e.writeX(
      dst,
      direction === 1
        ? v128.shuffle(
            a,
            zero,
            range(16, (k) => k + n),
          )
        : v128.shuffle(
            zero,
            a,
            range(16, (k) => 16 + k - n),
          ),
    );
  };

export const shiftSemantics = (): SemanticsTable => ({
  psllw: shift(I16.shl, 16),
  pslld: shift(I32.shl, 32),
  psllq: shift(I64.shl, 64),
  psrlw: shift(I16.shrU, 16),
  psrld: shift(I32.shrU, 32),
  psrlq: shift(I64.shrU, 64),
  psraw: shift(I16.shrS, 16, true),
  psrad: shift(I32.shrS, 32, true),
  psrldq: byteShift(1),
  pslldq: byteShift(-1),
});
