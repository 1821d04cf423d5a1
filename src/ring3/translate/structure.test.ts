import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Label } from '../wasm/code.ts';
import { Code } from '../wasm/code.ts';
import { i32, loadAt } from '../wasm/ir.ts';
import { ModuleBuilder } from '../wasm/module.ts';
import { emitStructured, type Graph, structure } from './structure.ts';

/**
 * Compiles a graph to wasm: each node appends its number to a log, then takes the successor that the next
 * byte of the input names. Returns the nodes in order of execution; a leaving edge appends -1 and ends.
 */
const run = (graph: Graph, choices: readonly number[]): number[] => {
  const m = new ModuleBuilder();
  m.importMemory('env', 'memory');
  const code = new Code([]);
  const step = code.local('i32');
  const s = structure(graph);
  const put = (node: number): void => code.store(0x36, i32.shl(step, i32.const(2)), i32.const(node), 4096);
  emitStructured(s, code, {
    end() {},
    node(node, edges) {
      put(node);
      code.set(step, i32.add(step, i32.const(1)));
      const succs = graph[node] as readonly number[];
      const stop = (): void => code.return(step);
      code.if(i32.geU(step, i32.const(choices.length)), stop);
      if (succs.length === 0) return stop();
      const choice = code.let(
        i32.remU(loadAt('i32', 0x2d, i32.sub(step, i32.const(1))), i32.const(succs.length)),
      );
      const pick = (i: number): void => {
        const to = succs[i] as number;
        if (i === succs.length - 1) {
          edges.go(to);
          return;
        }
        const label: Label | null = edges.label(to);
        const cond = i32.eq(choice, i32.const(i));
        if (label) {
          code.brIf(cond, label);
          pick(i + 1);
        } else
          code.if(
            cond,
            () => edges.go(to),
            () => pick(i + 1),
          );
      };
      pick(0);
    },
    leave() {
      put(-1);
      code.return(i32.add(step, i32.const(1)));
    },
    back() {},
  });
  code.unreachable();
  m.export('f', m.func([], ['i32'], code));
  const memory = new WebAssembly.Memory({ initial: 1 });
  new Uint8Array(memory.buffer).set(choices);
  const bytes = m.finish() as Uint8Array<ArrayBuffer>;
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  const n = (instance.exports.f as () => number)();
  return [...new Int32Array(memory.buffer, 4096, n)];
};

const walk = (graph: Graph, choices: readonly number[]): number[] => {
  const s = structure(graph);
  const log = [0];
  for (let node = 0, i = 0; log.length < choices.length; i++) {
    const succs = graph[node] as readonly number[];
    if (succs.length === 0) break;
    const next = succs[(choices[i] as number) % succs.length] as number;
    if (s.leaves(node, next)) {
      log.push(-1);
      break;
    }
    log.push(next);
    node = next;
  }
  return log;
};

const reducibleLeaves = (graph: Graph): number => {
  const s = structure(graph);
  let n = 0;
  for (const u of s.order) for (const v of graph[u] as readonly number[]) if (s.leaves(u, v)) n++;
  return n;
};

const shapes: Record<string, Graph> = {
  'one node': [[]],
  diamond: [[1, 2], [3], [3], []],
  'a loop on itself': [[0, 1], []],
  'nested loops': [[1], [2], [2, 3], [1, 4], []],
  'a loop with many exits': [[1], [2, 5], [3, 6], [1, 4], [], [4], [4]],
  'a loop header that is a merge': [[1, 2], [3], [3], [4, 5], [3], []],
  'two back-edges to one header': [[1], [2, 3], [1], [1, 4], []],
  'a switch': [[1, 2, 3, 4], [5], [5, 2], [5], [3], []],
  'continue and break across two loops': [[1], [2, 6], [3, 1], [4, 6], [2, 5], [1, 6], []],
};

describe('structured emission', () => {
  for (const [name, graph] of Object.entries(shapes))
    test(`${name} runs as the graph says`, () => {
      expect(reducibleLeaves(graph)).toBe(0);
      for (let seed = 1; seed < 60; seed++) {
        const choices = Array.from(
          { length: 40 },
          (_, i) => (Math.imul(seed * 40 + i, 0x9e3779b1) >>> 24) & 0xff,
        );
        expect(run(graph, choices)).toEqual(walk(graph, choices));
      }
    });

  test('a loop with two entries is left at the edge that is no back-edge', () => {
    const graph: Graph = [[1, 2], [2], [1, 3], []];
    expect(reducibleLeaves(graph)).toBe(1);
    expect(run(graph, [0, 0, 0, 0, 0])).toEqual(walk(graph, [0, 0, 0, 0, 0]));
  });

  test('the join of two branches is dominated by their fork, a loop body by its header', () => {
    const s = structure([[1, 2], [3], [3], [4, 5], [3], []]);
    expect([...s.idom]).toEqual([0, 0, 0, 0, 3, 3]);
    expect([...s.header]).toEqual([0, 0, 0, 1, 0, 0]);
    expect([...s.merge]).toEqual([0, 0, 0, 1, 0, 0]);
  });

  test('random nests of sequences, branches and loops are followed without leaving', () => {
    // A program as a term: built into a graph with one way in and one way out, so always reducible.
    type Term = { k: 'seq' | 'if' | 'while' | 'until'; a: Term; b: Term } | { k: 'op' };
    const { term } = fc.letrec<{ term: Term }>((tie) => ({
      term: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.constant<Term>({ k: 'op' }),
        fc.record({ k: fc.constantFrom('seq', 'if', 'while', 'until'), a: tie('term'), b: tie('term') }),
      ),
    }));
    const build = (t: Term): Graph => {
      const g: number[][] = [];
      const node = (): number => g.push([]) - 1;
      const edge = (u: number, v: number): void => {
        const out = g[u] as number[];
        if (!out.includes(v)) out.push(v);
      };
      const put = (t: Term, from: number): number => {
        const n = node();
        edge(from, n);
        if (t.k === 'op') return n;
        if (t.k === 'seq') return put(t.b, put(t.a, n));
        const end = node();
        if (t.k === 'if') {
          edge(put(t.a, n), end);
          edge(put(t.b, n), end);
        } else if (t.k === 'while') {
          edge(n, end);
          edge(put(t.b, put(t.a, n)), n);
        } else {
          const bottom = put(t.a, n);
          edge(bottom, n);
          edge(bottom, end);
        }
        return end;
      };
      put(t, node());
      return g;
    };
    fc.assert(
      fc.property(term, fc.array(fc.nat(255), { minLength: 1, maxLength: 60 }), (t, choices) => {
        const graph = build(t);
        expect(reducibleLeaves(graph)).toBe(0);
        expect(run(graph, choices)).toEqual(walk(graph, choices));
      }),
      { seed: 20261121, numRuns: 400 },
    );
  });

  test('random graphs run as they are walked', () => {
    const graphs = fc
      .integer({ min: 1, max: 24 })
      .chain((n) =>
        fc.array(fc.uniqueArray(fc.nat(n - 1), { maxLength: 3 }), { minLength: n, maxLength: n }),
      );
    fc.assert(
      fc.property(graphs, fc.array(fc.nat(255), { minLength: 1, maxLength: 60 }), (graph, choices) => {
        expect(run(graph, choices)).toEqual(walk(graph, choices));
      }),
      { seed: 20261121, numRuns: 600 },
    );
  });
});
