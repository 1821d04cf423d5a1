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
  runs: () => -1,
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

  /** Blocks by index, so that copies of one address can be told apart. */
  const indexed = (code: Map<number, Insn>, entry: number, words = new Map<number, number>()) => {
    const r = discover(entry, { ...guest(code), word: (at) => words.get(at) ?? null });
    return (r?.blocks ?? []).map((b) => [b.ip, b.succs]);
  };

  test('a small callee stands in the place of each of its calls, and returns to behind it', () => {
    const code = program(100, ['call', 900], ['call', 900], 'return');
    for (const [ip, i] of program(900, 'next', 'return')) code.set(ip, i);
    expect(indexed(code, 100)).toEqual([
      [100, [3]],
      [101, [4]],
      [102, []],
      [900, [1]],
      [900, [2]],
    ]);
    expect(discover(100, guest(code))?.callees).toEqual([]);
  });

  test('a function that calls itself stands in its own place once', () => {
    const code = program(100, ['branch', 103], ['call', 100], 'next', 'return');
    expect(indexed(code, 100)).toEqual([
      [100, [3, 1]],
      [101, [4]],
      [102, [3]],
      [103, []],
      [100, [7, 5]],
      [101, [6]],
      [102, [7]],
      [103, [2]],
    ]);
    expect(discover(100, guest(code))?.callees).toEqual([100]);
  });

  test('callees that are large, never come back, or jump who knows where are called', () => {
    const callees: (Flow | [Flow, number])[][] = [
      [...Array.from({ length: 40 }, (): Flow => 'next'), 'return'],
      [['jump', 900]],
      ['indirect-jump', 'return'],
    ];
    for (const body of callees) {
      const code = program(100, ['call', 900], 'return');
      for (const [ip, i] of program(900, ...body)) code.set(ip, i);
      expect(discover(100, guest(code))?.callees).toEqual([900]);
    }
  });

  test('a stub is followed to where its word leads', () => {
    const code = program(100, ['call', 500], 'return', 'indirect-jump');
    const jump = code.get(102) as Insn;
    const slot: Operand = {
      kind: 'mem',
      slot: 0,
      width: 64,
      base: -1,
      index: -1,
      scale: 0,
      disp: 4096,
      segment: null,
      addressWidth: 64,
      ripRelative: true,
    };
    code.set(500, { ...jump, ip: 500, next: 501, operands: [slot] });
    for (const [ip, i] of program(900, 'return')) code.set(ip, i);
    const words = new Map([
      [4096, 900],
      [4100, 0],
    ]);
    expect(indexed(code, 100, words)).toEqual([
      [100, [2]],
      [101, []],
      [900, [1]],
    ]);
    expect(indexed(code, 100)[0]).toEqual([100, [1]]);
  });

  test('pages are those of every byte read', () => {
    const code = program(0x1fff, 'next', 'return');
    expect(discover(0x1fff, guest(code))?.pages).toEqual([1, 2]);
  });

  test('nothing to decode at the entry is no region', () => {
    expect(discover(5, guest(new Map()))).toBeNull();
  });
});
