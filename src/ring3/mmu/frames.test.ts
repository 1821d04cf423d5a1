import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PAGE } from '../layout.ts';
import { createFrames } from './frames.ts';

test('a wanted frame is had where it is free, and by one only', () => {
  const frames = createFrames(16 << 20);
  const far = 3000;
  expect(frames.alloc(far)).toBe(far);
  expect(frames.alloc(far)).not.toBe(far);
  frames.release(far);
  expect(frames.alloc(far)).toBe(far);
});

test('what was wanted once is given to others last', () => {
  const frames = createFrames(16 << 20);
  const far = 3000;
  frames.release(frames.alloc(far));
  for (let n = frames.free; n > 1; n--) expect(frames.alloc()).not.toBe(far);
  expect(frames.alloc()).toBe(far);
});

test('frames that hold the tables of the processor are free for nobody', () => {
  const frames = createFrames(16 << 20);
  expect(frames.refs(0)).toBe(1);
  expect(frames.alloc(1)).toBeGreaterThan(1);
});

test('whatever is wanted, set aside or adjacent, no frame is given out twice, and all can be had', () => {
  const step = fc.oneof(
    fc.record({ take: fc.integer({ min: 0, max: 4095 }) }),
    fc.record({ give: fc.nat() }),
    fc.record({ table: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ aside: fc.integer({ min: 1, max: 64 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const frames = createFrames(16 << 20);
      const held = new Set<number>();
      const hold = (frame: number): void => {
        expect(held.has(frame)).toBe(false);
        held.add(frame);
      };
      const took: number[] = [];
      for (const s of steps) {
        if ('take' in s) {
          const frame = frames.allocZeroed(s.take);
          if (frame === 0) continue;
          hold(frame);
          took.push(frame);
          expect(frames.u8.subarray(frame * PAGE, frame * PAGE + PAGE).every((b) => b === 0)).toBe(true);
          frames.u8.fill(1, frame * PAGE, frame * PAGE + 8);
        } else if ('give' in s && took.length > 0) {
          const [frame] = took.splice(s.give % took.length, 1);
          held.delete(frame as number);
          frames.release(frame as number);
        } else if ('table' in s) {
          const first = frames.allocContiguous(s.table) / PAGE;
          for (let n = 0; n < s.table && first > 0; n++) hold(first + n);
        } else if ('aside' in s) frames.setAside(s.aside);
      }
      const left = frames.free;
      for (let frame = frames.alloc(); frame !== 0; frame = frames.alloc()) hold(frame);
      expect(held.size).toBe(frames.total);
      expect(left).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 60 },
  );
});
