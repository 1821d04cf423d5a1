import { describe, expect, test } from 'vitest';
import { eventQueue } from './queue.ts';

const queue = (limit = 3) => {
  const said: string[] = [];
  const q = eventQueue<number>(limit, {
    full: () => {
      said.push('full');
      q.end(new RangeError('too many'));
    },
    left: () => said.push('left'),
  });
  return { ...q, said };
};

describe('a queue of events', () => {
  test('answers several waiting calls in their order', async () => {
    const q = queue();
    const both = Promise.all([q.iterator.next(), q.iterator.next(), q.iterator.next()]);
    q.push(1);
    q.push(2);
    q.end();
    expect(await both).toEqual([
      { value: 1, done: false },
      { value: 2, done: false },
      { value: undefined, done: true },
    ]);
  });
  test('gives what came before its end', async () => {
    const q = queue();
    q.push(1);
    q.push(2);
    q.end();
    q.push(3);
    const got: number[] = [];
    for await (const n of q.iterator) got.push(n);
    expect(got).toEqual([1, 2]);
  });
  test('fails once, behind what nobody has taken', async () => {
    const q = queue(1);
    for (const n of [1, 2, 3]) q.push(n);
    expect(q.said).toEqual(['full']);
    expect(await q.iterator.next()).toEqual({ value: 1, done: false });
    await expect(q.iterator.next()).rejects.toThrow('too many');
    expect(await q.iterator.next()).toEqual({ value: undefined, done: true });
  });
  test('rejects the first of those that wait when it fails', async () => {
    const q = queue();
    const [a, b] = [q.iterator.next(), q.iterator.next()];
    q.end(new Error('broken'));
    await expect(a).rejects.toThrow('broken');
    expect(await b).toEqual({ value: undefined, done: true });
  });
  test('lets go of those that wait when its reader returns', async () => {
    const q = queue();
    const waits = q.iterator.next();
    await q.iterator.return?.();
    expect(await waits).toEqual({ value: undefined, done: true });
    q.push(1);
    expect(await q.iterator.next()).toEqual({ value: undefined, done: true });
    expect(q.said).toEqual(['left']);
  });
  test('takes as many as its limit after each that was taken', async () => {
    const q = queue(2000);
    const got: number[] = [];
    for (let n = 0; n < 10_000; n++) {
      q.push(n);
      if (n >= 1500) got.push((await q.iterator.next()).value as number);
    }
    q.end();
    for await (const n of q.iterator) got.push(n);
    expect(got).toEqual(Array.from({ length: 10_000 }, (_, n) => n));
  });
});
