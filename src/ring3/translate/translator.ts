// The translator as the processor plugs it in: addresses of hot code in, functions of compiled regions out, either
// at once or, where a service makes the modules on another thread, when they are ready.

import type { CodeReader } from '../code-cache.ts';
import type { SemanticsTable } from '../emit.ts';
import {
  type Batch,
  type BatchLimits,
  emitBatch,
  type PackedBatch,
  packBatch,
  planBatch,
  reachablePages,
  unpackBatch,
} from './translate.ts';

/** A region that is going to be made. */
export interface Planned {
  readonly ip: number;
  /** Every guest page that it is made from, and of what it calls directly: when one changes, it is out of date. */
  readonly pages: readonly number[];
  /** See `Region.frontier`. */
  readonly frontier: readonly number[];
}

export interface Plan {
  /** Those asked for that have code, in order; then callees that come with them. */
  readonly regions: readonly Planned[];
  /** Makes them: `done` gets a function for each, now or while a later `poll` runs; null when that failed. */
  make(done: (functions: readonly WebAssembly.ExportValue[] | null) => void): void;
}

export interface Translator {
  /** `exactFp`: see `Emit.exactFp`. */
  plan(entries: readonly number[], exactFp: boolean, reader: CodeReader): Plan;
  /** There will be something to make soon. */
  prepare(): void;
  /** Takes in what another thread has made. */
  poll(): void;
}

/** Makes modules of packed batches on another thread. */
export interface TranslationService {
  /** Something will be submitted soon. */
  prepare(): void;
  /** False when the thread is gone; then `done` is not called. It gets null for what could not be made. */
  submit(batch: PackedBatch, done: (module: WebAssembly.Module | null) => void): boolean;
  /** Calls `done` for the modules that are ready. */
  poll(): void;
}

/** Batches that may be under way on the other thread; beyond that this one helps. */
const MAX_SUBMITTED = 8;

const helperNumbers = (names: readonly string[]): ((name: string) => number) => {
  const numbers = new Map(names.map((name, i) => [name, i]));
  return (name) => {
    const n = numbers.get(name);
    if (n === undefined) throw new Error(`no helper named ${name}`);
    return n;
  };
};

/** For the other thread: the module of a packed batch. */
export const createModuleMaker = (
  semantics: SemanticsTable,
  helperNames: readonly string[],
): ((packed: PackedBatch) => WebAssembly.Module) => {
  const helperNumber = helperNumbers(helperNames);
  return (packed) => {
    const { exactFp } = packed;
    const bytes = emitBatch(unpackBatch(packed), { semantics, helperNumber, exactFp });
    return new WebAssembly.Module(bytes as BufferSource);
  };
};

export const createTranslator =
  (
    semantics: SemanticsTable,
    helperNames: readonly string[],
    limits?: BatchLimits,
    service?: TranslationService,
  ) =>
  (imports: Record<string, WebAssembly.ExportValue>): Translator => {
    const helperNumber = helperNumbers(helperNames);
    let submitted = 0;
    const functions = (module: WebAssembly.Module, n: number): WebAssembly.ExportValue[] => {
      const { exports } = new WebAssembly.Instance(module, { k: imports });
      return Array.from({ length: n }, (_, i) => exports[`${i}`] as WebAssembly.ExportValue);
    };
    const makeHere = (batch: Batch, exactFp: boolean): WebAssembly.ExportValue[] => {
      const bytes = emitBatch(batch, { semantics, helperNumber, exactFp });
      return functions(new WebAssembly.Module(bytes as BufferSource), batch.size);
    };
    return {
      plan(entries, exactFp, reader) {
        const batch = planBatch(entries, reader, limits);
        const regions = [...batch.values()].map((r) => ({
          ip: r.entry,
          pages: reachablePages(r.entry, batch),
          frontier: r.frontier,
        }));
        return {
          regions,
          make(done) {
            if (batch.size === 0) {
              done([]);
              return;
            }
            const elsewhere =
              service !== undefined &&
              submitted < MAX_SUBMITTED &&
              service.submit(packBatch(batch, exactFp, reader.bytes), (module) => {
                submitted--;
                done(module && functions(module, batch.size));
              });
            if (elsewhere) submitted++;
            else done(makeHere(batch, exactFp));
          },
        };
      },
      prepare: () => service?.prepare(),
      poll: () => service?.poll(),
    };
  };
