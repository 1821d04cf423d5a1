import { expect, test } from 'vitest';
import { fakeKernel, fakeTask } from '../testing.ts';
import { makePipe } from './pipe.ts';
import { takeBytes } from './pipe-ring.ts';

test('a reader that empties the pipe when it is woken lets a long write go on', () => {
  const kernel = fakeKernel();
  const task = fakeTask(kernel);
  const [, end, pipe] = makePipe(kernel, 0, 0);
  let taken = 0;
  const reader = {
    wake() {
      taken += takeBytes(pipe, new Uint8Array(pipe.used), 0, pipe.used);
      pipe.toRead.waiters.add(reader);
    },
  };
  pipe.toRead.waiters.add(reader);
  expect(end.ops.write?.(task, end, new Uint8Array(300_000), 0, 300_000, 0)).toBe(300_000);
  expect(taken).toBe(300_000);
});
