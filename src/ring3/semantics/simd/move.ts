// Moves between vector registers, memory and general registers: what they merge, what they clear, which of
// them insist on alignment (Intel SDM volume 2). MXCSR's load and store, EMMS and the masked moves as well.

import type { Operand } from '../../decode/insn.ts';
import type { Emit, Semantics, SemanticsTable } from '../../emit.ts';
import { CPU, OFF, VECTOR } from '../../layout.ts';
import { i32, i64, loadAt, type Val, v128 } from '../../wasm/ir.ts';
import {
  atRdi,
  isMem,
  low64,
  low64Of,
  lowFloat,
  operand,
  pick,
  setLowFloat,
  writeGpr,
  zero,
  zeroExtend64,
} from './common.ts';
import { MXCSR_MASK, MXCSR_TRACKED } from './mxcsr.ts';
import { F32, F64, I8, I32, I64 } from './opcodes.ts';

/** 128 bits from or to memory that has to be aligned. */
const aligned: Semantics = (e, i) => e.writeX(operand(i, 0), e.readX(operand(i, 1)));
const unaligned: Semantics = (e, i) =>
  e.writeX(operand(i, 0), e.readX(operand(i, 1), 'unaligned'), 'unaligned');

const writeMmx = (e: Emit, dst: Operand, v: Val): void => {
  const value = e.let(v);
  e.enterMmx();
  e.writeMm(dst, value);
};

/** MOVD and MOVQ in all directions: zero-extended into vector registers, the low part out of them. */
const moveLow: Semantics = (e, i) => {
  const dst = operand(i, 0);
  const src = operand(i, 1);
  if (dst.kind === 'mm' || src.kind === 'mm') e.pendingX87();
  const narrow = (src.kind === 'reg' || isMem(src)) && src.width === 32;
  const wide = (): Val => (narrow ? i64.extendU(e.read(src)) : low64Of(e, src));
  if (dst.kind === 'xmm' && isMem(src))
    e.writeX(dst, v128.replace(narrow ? F32.replace : F64.replace, zero, 0, e.readF(src)));
  else if (dst.kind === 'xmm') e.writeX(dst, zeroExtend64(e.let(wide())));
  else if (dst.kind === 'mm') writeMmx(e, dst, wide());
  else {
    const v = e.let(low64Of(e, src));
    // A store that faults leaves TOP at 0 but the tags alone (seen on the processor).
    if (src.kind === 'mm') e.setField('fsw', i32.and(e.field('fsw'), i32.const(0xc7ff)));
    e.write(dst, dst.width === 64 ? v : i32.wrap(v));
    if (src.kind === 'mm') e.enterMmx();
  }
};

/** MOVSS, MOVSD: a load clears the rest of the register, a move between registers keeps it. */
const moveScalar =
  (t: 'f32' | 'f64'): Semantics =>
  (e, i) => {
    const dst = operand(i, 0);
    const src = operand(i, 1);
    const { replace } = t === 'f32' ? F32 : F64;
    if (isMem(src)) e.writeX(dst, v128.replace(replace, zero, 0, e.readF(src)));
    else if (isMem(dst)) e.writeF(dst, lowFloat(e, t, src));
    else setLowFloat(e, t, dst, lowFloat(e, t, src));
  };

/** MOVLPS, MOVHPS and the pd forms: 64 bits of memory against one half; between registers MOVHLPS, MOVLHPS. */
const moveHalf =
  (half: 0 | 1): Semantics =>
  (e, i) => {
    const dst = operand(i, 0);
    const src = operand(i, 1);
    if (isMem(src)) {
      const v = e.let(e.read(src));
      e.writeX(dst, v128.replace(I64.replace, e.readX(dst), half, v));
    } else if (isMem(dst)) e.write(dst, v128.extract('i64', I64.extract, e.readX(src), half));
    else
      e.writeX(
        dst,
        half === 0 ? highToLow(e.readX(dst), e.readX(src)) : lowToHigh(e.readX(dst), e.readX(src)),
      );
  };
const highToLow = (a: Val, b: Val): Val => pick(a, b, 8, 16, [3, 1]);
const lowToHigh = (a: Val, b: Val): Val => pick(a, b, 8, 16, [0, 2]);

const signMask =
  (code: number): Semantics =>
  (e, i) =>
    writeGpr(e, operand(i, 0), v128.test(code, e.readX(operand(i, 1))));

/**
 * MASKMOVQ, MASKMOVDQU: bytes whose mask has bit 7 set go to rdi, one store each; nothing else is touched.
 */
const maskedMove: Semantics = (e, i) => {
  const a = operand(i, 0);
  const b = operand(i, 1);
  const count = a.kind === 'mm' ? 8 : 16;
  const vector = (o: Operand): Val => (o.kind === 'mm' ? v128.op(I64.splat, e.readMm(o)) : e.readX(o));
  const at = e.let(atRdi(e, i));
  e.scratch(0, vector(a));
  const mask = e.variable('i32');
  e.set(mask, i32.and(v128.test(I8.bitmask, vector(b)), i32.const((1 << count) - 1)));
  if (a.kind === 'mm') e.enterMmx();
  // Faults are those of whole quadwords, the upper one first, whatever the mask (seen on the processor).
  if (count === 16) e.probeWrite(8, i64.add(at, i64.const(8)));
  e.probeWrite(8, at);
  e.loop((l) => {
    e.if(i32.eqz(mask), () => l.leave());
    const k = e.let(i32.ctz(mask));
    e.set(mask, i32.and(mask, i32.sub(mask, i32.const(1))));
    e.store(8, i64.add(at, i64.extendU(k)), loadAt('i32', 0x2d, k, CPU + OFF.scratch));
    l.again();
  });
};

const ldmxcsr: Semantics = (e, i) => {
  const v = e.let(e.read(operand(i, 0)));
  e.if(i32.and(v, i32.const(~MXCSR_MASK)), () => e.raise(VECTOR.GP));
  const clear = i32.ne(i32.and(v, i32.const(0x3f)), i32.const(0x3f));
  const tracked = i32.or(
    i32.and(e.field('mxcsr'), i32.const(MXCSR_TRACKED)),
    i32.mul(clear, i32.const(MXCSR_TRACKED)),
  );
  e.setField('mxcsr', i32.or(v, tracked));
  e.resync();
};

const toMemory: Semantics = (e, i) => e.write(operand(i, 0), e.read(operand(i, 1)));

export const moveSemantics = (): SemanticsTable => ({
  movaps: aligned,
  movapd: aligned,
  movdqa: aligned,
  movntps: aligned,
  movntpd: aligned,
  movntdq: aligned,
  movntdqa: aligned,
  movups: unaligned,
  movupd: unaligned,
  movdqu: unaligned,
  lddqu: unaligned,
  movd: moveLow,
  movq: moveLow,
  movntq: moveLow,
  movnti: toMemory,
  movss: moveScalar('f32'),
  movsd: moveScalar('f64'),
  movlps: moveHalf(0),
  movlpd: moveHalf(0),
  movhps: moveHalf(1),
  movhpd: moveHalf(1),
  movhlps: moveHalf(0),
  movlhps: moveHalf(1),
  movmskps: signMask(I32.bitmask),
  movmskpd: signMask(I64.bitmask),
  movdq2q: (e, i) => writeMmx(e, operand(i, 0), low64(e.readX(operand(i, 1)))),
  movq2dq: (e, i) => {
    const v = e.let(e.readMm(operand(i, 1)));
    e.enterMmx();
    e.writeX(operand(i, 0), zeroExtend64(v));
  },
  maskmovq: maskedMove,
  maskmovdqu: maskedMove,
  emms: (e) => {
    e.enterMmx();
    e.setField('ftw', i32.const(0xffff));
  },
  ldmxcsr,
  stmxcsr: (e, i) => e.write(operand(i, 0), i32.and(e.field('mxcsr'), i32.const(MXCSR_MASK))),
});
