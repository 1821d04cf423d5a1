// Makes dist/core.wasm, the core module with the interpreter handlers of every form that the opcode table
// gives rise to, and dist/core.json, where each handler is in the code table. Forms that differ by an
// immediate only (`Row.immediateInForm`) are too many: those met at run time are built then.

import { writeFileSync } from 'node:fs';
import { instances } from '../src/ring3/decode/encode.ts';
import type { Insn } from '../src/ring3/decode/insn.ts';
import { rows } from '../src/ring3/decode/table.ts';
import { buildCoreModule } from '../src/ring3/interp/handlers.ts';
import { helpers, semantics } from '../src/ring3/semantics/index.ts';

const helperNames = Object.keys(helpers);
/** Operand values do not matter for a form, but instances of a row need some variety to be found. */
let seed = 1;
const rng = (): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 4294967296;
};
const samples: Insn[] = [];
for (const row of rows) {
  if (row.immediateInForm) continue;
  for (const { insn } of instances(row, rng, { index: 1 })) samples.push(insn);
}
const { bytes, handlers } = buildCoreModule(samples, semantics, (name) => helperNames.indexOf(name));
const out = process.argv[2] ?? 'dist';
writeFileSync(`${out}/core.wasm`, bytes);
writeFileSync(`${out}/core.json`, JSON.stringify(handlers));
console.log(`core: ${handlers.length} handlers, ${bytes.length} bytes`);
