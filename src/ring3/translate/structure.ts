// From a control flow graph to WebAssembly's nested blocks and loops, by the dominator tree
// (N. Ramsey, "Beyond Relooper", ICFP 2022). Reducible graphs translate exactly; an edge that enters a loop
// other than through its header is not followed: the caller leaves the function there.

import type { Code, Label } from '../wasm/code.ts';

/** Successors by node; node 0 is the entry. */
export type Graph = readonly (readonly number[])[];

export interface Structure {
  /** Reachable nodes in reverse postorder. */
  readonly order: readonly number[];
  /** Place in `order`, or -1 for an unreachable node. */
  readonly number: Int32Array;
  /** Immediate dominator; the entry is its own. */
  readonly idom: Int32Array;
  /** Targets of back-edges. */
  readonly header: Uint8Array;
  /** Targets of two or more forward edges: reached by a branch, all others are placed at their one edge. */
  readonly merge: Uint8Array;
  /** Merge nodes immediately dominated by a node, in reverse postorder. */
  readonly merges: readonly (readonly number[])[];
  /** True for an edge that no structured branch can follow. */
  leaves(from: number, to: number): boolean;
  /** True for an edge back to a header that dominates its source. */
  isBack(from: number, to: number): boolean;
}

const reversePostorder = (graph: Graph): number[] => {
  const post: number[] = [];
  const seen = new Uint8Array(graph.length);
  const stack: { node: number; next: number }[] = [{ node: 0, next: 0 }];
  seen[0] = 1;
  while (stack.length > 0) {
    const top = stack[stack.length - 1] as { node: number; next: number };
    const succ = (graph[top.node] as readonly number[])[top.next++];
    if (succ === undefined) {
      post.push(top.node);
      stack.pop();
    } else if (seen[succ] === 0) {
      seen[succ] = 1;
      stack.push({ node: succ, next: 0 });
    }
  }
  return post.reverse();
};

/** Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm". */
const dominators = (order: readonly number[], number: Int32Array, preds: readonly number[][]): Int32Array => {
  const idom = new Int32Array(number.length).fill(-1);
  const at = (i: number): number => number[i] as number;
  idom[0] = 0;
  for (let changed = true; changed; ) {
    changed = false;
    for (const n of order) {
      if (n === 0) continue;
      let dom = -1;
      for (const p of preds[n] as number[]) {
        if (idom[p] === -1) continue;
        if (dom === -1) {
          dom = p;
          continue;
        }
        let a = p;
        while (a !== dom) {
          while (at(a) > at(dom)) a = idom[a] as number;
          while (at(dom) > at(a)) dom = idom[dom] as number;
        }
      }
      if (idom[n] !== dom) {
        idom[n] = dom;
        changed = true;
      }
    }
  }
  return idom;
};

export const structure = (graph: Graph): Structure => {
  const n = graph.length;
  const order = reversePostorder(graph);
  const number = new Int32Array(n).fill(-1);
  order.forEach((node, i) => {
    number[node] = i;
  });
  const place = (i: number): number => number[i] as number;
  const predecessors = (keep: (from: number, to: number) => boolean): number[][] => {
    const preds: number[][] = graph.map(() => []);
    for (const u of order) for (const v of graph[u] as readonly number[]) if (keep(u, v)) preds[v]?.push(u);
    return preds;
  };
  let idom = dominators(
    order,
    number,
    predecessors(() => true),
  );
  const dominates = (a: number, b: number): boolean => {
    let x = b;
    while (place(x) > place(a)) x = idom[x] as number;
    return x === a;
  };
  const dropped = new Set<number>();
  for (const u of order)
    for (const v of graph[u] as readonly number[])
      if (place(v) <= place(u) && !dominates(v, u)) dropped.add(u * n + v);
  const leaves = (from: number, to: number): boolean => dropped.has(from * n + to);
  const isBack = (from: number, to: number): boolean => place(to) <= place(from) && !leaves(from, to);
  const preds = predecessors((u, v) => !leaves(u, v));
  // Without the edges that leave, nodes are dominated by more; the back-edges that are left stay back-edges.
  if (dropped.size > 0) idom = dominators(order, number, preds);

  const header = new Uint8Array(n);
  const merge = new Uint8Array(n);
  for (const v of order) {
    let forward = 0;
    for (const u of preds[v] as number[])
      if (isBack(u, v)) header[v] = 1;
      else forward++;
    if (forward > 1) merge[v] = 1;
  }
  const merges: number[][] = graph.map(() => []);
  for (const v of order) if (merge[v] === 1) merges[idom[v] as number]?.push(v);
  return { order, number, idom, header, merge, merges, leaves, isBack };
};

/** The nodes of the loop that edges back to a header from the given nodes make. `preds`: by edges that are followed. */
export const loopBody = (header: number, latches: readonly number[], preds: Graph): Set<number> => {
  const body = new Set([header]);
  const open = [...latches];
  for (let u = open.pop(); u !== undefined; u = open.pop()) {
    if (body.has(u)) continue;
    body.add(u);
    open.push(...(preds[u] as readonly number[]));
  }
  return body;
};

/** The nodes of each loop by its header, which is one of them. `preds`: by edges that are followed. */
export const loopBodies = (
  { header, isBack }: Pick<Structure, 'header' | 'isBack'>,
  preds: Graph,
): ReadonlyMap<number, ReadonlySet<number>> => {
  const bodies = new Map<number, Set<number>>();
  header.forEach((is, h) => {
    if (is === 0) return;
    const latches = (preds[h] as readonly number[]).filter((u) => isBack(u, h));
    bodies.set(h, loopBody(h, latches, preds));
  });
  return bodies;
};

/** Transfers of control out of the node that is being emitted. */
export interface Edges {
  /** Goes to a successor: a branch, or the successor's code itself where this is the only way in. */
  go(to: number): void;
  /** The label of a successor that is reached by a plain forward branch; null when `go` has to do it. */
  label(to: number): Label | null;
}

export interface StructureVisitor {
  /** Emits a node. Every path must end in exactly one `go`, a branch, or a return. */
  node(node: number, edges: Edges): void;
  /** All that a node dominates has been emitted. */
  end(node: number): void;
  /** Emits what happens on an edge that cannot be followed. Must not fall through. */
  leave(from: number, to: number): void;
  /** Emits what happens before each jump back to a header (budget). Falls through to the jump. */
  back(from: number, to: number): void;
}

/** Emits a whole graph. Control never reaches the end of what is emitted. */
export const emitStructured = (
  s: Structure,
  code: Pick<Code, 'open' | 'close' | 'br'>,
  visitor: StructureVisitor,
): void => {
  const loops = new Map<number, Label>();
  const ends = new Map<number, Label>();

  const tree = (node: number): void => {
    const isHeader = s.header[node] === 1;
    if (isHeader) loops.set(node, code.open(0x03));
    const merges = s.merges[node] as readonly number[];
    // The last in reverse postorder is outermost, so that each can branch forward to those after it.
    for (let i = merges.length - 1; i >= 0; i--) ends.set(merges[i] as number, code.open(0x02));
    visitor.node(node, {
      go: (to) => {
        if (s.leaves(node, to)) visitor.leave(node, to);
        else if (s.isBack(node, to)) {
          visitor.back(node, to);
          code.br(loops.get(to) as Label);
        } else if (s.merge[to] === 1) code.br(ends.get(to) as Label);
        else tree(to);
      },
      label: (to) =>
        !s.leaves(node, to) && !s.isBack(node, to) && s.merge[to] === 1 ? (ends.get(to) ?? null) : null,
    });
    for (const m of merges) {
      code.close();
      tree(m);
    }
    if (isHeader) code.close();
    visitor.end(node);
  };
  tree(0);
};
