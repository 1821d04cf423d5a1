import { describe, expect, it } from 'vitest';
import { ET_DYN, PT_GNU_STACK, PT_INTERP, PT_LOAD } from '../../abi/elf.ts';
import { EINVAL, EIO, ENOEXEC } from '../../abi/errno.ts';
import { describeElf, type Image, parseElf, type ReadAt } from './elf.ts';
import { bytesOf, elfFile, smallProgram } from './fixture.ts';

const parse = (file: Uint8Array): Image | number => {
  const readAt: ReadAt = (offset, n) =>
    offset < file.length ? file.slice(offset, offset + n) : new Uint8Array(0);
  const r = parseElf(file.slice(0, 256), readAt);
  if (typeof r !== 'number' && 'blocked' in r) throw new Error('blocked');
  return r;
};

const load = {
  p_type: PT_LOAD,
  p_flags: 5,
  p_vaddr: 0x400000,
  p_filesz: 0x100,
  p_memsz: 0x100,
  p_align: 4096,
};

describe('parseElf', () => {
  it('reads segments, entry, interpreter and the stack flag', () => {
    const image = parse(
      elfFile(
        { e_type: ET_DYN, e_entry: 0x1234 },
        [
          { p_type: PT_INTERP, p_offset: 0x300, p_filesz: 7 },
          { ...load, p_vaddr: 0 },
          { p_type: PT_LOAD, p_flags: 6, p_offset: 0x400, p_vaddr: 0x2400, p_filesz: 0x10, p_memsz: 0x5000 },
          { p_type: PT_GNU_STACK, p_flags: 7 },
        ],
        [[0x300, '/ld.so\0']],
        0x500,
      ),
    );
    expect(image).toMatchObject({
      movable: true,
      entry: 0x1234,
      interpreter: '/ld.so',
      executableStack: true,
      phdr: 64,
      phnum: 4,
      low: 0,
      high: 0x7400,
    });
  });

  it('refuses other classes, byte orders, machines and types', () => {
    const file = smallProgram();
    for (const [at, v] of [
      [0, 0],
      [4, 1],
      [5, 2],
      [16, 1],
      [16, 4],
      [18, 183],
      [54, 32],
      [56, 0],
    ] as const) {
      const bad = file.slice();
      bad[at] = v;
      expect(parse(bad)).toBe(-ENOEXEC);
    }
  });

  it('refuses truncated headers', () => {
    const file = smallProgram();
    expect(parse(file.slice(0, 63))).toBe(-ENOEXEC);
    expect(parse(file.slice(0, 100))).toBe(-ENOEXEC);
    expect(parse(smallProgram({ e_phoff: 2 ** 60 }))).toBe(-ENOEXEC);
    expect(parse(smallProgram({ e_phnum: 0xffff }))).toBe(-ENOEXEC);
  });

  it('refuses segments that cannot lie anywhere', () => {
    const wrong = (s: object): Image | number => parse(elfFile({}, [{ ...load, ...s }]));
    expect(wrong({ p_memsz: 0x80 })).toBe(-EINVAL);
    expect(wrong({ p_memsz: 2 ** 63 })).toBe(-EINVAL);
    expect(wrong({ p_vaddr: 2 ** 48 })).toBe(-EINVAL);
    expect(wrong({ p_vaddr: 0x7ffffffff000 - 0x10 })).toBe(-EINVAL);
    expect(wrong({ p_offset: 1 })).toBe(-EINVAL);
    expect(parse(elfFile({}, [{ p_type: PT_GNU_STACK }]))).toBe(-EINVAL);
  });

  it('wants the name of the interpreter whole and ended', () => {
    const named = (offset: number, n: number, size = 0x200): Image | number =>
      parse(
        elfFile({}, [{ p_type: PT_INTERP, p_offset: offset, p_filesz: n }, load], [[0x100, '/ld\0']], size),
      );
    expect(named(0x100, 4)).toMatchObject({ interpreter: '/ld' });
    expect(named(0x100, 3)).toBe(-ENOEXEC);
    expect(named(0x100, 1)).toBe(-ENOEXEC);
    expect(named(0x100, 5000)).toBe(-ENOEXEC);
    expect(named(0x1fe, 4)).toBe(-EIO);
  });
});

describe('describeElf', () => {
  it('names what a stranger brought', () => {
    const other = (at: number, v: number): string | null => {
      const f = smallProgram();
      f[at] = v;
      return describeElf(f);
    };
    expect(describeElf(smallProgram())).toBeNull();
    expect(other(18, 183)).toBe('AArch64 program; this machine runs x86-64');
    expect(other(18, 3)).toBe('i386 (32-bit) program; this machine runs x86-64');
    expect(other(18, 243)).toBe('RISC-V 64-bit program; this machine runs x86-64');
    expect(other(16, 1)).toBe('object file, not linked yet');
    expect(describeElf(bytesOf(''))).toBe('empty file');
    expect(describeElf(bytesOf('\x7fELF'))).toBe('truncated ELF header');
    expect(describeElf(bytesOf('hello'))).toBe('neither an ELF program nor a script that begins with #!');
    expect(describeElf(bytesOf('MZ\x90'))).toContain('Windows');
  });
});
