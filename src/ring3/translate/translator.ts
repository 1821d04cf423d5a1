// The translator as the processor plugs it in: hot blocks in, table entries of compiled regions out.

import type { SemanticsTable } from '../emit.ts';
import type { Translator } from '../processor.ts';
import { type BatchLimits, translateBatch } from './translate.ts';

/**
 * For `CpuOptions.translator`: makes regions from hot blocks, with the callees they pull in. The blocks of one
 * request are all exact about floating point, or none is.
 */
export const createTranslator =
  (semantics: SemanticsTable, helperNames: readonly string[], limits?: BatchLimits) =>
  (imports: Record<string, WebAssembly.ExportValue>): Translator => {
    const numbers = new Map(helperNames.map((name, i) => [name, i]));
    const helperNumber = (name: string): number => {
      const n = numbers.get(name);
      if (n === undefined) throw new Error(`no helper named ${name}`);
      return n;
    };
    return (blocks, reader, place) => {
      const [first] = blocks;
      if (!first) return [];
      const batch = translateBatch(
        blocks.map((b) => b.ip),
        {
          code: reader,
          semantics,
          helperNumber,
          exactFp: first.exactFp,
          ...(limits ? { limits } : {}),
        },
      );
      if (!batch) return blocks.map(() => null);
      const module = new WebAssembly.Module(batch.bytes as BufferSource);
      const { exports } = new WebAssembly.Instance(module, { k: imports });
      const asked = new Set(blocks.map((b) => b.ip));
      const made = batch.regions.map((r, n) => ({
        ip: r.ip,
        fn: place(exports[`${n}`] as WebAssembly.ExportValue),
        pages: r.pages,
        frontier: r.frontier,
      }));
      const callees = made.filter((t) => !asked.has(t.ip));
      return blocks.map((b, n) => {
        const t = made.find((m) => m.ip === b.ip);
        return t ? { ...t, callees: n === 0 ? callees : [] } : null;
      });
    };
  };
