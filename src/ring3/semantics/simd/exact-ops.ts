// How the semantics and the helper of exact arithmetic (exact.ts) name an operation to each other: one
// number out of operation, format, packed or scalar, and immediate.

import type { Float } from './common.ts';

export const EXACT_OPS = [
  'add',
  'sub',
  'mul',
  'div',
  'min',
  'max',
  'sqrt',
  'cmp',
  'comis',
  'ucomis',
  'round',
  'hadd',
  'hsub',
  'addsub',
  'dp',
  /** Between the two formats; the format named is the source's. */ 'toFloat',
  /** From 32- and 64-bit integers in slot 1; the format named is the destination's. */ 'fromInt32',
  'fromInt64',
  /** To 32- and 64-bit integers; bit 0 of the immediate truncates, bit 1 takes two lanes only. Scalar results are an i64 in slot 2. */ 'toInt32',
  'toInt64',
] as const;
export type ExactOp = (typeof EXACT_OPS)[number];

const F64_BIT = 0x100;
const PACKED_BIT = 0x200;

export const exactCode = (name: ExactOp, t: Float, packed: boolean, imm: number): number =>
  EXACT_OPS.indexOf(name) | (t === 'f64' ? F64_BIT : 0) | (packed ? PACKED_BIT : 0) | (imm << 16);

export const exactParts = (code: number): { op: ExactOp; t: Float; packed: boolean; imm: number } => ({
  op: EXACT_OPS[code & 0xff] ?? 'add',
  t: code & F64_BIT ? 'f64' : 'f32',
  packed: (code & PACKED_BIT) !== 0,
  imm: code >>> 16,
});
