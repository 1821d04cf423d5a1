import { describe, expect, test } from 'vitest';
import { PTE } from '../cpu.ts';
import { HOME, PAGE, TLB } from '../layout.ts';
import { createFrames } from './frames.ts';
import { Homes } from './homes.ts';
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
  /** The same among the pages at home. */
  const hitsAtHome = (page: number, tag: number): boolean => {
    const at = table.tlb + HOME.table + ((page & (TLB.entries - 1)) << HOME.entryShift);
    return BigInt.asUintN(64, BigInt(page * PAGE) - mem.dv.getBigInt64(at + tag, true)) < 4096n;
  };
  const enterHome = (page: number): void => {
    const at = table.tlb + HOME.table + ((page & (TLB.entries - 1)) << HOME.entryShift);
    for (const tag of [HOME.readTag, HOME.writeTag]) mem.dv.setBigInt64(at + tag, BigInt(page * PAGE), true);
  };
  return { mem, table, hits, hitsAtHome, enterHome };
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

  test('a page that moves, goes or is flushed is at home no more', () => {
    const { table, mem, hitsAtHome, enterHome } = make();
    const tags = [HOME.readTag, HOME.writeTag];
    for (const page of [0, 1, 2047, 2048]) {
      expect(tags.some((tag) => hitsAtHome(page, tag))).toBe(false);
      table.set(page, mem.alloc(), PTE.read);
      for (const leave of [
        () => table.set(page, mem.alloc(), PTE.read),
        () => table.flushTlb(),
        () => table.clear(page),
      ]) {
        enterHome(page);
        expect(tags.every((tag) => hitsAtHome(page, tag))).toBe(true);
        leave();
        expect(tags.some((tag) => hitsAtHome(page, tag))).toBe(false);
      }
    }
  });

  test('a table that has forgotten its jumps is in an epoch of its own', () => {
    const mem = createFrames(16 << 20);
    const tables = [createPageTable(mem, () => {}), createPageTable(mem, () => {})];
    for (const t of tables) t?.useJumps();
    const before = tables.map((t) => t?.epoch);
    tables[0]?.flushJumps();
    const after = tables.map((t) => t?.epoch);
    expect(new Set([0, ...before, after[0]]).size).toBe(4);
    expect(after[1]).toBe(before[1]);
  });

  test('spaces at a time have homes of their own, spaces one after the other the same', () => {
    const homes = new Homes();
    const first = homes.choose();
    homes.hold(first);
    const second = homes.choose();
    homes.hold(second);
    expect(second).not.toBe(first);
    homes.release(first);
    expect(homes.choose()).toBe(first);
  });

  test('homes are as far apart as their pages, modulo 4 GiB', () => {
    const table = createPageTable(createFrames(16 << 20), () => {}, 2 ** 32 - 2 ** 28);
    const homes = [0x7fff_f7ff_f000, 0x7fff_f7ff_e000, 0x5555_5555_4000, 0].map((a) =>
      table?.homeOf(a / PAGE),
    );
    expect(homes).toEqual([0xe7ff_f000 / PAGE, 0xe7ff_e000 / PAGE, 0x4555_4000 / PAGE, 0xf000_0000 / PAGE]);
  });
});
