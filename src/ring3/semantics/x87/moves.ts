// Loads and stores of the x87: floating-point numbers, integers, packed decimals, constants, exchange and FCMOVcc.

import type { Helper } from '../../helpers.ts';
import { round } from '../../softfloat/env.ts';
import { convert, F32, F64, F80, FP, fromInteger, toInteger } from '../../softfloat/index.ts';
import { dest, isNegative, MEM, mem, operand, other, popAfter, put, SIGN, SIZE } from './operands.ts';
import * as st from './state.ts';

const { FSW } = st;

export const load: Helper = (cpu, arg) => {
  if (st.pendingFault(cpu)) return 1;
  const env = st.envOf(cpu);
  let v: bigint | null;
  if (mem(arg) === MEM.none) {
    v = st.isEmpty(cpu, other(arg)) ? null : st.bitsOf(cpu, other(arg));
    if (v === null) {
      // Nothing to load counts before no place to load it to.
      if (!st.stackFault(cpu, false)) return 0;
      st.grow(cpu);
      st.setBits(cpu, 0, st.INDEFINITE);
      return 0;
    }
  } else {
    v = operand(cpu, mem(arg), env);
    if (v === null) return 1;
    if (!st.isEmpty(cpu, 7)) env.flags = 0;
    env.roundedUp = false;
    // A denormal is loaded whether that is masked or not (seen on the processor).
    if (!st.conclude(cpu, env) && (env.flags & FP.IE) !== 0) return 0;
  }
  st.push(cpu, v);
  return 0;
};

const INTEGER_INDEFINITE = [0n, 0n, 0n, 0n, -(1n << 15n), -(1n << 31n), -(1n << 63n)];

export const store =
  (truncate: boolean): Helper =>
  (cpu, arg) => {
    if (st.pendingFault(cpu)) return 1;
    const kind = mem(arg);
    const empty = st.isEmpty(cpu, 0);
    if (kind === MEM.none) {
      if (empty && !st.stackFault(cpu, false)) return 0;
      if (!empty) st.setConditions(cpu, 0, FSW.C1);
      st.setBits(cpu, dest(arg), empty ? st.INDEFINITE : st.bitsOf(cpu, 0));
      popAfter(cpu, arg);
      return 0;
    }
    const before = st.fsw(cpu);
    const env = st.envOf(cpu);
    const size = SIZE[kind] as number;
    const v = st.bitsOf(cpu, 0);
    let out: bigint;
    if (empty) {
      if (!st.stackFault(cpu, false)) return 0;
      out =
        kind <= MEM.f80
          ? convert(F80, kind === MEM.f32 ? F32 : kind === MEM.f64 ? F64 : F80, st.INDEFINITE, env)
          : (INTEGER_INDEFINITE[kind] as bigint);
      if (kind === MEM.f80) out = st.INDEFINITE;
    } else {
      if (kind === MEM.f80) out = v;
      else if (kind === MEM.f32 || kind === MEM.f64) {
        env.wrap = 0;
        out = convert(F80, kind === MEM.f32 ? F32 : F64, v, env);
        // What is not stored is not inexact (seen on the processor).
        if ((env.flags & ~st.fcw(cpu) & (FP.OE | FP.UE)) !== 0) env.flags &= ~FP.PE;
      } else out = toInteger(F80, v, 8 * size, env, truncate) ?? (INTEGER_INDEFINITE[kind] as bigint);
      const stored = st.conclude(cpu, env) && (env.flags & ~st.fcw(cpu) & (FP.OE | FP.UE)) === 0;
      if (!stored) return 0;
    }
    const r = put(cpu, arg, out, size);
    if (r !== 0) st.setFsw(cpu, before);
    return r;
  };

/** Constants to 66 bits and more, so that every rounding mode gets its own: [significand, exponent of its last bit]. */
export const CONSTANTS: Readonly<Record<string, readonly [bigint, number]>> = {
  fldl2t: [0xd49a784bcd1b8afe492bf6ff4dafdb4dn, -126],
  fldl2e: [0xb8aa3b295c17f0bbbe87fed0691d3e89n, -127],
  fldpi: [0xc90fdaa22168c234c4c6628b80dc1cd1n, -126],
  fldlg2: [0x9a209a84fbcff7988f8959ac0b7c9178n, -129],
  fldln2: [0xb17217f7d1cf79abc9e3b39803f2f6afn, -128],
};
export const constant =
  ([significand, exponent]: readonly [bigint, number]): Helper =>
  (cpu) => {
    if (st.pendingFault(cpu)) return 1;
    st.push(cpu, round(F80, st.envOf(cpu), false, significand, exponent, 64));
    return 0;
  };
export const exactConstant =
  (bits: bigint): Helper =>
  (cpu) => {
    if (st.pendingFault(cpu)) return 1;
    st.push(cpu, bits);
    return 0;
  };

/** FXCH: empty registers are filled with the indefinite when the fault is masked. */
export const exchange: Helper = (cpu, arg) => {
  if (st.pendingFault(cpu)) return 1;
  const i = other(arg);
  if (st.isEmpty(cpu, 0) || st.isEmpty(cpu, i)) {
    if (!st.stackFault(cpu, false)) return 0;
    for (const k of [0, i]) if (st.isEmpty(cpu, k)) st.setBits(cpu, k, st.INDEFINITE);
  } else st.setConditions(cpu, 0, FSW.C1);
  const a = st.bitsOf(cpu, 0);
  st.setBits(cpu, 0, st.bitsOf(cpu, i));
  st.setBits(cpu, i, a);
  return 0;
};

/** FCMOVcc: it looks for stack faults whether its condition holds or not. */
export const moveIf =
  (holds: boolean): Helper =>
  (cpu, arg) => {
    if (st.pendingFault(cpu)) return 1;
    if (st.isEmpty(cpu, 0) || st.isEmpty(cpu, other(arg))) {
      if (st.stackFault(cpu, false)) st.setBits(cpu, 0, st.INDEFINITE);
    } else if (holds) st.setBits(cpu, 0, st.bitsOf(cpu, other(arg)));
    return 0;
  };

const BCD_MAX = 10n ** 18n;
const BCD_INDEFINITE = 0xffffc000000000000000n;

export const loadBcd: Helper = (cpu) => {
  if (st.pendingFault(cpu) || cpu.misplaced(cpu.address(), 8)) return 1;
  const b = cpu.load(cpu.address(), 10);
  if (!b) return 1;
  let v = 0n;
  for (let i = 8; i >= 0; i--) v = v * 100n + BigInt(((b[i] as number) >> 4) * 10 + ((b[i] as number) & 15));
  const negative = ((b[9] as number) & 0x80) !== 0;
  const magnitude = fromInteger(F80, v, st.envOf(cpu));
  st.push(cpu, negative ? magnitude | SIGN : magnitude);
  return 0;
};
export const storeBcd: Helper = (cpu, arg) => {
  if (st.pendingFault(cpu)) return 1;
  const before = st.fsw(cpu);
  let out = BCD_INDEFINITE;
  if (st.isEmpty(cpu, 0)) {
    if (!st.stackFault(cpu, false)) return 0;
  } else {
    const env = st.envOf(cpu);
    const bits = st.bitsOf(cpu, 0);
    let v = toInteger(F80, bits, 64, env);
    if (v !== null && (v >= BCD_MAX || v <= -BCD_MAX)) {
      env.flags = FP.IE;
      env.roundedUp = false;
      v = null;
    }
    if (!st.conclude(cpu, env)) return 0;
    if (v !== null) {
      let rest = v < 0n ? -v : v;
      out = isNegative(bits) ? 0x80n << 72n : 0n;
      for (let i = 0n; i < 18n; i++) {
        out |= (rest % 10n) << (4n * i);
        rest /= 10n;
      }
    }
  }
  const r = put(cpu, arg, out, 10);
  if (r !== 0) st.setFsw(cpu, before);
  return r;
};
