import { describe, expect, test } from 'vitest';
import { between, type Effects } from './between.ts';
import { type Graph, structure } from './structure.ts';

const effects = (...written: number[]): Effects[] => written.map((w) => ({ written: w, clobbers: false }));
const reversed = (graph: Graph): number[][] =>
  graph.map((_, v) => graph.flatMap((succs, u) => (succs.includes(v) ? [u] : [])));
const at = (graph: Graph, node: number, what: readonly Effects[]): Effects =>
  between(node, reversed(graph), structure(graph), what);

describe('between a block and the one that dominates it', () => {
  test('both ways to a merge count, the dominator and the merge itself do not', () => {
    expect(at([[1, 2], [3], [3], []], 3, effects(1, 2, 4, 8))).toEqual({ written: 6, clobbers: false });
  });

  test('the body of a loop counts at its header, the header with it', () => {
    expect(at([[1], [2, 3], [1], []], 1, effects(1, 2, 4, 8))).toEqual({ written: 6, clobbers: false });
  });

  test('what lies behind does not count', () => {
    expect(at([[1, 2], [3, 4], [3], [], []], 3, effects(1, 2, 4, 8, 16))).toEqual({
      written: 6,
      clobbers: false,
    });
  });

  test('one block that clobbers is enough', () => {
    const what = effects(0, 0, 0, 0).map((e, n) => ({ ...e, clobbers: n === 2 }));
    expect(at([[1, 2], [3], [3], []], 3, what).clobbers).toBe(true);
    expect(at([[1, 2], [3], [1], []], 3, what).clobbers).toBe(false);
  });
});
