// The differential test in short: every row of the opcode table on the real processor and in both tiers, and
// some random programs. fuzz.ts is the same for as long as one likes.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rows } from '../../src/ring3/decode/table.ts';
import { addressing } from './addressing.ts';
import { excludedNames, excludedPatterns, exclusion } from './differences.ts';
import { createMachine, type Machine } from './emulated.ts';
import { buildRunner } from './native.ts';
import { branching, type Program, straight, undefinedAt } from './programs.ts';
import { compareCases, compared, rowCases, withoutSemantics } from './rows.ts';
import { Rng } from './values.ts';

const runner = buildRunner();

const report = (found: readonly { row: string; text: string }[]): string =>
  found
    .slice(0, 5)
    .map((d) => `--- ${d.row}\n${d.text}`)
    .join('\n\n');

it('gives every row of the opcode table a meaning', () => {
  expect(withoutSemantics.map((r) => r.text)).toEqual([]);
});

it('leaves no row out of the comparison without a reason', () => {
  const left = rows.filter((r) => !compared.includes(r));
  expect(
    left.filter((r) => exclusion(r) === null && !withoutSemantics.includes(r)).map((r) => r.text),
  ).toEqual([]);
});

it('excludes nothing that is not in the table', () => {
  const names = new Set(rows.map((r) => r.semantics));
  expect(excludedNames.filter((n) => !names.has(n))).toEqual([]);
  expect(excludedPatterns.filter((p) => !rows.some((r) => p.test(r.text))).map(String)).toEqual([]);
});

describe.skipIf(runner === null).each(['interpreter', 'translator'] as const)('the %s', (tier) => {
  let machine: Machine;
  beforeAll(() => {
    machine = createMachine(tier);
  });
  afterAll(() => {
    if (tier === 'translator') expect(machine.regions()).toBeGreaterThan(200);
  });

  it('does with every row what the processor does', { timeout: 120_000 }, () => {
    const cases = rowCases(compared, tier === 'translator' ? 1 : 3, 1);
    const met = new Set(cases.map((c) => c.steps[0]?.insn.row));
    expect(met.size).toBe(compared.length);
    expect(report(compareCases(runner as string, machine, cases))).toBe('');
  });

  it('addresses memory as the processor does', { timeout: 120_000 }, () => {
    const rng = new Rng(3);
    const cases = Array.from({ length: tier === 'translator' ? 400 : 4000 }, (_, n) => addressing(rng, n));
    expect(report(compareCases(runner as string, machine, cases))).toBe('');
  });

  it.each([
    ['straight', straight],
    ['branching', branching],
  ] as const)('runs %s programs as the processor does', { timeout: 120_000 }, (_, make) => {
    const rng = new Rng(2);
    const made = Array.from({ length: tier === 'translator' ? 250 : 1000 }, (_, k) =>
      make(rng, 2 + rng.below(10), k),
    );
    const of = new Map<unknown, Program>(made.map((p) => [p.case, p]));
    const ignored = (c: unknown, rip: number): number => {
      const p = of.get(c);
      return p ? undefinedAt(p, rip) : 0;
    };
    const cases = made.map((p) => p.case);
    expect(report(compareCases(runner as string, machine, cases, ignored))).toBe('');
  });
});
