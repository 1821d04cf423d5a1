// The opcode map as one list of rows, and the names of meanings that the semantics tables have to cover.

import { readRows, type TableRow } from './row.ts';
import { twoByte } from './table-0f.ts';
import { oneByte } from './table-one-byte.ts';
import { sse } from './table-sse.ts';
import { x87 } from './table-x87.ts';

export type { TableRow } from './row.ts';

const table = readRows([...oneByte, ...twoByte, ...sse, ...x87]);

/** Number of rows. */
export const rowCount: number = table.count;
/** The row with an id. */
export const rowAt = (id: number): TableRow => table.at(id);

/** All rows, read now. */
export const everyRow = (): TableRow[] => Array.from({ length: rowCount }, (_, id) => rowAt(id));
/** Every instruction of 64-bit user mode that this processor knows; `rows[i].id === i`. */
export const rows: readonly TableRow[] = /* @__PURE__ */ everyRow();

/** Distinct `Row.semantics`, with the operand patterns they occur with (as the rows write them). */
export const semanticsNames = (): ReadonlyMap<string, readonly string[]> => {
  const names = new Map<string, string[]>();
  for (const row of rows) {
    const pattern = row.repeats === 'no' ? row.operands.map((o) => o.text).join(',') : '(string)';
    const patterns = names.get(row.semantics) ?? [];
    if (!patterns.includes(pattern)) patterns.push(pattern);
    names.set(row.semantics, patterns);
  }
  return names;
};
