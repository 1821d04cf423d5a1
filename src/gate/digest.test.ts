import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { sha256 } from './digest.ts';

test.each([0, 1, 55, 56, 63, 64, 65, 1000])('sha256 of %i bytes is what OpenSSL says', (n) => {
  const bytes = Uint8Array.from({ length: n }, (_, i) => (i * 7) & 255);
  expect(sha256(bytes)).toBe(createHash('sha256').update(bytes).digest('hex'));
});
