// A long differential run: node --import { createMachine, type Machine } from './emulated.ts';
import { createMachine, type Machine } from './emulated.ts';
import { buildRunner } from './native.ts';
import { branching, type Program, straight, undefinedAt } from './programs.ts';
import { compareCases, compared, rowCases } from './rows.ts';
import { Rng } from './values.ts';

const [seed = '1', count = '20000', pattern = '.', tier = 'interpreter'] = process.argv.slice(2);
const built = buildRunner();
if (!built) throw new Error('needs x86-64 Linux on a recent Intel processor, and gcc');
const runner: string = built;
const newMachine = (): Machine => createMachine(tier === 'translator' ? 'translator' : 'interpreter');
/** Modules of regions add up: a fresh machine now and then lets go of them. */
let machine = newMachine();

const programs = (make: (rng: Rng, n: number, at: number) => Program): void => {
  let wrong = 0;
  for (let from = 0; from < Number(count); from += 4000) {
    if (from > 0 && tier === 'translator') machine = newMachine();
    const rng = new Rng(Number(seed) + from);
    const made = Array.from({ length: 4000 }, (_, k) => make(rng, 2 + rng.below(from === 0 ? 4 : 12), k));
    const of = new Map(made.map((p) => [p.case, p]));
    const found = compareCases(
      runner,
      machine,
      made.map((p) => p.case),
      (c, rip) => {
        const p = of.get(c);
        return p ? undefinedAt(p, rip) : 0;
      },
    );
    wrong += found.length;
    found.sort((a, b) => a.text.length - b.text.length);
    for (const d of found.slice(0, 4)) console.log(`--- ${d.row}\n${d.text}\n`);
    if (wrong > 12) break;
  }
  console.log(`${wrong} programs disagree`);
};

const rowByRow = (): void => {
  const chosen = compared.filter((r) => new RegExp(pattern, 'i').test(r.text));
  const perRound = rowCases(chosen, 1, 1).length;
  const shown = new Map<string, number>();
  let done = 0;
  for (let round = 0; done < Number(count); round++) {
    const rounds = Math.max(1, Math.min(20, Math.floor((tier === 'translator' ? 4000 : 16000) / perRound)));
    if (round > 0 && tier === 'translator') machine = newMachine();
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
};

if (pattern === 'straight') programs(straight);
else if (pattern === 'branching') programs(branching);
else rowByRow();
