// Guest memory as a region reaches it. Accesses at known distances from each other (fields of a structure, slots
// of a stack frame, the two halves of a read-modify-write) form a group: the first looks the whole range up in
// the TLB at once, and the others use the physical address unchecked. How far the range goes is known only when
// the region is done, so accesses are left as marks. A range that misses the TLB is looked up by the core, which
// also finds the two pages of a range that crosses; where these are not neighbours in physical memory, or what
// was looked up before may be stale, the region is left before the instruction, and the interpreter does it. A
// region that this happens to often is made anew: cautious, with a slow path of its own for every access.

import { WASM } from '../emit-base.ts';
import { CPU, HOME, MEMO, memoAt, OFF, PAGE, TLB } from '../layout.ts';
import { bytesOf, type Code, type Label } from '../wasm/code.ts';
import { i32, type Val } from '../wasm/ir.ts';
import type { Strip } from './strips.ts';
import type { Sym } from './symbols.ts';

/** The widest range that one lookup covers: the chance that it crosses a page is range / 4096. */
const MAX_RANGE = 512;
/** Groups that are kept in mind at a time. */
const MAX_ACTIVE = 6;

/** Address of a memo (MEMO). */
type Memo = number;

export interface Group {
  readonly root: number;
  /** i32 local: physical address of `lo`. */
  readonly base: Val;
  lo: number;
  hi: number;
  /** Whether it began with a store. */
  readonly write: boolean;
  members: number;
  /** Of a group in a loop: the entry of the TLB that it found last. */
  readonly memo: Memo | null;
  readonly stack: boolean;
  /** In a strip: what takes its addresses to physical memory, i32. */
  toPhysical: Val | null;
}

/** What surrounds an access. */
export interface AccessContext {
  /** Whether it is in a conditional part of an instruction. */
  readonly conditional: boolean;
  /** Whether it is in a loop in which what was looked up once holds. */
  readonly loop: boolean;
  /** Whether it lies at a known distance from the top of the stack. */
  readonly stack: boolean;
  /** The copy of a loop that it is in, which needs nothing of what follows. */
  readonly strip: Pick<Strip, 'add'> | null;
  /** Address of the instruction, and where a fault of it goes with that address in the rip local, known when all is emitted. */
  readonly ip: number;
  readonly rip: Val;
  readonly faults: () => Label;
}

/** Of the core: how a miss of a group is looked up; see `readRange` and `writeRange` there. */
export interface RangeLookups {
  readonly readRange: number;
  readonly writeRange: number;
  readonly readStack: number;
  readonly writeStack: number;
}

const I32_EQZ = 0x45;
const I32_ADD = 0x6a;
const I32_WRAP = 0xa7;
const I32_XOR = 0x73;
const I64_GT_U = 0x56;
const I64_ADD = 0x7c;
const I64_SUB = 0x7d;

/** From an address on the stack to the place of its entry, i32. */
const index = (entryShift: number): Uint8Array =>
  bytesOf((c) => {
    c.op(I32_WRAP);
    c.i32(12 - entryShift);
    c.op(0x76);
    c.i32((TLB.entries - 1) << entryShift);
    c.op(0x71);
  });
const INDEX = index(TLB.entryShift);
const HOME_INDEX = index(HOME.entryShift);

export class GuestMemory {
  readonly #code: Code;
  readonly #tlb: Val;
  readonly #home: Val;
  readonly #at: Val;
  readonly #entry: Val;
  readonly #offset: Val;
  readonly #free: Val[] = [];
  #active: readonly Group[] = [];
  /** Groups that began in the blocks being emitted, by nesting. */
  #begun: Group[] = [];

  readonly #ranges: RangeLookups | null;
  #nextPair: number;

  /** Without `ranges` the region is cautious. `seed` says where it begins to take memos: not where its neighbours do. */
  constructor(code: Code, tlb: Val, home: Val, ranges: RangeLookups | null, seed: number) {
    this.#nextPair = seed % MEMO.pairs;
    this.#code = code;
    this.#tlb = tlb;
    this.#home = home;
    this.#ranges = ranges;
    this.#at = code.local('i64');
    this.#entry = code.local('i32');
    this.#offset = code.local('i64');
  }

  /** Nothing that was looked up before holds any more. */
  drop(): void {
    this.#active = [];
  }
  get active(): readonly Group[] {
    return this.#active;
  }
  set active(groups: readonly Group[]) {
    this.#active = groups;
  }
  /** Begins a basic block with groups that hold there; call the result when nothing that it dominates is left to emit. */
  enter(holding: readonly Group[]): () => void {
    const active = this.#active;
    const begun = this.#begun;
    this.#begun = [];
    this.#active = holding;
    return () => {
      for (const g of this.#begun) this.#free.push(g.base);
      this.#begun = begun;
      this.#active = active;
    };
  }

  /** A place for what a group in a loop finds: another one for each, so far as there are others. */
  #nextMemo(write: boolean): Memo {
    const n = MEMO.firstOfLoops + 2 * this.#nextPair + (write ? 1 : 0);
    this.#nextPair = (this.#nextPair + 1) % MEMO.pairs;
    return memoAt(n);
  }

  /** The group for an access, and whether the access begins it. */
  #join(s: Sym, bytes: number, write: boolean, ctx: AccessContext): Group {
    const { offset } = s;
    for (const g of this.#ranges ? this.#active : []) {
      if (g.root !== s.root) continue;
      const lo = Math.min(g.lo, offset);
      const hi = Math.max(g.hi, offset + bytes);
      if (hi - lo > MAX_RANGE) continue;
      // A load must not ask for the store after it: a private page would be copied too early, and miss what is
      // written to its file in between.
      if (write && !g.write) continue;
      g.lo = lo;
      g.hi = hi;
      g.members++;
      return g;
    }
    const group: Group = {
      root: s.root,
      base: this.#free.pop() ?? this.#code.local('i32'),
      lo: offset,
      hi: offset + bytes,
      write,
      members: 1,
      memo: ctx.loop && this.#ranges && !ctx.stack ? this.#nextMemo(write) : null,
      stack: ctx.stack,
      toPhysical: null,
    };
    group.toPhysical = ctx.strip?.add(group) ?? null;
    this.#begun.push(group);
    if (!ctx.conditional) this.#active = [group, ...this.#active.slice(0, MAX_ACTIVE - 1)];
    return group;
  }

  /** Pushes the start of a group whose member `delta` behind it is at an address, which can be pushed again. */
  #pushStart(c: Code, at: Val, delta: number): void {
    if (at.k === 'const') {
      c.i64(Number(at.imm) - delta);
      return;
    }
    c.push(at);
    if (delta === 0) return;
    c.i64(-delta);
    c.op(I64_ADD);
  }
  /** An address in a form that can be pushed again. */
  #settle(c: Code, address: Val, delta: number): Val {
    const fixed = address.k === 'const' && typeof address.imm === 'number' && address.imm - delta >= 0;
    if (fixed || address.k === 'local') return address;
    c.push(address);
    c.pop(this.#at);
    return this.#at;
  }
  /** Sets `#entry` to the entry for the start of a group in the TLB, or in the table of the pages at home. */
  #toEntry(c: Code, at: Val, delta: number, table: typeof TLB | typeof HOME): void {
    if (at.k === 'const')
      c.i32((Math.floor((Number(at.imm) - delta) / PAGE) & (TLB.entries - 1)) << table.entryShift);
    else {
      this.#pushStart(c, at, delta);
      c.raw(table === TLB ? INDEX : HOME_INDEX);
    }
    c.push(this.#tlb);
    c.op(I32_ADD);
    c.pop(this.#entry);
  }
  /** Sets `#offset` to how far the start of a group lies behind the tag at an address, `offset` behind `base`. */
  #toOffset(c: Code, at: Val, delta: number, base: Val, offset: number): void {
    this.#pushStart(c, at, delta);
    c.push(base);
    c.access(WASM.i64Load, offset);
    c.op(I64_SUB);
    c.pop(this.#offset);
  }
  /** Sets `physical` by a frame, given `#offset` in it. */
  #toPhysical(c: Code, physical: Val, pushFrame: () => void): void {
    c.push(this.#offset);
    c.op(I32_WRAP);
    pushFrame();
    c.op(I32_ADD);
    c.pop(physical);
  }
  /** Opens the `if` of what does not lie behind `#offset` as far as the group goes. */
  #ifBeyond(c: Code, g: Group): void {
    c.push(this.#offset);
    c.i64(PAGE - (g.hi - g.lo));
    c.op(I64_GT_U);
    c.openIf(true);
  }
  /**
   * Looks the group up by the address of a member, `delta` behind its start, and opens the `if` of a miss. Sets
   * `physical` to where a hit leads. Returns the address in a form that can be used again.
   */
  #lookup(c: Code, g: Group, address: Val, delta: number, physical: Val): Val {
    const at = this.#settle(c, address, delta);
    this.#toEntry(c, at, delta, TLB);
    this.#toOffset(c, at, delta, this.#entry, g.write ? TLB.writeTag : TLB.readTag);
    this.#toPhysical(c, physical, () => {
      c.push(this.#entry);
      c.access(WASM.i32Load, TLB.frame);
    });
    this.#ifBeyond(c, g);
    return at;
  }
  /** The same among the pages at home. */
  #lookupAtHome(c: Code, g: Group, address: Val, delta: number): Val {
    const at = this.#settle(c, address, delta);
    this.#toEntry(c, at, delta, HOME);
    this.#toOffset(c, at, delta, this.#entry, HOME.table + (g.write ? HOME.writeTag : HOME.readTag));
    this.#pushStart(c, at, delta);
    c.op(I32_WRAP);
    c.push(this.#home);
    c.op(I32_ADD);
    c.pop(g.base);
    this.#ifBeyond(c, g);
    return at;
  }
  /** Sets the physical address by a memo, and opens the `if` of what is not there. */
  #lookupMemo(c: Code, g: Group, memo: Memo, address: Val, delta: number): Val {
    const at = this.#settle(c, address, delta);
    this.#toOffset(c, at, delta, i32.const(0), memo + MEMO.tag);
    this.#toPhysical(c, g.base, () => {
      c.i32(0);
      c.access(WASM.i32Load, memo + MEMO.frame);
    });
    this.#ifBeyond(c, g);
    return at;
  }
  /** Makes a memo of the entry of the TLB that a group was found by. */
  #remember(c: Code, g: Group, memo: Memo): void {
    c.i32(0);
    c.push(this.#entry);
    c.access(WASM.i64Load, g.write ? TLB.writeTag : TLB.readTag);
    c.access(WASM.i64Store, memo + MEMO.tag);
    c.i32(0);
    c.push(this.#entry);
    c.access(WASM.i32Load, TLB.frame);
    c.access(WASM.i32Store, memo + MEMO.frame);
    c.i32(0);
    c.i32(1);
    c.access(WASM.i32Store, CPU + OFF.memosUsed);
  }
  /** Leaves the region if there is a 0 on the stack, before the instruction. */
  #leaveIfNone(c: Code, ctx: AccessContext, found: Val): void {
    c.pop(found);
    c.push(found);
    c.op(I32_EQZ);
    c.popBrIf(ctx.faults());
  }
  /** Finds the range of the group by its first member at `address`. */
  #find(c: Code, g: Group, address: Val, delta: number, ranges: RangeLookups, ctx: AccessContext): void {
    const miss = (at: Val): void => {
      c.i64(ctx.ip);
      c.pop(ctx.rip);
      c.push(at);
      c.i32((delta << 16) | (g.hi - g.lo));
      if (g.stack) c.invoke(g.write ? ranges.writeStack : ranges.readStack);
      else c.invoke(g.write ? ranges.writeRange : ranges.readRange);
      // By the complement V8 knows that the upper half is clear, as it is after a hit.
      c.i32(-1);
      c.op(I32_XOR);
      this.#leaveIfNone(c, ctx, g.base);
    };
    if (g.toPhysical) {
      c.push(address);
      if (delta !== 0) {
        c.i64(-delta);
        c.op(I64_ADD);
      }
      c.op(I32_WRAP);
      c.push(g.toPhysical);
      c.op(I32_ADD);
      c.pop(g.base);
      return;
    }
    if (g.stack)
      miss(this.#lookupMemo(c, g, memoAt(g.write ? MEMO.stackWrite : MEMO.stackRead), address, delta));
    else if (g.memo !== null) {
      const at = this.#lookupMemo(c, g, g.memo, address, delta);
      miss(this.#lookup(c, g, at, delta, g.base));
      c.else();
      this.#remember(c, g, g.memo);
      c.close();
    } else if (address.k === 'const') miss(this.#lookup(c, g, address, delta, g.base));
    else {
      miss(this.#lookup(c, g, this.#lookupAtHome(c, g, address, delta), delta, g.base));
      c.close();
    }
    c.close();
  }

  /** A load into `result`; `slow` is what a cautious region calls on a miss. */
  load(
    result: Val,
    op: number,
    bytes: number,
    address: Val,
    s: Sym,
    forWrite: boolean,
    slow: number,
    ctx: AccessContext,
  ): void {
    const group = this.#join(s, bytes, forWrite, ctx);
    const first = group.members === 1;
    const ranges = this.#ranges;
    const { offset } = s;
    this.#code.later((c) => {
      const delta = offset - group.lo;
      if (!ranges) {
        const at = this.#lookup(c, group, address, delta, group.base);
        c.i64(ctx.ip);
        c.pop(ctx.rip);
        c.push(at);
        c.i32(bytes);
        c.invoke(slow);
        this.#leaveIfNone(c, ctx, group.base);
        c.close();
      } else if (first) this.#find(c, group, address, delta, ranges, ctx);
      c.push(group.base);
      c.access(op, delta);
      c.pop(result);
    });
  }

  /** A store of a constant or local; in a cautious region `slow` does it on a miss, and leaves a status on the stack. */
  store(
    op: number,
    bytes: number,
    address: Val,
    s: Sym,
    value: Val,
    slow: (c: Code, at: Val) => void,
    ctx: AccessContext,
  ): void {
    const group = this.#join(s, bytes, true, ctx);
    const first = group.members === 1;
    const ranges = this.#ranges;
    const { offset } = s;
    this.#code.later((c) => {
      const delta = offset - group.lo;
      if (!ranges) {
        const at = this.#lookup(c, group, address, delta, group.base);
        c.i64(ctx.ip);
        c.pop(ctx.rip);
        slow(c, at);
        c.popBrIf(ctx.faults());
        c.else();
      } else if (first) this.#find(c, group, address, delta, ranges, ctx);
      c.push(group.base);
      c.push(value);
      c.access(op, delta);
      if (!ranges) c.close();
    });
  }
}
