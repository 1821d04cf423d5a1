// Multiplication and division. Products of 64-bit operands are made of 32-bit halves; 128-bit dividends whose
// upper half matters go to a helper. #DE on a zero divisor or a quotient that does not fit (Intel SDM, DIV, IDIV).

import type { Width } from '../decode/insn.ts';
import type { Emit, Semantics, SemanticsTable } from '../emit.ts';
import { cpu } from '../emit-base.ts';
import type { CpuState, HelperTable } from '../helpers.ts';
import { CPU, GPR, OFF, VECTOR } from '../layout.ts';
import { Code } from '../wasm/code.ts';
import { callFn, i32, i64, type Val } from '../wasm/ir.ts';
import { clip, low32, mulHighS, mulHighU, operand, signed, widthOf, zero } from './integer-width.ts';

const none = i32.const(0);

/** CF and OF say that the upper half matters; the rest is undefined and set to zero, which needs no old flags. */
const setOverflow = (e: Emit, overflow: Val): void => {
  const o = e.let(overflow);
  e.setFlags({ cf: o, of: o, sf: none, zf: none, af: none, pf: none });
};

/** MUL and one-operand IMUL: rdx:rax (ax) = rax * operand. */
const multiplyAccumulator =
  (isSigned: boolean): Semantics =>
  (e, i) => {
    const o = operand(i, 0);
    const w = widthOf(o);
    if (w === 64) {
      const a = e.let(e.gpr(GPR.rax, 64));
      const b = e.let(e.read(o));
      const lo = e.let(i64.mul(a, b));
      const hi = e.let(isSigned ? mulHighS(e, a, b) : mulHighU(e, a, b));
      e.setGpr(GPR.rax, 64, lo);
      e.setGpr(GPR.rdx, 64, hi);
      setOverflow(e, isSigned ? i64.ne(hi, i64.shrS(lo, i64.const(63))) : i64.ne(hi, i64.const(0)));
      return;
    }
    if (w === 32) {
      const extend = isSigned ? i64.extendS : i64.extendU;
      const p = e.let(i64.mul(extend(e.gpr(GPR.rax, 32)), extend(e.read(o))));
      e.setGpr(GPR.rax, 32, i32.wrap(p));
      e.setGpr(GPR.rdx, 32, i32.wrap(i64.shrU(p, i64.const(32))));
      setOverflow(
        e,
        isSigned ? i64.ne(p, i64.extend32S(p)) : i64.ne(i64.shrU(p, i64.const(32)), i64.const(0)),
      );
      return;
    }
    const a = e.gpr(GPR.rax, w);
    const b = e.read(o);
    const p = e.let(isSigned ? i32.mul(signed(w, a), signed(w, b)) : i32.mul(a, b));
    if (w === 8) e.setGpr(GPR.rax, 16, clip(16, p));
    else {
      e.setGpr(GPR.rax, 16, clip(16, p));
      e.setGpr(GPR.rdx, 16, i32.shrU(p, i32.const(16)));
    }
    setOverflow(e, isSigned ? i32.ne(p, signed(w, p)) : i32.ne(i32.shrU(p, i32.const(w)), i32.const(0)));
  };

/** IMUL with two or three operands: the product is cut to the width. */
const imul: Semantics = (e, i) => {
  if (i.operands.length === 1) {
    multiplyAccumulator(true)(e, i);
    return;
  }
  const d = operand(i, 0);
  const w = widthOf(d);
  const x = operand(i, i.operands.length - 2);
  const y = operand(i, i.operands.length - 1);
  if (w === 64) {
    const a = e.let(e.read(x));
    const b = e.let(e.readSigned(y));
    const lo = e.let(i64.mul(a, b));
    e.write(d, lo);
    setOverflow(e, i64.ne(mulHighS(e, a, b), i64.shrS(lo, i64.const(63))));
    return;
  }
  const a = e.readSigned(x);
  const b = e.readSigned(y);
  if (w === 32) {
    const p = e.let(i64.mul(a, b));
    e.write(d, i32.wrap(p));
    setOverflow(e, i64.ne(p, i64.extend32S(p)));
    return;
  }
  const p = e.let(i32.mul(i32.wrap(a), i32.wrap(b)));
  e.write(d, clip(16, p));
  setOverflow(e, i32.ne(p, i32.extend16S(p)));
};

const divideError = (e: Emit, cond: Val): void => e.if(cond, () => e.raise(VECTOR.DE));

/** The dividend of an 8, 16 or 32-bit division as an i64. */
const dividend = (e: Emit, w: Width, isSigned: boolean): Val => {
  if (w === 8)
    return isSigned ? i64.extend16S(i64.extendU(e.gpr(GPR.rax, 16))) : i64.extendU(e.gpr(GPR.rax, 16));
  if (w === 16) {
    const both = i32.or(i32.shl(e.gpr(GPR.rdx, 16), i32.const(16)), e.gpr(GPR.rax, 16));
    return isSigned ? i64.extendS(both) : i64.extendU(both);
  }
  return i64.or(i64.shl(i64.extendU(e.gpr(GPR.rdx, 32)), i64.const(32)), i64.extendU(e.gpr(GPR.rax, 32)));
};

const setQuotient = (e: Emit, w: Width, q: Val, r: Val): void => {
  if (w === 8) {
    const both = e.let(i32.or(clip(8, low32(q)), i32.shl(clip(8, low32(r)), i32.const(8))));
    e.setGpr(GPR.rax, 16, both);
    return;
  }
  e.setGpr(GPR.rax, w, zero(w, q));
  e.setGpr(GPR.rdx, w, zero(w, r));
};

const div: Semantics = (e, i) => {
  const o = operand(i, 0);
  const w = widthOf(o);
  const b = e.let(e.read(o));
  if (w === 64) {
    // A non-zero upper half is for the helper, which also finds out about overflow.
    e.if(
      i64.eqz(e.gpr(GPR.rdx, 64)),
      () => {
        divideError(e, i64.eqz(b));
        const a = e.let(e.gpr(GPR.rax, 64));
        const q = e.let(i64.divU(a, b));
        e.setGpr(GPR.rax, 64, q);
        e.setGpr(GPR.rdx, 64, i64.sub(a, i64.mul(q, b)));
      },
      () => e.helper('div128', 0, b),
    );
    return;
  }
  divideError(e, i32.eqz(b));
  const a = e.let(dividend(e, w, false));
  const b64 = e.let(i64.extendU(b));
  const q = e.let(i64.divU(a, b64));
  divideError(e, i64.ne(i64.shrU(q, i64.const(w)), i64.const(0)));
  setQuotient(e, w, q, e.let(i64.sub(a, i64.mul(q, b64))));
};

const idiv: Semantics = (e, i) => {
  const o = operand(i, 0);
  const w = widthOf(o);
  const b = e.let(e.readSigned(o));
  if (w === 64) {
    const a = e.let(e.gpr(GPR.rax, 64));
    // Division by -1 goes to the helper too: wasm traps on the one quotient that overflows.
    const easy = i32.and(
      i64.eq(e.gpr(GPR.rdx, 64), i64.shrS(a, i64.const(63))),
      i64.gtU(i64.add(b, i64.const(1)), i64.const(1)),
    );
    e.if(
      easy,
      () => {
        const q = e.let(i64.divS(a, b));
        e.setGpr(GPR.rax, 64, q);
        e.setGpr(GPR.rdx, 64, i64.sub(a, i64.mul(q, b)));
      },
      () => e.helper('idiv128', 0, b),
    );
    return;
  }
  divideError(e, i64.eqz(b));
  const a = e.let(dividend(e, w, true));
  // The most negative 64-bit dividend overflows with every 32-bit divisor, and would trap with -1.
  if (w === 32) divideError(e, i64.eq(a, i64.const(-0x8000000000000000n)));
  const q = e.let(i64.divS(a, b));
  const fits = w === 32 ? i64.extend32S(q) : w === 16 ? i64.extend16S(q) : i64.extend8S(q);
  divideError(e, i64.ne(q, fits));
  setQuotient(e, w, q, e.let(i64.sub(a, i64.mul(q, b))));
};

export const productSemantics = (): SemanticsTable => ({
  mul: multiplyAccumulator(false),
  imul1: multiplyAccumulator(true),
  imul,
  div,
  idiv,
});

const slot = (reg: number): number => (CPU + OFF.gpr) / 8 + reg;
const read = (cpu: CpuState, index: number): bigint => cpu.u64[index] ?? 0n;

const divide =
  (isSigned: boolean) =>
  (cpu: CpuState): number => {
    const cut = isSigned ? BigInt.asIntN : BigInt.asUintN;
    const b = cut(64, read(cpu, (CPU + OFF.helperAddress) / 8));
    if (b === 0n) return cpu.raise(VECTOR.DE);
    const a = cut(128, (read(cpu, slot(GPR.rdx)) << 64n) | read(cpu, slot(GPR.rax)));
    const q = a / b;
    if (cut(64, q) !== q) return cpu.raise(VECTOR.DE);
    cpu.u64[slot(GPR.rax)] = BigInt.asUintN(64, q);
    cpu.u64[slot(GPR.rdx)] = BigInt.asUintN(64, a % b);
    return 0;
  };

/**
 * What the core does of unsigned division in place of the helper, all but overflow: (number of the helper, ignored) -> status.
 * In two digits of 32 bits by a divisor whose highest bit is set (D. Knuth, TAOCP volume 2, section 4.3.1, algorithm D).
 */
export const divideInCore = (helper: number): Code => {
  const c = new Code(['i32', 'i32']);
  const at = (reg: number): number => OFF.gpr + 8 * reg;
  const divisor = c.let(cpu.i64(OFF.helperAddress));
  const high = c.let(cpu.i64(at(GPR.rdx)));
  const low = c.let(cpu.i64(at(GPR.rax)));
  c.if(i64.geU(high, divisor), () => c.return(callFn('i32', helper, [c.param(0), c.param(1)])));
  const digit = i64.const(32);
  const lowDigit = (v: Val): Val => i64.and(v, i64.const(0xffff_ffff));
  const shift = c.let(i64.clz(divisor));
  const b = c.let(i64.shl(divisor, shift));
  const b1 = c.let(i64.shrU(b, digit));
  const b0 = c.let(lowDigit(b));
  const carried = i64.shrU(i64.shrU(low, i64.const(1)), i64.sub(i64.const(63), shift));
  const rest = c.local('i64');
  c.set(rest, i64.or(i64.shl(high, shift), carried));
  const shifted = c.let(i64.shl(low, shift));
  /** A digit of the quotient, for the next one of the dividend; `rest` is what is left. */
  const next = (a: Val): Val => {
    const q = c.local('i64');
    const r = c.local('i64');
    c.set(q, i64.divU(rest, b1));
    c.set(r, i64.sub(rest, i64.mul(q, b1)));
    c.loop((again) => {
      const tooMuch = i32.or(
        i64.ne(i64.shrU(q, digit), i64.const(0)),
        i64.gtU(i64.mul(q, b0), i64.or(i64.shl(r, digit), a)),
      );
      c.if(tooMuch, () => {
        c.set(q, i64.sub(q, i64.const(1)));
        c.set(r, i64.add(r, b1));
        c.brIf(i64.eqz(i64.shrU(r, digit)), again);
      });
    });
    c.set(rest, i64.sub(i64.or(i64.shl(rest, digit), a), i64.mul(q, b)));
    return q;
  };
  const q1 = next(c.let(i64.shrU(shifted, digit)));
  const q0 = next(c.let(lowDigit(shifted)));
  cpu.set64(c, at(GPR.rax), i64.or(i64.shl(q1, digit), q0));
  cpu.set64(c, at(GPR.rdx), i64.shrU(rest, shift));
  c.return(i32.const(0));
  c.unreachable();
  return c;
};

/** 128 by 64-bit division; the divisor is the address argument. */
export const productHelpers = (): HelperTable => ({ div128: divide(false), idiv128: divide(true) });
