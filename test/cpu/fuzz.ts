// A long differential run: node --import tsx test/cpu/fuzz.ts [seed] [cases] [pattern] [tier]
// `pattern` picks rows by a regular expression on their text; the tier is interpreter or translator.
// Prints a reproducer for every row that disagrees: what differs, bytes, disassembly and the state before.

import { createMachine } from './emulated.ts';
import { buildRunner } from './native.ts';
import { compareCases, compared, rowCases } from './rows.ts';

const [seed = '1', count = '20000', pattern = '.', tier = 'interpreter'] = process.argv.slice(2);
const runner = buildRunner();
if (!runner) throw new Error('needs x86-64 Linux and gcc');
const chosen = compared.filter((r) => new RegExp(pattern, 'i').test(r.text));
const machine = createMachine(tier === 'translator' ? 'translator' : 'interpreter');
const perRound = rowCases(chosen, 1, 1).length;
const shown = new Map<string, number>();
let done = 0;
for (let round = 0; done < Number(count); round++) {
  const rounds = Math.max(1, Math.min(20, Math.floor(16000 / perRound)));
  const cases = rowCases(chosen, rounds, Number(seed) + round);
  for (const d of compareCases(runner, machine, cases)) {
    const n = (shown.get(d.row) ?? 0) + 1;
    shown.set(d.row, n);
    if (n <= 1) console.log(`--- ${d.row}\n${d.text}\n`);
  }
  done += cases.length;
}
for (const i of new Set(machine.missing.map((m) => m.row.text))) console.log(`without semantics: ${i}`);
console.log(`${done} cases, ${shown.size} rows of ${chosen.length} disagree`);
for (const [row, n] of shown) console.log(`${n}\t${row}`);
