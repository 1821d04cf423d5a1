// Jumps, calls, the stack and the flags register. Near branches are 64 bits wide in 64-bit mode whatever the
// prefixes (Intel SDM volume 1, section 6.2).

import type { Insn, Width } from '../decode/insn.ts';
import type { Emit, Semantics, SemanticsTable } from '../emit.ts';
import type { CpuState, Helper, HelperTable } from '../helpers.ts';
import { CPU, FLAG, GPR, OFF, VECTOR } from '../layout.ts';
import { i32, i64, loadAt, type Val } from '../wasm/ir.ts';
import { clip, low32, operand, wide, word } from './integer-width.ts';
import { CODE_SELECTOR, DATA_SELECTOR, loadSelector, segmentBase, selectorOf } from './segment.ts';

const sp = (e: Emit): Val => e.gpr(GPR.rsp, 64);

/** Pushes a bound value: the store first, because it may fault, and so may what the caller does then. */
const pushValue = (e: Emit, w: Width, v: Val, then?: () => void): void => {
  const top = e.let(i64.sub(sp(e), i64.const(w / 8)));
  e.store(w, top, v);
  then?.();
  e.setGpr(GPR.rsp, 64, top);
};

/** The width that PUSH and POP move: 64, or 16 with the operand-size prefix. */
const stackWidth = (i: Insn): Width => (i.width === 16 ? 16 : 64);

const push: Semantics = (e, i) => {
  const o = operand(i, 0);
  const w = stackWidth(i);
  const v = o.kind === 'sreg' ? selectorOf(e, o) : o.kind === 'imm' ? e.readSigned(o) : e.read(o);
  pushValue(e, w, e.let(w === 64 ? wide(v) : clip(16, low32(v))));
};

const pop: Semantics = (e, i) => {
  const o = operand(i, 0);
  const w = stackWidth(i);
  const old = e.let(sp(e));
  // Of a selector's place two bytes are read (seen on the processor).
  const v = e.let(e.load(o.kind === 'sreg' ? 16 : w, old));
  const top = e.let(i64.add(old, i64.const(w / 8)));
  if (o.kind === 'mem') {
    // The address is computed with rsp already incremented, but a faulting store must leave rsp alone.
    e.setGpr(GPR.rsp, 64, top);
    const at = e.let(e.address(o));
    e.setGpr(GPR.rsp, 64, old);
    e.store(w, at, v);
    e.setGpr(GPR.rsp, 64, top);
    return;
  }
  if (o.kind === 'sreg') {
    loadSelector(e, e.let(e.read(o)), low32(v));
    e.setGpr(GPR.rsp, 64, top);
    return;
  }
  // POP rsp keeps the value, not the increment.
  e.setGpr(GPR.rsp, 64, top);
  e.write(o, v);
};

const pushf: Semantics = (e, i) => {
  const w = stackWidth(i);
  pushValue(e, w, e.let(w === 64 ? i64.extendU(e.rflags()) : clip(16, e.rflags())));
};

/** What user code may change by POPF: not IF (IOPL is 0), and VM and RF are cleared anyway. */
const POPF_MASK = 0x8d5 | FLAG.TF | FLAG.DF | FLAG.NT | FLAG.AC | FLAG.ID;

/** Whether TF or AC asks for each instruction to be done by itself. */
const watchful = (e: Emit): Val => i32.and(e.field('rflagsRest'), i32.const(FLAG.TF | FLAG.AC));

const popf: Semantics = (e, i) => {
  const w = stackWidth(i);
  const v = e.let(low32(e.load(w, sp(e))));
  e.setGpr(GPR.rsp, 64, i64.add(sp(e), i64.const(w / 8)));
  e.setRflags(v, w === 64 ? POPF_MASK : POPF_MASK & 0xffff);
  e.if(watchful(e), () => e.resync());
};

const lahf: Semantics = (e) =>
  e.setGpr(GPR.rax, 8, i32.or(i32.and(e.rflags(), i32.const(0xd5)), i32.const(2)), true);
const sahf: Semantics = (e) => e.setRflags(e.gpr(GPR.rax, 8, true), 0xd5);

const leave: Semantics = (e, i) => {
  const w = stackWidth(i);
  const frame = e.let(e.gpr(GPR.rbp, 64));
  const v = e.let(e.load(w, frame));
  e.setGpr(GPR.rsp, 64, i64.add(frame, i64.const(w / 8)));
  e.setGpr(GPR.rbp, w, v);
};

/** ENTER with nesting level 0 inline; deeper levels, which no compiler emits, by helper. */
const enter: Semantics = (e, i) => {
  const size = low32(e.read(operand(i, 0)));
  const level = e.let(i32.and(low32(e.read(operand(i, 1))), i32.const(31)));
  const w = stackWidth(i);
  e.if(
    level,
    () =>
      e.helper(
        'enter',
        i32.or(i32.shl(level, i32.const(16)), i32.or(size, i32.const(w === 16 ? 1 << 24 : 0))),
      ),
    () => {
      const frame = e.let(i64.sub(sp(e), i64.const(w / 8)));
      const top = e.let(i64.sub(frame, i64.extendU(size)));
      // The frame pointer is stored before the bottom of the frame is found missing; doing it twice is harmless.
      e.store(w, frame, e.gpr(GPR.rbp, w));
      e.probeWrite(w / 8, top);
      e.setGpr(GPR.rsp, 64, top);
      e.setGpr(GPR.rbp, w, w === 64 ? frame : clip(16, i32.wrap(frame)));
    },
  );
};

const call: Semantics = (e, i) => {
  const o = operand(i, 0);
  if (o.kind === 'rel') {
    pushValue(e, 64, e.next());
    e.call(o);
    return;
  }
  const target = e.let(e.read(o));
  // Where it goes is looked at last: the return address has been stored then (seen on the processor).
  pushValue(e, 64, e.next(), () => e.canonical(target));
  e.call(target);
};

const ret: Semantics = (e, i) => {
  const target = e.let(e.load(64, sp(e)));
  e.canonical(target);
  const o = i.operands[0];
  const up = i64.add(sp(e), i64.const(8));
  e.setGpr(GPR.rsp, 64, o ? i64.add(up, i64.and(wide(e.read(o)), i64.const(0xffff))) : up);
  e.return(target);
};

const jmp: Semantics = (e, i) => {
  const o = operand(i, 0);
  if (o.kind === 'rel') {
    e.jump(o);
    return;
  }
  const target = e.let(e.read(o));
  e.canonical(target);
  e.jump(target);
};

const jcc: Semantics = (e, i) => e.branch(e.condition(i.row.cc), operand(i, 0));

const counter = (e: Emit, i: Insn): Val => e.gpr(GPR.rcx, i.addressWidth);

const jrcxz: Semantics = (e, i) => e.branch(word(i.addressWidth).eqz(counter(e, i)), operand(i, 0));

const loopWhile =
  (extra?: (e: Emit) => Val): Semantics =>
  (e, i) => {
    const k = word(i.addressWidth);
    const n = e.let(k.sub(counter(e, i), k.const(1)));
    const more = k.ne(n, k.const(0));
    const taken = e.let(extra ? i32.and(more, extra(e)) : more);
    e.setGpr(GPR.rcx, i.addressWidth, n);
    e.branch(taken, operand(i, 0));
  };

/** XLAT: al from the table at rbx, with a segment override if there is one. */
const xlat: Semantics = (e, i) => {
  const sum = i64.add(wide(e.gpr(GPR.rbx, i.addressWidth)), wide(e.gpr(GPR.rax, 8)));
  const at = i.addressWidth === 32 ? i64.and(sum, i64.const(0xffffffff)) : sum;
  e.setGpr(GPR.rax, 8, e.load(8, i64.add(segmentBase(e, i), at)));
};

/** Slot of OFF.scratch where the helpers of far transfers leave the target. */
const TARGET_SLOT = 2;

/** Far transfers go no further than to the code segment that the program is in; what they read may fault before. */
const far =
  (helper: string): Semantics =>
  (e, i) => {
    const [o] = i.operands;
    const bytes = i.width / 8;
    if (o?.kind === 'mem') {
      e.scratch(TARGET_SLOT, e.next());
      e.helper(helper, bytes, e.address(o));
    } else e.helper(helper, o ? i32.or(i32.shl(low32(e.read(o)), i32.const(8)), i32.const(bytes)) : bytes);
    const target = e.let(loadAt('i64', 0x29, i32.const(0), CPU + OFF.scratch + 16 * TARGET_SLOT));
    if (helper === 'iret') e.if(watchful(e), () => e.resync(target));
    e.jump(target);
  };

export const controlSemantics = (): SemanticsTable => ({
  push,
  pop,
  pushsreg: push,
  popsreg: pop,
  pushf,
  popf,
  lahf,
  sahf,
  leave,
  enter,
  call,
  ret,
  jmp,
  jcc,
  jrcxz,
  loop: loopWhile(),
  loope: loopWhile((e) => e.flag('zf')),
  loopne: loopWhile((e) => i32.eqz(e.flag('zf'))),
  xlat,
  callf: far('callf'),
  jmpf: far('jmpf'),
  retf: far('retf'),
  iret: far('iret'),
});

const gprAt = (reg: number): number => (CPU + OFF.gpr) / 8 + reg;
const RSP = gprAt(GPR.rsp);

/** ENTER with a nesting level: copies level - 1 frame pointers and pushes the new one. */
const enterNested = (cpu: CpuState, arg: number): number => {
  const bytes = arg & (1 << 24) ? 2 : 8;
  const level = (arg >>> 16) & 31;
  const rbp = cpu.u64[gprAt(GPR.rbp)] as bigint;
  let top = cpu.u64[RSP] as bigint;
  /** An address as a number, which is left where faults look for what numbers lose. */
  const at = (address: bigint): number => {
    cpu.u64[(CPU + OFF.helperAddress) >>> 3] = address;
    return Number(BigInt.asUintN(64, address));
  };
  const one = new Uint8Array(8);
  const push = (): boolean => {
    top -= BigInt(bytes);
    const to = at(top);
    return !cpu.misplaced(to, bytes) && cpu.store(to, one.subarray(0, bytes));
  };
  const set = (v: bigint): void => new DataView(one.buffer).setBigUint64(0, BigInt.asUintN(64, v), true);
  set(rbp);
  if (!push()) return 1;
  const frame = top;
  for (let k = 1; k < level; k++) {
    const from = at(rbp - BigInt(bytes * k));
    const pointer = cpu.misplaced(from, bytes) ? null : cpu.load(from, bytes);
    if (!pointer) return 1;
    one.set(pointer);
    if (!push()) return 1;
  }
  set(frame);
  if (!push()) return 1;
  top -= BigInt(arg & 0xffff);
  const end = at(top);
  if ((arg & 0xffff) !== 0 && (cpu.misplaced(end, bytes) || cpu.span(end, true) === 0)) return 1;
  cpu.u64[RSP] = top;
  if (bytes === 8) cpu.u64[gprAt(GPR.rbp)] = frame;
  else cpu.u16[gprAt(GPR.rbp) * 4] = Number(frame & 0xffffn);
  return 0;
};

const TARGET = (CPU + OFF.scratch + 16 * TARGET_SLOT) >>> 3;

const little = (b: Uint8Array, at: number, bytes: number): bigint => {
  let v = 0n;
  for (let k = bytes - 1; k >= 0; k--) v = (v << 8n) | BigInt(b[at + k] as number);
  return v;
};
/** Raises #GP for a selector other than the one in CS, and for a target that is not canonical. */
const refuses = (cpu: CpuState, selector: number, is: number, target: bigint): boolean => {
  if (selector !== is) cpu.raise(VECTOR.GP, selector & ~3);
  else if (BigInt.asIntN(48, target) !== BigInt.asIntN(64, target)) cpu.raise(VECTOR.GP);
  else return false;
  return true;
};

/** `arg`: the bytes of the offset, and of RETF above them what to release. */
const farReturn = (cpu: CpuState, arg: number): number => {
  const n = arg & 0xff;
  const top = Number(cpu.u64[RSP]);
  if (cpu.misplaced(top, n)) return 1;
  // The selector is read first (seen on the processor), as the flags are by IRET.
  const b = cpu.load(top + n, n) && cpu.load(top, 2 * n);
  if (!b) return 1;
  const target = little(b, 0, n);
  if (refuses(cpu, Number(little(b, n, 2)), CODE_SELECTOR, target)) return 1;
  cpu.u64[TARGET] = target;
  cpu.u64[RSP] = (cpu.u64[RSP] as bigint) + BigInt(2 * n + (arg >>> 8));
  return 0;
};

/** IRET of 64-bit mode always takes the stack as well, and returns from no nested task (SDM volume 2, IRET). */
const interruptReturn = (cpu: CpuState, n: number): number => {
  if ((cpu.rflags() & FLAG.NT) !== 0) return cpu.raise(VECTOR.GP);
  const from = Number(cpu.u64[RSP]);
  if (cpu.misplaced(from, n)) return 1;
  const b = cpu.load(from + 2 * n, n) && cpu.load(from, 5 * n);
  if (!b) return 1;
  const target = little(b, 0, n);
  if (refuses(cpu, Number(little(b, n, 2)), CODE_SELECTOR, target)) return 1;
  if (refuses(cpu, Number(little(b, 4 * n, 2)), DATA_SELECTOR, 0n)) return 1;
  cpu.u64[TARGET] = target;
  const top = little(b, 3 * n, n);
  cpu.setRflags(Number(little(b, 2 * n, Math.min(n, 4))), n === 2 ? POPF_MASK & 0xffff : POPF_MASK);
  cpu.u64[RSP] = top;
  return 0;
};

const farJump =
  (calls: boolean): Helper =>
  (cpu, n) => {
    if (cpu.misplaced(cpu.address(), n)) return 1;
    const b = cpu.load(cpu.address(), n + 2);
    if (!b) return 1;
    const target = little(b, 0, n);
    if (refuses(cpu, Number(little(b, n, 2)), CODE_SELECTOR, target)) return 1;
    if (calls) {
      const frame = new Uint8Array(16);
      const dv = new DataView(frame.buffer);
      dv.setBigUint64(0, cpu.u64[TARGET] as bigint, true);
      dv.setUint16(n, CODE_SELECTOR, true);
      dv.setUint16(n + 2, 0, true);
      if (n >= 4) dv.setUint32(n, CODE_SELECTOR, true);
      if (n === 8) dv.setUint32(n + 4, 0, true);
      const top = (cpu.u64[RSP] as bigint) - BigInt(2 * n);
      if (cpu.misplaced(Number(top), n) || !cpu.store(Number(top), frame.subarray(0, 2 * n))) return 1;
      cpu.u64[RSP] = top;
    }
    cpu.u64[TARGET] = target;
    return 0;
  };

export const controlHelpers = (): HelperTable => ({
  enter: enterNested,
  retf: farReturn,
  iret: interruptReturn,
  jmpf: farJump(false),
  callf: farJump(true),
});
