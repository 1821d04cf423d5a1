// Every row of the opcode table that the vector semantics cover becomes valid WebAssembly, with register
// and with memory operands, in fast and in exact code.

import { expect, test } from 'vitest';
import { importCore } from '../../core/core-module.ts';
import type { Insn, Operand } from '../../decode/insn.ts';
import { METHOD, TYPE, WIDTHS } from '../../decode/operand-spec.ts';
import type { TableRow } from '../../decode/row.ts';
import { rows } from '../../decode/table.ts';
import { InterpEmit } from '../../interp/interp-emit.ts';
import { ModuleBuilder } from '../../wasm/module.ts';
import { simdHelpers, simdSemantics } from './index.ts';

const features = new Set(['mmx', 'sse', 'sse2', 'sse3', 'ssse3', 'sse4.1', 'sse4.2']);
const meanings = simdSemantics();
const mine = rows.filter((r) => r.semantics in meanings);

const operandOf = (row: TableRow, slot: number, memory: boolean, size: number, imm: number): Operand => {
  const spec = row.operands[slot];
  if (!spec) throw new Error('no operand');
  const bits = (type: number): number => WIDTHS[type * 3 + size] ?? 0;
  const modrmRm = spec.method === METHOD.E || spec.method === METHOD.W || spec.method === METHOD.Q;
  if (modrmRm && memory) {
    const at = {
      base: 3,
      index: -1,
      scale: 0,
      disp: 8,
      segment: null,
      addressWidth: 64,
      ripRelative: false,
    } as const;
    return { kind: 'mem', slot, width: bits(spec.memType), ...at };
  }
  const width = bits(spec.type);
  switch (spec.method) {
    case METHOD.V:
    case METHOD.W:
      return { kind: 'xmm', slot, width: width || 128, reg: 1 + slot };
    case METHOD.P:
    case METHOD.Q:
      return { kind: 'mm', slot, width: width || 64, reg: 1 + slot };
    case METHOD.uI:
      return { kind: 'imm', slot, width: 8, value: imm };
    case METHOD.E:
    case METHOD.G:
      return { kind: 'reg', slot, width: width as 32 | 64, reg: 1 + slot, high: false };
    default:
      throw new Error(`${row.text}: ${spec.text}`);
  }
};

const variants = (row: TableRow): Insn[] => {
  const out: Insn[] = [];
  const memories = row.mod === 'any' ? [false, true] : [row.mod === 'mem'];
  const imms = row.operands.some((o) => o.method === METHOD.uI) ? [0, 1, 7, 0x1b, 0x4e, 0xd9, 0xff] : [0];
  const sizes = row.operands.some((o) => o.type === TYPE.y || o.memType === TYPE.y) ? [1, 2] : [1];
  for (const memory of memories)
    for (const imm of imms)
      for (const size of sizes) {
        const operands = row.operands.map((_, n) => operandOf(row, n, memory, size, imm));
        const fixed = { width: 32, ip: 0, length: 4, next: 4, lock: false, rep: 'none' } as const;
        out.push({ row, operands, ...fixed, addressWidth: 64, segment: null, form: 0 });
      }
  return out;
};

test('each row of MMX to SSE4.2 has a meaning', () => {
  const elsewhere = new Set([
    'crc32',
    'popcnt',
    'nop',
    'lfence',
    'mfence',
    'sfence',
    'fxsave',
    'fxrstor',
    'fisttp',
  ]);
  const missing = rows.filter(
    (r) => features.has(r.feature ?? '') && !(r.semantics in meanings) && !elsewhere.has(r.semantics),
  );
  expect(missing.map((r) => r.text)).toEqual([]);
});

test.each([false, true])('each row becomes valid wasm, exact: %s', (exactFp) => {
  const wrong: string[] = [];
  const helpersUsed = new Set<string>();
  const assemble = (insns: readonly Insn[]): Uint8Array => {
    const mb = new ModuleBuilder();
    const core = importCore(mb, 'handlers');
    for (const insn of insns) {
      const tail = (): void => {};
      const emit = new InterpEmit(insn, core, tail, exactFp, (name) => helpersUsed.add(name).size);
      meanings[insn.row.semantics]?.(emit, insn);
      emit.code.unreachable();
      mb.func(['i32'], ['i32'], emit.code);
    }
    return mb.finish();
  };
  for (const row of mine) {
    try {
      if (!WebAssembly.validate(assemble(variants(row)) as BufferSource)) wrong.push(row.text);
    } catch (error) {
      wrong.push(`${row.text}: ${error}`);
    }
  }
  expect(wrong).toEqual([]);
  expect([...helpersUsed].filter((name) => !(name in simdHelpers()))).toEqual([]);
});
