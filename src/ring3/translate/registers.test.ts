import { describe, expect, test } from 'vitest';
import { type Point, RegisterFlow } from './registers.ts';

const RAX = 0;
const RCX = 1;
const XMM0 = 16;
const set = (...regs: number[]): number => regs.reduce((m, r) => m | (1 << r), 0);

/** Records the blocks of a graph, by what is done in each, and solves. */
const solved = (
  succs: readonly (readonly number[])[],
  ...blocks: ((flow: RegisterFlow) => void)[]
): RegisterFlow => {
  const flow = new RegisterFlow(succs);
  blocks.forEach((record, n) => {
    const back = flow.enter(n);
    record(flow);
    back();
  });
  flow.solve();
  return flow;
};

describe('the registers of a region', () => {
  test('what is read before it is written is loaded on entry', () => {
    const flow = solved([[]], (f) => {
      f.read(RAX);
      f.write(RCX);
      f.read(RCX);
    });
    expect(flow.entry).toBe(set(RAX));
  });

  test('what a round of a loop writes is stored by a fault of the next one', () => {
    let fault: Point | null = null;
    const flow = solved([[]], (f) =>
      f.loop(() => {
        f.read(RCX);
        fault = f.point('fault');
        f.write(RCX);
      }),
    );
    expect(flow.epilogues[(fault as unknown as Point).epilogue]).toBe(set(RCX));
    expect(flow.entry).toBe(set(RCX));
  });

  test('an exit stores what was written on any way to it, and so needs what another way left alone', () => {
    let exit: Point | null = null;
    const flow = solved(
      [[1, 2], [3], [3], []],
      () => {},
      (f) => f.write(RAX),
      (f) => f.write(XMM0),
      (f) => {
        exit = f.point('exit');
      },
    );
    expect(exit).toMatchObject({ spill: set(RAX, XMM0) });
    expect(flow.entry).toBe(set(RAX, XMM0));
  });

  test('what is written in a loop is dirty at its start', () => {
    let exit: Point | null = null;
    solved(
      [[1], [1, 2], []],
      () => {},
      (f) => {
        exit = f.point('exit');
        f.write(RAX);
      },
      () => {},
    );
    expect(exit).toMatchObject({ spill: set(RAX) });
  });

  test('a sync stores what is dirty, reloads what is read behind it, and leaves nothing dirty', () => {
    const points: Point[] = [];
    solved([[]], (f) => {
      f.write(RAX);
      points.push(f.point('sync'));
      f.read(RCX);
      points.push(f.point('exit'));
    });
    expect(points).toMatchObject([{ spill: set(RAX), reload: set(RCX) }, { spill: 0 }]);
  });

  test('control may pass by a conditional sync: registers stay dirty, and what it spills is needed before', () => {
    const points: Point[] = [];
    const flow = solved([[]], (f) => {
      f.write(RAX);
      f.conditionally(() => points.push(f.point('sync')));
      f.read(RCX);
      points.push(f.point('exit'));
    });
    expect(points).toMatchObject([{ spill: set(RAX), reload: set(RAX, RCX) }, { spill: set(RAX) }]);
    expect(flow.entry).toBe(set(RCX));
  });

  test('a conditional write makes dirty, and does not end the life of the value before', () => {
    let exit: Point | null = null;
    const flow = solved([[]], (f) => {
      f.conditionally(() => f.write(RAX));
      exit = f.point('exit');
    });
    expect(exit).toMatchObject({ spill: set(RAX) });
    expect(flow.entry).toBe(set(RAX));
  });

  test('faults with the same registers dirty share an epilogue, others have their own', () => {
    const faults: Point[] = [];
    const flow = solved([[]], (f) => {
      faults.push(f.point('fault'), f.point('fault'));
      f.write(RAX);
      faults.push(f.point('fault'));
      f.write(RCX);
    });
    expect(faults.map((p) => flow.epilogues[p.epilogue])).toEqual([0, 0, set(RAX)]);
    expect(flow.entry).toBe(0);
  });
});
