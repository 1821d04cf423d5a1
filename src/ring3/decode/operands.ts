// Operand records. All kinds share one hidden class, so that code which switches on `kind` stays monomorphic;
// register operands are made once and shared.

import type { Operand, Segment, Width } from './insn.ts';

const record = (
  kind: Operand['kind'],
  slot: number,
  width: number,
  reg: number,
  high: boolean,
  base: number,
  index: number,
  scale: number,
  disp: number,
  segment: Segment,
  addressWidth: number,
  ripRelative: boolean,
  value: number | bigint,
  target: number,
): Operand =>
  ({
    kind,
    slot,
    width,
    reg,
    high,
    base,
    index,
    scale,
    disp,
    segment,
    addressWidth,
    ripRelative,
    value,
    target,
  }) as Operand;

// The fields that may hold more than small integers do so from the start: a shape that changed later would
// throw away the code optimised for it.
const WIDE = 0x7fff_ffff_ffff;
record('imm', 0, 64, -1, false, -1, -1, 0, WIDE, null, 64, false, 1n, WIDE);

const KINDS = ['reg', 'xmm', 'mm', 'st', 'sreg', 'creg', 'dreg'] as const;
/** Places of the kinds in the pool. */
export const KIND = { reg: 0, xmm: 1, mm: 2, st: 3, sreg: 4, creg: 5, dreg: 6 } as const;

const register = (kind: Operand['kind'], slot: number, width: number, reg: number, high: boolean): Operand =>
  record(kind, slot, width, reg, high, -1, -1, 0, 0, null, 64, false, 0, 0);

/** Operands of one instruction, at most. */
const SLOTS = 3;
/** Places of widths in the pool, by width >> 3; the high-byte registers have one of their own. */
const widthPlace = Uint8Array.of(0, 0, 1, 0, 2, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0, 0, 5);
const HIGH = 6;
const PLACES = 7;

/** Register operands by kind, slot, place of the width and number, made when first needed. */
const pool: (Operand | undefined)[] = Array(KINDS.length * SLOTS * PLACES * 16);

/** A register operand. `kind`: KIND. */
export const registerOperand = (kind: number, slot: number, width: number, reg: number): Operand => {
  const at = ((kind * SLOTS + slot) * PLACES + (widthPlace[width >> 3] as number)) * 16 + reg;
  let operand = pool[at];
  if (operand === undefined) {
    operand = register(KINDS[kind] ?? 'reg', slot, width, reg, false);
    pool[at] = operand;
  }
  return operand;
};

/** AH, CH, DH, BH for 0..3. */
export const highOperand = (slot: number, reg: number): Operand => {
  const at = (slot * PLACES + HIGH) * 16 + reg;
  let operand = pool[at];
  if (operand === undefined) {
    operand = register('reg', slot, 8, reg, true);
    pool[at] = operand;
  }
  return operand;
};

export const memOperand = (
  slot: number,
  width: number,
  base: number,
  index: number,
  scale: number,
  disp: number,
  segment: Segment,
  addressWidth: number,
  ripRelative: boolean,
): Operand =>
  record('mem', slot, width, -1, false, base, index, scale, disp, segment, addressWidth, ripRelative, 0, 0);

export const immOperand = (slot: number, width: Width, value: number | bigint): Operand =>
  record('imm', slot, width, -1, false, -1, -1, 0, 0, null, 64, false, value, 0);

export const relOperand = (slot: number, target: number): Operand =>
  record('rel', slot, 64, -1, false, -1, -1, 0, 0, null, 64, false, 0, target);
