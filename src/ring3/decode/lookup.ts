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

/** Opcodes whose meaning ModRM decides, times prefixes: room for their groups. */
const MAX_GROUPS = 512;

/** A later row overrides an earlier one where both match: the more exact comes later. */
const exactness = (row: TableRow): number =>
  (row.modrm >= 0 ? 8 : 0) + (row.ext >= 0 ? 4 : 0) + (row.prefix === 'any' ? 0 : 2) + (row.plus ? 0 : 1);

/** Does ModRM decide whether it is this row? */
const selects = (row: TableRow): boolean =>
  row.hasModrm && (row.mod === 'mem' || row.mod === 'reg' || row.ext >= 0 || row.modrm >= 0);

/** The columns of `top`, prefix * 2 + REX.W, that a row may be in. */
const columnsOf = (row: TableRow): number[] => {
  const columns: number[] = [];
  for (const prefix of COLUMNS[row.prefix]) {
    if (row.w !== 1) columns.push(prefix * 2);
    if (row.w !== 0) columns.push(prefix * 2 + 1);
  }
  return columns;
};

/** Enters a row in the group that starts at `from`. */
const fill = (groups: Int16Array, from: number, row: TableRow): void => {
  const ext = row.modrm >= 0 ? (row.modrm >> 3) & 7 : row.ext;
  const rm = row.modrm >= 0 && !row.stack ? row.modrm & 7 : -1;
  for (let half = row.mod === 'reg' ? 64 : 0; half <= (row.mod === 'mem' ? 0 : 64); half += 64) {
    for (let reg = Math.max(ext, 0); reg <= (ext >= 0 ? ext : 7); reg++) {
      for (let low = Math.max(rm, 0); low <= (rm >= 0 ? rm : 7); low++) {
        groups[from + half + reg * 8 + low] = row.id;
      }
    }
  }
};

/**
 * `top[(map << 8 | opcode) << 3 | column << 1 | REX.W]` is a row id, -1 for undefined, or -2 - g for group g
 * of `groups`, whose 128 entries are row ids or -1.
 */
const build = (): { top: Int16Array; groups: Int16Array } => {
  const top = new Int16Array(4 * 256 * 8).fill(-1);
  const groups = new Int16Array(MAX_GROUPS * GROUP);
  let count = 0;

  /** The group that the row is entered in, in place of what `columns` held. */
  const regroup = (row: TableRow, base: number, old: number, columns: readonly number[]): number => {
    let elsewhere = false;
    for (let c = 0; c < 8; c++) if (top[base + c] === old && !columns.includes(c)) elsewhere = true;
    let group = -2 - old;
    if (old > -2 || elsewhere) {
      if (count === MAX_GROUPS) throw new Error('too many groups of opcodes');
      group = count++;
      if (old > -2) groups.fill(old, group * GROUP, (group + 1) * GROUP);
      else groups.copyWithin(group * GROUP, (-2 - old) * GROUP, (-1 - old) * GROUP);
    }
    fill(groups, group * GROUP, row);
    return -2 - group;
  };

  const place = (row: TableRow, opcode: number): void => {
    const base = ((row.map << 8) | opcode) << 3;
    const columns = columnsOf(row);
    const done: number[] = [];
    for (const column of columns) {
      const old = top[base + column] as number;
      if (!selects(row)) top[base + column] = row.id;
      else if (!done.includes(old)) {
        const now = regroup(row, base, old, columns);
        for (const c of columns) if (top[base + c] === old) top[base + c] = now;
        done.push(now);
      }
    }
  };

  const ordered = rows.map((row) => exactness(row) * rows.length + row.id).sort((a, b) => a - b);
  for (const key of ordered) {
    const row = rows[key % rows.length] as TableRow;
    for (let r = 0; r < (row.plus ? 8 : 1); r++) place(row, row.opcode + r);
  }
  return { top, groups: groups.slice(0, count * GROUP) };
};

export const { top: TOP, groups: GROUPS } = build();
