// Every C program below this folder runs on Linux and in Kanmon, in each tier; output and status must agree.
// The first lines of a program may say how: `// cc: OPTIONS`, `// stdin: TEXT`, `// tiers: NAMES` for some only, and
// `// also: volume` for once more with its folder as a volume, which is the host's own instead of a copy. Programs
// that ask the kernel rather than the processor run in the translator tier, which takes ten seconds for each, only
// with KANMON_TESTS=full.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { compile, kanmon, native, type Outcome, scratch, TIERS } from '../harness.ts';

const here = dirname(fileURLToPath(import.meta.url));
const sources = readdirSync(here, { recursive: true, encoding: 'utf8' })
  .filter((f) => f.endsWith('.c'))
  .map((f) => join(here, f))
  .sort();
const dir = scratch('guest');
const full = process.env.KANMON_TESTS === 'full';
/** Folders whose programs are about the kernel alone. */
const KERNEL = ['exec', 'files', 'ipc', 'proc', 'time', 'tty'];

const directive = (text: string, name: string): string | undefined =>
  new RegExp(`^// ${name}: (.*)$`, 'm').exec(text)?.[1];

describe.each(sources.map((s) => [relative(here, s), s] as const))('%s', (_name, source) => {
  const text = readFileSync(source, 'utf8');
  const program = join(dir, `${basename(dirname(source))}-${basename(source, '.c')}`);
  const stdin = directive(text, 'stdin') ?? '';
  let want: Outcome | undefined;
  const reference = (): Outcome => {
    compile(source, program, ['-pthread', ...(directive(text, 'cc')?.split(' ') ?? []), '-lm']);
    return native([program], { cwd: dir, stdin });
  };
  const asked = directive(text, 'tiers')?.split(' ') ?? TIERS;
  const spared = !full && KERNEL.includes(basename(dirname(source)));
  const tiers = TIERS.filter((t) => asked.includes(t) && !(spared && t === 'translator'));
  test.each(tiers)('%s', async (tier) => {
    want ??= reference();
    const got = await kanmon([program], { cwd: dir, stdin }, { tier });
    expect(got).toEqual(want);
  });
  if (directive(text, 'also') === 'volume')
    test('on a volume', async () => {
      want ??= reference();
      const volumes = [{ source: dir, target: dir, readonly: false }];
      expect(await kanmon([program], { cwd: dir, stdin }, { volumes })).toEqual(want);
    });
});
