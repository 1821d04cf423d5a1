// Climbs the ladder (commands.ts): the same command line on Linux and in Kanmon. KANMON_TESTS=full takes every
// rung in every tier; otherwise all rungs run in mixed mode, and the short ones in the other two as well.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { copy, kanmon, native, type Outcome, scratch, TIERS } from '../harness.ts';
import { LADDER } from './commands.ts';
import { makeInputs } from './inputs.ts';

const full = process.env.KANMON_TESTS === 'full';
const dir = scratch('ladder');
const inputs = join(dir, 'inputs');
mkdirSync(inputs);
makeInputs(inputs);

/** Both sides work at the same path: Kanmon under an overlay, which leaves the folder as it is, Linux afterwards. */
let count = 0;
const fresh = (): string => {
  const at = join(dir, `work${count++}`);
  copy(inputs, at);
  return at;
};

/** What may differ: the name of the folder, and times. */
const normal = (o: Outcome, cwd: string): Outcome => ({
  ...o,
  stdout: o.stdout.replaceAll(cwd, '$PWD'),
  stderr: o.stderr.replaceAll(cwd, '$PWD'),
});

/** A C++ compiler at interpreter's speed is the slowest rung. */
const LIMIT_MS = 300_000;

describe.each(LADDER.map((r) => [r.name, r] as const))('%s', (_name, rung) => {
  const tiers = TIERS.filter((t) => t === 'mixed' || full || rung.everyTier);
  test.each(tiers)(
    '%s',
    async (tier) => {
      const cwd = fresh();
      const argv = ['/bin/bash', '-c', rung.script];
      const got = normal(await kanmon(argv, { cwd, timeoutMs: LIMIT_MS - 10_000 }, { tier }), cwd);
      const want = normal(native(argv, { cwd }), cwd);
      expect(got).toEqual(want);
    },
    LIMIT_MS,
  );
});
