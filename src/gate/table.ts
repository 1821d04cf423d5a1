// The system call table: an array indexed by number, complete for its architecture, sealed at boot. A number
// that nobody has declared a handler for still has a row, which says why it is absent.

import { ENOSYS } from '../abi/errno.ts';
import { ARCHITECTURES, type ArchName } from '../abi/numbers/index.ts';
import { ABSENT } from './absent.ts';
import { sha256 } from './digest.ts';
import type { Row } from './row.ts';

export interface Table {
  readonly arch: ArchName;
  /** By number; holes are numbers that the architecture never gave out. */
  readonly rows: readonly (Row | undefined)[];
  /**
   * SHA-256 over numbers, rows and the source text of the handlers. It is taken when it is first asked for: what it
   * covers is frozen, and taking it costs more than the rest of the boot of the gate.
   */
  readonly digest: string;
  /** True while the table is the one that was sealed: every row and its parts the same, frozen objects. */
  attest(): boolean;
}

/** A row for a call that no handler serves. It answers what a kernel built without the call answers. */
const absentRow = (name: string): Row => {
  const { errno, reason, family } = ABSENT.get(name) ?? {
    errno: ENOSYS,
    reason: 'not in yet',
    family: 'system',
  };
  return {
    name,
    params: [],
    meta: { returns: 'int', family, support: 'absent', note: reason },
    handler: (task) => {
      task.kernel.missing.set(name, (task.kernel.missing.get(name) ?? 0) + 1);
      return -errno;
    },
  };
};

const digestOf = (rows: readonly (Row | undefined)[]): string => {
  const lines = rows.map((row, number) => {
    if (row === undefined) return '';
    const params = row.params.map((p) => `${p.direction} ${p.type} ${p.name}: ${p.decode}`);
    return `${number} ${row.name}(${params}) ${JSON.stringify(row.meta)} ${row.handler}`;
  });
  return sha256(new TextEncoder().encode(lines.join('\n')));
};

/** Freezes what a row consists of; its handler is a closure, which nothing can rewrite. */
const freeze = (row: Row): Row => {
  for (const param of row.params) Object.freeze(param);
  Object.freeze(row.params);
  Object.freeze(row.meta);
  return Object.freeze(row);
};

/** What a row consists of, held apart from it. */
const copyOf = (row: Row) => ({ row, handler: row.handler, params: [...row.params], meta: row.meta });
const isSame = (row: Row | undefined, copy: ReturnType<typeof copyOf> | undefined): boolean =>
  row === undefined || copy === undefined
    ? row === copy
    : row === copy.row &&
      Object.isFrozen(row) &&
      row.handler === copy.handler &&
      row.meta === copy.meta &&
      Object.isFrozen(row.meta) &&
      row.params.length === copy.params.length &&
      row.params.every((p, i) => p === copy.params[i] && Object.isFrozen(p));

/**
 * Builds and seals the table of an architecture from the declared rows. Rows whose name the architecture does
 * not have are left out (open on aarch64); two rows of one name are a mistake.
 *
 * @example sealTable('x86_64', rows).rows[1]?.name // 'write'
 */
export const sealTable = (arch: ArchName, declared: readonly Row[]): Table => {
  const byName = new Map<string, Row>();
  for (const row of declared) {
    if (byName.has(row.name)) throw new Error(`system call ${row.name} is declared twice`);
    byName.set(row.name, row);
  }
  const rows: (Row | undefined)[] = [];
  for (const [number, name] of ARCHITECTURES[arch].numbers()) {
    while (rows.length < number) rows.push(undefined);
    rows[number] = freeze(byName.get(name) ?? absentRow(name));
  }
  Object.freeze(rows);
  const sealed = rows.map((row) => row && copyOf(row));
  let digest: string | null = null;
  return Object.freeze({
    arch,
    rows,
    get digest() {
      digest ??= digestOf(rows);
      return digest;
    },
    attest: () =>
      Object.isFrozen(rows) &&
      rows.length === sealed.length &&
      rows.every((row, number) => isSame(row, sealed[number])) &&
      (digest === null || digestOf(rows) === digest),
  });
};
