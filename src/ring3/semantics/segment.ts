// Segment registers as 64-bit mode leaves them: selectors that a flat process sees, and bases for FS and GS.

import type { Insn, Operand } from '../decode/insn.ts';
import type { Emit } from '../emit.ts';
import type { HelperTable } from '../helpers.ts';
import { SREG, VECTOR } from '../layout.ts';
import { i32, i64, select, type Val } from '../wasm/ir.ts';

/** The selectors of a 64-bit process that cannot be others: user code in CS, user data in SS. */
export const CODE_SELECTOR = 0x33;
export const DATA_SELECTOR = 0x2b;
/** The other segments that Linux has in the descriptor table for programs: 32-bit code, and the processor's number. */
export const CODE32_SELECTOR = 0x23;
export const NUMBER_SELECTOR = 0x7b;

/** Where the selector of segment register n (ES, DS, FS, GS) is in the field: ES, FS, GS, DS from the lowest byte. */
const shiftOf = (n: Val): Val => i32.shl(i32.add(n, i32.shrU(n, i32.const(2))), i32.const(3));

/** The selector in a segment register, i32. */
export const selectorOf = (e: Emit, o: Operand): Val => {
  const n = e.let(e.read(o));
  const kept = i32.and(i32.shrU(e.field('selectors'), shiftOf(n)), i32.const(0xff));
  return select(
    i32.eq(n, i32.const(SREG.cs)),
    i32.const(CODE_SELECTOR),
    select(i32.eq(n, i32.const(SREG.ss)), i32.const(DATA_SELECTOR), kept),
  );
};

/** Whether a selector names the segment, with any requested privilege; v must be bound. */
export const names = (v: Val, selector: number): Val => i32.eq(i32.or(v, i32.const(3)), i32.const(selector));

/** Whether a selector names a segment of the process, with any requested privilege; v must be bound. */
export const visible = (v: Val): Val =>
  i32.or(
    i32.or(names(v, CODE_SELECTOR), names(v, DATA_SELECTOR)),
    i32.or(names(v, CODE32_SELECTOR), names(v, NUMBER_SELECTOR)),
  );

/**
 * Loads selector v into segment register n (bound or constant, i32). CS cannot be loaded (#UD), SS takes the data segment alone, the others what is
 * visible or null; #GP names the selector. A load of FS or GS clears the base, as the flat descriptors have base 0 (Intel SDM volume 2, MOV).
 */
export const loadSelector = (e: Emit, n: Val, v: Val): void => {
  const selector = e.let(i32.and(v, i32.const(0xffff)));
  e.if(i32.eq(n, i32.const(SREG.cs)), () => e.raise(VECTOR.UD));
  const isSs = i32.eq(n, i32.const(SREG.ss));
  const fits = select(
    isSs,
    i32.eq(selector, i32.const(DATA_SELECTOR)),
    i32.or(i32.ltU(selector, i32.const(4)), visible(selector)),
  );
  e.if(i32.eqz(fits), () => e.helper('selectorFault', selector));
  e.if(i32.eqz(isSs), () => {
    const shift = e.let(shiftOf(n));
    const others = i32.and(e.field('selectors'), i32.xor(i32.shl(i32.const(0xff), shift), i32.const(-1)));
    e.setField('selectors', i32.or(others, i32.shl(selector, shift)));
  });
  e.if(i32.eq(n, i32.const(SREG.fs)), () => e.setField('fsBase', i64.const(0)));
  e.if(i32.eq(n, i32.const(SREG.gs)), () => e.setField('gsBase', i64.const(0)));
};

export const segmentHelpers = (): HelperTable => ({
  selectorFault: (cpu, selector) => cpu.raise(VECTOR.GP, selector & ~3),
});

/** Base of the segment of an implicit memory operand (strings, XLAT), i64. */
export const segmentBase = (e: Emit, i: Insn): Val =>
  e.address({
    kind: 'mem',
    slot: i.operands.length,
    width: 0,
    base: -1,
    index: -1,
    scale: 0,
    disp: 0,
    segment: i.segment,
    addressWidth: 64,
    ripRelative: false,
  });
