// The translator as the processor plugs it in: hot blocks in, table entries of compiled regions out.

import type { SemanticsTable } from '../emit.ts';
import type { Translator } from '../processor.ts';
import { type BatchLimits, translateBatch } from './translate.ts';

/** For `CpuOptions.translator`: makes regions from hot blocks, with the callees they pull in. */
export const createTranslator =
  (semantics: SemanticsTable, helperNames: readonly string[], limits?: BatchLimits) =>
  (imports: Record<string, WebAssembly.ExportValue>): Translator => {
    const numbers = new Map(helperNames.map((name, i) => [name, i]));
    const helperNumber = (name: string): number => {
      const n = numbers.get(name);
      if (n === undefined) throw new Error(`no helper named ${name}`);
      return n;
    };
    return (blocks, reader, place) =>
      blocks.map((block) => {
        const batch = translateBatch([block.ip], {
          code: reader,
          semantics,
          helperNumber,
          exactFp: block.exactFp,
          ...(limits ? { limits } : {}),
        });
        if (!batch) return null;
        const module = new WebAssembly.Module(batch.bytes as BufferSource);
        const { exports } = new WebAssembly.Instance(module, { k: imports });
        const made = batch.regions.map((r, n) => ({
          ip: r.entry,
          fn: place(exports[`${n}`] as WebAssembly.ExportValue),
          pages: batch.pages,
        }));
        const [first, ...callees] = made;
        const frontier = batch.regions[0]?.frontier ?? [];
        return first ? { ...first, callees, frontier } : null;
      });
  };
