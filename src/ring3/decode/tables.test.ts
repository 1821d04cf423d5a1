import { expect, test } from 'vitest';
import { rows } from './table.ts';
import { compileTables, packTables, unpackTables } from './tables.ts';

test('packed tables come out as they went in', () => {
  const tables = compileTables(rows);
  expect(unpackTables(packTables(tables))).toEqual(tables);
});
