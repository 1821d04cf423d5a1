// MXCSR: its bits, and when vector arithmetic has to be exact.
//
// Fast code computes with the host's operators: round to nearest, no flags. The interpreter does not use it
// (interp/handlers.ts), so that flags are there when a program looks. Regions start in fast code (0x1f80 from
// execve), and turn to exact code when MXCSR asks for another rounding, for DAZ or FTZ, or unmasks an
// exception; and for good when LDMXCSR loads a value with a sticky flag clear, as feclearexcept does: it may
// want to read the flags later. That last fact is kept in a bit of the CPU block's field that the
// processor reserves, MXCSR_TRACKED. Images for the program (STMXCSR, FXSAVE, signal frames) are masked with
// MXCSR_MASK; images loaded back (FXRSTOR, sigreturn) go through `restoredMxcsr`, which keeps the bit.

/** The bits that LDMXCSR accepts; others raise #GP. */
export const MXCSR_MASK = 0xffff;
/** Kanmon's own bit of the field in the CPU block: the program may look at sticky flags. */
export const MXCSR_TRACKED = 0x10000;

/** Bits of MXCSR (Intel SDM volume 1, 10.2.3). Masks are the flags shifted by 7. */
export const MXCSR = {
  IE: 1,
  DE: 2,
  ZE: 4,
  OE: 8,
  UE: 16,
  PE: 32,
  DAZ: 0x40,
  masks: 0x1f80,
  RC: 0x6000,
  FTZ: 0x8000,
} as const;

/** Whether code for this value of the CPU block's field has to honour MXCSR to the letter. */
export const needsExactFp = (mxcsr: number): boolean => (mxcsr & (MXCSR_TRACKED | 0xffc0)) !== MXCSR.masks;

/** The field after an image of MXCSR has been restored. */
export const restoredMxcsr = (field: number, image: number): number =>
  (field & MXCSR_TRACKED) | (image & MXCSR_MASK);
