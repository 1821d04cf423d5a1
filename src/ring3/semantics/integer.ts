// General-purpose instructions that move and add: data transfer, two-operand arithmetic and logic, compare and
// exchange. Intel SDM volume 2, the pages of each mnemonic. Shifts, products and bit strings have files of
// their own (integer-shift.ts, integer-product.ts, integer-bit.ts).

import type { Insn } from '../decode/insn.ts';
import type { Emit, Semantics, SemanticsTable } from '../emit.ts';
import { GPR } from '../layout.ts';
import { i32, i64, select, type Val } from '../wasm/ir.ts';
import { clip, low32, memory, operand, signBit, source, wide, widthOf, word, zero } from './integer-width.ts';
import { loadSelector, selectorOf } from './segment.ts';

const mov: Semantics = (e, i) => {
  const d = operand(i, 0);
  const s = operand(i, 1);
  if (s.kind === 'sreg') e.write(d, zero(widthOf(d), selectorOf(e, s)));
  else if (d.kind === 'sreg') loadSelector(e, e.let(e.read(d)), low32(e.read(s)));
  else e.write(d, source(e, s, widthOf(d)));
};

const movzx: Semantics = (e, i) =>
  e.write(operand(i, 0), zero(widthOf(operand(i, 0)), e.read(operand(i, 1))));

const movsx: Semantics = (e, i) => {
  const d = operand(i, 0);
  const w = widthOf(d);
  const v = e.readSigned(operand(i, 1));
  e.write(d, w === 64 ? v : clip(w, i32.wrap(v)));
};

const lea: Semantics = (e, i) => {
  const d = operand(i, 0);
  e.write(d, zero(widthOf(d), e.lea(memory(operand(i, 1)))));
};

const xchg: Semantics = (e, i) => {
  const [d, s] =
    operand(i, 0).kind === 'mem' ? [operand(i, 0), operand(i, 1)] : [operand(i, 1), operand(i, 0)];
  const a = e.let(e.readForWrite(d));
  const b = e.let(e.read(s));
  e.write(d, b);
  e.write(s, a);
};

const cmovcc: Semantics = (e, i) => {
  const d = operand(i, 0);
  const s = e.let(e.read(operand(i, 1)));
  e.write(d, select(e.condition(i.row.cc), s, e.read(d)));
};

const setcc: Semantics = (e, i) => e.write(operand(i, 0), e.condition(i.row.cc));

const swap32 = (v: Val): Val =>
  i32.or(
    i32.and(i32.rotl(v, i32.const(8)), i32.const(0x00ff00ff)),
    i32.and(i32.rotl(v, i32.const(24)), i32.const(0xff00ff00)),
  );

/** The bytes of a bound value in reverse order. */
const swapBytes = (e: Emit, w: number, v: Val): Val => {
  if (w === 16)
    return i32.or(i32.shrU(v, i32.const(8)), i32.and(i32.shl(v, i32.const(8)), i32.const(0xff00)));
  if (w === 32) return swap32(v);
  const lo = e.let(i32.wrap(v));
  const hi = e.let(i32.wrap(i64.shrU(v, i64.const(32))));
  return i64.or(i64.shl(i64.extendU(swap32(lo)), i64.const(32)), i64.extendU(swap32(hi)));
};

const bswap: Semantics = (e, i) => {
  const d = operand(i, 0);
  // With 16 bits the manual leaves the result undefined; processors give zero.
  e.write(d, i.width === 16 ? i32.const(0) : swapBytes(e, i.width, e.let(e.read(d))));
};

const movbe: Semantics = (e, i) => {
  const v = e.let(e.read(operand(i, 1)));
  e.write(operand(i, 0), swapBytes(e, i.width, v));
};

type Compute = (e: Emit, i: Insn, a: Val, b: Val) => Val;

const arithmetic =
  (kind: 'add' | 'sub', compute: Compute): Semantics =>
  (e, i) => {
    const d = operand(i, 0);
    const w = widthOf(d);
    const a = e.let(e.readForWrite(d));
    const b = e.let(source(e, operand(i, 1), w));
    const r = e.let(clip(w, compute(e, i, a, b)));
    e.write(d, r);
    e.flags(kind, w, a, b, r);
  };

const wordOf = (i: Insn) => word(widthOf(operand(i, 0)));
const carry = (e: Emit, i: Insn): Val => zero(widthOf(operand(i, 0)), e.flag('cf'));

const add = arithmetic('add', (_, i, a, b) => wordOf(i).add(a, b));
const sub = arithmetic('sub', (_, i, a, b) => wordOf(i).sub(a, b));
const adc = arithmetic('add', (e, i, a, b) => wordOf(i).add(wordOf(i).add(a, b), carry(e, i)));
const sbb = arithmetic('sub', (e, i, a, b) => wordOf(i).sub(wordOf(i).sub(a, b), carry(e, i)));

const logic =
  (op: 'and' | 'or' | 'xor'): Semantics =>
  (e, i) => {
    const d = operand(i, 0);
    const w = widthOf(d);
    const r = e.let(word(w)[op](e.readForWrite(d), source(e, operand(i, 1), w)));
    e.write(d, r);
    e.flags('logic', w, r, r, r);
  };

const test: Semantics = (e, i) => {
  const w = widthOf(operand(i, 0));
  const r = e.let(word(w).and(e.read(operand(i, 0)), source(e, operand(i, 1), w)));
  e.flags('logic', w, r, r, r);
};

const cmp: Semantics = (e, i) => {
  const w = widthOf(operand(i, 0));
  const a = e.let(e.read(operand(i, 0)));
  const b = e.let(source(e, operand(i, 1), w));
  e.flags('sub', w, a, b, e.let(clip(w, word(w).sub(a, b))));
};

const step =
  (kind: 'inc' | 'dec'): Semantics =>
  (e, i) => {
    const d = operand(i, 0);
    const w = widthOf(d);
    const k = word(w);
    const a = e.let(e.readForWrite(d));
    const r = e.let(clip(w, kind === 'inc' ? k.add(a, k.const(1)) : k.sub(a, k.const(1))));
    e.write(d, r);
    e.flags(kind, w, a, k.const(1), r);
  };

const neg: Semantics = (e, i) => {
  const d = operand(i, 0);
  const w = widthOf(d);
  const k = word(w);
  const a = e.let(e.readForWrite(d));
  const r = e.let(clip(w, k.sub(k.const(0), a)));
  e.write(d, r);
  e.flags('sub', w, k.const(0), a, r);
};

const not: Semantics = (e, i) => {
  const d = operand(i, 0);
  const w = widthOf(d);
  const a = e.let(e.readForWrite(d));
  e.write(d, clip(w, word(w).xor(a, word(w).const(-1))));
};

/** ADCX and ADOX: an addition that carries through one flag and touches no other. */
const addThrough =
  (flag: 'cf' | 'of'): Semantics =>
  (e, i) => {
    const d = operand(i, 0);
    const w = widthOf(d);
    const k = word(w);
    const a = e.let(e.read(d));
    const b = e.let(e.read(operand(i, 1)));
    const r = e.let(k.add(k.add(a, b), zero(w, e.flag(flag))));
    const out = e.let(signBit(w, k.or(k.and(a, b), k.and(k.or(a, b), k.xor(r, k.const(-1))))));
    e.write(d, r);
    e.setFlags(flag === 'cf' ? { cf: out } : { of: out });
  };

const xadd: Semantics = (e, i) => {
  const d = operand(i, 0);
  const s = operand(i, 1);
  const w = widthOf(d);
  const a = e.let(e.readForWrite(d));
  const b = e.let(e.read(s));
  const r = e.let(clip(w, word(w).add(a, b)));
  // The same register twice keeps the sum; a memory operand may be addressed by the source register.
  if (d.kind === 'mem') {
    e.write(d, r);
    e.write(s, a);
  } else {
    e.write(s, a);
    e.write(d, r);
  }
  e.flags('add', w, a, b, r);
};

const cmpxchg: Semantics = (e, i) => {
  const d = operand(i, 0);
  const w = widthOf(d);
  const k = word(w);
  const old = e.let(e.readForWrite(d));
  const acc = e.let(e.gpr(GPR.rax, w));
  const s = e.let(e.read(operand(i, 1)));
  const r = e.let(clip(w, k.sub(acc, old)));
  e.if(
    k.eqz(r),
    () => e.write(d, s),
    () => {
      if (d.kind === 'mem') e.write(d, old);
      e.setGpr(GPR.rax, w, old);
    },
  );
  e.flags('sub', w, acc, old, r);
};

const pair = (lo: Val, hi: Val): Val => i64.or(wide(lo), i64.shl(wide(hi), i64.const(32)));

const cmpxchg8b: Semantics = (e, i) => {
  const at = e.let(e.address(memory(operand(i, 0))));
  const old = e.let(e.loadForWrite(64, at));
  const same = e.let(i64.eq(old, pair(e.gpr(GPR.rax, 32), e.gpr(GPR.rdx, 32))));
  e.store(64, at, select(same, pair(e.gpr(GPR.rbx, 32), e.gpr(GPR.rcx, 32)), old));
  e.if(i32.eqz(same), () => {
    e.setGpr(GPR.rax, 32, i32.wrap(old));
    e.setGpr(GPR.rdx, 32, i32.wrap(i64.shrU(old, i64.const(32))));
  });
  e.setFlags({ zf: same });
};

const cmpxchg16b: Semantics = (e, i) => {
  const at = e.let(e.address(memory(operand(i, 0))));
  e.aligned(16, at);
  const above = e.let(i64.add(at, i64.const(8)));
  const lo = e.let(e.loadForWrite(64, at));
  const hi = e.let(e.loadForWrite(64, above));
  const same = e.let(i64.eqz(i64.or(i64.xor(lo, e.gpr(GPR.rax, 64)), i64.xor(hi, e.gpr(GPR.rdx, 64)))));
  e.store(64, at, select(same, e.gpr(GPR.rbx, 64), lo));
  e.store(64, above, select(same, e.gpr(GPR.rcx, 64), hi));
  e.if(i32.eqz(same), () => {
    e.setGpr(GPR.rax, 64, lo);
    e.setGpr(GPR.rdx, 64, hi);
  });
  e.setFlags({ zf: same });
};

/** CBW, CWDE, CDQE: the accumulator from its lower half. */
const cbw: Semantics = (e, i) => {
  if (i.width === 16) e.setGpr(GPR.rax, 16, clip(16, i32.extend8S(e.gpr(GPR.rax, 8))));
  else if (i.width === 32) e.setGpr(GPR.rax, 32, i32.extend16S(e.gpr(GPR.rax, 16)));
  else e.setGpr(GPR.rax, 64, i64.extendS(e.gpr(GPR.rax, 32)));
};

/** CWD, CDQ, CQO: the sign of the accumulator over rdx. */
const cwd: Semantics = (e, i) => {
  const a = e.gpr(GPR.rax, i.width);
  if (i.width === 64) e.setGpr(GPR.rdx, 64, i64.shrS(a, i64.const(63)));
  else if (i.width === 32) e.setGpr(GPR.rdx, 32, i32.shrS(a, i32.const(31)));
  else e.setGpr(GPR.rdx, 16, clip(16, i32.shrS(i32.extend16S(a), i32.const(15))));
};

export const integerSemantics = (): SemanticsTable => ({
  mov,
  movsreg: mov,
  movzx,
  movsx,
  movsxd: movsx,
  lea,
  xchg,
  cmovcc,
  setcc,
  bswap,
  movbe,
  add,
  adc,
  sub,
  sbb,
  and: logic('and'),
  or: logic('or'),
  xor: logic('xor'),
  test,
  cmp,
  inc: step('inc'),
  dec: step('dec'),
  neg,
  not,
  adcx: addThrough('cf'),
  adox: addThrough('of'),
  xadd,
  cmpxchg,
  cmpxchg8b,
  cmpxchg16b,
  cbw,
  cwd,
});
