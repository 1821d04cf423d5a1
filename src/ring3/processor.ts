// The processor: wires memory, page tables, the core module, the interpreter and the translator together
// behind the `Cpu` contract, and turns what generated code cannot do itself into the kernel's callbacks.

import { createCodeCache } from './code-cache.ts';
import type { CoreImage } from './core/core-image.ts';
import { type CoreExports, importsOf } from './core/core-signatures.ts';
import { type Cpu, type CpuHooks, type PageTable, PTE, type Tier } from './cpu.ts';
import type { Insn } from './decode/insn.ts';
import type { SemanticsTable } from './emit.ts';
import { readFxsave, writeFxsave } from './fpu-image.ts';
import { type CpuState, type HelperFamilies, numberHelpers } from './helpers.ts';
import { buildCoreModule } from './interp/handler-module.ts';
import { createHandlers } from './interp/handlers.ts';
import {
  ARITH_FLAGS,
  CONTEXT_BYTES,
  CPU,
  FLAG,
  GPR,
  isCanonical,
  OFF,
  PAGE,
  SREG,
  STATUS,
  VECTOR,
} from './layout.ts';
import { createFrames } from './mmu/frames.ts';
import { Homes } from './mmu/homes.ts';
import { createPageTable, forgetMemos, type MmuTable } from './mmu/page-table.ts';
import { throughStack } from './stack-segment.ts';
import { createTranslator, type Translator } from './translate/translator.ts';

export type { CoreImage } from './core/core-image.ts';

export interface CpuOptions {
  /** Physical memory in bytes, at most 4 GiB - 64 KiB. */
  readonly memoryBytes: number;
  /** Memory of that size, untouched, if there is one already. */
  readonly memory?: WebAssembly.Memory;
  readonly tier: Tier;
  readonly hooks: CpuHooks;
  readonly semantics: () => SemanticsTable;
  readonly helpers: () => HelperFamilies;
  readonly core?: CoreImage;
  /** Executions of a block before it is translated in mixed mode; 2000 by default. */
  readonly threshold?: number;
  readonly translator?: (imports: Record<string, WebAssembly.ExportValue>) => Translator;
  readonly needsExactFp?: (mxcsr: number) => boolean;
  /** RDTSC's counter. */
  readonly tsc?: () => bigint;
  /** Hears of instructions without semantics. */
  readonly missing?: (insn: Insn) => void;
}

const at = (off: number): number => (CPU + off) >>> 2;
const TWO32 = 4294967296;

export const createCpu = (options: CpuOptions): Cpu => {
  const { hooks } = options;
  const mem = createFrames(options.memoryBytes, options.memory);
  const { u8, u32, i32, u64, dv } = mem;
  const helpers = numberHelpers(options.helpers);
  const table = new WebAssembly.Table({ element: 'anyfunc', initial: 4096 });
  const tables = new Set<MmuTable>();
  let current: MmuTable | null = null;
  /** Executable pages moved since generated code last looked. */
  let moved = false;
  let inGate = false;
  /** The pending #GP is an access to data outside of the address space. */
  let astray = false;
  /** What has been taken off budgets. */
  let ran = 0;

  const word64 = (off: number): number => (u32[at(off) + 1] as number) * TWO32 + (u32[at(off)] as number);
  const setWord64 = (off: number, v: number): void => {
    u32[at(off)] = v;
    u32[at(off) + 1] = Math.floor(v / TWO32);
  };

  /** Decides between fast and exact code by MXCSR; true when that changed. */
  const chooseFp = (): boolean => {
    const exact = options.needsExactFp?.(u32[at(OFF.mxcsr)] as number) ? 1 : 0;
    if (exact === i32[at(OFF.exactFp)]) return false;
    i32[at(OFF.exactFp)] = exact;
    return true;
  };
  /**
   * Empties the jump cache when code has moved since generated code last looked, or when it is for the other mode of
   * arithmetic: threads of one address space may differ in that, and their code does, too. True when it did.
   */
  const freshen = (): boolean => {
    const exact = i32[at(OFF.exactFp)] as number;
    if (!current || (!moved && current.jumpMode === exact)) return false;
    moved = false;
    current.jumpMode = exact;
    current.flushJumps();
    return true;
  };

  const raise = (vector: number, errorCode = 0): number => {
    i32[at(OFF.vector)] = vector;
    i32[at(OFF.errorCode)] = errorCode;
    i32[at(OFF.status)] = STATUS.fault;
    return 1;
  };
  const need = (): MmuTable => {
    if (!current) throw new Error('no page table is current');
    return current;
  };

  const ACCESS = ['read', 'write', 'exec'] as const;
  /** Words that generated code and helpers access memory by. */
  const ADDRESSES = [
    ...[OFF.cr2, OFF.helperAddress, OFF.rip],
    ...[GPR.rsi, GPR.rdi, GPR.rsp].map((reg) => OFF.gpr + 8 * reg),
  ];
  /** An address before it became a number, which rounds the high ones: one of these words is where it comes from. */
  const exactly = (address: number, but?: number): bigint => {
    const off = ADDRESSES.find((o) => o !== but && word64(o) === address);
    return off === undefined ? BigInt.asUintN(64, BigInt(address)) : (u64[(CPU + off) >>> 3] as bigint);
  };
  /** Error codes of page faults in user mode. */
  const ERROR = [4, 6, 20] as const;
  /** Times that an executable page changed its frame when it was accessed: what is being executed may be read from the old one. */
  let codeShifts = 0;
  /** Asks the kernel for a page; raises when it refuses. */
  const fault = (address: number, access: 0 | 1 | 2): boolean => {
    if (address >= 2 ** 47) return astrayAt(address, access);
    const page = Math.floor(address / PAGE);
    const before = need().get(page);
    if (hooks.pageFault(address, ACCESS[access])) {
      if ((before & PTE.exec) !== 0 && before >>> 3 !== need().get(page) >>> 3) codeShifts++;
      return true;
    }
    const present = (need().get(page) & 7) !== 0 ? 1 : 0;
    setWord64(OFF.cr2, address);
    raise(VECTOR.PF, present | ERROR[access]);
    return false;
  };
  /** Addresses that are not canonical are a #GP, the kernel's half an ordinary page fault (Intel SDM volume 3, 3.3.7.1). */
  const astrayAt = (address: number, access: 0 | 1 | 2): boolean => {
    const exact = exactly(address);
    if (!isCanonical(exact)) {
      astray = access !== 2;
      raise(VECTOR.GP);
      return false;
    }
    u64[(CPU + OFF.cr2) >>> 3] = exact;
    raise(VECTOR.PF, ERROR[access]);
    return false;
  };
  /** An access that begins below the end of the user's half and ends beyond it; it has raised then. */
  const leavesHalf = (address: number, bytes: number): boolean =>
    address < 2 ** 47 && address + bytes > 2 ** 47 && !astrayAt(2 ** 47, 0);
  /** Physical address, with the page made present; 0 when an exception is pending. */
  const physical = (address: number, access: 0 | 1 | 2): number => {
    const bit = access === 0 ? 1 : access === 1 ? 2 : 4;
    for (;;) {
      const e = address < 2 ** 47 ? need().get(Math.floor(address / PAGE)) : 0;
      if ((e & bit) !== 0) return (e >>> 3) * PAGE + (address & (PAGE - 1));
      if (!fault(address, access)) return 0;
    }
  };

  const bounce = CPU + OFF.bounce;
  /** Both parts of an access that crosses a page: physical addresses and the bytes of the first. */
  const parts = (bytes: number, access: 0 | 1): { first: number; second: number; split: number } | null => {
    const address = word64(OFF.cr2);
    if (leavesHalf(address, bytes)) return null;
    const split = PAGE - (address % PAGE);
    const first = physical(address, access);
    if (first === 0) return null;
    const second = physical(address + split, access);
    // Making the second page present may have moved the first (copy on write runs out of memory, say).
    return second === 0 || bytes <= split ? null : { first: physical(address, access), second, split };
  };
  /** Forgets the code in both parts; whether there was any. */
  const codeIn = (p: { first: number; second: number }): boolean => {
    const { invalidations } = cache.stats;
    mem.willWrite(Math.floor(p.first / PAGE));
    mem.willWrite(Math.floor(p.second / PAGE));
    return cache.stats.invalidations !== invalidations;
  };

  /** Leaves for the instruction to be done by itself, since what it is part of may be stale. */
  const byItself = (): 0 => {
    i32[at(OFF.status)] = STATUS.smc;
    return 0;
  };

  const js = {
    fault: (access: number): number => {
      const shifts = codeShifts;
      if (!fault(word64(OFF.cr2), access as 0 | 1)) return 0;
      return codeShifts === shifts ? 1 : byItself();
    },
    crossRead: (bytes: number, forWrite: number): number => {
      const shifts = codeShifts;
      const p = parts(bytes, forWrite as 0 | 1);
      if (!p) return 0;
      if (codeShifts !== shifts) return byItself();
      u8.copyWithin(bounce, p.first, p.first + p.split);
      u8.copyWithin(bounce + p.split, p.second, p.second + bytes - p.split);
      return bounce;
    },
    crossWrite: (bytes: number): number => {
      const saved = u8.slice(bounce, bounce + bytes);
      const shifts = codeShifts;
      const p = parts(bytes, 1);
      if (!p) return i32[at(OFF.status)] as number;
      if (codeIn(p) || codeShifts !== shifts) return STATUS.smc;
      u8.set(saved.subarray(0, p.split), p.first);
      u8.set(saved.subarray(p.split), p.second);
      return 0;
    },
    crossProbe: (bytes: number): number => {
      const shifts = codeShifts;
      const p = parts(bytes, 1);
      if (p && codeShifts === shifts) return 0;
      if (p) byItself();
      return i32[at(OFF.status)] as number;
    },
    resolve: (): number => cache.resolve(),
    helper: (number: number, arg: number): number => {
      const f = helpers.at(number);
      const { invalidations } = cache.stats;
      const shifts = codeShifts;
      const raised = f(state, arg) !== 0;
      if (cache.stats.invalidations !== invalidations || codeShifts !== shifts) i32[at(OFF.moved)] = 1;
      return raised ? (i32[at(OFF.status)] as number) : 0;
    },
    gate: (): number => {
      const lo = u32[at(OFF.rip)] as number;
      const hi = u32[at(OFF.rip) + 1] as number;
      inGate = true;
      const go = hooks.syscall();
      inGate = false;
      if (freshen() && go) return STATUS.unwind;
      if (!go) return STATUS.gate;
      return u32[at(OFF.rip)] === lo && u32[at(OFF.rip) + 1] === hi ? STATUS.next : STATUS.unwind;
    },
    hot: (op: number): number => cache.hot(op),
  };

  const image =
    options.core ??
    (() => {
      const built = buildCoreModule([], options.semantics(), helpers.number);
      return { module: new WebAssembly.Module(built.bytes as BufferSource), keys: built.keys };
    })();
  if (image.keys.length + 64 > table.length) table.grow(image.keys.length + 1024 - table.length + 64);
  const core = new WebAssembly.Instance(image.module, { k: { memory: mem.memory, table }, js })
    .exports as unknown as CoreExports;

  const handlers = createHandlers(table, mem, core, image.keys, options.semantics, helpers.number);
  const imports = importsOf(core, mem.memory);
  const translator =
    options.tier === 'interpreter'
      ? undefined
      : (options.translator ?? createTranslator(options.semantics, options.helpers))(imports);

  const cache = createCodeCache({
    mem,
    handlers,
    table: need,
    tables: () => tables,
    exactFp: () => i32[at(OFF.exactFp)] !== 0,
    fetchable: (address) => physical(address, 2) !== 0,
    raise,
    threshold:
      options.tier === 'translator'
        ? 0
        : options.tier === 'mixed' && translator
          ? (options.threshold ?? 2000)
          : Number.POSITIVE_INFINITY,
    translator: translator ?? null,
    place(fn) {
      const place = handlers.slot();
      table.set(place, fn);
      return place;
    },
    free: handlers.free,
    work: () => ran,
    missing: (insn) => options.missing?.(insn),
  });
  mem.onCodeWrite = (frame) => {
    cache.invalidate(frame);
    // Code on the host's stack may be stale now: it leaves at the next chance.
    if (inGate) moved = true;
  };

  /** Such an access by way of the stack segment is a fault of that. */
  const settleFault = (): void => {
    const insn = astray ? cache.reader.insn(word64(OFF.rip)) : null;
    astray = false;
    if (insn && throughStack(insn, (off) => u64[(CPU + off) >>> 3] as bigint)) raise(VECTOR.SS);
  };

  const scratch = new Uint8Array(1024);
  const state: CpuState = {
    u8,
    u16: mem.u16,
    u32,
    i32,
    f32: mem.f32,
    f64: mem.f64,
    u64,
    dv,
    run: 0,
    address: () => word64(OFF.helperAddress),
    load(address, n) {
      if (leavesHalf(address, n)) return null;
      let done = 0;
      while (done < n) {
        const p = physical(address + done, 0);
        if (p === 0) return null;
        const k = Math.min(n - done, PAGE - (p % PAGE));
        scratch.set(u8.subarray(p, p + k), done);
        done += k;
      }
      return scratch.subarray(0, n);
    },
    store(address, bytes) {
      if (leavesHalf(address, bytes.length)) return false;
      const places: [number, number][] = [];
      let done = 0;
      while (done < bytes.length) {
        const p = physical(address + done, 1);
        if (p === 0) return false;
        const k = Math.min(bytes.length - done, PAGE - (p % PAGE));
        places.push([p, k]);
        done += k;
      }
      let from = 0;
      for (const [p, k] of places) {
        mem.willWrite(Math.floor(p / PAGE));
        u8.set(bytes.subarray(from, from + k), p);
        from += k;
      }
      return true;
    },
    misplaced(address, n) {
      if (((i32[at(OFF.rflagsRest)] as number) & FLAG.AC) === 0) return false;
      const exact = exactly(address, OFF.cr2);
      // An address that is not canonical is refused for that.
      return isCanonical(exact) && exact % BigInt(n) !== 0n && raise(VECTOR.AC) !== 0;
    },
    span(address, write) {
      const p = physical(address, write ? 1 : 0);
      if (p === 0) return 0;
      if (write) mem.willWrite(Math.floor(p / PAGE));
      state.run = PAGE - (p % PAGE);
      return p;
    },
    rflags: () => rflags(),
    setRflags: (v, mask) => setRflags(v, mask),
    raise,
    ...(options.tsc ? { tsc: options.tsc } : {}),
  };

  const flagsImage = core.flagsImage as () => number;
  const rflags = (): number =>
    flagsImage() | ((i32[at(OFF.df)] as number) & FLAG.DF) | (i32[at(OFF.rflagsRest)] as number);
  const setRflags = (v: number, mask: number): void => {
    const next = (rflags() & ~mask) | (v & mask);
    i32[at(OFF.ccOp)] = 0;
    setWord64(OFF.ccA, next & ARITH_FLAGS);
    i32[at(OFF.df)] = (next & FLAG.DF) !== 0 ? -1 : 1;
    i32[at(OFF.rflagsRest)] = (next & ~ARITH_FLAGS & ~FLAG.DF) | FLAG.IF | 2;
  };

  /** Does the instruction at rip by itself. */
  const alone = (careful = false): number => {
    const op = cache.singleStep(careful);
    return op === 0 ? STATUS.fault : core.runOp(op);
  };
  /** After a store into code: forget it, and do the storing instruction by itself. */
  const selfModified = (careful = false): number => {
    const e = need().get(Math.floor(word64(OFF.cr2) / PAGE));
    if (e !== 0) mem.willWrite(Math.floor(e / 8));
    const s = alone(careful);
    // The other page of a store that reaches into two, say.
    return s === STATUS.smc ? selfModified(careful) : s;
  };

  /** TF or AC is set: each instruction is done by itself. */
  const watchful = (): boolean => ((i32[at(OFF.rflagsRest)] as number) & (FLAG.TF | FLAG.AC)) !== 0;
  const traced = (): boolean => ((i32[at(OFF.rflagsRest)] as number) & FLAG.TF) !== 0;
  /** The instruction at rip loads SS: what traps after it does so after the next one (SDM volume 3, 6.8.3). */
  const loadsStackSegment = (): boolean => {
    const insn = cache.reader.insn(word64(OFF.rip));
    const to = insn?.operands[0];
    return insn?.row.semantics === 'movsreg' && to?.kind === 'sreg' && to.reg === SREG.ss;
  };
  const once = (): number => {
    const s = alone(true);
    return s === STATUS.smc ? selfModified(true) : s;
  };
  /** The pending #DB is a single step. */
  let stepped = false;
  /** Does an instruction while TF or AC is set, and traps if TF was set before it. */
  const carefully = (): number => {
    const traps = traced();
    const inhibits = traps && loadsStackSegment();
    let s = once();
    if (inhibits && s === STATUS.unwind) s = once();
    // One round of a REP instruction ends so; it is not done yet.
    const round = s === STATUS.budget;
    if (s === STATUS.resync && chooseFp()) freshen();
    if (s !== STATUS.unwind && s !== STATUS.resync && !round) return s;
    if (traps) {
      raise(VECTOR.DB);
      stepped = true;
      // RF keeps breakpoints from hitting the same instruction twice.
      if (round) i32[at(OFF.rflagsRest)] = (i32[at(OFF.rflagsRest)] as number) | FLAG.RF;
      return STATUS.fault;
    }
    const left = (i32[at(OFF.budget)] as number) - 1;
    i32[at(OFF.budget)] = left;
    return left < 0 ? STATUS.budget : STATUS.next;
  };

  u32[at(OFF.memosUsed)] = 1;
  forgetMemos(mem);
  const homes = new Homes();
  /** The part of the CPU block that belongs to a task. */
  const context = u8.subarray(CPU, CPU + CONTEXT_BYTES);
  const self: Cpu = {
    frames: mem,
    get stats() {
      return { ...cache.stats };
    },
    newPageTable(parent) {
      const home = parent ? (parent as MmuTable).home : homes.choose();
      const codeMoved = (changed: MmuTable): void => {
        moved = true;
        changed.flushJumps();
      };
      const t = createPageTable(mem, codeMoved, home);
      if (!t) throw new RangeError('out of physical memory for a page table');
      tables.add(t);
      homes.hold(home);
      const destroy = t.destroy;
      t.destroy = () => {
        if (!tables.delete(t)) return;
        homes.release(home);
        destroy();
      };
      return t;
    },
    expect({ program }) {
      if (program !== null) cache.expect(program);
    },
    switchTo(t: PageTable) {
      const m = t as MmuTable;
      if (m === current) return;
      current = m;
      u32[at(OFF.pageRoot)] = m.root;
      u32[at(OFF.tlb)] = m.tlb;
      u32[at(OFF.home)] = m.home;
      forgetMemos(mem);
      m.useJumps();
      u32[at(OFF.jumpCache)] = m.jump;
      u32[at(OFF.epoch)] = m.epoch;
    },
    save(into) {
      into.set(context);
    },
    load(from) {
      context.set(from);
    },
    reset(context) {
      context.fill(0, 0, CONTEXT_BYTES);
      const d = new DataView(context.buffer, context.byteOffset, CONTEXT_BYTES);
      d.setInt32(OFF.df, 1, true);
      d.setUint32(OFF.rflagsRest, FLAG.IF | 2, true);
      d.setUint32(OFF.mxcsr, 0x1f80, true);
      d.setUint16(OFF.fcw, 0x37f, true);
      d.setUint16(OFF.ftw, 0xffff, true);
    },
    gpr: (reg) => word64(OFF.gpr + 8 * reg),
    gprBig: (reg) => u64[(CPU + OFF.gpr + 8 * reg) >>> 3] as bigint,
    setGpr(reg, v) {
      setWord64(OFF.gpr + 8 * reg, v);
    },
    setGprBig(reg, v) {
      u64[(CPU + OFF.gpr + 8 * reg) >>> 3] = v;
    },
    get rip() {
      return word64(OFF.rip);
    },
    set rip(v) {
      setWord64(OFF.rip, v);
    },
    rflags,
    setRflags,
    saveFpu(into) {
      writeFxsave(u8, dv, into);
    },
    loadFpu(from) {
      readFxsave(u8, dv, from);
      chooseFp();
    },
    get exception() {
      return {
        vector: i32[at(OFF.vector)] as number,
        errorCode: i32[at(OFF.errorCode)] as number,
        address: (i32[at(OFF.cr2) + 1] as number) * TWO32 + (u32[at(OFF.cr2)] as number),
        stepped,
      };
    },
    run(budget) {
      // A bug may have thrown its way out of the gate.
      inGate = false;
      i32[at(OFF.budget)] = budget;
      i32[at(OFF.depth)] = 0;
      translator?.poll();
      freshen();
      for (;;) {
        stepped = false;
        let s = watchful() ? carefully() : core.run();
        if (s === STATUS.step) {
          cache.stumbled();
          s = alone();
        }
        if (s === STATUS.smc) s = selfModified();
        if (s === STATUS.resync) {
          if (chooseFp()) freshen();
          continue;
        }
        if (s === STATUS.smc || s === STATUS.unwind || s === STATUS.next) {
          i32[at(OFF.depth)] = 0;
          continue;
        }
        if (s === STATUS.fault) settleFault();
        ran += budget - (i32[at(OFF.budget)] as number);
        return s;
      }
    },
  };
  return self;
};
