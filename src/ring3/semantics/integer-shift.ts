// Shifts and rotates. The count is taken modulo 32 (64 for 64-bit operands); a count of zero changes neither
// operand nor flags. Intel SDM volume 2, SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR, SHLD, SHRD.

import type { Width } from '../decode/insn.ts';
import type { Emit, Semantics, SemanticsTable } from '../emit.ts';
import { i32, i64, type Val } from '../wasm/ir.ts';
import {
  clip,
  low32,
  operand,
  signBit,
  signed,
  unlessZero,
  wide,
  widthOf,
  word,
  zero,
} from './integer-width.ts';

/** The masked count as an i32. */
const readCount = (e: Emit, w: Width, v: Val): Val => e.let(i32.and(low32(v), i32.const(w === 64 ? 63 : 31)));

const shift =
  (kind: 'shl' | 'shr' | 'sar'): Semantics =>
  (e, i) => {
    const d = operand(i, 0);
    const w = widthOf(d);
    const k = word(w);
    const op = kind === 'shl' ? k.shl : kind === 'shr' ? k.shrU : k.shrS;
    const x = e.let(kind === 'sar' ? signed(w, e.readForWrite(d)) : e.readForWrite(d));
    const n = readCount(e, w, e.read(operand(i, 1)));
    const r = e.let(clip(w, op(x, zero(w, n))));
    e.write(d, r);
    unlessZero(e, n, () => {
      const before = clip(w, op(x, zero(w, i32.sub(n, i32.const(1)))));
      e.flags(kind, w, before, zero(w, n), r);
    });
  };

/** ROL and ROR: only CF and OF change. OF is defined for a count of one; processors compute it for all alike. */
const rotate =
  (kind: 'rol' | 'ror'): Semantics =>
  (e, i) => {
    const d = operand(i, 0);
    const w = widthOf(d);
    const k = word(w);
    const x = e.let(e.readForWrite(d));
    const n = readCount(e, w, e.read(operand(i, 1)));
    let r: Val;
    if (w >= 32) {
      r = (kind === 'rol' ? k.rotl : k.rotr)(x, zero(w, n));
    } else {
      // The operand twice (four times) in 32 bits, so that one 32-bit rotation does.
      const twice = i32.or(x, i32.shl(x, i32.const(w)));
      const full = w === 16 ? twice : i32.mul(x, i32.const(0x01010101));
      r = clip(w, (kind === 'rol' ? i32.rotl : i32.rotr)(full, n));
    }
    r = e.let(r);
    e.write(d, r);
    unlessZero(e, n, () => {
      const top = e.let(signBit(w, r));
      const bottom = low32(k.and(r, k.const(1)));
      if (kind === 'rol') {
        const cf = e.let(bottom);
        e.setFlags({ cf, of: i32.xor(top, cf) });
      } else {
        e.setFlags({ cf: top, of: i32.xor(top, signBit(w, clip(w, k.shl(r, k.const(1))))) });
      }
    });
  };

/** RCL and RCR: a rotation of width + 1 bits with CF on top. */
const rotateCarry =
  (kind: 'rcl' | 'rcr'): Semantics =>
  (e, i) => {
    const d = operand(i, 0);
    const w = widthOf(d);
    const x = e.let(e.readForWrite(d));
    const masked = readCount(e, w, e.read(operand(i, 1)));
    const n = w < 32 ? e.let(i32.remU(masked, i32.const(w + 1))) : masked;
    const cfIn = e.let(e.flag('cf'));
    const result = e.variable(w === 64 ? 'i64' : 'i32');
    const cf = e.variable('i32');
    e.set(result, x);
    e.set(cf, cfIn);
    e.if(n, () => {
      if (w === 64) {
        // Counts 1..63, so a shift by 65 - n is made of two that stay below 64.
        const n64 = e.let(i64.extendU(n));
        const one = i64.const(1);
        const back = e.let(i64.sub(i64.const(64), n64));
        const less = e.let(i64.sub(n64, one));
        const carry = i64.extendU(cfIn);
        if (kind === 'rcl') {
          e.set(
            result,
            i64.or(i64.or(i64.shl(x, n64), i64.shl(carry, less)), i64.shrU(i64.shrU(x, one), back)),
          );
          e.set(cf, i32.and(i32.wrap(i64.shrU(x, back)), i32.const(1)));
        } else {
          e.set(
            result,
            i64.or(i64.or(i64.shrU(x, n64), i64.shl(carry, back)), i64.shl(i64.shl(x, one), back)),
          );
          e.set(cf, i32.and(i32.wrap(i64.shrU(x, less)), i32.const(1)));
        }
        return;
      }
      const t = e.let(i64.or(i64.extendU(x), i64.shl(i64.extendU(cfIn), i64.const(w))));
      const n64 = e.let(i64.extendU(n));
      const back = i64.sub(i64.const(w + 1), n64);
      const turned = e.let(
        kind === 'rcl'
          ? i64.or(i64.shl(t, n64), i64.shrU(t, back))
          : i64.or(i64.shrU(t, n64), i64.shl(t, back)),
      );
      e.set(result, clip(w, i32.wrap(turned)));
      e.set(cf, i32.and(i32.wrap(i64.shrU(turned, i64.const(w))), i32.const(1)));
    });
    e.write(d, result);
    e.if(masked, () => {
      const k = word(w);
      const of =
        kind === 'rcl'
          ? i32.xor(signBit(w, result), cf)
          : i32.xor(signBit(w, result), signBit(w, clip(w, k.shl(result, k.const(1)))));
      e.setFlags({ cf, of });
    });
  };

/** SHLD and SHRD: bits come in from the second operand. */
const doubleShift =
  (left: boolean): Semantics =>
  (e, i) => {
    const d = operand(i, 0);
    const w = widthOf(d);
    const k = word(w);
    const x = e.let(e.readForWrite(d));
    const y = e.let(e.read(operand(i, 1)));
    const n = readCount(e, w, e.read(operand(i, 2)));
    /** The destination after a shift by m (bound); `m` is 0..63 for 64 bits, 0..31 else. */
    let shifted: (m: Val) => Val;
    if (w === 64) {
      shifted = (m) => {
        const back = i64.sub(i64.const(63), m);
        return left
          ? i64.or(i64.shl(x, m), i64.shrU(i64.shrU(y, i64.const(1)), back))
          : i64.or(i64.shrU(x, m), i64.shl(i64.shl(y, i64.const(1)), back));
      };
    } else {
      // Counts beyond 16 of a 16-bit operand are undefined; processors shift the destination in again.
      const high = w === 32 ? wide(x) : i64.or(i64.shl(wide(x), i64.const(16)), wide(y));
      const low = w === 32 ? wide(y) : wide(x);
      const chain = e.let(
        left
          ? i64.or(i64.shl(high, i64.const(w === 32 ? 32 : 16)), low)
          : w === 32
            ? i64.or(wide(x), i64.shl(wide(y), i64.const(32)))
            : i64.or(i64.or(wide(x), i64.shl(wide(y), i64.const(16))), i64.shl(wide(x), i64.const(32))),
      );
      shifted = (m) =>
        clip(w, i32.wrap(left ? i64.shrU(i64.shl(chain, wide(m)), i64.const(32)) : i64.shrU(chain, wide(m))));
    }
    const r = e.let(shifted(zero(w, n)));
    e.write(d, r);
    unlessZero(e, n, () => {
      const before = e.let(shifted(e.let(zero(w, i32.sub(n, i32.const(1))))));
      e.flags(left ? 'shl' : 'shr', w, before, zero(w, n), r);
      if (!left) e.setFlags({ of: signBit(w, k.xor(before, r)) });
    });
  };

export const shiftSemantics = (): SemanticsTable => ({
  shl: shift('shl'),
  shr: shift('shr'),
  sar: shift('sar'),
  rol: rotate('rol'),
  ror: rotate('ror'),
  rcl: rotateCarry('rcl'),
  rcr: rotateCarry('rcr'),
  shld: doubleShift(true),
  shrd: doubleShift(false),
});
