// The x87 register stack in the CPU block, as helpers see it: registers by stack position, the status, control
// and tag words, stack faults, and what masked and unmasked exceptions do (Intel SDM volume 1, chapter 8).

import type { CpuState } from '../../helpers.ts';
import { CPU, OFF, VECTOR } from '../../layout.ts';
import { defaultNan, type Env, F80, FP, unpack, x87Env } from '../../softfloat/index.ts';

export const FSW = { SF: 0x40, ES: 0x80, C0: 0x100, C1: 0x200, C2: 0x400, C3: 0x4000, B: 0x8000 } as const;
const CONDITION = FSW.C0 | FSW.C1 | FSW.C2 | FSW.C3;
const EMPTY = 3;

const FSW_AT = (CPU + OFF.fsw) >>> 1;
const FCW_AT = (CPU + OFF.fcw) >>> 1;
const FTW_AT = (CPU + OFF.ftw) >>> 1;

export const fsw = (cpu: CpuState): number => cpu.u16[FSW_AT] as number;
export const setFsw = (cpu: CpuState, v: number): void => {
  cpu.u16[FSW_AT] = v;
};
export const fcw = (cpu: CpuState): number => cpu.u16[FCW_AT] as number;
export const ftw = (cpu: CpuState): number => cpu.u16[FTW_AT] as number;
export const setFtw = (cpu: CpuState, v: number): void => {
  cpu.u16[FTW_AT] = v;
};
export const top = (cpu: CpuState): number => (fsw(cpu) >> 11) & 7;
export const setTop = (cpu: CpuState, t: number): void => setFsw(cpu, (fsw(cpu) & ~0x3800) | ((t & 7) << 11));

const physical = (cpu: CpuState, i: number): number => (top(cpu) + i) & 7;
const place = (p: number): number => CPU + OFF.fpr + 16 * p;

/** The 80 bits of ST(i), whatever its tag. */
export const bitsOf = (cpu: CpuState, i: number): bigint => {
  const at = place(physical(cpu, i));
  return (BigInt(cpu.u16[(at + 8) >>> 1] as number) << 64n) | (cpu.u64[at >>> 3] as bigint);
};
export const isEmpty = (cpu: CpuState, i: number): boolean =>
  ((ftw(cpu) >> (2 * physical(cpu, i))) & 3) === EMPTY;
/** Writes ST(i) and marks it valid. */
export const setBits = (cpu: CpuState, i: number, bits: bigint): void => {
  const p = physical(cpu, i);
  const at = place(p);
  cpu.u64[at >>> 3] = BigInt.asUintN(64, bits);
  cpu.u16[(at + 8) >>> 1] = Number(bits >> 64n);
  setFtw(cpu, ftw(cpu) & ~(3 << (2 * p)));
};
export const free = (cpu: CpuState, i: number): void =>
  setFtw(cpu, ftw(cpu) | (EMPTY << (2 * physical(cpu, i))));
export const pop = (cpu: CpuState): void => {
  free(cpu, 0);
  setTop(cpu, top(cpu) + 1);
};
/** Makes room at the top without a check. */
export const grow = (cpu: CpuState): void => setTop(cpu, top(cpu) - 1);

/** The tag word as FNSTENV stores it: what is in the registers decides, not who wrote them. */
export const storedTags = (cpu: CpuState): number => {
  let tags = 0;
  for (let p = 0; p < 8; p++) {
    const empty = ((ftw(cpu) >> (2 * p)) & 3) === EMPTY;
    const at = place(p);
    const e = (cpu.u16[(at + 8) >>> 1] as number) & 0x7fff;
    const s = cpu.u64[at >>> 3] as bigint;
    const normal = s >> 63n !== 0n;
    const tag = empty ? EMPTY : e === 0 && s === 0n ? 1 : e === 0 || e === 0x7fff || !normal ? 2 : 0;
    tags |= tag << (2 * p);
  }
  return tags;
};

/** Sets ES and B when an unmasked exception is flagged, else clears them. */
export const summarize = (cpu: CpuState): void => {
  const s = fsw(cpu) & ~(FSW.ES | FSW.B);
  const pending = (s & ~fcw(cpu) & 0x3f) !== 0;
  setFsw(cpu, pending ? s | FSW.ES | FSW.B : s);
};

/** What a waiting instruction does first: an unmasked exception of an earlier one is raised now. */
export const pendingFault = (cpu: CpuState): boolean => {
  if ((fsw(cpu) & FSW.ES) === 0) return false;
  cpu.raise(VECTOR.MF);
  return true;
};

export const envOf = (cpu: CpuState): Env => x87Env(fcw(cpu));

/** Replaces condition bits. */
export const setConditions = (cpu: CpuState, bits: number, mask: number = CONDITION): void =>
  setFsw(cpu, (fsw(cpu) & ~mask) | bits);

/** Takes over the flags of an operation; true when its result may be stored in a register. */
export const conclude = (cpu: CpuState, env: Env): boolean => {
  // These stop an operation before it has a result that could be inexact.
  const before = env.flags & (FP.IE | FP.DE | FP.ZE);
  if ((before & ~fcw(cpu)) !== 0) {
    setFsw(cpu, (fsw(cpu) & ~FSW.C1) | before);
    summarize(cpu);
    return false;
  }
  const unmasked = env.flags & ~fcw(cpu) & 0x3f;
  setFsw(cpu, (fsw(cpu) & ~FSW.C1) | env.flags | (env.roundedUp && env.flags & FP.PE ? FSW.C1 : 0));
  if (unmasked !== 0) summarize(cpu);
  return true;
};

/** A stack fault; true when it is masked, and the indefinite takes the place of the value. */
export const stackFault = (cpu: CpuState, overflow: boolean): boolean => {
  setFsw(cpu, (fsw(cpu) & ~FSW.C1) | FP.IE | FSW.SF | (overflow ? FSW.C1 : 0));
  if ((fcw(cpu) & FP.IE) !== 0) return true;
  summarize(cpu);
  return false;
};

export const INDEFINITE = defaultNan(F80);

/** Pushes a value, or the indefinite when the stack is full. */
export const push = (cpu: CpuState, bits: bigint): void => {
  if (!isEmpty(cpu, 7)) {
    if (!stackFault(cpu, true)) return;
    grow(cpu);
    setBits(cpu, 0, INDEFINITE);
    return;
  }
  grow(cpu);
  setBits(cpu, 0, bits);
  setFsw(cpu, fsw(cpu) & ~FSW.C1);
};

export const kindOf = (bits: bigint): ReturnType<typeof unpack> => unpack(F80, bits);
