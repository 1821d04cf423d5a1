import { describe, expect, test } from 'vitest';
import { PTE } from '../cpu.ts';
import { PAGE, TLB } from '../layout.ts';
import { createFrames } from './frames.ts';
import { createPageTable } from './page-table.ts';

const make = () => {
  const mem = createFrames(16 << 20);
  const table = createPageTable(mem, () => {});
  if (!table) throw new Error('no memory');
  /** Whether an access of one byte hits the TLB, as generated code asks. */
  const hits = (address: bigint, tag: number): boolean => {
    const index = Number(BigInt.asUintN(64, address >> 12n) & BigInt(TLB.entries - 1));
    const at = table.tlb + (index << TLB.entryShift);
    return BigInt.asUintN(64, address - mem.dv.getBigInt64(at + tag, true)) < 4096n;
  };
  return { mem, table, hits };
};

describe('the TLB', () => {
  const pages = [0n, 1n, 2n, 3n, 2047n, 2048n, -1n, -2n, 1n << 51n, (1n << 51n) + 1n, (1n << 52n) - 1n];
  const everywhere = (hits: (address: bigint, tag: number) => boolean): boolean =>
    pages.some((p) =>
      [0n, 1n, 4095n].some((o) =>
        [TLB.readTag, TLB.writeTag].some((tag) => hits(BigInt.asIntN(64, (p << 12n) + o), tag)),
      ),
    );

  test('an empty one hits nowhere', () => {
    const { hits, table } = make();
    expect(everywhere(hits)).toBe(false);
    table.flushTlb();
    expect(everywhere(hits)).toBe(false);
  });

  test('a page that goes leaves nothing behind, a page that is read only nothing to write', () => {
    const { hits, table, mem } = make();
    for (const page of [0, 1, 2, 2047, 2048]) {
      const frame = mem.alloc();
      table.set(page, frame, PTE.read);
      expect(table.translate(page * PAGE + 5, false)).toBe(frame * PAGE + 5);
      expect(table.translate(page * PAGE + 5, false)).toBe(frame * PAGE + 5);
      expect(table.translate(page * PAGE + 5, true)).toBe(-1);
      expect(hits(BigInt(page * PAGE), TLB.readTag)).toBe(true);
      expect(hits(BigInt(page * PAGE), TLB.writeTag)).toBe(false);
      table.clear(page);
      expect(table.translate(page * PAGE, false)).toBe(-1);
    }
    expect(everywhere(hits)).toBe(false);
  });
});
