// The CPU block: the one register file of the emulated processor, at a fixed place in linear memory, and
// the few words that generated code and TypeScript share with it. The kernel saves and restores the part
// up to CONTEXT_BYTES when it switches tasks, as a real kernel does with the real registers.

/** Bytes of a page and of a physical frame. */
export const PAGE = 4096;

/** Address of the CPU block in linear memory. Frame 0 stays unused, so physical address 0 means "none". */
export const CPU = 0x1000;

/** General-purpose register numbers, as ModRM and REX encode them. */
export const GPR = {
  rax: 0,
  rcx: 1,
  rdx: 2,
  rbx: 3,
  rsp: 4,
  rbp: 5,
  rsi: 6,
  rdi: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
} as const;

/** Offsets of the fields from CPU, in bytes. The type is in the comment; all little-endian. */
export const OFF = {
  /** u64[16] */ gpr: 0x000,
  /** u64 */ rip: 0x080,
  /** u64, always 0: the base or index of an address that has none */ zero: 0x088,
  /** u64 */ fsBase: 0x090,
  /** u64 */ gsBase: 0x098,
  /** i32: how ccA, ccB, ccRes give the arithmetic flags; see flags.ts */ ccOp: 0x0a0,
  /** i32: 1 or -1, the direction flag as a step */ df: 0x0a4,
  /** i64 */ ccA: 0x0a8,
  /** i64 */ ccB: 0x0b0,
  /** i64 */ ccRes: 0x0b8,
  /** u32: the bits of RFLAGS that are neither arithmetic nor DF (AC, ID, NT ...), IF and bit 1 set */ rflagsRest: 0x0c0,
  /** u32; bit 16 is not the processor's: see semantics/simd/mxcsr.ts */ mxcsr: 0x0c4,
  /** u8[16][16] */ xmm: 0x100,
  /** x87 registers by physical number, 16 bytes apart: u64 significand, u16 sign and exponent */ fpr: 0x200,
  /** u16 */ fcw: 0x280,
  /** u16, with TOP in bits 11..13 */ fsw: 0x282,
  /** u16, two bits a physical register as FSTENV stores it */ ftw: 0x284,
  /** u16 */ fop: 0x286,
  /** u64 */ fip: 0x288,
  /** u64 */ fdp: 0x290,

  /** i32: 1 while SSE arithmetic honours MXCSR to the letter (Emit.exactFp) */ exactFp: 0x298,

  /** u8[4]: the selectors in ES, FS, GS and DS, in this order */ selectors: 0x29c,

  // Not part of a task's context.
  /** i32: counted down at back-edges and calls; below 0 the task is preempted */ budget: 0x2a0,
  /** i32: bytes of host stack that nested translated calls take, estimated */ depth: 0x2a4,
  /** i32: physical address of the TLB of the current address space */ tlb: 0x2a8,
  /** i32: physical address of the jump cache of the current address space */ jumpCache: 0x2ac,
  /** i32: physical address of the root of the current page table */ pageRoot: 0x2b0,
  /** i32: vector of the pending exception (VECTOR) */ vector: 0x2b4,
  /** i32: its error code */ errorCode: 0x2b8,
  /** u64: CR2, the address of the last page fault */ cr2: 0x2c0,
  /** i64: address argument of a helper */ helperAddress: 0x2c8,
  /** i32: predecoded op that exited the interpreter, or 0 */ op: 0x2d0,
  /** i32: the STATUS with which a slow path wants generated code to exit */ status: 0x2d4,
  /** u64: instructions or blocks retired, for statistics */ retired: 0x2d8,
  /** i32: physical address of the table of blocks of all address spaces (BLOCKS) */ blocks: 0x2e0,
  /** i32: 1 when a helper has written code: whoever called it unwinds after its instruction */ moved: 0x2e4,
  /** u32: where in the arena the next block's ops go, and where its chunk ends */ arena: 0x2e8,
  arenaEnd: 0x2ec,
  /** i32: a new block may run this often, divided by its instructions and one, before it asks for translation; 0: for ever */ patience: 0x2f0,
  /** u32: physical addresses of the hints, */ hints: 0x2f4,
  /** of the predecoder's tables, 0 where blocks are made in TypeScript only, */ decoder: 0x2f8,
  /** and of the lists, by frame, of the blocks that were read from it (BEGIN in interp/op.ts) */ made: 0x2fc,
  /** u8[64]: an access that crosses a page is assembled here */ bounce: 0x300,
  /** u8[4][16]: operands that `Emit.scratch` leaves for a helper, and results that helpers leave there */ scratch: 0x340,
  /** u32: blocks made in WebAssembly */ madeCount: 0x380,
  /** u64: entry of the region that was left by an exception or STATUS.step last */ left: 0x388,
  /** i32: number of entries in the table of blocks, a power of two, less one */ blocksMask: 0x390,
  /** i32: what an address of the current address space and its place at home are apart (HOME) */ home: 0x394,
  /** u32: changes whenever the jump cache of the current address space is forgotten, and no two spaces have the same; never 0 */ epoch: 0x398,
  /** u32: the last such number that was given */ lastEpoch: 0x39c,
  /** i32: 1 when something may be in a memo */ memosUsed: 0x3a0,
  /** MEMO[] */ memos: 0x400,
} as const;

/**
 * Entries of the TLB that regions remember, so as not to look them up by the address again: in a word of its own for
 * each of the accesses that are likely to find the same page again. All are forgotten when the TLB forgets anything.
 */
export const MEMO = {
  bytes: 16,
  /** i64: as in the TLB */ tag: 0,
  /** i32 */ frame: 8,
  /** That of the stack, when it is read and when it is written. */
  stackRead: 0,
  stackWrite: 1,
  /** Those of loops, for reads at even places, for writes at odd ones. */
  firstOfLoops: 2,
  pairs: 47,
  number: 96,
  /**
   * Nothing. Some address must fit the tag: one that is not canonical, as no program forms it, and were it formed,
   * the frame lies beyond the end of every memory, which is a trap of the host.
   */
  noTag: -(0x5a3c_c3a5n << 32n) - 0x5000n,
  noFrame: -0x10000,
} as const;
/** Whether an address, of 64 bits, is canonical: bits 47 and up are alike. */
export const isCanonical = (address: bigint): boolean =>
  BigInt.asUintN(64, BigInt.asIntN(48, address)) === address;

/** Address of a memo. */
export const memoAt = (n: number): number => CPU + OFF.memos + MEMO.bytes * n;

/** Bytes of the CPU block that belong to a task. */
export const CONTEXT_BYTES = 0x2a0;

/** Segment registers as instructions number them. */
export const SREG = { es: 0, cs: 1, ss: 2, ds: 3, fs: 4, gs: 5 } as const;

/** Exception vectors (Intel SDM volume 3, table 6-1). */
export const VECTOR = {
  DE: 0,
  DB: 1,
  BP: 3,
  OF: 4,
  BR: 5,
  UD: 6,
  NM: 7,
  SS: 12,
  GP: 13,
  PF: 14,
  MF: 16,
  AC: 17,
  XM: 19,
} as const;

/** Why generated code returned to its caller. */
export const STATUS = {
  /** Go on at rip. */ next: 0,
  /** Unwind every frame, then go on at rip: code was invalidated, or the kernel changed the context. */ unwind: 1,
  /** An exception is pending in vector, errorCode and cr2; rip is at the instruction (or after it, for traps). */ fault: 2,
  /** The budget ran out; rip is where to go on. */ budget: 3,
  /** The gate asked to stop: the task blocked, exited, or was switched. */ gate: 4,
  /** MXCSR, TF or AC was loaded; rip is where to go on. */ resync: 6,
  /** A store hit a page with translated code; rip is at the storing instruction, nothing has been done yet. */ smc: 5,
  /** Translated code cannot do the instruction at rip as memory lies; nothing of it has been done. */ step: 7,
} as const;

/** RFLAGS bits. */
export const FLAG = {
  CF: 0x1,
  PF: 0x4,
  AF: 0x10,
  ZF: 0x40,
  SF: 0x80,
  TF: 0x100,
  IF: 0x200,
  DF: 0x400,
  OF: 0x800,
  NT: 0x4000,
  RF: 0x10000,
  AC: 0x40000,
  ID: 0x200000,
} as const;
/** CF, PF, AF, ZF, SF and OF. */
export const ARITH_FLAGS = 0x8d5;

/**
 * One byte a physical frame. Bit 0: code of it has been predecoded or translated. Bit 1: some page table has mapped it
 * for writing since it was allocated.
 */
export const FRAME_FLAGS = 0x10000;

/**
 * The software TLB of an address space: direct-mapped by page number, 32 bytes an entry. A tag is the page address; an
 * access hits when its address less the tag, unsigned, is at most 4096 less its length, so crossing a page is a
 * miss, too. The tag of nothing is that of a page of another entry, which no access compares with this one.
 */
export const TLB = {
  entries: 2048,
  entryShift: 5,
  /** i64 */ readTag: 0,
  /** i64 */ writeTag: 8,
  /** i32: physical address of the frame */ frame: 16,
} as const;
export const TLB_BYTES = TLB.entries << TLB.entryShift;

/**
 * Behind the TLB, the same for pages that are *at home*: a page's home is the frame at its address plus the number that
 * the address space has for all (`home`), modulo 4 GiB. Translated code needs nothing but the tags of those: the
 * physical address is a sum, which the processor has long before an entry of the TLB is loaded.
 */
export const HOME = {
  /** Distance from the TLB. */ table: TLB_BYTES,
  entryShift: 4,
  /** i64 */ readTag: 0,
  /** i64 */ writeTag: 8,
} as const;
export const HOME_BYTES = TLB.entries << HOME.entryShift;

/** The jump cache of an address space: guest address -> code, direct-mapped, 16 bytes an entry. */
export const JUMP = {
  entries: 16384,
  /** i64 */ ip: 0,
  /** i32: index in the code table */ fn: 8,
  /** i32: argument, the first predecoded op for the interpreter */ arg: 12,
} as const;
export const JUMP_BYTES = JUMP.entries * 16;
/** Byte offset in the jump cache of the entry for a guest address. */
export const jumpOffset = (ip: number): number => {
  const low = ip >>> 0;
  return ((low ^ (low >>> 12)) & (JUMP.entries - 1)) * 16;
};

/** Places of the interpreter's pseudo-ops in the code table. */
export const PSEUDO = {
  /** Begins a block: counts the budget and the way to translation down. */ begin: 1,
  /** Ends a block that just runs on: to the address in imm. */ goto: 2,
  /** Ends a single step: unwinds to the address in imm. */ leave: 3,
  /** Raises #UD at ip. */ undefined: 4,
  /** Raises #GP at ip: the instruction there has more than 15 bytes. */ tooLong: 5,
  /** Begins a block that was translated or thrown away: looks the address in ip up anew. */ moved: 6,
} as const;
/** The handler that follows them. */
export const FIRST_HANDLER = 8;

/**
 * What the jump caches of all address spaces are filled from: blocks by their physical address, in two places each, an
 * even one and its neighbour. An entry begins like one of a jump cache; it holds for code that runs with fast arithmetic.
 */
export const BLOCKS = {
  entries: 1 << 19,
  /** In a machine with less than 256 MiB. */ few: 1 << 17,
  entryShift: 5,
  /** Blocks so close together begin at the same place, or one has the other of its two: few pages of the table are touched. */
  nearShift: 2,
  /** u32: physical address of the first byte of code; 0: never taken */ code: 16,
  /** In `code`: taken once. */ gone: 1,
  /** u32: 0 for code that lies in one page; else it holds as long as that is the space's epoch. */ epoch: 20,
  /** This bit of the address is set where the code is for exact arithmetic. */ exactShift: 62,
} as const;

/** Addresses that are told apart before code is read there, a byte each, by their low bits: one may be mistaken for another. */
export const HINTS = 1 << 21;
/** What is known of them. */
export const HINT = {
  /** Reached from within a function: a return point, or the target of a forward branch. */ inner: 1,
  /** Target of a call or of a backward jump: where a region should start. */ head: 2,
  /** A region that starts here was kept from an earlier run. */ kept: 4,
} as const;
/** Instructions that a block executes, roughly, before its region is fetched from those kept. */
export const KEPT_PATIENCE = 4000;
