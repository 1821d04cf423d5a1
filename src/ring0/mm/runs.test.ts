import { expect, test } from 'vitest';
import { createFrames } from '../../ring3/mmu/frames.ts';
import { FrameRuns } from './runs.ts';

const make = () => {
  const frames = createFrames(64 << 20);
  const runs = new FrameRuns(frames);
  const where = new Map<number, number>();
  const touch = (page: number): number => {
    const frame = frames.allocZeroed(runs.wanted(page, (p) => where.get(p) ?? 0));
    where.set(page, frame);
    return frame;
  };
  return { frames, touch, where };
};

test('neighbouring pages get neighbouring frames, in whatever order they are touched', () => {
  const { touch, frames } = make();
  const middle = touch(1000);
  frames.alloc();
  expect(touch(1001)).toBe(middle + 1);
  expect(touch(999)).toBe(middle - 1);
  expect(touch(990)).toBe(middle - 10);
});

test('copies that are written while the first frames are held are neighbours again', () => {
  const { touch } = make();
  const first = [touch(640), touch(641), touch(642)];
  const second = [touch(640), touch(641), touch(642)];
  expect(second).toEqual([second[0], (second[0] as number) + 1, (second[0] as number) + 2]);
  expect(first).not.toContain(second[0]);
});

test('frames that were given back are taken again where they were', () => {
  const { touch, frames } = make();
  const first = touch(640);
  const copy = touch(640);
  frames.release(first);
  expect(touch(640)).toBe(first);
  expect(copy).not.toBe(first);
});

test('pages go on where no frames can be set aside', () => {
  const frames = createFrames(64 * 65536);
  const runs = new FrameRuns(frames);
  const taken = new Set<number>();
  for (let page = 0; ; page += 64) {
    const frame = frames.alloc(runs.wanted(page, () => 0));
    if (frame === 0) break;
    expect(taken.has(frame)).toBe(false);
    taken.add(frame);
  }
  expect(frames.free).toBe(0);
  expect(taken.size).toBe(frames.total);
});
