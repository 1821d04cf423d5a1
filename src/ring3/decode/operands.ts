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

/** Operands of one instruction, at most. */
const SLOTS = 3;
const KINDS = ['reg', 'xmm', 'mm', 'st', 'sreg', 'creg', 'dreg'] as const;
/** Places of the kinds in the pool. */
export const KIND = { reg: 0, xmm: 1, mm: 2, st: 3, sreg: 4, creg: 5, dreg: 6 } as const;
const POOL_WIDTHS = [8, 16, 32, 64, 80, 128];

const register = (kind: Operand['kind'], slot: number, width: number, reg: number, high = false): Operand =>
  record(kind, slot, width, reg, high, -1, -1, 0, 0, null, 64, false, 0, 0);

/** Place of a width in the pool. */
const widthIndex = (width: number): number =>
  width === 8 ? 0 : width === 16 ? 1 : width === 32 ? 2 : width === 64 ? 3 : width === 80 ? 4 : 5;

const pool: readonly Operand[] = KINDS.flatMap((kind) =>
  Array.from({ length: SLOTS * POOL_WIDTHS.length * 16 }, (_, i) =>
    register(
      kind,
      (i / (POOL_WIDTHS.length * 16)) | 0,
      POOL_WIDTHS[(i >> 4) % POOL_WIDTHS.length] ?? 64,
      i & 15,
    ),
  ),
);
const highPool: readonly Operand[] = Array.from({ length: SLOTS * 4 }, (_, i) =>
  register('reg', i >> 2, 8, i & 3, true),
);

/** A register operand. `kind`: KIND. */
export const registerOperand = (kind: number, slot: number, width: number, reg: number): Operand =>
  pool[((kind * SLOTS + slot) * 6 + widthIndex(width)) * 16 + reg] as Operand;

/** AH, CH, DH, BH for 0..3. */
export const highOperand = (slot: number, reg: number): Operand => highPool[slot * 4 + reg] as Operand;

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
