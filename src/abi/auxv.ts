// Types of auxiliary vector entries (getauxval(3), the kernel's linux/auxvec.h and asm/auxvec.h), and the
// capability words that describe this processor in them.

export const AT = {
  NULL: 0,
  IGNORE: 1,
  EXECFD: 2,
  PHDR: 3,
  PHENT: 4,
  PHNUM: 5,
  PAGESZ: 6,
  BASE: 7,
  FLAGS: 8,
  ENTRY: 9,
  NOTELF: 10,
  UID: 11,
  EUID: 12,
  GID: 13,
  EGID: 14,
  PLATFORM: 15,
  HWCAP: 16,
  CLKTCK: 17,
  SECURE: 23,
  BASE_PLATFORM: 24,
  RANDOM: 25,
  HWCAP2: 26,
  RSEQ_FEATURE_SIZE: 27,
  RSEQ_ALIGN: 28,
  EXECFN: 31,
  SYSINFO_EHDR: 33,
  MINSIGSTKSZ: 51,
} as const;

/**
 * AT_HWCAP on x86 is CPUID leaf 1 EDX: fpu tsc cx8 sep cmov clflush mmx fxsr sse sse2. Programs decide by CPUID
 * itself; this word only has to agree with it.
 */
export const HWCAP_X86_64 = 0x0788_8911;
/** FSGSBASE (bit 1) is not offered to user mode. */
export const HWCAP2_X86_64 = 0;

/**
 * Room that the kernel asks for a signal frame: the largest frame of the 32-bit ABI, the XSAVE area for x87 and SSE,
 * what aligns them, rounded up to 16 (arch/x86/kernel/signal.c, init_sigframe_size; with AMX state, 11008 bytes of
 * XSAVE area, Linux 6.18 says 11952).
 */
export const MINSIGSTKSZ = 1520;

export const CLOCK_TICKS = 100;
