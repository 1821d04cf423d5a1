import { expect, test } from 'vitest';
import { instances } from './encode.ts';
import { rows } from './table.ts';

const random = (seed: number) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};

test('every row has instances', () => {
  for (const row of rows) expect(instances(row, random(row.id)).length, row.text).toBeGreaterThan(0);
});

test('rows with E and W have register and memory instances', () => {
  for (const row of rows) {
    if (row.mod !== 'any' || !/ (?:[^ ]*,)?[EWQ][a-z]/.test(row.text)) continue;
    const kinds = new Set(
      instances(row, random(row.id)).map((i) => i.insn.operands.some((o) => o.kind === 'mem')),
    );
    expect(kinds.size, row.text).toBe(2);
  }
});

test('memory operands use the base register asked for, and small aligned displacements', () => {
  for (const row of rows) {
    for (const { insn } of instances(row, random(row.id), { base: 12, maxDisp: 48 })) {
      for (const o of insn.operands) {
        if (o.kind !== 'mem' || o.base < 0) continue;
        expect([o.base, o.index, o.disp % 16], row.text).toEqual([12, -1, 0]);
        expect(o.disp).toBeLessThanOrEqual(48);
      }
    }
  }
});
