// `Emit` for interpreter handlers: one function per form, its operands fetched from the predecoded op that
// the parameter points to, registers and flags kept in the CPU block.

import type { CoreFunctions } from '../core/core-signatures.ts';
import type { Insn, MemOperand, Operand, RegOperand, Width } from '../decode/insn.ts';
import type { FlagName } from '../emit.ts';
import { cpu, EmitBase, WASM } from '../emit-base.ts';
import { type CcKind, ccOp } from '../flags.ts';
import { CPU, FLAG, OFF, STATUS } from '../layout.ts';
import { Code } from '../wasm/code.ts';
import { callFn, i32, i64, loadAt, select, type Val } from '../wasm/ir.ts';
import { OP, OP_BYTES } from './op.ts';

const FLAG_BIT: Record<FlagName, number> = {
  cf: FLAG.CF,
  pf: FLAG.PF,
  af: FLAG.AF,
  zf: FLAG.ZF,
  sf: FLAG.SF,
  of: FLAG.OF,
};
/** Flags that a condition code tests directly: cc of the positive form. */
const FLAG_CC: Partial<Record<FlagName, number>> = { of: 0, cf: 2, zf: 4, sf: 8, pf: 10 };

/** How a handler continues with the next op: in the core's own module through the table, elsewhere by import. */
export type Tail = (code: Code, op: Val) => void;

/**
 * Goes on at a constant address. Where that lies in the same page, the op remembers the first op of the block there:
 * what is executed from one frame goes together, so that only this page has to be what it was.
 */
export const follow = (
  code: Code,
  core: CoreFunctions,
  tail: Tail,
  op: Val,
  link: typeof OP.link | typeof OP.fall,
  target: Val,
): void => {
  const known = code.temp('i32');
  code.set(known, loadAt('i32', WASM.i32Load, op, link));
  code.if(known, () => tail(code, known));
  code.returnCall(core.chain, [op, i32.const(link), target]);
};

const cmp = { add: ccOp('add', 8), sub32: ccOp('sub', 32), fcmp: ccOp('fcmp', 8) };

/**
 * The even condition `cc` straight from the lazy flags, for the operations that most often set them: sub and, for
 * the signed conditions, logic, of 32 and 64 bits, whose ccOps differ in the bits 1 (64) and 4 (logic).
 */
const quickCondition = (op: Val, cc: number): { when: Val; value: Val } | null => {
  const a = cpu.i64(OFF.ccA);
  const b = cpu.i64(OFF.ccB);
  const res = cpu.i64(OFF.ccRes);
  const computed = i32.ltU(i32.sub(op, i32.const(cmp.add)), i32.const(cmp.fcmp - cmp.add));
  const isSub = i32.eq(i32.and(op, i32.const(~1)), i32.const(cmp.sub32));
  const isSubOrLogic = i32.eq(i32.and(op, i32.const(~5)), i32.const(cmp.sub32));
  /** Operands of 32 bits are moved up, so that their sign is that of the i64. */
  const up = (v: Val): Val =>
    i64.shl(v, i64.extendU(i32.shl(i32.and(i32.xor(op, i32.const(1)), i32.const(1)), i32.const(5))));
  const isLogic = i32.and(op, i32.const(4));
  const left = up(select(isLogic, res, a));
  const right = up(select(isLogic, i64.const(0), b));
  switch (cc) {
    case 2:
      return { when: isSub, value: i64.ltU(a, b) };
    case 4:
      return { when: computed, value: i64.eqz(res) };
    case 6:
      return { when: isSub, value: i64.leU(a, b) };
    case 8:
      return { when: isSubOrLogic, value: i64.ltS(up(res), i64.const(0)) };
    case 12:
      return { when: isSubOrLogic, value: i64.ltS(left, right) };
    case 14:
      return { when: isSubOrLogic, value: i64.leS(left, right) };
    default:
      return null;
  }
};

export class InterpEmit extends EmitBase {
  readonly insn: Insn;
  readonly #op: Val;
  readonly #core: CoreFunctions;
  readonly #tail: Tail;

  constructor(
    insn: Insn,
    core: CoreFunctions,
    tail: Tail,
    exactFp: boolean,
    helperNumber: (name: string) => number,
    /** Where to write it, and the op: a function of its own if not given. */
    code = new Code(['i32']),
    op = code.param(0),
  ) {
    super(code, core, exactFp, helperNumber);
    this.insn = insn;
    this.#core = core;
    this.#tail = tail;
    this.#op = op;
  }

  #u16(off: number): Val {
    return loadAt('i32', WASM.i32Load16U, this.#op, off);
  }
  #i64(off: number): Val {
    return loadAt('i64', WASM.i64Load, this.#op, off);
  }
  /** Offset of the register of an operand from CPU, or a constant one. */
  #place(o: Operand | number, constant: (n: number) => number): { base: Val; offset: number } {
    if (typeof o === 'number') return { base: i32.const(0), offset: CPU + constant(o) };
    return { base: this.#u16(OP.reg + 2 * o.slot), offset: CPU };
  }
  #gprPlace(o: RegOperand | number, high: boolean): { base: Val; offset: number } {
    return this.#place(o, (n) => OFF.gpr + 8 * n + (high ? 1 : 0));
  }

  protected reg64(o: RegOperand | number): Val {
    const { base, offset } = this.#gprPlace(o, false);
    return loadAt('i64', WASM.i64Load, base, offset);
  }
  protected regPart(o: RegOperand | number, width: Width, high: boolean): Val {
    const { base, offset } = this.#gprPlace(o, high);
    const op = width === 8 ? WASM.i32Load8U : width === 16 ? WASM.i32Load16U : WASM.i32Load;
    return loadAt('i32', op, base, offset);
  }
  protected setReg(o: RegOperand | number, width: Width, high: boolean, v: Val): void {
    const { base, offset } = this.#gprPlace(o, high);
    if (width === 64) this.code.store(WASM.i64Store, base, v, offset);
    else if (width === 32) this.code.store(WASM.i64Store, base, i64.extendU(v), offset);
    else this.code.store(width === 16 ? WASM.i32Store16 : WASM.i32Store8, base, v, offset);
  }
  protected xmmReg(o: Operand | number): Val {
    const { base, offset } = this.#place(o, (n) => OFF.xmm + 16 * n);
    return loadAt('v128', WASM.v128Load, base, offset);
  }
  protected setXmmReg(o: Operand | number, v: Val): void {
    const { base, offset } = this.#place(o, (n) => OFF.xmm + 16 * n);
    this.code.store(WASM.v128Store, base, v, offset);
  }
  protected mmPlace(o: Operand): { base: Val; offset: number } {
    return this.#place(o, (n) => n);
  }
  protected regNumber(o: Operand): Val {
    return this.#u16(OP.reg + 2 * o.slot);
  }
  protected immediate(o: Extract<Operand, { kind: 'imm' }>, signed64: boolean): Val {
    const second = this.insn.operands.some((p) => p.kind === 'imm' && p.slot < o.slot);
    const off = second ? OP.disp : OP.imm;
    if (signed64 || o.width === 64) return this.#i64(off);
    const op = o.width === 8 ? WASM.i32Load8U : o.width === 16 ? WASM.i32Load16U : WASM.i32Load;
    return loadAt('i32', op, this.#op, off);
  }
  protected addressParts(_o: MemOperand): Val {
    const reg = (off: number): Val => loadAt('i64', WASM.i64Load, this.#u16(off), CPU);
    const scale = i64.extendU(loadAt('i32', WASM.i32Load8U, this.#op, OP.scale));
    return i64.add(i64.add(reg(OP.base), this.#i64(OP.disp)), i64.shl(reg(OP.index), scale));
  }
  protected segmentBase(_o: MemOperand): Val | null {
    return loadAt('i64', WASM.i64Load, this.#u16(OP.segment), CPU);
  }
  here(): Val {
    return this.#i64(OP.ip);
  }
  next(): Val {
    return i64.add(this.#i64(OP.ip), i64.extendU(loadAt('i32', WASM.i32Load8U, this.#op, OP.length)));
  }

  protected setCc(kind: CcKind, width: Width, a: Val, b: Val, res: Val): void {
    const { code } = this;
    const wide = (v: Val): Val => (v.t === 'i64' ? v : i64.extendU(v));
    cpu.set64(code, OFF.ccA, wide(a));
    if (kind !== 'raw') {
      cpu.set64(code, OFF.ccB, wide(b));
      cpu.set64(code, OFF.ccRes, wide(res));
    }
    cpu.set32(code, OFF.ccOp, i32.const(ccOp(kind, width)));
  }
  protected ccImage(): Val {
    return callFn('i32', this.core.flagsImage, [i32.const(0), i32.const(0)]);
  }
  flag(name: FlagName): Val {
    const cc = FLAG_CC[name];
    if (cc !== undefined) return this.condition(cc);
    return i32.and(i32.shrU(this.ccImage(), i32.const(31 - Math.clz32(FLAG_BIT[name]))), i32.const(1));
  }
  condition(cc: number): Val {
    const general = callFn('i32', this.core.condition, [i32.const(cc), i32.const(0)]);
    const op = this.let(cpu.i32(OFF.ccOp));
    const quick = quickCondition(op, cc & ~1);
    if (!quick) return general;
    const holds = this.variable('i32');
    this.if(
      quick.when,
      () => this.set(holds, (cc & 1) === 0 ? quick.value : i32.eqz(quick.value)),
      () => this.set(holds, general),
    );
    return holds;
  }

  protected setRip(v: Val): void {
    cpu.set64(this.code, OFF.rip, v);
  }
  protected exitPending(): void {
    this.setRip(this.#i64(OP.ip));
    this.code.return(cpu.i32(OFF.status));
  }
  protected exitWith(status: number, rip: 'this' | 'next'): void {
    this.setRip(rip === 'this' ? this.#i64(OP.ip) : this.next());
    this.code.return(i32.const(status));
  }
  protected spill(): void {}
  protected reload(): void {}
  #follow(link: typeof OP.link | typeof OP.fall, target: Val): void {
    follow(this.code, this.#core, this.#tail, this.#op, link, target);
  }
  /** Address that an operand or a value names. */
  protected target(target: Operand | Val): Val {
    return isOperand(target) ? this.#i64(OP.imm) : target;
  }
  jump(target: Operand | Val): void {
    if (isOperand(target)) this.#follow(OP.link, this.target(target));
    else this.code.returnCall(this.#core.jump, [target, i32.const(0)]);
  }
  branch(cond: Val, target: Operand): void {
    this.code.if(cond, () => this.#follow(OP.link, this.target(target)));
    this.#follow(OP.fall, this.next());
  }
  call(target: Operand | Val): void {
    this.jump(target);
  }
  resync(target: Val = this.next()): void {
    this.setRip(target);
    this.code.return(i32.const(STATUS.resync));
  }
  return(target: Val): void {
    // Not a tail call: translated callers wait for this address in `enter`.
    this.setRip(target);
    this.code.return(i32.const(STATUS.next));
  }
  syscall(): void {
    this.setRip(this.next());
    const status = this.let(callFn('i32', this.core.gate, [i32.const(0), i32.const(0)]));
    this.code.if(status, () => this.code.return(status));
    this.code.returnCall(this.#core.dispatch, [i32.const(0)]);
  }

  /** Ends the handler: on to the op behind this one. */
  finish(): Code {
    if (this.helped) {
      this.code.if(cpu.i32(OFF.moved), () => {
        cpu.set32(this.code, OFF.moved, i32.const(0));
        this.exitWith(STATUS.unwind, 'next');
      });
    }
    this.#tail(this.code, i32.add(this.#op, i32.const(OP_BYTES)));
    return this.code;
  }
}

const isOperand = (v: Operand | Val): v is Operand => 'kind' in v;
