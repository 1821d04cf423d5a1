// Where things lie in a program's 47 bits. The layout is the one that Linux gives a process with address space
// randomisation off (setarch -R), so that addresses are the same in every run.

export const PAGE = 4096;

/** First address a program cannot have (TASK_SIZE of x86-64 with four-level tables). */
export const TASK_SIZE = 0x7ffffffff000;

/** vm.mmap_min_addr: below it nothing is mapped without CAP_SYS_RAWIO, so that null pointers fault. */
export const MMAP_MIN = 0x10000;

/** Load address of position-independent executables (ELF_ET_DYN_BASE, two thirds of TASK_SIZE). */
export const PIE_BASE = 0x555555554000;

/** mmap works downwards from here: TASK_SIZE less the 128 MiB that are kept for the stack. */
export const MMAP_TOP = 0x7ffff7fff000;

/**
 * Program images (ELF files mapped at no particular address) get addresses of their own in this window, the
 * same in every process, so that code translated for one process serves the others. Its end is not at a multiple of
 * 4 GiB: there the stack has its homes (HOME in ring3/layout.ts).
 */
export const IMAGE_TOP = 0x7fdfe0000000;
export const IMAGE_BOTTOM = 0x7ec000000000;

/** MAP_32BIT's range. */
export const LOW_BOTTOM = 0x40000000;
export const LOW_TOP = 0x80000000;

export const STACK_TOP = TASK_SIZE;
/** What execve maps below the initial stack at once (stack_expand of the kernel's exec.c). */
export const STACK_INITIAL = 128 * 1024;
/** Kept free below a mapping that grows down (stack_guard_gap). */
export const STACK_GUARD = 256 * PAGE;

/** vm.max_map_count. */
export const MAX_MAPPINGS = 65530;

export const pageUp = (n: number): number => Math.ceil(n / PAGE) * PAGE;
export const pageDown = (n: number): number => Math.floor(n / PAGE) * PAGE;
export const isPageAligned = (n: number): boolean => n % PAGE === 0;
