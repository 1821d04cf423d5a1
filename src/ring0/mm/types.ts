// The nouns of memory management: an address space is a sorted list of mappings over a page table of ring 3.

import { MAP_LOCKED } from '../../abi/mman.ts';
import type { PageTable } from '../../ring3/cpu.ts';
import type { AioContext } from '../vfs/aio.ts';
import type { OpenFile, PageCache, PageMapper } from '../vfs/types.ts';
import type { Block } from '../wait.ts';
import type { UserMemory } from './user.ts';

/** PROT_* bits of mman.h. */
export const PROT = { none: 0, read: 1, write: 2, exec: 4 } as const;

/** Flags of a mapping that have no MAP_* bit; they live beside those in `flags`. */
export const VM = {
  /** Advice that changes nothing but where one mapping ends and the next begins (madvise(2)). */
  sequential: 0x200000,
  random: 0x400000,
  mergeable: 0x800000,
  huge: 0x20000000,
  noHuge: 0x40000000,
  dontFork: 0x1000000,
  wipeOnFork: 0x2000000,
  dontDump: 0x4000000,
  lockOnFault: 0x8000000,
  /** mseal(2): it stays where and what it is. */
  sealed: 0x10000000,
} as const;
/** What says that the pages of a mapping stay in memory, and that they come when they are touched. */
export const LOCKS = MAP_LOCKED | VM.lockOnFault;

/** One mapping (a VMA). Addresses in bytes, page-aligned; end is exclusive. */
export interface Mapping {
  start: number;
  end: number;
  prot: number;
  /** MAP_SHARED: stores go to the pages of the object itself. */
  shared: boolean;
  /** Backing pages and the page index of `start` in them; null for private anonymous memory. */
  pages: PageCache | null;
  pageOffset: number;
  /** The file for /proc/self/maps; null for anonymous memory. */
  file: OpenFile | null;
  /** [heap], [stack], [vdso] ... */
  name: string;
  /** MAP_GROWSDOWN, MAP_LOCKED, MAP_NORESERVE of mman.h, and VM bits. */
  flags: number;
}

export type Access = 'read' | 'write' | 'exec';

/** The signal a fault raises, with its si_code. */
export interface FaultSignal {
  readonly signo: number;
  readonly code: number;
  readonly addr: number;
}

export type FaultResult = 'resolved' | FaultSignal | Block;

/** Shared by tasks with CLONE_VM. */
export interface AddressSpace extends UserMemory, PageMapper {
  /** Tasks that use it. */
  refs: number;
  /** Sorted by start, never overlapping. */
  readonly mappings: readonly Mapping[];
  /** What the CPU is switched to. */
  readonly pageTable: PageTable;
  /**
   * Set when an access from the kernel failed only because a page is not there yet: the gate then answers with
   * this Block instead of the EFAULT, and clears it.
   */
  waiting: Block | null;
  /** The program, which nobody may write to while it runs. */
  readonly exe: OpenFile | null;
  /** Contexts of asynchronous input and output by their ids (vfs/aio.ts); absent before the first. */
  aio?: Map<number, AioContext>;
  /** Names the program; -ETXTBSY while somebody has it open for writing. Takes a reference. */
  setExe(file: OpenFile): number;
  /** LOCKS that new mappings get, after mlockall(MCL_FUTURE); else 0. */
  lockFuture: number;
  brkStart: number;
  brk: number;
  /** Layout for /proc/self/stat and prctl(PR_SET_MM). */
  readonly layout: {
    startCode: number;
    endCode: number;
    startData: number;
    endData: number;
    startStack: number;
    argStart: number;
    argEnd: number;
    envStart: number;
    envEnd: number;
    auxv: Uint8Array;
    /** Address of the vDSO image, 0 without one. */
    vdso: number;
  };

  /** As mmap(2): address or -errno. addr is a hint unless fixed. */
  map(
    addr: number,
    length: number,
    m: Omit<Mapping, 'start' | 'end'>,
    fixed: 'hint' | 'fixed' | 'noreplace',
  ): number;
  unmap(addr: number, length: number): number;
  protect(addr: number, length: number, prot: number): number;
  remap(addr: number, oldLength: number, newLength: number, flags: number, newAddr: number): number;
  advise(addr: number, length: number, advice: number): number;
  /** As mseal(2). */
  seal(addr: number, length: number): number;
  setBrk(addr: number): number;
  /** Sets and clears flag bits of what is mapped in [start, end). */
  reflag(start: number, end: number, set: number, clear: number): void;
  find(addr: number): Mapping | null;
  /**
   * A page fault of the CPU. 'resolved': try again; else the signal to raise with its si_code and address.
   * A Block means the page is not there yet.
   */
  fault(addr: number, access: Access): FaultResult;
  /** For fork: copy-on-write copy. */
  fork(): AddressSpace | number;
  /** Resident and total pages, for /proc and rusage. */
  usage(): { residentPages: number; totalPages: number; lockedPages: number; peakPages: number };
  /** Present pages of [start, end), for /proc/self/smaps: how many, and how many of them no one else shares. */
  present(start: number, end: number): { pages: number; own: number };
  /** Drops one reference; frees everything with the last. */
  release(): void;
}
