// Packed integer arithmetic, comparison and logic of MMX to SSE4.2 (Intel SDM volume 2), mostly one wasm
// operator a line; those that wasm lacks are composed from what it has.

import type { Semantics, SemanticsTable } from '../../emit.ts';
import { i32, type Val, v128 } from '../../wasm/ir.ts';
import {
  all8,
  all16,
  binary,
  bitselect,
  each32,
  each64,
  immediate,
  lanes,
  mmVector,
  operand,
  pick,
  range,
  reversed,
  unary,
  writeGpr,
  zero,
} from './common.ts';
import { I8, I16, I32, I64, V } from './opcodes.ts';

const { op } = v128;

/** The operator over even and odd elements of (dst, src): PHADD and its kin. */
const horizontal = (code: number, size: number) =>
  binary((a, b, total) => {
    const n = total / size;
    const even = pick(
      a,
      b,
      size,
      total,
      range(n, (k) => 2 * k),
    );
    const odd = pick(
      a,
      b,
      size,
      total,
      range(n, (k) => 2 * k + 1),
    );
    return op(code, even, odd);
  });

/** PSIGN: negated where src < 0, zero where src = 0. */
const sign = (lessThan: number, equal: number, sub: number) =>
  binary((a, b, _total, e) => {
    const negative = e.let(op(lessThan, b, zero));
    return op(V.andnot, op(sub, op(V.xor, a, negative), negative), op(equal, b, zero));
  });

/** High halves of the 16-bit products: the 32-bit products shifted down, narrowed again without loss. */
const highProduct = (low: number, high: number, shift: number, narrow: number) =>
  binary((a, b) =>
    op(narrow, op(shift, op(low, a, b), i32.const(16)), op(shift, op(high, a, b), i32.const(16))),
  );

/** Products of the even 32-bit elements, 64 bits each. */
const evenProduct = (code: number) =>
  binary((a, b) => {
    const even = (v: Val): Val => pick(v, v, 4, 16, [0, 2, 0, 2]);
    return op(code, even(a), even(b));
  });

/** PACKxx: MMX packs both halves of one vector. */
const pack = (narrow: number) =>
  binary((a, b, total, e) => {
    if (total === 16) return op(narrow, a, b);
    const both = e.let(pick(a, b, 8, 8, [0, 1]));
    return op(narrow, both, both);
  });

const unpack = (size: number, high: boolean) =>
  binary((a, b, total) => {
    const n = total / size;
    const from = high ? n / 2 : 0;
    return pick(
      a,
      b,
      size,
      total,
      range(n, (k) => from + (k >> 1) + (k & 1 ? n : 0)),
    );
  });

/** |a - b| of unsigned bytes. */
const distance = (a: Val, b: Val): Val => op(V.or, op(I8.subSatU, a, b), op(I8.subSatU, b, a));

/** PHMINPOSUW: 32-bit keys of value and position, reduced by halves. */
const minimumPosition = unary((b, _total, e) => {
  const keys = (extend: number, from: number): Val =>
    op(V.or, op(I32.shl, op(extend, b), i32.const(3)), each32(from, from + 1, from + 2, from + 3));
  let m = e.let(op(I32.minU, keys(I32.extendLowU, 0), keys(I32.extendHighU, 4)));
  m = e.let(op(I32.minU, m, pick(m, m, 4, 16, [2, 3, 0, 1])));
  m = op(I32.minU, m, pick(m, m, 4, 16, [1, 0, 3, 2]));
  const key = e.let(v128.extract('i32', I32.extract, m, 0));
  const value = v128.replace(I16.replace, zero, 0, i32.shrU(key, i32.const(3)));
  return v128.replace(I16.replace, value, 1, i32.and(key, i32.const(7)));
});

/** Eight sums over sliding groups of four bytes: MPSADBW; the immediate picks the groups. */
const sumsOfGroups = (imm: number) => {
  const from = imm & 4;
  const group = (imm & 3) * 4;
  return binary((a, b, _total, e) => {
    let sum: Val = zero;
    for (let j = 0; j < 4; j++) {
      const slide = pick(
        a,
        a,
        1,
        16,
        range(16, (k) => from + j + (k & 7)),
      );
      const same = pick(
        b,
        b,
        1,
        16,
        range(16, () => group + j),
      );
      const d = op(I16.extendLowU, distance(e.let(slide), e.let(same)));
      sum = j === 0 ? d : op(I16.add, sum, d);
    }
    return sum;
  });
};

/** The sign bits of the implicit XMM0 pick src. */
const blendv = (lessThan: number) =>
  binary((a, b, _total, e) => bitselect(b, a, op(lessThan, e.xmm(0), zero)));

/** PTEST: ZF when no bit is common, CF when no bit of src is missing in dst. */
const ptest: Semantics = (e, i) => {
  const b = e.let(e.readX(operand(i, 1)));
  const a = e.readX(operand(i, 0));
  const no = i32.const(0);
  e.setFlags({
    zf: i32.eqz(v128.test(V.anyTrue, op(V.and, a, b))),
    cf: i32.eqz(v128.test(V.anyTrue, op(V.andnot, b, a))),
    of: no,
    af: no,
    pf: no,
    sf: no,
  });
};

const movemask: Semantics = (e, i) => {
  const src = operand(i, 1);
  if (src.kind !== 'mm') {
    writeGpr(e, operand(i, 0), v128.test(I8.bitmask, e.readX(src)));
    return;
  }
  const mask = e.let(i32.and(v128.test(I8.bitmask, mmVector(e, src)), i32.const(0xff)));
  e.enterMmx();
  writeGpr(e, operand(i, 0), mask);
};

const and = lanes(V.and);
const andnot = reversed(V.andnot);
const or = lanes(V.or);
const xor = lanes(V.xor);

export const integerSemantics = (): SemanticsTable => ({
  pand: and,
  andps: and,
  andpd: and,
  pandn: andnot,
  andnps: andnot,
  andnpd: andnot,
  por: or,
  orps: or,
  orpd: or,
  pxor: xor,
  xorps: xor,
  xorpd: xor,

  paddb: lanes(I8.add),
  paddw: lanes(I16.add),
  paddd: lanes(I32.add),
  paddq: lanes(I64.add),
  paddsb: lanes(I8.addSatS),
  paddsw: lanes(I16.addSatS),
  paddusb: lanes(I8.addSatU),
  paddusw: lanes(I16.addSatU),
  psubb: lanes(I8.sub),
  psubw: lanes(I16.sub),
  psubd: lanes(I32.sub),
  psubq: lanes(I64.sub),
  psubsb: lanes(I8.subSatS),
  psubsw: lanes(I16.subSatS),
  psubusb: lanes(I8.subSatU),
  psubusw: lanes(I16.subSatU),
  pcmpeqb: lanes(I8.eq),
  pcmpeqw: lanes(I16.eq),
  pcmpeqd: lanes(I32.eq),
  pcmpeqq: lanes(I64.eq),
  pcmpgtb: lanes(I8.gtS),
  pcmpgtw: lanes(I16.gtS),
  pcmpgtd: lanes(I32.gtS),
  pcmpgtq: lanes(I64.gtS),
  pminsb: lanes(I8.minS),
  pminsw: lanes(I16.minS),
  pminsd: lanes(I32.minS),
  pminub: lanes(I8.minU),
  pminuw: lanes(I16.minU),
  pminud: lanes(I32.minU),
  pmaxsb: lanes(I8.maxS),
  pmaxsw: lanes(I16.maxS),
  pmaxsd: lanes(I32.maxS),
  pmaxub: lanes(I8.maxU),
  pmaxuw: lanes(I16.maxU),
  pmaxud: lanes(I32.maxU),
  pavgb: lanes(I8.avgrU),
  pavgw: lanes(I16.avgrU),

  pmullw: lanes(I16.mul),
  pmulld: lanes(I32.mul),
  pmulhw: highProduct(I32.extMulLowS, I32.extMulHighS, I32.shrS, I16.narrowS),
  pmulhuw: highProduct(I32.extMulLowU, I32.extMulHighU, I32.shrU, I16.narrowU),
  pmuludq: evenProduct(I64.extMulLowU),
  pmuldq: evenProduct(I64.extMulLowS),
  pmaddwd: lanes(I32.dotS),
  // wasm saturates -1 * -1 to 0x7fff where x86 wraps to 0x8000.
  pmulhrsw: binary((a, b) => {
    const least = all16(0x8000);
    return op(V.xor, op(I16.q15mulrSatS, a, b), op(V.and, op(I16.eq, a, least), op(I16.eq, b, least)));
  }),
  // dst unsigned, src signed; each product fits 16 bits, their sum saturates.
  pmaddubsw: binary((a, b) => {
    const even = op(
      I16.mul,
      op(V.and, a, all16(0xff)),
      op(I16.shrS, op(I16.shl, b, i32.const(8)), i32.const(8)),
    );
    const odd = op(I16.mul, op(I16.shrU, a, i32.const(8)), op(I16.shrS, b, i32.const(8)));
    return op(I16.addSatS, even, odd);
  }),
  psadbw: binary((a, b, _total, e) => {
    const quads = e.let(op(I32.extAddPairwiseU, op(I16.extAddPairwiseU, distance(a, b))));
    return op(I64.add, op(I64.shrU, quads, i32.const(32)), op(V.and, quads, each64(0xffffffffn)));
  }),

  phaddw: horizontal(I16.add, 2),
  phaddd: horizontal(I32.add, 4),
  phaddsw: horizontal(I16.addSatS, 2),
  phsubw: horizontal(I16.sub, 2),
  phsubd: horizontal(I32.sub, 4),
  phsubsw: horizontal(I16.subSatS, 2),
  psignb: sign(I8.ltS, I8.eq, I8.sub),
  psignw: sign(I16.ltS, I16.eq, I16.sub),
  psignd: sign(I32.ltS, I32.eq, I32.sub),
  pabsb: unary((b) => op(I8.abs, b)),
  pabsw: unary((b) => op(I16.abs, b)),
  pabsd: unary((b) => op(I32.abs, b)),
  phminposuw: minimumPosition,
  mpsadbw: (e, i) => sumsOfGroups(immediate(e, i, 2))(e, i),

  packsswb: pack(I8.narrowS),
  packuswb: pack(I8.narrowU),
  packssdw: pack(I16.narrowS),
  packusdw: pack(I16.narrowU),
  punpcklbw: unpack(1, false),
  punpcklwd: unpack(2, false),
  punpckldq: unpack(4, false),
  punpcklqdq: unpack(8, false),
  punpckhbw: unpack(1, true),
  punpckhwd: unpack(2, true),
  punpckhdq: unpack(4, true),
  punpckhqdq: unpack(8, true),
  unpcklps: unpack(4, false),
  unpckhps: unpack(4, true),
  unpcklpd: unpack(8, false),
  unpckhpd: unpack(8, true),

  // MMX indexes with three bits, XMM with four; bit 7 gives zero, which swizzle does for any index past 15.
  pshufb: binary((a, b, total) => op(V.swizzle, a, op(V.and, b, all8(total === 8 ? 0x87 : 0x8f)))),
  pblendvb: blendv(I8.ltS),
  blendvps: blendv(I32.ltS),
  blendvpd: blendv(I64.ltS),
  ptest,
  pmovmskb: movemask,
});
