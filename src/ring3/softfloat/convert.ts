// Conversions among the formats and to and from integers, rounding to integral values, comparison, minimum and
// maximum, with the exceptions each of them raises on x86 (Intel SDM volume 1, 4.8.4, 11.5.2 and appendix E).

import { invalid, nanOf, noteDenormal } from './arithmetic.ts';
import { type Env, FP, operandOf, RC, round, shiftRight } from './env.ts';
import { type Format, infinityBits, packExact, unpack, zeroBits } from './format.ts';

/**
 * From one format to another. NaNs keep the upper bits of their payload. A denormal operand is flagged, except by
 * the x87's stores.
 */
export const convert = (from: Format, to: Format, a: bigint, env: Env): bigint => {
  const u = operandOf(env, unpack(from, a));
  env.roundedUp = false;
  if (nanOf(from, env, a, u) !== null) {
    if (u.kind === 'unsupported') return invalid(to, env);
    const fraction = (a | from.quietBit) & ((1n << BigInt(from.precision - 1)) - 1n);
    const shift = to.precision - from.precision;
    const moved = shift >= 0 ? fraction << BigInt(shift) : fraction >> BigInt(-shift);
    return infinityBits(to, u.negative) | moved;
  }
  if (from.name !== 'f80') noteDenormal(env, u);
  if (u.kind === 'infinity') return infinityBits(to, u.negative);
  if (u.kind === 'zero') return zeroBits(to, u.negative);
  return round(to, env, u.negative, u.significand, u.exponent, to.precision);
};

export const fromInteger = (to: Format, v: bigint, env: Env): bigint => {
  env.roundedUp = false;
  if (v === 0n) return zeroBits(to, false);
  return round(to, env, v < 0n, v < 0n ? -v : v, 0, to.precision);
};

/**
 * A signed integer of `bits` bits by the rounding mode, or toward zero; null and invalid for NaNs and for
 * what does not fit.
 */
export const toInteger = (
  from: Format,
  a: bigint,
  bits: number,
  env: Env,
  truncate = false,
): bigint | null => {
  const u = operandOf(env, unpack(from, a));
  env.roundedUp = false;
  if (u.kind === 'zero') return 0n;
  if (u.kind !== 'finite' || u.exponent > 128) {
    env.flags |= FP.IE;
    return null;
  }
  const rounding = env.rounding;
  if (truncate) env.rounding = RC.zero;
  // Anything below a quarter rounds like a quarter.
  const distance = Math.min(-u.exponent, 200);
  const significand = -u.exponent > 200 ? 1n : u.significand;
  const { value, inexact } = shiftRight(env, u.negative, significand, distance);
  env.rounding = rounding;
  const v = u.negative ? -value : value;
  if (BigInt.asIntN(bits, v) !== v) {
    env.flags |= FP.IE;
    env.roundedUp = false;
    return null;
  }
  if (inexact) env.flags |= FP.PE;
  return v;
};

/** To an integral value in the same format. FRNDINT flags denormal operands, ROUNDSD does not. `quietly`: without the inexact flag. */
export const roundToIntegral = (f: Format, a: bigint, env: Env, quietly = false): bigint => {
  const u = operandOf(env, unpack(f, a));
  env.roundedUp = false;
  const nan = nanOf(f, env, a, u);
  if (nan !== null) return nan;
  if (u.kind === 'zero') return zeroBits(f, u.negative);
  if (u.kind === 'infinity' || u.exponent >= 0) return a;
  if (env.nans === 'x87') noteDenormal(env, u);
  const small = -u.exponent > 200;
  const { value, inexact } = shiftRight(
    env,
    u.negative,
    small ? 1n : u.significand,
    small ? 200 : -u.exponent,
  );
  if (inexact && !quietly) env.flags |= FP.PE;
  return value === 0n ? zeroBits(f, u.negative) : packExact(f, u.negative, value, 0);
};

export type Order = -1 | 0 | 1 | 'unordered';

/** Compares; `signal`: a quiet NaN is invalid too. */
export const compare = (f: Format, a: bigint, b: bigint, env: Env, signal: boolean): Order => {
  const ua = operandOf(env, unpack(f, a));
  const ub = operandOf(env, unpack(f, b));
  const kinds = [ua.kind, ub.kind];
  if (kinds.includes('unsupported') || kinds.includes('signaling')) {
    env.flags |= FP.IE;
    return 'unordered';
  }
  if (kinds.includes('quiet')) {
    if (signal) env.flags |= FP.IE;
    return 'unordered';
  }
  noteDenormal(env, ua, ub);
  if (ua.kind === 'zero' && ub.kind === 'zero') return 0;
  const sign = (negative: boolean): Order => (negative ? -1 : 1);
  if (ua.kind === 'zero') return sign(!ub.negative);
  if (ub.kind === 'zero' || ua.negative !== ub.negative) return sign(ua.negative);
  if (ua.kind === 'infinity') return ub.kind === 'infinity' ? 0 : sign(ua.negative);
  if (ub.kind === 'infinity') return sign(!ub.negative);
  const low = Math.min(ua.exponent, ub.exponent);
  const apart = Math.abs(ua.exponent - ub.exponent);
  if (apart > 200) return sign(ua.exponent < ub.exponent !== ua.negative);
  const x = ua.significand << BigInt(ua.exponent - low);
  const y = ub.significand << BigInt(ub.exponent - low);
  if (x === y) return 0;
  return sign(x < y !== ua.negative);
};
