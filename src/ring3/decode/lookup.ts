// The rows of the opcode table as arrays indexed by opcode byte, mandatory prefix, REX.W and ModRM.

import type { PrefixRule, TableRow } from './row.ts';
import { rows } from './table.ts';

/** Columns of the mandatory prefix. */
export const COLUMN = { NP: 0, P66: 1, F3: 2, F2: 3 } as const;

const COLUMNS: Readonly<Record<PrefixRule, readonly number[]>> = {
  any: [COLUMN.NP, COLUMN.P66, COLUMN.F3, COLUMN.F2],
  NFx: [COLUMN.NP, COLUMN.P66],
  NP: [COLUMN.NP],
  '66': [COLUMN.P66],
  F3: [COLUMN.F3],
  F2: [COLUMN.F2],
};

/** Entries of a group: ModRM.reg and rm as they are, plus 64 when mod is 3. */
export const GROUP = 128;

/** A later row overrides an earlier one where both match: the more exact comes later. */
const exactness = (row: TableRow): number =>
  (row.modrm >= 0 ? 8 : 0) + (row.ext >= 0 ? 4 : 0) + (row.prefix === 'any' ? 0 : 2) + (row.plus ? 0 : 1);

/** Does the row match this entry of a group? */
const matches = (row: TableRow, entry: number): boolean => {
  const register = entry >= 64;
  if (row.mod === 'mem' && register) return false;
  if (row.mod === 'reg' && !register) return false;
  if (row.ext >= 0 && ((entry >> 3) & 7) !== row.ext) return false;
  if (row.modrm < 0) return true;
  const anyRm = row.text.includes('+i ');
  return anyRm ? (entry & 0x38) === (row.modrm & 0x38) : (entry & 0x3f) === (row.modrm & 0x3f);
};

const selects = (row: TableRow): boolean =>
  row.hasModrm && (row.mod === 'mem' || row.mod === 'reg' || row.ext >= 0 || row.modrm >= 0);

/**
 * `top[(map << 8 | opcode) << 3 | column << 1 | REX.W]` is a row id, -1 for undefined, or -2 - g for group g
 * of `groups`, whose 128 entries are row ids or -1.
 */
const build = (): { top: Int16Array; groups: Int16Array } => {
  const top = new Int16Array(4 * 256 * 8).fill(-1);
  const groups: Int16Array[] = [];

  const place = (row: TableRow, opcode: number): void => {
    const base = ((row.map << 8) | opcode) << 3;
    const mine = COLUMNS[row.prefix].flatMap((c) =>
      row.w < 0 ? [base + c * 2, base + c * 2 + 1] : [base + c * 2 + row.w],
    );
    if (!selects(row)) {
      for (const at of mine) top[at] = row.id;
      return;
    }
    for (const old of new Set(mine.map((at) => top[at] ?? -1))) {
      const columns = mine.filter((at) => top[at] === old);
      const shared =
        old <= -2 && top.subarray(base, base + 8).filter((v) => v === old).length > columns.length;
      const index = old <= -2 && !shared ? -2 - old : groups.length;
      const group = old > -2 ? new Int16Array(GROUP).fill(old) : (groups[-2 - old] ?? new Int16Array(GROUP));
      const mutable = shared ? group.slice() : group;
      groups[index] = mutable;
      for (let entry = 0; entry < GROUP; entry++) if (matches(row, entry)) mutable[entry] = row.id;
      for (const at of columns) top[at] = -2 - index;
    }
  };

  const ordered = [...rows].sort((a, b) => exactness(a) - exactness(b) || a.id - b.id);
  for (const row of ordered) {
    for (let r = 0; r < (row.plus ? 8 : 1); r++) place(row, row.opcode + r);
  }
  const flat = new Int16Array(groups.length * GROUP);
  groups.forEach((group, i) => {
    flat.set(group, i * GROUP);
  });
  return { top, groups: flat };
};

export const { top: TOP, groups: GROUPS } = build();
