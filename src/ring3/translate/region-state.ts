// What a region's code knows while it is emitted, and where it is: guest registers and lazy flags in wasm locals, what is
// known of addresses and of ranges of memory, and how the CPU block takes it all over. Where control goes is
// region-emit.ts.

import type { CoreFunctions } from '../core/core-signatures.ts';
import type { Insn, MemOperand, Operand, RegOperand, Width } from '../decode/insn.ts';
import type { Field, FlagKind, FlagName, SemanticsTable } from '../emit.ts';
import { cpu, EmitBase } from '../emit-base.ts';
import type { CcKind } from '../flags.ts';
import { ARITH_FLAGS, FLAG, GPR, OFF } from '../layout.ts';
import { Code, type Label } from '../wasm/code.ts';
import { constOf, i32, i64, type Val, type WasmType } from '../wasm/ir.ts';
import { type AccessContext, GuestMemory } from './guest-memory.ts';
import { DEAD, DYNAMIC, join, LazyFlags } from './lazy-flags.ts';
import type { BasicBlock, Region } from './region.ts';
import type { Point, RegisterFlow } from './registers.ts';
import { ScalarLanes } from './scalars.ts';
import type { Strip } from './strips.ts';
import { type Sym, Symbols } from './symbols.ts';

export interface RegionOptions {
  readonly core: CoreFunctions;
  readonly semantics: SemanticsTable;
  readonly exactFp: boolean;
  helperNumber(name: string): number;
  /** Function index of a region of the same module that starts at an address. */
  direct(ip: number): number | undefined;
}

/** What is known of the paths through a region before anything is emitted. */
export interface Paths {
  readonly flow: RegisterFlow;
  /** See `inQuietLoops`. */
  readonly quiet: readonly boolean[];
  readonly hasLoops: boolean;
}

const MASK: Partial<Record<Width, number>> = { 8: 0xff, 16: 0xffff };

export abstract class RegionState extends EmitBase {
  insn: Insn;
  protected readonly region: Region;
  protected block: BasicBlock;
  /** The copy of a loop that the block belongs to. */
  protected strip: Strip | null = null;

  protected readonly flow: RegisterFlow;
  protected readonly gprs: (Val | undefined)[] = [];
  readonly #xmm: (Val | undefined)[] = [];
  readonly #scalars: ScalarLanes;
  protected readonly lazy: LazyFlags;
  /** Flags wanted behind the current instruction. */
  protected live = ARITH_FLAGS;
  /** The budget, for regions with loops; written back wherever registers are. */
  protected readonly budget: Val | null;

  protected readonly rip: Val;
  protected readonly tlb: Val;
  protected readonly home: Val;
  /** The epilogues that faults branch to; rip is in its local, the status in the CPU block. */
  protected epilogues: readonly Label[] = [];
  /** Registers are in the CPU block, not in locals: between `spill` and `reload`. */
  #spilled = false;

  protected symbols = new Symbols();
  protected readonly memory: GuestMemory;
  /** Counts the points at which the CPU block may have changed. */
  #epoch = 0;
  #conditional = 0;
  readonly #quiet: readonly boolean[];
  /** Blocks behind which nothing that was known of memory before holds. */
  protected readonly clobbering = new Set<number>();

  protected constructor(region: Region, options: RegionOptions, paths: Paths) {
    super(new Code(['i32']), options.core, options.exactFp, options.helperNumber);
    const { code } = this;
    this.region = region;
    this.block = region.blocks[0] as BasicBlock;
    this.insn = region.blocks.find((b) => b.insns.length > 0)?.insns[0] as Insn;
    this.flow = paths.flow;
    this.#quiet = paths.quiet;
    this.#scalars = new ScalarLanes(
      code,
      region.blocks.flatMap((b) => b.insns),
    );
    this.lazy = new LazyFlags(code, options.core);
    this.budget = paths.hasLoops ? code.local('i32') : null;
    this.rip = code.local('i64');
    this.tlb = code.local('i32');
    this.home = code.local('i32');
    this.memory = new GuestMemory(
      code,
      this.tlb,
      this.home,
      region.cautious ? null : options.core,
      region.entry >>> 0,
    );
  }

  /** Nothing that is known of memory, or of the CPU block, holds any more. */
  protected clobber(): void {
    this.strip?.refuse();
    this.memory.drop();
    this.clobbering.add(this.block.index);
  }

  // Registers

  /** The locals of all general registers. */
  protected allGprs(): readonly Val[] {
    return Array.from({ length: 16 }, (_, reg) => this.#gprLocal(reg));
  }
  #gprLocal(reg: number): Val {
    const known = this.gprs[reg];
    if (known) return known;
    const made = this.code.local('i64');
    this.gprs[reg] = made;
    return made;
  }
  #xmmLocal(reg: number): Val {
    const known = this.#xmm[reg];
    if (known) return known;
    const made = this.code.local('v128');
    this.#xmm[reg] = made;
    return made;
  }
  protected loadAll(c: Code, set: number): void {
    for (let r = 0; r < 16; r++) {
      if ((set >>> r) & 1) c.set(this.#gprLocal(r), cpu.i64(OFF.gpr + 8 * r));
      if ((set >>> (16 + r)) & 1) {
        c.set(this.#xmmLocal(r), cpu.v128(OFF.xmm + 16 * r));
        this.#scalars.loaded(c, r, this.#xmmLocal(r));
      }
    }
  }
  protected storeAll(c: Code, set: number): void {
    for (let r = 0; r < 16; r++) {
      if ((set >>> r) & 1) cpu.set64(c, OFF.gpr + 8 * r, this.#gprLocal(r));
      if ((set >>> (16 + r)) & 1) cpu.set128(c, OFF.xmm + 16 * r, this.#xmmLocal(r));
    }
  }

  protected reg64(o: RegOperand | number): Val {
    const reg = typeof o === 'number' ? o : o.reg;
    this.flow.read(reg);
    return this.#gprLocal(reg);
  }
  protected regPart(o: RegOperand | number, width: Width, high: boolean): Val {
    const low = i32.wrap(this.reg64(o));
    if (width === 32) return low;
    return i32.and(high ? i32.shrU(low, i32.const(8)) : low, i32.const(width === 8 ? 0xff : 0xffff));
  }
  protected setReg(o: RegOperand | number, width: Width, high: boolean, v: Val): void {
    const reg = typeof o === 'number' ? o : o.reg;
    const mask = MASK[width];
    const at = this.#gprLocal(reg);
    if (mask === undefined) {
      const s = width === 64 ? this.symbols.of(v, this.#epoch) : null;
      this.code.set(at, width === 64 ? v : i64.extendU(v));
      if (s) this.symbols.set(at.op, s);
      else this.symbols.forget(at.op);
    } else {
      this.flow.read(reg);
      this.symbols.forget(at.op);
      const part = i64.extendU(i32.and(v, i32.const(mask)));
      const shift = high ? 8 : 0;
      const rest = i64.and(at, i64.const(~(BigInt(mask) << BigInt(shift))));
      this.code.set(at, i64.or(rest, high ? i64.shl(part, i64.const(8)) : part));
    }
    this.flow.write(reg);
  }
  #xmmNumber(o: Operand | number): number {
    if (typeof o === 'number') return o;
    if (o.kind !== 'xmm') throw new Error(`operand of kind ${o.kind} is no xmm register`);
    return o.reg;
  }
  protected xmmReg(o: Operand | number): Val {
    const reg = this.#xmmNumber(o);
    this.flow.read(16 + reg);
    return this.#xmmLocal(reg);
  }
  protected setXmmReg(o: Operand | number, v: Val): void {
    const reg = this.#xmmNumber(o);
    const same = v.k === 'local' ? this.#xmm.indexOf(v) : -1;
    this.#scalars.set(this.code, reg, this.#xmmLocal(reg), v, same < 0 ? null : same);
    this.flow.write(16 + reg);
  }
  override readF(o: Operand): Val {
    const low = o.kind === 'xmm' ? this.#scalars.get(o.width === 32 ? 'f32' : 'f64', o.reg) : undefined;
    if (!low || o.kind !== 'xmm') return super.readF(o);
    this.flow.read(16 + o.reg);
    return low;
  }
  protected immediate(o: Extract<Operand, { kind: 'imm' }>, signed64: boolean): Val {
    if (signed64 || o.width === 64) return i64.const(o.value);
    const v = Number(o.value);
    const mask = MASK[o.width];
    return i32.const(mask === undefined ? v : v & mask);
  }
  protected addressParts(o: MemOperand): Val {
    let a: Val | null = o.base >= 0 ? this.reg64(o.base) : null;
    if (o.index >= 0) {
      const scaled = i64.shl(this.reg64(o.index), i64.const(o.scale));
      a = a ? i64.add(a, scaled) : scaled;
    }
    const disp = i64.const(o.disp);
    return a ? i64.add(a, disp) : disp;
  }
  protected segmentBase(o: MemOperand): Val | null {
    return o.segment === null ? null : cpu.i64(o.segment === 'fs' ? OFF.fsBase : OFF.gsBase);
  }
  protected mmPlace(o: Operand): { base: Val; offset: number } {
    if (o.kind !== 'mm' && o.kind !== 'st') throw new Error(`operand of kind ${o.kind} is no mm register`);
    return { base: i32.const(0), offset: 0x1000 + OFF.fpr + 16 * o.reg };
  }
  protected regNumber(o: Operand): Val {
    return i32.const('reg' in o ? o.reg : 0);
  }
  protected override tlbBase(): Val {
    return this.tlb;
  }
  here(): Val {
    return i64.const(this.insn.ip);
  }
  next(): Val {
    return i64.const(this.insn.next);
  }

  // Statements that branch inside an instruction

  override let(v: Val): Val {
    const s = v.t === 'i64' ? this.symbols.of(v, this.#epoch) : null;
    const bound = super.let(v);
    if (s && bound.k === 'local') this.symbols.set(bound.op, s);
    return bound;
  }
  override set(variable: Val, v: Val): void {
    super.set(variable, v);
    this.symbols.forget(variable.op);
  }
  protected conditionally(body: () => void): void {
    this.#conditional++;
    this.flow.conditionally(body);
    this.#conditional--;
  }
  override if(cond: Val, then: () => void, otherwise?: () => void): void {
    if (constOf(cond) !== null) {
      super.if(cond, then, otherwise);
      return;
    }
    const cc = this.lazy.now;
    const symbols = this.symbols;
    const groups = this.memory.active;
    let afterThen = { cc, symbols, groups };
    this.symbols = symbols.fork(true);
    super.if(
      cond,
      () => {
        this.conditionally(then);
        afterThen = { cc: this.lazy.now, symbols: this.symbols, groups: this.memory.active };
        this.lazy.now = cc;
        this.symbols = symbols;
        this.memory.active = groups;
      },
      otherwise && (() => this.conditionally(otherwise)),
    );
    this.lazy.now = join(this.lazy.now, afterThen.cc);
    this.symbols.meet(afterThen.symbols);
    this.memory.active = this.memory.active.filter((g) => afterThen.groups.includes(g));
  }
  override loop(body: Parameters<EmitBase['loop']>[0]): void {
    if (this.lazy.now.at !== 'dead') this.lazy.now = DYNAMIC;
    const before = this.lazy.now;
    this.symbols.forgetAll();
    this.clobber();
    super.loop((l) => this.flow.loop(() => this.conditionally(() => body(l))));
    if (this.lazy.now !== before) this.lazy.now = DYNAMIC;
    this.symbols.forgetAll();
    this.clobber();
  }
  /** A field of the CPU block that may be part of an address has another value now. */
  #fieldChanged(): void {
    this.#epoch++;
    this.clobbering.add(this.block.index);
  }
  override setRflags(v: Val, mask: number): void {
    super.setRflags(v, mask);
    if (mask & FLAG.DF) this.#fieldChanged();
  }
  override setField(name: Field, v: Val): void {
    super.setField(name, v);
    this.#fieldChanged();
  }

  // Memory

  #access(s: Sym): AccessContext {
    const sp = this.gprs[GPR.rsp];
    const { strip } = this;
    const p = strip ? null : this.flow.point('fault');
    return {
      strip,
      conditional: this.#conditional > 0,
      loop: this.#quiet[this.block.index] as boolean,
      stack: sp !== undefined && this.symbols.of(sp, this.#epoch).root === s.root,
      ip: this.insn.ip,
      rip: this.rip,
      faults: () => {
        if (!p) throw new Error('nothing faults in a strip');
        return this.epilogues[p.epilogue] as Label;
      },
    };
  }
  override aligned(bytes: number, address: Val): void {
    if (this.strip) this.strip.align(this.symbols.of(address, this.#epoch), bytes - 1);
    else super.aligned(bytes, address);
  }
  protected override guestLoad(t: WasmType, op: number, bytes: number, address: Val, forWrite: boolean): Val {
    const result = this.code.temp(t);
    const s = this.symbols.of(address, this.#epoch);
    const slow = forWrite ? this.core.loadForWriteSlow : this.core.loadSlow;
    this.memory.load(result, op, bytes, address, s, forWrite, slow, this.#access(s));
    this.symbols.forget(result.op);
    return result;
  }
  protected override guestStore(
    op: number,
    bytes: number,
    address: Val,
    v: Val,
    slow: (at: Val, value: Val) => Val,
  ): void {
    const value = v.k === 'local' ? v : this.let(v);
    const s = this.symbols.of(address, this.#epoch);
    this.memory.store(op, bytes, address, s, value, (c, at) => c.push(slow(at, value)), this.#access(s));
  }

  override probeWrite(bytes: number, address: Val): void {
    super.probeWrite(bytes, address);
    // The page may be another one now (copy on write).
    this.clobber();
  }

  // Flags

  override flags(kind: FlagKind, width: Width, a: Val, b: Val, result: Val): void {
    if (this.live === 0) {
      this.lazy.now = DEAD;
      return;
    }
    if ((kind === 'inc' || kind === 'dec') && (this.live & FLAG.CF) === 0) {
      this.setCc(kind, width, a, width === 64 ? i64.const(0) : i32.const(0), result);
      return;
    }
    super.flags(kind, width, a, b, result);
  }
  override setFlags(values: Partial<Record<FlagName, Val>>): void {
    if (this.live === 0) this.lazy.now = DEAD;
    else super.setFlags(values);
  }
  protected override wantedFlags(): number {
    return this.live;
  }
  protected setCc(kind: CcKind, width: Width, a: Val, b: Val, res: Val): void {
    this.lazy.set(kind, width, a, b, res);
  }
  protected ccImage(): Val {
    return this.lazy.image();
  }
  flag(name: FlagName): Val {
    return this.lazy.flag(name);
  }
  condition(cc: number): Val {
    return this.lazy.condition(cc);
  }

  // Meeting the CPU block

  protected sync(): Point {
    const p = this.flow.point('sync');
    this.code.later((c) => this.storeAll(c, p.spill));
    this.lazy.toMemory();
    if (this.budget) cpu.set32(this.code, OFF.budget, this.budget);
    this.#spilled = true;
    this.#epoch++;
    this.symbols.forgetAll();
    this.clobber();
    return p;
  }
  protected resume(p: Point): void {
    this.#spilled = false;
    this.code.later((c) => this.loadAll(c, p.reload));
    if (this.budget) this.code.set(this.budget, cpu.i32(OFF.budget));
  }
  #syncPoint: Point | null = null;
  protected spill(): void {
    this.#syncPoint = this.sync();
    cpu.set64(this.code, OFF.rip, i64.const(this.insn.ip));
  }
  protected reload(): void {
    if (this.#syncPoint) this.resume(this.#syncPoint);
    this.#syncPoint = null;
  }

  // Leaving where a fault is

  /** Records that control may leave here with what is dirty now; gives what emits that. */
  #fault(ip: number): (c: Code) => void {
    const p = this.flow.point('fault');
    return (c) => {
      c.set(this.rip, i64.const(ip));
      c.br(this.epilogues[p.epilogue] as Label);
    };
  }
  protected exitPending(): void {
    const { code } = this;
    if (this.#spilled) {
      cpu.set64(code, OFF.rip, i64.const(this.insn.ip));
      code.return(cpu.i32(OFF.status));
      return;
    }
    code.later(this.#fault(this.insn.ip));
    code.unreachable();
  }
  protected exitWith(status: number, rip: 'this' | 'next'): void {
    const { code } = this;
    const at = rip === 'this' ? this.insn.ip : this.insn.next;
    if (this.#spilled) {
      cpu.set64(code, OFF.rip, i64.const(at));
      code.return(i32.const(status));
      return;
    }
    cpu.set32(code, OFF.status, i32.const(status));
    code.later(this.#fault(at));
    code.unreachable();
  }
}
