// A predecoded op: 48 bytes in linear memory that tell an interpreter handler its operands. Register operands
// are byte offsets into the CPU block, so AH and AL, or RAX and R15, need no handlers of their own.

import type { Insn, Operand } from '../decode/insn.ts';
import { CPU, OFF } from '../layout.ts';

/** Offsets within an op. */
export const OP = {
  /** u32: index of the handler in the code table */ fn: 0,
  /** u16[4]: for operand slot n, the offset of its register from CPU (st, sreg: the number) */ reg: 4,
  /** u16: offsets of base, index and segment base registers; OFF.zero for none */ base: 12,
  index: 14,
  segment: 16,
  /** u8: log2 of the scale */ scale: 18,
  /** u8: length of the instruction */ length: 19,
  /** i32: countdown to translation, in a block's first op */ count: 20,
  /** i64: displacement, or the second immediate */ disp: 24,
  /** i64: first immediate, or branch target */ imm: 32,
  /** i64: address of the instruction */ ip: 40,
} as const;
export const OP_BYTES = 48;

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

const setI64 = (dv: DataView, at: number, v: number | bigint): void => {
  if (typeof v === 'bigint') {
    dv.setBigInt64(at, BigInt.asIntN(64, v), true);
    return;
  }
  dv.setUint32(at, v, true);
  dv.setInt32(at + 4, Math.floor(v / 4294967296), true);
};

/** Writes the op of `insn` at physical address `at`. */
export const writeOp = (dv: DataView, at: number, fn: number, insn: Insn): void => {
  dv.setUint32(at + OP.fn, fn, true);
  dv.setUint16(at + OP.base, OFF.zero, true);
  dv.setUint16(at + OP.index, OFF.zero, true);
  dv.setUint16(at + OP.segment, segmentField(insn.segment), true);
  dv.setUint8(at + OP.scale, 0);
  dv.setUint8(at + OP.length, insn.length);
  dv.setInt32(at + OP.count, 0, true);
  setI64(dv, at + OP.disp, 0);
  setI64(dv, at + OP.ip, insn.ip);
  let immediates = 0;
  for (const o of insn.operands) {
    if (o.kind === 'imm') {
      setI64(dv, at + (immediates++ === 0 ? OP.imm : OP.disp), o.value);
    } else if (o.kind === 'rel') {
      setI64(dv, at + OP.imm, o.target);
    } else if (o.kind === 'mem') {
      if (o.base >= 0) dv.setUint16(at + OP.base, gprOffset(o.base), true);
      if (o.index >= 0) dv.setUint16(at + OP.index, gprOffset(o.index), true);
      dv.setUint8(at + OP.scale, o.scale);
      setI64(dv, at + OP.disp, o.disp);
      dv.setUint16(at + OP.segment, segmentField(o.segment), true);
    } else if (o.slot < 4) {
      dv.setUint16(at + OP.reg + 2 * o.slot, regField(o), true);
    }
  }
};

const segmentField = (s: Insn['segment']): number =>
  s === 'fs' ? OFF.fsBase : s === 'gs' ? OFF.gsBase : OFF.zero;

/** CPU-relative address base of every register field. */
export const REGISTER_BASE = CPU;
