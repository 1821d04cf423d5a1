// Arithmetic and comparisons of the x87, and what operations on one or two registers have in common.

import type { CpuState, Helper } from '../../helpers.ts';
import { FLAG } from '../../layout.ts';
import { compare, type Env, F80, FP, unpack } from '../../softfloat/index.ts';
import {
  type Binary,
  dest,
  ignoreBesideNan,
  isNegative,
  MEM,
  mem,
  operandAsIs,
  other,
  popAfter,
} from './operands.ts';
import * as st from './state.ts';

const { FSW } = st;

/** The other operand, a register or in memory; null after a fault. */
const source = (cpu: CpuState, arg: number, env: Env): bigint | null =>
  mem(arg) === MEM.none ? st.bitsOf(cpu, other(arg)) : operandAsIs(cpu, mem(arg), env);
/** Whether that is a register with nothing in it. */
const isMissing = (cpu: CpuState, arg: number): boolean =>
  mem(arg) === MEM.none && st.isEmpty(cpu, other(arg));

export const arithmetic =
  (op: Binary): Helper =>
  (cpu, arg) => {
    if (st.pendingFault(cpu)) return 1;
    const env = st.envOf(cpu);
    const d = dest(arg);
    const b = source(cpu, arg, env);
    if (b === null) return 1;
    if (st.isEmpty(cpu, d) || isMissing(cpu, arg)) {
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
export const comparison =
  (quiet: boolean, toFlags: boolean, withZero = false): Helper =>
  (cpu, arg) => {
    if (st.pendingFault(cpu)) return 1;
    const env = st.envOf(cpu);
    const b = withZero ? 0n : source(cpu, arg, env);
    if (b === null) return 1;
    const missing = st.isEmpty(cpu, 0) || (!withZero && isMissing(cpu, arg));
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

/** An operation on ST(0) alone; `clearsC2`: a stack fault counts as complete. */
export const unary =
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
export const binaryPop =
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

export const examine: Helper = (cpu) => {
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
