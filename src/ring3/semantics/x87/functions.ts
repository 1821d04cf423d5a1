// Functions of the x87: logarithms, trigonometry, partial remainders, scaling. The mathematics is in transcendental.ts;
// here are their special values, and the order of exceptions.

import type { Helper } from '../../helpers.ts';
import { round } from '../../softfloat/env.ts';
import { bitLength } from '../../softfloat/format.ts';
import {
  type Env,
  F80,
  FP,
  fromInteger,
  infinityBits,
  nanOf,
  nanResult,
  remainder,
  unpack,
  zeroBits,
} from '../../softfloat/index.ts';
import { unary } from './arithmetic.ts';
import { isNegative, kind, ONE, SIGN } from './operands.ts';
import * as st from './state.ts';
import { f2xm1, fpatan, fyl2x, fyl2xp1, sineCosine } from './transcendental.ts';

const { FSW } = st;

const invalid = (env: Env): bigint => {
  env.flags |= FP.IE;
  return st.INDEFINITE;
};
const denormalNoted = (env: Env, bits: bigint): void => {
  const u = unpack(F80, bits);
  if (u.kind === 'finite' && u.denormal) env.flags |= FP.DE;
};

/** NaN handling that every transcendental of one argument shares. */
const careful = (bits: bigint, env: Env, op: () => bigint): bigint => {
  const u = unpack(F80, bits);
  const nan = nanOf(F80, env, bits, u);
  if (nan !== null) return nan;
  const r = op();
  // Invalid operations and divisions by zero come before denormal operands (SDM volume 1, 4.9.2).
  if (!(env.flags & (FP.IE | FP.ZE))) denormalNoted(env, bits);
  return r;
};
const careful2 = (y: bigint, x: bigint, env: Env, op: () => bigint): bigint => {
  const nan = nanResult(F80, env, y, unpack(F80, y), x, unpack(F80, x));
  if (nan !== null) return nan;
  const r = op();
  if (!(env.flags & (FP.IE | FP.ZE))) {
    denormalNoted(env, y);
    denormalNoted(env, x);
  }
  return r;
};
export const logarithm = (y: bigint, x: bigint, env: Env): bigint =>
  careful2(y, x, env, () => {
    const kx = kind(x);
    const ky = kind(y);
    if (kx === 'zero') {
      if (ky === 'zero') return invalid(env);
      if (ky === 'infinity') return infinityBits(F80, !isNegative(y));
      env.flags |= FP.ZE;
      return infinityBits(F80, !isNegative(y));
    }
    if (isNegative(x)) return invalid(env);
    const one = x === ((0x3fffn << 64n) | (1n << 63n));
    if (kx === 'infinity') return ky === 'zero' ? invalid(env) : infinityBits(F80, isNegative(y));
    const below = unpack(F80, x).exponent + bitLength(unpack(F80, x).significand) - 1 < 0;
    if (ky === 'infinity') return one ? invalid(env) : infinityBits(F80, isNegative(y) !== below);
    if (ky === 'zero') return zeroBits(F80, isNegative(y) !== below);
    return fyl2x(y, x, env);
  });

export const logarithmPlusOne = (y: bigint, x: bigint, env: Env): bigint =>
  careful2(y, x, env, () => {
    const kx = kind(x);
    const ky = kind(y);
    if (kx === 'infinity')
      return isNegative(x) || ky === 'zero' ? invalid(env) : infinityBits(F80, isNegative(y));
    if (ky === 'infinity')
      return kx === 'zero' ? invalid(env) : infinityBits(F80, isNegative(y) !== isNegative(x));
    if (kx === 'zero' || ky === 'zero') return zeroBits(F80, isNegative(y) !== isNegative(x));
    return fyl2xp1(y, x, env);
  });

const QUARTERS = (n: bigint, env: Env, negative: boolean): bigint =>
  // n quarters of pi: arctangents of infinities.
  round(F80, env, negative, ((0xc90fdaa22168c234c4c6628b80dc1cd1n * n) << 1n) | 1n, -129, 64);

export const arctangent = (y: bigint, x: bigint, env: Env): bigint =>
  careful2(y, x, env, () => {
    const kx = kind(x);
    const ky = kind(y);
    const negative = isNegative(y);
    if (ky === 'infinity') {
      return QUARTERS(kx !== 'infinity' ? 2n : isNegative(x) ? 3n : 1n, env, negative);
    }
    if (kx === 'infinity') return isNegative(x) ? QUARTERS(4n, env, negative) : zeroBits(F80, negative);
    if (ky === 'zero') return isNegative(x) ? QUARTERS(4n, env, negative) : zeroBits(F80, negative);
    return fpatan(y, x, env);
  });

const outOfRange = (bits: bigint): boolean => {
  const u = unpack(F80, bits);
  return u.kind === 'finite' && u.exponent + bitLength(u.significand) - 1 >= 63;
};

/** FSIN, FCOS: C2 set and nothing done for arguments of 2^63 and more. */
export const trigonometric = (which: 'sin' | 'cos'): Helper =>
  unary((v, env, cpu) => {
    if (outOfRange(v)) {
      st.setConditions(cpu, FSW.C2, FSW.C1 | FSW.C2);
      return null;
    }
    st.setConditions(cpu, 0, FSW.C2);
    return careful(v, env, () => {
      const k = kind(v);
      if (k === 'infinity') return invalid(env);
      if (k === 'zero') return which === 'sin' ? v : ONE;
      return sineCosine(v, env)[which](env);
    });
  }, true);

/** FSINCOS and FPTAN: replace ST(0), then push. */
export const andPush =
  (first: 'sin' | 'tan', second: 'cos' | 'one'): Helper =>
  (cpu) => {
    if (st.pendingFault(cpu)) return 1;
    const empty = st.isEmpty(cpu, 0);
    const full = !st.isEmpty(cpu, 7);
    if (empty || full) {
      if (!st.stackFault(cpu, full && !empty)) return 0;
      st.setConditions(cpu, 0, FSW.C2);
      st.setBits(cpu, 0, st.INDEFINITE);
      st.grow(cpu);
      st.setBits(cpu, 0, st.INDEFINITE);
      return 0;
    }
    const v = st.bitsOf(cpu, 0);
    if (outOfRange(v)) {
      st.setConditions(cpu, FSW.C2, FSW.C1 | FSW.C2);
      return 0;
    }
    st.setConditions(cpu, 0, FSW.C2);
    const env = st.envOf(cpu);
    let extra = ONE;
    const value = careful(v, env, () => {
      const k = kind(v);
      if (k === 'infinity') return invalid(env);
      if (k === 'zero') return v;
      const both = sineCosine(v, env);
      if (second === 'cos') extra = both.cos(env);
      return both[first](env);
    });
    const k = kind(v);
    if (k !== 'zero' && k !== 'finite') extra = value;
    if (!st.conclude(cpu, env)) return 0;
    st.setBits(cpu, 0, value);
    st.grow(cpu);
    st.setBits(cpu, 0, extra);
    return 0;
  };

export const reduction =
  (nearest: boolean): Helper =>
  (cpu, arg) => {
    if (st.pendingFault(cpu)) return 1;
    if (st.isEmpty(cpu, 0) || st.isEmpty(cpu, 1)) {
      if (st.stackFault(cpu, false)) {
        st.setBits(cpu, 0, st.INDEFINITE);
        st.setConditions(cpu, 0, FSW.C2);
      }
      return 0;
    }
    void arg;
    const env = st.envOf(cpu);
    const r = remainder(F80, st.bitsOf(cpu, 0), st.bitsOf(cpu, 1), env, nearest);
    if (!st.conclude(cpu, env)) return 0;
    st.setBits(cpu, 0, r.bits);
    const { kind } = unpack(F80, r.bits);
    if (kind === 'quiet') {
      // There is no quotient: C0 and C3 stay.
      st.setConditions(cpu, 0, FSW.C1 | FSW.C2);
      return 0;
    }
    const q = Number(r.quotient & 7n);
    st.setConditions(
      cpu,
      r.partial ? FSW.C2 : (q & 4 ? FSW.C0 : 0) | (q & 2 ? FSW.C3 : 0) | (q & 1 ? FSW.C1 : 0),
    );
    return 0;
  };

/** FSCALE: ST(0) * 2^trunc(ST(1)). */
export const scale: Helper = (cpu) => {
  if (st.pendingFault(cpu)) return 1;
  if (st.isEmpty(cpu, 0) || st.isEmpty(cpu, 1)) {
    if (st.stackFault(cpu, false)) st.setBits(cpu, 0, st.INDEFINITE);
    return 0;
  }
  const env = st.envOf(cpu);
  const a = st.bitsOf(cpu, 0);
  const b = st.bitsOf(cpu, 1);
  const r = careful2(a, b, env, () => {
    const ua = unpack(F80, a);
    const ub = unpack(F80, b);
    if (ub.kind === 'infinity') {
      if (ub.negative) return ua.kind === 'infinity' ? invalid(env) : zeroBits(F80, ua.negative);
      return ua.kind === 'zero' ? invalid(env) : infinityBits(F80, ua.negative);
    }
    if (ua.kind !== 'finite' || ub.kind === 'zero') return a;
    const big = ub.exponent + bitLength(ub.significand) > 17;
    const n = big
      ? 70000
      : Number(
          ub.exponent >= 0
            ? ub.significand << BigInt(ub.exponent)
            : ub.significand >> BigInt(Math.min(-ub.exponent, 128)),
        );
    return round(F80, env, ua.negative, ua.significand, ua.exponent + (ub.negative ? -n : n), 64);
  });
  if (st.conclude(cpu, env)) st.setBits(cpu, 0, r);
  return 0;
};

/** FXTRACT: the exponent replaces ST(0), the significand is pushed. */
export const extract: Helper = (cpu) => {
  if (st.pendingFault(cpu)) return 1;
  const empty = st.isEmpty(cpu, 0);
  if (empty || !st.isEmpty(cpu, 7)) {
    if (!st.stackFault(cpu, !empty)) return 0;
    st.setBits(cpu, 0, st.INDEFINITE);
    st.grow(cpu);
    st.setBits(cpu, 0, st.INDEFINITE);
    return 0;
  }
  const env = st.envOf(cpu);
  const v = st.bitsOf(cpu, 0);
  const u = unpack(F80, v);
  let exponent: bigint;
  let significand = v;
  const nan = nanOf(F80, env, v, u);
  if (nan !== null) exponent = significand = nan;
  else if (u.kind === 'infinity') exponent = infinityBits(F80, false);
  else if (u.kind === 'zero') {
    env.flags |= FP.ZE;
    exponent = infinityBits(F80, true);
  } else {
    denormalNoted(env, v);
    exponent = fromInteger(F80, BigInt(u.exponent + bitLength(u.significand) - 1), env);
    const normal = u.significand << BigInt(64 - bitLength(u.significand));
    significand = (u.negative ? SIGN : 0n) | (0x3fffn << 64n) | normal;
  }
  if (!st.conclude(cpu, env)) return 0;
  st.setBits(cpu, 0, exponent);
  st.grow(cpu);
  st.setBits(cpu, 0, significand);
  return 0;
};

/** F2XM1. */
export const power: Helper = unary((v, env) =>
  careful(v, env, () => {
    const k = kind(v);
    if (k === 'zero') return v;
    if (k === 'infinity') return isNegative(v) ? ONE | SIGN : v;
    // Beyond ±1 the result is undefined; processors leave the argument.
    return unpack(F80, v).exponent + bitLength(unpack(F80, v).significand) - 1 > 0 ? v : f2xm1(v, env);
  }),
);
