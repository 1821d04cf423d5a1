// What the predecoder reads in the machine's memory, and how it answers.

import { formWidth, packedTables, prefixClass, sizes, tables, widths } from '../decode/decoder.ts';
import { PLAIN_FORMS } from '../decode/form.ts';
import { ROW_FLAG as F, packedPlaces } from '../decode/tables.ts';

/** Where the predecoder's tables are, from their start: those of decode/, small ones, and handlers by form. */
export const packed = packedPlaces(tables.rowFlags.length, tables.groups.length);
export const PREFIXES = packed.end;
export const SIZES = PREFIXES + prefixClass.length;
export const WIDTHS = SIZES + sizes.length;
export const FORM_WIDTHS = WIDTHS + widths.length;
/** u8 by row: the number of those whose immediate is part of the form. */
export const WITH_IMMEDIATE = FORM_WIDTHS + widths.length;
/** u16 by `predecoded` form: the table index of its handler; below `firstHandler` there is none. */
export const HANDLERS_AT = (WITH_IMMEDIATE + tables.rowFlags.length + 1) & ~1;
/** Of such a row, by width, memory and immediate. */
export const FORMS_WITH_IMMEDIATE = 4 * 2 * 256;

const withImmediate = tables.rowFlags.reduce((n, flags) => n + (flags & F.imm ? 1 : 0), 0);
/** Forms that the predecoder knows handlers of. */
export const PREDECODED_FORMS = PLAIN_FORMS + withImmediate * FORMS_WITH_IMMEDIATE;
/** Bytes of the predecoder's tables, which start at a multiple of 4. */
export const PREDECODER_BYTES = HANDLERS_AT + PREDECODED_FORMS * 2;

/** Lays the tables out; the handlers are the caller's to enter. */
export const writePredecoderTables = (u8: Uint8Array, at: number): void => {
  u8.set(packedTables, at);
  u8.set(prefixClass, at + PREFIXES);
  u8.set(sizes, at + SIZES);
  u8.set(widths, at + WIDTHS);
  let n = 0;
  tables.rowFlags.forEach((flags, row) => {
    if (flags & F.imm) u8[at + WITH_IMMEDIATE + row] = n++;
  });
  widths.forEach((w, i) => {
    u8[at + FORM_WIDTHS + i] = formWidth[w >> 3] ?? 0;
  });
};

/** The place of a form in the predecoder's table of handlers, which is at `at`; -1 when it is in none. */
export const predecoded = (u8: Uint8Array, at: number, form: number): number => {
  const row = (form >>> 6) & 0x7ff;
  if (((tables.rowFlags[row] as number) & F.imm) === 0) return form;
  // With another size of addresses than the usual one.
  if (form & 1) return -1;
  const n = u8[at + WITH_IMMEDIATE + row] as number;
  return PLAIN_FORMS + n * FORMS_WITH_IMMEDIATE + ((((form >>> 3) & 7) << 8) | (form >>> 17));
};

/** The most bytes that are looked at to read one instruction: in the last page of the memory, what is closer to its end is not read. */
export const READ_AHEAD = 32;

/** What `predecode` returns: how many instructions, how many bytes, and why no more. */
export const RESULT = {
  insns: 0xff,
  /** FLOW of the last one; `stop` when the next instruction is left to others. */
  flowShift: 8,
  flow: 0xff,
  stop: 0xff,
  bytesShift: 16,
} as const;

/**
 * predecode(code, ip, op, most, tables): reads up to `most` instructions at physical address `code`, which is guest
 * address `ip`, up to the first that may go elsewhere, and writes their ops from `op` on. Returns a RESULT.
 */
export const PREDECODE = [['i32', 'f64', 'i32', 'i32', 'i32'], ['i32']] as const;
export type Predecode = (code: number, ip: number, op: number, most: number, tables: number) => number;
