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
  scratched,
  setLowFloat,
  source,
  zero,
} from './common.ts';
import { exactCode } from './exact-ops.ts';
import { exact } from './float.ts';
import { F32, F64, I32, I64 } from './opcodes.ts';

const { op } = v128;

/** CVTSI2SS, CVTSI2SD from a general register or memory of 32 or 64 bits. */
const fromInteger =
  (t: Float): Semantics =>
  (e, i) => {
    const dst = operand(i, 0);
    const src = operand(i, 1);
    const wide = src.width === 64;
    const v = e.let(e.read(src));
    if (e.exactFp && (wide || t === 'f32')) {
      e.scratch(1, v);
      e.scratch(0, e.readX(dst));
      exactHelper(e, wide ? 'fromInt64' : 'fromInt32', t, false);
      e.writeX(dst, scratched('v128', 2));
      return;
    }
    const f = t === 'f32' ? f32 : f64;
    setLowFloat(e, t, dst, wide ? f.convertI64S(v) : f.convertI32S(v));
  };

/** CVTxx2SI and CVTTxx2SI into a general register of 32 or 64 bits. */
const toInteger =
  (t: Float, truncate: boolean): Semantics =>
  (e, i) => {
    const dst = operand(i, 0);
    const wide = dst.width === 64;
    if (e.exactFp) {
      exact(e, i, wide ? 'toInt64' : 'toInt32', t, false, truncate ? 1 : 0);
      e.write(dst, scratched(wide ? 'i64' : 'i32', 2));
      return;
    }
    const f = t === 'f32' ? f32 : f64;
    const v = lowFloat(e, t, operand(i, 1));
    const x = e.let(truncate ? v : f.nearest(v));
    const fits = f.lt(f.abs(x), f.const(wide ? 2 ** 63 : 2 ** 31));
    if (wide)
      e.write(
        dst,
        select(fits, t === 'f32' ? i64.truncSatF32S(x) : i64.truncSatF64S(x), i64.const(-(2n ** 63n))),
      );
    else
      e.write(
        dst,
        select(fits, t === 'f32' ? i32.truncSatF32S(x) : i32.truncSatF64S(x), i32.const(-0x80000000)),
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

/** CVT(T)PS2DQ, CVT(T)PD2DQ into xmm, CVT(T)PS2PI, CVT(T)PD2PI into mm. */
const packedToIntegers =
  (t: Float, truncate: boolean): Semantics =>
  (e, i) => {
    const dst = operand(i, 0);
    let r: Val;
    if (e.exactFp) {
      exact(e, i, 'toInt32', t, true, (truncate ? 1 : 0) | (dst.kind === 'mm' ? 2 : 0));
      r = scratched('v128', 2);
    } else {
      const v = source(e, operand(i, 1));
      r = t === 'f32' ? floatsToIntegers(e, v, truncate) : doublesToIntegers(e, v, truncate);
    }
    if (dst.kind === 'mm') {
      const v = e.let(low64(r));
      e.enterMmx();
      e.writeMm(dst, v);
    } else e.writeX(dst, r);
  };

const exactHelper = (e: Emit, name: 'fromInt32' | 'fromInt64', t: Float, packed: boolean): void =>
  e.helper('sseExact', exactCode(name, t, packed, 0));

/** CVTDQ2PS of four integers. */
const integersToFloats: Semantics = (e, i) => {
  const v = e.let(e.readX(operand(i, 1)));
  if (e.exactFp) {
    e.scratch(1, v);
    exactHelper(e, 'fromInt32', 'f32', true);
    e.writeX(operand(i, 0), scratched('v128', 2));
  } else e.writeX(operand(i, 0), op(F32.convertI32S, v));
};

/** CVTPI2PS: two integers of an mm register or memory into the low floats. */
const mmxToFloats: Semantics = (e, i) => {
  const dst = operand(i, 0);
  const src = operand(i, 1);
  const v = e.let(mmVector(e, src));
  let r: Val;
  if (e.exactFp) {
    e.scratch(1, pick(v, zero, 4, 16, [0, 1, 4, 4]));
    exactHelper(e, 'fromInt32', 'f32', true);
    r = scratched('v128', 2);
  } else r = op(F32.convertI32S, v);
  if (src.kind === 'mm') e.enterMmx();
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
    if (e.exactFp) {
      exact(e, i, 'toFloat', t, false);
      e.writeX(dst, scratched('v128', 2));
      return;
    }
    const v = lowFloat(e, t, operand(i, 1));
    if (t === 'f32') setLowFloat(e, 'f64', dst, f64.promote(v));
    else setLowFloat(e, 'f32', dst, f32.demote(v));
  };
/** CVTPS2PD (two low floats), CVTPD2PS (zero above). */
const packedToOther =
  (t: Float): Semantics =>
  (e, i) => {
    if (e.exactFp) {
      exact(e, i, 'toFloat', t, true);
      e.writeX(operand(i, 0), scratched('v128', 2));
      return;
    }
    const v = source(e, operand(i, 1));
    e.writeX(operand(i, 0), op(t === 'f32' ? F64.promoteLowF32 : F32.demoteF64Zero, v));
  };

export const convertSemantics: SemanticsTable = {
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
};
