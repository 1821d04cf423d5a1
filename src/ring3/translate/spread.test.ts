import { expect, test } from 'vitest';
import { spread } from './spread.ts';

const slotOf = (ip: number, { multiplier, shift }: { multiplier: number; shift: number }): number =>
  Math.imul(ip | 0, multiplier) >>> shift;

test('every address is in its slot, among few others', () => {
  for (const n of [1, 2, 7, 64, 300]) {
    const ips = Array.from({ length: n }, (_, i) => 0x7fff_f7a0_0000 + i * 37);
    const s = spread(ips);
    for (const [i, ip] of ips.entries()) expect(s.slots.get(slotOf(ip, s))).toContain(i);
    for (const places of s.slots.values()) expect(places.length).toBeLessThanOrEqual(3);
    for (const slot of s.slots.keys()) expect(slot).toBeLessThan(2 ** (32 - s.shift));
    expect(2 ** (32 - s.shift)).toBeGreaterThanOrEqual(2 * n);
  }
});
