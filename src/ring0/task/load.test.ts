import { expect, test } from 'vitest';
import { noLoad, PERIOD_NS, sampleLoad } from './load.ts';

const shown = (averages: readonly number[]): string => averages.map((a) => a.toFixed(2)).join(' ');

test('two busy tasks approach 2, by 63 % in the minutes that are averaged over, and an idle hour forgets them', () => {
  const load = noLoad();
  for (let n = 1; n <= 12; n++) sampleLoad(load, n * PERIOD_NS, 2);
  expect(shown(load.averages)).toBe('1.26 0.36 0.13');
  sampleLoad(load, 12.5 * PERIOD_NS, 9);
  expect(shown(load.averages)).toBe('1.26 0.36 0.13');
  for (let n = 13; n <= 60; n++) sampleLoad(load, n * PERIOD_NS, 2);
  expect(shown(load.averages)).toBe('1.99 1.26 0.57');
  sampleLoad(load, 780 * PERIOD_NS, 0);
  expect(shown(load.averages)).toBe('0.00 0.00 0.01');
});
