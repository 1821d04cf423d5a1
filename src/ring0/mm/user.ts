// Access to a program's memory from the kernel: copy_from_user and its kin. Nothing here throws; a bad
// address is a null, a false or a short count, which handlers turn into -EFAULT.

/** A guest virtual address. Exact below 2^53; beyond it no page can be mapped. */
export type Addr = number;

/**
 * The user half of an address space as handlers see it. Page faults (demand zero, file pages, copy on write)
 * are resolved on the way.
 */
export interface UserMemory {
  /** A fresh copy of n bytes, or null if any of them cannot be read. */
  read(addr: Addr, n: number): Uint8Array | null;
  /** Copies n bytes into dst at `at`; returns how many could be read before a bad page. */
  readInto(addr: Addr, dst: Uint8Array, at: number, n: number): number;
  /** Copies bytes[from, from+n) out; false if any byte cannot be written (earlier pages may have been). */
  write(addr: Addr, bytes: Uint8Array, from?: number, n?: number): boolean;
  /** Like write, but returns how many bytes were written before a bad page. */
  writeSome(addr: Addr, bytes: Uint8Array, from: number, n: number): number;
  /** Zeroes n bytes. */
  clear(addr: Addr, n: number): boolean;
  readU8(addr: Addr): number | null;
  readU16(addr: Addr): number | null;
  readU32(addr: Addr): number | null;
  readI32(addr: Addr): number | null;
  /** As a JS number; values above 2^53 lose low bits (sign lost too: use readI64 for signed). */
  readU64(addr: Addr): number | null;
  readI64(addr: Addr): number | null;
  /** Exact. */
  readBig(addr: Addr): bigint | null;
  writeU8(addr: Addr, v: number): boolean;
  writeU16(addr: Addr, v: number): boolean;
  writeU32(addr: Addr, v: number): boolean;
  /** Two's complement of an integer, |v| < 2^53. */
  writeI64(addr: Addr, v: number): boolean;
  writeBig(addr: Addr, v: bigint): boolean;
  /** A NUL-terminated string as a byte string (one char a byte, latin1), or -EFAULT, or -ENAMETOOLONG past max. */
  readString(addr: Addr, max: number): string | number;
  /**
   * Index in `bytes()` of the memory at addr, for zero-copy transfers: n bytes that lie in one page and can be
   * read (or written); -1 otherwise (crossing, unmapped): fall back to a copy. Valid until the handler returns.
   */
  direct(addr: Addr, n: number, write: boolean): number;
  /** All of physical memory, for use with `direct`. */
  bytes(): Uint8Array;
}
