import { describe, expect, test } from 'vitest';
import { type CodeStore, type KeptBatch, KeptCode } from './kept.ts';

const batch = (ips: readonly number[], exactFp = false): KeptBatch => ({
  exactFp,
  regions: ips.map((ip) => ({ ip, pages: [Math.floor(ip / 4096)], frontier: [] })),
  code: () => ips.map((ip) => ({ ip, bytes: Uint8Array.of(0x90) })),
  module: () => null,
});
const kept = (...batches: KeptBatch[]): KeptCode => {
  const store: CodeStore = { fetch: (p) => (p === 'p' ? batches : []), made: () => {}, used: () => {} };
  return new KeptCode(store);
};
const anything = (): boolean => true;

describe('code of earlier runs', () => {
  test('is known once its program has been fetched, by where its regions start', () => {
    const code = kept(batch([0x1000, 0x2000]));
    expect(code.has('p', 0x2000, false)).toBe(false);
    expect([...code.fetch('p')]).toEqual([0x1000, 0x2000]);
    expect([0x1000, 0x2000, 0x3000].map((ip) => code.has('p', ip, false))).toEqual([true, true, false]);
    expect([
      code.has('q', 0x1000, false),
      code.has(null, 0x1000, false),
      code.has('p', 0x1000, true),
    ]).toEqual([false, false, false]);
  });

  test('a region has the module that was made for it, the last of them, before one that it came along with', () => {
    const [own, later, older] = [batch([0x2000]), batch([0x1000, 0x2000]), batch([0x1000])];
    const code = kept(own, older, later);
    code.fetch('p');
    expect(code.find('p', 0x2000, false, anything)).toBe(own);
    expect(code.find('p', 0x1000, false, anything)).toBe(later);
  });

  test('other code at one of its addresses: all of the module is forgotten', () => {
    const code = kept(batch([0x1000, 0x2000]), batch([0x3000]));
    code.fetch('p');
    expect(code.find('p', 0x1000, false, ({ ip }) => ip !== 0x2000)).toBe(null);
    expect([0x1000, 0x2000, 0x3000].map((ip) => code.has('p', ip, false))).toEqual([false, false, true]);
  });
});
