// Translations that were made before. A module is made of nothing but guest code at its addresses, so where the same
// bytes lie at the same addresses again, the module that was made of them then is the one that would be made now.

import type { Planned } from './translator.ts';

/** Guest code that a module was made of: `bytes` lay at `ip`. */
export interface CodeRange {
  readonly ip: number;
  readonly bytes: Uint8Array;
}

/** What a module is, beside itself. */
export interface KeptBatch {
  /** See `Emit.exactFp`. */
  readonly exactFp: boolean;
  /** The first is the one that was asked for. */
  readonly regions: readonly Planned[];
  /** Where the code begins that the module depends on. */
  starts(): readonly number[];
  /** All that code; null when it is not known after all. */
  code(): readonly CodeRange[] | null;
  /** Null when it cannot be had after all. */
  module(): WebAssembly.Module | null;
}

/** A module that was made just now. */
export interface MadeBatch {
  readonly exactFp: boolean;
  readonly regions: readonly Planned[];
  readonly code: readonly CodeRange[];
  readonly module: WebAssembly.Module;
  /** What the module was compiled from. */
  readonly wasm: Uint8Array;
  /** Its regions, instantiated. */
  readonly functions: readonly WebAssembly.ExportValue[];
}

/** Where the host keeps modules, by the names of the programs that they were made for. */
export interface CodeStore {
  /** What was kept of a program. */
  fetch(program: string): KeptIndex;
  /** A module of a program was made. */
  made(program: string, batch: MadeBatch): void;
  /** A module that had been kept was instantiated. */
  used(batch: KeptBatch, functions: readonly WebAssembly.ExportValue[]): void;
}

const place = (ip: number, exactFp: boolean): number => ip * 2 + (exactFp ? 1 : 0);

/** Modules by the addresses that their regions start at. */
export class KeptIndex {
  /** The likeliest last. */
  readonly #at = new Map<number, KeptBatch[]>();

  /** What is added later knows more. */
  add(batch: KeptBatch): void {
    batch.regions.forEach(({ ip }, n) => {
      const at = place(ip, batch.exactFp);
      const others = this.#at.get(at) ?? [];
      this.#at.set(at, others);
      // A module that was made for this region has what it calls, too.
      const own = others.findLastIndex((b) => b.regions[0]?.ip === ip);
      if (n === 0 || own < 0) others.push(batch);
      else others.splice(own, 0, batch);
    });
  }
  /** Where regions start. */
  *starts(): Iterable<number> {
    for (const at of this.#at.keys()) yield Math.floor(at / 2);
  }
  /** Whether there may be a region for an address. */
  has(ip: number, exactFp: boolean): boolean {
    return this.#at.has(place(ip, exactFp));
  }
  /** A module with the region of an address, if `same` finds its code where it was. Those whose is not there are forgotten. */
  find(ip: number, exactFp: boolean, same: (range: CodeRange) => boolean): KeptBatch | null {
    const at = place(ip, exactFp);
    const batches = this.#at.get(at);
    for (let batch = batches?.at(-1); batch; batch = batches?.at(-1)) {
      if (batch.code()?.every(same)) return batch;
      batches?.pop();
    }
    this.#at.delete(at);
    return null;
  }
  clear(): void {
    this.#at.clear();
  }
}

/** Bytes of modules that a `sharedStore` has before it forgets all: their machine code is several times as much. */
const MAX_BYTES = 32 << 20;

/** A store in memory, for the machines of one process. */
export const sharedStore = (): CodeStore => {
  const programs = new Map<string, KeptIndex>();
  let bytes = 0;
  const indexOf = (program: string): KeptIndex => {
    let index = programs.get(program);
    if (!index) {
      index = new KeptIndex();
      programs.set(program, index);
    }
    return index;
  };
  return {
    fetch: indexOf,
    made(program, { exactFp, regions, code, module, wasm }) {
      bytes += wasm.length;
      if (bytes > MAX_BYTES) {
        for (const index of programs.values()) index.clear();
        bytes = wasm.length;
      }
      const starts = (): number[] => code.map(({ ip }) => ip);
      indexOf(program).add({ exactFp, regions, starts, code: () => code, module: () => module });
    },
    used: () => {},
  };
};
