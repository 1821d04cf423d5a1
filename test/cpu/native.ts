// The real processor as a function from cases to outcomes: compiles runner.c once and hands it batches.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  baseline,
  DATA_BYTES,
  type Outcome,
  RESULT_BYTES,
  readResult,
  SLOTS,
  type State,
  TEST_BYTES,
  writeTest,
} from './records.ts';

const source = fileURLToPath(new URL('./runner.c', import.meta.url));

const FLAGS = [
  ...[
    '-O1',
    '-static-pie',
    '-fPIE',
    '-fno-stack-protector',
    '-fcf-protection=none',
    '-mgeneral-regs-only',
    '-Wall',
  ],
  ...[`-DTEST_BYTES=${TEST_BYTES}`, `-DRESULT_BYTES=${RESULT_BYTES}`],
];

/** What the rows of the opcode table need of the processor, as /proc/cpuinfo says it. */
const NEEDED =
  'sse4_2 popcnt movbe aes pclmulqdq cx16 lahf_lm adx fsgsbase clflushopt rdtscp xsave umip'.split(' ');

/** Kanmon follows Intel where the manual leaves a choice (orders of faults, flags left alone): others differ. */
const suits = (): boolean => {
  if (process.arch !== 'x64' || process.platform !== 'linux') return false;
  const info = readFileSync('/proc/cpuinfo', 'latin1');
  const flags = new Set(/^flags\s*:(.*)$/m.exec(info)?.[1]?.trim().split(/\s+/));
  return info.includes('GenuineIntel') && NEEDED.every((f) => flags.has(f));
};

/** Path of the compiled runner; null where there is no x86-64 Linux on an Intel processor with a C compiler. */
export const buildRunner = (): string | null => {
  if (!suits()) return null;
  const key = createHash('sha256')
    .update(readFileSync(source))
    .update(FLAGS.join())
    .digest('hex')
    .slice(0, 16);
  const path = join(tmpdir(), `kanmon-cpu-runner-${key}`);
  if (existsSync(path)) return path;
  const draft = `${path}.${process.pid}`;
  try {
    execFileSync('gcc', [...FLAGS, '-o', draft, source], { stdio: ['ignore', 'inherit', 'inherit'] });
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw e;
  }
  renameSync(draft, path);
  return path;
};

/** Runs cases on the processor, in order. Case n lies in slot n; at most SLOTS. */
export const runNative = (
  runner: string,
  cases: readonly { readonly code: Uint8Array; readonly state: State }[],
): Outcome[] => {
  if (cases.length > SLOTS) throw new Error('more cases than slots');
  const folder = mkdtempSync(join(tmpdir(), 'kanmon-cpu-'));
  try {
    const input = new Uint8Array(DATA_BYTES + cases.length * TEST_BYTES);
    input.set(baseline);
    const view = new DataView(input.buffer);
    cases.forEach((c, n) => {
      writeTest(view, DATA_BYTES + n * TEST_BYTES, n, c.code, c.state);
    });
    writeFileSync(join(folder, 'in'), input);
    execFileSync(runner, [join(folder, 'in'), join(folder, 'out')], { stdio: 'inherit' });
    const out = readFileSync(join(folder, 'out'));
    const results = new DataView(out.buffer, out.byteOffset, out.length);
    return cases.map((_, n) => readResult(results, n * RESULT_BYTES));
  } finally {
    rmSync(folder, { recursive: true });
  }
};
