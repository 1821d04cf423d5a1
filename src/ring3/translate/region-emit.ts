// The translator's implementation of `Emit`: operands are constants, guest registers and lazy flags live in wasm locals
// (region-state.ts), and control stays inside one wasm function for as long as it stays inside the region.

import type { Insn, Operand } from '../decode/insn.ts';
import { cpu } from '../emit-base.ts';
import { OFF, STATUS, VECTOR } from '../layout.ts';
import type { Code, Label } from '../wasm/code.ts';
import { callFn, constOf, i32, i64, type Val } from '../wasm/ir.ts';
import { between, type Effects, guessEffects, inQuietLoops } from './between.ts';
import type { Group } from './guest-memory.ts';
import { type Cc, DEAD, DYNAMIC, join } from './lazy-flags.ts';
import { flagLiveness } from './liveness.ts';
import { type BasicBlock, isInlined, type Region, type Stub } from './region.ts';
import { type RegionOptions, RegionState } from './region-state.ts';
import { EPILOGUES, RegisterFlow } from './registers.ts';
import { spread } from './spread.ts';
import { ROUNDS_BEFORE, type StripLoop, type Stripped, withStrips } from './strip-loops.ts';
import { Strip } from './strips.ts';
import { type Edges, emitStructured, type Graph, type Structure, structure } from './structure.ts';
import type { Symbols } from './symbols.ts';

/** The host stack that nested regions may take, in bytes; V8's default limit is 984 KiB. */
export const STACK_LIMIT = 400_000;

const isOperand = (v: Operand | Val): v is Operand => 'kind' in v;

class RegionEmit extends RegionState {
  readonly #options: RegionOptions;
  readonly #structure: Structure;
  readonly #preds: Graph;
  /** What each block does at most; see `actualEffects`. */
  readonly #effects: readonly Effects[];
  #edges: Edges | null = null;
  readonly #status: Val;
  /** Estimated stack below a call made here; 0 in regions that make none. */
  readonly #depth: Val | null;
  /** What is known of the flags where a block begins, of the ways to it that have been emitted. */
  readonly #flagsIn = new Map<number, Cc>();
  /** What is known at the end of each block emitted. */
  readonly #ends = new Map<number, { readonly symbols: Symbols; readonly groups: readonly Group[] }>();

  /** Loops that have copies. */
  readonly #stripLoops: readonly StripLoop[];
  readonly #strips = new Map<StripLoop, Strip>();

  constructor({ region, structure: s, effects, loops }: Stripped, options: RegionOptions) {
    const graph = region.blocks.map((b) => b.succs);
    const followed = graph.map((list, u) => list.filter((v) => !s.leaves(u, v)));
    const preds: number[][] = graph.map(() => []);
    followed.forEach((list, u) => {
      for (const v of list) preds[v]?.push(u);
    });
    super(region, options, {
      flow: new RegisterFlow(followed),
      quiet: inQuietLoops(preds, s, effects),
      hasLoops: s.header.includes(1),
    });
    this.#options = options;
    this.#structure = s;
    this.#preds = preds;
    this.#effects = effects;
    this.#stripLoops = loops;
    this.#status = this.code.local('i32');
    const calls = region.blocks.some((b) => {
      const flow = b.insns[b.insns.length - 1]?.row.flow;
      return flow === 'indirect-call' || (flow === 'call' && !isInlined(b, region.blocks));
    });
    this.#depth = calls ? this.code.local('i32') : null;
  }

  /** Emits the whole region. */
  emit(): Code {
    const { code } = this;
    const { blocks } = this.region;
    const loopOf = new Map(
      this.#stripLoops.flatMap((l) => [...l.copies.values()].map((n) => [n, l] as const)),
    );
    const live = flagLiveness(this.region, this.#structure, (n) => loopOf.has(n));
    code.set(this.tlb, cpu.i32(OFF.tlb));
    code.set(this.home, cpu.i32(OFF.home));
    this.lazy.begin();
    if (this.budget) code.set(this.budget, cpu.i32(OFF.budget));
    this.#enterStrip(0);
    if (this.#depth) {
      const depth = this.#depth;
      code.set(depth, code.param(0));
      code.if(i32.eqz(depth), () => code.set(depth, cpu.i32(OFF.depth)));
      code.later((c) => c.set(depth, i32.add(depth, i32.const(code.frameEstimate))));
    }
    code.later((c) => this.loadAll(c, this.flow.entry));

    const exit = code.open(0x02);
    this.epilogues = Array.from({ length: EPILOGUES }, () => code.open(0x02)).reverse();
    const ends: (() => void)[] = [];
    emitStructured(this.#structure, code, {
      node: (node, edges) => {
        const back = this.flow.enter(node);
        const before = {
          block: this.block,
          edges: this.#edges,
          cc: this.lazy.now,
          symbols: this.symbols,
          strip: this.strip,
        };
        const loop = loopOf.get(node);
        const beginsStrip = loop?.copies.get(loop.header) === node;
        const { header: headers, merge } = this.#structure;
        const known =
          node !== 0 && headers[node] === 0 && merge[node] === 0
            ? { symbols: before.symbols.fork(true), groups: this.memory.active }
            : beginsStrip
              ? { symbols: this.symbols.fork(false), groups: [] }
              : this.#persisting(node);
        this.symbols = known.symbols;
        ends.push(this.memory.enter(known.groups));
        this.strip = loop ? this.#stripOf(loop) : null;
        if (beginsStrip) this.strip?.begin(this.symbols, this.allGprs());
        this.block = blocks[node] as BasicBlock;
        this.#edges = edges;
        if (node !== 0) {
          const header = this.#structure.header[node] === 1;
          const cc = this.#flagsIn.get(node) ?? DYNAMIC;
          this.lazy.now = header && cc.at !== 'dead' ? DYNAMIC : cc;
        } else if (this.#structure.header[0] === 1) this.lazy.now = DYNAMIC;
        if (this.block.ip < 0) this.#dispatch(this.block);
        else if (this.block.insns.length === 0) this.#follow(this.block.succs[0] as number);
        else this.#emitBlock(this.block, live[node] as Uint16Array);
        this.#ends.set(node, { symbols: this.symbols, groups: this.memory.active });
        this.block = before.block;
        this.#edges = before.edges;
        this.lazy.now = before.cc;
        this.symbols = before.symbols;
        this.strip = before.strip;
        back();
      },
      end: () => ends.pop()?.(),
      leave: (_from, to) => this.#leaveTo(this.#addressOf(to)),
      back: (from, to) => this.#goBack(from, to),
    });
    code.unreachable();
    this.flow.solve();
    for (let k = 0; k < EPILOGUES; k++) {
      code.close();
      this.storeAll(code, this.flow.epilogues[k] ?? 0);
      code.br(exit);
    }
    code.close();
    if (this.budget) cpu.set32(code, OFF.budget, this.budget);
    this.lazy.store(DYNAMIC);
    cpu.set64(code, OFF.rip, this.rip);
    cpu.set64(code, OFF.left, i64.const(this.region.entry));
    code.return(cpu.i32(OFF.status));
    code.unreachable();
    return code;
  }

  /** What happens before a jump back to a header. */
  #goBack(from: number, to: number): void {
    const { code, strip } = this;
    const budget = this.budget as Val;
    // A strip is over: the original does the next round.
    if (strip && to === strip.loop.entry) return;
    code.set(budget, i32.sub(budget, i32.const(1)));
    if (strip && to === strip.loop.copies.get(strip.loop.header)) {
      strip.endRound(this.symbols);
      code.if(i32.leS(budget, strip.stop), () => {
        code.set(strip.next, budget);
        this.#follow(strip.loop.entry);
      });
      return;
    }
    const outOfBudget = (): void =>
      code.ifUnlikely(i32.ltS(budget, i32.const(0)), () =>
        this.#returnTo(this.#addressOf(to), STATUS.budget),
      );
    const loop = this.#stripLoops.find((l) => l.header === to && l.copies.has(from));
    if (!loop) {
      outOfBudget();
      return;
    }
    const { next } = this.#stripOf(loop);
    // Not said to be unlikely: V8 would leave the copy without registers.
    code.if(i32.ltS(budget, next), () => {
      outOfBudget();
      this.#tryStrip(loop);
    });
  }
  #stripOf(loop: StripLoop): Strip {
    const known = this.#strips.get(loop);
    if (known) return known;
    const made = new Strip(loop, this.code);
    this.#strips.set(loop, made);
    return made;
  }
  /** Goes to a block from outside of a strip. */
  #enterStrip(to: number): void {
    const loop = this.#stripLoops.find((l) => l.entry === to);
    if (loop) this.#waitForStrip(loop);
  }
  /** The pages of a strip are looked for when the loop has gone round a few times more. */
  #waitForStrip(loop: StripLoop): void {
    this.code.set(this.#stripOf(loop).next, i32.sub(this.budget as Val, i32.const(ROUNDS_BEFORE)));
  }
  /** Goes on in the copy of a loop if all its pages are there. */
  #tryStrip(loop: StripLoop): void {
    const cc = this.lazy.now;
    this.#waitForStrip(loop);
    const copy = loop.copies.get(loop.header) as number;
    this.#stripOf(loop).look(this.budget as Val, this.tlb, () => this.#follow(copy));
    this.lazy.now = cc;
  }
  /** Where the loops begin whose copies do not hold what was hoped. */
  badStrips(): readonly number[] {
    return this.#stripLoops.filter((l) => !this.#stripOf(l).holds).map((l) => l.entry);
  }
  /** What was known at the end of the block that dominates a node and holds on every way to the node. */
  #persisting(node: number): { symbols: Symbols; groups: readonly Group[] } {
    const end = node === 0 ? undefined : this.#ends.get(this.#structure.idom[node] as number);
    const passed = end && between(node, this.#preds, this.#structure, this.#effects);
    if (!passed || passed.clobbers) return { symbols: this.symbols.fork(false), groups: [] };
    const { written } = passed;
    const kept = this.gprs.filter((local, reg) => local && ((written >>> reg) & 1) === 0);
    return { symbols: end.symbols.only(kept.map((local) => (local as Val).op)), groups: end.groups };
  }
  /** What the blocks of the region do in fact, once it is emitted; null if that is no more than was said. */
  actualEffects(): Effects[] | null {
    const actual = this.region.blocks.map((_, n) => {
      const { written, syncs } = this.flow.effects(n);
      return { written: written & 0xffff, clobbers: syncs || this.clobbering.has(n) };
    });
    const asSaid = actual.every(({ written, clobbers }, n) => {
      const said = this.#effects[n] as Effects;
      return (written & ~said.written) === 0 && (said.clobbers || !clobbers);
    });
    return asSaid ? null : actual;
  }
  #emitBlock(b: BasicBlock, live: Uint16Array): void {
    const { code } = this;
    b.insns.forEach((insn, k) => {
      this.insn = insn;
      this.live = live[k] as number;
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
      this.conditionally(() => {
        cpu.set32(code, OFF.moved, i32.const(0));
        this.#returnTo(i64.const(this.insn.next), STATUS.unwind);
      }),
    );
  }

  // Leaving

  /** Stores what is dirty here. */
  #storeToLeave(): void {
    const { code } = this;
    const p = this.flow.point('exit');
    code.later((c) => this.storeAll(c, p.spill));
    this.lazy.store(this.lazy.now);
    if (this.budget) cpu.set32(code, OFF.budget, this.budget);
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
    const b = this.region.blocks[index] as BasicBlock;
    return b.ip < 0 ? this.rip : i64.const(b.ip);
  }
  /** Jumps to the successor whose address is in the rip local, by a hash of the address; else leaves. */
  #dispatch(b: BasicBlock): void {
    const { code } = this;
    const { blocks } = this.region;
    const edges = this.#edges as Edges;
    const cc = this.lazy.now;
    const { slots, multiplier, shift } = spread(b.succs.map((s) => (blocks[s] as BasicBlock).ip));
    const missed = code.open(0x02);
    const used = [...slots.keys()].sort((x, y) => x - y);
    const labels = new Map(used.map((slot) => [slot, code.open(0x02)]));
    const table = Array.from({ length: 1 << (32 - shift) }, (_, n) => labels.get(n) ?? missed);
    code.brTable(
      i32.shrU(i32.mul(i32.wrap(this.rip), i32.const(multiplier)), i32.const(shift)),
      table,
      missed,
    );
    for (const slot of used.reverse()) {
      code.close();
      for (const n of slots.get(slot) as number[]) {
        const to = b.succs[n] as number;
        const cond = i64.eq(this.rip, i64.const((blocks[to] as BasicBlock).ip));
        this.lazy.now = cc;
        this.#arrive(to);
        const label = edges.label(to);
        if (label) code.brIf(cond, label);
        else code.if(cond, () => edges.go(to));
      }
      code.br(missed);
    }
    code.close();
    this.lazy.now = cc;
    this.#leaveTo(this.rip);
  }

  /** Index of the block at an address, when the current block has an edge to it. */
  #successor(ip: number): number | null {
    return this.block.succs.find((to) => (this.region.blocks[to] as BasicBlock).ip === ip) ?? null;
  }
  #arrive(to: number): void {
    if (!this.strip) this.#enterStrip(to);
    const known = this.#flagsIn.get(to);
    this.#flagsIn.set(to, known ? join(known, this.lazy.now) : this.lazy.now);
  }
  /** Goes to a block that the current one has an edge to. */
  #follow(to: number): void {
    this.#arrive(to);
    (this.#edges as Edges).go(to);
  }
  #go(ip: number): void {
    const to = this.#successor(ip);
    if (to === null) this.#leaveTo(i64.const(ip));
    else this.#follow(to);
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
    const to = this.block.succs[0];
    if (fixed !== null) this.#go(Number(fixed));
    else if (to !== undefined) {
      this.code.set(this.rip, target);
      this.#follow(to);
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
    const cc = this.lazy.now;
    code.if(
      cond,
      () => {
        this.#go(taken);
        this.lazy.now = cc;
      },
      () => this.#go(next),
    );
  }
  return(target: Val): void {
    const [to] = this.block.succs;
    if (to === undefined) {
      this.#returnTo(target, STATUS.next);
      return;
    }
    // Of a callee in the place of its call: back to behind the call, unless the guest has changed where it returns to.
    this.code.ifUnlikely(i64.ne(target, this.#addressOf(to)), () => this.#returnTo(target, STATUS.next));
    this.#follow(to);
  }
  resync(target: Val = this.next()): void {
    this.#returnTo(target, STATUS.resync);
  }
  /** Where a stub goes, from its word: a fault of the load is the stub's. */
  #throughStub({ jump }: Stub): Val {
    const { insn } = this;
    this.insn = jump;
    const to = this.let(this.read(jump.operands[0] as Operand));
    this.insn = insn;
    return to;
  }
  /** Goes on with the callee's code, whose returns lead to the block behind the call. */
  #enterInlined(stub: Stub | null): void {
    const [to] = this.block.succs as readonly [number];
    if (stub) {
      const found = this.#throughStub(stub);
      this.code.ifUnlikely(i64.ne(found, this.#addressOf(to)), () => this.#leaveTo(found));
    }
    this.#follow(to);
  }
  call(target: Operand | Val): void {
    const named = isOperand(target) && target.kind === 'rel' ? target.target : null;
    const stub = named === null ? null : (this.region.stubs.get(named) ?? null);
    if (isInlined(this.block, this.region.blocks)) {
      this.#enterInlined(stub);
      return;
    }
    const { code } = this;
    const { core, direct } = this.#options;
    const depth = this.#depth;
    if ((isOperand(target) && named === null) || !depth)
      throw new Error('a call goes to a rel operand or an address, from a call instruction');
    const to = stub ? this.#throughStub(stub) : isOperand(target) ? i64.const(named as number) : target;
    const fixed = stub ? stub.to : constOf(to);
    const callee = fixed === null ? undefined : direct(Number(fixed));
    const back = i64.const(this.insn.next);

    const left = this.budget ?? code.temp('i32');
    code.set(left, i32.sub(this.budget ?? cpu.i32(OFF.budget), i32.const(1)));
    if (this.live === 0) this.lazy.now = DEAD;
    const p = this.sync();
    if (!this.budget) cpu.set32(code, OFF.budget, left);
    // Out of budget, or too deep: go to the callee by way of the outermost dispatcher.
    const room = i32.sub(i32.const(STACK_LIMIT), depth);
    code.ifUnlikely(i32.ltS(i32.or(left, room), i32.const(0)), () => {
      cpu.set64(code, OFF.rip, to);
      code.return(i32.and(i32.shrS(left, i32.const(31)), i32.const(STATUS.budget)));
    });
    const known = callee === undefined ? null : callFn('i32', callee, [depth]);
    const bySearch = (): void => {
      cpu.set32(code, OFF.depth, depth);
      code.set(this.#status, callFn('i32', core.jump, [to, i32.const(0)]));
    };
    if (!known) bySearch();
    else if (!stub) code.set(this.#status, known);
    else code.if(i64.eq(to, i64.const(stub.to as number)), () => code.set(this.#status, known), bySearch);
    // Came back with a reason to unwind, or to another place than the one the call left.
    const elsewhere = i64.xor(cpu.i64(OFF.rip), back);
    code.ifUnlikely(i64.ne(i64.or(elsewhere, i64.extendU(this.#status)), i64.const(0)), () => {
      code.if(i32.eqz(this.#status), () => code.set(this.#status, callFn('i32', core.enter, [back, depth])));
      code.if(this.#status, () => code.return(this.#status));
    });
    this.resume(p);
    this.#go(this.insn.next);
  }
  syscall(): void {
    const { code } = this;
    const p = this.sync();
    cpu.set64(code, OFF.rip, this.next());
    code.set(this.#status, callFn('i32', this.core.gate, [i32.const(0), i32.const(0)]));
    code.ifUnlikely(this.#status, () => code.return(this.#status));
    this.resume(p);
    this.#go(this.insn.next);
  }
}

/** Emissions of a region in which what was hoped of its loops may turn out wrong. */
const STRIP_ATTEMPTS = 3;

/** The wasm function of a region. */
export const emitRegion = (region: Region, options: RegionOptions): Code => {
  const plain = structure(region.blocks.map((b) => b.succs));
  const without = new Set<number>();
  let effects: readonly Effects[] = guessEffects(region);
  for (let attempt = 0; ; attempt++) {
    const stripped = withStrips(region, plain, effects, attempt < STRIP_ATTEMPTS ? without : null);
    const emit = new RegionEmit(stripped, options);
    const code = emit.emit();
    const actual = emit.actualEffects();
    const bad = emit.badStrips();
    if ((!actual || attempt > 0) && bad.length === 0) return code;
    if (actual) effects = actual.slice(0, region.blocks.length);
    for (const entry of bad) without.add(entry);
  }
};
