// The rows of the opcode table as arrays indexed by opcode byte, mandatory prefix, REX.W and ModRM.

import type { PrefixRule, TableRow } from './row.ts';

/** Columns of the mandatory prefix. */
export const COLUMN = { NP: 0, P66: 1, F3: 2, F2: 3 } as const;

/** Columns of `TOP` that a prefix rule allows, two bits a prefix: without and with REX.W. */
const COLUMNS: Readonly<Record<PrefixRule, number>> = {
  any: 0xff,
  NFx: 0x0f,
  NP: 0x03,
  '66': 0x0c,
  F3: 0x30,
  F2: 0xc0,
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
export const buildLookup = (rows: readonly TableRow[]): { top: Int16Array; groups: Int16Array } => {
  const top = new Int16Array(4 * 256 * 8).fill(-1);
  const groups = new Int16Array(MAX_GROUPS * GROUP);
  let count = 0;

  /** Enters a row that ModRM selects in the columns that hold `old`, of those in `mask`. */
  const regroup = (row: TableRow, base: number, old: number, mask: number): void => {
    let elsewhere = false;
    for (let c = 0; c < 8; c++) if (top[base + c] === old && (mask & (1 << c)) === 0) elsewhere = true;
    let group = -2 - old;
    if (old > -2 || elsewhere) {
      if (count === MAX_GROUPS) throw new Error('too many groups of opcodes');
      group = count++;
      if (old > -2) groups.fill(old, group * GROUP, (group + 1) * GROUP);
      else groups.copyWithin(group * GROUP, (-2 - old) * GROUP, (-1 - old) * GROUP);
    }
    fill(groups, group * GROUP, row);
    for (let c = 0; c < 8; c++)
      if (top[base + c] === old && (mask & (1 << c)) !== 0) top[base + c] = -2 - group;
  };

  const place = (row: TableRow): void => {
    const base = ((row.map << 8) | row.opcode) << 3;
    const mask = COLUMNS[row.prefix] & (row.w < 0 ? 0xff : row.w === 0 ? 0x55 : 0xaa);
    if (!selects(row)) {
      // Rows with the register in the opcode are of all columns.
      if (mask === 0xff) top.fill(row.id, base, base + (row.plus ? 64 : 8));
      else for (let c = 0; c < 8; c++) if ((mask & (1 << c)) !== 0) top[base + c] = row.id;
      return;
    }
    let left = mask;
    while (left !== 0) {
      const old = top[base + 31 - Math.clz32(left)] as number;
      let same = 0;
      for (let c = 0; c < 8; c++) if ((left & (1 << c)) !== 0 && top[base + c] === old) same |= 1 << c;
      regroup(row, base, old, mask);
      left &= ~same;
    }
  };

  const ordered = Int32Array.from(rows, (row) => exactness(row) * rows.length + row.id).sort();
  for (const key of ordered) {
    place(rows[key % rows.length] as TableRow);
  }
  return { top, groups: groups.slice(0, count * GROUP) };
};
