// The translator's implementation of `Emit`: guest registers and lazy flags live in wasm locals, operands are
// constants, and control stays inside one wasm function for as long as it stays inside the region.

import type { CoreFunctions } from '../core/core-module.ts';
import type { Insn, MemOperand, Operand, RegOperand, Width } from '../decode/insn.ts';
import type { Field, FlagKind, FlagName, SemanticsTable } from '../emit.ts';
import { cpu, EmitBase } from '../emit-base.ts';
import type { CcKind } from '../flags.ts';
import { ARITH_FLAGS, FLAG, GPR, OFF, STATUS, VECTOR } from '../layout.ts';
import { Code, type Label } from '../wasm/code.ts';
import { callFn, constOf, i32, i64, type Val, type WasmType } from '../wasm/ir.ts';
import { between, type Effects, guessEffects, quietLoops } from './between.ts';
import { type AccessContext, type Group, GuestMemory } from './guest-memory.ts';
import { type Cc, DEAD, DYNAMIC, join, LazyFlags } from './lazy-flags.ts';
import { flagLiveness } from './liveness.ts';
import type { BasicBlock, Region } from './region.ts';
import { EPILOGUES, type Point, RegisterFlow } from './registers.ts';
import { ScalarLanes } from './scalars.ts';
import { spread } from './spread.ts';
import { type Edges, emitStructured, type Graph, type Structure, structure } from './structure.ts';
import { type Sym, Symbols } from './symbols.ts';

/** The host stack that nested regions may take, in bytes; V8's default limit is 984 KiB. */
export const STACK_LIMIT = 400_000;

export interface RegionOptions {
  readonly core: CoreFunctions;
  readonly semantics: SemanticsTable;
  readonly exactFp: boolean;
  helperNumber(name: string): number;
  /** Function index of a region of the same module that starts at an address. */
  direct(ip: number): number | undefined;
}

const isOperand = (v: Operand | Val): v is Operand => 'kind' in v;
const MASK: Partial<Record<Width, number>> = { 8: 0xff, 16: 0xffff };

class RegionEmit extends EmitBase {
  insn: Insn;
  readonly #region: Region;
  readonly #options: RegionOptions;
  readonly #structure: Structure;
  readonly #flow: RegisterFlow;
  readonly #gpr: (Val | undefined)[] = [];
  readonly #xmm: (Val | undefined)[] = [];
  readonly #scalars: ScalarLanes;

  readonly #flags: LazyFlags;
  /** What is known of the flags where a block begins, of the ways to it that have been emitted. */
  readonly #flagsIn = new Map<number, Cc>();
  /** Flags wanted behind the current instruction. */
  #live = ARITH_FLAGS;

  readonly #rip: Val;
  readonly #status: Val;
  readonly #tlb: Val;
  readonly #home: Val;
  /** The epilogues that faults branch to; rip is in its local, the status in the CPU block. */
  #epilogues: readonly Label[] = [];
  /** Registers are in the CPU block, not in locals: between `spill` and `reload`. */
  #spilled = false;

  #block: BasicBlock;
  #edges: Edges | null = null;
  #symbols = new Symbols();
  readonly #memory: GuestMemory;
  /** Counts the points at which the CPU block may have changed. */
  #epoch = 0;
  #conditional = 0;
  readonly #hasLoops: boolean;
  /** The budget, for regions with loops; written back wherever registers are. */
  readonly #budget: Val | null;
  /** Estimated stack below a call made here; 0 in regions that make none. */
  readonly #depth: Val | null;

  readonly #effects: readonly Effects[];
  readonly #preds: Graph;
  readonly #quietLoops: readonly number[];
  /** What is known at the end of each block emitted. */
  readonly #ends = new Map<number, { readonly symbols: Symbols; readonly groups: readonly Group[] }>();
  /** Blocks behind which nothing that was known of memory before holds. */
  readonly #clobbering = new Set<number>();

  /** `effects`: what each block does at most; see `actualEffects`. */
  constructor(region: Region, options: RegionOptions, effects: readonly Effects[]) {
    super(new Code(['i32']), options.core, options.exactFp, options.helperNumber);
    const { code } = this;
    this.#region = region;
    this.#options = options;
    this.#scalars = new ScalarLanes(
      code,
      region.blocks.flatMap((b) => b.insns),
    );
    const graph = region.blocks.map((b) => b.succs);
    const s = structure(graph);
    this.#structure = s;
    const followed = graph.map((list, u) => list.filter((v) => !s.leaves(u, v)));
    this.#flow = new RegisterFlow(followed);
    this.#effects = effects;
    const preds: number[][] = graph.map(() => []);
    followed.forEach((list, u) => {
      for (const v of list) preds[v]?.push(u);
    });
    this.#preds = preds;
    this.#quietLoops = quietLoops(preds, s, effects);
    this.#block = region.blocks[0] as BasicBlock;
    this.insn = this.#block.insns[0] as Insn;
    this.#flags = new LazyFlags(code, options.core);
    this.#rip = code.local('i64');
    this.#status = code.local('i32');
    this.#tlb = code.local('i32');
    this.#home = code.local('i32');
    this.#memory = new GuestMemory(code, this.#tlb, this.#home, region.cautious ? null : options.core);
    this.#hasLoops = s.header.includes(1);
    this.#budget = this.#hasLoops ? code.local('i32') : null;
    const calls = region.blocks.some((b) => {
      const flow = b.insns[b.insns.length - 1]?.row.flow;
      return flow === 'call' || flow === 'indirect-call';
    });
    this.#depth = calls ? code.local('i32') : null;
  }

  /** Emits the whole region. */
  emit(): Code {
    const { code } = this;
    const { blocks } = this.#region;
    const live = flagLiveness(this.#region, this.#structure);
    code.set(this.#tlb, cpu.i32(OFF.tlb));
    code.set(this.#home, cpu.i32(OFF.home));
    this.#flags.begin();
    if (this.#budget) code.set(this.#budget, cpu.i32(OFF.budget));
    if (this.#depth) {
      const depth = this.#depth;
      code.set(depth, code.param(0));
      code.if(i32.eqz(depth), () => code.set(depth, cpu.i32(OFF.depth)));
      code.later((c) => c.set(depth, i32.add(depth, i32.const(code.frameEstimate))));
    }
    code.later((c) => this.#loadAll(c, this.#flow.entry));

    const exit = code.open(0x02);
    this.#epilogues = Array.from({ length: EPILOGUES }, () => code.open(0x02)).reverse();
    const ends: (() => void)[] = [];
    emitStructured(this.#structure, code, {
      node: (node, edges) => {
        const back = this.#flow.enter(node);
        const before = {
          block: this.#block,
          edges: this.#edges,
          cc: this.#flags.now,
          symbols: this.#symbols,
        };
        const { header: headers, merge } = this.#structure;
        const known =
          node !== 0 && headers[node] === 0 && merge[node] === 0
            ? { symbols: before.symbols.fork(true), groups: this.#memory.active }
            : this.#persisting(node);
        this.#symbols = known.symbols;
        ends.push(this.#memory.enter(known.groups));
        this.#block = blocks[node] as BasicBlock;
        this.#edges = edges;
        if (node !== 0) {
          const header = this.#structure.header[node] === 1;
          const cc = this.#flagsIn.get(node) ?? DYNAMIC;
          this.#flags.now = header && cc.at !== 'dead' ? DYNAMIC : cc;
        } else if (this.#structure.header[0] === 1) this.#flags.now = DYNAMIC;
        if (this.#block.insns.length === 0) this.#dispatch(this.#block);
        else this.#emitBlock(this.#block, live[node] as Uint16Array);
        this.#ends.set(node, { symbols: this.#symbols, groups: this.#memory.active });
        this.#block = before.block;
        this.#edges = before.edges;
        this.#flags.now = before.cc;
        this.#symbols = before.symbols;
        back();
      },
      enter: (header) => this.#memory.enterLoop(header),
      end: () => ends.pop()?.(),
      leave: (_from, to) => this.#leaveTo(this.#addressOf(to)),
      back: (_from, to) => {
        const budget = this.#budget as Val;
        code.set(budget, i32.sub(budget, i32.const(1)));
        code.ifUnlikely(i32.ltS(budget, i32.const(0)), () =>
          this.#returnTo(this.#addressOf(to), STATUS.budget),
        );
      },
    });
    code.unreachable();
    this.#flow.solve();
    for (let k = 0; k < EPILOGUES; k++) {
      code.close();
      this.#storeAll(code, this.#flow.epilogues[k] ?? 0);
      code.br(exit);
    }
    code.close();
    if (this.#budget) cpu.set32(code, OFF.budget, this.#budget);
    this.#flags.store(DYNAMIC);
    cpu.set64(code, OFF.rip, this.#rip);
    cpu.set64(code, OFF.left, i64.const(this.#region.entry));
    code.return(cpu.i32(OFF.status));
    code.unreachable();
    return code;
  }

  /** What was known at the end of the block that dominates a node and holds on every way to the node. */
  #persisting(node: number): { symbols: Symbols; groups: readonly Group[] } {
    const end = node === 0 ? undefined : this.#ends.get(this.#structure.idom[node] as number);
    const passed = end && between(node, this.#preds, this.#structure, this.#effects);
    if (!passed || passed.clobbers) return { symbols: this.#symbols.fork(false), groups: [] };
    const { written } = passed;
    const kept = this.#gpr.filter((local, reg) => local && ((written >>> reg) & 1) === 0);
    return { symbols: end.symbols.only(kept.map((local) => (local as Val).op)), groups: end.groups };
  }
  /** What the blocks of the region do in fact, once it is emitted; null if that is no more than was said. */
  actualEffects(): Effects[] | null {
    const actual = this.#region.blocks.map((_, n) => {
      const { written, syncs } = this.#flow.effects(n);
      return { written: written & 0xffff, clobbers: syncs || this.#clobbering.has(n) };
    });
    const asSaid = actual.every(({ written, clobbers }, n) => {
      const said = this.#effects[n] as Effects;
      return (written & ~said.written) === 0 && (said.clobbers || !clobbers);
    });
    return asSaid ? null : actual;
  }
  /** Nothing that is known of memory, or of the CPU block, holds any more. */
  #clobber(): void {
    this.#memory.drop();
    this.#clobbering.add(this.#block.index);
  }

  #emitBlock(b: BasicBlock, live: Uint16Array): void {
    const { code } = this;
    b.insns.forEach((insn, k) => {
      this.insn = insn;
      this.#live = live[k] as number;
      this.helped = false;
      const semantics = this.#options.semantics[insn.row.semantics];
      if (semantics) semantics(this, insn);
      else this.raise(VECTOR.UD);
      if (this.helped && insn.row.flow === 'next') this.#unwindIfMoved();
      code.endScope();
    });
    const last = b.insns[b.insns.length - 1] as Insn;
    if (last.row.flow === 'next') this.#go(b.end);
    else code.unreachable();
  }

  #unwindIfMoved(): void {
    const { code } = this;
    code.ifUnlikely(cpu.i32(OFF.moved), () =>
      this.#conditionally(() => {
        cpu.set32(code, OFF.moved, i32.const(0));
        this.#returnTo(i64.const(this.insn.next), STATUS.unwind);
      }),
    );
  }

  // Registers

  #gprLocal(reg: number): Val {
    const known = this.#gpr[reg];
    if (known) return known;
    const made = this.code.local('i64');
    this.#gpr[reg] = made;
    return made;
  }
  #xmmLocal(reg: number): Val {
    const known = this.#xmm[reg];
    if (known) return known;
    const made = this.code.local('v128');
    this.#xmm[reg] = made;
    return made;
  }
  #loadAll(c: Code, set: number): void {
    for (let r = 0; r < 16; r++) {
      if ((set >>> r) & 1) c.set(this.#gprLocal(r), cpu.i64(OFF.gpr + 8 * r));
      if ((set >>> (16 + r)) & 1) {
        c.set(this.#xmmLocal(r), cpu.v128(OFF.xmm + 16 * r));
        this.#scalars.loaded(c, r, this.#xmmLocal(r));
      }
    }
  }
  #storeAll(c: Code, set: number): void {
    for (let r = 0; r < 16; r++) {
      if ((set >>> r) & 1) cpu.set64(c, OFF.gpr + 8 * r, this.#gprLocal(r));
      if ((set >>> (16 + r)) & 1) cpu.set128(c, OFF.xmm + 16 * r, this.#xmmLocal(r));
    }
  }

  protected reg64(o: RegOperand | number): Val {
    const reg = typeof o === 'number' ? o : o.reg;
    this.#flow.read(reg);
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
      const s = width === 64 ? this.#symbols.of(v, this.#epoch) : null;
      this.code.set(at, width === 64 ? v : i64.extendU(v));
      if (s) this.#symbols.set(at.op, s);
      else this.#symbols.forget(at.op);
    } else {
      this.#flow.read(reg);
      this.#symbols.forget(at.op);
      const part = i64.extendU(i32.and(v, i32.const(mask)));
      const shift = high ? 8 : 0;
      const rest = i64.and(at, i64.const(~(BigInt(mask) << BigInt(shift))));
      this.code.set(at, i64.or(rest, high ? i64.shl(part, i64.const(8)) : part));
    }
    this.#flow.write(reg);
  }
  #xmmNumber(o: Operand | number): number {
    if (typeof o === 'number') return o;
    if (o.kind !== 'xmm') throw new Error(`operand of kind ${o.kind} is no xmm register`);
    return o.reg;
  }
  protected xmmReg(o: Operand | number): Val {
    const reg = this.#xmmNumber(o);
    this.#flow.read(16 + reg);
    return this.#xmmLocal(reg);
  }
  protected setXmmReg(o: Operand | number, v: Val): void {
    const reg = this.#xmmNumber(o);
    const same = v.k === 'local' ? this.#xmm.indexOf(v) : -1;
    this.#scalars.set(this.code, reg, this.#xmmLocal(reg), v, same < 0 ? null : same);
    this.#flow.write(16 + reg);
  }
  override readF(o: Operand): Val {
    const low = o.kind === 'xmm' ? this.#scalars.get(o.width === 32 ? 'f32' : 'f64', o.reg) : undefined;
    if (!low || o.kind !== 'xmm') return super.readF(o);
    this.#flow.read(16 + o.reg);
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
    return this.#tlb;
  }
  here(): Val {
    return i64.const(this.insn.ip);
  }
  next(): Val {
    return i64.const(this.insn.next);
  }

  // Statements that branch inside an instruction

  override let(v: Val): Val {
    const s = v.t === 'i64' ? this.#symbols.of(v, this.#epoch) : null;
    const bound = super.let(v);
    if (s && bound.k === 'local') this.#symbols.set(bound.op, s);
    return bound;
  }
  override set(variable: Val, v: Val): void {
    super.set(variable, v);
    this.#symbols.forget(variable.op);
  }
  #conditionally(body: () => void): void {
    this.#conditional++;
    this.#flow.conditionally(body);
    this.#conditional--;
  }
  override if(cond: Val, then: () => void, otherwise?: () => void): void {
    if (constOf(cond) !== null) {
      super.if(cond, then, otherwise);
      return;
    }
    const cc = this.#flags.now;
    const symbols = this.#symbols;
    const groups = this.#memory.active;
    let afterThen = { cc, symbols, groups };
    this.#symbols = symbols.fork(true);
    super.if(
      cond,
      () => {
        this.#conditionally(then);
        afterThen = { cc: this.#flags.now, symbols: this.#symbols, groups: this.#memory.active };
        this.#flags.now = cc;
        this.#symbols = symbols;
        this.#memory.active = groups;
      },
      otherwise && (() => this.#conditionally(otherwise)),
    );
    this.#flags.now = join(this.#flags.now, afterThen.cc);
    this.#symbols.meet(afterThen.symbols);
    this.#memory.active = this.#memory.active.filter((g) => afterThen.groups.includes(g));
  }
  override loop(body: Parameters<EmitBase['loop']>[0]): void {
    if (this.#flags.now.at !== 'dead') this.#flags.now = DYNAMIC;
    const before = this.#flags.now;
    this.#symbols.forgetAll();
    this.#clobber();
    super.loop((l) => this.#conditionally(() => body(l)));
    if (this.#flags.now !== before) this.#flags.now = DYNAMIC;
    this.#symbols.forgetAll();
    this.#clobber();
  }
  /** A field of the CPU block that may be part of an address has another value now. */
  #fieldChanged(): void {
    this.#epoch++;
    this.#clobbering.add(this.#block.index);
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
    const sp = this.#gpr[GPR.rsp];
    const p = this.#flow.point('fault');
    return {
      conditional: this.#conditional > 0,
      loop: this.#quietLoops[this.#block.index] as number,
      stack: sp !== undefined && this.#symbols.of(sp, this.#epoch).root === s.root,
      ip: this.insn.ip,
      rip: this.#rip,
      faults: () => this.#epilogues[p.epilogue] as Label,
    };
  }
  protected override guestLoad(t: WasmType, op: number, bytes: number, address: Val, forWrite: boolean): Val {
    const result = this.code.temp(t);
    const s = this.#symbols.of(address, this.#epoch);
    const slow = forWrite ? this.core.loadForWriteSlow : this.core.loadSlow;
    this.#memory.load(result, op, bytes, address, s, forWrite, slow, this.#access(s));
    this.#symbols.forget(result.op);
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
    const s = this.#symbols.of(address, this.#epoch);
    this.#memory.store(op, bytes, address, s, value, (c, at) => c.push(slow(at, value)), this.#access(s));
  }

  override probeWrite(bytes: number, address: Val): void {
    super.probeWrite(bytes, address);
    // The page may be another one now (copy on write).
    this.#clobber();
  }

  // Flags

  override flags(kind: FlagKind, width: Width, a: Val, b: Val, result: Val): void {
    if (this.#live === 0) {
      this.#flags.now = DEAD;
      return;
    }
    if ((kind === 'inc' || kind === 'dec') && (this.#live & FLAG.CF) === 0) {
      this.setCc(kind, width, a, width === 64 ? i64.const(0) : i32.const(0), result);
      return;
    }
    super.flags(kind, width, a, b, result);
  }
  override setFlags(values: Partial<Record<FlagName, Val>>): void {
    if (this.#live === 0) this.#flags.now = DEAD;
    else super.setFlags(values);
  }
  protected override wantedFlags(): number {
    return this.#live;
  }
  protected setCc(kind: CcKind, width: Width, a: Val, b: Val, res: Val): void {
    this.#flags.set(kind, width, a, b, res);
  }
  protected ccImage(): Val {
    return this.#flags.image();
  }
  flag(name: FlagName): Val {
    return this.#flags.flag(name);
  }
  condition(cc: number): Val {
    return this.#flags.condition(cc);
  }

  // Meeting the CPU block

  #sync(): Point {
    const p = this.#flow.point('sync');
    this.code.later((c) => this.#storeAll(c, p.spill));
    this.#flags.toMemory();
    if (this.#budget) cpu.set32(this.code, OFF.budget, this.#budget);
    this.#spilled = true;
    this.#epoch++;
    this.#symbols.forgetAll();
    this.#clobber();
    return p;
  }
  #resume(p: Point): void {
    this.#spilled = false;
    this.code.later((c) => this.#loadAll(c, p.reload));
    if (this.#budget) this.code.set(this.#budget, cpu.i32(OFF.budget));
  }
  #syncPoint: Point | null = null;
  protected spill(): void {
    this.#syncPoint = this.#sync();
    cpu.set64(this.code, OFF.rip, i64.const(this.insn.ip));
  }
  protected reload(): void {
    if (this.#syncPoint) this.#resume(this.#syncPoint);
    this.#syncPoint = null;
  }

  // Leaving

  /** Records that control may leave here with what is dirty now; gives what emits that. */
  #fault(ip: number): (c: Code) => void {
    const p = this.#flow.point('fault');
    return (c) => {
      c.set(this.#rip, i64.const(ip));
      c.br(this.#epilogues[p.epilogue] as Label);
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
  /** Stores what is dirty here. */
  #storeToLeave(): void {
    const { code } = this;
    const p = this.#flow.point('exit');
    code.later((c) => this.#storeAll(c, p.spill));
    this.#flags.store(this.#flags.now);
    if (this.#budget) cpu.set32(code, OFF.budget, this.#budget);
  }
  /** Returns to whoever called the region. */
  #returnTo(target: Val, status: number): void {
    cpu.set64(this.code, OFF.rip, target);
    this.#storeToLeave();
    this.code.return(i32.const(status));
  }
  /** Goes on elsewhere in place of this region: a return from there is one of this region's. */
  #leaveTo(target: Val): void {
    const { code } = this;
    const to = target.k === 'const' ? target : code.let(target);
    this.#storeToLeave();
    code.returnCall(this.#options.core.leave, [to, i32.const(0)]);
  }

  /** Guest address of a block; for a dispatch block, where the jump goes. */
  #addressOf(index: number): Val {
    const b = this.#region.blocks[index] as BasicBlock;
    return b.insns.length === 0 ? this.#rip : i64.const(b.ip);
  }
  /** Jumps to the successor whose address is in the rip local, by a hash of the address; else leaves. */
  #dispatch(b: BasicBlock): void {
    const { code } = this;
    const { blocks } = this.#region;
    const edges = this.#edges as Edges;
    const cc = this.#flags.now;
    const { slots, multiplier, shift } = spread(b.succs.map((s) => (blocks[s] as BasicBlock).ip));
    const missed = code.open(0x02);
    const used = [...slots.keys()].sort((x, y) => x - y);
    const labels = new Map(used.map((slot) => [slot, code.open(0x02)]));
    const table = Array.from({ length: 1 << (32 - shift) }, (_, n) => labels.get(n) ?? missed);
    code.brTable(
      i32.shrU(i32.mul(i32.wrap(this.#rip), i32.const(multiplier)), i32.const(shift)),
      table,
      missed,
    );
    for (const slot of used.reverse()) {
      code.close();
      for (const n of slots.get(slot) as number[]) {
        const to = b.succs[n] as number;
        const cond = i64.eq(this.#rip, i64.const((blocks[to] as BasicBlock).ip));
        this.#flags.now = cc;
        this.#arrive(to);
        const label = edges.label(to);
        if (label) code.brIf(cond, label);
        else code.if(cond, () => edges.go(to));
      }
      code.br(missed);
    }
    code.close();
    this.#flags.now = cc;
    this.#leaveTo(this.#rip);
  }

  /** Index of the block at an address, when the current block has an edge to it. */
  #successor(ip: number): number | null {
    const to = this.#region.at.get(ip);
    return to !== undefined && this.#block.succs.includes(to) ? to : null;
  }
  #arrive(to: number): void {
    const known = this.#flagsIn.get(to);
    this.#flagsIn.set(to, known ? join(known, this.#flags.now) : this.#flags.now);
  }
  #go(ip: number): void {
    const to = this.#successor(ip);
    if (to === null || !this.#edges) {
      this.#leaveTo(i64.const(ip));
      return;
    }
    this.#arrive(to);
    this.#edges.go(to);
  }
  #label(ip: number): Label | null {
    const to = this.#successor(ip);
    return to === null || !this.#edges ? null : this.#edges.label(to);
  }
  jump(target: Operand | Val): void {
    if (isOperand(target)) {
      if (target.kind !== 'rel') throw new Error('a jump goes to a rel operand or an address');
      this.#go(target.target);
      return;
    }
    const fixed = constOf(target);
    const to = this.#block.succs[0];
    if (fixed !== null) this.#go(Number(fixed));
    else if (to !== undefined && this.#edges) {
      this.code.set(this.#rip, target);
      this.#arrive(to);
      this.#edges.go(to);
    } else this.#leaveTo(target);
  }
  branch(cond: Val, target: Operand): void {
    const { code } = this;
    if (target.kind !== 'rel') throw new Error('a branch goes to a rel operand');
    const taken = target.target;
    const next = this.insn.next;
    if (taken === next) {
      this.#go(next);
      return;
    }
    const way = (ip: number, c: Val, other: number): boolean => {
      const label = this.#label(ip);
      if (!label) return false;
      this.#arrive(this.#successor(ip) as number);
      code.brIf(c, label);
      this.#go(other);
      return true;
    };
    if (constOf(cond) === null && (way(taken, cond, next) || way(next, i32.eqz(cond), taken))) return;
    const cc = this.#flags.now;
    code.if(
      cond,
      () => {
        this.#go(taken);
        this.#flags.now = cc;
      },
      () => this.#go(next),
    );
  }
  return(target: Val): void {
    this.#returnTo(target, STATUS.next);
  }
  resync(target: Val = this.next()): void {
    this.#returnTo(target, STATUS.resync);
  }
  #calledAddress(target: Operand | Val): Val | null {
    if (!isOperand(target)) return target;
    return target.kind === 'rel' ? i64.const(target.target) : null;
  }
  /** What a stub does, in place: a fault of its load is the stub's. */
  #throughStub(stub: Insn): Val {
    const { insn } = this;
    this.insn = stub;
    const to = this.let(this.read(stub.operands[0] as Operand));
    this.insn = insn;
    return to;
  }
  call(target: Operand | Val): void {
    const { code } = this;
    const { core, direct } = this.#options;
    const depth = this.#depth;
    const stub = isOperand(target) && target.kind === 'rel' ? this.#region.stubs.get(target.target) : null;
    const to = stub ? this.#throughStub(stub) : this.#calledAddress(target);
    if (!to || !depth) throw new Error('a call goes to a rel operand or an address, from a call instruction');
    const fixed = constOf(to);
    const callee = fixed === null ? undefined : direct(Number(fixed));
    const back = i64.const(this.insn.next);

    const left = this.#budget ?? code.temp('i32');
    code.set(left, i32.sub(this.#budget ?? cpu.i32(OFF.budget), i32.const(1)));
    if (this.#live === 0) this.#flags.now = DEAD;
    const p = this.#sync();
    if (!this.#budget) cpu.set32(code, OFF.budget, left);
    // Out of budget, or too deep: go to the callee by way of the outermost dispatcher.
    const room = i32.sub(i32.const(STACK_LIMIT), depth);
    code.ifUnlikely(i32.ltS(i32.or(left, room), i32.const(0)), () => {
      cpu.set64(code, OFF.rip, to);
      code.return(i32.and(i32.shrS(left, i32.const(31)), i32.const(STATUS.budget)));
    });
    if (callee === undefined) {
      cpu.set32(code, OFF.depth, depth);
      code.set(this.#status, callFn('i32', core.jump, [to, i32.const(0)]));
    } else code.set(this.#status, callFn('i32', callee, [depth]));
    // Came back with a reason to unwind, or to another place than the one the call left.
    const elsewhere = i64.xor(cpu.i64(OFF.rip), back);
    code.ifUnlikely(i64.ne(i64.or(elsewhere, i64.extendU(this.#status)), i64.const(0)), () => {
      code.if(i32.eqz(this.#status), () => code.set(this.#status, callFn('i32', core.enter, [back, depth])));
      code.if(this.#status, () => code.return(this.#status));
    });
    this.#resume(p);
    this.#go(this.insn.next);
  }
  syscall(): void {
    const { code } = this;
    const p = this.#sync();
    cpu.set64(code, OFF.rip, this.next());
    code.set(this.#status, callFn('i32', this.core.gate, [i32.const(0), i32.const(0)]));
    code.ifUnlikely(this.#status, () => code.return(this.#status));
    this.#resume(p);
    this.#go(this.insn.next);
  }
}

/** The wasm function of a region. */
export const emitRegion = (region: Region, options: RegionOptions): Code => {
  const first = new RegionEmit(region, options, guessEffects(region));
  const code = first.emit();
  const actual = first.actualEffects();
  return actual ? new RegionEmit(region, options, actual).emit() : code;
};
