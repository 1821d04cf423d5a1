// Reading and judging ELF headers, as the kernel's fs/binfmt_elf.c does: nothing here trusts the file. The
// loader (load.ts) only sees images that passed.

import {
  EHDR,
  EI_CLASS,
  EI_DATA,
  ELFCLASS32,
  ELFCLASS64,
  ELFDATA2LSB,
  EM_386,
  EM_X86_64,
  ET_CORE,
  ET_DYN,
  ET_EXEC,
  ET_REL,
  MACHINES,
  PF_R,
  PF_W,
  PF_X,
  PHDR,
  PT_GNU_STACK,
  PT_INTERP,
  PT_LOAD,
} from '../../abi/elf.ts';
import { EINVAL, EIO, ENOEXEC } from '../../abi/errno.ts';
import { PROT_EXEC, PROT_READ, PROT_WRITE } from '../../abi/mman.ts';
import { PAGE, pageDown, TASK_SIZE } from '../mm/layout.ts';
import type { Block } from '../wait.ts';

/** Bytes of a file at an offset: as many as there are up to n, -errno, or a Block. */
export type ReadAt = (offset: number, n: number) => Uint8Array | number | Block;

export interface Segment {
  readonly vaddr: number;
  readonly offset: number;
  readonly filesz: number;
  readonly memsz: number;
  readonly prot: number;
  readonly align: number;
}

export interface Image {
  /** ET_DYN: may lie anywhere. */
  readonly movable: boolean;
  readonly entry: number;
  /** Virtual address of the program headers in the image, 0 when no segment holds them. */
  readonly phdr: number;
  readonly phnum: number;
  readonly segments: readonly Segment[];
  /** Path of the interpreter, a byte string, or null. */
  readonly interpreter: string | null;
  readonly executableStack: boolean;
  /** First page of the lowest segment, and the end of the highest. */
  readonly low: number;
  readonly high: number;
}

const PATH_MAX = 4096;
const MAX_HEADERS = 65536;

export const isElf = (b: Uint8Array): boolean =>
  b.length >= 4 && b[0] === 0x7f && b[1] === 0x45 && b[2] === 0x4c && b[3] === 0x46;

const protOf = (flags: number): number =>
  (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) | (flags & PF_X ? PROT_EXEC : 0);

/** Where a segment lies is possible in 47 bits. Sums of hostile values lose bits but stay huge. */
const plausible = (s: Segment): boolean =>
  s.vaddr < TASK_SIZE &&
  s.filesz <= s.memsz &&
  s.memsz <= TASK_SIZE &&
  s.vaddr <= TASK_SIZE - s.memsz &&
  s.offset + s.filesz <= Number.MAX_SAFE_INTEGER;

/** Parses a program: `head` is the start of the file. -ENOEXEC when it is no program of this machine. */
export const parseElf = (head: Uint8Array, readAt: ReadAt): Image | number | Block => {
  if (!isElf(head) || head.length < EHDR.size) return -ENOEXEC;
  const h = EHDR.decode(head);
  if (head[EI_CLASS] !== ELFCLASS64 || head[EI_DATA] !== ELFDATA2LSB) return -ENOEXEC;
  if (h.e_machine !== EM_X86_64 || (h.e_type !== ET_EXEC && h.e_type !== ET_DYN)) return -ENOEXEC;
  const bytes = h.e_phnum * PHDR.size;
  if (h.e_phentsize !== PHDR.size || bytes === 0 || bytes > MAX_HEADERS) return -ENOEXEC;
  const table = readAt(h.e_phoff, bytes);
  if (typeof table === 'number') return -ENOEXEC;
  if (!(table instanceof Uint8Array)) return table;
  if (table.length < bytes) return -ENOEXEC;

  const segments: Segment[] = [];
  let interpreter: string | null = null;
  let executableStack = false;
  let phdr = 0;
  for (let i = 0; i < h.e_phnum; i++) {
    const p = PHDR.decode(table, i * PHDR.size);
    if (p.p_type === PT_GNU_STACK) executableStack = (p.p_flags & PF_X) !== 0;
    else if (p.p_type === PT_INTERP && interpreter === null) {
      if (p.p_filesz > PATH_MAX || p.p_filesz < 2) return -ENOEXEC;
      const name = readAt(p.p_offset, p.p_filesz);
      if (typeof name === 'number') return name;
      if (!(name instanceof Uint8Array)) return name;
      if (name.length < p.p_filesz) return -EIO;
      if (name[p.p_filesz - 1] !== 0) return -ENOEXEC;
      interpreter = String.fromCharCode(...name.subarray(0, name.indexOf(0)));
    } else if (p.p_type === PT_LOAD) {
      const s: Segment = {
        vaddr: p.p_vaddr,
        offset: p.p_offset,
        filesz: p.p_filesz,
        memsz: p.p_memsz,
        prot: protOf(p.p_flags),
        align: p.p_align,
      };
      if (!plausible(s)) return -EINVAL;
      // The page offset in the file and in memory must agree, or no mapping can serve both.
      if (s.filesz > 0 && (s.offset - s.vaddr) % PAGE !== 0) return -EINVAL;
      segments.push(s);
      if (s.offset <= h.e_phoff && h.e_phoff < s.offset + s.filesz) phdr = h.e_phoff - s.offset + s.vaddr;
    }
  }
  const first = segments[0];
  if (first === undefined) return -EINVAL;
  let low = Number.POSITIVE_INFINITY;
  let high = 0;
  for (const s of segments) {
    low = Math.min(low, pageDown(s.vaddr));
    high = Math.max(high, s.vaddr + s.memsz);
  }
  if (high <= low) return -EINVAL;
  return {
    movable: h.e_type === ET_DYN,
    entry: h.e_entry,
    phdr,
    phnum: h.e_phnum,
    segments,
    interpreter,
    executableStack,
    low,
    high,
  };
};

/**
 * Why a file is not a program that runs here, for people: e.g. "AArch64 program; this machine runs x86-64".
 * Null when its header is that of an x86-64 program. `bytes` is the start of the file (64 bytes are enough).
 */
export const describeElf = (bytes: Uint8Array): string | null => {
  if (bytes.length === 0) return 'empty file';
  if (!isElf(bytes)) {
    if (bytes[0] === 0x23 && bytes[1] === 0x21) return null;
    if (bytes[0] === 0x4d && bytes[1] === 0x5a)
      return 'Windows program (PE); this machine runs Linux programs for x86-64';
    const word = ((bytes[0] ?? 0) << 24) | ((bytes[1] ?? 0) << 16) | ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);
    if ([0xcffaedfe, 0xcefaedfe, 0xcafebabe].includes(word >>> 0))
      return 'macOS program (Mach-O) or Java class; this machine runs Linux programs for x86-64';
    return 'neither an ELF program nor a script that begins with #!';
  }
  if (bytes.length < 20) return 'truncated ELF header';
  const big = bytes[EI_DATA] !== ELFDATA2LSB;
  const u16 = (at: number): number =>
    big ? ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0) : (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  const machine = u16(18);
  const type = u16(16);
  const bits = bytes[EI_CLASS] === ELFCLASS32 ? 32 : 64;
  if (machine !== EM_X86_64 || big) {
    const name = MACHINES[machine] ?? `machine ${machine}`;
    const order =
      big && machine !== 2 && machine !== 43 && machine !== 22 && machine !== 4 ? ' (big-endian)' : '';
    const width = machine === EM_386 ? ' (32-bit)' : machine === 243 || machine === 258 ? ` ${bits}-bit` : '';
    return `${name}${width}${order} program; this machine runs x86-64`;
  }
  if (bits === 32)
    return 'x32 program (32-bit pointers on x86-64); this machine runs x86-64 with 64-bit pointers';
  if (type === ET_REL) return 'object file, not linked yet';
  if (type === ET_CORE) return 'core dump, not a program';
  if (type !== ET_EXEC && type !== ET_DYN) return `ELF file of type ${type}, not a program`;
  if (bytes.length < EHDR.size) return 'truncated ELF header';
  return null;
};
