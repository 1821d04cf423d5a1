import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EAGAIN, EDEADLK } from '../../abi/errno.ts';
import { F_RDLCK, F_UNLCK, F_WRLCK, LOCK_EX, LOCK_SH, LOCK_UN } from '../../abi/fcntl.ts';
import type { Task } from '../task/types.ts';
import { fakeKernel, fakeTask } from '../testing.ts';
import { conflicting, dropLocks, setFlock, setLock } from './locks.ts';
import type { Inode, OpenFile } from './types.ts';

const inode = (): Inode => ({}) as Inode;

describe('record locks', () => {
  it('agree with a lock kept for every byte', () => {
    const kernel = fakeKernel();
    const owners = [fakeTask(kernel), fakeTask(kernel), fakeTask(kernel)];
    const step = fc.record({
      who: fc.nat(2),
      type: fc.constantFrom(F_RDLCK, F_WRLCK, F_UNLCK),
      start: fc.nat(20),
      n: fc.integer({ min: 1, max: 12 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const file = inode();
        const bytes = owners.map(() => new Array<number>(40).fill(F_UNLCK));
        for (const s of steps) {
          const task = owners[s.who] as (typeof owners)[0];
          const mine = bytes[s.who] as number[];
          const want = { owner: task.files, pid: 1, type: s.type, start: s.start, end: s.start + s.n };
          const clash = bytes.some(
            (other, i) =>
              i !== s.who &&
              s.type !== F_UNLCK &&
              other
                .slice(want.start, want.end)
                .some((t) => t === F_WRLCK || (t === F_RDLCK && s.type === F_WRLCK)),
          );
          expect(setLock(task, file, want, false)).toBe(clash ? -EAGAIN : 0);
          if (!clash) mine.fill(s.type, want.start, want.end);
        }
        for (const [i, task] of owners.entries()) {
          for (let b = 0; b < 40; b++) {
            const held = file.locks?.ranges.find((l) => l.owner === task.files && l.start <= b && b < l.end);
            expect(held?.type ?? F_UNLCK).toBe(bytes[i]?.[b]);
          }
        }
      }),
      { numRuns: 200, seed: 3 },
    );
  });

  it('see a circle of waiting processes', () => {
    const kernel = fakeKernel();
    const [a, b] = [fakeTask(kernel), fakeTask(kernel)];
    const file = inode();
    const lock = (t: typeof a, start: number) => ({
      owner: t.files,
      pid: 1,
      type: F_WRLCK,
      start,
      end: start + 1,
    });
    setLock(a, file, lock(a, 0), false);
    setLock(b, file, lock(b, 1), false);
    const waits = setLock(b, file, lock(b, 0), true);
    expect(typeof waits).toBe('object');
    b.blockedOn = typeof waits === 'object' ? waits : null;
    expect(setLock(a, file, lock(a, 1), true)).toBe(-EDEADLK);
    dropLocks(file, b.files);
    expect(conflicting(file, lock(b, 0))?.owner).toBe(a.files);
  });
});

describe('flock', () => {
  it('belongs to the open file description', () => {
    const task = { process: { pid: 1 } } as Task;
    const shared = inode();
    const file = () => ({ inode: shared }) as OpenFile;
    const [a, b] = [file(), file()];
    expect(setFlock(task, a, LOCK_SH, false)).toBe(0);
    expect(setFlock(task, b, LOCK_SH, false)).toBe(0);
    expect(setFlock(task, b, LOCK_EX, false)).toBe(-EAGAIN);
    // The failed conversion has lost the shared lock (flock(2)).
    expect(setFlock(task, a, LOCK_EX, false)).toBe(0);
    expect(setFlock(task, a, LOCK_UN, false)).toBe(0);
    expect(setFlock(task, b, LOCK_EX, false)).toBe(0);
  });
});
