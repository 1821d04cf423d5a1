// Expression trees over WebAssembly's value types, with the foldings that x86 semantics ask for.
// A `Val` is pure until it is handed to a statement of the code builder (code.ts): building one emits
// nothing, and using one twice evaluates it twice, so bind what is used twice with `let`.
// Opcodes: WebAssembly core specification 2.0, section 5.4, and the SIMD proposal.

export type WasmType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

/** One node of an expression tree. `k` says which of the other fields count. */
export interface Val {
  readonly t: WasmType;
  readonly k: 'const' | 'local' | 'op' | 'load' | 'call' | 'select' | 'global';
  /** Opcode (0xfdXX for SIMD, 0xfcXX for saturating conversions); local, global or function index. */
  readonly op: number;
  /** Constant value (i32/f32/f64: number; i64: number when safe, else bigint), or memory offset, or lane. */
  readonly imm: number | bigint;
  /** Operands of an operator, in the order of WebAssembly; the address of a load. */
  readonly a: Val | null;
  readonly b: Val | null;
  readonly c: Val | null;
  /** Arguments of a call. */
  readonly args: readonly Val[] | null;
  /** v128 constants and i8x16.shuffle lanes: 16 bytes. */
  readonly bytes: Uint8Array | null;
}

/** All nodes are made here, so that they have one shape. */
const node = (
  t: WasmType,
  k: Val['k'],
  op: number,
  imm: number | bigint,
  a: Val | null = null,
  b: Val | null = null,
  c: Val | null = null,
  args: readonly Val[] | null = null,
  bytes: Uint8Array | null = null,
): Val => ({ t, k, op, imm, a, b, c, args, bytes });

/** An operator applied to operands; `imm` is the lane of extract_lane/replace_lane. */
export const apply = (
  t: WasmType,
  op: number,
  a: Val,
  b: Val | null = null,
  c: Val | null = null,
  imm = 0,
): Val => node(t, 'op', op, imm, a, b, c);

export const local = (t: WasmType, index: number): Val => node(t, 'local', index, 0);
export const global = (t: WasmType, index: number): Val => node(t, 'global', index, 0);
/** A load from linear memory at `address` (i32) plus the constant `offset`. `op` is the load opcode. */
export const loadAt = (t: WasmType, op: number, address: Val, offset = 0): Val =>
  node(t, 'load', op, offset, address);
/** A call that returns one value; `func` is a function index of the module being built. */
export const callFn = (t: WasmType, func: number, args: readonly Val[]): Val =>
  node(t, 'call', func, 0, null, null, null, args);
export const select = (cond: Val, then: Val, otherwise: Val): Val => {
  const c = constOf(cond);
  if (c !== null) return c !== 0 && c !== 0n ? then : otherwise;
  return node(then.t, 'select', 0, 0, then, otherwise, cond);
};

/** The value of a constant node, or null. */
export const constOf = (v: Val): number | bigint | null => (v.k === 'const' && v.t !== 'v128' ? v.imm : null);

const norm64 = (v: bigint): number | bigint => {
  const s = BigInt.asIntN(64, v);
  return s >= -9007199254740991n && s <= 9007199254740991n ? Number(s) : s;
};

const big = (v: number | bigint): bigint => BigInt(v);

type Bin = (a: Val, b: Val) => Val;
type Un = (a: Val) => Val;

const isZero = (v: Val): boolean => v.k === 'const' && (v.imm === 0 || v.imm === 0n) && v.t !== 'v128';

const c32 = (v: number): Val => node('i32', 'const', 0, v | 0);
const c64 = (v: number | bigint): Val =>
  node('i64', 'const', 0, typeof v === 'number' && Number.isSafeInteger(v) ? v : norm64(big(v)));

const fold32 =
  (op: number, f: (a: number, b: number) => number | null, ident?: 'right0' | 'both0'): Bin =>
  (a, b) => {
    if (a.k === 'const' && b.k === 'const') {
      const r = f(a.imm as number, b.imm as number);
      if (r !== null) return c32(r);
    }
    if (ident !== undefined && isZero(b)) return a;
    if (ident === 'both0' && isZero(a)) return b;
    return apply('i32', op, a, b);
  };

/** `quick`: the result where both operands are safe numbers, as it counts while it is safe, too. */
const fold64 =
  (
    op: number,
    f: (a: bigint, b: bigint) => bigint | null,
    ident?: 'right0' | 'both0',
    quick?: (a: number, b: number) => number,
  ): Bin =>
  (a, b) => {
    if (a.k === 'const' && b.k === 'const') {
      if (quick && typeof a.imm === 'number' && typeof b.imm === 'number') {
        const r = quick(a.imm, b.imm);
        if (Number.isSafeInteger(r)) return c64(r);
      }
      const r = f(BigInt.asIntN(64, big(a.imm)), BigInt.asIntN(64, big(b.imm)));
      if (r !== null) return c64(r);
    }
    if (ident !== undefined && isZero(b)) return a;
    if (ident === 'both0' && isZero(a)) return b;
    return apply('i64', op, a, b);
  };

const cmp32 =
  (op: number, f: (a: number, b: number) => boolean): Bin =>
  (a, b) =>
    a.k === 'const' && b.k === 'const'
      ? c32(f(a.imm as number, b.imm as number) ? 1 : 0)
      : apply('i32', op, a, b);

const cmp64 =
  (op: number, f: (a: bigint, b: bigint) => boolean): Bin =>
  (a, b) =>
    a.k === 'const' && b.k === 'const'
      ? c32(f(BigInt.asIntN(64, big(a.imm)), BigInt.asIntN(64, big(b.imm))) ? 1 : 0)
      : apply('i32', op, a, b);

const un =
  (t: WasmType, op: number): Un =>
  (a) =>
    apply(t, op, a);
const bin =
  (t: WasmType, op: number): Bin =>
  (a, b) =>
    apply(t, op, a, b);
const u = (v: bigint): bigint => BigInt.asUintN(64, v);

/** i32 operators; comparisons give 0 or 1. */
export const i32 = {
  const: c32,
  eqz: (a: Val): Val => (a.k === 'const' ? c32(isZero(a) ? 1 : 0) : apply('i32', 0x45, a)),
  eq: cmp32(0x46, (a, b) => a === b),
  ne: cmp32(0x47, (a, b) => a !== b),
  ltS: cmp32(0x48, (a, b) => a < b),
  ltU: cmp32(0x49, (a, b) => a >>> 0 < b >>> 0),
  gtS: cmp32(0x4a, (a, b) => a > b),
  gtU: cmp32(0x4b, (a, b) => a >>> 0 > b >>> 0),
  leS: cmp32(0x4c, (a, b) => a <= b),
  leU: cmp32(0x4d, (a, b) => a >>> 0 <= b >>> 0),
  geS: cmp32(0x4e, (a, b) => a >= b),
  geU: cmp32(0x4f, (a, b) => a >>> 0 >= b >>> 0),
  clz: un('i32', 0x67),
  ctz: un('i32', 0x68),
  popcnt: un('i32', 0x69),
  add: fold32(0x6a, (a, b) => (a + b) | 0, 'both0'),
  sub: fold32(0x6b, (a, b) => (a - b) | 0, 'right0'),
  mul: fold32(0x6c, Math.imul),
  divS: bin('i32', 0x6d),
  divU: bin('i32', 0x6e),
  remS: bin('i32', 0x6f),
  remU: bin('i32', 0x70),
  and: fold32(0x71, (a, b) => a & b),
  or: fold32(0x72, (a, b) => a | b, 'both0'),
  xor: fold32(0x73, (a, b) => a ^ b, 'both0'),
  shl: fold32(0x74, (a, b) => a << b, 'right0'),
  shrS: fold32(0x75, (a, b) => a >> b, 'right0'),
  shrU: fold32(0x76, (a, b) => a >>> b, 'right0'),
  rotl: bin('i32', 0x77),
  rotr: bin('i32', 0x78),
  /** Low 32 bits of an i64. */
  wrap: (a: Val): Val => {
    if (a.k === 'const') {
      // ToInt32 is exact for safe integers.
      return c32(typeof a.imm === 'number' ? a.imm | 0 : Number(BigInt.asIntN(32, a.imm)));
    }
    if (a.k === 'op' && (a.op === 0xac || a.op === 0xad)) return a.a as Val;
    return apply('i32', 0xa7, a);
  },
  extend8S: un('i32', 0xc0),
  extend16S: un('i32', 0xc1),
  truncF32S: un('i32', 0xa8),
  truncF64S: un('i32', 0xaa),
  truncSatF32S: un('i32', 0xfc00),
  truncSatF64S: un('i32', 0xfc02),
  reinterpretF32: un('i32', 0xbc),
};

/** i64 operators; comparisons give an i32 0 or 1. */
export const i64 = {
  const: c64,
  eqz: (a: Val): Val => (a.k === 'const' ? c32(isZero(a) ? 1 : 0) : apply('i32', 0x50, a)),
  eq: cmp64(0x51, (a, b) => a === b),
  ne: cmp64(0x52, (a, b) => a !== b),
  ltS: cmp64(0x53, (a, b) => a < b),
  ltU: cmp64(0x54, (a, b) => u(a) < u(b)),
  gtS: cmp64(0x55, (a, b) => a > b),
  gtU: cmp64(0x56, (a, b) => u(a) > u(b)),
  leS: cmp64(0x57, (a, b) => a <= b),
  leU: cmp64(0x58, (a, b) => u(a) <= u(b)),
  geS: cmp64(0x59, (a, b) => a >= b),
  geU: cmp64(0x5a, (a, b) => u(a) >= u(b)),
  clz: un('i64', 0x79),
  ctz: un('i64', 0x7a),
  popcnt: un('i64', 0x7b),
  add: fold64(
    0x7c,
    (a, b) => a + b,
    'both0',
    (a, b) => a + b,
  ),
  sub: fold64(
    0x7d,
    (a, b) => a - b,
    'right0',
    (a, b) => a - b,
  ),
  mul: fold64(0x7e, (a, b) => a * b),
  divS: bin('i64', 0x7f),
  divU: bin('i64', 0x80),
  remS: bin('i64', 0x81),
  remU: bin('i64', 0x82),
  and: fold64(0x83, (a, b) => a & b),
  or: fold64(0x84, (a, b) => a | b, 'both0'),
  xor: fold64(0x85, (a, b) => a ^ b, 'both0'),
  shl: fold64(0x86, (a, b) => a << (b & 63n), 'right0'),
  shrS: fold64(0x87, (a, b) => a >> (b & 63n), 'right0'),
  shrU: fold64(0x88, (a, b) => u(a) >> (b & 63n), 'right0'),
  rotl: bin('i64', 0x89),
  rotr: bin('i64', 0x8a),
  extendS: (a: Val): Val => (a.k === 'const' ? c64(a.imm) : apply('i64', 0xac, a)),
  extendU: (a: Val): Val => (a.k === 'const' ? c64((a.imm as number) >>> 0) : apply('i64', 0xad, a)),
  extend8S: un('i64', 0xc2),
  extend16S: un('i64', 0xc3),
  extend32S: un('i64', 0xc4),
  truncSatF32S: un('i64', 0xfc04),
  truncSatF64S: un('i64', 0xfc06),
  reinterpretF64: un('i64', 0xbd),
};

export const f32 = {
  const: (v: number): Val => node('f32', 'const', 0, v),
  eq: bin('i32', 0x5b),
  ne: bin('i32', 0x5c),
  lt: bin('i32', 0x5d),
  gt: bin('i32', 0x5e),
  le: bin('i32', 0x5f),
  ge: bin('i32', 0x60),
  abs: un('f32', 0x8b),
  neg: un('f32', 0x8c),
  ceil: un('f32', 0x8d),
  floor: un('f32', 0x8e),
  trunc: un('f32', 0x8f),
  nearest: un('f32', 0x90),
  sqrt: un('f32', 0x91),
  add: bin('f32', 0x92),
  sub: bin('f32', 0x93),
  mul: bin('f32', 0x94),
  div: bin('f32', 0x95),
  convertI32S: un('f32', 0xb2),
  convertI64S: un('f32', 0xb4),
  demote: un('f32', 0xb6),
  reinterpretI32: un('f32', 0xbe),
};

export const f64 = {
  const: (v: number): Val => node('f64', 'const', 0, v),
  eq: bin('i32', 0x61),
  ne: bin('i32', 0x62),
  lt: bin('i32', 0x63),
  gt: bin('i32', 0x64),
  le: bin('i32', 0x65),
  ge: bin('i32', 0x66),
  abs: un('f64', 0x99),
  neg: un('f64', 0x9a),
  ceil: un('f64', 0x9b),
  floor: un('f64', 0x9c),
  trunc: un('f64', 0x9d),
  nearest: un('f64', 0x9e),
  sqrt: un('f64', 0x9f),
  add: bin('f64', 0xa0),
  sub: bin('f64', 0xa1),
  mul: bin('f64', 0xa2),
  div: bin('f64', 0xa3),
  convertI32S: un('f64', 0xb7),
  convertI64S: un('f64', 0xb9),
  promote: un('f64', 0xbb),
  reinterpretI64: un('f64', 0xbf),
};

/** SIMD by opcode number of the proposal: `v128.op(0x6e, a, b)` is i8x16.add. */
export const v128 = {
  const: (bytes: Uint8Array): Val => node('v128', 'const', 0, 0, null, null, null, null, bytes),
  op: (code: number, a: Val, b: Val | null = null, c: Val | null = null): Val =>
    apply('v128', 0xfd00 + code, a, b, c),
  /** An operator whose result is not a v128 (any_true, all_true, bitmask). */
  test: (code: number, a: Val): Val => apply('i32', 0xfd00 + code, a),
  /** extract_lane; `code` picks the shape (i32x4: 0x1b, i64x2: 0x1d, f32x4: 0x1f, f64x2: 0x21 ...). */
  extract: (t: WasmType, code: number, a: Val, lane: number): Val =>
    apply(t, 0xfd00 + code, a, null, null, lane),
  replace: (code: number, a: Val, lane: number, x: Val): Val =>
    apply('v128', 0xfd00 + code, a, x, null, lane),
  /** i8x16.shuffle with 16 lane numbers, 0..31. */
  shuffle: (a: Val, b: Val, lanes: readonly number[]): Val =>
    node('v128', 'op', 0xfd0d, 0, a, b, null, null, Uint8Array.from(lanes)),
};

/** SIMD opcodes at or above 0x100 (none today) would need another encoding of `op`. */
export const simdMax = 0xff;
