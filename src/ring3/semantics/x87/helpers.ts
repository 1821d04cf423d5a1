// The x87 instructions themselves, as helpers. The argument packs what the operands say: bits 0-2 the
// destination, 3-5 the other register, 6-8 the kind of a memory operand (MEM), bit 9 pop once, 10 twice,
// bit 11 a 16-bit environment (operand-size prefix).

import type { CpuState, Helper, HelperTable } from '../../helpers.ts';
import { CPU, FLAG, OFF } from '../../layout.ts';
import { round } from '../../softfloat/env.ts';
import { bitLength } from '../../softfloat/format.ts';
import {
  add,
  compare,
  convert,
  div,
  type Env,
  F32,
  F64,
  F80,
  type Format,
  FP,
  fromInteger,
  infinityBits,
  mul,
  nanOf,
  nanResult,
  remainder,
  roundToIntegral,
  sqrt,
  sub,
  toInteger,
  unpack,
  zeroBits,
} from '../../softfloat/index.ts';
import * as st from './state.ts';
import { f2xm1, fpatan, fyl2x, fyl2xp1, sineCosine } from './transcendental.ts';

/** Kinds of memory operands. */
export const MEM = { none: 0, f32: 1, f64: 2, f80: 3, i16: 4, i32: 5, i64: 6 } as const;
export const POP = 1 << 9;
export const POP_TWICE = 1 << 10;
export const SHORT = 1 << 11;

/** Slot of OFF.scratch with the address of the instruction. */
export const HERE_SLOT = 3;

const { FSW } = st;
const SIZE = [0, 4, 8, 10, 2, 4, 8];
const dest = (arg: number): number => arg & 7;
const other = (arg: number): number => (arg >> 3) & 7;
const mem = (arg: number): number => (arg >> 6) & 7;
const popAfter = (cpu: CpuState, arg: number): void => {
  if (arg & (POP | POP_TWICE)) st.pop(cpu);
  if (arg & POP_TWICE) st.pop(cpu);
};

const little = (b: Uint8Array): bigint => {
  let v = 0n;
  for (let i = b.length - 1; i >= 0; i--) v = (v << 8n) | BigInt(b[i] as number);
  return v;
};
const bytes = (v: bigint, n: number): Uint8Array => {
  const out = new Uint8Array(n);
  let rest = BigInt.asUintN(8 * n, v);
  for (let i = 0; i < n; i++) {
    out[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return out;
};

/** The memory operand as f80, exactly; null after a fault. Loading as such flags signaling NaNs and denormals. */
const operand = (cpu: CpuState, kind: number, env: Env): bigint | null => {
  const b = cpu.load(cpu.address(), SIZE[kind] as number);
  if (!b) return null;
  const raw = little(b);
  switch (kind) {
    case MEM.f32:
      return convert(F32, F80, raw, env);
    case MEM.f64:
      return convert(F64, F80, raw, env);
    case MEM.f80:
      return raw;
    default:
      return fromInteger(F80, BigInt.asIntN(8 * (SIZE[kind] as number), raw), env);
  }
};

/** The same for an operation, which tells signaling from quiet NaNs: they stay signaling. */
const operandAsIs = (cpu: CpuState, kind: number, env: Env): bigint | null => {
  const v = operand(cpu, kind, env);
  return v !== null && env.flags & FP.IE ? v & ~(1n << 62n) : v;
};

type Binary = (f: Format, a: bigint, b: bigint, env: Env) => bigint;
const swapped =
  (op: Binary): Binary =>
  (f, a, b, env) =>
    op(f, b, a, env);

/** A denormal in memory is not noted beside a NaN in a register. */
const ignoreBesideNan = (env: Env, a: bigint): void => {
  const { kind } = unpack(F80, a);
  if (kind === 'quiet' || kind === 'signaling' || kind === 'unsupported') env.flags &= ~FP.DE;
};

const arithmetic =
  (op: Binary): Helper =>
  (cpu, arg) => {
    if (st.pendingFault(cpu)) return 1;
    const env = st.envOf(cpu);
    const d = dest(arg);
    let b: bigint | null;
    let missing = st.isEmpty(cpu, d);
    if (mem(arg) === MEM.none) {
      missing ||= st.isEmpty(cpu, other(arg));
      b = st.bitsOf(cpu, other(arg));
    } else {
      b = operandAsIs(cpu, mem(arg), env);
      if (b === null) return 1;
    }
    if (missing) {
      if (!st.stackFault(cpu, false)) return 0;
      st.setBits(cpu, d, st.INDEFINITE);
      popAfter(cpu, arg);
      return 0;
    }
    const a = st.bitsOf(cpu, d);
    const r = op(F80, a, b, env);
    ignoreBesideNan(env, a);
    // Division by zero comes before a denormal operand (SDM volume 1, 4.9.2).
    if (env.flags & FP.ZE) env.flags &= ~FP.DE;
    if (!st.conclude(cpu, env)) return 0;
    st.setBits(cpu, d, r);
    popAfter(cpu, arg);
    return 0;
  };

const ORDER = { '-1': FSW.C0, '0': FSW.C3, '1': 0, unordered: FSW.C0 | FSW.C2 | FSW.C3 } as const;

/** FCOM and FUCOM; `toFlags` for FCOMI. Unordered is invalid unless `quiet`. */
const comparison =
  (quiet: boolean, toFlags: boolean, withZero = false): Helper =>
  (cpu, arg) => {
    if (st.pendingFault(cpu)) return 1;
    const env = st.envOf(cpu);
    let b: bigint | null = 0n;
    let missing = st.isEmpty(cpu, 0);
    if (!withZero) {
      if (mem(arg) === MEM.none) {
        missing ||= st.isEmpty(cpu, other(arg));
        b = st.bitsOf(cpu, other(arg));
      } else {
        b = operandAsIs(cpu, mem(arg), env);
        if (b === null) return 1;
      }
    }
    let bits: number = ORDER.unordered;
    let goOn = true;
    if (missing) goOn = st.stackFault(cpu, false);
    else {
      bits = ORDER[`${compare(F80, st.bitsOf(cpu, 0), b, env, !quiet)}`];
      ignoreBesideNan(env, st.bitsOf(cpu, 0));
      env.roundedUp = false;
      const before = st.fsw(cpu) & FSW.C1;
      goOn = st.conclude(cpu, env);
      // FCOMI and its kind leave C1 alone.
      if (toFlags) st.setConditions(cpu, before, FSW.C1);
    }
    if (toFlags) {
      const flags =
        (bits & FSW.C0 ? FLAG.CF : 0) | (bits & FSW.C2 ? FLAG.PF : 0) | (bits & FSW.C3 ? FLAG.ZF : 0);
      // Also when the exception is not masked (seen on the processor).
      cpu.setRflags(flags, FLAG.CF | FLAG.PF | FLAG.ZF | FLAG.OF | FLAG.SF | FLAG.AF);
    } else st.setConditions(cpu, bits, FSW.C0 | FSW.C2 | FSW.C3);
    if (goOn) popAfter(cpu, arg);
    return 0;
  };

const load: Helper = (cpu, arg) => {
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

/** Stores bytes, then pops; a memory fault leaves everything as it was. */
const put = (cpu: CpuState, arg: number, v: bigint, n: number): number => {
  if (!cpu.store(cpu.address(), bytes(v, n))) return 1;
  popAfter(cpu, arg);
  return 0;
};

const INTEGER_INDEFINITE = [0n, 0n, 0n, 0n, -(1n << 15n), -(1n << 31n), -(1n << 63n)];

const store =
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
      } else out = toInteger(F80, v, 8 * size, env, truncate) ?? (INTEGER_INDEFINITE[kind] as bigint);
      const stored = st.conclude(cpu, env) && (env.flags & ~st.fcw(cpu) & (FP.OE | FP.UE)) === 0;
      if (!stored) return 0;
    }
    const r = put(cpu, arg, out, size);
    if (r !== 0) st.setFsw(cpu, before);
    return r;
  };

/** An operation on ST(0) alone; `clearsC2`: a stack fault counts as complete. */
const unary =
  (op: (v: bigint, env: Env, cpu: CpuState) => bigint | null, clearsC2 = false): Helper =>
  (cpu) => {
    if (st.pendingFault(cpu)) return 1;
    if (st.isEmpty(cpu, 0)) {
      if (st.stackFault(cpu, false)) {
        st.setBits(cpu, 0, st.INDEFINITE);
        if (clearsC2) st.setConditions(cpu, 0, FSW.C2);
      }
      return 0;
    }
    const env = st.envOf(cpu);
    const r = op(st.bitsOf(cpu, 0), env, cpu);
    if (st.conclude(cpu, env) && r !== null) st.setBits(cpu, 0, r);
    return 0;
  };

/** An operation on ST(1) and ST(0) that pops and leaves its result on top. */
const binaryPop =
  (op: (y: bigint, x: bigint, env: Env) => bigint): Helper =>
  (cpu) => {
    if (st.pendingFault(cpu)) return 1;
    if (st.isEmpty(cpu, 0) || st.isEmpty(cpu, 1)) {
      if (!st.stackFault(cpu, false)) return 0;
      st.setBits(cpu, 1, st.INDEFINITE);
      st.pop(cpu);
      return 0;
    }
    const env = st.envOf(cpu);
    const r = op(st.bitsOf(cpu, 1), st.bitsOf(cpu, 0), env);
    if (!st.conclude(cpu, env)) return 0;
    st.setBits(cpu, 1, r);
    st.pop(cpu);
    return 0;
  };

const SIGN = 1n << 79n;
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
const kind = (bits: bigint): string => unpack(F80, bits).kind;
const isNegative = (bits: bigint): boolean => (bits & SIGN) !== 0n;

const logarithm = (y: bigint, x: bigint, env: Env): bigint =>
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

const logarithmPlusOne = (y: bigint, x: bigint, env: Env): bigint =>
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

const arctangent = (y: bigint, x: bigint, env: Env): bigint =>
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
const trigonometric = (which: 'sin' | 'cos'): Helper =>
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

const ONE = (0x3fffn << 64n) | (1n << 63n);

/** FSINCOS and FPTAN: replace ST(0), then push. */
const andPush =
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

const reduction =
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
const scale: Helper = (cpu) => {
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
const extract: Helper = (cpu) => {
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

const examine: Helper = (cpu) => {
  if (st.pendingFault(cpu)) return 1;
  const v = st.bitsOf(cpu, 0);
  const u = unpack(F80, v);
  const { C0, C1, C2, C3 } = FSW;
  const classes: Record<string, number> = {
    unsupported: 0,
    quiet: C0,
    signaling: C0,
    finite: u.denormal ? C2 | C3 : C2,
    infinity: C0 | C2,
    zero: C3,
  };
  const bits = st.isEmpty(cpu, 0) ? C0 | C3 : (classes[u.kind] as number);
  st.setConditions(cpu, bits | (isNegative(v) ? C1 : 0));
  return 0;
};

/** Constants to 66 bits and more, so that every rounding mode gets its own: [significand, exponent of its last bit]. */
const CONSTANTS: Readonly<Record<string, readonly [bigint, number]>> = {
  fldl2t: [0xd49a784bcd1b8afe492bf6ff4dafdb4dn, -126],
  fldl2e: [0xb8aa3b295c17f0bbbe87fed0691d3e89n, -127],
  fldpi: [0xc90fdaa22168c234c4c6628b80dc1cd1n, -126],
  fldlg2: [0x9a209a84fbcff7988f8959ac0b7c9178n, -129],
  fldln2: [0xb17217f7d1cf79abc9e3b39803f2f6afn, -128],
};
const constant =
  ([significand, exponent]: readonly [bigint, number]): Helper =>
  (cpu) => {
    if (st.pendingFault(cpu)) return 1;
    st.push(cpu, round(F80, st.envOf(cpu), false, significand, exponent, 64));
    return 0;
  };
const exactConstant =
  (bits: bigint): Helper =>
  (cpu) => {
    if (st.pendingFault(cpu)) return 1;
    st.push(cpu, bits);
    return 0;
  };

/** FXCH: empty registers are filled with the indefinite when the fault is masked. */
const exchange: Helper = (cpu, arg) => {
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

/** FCMOVcc whose condition holds. */
const move: Helper = (cpu, arg) => {
  if (st.pendingFault(cpu)) return 1;
  if (st.isEmpty(cpu, 0) || st.isEmpty(cpu, other(arg))) {
    if (st.stackFault(cpu, false)) st.setBits(cpu, 0, st.INDEFINITE);
    return 0;
  }
  st.setBits(cpu, 0, st.bitsOf(cpu, other(arg)));
  return 0;
};
/** FCMOVcc whose condition does not hold still looks for stack faults. */
const stay: Helper = (cpu, arg) => {
  if (st.pendingFault(cpu)) return 1;
  if (st.isEmpty(cpu, 0) || st.isEmpty(cpu, other(arg))) {
    if (st.stackFault(cpu, false)) st.setBits(cpu, 0, st.INDEFINITE);
  }
  return 0;
};

const BCD_MAX = 10n ** 18n;
const BCD_INDEFINITE = 0xffffc000000000000000n;

const loadBcd: Helper = (cpu) => {
  if (st.pendingFault(cpu)) return 1;
  const b = cpu.load(cpu.address(), 10);
  if (!b) return 1;
  let v = 0n;
  for (let i = 8; i >= 0; i--) v = v * 100n + BigInt(((b[i] as number) >> 4) * 10 + ((b[i] as number) & 15));
  const negative = ((b[9] as number) & 0x80) !== 0;
  const magnitude = fromInteger(F80, v, st.envOf(cpu));
  st.push(cpu, negative ? magnitude | SIGN : magnitude);
  return 0;
};
const storeBcd: Helper = (cpu, arg) => {
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

// Control

const setControl = (cpu: CpuState, v: number): void => {
  cpu.u16[(CPU + OFF.fcw) >>> 1] = (v & 0x1f3f) | 0x40;
  st.summarize(cpu);
};
const loadControl: Helper = (cpu) => {
  if (st.pendingFault(cpu)) return 1;
  const b = cpu.load(cpu.address(), 2);
  if (!b) return 1;
  setControl(cpu, Number(little(b)));
  return 0;
};
const initialize: Helper = (cpu) => {
  cpu.u16[(CPU + OFF.fcw) >>> 1] = 0x37f;
  st.setFsw(cpu, 0);
  st.setFtw(cpu, 0xffff);
  cpu.u16[(CPU + OFF.fop) >>> 1] = 0;
  cpu.u64[(CPU + OFF.fip) >>> 3] = 0n;
  cpu.u64[(CPU + OFF.fdp) >>> 3] = 0n;
  return 0;
};

/** The protected-mode environment of 28 bytes, or of 14 with an operand-size prefix (SDM volume 1, 8.1.10). */
const environment = (cpu: CpuState, short: boolean): Uint8Array => {
  const out = new Uint8Array(short ? 14 : 28);
  const dv = new DataView(out.buffer);
  const fip = Number(BigInt.asUintN(32, cpu.u64[(CPU + OFF.fip) >>> 3] as bigint));
  const fdp = Number(BigInt.asUintN(32, cpu.u64[(CPU + OFF.fdp) >>> 3] as bigint));
  const fop = cpu.u16[(CPU + OFF.fop) >>> 1] as number;
  const words = [st.fcw(cpu), st.fsw(cpu), st.storedTags(cpu)];
  if (short) {
    for (const [i, w] of [...words, fip, 0, fdp, 0].entries()) dv.setUint16(2 * i, w & 0xffff, true);
  } else {
    for (const [i, w] of words.entries()) dv.setUint32(4 * i, w | 0xffff0000, true);
    dv.setUint32(12, fip, true);
    dv.setUint32(16, (fop & 0x7ff) << 16, true);
    dv.setUint32(20, fdp, true);
    dv.setUint32(24, 0xffff0000, true);
  }
  return out;
};
const loadEnvironment = (cpu: CpuState, b: Uint8Array, short: boolean): void => {
  const dv = new DataView(b.buffer, b.byteOffset);
  const step = short ? 2 : 4;
  st.setFsw(cpu, dv.getUint16(step, true));
  st.setFtw(cpu, dv.getUint16(2 * step, true));
  cpu.u64[(CPU + OFF.fip) >>> 3] = BigInt(short ? dv.getUint16(6, true) : dv.getUint32(12, true));
  cpu.u64[(CPU + OFF.fdp) >>> 3] = BigInt(short ? dv.getUint16(10, true) : dv.getUint32(20, true));
  cpu.u16[(CPU + OFF.fop) >>> 1] = short ? 0 : dv.getUint16(18, true) & 0x7ff;
  setControl(cpu, dv.getUint16(0, true));
};

const storeEnvironment: Helper = (cpu, arg) => {
  if (!cpu.store(cpu.address(), environment(cpu, (arg & SHORT) !== 0))) return 1;
  // FNSTENV masks all exceptions afterwards.
  cpu.u16[(CPU + OFF.fcw) >>> 1] = st.fcw(cpu) | 0x3f;
  st.summarize(cpu);
  return 0;
};
const restoreEnvironment: Helper = (cpu, arg) => {
  if (st.pendingFault(cpu)) return 1;
  const short = (arg & SHORT) !== 0;
  const b = cpu.load(cpu.address(), short ? 14 : 28);
  if (!b) return 1;
  loadEnvironment(cpu, b, short);
  return 0;
};
const saveAll: Helper = (cpu, arg) => {
  const env = environment(cpu, (arg & SHORT) !== 0);
  const image = new Uint8Array(env.length + 80);
  image.set(env);
  for (let i = 0; i < 8; i++) image.set(bytes(st.bitsOf(cpu, i), 10), env.length + 10 * i);
  if (!cpu.store(cpu.address(), image)) return 1;
  return initialize(cpu, 0);
};
const restoreAll: Helper = (cpu, arg) => {
  if (st.pendingFault(cpu)) return 1;
  const short = (arg & SHORT) !== 0;
  const size = short ? 14 : 28;
  const b = cpu.load(cpu.address(), size + 80)?.slice();
  if (!b) return 1;
  loadEnvironment(cpu, b, short);
  const tags = st.ftw(cpu);
  for (let i = 0; i < 8; i++) st.setBits(cpu, i, little(b.subarray(size + 10 * i, size + 10 * i + 10)));
  st.setFtw(cpu, tags);
  return 0;
};

const silent =
  (run: (cpu: CpuState, arg: number) => void): Helper =>
  (cpu, arg) => {
    run(cpu, arg);
    return 0;
  };
const waiting =
  (run: (cpu: CpuState, arg: number) => void): Helper =>
  (cpu, arg) => {
    if (st.pendingFault(cpu)) return 1;
    run(cpu, arg);
    return 0;
  };

const reversedSub = swapped(sub);
const reversedDiv = swapped(div);

const noted: HelperTable = {
  fadd: arithmetic(add),
  fmul: arithmetic(mul),
  fsub: arithmetic(sub),
  fsubr: arithmetic(reversedSub),
  fdiv: arithmetic(div),
  fdivr: arithmetic(reversedDiv),
  fcom: comparison(false, false),
  fucom: comparison(true, false),
  fcomi: comparison(false, true),
  fucomi: comparison(true, true),
  ftst: comparison(false, false, true),
  fld: load,
  fst: store(false),
  fisttp: store(true),
  fxch: exchange,
  fcmov: move,
  fcmovNot: stay,
  fchs: unary((v) => v ^ SIGN),
  fabs: unary((v) => v & ~SIGN),
  fsqrt: unary((v, env) => sqrt(F80, v, env)),
  frndint: unary((v, env) => roundToIntegral(F80, v, env)),
  f2xm1: unary((v, env) =>
    careful(v, env, () => {
      const k = kind(v);
      if (k === 'zero') return v;
      if (k === 'infinity') return isNegative(v) ? ONE | SIGN : v;
      // Beyond ±1 the result is undefined; processors leave the argument.
      return unpack(F80, v).exponent + bitLength(unpack(F80, v).significand) - 1 > 0 ? v : f2xm1(v, env);
    }),
  ),
  fyl2x: binaryPop(logarithm),
  fyl2xp1: binaryPop(logarithmPlusOne),
  fpatan: binaryPop(arctangent),
  fsin: trigonometric('sin'),
  fcos: trigonometric('cos'),
  fsincos: andPush('sin', 'cos'),
  fptan: andPush('tan', 'one'),
  fprem: reduction(false),
  fprem1: reduction(true),
  fscale: scale,
  fxtract: extract,
  fnop: waiting(() => {}),
  fxam: examine,
  fld1: exactConstant(ONE),
  fldz: exactConstant(0n),
  ...Object.fromEntries(Object.entries(CONSTANTS).map(([name, c]) => [name, constant(c)])),
  fbld: loadBcd,
  fbstp: storeBcd,
  ffree: waiting((cpu, arg) => {
    st.free(cpu, dest(arg));
    st.setConditions(cpu, 0, FSW.C1);
  }),
  /** FSTP to a register without a look at whether ST(0) is empty: then nothing is stored. */
  fstpnce: waiting((cpu, arg) => {
    st.setConditions(cpu, 0, FSW.C1);
    if (!st.isEmpty(cpu, 0)) st.setBits(cpu, dest(arg), st.bitsOf(cpu, 0));
    st.pop(cpu);
  }),
  ffreep: waiting((cpu, arg) => {
    st.setConditions(cpu, 0, FSW.C1);
    st.free(cpu, dest(arg));
    st.pop(cpu);
  }),
  fincstp: waiting((cpu) => {
    st.setTop(cpu, st.top(cpu) + 1);
    st.setConditions(cpu, 0, FSW.C1);
  }),
  fdecstp: waiting((cpu) => {
    st.setTop(cpu, st.top(cpu) - 1);
    st.setConditions(cpu, 0, FSW.C1);
  }),
};

const FIP = (CPU + OFF.fip) >>> 3;
const FDP = (CPU + OFF.fdp) >>> 3;
const FOP = (CPU + OFF.fop) >>> 1;
const HERE = (CPU + OFF.scratch + 16 * HERE_SLOT) >>> 3;
/** Prefixes before an x87 opcode. */
const isPrefix = (b: number): boolean =>
  (b & 0xf0) === 0x40 || [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf2, 0xf3].includes(b);

/** The 11 bits of FOP: the low ones of the first opcode byte, and the second. */
const opcodeAt = (cpu: CpuState, address: number): number => {
  for (let at = address; at < address + 14; at++) {
    const b = cpu.load(at, 2);
    if (!b) return 0;
    if (!isPrefix(b[0] as number)) return (((b[0] as number) & 7) << 8) | (b[1] as number);
  }
  return 0;
};

/**
 * Instructions that are no control ones leave their address in FIP; opcode and operand address only when they flag an
 * exception that is not masked (CPUID.7:EBX.FDP_EXCPTN_ONLY; FOP so by default, SDM volume 1, 8.1.9).
 */
const noting =
  (run: Helper): Helper =>
  (cpu, arg) => {
    const failed = run(cpu, arg);
    if (failed !== 0) return failed;
    const here = cpu.u64[HERE] as bigint;
    cpu.u64[FIP] = here;
    if ((st.fsw(cpu) & FSW.ES) === 0) return 0;
    cpu.u16[FOP] = opcodeAt(cpu, Number(here));
    if (mem(arg) !== MEM.none) cpu.u64[FDP] = cpu.u64[(CPU + OFF.helperAddress) >>> 3] as bigint;
    return 0;
  };

export const x87Helpers: HelperTable = {
  ...Object.fromEntries(Object.entries(noted).map(([name, run]) => [name, noting(run)])),
  fldcw: loadControl,
  fninit: initialize,
  fnclex: silent((cpu) => st.setFsw(cpu, st.fsw(cpu) & 0x7f00)),
  fnstenv: storeEnvironment,
  fldenv: restoreEnvironment,
  fnsave: saveAll,
  frstor: restoreAll,
  x87wait: waiting(() => {}),
};
