// Cases for the differential test: one instruction or a few, with a state in which they do something. Memory
// operands are steered into the data pages (aligned, unaligned, across pages, and now and then into a fault),
// counts, selectors and jump targets into the range where a user program can use them.

import { decode } from '../../src/ring3/decode/decoder.ts';
import { instances } from '../../src/ring3/decode/encode.ts';
import type { Insn, MemOperand, Row } from '../../src/ring3/decode/insn.ts';
import { insnFlags } from '../../src/ring3/decode/row-flags.ts';
import { ARITH_FLAGS, FLAG, GPR } from '../../src/ring3/layout.ts';
import { DATA, entryOf, type Patch, SLOTS, type State, WRITABLE } from './records.ts';
import { fillData, fpuState, integer, type Rng } from './values.ts';

export interface Step {
  readonly insn: Insn;
  readonly bytes: Uint8Array;
  /** Offset of the instruction from the start of the code. */
  readonly offset: number;
}

export interface Case {
  readonly code: Uint8Array;
  readonly steps: readonly Step[];
  readonly state: State;
  readonly exactFp: boolean;
  readonly slot: number;
}

const M64 = (1n << 64n) - 1n;

/** A case under construction. */
class Draft {
  readonly rng: Rng;
  readonly slot: number;
  readonly gpr: bigint[];
  readonly fsBase: number;
  readonly gsBase: number;
  readonly patches: Patch[] = [];
  rflags: number;
  fx: Uint8Array;
  /** Registers that have a purpose already. */
  readonly fixed = new Set<number>();

  constructor(rng: Rng, slot: number, plainFp: boolean) {
    this.rng = rng;
    this.slot = slot;
    this.gpr = Array.from({ length: 16 }, () => integer(rng));
    this.gpr[GPR.rsp] = BigInt(this.place(64) + (rng.chance(0.9) ? 0 : rng.below(8)));
    this.fsBase = DATA + 16 * rng.below(64);
    this.gsBase = DATA + 16 * rng.below(64);
    this.rflags = 2 | FLAG.IF | (rng.u32() & (ARITH_FLAGS | (rng.chance(0.3) ? FLAG.DF : 0)));
    this.fx = fpuState(rng, { plain: plainFp });
  }
  /** An address in the data pages: mostly aligned, sometimes not, across a page, or where it faults. */
  place(bytes: number): number {
    const { rng } = this;
    const kind = rng.below(100);
    if (kind < 70) return DATA + 512 + 16 * rng.below((WRITABLE - 1024 - bytes) / 16);
    if (kind < 85) return DATA + 512 + rng.below(WRITABLE - 1024 - bytes);
    if (kind < 93)
      return DATA + 0x1000 * (1 + rng.below(2)) - rng.below(Math.max(2, bytes)) - (bytes > 1 ? 0 : 1);
    // Read-only, below the pages, at their end, and not canonical.
    if (kind < 96) return DATA + WRITABLE + rng.below(0x1000 - bytes) - (rng.chance(0.3) ? bytes : 0);
    if (kind < 98) return DATA - rng.below(24);
    if (kind < 99) return DATA + 0x4000 - rng.below(24);
    return 0x123456;
  }
  set(reg: number, v: bigint): void {
    this.gpr[reg] = v & M64;
    this.fixed.add(reg);
  }
  /** Sets a register unless it has a purpose already. */
  offer(reg: number, v: bigint): void {
    if (!this.fixed.has(reg)) this.set(reg, v);
  }
  patch(address: number, bytes: Uint8Array): boolean {
    const offset = address - DATA;
    if (offset < 0 || offset + bytes.length > WRITABLE || this.patches.length >= 12) return false;
    for (let at = 0; at < bytes.length; at += 64) {
      this.patches.push({ offset: offset + at, bytes: bytes.slice(at, at + 64) });
    }
    return true;
  }
  patch64(address: number, v: bigint): boolean {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, v), true);
    return this.patch(address, bytes);
  }
  state(): State {
    const { gpr, rflags, fsBase, gsBase, fx, patches } = this;
    return { gpr, rflags, fsBase, gsBase, fx, patches };
  }
  segment(s: Insn['segment']): number {
    return s === 'fs' ? this.fsBase : s === 'gs' ? this.gsBase : 0;
  }
  /** Gives base and index values with which the operand addresses `target`, or near it; returns what it is. */
  aim(o: MemOperand, target: number): number {
    const bits = o.addressWidth;
    const goal = BigInt(target - this.segment(o.segment) - o.disp);
    const { rng } = this;
    if (o.index >= 0 && o.index !== o.base && o.base >= 0) {
      const wild = rng.chance(0.2);
      this.offer(o.index, wild ? integer(rng) : BigInt(rng.below(33) - 16));
      const index = this.gpr[o.index] ?? 0n;
      this.offer(o.base, this.garbage(bits, goal - (index << BigInt(o.scale))));
    } else if (o.base >= 0 && o.index >= 0) {
      this.offer(o.base, this.garbage(bits, goal / BigInt(1 + (1 << o.scale))));
    } else if (o.index >= 0) this.offer(o.index, this.garbage(bits, goal >> BigInt(o.scale)));
    else if (o.base >= 0) this.offer(o.base, this.garbage(bits, goal));
    return this.effective(o);
  }
  /** For 32-bit addresses the upper half of a register does not count. */
  garbage(bits: number, v: bigint): bigint {
    return bits === 64
      ? v
      : BigInt.asUintN(32, v) | (this.rng.chance(0.5) ? 0n : BigInt(this.rng.u32()) << 32n);
  }
  effective(o: MemOperand): number {
    let a = BigInt(o.disp);
    if (o.base >= 0) a += this.gpr[o.base] ?? 0n;
    if (o.index >= 0) a += (this.gpr[o.index] ?? 0n) << BigInt(o.scale);
    return Number(BigInt.asUintN(64, BigInt.asUintN(o.addressWidth, a) + BigInt(this.segment(o.segment))));
  }
}

const SELECTORS = [0n, 3n, 0x2bn, 0x2bn, 0x33n];

/** Bytes that an instruction reads at its memory operand, at least. */
const operandBytes = (insn: Insn, o: MemOperand): number => {
  if (o.width > 0) return o.width / 8;
  switch (insn.row.semantics) {
    case 'fldenv':
    case 'fnstenv':
      return insn.width === 16 ? 14 : 28;
    case 'frstor':
    case 'fnsave':
      return insn.width === 16 ? 94 : 108;
    case 'fxsave':
    case 'fxrstor':
      return 512;
    case 'xsave':
    case 'xrstor':
    case 'xsavec':
    case 'xsaveopt':
      return 576;
    default:
      return 16;
  }
};

const STRINGS = new Set(['movs', 'stos', 'lods', 'cmps', 'scas']);

/** An address for a jump to go to: among the INT3s of the slot. */
const landing = (d: Draft): bigint =>
  BigInt(d.rng.chance(0.93) ? entryOf(d.slot) + 160 + d.rng.below(64) : DATA + d.rng.below(64));

/** What an image in memory has to be for the instruction that loads it. */
const loadedImage = (d: Draft, name: string, bytes: number): Uint8Array | null => {
  const { rng } = d;
  if (name === 'fxrstor' || name === 'xrstor') {
    const image = new Uint8Array(bytes);
    image.set(fpuState(rng, { plain: false }));
    if (name === 'xrstor') image[512] = rng.below(4);
    if (rng.chance(0.1)) image[26] = 1;
    return image;
  }
  if (name === 'fldenv' || name === 'frstor') {
    const image = new Uint8Array(bytes);
    fillData(rng, image);
    const wide = bytes === 28 || bytes === 108;
    const view = new DataView(image.buffer);
    const step = wide ? 4 : 2;
    view.setUint16(0, 0x7f | (rng.below(4) << 8) | (rng.below(4) << 10), true);
    view.setUint16(step, rng.u32() & 0x7f7f, true);
    view.setUint16(2 * step, rng.u32(), true);
    return image;
  }
  if (name === 'fldcw') return Uint8Array.of(0x7f, rng.below(16));
  if (name === 'ldmxcsr')
    return Uint8Array.of(0x80 | (rng.u32() & 0x7f), 0x1f | (rng.u32() & 0xe0), rng.chance(0.1) ? 1 : 0, 0);
  if (name === 'popf' || name === 'iret') {
    const flags = rng.u32() & ~(FLAG.TF | FLAG.AC);
    return Uint8Array.of(flags, flags >> 8, flags >> 16, flags >> 24, 0, 0, 0, 0);
  }
  return null;
};

/** F2XM1 and FYL2XP1 are defined for small arguments only: ST(0) becomes one. */
const shrinkTop = (d: Draft): void => {
  const view = new DataView(d.fx.buffer);
  const high = view.getUint16(40, true);
  if ((high & 0x7fff) >= 0x3ffd) view.setUint16(40, (high & 0x8000) | (0x3ffc - d.rng.below(80)), true);
};

/** Sets the state up so that the instruction has something sensible to work on. */
const prepare = (d: Draft, insn: Insn): void => {
  const { rng } = d;
  const name = insn.row.semantics;
  const mem = insn.operands.find((o) => o.kind === 'mem');
  const sp = (): number => Number(d.gpr[GPR.rsp]);

  // Registers with a meaning of their own come first: the address is fitted around them.
  if (STRINGS.has(name)) {
    const count = rng.below(10);
    d.offer(GPR.rcx, BigInt(count < 6 ? rng.below(12) : count < 9 ? rng.below(300) : rng.below(20000)));
    const source = d.place(32) - d.segment(insn.segment);
    const bits = insn.addressWidth;
    d.offer(GPR.rsi, d.garbage(bits, BigInt(source)));
    const near = rng.chance(0.3);
    d.offer(
      GPR.rdi,
      d.garbage(bits, BigInt(near ? source + d.segment(insn.segment) + rng.below(33) - 16 : d.place(32))),
    );
    if (bits === 32 && rng.chance(0.5)) d.gpr[GPR.rcx] = (d.gpr[GPR.rcx] ?? 0n) | (BigInt(rng.u32()) << 32n);
    // Equal stretches, so that comparisons get somewhere.
    if ((name === 'cmps' || name === 'scas') && rng.chance(0.7)) {
      const same = new Uint8Array(64).fill(
        rng.chance(0.5) ? Number(BigInt.asUintN(8, d.gpr[GPR.rax] ?? 0n)) : 0x41,
      );
      if (rng.chance(0.6)) same[rng.below(40)] = 0x42;
      if (name === 'scas' && rng.chance(0.7)) d.offer(GPR.rax, rng.chance(0.5) ? 0x4141414141414141n : 0x42n);
      d.patch(Number(BigInt.asUintN(32, d.gpr[GPR.rdi] ?? 0n)), same);
      d.patch(Number(BigInt.asUintN(32, (d.gpr[GPR.rsi] ?? 0n) + BigInt(d.segment(insn.segment)))), same);
    }
    return;
  }
  // The host has components that Kanmon does not have.
  if (name === 'xrstor') d.set(GPR.rax, BigInt(rng.below(4)));
  if (name === 'f2xm1' || name === 'fyl2xp1') shrinkTop(d);
  if (name === 'xlat')
    d.offer(
      GPR.rbx,
      d.garbage(insn.addressWidth, BigInt(d.place(1) - d.segment(insn.segment)) - ((d.gpr[0] ?? 0n) % 256n)),
    );
  if (name === 'maskmovq' || name === 'maskmovdqu') {
    d.offer(GPR.rdi, d.garbage(insn.addressWidth, BigInt(d.place(16) - d.segment(insn.segment))));
  }
  if (name === 'jrcxz' || name.startsWith('loop'))
    d.offer(GPR.rcx, rng.chance(0.7) ? BigInt(rng.below(3)) : 0x100000000n);
  if (name === 'leave') d.offer(GPR.rbp, BigInt(d.place(8)));
  if (name === 'enter') d.offer(GPR.rbp, BigInt(d.place(64)));
  if (name.startsWith('bt') && insn.operands[1]?.kind === 'reg') {
    const { reg, width } = insn.operands[1];
    if (mem) {
      const offset = BigInt.asUintN(64, BigInt(rng.below(8000) - 4000));
      d.offer(
        reg,
        width === 64
          ? offset
          : (offset & ((1n << BigInt(width)) - 1n)) | (rng.u64() & ~((1n << BigInt(width)) - 1n)),
      );
    }
  }
  if ((name === 'div' || name === 'idiv') && rng.chance(0.7)) {
    const k = rng.below(4);
    const rax = d.gpr[GPR.rax] ?? 0n;
    d.offer(
      GPR.rdx,
      k === 0 ? 0n : k === 1 ? BigInt(rng.below(1000)) : BigInt.asUintN(64, BigInt.asIntN(64, rax) >> 63n),
    );
    if (insn.width === 8) d.gpr[GPR.rax] = rng.chance(0.5) ? BigInt(rng.below(3000)) : rax;
  }

  let at = 0;
  if (mem) {
    const bytes = operandBytes(insn, mem);
    let target = d.place(bytes);
    if (bytes >= 512 && rng.chance(0.9)) target -= target % 64;
    // Linux slows programs down that lock across a cache line.
    if (insn.lock || name === 'xchg') target -= target % 16;
    at = d.aim(mem, target);
    const content = new Uint8Array(Math.min(64, Math.max(16, bytes)));
    fillData(rng, content);
    d.patch(at, loadedImage(d, name, bytes) ?? content);
  }
  if (name === 'popf' || name === 'iret') d.patch(sp(), loadedImage(d, name, 8) ?? new Uint8Array(8));
  if (name === 'cmpxchg' && rng.chance(0.5)) {
    const o = insn.operands[0];
    if (o?.kind === 'reg') d.gpr[o.reg] = o.reg === GPR.rsp ? (d.gpr[o.reg] ?? 0n) : (d.gpr[GPR.rax] ?? 0n);
    else d.patch64(at, d.gpr[GPR.rax] ?? 0n);
  }
  if (name.startsWith('cmpxchg') && name.endsWith('b') && rng.chance(0.5)) {
    const wide = name === 'cmpxchg16b';
    const [a, b] = [d.gpr[GPR.rax] ?? 0n, d.gpr[GPR.rdx] ?? 0n];
    d.patch64(at, wide ? a : (a & 0xffffffffn) | (b << 32n));
    if (wide) d.patch64(at + 8, b);
  }
  if (name === 'ret') d.patch64(sp(), landing(d));
  if ((name === 'jmp' || name === 'call') && insn.operands[0]?.kind !== 'rel') {
    const o = insn.operands[0];
    if (o?.kind === 'reg') d.set(o.reg, landing(d));
    else d.patch64(at, landing(d));
  }
  const selectorSource = ['lss', 'lfs', 'lgs'].includes(name)
    ? 'far'
    : ['verr', 'verw', 'lar', 'lsl'].includes(name) ||
        (name === 'movsreg' && insn.operands[0]?.kind === 'sreg')
      ? 'operand'
      : name === 'popsreg'
        ? 'stack'
        : '';
  const selector = rng.pick(SELECTORS);
  if (selectorSource === 'stack') d.patch64(sp(), selector);
  if (selectorSource === 'far' && mem) d.patch64(at + insn.width / 8, selector);
  if (selectorSource === 'operand') {
    const o = insn.operands.at(name === 'lar' || name === 'lsl' || name === 'movsreg' ? 1 : 0);
    if (o?.kind === 'reg') d.gpr[o.reg] = selector | (rng.u64() & ~0xffffn);
    else if (mem) d.patch64(at, selector);
  }
  if (name.startsWith('wr') && name.endsWith('base') && insn.operands[0]?.kind === 'reg' && rng.chance(0.8)) {
    d.gpr[insn.operands[0].reg] = rng.u64() & 0x7fffffffffffn;
  }
};

/** Instances of a row with the operands varied further: any base and index, segments, displacements. */
export const variants = (row: Row, rng: Rng): Uint8Array[] => {
  const unit = (): number => rng.u32() / 4294967296;
  const base = rng.below(16);
  const indexes = Array.from({ length: 16 }, (_, r) => r).filter((r) => r !== 4);
  const wanted = {
    base,
    ...(rng.chance(0.6) ? { index: rng.pick(indexes) } : {}),
    absolute: DATA + 16 * rng.below(500),
    registers: Array.from({ length: 16 }, (_, r) => r),
    rel: row.text.includes('Jb') ? rng.below(256) - 128 : rng.below(400) - 200,
    address32: rng.chance(0.3),
  };
  return instances(row, unit, wanted).map(({ bytes, insn }) => {
    const addresses =
      insn.operands.some((o) => o.kind === 'mem') || STRINGS.has(row.semantics) || row.semantics === 'xlat';
    if (!addresses || !rng.chance(0.12) || bytes.length >= 14) return bytes;
    return Uint8Array.of(rng.chance(0.5) ? 0x64 : 0x65, ...bytes);
  });
};

const stepOf = (bytes: Uint8Array, ip: number, offset: number): Step => {
  const insn = decode(bytes, 0, ip + offset, bytes.length);
  if ('error' in insn) throw new Error(`instance does not decode: ${Array.from(bytes).join()}`);
  return { insn, bytes, offset };
};

/** Linux slows programs down that lock across a cache line, until they look endless. */
const splitsLock = (d: Draft, insn: Insn): boolean => {
  const mem = insn.operands.find((o) => o.kind === 'mem');
  if (!mem || (!insn.lock && insn.row.semantics !== 'xchg')) return false;
  const bytes = mem.width / 8;
  // A bit test reaches beyond its operand, in steps of it.
  const line = insn.row.semantics.startsWith('bt') ? bytes : 64;
  return (d.effective(mem) % line) + bytes > line;
};

/** A case of one instruction. */
export const single = (instance: Uint8Array, rng: Rng, n: number): Case => {
  // INT 80h is the other door of the host kernel.
  const bytes = instance.at(-2) === 0xcd && instance.at(-1) === 0x80 ? Uint8Array.of(0xcd, 0x81) : instance;
  const slot = n % SLOTS;
  const step = stepOf(bytes, entryOf(slot), 0);
  for (;;) {
    const exactFp = rng.chance(0.3);
    const d = new Draft(rng, slot, !exactFp);
    prepare(d, step.insn);
    if (splitsLock(d, step.insn)) continue;
    return { code: bytes, steps: [step], state: d.state(), exactFp, slot };
  }
};

const concat = (parts: readonly Uint8Array[]): Uint8Array => {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
};

/** A case of several instructions in a row. The first ones have the better prepared operands. */
export const sequence = (parts: readonly Uint8Array[], rng: Rng, n: number): Case => {
  const slot = n % SLOTS;
  const exactFp = rng.chance(0.2);
  const d = new Draft(rng, slot, !exactFp);
  const steps: Step[] = [];
  let offset = 0;
  for (const bytes of parts) {
    const step = stepOf(bytes, entryOf(slot), offset);
    steps.push(step);
    offset += bytes.length;
    prepare(d, step.insn);
  }
  return { code: concat(parts), steps, state: d.state(), exactFp, slot };
};

/** Flags that may be anything after the instruction, for a case of one with a known count in CL. */
export const undefinedAfter = (c: Case): number => {
  const [step] = c.steps;
  if (!step) return 0;
  const cl = Number((c.state.gpr[GPR.rcx] ?? 0n) & 0xffn);
  const byCl = step.insn.operands.at(-1)?.kind === 'reg';
  return insnFlags(step.insn, byCl ? cl : -1).undefined;
};
