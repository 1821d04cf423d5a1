// Instructions between program and system: traps, CPUID and counters, segment bases, selectors, hints, and the
// privileged instructions, which in user mode are a general protection fault.

import type { Semantics, SemanticsTable } from '../emit.ts';
import type { CpuState, HelperTable } from '../helpers.ts';
import { CPU, GPR, OFF, SREG, VECTOR } from '../layout.ts';
import { i32, i64, select, type Val } from '../wasm/ir.ts';
import { cpuidHelper, XCR0 } from './cpuid.ts';
import { low32, memory, operand, widthOf, zero } from './integer-width.ts';
import {
  CODE_SELECTOR,
  CODE32_SELECTOR,
  DATA_SELECTOR,
  loadSelector,
  names,
  segmentHelpers,
  visible,
} from './segment.ts';

const gp: Semantics = (e) => e.raise(VECTOR.GP, 0);
const ud: Semantics = (e) => e.raise(VECTOR.UD);
const nothing: Semantics = () => {};

/** SYSCALL leaves the return address in rcx and the flags in r11 (Intel SDM volume 2, SYSCALL). */
const syscall: Semantics = (e) => {
  const flags = e.let(i64.extendU(e.rflags()));
  e.setGpr(GPR.rcx, 64, e.next());
  e.setGpr(GPR.r11, 64, flags);
  e.syscall();
};

const byHelper =
  (name: string): Semantics =>
  (e) =>
    e.helper(name);

/** CLFLUSH checks its address as a load of one byte does. */
const clflush: Semantics = (e, i) => {
  e.let(e.load(8, e.address(memory(operand(i, 0)))));
};

const xgetbv: Semantics = (e) => {
  e.if(e.gpr(GPR.rcx, 32), () => e.raise(VECTOR.GP, 0));
  e.setGpr(GPR.rax, 32, i32.const(XCR0));
  e.setGpr(GPR.rdx, 32, i32.const(0));
};

/**
 * SGDT and SIDT: what Linux gives programs where the processor forbids them the real ones (arch/x86/kernel/umip.c), a
 * limit of 0 and an address that is none.
 */
const tableRegister =
  (base: bigint): Semantics =>
  (e, i) => {
    const at = e.let(e.address(memory(operand(i, 0))));
    e.probeWrite(10, at);
    e.store(16, at, i32.const(0));
    e.store(64, i64.add(at, i64.const(2)), i64.const(base));
  };

/** SLDT, STR and SMSW in the same way: 16 bits to memory; of a register only the bits of the operand size change. */
const systemWord =
  (v: number): Semantics =>
  (e, i) => {
    const d = operand(i, 0);
    if (d.kind !== 'reg' || d.width === 16) e.write(d, i32.const(v & 0xffff));
    else if (d.width === 64) e.write(d, i64.const(BigInt(v)));
    else {
      const whole = { ...d, width: 64 } as const;
      const kept = i64.and(e.read(whole), i64.const(-(2n ** 32n)));
      e.write(whole, i64.or(kept, i64.const(BigInt(v))));
    }
  };

const readBase =
  (field: 'fsBase' | 'gsBase'): Semantics =>
  (e, i) => {
    const d = operand(i, 0);
    e.write(d, zero(widthOf(d), e.field(field)));
  };

const writeBase =
  (field: 'fsBase' | 'gsBase'): Semantics =>
  (e, i) => {
    const s = operand(i, 0);
    const v = e.let(zero(64, e.read(s)));
    // Bits 63..47 have to be equal.
    if (s.width === 64) {
      e.if(i64.ne(i64.shrS(i64.shl(v, i64.const(16)), i64.const(16)), v), () => e.raise(VECTOR.GP, 0));
    }
    e.setField(field, v);
  };

/** INT n: the gates of 3 and 4 are open to user mode, the error code of the others names the gate. */
const int: Semantics = (e, i) => {
  const n = e.let(low32(e.read(operand(i, 0))));
  e.if(i32.eq(n, i32.const(VECTOR.BP)), () => e.raise(VECTOR.BP, 0, 'after'));
  e.if(i32.eq(n, i32.const(VECTOR.OF)), () => e.raise(VECTOR.OF, 0, 'after'));
  e.helper('int', n);
};

const verify =
  (write: boolean): Semantics =>
  (e, i) => {
    const v = e.let(i32.and(low32(e.read(operand(i, 0))), i32.const(0xffff)));
    e.setFlags({ zf: write ? names(v, DATA_SELECTOR) : visible(v) });
  };

/** LAR and LSL: a property of the descriptor, with ZF; else ZF = 0 and nothing written. */
const describe =
  ({ code, code32, data, number }: Record<'code' | 'code32' | 'data' | 'number', number>): Semantics =>
  (e, i) => {
    const d = operand(i, 0);
    const w = widthOf(d);
    const v = e.let(i32.and(low32(e.read(operand(i, 1))), i32.const(0xffff)));
    const ok = e.let(visible(v));
    const of = (selector: number, is: number, otherwise: Val): Val =>
      select(names(v, selector), i32.const(is), otherwise);
    const described = of(
      CODE_SELECTOR,
      code,
      of(CODE32_SELECTOR, code32, of(DATA_SELECTOR, data, i32.const(number))),
    );
    e.if(ok, () => e.write(d, zero(w, i64.extendU(described))));
    e.setFlags({ zf: ok });
  };

/** LSS, LFS, LGS: an offset and a selector from memory. */
const loadFar =
  (sreg: number): Semantics =>
  (e, i) => {
    const d = operand(i, 0);
    const w = widthOf(d);
    const at = e.let(e.address(memory(operand(i, 1))));
    const offset = e.let(e.load(w, at));
    loadSelector(e, i32.const(sreg), e.load(16, i64.add(at, i64.const(w / 8))));
    e.write(d, offset);
  };

export const systemSemantics = (): SemanticsTable => ({
  privileged: gp,
  undefined: ud,
  syscall,
  cpuid: byHelper('cpuid'),
  rdtsc: byHelper('rdtsc'),
  rdtscp: byHelper('rdtscp'),
  rdpid: (e, i) => e.write(operand(i, 0), i64.const(0)),
  xgetbv,
  clflush,
  clflushopt: clflush,
  rdfsbase: readBase('fsBase'),
  rdgsbase: readBase('gsBase'),
  wrfsbase: writeBase('fsBase'),
  wrgsbase: writeBase('gsBase'),
  int,
  int3: (e) => e.raise(VECTOR.BP, 0, 'after'),
  int1: (e) => e.raise(VECTOR.DB, 0, 'after'),
  nop: nothing,
  pause: nothing,
  lfence: nothing,
  mfence: nothing,
  sfence: nothing,
  lss: loadFar(SREG.ss),
  lfs: loadFar(SREG.fs),
  lgs: loadFar(SREG.gs),
  verr: verify(false),
  verw: verify(true),
  // Access rights and limit as Linux sets up its flat user segments; the limit of the last is node and processor.
  lar: describe({ code: 0xaffb00, code32: 0xcffb00, data: 0xcff300, number: 0x40f500 }),
  lsl: describe({ code: -1, code32: -1, data: -1, number: 0 }),
  sgdt: tableRegister(0xfffffffffffe0000n),
  sidt: tableRegister(0xffffffffffff0000n),
  sldt: systemWord(0),
  str: systemWord(0x40),
  smsw: systemWord(0x80050033),
  clc: (e) => e.setFlags({ cf: i32.const(0) }),
  stc: (e) => e.setFlags({ cf: i32.const(1) }),
  cmc: (e) => e.setFlags({ cf: i32.xor(e.flag('cf'), i32.const(1)) }),
});

const setLow = (cpu: CpuState, reg: number, v: bigint): void => {
  cpu.u64[(CPU + OFF.gpr) / 8 + reg] = v & 0xffffffffn;
};

/** The clock of the machine, or without one a count of reads: it never stands still. */
const timeStamp = (cpu: CpuState): bigint => {
  if (cpu.tsc) return cpu.tsc();
  const at = (CPU + OFF.retired) / 8;
  const t = (cpu.u64[at] ?? 0n) + 1n;
  cpu.u64[at] = t;
  return t;
};

const rdtsc = (cpu: CpuState): number => {
  const t = timeStamp(cpu);
  setLow(cpu, GPR.rax, t);
  setLow(cpu, GPR.rdx, t >> 32n);
  return 0;
};

export const systemHelpers = (): HelperTable => ({
  ...segmentHelpers(),
  cpuid: cpuidHelper,
  rdtsc,
  /** IA32_TSC_AUX as Linux sets it: node and processor number, both 0. */
  rdtscp: (cpu) => {
    rdtsc(cpu);
    setLow(cpu, GPR.rcx, 0n);
    return 0;
  },
  int: (cpu, n) => cpu.raise(VECTOR.GP, (n & 0xff) * 8 + 2),
});
