import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { renderSyscalls, SYSCALLS_FILE } from './docs.ts';

test('docs/syscalls.md is what the rows say (npm run docs)', () => {
  expect(readFileSync(SYSCALLS_FILE, 'utf8')).toBe(renderSyscalls());
});

test('every file of rows is collected (npm run gen:sys)', () => {
  const folder = new URL('../src/ring0/sys/', import.meta.url);
  const index = readFileSync(new URL('index.ts', folder), 'utf8');
  const files = readdirSync(folder).filter(
    (f) => f.endsWith('.ts') && !f.endsWith('.test.ts') && f !== 'index.ts',
  );
  const missing = files.filter(
    (f) => readFileSync(new URL(f, folder), 'utf8').includes('syscall(') && !index.includes(`'./${f}'`),
  );
  expect(missing).toEqual([]);
});
