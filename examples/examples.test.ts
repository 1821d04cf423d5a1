// The examples, on this machine's kernel and on Kanmon: same output, same status.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { boot } from '../src/index.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
let work = '';
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'kanmon-examples-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

const compile = (source: string, ...flags: string[]): string => {
  const out = join(work, source.replace(/\W/g, '-'));
  execFileSync('gcc', [...flags, '-o', out, join(here, source)]);
  return out;
};

const both = async (argv: string[]): Promise<string> => {
  const native = spawnSync(argv[0] as string, argv.slice(1), { encoding: 'utf8' });
  const machine = await boot({
    volumes: [
      { source: work, target: work, readonly: true },
      { source: here, target: here, readonly: true },
    ],
  });
  const ours = await machine.run(argv);
  await machine.close();
  expect(new TextDecoder().decode(ours.stdout)).toBe(native.stdout);
  expect(ours.exitCode).toBe(native.status);
  return native.stdout;
};

describe('examples', { timeout: 180_000 }, () => {
  test('write and exit in assembly', async () => {
    expect(await both([compile('write-exit.s', '-nostdlib', '-static')])).toBe('Hello\n');
  });
  test('hello through libc, dynamic and static', async () => {
    expect(await both([compile('hello.c')])).toBe('Hello\n');
    expect(await both([compile('hello.c', '-static')])).toBe('Hello\n');
  });
  test('hello through syscall(2)', async () => {
    expect(await both([compile('hello-syscall.c')])).toBe(
      'Hello\ncall 100000: -1, Function not implemented\n',
    );
  });
  test.each(['hello.py', 'hello-ctypes.py'])('%s', async (file) => {
    expect(await both(['/usr/bin/python3', join(here, file)])).toBe('Hello\n');
  });
  test('a program that prints its own part of the table', async () => {
    expect(await both([compile('table.c')])).toContain('   1  write    0\n');
  });
});
