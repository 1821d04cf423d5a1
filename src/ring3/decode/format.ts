// Instructions as text, in Intel's syntax, for tests, traces and --show-door.

import type { Insn, MemOperand, Operand } from './insn.ts';

const NAMES_64 = [
  ...['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'],
  ...['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'],
];
const NAMES_8 = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'];
const NAMES_HIGH = ['ah', 'ch', 'dh', 'bh'];
const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];

/** The name of a general register. */
export const registerName = (reg: number, width: number, high = false): string => {
  if (high) return NAMES_HIGH[reg] ?? '?';
  const full = NAMES_64[reg] ?? '?';
  if (width === 64) return full;
  if (reg >= 8) return full + (width === 32 ? 'd' : width === 16 ? 'w' : 'b');
  if (width === 8) return NAMES_8[reg] ?? '?';
  return width === 32 ? `e${full.slice(1)}` : full.slice(1);
};

const SUFFIX: Readonly<Record<number, string>> = { 8: 'b', 16: 'w', 32: 'd', 64: 'q' };

/** Mnemonics that the operand size picks, for 16, 32 and 64 bits. */
const BY_WIDTH: Readonly<Record<string, readonly [string, string, string]>> = {
  cbw: ['cbw', 'cwde', 'cdqe'],
  cwd: ['cwd', 'cdq', 'cqo'],
  pushf: ['pushf', 'pushfd', 'pushfq'],
  popf: ['popf', 'popfd', 'popfq'],
  iret: ['iret', 'iretd', 'iretq'],
  sysret: ['sysret', 'sysret', 'sysretq'],
  sysexit: ['sysexit', 'sysexit', 'sysexitq'],
  movd: ['movd', 'movd', 'movq'],
  pextrd: ['pextrd', 'pextrd', 'pextrq'],
  pinsrd: ['pinsrd', 'pinsrd', 'pinsrq'],
  rdssp: ['rdssp', 'rdsspd', 'rdsspq'],
  fxsave: ['fxsave', 'fxsave', 'fxsave64'],
  fxrstor: ['fxrstor', 'fxrstor', 'fxrstor64'],
  xsave: ['xsave', 'xsave', 'xsave64'],
  xrstor: ['xrstor', 'xrstor', 'xrstor64'],
  xsaveopt: ['xsaveopt', 'xsaveopt', 'xsaveopt64'],
  xsavec: ['xsavec', 'xsavec', 'xsavec64'],
  xsaves: ['xsaves', 'xsaves', 'xsaves64'],
  xrstors: ['xrstors', 'xrstors', 'xrstors64'],
};

const SUFFIXED = new Set(['movs', 'cmps', 'stos', 'lods', 'scas', 'ins', 'outs']);

/** The mnemonic of this instruction: that of its row, with what the operand or address size adds. */
export const mnemonic = (insn: Insn): string => {
  const name = insn.row.mnemonic;
  if (SUFFIXED.has(name)) return name + (SUFFIX[insn.width] ?? '');
  if (name === 'jrcxz' && insn.addressWidth === 32) return 'jecxz';
  const names = BY_WIDTH[name];
  return names ? names[insn.width === 64 ? 2 : insn.width === 16 ? 0 : 1] : name;
};

/** A number as the manual writes it: -0x10, 0x7fff. */
const hex = (value: number | bigint): string =>
  value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;

const SIZES: Readonly<Record<number, string>> = {
  ...{ 8: 'byte', 16: 'word', 32: 'dword', 48: 'fword', 64: 'qword', 80: 'tbyte', 128: 'xmmword' },
};

const formatMem = (o: MemOperand): string => {
  const width = o.addressWidth;
  const parts: string[] = [];
  if (o.base >= 0) parts.push(registerName(o.base, width));
  if (o.index >= 0) parts.push(`${registerName(o.index, width)}${o.scale ? `*${1 << o.scale}` : ''}`);
  let address = parts.join('+');
  if (parts.length === 0) address = o.ripRelative ? `rip ${hex(o.disp)}` : hex(o.disp);
  else if (o.disp !== 0) address += o.disp < 0 ? hex(o.disp) : `+${hex(o.disp)}`;
  const size = SIZES[o.width];
  return `${size ? `${size} ptr ` : ''}${o.segment ? `${o.segment}:` : ''}[${address}]`;
};

const formatOperand = (o: Operand): string => {
  switch (o.kind) {
    case 'reg':
      return registerName(o.reg, o.width, o.high);
    case 'mem':
      return formatMem(o);
    case 'imm':
      return hex(o.value);
    case 'rel':
      return hex(o.target);
    case 'xmm':
    case 'mm':
      return `${o.kind}${o.reg}`;
    case 'st':
      return o.reg === 0 ? 'st' : `st(${o.reg})`;
    case 'sreg':
      return SEGMENTS[o.reg] ?? '?';
    case 'creg':
      return `cr${o.reg}`;
    default:
      return `dr${o.reg}`;
  }
};

/** One line, e.g. `lock add qword ptr [rax+0x8], 0x1`. */
export const formatInsn = (insn: Insn): string => {
  const words: string[] = [];
  if (insn.lock) words.push('lock');
  if (insn.rep !== 'none') {
    // F3 before CMPS and SCAS is written REPE.
    const compares = insn.row.semantics === 'cmps' || insn.row.semantics === 'scas';
    words.push(insn.rep === 'rep' && compares ? 'repe' : insn.rep);
  }
  words.push(mnemonic(insn));
  const operands = insn.operands.map(formatOperand).join(', ');
  if (operands) words.push(operands);
  return words.join(' ');
};
