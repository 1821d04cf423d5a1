// The x87's control word, its environment, and the images of its whole state.

import type { CpuState, Helper } from '../../helpers.ts';
import { CPU, OFF, PAGE } from '../../layout.ts';
import { bytes, little, SHORT } from './operands.ts';
import * as st from './state.ts';

// Control

const setControl = (cpu: CpuState, v: number): void => {
  cpu.u16[(CPU + OFF.fcw) >>> 1] = (v & 0x1f3f) | 0x40;
  st.summarize(cpu);
};
export const loadControl: Helper = (cpu) => {
  if (st.pendingFault(cpu)) return 1;
  if (cpu.misplaced(cpu.address(), 2)) return 1;
  const b = cpu.load(cpu.address(), 2);
  if (!b) return 1;
  setControl(cpu, Number(little(b)));
  return 0;
};
export const initialize: Helper = (cpu) => {
  cpu.u16[(CPU + OFF.fcw) >>> 1] = 0x37f;
  st.setFsw(cpu, 0);
  st.setFtw(cpu, 0xffff);
  cpu.u16[(CPU + OFF.fop) >>> 1] = 0;
  cpu.u64[(CPU + OFF.fip) >>> 3] = 0n;
  cpu.u64[(CPU + OFF.fdp) >>> 3] = 0n;
  return 0;
};

/** The protected-mode environment of 28 bytes, or of 14 with an operand-size prefix (SDM volume 1, 8.1.10). */
const environment = (cpu: CpuState, short: boolean): Uint8Array => {
  const out = new Uint8Array(short ? 14 : 28);
  const dv = new DataView(out.buffer);
  const fip = Number(BigInt.asUintN(32, cpu.u64[(CPU + OFF.fip) >>> 3] as bigint));
  const fdp = Number(BigInt.asUintN(32, cpu.u64[(CPU + OFF.fdp) >>> 3] as bigint));
  const fop = cpu.u16[(CPU + OFF.fop) >>> 1] as number;
  const words = [st.fcw(cpu), st.fsw(cpu), st.storedTags(cpu)];
  if (short) {
    for (const [i, w] of [...words, fip, 0, fdp, 0].entries()) dv.setUint16(2 * i, w & 0xffff, true);
  } else {
    for (const [i, w] of words.entries()) dv.setUint32(4 * i, w | 0xffff0000, true);
    dv.setUint32(12, fip, true);
    dv.setUint32(16, (fop & 0x7ff) << 16, true);
    dv.setUint32(20, fdp, true);
    dv.setUint32(24, 0xffff0000, true);
  }
  return out;
};
const loadEnvironment = (cpu: CpuState, b: Uint8Array, short: boolean): void => {
  const dv = new DataView(b.buffer, b.byteOffset);
  const step = short ? 2 : 4;
  st.setFsw(cpu, dv.getUint16(step, true));
  st.setFtw(cpu, dv.getUint16(2 * step, true));
  cpu.u64[(CPU + OFF.fip) >>> 3] = BigInt(short ? dv.getUint16(6, true) : dv.getUint32(12, true));
  cpu.u64[(CPU + OFF.fdp) >>> 3] = BigInt(short ? dv.getUint16(10, true) : dv.getUint32(20, true));
  cpu.u16[(CPU + OFF.fop) >>> 1] = short ? 0 : dv.getUint16(18, true) & 0x7ff;
  setControl(cpu, dv.getUint16(0, true));
};

/**
 * Whether an environment, with or without registers behind it, cannot be accessed; it has raised then: for the first word
 * or, if that is there, for the last byte (seen on the processor).
 */
const unreachable = (cpu: CpuState, n: number, arg: number, write: boolean): boolean => {
  const at = cpu.address();
  const word = (arg & SHORT) !== 0 ? 2 : 4;
  if (cpu.misplaced(at, word)) return true;
  const next = at - (at % PAGE) + PAGE;
  const probed = at + word > next ? [at, next] : [at, at + n - 1];
  return probed.some((a) => cpu.span(a, write) === 0);
};

export const storeEnvironment: Helper = (cpu, arg) => {
  const image = environment(cpu, (arg & SHORT) !== 0);
  if (unreachable(cpu, image.length, arg, true) || !cpu.store(cpu.address(), image)) return 1;
  // FNSTENV masks all exceptions afterwards.
  cpu.u16[(CPU + OFF.fcw) >>> 1] = st.fcw(cpu) | 0x3f;
  st.summarize(cpu);
  return 0;
};
export const restoreEnvironment: Helper = (cpu, arg) => {
  if (st.pendingFault(cpu)) return 1;
  const short = (arg & SHORT) !== 0;
  const n = short ? 14 : 28;
  if (unreachable(cpu, n, arg, false)) return 1;
  const b = cpu.load(cpu.address(), n);
  if (!b) return 1;
  loadEnvironment(cpu, b, short);
  return 0;
};
export const saveAll: Helper = (cpu, arg) => {
  const env = environment(cpu, (arg & SHORT) !== 0);
  const image = new Uint8Array(env.length + 80);
  image.set(env);
  for (let i = 0; i < 8; i++) image.set(bytes(st.bitsOf(cpu, i), 10), env.length + 10 * i);
  if (unreachable(cpu, image.length, arg, true) || !cpu.store(cpu.address(), image)) return 1;
  return initialize(cpu, 0);
};
export const restoreAll: Helper = (cpu, arg) => {
  if (st.pendingFault(cpu)) return 1;
  const short = (arg & SHORT) !== 0;
  const size = short ? 14 : 28;
  if (unreachable(cpu, size + 80, arg, false)) return 1;
  const b = cpu.load(cpu.address(), size + 80)?.slice();
  if (!b) return 1;
  loadEnvironment(cpu, b, short);
  const tags = st.ftw(cpu);
  for (let i = 0; i < 8; i++) st.setBits(cpu, i, little(b.subarray(size + 10 * i, size + 10 * i + 10)));
  st.setFtw(cpu, tags);
  return 0;
};
