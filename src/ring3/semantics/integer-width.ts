// Arithmetic over values of 8, 16, 32 and 64 bits in the representation that emit.ts prescribes: i32 with the
// upper bits clear below 64 bits, i64 at 64. Semantics write an operation once and pick the word by width.

import type { Insn, Operand, Width } from '../decode/insn.ts';
import type { Emit } from '../emit.ts';
import { constOf, i32, i64, type Val } from '../wasm/ir.ts';

type Bin = (a: Val, b: Val) => Val;

/** The operators that i32 and i64 have in common; comparisons give an i32. */
export interface Word {
  readonly const: (v: number) => Val;
  readonly eqz: (a: Val) => Val;
  readonly eq: Bin;
  readonly ne: Bin;
  readonly ltU: Bin;
  readonly ltS: Bin;
  readonly add: Bin;
  readonly sub: Bin;
  readonly mul: Bin;
  readonly and: Bin;
  readonly or: Bin;
  readonly xor: Bin;
  readonly shl: Bin;
  readonly shrS: Bin;
  readonly shrU: Bin;
  readonly rotl: Bin;
  readonly rotr: Bin;
  readonly clz: (a: Val) => Val;
  readonly ctz: (a: Val) => Val;
  readonly popcnt: (a: Val) => Val;
}

/** The wasm word that carries values of a width. */
export const word = (w: Width): Word => (w === 64 ? i64 : i32);

/** Cuts an i32 or i64 result back to the width (rule 3 of emit.ts). */
export const clip = (w: Width, v: Val): Val => (w < 32 ? i32.and(v, i32.const((1 << w) - 1)) : v);

/** Converts a zero-extended value to the wasm type of a width, zero-extended or truncated. */
export const zero = (w: Width, v: Val): Val => {
  if (w === 64) return v.t === 'i64' ? v : i64.extendU(v);
  return v.t === 'i64' ? clip(w, i32.wrap(v)) : v;
};

/** Any value as an i32, low bits. */
export const low32 = (v: Val): Val => (v.t === 'i64' ? i32.wrap(v) : v);

/** Any zero-extended value as an i64. */
export const wide = (v: Val): Val => (v.t === 'i64' ? v : i64.extendU(v));

/** Sign-extends a zero-extended value of width w within its wasm word. */
export const signed = (w: Width, v: Val): Val =>
  w === 8 ? i32.extend8S(v) : w === 16 ? i32.extend16S(v) : v;

/** The sign bit of a value, as i32 0 or 1. */
export const signBit = (w: Width, v: Val): Val =>
  w === 64 ? i32.wrap(i64.shrU(v, i64.const(63))) : i32.shrU(v, i32.const(w - 1));

/** Operand n of an instruction; its absence is a fault of the opcode table. */
export const operand = (i: Insn, n: number): Operand => {
  const o = i.operands[n];
  if (!o) throw new Error(`${i.row.text}: operand ${n} is missing`);
  return o;
};

/** The operand as an access width of 8 to 64 bits. */
export const widthOf = (o: Operand): Width => {
  const w = o.width;
  if (w === 8 || w === 16 || w === 32 || w === 64) return w;
  throw new Error(`operand of ${w} bits where a general register fits`);
};

/** A memory operand, or an error in the opcode table. */
export const memory = (o: Operand): Extract<Operand, { kind: 'mem' }> => {
  if (o.kind !== 'mem') throw new Error(`operand is ${o.kind}, not memory`);
  return o;
};

/** A source operand at the width of the operation: immediates are sign-extended from a width of their own. */
export const source = (e: Emit, o: Operand, w: Width): Val => {
  if (o.kind !== 'imm' || o.width === w) return e.read(o);
  const v = e.readSigned(o);
  return w === 64 ? v : clip(w, i32.wrap(v));
};

/** Runs `then` unless the value is known to be zero; with a constant nothing is tested at run time. */
export const unlessZero = (e: Emit, v: Val, then: () => void): void => {
  const c = constOf(v);
  if (c === null) e.if(v, then);
  else if (c !== 0) then();
};

/** Unsigned high half of a 64 x 64-bit product; a and b must be bound. Knuth's algorithm M over 32-bit halves. */
export const mulHighU = (e: Emit, a: Val, b: Val): Val => {
  const half = i64.const(32);
  const low = i64.const(0xffffffff);
  const a0 = e.let(i64.and(a, low));
  const a1 = e.let(i64.shrU(a, half));
  const b0 = e.let(i64.and(b, low));
  const b1 = e.let(i64.shrU(b, half));
  const mid = e.let(i64.add(i64.mul(a1, b0), i64.shrU(i64.mul(a0, b0), half)));
  const mid2 = i64.add(i64.mul(a0, b1), i64.and(mid, low));
  return i64.add(i64.add(i64.mul(a1, b1), i64.shrU(mid, half)), i64.shrU(mid2, half));
};

/** Signed high half; a and b must be bound. */
export const mulHighS = (e: Emit, a: Val, b: Val): Val => {
  const sign = i64.const(63);
  return i64.sub(i64.sub(mulHighU(e, a, b), i64.and(i64.shrS(a, sign), b)), i64.and(i64.shrS(b, sign), a));
};
