// copy_from_user and its kin over a page table: each page is looked up, faulted in if need be, and copied with
// typed arrays. The contract is user.ts.

import { EFAULT, ENAMETOOLONG } from '../../abi/errno.ts';
import { type Frames, type PageTable, PTE } from '../../ring3/cpu.ts';
import { PAGE, TASK_SIZE } from './layout.ts';
import type { Addr, UserMemory } from './user.ts';

const TWO32 = 4294967296;

/** Short strings that programs have passed lately, by a hash of their bytes: most are passed again, paths above all. */
const RECENT = 512;
const recent = new WeakMap<Frames, string[]>();
const recentOf = (frames: Frames): string[] => {
  let strings = recent.get(frames);
  if (!strings) {
    strings = Array<string>(RECENT).fill('');
    recent.set(frames, strings);
  }
  return strings;
};
/** Longer ones are rare. */
const MAX_RECENT = 128;

/** UserMemory for whoever has a page table and can resolve faults. */
export abstract class PagedMemory implements UserMemory {
  abstract readonly pageTable: PageTable;
  protected abstract readonly frames: Frames;
  private strings: string[] | null = null;
  /** Makes a page accessible; false when that is not possible. */
  protected abstract resolve(addr: Addr, write: boolean): boolean;

  /** Index in physical memory of the byte at addr, or -1. */
  private at(addr: Addr, write: boolean): number {
    const p = this.pageTable.translate(addr, write);
    return p >= 0 ? p : this.faulted(addr, write);
  }

  /** The same for a page that may have to be faulted in, or that holds code. */
  private faulted(addr: Addr, write: boolean): number {
    if (!(addr >= 0 && addr < TASK_SIZE)) return -1;
    const page = Math.floor(addr / PAGE);
    const need = write ? PTE.write : PTE.read;
    let entry = this.pageTable.get(page);
    if ((entry & need) === 0) {
      if (!this.resolve(addr, write)) return -1;
      entry = this.pageTable.get(page);
      if ((entry & need) === 0) return -1;
    }
    const frame = entry >>> 3;
    if (write) this.frames.willWrite(frame);
    return frame * PAGE + (addr - page * PAGE);
  }

  read(addr: Addr, n: number): Uint8Array | null {
    if (n === 0) return new Uint8Array(0);
    // A range that is bad at its end is refused before room is made for it.
    if (!(n > 0) || this.at(addr + n - 1, false) < 0) return null;
    if (n > this.frames.total * PAGE) return null;
    const out = new Uint8Array(n);
    return this.readInto(addr, out, 0, n) === n ? out : null;
  }

  readInto(addr: Addr, dst: Uint8Array, at: number, n: number): number {
    const u8 = this.frames.u8;
    let done = 0;
    while (done < n) {
      const p = this.at(addr + done, false);
      if (p < 0) return done;
      const chunk = Math.min(n - done, PAGE - (p & (PAGE - 1)));
      if (chunk <= 32) for (let i = 0; i < chunk; i++) dst[at + done + i] = u8[p + i] as number;
      else dst.set(u8.subarray(p, p + chunk), at + done);
      done += chunk;
    }
    return done;
  }

  write(addr: Addr, bytes: Uint8Array, from = 0, n = bytes.length - from): boolean {
    return this.writeSome(addr, bytes, from, n) === n;
  }

  writeSome(addr: Addr, bytes: Uint8Array, from: number, n: number): number {
    const u8 = this.frames.u8;
    let done = 0;
    while (done < n) {
      const p = this.at(addr + done, true);
      if (p < 0) return done;
      const chunk = Math.min(n - done, PAGE - (p & (PAGE - 1)));
      const src = from + done;
      if (chunk <= 32) for (let i = 0; i < chunk; i++) u8[p + i] = bytes[src + i] as number;
      else u8.set(bytes.subarray(src, src + chunk), p);
      done += chunk;
    }
    return done;
  }

  clear(addr: Addr, n: number): boolean {
    const u8 = this.frames.u8;
    let done = 0;
    while (done < n) {
      const p = this.at(addr + done, true);
      if (p < 0) return false;
      const chunk = Math.min(n - done, PAGE - (p & (PAGE - 1)));
      u8.fill(0, p, p + chunk);
      done += chunk;
    }
    return true;
  }

  /** Little-endian integer of up to 8 bytes that crosses a page. */
  private crossing(addr: Addr, n: number): DataView | null {
    const bytes = new Uint8Array(8);
    return this.readInto(addr, bytes, 0, n) === n ? new DataView(bytes.buffer) : null;
  }

  readU8(addr: Addr): number | null {
    const p = this.at(addr, false);
    return p < 0 ? null : (this.frames.u8[p] as number);
  }

  readU16(addr: Addr): number | null {
    if ((addr & (PAGE - 1)) > PAGE - 2) return this.crossing(addr, 2)?.getUint16(0, true) ?? null;
    const p = this.at(addr, false);
    return p < 0 ? null : this.frames.dv.getUint16(p, true);
  }

  readU32(addr: Addr): number | null {
    if ((addr & (PAGE - 1)) > PAGE - 4) return this.crossing(addr, 4)?.getUint32(0, true) ?? null;
    const p = this.at(addr, false);
    return p < 0 ? null : this.frames.dv.getUint32(p, true);
  }

  readI32(addr: Addr): number | null {
    const v = this.readU32(addr);
    return v === null ? null : v | 0;
  }

  readU64(addr: Addr): number | null {
    if ((addr & (PAGE - 1)) > PAGE - 8) {
      const dv = this.crossing(addr, 8);
      return dv && dv.getUint32(4, true) * TWO32 + dv.getUint32(0, true);
    }
    const p = this.at(addr, false);
    if (p < 0) return null;
    const dv = this.frames.dv;
    return dv.getUint32(p + 4, true) * TWO32 + dv.getUint32(p, true);
  }

  readI64(addr: Addr): number | null {
    if ((addr & (PAGE - 1)) > PAGE - 8) {
      const dv = this.crossing(addr, 8);
      return dv && dv.getInt32(4, true) * TWO32 + dv.getUint32(0, true);
    }
    const p = this.at(addr, false);
    if (p < 0) return null;
    const dv = this.frames.dv;
    return dv.getInt32(p + 4, true) * TWO32 + dv.getUint32(p, true);
  }

  readBig(addr: Addr): bigint | null {
    const bytes = this.read(addr, 8);
    return bytes && new DataView(bytes.buffer).getBigUint64(0, true);
  }

  writeU8(addr: Addr, v: number): boolean {
    const p = this.at(addr, true);
    if (p < 0) return false;
    this.frames.u8[p] = v;
    return true;
  }

  writeU16(addr: Addr, v: number): boolean {
    if ((addr & (PAGE - 1)) > PAGE - 2) return this.write(addr, Uint8Array.of(v, v >>> 8));
    const p = this.at(addr, true);
    if (p < 0) return false;
    this.frames.dv.setUint16(p, v, true);
    return true;
  }

  writeU32(addr: Addr, v: number): boolean {
    if ((addr & (PAGE - 1)) > PAGE - 4)
      return this.write(addr, Uint8Array.of(v, v >>> 8, v >>> 16, v >>> 24));
    const p = this.at(addr, true);
    if (p < 0) return false;
    this.frames.dv.setUint32(p, v, true);
    return true;
  }

  writeI64(addr: Addr, v: number): boolean {
    const high = Math.floor(v / TWO32);
    const low = v - high * TWO32;
    if ((addr & (PAGE - 1)) > PAGE - 8) {
      const bytes = new Uint8Array(8);
      const dv = new DataView(bytes.buffer);
      dv.setUint32(0, low, true);
      dv.setUint32(4, high, true);
      return this.write(addr, bytes);
    }
    const p = this.at(addr, true);
    if (p < 0) return false;
    this.frames.dv.setUint32(p, low, true);
    this.frames.dv.setUint32(p + 4, high, true);
    return true;
  }

  writeBig(addr: Addr, v: bigint): boolean {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, v), true);
    return this.write(addr, bytes);
  }

  readString(addr: Addr, max: number): string | number {
    const u8 = this.frames.u8;
    let out = '';
    let done = 0;
    while (done < max) {
      const p = this.at(addr + done, false);
      if (p < 0) return -EFAULT;
      const limit = p + Math.min(max - done, PAGE - (p & (PAGE - 1)));
      let end = p;
      let hash = 0;
      for (let byte = u8[p] as number; end < limit && byte !== 0; byte = u8[++end] as number)
        hash = (Math.imul(hash, 31) + byte) | 0;
      if (done === 0 && end < limit && end - p <= MAX_RECENT) return this.shortString(p, end, hash);
      // The argument list of apply is bounded by the page.
      out += String.fromCharCode.apply(null, u8.subarray(p, end) as unknown as number[]);
      if (end < limit) return out;
      done += limit - p;
    }
    return -ENAMETOOLONG;
  }

  /** The string of the bytes [start, end), which does not have to be made when it is a recent one. */
  private shortString(start: number, end: number, hash: number): string {
    const u8 = this.frames.u8;
    this.strings ??= recentOf(this.frames);
    const slot = (hash ^ (hash >>> 9)) & (RECENT - 1);
    const known = this.strings[slot] as string;
    const length = end - start;
    if (known.length === length) {
      let i = 0;
      while (i < length && known.charCodeAt(i) === u8[start + i]) i++;
      if (i === length) return known;
    }
    const made = String.fromCharCode.apply(null, u8.subarray(start, end) as unknown as number[]);
    this.strings[slot] = made;
    return made;
  }

  direct(addr: Addr, n: number, write: boolean): number {
    if ((addr & (PAGE - 1)) + n > PAGE) return -1;
    return this.at(addr, write);
  }

  bytes(): Uint8Array {
    return this.frames.u8;
  }
}
