// A predecoded op: 48 bytes in linear memory that tell an interpreter handler its operands. Register operands
// are byte offsets into the CPU block, so AH and AL, or RAX and R15, need no handlers of their own.

import type { Insn, Operand } from '../decode/insn.ts';
import { CPU, OFF } from '../layout.ts';

/** Offsets within an op. */
export const OP = {
  /** u32: index of the handler in the code table */ fn: 0,
  /** u16[3]: for operand slot n, the offset of its register from CPU (st, sreg: the number) */ reg: 4,
  /** u16: offsets of base, index and segment base registers; OFF.zero for none */ base: 12,
  index: 14,
  segment: 16,
  /** u8: log2 of the scale */ scale: 18,
  /** u8: length of the instruction */ length: 19,
  /** i32: countdown to translation, in a block's first op */ count: 20,
  /** i64: displacement, or the second immediate */ disp: 24,
  /** u32, of an instruction that names a target: first op of the block there, once it is known; see `follow` */ link: 24,
  /** u32, of a conditional branch: the same for the next instruction */ fall: 28,
  /** i64: first immediate, or branch target */ imm: 32,
  /** i64: address of the instruction */ ip: 40,
} as const;
export const OP_BYTES = 48;

/** Offsets within the op that begins a block, beside fn, count and ip. */
export const BEGIN = {
  /** u32: instructions in the block */ insns: 4,
  /** u32: the next block that was read from the same frame, and that frame */ next: 8,
  frame: 12,
  /** i32: the count that the block was given at first */ patience: 16,
  /** u32: its number in code-cache.ts, or UNNUMBERED; with one, of the fields above only `next` holds */ number: 24,
} as const;
export const UNNUMBERED = -1;

/** The most instructions in a block. */
export const MAX_INSNS = 48;

const gprOffset = (reg: number): number => OFF.gpr + reg * 8;

const regField = (o: Operand): number => {
  switch (o.kind) {
    case 'reg':
      return gprOffset(o.reg) + (o.high ? 1 : 0);
    case 'xmm':
      return OFF.xmm + o.reg * 16;
    case 'mm':
      return OFF.fpr + o.reg * 16;
    case 'st':
    case 'sreg':
    case 'creg':
    case 'dreg':
      return o.reg;
    default:
      return OFF.zero;
  }
};

/** Writes a 64-bit field at a word index. Stores into a typed array take numbers modulo 2^32. */
const setI64 = (words: Uint32Array, at: number, v: number | bigint): void => {
  if (typeof v === 'bigint') {
    words[at] = Number(BigInt.asUintN(32, v));
    words[at + 1] = Number(BigInt.asUintN(32, v >> 32n));
    return;
  }
  words[at] = v;
  words[at + 1] = Math.floor(v / 4294967296);
};

/**
 * Writes the op of `insn` at physical address `at`, a multiple of 16, word by word: a stretch of code that runs
 * once is read once, before anything is optimised, so that each call counts.
 */
export const writeOp = (words: Uint32Array, at: number, fn: number, insn: Insn): void => {
  const word = at >>> 2;
  let reg0 = 0;
  let reg1 = 0;
  let reg2 = 0;
  let base: number = OFF.zero;
  let index: number = OFF.zero;
  let segment = segmentField(insn.segment);
  let scale = 0;
  let immediates = 0;
  words[word + OP.disp / 4] = 0;
  words[word + OP.disp / 4 + 1] = 0;
  const { operands } = insn;
  for (let i = 0; i < operands.length; i++) {
    const o = operands[i] as Operand;
    if (o.kind === 'imm') {
      setI64(words, word + (immediates++ === 0 ? OP.imm : OP.disp) / 4, o.value);
    } else if (o.kind === 'rel') {
      setI64(words, word + OP.imm / 4, o.target);
    } else if (o.kind === 'mem') {
      if (o.base >= 0) base = gprOffset(o.base);
      if (o.index >= 0) index = gprOffset(o.index);
      scale = o.scale;
      setI64(words, word + OP.disp / 4, o.disp);
      segment = segmentField(o.segment);
    } else if (o.slot === 0) reg0 = regField(o);
    else if (o.slot === 1) reg1 = regField(o);
    else if (o.slot === 2) reg2 = regField(o);
  }
  words[word] = fn;
  words[word + 1] = reg0 | (reg1 << 16);
  words[word + 2] = reg2;
  words[word + 3] = base | (index << 16);
  words[word + 4] = segment | (scale << 16) | (insn.length << 24);
  words[word + OP.count / 4] = 0;
  setI64(words, word + OP.ip / 4, insn.ip);
};

const segmentField = (s: Insn['segment']): number =>
  s === 'fs' ? OFF.fsBase : s === 'gs' ? OFF.gsBase : OFF.zero;

/** CPU-relative address base of every register field. */
export const REGISTER_BASE = CPU;
