// The core module: the hand-written part of the processor in WebAssembly. It walks page tables on a TLB
// miss, evaluates lazy flags, and dispatches: from a guest address through the jump cache to the
// interpreter's first op or to a translated region. Everything it cannot do itself it asks of TypeScript.

import { PTE } from '../cpu.ts';
import { cpu, WASM } from '../emit-base.ts';
import { CC_KINDS, CC_WIDTHS, type CcState, conditionValue, flagsImage } from '../flags.ts';
import { firstEntry, otherEntry } from '../interp/block-maker.ts';
import { OP } from '../interp/op.ts';
import { BLOCKS, FLAG, GPR, JUMP, OFF, PSEUDO, STATUS } from '../layout.ts';
import { divideInCore } from '../semantics/integer-product.ts';
import { compareStringsInCore } from '../semantics/simd/string-compare.ts';
import { Code, type Label } from '../wasm/code.ts';
import { callFn, i32, i64, loadAt, type Val } from '../wasm/ir.ts';
import type { ModuleBuilder } from '../wasm/module.ts';
import { defineMemory, physical } from './core-memory.ts';
import { CORE_SIGNATURES, type CoreFunctions, type CoreName } from './core-signatures.ts';

/** What the core module imports from TypeScript, all over i32. */
export interface CoreHost {
  /** Page fault at CPU.cr2; access 0 read, 1 write, 2 exec. 1: resolved, 0: CPU.status says how to exit. */
  fault(access: number): number;
  /** A read at CPU.cr2 that crosses a page: physical address of the bytes put together, or 0 with CPU.status set. */
  crossRead(bytes: number, forWrite: number): number;
  /** A write of the bytes in CPU.bounce to CPU.cr2 across a page; 0 or a status. */
  crossWrite(bytes: number): number;
  /** 0, or a status, after making both pages of a crossing write present. */
  crossProbe(bytes: number): number;
  /** Finds code for CPU.rip and enters it into the jump cache; 0, or a status. */
  resolve(): number;
  helper(number: number, arg: number): number;
  gate(): number;
  /** A block has run often: `op` is its first predecoded op. Returns a status. */
  hot(op: number): number;
}

/** What only handlers of the interpreter call. */
const FOR_HANDLERS: ReadonlySet<string> = new Set<CoreName>(['next', 'dispatch', 'chain', 'hot']);

/** Declares the imports of a generated module: memory and the core functions that regions call, or all of them. */
export const importCore = (mb: ModuleBuilder, whose: 'regions' | 'handlers'): CoreFunctions => {
  mb.importMemory('k', 'memory');
  const out: Record<string, number> = {};
  for (const [name, [params, results]] of Object.entries(CORE_SIGNATURES)) {
    if (whose === 'handlers' || !FOR_HANDLERS.has(name))
      out[name] = mb.importFunc('k', name, params, results);
  }
  return out as CoreFunctions;
};

/** The jump cache's entry for an address, of which the low half is given. */
const jumpEntry = (low: Val): Val =>
  i32.add(
    cpu.i32(OFF.jumpCache),
    i32.shl(i32.and(i32.xor(low, i32.shrU(low, i32.const(12))), i32.const(JUMP.entries - 1)), i32.const(4)),
  );

/** Adds the core functions to a module under construction; handlers may be added to the same module after. */
export const defineCore = (
  mb: ModuleBuilder,
): { core: CoreFunctions; table: number; handlerType: number; walk: number; makeBlock: number } => {
  mb.importMemory('k', 'memory');
  const js = {
    fault: mb.importFunc('js', 'fault', ['i32'], ['i32']),
    crossRead: mb.importFunc('js', 'crossRead', ['i32', 'i32'], ['i32']),
    crossWrite: mb.importFunc('js', 'crossWrite', ['i32'], ['i32']),
    crossProbe: mb.importFunc('js', 'crossProbe', ['i32'], ['i32']),
    resolve: mb.importFunc('js', 'resolve', [], ['i32']),
    helper: mb.importFunc('js', 'helper', ['i32', 'i32'], ['i32']),
    gate: mb.importFunc('js', 'gate', [], ['i32']),
    hot: mb.importFunc('js', 'hot', ['i32'], ['i32']),
  };
  const table = mb.importTable('k', 'table');
  const handlerType = mb.type(['i32'], ['i32']);
  const fn = {} as Record<CoreName, number>;
  for (const name of Object.keys(CORE_SIGNATURES) as CoreName[]) {
    const [params, results] = CORE_SIGNATURES[name];
    if (name === 'helper' || name === 'hot') continue;
    fn[name] = mb.declare(params, results);
    mb.export(name, fn[name]);
  }
  // Imported functions can be exported again: generated modules then call TypeScript directly.
  for (const name of ['helper', 'hot'] as const) {
    fn[name] = js[name];
    mb.export(name, js[name]);
  }
  const walk = mb.declare(['i64'], ['i32']);
  const toWrite = mb.declare(['i64'], ['i32']);
  /** See interp/block-maker.ts. */
  const makeBlock = mb.declare(['i64'], ['i32']);

  defineMemory(mb, { js, fn, walk, toWrite });

  // Lazy flags of the state in the CPU block: one case for each ccOp.
  const byCcOp = (c: Code, value: (s: CcState) => Val): void => {
    const a = c.local('i64');
    const b = c.local('i64');
    const res = c.local('i64');
    const a32 = c.local('i32');
    const b32 = c.local('i32');
    const res32 = c.local('i32');
    c.set(a, cpu.i64(OFF.ccA));
    c.set(b, cpu.i64(OFF.ccB));
    c.set(res, cpu.i64(OFF.ccRes));
    c.set(a32, i32.wrap(a));
    c.set(b32, i32.wrap(b));
    c.set(res32, i32.wrap(res));
    const n = CC_KINDS.length * 4;
    const labels: Label[] = [];
    for (let i = 0; i < n; i++) labels.unshift(c.open(0x02));
    c.brTable(cpu.i32(OFF.ccOp), labels, labels[0] as Label);
    for (let i = 0; i < n; i++) {
      c.close();
      const kind = CC_KINDS[i >> 2] as (typeof CC_KINDS)[number];
      const width = CC_WIDTHS[i & 3] as 8 | 16 | 32 | 64;
      const wide = width === 64 && kind !== 'raw';
      c.return(value({ kind, width, a: wide ? a : a32, b: wide ? b : b32, res: wide ? res : res32 }));
    }
    c.unreachable();
  };
  {
    const c = new Code(['i32', 'i32']);
    byCcOp(c, flagsImage);
    mb.define(fn.flagsImage, c);
  }
  const pairs: number[] = [];
  for (let pair = 0; pair < 8; pair++) {
    const c = new Code([]);
    byCcOp(c, (s) => conditionValue(s, pair * 2));
    pairs.push(mb.func([], ['i32'], c));
  }
  {
    const c = new Code(['i32', 'i32']);
    const labels: Label[] = [];
    for (let i = 0; i < 8; i++) labels.unshift(c.open(0x02));
    c.brTable(i32.and(i32.shrU(c.param(0), i32.const(1)), i32.const(7)), labels, labels[0] as Label);
    for (let i = 0; i < 8; i++) {
      c.close();
      c.return(i32.xor(callFn('i32', pairs[i] as number, []), i32.and(c.param(0), i32.const(1))));
    }
    c.unreachable();
    mb.define(fn.condition, c);
  }

  mb.define(fn.compareStrings, compareStringsInCore(js.helper));
  mb.define(fn.divide, divideInCore(js.helper));

  // gate(): SYSCALL. rcx and r11 take rip and RFLAGS (Intel SDM volume 2, SYSCALL).
  {
    const c = new Code(['i32', 'i32']);
    cpu.set64(c, OFF.gpr + 8 * GPR.rcx, cpu.i64(OFF.rip));
    const df = i32.and(cpu.i32(OFF.df), i32.const(FLAG.DF));
    const image = i32.or(
      i32.or(callFn('i32', fn.flagsImage, [i32.const(0), i32.const(0)]), df),
      cpu.i32(OFF.rflagsRest),
    );
    cpu.set64(c, OFF.gpr + 8 * GPR.r11, i64.extendU(image));
    c.returnCall(js.gate, []);
    mb.define(fn.gate, c);
  }

  /** Goes on where the jump cache says; falls through when it does not know the address. */
  const probe = (c: Code, rip: Val, entry: Val): void => {
    c.set(entry, jumpEntry(i32.wrap(rip)));
    // By its function, not by the op that is its argument: another space may have translated the block meanwhile, and what
    // its first op says then would come back here.
    c.if(i64.eq(loadAt('i64', WASM.i64Load, entry, JUMP.ip), rip), () =>
      c.returnCallIndirect(table, handlerType, loadAt('i32', WASM.i32Load, entry, JUMP.fn), [
        loadAt('i32', WASM.i32Load, entry, JUMP.arg),
      ]),
    );
  };
  /** Whether an entry of the table of blocks is that of the code at a physical address, with a guest address and mode. */
  const isOf = (known: Val, code: Val, key: Val): Val =>
    i32.and(
      i32.eq(loadAt('i32', WASM.i32Load, known, BLOCKS.code), code),
      i64.eq(loadAt('i64', WASM.i64Load, known, JUMP.ip), key),
    );
  /** Does `found` with the entry of the block at an address in the table of blocks, if it is there. */
  const findBlock = (c: Code, rip: Val, found: (known: Val) => void): void => {
    const pte = c.local('i32');
    const known = c.local('i32');
    const key = c.local('i64');
    const epoch = loadAt('i32', WASM.i32Load, known, BLOCKS.epoch);
    c.set(pte, callFn('i32', walk, [rip]));
    c.if(i32.and(pte, i32.const(PTE.exec)), () => {
      c.set(pte, physical(pte, rip));
      c.set(known, firstEntry(pte));
      c.set(key, i64.or(rip, i64.shl(i64.extendU(cpu.i32(OFF.exactFp)), i64.const(BLOCKS.exactShift))));
      c.if(i32.eqz(isOf(known, pte, key)), () => c.set(known, otherEntry(known)));
      const holds = i32.or(i32.eqz(epoch), i32.eq(epoch, cpu.i32(OFF.epoch)));
      c.if(i32.and(isOf(known, pte, key), holds), () => found(known));
    });
  };

  // dispatch(ignored): continue at rip
  {
    const c = new Code(['i32']);
    const rip = c.local('i64');
    const entry = c.local('i32');
    const status = c.local('i32');
    c.set(rip, cpu.i64(OFF.rip));
    c.loop((again) => {
      probe(c, rip, entry);
      // A block that another process has met, or that another block has displaced here.
      findBlock(c, rip, (known) => {
        c.store(WASM.i64Store, entry, rip, JUMP.ip);
        c.store(WASM.i64Store, entry, loadAt('i64', WASM.i64Load, known, JUMP.fn), JUMP.fn);
        c.br(again);
      });
      c.brIf(callFn('i32', makeBlock, [rip]), again);
      c.set(status, callFn('i32', js.resolve, []));
      c.brIf(i32.eqz(status), again);
    });
    c.return(status);
    c.unreachable();
    mb.define(fn.dispatch, c);
  }
  /** Goes on at an address; asks `dispatch` when the jump cache does not know it. */
  const goOn = (c: Code, rip: Val): void => {
    probe(c, rip, c.local('i32'));
    cpu.set64(c, OFF.rip, rip);
    c.returnCall(fn.dispatch, [i32.const(0)]);
  };
  // jump(address)
  {
    const c = new Code(['i64', 'i32']);
    goOn(c, c.param(0));
    mb.define(fn.jump, c);
  }
  // leave(address)
  {
    const c = new Code(['i64', 'i32']);
    const left = c.local('i32');
    c.set(left, i32.sub(cpu.i32(OFF.budget), i32.const(1)));
    cpu.set32(c, OFF.budget, left);
    c.ifUnlikely(i32.ltS(left, i32.const(0)), () => {
      cpu.set64(c, OFF.rip, c.param(0));
      c.return(i32.const(STATUS.budget));
    });
    goOn(c, c.param(0));
    mb.define(fn.leave, c);
  }
  // chain(op, offset of the field, address)
  {
    const c = new Code(['i32', 'i32', 'i64']);
    const [op, field, rip] = [c.param(0), c.param(1), c.param(2)];
    const samePage = i64.eqz(i64.and(i64.xor(rip, loadAt('i64', WASM.i64Load, op, OP.ip)), i64.const(-4096)));
    c.if(samePage, () =>
      findBlock(c, rip, (known) =>
        // What an op remembers holds in all spaces.
        c.if(
          i32.and(
            i32.eq(loadAt('i32', WASM.i32Load, known, JUMP.fn), i32.const(PSEUDO.begin)),
            i32.eqz(loadAt('i32', WASM.i32Load, known, BLOCKS.epoch)),
          ),
          () => c.store(WASM.i32Store, i32.add(op, field), loadAt('i32', WASM.i32Load, known, JUMP.arg), 0),
        ),
      ),
    );
    c.returnCall(fn.jump, [rip, i32.const(0)]);
    mb.define(fn.chain, c);
  }

  // enter(return address, depth): nested dispatch for a guest call made by translated code
  {
    const c = new Code(['i64', 'i32']);
    const s = c.local('i32');
    c.loop((again) => {
      // Regions read the depth on entry and leave a greater one behind when they call.
      cpu.set32(c, OFF.depth, c.param(1));
      c.set(s, callFn('i32', fn.dispatch, [i32.const(0)]));
      c.if(s, () => c.return(s));
      c.brIf(i64.ne(cpu.i64(OFF.rip), c.param(0)), again);
    });
    c.return(i32.const(0));
    c.unreachable();
    mb.define(fn.enter, c);
  }

  // run() -> status: the outermost dispatch
  {
    const c = new Code([]);
    const s = c.local('i32');
    c.loop((again) => {
      cpu.set32(c, OFF.depth, i32.const(0));
      c.set(s, callFn('i32', fn.dispatch, [i32.const(0)]));
      c.brIf(i32.eqz(s), again);
    });
    c.return(s);
    c.unreachable();
    mb.export('run', mb.func([], ['i32'], c));
  }
  // runOp(op) -> status: for single steps
  {
    const c = new Code(['i32']);
    c.returnCall(fn.next, [c.param(0)]);
    mb.export('runOp', mb.func(['i32'], ['i32'], c));
  }
  return { core: fn as CoreFunctions, table, handlerType, walk, makeBlock };
};
