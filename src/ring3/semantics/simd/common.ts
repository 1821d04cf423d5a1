// What the vector instructions share: access to operands that may be MMX or XMM, immediates, constant
// vectors, and the frames into which the tables of the other files put one wasm operator.

import type { Insn, MemOperand, Operand } from '../../decode/insn.ts';
import type { Emit, Semantics } from '../../emit.ts';
import { CPU, OFF } from '../../layout.ts';
import { constOf, i32, i64, loadAt, type Val, v128, type WasmType } from '../../wasm/ir.ts';
import { F32, F64, I64, V } from './opcodes.ts';

export const operand = (i: Insn, n: number): Operand => {
  const o = i.operands[n];
  if (!o) throw new Error(`${i.row.text}: operand ${n} is missing`);
  return o;
};

/** Value of an immediate where it is known: in the translator, or because it is part of the form. */
export const knownImmediate = (e: Emit, i: Insn, n: number): number | null => {
  const o = operand(i, n);
  if (o.kind !== 'imm') throw new Error(`${i.row.text}: operand ${n} is no immediate`);
  const c = i.row.immediateInForm ? o.value : constOf(e.read(o));
  return c === null ? null : Number(c) & 0xff;
};
/** The same for instructions whose wasm cannot be built without it. */
export const immediate = (e: Emit, i: Insn, n: number): number => {
  const c = knownImmediate(e, i, n);
  if (c === null) throw new Error(`${i.row.text}: the immediate has to be part of the form`);
  return c;
};

// Constants
const vector = (fill: (d: DataView) => void): Val => {
  const bytes = new Uint8Array(16);
  fill(new DataView(bytes.buffer));
  return v128.const(bytes);
};
export const zero = vector(() => {});
export const ones = v128.const(new Uint8Array(16).fill(255));
export const bytes8 = (...v: readonly number[]): Val => v128.const(Uint8Array.from(v));
export const all8 = (v: number): Val => v128.const(new Uint8Array(16).fill(v));
export const all16 = (v: number): Val =>
  vector((d) => {
    for (let k = 0; k < 16; k += 2) d.setUint16(k, v, true);
  });
export const each32 = (...v: readonly number[]): Val =>
  vector((d) => {
    for (let k = 0; k < 4; k++) d.setUint32(4 * k, v[k % v.length] ?? 0, true);
  });
export const each64 = (...v: readonly bigint[]): Val =>
  vector((d) => {
    for (let k = 0; k < 2; k++) d.setBigUint64(8 * k, v[k % v.length] ?? 0n, true);
  });

// Lanes
export const low64 = (v: Val): Val => v128.extract('i64', I64.extract, v, 0);
export const splat64 = (v: Val): Val => v128.op(I64.splat, v);
/** 64 bits in the low half, zero above. */
export const zeroExtend64 = (v: Val): Val => v128.replace(I64.replace, zero, 0, v);

/**
 * Elements by number out of the elements of `a` followed by those of `b`, when each holds `total` bytes
 * (8 for MMX, whose upper half does not count).
 */
export const pick = (a: Val, b: Val, size: number, total: number, list: readonly number[]): Val => {
  const n = total / size;
  const lanes: number[] = [];
  for (const k of list)
    for (let j = 0; j < size; j++) lanes.push(k < n ? k * size + j : 16 + (k - n) * size + j);
  while (lanes.length < 16) lanes.push(0);
  return v128.shuffle(a, b, lanes);
};
export const range = (n: number, f: (k: number) => number): number[] =>
  Array.from({ length: n }, (_, k) => f(k));

// Operands
/** An mm register, or memory of 64 or 32 bits, as a vector; its upper half means nothing. */
export const mmVector = (e: Emit, o: Operand): Val =>
  splat64(o.kind === 'mem' && o.width === 32 ? i64.extendU(e.read(o)) : e.readMm(o));
/** An xmm register, or memory of 128 bits, or of fewer, zero-extended. */
export const source = (e: Emit, o: Operand): Val => {
  if (o.kind !== 'mem' || o.width === 128) return e.readX(o);
  return zeroExtend64(o.width === 64 ? e.read(o) : i64.extendU(e.read(o)));
};
/** The low 64 bits of an xmm, mm or memory operand. */
export const low64Of = (e: Emit, o: Operand): Val =>
  o.kind === 'xmm' ? low64(e.readX(o)) : o.kind === 'mm' ? e.readMm(o) : e.read(o);

export type Float = 'f32' | 'f64';
export const lane = { f32: F32, f64: F64 } as const;
/** The low float of an operand. */
export const lowFloat = (e: Emit, t: Float, o: Operand): Val =>
  o.kind === 'mem' || o.width === (t === 'f32' ? 32 : 64)
    ? e.readF(o)
    : v128.extract(t, lane[t].extract, e.readX(o), 0);
/** Replaces the low float of an xmm operand. */
export const setLowFloat = (e: Emit, t: Float, o: Operand, v: Val): void =>
  e.writeX(o, v128.replace(lane[t].replace, e.readX(o), 0, v));
/** What a helper left in the scratch area. */
export const scratched = (t: WasmType, slot: number): Val =>
  loadAt(
    t,
    { i32: 0x28, i64: 0x29, f32: 0x2a, f64: 0x2b, v128: 0xfd00 }[t],
    i32.const(0),
    CPU + OFF.scratch + 16 * slot,
  );

/** Writes an i32 to a general register of 32 or 64 bits, or to memory. */
export const writeGpr = (e: Emit, o: Operand, v: Val): void =>
  e.write(o, o.width === 64 ? i64.extendU(v) : v);

// Frames
/** `a` is the destination's old value, `b` the source; both are bound. `total` is 8 for MMX, else 16. */
export type VectorOp = (a: Val, b: Val, total: number, e: Emit) => Val;

/** dst = f(dst, src). */
export const binary =
  (f: VectorOp): Semantics =>
  (e, i) => {
    const dst = operand(i, 0);
    const src = operand(i, 1);
    if (dst.kind === 'mm') {
      e.pendingX87();
      const b = e.let(mmVector(e, src));
      const a = e.let(mmVector(e, dst));
      const r = e.let(low64(f(a, b, 8, e)));
      e.enterMmx();
      e.writeMm(dst, r);
    } else {
      const b = e.let(e.readX(src));
      const a = e.let(e.readX(dst));
      e.writeX(dst, f(a, b, 16, e));
    }
  };
/** dst = f(src). */
export const unary =
  (f: (b: Val, total: number, e: Emit) => Val): Semantics =>
  (e, i) => {
    const dst = operand(i, 0);
    const src = operand(i, 1);
    if (dst.kind === 'mm') {
      e.pendingX87();
      const r = e.let(low64(f(e.let(mmVector(e, src)), 8, e)));
      e.enterMmx();
      e.writeMm(dst, r);
    } else e.writeX(dst, f(e.let(e.readX(src)), 16, e));
  };
/** One wasm operator, lane by lane; nothing is used twice, so nothing is bound. */
const single =
  (f: (a: Val, b: Val) => Val): Semantics =>
  (e, i) => {
    const dst = operand(i, 0);
    if (dst.kind === 'mm') {
      binary(f)(e, i);
      return;
    }
    const b = e.readX(operand(i, 1));
    e.writeX(dst, f(e.readX(dst), b));
  };
/** dst = op(dst, src). */
export const lanes = (code: number): Semantics => single((a, b) => v128.op(code, a, b));
/** dst = op(src, dst): operators that are not symmetric the x86 way. */
export const reversed = (code: number): Semantics => single((a, b) => v128.op(code, b, a));

/** Bit by bit: mask ? a : b. */
export const bitselect = (a: Val, b: Val, mask: Val): Val => v128.op(V.bitselect, a, b, mask);

/** The address of an implicit operand at rdi (MASKMOV). */
export const atRdi = (e: Emit, i: Insn): Val => {
  const base = i.addressWidth === 32 ? i64.extendU(e.gpr(7, 32)) : e.gpr(7, 64);
  if (i.segment === null) return base;
  return i64.add(base, e.field(i.segment === 'fs' ? 'fsBase' : 'gsBase'));
};

export const isMem = (o: Operand): o is MemOperand => o.kind === 'mem';
