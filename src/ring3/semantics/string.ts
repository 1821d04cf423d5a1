// String instructions: MOVS, STOS, LODS inline when they stand alone, and CMPS and SCAS likewise; with a REP
// prefix all of them are helpers that work by runs of contiguous memory (string-rep.ts).
// Intel SDM volume 1, section 7.3.9, and volume 2, REP.

import type { Insn, Width } from '../decode/insn.ts';
import type { Emit, Semantics, SemanticsTable } from '../emit.ts';
import { GPR } from '../layout.ts';
import { i32, i64, type Val } from '../wasm/ir.ts';
import { clip, wide, word } from './integer-width.ts';
import { segmentBase } from './segment.ts';

/** Address of the source element: rsi in its segment. */
const source = (e: Emit, i: Insn): Val => i64.add(wide(e.gpr(GPR.rsi, i.addressWidth)), segmentBase(e, i));

const destination = (e: Emit, i: Insn): Val => wide(e.gpr(GPR.rdi, i.addressWidth));

/** Moves rsi or rdi on by one element in the direction of DF. */
const advance = (e: Emit, i: Insn, ...regs: number[]): void => {
  const a = i.addressWidth;
  const k = word(a);
  const df = e.field('df');
  const by = e.let(k.shl(a === 64 ? i64.extendS(df) : df, k.const(Math.log2(i.width / 8))));
  for (const r of regs) e.setGpr(r, a, k.add(e.gpr(r, a), by));
};

/** The argument of a REP helper: log2 of the element size, 32-bit addresses, REPNE. */
const repArgument = (i: Insn): number =>
  Math.log2(i.width / 8) | (i.addressWidth === 32 ? 4 : 0) | (i.rep === 'repne' ? 8 : 0);

const string =
  (name: string, once: Semantics): Semantics =>
  (e, i) => {
    if (i.rep === 'none') once(e, i);
    else e.helper(`rep_${name}`, repArgument(i), source(e, i));
  };

/**
 * Up to this many elements are moved by a loop of single steps, which spares the call out of generated code.
 * Every round leaves the registers right, as if it were an instruction of its own.
 */
const FEW = 64;

const repeated = (name: string, once: Semantics): Semantics => {
  const bulk = string(name, once);
  return (e, i) => {
    // 32-bit addresses have quirks that the helper knows, and it can do one round.
    if (i.rep === 'none' || i.addressWidth === 32 || e.alone) {
      bulk(e, i);
      return;
    }
    const left = (): Val => e.gpr(GPR.rcx, 64);
    e.if(
      i64.leU(left(), i64.const(FEW)),
      () =>
        e.loop((l) =>
          e.if(i32.eqz(i64.eqz(left())), () => {
            once(e, i);
            e.setGpr(GPR.rcx, 64, i64.sub(left(), i64.const(1)));
            l.again();
          }),
        ),
      () => bulk(e, i),
    );
  };
};

const movs = repeated('movs', (e, i) => {
  const v = e.let(e.load(i.width, source(e, i)));
  e.store(i.width, destination(e, i), v);
  advance(e, i, GPR.rsi, GPR.rdi);
});

const stos = repeated('stos', (e, i) => {
  e.store(i.width, destination(e, i), e.gpr(GPR.rax, i.width));
  advance(e, i, GPR.rdi);
});

const lods = string('lods', (e, i) => {
  const v = e.let(e.load(i.width, source(e, i)));
  e.setGpr(GPR.rax, i.width, v);
  advance(e, i, GPR.rsi);
});

const compare = (e: Emit, w: Width, a: Val, b: Val): void =>
  e.flags('sub', w, a, b, e.let(clip(w, word(w).sub(a, b))));

const cmps = string('cmps', (e, i) => {
  // The destination first, as processors do: it decides which of two faults is taken.
  const b = e.let(e.load(i.width, destination(e, i)));
  const a = e.let(e.load(i.width, source(e, i)));
  advance(e, i, GPR.rsi, GPR.rdi);
  compare(e, i.width, a, b);
});

const scas = string('scas', (e, i) => {
  const b = e.let(e.load(i.width, destination(e, i)));
  const a = e.let(e.gpr(GPR.rax, i.width));
  advance(e, i, GPR.rdi);
  compare(e, i.width, a, b);
});

const direction =
  (down: boolean): Semantics =>
  (e) =>
    e.setField('df', i32.const(down ? -1 : 1));

export const stringSemantics = (): SemanticsTable => ({
  movs,
  stos,
  lods,
  cmps,
  scas,
  cld: direction(false),
  std: direction(true),
});
