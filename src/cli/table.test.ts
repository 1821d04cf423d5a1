import { describe, expect, test } from 'vitest';
import { ARCH_NAMES, ARCHITECTURES, numberOf } from '../abi/numbers/index.ts';
import { UsageError } from './options.ts';
import { table } from './table.ts';

const same = (s: string): string => s;
const colors = { bold: same, dim: same, red: same, green: same, yellow: same };
const show = (which: string | undefined, arch = 'x86_64', json = false): string => {
  let out = '';
  table(which, { arch, json }, colors, (text) => {
    out += text;
  });
  return out;
};

describe('kanmon table', () => {
  test('lists every number of the architecture', () => {
    for (const arch of ARCH_NAMES) {
      expect(show(undefined, arch).trimEnd().split('\n')).toHaveLength(ARCHITECTURES[arch].numbers().length);
    }
  });
  test('one call, by name, by number and in hex', () => {
    const one = show('write');
    expect(one).toContain('number     1 on x86_64 (rax = 1, then syscall');
    expect(one).toContain('i386 4, aarch64 64, riscv64 64');
    expect(one).toContain('rdx  count');
    expect(show('1')).toBe(one);
    expect(show('0x1')).toBe(one);
  });
  test('numbers differ, names do not', () => {
    expect(show('openat', 'aarch64')).toContain('number     56 on aarch64 (x8 = 56, then svc #0');
    expect(numberOf('aarch64', 'open')).toBeUndefined();
    expect(numberOf('riscv64', 'riscv_flush_icache')).toBe(259);
  });
  test('as JSON', () => {
    expect(JSON.parse(show('getpid', 'x86_64', true))).toMatchObject({
      number: 39,
      name: 'getpid',
      args: [],
    });
    expect(JSON.parse(show(undefined, 'i386', true))).toHaveLength(ARCHITECTURES.i386.numbers().length);
  });
  test('says where a call is that this architecture lacks', () => {
    expect(() => show('open', 'aarch64')).toThrow(/x86_64, i386: --arch x86_64/);
    expect(() => show('nonesuch')).toThrow(UsageError);
    expect(() => show('write', 'vax')).toThrow(/x86_64, i386, aarch64, riscv64/);
    expect(() => show('335')).toThrow(UsageError);
  });
});
