// PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM (Intel SDM volume 2, section 4.1): the operands are left in the
// scratch area, a helper walks the comparison as the manual's tables describe it.

import type { Semantics, SemanticsTable } from '../../emit.ts';
import type { CpuState, Helper, HelperTable } from '../../helpers.ts';
import { ARITH_FLAGS, CPU, FLAG, GPR, OFF } from '../../layout.ts';
import { i32 } from '../../wasm/ir.ts';
import { operand } from './common.ts';

const EXPLICIT = 0x100;
const MASK = 0x200;
/** PCMPESTRx with REX.W counts in the 64-bit registers. */
const WIDE = 0x400;

const compareStrings =
  (kind: number): Semantics =>
  (e, i) => {
    e.scratch(1, e.readX(operand(i, 1), 'unaligned'));
    e.scratch(0, e.readX(operand(i, 0)));
    const flags = kind | (i.width === 64 ? WIDE : 0);
    e.helper('sseStrings', i32.or(e.read(operand(i, 2)), i32.const(flags)));
  };

const A = CPU + OFF.scratch;
const B = A + 16;

/** The elements of an operand, and before which of them the first zero stands. */
const elements = (cpu: CpuState, at: number, n: number, signed: boolean): Int32Array => {
  const out = new Int32Array(n);
  if (n === 16) for (let k = 0; k < 16; k++) out[k] = cpu.u8[at + k] ?? 0;
  else for (let k = 0; k < 8; k++) out[k] = cpu.u16[(at >> 1) + k] ?? 0;
  if (signed) {
    const shift = n === 16 ? 24 : 16;
    for (let k = 0; k < n; k++) out[k] = ((out[k] ?? 0) << shift) >> shift;
  }
  return out;
};
const implicitLength = (list: Int32Array): number => {
  const n = list.indexOf(0);
  return n < 0 ? list.length : n;
};
/** |register|, at most n. */
const explicitLength = (cpu: CpuState, reg: number, wide: boolean, n: number): number => {
  const at = CPU + OFF.gpr + 8 * reg;
  if (!wide) return Math.min(Math.abs(cpu.i32[at >> 2] ?? 0), n);
  const v = BigInt.asIntN(64, cpu.u64[at >> 3] ?? 0n);
  const size = v < 0n ? -v : v;
  return size > BigInt(n) ? n : Number(size);
};

/** Element j of the result before polarity: the aggregation of comparisons of a (dst) and b (src). */
const aggregate = (mode: number, a: Int32Array, b: Int32Array, lengthA: number, lengthB: number): number => {
  const n = a.length;
  let result = 0;
  for (let j = 0; j < n; j++) {
    let hit = false;
    switch (mode) {
      case 0: // equal any
        if (j < lengthB) for (let k = 0; k < lengthA && !hit; k++) hit = a[k] === b[j];
        break;
      case 1: // ranges: pairs of bounds; an unpaired one does not count
        if (j < lengthB)
          for (let k = 0; k + 1 < lengthA && !hit; k += 2) {
            const v = b[j] ?? 0;
            hit = v >= (a[k] ?? 0) && v <= (a[k + 1] ?? 0);
          }
        break;
      case 2: // equal each: past both ends counts as equal
        hit = j < lengthA && j < lengthB ? a[j] === b[j] : j >= lengthA && j >= lengthB;
        break;
      default: // equal ordered: the rest of a that b still has room for
        hit = true;
        for (let k = 0; k < lengthA && j + k < n && hit; k++) hit = j + k < lengthB && a[k] === b[j + k];
    }
    if (hit) result |= 1 << j;
  }
  return result;
};

const sseStrings: Helper = (cpu, arg) => {
  const imm = arg & 0xff;
  const words = (imm & 1) !== 0;
  const signed = (imm & 2) !== 0;
  const n = words ? 8 : 16;
  const a = elements(cpu, A, n, signed);
  const b = elements(cpu, B, n, signed);
  const explicit = (arg & EXPLICIT) !== 0;
  const wide = (arg & WIDE) !== 0;
  const lengthA = explicit ? explicitLength(cpu, GPR.rax, wide, n) : implicitLength(a);
  const lengthB = explicit ? explicitLength(cpu, GPR.rdx, wide, n) : implicitLength(b);

  const all = (1 << n) - 1;
  let result = aggregate((imm >> 2) & 3, a, b, lengthA, lengthB);
  const polarity = (imm >> 4) & 3;
  if (polarity === 1) result ^= all;
  else if (polarity === 3) result ^= (1 << lengthB) - 1;
  result &= all;

  if (arg & MASK) {
    const out = CPU + OFF.xmm;
    cpu.u8.fill(0, out, out + 16);
    if ((imm & 0x40) === 0) cpu.dv.setUint16(out, result, true);
    else
      for (let k = 0; k < n; k++) {
        const v = (result >> k) & 1 ? 0xffff : 0;
        if (words) cpu.dv.setUint16(out + 2 * k, v, true);
        else cpu.u8[out + k] = v;
      }
  } else {
    const last = 31 - Math.clz32(result);
    const first = 31 - Math.clz32(result & -result);
    const index = result === 0 ? n : (imm & 0x40) !== 0 ? last : first;
    cpu.u64[(CPU + OFF.gpr + 8 * GPR.rcx) >> 3] = BigInt(index);
  }
  const flags =
    (result !== 0 ? FLAG.CF : 0) |
    (lengthB < n ? FLAG.ZF : 0) |
    (lengthA < n ? FLAG.SF : 0) |
    (result & 1 ? FLAG.OF : 0);
  cpu.setRflags(flags, ARITH_FLAGS);
  return 0;
};

export const stringSemantics = (): SemanticsTable => ({
  pcmpistri: compareStrings(0),
  pcmpistrm: compareStrings(MASK),
  pcmpestri: compareStrings(EXPLICIT),
  pcmpestrm: compareStrings(EXPLICIT | MASK),
});
export const stringHelpers: HelperTable = { sseStrings };
