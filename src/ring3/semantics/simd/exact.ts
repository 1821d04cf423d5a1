// Exact vector arithmetic: each lane through softfloat under MXCSR's rounding, DAZ and FTZ, its flags collected as
// the SDM orders them (volume 1, 11.5.2): exceptions known before computing stop an instruction before those
// of the result count. Operands are in scratch slots 0 (dst) and 1 (src), the result goes to slot 2.

import type { CpuState, Helper, HelperTable } from '../../helpers.ts';
import { ARITH_FLAGS, CPU, FLAG, OFF, VECTOR } from '../../layout.ts';
import * as soft from '../../softfloat/index.ts';
import { type Env, F32, F64, type Format, FP, sseEnv } from '../../softfloat/index.ts';
import { type ExactOp, exactParts } from './exact-ops.ts';

const A = CPU + OFF.scratch;
const B = A + 16;
const OUT = A + 32;
const BEFORE = FP.IE | FP.DE | FP.ZE;

/** Elements of a slot as bits. */
const load = (cpu: CpuState, at: number, f: Format, lane: number): bigint =>
  f === F64 ? (cpu.u64[(at >> 3) + lane] ?? 0n) : BigInt(cpu.u32[(at >> 2) + lane] ?? 0);
const store = (cpu: CpuState, f: Format, lane: number, v: bigint): void => {
  if (f === F64) cpu.u64[(OUT >> 3) + lane] = v;
  else cpu.u32[(OUT >> 2) + lane] = Number(v);
};

/** MINxx, MAXxx: the second operand unless the first is strictly beyond it; any NaN is invalid. */
const extremum = (f: Format, a: bigint, b: bigint, env: Env, wanted: -1 | 1): bigint => {
  const order = soft.compare(f, a, b, env, true);
  return flushed(f, order === wanted ? a : b, env);
};
/** Under DAZ a denormal is a zero. */
const flushed = (f: Format, bits: bigint, env: Env): bigint => {
  const u = soft.unpack(f, bits);
  return env.daz && u.denormal ? soft.zeroBits(f, u.negative) : bits;
};

/** CMPxx: predicates 1, 2, 5 and 6 are invalid for quiet NaNs, too. */
const compare = (f: Format, a: bigint, b: bigint, env: Env, imm: number): bigint => {
  const signal = [1, 2, 5, 6].includes(imm);
  const order = soft.compare(f, a, b, env, signal);
  const holds =
    [order === 0, order === -1, order === -1 || order === 0, order === 'unordered'][imm & 3] === true;
  return holds !== imm >= 4 ? (1n << BigInt(f.stored + f.exponentBits + 1)) - 1n : 0n;
};

const round = (f: Format, v: bigint, env: Env, imm: number): bigint => {
  const before = env.rounding;
  if ((imm & 4) === 0) env.rounding = imm & 3;
  const r = soft.roundToIntegral(f, v, env, (imm & 8) !== 0);
  env.rounding = before;
  return r;
};

type LaneOp = (f: Format, a: bigint, b: bigint, env: Env, imm: number, lane: number) => bigint;
const laneOps: Partial<Record<ExactOp, LaneOp>> = {
  add: soft.add,
  sub: soft.sub,
  mul: soft.mul,
  div: soft.div,
  sqrt: (f, _a, b, env) => soft.sqrt(f, b, env),
  min: (f, a, b, env) => extremum(f, a, b, env, -1),
  max: (f, a, b, env) => extremum(f, a, b, env, 1),
  cmp: compare,
  round: (f, _a, b, env, imm) => round(f, b, env, imm),
  addsub: (f, a, b, env, _imm, lane) => (lane & 1 ? soft.add(f, a, b, env) : soft.sub(f, a, b, env)),
};

/** HADD and HSUB: neighbours of dst, then of src. */
const horizontal = (cpu: CpuState, f: Format, env: Env, op: 'hadd' | 'hsub'): void => {
  const half = f === F64 ? 1 : 2;
  for (let lane = 0; lane < 2 * half; lane++) {
    const at = lane < half ? A : B;
    const from = 2 * (lane % half);
    const f2 = op === 'hadd' ? soft.add : soft.sub;
    store(cpu, f, lane, f2(f, load(cpu, at, f, from), load(cpu, at, f, from + 1), env));
  }
};

/** Flags into MXCSR; raises #XM, returning 1, when one of them is unmasked. */
const settle = (cpu: CpuState, env: Env): number => {
  const unmasked = env.flags & ~env.masked;
  const flags = unmasked & BEFORE ? env.flags & BEFORE : env.flags;
  cpu.u32[(CPU + OFF.mxcsr) >> 2] = (cpu.u32[(CPU + OFF.mxcsr) >> 2] ?? 0) | flags;
  env.flags = 0;
  return unmasked ? cpu.raise(VECTOR.XM) : 0;
};

/**
 * DPPS, DPPD: multiplication and each round of addition raise their exceptions before the next begins. Returns 1
 * after one was raised. The order of operands, which decides among NaNs, is as in float.ts.
 */
const dotProduct = (cpu: CpuState, f: Format, env: Env, imm: number): number => {
  const n = f === F64 ? 2 : 4;
  const numbers = Array.from({ length: n }, (_, k) => k);
  const at = (list: readonly bigint[], k: number): bigint => list[k] ?? 0n;
  const products = numbers.map((k) =>
    (imm >> (4 + k)) & 1 ? soft.mul(f, load(cpu, A, f, k), load(cpu, B, f, k), env) : 0n,
  );
  if (settle(cpu, env)) return 1;
  let sums = numbers.map((k) =>
    n === 2
      ? soft.add(f, at(products, k), at(products, k ^ 1), env)
      : soft.add(f, at(products, k ^ 1), at(products, k), env),
  );
  if (n === 4) {
    if (settle(cpu, env)) return 1;
    const pairs = sums;
    sums = numbers.map((k) => soft.add(f, at(pairs, k), at(pairs, k ^ 2), env));
  }
  for (const k of numbers) store(cpu, f, k, (imm >> k) & 1 ? at(sums, k) : 0n);
  return 0;
};

const toIntegers = (
  cpu: CpuState,
  f: Format,
  env: Env,
  bits: 32 | 64,
  packed: boolean,
  imm: number,
): void => {
  const lanes = !packed ? 1 : f === F64 || imm & 2 ? 2 : 4;
  for (let k = 0; k < lanes; k++) {
    const v = soft.toInteger(f, load(cpu, B, f, k), bits, env, (imm & 1) !== 0);
    const r = BigInt.asUintN(bits, v ?? 1n << BigInt(bits - 1));
    if (bits === 64) cpu.u64[(OUT >> 3) + k] = r;
    else cpu.u32[(OUT >> 2) + k] = Number(r);
  }
  if (packed && lanes === 2) cpu.u64[(OUT >> 3) + 1] = 0n;
};

const convertFloats = (cpu: CpuState, f: Format, env: Env, packed: boolean): void => {
  const to = f === F64 ? F32 : F64;
  const lanes = packed ? 2 : 1;
  const r = Array.from({ length: lanes }, (_, k) => soft.convert(f, to, load(cpu, B, f, k), env));
  if (packed && to === F32) cpu.u64[(OUT >> 3) + 1] = 0n;
  r.forEach((v, k) => {
    store(cpu, to, k, v);
  });
};

const compareFlags = (cpu: CpuState, f: Format, env: Env, signal: boolean): number => {
  const order = soft.compare(f, load(cpu, A, f, 0), load(cpu, B, f, 0), env, signal);
  if (order === 'unordered') return FLAG.ZF | FLAG.PF | FLAG.CF;
  return order === 0 ? FLAG.ZF : order < 0 ? FLAG.CF : 0;
};

const sseExact: Helper = (cpu, arg) => {
  const { op, t, packed, imm } = exactParts(arg);
  const f = t === 'f64' ? F64 : F32;
  const env = sseEnv(cpu.u32[(CPU + OFF.mxcsr) >> 2] ?? 0);
  let flags = -1;
  if (!packed) cpu.u8.copyWithin(OUT, A, A + 16);
  const laneOp = laneOps[op];
  if (laneOp) {
    const lanes = packed ? (t === 'f64' ? 2 : 4) : 1;
    for (let k = 0; k < lanes; k++)
      store(cpu, f, k, laneOp(f, load(cpu, A, f, k), load(cpu, B, f, k), env, imm, k));
  } else {
    switch (op) {
      case 'hadd':
      case 'hsub':
        horizontal(cpu, f, env, op);
        break;
      case 'dp':
        if (dotProduct(cpu, f, env, imm)) return 1;
        break;
      case 'toFloat':
        convertFloats(cpu, f, env, packed);
        break;
      case 'toInt32':
      case 'toInt64':
        toIntegers(cpu, f, env, op === 'toInt32' ? 32 : 64, packed, imm);
        break;
      case 'fromInt64':
        store(cpu, f, 0, soft.fromInteger(f, BigInt.asIntN(64, cpu.u64[B >> 3] ?? 0n), env));
        break;
      case 'fromInt32':
        for (let k = 0; k < (packed ? 4 : 1); k++)
          store(cpu, f, k, soft.fromInteger(f, BigInt(cpu.i32[(B >> 2) + k] ?? 0), env));
        break;
      default:
        flags = compareFlags(cpu, f, env, op === 'comis');
    }
  }
  const raised = settle(cpu, env);
  if (!raised && flags >= 0) cpu.setRflags(flags, ARITH_FLAGS);
  return raised;
};

export const exactHelpers = (): HelperTable => ({ sseExact });
