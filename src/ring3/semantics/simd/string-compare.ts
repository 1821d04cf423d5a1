// PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM (Intel SDM volume 2, section 4.1): the operands are left in the
// scratch area, a helper walks the comparison as the manual's tables describe it. The core does by itself what C libraries
// search strings with: bytes that end with a zero.

import type { Semantics, SemanticsTable } from '../../emit.ts';
import { cpu, WASM } from '../../emit-base.ts';
import { ccOp } from '../../flags.ts';
import type { CpuState, Helper, HelperTable } from '../../helpers.ts';
import { ARITH_FLAGS, CPU, FLAG, GPR, OFF } from '../../layout.ts';
import { Code } from '../../wasm/code.ts';
import { callFn, i32, i64, loadAt, type Val, v128 } from '../../wasm/ir.ts';
import { operand } from './common.ts';
import { I8, V } from './opcodes.ts';

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

/** The modes of the comparison, in bits 2 and 3 of the immediate. */
const MODE = { equalAny: 0, ranges: 1, equalEach: 2, equalOrdered: 3 } as const;
const ALL = i32.const(0xffff);

/** What the core does of it: (number of the helper, its argument) -> status. */
export const compareStringsInCore = (helper: number): Code => {
  const c = new Code(['i32', 'i32']);
  const arg = c.param(1);
  const has = (bit: number): Val => i32.and(arg, i32.const(bit));
  const toMask = i32.eq(has(MASK | 0x40), i32.const(MASK | 0x40));
  c.if(i32.or(has(EXPLICIT | 1), toMask), () => c.return(callFn('i32', helper, [c.param(0), arg])));

  const zero32 = i32.const(0);
  const none = v128.op(I8.splat, zero32);
  const bits = (v: Val): Val => v128.test(I8.bitmask, v);
  const a = c.let(loadAt('v128', WASM.v128Load, zero32, A));
  const b = c.let(loadAt('v128', WASM.v128Load, zero32, B));
  const length = (v: Val): Val => c.let(i32.ctz(i32.or(bits(v128.op(I8.eq, v, none)), i32.const(0x10000))));
  const lengthA = length(a);
  const lengthB = length(b);
  const upTo = (n: Val): Val => c.let(i32.sub(i32.shl(i32.const(1), n), i32.const(1)));
  const validA = upTo(lengthA);
  const validB = upTo(lengthB);
  const result = c.local('i32');
  const k = c.local('i32');
  /** Element k of a, `ahead` further, everywhere. */
  const elementOfA = (ahead = 0): Val => v128.op(I8.splat, loadAt('i32', WASM.i32Load8U, k, A + ahead));
  const each = (step: number, body: () => void): void =>
    c.loop((again) =>
      c.if(i32.ltU(i32.add(k, i32.const(step - 1)), lengthA), () => {
        body();
        c.set(k, i32.add(k, i32.const(step)));
        c.br(again);
      }),
    );
  const mode = c.let(i32.and(i32.shrU(arg, i32.const(2)), i32.const(3)));
  const is = (m: number): Val => i32.eq(mode, i32.const(m));
  c.if(
    is(MODE.equalEach),
    () => {
      const equal = i32.and(i32.and(bits(v128.op(I8.eq, a, b)), validA), validB);
      const bothEnded = i32.and(i32.xor(i32.or(validA, validB), i32.const(-1)), ALL);
      c.set(result, i32.or(equal, bothEnded));
    },
    () =>
      c.if(
        is(MODE.equalOrdered),
        () => {
          c.set(result, ALL);
          each(1, () => {
            const equal = i32.and(bits(v128.op(I8.eq, b, elementOfA())), validB);
            const beyond = i32.xor(i32.shrU(ALL, k), i32.const(-1));
            c.set(result, i32.and(result, i32.or(i32.shrU(equal, k), beyond)));
          });
        },
        () => {
          const hits = c.local('v128');
          c.set(hits, none);
          c.if(
            is(MODE.equalAny),
            () => each(1, () => c.set(hits, v128.op(V.or, hits, v128.op(I8.eq, b, elementOfA())))),
            () => {
              // Signed bounds are compared as unsigned ones from the other end of the range.
              const flip = c.let(v128.op(I8.splat, i32.shl(has(2), i32.const(6))));
              const from = (v: Val): Val => v128.op(V.xor, v, flip);
              const where = c.let(from(b));
              each(2, () => {
                const lowest = v128.op(I8.geU, where, from(elementOfA()));
                const highest = v128.op(I8.leU, where, from(elementOfA(1)));
                c.set(hits, v128.op(V.or, hits, v128.op(V.and, lowest, highest)));
              });
            },
          );
          c.set(result, i32.and(bits(hits), validB));
        },
      ),
  );
  c.if(has(0x10), () => {
    c.if(
      has(0x20),
      () => c.set(result, i32.xor(result, validB)),
      () => c.set(result, i32.xor(result, ALL)),
    );
  });
  c.set(result, i32.and(result, ALL));

  c.if(
    has(MASK),
    () => {
      cpu.set64(c, OFF.xmm, i64.extendU(result));
      cpu.set64(c, OFF.xmm + 8, i64.const(0));
    },
    () => {
      const last = i32.sub(i32.const(31), i32.clz(result));
      const first = i32.ctz(i32.or(result, i32.const(0x10000)));
      const index = c.local('i32');
      c.set(index, first);
      c.if(i32.and(i32.shrU(arg, i32.const(6)), i32.ne(result, zero32)), () => c.set(index, last));
      cpu.set64(c, OFF.gpr + 8 * GPR.rcx, i64.extendU(index));
    },
  );
  const flag = (condition: Val, bit: number): Val => i32.shl(condition, i32.const(31 - Math.clz32(bit)));
  const ended = (n: Val): Val => i32.ltU(n, i32.const(16));
  const flags = i32.or(
    i32.or(flag(i32.ne(result, zero32), FLAG.CF), flag(ended(lengthB), FLAG.ZF)),
    i32.or(flag(ended(lengthA), FLAG.SF), flag(i32.and(result, i32.const(1)), FLAG.OF)),
  );
  cpu.set32(c, OFF.ccOp, i32.const(ccOp('raw', 8)));
  cpu.set64(c, OFF.ccA, i64.extendU(flags));
  c.return(zero32);
  c.unreachable();
  return c;
};

export const stringSemantics = (): SemanticsTable => ({
  pcmpistri: compareStrings(0),
  pcmpistrm: compareStrings(MASK),
  pcmpestri: compareStrings(EXPLICIT),
  pcmpestrm: compareStrings(EXPLICIT | MASK),
});
export const stringHelpers = (): HelperTable => ({ sseStrings });
