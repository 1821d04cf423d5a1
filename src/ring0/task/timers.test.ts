import { describe, expect, it } from 'vitest';
import { addTimer, nextDeadline, runTimers, timerHeap } from './timers.ts';

describe('timers', () => {
  it('run in the order of their deadlines, equal ones in the order they were added', () => {
    const timers = timerHeap();
    const ran: string[] = [];
    for (const [at, name] of [
      [30, 'c'],
      [10, 'a'],
      [20, 'b1'],
      [20, 'b2'],
    ] as const)
      addTimer(timers, at, () => ran.push(name));
    runTimers(timers, 25);
    expect(ran).toEqual(['a', 'b1', 'b2']);
    expect(nextDeadline(timers)).toBe(30);
  });

  it('do not run once cancelled', () => {
    const timers = timerHeap();
    let ran = 0;
    const cancel = addTimer(timers, 5, () => ran++);
    cancel();
    cancel();
    runTimers(timers, 10);
    expect(ran).toBe(0);
    expect(nextDeadline(timers)).toBeNull();
  });

  it('that are cancelled in great numbers do not pile up', () => {
    const timers = timerHeap();
    addTimer(timers, 1e9, () => {});
    for (let i = 0; i < 10000; i++) addTimer(timers, 1e8 + i, () => {})();
    expect(timers.heap.length).toBeLessThan(200);
    expect(nextDeadline(timers)).toBe(1e9);
  });

  it('added by a timer for a time that has passed run in the next round', () => {
    const timers = timerHeap();
    let rounds = 0;
    const again = (): void => {
      rounds++;
      addTimer(timers, 0, again);
    };
    addTimer(timers, 0, again);
    runTimers(timers, 1);
    expect(rounds).toBe(1);
  });
});
