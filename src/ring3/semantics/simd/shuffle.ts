// Shuffles, blends, insertions and extractions whose lanes the immediate picks, and the extensions of
// packed integers (Intel SDM volume 2).

import type { Semantics, SemanticsTable } from '../../emit.ts';
import { i32, type Val, v128 } from '../../wasm/ir.ts';
import {
  binary,
  immediate,
  isMem,
  low64,
  mmVector,
  operand,
  pick,
  range,
  source,
  unary,
  writeGpr,
  zero,
} from './common.ts';
import { F32, I8, I16, I32, I64 } from './opcodes.ts';

/** The k-th two-bit field of an immediate. */
const field = (imm: number, k: number): number => (imm >> (2 * k)) & 3;

/** A shuffle of two operands whose element numbers are a function of the immediate, operand 2. */
const byImmediate =
  (size: number, list: (imm: number) => number[]): Semantics =>
  (e, i) => {
    const imm = immediate(e, i, 2);
    binary((a, b, total) => pick(a, b, size, total, list(imm)))(e, i);
  };
/** The same for one source. */
const one =
  (size: number, list: (imm: number) => number[]): Semantics =>
  (e, i) => {
    const imm = immediate(e, i, 2);
    unary((b, total) => pick(b, b, size, total, list(imm)))(e, i);
  };

/** Elements of src where the immediate has a bit, else of dst. */
const blend = (size: number): Semantics => {
  const n = 16 / size;
  return byImmediate(size, (imm) => range(n, (k) => ((imm >> k) & 1 ? n + k : k)));
};

const palignr: Semantics = (e, i) => {
  const imm = immediate(e, i, 2);
  binary((a, b, total) => {
    if (imm >= 2 * total) return zero;
    if (total === 16)
      return imm < 16
        ? v128.shuffle(
            b,
            a,
            range(16, (k) => k + imm),
          )
        : v128.shuffle(
            a,
            zero,
            range(16, (k) => k + imm - 16),
          );
    const both = pick(b, a, 8, 8, [0, 1]);
    return v128.shuffle(
      both,
      zero,
      range(16, (k) => Math.min(k + imm, 16)),
    );
  })(e, i);
};

/** INSERTPS: one float of src to one place, then zeros where the mask says. */
const insertps: Semantics = (e, i) => {
  const imm = immediate(e, i, 2);
  const dst = operand(i, 0);
  const src = operand(i, 1);
  const b = isMem(src) ? v128.op(F32.splat, e.readF(src)) : e.readX(src);
  const from = isMem(src) ? 0 : imm >> 6;
  const to = (imm >> 4) & 3;
  const placed = pick(
    e.readX(dst),
    b,
    4,
    16,
    range(4, (k) => (k === to ? 4 + from : k)),
  );
  e.writeX(
    dst,
    imm & 15
      ? pick(
          placed,
          zero,
          4,
          16,
          range(4, (k) => ((imm >> k) & 1 ? 4 : k)),
        )
      : placed,
  );
};

const shapes = {
  1: { extract: I8.extractU, replace: I8.replace },
  2: { extract: I16.extractU, replace: I16.replace },
  4: { extract: I32.extract, replace: I32.replace },
  8: { extract: I64.extract, replace: I64.replace },
} as const;

/** PINSRx: operand 1 is a general register (its low part) or memory of the element's width. */
const insert =
  (bytes: 1 | 2 | 4 | 8): Semantics =>
  (e, i) => {
    const dst = operand(i, 0);
    const src = operand(i, 1);
    if (dst.kind === 'mm') e.pendingX87();
    const size = bytes === 4 && src.width === 64 ? 8 : bytes;
    let v = e.let(e.read(src));
    if (size !== 8 && src.width === 64) v = i32.wrap(v);
    const at = immediate(e, i, 2);
    if (dst.kind === 'mm') {
      const r = e.let(low64(v128.replace(I16.replace, mmVector(e, dst), at & 3, v)));
      e.enterMmx();
      e.writeMm(dst, r);
    } else e.writeX(dst, v128.replace(shapes[size].replace, e.readX(dst), at & (16 / size - 1), v));
  };

/** PEXTRx and EXTRACTPS: to a general register, zero-extended, or to memory of the element's width. */
const extract =
  (bytes: 1 | 2 | 4 | 8): Semantics =>
  (e, i) => {
    const dst = operand(i, 0);
    const src = operand(i, 1);
    const at = immediate(e, i, 2);
    if (src.kind === 'mm') {
      const v = e.let(v128.extract('i32', I16.extractU, mmVector(e, src), at & 3));
      e.enterMmx();
      writeGpr(e, dst, v);
      return;
    }
    const size = i.row.semantics !== 'extractps' && bytes === 4 && dst.width === 64 ? 8 : bytes;
    const lane = at & (16 / size - 1);
    if (size === 8) e.write(dst, v128.extract('i64', I64.extract, e.readX(src), lane));
    else {
      const v = v128.extract('i32', shapes[size].extract, e.readX(src), lane);
      if (isMem(dst)) e.write(dst, v);
      else writeGpr(e, dst, v);
    }
  };

/** PMOVSX, PMOVZX: extensions in steps of a factor of two. */
const extend =
  (...steps: readonly number[]): Semantics =>
  (e, i) => {
    let v: Val = source(e, operand(i, 1));
    for (const code of steps) v = v128.op(code, v);
    e.writeX(operand(i, 0), v);
  };

/** Copies of single elements: the list names elements of src. */
const spread =
  (size: number, list: readonly number[]): Semantics =>
  (e, i) => {
    const b = e.let(source(e, operand(i, 1)));
    e.writeX(operand(i, 0), pick(b, b, size, 16, list));
  };

export const shuffleSemantics = (): SemanticsTable => ({
  pshufd: one(4, (imm) => range(4, (k) => field(imm, k))),
  pshuflw: one(2, (imm) => range(8, (k) => (k < 4 ? field(imm, k) : k))),
  pshufhw: one(2, (imm) => range(8, (k) => (k < 4 ? k : 4 + field(imm, k - 4)))),
  pshufw: one(2, (imm) => range(4, (k) => field(imm, k))),
  shufps: byImmediate(4, (imm) => range(4, (k) => (k < 2 ? 0 : 4) + field(imm, k))),
  shufpd: byImmediate(8, (imm) => [imm & 1, 2 + ((imm >> 1) & 1)]),
  palignr,
  blendps: blend(4),
  blendpd: blend(8),
  pblendw: blend(2),
  insertps,
  pinsrb: insert(1),
  pinsrw: insert(2),
  pinsrd: insert(4),
  pinsrq: insert(8),
  pextrb: extract(1),
  pextrw: extract(2),
  pextrd: extract(4),
  pextrq: extract(8),
  extractps: extract(4),

  movddup: spread(8, [0, 0]),
  movsldup: spread(4, [0, 0, 2, 2]),
  movshdup: spread(4, [1, 1, 3, 3]),

  pmovsxbw: extend(I16.extendLowS),
  pmovsxbd: extend(I16.extendLowS, I32.extendLowS),
  pmovsxbq: extend(I16.extendLowS, I32.extendLowS, I64.extendLowS),
  pmovsxwd: extend(I32.extendLowS),
  pmovsxwq: extend(I32.extendLowS, I64.extendLowS),
  pmovsxdq: extend(I64.extendLowS),
  pmovzxbw: extend(I16.extendLowU),
  pmovzxbd: extend(I16.extendLowU, I32.extendLowU),
  pmovzxbq: extend(I16.extendLowU, I32.extendLowU, I64.extendLowU),
  pmovzxwd: extend(I32.extendLowU),
  pmovzxwq: extend(I32.extendLowU, I64.extendLowU),
  pmovzxdq: extend(I64.extendLowU),
});
