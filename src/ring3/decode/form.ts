// The number by which instructions share a handler.
//
//   bits 17..24  the imm8, where the row is `immediateInForm`; else 0
//   bits 6..16   row id
//   bits 4..5    width: 8, 16, 32, 64 bits as 0..3
//   bit 3        ModRM addresses memory (or the row does, as MOV AL,Ob)
//   bits 1..2    REP as it counts: none, rep, repne as 0..2
//   bit 0        32-bit addressing, where the instruction addresses memory or counts in rCX
//
// Not in it: LOCK, because one thread runs at a time and a locked instruction does nothing else than an
// unlocked one; register numbers (AH..BH included), segments, displacements and immediates, which are data.

import { tables } from './decoder.ts';
import type { Rep, Row, Width } from './insn.ts';
import { rowAt } from './table.ts';

const rowCount = tables.rowFlags.length;
const WIDTHS: readonly Width[] = [8, 16, 32, 64];
const REPS: readonly Rep[] = ['none', 'rep', 'repne'];

/** Forms below this are those without an imm8 in them: a dense table of this size is affordable. */
export const PLAIN_FORMS = rowCount << 6;

export interface FormParts {
  readonly row: Row;
  readonly width: Width;
  readonly memory: boolean;
  readonly rep: Rep;
  readonly addressWidth: 32 | 64;
  readonly imm: number;
}

/** What a form says, or null when no row has its number. */
export const formParts = (form: number): FormParts | null => {
  const id = (form >> 6) & 0x7ff;
  if (id >= rowCount) return null;
  return {
    row: rowAt(id),
    width: WIDTHS[(form >> 4) & 3] ?? 32,
    memory: (form & 8) !== 0,
    rep: REPS[(form >> 1) & 3] ?? 'none',
    addressWidth: form & 1 ? 32 : 64,
    imm: form >>> 17,
  };
};
