import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lazyRooms } from '../../gen/lazy.mjs';

let top = '';
beforeAll(() => {
  top = mkdtempSync(join(tmpdir(), 'kanmon-lazy-'));
  mkdirSync(join(top, 'room'));
  const files = {
    'room/a.ts': `import { LIMIT } from './b.ts';
      export { twice } from './b.ts';
      globalThis.told.push('a');
      export const shut = (n: number, by = 1): number => (n > LIMIT ? n - by : n);
      export function* count(to: number): Generator<number> { for (let i = 0; i < to; i++) yield i; }`,
    'room/b.ts': `globalThis.told.push('b');
      export const LIMIT = 7;
      export const twice = (n: number): number => 2 * n;
      export const load = (): string => 'loaded';`,
    'good.ts': `import { count, shut, twice } from './room/a.ts';
      import { load } from './room/b.ts';
      globalThis.told = [];
      const early = shut;
      globalThis.told.push('begun');
      globalThis.results = [twice(3), globalThis.told.join(), early(9), shut(9, 2), [...count(2)], load(), globalThis.told.join()];`,
    'bad.ts': `import { LIMIT } from './room/b.ts'; globalThis.results = LIMIT;`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(top, name), text);
});
afterAll(() => rmSync(top, { recursive: true }));

const bundle = async (entry: string): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [join(top, entry)],
    bundle: true,
    write: false,
    format: 'iife',
    logLevel: 'silent',
    plugins: [lazyRooms(`${top}/`, (path: string) => path.startsWith('room/'))],
  });
  return outputFiles[0]?.text ?? '';
};

test('a module is loaded when one of its functions is first called, with those that it takes values from', async () => {
  new Function(await bundle('good.ts'))();
  expect(Reflect.get(globalThis, 'results')).toEqual([6, 'begun,b', 8, 7, [0, 1], 'loaded', 'begun,b,a']);
});

test('who is loaded at once cannot take what is no function', async () => {
  await expect(bundle('bad.ts')).rejects.toThrow('LIMIT of ./room/b.ts is no function, and lazy');
});
