// The floating-point state in a signal frame: the XSAVE area for x87 and SSE, with the words behind and within it
// that tell a program how long it is (struct _fpx_sw_bytes of asm/sigcontext.h; arch/x86/kernel/fpu/signal.c).

import type { Cpu } from '../../ring3/cpu.ts';
import { MXCSR_MASK } from '../../ring3/fpu-image.ts';
import { XCR0, XSAVE_BYTES } from '../../ring3/semantics/cpuid.ts';
import type { Task } from './types.ts';

/** Bytes of the FXSAVE image, the first part of the area, and of the header behind it. */
const LEGACY = 512;
const HEADER = 64;
/** The area, and FP_XSTATE_MAGIC2. */
export const FPSTATE_BYTES = XSAVE_BYTES + 4;
const MAGIC1 = 0x46505853;
const MAGIC2 = 0x46505845;
/** struct _fpx_sw_bytes, in bytes of the image that the processor leaves to software. */
const SW = { magic1: 464, extendedSize: 468, features: 472, xstateSize: 480 } as const;
const SW_BYTES = 48;
const X87 = 1;
const SSE = 2;

/** FXSAVE image of the state that execve gives, in which handlers start (arch/x86/kernel/signal.c, handle_signal). */
export const INITIAL_FPU: Uint8Array = (() => {
  const image = new Uint8Array(LEGACY);
  const dv = new DataView(image.buffer);
  dv.setUint16(0, 0x37f, true);
  dv.setUint32(24, 0x1f80, true);
  return image;
})();

/** Fills the place of the state in a frame. */
export const writeFpstate = (cpu: Cpu, into: Uint8Array): void => {
  cpu.saveFpu(into);
  const dv = new DataView(into.buffer, into.byteOffset, FPSTATE_BYTES);
  into.fill(0, SW.magic1, SW.magic1 + SW_BYTES);
  dv.setUint32(SW.magic1, MAGIC1, true);
  dv.setUint32(SW.extendedSize, FPSTATE_BYTES, true);
  dv.setUint32(SW.features, XCR0, true);
  dv.setUint32(SW.xstateSize, XSAVE_BYTES, true);
  into.fill(0, LEGACY, LEGACY + HEADER);
  // Programs may know nothing of the header and change the image only: it counts as in use.
  dv.setUint32(LEGACY, X87 | SSE, true);
  dv.setUint32(XSAVE_BYTES, MAGIC2, true);
};

/**
 * Loads the state at `address` of the program; 0 is the initial state. False when it cannot be: then the state is the
 * initial one, too. `area` has room for FPSTATE_BYTES.
 */
export const restoreFpu = (task: Task, address: number, area: Uint8Array): boolean => {
  const { cpu } = task.kernel;
  const image = address === 0 ? INITIAL_FPU : readImage(task, address, area);
  cpu.loadFpu(image ?? INITIAL_FPU);
  return image !== null;
};

/** The FXSAVE image that XRSTOR or FXRSTOR make of what is at `address`; null where they would fault. */
const readImage = (task: Task, address: number, area: Uint8Array): Uint8Array | null => {
  const { mm } = task;
  if (mm.readInto(address, area, 0, LEGACY) < LEGACY) return null;
  const dv = new DataView(area.buffer, area.byteOffset, FPSTATE_BYTES);
  const validMxcsr = (dv.getUint32(24, true) & ~MXCSR_MASK) === 0;
  const features = dv.getUint32(SW.features, true);
  const extended =
    dv.getUint32(SW.magic1, true) === MAGIC1 &&
    dv.getUint32(SW.xstateSize, true) === XSAVE_BYTES &&
    dv.getUint32(SW.extendedSize, true) >= XSAVE_BYTES;
  const magic2 = extended ? mm.readU32(address + XSAVE_BYTES) : 0;
  if (magic2 === null) return null;
  if (magic2 !== MAGIC2) return address % 16 === 0 && validMxcsr ? area : null;

  if (address % 64 !== 0 || mm.readInto(address + LEGACY, area, LEGACY, HEADER) < HEADER) return null;
  const inUse = dv.getUint32(LEGACY, true);
  if ((inUse & ~XCR0) !== 0 || dv.getUint32(LEGACY + 4, true) !== 0) return null;
  for (let i = LEGACY + 8; i < LEGACY + 24; i++) if (area[i] !== 0) return null;
  if ((features & inUse & X87) === 0) copyX87(INITIAL_FPU, area);
  if ((features & SSE) === 0) area.set(INITIAL_FPU.subarray(24, 28), 24);
  else if (!validMxcsr) return null;
  if ((features & inUse & SSE) === 0) area.set(INITIAL_FPU.subarray(160, 416), 160);
  return area;
};

const copyX87 = (from: Uint8Array, to: Uint8Array): void => {
  to.set(from.subarray(0, 24), 0);
  to.set(from.subarray(32, 160), 32);
};
