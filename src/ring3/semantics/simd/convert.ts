// Conversions between floating-point formats and integers. Where a float does not fit the integer, x86
// gives the "integer indefinite" (the most negative number) and wasm saturates; NaN gives it as well.

import type { Emit, Semantics, SemanticsTable } from '../../emit.ts';
import { f32, f64, i32, i64, select, type Val, v128 } from '../../wasm/ir.ts';
import {
  bitselect,
  each32,
  each64,
  type Float,
  low64,
  lowFloat,
  mmVector,
  ones,
  operand,
  pick,
  setLowFloat,
  source,
  zero,
} from './common.ts';
import { F32, F64, I32, I64 } from './opcodes.ts';
import { calm, inexactIsKnown, ordinary, settled, settledInexact } from './quick.ts';

const { op } = v128;

/** CVTSI2SS, CVTSI2SD from a general register or memory of 32 or 64 bits. */
const fromInteger =
  (t: Float): Semantics =>
  (e, i) => {
    const dst = operand(i, 0);
    const src = operand(i, 1);
    const wide = src.width === 64;
    const v = e.let(e.read(src));
    const f = t === 'f32' ? f32 : f64;
    let r = wide ? f.convertI64S(v) : f.convertI32S(v);
    if (wide || t === 'f32') {
      const x = { name: wide ? 'fromInt64' : 'fromInt32', t, packed: false } as const;
      const bound = e.let(r);
      const back = (): Val => (t === 'f32' ? f64.promote(bound) : bound);
      // 2^63 saturates to a value that may be the operand.
      const lost = (): Val =>
        wide
          ? i32.or(i64.ne(i64.truncSatF64S(back()), v), f64.eq(back(), f64.const(2 ** 63)))
          : f64.ne(back(), f64.convertI32S(v));
      r = settledInexact(e, i, x, v, { fine: () => i32.const(1), lost }, bound);
    }
    setLowFloat(e, t, dst, r);
  };

/**
 * A rounded double as an integer of 32 or 64 bits. The vector conversion is the one that V8 makes cheapest, and most
 * values fit it, so that the 64-bit one is the exception.
 */
const doubleToInteger = (e: Emit, x: Val, wide: boolean): Val => {
  const small = (): Val => v128.extract('i32', I32.extract, op(I32.truncSatF64SZero, op(F64.splat, x)), 0);
  const limit = f64.const(2 ** 31);
  if (!wide) {
    const r = e.variable('i32');
    e.set(r, i32.const(-0x80000000));
    e.if(f64.lt(x, limit), () => e.set(r, small()));
    return r;
  }
  const r = e.variable('i64');
  e.if(
    f64.lt(f64.abs(x), limit),
    () => e.set(r, i64.extendS(small())),
    () => e.set(r, select(f64.lt(x, f64.const(2 ** 63)), i64.truncSatF64S(x), i64.const(-(2n ** 63n)))),
  );
  return r;
};

/** CVTxx2SI and CVTTxx2SI into a general register of 32 or 64 bits. */
const toInteger =
  (t: Float, truncate: boolean): Semantics =>
  (e, i) => {
    const dst = operand(i, 0);
    const wide = dst.width === 64;
    const v = e.let(lowFloat(e, t, operand(i, 1)));
    const double = t === 'f32' ? f64.promote(v) : v;
    const x = e.let(truncate ? double : f64.nearest(double));
    const r = doubleToInteger(e, x, wide);
    const how = { name: wide ? 'toInt64' : 'toInt32', t, packed: false, imm: truncate ? 1 : 0 } as const;
    const fits = f64.lt(f64.abs(x), f64.const(wide ? 2 ** 63 : 2 ** 31));
    // The rounded value decides: of 32 bits, -2^31 - 0.5 is one that the bound above leaves to the helper.
    e.write(
      dst,
      settledInexact(
        e,
        i,
        how,
        v,
        { fine: () => fits, lost: () => f64.ne(truncate ? f64.trunc(x) : x, double) },
        r,
      ),
    );
  };

/** Four floats to integers. */
const floatsToIntegers = (e: Emit, v: Val, truncate: boolean): Val => {
  const x = e.let(truncate ? v : op(F32.nearest, v));
  const fits = op(F32.lt, op(F32.abs, x), each32(0x4f000000));
  return bitselect(op(I32.truncSatF32S, x), each32(0x80000000), fits);
};
/** Two doubles to integers in the low half, zero above. */
const doublesToIntegers = (e: Emit, v: Val, truncate: boolean): Val => {
  const x = e.let(truncate ? v : op(F64.nearest, v));
  const fits = op(F64.lt, op(F64.abs, x), each64(0x41e0000000000000n));
  return bitselect(op(I32.truncSatF64SZero, x), each32(0x80000000), pick(fits, ones, 4, 16, [0, 2, 4, 4]));
};

/** All lanes (of an i64: two floats) are well within 32-bit integers. */
const inRange = (t: Float, v: Val): Val =>
  t === 'f64'
    ? v128.test(I64.allTrue, op(F64.lt, op(F64.abs, v), each64(0x41dfffffff000000n)))
    : v128.test(
        I32.allTrue,
        op(F32.lt, op(F32.abs, v.t === 'i64' ? op(I64.splat, v) : v), each32(0x4f000000)),
      );

/** CVT(T)PS2DQ, CVT(T)PD2DQ into xmm, CVT(T)PS2PI, CVT(T)PD2PI into mm. */
const packedToIntegers =
  (t: Float, truncate: boolean): Semantics =>
  (e, i) => {
    const dst = operand(i, 0);
    const v = e.let(source(e, operand(i, 1)));
    // An exception that is not masked comes after the transition (seen on the processor).
    if (dst.kind === 'mm') e.enterMmx();
    let r: Val;
    r = e.let(t === 'f32' ? floatsToIntegers(e, v, truncate) : doublesToIntegers(e, v, truncate));
    if (e.exactFp) {
      const imm = (truncate ? 1 : 0) | (dst.kind === 'mm' ? 2 : 0);
      const x = { name: 'toInt32', t, packed: true, imm } as const;
      const fits = (): Val =>
        i32.and(inexactIsKnown(e), inRange(t, dst.kind === 'mm' && t === 'f32' ? low64(v) : v));
      r = settled(e, i, x, v, fits, r);
    }
    if (dst.kind === 'mm') e.writeMm(dst, e.let(low64(r)));
    else e.writeX(dst, r);
  };

/** CVTDQ2PS of four integers. */
const integersToFloats: Semantics = (e, i) => {
  const v = e.let(e.readX(operand(i, 1)));
  const r = e.let(op(F32.convertI32S, v));
  const x = { name: 'fromInt32', t: 'f32', packed: true } as const;
  e.writeX(
    operand(i, 0),
    settled(e, i, x, v, () => inexactIsKnown(e), r),
  );
};

/** CVTPI2PS: two integers of an mm register or memory into the low floats. */
const mmxToFloats: Semantics = (e, i) => {
  const dst = operand(i, 0);
  const src = operand(i, 1);
  const v = e.let(mmVector(e, src));
  if (src.kind === 'mm') e.enterMmx();
  const two = e.exactFp ? e.let(pick(v, zero, 4, 16, [0, 1, 4, 4])) : v;
  const x = { name: 'fromInt32', t: 'f32', packed: true } as const;
  const r = settled(e, i, x, two, () => inexactIsKnown(e), e.let(op(F32.convertI32S, two)));
  e.writeX(dst, v128.replace(I64.replace, e.readX(dst), 0, low64(r)));
};

/** CVTPI2PD and CVTDQ2PD are exact in every mode. */
const integersToDoubles: Semantics = (e, i) => {
  const src = operand(i, 1);
  const v = e.let(src.kind === 'mm' ? mmVector(e, src) : source(e, src));
  if (src.kind === 'mm') e.enterMmx();
  e.writeX(operand(i, 0), op(F64.convertLowI32S, v));
};

/** CVTSS2SD, CVTSD2SS; `t` is the source. */
const scalarToOther =
  (t: Float): Semantics =>
  (e, i) => {
    const dst = operand(i, 0);
    const v = e.let(lowFloat(e, t, operand(i, 1)));
    const r = e.let(t === 'f32' ? f64.promote(v) : f32.demote(v));
    const x = { name: 'toFloat', t, packed: false } as const;
    const fine = (): Val =>
      t === 'f32' ? calm(t, v) : i32.and(calm(t, v), i32.or(ordinary('f32', r), f64.eq(v, f64.const(0))));
    const lost = (): Val => (t === 'f32' ? i32.const(0) : f64.ne(f64.promote(r), v));
    setLowFloat(e, t === 'f32' ? 'f64' : 'f32', dst, settledInexact(e, i, x, v, { fine, lost }, r));
  };
/** Of two lanes: the third and fourth of a result of floats are zero, those of an operand do not count. */
const quickOther = (e: Emit, t: Float, v: Val, r: Val): Val => {
  if (t === 'f32') return calm('f32', op(I64.splat, low64(v)));
  const two = op(I64.splat, low64(r));
  return i32.and(i32.and(inexactIsKnown(e), calm('f64', v)), ordinary('f32', two));
};

/** CVTPS2PD (two low floats), CVTPD2PS (zero above). */
const packedToOther =
  (t: Float): Semantics =>
  (e, i) => {
    const v = e.let(source(e, operand(i, 1)));
    const r = e.let(op(t === 'f32' ? F64.promoteLowF32 : F32.demoteF64Zero, v));
    const x = { name: 'toFloat', t, packed: true } as const;
    e.writeX(
      operand(i, 0),
      settled(e, i, x, v, () => quickOther(e, t, v, r), r),
    );
  };

export const convertSemantics = (): SemanticsTable => ({
  cvtsi2ss: fromInteger('f32'),
  cvtsi2sd: fromInteger('f64'),
  cvtss2si: toInteger('f32', false),
  cvtsd2si: toInteger('f64', false),
  cvttss2si: toInteger('f32', true),
  cvttsd2si: toInteger('f64', true),
  cvtss2sd: scalarToOther('f32'),
  cvtsd2ss: scalarToOther('f64'),
  cvtps2pd: packedToOther('f32'),
  cvtpd2ps: packedToOther('f64'),
  cvtdq2ps: integersToFloats,
  cvtdq2pd: integersToDoubles,
  cvtps2dq: packedToIntegers('f32', false),
  cvttps2dq: packedToIntegers('f32', true),
  cvtpd2dq: packedToIntegers('f64', false),
  cvttpd2dq: packedToIntegers('f64', true),
  cvtps2pi: packedToIntegers('f32', false),
  cvttps2pi: packedToIntegers('f32', true),
  cvtpd2pi: packedToIntegers('f64', false),
  cvttpd2pi: packedToIntegers('f64', true),
  cvtpi2ps: mmxToFloats,
  cvtpi2pd: integersToDoubles,
});
