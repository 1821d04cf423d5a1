// Guest memory as a region reaches it. Accesses at known distances from each other (fields of a structure, slots
// of a stack frame, the two halves of a read-modify-write) form a group: the first looks the whole range up in
// the TLB at once, and the others reuse the physical address. How far the range goes is known only when the
// region is done, so accesses are left as marks. Where the range crosses a page, or misses, every access of the
// group takes the slow path by itself, which keeps faults exact.

import { WASM } from '../emit-base.ts';
import { TLB } from '../layout.ts';
import type { Code } from '../wasm/code.ts';
import { callFn, i32, i64, loadAt, type Val } from '../wasm/ir.ts';
import type { Sym } from './symbols.ts';

/** The widest range that one lookup covers: the chance that it crosses a page is range / 4096. */
const MAX_RANGE = 256;
/** Groups that are kept in mind at a time. */
const MAX_ACTIVE = 6;

export interface Group {
  readonly root: number;
  /** i32 local: physical address of `lo`, or 0. */
  readonly base: Val;
  /** The basic block in which it began, and whether that was in a conditional part of an instruction. */
  readonly block: number;
  lo: number;
  hi: number;
  write: boolean;
  members: number;
}

/** What surrounds an access. */
export interface AccessContext {
  readonly block: number;
  readonly conditional: boolean;
  /** Emits the exit of a fault here, at the end of which the status is pending. */
  readonly fault: (c: Code) => void;
}

export class GuestMemory {
  readonly #code: Code;
  readonly #tlb: Val;
  readonly #at: Val;
  readonly #entry: Val;
  readonly #physical: Val;
  readonly #free: Val[] = [];
  #active: readonly Group[] = [];
  /** Groups that began in the blocks being emitted, by nesting. */
  #begun: Group[] = [];

  constructor(code: Code, tlb: Val) {
    this.#code = code;
    this.#tlb = tlb;
    this.#at = code.local('i64');
    this.#entry = code.local('i32');
    this.#physical = code.local('i32');
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
  /** Begins a basic block; call the result at its end, when nothing reached only through it is left to emit. */
  enter(inherits: boolean): () => void {
    const active = this.#active;
    const begun = this.#begun;
    this.#begun = [];
    if (!inherits) this.#active = [];
    return () => {
      for (const g of this.#begun) this.#free.push(g.base);
      this.#begun = begun;
      this.#active = active;
    };
  }

  /** The group for an access, and whether the access begins it. */
  #join(s: Sym, bytes: number, write: boolean, ctx: AccessContext): { group: Group; first: boolean } {
    const { offset } = s;
    for (const g of this.#active) {
      if (g.root !== s.root) continue;
      const lo = Math.min(g.lo, offset);
      const hi = Math.max(g.hi, offset + bytes);
      if (hi - lo > MAX_RANGE) continue;
      // Asking for more in advance is right only for what surely follows.
      const sure = g.block === ctx.block && !ctx.conditional;
      if (write && !g.write && !sure) continue;
      g.lo = lo;
      g.hi = hi;
      g.write ||= write;
      g.members++;
      return { group: g, first: false };
    }
    const group: Group = {
      root: s.root,
      base: this.#free.pop() ?? this.#code.local('i32'),
      block: ctx.block,
      lo: offset,
      hi: offset + bytes,
      write,
      members: 1,
    };
    this.#begun.push(group);
    if (!ctx.conditional) this.#active = [group, ...this.#active].slice(0, MAX_ACTIVE);
    return { group, first: true };
  }

  /** Looks [lo, hi) of the group up, `delta` before the address given; true in the result: a miss. */
  #lookup(c: Code, g: Group, at: Val, delta: number, physical: Val): Val {
    const low = i64.sub(at, i64.const(delta));
    const index = i32.and(
      i32.shrU(i32.wrap(low), i32.const(12 - TLB.entryShift)),
      i32.const((TLB.entries - 1) << TLB.entryShift),
    );
    c.set(this.#entry, i32.add(index, this.#tlb));
    c.set(physical, i32.add(i32.wrap(low), loadAt('i32', WASM.i32Load, this.#entry, TLB.addend)));
    return i64.ne(
      loadAt('i64', WASM.i64Load, this.#entry, g.write ? TLB.writeTag : TLB.readTag),
      i64.and(i64.add(at, i64.const(g.hi - g.lo - 1 - delta)), i64.const(-4096)),
    );
  }
  /** The address in a local, so that using it again costs nothing. */
  #bind(c: Code, address: Val): Val {
    if (address.k === 'local' || address.k === 'const') return address;
    c.set(this.#at, address);
    return this.#at;
  }
  /** After a slow write, pages may have moved (copy on write): what was looked up for reading is stale. */
  #forget(c: Code, others: readonly Group[]): void {
    for (const g of others) if (g.members > 1 && !g.write) c.set(g.base, i32.const(0));
  }

  /** A load into `result`. */
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
    const others = this.#active;
    const { group, first } = this.#join(s, bytes, forWrite, ctx);
    const { offset } = s;
    const physical = this.#physical;
    this.#code.later((c) => {
      const read = (base: Val, delta: number): void => c.set(result, loadAt(result.t, op, base, delta));
      const delta = offset - group.lo;
      const miss = (at: Val): void => {
        c.set(physical, callFn('i32', slow, [at, i32.const(bytes)]));
        c.if(i32.eqz(physical), () => ctx.fault(c));
        if (forWrite) this.#forget(c, others);
      };
      if (group.members === 1) {
        const at = this.#bind(c, address);
        c.ifUnlikely(this.#lookup(c, group, at, 0, physical), () => miss(at));
        read(physical, 0);
        return;
      }
      if (first) {
        const at = this.#bind(c, address);
        const missed = this.#lookup(c, group, at, delta, group.base);
        c.ifUnlikely(
          missed,
          () => {
            c.set(group.base, i32.const(0));
            miss(at);
            read(physical, 0);
          },
          () => read(group.base, delta),
        );
        return;
      }
      c.ifUnlikely(
        i32.eqz(group.base),
        () => {
          miss(address);
          read(physical, 0);
        },
        () => read(group.base, delta),
      );
    });
  }

  /** A store of a constant or local. */
  store(
    op: number,
    bytes: number,
    address: Val,
    s: Sym,
    value: Val,
    slow: (at: Val, value: Val) => Val,
    ctx: AccessContext,
  ): void {
    const others = this.#active;
    const { group, first } = this.#join(s, bytes, true, ctx);
    const { offset } = s;
    this.#code.later((c) => {
      const delta = offset - group.lo;
      const miss = (at: Val): void => {
        c.if(slow(at, value), () => ctx.fault(c));
        this.#forget(c, others);
      };
      if (group.members === 1) {
        const at = this.#bind(c, address);
        c.ifUnlikely(
          this.#lookup(c, group, at, 0, this.#physical),
          () => miss(at),
          () => c.store(op, this.#physical, value, 0),
        );
        return;
      }
      if (first) {
        const at = this.#bind(c, address);
        c.ifUnlikely(
          this.#lookup(c, group, at, delta, group.base),
          () => {
            c.set(group.base, i32.const(0));
            miss(at);
          },
          () => c.store(op, group.base, value, delta),
        );
        return;
      }
      c.ifUnlikely(
        i32.eqz(group.base),
        () => miss(address),
        () => c.store(op, group.base, value, delta),
      );
    });
  }
}
