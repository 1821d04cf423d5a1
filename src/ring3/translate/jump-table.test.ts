import { describe, expect, test } from 'vitest';
import { decode } from '../decode/decoder.ts';
import type { Insn } from '../decode/insn.ts';
import { type JumpTable, jumpTable } from './jump-table.ts';

// As gcc 12 and clang 14 write them, by `objdump -d`.
const CODE = 0x401000;
const TABLE = 0x402000;

/** The table of the jump at the end of straight code; `words` is the data behind TABLE. */
const tableOf = (hex: string, words: readonly number[]): JumpTable | null => {
  const bytes = Uint8Array.from(hex.trim().split(/\s+/), (b) => Number.parseInt(b, 16));
  const insns: Insn[] = [];
  for (let at = 0; at < bytes.length; ) {
    const i = decode(bytes, at, CODE + at, bytes.length - at);
    if ('error' in i) throw new Error(i.error);
    insns.push(i);
    at += i.length;
  }
  const jump = insns.at(-1) as Insn;
  return jumpTable(jump, insns.slice(0, -1).reverse(), insns, {
    insn: (ip) => (ip >= CODE && ip < CODE + 0x100 ? (insns[0] as Insn) : null),
    word: (address) => words[(address - TABLE) / 4] ?? null,
    ran: () => true,
    runs: () => -1,
    cautious: () => false,
    register: () => 0,
    translated: () => false,
  });
};
const offsets = (...targets: number[]): number[] => targets.map((t) => (t - TABLE) >>> 0);
const pointers = (...targets: number[]): number[] => targets.flatMap((t) => [t, 0]);

const LEA_TABLE_RDX = '48 8d 15 f9 0f 00 00'; // lea rdx, [rip + 0xff9], at CODE

describe('jump tables', () => {
  test('offsets from the table: movslq (%rdx,%rax,4),%rax; add %rdx,%rax; jmp *%rax', () => {
    expect(
      tableOf(`${LEA_TABLE_RDX} 48 63 04 82 48 01 d0 ff e0`, offsets(CODE + 0x20, CODE + 0x40, CODE + 0x20)),
    ).toEqual({ address: TABLE, targets: [CODE + 0x20, CODE + 0x40] });
  });

  test('a comparison with the greatest index bounds the table: cmp $1,%eax; ja', () => {
    const targets = offsets(CODE + 0x20, CODE + 0x40, CODE + 0x60);
    expect(tableOf(`${LEA_TABLE_RDX} 83 f8 01 77 20 48 63 04 82 48 01 d0 ff e0`, targets)?.targets).toEqual([
      CODE + 0x20,
      CODE + 0x40,
    ]);
  });

  test('what is no code near the jump ends the table', () => {
    expect(
      tableOf(`${LEA_TABLE_RDX} 48 63 04 82 48 01 d0 ff e0`, offsets(CODE + 0x20, 0x7f000000, CODE + 0x40))
        ?.targets,
    ).toEqual([CODE + 0x20]);
  });

  test('addresses in a table at a fixed place: jmp *0x402000(,%rax,8)', () => {
    expect(tableOf('ff 24 c5 00 20 40 00', pointers(CODE + 0x20, CODE + 0x40))).toEqual({
      address: TABLE,
      targets: [CODE + 0x20, CODE + 0x40],
    });
  });

  test('the same through a register: mov 0x402000(,%rax,8),%rdx; mov $1,%eax; jmp *%rdx', () => {
    const code = '48 8b 14 c5 00 20 40 00 b8 01 00 00 00 ff e2';
    expect(tableOf(code, pointers(CODE + 0x20))?.targets).toEqual([CODE + 0x20]);
  });

  test('addresses in a table whose base is in a register: jmp *(%rdx,%rax,8), and mov, jmp *%rcx', () => {
    const words = pointers(CODE + 0x20, CODE + 0x40);
    const targets = [CODE + 0x20, CODE + 0x40];
    expect(tableOf(`${LEA_TABLE_RDX} ff 24 c2`, words)?.targets).toEqual(targets);
    expect(tableOf(`${LEA_TABLE_RDX} 48 8b 0c c2 ff e1`, words)?.targets).toEqual(targets);
  });

  test('without optimization: lea 0(,%rax,8),%rcx; mov (%rcx,%rdx,1),%rax; jmp *%rax', () => {
    const code = `${LEA_TABLE_RDX} 48 8d 0c c5 00 00 00 00 48 8b 04 11 ff e0`;
    expect(tableOf(code, pointers(CODE + 0x20, CODE + 0x40))?.targets).toEqual([CODE + 0x20, CODE + 0x40]);
  });

  test('a pointer to a function is no table: mov 8(%rbx),%rax; jmp *%rax, and jmp *%rax alone', () => {
    expect(tableOf('48 8b 43 08 ff e0', pointers(CODE))).toBeNull();
    expect(tableOf('ff e0', pointers(CODE))).toBeNull();
  });
});
