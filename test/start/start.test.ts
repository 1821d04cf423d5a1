// What is left out of the start of a small program, because it would take longer than the program.

import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const cli = fileURLToPath(new URL('../../dist/kanmon.cjs', import.meta.url));

/** Writes the names of Node's modules that are there at the end and were not before the command line. */
const WITNESS = `const before = new Set(process.moduleLoadList);
process.on('exit', () => {
  const loaded = process.moduleLoadList.filter((m) => m.startsWith('NativeModule ') && !before.has(m));
  require('node:fs').writeSync(2, loaded.map((m) => m.slice('NativeModule '.length)).join(' '));
});`;

let top = '';
beforeAll(() => {
  top = mkdtempSync(join(tmpdir(), 'kanmon-start-'));
  writeFileSync(join(top, 'witness.cjs'), WITNESS);
});
afterAll(() => rmSync(top, { recursive: true }));

test("a program that prints something loads two small modules of Node's", () => {
  const out = join(top, 'out');
  const file = openSync(out, 'w');
  const r = spawnSync(process.execPath, ['-r', join(top, 'witness.cjs'), cli, 'run', 'echo', 'hello'], {
    encoding: 'utf8',
    stdio: ['ignore', file, 'pipe'],
  });
  closeSync(file);
  expect(readFileSync(out, 'utf8')).toBe('hello\n');
  expect(['process', 'vm']).toEqual(expect.arrayContaining(r.stderr.split(' ')));
});
