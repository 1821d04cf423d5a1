// What the decoder has to know of an operand of the opcode table: how it is encoded, and its size. How the table says it
// is in row.ts.

/** Methods of operands that appear in `Insn.operands`, as small numbers for the decoder's switch. */
export const METHOD = {
  /** ModRM.rm: general register or memory */ E: 1,
  /** ModRM.reg: general register */ G: 2,
  /** Register in the opcode */ Z: 3,
  /** ModRM.reg: xmm */ V: 4,
  /** ModRM.rm: xmm or memory */ W: 5,
  /** ModRM.reg: mm */ P: 6,
  /** ModRM.rm: mm or memory */ Q: 7,
  S: 8,
  C: 9,
  D: 10,
  /** Immediate, sign-extended */ I: 11,
  /** One byte, sign-extended to the operand size */ sI: 12,
  /** Plain data */ uI: 13,
  J: 14,
  O: 15,
  /** ModRM.rm: ST(i) */ STi: 16,
  ST0: 17,
  /** A general register named in the row */ fixed: 18,
  /** The constant 1 */ one: 19,
  /** A segment register named in the row */ fixedS: 20,
} as const;

/** Operand types as small numbers; see WIDTHS. */
export const TYPE = { none: 0, b: 1, w: 2, d: 3, q: 4, dq: 5, t: 6, v: 7, y: 8, z: 9, p: 10, s: 11 } as const;

/** Bits of a type at operand size 16, 32, 64: WIDTHS[type * 3 + size]. */
export const WIDTHS: readonly number[] = [
  ...[0, 0, 0],
  ...[8, 8, 8],
  ...[16, 16, 16],
  ...[32, 32, 32],
  ...[64, 64, 64],
  ...[128, 128, 128],
  ...[80, 80, 80],
  ...[16, 32, 64],
  ...[32, 32, 64],
  ...[16, 32, 32],
  ...[32, 48, 80],
  ...[80, 80, 80],
];

export interface OperandSpec {
  readonly text: string;
  /** METHOD */
  readonly method: number;
  /** TYPE of the register form, and of immediates. */
  readonly type: number;
  /** TYPE of the memory form. */
  readonly memType: number;
  /** Register of METHOD.fixed and fixedS. */
  readonly reg: number;
}
