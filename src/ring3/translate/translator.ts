// The translator as the processor plugs it in: addresses of hot code in, functions of compiled regions out, either
// at once or, where a service makes the modules on another thread, when they are ready.

import type { CodeReader } from '../code-cache.ts';
import type { SemanticsTable } from '../emit.ts';
import { type HelperFamilies, numberHelpers } from '../helpers.ts';
import type { CodeStore, KeptIndex } from './kept.ts';
import {
  type Batch,
  type BatchLimits,
  codeOf,
  type EmitEnv,
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
  /** Where their blocks start. */
  readonly inside: readonly number[];
  /** They were made in an earlier run, and may be there already. */
  readonly kept: boolean;
  /** Makes them: `done` gets a function for each, now or while a later `poll` runs; null when that failed. */
  make(done: (functions: readonly WebAssembly.ExportValue[] | null) => void): void;
}

/** What is wanted of the translator. */
export interface Request {
  /** Where regions should start, the most urgent first. */
  readonly entries: readonly number[];
  /** See `Emit.exactFp`. */
  readonly exactFp: boolean;
  readonly reader: CodeReader;
  /** What runs, as `Translator.fetch` was told; null when nobody said. */
  readonly program: string | null;
  /** The first has a region that is not good enough any more. */
  readonly again: boolean;
}

export interface Translator {
  plan(request: Request): Plan;
  /** A program is going to run: where regions start that were kept from earlier runs of it. */
  fetch(program: string): Iterable<number>;
  /** Whether there may be such a region for an address. */
  isKept(program: string | null, ip: number, exactFp: boolean): boolean;
  /** There will be something to make soon. */
  prepare(): void;
  /** Takes in what another thread has made. */
  poll(): void;
}

/** A module, and what it was compiled from. */
export interface MadeModule {
  readonly module: WebAssembly.Module;
  readonly wasm: Uint8Array;
}

/** Makes modules of packed batches on another thread. */
export interface TranslationService {
  /** Something will be submitted soon. */
  prepare(): void;
  /** False when the thread is gone; then `done` is not called. It gets null for what could not be made. */
  submit(batch: PackedBatch, done: (made: MadeModule | null) => void): boolean;
  /** Calls `done` for the modules that are ready. */
  poll(): void;
}

/** Batches that may be under way on the other thread; beyond that this one helps. */
const MAX_SUBMITTED = 8;

const makeModule = (batch: Batch, env: EmitEnv): MadeModule => {
  const wasm = emitBatch(batch, env);
  return { module: new WebAssembly.Module(wasm as BufferSource), wasm };
};

/** For the other thread: the module of a packed batch. */
export const createModuleMaker = (
  semantics: () => SemanticsTable,
  helpers: () => HelperFamilies,
): ((packed: PackedBatch) => MadeModule) => {
  const helperNumber = numberHelpers(helpers).number;
  return (packed) =>
    makeModule(unpackBatch(packed), { semantics: semantics(), helperNumber, exactFp: packed.exactFp });
};

export const createTranslator =
  (
    semantics: () => SemanticsTable,
    helpers: () => HelperFamilies,
    limits?: BatchLimits,
    service?: TranslationService,
    store?: CodeStore,
  ) =>
  (imports: Record<string, WebAssembly.ExportValue>): Translator => {
    const helperNumber = numberHelpers(helpers).number;
    let submitted = 0;
    const functions = (module: WebAssembly.Module, n: number): WebAssembly.ExportValue[] => {
      const { exports } = new WebAssembly.Instance(module, { k: imports });
      return Array.from({ length: n }, (_, i) => exports[`${i}`] as WebAssembly.ExportValue);
    };
    /** What was kept of the programs that have run. */
    const kept = new Map<string, KeptIndex>();
    const keptOf = (program: string | null): KeptIndex | undefined =>
      program === null ? undefined : kept.get(program);
    /** What was made of the same code in an earlier run. */
    const fromStore = (r: Request): Plan | null => {
      const [first] = r.entries;
      if (!store || r.again || first === undefined) return null;
      const batch = keptOf(r.program)?.find(first, r.exactFp, ({ ip, bytes }) => r.reader.isSame(ip, bytes));
      const module = batch?.module();
      if (!batch || !module) return null;
      return {
        regions: batch.regions,
        inside: batch.starts(),
        kept: true,
        make(done) {
          const made = functions(module, batch.regions.length);
          store.used(batch, made);
          done(made);
        },
      };
    };
    return {
      plan(request) {
        const before = fromStore(request);
        if (before) return before;
        const { entries, exactFp, reader, program } = request;
        const batch = planBatch(entries, reader, limits);
        const regions = [...batch.values()].map((r) => ({
          ip: r.entry,
          pages: reachablePages(r.entry, batch),
          frontier: r.frontier,
        }));
        const code = store && program !== null ? codeOf(batch, reader.bytes) : [];
        const finish = (made: MadeModule): WebAssembly.ExportValue[] => {
          const instances = functions(made.module, batch.size);
          if (store && program !== null)
            store.made(program, { ...made, exactFp, regions, code, functions: instances });
          return instances;
        };
        return {
          regions,
          inside: [...batch.values()].flatMap((r) => r.blocks.map((b) => b.ip)),
          kept: false,
          make(done) {
            if (batch.size === 0) {
              done([]);
              return;
            }
            const elsewhere =
              service !== undefined &&
              submitted < MAX_SUBMITTED &&
              service.submit(packBatch(batch, exactFp, reader.bytes), (made) => {
                submitted--;
                done(made && finish(made));
              });
            if (elsewhere) submitted++;
            else done(finish(makeModule(batch, { semantics: semantics(), helperNumber, exactFp })));
          },
        };
      },
      fetch(program) {
        const index = keptOf(program) ?? store?.fetch(program);
        if (!index) return [];
        kept.set(program, index);
        return index.starts();
      },
      isKept: (program, ip, exactFp) => keptOf(program)?.has(ip, exactFp) ?? false,
      prepare: () => service?.prepare(),
      poll: () => service?.poll(),
    };
  };
