// REP string instructions as helpers: bulk copies, fills and searches over runs of contiguous memory. After a
// fault rcx, rsi and rdi say how far it got, so that the instruction can be restarted (Intel SDM volume 2, REP).

import type { CpuState, Helper, HelperTable } from '../helpers.ts';
import { ARITH_FLAGS, CPU, FLAG, GPR, OFF, PAGE, STATUS } from '../layout.ts';

const slot = (reg: number): number => (CPU + OFF.gpr) / 8 + reg;
const half = (cpu: CpuState, reg: number, part: 0 | 1): number => cpu.u32[slot(reg) * 2 + part] ?? 0;
/** A register as a number, 32 or 64 bits of it; inexact above 2^53, where every access faults anyway. */
const value = (cpu: CpuState, reg: number, a32: boolean): number =>
  a32 ? half(cpu, reg, 0) : half(cpu, reg, 1) * 0x100000000 + half(cpu, reg, 0);

/** Adds a number below 2^53 in magnitude to a register, by halves: BigInt would cost more than the copy. */
const addTo = (cpu: CpuState, reg: number, by: number, a32: boolean): void => {
  const at = slot(reg) * 2;
  const high = Math.floor(by / 0x100000000);
  const sum = (cpu.u32[at] as number) + (by - high * 0x100000000);
  cpu.u32[at] = sum;
  cpu.u32[at + 1] = a32 ? 0 : (cpu.u32[at + 1] as number) + high + (sum >= 0x100000000 ? 1 : 0);
};

/** So many elements are done at once: a count of 2^40 must not keep other tasks and the host waiting. */
const MOST = 1 << 20;

/** One REP instruction on its way. */
interface Run {
  readonly cpu: CpuState;
  /** Element size in bytes. */
  readonly size: number;
  readonly a32: boolean;
  readonly repne: boolean;
  /** 1 or -1. */
  readonly df: number;
  /** So many elements are done before others have their turn. */
  readonly most: number;
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
  const rest = cpu.i32[(CPU + OFF.rflagsRest) / 4] as number;
  return {
    cpu,
    size: 1 << (arg & 3),
    a32,
    repne: (arg & 8) !== 0,
    df: cpu.i32[(CPU + OFF.df) / 4] ?? 1,
    most: (rest & FLAG.TF) !== 0 ? 1 : MOST,
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

/** Gives way to others; the instruction, restarted, goes on with what is left. */
const giveWay = (r: Run, moves: 'both' | 'src' | 'dst'): number => {
  r.cpu.i32[(CPU + OFF.status) / 4] = STATUS.budget;
  return end(r, 1, moves);
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
    if (r.done >= r.most) return giveWay(r, 'both');
    const n = Math.min(inPage(r, r.src, r.base), inPage(r, r.dst), r.left, r.most);
    // Alignment of the source, its page, and only then the destination.
    if (cpu.misplaced(r.src, size)) return end(r, 1, 'both');
    if (n === 0) {
      const bytes = cpu.load(r.src, size);
      if (!bytes || cpu.misplaced(r.dst, size) || !cpu.store(r.dst, bytes.slice(0, size)))
        return end(r, 1, 'both');
      step(r, 1);
      continue;
    }
    // The source is looked up again, because making the destination writable may have moved its frame.
    if (cpu.span(r.src, false) === 0 || cpu.misplaced(r.dst, size)) return end(r, 1, 'both');
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
  const bytes = cpu.u8.subarray(rax, rax + size);
  const first = bytes[0] ?? 0;
  let uniform = true;
  for (let k = 1; k < size; k++) uniform &&= bytes[k] === first;
  if (r.a32) cutPointers(cpu, GPR.rdi);
  while (r.left > 0) {
    if (r.done >= r.most) return giveWay(r, 'dst');
    if (cpu.misplaced(r.dst, r.size)) return end(r, 1, 'dst');
    const n = Math.min(inPage(r, r.dst), r.left, r.most);
    if (n === 0) {
      if (!cpu.store(r.dst, bytes.slice())) return end(r, 1, 'dst');
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

/** Brings an element that straddles pages to one of two places in linear memory; 0 after a fault. */
const gather = (cpu: CpuState, address: number, size: number, place: 0 | 1): number => {
  const bytes = cpu.load(address, size);
  if (!bytes) return 0;
  const at = CPU + OFF.bounce + 16 * place;
  cpu.u8.set(bytes.subarray(0, size), at);
  return at;
};

const lods: Helper = (cpu, arg) => {
  const r = begin(cpu, arg);
  const rax = CPU + OFF.gpr + GPR.rax * 8;
  while (r.left > 0) {
    if (r.done >= r.most) return giveWay(r, 'src');
    if (cpu.misplaced(r.src, r.size)) return end(r, 1, 'src');
    const n = Math.min(inPage(r, r.src, r.base), r.left, r.most);
    const at = n === 0 ? gather(cpu, r.src, r.size, 0) : cpu.span(r.src, false);
    if (at === 0) return end(r, 1, 'src');
    // Only the last element of a run stays.
    const last = at + Math.max(n - 1, 0) * r.df * r.size;
    if (r.size === 4) cpu.u64[rax / 8] = 0n;
    cpu.u8.copyWithin(rax, last, last + r.size);
    step(r, Math.max(n, 1));
  }
  return end(r, 0, 'src');
};

/** An element of up to 4 bytes as a number. */
const element = (cpu: CpuState, at: number, size: number): number =>
  size === 1 ? (cpu.u8[at] as number) : size === 2 ? cpu.dv.getUint16(at, true) : cpu.dv.getUint32(at, true);

/** The arithmetic flags after a - b, from the result and what the signs and low digits were. */
const setFlags = (
  cpu: CpuState,
  below: boolean,
  res: number,
  sign: boolean,
  af: number,
  of: boolean,
): void => {
  let parity = res & 0xff;
  parity ^= parity >> 4;
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  const f =
    (below ? FLAG.CF : 0) |
    ((parity & 1) === 0 ? FLAG.PF : 0) |
    (af & 0x10) |
    (res === 0 ? FLAG.ZF : 0) |
    (sign ? FLAG.SF : 0) |
    (of ? FLAG.OF : 0);
  cpu.setRflags(f, ARITH_FLAGS);
};

/** The arithmetic flags after a comparison of the elements at two physical addresses. */
const setCompared = (cpu: CpuState, size: number, at: number, bt: number): void => {
  if (size === 8) {
    const a = cpu.dv.getBigUint64(at, true);
    const b = cpu.dv.getBigUint64(bt, true);
    const res = BigInt.asUintN(64, a - b);
    // Zero or not and the low byte are all that is asked of the result.
    const low = Number(res & 0xffn) | (res === 0n ? 0 : 0x100);
    const of = ((a ^ b) & (a ^ res)) >> 63n !== 0n;
    setFlags(cpu, a < b, low, res >> 63n !== 0n, Number((a ^ b ^ res) & 0x10n), of);
    return;
  }
  const a = element(cpu, at, size);
  const b = element(cpu, bt, size);
  const top = size * 8 - 1;
  const res = size === 4 ? (a - b) >>> 0 : (a - b) & (size === 1 ? 0xff : 0xffff);
  const of = ((((a ^ b) & (a ^ res)) >>> top) & 1) !== 0;
  setFlags(cpu, a < b, res, ((res >>> top) & 1) !== 0, a ^ b ^ res, of);
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
const compared = (r: Run, a: number, b: number, moves: 'both' | 'dst'): number => {
  setCompared(r.cpu, r.size, a, b);
  return end(r, 0, moves);
};

const cmps: Helper = (cpu, arg) => {
  const r = begin(cpu, arg);
  const { size, df } = r;
  while (r.left > 0) {
    if (r.done >= r.most) return giveWay(r, 'both');
    const n = Math.min(inPage(r, r.src, r.base), inPage(r, r.dst), r.left, r.most);
    // The destination first: it decides which of two faults is taken.
    if (cpu.misplaced(r.dst, size)) return end(r, 1, 'both');
    let y = n === 0 ? gather(cpu, r.dst, size, 1) : cpu.span(r.dst, false);
    if (y === 0 || cpu.misplaced(r.src, size)) return end(r, 1, 'both');
    let x = n === 0 ? gather(cpu, r.src, size, 0) : cpu.span(r.src, false);
    if (x === 0) return end(r, 1, 'both');
    const by = df * size;
    const found = search(cpu.u8, r, x, by, y, by, Math.max(n, 1));
    x += (found.count - 1) * by;
    y += (found.count - 1) * by;
    step(r, found.count);
    if (found.ended || r.left === 0) return compared(r, x, y, 'both');
  }
  return end(r, 0, 'both');
};

const scas: Helper = (cpu, arg) => {
  const r = begin(cpu, arg);
  const { size, df } = r;
  const rax = CPU + OFF.gpr + GPR.rax * 8;
  while (r.left > 0) {
    if (r.done >= r.most) return giveWay(r, 'dst');
    if (cpu.misplaced(r.dst, r.size)) return end(r, 1, 'dst');
    const n = Math.min(inPage(r, r.dst), r.left, r.most);
    const at = n === 0 ? gather(cpu, r.dst, size, 1) : cpu.span(r.dst, false);
    if (at === 0) return end(r, 1, 'dst');
    let found: { count: number; ended: boolean };
    if (size === 1 && r.repne && df > 0) {
      const k = cpu.u8.subarray(at, at + n).indexOf(cpu.u8[rax] as number);
      found = k < 0 ? { count: n, ended: false } : { count: k + 1, ended: true };
    } else found = search(cpu.u8, r, rax, 0, at, df * size, Math.max(n, 1));
    step(r, found.count);
    if (found.ended || r.left === 0) return compared(r, rax, at + (found.count - 1) * df * size, 'dst');
  }
  return end(r, 0, 'dst');
};

/** By name: `rep_` and the string instruction; the argument is said at repArgument in string.ts. */
export const stringHelpers = (): HelperTable => ({
  rep_movs: movs,
  rep_stos: stos,
  rep_lods: lods,
  rep_cmps: cmps,
  rep_scas: scas,
});
