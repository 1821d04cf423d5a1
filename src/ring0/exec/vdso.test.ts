import { describe, expect, it } from 'vitest';
import { PHDR, PT_DYNAMIC } from '../../abi/elf.ts';
import { type Image, parseElf } from './elf.ts';
import { buildVdso } from './vdso-image.ts';

const image = buildVdso();
const dv = new DataView(image.buffer);
const u32 = (at: number): number => dv.getUint32(at, true);
const text = (at: number): string => {
  let s = '';
  for (let i = at; image[i] !== 0; i++) s += String.fromCharCode(image[i] ?? 0);
  return s;
};

/** The dynamic section, as a program's own lookup (musl's __vdsosym) reads it. */
const dynamic = (): Map<number, number> => {
  const tags = new Map<number, number>();
  for (let i = 0; i < 2; i++) {
    const p = PHDR.decode(image, 64 + i * PHDR.size);
    if (p.p_type !== PT_DYNAMIC) continue;
    for (let at = p.p_vaddr; u32(at) !== 0; at += 16) tags.set(u32(at), u32(at + 8));
  }
  return tags;
};

describe('the vDSO', () => {
  it('is an ELF object that the loader accepts', () => {
    const r = parseElf(image.slice(0, 256), (offset, n) => image.slice(offset, offset + n)) as Image;
    expect(r).toMatchObject({ movable: true, interpreter: null, low: 0 });
    expect(r.segments).toHaveLength(1);
  });

  it('defines every function under the version LINUX_2.6', () => {
    const tags = dynamic();
    const [hash, strtab, symtab, versym] = [4, 5, 6, 0x6ffffff0].map((t) => tags.get(t) ?? 0) as [
      number,
      number,
      number,
      number,
    ];
    const found = new Map<string, number>();
    for (let i = u32(hash + 8); i !== 0; i = u32(hash + 12 + i * 4)) {
      found.set(text(strtab + u32(symtab + i * 24)), u32(symtab + i * 24 + 8));
      expect(dv.getUint16(versym + i * 2, true)).toBe(2);
    }
    expect([...found.keys()].filter((n) => n.startsWith('__vdso_')).sort()).toEqual([
      '__vdso_clock_getres',
      '__vdso_clock_gettime',
      '__vdso_getcpu',
      '__vdso_gettimeofday',
      '__vdso_time',
    ]);
    expect(text(strtab + (tags.get(14) ?? 0))).toBe('linux-vdso.so.1');
    // Each begins with an instruction of its own, and the data page is the one before the image.
    const at = found.get('__vdso_clock_gettime') ?? 0;
    expect([...image.slice(at, at + 3)]).toEqual([0x4c, 0x8d, 0x05]);
    expect(at + 7 + dv.getInt32(at + 3, true)).toBe(-4096);
  });
});
