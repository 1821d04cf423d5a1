import { describe, expect, test } from 'vitest';
import type { Flow, Insn, Operand, Row } from '../decode/insn.ts';
import { discover } from './region.ts';

const row = (flow: Flow): Row => ({
  id: 0,
  text: flow,
  semantics: flow,
  mnemonic: flow,
  cc: -1,
  flow,
  lockable: false,
  feature: null,
  flagsWritten: 0,
  flagsRead: 0,
  flagsUndefined: 0,
  immediateInForm: false,
});

/** Instructions one after the other from `at`, each of one byte: flows, or [flow, target]. */
const program = (at: number, ...flows: (Flow | [Flow, number])[]): Map<number, Insn> =>
  new Map(
    flows.map((f, i) => {
      const [flow, target] = typeof f === 'string' ? [f, null] : f;
      const operands: Operand[] = target === null ? [] : [{ kind: 'rel', slot: 0, width: 64, target }];
      const ip = at + i;
      return [
        ip,
        {
          row: row(flow),
          width: 64,
          operands,
          ip,
          length: 1,
          next: ip + 1,
          lock: false,
          rep: 'none',
          addressWidth: 64,
          segment: null,
          form: 0,
        },
      ];
    }),
  );

const guest = (code: Map<number, Insn>) => ({
  insn: (ip: number) => code.get(ip) ?? null,
  word: () => null,
  ran: () => true,
  cautious: () => false,
  register: () => 0,
  translated: () => false,
});

const blocks = (code: Map<number, Insn>, entry: number, insns = 1500): [number, number, number[]][] => {
  const r = discover(entry, guest(code), { insns, run: insns });
  return (r?.blocks ?? []).map((b) => [b.ip, b.end, b.succs.map((s) => r?.blocks[s]?.ip ?? -1)]);
};

describe('region discovery', () => {
  test('a branch splits the straight line at its target and behind it', () => {
    const code = program(100, 'next', 'next', ['branch', 101], 'return');
    expect(blocks(code, 100)).toEqual([
      [100, 101, [101]],
      [101, 103, [101, 103]],
      [103, 104, []],
    ]);
  });

  test('calls and system calls come back, indirect jumps and returns leave', () => {
    const code = program(
      100,
      ['call', 900],
      'syscall',
      'indirect-call',
      ['branch', 105],
      'return',
      'indirect-jump',
    );
    expect(blocks(code, 100).map((b) => b[2])).toEqual([[101], [102], [103], [105, 104], [], []]);
    expect(discover(100, guest(code))?.callees).toEqual([900]);
  });

  test('code before the entry is found through a backward jump, and the entry stays block 0', () => {
    const code = program(100, 'next', 'next', ['jump', 100]);
    expect(blocks(code, 101)).toEqual([
      [101, 103, [100]],
      [100, 101, [101]],
    ]);
  });

  test('a limit keeps what is near the entry and leaves the rest outside', () => {
    const code = program(100, 'next', ['branch', 105], 'next', 'next', 'return', 'next', 'return');
    expect(blocks(code, 100, 4)).toEqual([
      [100, 102, [105]],
      [105, 107, []],
    ]);
  });

  test('a jump into the middle of an instruction decodes anew from there', () => {
    const code = program(100, 'next', ['branch', 200], 'return');
    const long = { ...(program(200, 'next').get(200) as Insn), length: 2, next: 202 };
    code.set(200, long);
    for (const [ip, i] of program(201, ['jump', 200], ['branch', 201], 'return')) code.set(ip, i);
    expect(blocks(code, 100)).toEqual([
      [100, 102, [200, 102]],
      [102, 103, []],
      [200, 203, [201, 203]],
      [201, 202, [200]],
      [203, 204, []],
    ]);
  });

  test('pages are those of every byte read', () => {
    const code = program(0x1fff, 'next', 'return');
    expect(discover(0x1fff, guest(code))?.pages).toEqual([1, 2]);
  });

  test('nothing to decode at the entry is no region', () => {
    expect(discover(5, guest(new Map()))).toBeNull();
  });
});
