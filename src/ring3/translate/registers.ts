// Which guest registers a region has to load, spill and reload, and where. While code is emitted, each block
// records its reads and writes and the points where registers meet the CPU block; `solve` then finds by data
// flow what is dirty and what is live at each point, and the marks left in the code are filled in.
// A set of registers is a bit mask: general registers 0..15, xmm registers 16..31.

/** A stretch without points: registers read before written, certainly written, possibly written. */
interface Stretch {
  readonly kind: 'stretch';
  use: number;
  def: number;
  may: number;
}

/** A place where registers are stored to the CPU block, or loaded from it. */
export interface Point {
  /**
   * `sync`: spills, lets others change the block, and reloads. `exit`: spills and leaves the function.
   * `fault`: a branch to one of a few epilogues that faults share.
   */
  readonly kind: 'sync' | 'exit' | 'fault';
  /** Inside a conditional part of an instruction: control may also pass by. */
  readonly conditional: boolean;
  spill: number;
  reload: number;
  /** Of a fault: which epilogue it branches to. */
  epilogue: number;
}

/** Epilogues of a region: with one for all, whatever is written anywhere would be live everywhere. */
export const EPILOGUES = 24;

const bits = (set: number): number => {
  let n = 0;
  for (let s = set; s !== 0; s &= s - 1) n++;
  return n;
};

export class RegisterFlow {
  readonly #blocks: (Stretch | Point)[][];
  readonly #succs: readonly (readonly number[])[];
  #items: (Stretch | Point)[];
  #now: Stretch = { kind: 'stretch', use: 0, def: 0, may: 0 };
  #conditional = 0;
  /** After `solve`: registers to load on entry, and what each epilogue stores. */
  entry = 0;
  epilogues: readonly number[] = [];

  /** `succs`: followed edges by block. */
  constructor(succs: readonly (readonly number[])[]) {
    this.#blocks = succs.map(() => []);
    this.#succs = succs;
    this.#items = this.#blocks[0] as (Stretch | Point)[];
    this.#open();
  }
  #open(): void {
    this.#now = { kind: 'stretch', use: 0, def: 0, may: 0 };
    this.#items.push(this.#now);
  }
  /** Records for a block from now on; call the function returned to go back to the one before. */
  enter(block: number): () => void {
    const items = this.#items;
    const conditional = this.#conditional;
    this.#items = this.#blocks[block] as (Stretch | Point)[];
    this.#conditional = 0;
    this.#open();
    return () => {
      this.#items = items;
      this.#conditional = conditional;
      this.#open();
    };
  }
  conditionally(body: () => void): void {
    this.#conditional++;
    body();
    this.#conditional--;
  }
  /** What a loop inside of an instruction writes may differ from the CPU block from the loop's start on. */
  loop(body: () => void): void {
    this.#open();
    const start = this.#now;
    const from = this.#items.length;
    this.conditionally(body);
    for (const item of this.#items.slice(from)) if (item.kind === 'stretch') start.may |= item.may;
  }
  read(reg: number): void {
    const bit = 1 << reg;
    if ((this.#now.def & bit) === 0) this.#now.use |= bit;
  }
  write(reg: number): void {
    const bit = 1 << reg;
    if (this.#conditional === 0) this.#now.def |= bit;
    this.#now.may |= bit;
  }
  point(kind: Point['kind']): Point {
    const p: Point = { kind, conditional: this.#conditional > 0, spill: 0, reload: 0, epilogue: 0 };
    this.#items.push(p);
    this.#open();
    return p;
  }

  /** What a block turned out to write, and whether it meets the CPU block before its end. */
  effects(block: number): { readonly written: number; readonly syncs: boolean } {
    let written = 0;
    let syncs = false;
    for (const item of this.#blocks[block] as (Stretch | Point)[]) {
      if (item.kind === 'stretch') written |= item.may;
      else if (item.kind === 'sync') syncs = true;
    }
    return { written, syncs };
  }

  solve(): void {
    const n = this.#blocks.length;
    const preds: number[][] = this.#blocks.map(() => []);
    this.#succs.forEach((list, u) => {
      for (const v of list) preds[v]?.push(u);
    });

    // Forward: what may differ from the CPU block.
    const dirtyOut = new Int32Array(n);
    for (let changed = true; changed; ) {
      changed = false;
      for (let b = 0; b < n; b++) {
        let dirty = 0;
        for (const p of preds[b] as number[]) dirty |= dirtyOut[p] as number;
        for (const item of this.#blocks[b] as (Stretch | Point)[]) {
          if (item.kind === 'stretch') dirty |= item.may;
          else {
            item.spill = dirty;
            if (item.kind === 'sync' && !item.conditional) dirty = 0;
          }
        }
        if (dirtyOut[b] !== dirty) {
          dirtyOut[b] = dirty;
          changed = true;
        }
      }
    }
    this.#chooseEpilogues();

    // Backward: whose local has to be right. A spill reads its registers.
    const liveIn = new Int32Array(n);
    for (let changed = true; changed; ) {
      changed = false;
      for (let b = n - 1; b >= 0; b--) {
        let live = 0;
        for (const s of this.#succs[b] as readonly number[]) live |= liveIn[s] as number;
        const items = this.#blocks[b] as (Stretch | Point)[];
        for (let k = items.length - 1; k >= 0; k--) {
          const item = items[k] as Stretch | Point;
          switch (item.kind) {
            case 'stretch':
              live = (live & ~item.def) | item.use;
              break;
            case 'fault':
              live |= this.epilogues[item.epilogue] as number;
              break;
            case 'exit':
              live |= item.spill;
              break;
            case 'sync':
              item.reload = live;
              live = item.conditional ? live | item.spill : item.spill;
              break;
          }
        }
        if (liveIn[b] !== live) {
          liveIn[b] = live;
          changed = true;
        }
      }
    }
    this.entry = liveIn[0] as number;
  }

  /** Sorts the fault points into a few classes whose members store nearly the same registers. */
  #chooseEpilogues(): void {
    const points: Point[] = [];
    for (const items of this.#blocks) for (const i of items) if (i.kind === 'fault') points.push(i);
    const counts = new Map<number, number>();
    for (const p of points) counts.set(p.spill, (counts.get(p.spill) ?? 0) + 1);
    let classes = [...counts].map(([set, count]) => ({ set, count }));
    // Rare sets join the first that costs least, until pairs can be compared in reasonable time.
    classes.sort((a, b) => b.count - a.count);
    const cost = (a: { set: number; count: number }, b: { set: number; count: number }): number => {
      const both = a.set | b.set;
      return a.count * (bits(both) - bits(a.set)) + b.count * (bits(both) - bits(b.set));
    };
    while (classes.length > EPILOGUES) {
      const last = classes.pop() as { set: number; count: number };
      let best = classes[0] as { set: number; count: number };
      for (const c of classes) if (cost(c, last) < cost(best, last)) best = c;
      best.set |= last.set;
      best.count += last.count;
      if (classes.length <= 4 * EPILOGUES) classes = classes.sort((a, b) => b.count - a.count);
    }
    this.epilogues = classes.map((c) => c.set);
    for (const p of points) {
      let best = 0;
      let least = 99;
      this.epilogues.forEach((set, k) => {
        if ((p.spill & ~set) !== 0 || bits(set & ~p.spill) >= least) return;
        best = k;
        least = bits(set & ~p.spill);
      });
      p.epilogue = best;
    }
  }
}
