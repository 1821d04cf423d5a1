// Floating-point arithmetic, comparison and rounding of SSE to SSE4.1. Fast code is wasm's own operators
// (round to nearest, no flags); exact code, when MXCSR asks for it, goes through exact.ts. NaN results of
// fast code are the host's: on x86-64 V8 emits the very instructions, so they agree.

import type { Emit, Semantics, SemanticsTable } from '../../emit.ts';
import { f32, f64, i32, i64, type Val, v128 } from '../../wasm/ir.ts';
import {
  each32,
  each64,
  type Float,
  immediate,
  lane,
  lowFloat,
  operand,
  pick,
  scratched,
  setLowFloat,
} from './common.ts';
import type { ExactOp } from './exact-ops.ts';
import { F32, F64, V } from './opcodes.ts';
import {
  type Arithmetic,
  callExact,
  calm,
  exactOrOrdinary,
  inexactIsKnown,
  settled,
  settledInexact,
  settledScalar,
} from './quick.ts';

const { op } = v128;
const scalarOps = { f32, f64 } as const;
const size = { f32: 4, f64: 8 } as const;

type FloatOp = (a: Val, b: Val, t: Float, e: Emit) => Val;
/** When native computation is enough in exact code; operands and result are bound. */
type Quick = (e: Emit, t: Float, a: Val, b: Val, r: Val) => Val;

const arithmeticQuick =
  (name: Arithmetic): Quick =>
  (e, t, a, b, r) => {
    const operands = name === 'sqrt' ? calm(t, b) : i32.and(calm(t, a), calm(t, b));
    return i32.and(i32.and(inexactIsKnown(e), exactOrOrdinary(name, t, a, b, r)), operands);
  };
/** Comparisons look at no mode; only NaNs and denormals raise anything. */
const compareQuick: Quick = (_e, t, a, b) => i32.and(calm(t, a), calm(t, b));

/** Packed: dst = f(dst, src). */
const packed =
  (name: ExactOp, t: Float, quick: Quick, f: FloatOp, imm = 0): Semantics =>
  (e, i) => {
    const b = e.let(e.readX(operand(i, 1)));
    const a = e.let(e.readX(operand(i, 0)));
    const r = e.let(f(a, b, t, e));
    e.writeX(
      operand(i, 0),
      settled(e, i, { name, t, packed: true, imm }, b, () => quick(e, t, a, b, r), r),
    );
  };
/** Scalar, with a scalar wasm operator on the low lane. */
const scalar =
  (name: Arithmetic, t: Float, f: (a: Val, b: Val) => Val): Semantics =>
  (e, i) => {
    const dst = operand(i, 0);
    const b = e.let(lowFloat(e, t, operand(i, 1)));
    const a = e.let(lowFloat(e, t, dst));
    const r = e.let(f(a, b));
    setLowFloat(e, t, dst, settledScalar(e, i, { name, t, packed: false }, a, b, r));
  };
/** Scalar, with a vector operator of which the low lane is kept. */
const lowOf =
  (name: ExactOp, t: Float, quick: Quick, f: FloatOp, imm = 0): Semantics =>
  (e, i) => {
    const dst = operand(i, 0);
    const src = operand(i, 1);
    const b = e.let(lowFloat(e, t, src));
    const a = e.let(lowFloat(e, t, dst));
    const splat = (v: Val): Val => e.let(op(lane[t].splat, v));
    const r = e.let(v128.extract(t, lane[t].extract, f(splat(a), splat(b), t, e), 0));
    const isQuick = (): Val => quick(e, t, a, b, r);
    setLowFloat(e, t, dst, settled(e, i, { name, t, packed: false, imm }, b, isQuick, r));
  };

const arithmetic = (name: 'add' | 'sub' | 'mul' | 'div'): SemanticsTable => ({
  [`${name}ps`]: packed(name, 'f32', arithmeticQuick(name), (a, b) => op(lane.f32[name], a, b)),
  [`${name}pd`]: packed(name, 'f64', arithmeticQuick(name), (a, b) => op(lane.f64[name], a, b)),
  [`${name}ss`]: scalar(name, 'f32', f32[name]),
  [`${name}sd`]: scalar(name, 'f64', f64[name]),
});

/** x86: dst < src ? dst : src, which is pmin with the operands exchanged; max likewise. */
const extremum = (name: 'min' | 'max'): SemanticsTable => {
  const f: FloatOp = (a, b, t) => op(name === 'min' ? lane[t].pmin : lane[t].pmax, b, a);
  return {
    [`${name}ps`]: packed(name, 'f32', compareQuick, f),
    [`${name}pd`]: packed(name, 'f64', compareQuick, f),
    [`${name}ss`]: lowOf(name, 'f32', compareQuick, f),
    [`${name}sd`]: lowOf(name, 'f64', compareQuick, f),
  };
};

const sqrt: SemanticsTable = {
  sqrtps: packed('sqrt', 'f32', arithmeticQuick('sqrt'), (_a, b) => op(lane.f32.sqrt, b)),
  sqrtpd: packed('sqrt', 'f64', arithmeticQuick('sqrt'), (_a, b) => op(lane.f64.sqrt, b)),
  sqrtss: scalar('sqrt', 'f32', (_a, b) => f32.sqrt(b)),
  sqrtsd: scalar('sqrt', 'f64', (_a, b) => f64.sqrt(b)),
};

/** The eight predicates of CMPPS and its kin, as masks. */
const predicate = (imm: number, a: Val, b: Val, t: Float): Val => {
  const l = lane[t];
  const not = (v: Val): Val => op(V.not, v);
  switch (imm & 7) {
    case 0:
      return op(l.eq, a, b);
    case 1:
      return op(l.lt, a, b);
    case 2:
      return op(l.le, a, b);
    case 3:
      return op(V.or, op(l.ne, a, a), op(l.ne, b, b));
    case 4:
      return op(l.ne, a, b);
    case 5:
      return not(op(l.lt, a, b));
    case 6:
      return not(op(l.le, a, b));
    default:
      return op(V.and, op(l.eq, a, a), op(l.eq, b, b));
  }
};
const compare =
  (t: Float, isPacked: boolean): Semantics =>
  (e, i) => {
    const imm = immediate(e, i, 2) & 7;
    const frame = isPacked ? packed : lowOf;
    frame('cmp', t, compareQuick, (a, b) => predicate(imm, a, b, t), imm)(e, i);
  };

/** COMISx and UCOMISx differ only in the exceptions of quiet NaNs, so only in exact code. */
const compareFlags =
  (name: 'comis' | 'ucomis', t: Float): Semantics =>
  (e, i) => {
    const b = e.let(lowFloat(e, t, operand(i, 1)));
    const a = e.let(lowFloat(e, t, operand(i, 0)));
    const bits = (v: Val): Val => i64.reinterpretF64(t === 'f32' ? f64.promote(v) : v);
    const native = (): void => e.flags('fcmp', 64, e.let(bits(a)), e.let(bits(b)), i64.const(0));
    if (!e.exactFp) native();
    else e.if(compareQuick(e, t, a, b, b), native, () => callExact(e, i, { name, t, packed: false }, b));
  };

const roundings = ['nearest', 'floor', 'ceil', 'trunc'] as const;
/** ROUNDxx: bit 2 asks for MXCSR's mode, which is to nearest in fast code. */
const round =
  (t: Float, isPacked: boolean): Semantics =>
  (e, i) => {
    const imm = immediate(e, i, 2) & 15;
    const mode = roundings[imm & 4 ? 0 : imm & 3] ?? 'nearest';
    if (isPacked) {
      const quick: Quick = (e2, _t, _a, b) =>
        i32.and(calm(t, b), imm & 8 && !(imm & 4) ? i32.const(1) : inexactIsKnown(e2));
      packed('round', t, quick, (_a, b) => op(lane[t][mode], b), imm)(e, i);
      return;
    }
    const dst = operand(i, 0);
    const b = e.let(lowFloat(e, t, operand(i, 1)));
    const r = e.let(scalarOps[t][mode](b));
    const x = { name: 'round', t, packed: false, imm } as const;
    const lost = (): Val => (imm & 8 ? i32.const(0) : scalarOps[t].ne(r, b));
    setLowFloat(e, t, dst, settledInexact(e, i, x, b, { fine: () => calm(t, b), lost }, r));
  };

const evens = { f32: [0, 2, 4, 6], f64: [0, 2] } as const;
const odds = { f32: [1, 3, 5, 7], f64: [1, 3] } as const;
const horizontal = (name: 'hadd' | 'hsub', t: Float): Semantics =>
  packed(name, t, arithmeticQuick('add'), (a, b) =>
    op(
      name === 'hadd' ? lane[t].add : lane[t].sub,
      pick(a, b, size[t], 16, evens[t]),
      pick(a, b, size[t], 16, odds[t]),
    ),
  );
const addsub = (t: Float): Semantics =>
  packed('addsub', t, arithmeticQuick('add'), (a, b) =>
    pick(op(lane[t].sub, a, b), op(lane[t].add, a, b), size[t], 16, t === 'f32' ? [0, 5, 2, 7] : [0, 3]),
  );

/** DPPS, DPPD: masked products, summed pairwise, spread by a second mask. */
const dotProduct =
  (t: Float): Semantics =>
  (e, i) => {
    const imm = immediate(e, i, 2);
    if (e.exactFp) {
      callExact(e, i, { name: 'dp', t, packed: true, imm }, e.readX(operand(i, 1)));
      e.writeX(operand(i, 0), scratched('v128', 2));
      return;
    }
    const mask = (bits: number): Val =>
      t === 'f32'
        ? each32(...[0, 1, 2, 3].map((k) => ((bits >> k) & 1 ? 0xffffffff : 0)))
        : each64(...[0, 1].map((k) => ((bits >> k) & 1 ? 0xffffffffffffffffn : 0n)));
    const b = e.let(e.readX(operand(i, 1)));
    const products = e.let(op(V.and, op(lane[t].mul, e.readX(operand(i, 0)), b), mask(imm >> 4)));
    // The order of the operands decides which NaN survives; it differs between the two on the processor.
    let sum =
      t === 'f32'
        ? e.let(op(F32.add, pick(products, products, 4, 16, [1, 0, 3, 2]), products))
        : op(F64.add, products, pick(products, products, 8, 16, [1, 0]));
    if (t === 'f32') sum = op(F32.add, sum, pick(sum, sum, 4, 16, [2, 3, 0, 1]));
    e.writeX(operand(i, 0), op(V.and, sum, mask(imm)));
  };

export const floatSemantics = (): SemanticsTable => ({
  ...arithmetic('add'),
  ...arithmetic('sub'),
  ...arithmetic('mul'),
  ...arithmetic('div'),
  ...extremum('min'),
  ...extremum('max'),
  ...sqrt,
  cmpps: compare('f32', true),
  cmppd: compare('f64', true),
  cmpss: compare('f32', false),
  cmpsd: compare('f64', false),
  comiss: compareFlags('comis', 'f32'),
  comisd: compareFlags('comis', 'f64'),
  ucomiss: compareFlags('ucomis', 'f32'),
  ucomisd: compareFlags('ucomis', 'f64'),
  roundps: round('f32', true),
  roundpd: round('f64', true),
  roundss: round('f32', false),
  roundsd: round('f64', false),
  haddps: horizontal('hadd', 'f32'),
  haddpd: horizontal('hadd', 'f64'),
  hsubps: horizontal('hsub', 'f32'),
  hsubpd: horizontal('hsub', 'f64'),
  addsubps: addsub('f32'),
  addsubpd: addsub('f64'),
  dpps: dotProduct('f32'),
  dppd: dotProduct('f64'),
});
