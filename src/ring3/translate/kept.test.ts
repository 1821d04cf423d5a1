import { describe, expect, test } from 'vitest';
import { type KeptBatch, KeptIndex, type MadeBatch, sharedStore } from './kept.ts';

const batch = (ips: readonly number[], exactFp = false): KeptBatch => ({
  exactFp,
  regions: ips.map((ip) => ({ ip, pages: [Math.floor(ip / 4096)], frontier: [] })),
  starts: () => ips,
  code: () => ips.map((ip) => ({ ip, bytes: Uint8Array.of(0x90) })),
  module: () => null,
});
const index = (...batches: KeptBatch[]): KeptIndex => {
  const made = new KeptIndex();
  for (const b of batches) made.add(b);
  return made;
};
const anything = (): boolean => true;

describe('code that was kept', () => {
  test('is found by where its regions start, and by its kind of arithmetic', () => {
    const kept = index(batch([0x1000, 0x2000]));
    expect([...kept.starts()]).toEqual([0x1000, 0x2000]);
    expect([0x1000, 0x2000, 0x3000].map((ip) => kept.has(ip, false))).toEqual([true, true, false]);
    expect(kept.has(0x1000, true)).toBe(false);
  });

  test('a region has the last module that was made for it, before any that it came along with', () => {
    const [own, later, older] = [batch([0x2000]), batch([0x1000, 0x2000]), batch([0x1000])];
    const kept = index(own, older, later);
    expect(kept.find(0x2000, false, anything)).toBe(own);
    expect(kept.find(0x1000, false, anything)).toBe(later);
  });

  test('a module with other code at any of its addresses is passed over', () => {
    const [old, last] = [batch([0x1000]), batch([0x1000, 0x2000])];
    const kept = index(old, last);
    expect(kept.find(0x1000, false, ({ ip }) => ip !== 0x2000)).toBe(old);
    expect(kept.find(0x2000, false, ({ ip }) => ip !== 0x2000)).toBe(null);
    expect([0x1000, 0x2000].map((ip) => kept.has(ip, false))).toEqual([true, false]);
  });

  test('machines that share a store have it at once, each program its own', () => {
    const store = sharedStore();
    const seen = store.fetch('p');
    const made = { ...batch([0x1000]), code: [], wasm: new Uint8Array(10) } as unknown as MadeBatch;
    store.made('p', made);
    expect([seen.has(0x1000, false), store.fetch('q').has(0x1000, false)]).toEqual([true, false]);
  });

  test('a store in memory forgets all when it has too much', () => {
    const store = sharedStore();
    const made = (ip: number): MadeBatch =>
      ({ ...batch([ip]), code: [], wasm: { length: 20 << 20 } }) as unknown as MadeBatch;
    store.made('p', made(0x1000));
    store.made('p', made(0x2000));
    expect([...store.fetch('p').starts()]).toEqual([0x2000]);
  });
});
