// Addition, subtraction, multiplication, division, square root and remainder, correctly rounded, for any of
// the formats. Operands and results are bits. Exceptions are raised in the environment by the priorities of
// the SDM (volume 1, 4.9.2): a NaN operand hides every other condition.

import { type Env, FP, operandOf, round } from './env.ts';
import {
  bitLength,
  defaultNan,
  type Format,
  infinityBits,
  quieted,
  type Unpacked,
  unpack,
  zeroBits,
} from './format.ts';

const isNan = (u: Unpacked): boolean => u.kind === 'quiet' || u.kind === 'signaling';

export const invalid = (f: Format, env: Env): bigint => {
  env.flags |= FP.IE;
  return defaultNan(f);
};

/**
 * The result when an operand is a NaN (or unsupported), else null. SSE takes the first operand that is a NaN; the
 * x87 a quiet NaN rather than a signaling one, then the larger significand, then the positive one (SDM
 * volume 1, table 4-7). The result is quiet.
 */
export const nanResult = (
  f: Format,
  env: Env,
  a: bigint,
  ua: Unpacked,
  b: bigint,
  ub: Unpacked,
): bigint | null => {
  if (ua.kind === 'unsupported' || ub.kind === 'unsupported') return invalid(f, env);
  const aNan = isNan(ua);
  const bNan = isNan(ub);
  if (!aNan && !bNan) return null;
  if (ua.kind === 'signaling' || ub.kind === 'signaling') env.flags |= FP.IE;
  if (!bNan) return quieted(f, a);
  if (!aNan) return quieted(f, b);
  if (env.nans === 'sse') return quieted(f, a);
  if (ua.kind !== ub.kind) return ua.kind === 'quiet' ? a : b;
  if (ua.significand !== ub.significand) return quieted(f, ua.significand > ub.significand ? a : b);
  return quieted(f, ua.negative ? b : a);
};
/** The same for one operand. */
export const nanOf = (f: Format, env: Env, a: bigint, u: Unpacked): bigint | null => {
  if (u.kind === 'unsupported') return invalid(f, env);
  if (!isNan(u)) return null;
  if (u.kind === 'signaling') env.flags |= FP.IE;
  return quieted(f, a);
};

/** Raises the denormal flag for operands that are denormal still. */
export const noteDenormal = (env: Env, ...us: readonly Unpacked[]): void => {
  if (us.some((u) => u.denormal)) env.flags |= FP.DE;
};

const sum = (f: Format, env: Env, a: Unpacked, b: Unpacked, negateB: boolean): bigint => {
  const bNegative = b.negative !== negateB;
  if (a.kind === 'infinity') {
    if (b.kind === 'infinity' && a.negative !== bNegative) return invalid(f, env);
    noteDenormal(env, b);
    return infinityBits(f, a.negative);
  }
  noteDenormal(env, a, b);
  if (b.kind === 'infinity') return infinityBits(f, bNegative);
  const cancelled = env.rounding === 1;
  if (a.kind === 'zero' && b.kind === 'zero')
    return zeroBits(f, a.negative === bNegative ? a.negative : cancelled);
  if (b.kind === 'zero') return round(f, env, a.negative, a.significand, a.exponent);
  if (a.kind === 'zero') return round(f, env, bNegative, b.significand, b.exponent);
  // Past this distance the smaller operand is no more than a sticky bit.
  const limit = 140;
  const exponent = Math.max(Math.min(a.exponent, b.exponent), Math.max(a.exponent, b.exponent) - limit);
  const scaled = (u: Unpacked, negative: boolean): bigint => {
    const s = u.exponent >= exponent ? u.significand << BigInt(u.exponent - exponent) : 1n;
    return negative ? -s : s;
  };
  const total = scaled(a, a.negative) + scaled(b, bNegative);
  if (total === 0n) return zeroBits(f, cancelled);
  return total < 0n ? round(f, env, true, -total, exponent) : round(f, env, false, total, exponent);
};

type Binary = (f: Format, a: bigint, b: bigint, env: Env) => bigint;

const withOperands =
  (finite: (f: Format, env: Env, a: Unpacked, b: Unpacked) => bigint): Binary =>
  (f, a, b, env) => {
    const ua = operandOf(env, unpack(f, a));
    const ub = operandOf(env, unpack(f, b));
    env.roundedUp = false;
    return nanResult(f, env, a, ua, b, ub) ?? finite(f, env, ua, ub);
  };

export const add: Binary = withOperands((f, env, a, b) => sum(f, env, a, b, false));
export const sub: Binary = withOperands((f, env, a, b) => sum(f, env, a, b, true));

export const mul: Binary = withOperands((f, env, a, b) => {
  const negative = a.negative !== b.negative;
  if ((a.kind === 'infinity' && b.kind === 'zero') || (a.kind === 'zero' && b.kind === 'infinity'))
    return invalid(f, env);
  noteDenormal(env, a, b);
  if (a.kind === 'infinity' || b.kind === 'infinity') return infinityBits(f, negative);
  if (a.kind === 'zero' || b.kind === 'zero') return zeroBits(f, negative);
  return round(f, env, negative, a.significand * b.significand, a.exponent + b.exponent);
});

export const div: Binary = withOperands((f, env, a, b) => {
  const negative = a.negative !== b.negative;
  if (a.kind === b.kind && (a.kind === 'infinity' || a.kind === 'zero')) return invalid(f, env);
  if (a.kind === 'infinity') {
    noteDenormal(env, b);
    return infinityBits(f, negative);
  }
  if (b.kind === 'zero') {
    env.flags |= FP.ZE;
    return infinityBits(f, negative);
  }
  noteDenormal(env, a, b);
  if (b.kind === 'infinity' || a.kind === 'zero') return zeroBits(f, negative);
  const extra = Math.max(0, f.precision + 3 + bitLength(b.significand) - bitLength(a.significand));
  const dividend = a.significand << BigInt(extra);
  const q = dividend / b.significand;
  const sticky = q * b.significand === dividend ? 0n : 1n;
  return round(f, env, negative, (q << 1n) | sticky, a.exponent - extra - b.exponent - 1);
});

/** Largest integer whose square is at most v. */
const integerRoot = (v: bigint): bigint => {
  let x = 1n << BigInt((bitLength(v) + 1) >> 1);
  for (;;) {
    const y = (x + v / x) >> 1n;
    if (y >= x) return x;
    x = y;
  }
};

export const sqrt = (f: Format, a: bigint, env: Env): bigint => {
  const u = operandOf(env, unpack(f, a));
  env.roundedUp = false;
  const nan = nanOf(f, env, a, u);
  if (nan !== null) return nan;
  if (u.kind === 'zero') return zeroBits(f, u.negative);
  if (u.negative) return invalid(f, env);
  if (u.kind === 'infinity') return infinityBits(f, false);
  noteDenormal(env, u);
  let extra = Math.max(0, 2 * (f.precision + 3) - bitLength(u.significand));
  if ((u.exponent - extra) % 2 !== 0) extra++;
  const v = u.significand << BigInt(extra);
  const r = integerRoot(v);
  return round(f, env, false, (r << 1n) | (r * r === v ? 0n : 1n), (u.exponent - extra) / 2 - 1);
};

export interface Remainder {
  readonly bits: bigint;
  /** Low bits of the quotient's magnitude; meaningless when partial. */
  readonly quotient: bigint;
  /** The reduction is not complete (the x87's C2). */
  readonly partial: boolean;
}

/**
 * FPREM (quotient truncated) and FPREM1 (to nearest): a - quotient * b, exact. When the exponents are 64 or more
 * apart only part of it is done: by 2^(distance - step), `step` between 32 and 63 (SDM, FPREM).
 */
export const remainder = (f: Format, a: bigint, b: bigint, env: Env, nearest: boolean): Remainder => {
  const ua = operandOf(env, unpack(f, a));
  const ub = operandOf(env, unpack(f, b));
  const whole = (bits: bigint, quotient = 0n): Remainder => ({ bits, quotient, partial: false });
  env.roundedUp = false;
  const nan = nanResult(f, env, a, ua, b, ub);
  if (nan !== null) return whole(nan);
  if (ua.kind === 'infinity' || ub.kind === 'zero') return whole(invalid(f, env));
  noteDenormal(env, ua, ub);
  if (ua.kind === 'zero' || ub.kind === 'infinity')
    return whole(
      ua.kind === 'zero'
        ? zeroBits(f, ua.negative)
        : packOf(f, env, ua.negative, ua.significand, ua.exponent),
    );
  const top = (u: Unpacked): number => u.exponent + bitLength(u.significand) - 1;
  const distance = top(ua) - top(ub);
  if (distance < -1) return whole(packOf(f, env, ua.negative, ua.significand, ua.exponent));
  if (distance >= 64) {
    const step = partialStep(distance);
    const unit = ub.exponent + distance - step;
    // a / (b * 2^(distance - step)), truncated, taken off.
    const low = Math.min(ua.exponent, unit);
    const x = ua.significand << BigInt(ua.exponent - low);
    const y = ub.significand << BigInt(unit - low);
    const rest = x % y;
    const bits = rest === 0n ? zeroBits(f, ua.negative) : packOf(f, env, ua.negative, rest, low);
    return { bits, quotient: 0n, partial: true };
  }
  const low = Math.min(ua.exponent, ub.exponent);
  const x = ua.significand << BigInt(ua.exponent - low);
  const y = ub.significand << BigInt(ub.exponent - low);
  let quotient = x / y;
  let rest = x % y;
  let negative = ua.negative;
  if (nearest && (2n * rest > y || (2n * rest === y && (quotient & 1n) === 1n))) {
    quotient++;
    rest = y - rest;
    negative = !negative;
  }
  if (rest === 0n) return whole(zeroBits(f, ua.negative), quotient);
  return whole(packOf(f, env, negative, rest, low), quotient);
};

/** How far Intel's processors reduce at once, as softfloat.test.ts finds them doing. */
const partialStep = (distance: number): number => 32 + (distance & 31);

/** An exact result, with underflow as it is raised for exact results. */
const packOf = (f: Format, env: Env, negative: boolean, significand: bigint, exponent: number): bigint =>
  round(f, env, negative, significand, exponent, f.precision);
