// ELF as data: constants and headers of 64-bit objects (System V gABI chapters 4 and 5, the x86-64 psABI, and
// the kernel's elf.h), with the names of the machines that a stranger's program may have been built for.

import { struct } from './struct.ts';

export const EI_CLASS = 4;
export const EI_DATA = 5;
export const ELFCLASS32 = 1;
export const ELFCLASS64 = 2;
export const ELFDATA2LSB = 1;
export const ELFDATA2MSB = 2;

export const ET_REL = 1;
export const ET_EXEC = 2;
export const ET_DYN = 3;
export const ET_CORE = 4;

export const EM_386 = 3;
export const EM_X86_64 = 62;

export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_INTERP = 3;
export const PT_NOTE = 4;
export const PT_PHDR = 6;
export const PT_TLS = 7;
export const PT_GNU_STACK = 0x6474e551;

export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;

export const EHDR = struct('Elf64_Ehdr', {
  e_ident: { bytes: 16 },
  e_type: 'u16',
  e_machine: 'u16',
  e_version: 'u32',
  e_entry: 'u64',
  e_phoff: 'u64',
  e_shoff: 'u64',
  e_flags: 'u32',
  e_ehsize: 'u16',
  e_phentsize: 'u16',
  e_phnum: 'u16',
  e_shentsize: 'u16',
  e_shnum: 'u16',
  e_shstrndx: 'u16',
});

export const PHDR = struct('Elf64_Phdr', {
  p_type: 'u32',
  p_flags: 'u32',
  p_offset: 'u64',
  p_vaddr: 'u64',
  p_paddr: 'u64',
  p_filesz: 'u64',
  p_memsz: 'u64',
  p_align: 'u64',
});

/** e_machine values that are met in practice. */
export const MACHINES: Readonly<Record<number, string>> = {
  2: 'SPARC',
  3: 'i386',
  4: 'm68k',
  8: 'MIPS',
  15: 'PA-RISC',
  18: 'SPARC32+',
  20: 'PowerPC',
  21: 'PowerPC64',
  22: 's390',
  40: 'ARM',
  42: 'SuperH',
  43: 'SPARC V9',
  50: 'IA-64',
  62: 'x86-64',
  83: 'AVR',
  93: 'ARC',
  94: 'Xtensa',
  183: 'AArch64',
  189: 'MicroBlaze',
  243: 'RISC-V',
  247: 'BPF',
  258: 'LoongArch',
};
