import { describe, expect, test } from 'vitest';
import { decode } from '../decode/decoder.ts';
import { guessEffects } from './between.ts';
import { discover, type Region } from './region.ts';
import { withStrips } from './strip-loops.ts';
import { structure } from './structure.ts';

const AT = 0x1000;

/** The region of the machine code at AT. */
const regionOf = (hex: string, runs: (ip: number) => number): Region => {
  const code = Uint8Array.from(hex.split(' ').map((byte) => Number.parseInt(byte, 16)));
  const region = discover(AT, {
    insn: (ip) => {
      const insn = decode(code, ip - AT, ip, code.length - (ip - AT));
      return 'error' in insn ? null : insn;
    },
    word: () => null,
    ran: () => true,
    runs,
    cautious: () => false,
    register: () => 0,
    translated: () => false,
  });
  if (!region) throw new Error('no code');
  return region;
};
const stripped = (hex: string, runs = (_ip: number): number => -1) => {
  const region = regionOf(hex, runs);
  const s = structure(region.blocks.map((b) => b.succs));
  return withStrips(region, s, guessEffects(region), new Set());
};
/** How many loops get a copy. */
const copies = (hex: string, runs?: (ip: number) => number): number => stripped(hex, runs).loops.length;

describe('loops for strips', () => {
  test('a loop is entered by an empty block, and has a copy that goes back to it', () => {
    // 1: mov rax,[rsi]; add rsi,8; dec rcx; jnz 1b; ret
    const { region, loops } = stripped('48 8b 06 48 83 c6 08 48 ff c9 75 f4 c3');
    expect(loops).toEqual([{ entry: 0, header: 2, copies: new Map([[2, 3]]) }]);
    expect(region.blocks.map((b) => [b.index, b.insns.length, b.succs])).toEqual([
      [0, 0, [2]],
      [1, 1, []],
      [2, 4, [2, 1, 3]],
      [3, 4, [3, 1, 0]],
    ]);
  });

  test('an address that is loaded is none that advances by a step', () => {
    // 1: mov rsi,[rsi]; dec rcx; jnz 1b; ret
    expect(copies('48 8b 36 48 ff c9 75 f8 c3')).toBe(0);
  });

  test('one that a register is added to does, where the loop leaves that alone', () => {
    // 1: mov rax,[rsi]; add rsi,rdx; dec rcx; jnz 1b; ret, and with rcx and rax for rdx
    expect(copies('48 8b 06 48 01 d6 48 ff c9 75 f5 c3')).toBe(1);
    expect(copies('48 8b 06 48 01 ce 48 ff c9 75 f5 c3')).toBe(0);
    expect(copies('48 8b 06 48 01 c6 48 ff c9 75 f5 c3')).toBe(0);
  });

  test('a loop without memory needs none', () => {
    // 1: add rax,rcx; dec rcx; jnz 1b; ret
    expect(copies('48 01 c8 48 ff c9 75 f8 c3')).toBe(0);
  });

  test('what ends after a few rounds is not worth it', () => {
    // 1: mov rax,[rsi+rcx]; add rcx,8; cmp rcx,4096; jne 1b; ret
    const hex = '48 8b 04 0e 48 83 c1 08 48 81 f9 00 10 00 00 75 ef c3';
    const ran = (times: number) => (ip: number) => (ip === AT ? 6000 : times);
    expect([5, 300, 500, 2000].map((times) => copies(hex, ran(times)))).toEqual([1, 1, 0, 0]);
  });

  test('of a loop in a loop, the inner one', () => {
    // 2: xor edx,edx; 1: mov rax,[rsi+rdx]; add rdx,8; cmp rdx,4096; jne 1b; dec rcx; jnz 2b; ret
    const hex = '31 d2 48 8b 04 16 48 83 c2 08 48 81 fa 00 10 00 00 75 ef 48 ff c9 75 e8 c3';
    const { region, loops } = stripped(hex);
    expect(loops.map((l) => region.blocks[l.entry]?.ip)).toEqual([AT + 2]);
  });

  test('where both begin at one block, too', () => {
    // jmp 1f; 2: xor edx,edx; 1: mov rax,[rsi+rdx]; add rdx,8; cmp rdx,4096; jne 1b; dec rcx; jnz 2b; ret
    const hex = 'eb 02 31 d2 48 8b 04 16 48 83 c2 08 48 81 fa 00 10 00 00 75 ef 48 ff c9 75 e8 c3';
    expect(copies(hex)).toBe(1);
  });

  test('no call, and no system call', () => {
    // 1: mov rax,[rsi]; add rsi,8; syscall; dec rcx; jnz 1b; ret
    expect(copies('48 8b 06 48 83 c6 08 0f 05 48 ff c9 75 f2 c3')).toBe(0);
  });
});
