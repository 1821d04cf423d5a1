// `Emit` for handlers that do one instruction by itself, which is how code runs while TF or AC is set: they never go on
// to another op, do one round of a REP instruction, and check alignment (Intel SDM volume 3, sections 7.15 and 18.3.1.4).

import type { Operand } from '../decode/insn.ts';
import { cpu } from '../emit-base.ts';
import { FLAG, OFF, STATUS, VECTOR } from '../layout.ts';
import { callFn, i32, i64, type Val, type WasmType } from '../wasm/ir.ts';
import { InterpEmit } from './interp-emit.ts';

export class CarefulEmit extends InterpEmit {
  override readonly alone = true;

  /**
   * Raises #AC when AC is set and the address not a multiple of `bytes`. Not so for vectors, whose instructions say
   * themselves what has to be aligned; and that an address is not canonical comes first (seen on the processor).
   */
  #check(bytes: number, at: Val): void {
    if (bytes !== 2 && bytes !== 4 && bytes !== 8) return;
    const { code } = this;
    const misplaced = i32.and(i32.wrap(at), i32.const(bytes - 1));
    code.if(i32.and(cpu.i32(OFF.rflagsRest), i32.const(FLAG.AC)), () =>
      code.if(misplaced, () => {
        const extended = i64.shrS(i64.shl(at, i64.const(16)), i64.const(16));
        code.if(i64.eq(extended, at), () => this.raise(VECTOR.AC));
      }),
    );
  }
  protected override guestLoad(t: WasmType, op: number, bytes: number, address: Val, forWrite: boolean): Val {
    const at = this.let(address);
    this.#check(bytes, at);
    return super.guestLoad(t, op, bytes, at, forWrite);
  }
  protected override guestStore(
    op: number,
    bytes: number,
    address: Val,
    v: Val,
    slow: (at: Val, value: Val) => Val,
  ): void {
    const at = this.let(address);
    this.#check(bytes, at);
    super.guestStore(op, bytes, at, v, slow);
  }
  override probeWrite(bytes: number, address: Val): void {
    const at = this.let(address);
    this.#check(bytes, at);
    super.probeWrite(bytes, at);
  }

  #leave(target: Val): void {
    this.setRip(target);
    this.code.return(i32.const(STATUS.unwind));
  }
  override jump(target: Operand | Val): void {
    this.#leave(this.target(target));
  }
  override branch(cond: Val, target: Operand): void {
    this.code.if(cond, () => this.#leave(this.target(target)));
    this.#leave(this.next());
  }
  override return(target: Val): void {
    this.#leave(target);
  }
  /** STATUS.next tells that no trap follows: SYSCALL clears TF before it is done. */
  override syscall(): void {
    this.setRip(this.next());
    const status = this.let(callFn('i32', this.core.gate, [i32.const(0), i32.const(0)]));
    this.code.return(i32.mul(status, i32.eq(status, i32.const(STATUS.gate))));
  }
}
