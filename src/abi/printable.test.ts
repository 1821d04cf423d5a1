import { expect, test } from 'vitest';
import { printable, printableJson } from './printable.ts';

const HOSTILE = 'a\x1b]0;x\x07\x9b31m\x7f\n\té';

test('what a terminal would act on is spelled out', () => {
  expect(printable(HOSTILE)).toBe('a\\x1b]0;x\\x07\\x9b31m\\x7f\n\té');
});

test('JSON means the same without control characters', () => {
  const text = printableJson(JSON.stringify({ name: HOSTILE }));
  expect(text).not.toMatch(/\p{Cc}/u);
  expect(JSON.parse(text)).toEqual({ name: HOSTILE });
});
