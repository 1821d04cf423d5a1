// The x87 instructions as semantics: operands become the helper's argument (helpers.ts); the few that only
// move a control word are said in line.

import type { Insn, Operand } from '../../decode/insn.ts';
import type { Emit, Semantics, SemanticsTable } from '../../emit.ts';
import { i32, type Val } from '../../wasm/ir.ts';
import { HERE_SLOT, MEM, POP, POP_TWICE, SHORT } from './operands.ts';

export { x87Helpers } from './helpers.ts';

/** Where the instruction is, for the helper that notes it as the last one (helpers.ts). */
const noteHere = (e: Emit): void => e.scratch(HERE_SLOT, e.here());

const shl = (v: Val, n: number): Val => i32.shl(v, i32.const(n));
const memory = (i: Insn): Extract<Operand, { kind: 'mem' }> | undefined => {
  for (const o of i.operands) if (o.kind === 'mem') return o;
  return undefined;
};

const MEM_OF: Record<'float' | 'integer', Record<number, number>> = {
  float: { 32: MEM.f32, 64: MEM.f64, 80: MEM.f80 },
  integer: { 16: MEM.i16, 32: MEM.i32, 64: MEM.i64 },
};

/** An instruction with register or memory operands; `flags` are POP and POP_TWICE. */
const operation =
  (helper: string, kind: 'float' | 'integer', flags = 0): Semantics =>
  (e, i) => {
    noteHere(e);
    const m = memory(i);
    if (m) {
      e.helper(helper, ((MEM_OF[kind][m.width] ?? 0) << 6) | flags, e.address(m));
      return;
    }
    const [a, b] = i.operands;
    // One operand is the destination of a store or the source of a load; two are destination and source.
    const first = a ? e.read(a) : i32.const(0);
    const second = b ? e.read(b) : first;
    e.helper(helper, i32.or(i32.or(first, shl(second, 3)), i32.const(flags)));
  };

/** FCOMPP and FUCOMPP: ST(0) with ST(1), both popped. */
const compareBoth =
  (helper: string): Semantics =>
  (e) => {
    noteHere(e);
    e.helper(helper, (1 << 3) | POP_TWICE);
  };

const alone =
  (helper: string): Semantics =>
  (e) => {
    noteHere(e);
    e.helper(helper);
  };

const fromMemory =
  (helper: string, flags = 0): Semantics =>
  (e, i) => {
    noteHere(e);
    const m = memory(i);
    if (m) e.helper(helper, flags | (i.width === 16 ? SHORT : 0), e.address(m));
  };

const word =
  (field: 'fcw' | 'fsw'): Semantics =>
  (e, i) => {
    const [o] = i.operands;
    if (o) e.write(o, e.let(e.field(field)));
  };

/** FCMOVcc by the flag condition of the same name. */
const conditional =
  (cc: number): Semantics =>
  (e: Emit, i) => {
    const source = i.operands[1];
    if (!source) return;
    noteHere(e);
    const arg = e.let(shl(e.read(source), 3));
    const condition = e.let(e.condition(cc));
    e.if(
      condition,
      () => e.helper('fcmov', arg),
      () => e.helper('fcmovNot', arg),
    );
  };

export const x87Semantics = (): SemanticsTable => {
  const table: Record<string, Semantics> = {
    fnop: alone('fnop'),
    fwait: alone('x87wait'),
    wait: alone('x87wait'),
    fcompp: compareBoth('fcom'),
    fucompp: compareBoth('fucom'),
    fnstcw: word('fcw'),
    fnstsw: word('fsw'),
    fldcw: fromMemory('fldcw'),
    fbld: fromMemory('fbld', MEM.f80 << 6),
    fbstp: fromMemory('fbstp', (MEM.f80 << 6) | POP),
    fnstenv: fromMemory('fnstenv'),
    fldenv: fromMemory('fldenv'),
    fnsave: fromMemory('fnsave'),
    frstor: fromMemory('frstor'),
    fcmovb: conditional(2),
    fcmovnb: conditional(3),
    fcmove: conditional(4),
    fcmovne: conditional(5),
    fcmovbe: conditional(6),
    fcmovnbe: conditional(7),
    fcmovu: conditional(10),
    fcmovnu: conditional(11),
    ffree: operation('ffree', 'float'),
    ffreep: operation('ffreep', 'float'),
    fxch: operation('fxch', 'float'),
    fld: operation('fld', 'float'),
    fild: operation('fld', 'integer'),
    fst: operation('fst', 'float'),
    fstp: (e, i) => operation(i.row.mnemonic === 'fstpnce' ? 'fstpnce' : 'fst', 'float', POP)(e, i),
    fist: operation('fst', 'integer'),
    fistp: operation('fst', 'integer', POP),
    fisttp: operation('fisttp', 'integer', POP),
  };
  for (const name of ['add', 'mul', 'sub', 'subr', 'div', 'divr', 'com', 'ucom']) {
    table[`f${name}`] = operation(`f${name}`, 'float');
    table[`f${name}p`] = operation(`f${name}`, 'float', POP);
    table[`fi${name}`] = operation(`f${name}`, 'integer');
    table[`fi${name}p`] = operation(`f${name}`, 'integer', POP);
  }
  for (const name of ['com', 'ucom']) {
    table[`f${name}i`] = operation(`f${name}i`, 'float');
    table[`f${name}ip`] = operation(`f${name}i`, 'float', POP);
  }
  for (const name of [
    ...['fchs', 'fabs', 'ftst', 'fxam', 'fld1', 'fldl2t', 'fldl2e', 'fldpi', 'fldlg2', 'fldln2', 'fldz'],
    ...['f2xm1', 'fyl2x', 'fptan', 'fpatan', 'fxtract', 'fprem1', 'fdecstp', 'fincstp', 'fprem', 'fyl2xp1'],
    ...['fsqrt', 'fsincos', 'frndint', 'fscale', 'fsin', 'fcos', 'fnclex', 'fninit'],
  ]) {
    table[name] = alone(name);
  }
  return table;
};
