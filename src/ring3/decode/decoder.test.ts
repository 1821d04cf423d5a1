// The rules of prefixes and operands. Where the manual is silent, the expected values come from runs on an
// Intel processor (Sapphire Rapids).

import { expect, test } from 'vitest';
import { FLAG } from '../layout.ts';
import { decode } from './decoder.ts';
import { formParts, PLAIN_FORMS } from './form.ts';
import { formatInsn } from './format.ts';
import type { Insn } from './insn.ts';
import { insnFlags } from './row-flags.ts';
import { rows, semanticsNames } from './table.ts';

const IP = 0x1000;
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const decodeHex = (hex: string) => decode(bytesOf(hex), 0, IP, bytesOf(hex).length);

const insn = (hex: string): Insn => {
  const i = decodeHex(hex);
  if ('error' in i) throw new Error(`${hex}: ${i.error}`);
  return i;
};
const text = (hex: string): string => {
  const i = decodeHex(hex);
  return 'error' in i ? i.error : formatInsn(i);
};
const form = (hex: string): number => insn(hex).form;

const texts = (name: string, cases: Readonly<Record<string, string>>): void => {
  test(name, () => {
    for (const [hex, expected] of Object.entries(cases)) expect(text(hex), hex).toBe(expected);
  });
};

texts('REX counts only directly before the opcode, and the last one counts', {
  '48 89 c0': 'mov rax, rax',
  '48 66 89 c0': 'mov ax, ax',
  '66 48 89 c0': 'mov rax, rax',
  '48 41 89 c0': 'mov r8d, eax',
});

texts('66 is ignored with REX.W, and by near branches', {
  '66 48 05 01 00 00 00': 'add rax, 0x1',
  '66 05 01 00': 'add ax, 0x1',
  '66 e8 00 00 00 00': 'call 0x1006',
  '66 0f 84 00 00 00 00': 'je 0x1007',
  '66 c3': 'ret',
});

texts('stack operations are 64 or 16 bits wide', {
  '50': 'push rax',
  '66 50': 'push ax',
  '41 57': 'push r15',
  'ff 30': 'push qword ptr [rax]',
  '66 ff 30': 'push word ptr [rax]',
  '68 00 00 00 80': 'push -0x80000000',
  'ff d0': 'call rax',
});

texts('the last of FS and GS counts; ES, CS, SS and DS do nothing', {
  '64 65 8b 00': 'mov eax, dword ptr gs:[rax]',
  '65 64 8b 00': 'mov eax, dword ptr fs:[rax]',
  '64 3e 8b 00': 'mov eax, dword ptr fs:[rax]',
  '2e 8b 00': 'mov eax, dword ptr [rax]',
});

texts('F2 and F3 select before 66; the last of them counts', {
  '66 f3 0f 10 00': 'movss xmm0, dword ptr [rax]',
  'f3 66 0f 10 00': 'movss xmm0, dword ptr [rax]',
  'f3 f2 0f 10 00': 'movsd xmm0, qword ptr [rax]',
  'f2 f3 0f 10 00': 'movss xmm0, dword ptr [rax]',
  '66 66 0f 10 00': 'movupd xmm0, xmmword ptr [rax]',
  '66 f2 0f 38 f1 07': 'crc32 eax, word ptr [rdi]',
  'f3 0f 6e c0': 'undefined',
});

texts('90 is NOP, PAUSE with F3, XCHG with REX.B and no F3', {
  '90': 'nop',
  '66 90': 'nop',
  '48 90': 'nop',
  'f3 90': 'pause',
  '41 90': 'xchg r8d, eax',
  '49 90': 'xchg r8, rax',
  'f3 41 90': 'pause',
});

test('fifteen bytes are the most', () => {
  expect(insn(`${'66'.repeat(14)}90`).length).toBe(15);
  expect(decodeHex(`${'66'.repeat(15)}90`)).toEqual({ error: 'too-long' });
  // 11 prefixes and the four bytes of 81 /0 with imm16: 15; with one prefix more: 16.
  expect(insn(`${'66'.repeat(11)}81c00100`).length).toBe(15);
  expect(decodeHex(`${'66'.repeat(12)}81c00100`)).toEqual({ error: 'too-long' });
});

test('too few bytes are short, at every length', () => {
  for (const hex of ['f04881442410ffffff7f', '48b8ffffffffffffff7f', '660f3a0f0510000000ff', 'c8100000']) {
    const bytes = bytesOf(hex);
    for (let n = 0; n < bytes.length; n++) expect(decode(bytes, 0, IP, n)).toEqual({ error: 'short' });
    expect(decode(bytes, 0, IP, bytes.length)).toMatchObject({ length: bytes.length });
  }
});

texts('LOCK needs a lockable instruction and a memory destination', {
  'f0 01 00': 'lock add dword ptr [rax], eax',
  'f0 01 c0': 'undefined',
  'f0 03 00': 'undefined',
  'f0 39 00': 'undefined',
  'f0 90': 'undefined',
  'f0 0f a3 00': 'undefined',
  'f0 0f ab 00': 'lock bts dword ptr [rax], eax',
  'f0 87 00': 'lock xchg dword ptr [rax], eax',
  'f0 48 0f c7 08': 'lock cmpxchg16b xmmword ptr [rax]',
});

texts('rip-relative addresses count from the end of the immediate', {
  '48 c7 05 10 00 00 00 ff ff ff ff': 'mov qword ptr [rip 0x101b], -0x1',
  '83 05 00 00 00 00 01': 'add dword ptr [rip 0x1007], 0x1',
  '66 0f 3a 0f 05 00 00 00 00 05': 'palignr xmm0, xmmword ptr [rip 0x100a], 0x5',
});

test('a rip-relative address under 67 is cut to 32 bits', () => {
  const bytes = bytesOf('67 8b 05 00 00 00 80');
  expect(decode(bytes, 0, 0x7fff_0000_0000, 7)).toMatchObject({
    operands: [{}, { disp: 0x8000_0007, addressWidth: 32, ripRelative: true }],
  });
});

texts('SIB bytes', {
  '8b 04 24': 'mov eax, dword ptr [rsp]',
  '41 8b 04 24': 'mov eax, dword ptr [r12]',
  '8b 04 25 10 00 00 00': 'mov eax, dword ptr [0x10]',
  '8b 04 8d f0 ff ff ff': 'mov eax, dword ptr [rcx*4-0x10]',
  '42 8b 04 20': 'mov eax, dword ptr [rax+r12]',
  '8b 04 60': 'mov eax, dword ptr [rax]',
  '41 8b 45 00': 'mov eax, dword ptr [r13]',
  '67 8b 44 c8 04': 'mov eax, dword ptr [eax+ecx*8+0x4]',
});

texts('AH to BH need an instruction without REX', {
  '88 e0': 'mov al, ah',
  '40 88 e0': 'mov al, spl',
  '41 88 e0': 'mov r8b, spl',
  'b7 01': 'mov bh, 0x1',
  '40 b7 01': 'mov dil, 0x1',
});

texts('MOV moffs has an address of 64 or, with 67, 32 bits', {
  'a0 01 02 03 04 05 06 00 00': 'mov al, byte ptr [0x60504030201]',
  '48 a3 ff ff ff ff ff ff ff ff': 'mov qword ptr [-0x1], rax',
  '67 66 a1 01 02 03 ff': 'mov ax, word ptr [0xff030201]',
});

test('immediates are signed within their width, plain data is not', () => {
  const last = (hex: string) => insn(hex).operands.at(-1);
  expect(last('b0 ff')).toMatchObject({ value: -1, width: 8 });
  expect(last('83 c0 ff')).toMatchObject({ value: -1, width: 32 });
  expect(last('48 83 c0 80')).toMatchObject({ value: -128, width: 64 });
  expect(last('b8 ff ff ff ff')).toMatchObject({ value: -1, width: 32 });
  expect(last('48 c7 c0 00 00 00 80')).toMatchObject({ value: -0x80000000, width: 64 });
  expect(last('48 b8 ff ff ff ff ff ff 1f 00')).toMatchObject({ value: 2 ** 53 - 1, width: 64 });
  expect(last('48 b8 00 00 00 00 00 00 20 00')).toMatchObject({ value: 2n ** 53n });
  expect(last('48 b8 00 00 00 00 00 00 00 80')).toMatchObject({ value: -(2n ** 63n) });
  expect(last('66 0f 70 c1 ff')).toMatchObject({ value: 0xff });
  expect(last('c1 e0 ff')).toMatchObject({ value: 0xff });
  expect(last('c2 ff ff')).toMatchObject({ value: 0xffff });
});

texts('REP counts for string instructions only, and F2 differs for CMPS and SCAS only', {
  'f3 a4': 'rep movsb',
  'f2 a4': 'rep movsb',
  'f3 48 ab': 'rep stosq',
  'f3 a6': 'repe cmpsb',
  'f2 ae': 'repne scasb',
  'f3 c3': 'ret',
  'f2 e8 00 00 00 00': 'call 0x1006',
});

texts('without their CPUID bits, TZCNT is BSF, LZCNT is BSR, RDSSP and ENDBR do nothing', {
  'f3 0f bc c1': 'bsf eax, ecx',
  'f3 48 0f bd c1': 'bsr rax, rcx',
  'f3 0f 1e fa': 'endbr64',
  'f3 48 0f 1e c8': 'rdsspq rax',
  '0f 1a 00': 'nop dword ptr [rax]',
});

test('VEX, EVEX, XOP and what 64-bit mode dropped are undefined', () => {
  const dropped = ['06', '27', '2f', '37', '3f', '60', '62', '82', '9a', 'c4', 'c5', 'ce', 'd4', 'd6', 'ea'];
  for (const hex of [...dropped, '8f c8', '0f 0f', '0f 37', '0f 38 c8', '0f c7 f0', 'c7 f8', '0f 01 c8']) {
    expect(decodeHex(`${hex} 00 00 00 00 00 00 00 00`), hex).toEqual({ error: 'undefined' });
  }
});

test('selectors and control registers that do not exist are undefined', () => {
  for (const hex of ['8e c8', '8e f0', '8c f0', '0f 20 c8', '0f 20 e8', '44 0f 21 c0']) {
    expect(decodeHex(hex), hex).toEqual({ error: 'undefined' });
  }
});

test('forms tell apart what needs another handler, and nothing else', () => {
  expect(form('01 c8')).toBe(form('41 01 d1'));
  expect(form('00 e0')).toBe(form('00 c8'));
  expect(form('01 00')).toBe(form('64 42 01 44 88 10'));
  expect(form('f0 01 00')).toBe(form('01 00'));
  expect(form('83 c0 01')).toBe(form('83 c1 02'));
  expect(form('0f 58 c1')).toBe(form('48 0f 58 c1'));
  expect(form('67 01 c8')).toBe(form('01 c8'));

  expect(form('01 c8')).not.toBe(form('48 01 c8'));
  expect(form('01 c8')).not.toBe(form('01 08'));
  expect(form('01 00')).not.toBe(form('67 01 00'));
  expect(form('a4')).not.toBe(form('f3 a4'));
  expect(form('a6')).not.toBe(form('67 a6'));
  expect(form('66 0f 70 c1 00')).not.toBe(form('66 0f 70 c1 01'));
});

test('a form says what it stands for', () => {
  expect(formParts(form('67 f2 48 a7'))).toMatchObject({
    row: { text: 'A7 CMPS Xv,Yv' },
    width: 64,
    memory: false,
    rep: 'repne',
    addressWidth: 32,
    imm: 0,
  });
  expect(formParts(form('66 0f 70 07 e4'))).toMatchObject({ memory: true, imm: 0xe4 });
  expect(form('48 b8 ff ff ff ff ff ff ff ff')).toBeLessThan(PLAIN_FORMS);
});

test('rows are numbered by place, and their texts differ but for aliases', () => {
  rows.forEach((row, i) => {
    expect(row.id).toBe(i);
  });
  expect(new Set(rows.map((row) => row.text)).size).toBe(rows.length);
  expect([...semanticsNames()].find(([name]) => name === 'cmpxchg')).toEqual(['cmpxchg', ['Eb,Gb', 'Ev,Gv']]);
});

test('flags of shifts depend on the count', () => {
  const { CF, OF, AF } = FLAG;
  expect(insnFlags(insn('c1 e0 00'))).toEqual({ written: 0, read: 0, undefined: 0 });
  expect(insnFlags(insn('c1 e0 01')).undefined).toBe(AF);
  expect(insnFlags(insn('c1 e0 05')).undefined).toBe(AF | OF);
  expect(insnFlags(insn('c0 e0 09')).undefined).toBe(AF | OF | CF);
  expect(insnFlags(insn('d3 c0'), 1)).toEqual({ written: CF | OF, read: 0, undefined: 0 });
  expect(insnFlags(insn('d3 e0')).read).not.toBe(0);
});
