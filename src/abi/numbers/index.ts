// Numbers differ between architectures, handlers do not: one table of names per architecture, and how each
// passes a call (syscall(2), "Architecture calling conventions").

import { AARCH64 } from './aarch64.ts';
import { I386 } from './i386.ts';
import { RISCV64 } from './riscv64.ts';
import type { Numbers } from './types.ts';
import { X86_64 } from './x86_64.ts';

export interface Architecture {
  readonly name: string;
  /** The instruction that enters the kernel. */
  readonly instruction: string;
  readonly numberRegister: string;
  readonly argumentRegisters: readonly string[];
  readonly resultRegister: string;
  /** In their order. */
  readonly numbers: () => Numbers;
}

export const ARCHITECTURES = {
  x86_64: {
    name: 'x86_64',
    instruction: 'syscall',
    numberRegister: 'rax',
    argumentRegisters: ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'],
    resultRegister: 'rax',
    numbers: X86_64,
  },
  i386: {
    name: 'i386',
    instruction: 'int 0x80',
    numberRegister: 'eax',
    argumentRegisters: ['ebx', 'ecx', 'edx', 'esi', 'edi', 'ebp'],
    resultRegister: 'eax',
    numbers: I386,
  },
  aarch64: {
    name: 'aarch64',
    instruction: 'svc #0',
    numberRegister: 'x8',
    argumentRegisters: ['x0', 'x1', 'x2', 'x3', 'x4', 'x5'],
    resultRegister: 'x0',
    numbers: AARCH64,
  },
  riscv64: {
    name: 'riscv64',
    instruction: 'ecall',
    numberRegister: 'a7',
    argumentRegisters: ['a0', 'a1', 'a2', 'a3', 'a4', 'a5'],
    resultRegister: 'a0',
    numbers: RISCV64,
  },
} as const satisfies Record<string, Architecture>;

export type ArchName = keyof typeof ARCHITECTURES;

export const isArch = (name: string): name is ArchName => Object.hasOwn(ARCHITECTURES, name);

export const ARCH_NAMES = Object.keys(ARCHITECTURES) as readonly ArchName[];

/** Number of a call on an architecture, or undefined where it has none (open on aarch64). */
export const numberOf = (arch: ArchName, name: string): number | undefined =>
  ARCHITECTURES[arch].numbers().find(([, n]) => n === name)?.[0];
