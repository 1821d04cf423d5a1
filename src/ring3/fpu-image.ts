// The FXSAVE image (Intel SDM volume 1, section 10.5): 512 bytes with the x87, MXCSR and XMM state, as signal
// frames, FXSAVE and core dumps use it. In the CPU block x87 registers lie by physical number; in the image
// by stack position.

import { CPU, OFF } from './layout.ts';
import { MXCSR_MASK, restoredMxcsr } from './semantics/simd/mxcsr.ts';

export { MXCSR_MASK };

/** `wide`: with pointers of 64 bits, as FXSAVE64 stores them; otherwise of 32, beside selectors that are always 0. */
export const writeFxsave = (u8: Uint8Array, dv: DataView, into: Uint8Array, wide = true): void => {
  const out = new DataView(into.buffer, into.byteOffset, 416);
  const fsw = dv.getUint16(CPU + OFF.fsw, true);
  const top = (fsw >> 11) & 7;
  const ftw = dv.getUint16(CPU + OFF.ftw, true);
  let abridged = 0;
  for (let i = 0; i < 8; i++) if (((ftw >> (2 * i)) & 3) !== 3) abridged |= 1 << i;
  out.setUint16(0, dv.getUint16(CPU + OFF.fcw, true), true);
  out.setUint16(2, fsw, true);
  out.setUint16(4, abridged, true);
  out.setUint16(6, dv.getUint16(CPU + OFF.fop, true), true);
  const pointer = (off: number): bigint => BigInt.asUintN(wide ? 64 : 32, dv.getBigUint64(CPU + off, true));
  out.setBigUint64(8, pointer(OFF.fip), true);
  out.setBigUint64(16, pointer(OFF.fdp), true);
  out.setUint32(24, dv.getUint32(CPU + OFF.mxcsr, true) & MXCSR_MASK, true);
  out.setUint32(28, MXCSR_MASK, true);
  for (let i = 0; i < 8; i++) {
    const reg = CPU + OFF.fpr + ((top + i) & 7) * 16;
    into.set(u8.subarray(reg, reg + 10), 32 + 16 * i);
    into.fill(0, 32 + 16 * i + 10, 32 + 16 * i + 16);
  }
  into.set(u8.subarray(CPU + OFF.xmm, CPU + OFF.xmm + 256), 160);
};

/** Tag of a register's contents as FSTENV reports it: 0 valid, 1 zero, 2 special. */
const tagOf = (significand: bigint, signExponent: number): number => {
  const exponent = signExponent & 0x7fff;
  if (exponent === 0x7fff) return 2;
  if (exponent === 0) return significand === 0n ? 1 : 2;
  return significand >> 63n === 0n ? 2 : 0;
};

/** Bits of the control word that can be set, and the one that always is. */
const FCW_MASK = 0x1f3f;
const FCW_FIXED = 0x40;
/** ES and B of the status word: whether an exception is flagged that is not masked. */
const SUMMARY = 0x8080;

export const readFxsave = (u8: Uint8Array, dv: DataView, from: Uint8Array, wide = true): void => {
  const src = new DataView(from.buffer, from.byteOffset, 416);
  const fcw = (src.getUint16(0, true) & FCW_MASK) | FCW_FIXED;
  const flags = src.getUint16(2, true) & ~SUMMARY;
  const fsw = (flags & ~fcw & 0x3f) === 0 ? flags : flags | SUMMARY;
  const top = (fsw >> 11) & 7;
  dv.setUint16(CPU + OFF.fcw, fcw, true);
  dv.setUint16(CPU + OFF.fsw, fsw, true);
  dv.setUint16(CPU + OFF.fop, src.getUint16(6, true) & 0x7ff, true);
  const pointer = (at: number): bigint => BigInt.asUintN(wide ? 64 : 32, src.getBigUint64(at, true));
  dv.setBigUint64(CPU + OFF.fip, pointer(8), true);
  dv.setBigUint64(CPU + OFF.fdp, pointer(16), true);
  const field = CPU + OFF.mxcsr;
  dv.setUint32(field, restoredMxcsr(dv.getUint32(field, true), src.getUint32(24, true)), true);
  const abridged = src.getUint8(4);
  let ftw = 0;
  for (let i = 0; i < 8; i++) {
    const physical = (top + i) & 7;
    const reg = CPU + OFF.fpr + physical * 16;
    u8.set(from.subarray(32 + 16 * i, 32 + 16 * i + 10), reg);
    const empty = ((abridged >> physical) & 1) === 0;
    const tag = empty ? 3 : tagOf(dv.getBigUint64(reg, true), dv.getUint16(reg + 8, true));
    ftw |= tag << (2 * physical);
  }
  dv.setUint16(CPU + OFF.ftw, ftw, true);
  u8.set(from.subarray(160, 160 + 256), CPU + OFF.xmm);
};
