// Which handler does which instruction: the map from forms to places in the code table. The core module carries the
// handlers of a given list of forms; a form met later is built on demand in a small module of its own, from the same
// semantics (handler-module.ts).

import { type CoreExports, importsOf } from '../core/core-signatures.ts';
import { tables as decoderTables } from '../decode/decoder.ts';
import type { Insn } from '../decode/insn.ts';
import { ROW_FLAG } from '../decode/tables.ts';
import type { SemanticsTable } from '../emit.ts';
import { FIRST_HANDLER, PAGE, PSEUDO } from '../layout.ts';
import type { PhysicalMemory } from '../mmu/frames.ts';
import { buildHandlers } from './handler-module.ts';
import {
  HANDLERS_AT,
  PREDECODER_BYTES,
  type Predecode,
  predecoded,
  writePredecoderTables,
} from './predecoder-tables.ts';

export interface Handlers {
  /** Table index of the handler of an instruction; PSEUDO.undefined when its meaning is missing. */
  readonly index: (insn: Insn) => number;
  /** Table index of the handler that does an instruction by itself, built when it is first asked for; see careful-emit.ts. */
  readonly careful: (insn: Insn) => number;
  /** Builds the handlers of those instructions that have none yet, in one module. */
  readonly ensure: (insns: readonly Insn[]) => void;
  /**
   * Reads up to `most` instructions at physical address `code`, guest address `ip`, into ops from `op` on, as far as
   * they have handlers. Returns a RESULT of predecoder.ts.
   */
  readonly predecode: (code: number, ip: number, op: number, most: number) => number;
  /** Physical address of the predecoder's tables. */
  readonly tables: number;
  /** A free place in the code table. */
  readonly slot: () => number;
  /** Gives such a place back. */
  readonly free: (place: number) => void;
}

/** Keeps the map from forms to table places and builds what is missing. */
export const createHandlers = (
  table: WebAssembly.Table,
  mem: PhysicalMemory,
  core: CoreExports,
  prebuilt: ArrayLike<number>,
  semantics: () => SemanticsTable,
  helperNumber: (name: string) => number,
): Handlers => {
  const { u8, u16, memory } = mem;
  const tables = mem.allocContiguous(Math.ceil(PREDECODER_BYTES / PAGE));
  if (tables === 0) throw new RangeError('memoryBytes is too small for the tables of the predecoder');
  writePredecoderTables(u8, tables);
  /** Places of the forms that the predecoder looks up; 0 for none. */
  const inTable = (tables + HANDLERS_AT) >>> 1;
  /** Those of other forms, and the few beyond 16 bits. */
  const others = new Map<number, number>();
  const placeOf = (form: number): number => {
    const n = predecoded(u8, tables, form);
    return (n < 0 ? 0 : (u16[inTable + n] as number)) || (others.get(form) ?? 0);
  };
  const setPlace = (form: number, place: number): void => {
    const n = predecoded(u8, tables, form);
    if (n >= 0 && place < 65536) u16[inTable + n] = place;
    else others.set(form, place);
  };
  let used = FIRST_HANDLER;
  // Thousands at every start: what `setPlace` does for most of them, without calls.
  const { rowFlags } = decoderTables;
  for (let i = 0; i < prebuilt.length; i++) {
    const form = prebuilt[i] as number;
    const plain = ((rowFlags[(form >>> 6) & 0x7ff] as number) & ROW_FLAG.imm) === 0;
    if (plain && used < 65536) u16[inTable + form] = used;
    else setPlace(form, used);
    used++;
  }
  const unused: number[] = [];
  const slot = (): number => {
    const place = unused.pop();
    if (place !== undefined) return place;
    if (used >= table.length) table.grow(Math.max(1024, table.length >> 1));
    return used++;
  };
  const imports = importsOf(core, memory);
  /** Builds handlers in one module and enters them in a map; those without semantics go to PSEUDO.undefined. */
  const build = (
    insns: Iterable<Insn>,
    enter: (form: number, place: number) => void,
    alone: boolean,
  ): void => {
    const { bytes, forms, missing } = buildHandlers(insns, semantics(), helperNumber, alone);
    for (const form of missing) enter(form, PSEUDO.undefined);
    if (!bytes) return;
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource), { k: imports });
    forms.forEach((form, i) => {
      const place = slot();
      table.set(place, instance.exports[`${i}`]);
      enter(form, place);
    });
  };
  /** Places of handlers that do an instruction by itself, by form. */
  const careful = new Map<number, number>();
  const { predecode } = core as unknown as { readonly predecode: Predecode };
  return {
    index: (insn) => placeOf(insn.form) || PSEUDO.undefined,
    tables,
    predecode: (code, ip, op, most) => predecode(code, ip, op, most, tables),
    slot,
    free(place) {
      table.set(place, null);
      unused.push(place);
    },
    careful(insn) {
      const known = careful.get(insn.form);
      if (known !== undefined) return known;
      build([insn], (form, place) => careful.set(form, place), true);
      return careful.get(insn.form) ?? PSEUDO.undefined;
    },
    ensure(insns) {
      const missing = new Map<number, Insn>();
      for (const i of insns) if (placeOf(i.form) === 0) missing.set(i.form, i);
      if (missing.size > 0) build(missing.values(), setPlace, false);
    },
  };
};
