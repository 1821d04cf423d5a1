import { describe, expect, test } from 'vitest';
import type { Block } from './code-cache.ts';
import { Tiering } from './tiering.ts';

const block = (ip: number, more: Partial<Block> = {}): Block => ({
  ip,
  op: 0,
  pages: [],
  frames: [],
  exactFp: false,
  region: 0,
  valid: true,
  insns: 5,
  growth: 0,
  waited: false,
  delays: 0,
  passes: 0,
  pending: false,
  patience: 1000,
  armed: 1000,
  ranBefore: 0,
  stumbles: 0,
  ...more,
});

const make = (work = 1e9, inner: readonly number[] = [], regions = 100) => {
  const counts = new Map<Block, number>();
  const translated: number[][] = [];
  const tiering = new Tiering({
    threshold: 2000,
    work: () => work,
    regions: () => regions,
    count: (b) => counts.get(b) ?? b.patience,
    setCount: (b, n) => counts.set(b, n),
    isInner: (ip) => inner.includes(ip),
    isKept: () => false,
    stillThere: (b) => b.ip !== 13,
    prepare: () => {},
    translate: (blocks) => translated.push(blocks.map((b) => b.ip)),
  });
  return { tiering, counts, translated };
};

describe('tiering', () => {
  test('blocks wait until eight are hot, and the one that is hot once more goes first', () => {
    const { tiering, translated, counts } = make();
    const blocks = Array.from({ length: 7 }, (_, n) => block(10 + n));
    for (const b of blocks) tiering.hot(b);
    expect(translated).toEqual([]);
    expect(counts.get(blocks[4] as Block)).toBe(500);
    tiering.hot(blocks[4] as Block);
    // 13 is not mapped here.
    expect(translated).toEqual([[14, 10, 11, 12, 15, 16]]);
  });

  test('how often a block has run is known however its count was set', () => {
    const { tiering, counts } = make();
    const b = block(10);
    counts.set(b, 400);
    expect(tiering.runs(b)).toBe(600);
    tiering.rearm(b);
    counts.set(b, (counts.get(b) as number) - 50);
    expect(tiering.runs(b)).toBe(650);
    tiering.began(b, []);
    tiering.ask(b);
    expect([tiering.runs(b), counts.get(b)]).toEqual([650, 1]);
  });

  test('a block inside a function waits for one threshold triple first', () => {
    const { tiering, counts } = make(1e9, [10]);
    const b = block(10);
    tiering.hot(b);
    expect([b.waited, counts.get(b)]).toEqual([true, 6000]);
  });

  test('in a young machine a block is put off three times', () => {
    const { tiering, counts } = make(0);
    const b = block(10);
    for (let n = 1; n <= 3; n++) {
      tiering.hot(b);
      expect([b.delays, counts.get(b)]).toEqual([n, 2000]);
    }
    tiering.hot(b);
    expect(counts.get(b)).toBe(500);
  });

  test('where a region is left often, it is asked for in place of what it leaves to', () => {
    const { tiering, translated } = make();
    const owner = block(10);
    tiering.began(owner, [99]);
    owner.pending = false;
    const beyond = block(99);
    tiering.hot(beyond);
    tiering.hot(owner);
    expect(owner.growth).toBe(1);
    expect(translated).toEqual([[10]]);
  });

  test('the region of another program at the same address is left alone', () => {
    const { tiering } = make();
    const owner = block(13);
    tiering.began(owner, [99]);
    owner.pending = false;
    tiering.hot(block(99));
    expect(owner.growth).toBe(0);
  });

  test('a region that stumbles often is made anew, once', () => {
    const { tiering, translated } = make();
    const b = block(10);
    for (let n = 0; n < 64; n++) tiering.stumbled(b);
    expect([tiering.isCautious(b), translated]).toEqual([false, []]);
    for (let n = 0; n < 64; n++) tiering.stumbled(b);
    expect([tiering.isCautious(b), translated]).toEqual([true, [[10]]]);
  });

  test('what a region has inside waits for it, and three times three thresholds after that', () => {
    const { tiering, translated, counts } = make();
    const around = block(10, { pending: true });
    const inside = block(20);
    tiering.contains(around, [20, 30]);
    tiering.hot(inside);
    expect([inside.passes, counts.get(inside)]).toEqual([0, 2000]);
    around.pending = false;
    for (const n of [1, 2, 3]) {
      tiering.hot(inside);
      expect([inside.passes, counts.get(inside)]).toEqual([n, 6000]);
    }
    tiering.hot(inside);
    tiering.hot(inside);
    expect(translated).toEqual([[20]]);
  });

  test('a region that is not valid, not there, or of other arithmetic holds nobody up', () => {
    for (const around of [block(10, { valid: false }), block(13), block(10, { exactFp: true })]) {
      const { tiering, translated } = make();
      tiering.contains(around, [20]);
      const inside = block(20);
      tiering.hot(inside);
      tiering.hot(inside);
      expect(translated).toEqual([[20]]);
    }
  });

  test('blocks of a program with many regions wait twice as long', () => {
    const { tiering } = make(1e9, [], 1000);
    expect(tiering.countdown(5)).toBe(4000);
  });
});
