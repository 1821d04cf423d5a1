// What the helpers of the x87 share: how an instruction's operands are packed into the argument, and memory operands.
// Bits 0-2 are the destination, 3-5 the other register, 6-8 the kind of a memory operand (MEM), bit 9 pop once, 10
// twice, bit 11 a 16-bit environment (operand-size prefix).

import type { CpuState, Helper } from '../../helpers.ts';
import {
  convert,
  type Env,
  F32,
  F64,
  F80,
  type Format,
  FP,
  fromInteger,
  unpack,
} from '../../softfloat/index.ts';
import * as st from './state.ts';

/** Kinds of memory operands. */
export const MEM = { none: 0, f32: 1, f64: 2, f80: 3, i16: 4, i32: 5, i64: 6 } as const;
export const POP = 1 << 9;
export const POP_TWICE = 1 << 10;
export const SHORT = 1 << 11;

/** Slot of OFF.scratch with the address of the instruction. */
export const HERE_SLOT = 3;

export const SIZE = [0, 4, 8, 10, 2, 4, 8];
export const dest = (arg: number): number => arg & 7;
export const other = (arg: number): number => (arg >> 3) & 7;
export const mem = (arg: number): number => (arg >> 6) & 7;
export const popAfter = (cpu: CpuState, arg: number): void => {
  if (arg & (POP | POP_TWICE)) st.pop(cpu);
  if (arg & POP_TWICE) st.pop(cpu);
};

export const little = (b: Uint8Array): bigint => {
  let v = 0n;
  for (let i = b.length - 1; i >= 0; i--) v = (v << 8n) | BigInt(b[i] as number);
  return v;
};
export const bytes = (v: bigint, n: number): Uint8Array => {
  const out = new Uint8Array(n);
  let rest = BigInt.asUintN(8 * n, v);
  for (let i = 0; i < n; i++) {
    out[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return out;
};

/** The memory operand as f80, exactly; null after a fault. Loading as such flags signaling NaNs and denormals. */
export const operand = (cpu: CpuState, kind: number, env: Env): bigint | null => {
  const n = SIZE[kind] as number;
  if (cpu.misplaced(cpu.address(), Math.min(n, 8))) return null;
  const b = cpu.load(cpu.address(), n);
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
export const operandAsIs = (cpu: CpuState, kind: number, env: Env): bigint | null => {
  const v = operand(cpu, kind, env);
  return v !== null && env.flags & FP.IE ? v & ~(1n << 62n) : v;
};

export type Binary = (f: Format, a: bigint, b: bigint, env: Env) => bigint;
export const swapped =
  (op: Binary): Binary =>
  (f, a, b, env) =>
    op(f, b, a, env);

/** A denormal in memory is not noted beside a NaN in a register. */
export const ignoreBesideNan = (env: Env, a: bigint): void => {
  const { kind } = unpack(F80, a);
  if (kind === 'quiet' || kind === 'signaling' || kind === 'unsupported') env.flags &= ~FP.DE;
};

/**
 * Stores bytes, then pops; a memory fault leaves everything as it was, but that of ten bytes the first eight are stored
 * on their own (seen on the processor).
 */
export const put = (cpu: CpuState, arg: number, v: bigint, n: number): number => {
  const at = cpu.address();
  if (cpu.misplaced(at, Math.min(n, 8))) return 1;
  const image = bytes(v, n);
  if (!cpu.store(at, image.subarray(0, 8)) || (n > 8 && !cpu.store(at + 8, image.subarray(8)))) return 1;
  popAfter(cpu, arg);
  return 0;
};

export const SIGN = 1n << 79n;
/** What a value is; see unpack. */
export const kind = (bits: bigint): string => unpack(F80, bits).kind;
export const isNegative = (bits: bigint): boolean => (bits & SIGN) !== 0n;

export const ONE = (0x3fffn << 64n) | (1n << 63n);

/** An instruction that cannot fail. */
export const silent =
  (run: (cpu: CpuState, arg: number) => void): Helper =>
  (cpu, arg) => {
    run(cpu, arg);
    return 0;
  };
/** The same, after a look for pending exceptions. */
export const waiting =
  (run: (cpu: CpuState, arg: number) => void): Helper =>
  (cpu, arg) => {
    if (st.pendingFault(cpu)) return 1;
    run(cpu, arg);
    return 0;
  };
