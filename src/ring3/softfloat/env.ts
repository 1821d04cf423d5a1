// The environment of an operation: what MXCSR or the x87 control word ask for, and the exception flags
// raised so far. Both registers use the same flag bits and the same coding of rounding.

import type { Format, Unpacked } from './format.ts';
import { bitLength, infinityBits, largestBits, packExact, zeroBits } from './format.ts';

export const FP = { IE: 1, DE: 2, ZE: 4, OE: 8, UE: 16, PE: 32 } as const;

/** RC of MXCSR and of the x87 control word. */
export const RC = { nearest: 0, down: 1, up: 2, zero: 3 } as const;

export interface Env {
  /** RC */
  rounding: number;
  /** Significand bits of results of +, -, *, / and square root: the format's, or fewer (x87 precision control). */
  precision: number;
  daz: boolean;
  ftz: boolean;
  /** Whose rule chooses among NaN operands. */
  nans: 'sse' | 'x87';
  /** FP bits of exceptions that are masked. */
  masked: number;
  /** FP bits raised; operations only add. */
  flags: number;
  /** The last rounding went away from zero (the x87's C1). */
  roundedUp: boolean;
  /**
   * What an unmasked overflow or underflow adds to the exponent of the result that is delivered all the same
   * (x87: 24576), or 0.
   */
  wrap: number;
}

export const sseEnv = (mxcsr: number): Env => ({
  rounding: (mxcsr >> 13) & 3,
  precision: 64,
  daz: (mxcsr & 0x40) !== 0,
  ftz: (mxcsr & 0x8000) !== 0,
  nans: 'sse',
  masked: (mxcsr >> 7) & 0x3f,
  flags: 0,
  roundedUp: false,
  wrap: 0,
});

/** `fcw`: the x87 control word. Precision 24, 53 or 64 from its PC field, whose reserved value 1 is 64 as well (seen on the processor). */
export const x87Env = (fcw: number): Env => ({
  rounding: (fcw >> 10) & 3,
  precision: [24, 64, 53, 64][(fcw >> 8) & 3] ?? 64,
  daz: false,
  ftz: false,
  nans: 'x87',
  masked: fcw & 0x3f,
  flags: 0,
  roundedUp: false,
  wrap: 24576,
});

/** significand * 2^-drop as an integer by the rounding mode; says in `env.roundedUp` which way it went. */
export const shiftRight = (
  env: Env,
  negative: boolean,
  significand: bigint,
  drop: number,
): { value: bigint; inexact: boolean } => {
  env.roundedUp = false;
  if (drop <= 0) return { value: significand << BigInt(-drop), inexact: false };
  const n = BigInt(drop);
  const value = significand >> n;
  const rest = significand - (value << n);
  if (rest === 0n) return { value, inexact: false };
  const half = 1n << (n - 1n);
  const up =
    env.rounding === RC.nearest
      ? rest > half || (rest === half && (value & 1n) === 1n)
      : env.rounding === (negative ? RC.down : RC.up);
  env.roundedUp = up;
  return { value: up ? value + 1n : value, inexact: true };
};

/**
 * The bits of ±significand * 2^exponent rounded to the format, with overflow, underflow (tiny after rounding,
 * SDM volume 1, 4.9.1.5) and inexact raised. The significand is not 0 and has its lost bits as a sticky last one.
 */
export const round = (
  f: Format,
  env: Env,
  negative: boolean,
  significand: bigint,
  exponent: number,
  precision = Math.min(f.precision, env.precision),
): bigint => {
  const length = bitLength(significand);
  const lowest = 1 - f.bias;
  const finish = (drop: number, wrap: number): bigint => {
    const { value, inexact } = shiftRight(env, negative, significand, drop);
    if (inexact) env.flags |= FP.PE;
    if (value === 0n) return zeroBits(f, negative);
    const top = exponent + drop + bitLength(value) - 1 + wrap;
    if (top > f.bias) return overflow(f, env, negative, precision);
    return packExact(f, negative, value, exponent + drop + wrap);
  };
  const drop = length - precision;
  if (exponent + length - 1 >= lowest) {
    if (env.wrap !== 0 && !(env.masked & FP.OE)) {
      const { value } = shiftRight(env, negative, significand, drop);
      if (exponent + drop + bitLength(value) - 1 > f.bias) {
        env.flags |= FP.OE;
        return finish(drop, -env.wrap);
      }
    }
    return finish(drop, 0);
  }
  const unbounded = shiftRight(env, negative, significand, drop);
  const tiny = exponent + drop + bitLength(unbounded.value) - 1 < lowest;
  if (tiny && !(env.masked & FP.UE)) {
    // What counts as inexact is then the result with an unbounded exponent.
    env.flags |= FP.UE;
    if (env.wrap !== 0) return finish(drop, env.wrap);
    if (unbounded.inexact) env.flags |= FP.PE;
    return zeroBits(f, negative);
  }
  if (tiny && env.ftz && env.masked & FP.UE) {
    env.flags |= FP.UE | FP.PE;
    return zeroBits(f, negative);
  }
  const before = env.flags;
  env.flags &= ~FP.PE;
  const bits = finish(Math.max(drop, lowest - precision + 1 - exponent), 0);
  if (tiny && env.flags & FP.PE) env.flags |= FP.UE;
  env.flags |= before;
  return bits;
};

const overflow = (f: Format, env: Env, negative: boolean, precision: number): bigint => {
  env.flags |= env.masked & FP.OE ? FP.OE | FP.PE : FP.OE;
  const toInfinity = env.rounding === RC.nearest || env.rounding === (negative ? RC.down : RC.up);
  env.roundedUp = toInfinity;
  return toInfinity ? infinityBits(f, negative) : largestBits(f, negative, precision);
};

/** Denormal operands are zero under DAZ. */
export const operandOf = (env: Env, u: Unpacked): Unpacked => {
  if (!u.denormal) return u;
  if (env.daz) return { ...u, kind: 'zero', significand: 0n, exponent: 0, denormal: false };
  return u;
};
