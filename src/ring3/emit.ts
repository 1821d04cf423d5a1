// The words in which an instruction's meaning is said, once. A semantics function is given an `Emit` and
// builds WebAssembly through it; the interpreter generator and the translator implement `Emit` differently:
// an operand is a field of a predecoded op in the one and a wasm local or a constant in the other.
//
// Rules that make faults exact:
//  1. Everything that can fault (load, store, probe, raise) comes before the first write of a register,
//     flag or CPU field of the same instruction. Bind loaded values with `let`.
//  2. If an instruction stores twice, `probeWrite` the second before storing the first.
//  3. Values of 8, 16 and 32 bits are i32, zero-extended; 64-bit values are i64.
//  4. A `Val` used twice is evaluated twice: `let` it, unless it is a constant.
//  5. `read` of a register gives a value that is only valid until that register is written: `let` first
//     when the instruction writes before its last use.

import type { Insn, MemOperand, Operand, Width } from './decode/insn.ts';
import type { Val, WasmType } from './wasm/ir.ts';

/** The arithmetic flags by name. */
export type FlagName = 'cf' | 'pf' | 'af' | 'zf' | 'sf' | 'of';

/**
 * Lazy flags: which function of (a, b, result) they are. All operands have the width given with them.
 *  - add (also adc): a + b (+ carry) = result
 *  - sub (also sbb, cmp, neg as 0 - a): a - b (- borrow) = result
 *  - logic: cf = of = af = 0
 *  - inc, dec: like add/sub with 1, cf is kept
 *  - fcmp: (u)comis of the doubles whose bits a and b are (width 64); result does not count
 *  - shl, shr, sar: a is the operand shifted by count - 1, b the count; only for counts of 1 or more
 */
export type FlagKind = 'add' | 'sub' | 'logic' | 'inc' | 'dec' | 'shl' | 'shr' | 'sar' | 'fcmp';

export interface Loop {
  /** Back to the start of the loop. */
  again(): void;
  /** Out of the loop. */
  leave(): void;
}

/** Fields of the CPU block that semantics may touch by name (layout.ts). */
export type Field = 'fsBase' | 'gsBase' | 'mxcsr' | 'df' | 'rflagsRest' | 'selectors' | 'fcw' | 'fsw' | 'ftw';

export interface Emit {
  readonly insn: Insn;
  /**
   * True when SSE arithmetic has to honour MXCSR to the letter (rounding, DAZ, FTZ, sticky flags, unmasked
   * exceptions): the interpreter's, and regions made while a program has changed MXCSR. False: round to nearest, flags not
   * tracked.
   */
  readonly exactFp: boolean;
  /** True when the instruction is done by itself, and no more of it than one round if it has a REP prefix. */
  readonly alone: boolean;

  // Statements
  /** Evaluates now, into a temporary of this instruction. */
  let(v: Val): Val;
  /** A variable of this instruction, to be assigned with `set`. */
  variable(t: WasmType): Val;
  set(variable: Val, v: Val): void;
  /** Both branches see the state before; a constant condition emits one branch only. */
  if(cond: Val, then: () => void, otherwise?: () => void): void;
  /** Runs body once; body calls again() to repeat. For loops bounded by the instruction (REP, ENTER). */
  loop(body: (l: Loop) => void): void;

  // Operands
  /**
   * Value of a reg, imm, mem, xmm (low lanes) or mm operand of 8..64 bits, by rule 3. Memory is loaded.
   * For st, sreg, creg and dreg operands: the register's number, i32.
   */
  read(o: Operand): Val;
  /** Sign-extended to i64, for reg, imm and mem. */
  readSigned(o: Operand): Val;
  /**
   * Writes a reg or mem operand. A 32-bit register write clears the upper half, 8 and 16 keep the rest.
   * For xmm the low lane is written and the rest kept; for mm see setMm.
   */
  write(o: Operand, v: Val): void;
  /** Like read, but a memory operand is checked for writing, because `write` follows (read-modify-write). */
  readForWrite(o: Operand): Val;
  /** A fixed general register. `high` for AH..BH with width 8. */
  gpr(reg: number, width: Width, high?: boolean): Val;
  setGpr(reg: number, width: Width, v: Val, high?: boolean): void;
  /** i64 address of a memory operand, segment base included (`lea`: without it). */
  address(o: MemOperand): Val;
  lea(o: MemOperand): Val;
  /** Address of the next instruction, i64. */
  next(): Val;
  /** Address of this instruction, i64. */
  here(): Val;

  // Memory by address (i64). bits: 8, 16, 32 give i32; 64 gives i64.
  load(bits: Width, address: Val): Val;
  loadForWrite(bits: Width, address: Val): Val;
  store(bits: Width, address: Val, v: Val): void;
  load128(address: Val): Val;
  store128(address: Val, v: Val): void;
  /** Faults now if `bytes` bytes at address cannot be written; else does nothing. */
  probeWrite(bytes: number, address: Val): void;
  /** Raises #GP when address is not a multiple of `bytes` (legacy SSE operands). */
  aligned(bytes: number, address: Val): void;

  // Vectors
  /** v128 of an xmm operand, or of a 128-bit memory operand, which has to be aligned unless `unaligned`. */
  readX(o: Operand, unaligned?: 'unaligned'): Val;
  writeX(o: Operand, v: Val, unaligned?: 'unaligned'): void;
  /** A fixed xmm register. */
  xmm(reg: number): Val;
  setXmm(reg: number, v: Val): void;
  /** i64 of an mm operand or a 64-bit memory operand. */
  readMm(o: Operand): Val;
  /** Writes an mm register (exponent bits set to ones). `enterMmx` must have been called. */
  writeMm(o: Operand, v: Val): void;
  /** Raises #MF when an x87 exception is pending: what every MMX instruction does first. */
  pendingX87(): void;
  /** That, and what every MMX instruction but EMMS does to the x87 state: TOP = 0, all tags valid. */
  enterMmx(): void;

  /** f32 or f64 of an xmm operand's low lane, or of a memory operand, by the operand's width (32 or 64). */
  readF(o: Operand): Val;
  /** Writes an f32 or f64 to memory, or to the low lane of an xmm operand, whose other lanes are kept. */
  writeF(o: Operand, v: Val): void;
  /** Leaves a value of any type in slot 0..3 of OFF.scratch, where a helper finds it. */
  scratch(slot: number, v: Val): void;

  // Flags
  /** Sets all six arithmetic flags lazily. For `logic` a and b are not used. */
  flags(kind: FlagKind, width: Width, a: Val, b: Val, result: Val): void;
  /** Sets the flags named to i32 values 0 or 1 and keeps the others. Undefined flags may be left out. */
  setFlags(values: Partial<Record<FlagName, Val>>): void;
  /** i32 0 or 1. */
  flag(name: FlagName): Val;
  /** i32 0 or 1: condition code 0..15 as in Jcc. */
  condition(cc: number): Val;
  /** The RFLAGS image, i32: arithmetic flags, DF, and rflagsRest. */
  rflags(): Val;
  /** Sets the bits of RFLAGS in `mask` from v (mask within arithmetic flags, DF, AC, ID, NT, TF). */
  setRflags(v: Val, mask: number): void;

  // CPU fields, as i32 (fsBase, gsBase: i64)
  field(name: Field): Val;
  setField(name: Field, v: Val): void;

  // Control transfer: each of these ends the instruction.
  /** Unconditional, to a rel operand or an i64 address. */
  jump(target: Operand | Val): void;
  /** To the rel operand when cond is not 0, else to the next instruction. */
  branch(cond: Val, target: Operand): void;
  /** The return address has been pushed; go to target. */
  call(target: Operand | Val): void;
  /** The return address has been popped; go to it. */
  return(target: Val): void;
  /** The SYSCALL instruction: rip is the next instruction when the gate is called. */
  syscall(): void;
  /** Raises an exception at this instruction (`after`: a trap, rip is the next instruction). */
  raise(vector: number, errorCode?: number, after?: 'after'): void;
  /**
   * Calls a helper written in TypeScript (helpers.ts): the CPU block is in step with the registers before and
   * after. `address` reaches it in helperAddress, `arg` as a number. A helper that returns nonzero has raised.
   * The helper may change any register, flag or field.
   */
  helper(name: string, arg?: Val | number, address?: Val): void;
  /** Raises #GP when a branch may not go to an address because that is not canonical. */
  canonical(target: Val): void;
  /**
   * After writing something generated code depends on (control bits of MXCSR, TF and AC): leave the region, go on at
   * the next instruction or at an address.
   */
  resync(target?: Val): void;
}

/** The meaning of one instruction. */
export type Semantics = (e: Emit, i: Insn) => void;

/** By `Row.semantics`. */
export type SemanticsTable = Readonly<Record<string, Semantics>>;
