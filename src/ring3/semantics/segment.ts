// Segment registers as 64-bit mode leaves them: selectors that a flat process sees, and bases for FS and GS.
// Loaded selectors are not kept: reading one back gives what Linux starts a 64-bit process with.

import type { Insn, Operand } from '../decode/insn.ts';
import type { Emit } from '../emit.ts';
import { VECTOR } from '../layout.ts';
import { i32, i64, select, type Val } from '../wasm/ir.ts';

/** The selectors of a 64-bit process: user code in CS, user data in SS, null in DS, ES, FS and GS. */
export const CODE_SELECTOR = 0x33;
export const DATA_SELECTOR = 0x2b;

export const SREG = { cs: 1, ss: 2, fs: 4, gs: 5 } as const;

/** The selector in a segment register, i32. */
export const selectorOf = (e: Emit, o: Operand): Val => {
  const n = e.let(e.read(o));
  return select(
    i32.eq(n, i32.const(SREG.cs)),
    i32.const(CODE_SELECTOR),
    select(i32.eq(n, i32.const(SREG.ss)), i32.const(DATA_SELECTOR), i32.const(0)),
  );
};

/** Whether a selector names a segment of the process, with any requested privilege; v must be bound. */
export const visible = (v: Val): Val => {
  const index = i32.or(v, i32.const(3));
  return i32.or(i32.eq(index, i32.const(CODE_SELECTOR)), i32.eq(index, i32.const(DATA_SELECTOR)));
};

/**
 * Loads selector v into segment register n (bound or constant, i32). CS cannot be loaded (#UD), SS takes the data segment alone, the others that or null.
 * A load of FS or GS clears the base, as the flat descriptors have base 0 (Intel SDM volume 2, MOV).
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
  e.if(i32.eqz(fits), () => e.raise(VECTOR.GP, 0));
  e.if(i32.eq(n, i32.const(SREG.fs)), () => e.setField('fsBase', i64.const(0)));
  e.if(i32.eq(n, i32.const(SREG.gs)), () => e.setField('gsBase', i64.const(0)));
};

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
