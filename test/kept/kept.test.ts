// Translations that are kept from one run of the command line to the next.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const cli = fileURLToPath(new URL('../../dist/kanmon.cjs', import.meta.url));

/** Adds up a sequence for long enough to be translated; what it adds is a constant in its code. */
const program = (n: number): string => `
#include <stdio.h>
__attribute__((noinline)) static unsigned step(unsigned x) { return x * 1664525u + ${n}u; }
int main(void) {
    unsigned x = 1;
    for (int i = 0; i < 30000000; i++) x = step(x) ^ (x >> 7);
    printf("%u\\n", x);
}`;

describe('kept translations', () => {
  let top = '';
  beforeAll(() => {
    top = mkdtempSync(join(tmpdir(), 'kanmon-kept-'));
    for (const [name, n] of Object.entries({ a: 1013904223, b: 1013904225 })) {
      writeFileSync(join(top, `${name}.c`), program(n));
      const built = spawnSync('gcc', ['-O1', '-o', join(top, name), join(top, `${name}.c`)]);
      expect(built.status).toBe(0);
    }
  });
  afterAll(() => rmSync(top, { recursive: true }));
  const run = (cache: string, path: string): { out: string; kept: number } => {
    const r = spawnSync(process.execPath, [cli, 'run', '--stats', '--', path], {
      env: { ...process.env, KANMON_CACHE: cache },
      encoding: 'utf8',
    });
    const [, kept] = /\((\d+) of them in earlier runs\)/.exec(r.stderr) ?? [];
    return { out: `${r.stdout}${r.status}`, kept: Number(kept) };
  };
  const native = (path: string): string => {
    const r = spawnSync(path, { encoding: 'utf8' });
    return `${r.stdout}${r.status}`;
  };
  const files = (dir: string): string[] =>
    readdirSync(dir).flatMap((d) => readdirSync(join(dir, d)).map((f) => join(dir, d, f)));

  test('the second run has those of the first, and does the same', () => {
    const [cache, path] = [join(top, 'cache'), join(top, 'a')];
    expect(run(cache, path)).toEqual({ out: native(path), kept: 0 });
    const again = run(cache, path);
    expect(again.out).toBe(native(path));
    expect(again.kept).toBeGreaterThan(0);
  });

  test('other code in a file that looks the same is translated anew', () => {
    const [cache, path] = [join(top, 'cache-2'), join(top, 'c')];
    writeFileSync(path, readFileSync(join(top, 'a')), { mode: 0o755 });
    // Whole seconds, which can be set again to the last digit.
    utimesSync(path, 1e9, 1e9);
    const { size } = statSync(path);
    expect(run(cache, path).out).toBe(native(join(top, 'a')));
    writeFileSync(path, readFileSync(join(top, 'b')));
    utimesSync(path, 1e9, 1e9);
    expect(statSync(path).size).toBe(size);
    expect(run(cache, path).out).toBe(native(join(top, 'b')));
    expect(native(join(top, 'b'))).not.toBe(native(join(top, 'a')));
  });

  test('a damaged file is as good as none', () => {
    const [cache, path] = [join(top, 'cache-3'), join(top, 'a')];
    run(cache, path);
    for (const file of files(cache)) {
      const bytes = readFileSync(file);
      for (let at = 3; at < bytes.length; at += 97) bytes[at] = (bytes[at] as number) ^ 0x55;
      writeFileSync(file, bytes);
    }
    expect(run(cache, path)).toEqual({ out: native(path), kept: 0 });
  });

  test('a folder that was named and cannot be used is told of', () => {
    const cache = join(top, 'a.c');
    const r = spawnSync(process.execPath, [cli, 'run', 'true'], {
      env: { ...process.env, KANMON_CACHE: cache },
      encoding: 'utf8',
    });
    expect(r.stderr).toMatch(/^kanmon: KANMON_CACHE=.*a\.c: nothing is kept \(ENOTDIR.*\)\n$/);
    expect(r.status).toBe(0);
  });

  test('nothing is written where nothing is to be kept', () => {
    run('off', join(top, 'a'));
    expect(readdirSync(top)).not.toContain('off');
  });
});
