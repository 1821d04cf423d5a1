// The arithmetic flags in a region: the operands of the last instruction that wrote them, in locals, from which a flag
// is computed where one is read; see flags.ts. The CPU block takes them over where others may look.

import type { CoreFunctions } from '../core/core-signatures.ts';
import type { Width } from '../decode/insn.ts';
import type { FlagName } from '../emit.ts';
import { cpu } from '../emit-base.ts';
import { type CcKind, type CcState, ccOp, conditionValue, flagsImage, flagValue } from '../flags.ts';
import { OFF } from '../layout.ts';
import type { Code } from '../wasm/code.ts';
import { callFn, i32, i64, type Val } from '../wasm/ir.ts';

/**
 * What is known about the flags at a place in the code. `memory`: the CPU block has them. `known`: the locals have them,
 * and of what kind they are is known. `dynamic`: the local for the kind tells at run time, -1 meaning memory. `dead`:
 * nobody will ask.
 */
export type Cc =
  | { readonly at: 'memory' | 'dynamic' | 'dead' }
  | { readonly at: 'known'; readonly kind: CcKind; readonly width: Width };

const MEMORY: Cc = { at: 'memory' };
export const DYNAMIC: Cc = { at: 'dynamic' };
export const DEAD: Cc = { at: 'dead' };

/** What is known where two ways meet. */
export const join = (a: Cc, b: Cc): Cc => {
  if (a === b || b.at === 'dead') return a;
  if (a.at === 'dead') return b;
  return a.at === 'known' && b.at === 'known' && a.kind === b.kind && a.width === b.width ? a : DYNAMIC;
};

const wide = (v: Val): Val => (v.t === 'i64' ? v : i64.extendU(v));
/** Condition codes of the flags that one alone tells. */
const CONDITION_OF: Partial<Record<FlagName, number>> = { of: 0, cf: 2, zf: 4, sf: 8, pf: 10 };

export class LazyFlags {
  /** What is known here. */
  now: Cc = MEMORY;
  readonly #code: Code;
  readonly #core: CoreFunctions;
  readonly #op: Val;
  readonly #a: Val;
  readonly #b: Val;
  readonly #res: Val;

  constructor(code: Code, core: CoreFunctions) {
    this.#code = code;
    this.#core = core;
    this.#op = code.local('i32');
    this.#a = code.local('i64');
    this.#b = code.local('i64');
    this.#res = code.local('i64');
  }

  /** At the beginning of the region. */
  begin(): void {
    this.#code.set(this.#op, i32.const(-1));
  }
  set(kind: CcKind, width: Width, a: Val, b: Val, res: Val): void {
    const code = this.#code;
    if (kind !== 'logic') code.set(this.#a, wide(a));
    if (kind !== 'raw') {
      if (kind !== 'logic') code.set(this.#b, wide(b));
      code.set(this.#res, wide(res));
    }
    code.set(this.#op, i32.const(ccOp(kind, width)));
    this.now = { at: 'known', kind, width };
  }
  #state(kind: CcKind, width: Width): CcState {
    const narrow = width !== 64 || kind === 'raw';
    const part = (v: Val): Val => (narrow ? i32.wrap(v) : v);
    return { kind, width, a: part(this.#a), b: part(this.#b), res: part(this.#res) };
  }
  /** Stores flags to the CPU block, as far as they are not there. */
  store(cc: Cc): void {
    const code = this.#code;
    if (cc.at === 'memory' || cc.at === 'dead') return;
    const store = (op: Val): void => {
      cpu.set32(code, OFF.ccOp, op);
      if (cc.at !== 'known' || cc.kind !== 'logic') cpu.set64(code, OFF.ccA, this.#a);
      if (cc.at === 'known' && cc.kind === 'raw') return;
      if (cc.at !== 'known' || cc.kind !== 'logic') cpu.set64(code, OFF.ccB, this.#b);
      cpu.set64(code, OFF.ccRes, this.#res);
    };
    if (cc.at === 'known') store(i32.const(ccOp(cc.kind, cc.width)));
    else code.if(i32.geS(this.#op, i32.const(0)), () => store(this.#op));
  }
  /** Puts the flags into the CPU block and goes on with them there. */
  toMemory(): void {
    this.store(this.now);
    if (this.now.at !== 'memory') this.#code.set(this.#op, i32.const(-1));
    this.now = MEMORY;
  }
  /** All of them, as RFLAGS has them. */
  image(): Val {
    if (this.now.at === 'known') return flagsImage(this.#state(this.now.kind, this.now.width));
    if (this.now.at === 'dead') return i32.const(0);
    this.toMemory();
    return callFn('i32', this.#core.flagsImage, [i32.const(0), i32.const(0)]);
  }
  flag(name: FlagName): Val {
    if (this.now.at === 'known') return flagValue(this.#state(this.now.kind, this.now.width), name);
    if (this.now.at === 'dead') return i32.const(0);
    const cc = CONDITION_OF[name];
    if (cc !== undefined) return this.condition(cc);
    return i32.and(i32.shrU(this.image(), i32.const(4)), i32.const(1));
  }
  condition(cc: number): Val {
    if (this.now.at === 'known') return conditionValue(this.#state(this.now.kind, this.now.width), cc);
    this.toMemory();
    return callFn('i32', this.#core.condition, [i32.const(cc), i32.const(0)]);
  }
}
