// Every declared system call: the files of this folder, one per family, export their rows; they are collected
// here, and the gate puts them at their numbers.

import type { Row } from '../../gate/row.ts';

const families: readonly Readonly<Record<string, unknown>>[] = [];

const isRow = (v: unknown): v is Row =>
  typeof v === 'object' && v !== null && 'handler' in v && 'params' in v && 'meta' in v;

export const ROWS: readonly Row[] = families.flatMap((family) =>
  Object.values(family).flatMap((v) => (Array.isArray(v) ? v.filter(isRow) : isRow(v) ? [v] : [])),
);
