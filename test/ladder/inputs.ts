// The folder of inputs that every rung of the ladder starts with. Made by rule, the same everywhere.

import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SYLLABLES = ['ba', 'ce', 'di', 'fo', 'gu', 'ha', 'ke', 'li', 'mo', 'nu', 'qua', 'ra', 'se', 'ti', 'vo'];

export const makeInputs = (dir: string): void => {
  let seed = 42;
  const next = (n: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 16) % n;
  };
  const word = (): string =>
    Array.from({ length: 1 + next(4) }, () => SYLLABLES[next(SYLLABLES.length)] as string).join('');
  mkdirSync(join(dir, 'tree/sub/deep'), { recursive: true });
  const write = (name: string, data: string | Uint8Array): void => writeFileSync(join(dir, name), data);
  write('words.txt', `${Array.from({ length: 2000 }, word).join('\n')}\n`);
  write('numbers.txt', `${Array.from({ length: 500 }, () => next(100000)).join('\n')}\n`);
  write(
    'table.tsv',
    `${Array.from({ length: 40 }, (_, i) => `k${i}\t${word()}\t${next(1000)}`).join('\n')}\n`,
  );
  write(
    'random.bin',
    Uint8Array.from({ length: 20000 }, () => next(256)),
  );
  write('tree/a.txt', 'hay\nneedle\nhay\n');
  write('tree/b.dat', 'data\n');
  write('tree/sub/c.txt', 'c\n');
  write('tree/sub/deep/d.txt', 'needle again\n');
  for (const f of ['words.txt', 'tree/a.txt', 'tree/b.dat', 'tree/sub/c.txt', 'tree/sub/deep/d.txt']) {
    utimesSync(join(dir, f), 1_000_000_000, 1_000_000_000);
  }
};
