// The image of the vDSO (vdso(7)): an ELF shared object, whose code is assembled by hand, with the mnemonics beside the
// bytes. Where the processor's time stamp counter is the machine's monotonic clock in ns, the time is computed from it;
// elsewhere the code makes the real call. The build puts the bytes in this file's place (gen/build.mjs).

import { EHDR, EM_X86_64, ET_DYN, PF_R, PF_X, PHDR, PT_DYNAMIC, PT_LOAD } from '../../abi/elf.ts';
import { PAGE } from '../mm/layout.ts';

const TEXT = 0x600;

/** Functions of the image: name, and lines of bytes. `@@` is the displacement from the next instruction to the data page. */
const FUNCTIONS: readonly { readonly name: string; readonly code: string }[] = [
  {
    name: 'clock_gettime',
    code: `
      4c 8d 05 @@           lea r8, [data]
      83 ff 07              cmp edi, 7
      77 41                 ja call
      41 83 38 00           cmp dword [r8], MODE_SYSCALL
      74 3b                 je call
      45 31 c9              xor r9d, r9d
      b8 d2 00 00 00        mov eax, 0xd2         ; MONOTONIC, _RAW, _COARSE and BOOTTIME
      0f a3 f8              bt eax, edi
      72 0e                 jc read
      b8 21 00 00 00        mov eax, 0x21         ; REALTIME and REALTIME_COARSE
      0f a3 f8              bt eax, edi
      73 24                 jnc call
      4d 8b 48 08           mov r9, [r8 + realtime]
      0f 31                 read: rdtsc
      48 c1 e2 20           shl rdx, 32
      48 09 d0              or rax, rdx
      4c 01 c8              add rax, r9
      31 d2                 xor edx, edx
      b9 00 ca 9a 3b        mov ecx, 1000000000
      48 f7 f1              div rcx
      48 89 06              mov [rsi], rax
      48 89 56 08           mov [rsi + 8], rdx
      31 c0                 xor eax, eax
      c3                    ret
      b8 e4 00 00 00        call: mov eax, 228
      0f 05                 syscall
      c3                    ret`,
  },
  {
    name: 'gettimeofday',
    code: `
      4c 8d 05 @@           lea r8, [data]
      41 83 38 00           cmp dword [r8], MODE_SYSCALL
      74 36                 je call
      48 85 f6              test rsi, rsi         ; a time zone is asked for
      75 31                 jnz call
      48 85 ff              test rdi, rdi
      74 2c                 jz call
      0f 31                 rdtsc
      48 c1 e2 20           shl rdx, 32
      48 09 d0              or rax, rdx
      49 03 40 08           add rax, [r8 + realtime]
      31 d2                 xor edx, edx
      b9 00 ca 9a 3b        mov ecx, 1000000000
      48 f7 f1              div rcx
      48 89 07              mov [rdi], rax
      89 d0                 mov eax, edx
      31 d2                 xor edx, edx
      b9 e8 03 00 00        mov ecx, 1000
      f7 f1                 div ecx
      48 89 47 08           mov [rdi + 8], rax
      31 c0                 xor eax, eax
      c3                    ret
      b8 60 00 00 00        call: mov eax, 96
      0f 05                 syscall
      c3                    ret`,
  },
  {
    name: 'time',
    code: `
      4c 8d 05 @@           lea r8, [data]
      41 83 38 00           cmp dword [r8], MODE_SYSCALL
      74 20                 je call
      0f 31                 rdtsc
      48 c1 e2 20           shl rdx, 32
      48 09 d0              or rax, rdx
      49 03 40 08           add rax, [r8 + realtime]
      31 d2                 xor edx, edx
      b9 00 ca 9a 3b        mov ecx, 1000000000
      48 f7 f1              div rcx
      48 85 ff              test rdi, rdi
      74 03                 jz done
      48 89 07              mov [rdi], rax
      c3                    done: ret
      b8 c9 00 00 00        call: mov eax, 201
      0f 05                 syscall
      c3                    ret`,
  },
  {
    name: 'getcpu',
    code: `
      48 85 ff              test rdi, rdi
      74 06                 jz node
      c7 07 00 00 00 00     mov dword [rdi], 0
      48 85 f6              node: test rsi, rsi
      74 06                 jz done
      c7 06 00 00 00 00     mov dword [rsi], 0
      31 c0                 done: xor eax, eax
      c3                    ret`,
  },
  {
    name: 'clock_getres',
    code: `
      b8 e5 00 00 00        mov eax, 229
      0f 05                 syscall
      c3                    ret`,
  },
];

/** The bytes of a function placed at `at`. */
const assemble = (code: string, at: number): number[] => {
  const out: number[] = [];
  for (const line of code.split('\n')) {
    for (const token of line.slice(0, 28).trim().split(/\s+/)) {
      if (token === '@@') {
        const displacement = -PAGE - (at + out.length + 4);
        for (let i = 0; i < 4; i++) out.push((displacement >> (8 * i)) & 0xff);
      } else if (token !== '') out.push(Number.parseInt(token, 16));
    }
  }
  return out;
};

const elfHash = (name: string): number => {
  let h = 0;
  for (let i = 0; i < name.length; i++) {
    h = ((h << 4) + name.charCodeAt(i)) >>> 0;
    const g = h & 0xf0000000;
    h = (h ^ (g >>> 24)) & ~g;
  }
  return h >>> 0;
};

const DT = {
  hash: 4,
  strtab: 5,
  symtab: 6,
  strsz: 10,
  syment: 11,
  soname: 14,
  versym: 0x6ffffff0,
  verdef: 0x6ffffffc,
  verdefnum: 0x6ffffffd,
} as const;

/** The image: one page, a shared object with the version LINUX_2.6. */
export const buildVdso = (): Uint8Array => {
  const image = new Uint8Array(PAGE);
  const dv = new DataView(image.buffer);
  let names = '\0';
  const name = (s: string): number => {
    const at = names.length;
    names += `${s}\0`;
    return at;
  };
  const soname = name('linux-vdso.so.1');
  const version = name('LINUX_2.6');

  let text = TEXT;
  const symbols: { name: number; value: number; size: number; bind: number; hash: number }[] = [];
  for (const f of FUNCTIONS) {
    const bytes = assemble(f.code, text);
    image.set(bytes, text);
    for (const [label, bind] of [
      [`__vdso_${f.name}`, 1],
      [f.name, 2],
    ] as const)
      symbols.push({ name: name(label), value: text, size: bytes.length, bind, hash: elfHash(label) });
    text = (text + bytes.length + 15) & ~15;
  }

  const phnum = 2;
  const symtab = EHDR.size + phnum * PHDR.size;
  const count = symbols.length + 1;
  symbols.forEach((s, i) => {
    const at = symtab + (i + 1) * 24;
    dv.setUint32(at, s.name, true);
    image[at + 4] = (s.bind << 4) | 2;
    dv.setUint16(at + 6, 1, true);
    dv.setUint32(at + 8, s.value, true);
    dv.setUint32(at + 16, s.size, true);
  });
  let at = symtab + count * 24;
  const hash = at;
  // One bucket: every symbol in one chain.
  dv.setUint32(hash, 1, true);
  dv.setUint32(hash + 4, count, true);
  dv.setUint32(hash + 8, 1, true);
  for (let i = 1; i < count; i++) dv.setUint32(hash + 12 + i * 4, i + 1 < count ? i + 1 : 0, true);
  at = hash + 12 + count * 4;
  const versym = at;
  for (let i = 1; i < count; i++) dv.setUint16(versym + i * 2, 2, true);
  at = (versym + count * 2 + 7) & ~7;
  const verdef = at;
  const defineVersion = (index: number, flags: number, label: number, text: string, next: number): void => {
    dv.setUint16(at, 1, true);
    dv.setUint16(at + 2, flags, true);
    dv.setUint16(at + 4, index, true);
    dv.setUint16(at + 6, 1, true);
    dv.setUint32(at + 8, elfHash(text), true);
    dv.setUint32(at + 12, 20, true);
    dv.setUint32(at + 16, next, true);
    dv.setUint32(at + 20, label, true);
    at += 28;
  };
  defineVersion(1, 1, soname, 'linux-vdso.so.1', 28);
  defineVersion(2, 0, version, 'LINUX_2.6', 0);
  at = (at + 7) & ~7;
  const dynamic = at;
  const strtab = dynamic + 10 * 16;
  const entries: [number, number][] = [
    [DT.soname, soname],
    [DT.hash, hash],
    [DT.strtab, strtab],
    [DT.symtab, symtab],
    [DT.strsz, names.length],
    [DT.syment, 24],
    [DT.versym, versym],
    [DT.verdef, verdef],
    [DT.verdefnum, 2],
    [0, 0],
  ];
  for (const [tag, value] of entries) {
    dv.setUint32(at, tag, true);
    dv.setUint32(at + 8, value, true);
    at += 16;
  }
  for (let i = 0; i < names.length; i++) image[strtab + i] = names.charCodeAt(i);

  image.set(
    EHDR.encode({
      e_ident: Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1),
      e_type: ET_DYN,
      e_machine: EM_X86_64,
      e_version: 1,
      e_phoff: EHDR.size,
      e_ehsize: EHDR.size,
      e_phentsize: PHDR.size,
      e_phnum: phnum,
    }),
  );
  const header = (i: number, type: number, flags: number, from: number, size: number): void =>
    image.set(
      PHDR.encode({
        p_type: type,
        p_flags: flags,
        p_offset: from,
        p_vaddr: from,
        p_paddr: from,
        p_filesz: size,
        p_memsz: size,
        p_align: type === PT_LOAD ? PAGE : 8,
      }),
      EHDR.size + i * PHDR.size,
    );
  header(0, PT_LOAD, PF_R | PF_X, 0, text);
  header(1, PT_DYNAMIC, PF_R, dynamic, entries.length * 16);
  return image;
};
