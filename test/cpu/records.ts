// One case of the differential test, before and after, and its binary form, which runner.c reads and writes.

/** Where cases run, on both sides. Low enough for absolute 32-bit and for rip-relative addressing. */
export const CODE = 0x20000000;
/** Bytes of a case's place in the code area, and how many there are. */
export const SLOT = 1024;
export const SLOTS = 4096;
/** Where the code of a case starts within its slot. The rest of the slot is INT3. */
export const ENTRY = SLOT / 2 - 128;
export const MAX_CODE = 512;
/** Data pages: three that can be written, one that cannot; none around them. */
export const DATA = 0x30000000;
export const DATA_BYTES = 0x4000;
export const WRITABLE = 0x3000;
/** The part of the FXSAVE image that holds state. */
export const FX_BYTES = 416;
const PATCHES = 12;
const PATCH_BYTES = 64;
const DIFFS = 40;

export const TEST_BYTES = 16 * 8 + 4 * 8 + FX_BYTES + 8 + PATCHES * (8 + PATCH_BYTES) + MAX_CODE;
export const RESULT_BYTES = 16 * 8 + 2 * 8 + 8 + 4 * 8 + FX_BYTES + 8 + DIFFS * 16;

export interface Patch {
  /** From DATA. */
  readonly offset: number;
  /** At most 64. */
  readonly bytes: Uint8Array;
}

/** What a case starts with. */
export interface State {
  readonly gpr: readonly bigint[];
  readonly rflags: number;
  readonly fsBase: number;
  readonly gsBase: number;
  /** FXSAVE image, FX_BYTES. */
  readonly fx: Uint8Array;
  readonly patches: readonly Patch[];
}

/** What it ended with. */
export interface Outcome {
  readonly gpr: readonly bigint[];
  readonly rip: number;
  readonly rflags: number;
  /** Exception vector; 3 is the breakpoint at the end. -1: it did not end, or called the kernel. */
  readonly vector: number;
  /** Of a page fault. */
  readonly errorCode: number;
  readonly address: number;
  readonly fsBase: number;
  readonly gsBase: number;
  readonly fx: Uint8Array;
  /** Words of 8 bytes that differ from the common contents of the data pages: how many, a hash, the first few. */
  readonly differences: number;
  readonly hash: number;
  readonly memory: ReadonlyMap<number, bigint>;
  /** What our side threw, which it never should. */
  readonly thrown: string | null;
}

/** Address at which the case in a slot starts. */
export const entryOf = (slot: number): number => CODE + slot * SLOT + ENTRY;

/** The common contents of the data pages: pseudo-random, the same on both sides. */
export const baseline: Uint8Array = (() => {
  const bytes = new Uint8Array(DATA_BYTES);
  let x = 0x2545f491;
  for (let i = 0; i < bytes.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    bytes[i] = x;
  }
  return bytes;
})();

export const writeTest = (out: DataView, at: number, slot: number, code: Uint8Array, s: State): void => {
  if (code.length > MAX_CODE || s.patches.length > PATCHES) throw new Error('case too large');
  const u8 = new Uint8Array(out.buffer, out.byteOffset + at, TEST_BYTES);
  let p = at;
  const word = (v: bigint): void => {
    out.setBigUint64(p, BigInt.asUintN(64, v), true);
    p += 8;
  };
  for (let r = 0; r < 16; r++) word(s.gpr[r] ?? 0n);
  word(BigInt(entryOf(slot)));
  word(BigInt(s.rflags));
  word(BigInt(s.fsBase));
  word(BigInt(s.gsBase));
  u8.set(s.fx.subarray(0, FX_BYTES), p - at);
  p += FX_BYTES;
  out.setUint32(p, slot, true);
  out.setUint32(p + 4, s.patches.length, true);
  p += 8;
  for (const [n, patch] of s.patches.entries()) {
    const q = p + n * (8 + PATCH_BYTES);
    if (
      patch.bytes.length > PATCH_BYTES ||
      patch.offset < 0 ||
      patch.offset + patch.bytes.length > WRITABLE
    ) {
      throw new Error('patch outside of the data pages');
    }
    out.setUint32(q, patch.offset, true);
    out.setUint32(q + 4, patch.bytes.length, true);
    u8.set(patch.bytes, q + 8 - at);
  }
  p += PATCHES * (8 + PATCH_BYTES);
  u8.fill(0xcc, p - at, p - at + MAX_CODE);
  u8.set(code, p - at);
};

const SIGTRAP = 5;
const SIGSYS = 31;
const SIGVTALRM = 26;

export const readResult = (from: DataView, at: number): Outcome => {
  const word = (n: number): bigint => from.getBigUint64(at + n, true);
  const signal = from.getUint32(at + 144, true);
  const trap = from.getUint32(at + 148, true);
  const tail = at + 184 + FX_BYTES;
  const differences = from.getUint32(tail, true);
  const memory = new Map<number, bigint>();
  for (let n = 0; n < Math.min(differences, DIFFS); n++) {
    memory.set(from.getUint32(tail + 8 + n * 16, true), from.getBigUint64(tail + 16 + n * 16, true));
  }
  return {
    gpr: Array.from({ length: 16 }, (_, r) => word(r * 8)),
    rip: Number(word(128)),
    rflags: Number(word(136) & 0xffffffffn),
    vector: signal === SIGSYS || signal === SIGVTALRM ? -1 : signal === SIGTRAP && trap === 1 ? 1 : trap,
    errorCode: Number(word(152)),
    address: Number(word(160)),
    fsBase: Number(word(168)),
    gsBase: Number(word(176)),
    fx: new Uint8Array(from.buffer, from.byteOffset + at + 184, FX_BYTES).slice(),
    differences,
    hash: from.getUint32(tail + 4, true),
    memory,
    thrown: null,
  };
};

const baseWords = new Uint32Array(baseline.buffer);

/** The memory part of an outcome, from the data pages as they are. */
export const differencesOf = (
  words: Uint32Array,
): { differences: number; hash: number; memory: Map<number, bigint> } => {
  let differences = 0;
  let hash = 0;
  const memory = new Map<number, bigint>();
  for (let i = 0; i < WRITABLE / 4; i += 2) {
    const lo = words[i] as number;
    const hi = words[i + 1] as number;
    if (lo === baseWords[i] && hi === baseWords[i + 1]) continue;
    if (differences < DIFFS) memory.set(i * 4, (BigInt(hi) << 32n) | BigInt(lo));
    differences++;
    hash = Math.imul(hash ^ (i >> 1), 0x01000193);
    hash = Math.imul(hash ^ lo, 0x01000193);
    hash = Math.imul(hash ^ hi, 0x01000193);
  }
  return { differences, hash: hash >>> 0, memory };
};
