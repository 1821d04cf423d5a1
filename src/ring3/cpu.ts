// The processor as the kernel sees it: physical memory, page tables, one register file, and `run`.
// Ring 3 knows no Linux: what a trap means is decided by the callbacks that the machine wires in.

/** Physical memory: frames of 4096 bytes, counted references. Frame 0 is never handed out. */
export interface Frames {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly dv: DataView;
  /** A frame with one reference, contents undefined, the wanted one if it is free; 0 when memory is out. */
  alloc(wanted?: number): number;
  /** Like alloc, zeroed. */
  allocZeroed(wanted?: number): number;
  /** First of n adjacent free frames that others get only when there are no more; 0 when there are no such frames. */
  setAside(n: number): number;
  hold(frame: number): void;
  release(frame: number): void;
  refs(frame: number): number;
  /** Frames free and in all. */
  readonly free: number;
  readonly total: number;
  /**
   * Must be called before the kernel changes bytes of a frame by other means than through the CPU: if code of
   * this frame was predecoded or translated, it is thrown away.
   */
  willWrite(frame: number): void;
}

/** Access bits of a page table entry. */
export const PTE = { read: 1, write: 2, exec: 4 } as const;

/** A page table of ring 3, with its TLB. Page numbers are virtual address / 4096. */
export interface PageTable {
  /** Maps a page; the table takes over no reference (the kernel counts). Replaces an entry that is there. False when memory is out. */
  set(page: number, frame: number, access: number): boolean;
  /** Frame and access of a page, as frame * 8 + access; 0 when it is not mapped. */
  get(page: number): number;
  /**
   * Physical address of a byte that may be read, or written without further ado (its frame holds no code); -1 when a
   * closer look is needed. Remembers what it finds in the TLB.
   */
  translate(address: number, write: boolean): number;
  clear(page: number): void;
  /** The frame that suits a page best, if there is one; see HOME in layout.ts. */
  homeOf(page: number): number;
  /** What runs there, if its translations are kept from one run of it to the next; see `Cpu.expect`. */
  program: string | null;
  /** Calls visit for each mapped page in [from, to), in order, skipping holes quickly. */
  each(from: number, to: number, visit: (page: number, frame: number, access: number) => void): void;
  /** Frees the table (not the frames it maps). */
  destroy(): void;
}

export interface CpuStats {
  readonly blocks: number;
  /** Regions translated, and of those, how many were kept from an earlier run. */
  readonly regions: number;
  readonly kept: number;
  readonly invalidations: number;
  /** How often translated code was left because of how memory lies. */
  readonly stumbles: number;
}

/** What the machine wires into the processor. */
export interface CpuHooks {
  /**
   * SYSCALL, with rip at the next instruction (rcx and r11 are set). Returns true to go on in the same context;
   * false to stop `run` with STATUS.gate, because the task blocked, died, or its context was replaced.
   */
  syscall(): boolean;
  /** A page is missing or its access does not allow this. True: resolved, try again. False: raise #PF. */
  pageFault(address: number, access: 'read' | 'write' | 'exec'): boolean;
}

export const TIERS = ['interpreter', 'translator', 'mixed'] as const;
export type Tier = (typeof TIERS)[number];

export interface Cpu {
  readonly frames: Frames;
  readonly stats: CpuStats;
  /** An empty one; where those of `parent` will be mapped, pages have the same homes. */
  newPageTable(parent?: PageTable): PageTable;
  /** The program that a page table names is going to run. */
  expect(table: PageTable): void;
  /** Makes a page table current. */
  switchTo(table: PageTable): void;
  /** Copies the register file to or from a task's save area (CONTEXT_BYTES bytes). */
  save(into: Uint8Array): void;
  load(from: Uint8Array): void;
  /** Fills a save area with the state after execve: zero registers, default FCW and MXCSR. */
  reset(context: Uint8Array): void;
  /** General registers as numbers (exact below 2^53, unsigned) and as bigints. */
  gpr(reg: number): number;
  gprBig(reg: number): bigint;
  /** Two's complement of an integer, |v| <= 2^53. */
  setGpr(reg: number, v: number): void;
  setGprBig(reg: number, v: bigint): void;
  rip: number;
  rflags(): number;
  setRflags(v: number, mask: number): void;
  /** FXSAVE/XSAVE image for signal frames. */
  saveFpu(into: Uint8Array): void;
  loadFpu(from: Uint8Array): void;
  /**
   * Runs the current context until something needs the kernel; returns a STATUS other than next. `budget`
   * bounds the number of blocks entered, roughly.
   */
  run(budget: number): number;
  /**
   * The pending exception after STATUS.fault; addresses of the kernel's half are negative. `stepped`: it is the #DB that
   * follows an instruction because TF was set.
   */
  readonly exception: { vector: number; errorCode: number; address: number; stepped: boolean };
  /** The system call arguments as numbers: rdi, rsi, rdx, r10, r8, r9 (unsigned). */
}
