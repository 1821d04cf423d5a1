// Exact code that mostly runs at the speed of fast code: the result is computed by the host's operators first,
// and the helper is called only where it could differ from that or raise a flag not yet set. The common state
// of a program that once touched MXCSR is round to nearest, everything masked, inexact already raised.

import type { Insn } from '../../decode/insn.ts';
import type { Emit } from '../../emit.ts';
import { f32, f64, i32, i64, type Val, v128 } from '../../wasm/ir.ts';
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

/** Round to nearest, no DAZ, no FTZ, every exception masked: i32 0 or 1. */
const modeIsPlain = (e: Emit): Val =>
  i32.eq(i32.and(e.field('mxcsr'), i32.const(0xffc0)), i32.const(MXCSR.masks));
/** The same, and inexact raised. */
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

/** The operations whose zero results can be exact, and whose inexactness is found out without the helper. */
export type Arithmetic = 'add' | 'sub' | 'mul' | 'div' | 'sqrt';

/** A result of calm operands that raises nothing but inexact: an ordinary one, or a zero that is exact. */
export const exactOrOrdinary = (name: Arithmetic, t: Float, a: Val, b: Val, r: Val): Val => {
  if (r.t === 'v128') {
    const l = lane[t];
    const isZero = (v: Val): Val => op(l.eq, v, zero);
    const magnitude = op(l.abs, r);
    const fine = op(V.and, op(l.ge, magnitude, leastNormals[t]), op(l.lt, magnitude, infinities[t]));
    const from =
      name === 'mul'
        ? op(V.or, isZero(a), isZero(b))
        : name === 'div'
          ? isZero(a)
          : name === 'sqrt'
            ? isZero(b)
            : null;
    return v128.test(allTrue[t], op(V.or, fine, from ? op(V.and, isZero(r), from) : isZero(r)));
  }
  const f = scalars[t];
  const isZero = (v: Val): Val => f.eq(v, f.const(0));
  const from =
    name === 'mul'
      ? i32.or(isZero(a), isZero(b))
      : name === 'div'
        ? isZero(a)
        : name === 'sqrt'
          ? isZero(b)
          : null;
  return i32.or(ordinary(t, r), from ? i32.and(isZero(r), from) : isZero(r));
};

/** x * y - p of doubles, where nothing overflows or gets denormal (T. J. Dekker, 1971). */
const productError = (e: Emit, x: Val, y: Val, p: Val): Val => {
  const { add, sub, mul } = f64;
  const high = (v: Val): Val => {
    const c = e.let(mul(v, f64.const(134217729)));
    return e.let(sub(c, sub(c, v)));
  };
  const xh = high(x);
  const yh = high(y);
  const xl = e.let(sub(x, xh));
  const yl = e.let(sub(y, yh));
  return add(add(add(sub(mul(xh, yh), p), mul(xh, yl)), mul(xl, yh)), mul(xl, yl));
};

/** Magnitudes between which `productError` holds. */
const SAFE = { least: 2 ** -400, most: 2 ** 400 } as const;
const safe = (v: Val): Val =>
  i32.and(f64.ge(f64.abs(v), f64.const(SAFE.least)), f64.le(f64.abs(v), f64.const(SAFE.most)));

/** Whether a scalar result is not exact: `is`, where `known`. Operands and result are bound, calm and ordinary. */
const inexact = (
  e: Emit,
  name: Arithmetic,
  t: Float,
  a: Val,
  b: Val,
  r: Val,
): { known: Val; is: () => Val } => {
  const always = i32.const(1);
  const f = scalars[t];
  if (name === 'add' || name === 'sub') {
    const y = name === 'add' ? b : f.neg(b);
    return {
      known: always,
      is: () => {
        // What is lost of either operand (D. E. Knuth, TAOCP volume 2, 4.2.2).
        const part = e.let(f.sub(r, a));
        return f.ne(f.add(f.sub(a, f.sub(r, part)), f.sub(y, part)), f.const(0));
      },
    };
  }
  const [x, y, p] = name === 'mul' ? [a, b, r] : name === 'div' ? [r, b, a] : [r, r, b];
  if (t === 'f32')
    return {
      known: always,
      is: () => {
        const product = e.let(f64.mul(f64.promote(x), f64.promote(y)));
        // Zero by infinity is exact, and their quotient's product no number.
        return i32.or(f64.lt(product, f64.promote(p)), f64.gt(product, f64.promote(p)));
      },
    };
  const known = i32.and(i32.and(safe(a), safe(b)), safe(r));
  if (name === 'mul') return { known, is: () => f64.ne(productError(e, x, y, p), f64.const(0)) };
  return {
    known: name === 'sqrt' ? i32.and(safe(b), safe(r)) : known,
    is: () => {
      const back = e.let(f64.mul(x, y));
      return i32.or(f64.ne(back, p), f64.ne(productError(e, x, y, back), f64.const(0)));
    },
  };
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

/**
 * Operands that make a scalar result special without raising anything: a quiet NaN beside no signaling one, or an
 * infinity beside no denormal. The result is infinite, NaN or zero then, and the host's.
 */
const harmless = (name: Arithmetic, t: Float, a: Val, b: Val, r: Val): Val => {
  const f = scalars[t];
  const isQuiet = (v: Val): Val =>
    t === 'f32'
      ? i32.eq(i32.and(i32.reinterpretF32(v), i32.const(0x7fc00000)), i32.const(0x7fc00000))
      : i64.eq(i64.and(i64.reinterpretF64(v), i64.const(0x7ff8n << 48n)), i64.const(0x7ff8n << 48n));
  if (name === 'sqrt') return isQuiet(b);
  const silent = (v: Val): Val => i32.or(isQuiet(v), f.eq(v, v));
  const isInfinite = (v: Val): Val => f.eq(f.abs(v), f.const(Number.POSITIVE_INFINITY));
  const nans = i32.and(i32.or(isQuiet(a), isQuiet(b)), i32.and(silent(a), silent(b)));
  const from = name === 'div' ? isInfinite(a) : i32.or(isInfinite(a), isInfinite(b));
  return i32.or(nans, i32.and(i32.and(isInfinite(r), from), i32.and(calm(t, a), calm(t, b))));
};

const withHelper = (e: Emit, i: Insn, x: Exact, source: Val, out: Val): void => {
  callExact(e, i, x, source);
  e.set(out, scratched(out.t, 2));
};

/** `result`, which has to be bound; in exact code, where `quick` does not hold, the helper's. */
export const settled = (e: Emit, i: Insn, x: Exact, source: Val, quick: () => Val, result: Val): Val => {
  if (!e.exactFp) return result;
  const out = e.variable(result.t);
  e.set(out, result);
  e.if(i32.eqz(quick()), () => withHelper(e, i, x, source, out));
  return out;
};

const raiseInexact = (e: Emit): void => e.setField('mxcsr', i32.or(e.field('mxcsr'), i32.const(MXCSR.PE)));

/**
 * The same in plain rounding for results of which `fine` says that they raise nothing but inexact, and `lost` whether they
 * raise that. `known`: that `lost` can be asked for.
 */
export const settledInexact = (
  e: Emit,
  i: Insn,
  x: Exact,
  source: Val,
  how: { fine: () => Val; known?: Val; lost: () => Val; harmless?: () => Val },
  result: Val,
): Val => {
  if (!e.exactFp) return result;
  const out = e.variable(result.t);
  e.set(out, result);
  const helper = (): void => {
    if (!how.harmless) withHelper(e, i, x, source, out);
    else e.if(i32.eqz(how.harmless()), () => withHelper(e, i, x, source, out));
  };
  const fine = e.let(how.fine());
  e.if(
    i32.and(inexactIsKnown(e), fine),
    () => {},
    () =>
      e.if(
        i32.and(i32.and(modeIsPlain(e), fine), how.known ?? i32.const(1)),
        () => e.if(how.lost(), () => raiseInexact(e)),
        helper,
      ),
  );
  return out;
};

/** The result of scalar arithmetic. */
export const settledScalar = (
  e: Emit,
  i: Insn,
  x: Exact & { readonly name: Arithmetic },
  a: Val,
  b: Val,
  r: Val,
): Val => {
  if (!e.exactFp) return r;
  const { name, t } = x;
  const operands = name === 'sqrt' ? calm(t, b) : i32.and(calm(t, a), calm(t, b));
  const { known, is } = inexact(e, name, t, a, b, r);
  return settledInexact(
    e,
    i,
    x,
    b,
    {
      fine: () => i32.and(exactOrOrdinary(name, t, a, b, r), operands),
      known,
      lost: is,
      harmless: () => harmless(name, t, a, b, r),
    },
    r,
  );
};
