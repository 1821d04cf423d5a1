// Translations of earlier runs. A module is made of nothing but guest code at its addresses, so where the same bytes
// lie at the same addresses again, the module that was made of them then is the one that would be made now.

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
  /** All the code that the module depends on. */
  code(): readonly CodeRange[];
  /** Null when it cannot be had after all. */
  module(): WebAssembly.Module | null;
}

/** A module that was made in this run. */
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

/** Where the host keeps modules from one run to the next, by the names of the programs that they were made for. */
export interface CodeStore {
  /** What was kept of a program, oldest first. */
  fetch(program: string): readonly KeptBatch[];
  /** A module of a program was made. */
  made(program: string, batch: MadeBatch): void;
  /** A module that had been kept was instantiated. */
  used(batch: KeptBatch, functions: readonly WebAssembly.ExportValue[]): void;
}

/** What was kept of the programs of a machine, by the addresses that regions start at. */
export class KeptCode {
  readonly #store: CodeStore;
  readonly #programs = new Map<string, Map<number, KeptBatch>>();

  constructor(store: CodeStore) {
    this.#store = store;
  }

  /** Fetches what was kept of a program, once: where its regions start. */
  fetch(program: string): Iterable<number> {
    let known = this.#programs.get(program);
    if (!known) {
      known = new Map();
      const firsts = new Set<number>();
      for (const batch of this.#store.fetch(program)) {
        for (const [n, { ip }] of batch.regions.entries()) {
          const at = place(ip, batch.exactFp);
          // A module that was made for this region has what it calls, too, and later ones know more.
          if (n === 0) firsts.add(at);
          else if (firsts.has(at)) continue;
          known.set(at, batch);
        }
      }
      this.#programs.set(program, known);
    }
    return [...known.keys()].map((at) => Math.floor(at / 2));
  }

  /** Whether there may be a region for an address. */
  has(program: string | null, ip: number, exactFp: boolean): boolean {
    return program !== null && (this.#programs.get(program)?.has(place(ip, exactFp)) ?? false);
  }

  /** The module with the region of an address, if `same` finds its code where it was. Otherwise it is forgotten. */
  find(
    program: string | null,
    ip: number,
    exactFp: boolean,
    same: (range: CodeRange) => boolean,
  ): KeptBatch | null {
    const known = program === null ? undefined : this.#programs.get(program);
    const batch = known?.get(place(ip, exactFp));
    if (!known || !batch) return null;
    if (batch.code().every(same)) return batch;
    for (const r of batch.regions) {
      const at = place(r.ip, exactFp);
      if (known.get(at) === batch) known.delete(at);
    }
    return null;
  }
}

const place = (ip: number, exactFp: boolean): number => ip * 2 + (exactFp ? 1 : 0);
