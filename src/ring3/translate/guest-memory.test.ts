import { describe, expect, test } from 'vitest';
import { WASM } from '../emit-base.ts';
import { HOME, MEMO, memoAt, TLB } from '../layout.ts';
import { Code } from '../wasm/code.ts';
import { i32, i64, local, type Val } from '../wasm/ir.ts';
import { ModuleBuilder } from '../wasm/module.ts';
import { GuestMemory } from './guest-memory.ts';
import { Symbols } from './symbols.ts';

const TLB_AT = 0x10000;
const FRAME = 0x40000;
/** What an address and its place at home are apart. */
const HOMES = 0x60000;
const PAGE_5 = 0x5000;
const SLOW = 0x50000;

type Access = { readonly at: number; readonly store?: true; readonly loop?: true; readonly stack?: true };

/** The memos of the first pair, and that of the stack. */
const [READ, WRITE] = [MEMO.firstOfLoops, MEMO.firstOfLoops + 1].map(memoAt) as [number, number];
const STACK = memoAt(MEMO.stackRead);

/**
 * Does 64-bit accesses at distances from the address given, one behind the other, and says what the core was asked:
 * for ranges, or in a cautious region for every access that misses. Ranges are found in SLOW, or not at all; slow loads
 * give their number times 16, slow stores fail with the status given.
 */
const run = (
  accesses: readonly Access[],
  address: number,
  tlb: { read?: number; write?: number; homeRead?: number; homeWrite?: number; memo?: number } = {},
  { cautious = false, found = true, status = 0 } = {},
): { asked: string[]; values: bigint[]; left: bigint; memory: DataView } => {
  const mb = new ModuleBuilder();
  mb.importMemory('k', 'memory');
  const lookup = (name: string): number => mb.importFunc('k', name, ['i64', 'i32'], ['i32']);
  const ranges = {
    readRange: lookup('readRange'),
    writeRange: lookup('writeRange'),
    readStack: lookup('readStack'),
    writeStack: lookup('writeStack'),
  };
  const loadSlow = lookup('loadSlow');
  const storeSlow = mb.importFunc('k', 'storeSlow', ['i64'], ['i32']);
  const code = new Code(['i64']);
  const base = code.param(0);
  const table = code.local('i32');
  const home = code.local('i32');
  const rip = code.local('i64');
  code.set(table, i32.const(TLB_AT));
  code.set(home, i32.const(HOMES));
  const memory = new GuestMemory(code, table, home, cautious ? null : ranges, 0);
  const symbols = new Symbols();
  const faults = code.open(0x02);
  const results: Val[] = [];
  accesses.forEach(({ at, store, loop, stack }, n) => {
    const where = i64.add(base, i64.const(at));
    const ctx = {
      conditional: false,
      loop: loop === true,
      stack: stack === true,
      strip: null,
      ip: 100 + n,
      rip,
      faults: () => faults,
    };
    const s = symbols.of(where, 0);
    if (store) {
      const value = i64.const(n);
      const slow = (c: Code, v: Val): void => {
        c.push(v);
        c.invoke(storeSlow);
      };
      memory.store(WASM.i64Store, 8, where, s, value, slow, ctx);
    } else {
      const result = code.local('i64');
      results.push(result);
      memory.load(result, WASM.i64Load, 8, where, s, false, loadSlow, ctx);
    }
  });
  for (const [n, r] of results.entries()) code.store(WASM.i64Store, i32.const(0), r, 8 * n);
  code.set(rip, i64.const(0));
  code.close();
  code.return(rip);
  code.unreachable();
  mb.export('f', mb.func(['i64'], ['i64'], code));

  const shared = new WebAssembly.Memory({ initial: 8 });
  const view = new DataView(shared.buffer);
  const entry = TLB_AT + (5 << TLB.entryShift);
  view.setBigInt64(entry + TLB.readTag, BigInt(tlb.read ?? -1), true);
  view.setBigInt64(entry + TLB.writeTag, BigInt(tlb.write ?? -1), true);
  view.setInt32(entry + TLB.frame, FRAME, true);
  for (const memo of [READ, WRITE, STACK]) {
    view.setBigInt64(memo + MEMO.tag, BigInt(tlb.memo ?? -1), true);
    view.setInt32(memo + MEMO.frame, HOMES + PAGE_5, true);
  }
  const homeEntry = TLB_AT + HOME.table + (5 << HOME.entryShift);
  view.setBigInt64(homeEntry + HOME.readTag, BigInt(tlb.homeRead ?? -1), true);
  view.setBigInt64(homeEntry + HOME.writeTag, BigInt(tlb.homeWrite ?? -1), true);
  for (let i = 0; i < 512; i++) view.setBigInt64(HOMES + PAGE_5 + 8 * i, BigInt(5000 + i), true);
  for (let i = 0; i < 512; i++) view.setBigInt64(FRAME + 8 * i, BigInt(1000 + i), true);
  for (let i = 0; i < 512; i++) view.setBigInt64(SLOW + 8 * i, BigInt(8 * i), true);
  const asked: string[] = [];
  const range =
    (what: string) =>
    (at: bigint, shape: number): number => {
      const only = what === 'read' ? ', reads' : '';
      asked.push(`${what} ${shape >> 16} before ${at}, ${shape & 0xffff} bytes${only}`);
      return found ? ~SLOW : -1;
    };
  const k = {
    memory: shared,
    readRange: range('read'),
    writeRange: range('write'),
    readStack: range('read stack'),
    writeStack: range('write stack'),
    loadSlow: (at: bigint, bytes: number) => {
      asked.push(`load ${bytes} at ${at}`);
      return SLOW + 16 * asked.length;
    },
    storeSlow: (at: bigint) => {
      asked.push(`store at ${at}`);
      return status;
    },
  };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(mb.finish() as BufferSource), { k });
  const left = (exports.f as (at: bigint) => bigint)(BigInt(address));
  return { asked, values: results.map((_, n) => view.getBigInt64(8 * n, true)), left, memory: view };
};

describe('guest memory in a region', () => {
  test('a hit goes through the TLB, a miss to the core', () => {
    expect(run([{ at: 8 }], PAGE_5, { read: PAGE_5 })).toMatchObject({ asked: [], values: [1001n] });
    expect(run([{ at: 8 }], PAGE_5)).toMatchObject({
      asked: ['read 0 before 20488, 8 bytes, reads'],
      values: [0n],
    });
  });

  test('a page at home is reached by a sum, whatever the TLB says', () => {
    const loaded = run([{ at: 8 }, { at: 24 }], PAGE_5, { read: PAGE_5, homeRead: PAGE_5 });
    expect(loaded).toMatchObject({ asked: [], values: [5001n, 5003n] });
    const stored = run([{ at: 16, store: true }], PAGE_5, { write: PAGE_5, homeWrite: PAGE_5 });
    expect(stored.memory.getBigInt64(HOMES + PAGE_5 + 16, true)).toBe(0n);
    expect(stored.memory.getBigInt64(FRAME + 16, true)).toBe(1002n);
  });

  test('a page at home that may be read only is written through the core, and so is a range that leaves it', () => {
    const readOnly = { read: PAGE_5, homeRead: PAGE_5 };
    expect(run([{ at: 0, store: true }], PAGE_5, readOnly).asked).toEqual(['write 0 before 20480, 8 bytes']);
    expect(run([{ at: 4092 }], PAGE_5, readOnly).asked).toEqual(['read 0 before 24572, 8 bytes, reads']);
  });

  test('a page that may be read only is not written through the TLB', () => {
    expect(run([{ at: 0, store: true }], PAGE_5, { read: PAGE_5 }).asked).toEqual([
      'write 0 before 20480, 8 bytes',
    ]);
    const written = run([{ at: 0 }, { at: 8, store: true }], PAGE_5, { read: PAGE_5, write: PAGE_5 });
    expect(written.asked).toEqual([]);
    expect(written.memory.getBigInt64(FRAME + 8, true)).toBe(1n);
  });

  test('in a loop, what was found last is asked first, and of a page that the TLB has a memo is made', () => {
    const kept = run([{ at: 8, loop: true }], PAGE_5, { read: PAGE_5, memo: PAGE_5 });
    expect(kept).toMatchObject({ asked: [], values: [5001n] });
    const made = run([{ at: 8, loop: true }], PAGE_5, { read: PAGE_5, memo: 0x9000 });
    expect(made).toMatchObject({ asked: [], values: [1001n] });
    expect([
      made.memory.getInt32(READ + MEMO.tag, true),
      made.memory.getInt32(READ + MEMO.frame, true),
    ]).toEqual([PAGE_5, FRAME]);
    expect(run([{ at: 8, loop: true }], PAGE_5, { memo: 0x9000 })).toMatchObject({
      asked: ['read 0 before 20488, 8 bytes, reads'],
      values: [0n],
    });
  });

  test('a store in a loop has a memo of its own', () => {
    const accesses: Access[] = [{ at: 0, store: true, loop: true }];
    const { memory } = run(accesses, PAGE_5, { write: PAGE_5 });
    expect([memory.getInt32(READ + MEMO.tag, true), memory.getInt32(WRITE + MEMO.tag, true)]).toEqual([
      -1,
      PAGE_5,
    ]);
    expect(run(accesses, PAGE_5, { read: PAGE_5 }).asked).toEqual(['write 0 before 20480, 8 bytes']);
  });

  test('all accesses to the stack share a memo, which the core makes', () => {
    const kept = run([{ at: 8, stack: true }], PAGE_5, { memo: PAGE_5 });
    expect(kept).toMatchObject({ asked: [], values: [5001n] });
    expect(run([{ at: 8, stack: true }], PAGE_5, { read: PAGE_5 }).asked).toEqual([
      'read stack 0 before 20488, 8 bytes',
    ]);
  });

  test('a load before a store does not ask for the right to write', () => {
    const accesses: Access[] = [{ at: 8 }, { at: 0, store: true }];
    expect(run(accesses, PAGE_5, { read: PAGE_5 }).asked).toEqual(['write 0 before 20480, 8 bytes']);
  });

  test('accesses behind and before the first are found with it', () => {
    const { asked, values } = run([{ at: 16 }, { at: 0 }, { at: 128 }], PAGE_5, { read: PAGE_5 });
    expect(asked).toEqual([]);
    expect(values).toEqual([1002n, 1000n, 1016n]);
  });

  test('a range that crosses a page is asked for once', () => {
    const { asked, values } = run([{ at: 0 }, { at: 16 }], PAGE_5 + 4096 - 16, { read: PAGE_5 });
    expect(asked).toEqual(['read 0 before 24560, 24 bytes, reads']);
    expect(values).toEqual([0n, 16n]);
  });

  test('accesses far apart are looked up by themselves', () => {
    const { asked, values } = run([{ at: 0 }, { at: 4096 }], PAGE_5, { read: PAGE_5 });
    expect(asked).toEqual(['read 0 before 24576, 8 bytes, reads']);
    expect(values).toEqual([1000n, 0n]);
  });

  test('where no range is found the region is left at the instruction', () => {
    const loads: Access[] = [{ at: 0 }, { at: 1024 }];
    expect(run(loads, PAGE_5, {}, { found: false }).left).toBe(100n);
    expect(run(loads, PAGE_5 - 1024 + 4096, { read: PAGE_5 }, { found: false }).left).toBe(101n);
    expect(run(loads, PAGE_5).left).toBe(0n);
  });

  test('a cautious region looks every access up, and does those that miss one by one', () => {
    const cautious = { cautious: true };
    const { asked } = run([{ at: 0 }, { at: 16 }], PAGE_5 + 4096 - 16, { read: PAGE_5 }, cautious);
    expect(asked).toEqual(['load 8 at 24576']);
    expect(run([{ at: 0 }], PAGE_5 + 4096 - 4, { read: PAGE_5 }, cautious).asked).toEqual([
      'load 8 at 24572',
    ]);
    const store: Access[] = [{ at: 0, store: true }];
    expect(run(store, PAGE_5, {}, { cautious: true, status: 2 })).toMatchObject({
      asked: ['store at 20480'],
      left: 100n,
    });
  });

  test('constant addresses are looked up by constants', () => {
    const mb = new ModuleBuilder();
    mb.importMemory('k', 'memory');
    const loadSlow = mb.importFunc('k', 'loadSlow', ['i64', 'i32'], ['i32']);
    const code = new Code([]);
    const table = code.local('i32');
    code.set(table, i32.const(TLB_AT));
    const result = code.local('i64');
    const rip = local('i64', result.op);
    const faults = code.open(0x02);
    const where = i64.const(PAGE_5 + 24);
    const ctx = {
      conditional: false,
      loop: false,
      stack: false,
      strip: null,
      ip: 1,
      rip,
      faults: () => faults,
    };
    new GuestMemory(code, table, table, null, 0).load(
      result,
      WASM.i64Load,
      8,
      where,
      new Symbols().of(where, 0),
      false,
      loadSlow,
      ctx,
    );
    code.close();
    code.return(result);
    code.unreachable();
    mb.export('f', mb.func([], ['i64'], code));
    const memory = new WebAssembly.Memory({ initial: 8 });
    const view = new DataView(memory.buffer);
    view.setBigInt64(TLB_AT + (5 << TLB.entryShift) + TLB.readTag, BigInt(PAGE_5), true);
    view.setInt32(TLB_AT + (5 << TLB.entryShift) + TLB.frame, FRAME, true);
    view.setBigInt64(FRAME + 24, 42n, true);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(mb.finish() as BufferSource), {
      k: { memory, loadSlow: () => 0 },
    });
    expect((exports.f as () => bigint)()).toBe(42n);
  });
});
