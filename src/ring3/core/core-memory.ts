// Guest memory in the core module: page walks, what fills the TLB, and what handlers and regions call when they miss it.

import { PTE } from '../cpu.ts';
import { cpu, tlbEntry, WASM } from '../emit-base.ts';
import { FRAME_FLAGS, HOME, MEMO, memoAt, OFF, PAGE, STATUS, TLB } from '../layout.ts';
import { Code } from '../wasm/code.ts';
import { callFn, i32, i64, loadAt, type Val, type WasmType } from '../wasm/ir.ts';
import type { ModuleBuilder } from '../wasm/module.ts';
import type { CoreHost } from './core-module.ts';
import type { CoreName } from './core-signatures.ts';

const page = (at: Val): Val => i64.and(at, i64.const(-4096));
const offset = (at: Val): Val => i32.and(i32.wrap(at), i32.const(4095));

/** Physical address of what a page table entry has at an address. */
export const physical = (pte: Val, at: Val): Val => i32.or(i32.and(pte, i32.const(-4096)), offset(at));
const holdsCode = (pte: Val): Val =>
  i32.and(loadAt('i32', WASM.i32Load8U, i32.shrU(pte, i32.const(12)), FRAME_FLAGS), i32.const(1));
const crosses = (at: Val, bytes: Val): Val => i32.gtU(i32.add(offset(at), bytes), i32.const(4096));

/** Functions by index: what is asked of TypeScript, and what has been declared. */
export interface MemoryFunctions {
  readonly js: Readonly<Record<Extract<keyof CoreHost, 'fault' | `cross${string}`>, number>>;
  readonly fn: Readonly<Record<CoreName, number>>;
  readonly walk: number;
  readonly toWrite: number;
}

/** Defines the functions of memory, which have been declared. */
export const defineMemory = (mb: ModuleBuilder, { js, fn, walk, toWrite }: MemoryFunctions): void => {
  // walk(address) -> page table entry, or 0
  {
    const c = new Code(['i64']);
    const at = c.param(0);
    c.if(i64.ne(i64.shrU(at, i64.const(47)), i64.const(0)), () => c.return(i32.const(0)));
    const t = c.local('i32');
    c.set(t, cpu.i32(OFF.pageRoot));
    for (const shift of [42, 32, 22]) {
      const index = i32.and(i32.wrap(i64.shrU(at, i64.const(shift))), i32.const(shift === 42 ? 31 : 1023));
      c.set(t, loadAt('i32', WASM.i32Load, i32.add(t, i32.shl(index, i32.const(2)))));
      c.if(i32.eqz(t), () => c.return(i32.const(0)));
    }
    const index = i32.and(i32.wrap(i64.shrU(at, i64.const(12))), i32.const(1023));
    c.return(loadAt('i32', WASM.i32Load, i32.add(t, i32.shl(index, i32.const(2)))));
    c.unreachable();
    mb.define(walk, c);
  }

  const fill = (c: Code, at: Val, pte: Val, writable: Val): void => {
    /** Writes the tags of the entry for the page in one of the two tables, and gives the entry. */
    const tag = (entryShift: number, readTag: number, writeTag: number): Val => {
      const entry = c.let(tlbEntry(cpu.i32(OFF.tlb), at, entryShift));
      c.store(WASM.i64Store, entry, page(at), readTag);
      c.if(
        writable,
        () => c.store(WASM.i64Store, entry, page(at), writeTag),
        () => c.store(WASM.i64Store, entry, i64.xor(page(at), i64.const(4096)), writeTag),
      );
      return entry;
    };
    const entry = tag(TLB.entryShift, TLB.readTag, TLB.writeTag);
    c.store(WASM.i32Store, entry, i32.and(pte, i32.const(-4096)), TLB.frame);
    const frameAtHome = i32.and(i32.add(i32.wrap(at), cpu.i32(OFF.home)), i32.const(-4096));
    c.if(i32.eq(i32.and(pte, i32.const(-4096)), frameAtHome), () => {
      tag(HOME.entryShift, HOME.table + HOME.readTag, HOME.table + HOME.writeTag);
    });
  };
  // loadSlow(address, bytes) -> physical address or 0
  {
    const c = new Code(['i64', 'i32']);
    const at = c.param(0);
    c.if(crosses(at, c.param(1)), () => {
      cpu.set64(c, OFF.cr2, at);
      c.return(callFn('i32', js.crossRead, [c.param(1), i32.const(0)]));
    });
    const pte = c.local('i32');
    c.loop((again) => {
      c.set(pte, callFn('i32', walk, [at]));
      c.if(i32.and(pte, i32.const(1)), () => {
        const writable = i32.and(i32.and(i32.shrU(pte, i32.const(1)), i32.const(1)), i32.eqz(holdsCode(pte)));
        fill(c, at, pte, writable);
        c.return(physical(pte, at));
      });
      cpu.set64(c, OFF.cr2, at);
      c.brIf(callFn('i32', js.fault, [i32.const(0)]), again);
    });
    c.return(i32.const(0));
    c.unreachable();
    mb.define(fn.loadSlow, c);
  }

  // toWrite(address) -> physical address for writing within one page, or 0 with CPU.status set
  {
    const c = new Code(['i64']);
    const at = c.param(0);
    const pte = c.local('i32');
    c.loop((again) => {
      c.set(pte, callFn('i32', walk, [at]));
      c.if(i32.and(pte, i32.const(2)), () => {
        c.if(holdsCode(pte), () => {
          cpu.set64(c, OFF.cr2, at);
          cpu.set32(c, OFF.status, i32.const(STATUS.smc));
          c.return(i32.const(0));
        });
        fill(c, at, pte, i32.const(1));
        c.return(physical(pte, at));
      });
      cpu.set64(c, OFF.cr2, at);
      c.brIf(callFn('i32', js.fault, [i32.const(1)]), again);
    });
    c.return(i32.const(0));
    c.unreachable();
    mb.define(toWrite, c);
  }

  /** What to do when an entry of the TLB has the whole range from `lo` on: given the entry, and what a lookup of the range gives. */
  const ifInTlb = (
    c: Code,
    lo: Val,
    shape: Val,
    write: boolean,
    then: (entry: Val, found: Val) => void,
  ): void => {
    const entry = c.let(tlbEntry(cpu.i32(OFF.tlb), lo, TLB.entryShift));
    const offset = c.let(i64.sub(lo, loadAt('i64', WASM.i64Load, entry, write ? TLB.writeTag : TLB.readTag)));
    const bytes = i64.extendU(i32.and(shape, i32.const(0xffff)));
    c.if(i64.leU(offset, i64.sub(i64.const(PAGE), bytes)), () => {
      const frame = loadAt('i32', WASM.i32Load, entry, TLB.frame);
      then(entry, i32.xor(i32.add(i32.wrap(offset), frame), i32.const(-1)));
    });
  };

  // readStack(address, shape), writeStack(address, shape)
  for (const write of [false, true]) {
    const c = new Code(['i64', 'i32']);
    const lo = c.let(i64.sub(c.param(0), i64.extendU(i32.shrU(c.param(1), i32.const(16)))));
    ifInTlb(c, lo, c.param(1), write, (entry, found) => {
      const memo = i32.const(memoAt(write ? MEMO.stackWrite : MEMO.stackRead));
      c.store(
        WASM.i64Store,
        memo,
        loadAt('i64', WASM.i64Load, entry, write ? TLB.writeTag : TLB.readTag),
        MEMO.tag,
      );
      c.store(WASM.i32Store, memo, loadAt('i32', WASM.i32Load, entry, TLB.frame), MEMO.frame);
      cpu.set32(c, OFF.memosUsed, i32.const(1));
      c.return(found);
    });
    c.return(callFn('i32', write ? fn.writeRange : fn.readRange, [c.param(0), c.param(1)]));
    c.unreachable();
    mb.define(write ? fn.writeStack : fn.readStack, c);
  }

  // readRange(address, shape), writeRange(address, shape)
  for (const write of [false, true]) {
    const c = new Code(['i64', 'i32']);
    const at = c.param(0);
    const bit = i32.const(write ? PTE.write : PTE.read);
    const before = i32.shrU(c.param(1), i32.const(16));
    const lo = c.let(i64.sub(at, i64.extendU(before)));
    const last = c.let(
      i64.add(lo, i64.extendU(i32.sub(i32.and(c.param(1), i32.const(0xffff)), i32.const(1)))),
    );
    ifInTlb(c, lo, c.param(1), write, (_, found) => c.return(found));
    const pte = c.local('i32');
    const refuse = (status: number): void => {
      cpu.set64(c, OFF.cr2, at);
      cpu.set32(c, OFF.status, i32.const(status));
      c.return(i32.const(-1));
    };
    // Beyond the last canonical address another exception may come first, for the interpreter to tell.
    c.if(i64.ne(i64.shrU(last, i64.const(47)), i64.shrU(at, i64.const(47))), () => refuse(STATUS.step));
    c.loop((again) => {
      c.set(pte, callFn('i32', walk, [at]));
      c.if(i32.eqz(i32.and(pte, bit)), () => {
        cpu.set64(c, OFF.cr2, at);
        if (!write) c.brIf(callFn('i32', js.fault, [i32.const(0)]), again);
        else {
          const resolved = c.let(callFn('i32', js.fault, [i32.const(1)]));
          // A page that was there has moved, perhaps from under a range that is in use.
          c.if(i32.and(i32.ne(pte, i32.const(0)), resolved), () => refuse(STATUS.unwind));
          c.brIf(resolved, again);
        }
        c.return(i32.const(-1));
      });
    });
    if (write) c.if(holdsCode(pte), () => refuse(STATUS.smc));
    c.if(i64.eq(page(lo), page(last)), () => {
      const writable = write
        ? i32.const(1)
        : i32.and(i32.and(i32.shrU(pte, i32.const(1)), i32.const(1)), i32.eqz(holdsCode(pte)));
      fill(c, at, pte, writable);
      c.return(i32.xor(physical(pte, lo), i32.const(-1)));
    });
    const second = c.let(callFn('i32', walk, [last]));
    c.set(pte, callFn('i32', walk, [lo]));
    c.if(i32.eqz(i32.and(i32.and(pte, second), bit)), () => refuse(STATUS.step));
    const frame = (e: Val): Val => i32.and(e, i32.const(-4096));
    c.if(i32.ne(i32.sub(frame(second), frame(pte)), i32.const(4096)), () => refuse(STATUS.step));
    if (write) c.if(i32.or(holdsCode(pte), holdsCode(second)), () => refuse(STATUS.step));
    c.return(i32.xor(physical(pte, lo), i32.const(-1)));
    c.unreachable();
    mb.define(write ? fn.writeRange : fn.readRange, c);
  }

  // loadForWriteSlow(address, bytes)
  {
    const c = new Code(['i64', 'i32']);
    const at = c.param(0);
    c.if(crosses(at, c.param(1)), () => {
      cpu.set64(c, OFF.cr2, at);
      c.return(callFn('i32', js.crossRead, [c.param(1), i32.const(1)]));
    });
    c.return(callFn('i32', toWrite, [at]));
    c.unreachable();
    mb.define(fn.loadForWriteSlow, c);
  }

  // storeSlow(address, value, bytes), storeSlow128(address, value) -> status
  const storeSlow = (
    params: WasmType[],
    bytesOf: (c: Code) => Val,
    store: (c: Code, at: Val, off: number) => void,
  ): Code => {
    const c = new Code(params);
    const at = c.param(0);
    c.if(crosses(at, bytesOf(c)), () => {
      store(c, i32.const(0), 0x1000 + OFF.bounce);
      cpu.set64(c, OFF.cr2, at);
      c.return(callFn('i32', js.crossWrite, [bytesOf(c)]));
    });
    const p = c.local('i32');
    c.set(p, callFn('i32', toWrite, [at]));
    c.if(i32.eqz(p), () => c.return(cpu.i32(OFF.status)));
    store(c, p, 0);
    c.return(i32.const(0));
    c.unreachable();
    return c;
  };
  mb.define(
    fn.storeSlow,
    storeSlow(
      ['i64', 'i64', 'i32'],
      (c) => c.param(2),
      (c, at, off) => {
        const widths = [
          [8, WASM.i64Store],
          [4, WASM.i64Store32],
          [2, WASM.i64Store16],
        ] as const;
        const end = c.open(0x02);
        for (const [bytes, op] of widths) {
          c.if(i32.eq(c.param(2), i32.const(bytes)), () => {
            c.store(op, at, c.param(1), off);
            c.br(end);
          });
        }
        c.store(WASM.i64Store8, at, c.param(1), off);
        c.close();
      },
    ),
  );
  mb.define(
    fn.storeSlow128,
    storeSlow(
      ['i64', 'v128'],
      () => i32.const(16),
      (c, at, off) => c.store(WASM.v128Store, at, c.param(1), off),
    ),
  );

  // probeWrite(address, bytes) -> status
  {
    const c = new Code(['i64', 'i32']);
    const at = c.param(0);
    c.if(crosses(at, c.param(1)), () => {
      cpu.set64(c, OFF.cr2, at);
      c.return(callFn('i32', js.crossProbe, [c.param(1)]));
    });
    c.if(callFn('i32', toWrite, [at]), () => c.return(i32.const(0)));
    c.return(cpu.i32(OFF.status));
    c.unreachable();
    mb.define(fn.probeWrite, c);
  }
};
