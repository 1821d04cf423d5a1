// Runs the rows of the opcode table on the processor and in a tier, and says where they disagree.

import { rows } from '../../src/ring3/decode/table.ts';
import { semantics } from '../../src/ring3/semantics/index.ts';
import { describe, differences } from './compare.ts';
import { exclusion } from './differences.ts';
import type { Machine } from './emulated.ts';
import { type Case, single, variants } from './generate.ts';
import { runNative } from './native.ts';
import { SLOTS } from './records.ts';
import { Rng } from './values.ts';

/** Something that a native run and ours disagree about. */
export interface Disagreement {
  readonly row: string;
  readonly text: string;
}

/** Rows that are compared: with semantics, and not excluded. */
export const compared = rows.filter((r) => exclusion(r) === null && r.semantics in semantics());
/** Rows that nobody gave a meaning. */
export const withoutSemantics = rows.filter((r) => !(r.semantics in semantics()));

/** Cases of one instruction: `rounds` times every form of each row. */
export const rowCases = (chosen: readonly (typeof rows)[number][], rounds: number, seed: number): Case[] => {
  const rng = new Rng(seed);
  const cases: Case[] = [];
  for (const row of chosen) {
    for (let k = 0; k < rounds; k++) {
      for (const bytes of variants(row, rng)) cases.push(single(bytes, rng, cases.length));
    }
  }
  return cases;
};

const nameOf = (c: Case): string =>
  c.steps.length === 1 ? (c.steps[0]?.insn.row.text ?? '') : `program of ${c.steps.length}`;

/** Runs cases on both sides and gives the disagreements. */
export const compareCases = (
  runner: string,
  machine: Machine,
  cases: readonly Case[],
  ignored?: (c: Case, rip: number) => number,
): Disagreement[] => {
  const found: Disagreement[] = [];
  for (let from = 0; from < cases.length; from += SLOTS) {
    const batch = cases.slice(from, from + SLOTS);
    const native = runNative(runner, batch);
    const ours = machine.run(batch);
    batch.forEach((c, n) => {
      const a = native[n];
      const b = ours[n];
      if (!a || !b) throw new Error('no outcome');
      // A long loop that only the processor got through in its time says nothing.
      if (c.steps.length > 1 && b.vector === -1 && b.thrown === null) return;
      const list = differences(c, a, b, ignored?.(c, a.rip));
      if (list.length > 0) found.push({ row: nameOf(c), text: `${list.join('\n')}\n${describe(c)}` });
    });
  }
  return found;
};
