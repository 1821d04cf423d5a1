// REP string instructions as helpers: bulk copies, fills and searches over runs of contiguous memory. After a
// fault rcx, rsi and rdi say how far it got, so that the instruction can be restarted (Intel SDM volume 2, REP).

import type { CpuState, Helper, HelperTable } from '../helpers.ts';
import { ARITH_FLAGS, CPU, FLAG, GPR, OFF, PAGE } from '../layout.ts';

const slot = (reg: number): number => (CPU + OFF.gpr) / 8 + reg;
const half = (cpu: CpuState, reg: number, part: 0 | 1): number => cpu.u32[slot(reg) * 2 + part] ?? 0;
/** A register as a number, 32 or 64 bits of it; inexact above 2^53, where every access faults anyway. */
const value = (cpu: CpuState, reg: number, a32: boolean): number =>
  a32 ? half(cpu, reg, 0) : half(cpu, reg, 1) * 0x100000000 + half(cpu, reg, 0);

const addTo = (cpu: CpuState, reg: number, by: number, a32: boolean): void => {
  const sum = (cpu.u64[slot(reg)] ?? 0n) + BigInt(by);
  cpu.u64[slot(reg)] = BigInt.asUintN(a32 ? 32 : 64, sum);
};

/** One REP instruction on its way. */
interface Run {
  readonly cpu: CpuState;
  /** Element size in bytes. */
  readonly size: number;
  readonly a32: boolean;
  readonly repne: boolean;
  /** 1 or -1. */
  readonly df: number;
  /** Segment base of the source. */
  readonly base: number;
  /** Address of the next source and destination element. */
  src: number;
  dst: number;
  left: number;
  done: number;
}

const begin = (cpu: CpuState, arg: number): Run => {
  const a32 = (arg & 4) !== 0;
  const src = cpu.address();
  return {
    cpu,
    size: 1 << (arg & 3),
    a32,
    repne: (arg & 8) !== 0,
    df: cpu.i32[(CPU + OFF.df) / 4] ?? 1,
    base: a32 ? src - value(cpu, GPR.rsi, true) : 0,
    src,
    dst: value(cpu, GPR.rdi, a32),
    left: value(cpu, GPR.rcx, a32),
    done: 0,
  };
};

const wrapped = (offset: number): number => ((offset % 0x100000000) + 0x100000000) % 0x100000000;

/** Notes n more elements as done. */
const step = (r: Run, n: number): void => {
  r.src += r.df * n * r.size;
  r.dst += r.df * n * r.size;
  r.left -= n;
  r.done += n;
  if (!r.a32) return;
  // 32-bit addresses wrap before the segment base is added.
  r.src = wrapped(r.src - r.base) + r.base;
  r.dst = wrapped(r.dst);
};

/** Writes the progress back; `failed` is what the helper returns. */
const end = (r: Run, failed: 0 | 1, moves: 'both' | 'src' | 'dst'): number => {
  // With 32-bit addresses the count is cut to 32 bits even when it is zero, as processors do.
  addTo(r.cpu, GPR.rcx, -r.done, r.a32);
  if (r.done === 0) return failed;
  const by = r.df * r.done * r.size;
  if (moves !== 'dst') addTo(r.cpu, GPR.rsi, by, r.a32);
  if (moves !== 'src') addTo(r.cpu, GPR.rdi, by, r.a32);
  return failed;
};

/** Elements from `address` on, in the direction of DF, before a page or 32-bit addresses end; 0 when the first straddles. */
const inPage = (r: Run, address: number, base = 0): number => {
  const at = address % PAGE;
  if (at + r.size > PAGE) return 0;
  const n = r.df > 0 ? Math.floor((PAGE - at) / r.size) : Math.floor(at / r.size) + 1;
  if (!r.a32) return n;
  const offset = address - base;
  return Math.min(n, r.df > 0 ? Math.ceil((0x100000000 - offset) / r.size) : Math.floor(offset / r.size) + 1);
};

/** Copies n bytes upwards as if element by element, where the destination overlaps the end of the source. */
const copyUp = (u8: Uint8Array, to: number, from: number, n: number, size: number): void => {
  const distance = to - from;
  if (distance <= 0 || distance >= n) {
    u8.copyWithin(to, from, from + n);
    return;
  }
  if (distance % size === 0) {
    // What is copied repeats with the period of the distance: each copy doubles what is there.
    for (let done = 0; done < n; ) {
      const part = Math.min(distance + done, n - done);
      u8.copyWithin(to + done, from, from + part);
      done += part;
    }
    return;
  }
  for (let k = 0; k < n; k += size) u8.copyWithin(to + k, from + k, from + k + size);
};

/** MOVS and STOS cut 32-bit addresses before they begin, as processors do. */
const cutPointers = (cpu: CpuState, ...regs: number[]): void => {
  for (const reg of regs) addTo(cpu, reg, 0, true);
};

const movs: Helper = (cpu, arg) => {
  const r = begin(cpu, arg);
  const { size } = r;
  if (r.a32) cutPointers(cpu, GPR.rsi, GPR.rdi);
  while (r.left > 0) {
    const n = Math.min(inPage(r, r.src, r.base), inPage(r, r.dst), r.left);
    if (n === 0) {
      const bytes = cpu.load(r.src, size);
      if (!bytes || !cpu.store(r.dst, bytes.slice(0, size))) return end(r, 1, 'both');
      step(r, 1);
      continue;
    }
    // The source is looked up again, because making the destination writable may have moved its frame.
    if (cpu.span(r.src, false) === 0) return end(r, 1, 'both');
    const to = cpu.span(r.dst, true);
    if (to === 0) return end(r, 1, 'both');
    const from = cpu.span(r.src, false);
    if (from === 0) return end(r, 1, 'both');
    if (r.df > 0) copyUp(cpu.u8, to, from, n * size, size);
    else for (let k = 0; k < n * size; k += size) cpu.u8.copyWithin(to - k, from - k, from - k + size);
    step(r, n);
  }
  return end(r, 0, 'both');
};

const stos: Helper = (cpu, arg) => {
  const r = begin(cpu, arg);
  const { size } = r;
  const rax = CPU + OFF.gpr + GPR.rax * 8;
  const bytes = cpu.u8.slice(rax, rax + size);
  const first = bytes[0] ?? 0;
  const uniform = bytes.every((b) => b === first);
  if (r.a32) cutPointers(cpu, GPR.rdi);
  while (r.left > 0) {
    const n = Math.min(inPage(r, r.dst), r.left);
    if (n === 0) {
      if (!cpu.store(r.dst, bytes)) return end(r, 1, 'dst');
      step(r, 1);
      continue;
    }
    const at = cpu.span(r.dst, true);
    if (at === 0) return end(r, 1, 'dst');
    const low = r.df > 0 ? at : at - (n - 1) * size;
    if (uniform) cpu.u8.fill(first, low, low + n * size);
    else {
      cpu.u8.set(bytes, low);
      if (n > 1) copyUp(cpu.u8, low + size, low, (n - 1) * size, size);
    }
    step(r, n);
  }
  return end(r, 0, 'dst');
};

const lods: Helper = (cpu, arg) => {
  const r = begin(cpu, arg);
  const rax = CPU + OFF.gpr + GPR.rax * 8;
  while (r.left > 0) {
    const bytes = cpu.load(r.src, r.size);
    if (!bytes) return end(r, 1, 'src');
    if (r.size === 4) cpu.u64[rax / 8] = 0n;
    cpu.u8.set(bytes.subarray(0, r.size), rax);
    step(r, 1);
  }
  return end(r, 0, 'src');
};

const element = (bytes: Uint8Array, at: number, size: number): bigint => {
  let v = 0n;
  for (let k = size - 1; k >= 0; k--) v = (v << 8n) | BigInt(bytes[at + k] ?? 0);
  return v;
};

/** The arithmetic flags after a - b. */
const setCompared = (cpu: CpuState, size: number, a: bigint, b: bigint): void => {
  const bits = size * 8;
  const res = BigInt.asUintN(bits, a - b);
  const sign = 1n << BigInt(bits - 1);
  let parity = Number(res & 0xffn);
  parity ^= parity >> 4;
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  let f = 0;
  if (a < b) f |= FLAG.CF;
  if ((parity & 1) === 0) f |= FLAG.PF;
  if (((a ^ b ^ res) & 0x10n) !== 0n) f |= FLAG.AF;
  if (res === 0n) f |= FLAG.ZF;
  if ((res & sign) !== 0n) f |= FLAG.SF;
  if (((a ^ b) & (a ^ res) & sign) !== 0n) f |= FLAG.OF;
  cpu.setRflags(f, ARITH_FLAGS);
};

const same = (u8: Uint8Array, a: number, b: number, size: number): boolean => {
  for (let k = 0; k < size; k++) if (u8[a + k] !== u8[b + k]) return false;
  return true;
};

/**
 * How many of n elements from `a` and `b` on are gone through, the one that ends the search included, and
 * whether one ended it. `by` is the distance between elements, negative when DF is set.
 */
const search = (
  u8: Uint8Array,
  r: Run,
  a: number,
  aStep: number,
  b: number,
  bStep: number,
  n: number,
): { count: number; ended: boolean } => {
  for (let k = 0; k < n; k++) {
    if (same(u8, a + k * aStep, b + k * bStep, r.size) === r.repne) return { count: k + 1, ended: true };
  }
  return { count: n, ended: false };
};

/** Ends a comparison: sets the flags from the last pair and writes the progress back. */
const compared = (r: Run, a: bigint, b: bigint, moves: 'both' | 'dst'): number => {
  setCompared(r.cpu, r.size, a, b);
  return end(r, 0, moves);
};

const cmps: Helper = (cpu, arg) => {
  const r = begin(cpu, arg);
  const { size, df } = r;
  let a = 0n;
  let b = 0n;
  while (r.left > 0) {
    const n = Math.min(inPage(r, r.src, r.base), inPage(r, r.dst), r.left);
    let ended: boolean;
    if (n === 0) {
      const y = cpu.load(r.dst, size);
      if (!y) return end(r, 1, 'both');
      b = element(y, 0, size);
      const x = cpu.load(r.src, size);
      if (!x) return end(r, 1, 'both');
      a = element(x, 0, size);
      ended = (a === b) === r.repne;
      step(r, 1);
    } else {
      const y = cpu.span(r.dst, false);
      if (y === 0) return end(r, 1, 'both');
      const x = cpu.span(r.src, false);
      if (x === 0) return end(r, 1, 'both');
      const by = df * size;
      const found = search(cpu.u8, r, x, by, y, by, n);
      a = element(cpu.u8, x + (found.count - 1) * by, size);
      b = element(cpu.u8, y + (found.count - 1) * by, size);
      ended = found.ended;
      step(r, found.count);
    }
    if (ended || r.left === 0) return compared(r, a, b, 'both');
  }
  return end(r, 0, 'both');
};

const scas: Helper = (cpu, arg) => {
  const r = begin(cpu, arg);
  const { size, df } = r;
  const rax = CPU + OFF.gpr + GPR.rax * 8;
  const a = element(cpu.u8, rax, size);
  while (r.left > 0) {
    const n = Math.min(inPage(r, r.dst), r.left);
    let b: bigint;
    let ended: boolean;
    if (n === 0) {
      const x = cpu.load(r.dst, size);
      if (!x) return end(r, 1, 'dst');
      b = element(x, 0, size);
      ended = (a === b) === r.repne;
      step(r, 1);
    } else {
      const at = cpu.span(r.dst, false);
      if (at === 0) return end(r, 1, 'dst');
      let found: { count: number; ended: boolean };
      if (size === 1 && r.repne && df > 0) {
        const k = cpu.u8.subarray(at, at + n).indexOf(Number(a));
        found = k < 0 ? { count: n, ended: false } : { count: k + 1, ended: true };
      } else found = search(cpu.u8, r, at, df * size, rax, 0, n);
      b = element(cpu.u8, at + (found.count - 1) * df * size, size);
      ended = found.ended;
      step(r, found.count);
    }
    if (ended || r.left === 0) return compared(r, a, b, 'dst');
  }
  return end(r, 0, 'dst');
};

/** By name: `rep_` and the string instruction; the argument is said at repArgument in string.ts. */
export const stringHelpers: HelperTable = {
  rep_movs: movs,
  rep_stos: stos,
  rep_lods: lods,
  rep_cmps: cmps,
  rep_scas: scas,
};
