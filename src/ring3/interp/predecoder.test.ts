// The predecoder against decoder and op writer, which iced-x86 and the real processor are compared with.

import { expect, test } from 'vitest';
import { decode, flowNumber } from '../decode/decoder.ts';
import { instances } from '../decode/encode.ts';
import type { Insn } from '../decode/insn.ts';
import { METHOD } from '../decode/operand-spec.ts';
import { rowAt, rows } from '../decode/table.ts';
import { ModuleBuilder } from '../wasm/module.ts';
import { OP_BYTES, writeOp } from './op.ts';
import { definePredecoder } from './predecoder.ts';
import {
  HANDLERS_AT,
  PREDECODED_FORMS,
  type Predecode,
  predecoded,
  READ_AHEAD,
  RESULT,
  writePredecoderTables,
} from './predecoder-tables.ts';

const TABLES = 0x10000;
const CODE = 0x5000;
const OPS = 0x8000;
const FIRST_HANDLER = 8;

const memory = new WebAssembly.Memory({ initial: 8 });
const u8 = new Uint8Array(memory.buffer);
const u32 = new Uint32Array(memory.buffer);
const predecode = ((): Predecode => {
  const mb = new ModuleBuilder();
  mb.importMemory('k', 'memory');
  definePredecoder(mb, FIRST_HANDLER);
  const module = new WebAssembly.Module(mb.finish() as BufferSource);
  return new WebAssembly.Instance(module, { k: { memory } }).exports.predecode as Predecode;
})();
writePredecoderTables(u8, TABLES);
// As if every form had a handler, whose number tells the form.
const handlers = new Uint16Array(memory.buffer, TABLES + HANDLERS_AT, PREDECODED_FORMS);
const handlerOf = (form: number): number => FIRST_HANDLER + (predecoded(u8, TABLES, form) % 65000);
for (let n = 0; n < PREDECODED_FORMS; n++) handlers[n] = FIRST_HANDLER + (n % 65000);

const wordsAt = (op: number): number[] => [...u32.subarray(op >>> 2, (op + OP_BYTES) >>> 2)];

/** The op by way of the decoder, or why there is none. */
const expected = (bytes: Uint8Array, ip: number): { words: number[]; insn: Insn } | string => {
  const insn = decode(bytes, 0, ip, 15);
  if ('error' in insn) return insn.error;
  u32.fill(0, OPS >>> 2, (OPS + OP_BYTES) >>> 2);
  writeOp(u32, OPS, handlerOf(insn.form), insn);
  return { words: wordsAt(OPS), insn };
};
/** Control, debug and segment registers by ModRM. */
const RARE: readonly number[] = [METHOD.C, METHOD.D, METHOD.S];
const leftToOthers = ({ row, form }: Insn): boolean =>
  predecoded(u8, TABLES, form) < 0 || rowAt(row.id).operands.some((o) => RARE.includes(o.method));
/** Addresses of MOV moffs beyond 2^53, which the decoder rounds: no program can use them. */
const rounded = ({ operands }: Insn): boolean =>
  operands.some((o) => o.kind === 'mem' && !Number.isSafeInteger(o.disp));

/** What differs, or null. */
const difference = (bytes: Uint8Array, ip: number): string | null => {
  const hex = (): string => Buffer.from(bytes).toString('hex');
  const want = expected(bytes, ip);
  u8.set(bytes, CODE);
  u32.fill(0xdeadbeef, OPS >>> 2, (OPS + OP_BYTES) >>> 2);
  const result = predecode(CODE, ip, OPS, 1, TABLES);
  const flow = (result >>> RESULT.flowShift) & RESULT.flow;
  const stopped = (result & RESULT.insns) === 0 && flow === RESULT.stop && result >>> RESULT.bytesShift === 0;
  if (typeof want === 'string') return stopped ? null : `${hex()}: read, but ${want}`;
  if (leftToOthers(want.insn)) return stopped ? null : `${hex()}: read: ${want.insn.row.text}`;
  if (rounded(want.insn)) return null;
  if (stopped) return `${hex()}: not read: ${want.insn.row.text}`;
  if (result >>> RESULT.bytesShift !== want.insn.length) return `${hex()}: length`;
  if (flow !== flowNumber(want.insn)) return `${hex()}: flow ${flow}`;
  const words = wordsAt(OPS);
  return words.every((w, i) => w === want.words[i])
    ? null
    : `${hex()} ${want.insn.row.text}: ${words.map((w) => w.toString(16))}, not ${want.words.map((w) => w.toString(16))}`;
};

let seed = 1;
const random = (): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};

test('an instance of every row becomes the op that the decoder makes of it', () => {
  const differences = rows
    .flatMap((row) => instances(row, random, { index: 9, address32: true }))
    .map(({ bytes }) => {
      const padded = new Uint8Array(READ_AHEAD);
      padded.set(bytes);
      return difference(padded, 0x7f12_3456_7000);
    });
  expect(differences.filter((d) => d !== null)).toEqual([]);
});

test('random bytes are read as the decoder reads them', () => {
  const bytes = new Uint8Array(READ_AHEAD);
  const differences: string[] = [];
  const prefixes = [0x66, 0xf2, 0xf3, 0xf0, 0x64, 0x65, 0x67, 0x2e, 0x48, 0x41, 0x4c, 0x0f];
  for (let n = 0; n < 200_000; n++) {
    for (let i = 0; i < bytes.length; i++) bytes[i] = random() * 256;
    for (let i = 0; random() < 0.5; i++)
      bytes[i] = prefixes[Math.floor(random() * prefixes.length)] as number;
    const d = difference(bytes, Math.floor(random() * 2 ** 47));
    if (d !== null) differences.push(d);
  }
  expect(differences).toEqual([]);
});

test('prefixes without end are too long', () => {
  expect(difference(new Uint8Array(READ_AHEAD).fill(0x66), 0)).toBeNull();
  expect(difference(new Uint8Array(READ_AHEAD).fill(0x48), 0)).toBeNull();
});

test('a stretch ends with the first instruction that may go elsewhere, after `most`, and at the end of the page', () => {
  const nops = (at: number): void => void u8.fill(0x90, at, at + 64);
  nops(CODE);
  u8[CODE + 5] = 0xc3;
  const all = predecode(CODE, 0, OPS, 48, TABLES);
  expect([all & 255, (all >>> 8) & 255, all >>> 16]).toEqual([6, 4, 6]);
  const four = predecode(CODE, 0, OPS, 4, TABLES);
  expect([four & 255, (four >>> 8) & 255, four >>> 16]).toEqual([4, 0, 4]);
  const end = CODE + 0x1000;
  nops(end - 32);
  u8.set([0xb8, 1, 0, 0, 0], end - 5);
  const rest = predecode(end - 32, 0, OPS, 48, TABLES);
  expect([rest & 255, (rest >>> 8) & 255, rest >>> 16]).toEqual([28, RESULT.stop, 32]);
  u8.set([0x90, 0xb8, 1, 0, 0, 0], end - 5);
  const crossing = predecode(end - 32, 0, OPS, 48, TABLES);
  expect([crossing & 255, (crossing >>> 8) & 255, crossing >>> 16]).toEqual([28, RESULT.stop, 28]);
  const ofAll = memory.buffer.byteLength;
  nops(ofAll - 64);
  const atTheEnd = predecode(ofAll - 64, 0, OPS, 48, TABLES);
  expect([atTheEnd & 255, atTheEnd >>> 16]).toEqual([33, 33]);
});
