// Lazy arithmetic flags: instead of six bits, the CPU block keeps the operation and its operands (ccOp, ccA,
// ccB, ccRes), and a flag is computed when someone asks. This file says how each flag follows from them.
// Definitions: Intel SDM volume 1, section 3.4.3.1, and the instruction pages.

import type { Width } from './decode/insn.ts';
import type { FlagKind, FlagName } from './emit.ts';
import { FLAG } from './layout.ts';
import { f64, i32, i64, type Val } from './wasm/ir.ts';

/** The kinds in the order of ccOp / 4; `raw` keeps the flag bits themselves in ccA. */
export const CC_KINDS = [
  'raw',
  'add',
  'sub',
  'logic',
  'inc',
  'dec',
  'shl',
  'shr',
  'sar',
  'sbb',
  'fcmp',
] as const;
export type CcKind = (typeof CC_KINDS)[number];
export const CC_WIDTHS: readonly Width[] = [8, 16, 32, 64];

export const ccOp = (kind: CcKind, width: Width): number =>
  CC_KINDS.indexOf(kind) * 4 + CC_WIDTHS.indexOf(width);

/** A flag state with its operands at hand: i32 values for widths up to 32 (zero-extended), i64 for 64. */
export interface CcState {
  readonly kind: CcKind;
  readonly width: Width;
  /** For inc and dec: b is the carry before, as 0 or 1 (i32, or i64 for width 64). For raw: a is an i32. */
  readonly a: Val;
  readonly b: Val;
  readonly res: Val;
}

const ops = (w: Width): typeof i64 | typeof i32 => (w === 64 ? i64 : i32);
const k = (w: Width, v: number): Val => (w === 64 ? i64.const(v) : i32.const(v));
const low = (w: Width, v: Val): Val => (w === 64 ? i32.wrap(v) : v);
/** Most significant bit of the width, as i32 0 or 1; bits above the width may be anything. */
const msb = (w: Width, v: Val): Val => {
  const shifted = ops(w).shrU(v, k(w, w - 1));
  return w === 32 ? shifted : i32.and(low(w, shifted), i32.const(1));
};
const not = (w: Width, v: Val): Val => ops(w).xor(v, k(w, -1));
/** A comparison of values of the width as signed: shift both to the top of the type first. */
const signed = (w: Width, v: Val): Val => (w === 8 ? i32.extend8S(v) : w === 16 ? i32.extend16S(v) : v);
const isZero = (w: Width, v: Val): Val => ops(w).eqz(v);

const bit = (raw: Val, flag: number): Val =>
  i32.and(i32.shrU(raw, i32.const(31 - Math.clz32(flag))), i32.const(1));

const parity = (w: Width, res: Val): Val =>
  i32.xor(i32.and(i32.popcnt(i32.and(low(w, res), i32.const(0xff))), i32.const(1)), i32.const(1));

/** Flags and conditions of UCOMISD: equal, less, unordered (all of ZF, PF, CF); the others are 0. */
const compared = (s: CcState): Record<'ge' | 'gt' | 'differ' | 'ordered', Val> => {
  const a = f64.reinterpretI64(s.a);
  const b = f64.reinterpretI64(s.b);
  return {
    ge: f64.ge(a, b),
    gt: f64.gt(a, b),
    differ: i32.or(f64.lt(a, b), f64.gt(a, b)),
    ordered: i32.and(f64.eq(a, a), f64.eq(b, b)),
  };
};
const comparedFlag = (s: CcState, name: FlagName): Val => {
  if (s.width !== 64) return i32.const(0);
  const { ge, differ, ordered } = compared(s);
  if (name === 'cf') return i32.eqz(ge);
  if (name === 'zf') return i32.eqz(differ);
  return name === 'pf' ? i32.eqz(ordered) : i32.const(0);
};
const comparedCondition = (s: CcState, cc: number): Val => {
  if (s.width !== 64) return i32.const(0);
  const { ge, gt, differ, ordered } = compared(s);
  // Signed conditions see SF = OF = 0.
  const holds = [null, ge, differ, gt, null, ordered, null, differ][cc >> 1];
  if (!holds) return i32.const(cc & 1);
  return (cc & 1) === 1 ? holds : i32.eqz(holds);
};

/** One flag as an i32 0 or 1. Operands are used more than once: they must be constants or locals. */
export const flagValue = (s: CcState, name: FlagName): Val => {
  const { kind, width: w, a, b, res } = s;
  const o = ops(w);
  if (kind === 'raw') {
    return bit(a, { cf: FLAG.CF, pf: FLAG.PF, af: FLAG.AF, zf: FLAG.ZF, sf: FLAG.SF, of: FLAG.OF }[name]);
  }
  if (kind === 'fcmp') return comparedFlag(s, name);
  switch (name) {
    case 'zf':
      return isZero(w, res);
    case 'sf':
      return msb(w, res);
    case 'pf':
      return parity(w, res);
    case 'cf':
      switch (kind) {
        // Majority of the operands and the missing result bit: right with and without a carry in.
        case 'add':
          return msb(w, o.or(o.and(a, b), o.and(o.or(a, b), not(w, res))));
        case 'sub':
        case 'sbb':
          return msb(w, o.or(o.and(not(w, a), b), o.and(o.or(not(w, a), b), res)));
        case 'logic':
          return i32.const(0);
        case 'inc':
        case 'dec':
          return low(w, b);
        case 'shl':
          return msb(w, a);
        case 'shr':
        case 'sar':
          return i32.and(low(w, a), i32.const(1));
      }
      break;
    case 'of':
      switch (kind) {
        case 'add':
          return msb(w, o.and(o.xor(a, res), o.xor(b, res)));
        case 'sub':
        case 'sbb':
          return msb(w, o.and(o.xor(a, b), o.xor(a, res)));
        case 'logic':
          return i32.const(0);
        case 'inc':
          return o.eq(
            res,
            w === 64 ? i64.const(-(2n ** 63n)) : i32.const(w === 32 ? -0x80000000 : 1 << (w - 1)),
          );
        case 'dec':
          return o.eq(
            res,
            w === 64 ? i64.const(2n ** 63n - 1n) : i32.const(w === 32 ? 0x7fffffff : (1 << (w - 1)) - 1),
          );
        // Defined for a count of 1 only: a is the operand itself then.
        case 'shl':
          return i32.xor(msb(w, a), msb(w, res));
        case 'shr':
          return i32.and(msb(w, a), o.eq(b, k(w, 1)));
        case 'sar':
          return i32.const(0);
      }
      break;
    case 'af':
      switch (kind) {
        case 'add':
        case 'sub':
        case 'sbb':
          return i32.and(i32.shrU(low(w, o.xor(o.xor(a, b), res)), i32.const(4)), i32.const(1));
        case 'inc':
          return i32.eqz(i32.and(low(w, res), i32.const(0xf)));
        case 'dec':
          return i32.eq(i32.and(low(w, res), i32.const(0xf)), i32.const(0xf));
        default:
          return i32.const(0);
      }
  }
  return i32.const(0);
};

/**
 * Condition code cc (Intel SDM volume 1, appendix B) as an i32 0 or 1. A `sub` state (cmp, sub, neg: no borrow
 * in) is a direct comparison of its operands.
 */
export const conditionValue = (s: CcState, cc: number): Val => {
  const positive = cc & ~1;
  const negate = (cc & 1) === 1;
  const { kind, width: w, a, b, res } = s;
  const o = ops(w);
  if (kind === 'sub') {
    switch (cc) {
      case 2:
        return o.ltU(a, b);
      case 3:
        return o.geU(a, b);
      case 4:
        return o.eq(a, b);
      case 5:
        return o.ne(a, b);
      case 6:
        return o.leU(a, b);
      case 7:
        return o.gtU(a, b);
      case 12:
        return o.ltS(signed(w, a), signed(w, b));
      case 13:
        return o.geS(signed(w, a), signed(w, b));
      case 14:
        return o.leS(signed(w, a), signed(w, b));
      case 15:
        return o.gtS(signed(w, a), signed(w, b));
    }
  }
  if (kind === 'fcmp') return comparedCondition(s, cc);
  if (kind !== 'raw') {
    const zero = w === 64 ? i64.const(0) : i32.const(0);
    if (cc === 5) return o.ne(res, zero);
    if (cc === 8) return o.ltS(signed(w, res), zero);
    if (cc === 9) return o.geS(signed(w, res), zero);
    if (kind === 'logic') {
      switch (cc) {
        case 12:
          return o.ltS(signed(w, res), zero);
        case 13:
          return o.geS(signed(w, res), zero);
        case 14:
          return o.leS(signed(w, res), zero);
        case 15:
          return o.gtS(signed(w, res), zero);
        case 6:
          return o.eqz(res);
        case 7:
          return o.ne(res, zero);
      }
    }
  } else if (positive !== 12 && positive !== 14) {
    const mask = [FLAG.OF, FLAG.CF, FLAG.ZF, FLAG.CF | FLAG.ZF, FLAG.SF, FLAG.PF][cc >> 1] as number;
    const any = i32.and(a, i32.const(mask));
    return negate ? i32.eqz(any) : i32.ne(any, i32.const(0));
  }
  const f = (name: FlagName): Val => flagValue(s, name);
  let v: Val;
  switch (positive) {
    case 0:
      v = f('of');
      break;
    case 2:
      v = f('cf');
      break;
    case 4:
      v = f('zf');
      break;
    case 6:
      v = i32.or(f('cf'), f('zf'));
      break;
    case 8:
      v = f('sf');
      break;
    case 10:
      v = f('pf');
      break;
    case 12:
      v = i32.xor(f('sf'), f('of'));
      break;
    default:
      v = i32.or(f('zf'), i32.xor(f('sf'), f('of')));
  }
  return negate ? i32.eqz(v) : v;
};

/** The six flags as an image of RFLAGS, i32. */
export const flagsImage = (s: CcState): Val => {
  if (s.kind === 'raw') return s.a;
  const at = (name: FlagName, flag: number): Val =>
    i32.shl(flagValue(s, name), i32.const(31 - Math.clz32(flag)));
  let v = at('zf', FLAG.ZF);
  v = i32.or(v, at('sf', FLAG.SF));
  v = i32.or(v, at('pf', FLAG.PF));
  v = i32.or(v, at('cf', FLAG.CF));
  v = i32.or(v, at('of', FLAG.OF));
  return i32.or(v, at('af', FLAG.AF));
};

/** Whether a FlagKind from the semantics needs the old carry. */
export const keepsCarry = (kind: FlagKind): boolean => kind === 'inc' || kind === 'dec';
