// Makes dist/core.wasm, the core module with the interpreter handlers of every form that the opcode table
// gives rise to; their keys are in its custom section `keys`, 32 bits each. Where the immediate picks the
// operation (`Row.immediateInForm`) each value that differs has a handler of its own; of the instructions that
// differ in all 256 only the register forms are made ahead, the others when they are met.

import { writeFileSync } from 'node:fs';
import { packCore } from '../src/ring3/core/core-image.ts';
import { instances } from '../src/ring3/decode/encode.ts';
import type { Insn } from '../src/ring3/decode/insn.ts';
import { rows } from '../src/ring3/decode/table.ts';
import { numberHelpers } from '../src/ring3/helpers.ts';
import { buildCoreModule } from '../src/ring3/interp/handler-module.ts';
import { helpers, semantics } from '../src/ring3/semantics/index.ts';

/** Operand values do not matter for a form, but instances of a row need some variety to be found. */
let seed = 1;
const rng = (): number => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
/** Values of the immediate that are worth a handler: by meaning, or 256. */
const IMMEDIATES: Readonly<Record<string, number>> = {
  pslldq: 17,
  psrldq: 17,
  palignr: 33,
  shufpd: 4,
  blendps: 16,
  blendpd: 4,
  pclmulqdq: 18,
  mpsadbw: 8,
  cmpps: 8,
  cmppd: 8,
  cmpss: 8,
  cmpsd: 8,
  roundps: 16,
  roundpd: 16,
  roundss: 16,
  roundsd: 16,
  pinsrb: 16,
  pinsrw: 8,
  pinsrd: 4,
  pinsrq: 2,
  pextrb: 16,
  pextrw: 8,
  pextrd: 4,
  pextrq: 2,
  extractps: 4,
};
/** Few programs use these: all their forms are made when they are met. */
const RARE = new Set([
  'dpps',
  'dppd',
  'insertps',
  'aeskeygenassist',
  'pcmpestri',
  'pcmpestrm',
  'pcmpistri',
  'pcmpistrm',
]);

const withImmediate = (insn: Insn, value: number): Insn => ({
  ...insn,
  row: insn.row,
  operands: insn.operands.map((o) => (o.kind === 'imm' ? { ...o, value } : o)),
  form: (insn.form & 0x1ffff) | (value << 17),
});

const samples: Insn[] = [];
for (const row of rows) {
  if (row.immediateInForm && RARE.has(row.semantics)) continue;
  for (const { insn } of instances(row, rng, { index: 1 })) {
    if (!row.immediateInForm) samples.push(insn);
    else {
      const limit = IMMEDIATES[row.semantics] ?? 256;
      if (limit === 256 && insn.operands.some((o) => o.kind === 'mem' || o.kind === 'mm')) continue;
      for (let i = 0; i < limit; i++) samples.push(withImmediate(insn, i));
    }
  }
}
const { bytes, keys } = buildCoreModule(samples, semantics(), numberHelpers(helpers).number);

writeFileSync(`${process.argv[2] ?? 'dist'}/core.wasm`, packCore(bytes, keys));
console.log(`core: ${keys.length} handlers, ${bytes.length} bytes`);
