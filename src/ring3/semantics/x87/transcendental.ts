// Transcendental instructions by series in fixed point with far more bits than the result has, rounded once.
// Intel promises less than one unit in the last place (SDM volume 1, 8.3.10); where its result is not the
// correctly rounded one, the last bit may differ here. Trigonometric arguments are reduced by the 66-bit
// value of pi that the processor uses (8.3.8).

import { round } from '../../softfloat/env.ts';
import { bitLength } from '../../softfloat/format.ts';
import { type Env, F80, FP, type Unpacked, unpack } from '../../softfloat/index.ts';

/** Fraction bits of the fixed-point numbers below. */
const P = 256;
const ONE = 1n << BigInt(P);
const mul = (a: bigint, b: bigint): bigint => (a * b) >> BigInt(P);
const div = (a: bigint, b: bigint): bigint => (a << BigInt(P)) / b;

/** 2 atanh(z) = ln((1 + z) / (1 - z)), |z| small. */
const twoAtanh = (z: bigint): bigint => {
  const z2 = mul(z, z);
  let term = z;
  let sum = 0n;
  for (let n = 1n; term !== 0n && term !== -1n; n += 2n) {
    sum += term / n;
    term = mul(term, z2);
  }
  return 2n * sum;
};
const LN2 = twoAtanh(ONE / 3n);

/** e^x - 1 for small |x|. */
const expm1 = (x: bigint): bigint => {
  let term = x;
  let sum = 0n;
  for (let n = 2n; term !== 0n && term !== -1n; n++) {
    sum += term;
    term = mul(term, x) / n;
  }
  return sum;
};

const atanSeries = (x: bigint): bigint => {
  const x2 = mul(x, x);
  let term = x;
  let sum = 0n;
  for (let n = 1n; term !== 0n && term !== -1n; n += 2n) {
    sum += n & 2n ? -term / n : term / n;
    term = mul(term, x2);
  }
  return sum;
};
const root = (v: bigint): bigint => {
  const n = v << BigInt(P);
  let x = 1n << BigInt((bitLength(n) + 1) >> 1);
  for (;;) {
    const y = (x + n / x) >> 1n;
    if (y >= x) return x;
    x = y;
  }
};
/** atan for 0 <= x <= 1, halving the angle until the series is short. */
const atanUnit = (x: bigint): bigint => {
  let y = x;
  let scale = 0n;
  while (y > ONE >> 4n) {
    y = div(y, ONE + root(ONE + mul(y, y)));
    scale++;
  }
  return atanSeries(y) << scale;
};
const PI = 4n * atanUnit(ONE);
/** The processor's pi: 66 significant bits. */
const PI66 = 0xc90fdaa22168c234cn << BigInt(P - 66);

const sinCos = (x: bigint): { sin: bigint; cos: bigint } => {
  let term = ONE;
  let sin = 0n;
  let cos = 0n;
  for (let n = 0n; term !== 0n && term !== -1n; n++) {
    const minus = (n & 2n) !== 0n;
    if (n & 1n) sin += minus ? -term : term;
    else cos += minus ? -term : term;
    term = mul(term, x) / (n + 1n);
  }
  return { sin, cos };
};

/** A finite number as fixed point, exact as long as its lowest bit is in reach. */
const fixed = (u: Unpacked): bigint => {
  const shift = BigInt(u.exponent + P);
  const v = shift >= 0n ? u.significand << shift : u.significand >> -shift;
  return u.negative ? -v : v;
};
const log2Of = (u: Unpacked): number => u.exponent + bitLength(u.significand) - 1;

/** Rounds v * 2^(scale - P); the value is taken as inexact. */
const finish = (env: Env, v: bigint, scale = 0): bigint => {
  const negative = v < 0n;
  return round(F80, env, negative, ((negative ? -v : v) << 1n) | 1n, scale - P - 1, 64);
};

/** Arguments below this are their own first-order term to more bits than there are. */
const TINY = -70;

/** x * c for a tiny x, with c fixed point near 1. */
const linear = (env: Env, u: Unpacked, c: bigint): bigint => {
  const v = u.significand * c;
  return finish(env, u.negative ? -v : v, u.exponent);
};

/** 2^x - 1, -1 <= x <= 1. */
export const f2xm1 = (x: bigint, env: Env): bigint => {
  const u = unpack(F80, x);
  if (log2Of(u) < TINY) return linear(env, u, LN2);
  if (log2Of(u) === 0 && u.significand === 1n << BigInt(bitLength(u.significand) - 1)) {
    // ±1 is exact.
    return u.negative ? (0xbffen << 64n) | (1n << 63n) : x;
  }
  return finish(env, expm1(mul(fixed(u), LN2)));
};

/** ln of a positive finite number, as fixed point. */
const ln = (u: Unpacked): bigint => {
  const e = log2Of(u);
  const m = u.significand << BigInt(P - bitLength(u.significand) + 1);
  // m in [1, 2): ln m = 2 atanh((m - 1) / (m + 1)).
  return twoAtanh(div(m - ONE, m + ONE)) + BigInt(e) * LN2;
};

const times = (env: Env, y: Unpacked, v: bigint): bigint => {
  const p = y.significand * v;
  return finish(env, y.negative ? -p : p, y.exponent);
};

/** y * log2(x), x positive and finite. */
export const fyl2x = (y: bigint, x: bigint, env: Env): bigint => {
  const u = unpack(F80, x);
  if (u.significand === 1n << BigInt(bitLength(u.significand) - 1)) {
    const v = unpack(F80, y);
    const e = log2Of(u);
    if (e === 0) return v.negative ? 1n << 79n : 0n;
    const p = v.significand * BigInt(Math.abs(e));
    return round(F80, env, v.negative !== e < 0, p, v.exponent, 64);
  }
  return times(env, unpack(F80, y), div(ln(u), LN2));
};

/** y * log2(1 + x), |x| < 1 - sqrt(1/2). */
export const fyl2xp1 = (y: bigint, x: bigint, env: Env): bigint => {
  const u = unpack(F80, x);
  const v = unpack(F80, y);
  if (log2Of(u) < TINY) {
    const p = div(ONE, LN2) * u.significand * v.significand;
    return finish(env, u.negative !== v.negative ? -p : p, u.exponent + v.exponent);
  }
  // Beyond its range the result is undefined, but the series must end.
  if (log2Of(u) > -2) {
    const sum = ONE + fixed(u);
    return sum <= 0n
      ? x
      : times(env, v, div(ln({ ...u, negative: false, significand: sum, exponent: -P }), LN2));
  }
  const w = fixed(u);
  return times(env, v, div(twoAtanh(div(w, 2n * ONE + w)), LN2));
};

/** atan2(y, x), both finite, not both zero. */
export const fpatan = (y: bigint, x: bigint, env: Env): bigint => {
  const v = unpack(F80, y);
  const u = unpack(F80, x);
  const sign = (r: bigint): bigint => (v.negative ? -r : r);
  const quarter = PI >> 1n;
  if (u.kind === 'zero') return finish(env, sign(quarter));
  const distance = v.kind === 'zero' ? -40000 : log2Of(v) - log2Of(u);
  if (v.kind === 'zero') return u.negative ? finish(env, sign(PI)) : v.negative ? 1n << 79n : 0n;
  if (distance > 80) return finish(env, sign(quarter));
  if (distance < -80) {
    if (u.negative) return finish(env, sign(PI));
    // y / x to enough bits, at its own scale.
    const q = (v.significand << 200n) / u.significand;
    return round(F80, env, v.negative, (q << 1n) | 1n, v.exponent - u.exponent - 201, 64);
  }
  const d = BigInt(v.exponent - u.exponent);
  const num = d >= 0n ? v.significand << d : v.significand;
  const den = d < 0n ? u.significand << -d : u.significand;
  const angle = num <= den ? atanUnit(div(num, den)) : quarter - atanUnit(div(den, num));
  return finish(env, sign(u.negative ? PI - angle : angle));
};

/** Sine and cosine of a finite number below 2^63 in magnitude. */
export const sineCosine = (
  x: bigint,
  env: Env,
): { sin: (e: Env) => bigint; cos: (e: Env) => bigint; tan: (e: Env) => bigint } => {
  const u = unpack(F80, x);
  if (log2Of(u) < TINY) {
    const same = (e: Env): bigint => linear(e, u, ONE);
    return { sin: same, cos: (e) => finish(e, ONE - 1n), tan: same };
  }
  void env;
  const v = fixed({ ...u, negative: false });
  const half = PI66 >> 1n;
  const n = (v + (half >> 1n)) / half;
  const { sin, cos } = sinCos(v - n * half);
  const quadrant = Number(n & 3n);
  const s = quadrant === 0 ? sin : quadrant === 1 ? cos : quadrant === 2 ? -sin : -cos;
  const c = quadrant === 0 ? cos : quadrant === 1 ? -sin : quadrant === 2 ? -cos : sin;
  const signed = u.negative ? -s : s;
  return {
    sin: (e) => finish(e, signed),
    cos: (e) => finish(e, c),
    tan: (e) => finish(e, div(signed, c)),
  };
};

export const inexact = (env: Env): void => {
  env.flags |= FP.PE;
};
