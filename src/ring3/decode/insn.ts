// What a decoded instruction is: the contract between the decoder, the semantics and both tiers.

/** Operand and register widths in bits. */
export type Width = 8 | 16 | 32 | 64;

/** A segment override that matters in 64-bit mode. */
export type Segment = 'fs' | 'gs' | null;

/**
 * One operand. `slot` is its place in `Insn.operands`. Semantics may look at `kind` and `width` only: the
 * rest (register numbers, displacements, values) is unknown when an interpreter handler is generated.
 */
export type Operand =
  /** General register; `high` for AH, CH, DH, BH (reg 0..3 then). */
  | {
      readonly kind: 'reg';
      readonly slot: number;
      readonly width: Width;
      readonly reg: number;
      readonly high: boolean;
    }
  /** Memory. `width` is the access in bits (8..128, 80, or 0 where the instruction decides, as in LEA or FXSAVE). */
  | {
      readonly kind: 'mem';
      readonly slot: number;
      readonly width: number;
      /** Register number, or -1 for none. Rip-relative addresses are resolved: base -1, disp absolute. */
      readonly base: number;
      readonly index: number;
      readonly scale: 0 | 1 | 2 | 3;
      readonly disp: number;
      readonly segment: Segment;
      readonly addressWidth: 32 | 64;
      readonly ripRelative: boolean;
    }
  /** Immediate, sign- or zero-extended to the width of the operation as the manual says. bigint only beyond 2^53. */
  | { readonly kind: 'imm'; readonly slot: number; readonly width: Width; readonly value: number | bigint }
  /** Branch target, absolute. */
  | { readonly kind: 'rel'; readonly slot: number; readonly width: Width; readonly target: number }
  | { readonly kind: 'xmm'; readonly slot: number; readonly width: number; readonly reg: number }
  | { readonly kind: 'mm'; readonly slot: number; readonly width: number; readonly reg: number }
  | { readonly kind: 'st'; readonly slot: number; readonly width: 80; readonly reg: number }
  | { readonly kind: 'sreg'; readonly slot: number; readonly width: 16; readonly reg: number }
  | { readonly kind: 'creg' | 'dreg'; readonly slot: number; readonly width: 64; readonly reg: number };

export type MemOperand = Extract<Operand, { kind: 'mem' }>;
export type RegOperand = Extract<Operand, { kind: 'reg' }>;

/** How an instruction leaves the straight line. */
export type Flow =
  | 'next'
  | 'jump'
  | 'branch'
  | 'call'
  | 'return'
  | 'indirect-jump'
  | 'indirect-call'
  | 'syscall'
  | 'stop';

/** One row of the opcode table: an opcode with its operand pattern. */
export interface Row {
  /** Dense number of the row, from 0. */
  readonly id: number;
  /** The row as the manual prints it, e.g. `01 /r ADD Ev,Gv`. */
  readonly text: string;
  /** Lower-case name of the meaning in the semantics tables, e.g. `add`, `jcc`, `setcc`, `cmovcc`, `pshufd`. */
  readonly semantics: string;
  /** Intel mnemonic for 64-bit mode, lower-case, condition included, e.g. `jne`. May depend on the operand size: see `mnemonic()`. */
  readonly mnemonic: string;
  /** Condition code 0..15 of Jcc, SETcc, CMOVcc; -1 otherwise. */
  readonly cc: number;
  readonly flow: Flow;
  /** LOCK is allowed (with a memory destination). */
  readonly lockable: boolean;
  /** CPUID feature that gates the row, or null: 'sse2', 'ssse3', 'sse4.1', 'popcnt', 'x87' ... */
  readonly feature: string | null;
  /** Flags written, undefined ones included, and flags read (FLAG bits); for liveness. */
  readonly flagsWritten: number;
  readonly flagsRead: number;
  /** Arithmetic flags that the manual leaves undefined. */
  readonly flagsUndefined: number;
  /** The immediate picks the operation (PSHUFD, ROUNDSD, CMPPS ...): its value is part of the form. */
  readonly immediateInForm: boolean;
}

/** REP prefix as it counts for string instructions. */
export type Rep = 'none' | 'rep' | 'repne';

export interface Insn {
  readonly row: Row;
  /** Effective operand size in bits (for most instructions the width of the destination). */
  readonly width: Width;
  readonly operands: readonly Operand[];
  readonly ip: number;
  readonly length: number;
  /** ip + length */
  readonly next: number;
  readonly lock: boolean;
  readonly rep: Rep;
  /** 32 when an address-size prefix is present (string instructions use it too). */
  readonly addressWidth: 32 | 64;
  /** Segment override of implicit memory operands (string instructions). */
  readonly segment: Segment;
  /**
   * Equal for two instructions exactly when one interpreter handler serves both: row, operand kinds and
   * widths, rep, address width, and the immediate where the row says so. Not lock: see form.ts.
   */
  readonly form: number;
}

/** Why bytes are not an instruction. `short`: more bytes are needed than were given. */
export type DecodeError = { readonly error: 'undefined' | 'too-long' | 'short' };
