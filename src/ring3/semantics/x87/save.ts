// FXSAVE, FXRSTOR and the XSAVE family for x87 and SSE state (Intel SDM volume 1, chapter 13). XCR0 is 3, so
// an XSAVE area is the 512-byte legacy region and the 64-byte header.

import type { Semantics, SemanticsTable } from '../../emit.ts';
import { MXCSR_MASK, readFxsave, writeFxsave } from '../../fpu-image.ts';
import type { CpuState, Helper, HelperTable } from '../../helpers.ts';
import { CPU, GPR, isCanonical, OFF, VECTOR } from '../../layout.ts';

const LEGACY = 512;
const HEADER = 64;
const X87 = 1;
const SSE = 2;
const SUPPORTED = X87 | SSE;

/** Raises #GP, or #AC if AC is set and not even words are aligned, for an image that is not where it has to be. */
const refuse = (cpu: CpuState): number => (cpu.misplaced(cpu.address(), 4) ? 1 : cpu.raise(VECTOR.GP));
/** By the address as it was before it became a number. One that is not canonical is refused for that first. */
const misaligned = (cpu: CpuState, bytes: number): boolean => {
  const address = cpu.u64[(CPU + OFF.helperAddress) >>> 3] as bigint;
  return isCanonical(address) && address % BigInt(bytes) !== 0n;
};
/** Whether an image can be accessed at a distance from its start and there, in this order (seen on the processor); it has raised otherwise. */
const reaches = (cpu: CpuState, distance: number, write: boolean): boolean =>
  cpu.span(cpu.address() + distance, write) !== 0 && cpu.span(cpu.address(), write) !== 0;
/** The argument of those with REX.W. */
const WIDE = 1;
/** The requested-feature bitmap in edx:eax. */
const requested = (cpu: CpuState): number =>
  (cpu.u32[(CPU + OFF.gpr + 8 * GPR.rax) >>> 2] as number) & SUPPORTED;

const fxsave: Helper = (cpu, arg) => {
  if (misaligned(cpu, 16)) return refuse(cpu);
  const image = new Uint8Array(LEGACY);
  writeFxsave(cpu.u8, cpu.dv, image, arg === WIDE);
  // The last 96 bytes are the program's own, but have to be there.
  if (!reaches(cpu, LEGACY - 1, true)) return 1;
  return cpu.store(cpu.address(), image.subarray(0, 416)) ? 0 : 1;
};

const fxrstor: Helper = (cpu, arg) => {
  if (misaligned(cpu, 16)) return refuse(cpu);
  const image = reaches(cpu, LEGACY - 1, false) && cpu.load(cpu.address(), LEGACY);
  if (!image) return 1;
  const mxcsr = new DataView(image.buffer, image.byteOffset).getUint32(24, true);
  if ((mxcsr & ~MXCSR_MASK) !== 0) return cpu.raise(VECTOR.GP);
  readFxsave(cpu.u8, cpu.dv, image, arg === WIDE);
  return 0;
};

/** Components in their initial state need not be written (XSAVEOPT, XSAVEC). */
const inUse = (cpu: CpuState): number => {
  const plainX87 =
    cpu.u16[(CPU + OFF.fcw) >>> 1] === 0x37f &&
    cpu.u16[(CPU + OFF.fsw) >>> 1] === 0 &&
    cpu.u16[(CPU + OFF.ftw) >>> 1] === 0xffff &&
    cpu.u8.subarray(CPU + OFF.fpr, CPU + OFF.fpr + 128).every((b) => b === 0);
  const plainSse = cpu.u8.subarray(CPU + OFF.xmm, CPU + OFF.xmm + 256).every((b) => b === 0);
  return (plainX87 ? 0 : X87) | (plainSse ? 0 : SSE);
};

const xsave =
  (compact: boolean, skipInitial: boolean): Helper =>
  (cpu, arg) => {
    if (misaligned(cpu, 64)) return refuse(cpu);
    const wanted = requested(cpu);
    const used = inUse(cpu);
    if (!reaches(cpu, LEGACY + HEADER - 1, true)) return 1;
    const area = cpu.load(cpu.address(), LEGACY + HEADER)?.slice();
    if (!area) return 1;
    const header = new DataView(area.buffer, LEGACY, HEADER);
    const image = new Uint8Array(LEGACY);
    writeFxsave(cpu.u8, cpu.dv, image, arg === WIDE);
    const save = skipInitial ? wanted & used : wanted;
    if (save & X87) area.set(image.subarray(0, 24), 0);
    if (save & X87) area.set(image.subarray(32, 160), 32);
    if (wanted & SSE) area.set(image.subarray(24, 32), 24);
    if (save & SSE) area.set(image.subarray(160, 416), 160);
    const old = compact ? 0 : header.getUint32(0, true) & ~wanted;
    header.setUint32(0, old | (wanted & used), true);
    if (compact) {
      header.setUint32(4, 0, true);
      header.setUint32(8, wanted, true);
      header.setUint32(12, 0x80000000, true);
    }
    return cpu.store(cpu.address(), area) ? 0 : 1;
  };

const xrstor: Helper = (cpu, arg) => {
  if (misaligned(cpu, 64)) return refuse(cpu);
  if (!reaches(cpu, LEGACY + 8, false)) return 1;
  const area = cpu.load(cpu.address(), LEGACY + HEADER)?.slice();
  if (!area) return 1;
  const dv = new DataView(area.buffer);
  const present = dv.getUint32(LEGACY, true);
  const compact = dv.getUint32(LEGACY + 12, true) >>> 31 !== 0;
  if ((present & ~SUPPORTED) !== 0 || dv.getUint32(LEGACY + 4, true) !== 0) return cpu.raise(VECTOR.GP);
  for (let i = compact ? 16 : 8; i < 24; i++) if (area[LEGACY + i] !== 0) return cpu.raise(VECTOR.GP);
  const wanted = requested(cpu);
  if (wanted & SSE && (dv.getUint32(24, true) & ~MXCSR_MASK) !== 0) return cpu.raise(VECTOR.GP);
  const image = new Uint8Array(LEGACY);
  writeFxsave(cpu.u8, cpu.dv, image);
  const initial = new Uint8Array(LEGACY);
  new DataView(initial.buffer).setUint16(0, 0x37f, true);
  if (wanted & X87) {
    const from = present & X87 ? area : initial;
    image.set(from.subarray(0, 24), 0);
    image.set(from.subarray(32, 160), 32);
  }
  if (wanted & SSE) {
    image.set(area.subarray(24, 28), 24);
    image.set((present & SSE ? area : initial).subarray(160, 416), 160);
  }
  readFxsave(cpu.u8, cpu.dv, image, arg === WIDE || (wanted & X87) === 0);
  return 0;
};

export const saveHelpers = (): HelperTable => ({
  fxsave,
  fxrstor,
  xsave: xsave(false, false),
  xsaveopt: xsave(false, true),
  xsavec: xsave(true, true),
  xrstor,
});

const at =
  (helper: string): Semantics =>
  (e, i) => {
    const [o] = i.operands;
    if (o?.kind === 'mem') e.helper(helper, i.width === 64 ? WIDE : 0, e.address(o));
  };

export const saveSemantics = (): SemanticsTable => {
  const table: Record<string, Semantics> = {};
  for (const name of Object.keys(saveHelpers())) table[name] = at(name);
  /** Restoring MXCSR may change how code has to be made. */
  for (const name of ['fxrstor', 'xrstor']) {
    table[name] = (e, i) => {
      at(name)(e, i);
      e.resync();
    };
  }
  return table;
};
