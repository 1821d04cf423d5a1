// What CPUID says: a processor of level x86-64-v2 and nothing that the semantics do not have.
// Leaves: Intel SDM volume 2, CPUID; levels: x86-64 psABI, section 3.1.1.

import type { Helper } from '../helpers.ts';
import { CPU, GPR, OFF } from '../layout.ts';

type Register = 'eax' | 'ebx' | 'ecx' | 'edx';

/** Where CPUID shows a feature; `null` bits belong to the base and have none. */
interface FeatureBit {
  readonly leaf: 1 | 7 | 0x80000001;
  readonly register: Register;
  readonly bit: number;
}

const f1c = (bit: number): FeatureBit => ({ leaf: 1, register: 'ecx', bit });
const f1d = (bit: number): FeatureBit => ({ leaf: 1, register: 'edx', bit });
const f7b = (bit: number): FeatureBit => ({ leaf: 7, register: 'ebx', bit });
const xc = (bit: number): FeatureBit => ({ leaf: 0x80000001, register: 'ecx', bit });
const xd = (bit: number): FeatureBit => ({ leaf: 0x80000001, register: 'edx', bit });

/** The features of this processor by the names of the opcode table (and of /proc/cpuinfo where it has none). */
export const FEATURES: Readonly<Record<string, FeatureBit>> = {
  x87: f1d(0),
  tsc: f1d(4),
  cx8: f1d(8),
  cmov: f1d(15),
  clflush: f1d(19),
  mmx: f1d(23),
  fxsr: f1d(24),
  sse: f1d(25),
  sse2: f1d(26),
  sse3: f1c(0),
  ssse3: f1c(9),
  cx16: f1c(13),
  'sse4.1': f1c(19),
  'sse4.2': f1c(20),
  movbe: f1c(22),
  popcnt: f1c(23),
  xsave: f1c(26),
  osxsave: f1c(27),
  // A hint rather than instructions: REP MOVSB and STOSB are the fastest way here, too (string-rep.ts).
  erms: f7b(9),
  // What the x87 leaves in FDP, and FCS and FDS (x87/helpers.ts).
  fdp_excptn_only: f7b(6),
  zero_fcs_fds: f7b(13),
  lahf: xc(0),
  syscall: xd(11),
  nx: xd(20),
  rdtscp: xd(27),
  lm: xd(29),
};

/** The same as /proc/cpuinfo spells them. */
export const CPUINFO_FLAGS =
  'fpu tsc cx8 cmov clflush mmx fxsr sse sse2 syscall nx rdtscp lm constant_tsc rep_good nopl cpuid pni ssse3 cx16 sse4_1 sse4_2 movbe popcnt xsave lahf_lm erms';

export const CPU_VENDOR = 'GenuineIntel';
export const CPU_BRAND = 'Kanmon';
/** Family 6, model 26, stepping 5: the first model of level v2, for which glibc picks unaligned SSE2 copies. */
export const CPU_FAMILY = 6;
export const CPU_MODEL = 26;
export const CPU_STEPPING = 5;

type Leaf = readonly [eax: number, ebx: number, ecx: number, edx: number];

const bits = (leaf: FeatureBit['leaf'], register: Register): number => {
  let v = 0;
  for (const f of Object.values(FEATURES)) if (f.leaf === leaf && f.register === register) v |= 1 << f.bit;
  return v;
};

const word = (s: string, at: number): number => {
  let v = 0;
  for (let k = 3; k >= 0; k--) v = (v << 8) | (at + k < s.length ? s.charCodeAt(at + k) : 0);
  return v;
};

/** Leaf 4: type 1 data, 2 instructions, 3 both; not shared, one core. */
const cache = (type: number, level: number, ways: number, sets: number): Leaf => [
  type | (level << 5) | (1 << 8),
  63 | ((ways - 1) << 22),
  sets - 1,
  0,
];

const CACHES: readonly Leaf[] = [
  cache(1, 1, 8, 64), // 32 KiB
  cache(2, 1, 8, 64), // 32 KiB
  cache(3, 2, 16, 1024), // 1 MiB
  cache(3, 3, 16, 32768), // 32 MiB
];

const none: Leaf = [0, 0, 0, 0];
const MAX_BASIC = 0xd;
const MAX_EXTENDED = 0x80000008;
const SIGNATURE = ((CPU_MODEL >> 4) << 16) | (CPU_FAMILY << 8) | ((CPU_MODEL & 15) << 4) | CPU_STEPPING;
/** XCR0: x87 and SSE state. */
export const XCR0 = 3;
/** Bytes of the XSAVE area for XCR0: the legacy region and the header. */
export const XSAVE_BYTES = 576;

/** CPUID for a leaf and subleaf, as unsigned or signed 32-bit values. */
export const cpuid = (leaf: number, subleaf: number): Leaf => {
  switch (leaf >>> 0) {
    case 0:
      return [MAX_BASIC, word(CPU_VENDOR, 0), word(CPU_VENDOR, 8), word(CPU_VENDOR, 4)];
    case 1:
      // ebx: CLFLUSH lines of 8 quadwords, one logical processor.
      return [SIGNATURE, (1 << 16) | (8 << 8), bits(1, 'ecx'), bits(1, 'edx')];
    case 2:
      // Descriptor FF: see leaf 4. F0: 64-byte prefetch.
      return [0x00feff01, 0xf0, 0, 0];
    case 4:
      return CACHES[subleaf] ?? none;
    case 7:
      return subleaf === 0 ? [0, bits(7, 'ebx'), 0, 0] : none;
    case 0xd:
      return subleaf === 0 ? [XCR0, XSAVE_BYTES, XSAVE_BYTES, 0] : none;
    case 0x80000000:
      return [MAX_EXTENDED, 0, 0, 0];
    case 0x80000001:
      return [0, 0, bits(0x80000001, 'ecx'), bits(0x80000001, 'edx')];
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: {
      const at = ((leaf >>> 0) - 0x80000002) * 16;
      return [
        word(CPU_BRAND, at),
        word(CPU_BRAND, at + 4),
        word(CPU_BRAND, at + 8),
        word(CPU_BRAND, at + 12),
      ];
    }
    case 0x80000006:
      // L2: 1 MiB, 16 ways (code 8), 64-byte lines.
      return [0, 0, (1024 << 16) | (8 << 12) | 64, 0];
    case 0x80000007:
      // The time stamp counter runs at a constant rate.
      return [0, 0, 0, 1 << 8];
    case 0x80000008:
      // Physical and linear address bits.
      return [(48 << 8) | 46, 0, 0, 0];
    default:
      return none;
  }
};

const at = (reg: number): number => (CPU + OFF.gpr) / 4 + reg * 2;

export const cpuidHelper: Helper = (cpu) => {
  const leaf = cpuid(cpu.u32[at(GPR.rax)] ?? 0, cpu.u32[at(GPR.rcx)] ?? 0);
  [GPR.rax, GPR.rbx, GPR.rcx, GPR.rdx].forEach((reg, n) => {
    cpu.u32[at(reg)] = leaf[n] ?? 0;
    cpu.u32[at(reg) + 1] = 0;
  });
  return 0;
};
