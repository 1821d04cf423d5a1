// Comparison of the decoder with iced-x86, used by the tests.

import { readFileSync } from 'node:fs';
import * as iced from 'iced-x86';
import { type CpuidFeature, Decoder, EncodingKind, Instruction, Mnemonic, OpKind } from 'iced-x86';
import { decode } from './decoder.ts';
import { mnemonic, registerName } from './format.ts';
import type { Insn, MemOperand, Operand } from './insn.ts';
import { TYPE } from './operand-spec.ts';
import { rows } from './table.ts';

/** iced's names where they differ from ours. */
const ALIASES: Readonly<Record<string, string>> = {
  xlatb: 'xlat',
  reservednop: 'nop',
  pcmpestrm64: 'pcmpestrm',
  pcmpestri64: 'pcmpestri',
};

const mnemonicNames: readonly string[] = (() => {
  const names: string[] = [];
  for (const [name, value] of Object.entries(Mnemonic)) {
    if (typeof value !== 'number') continue;
    const lower = name.toLowerCase();
    names[value] = ALIASES[lower] ?? lower;
  }
  return names;
})();

const featureNames: readonly string[] = (() => {
  const names: string[] = [];
  for (const [name, value] of Object.entries(iced.CpuidFeature)) {
    if (typeof value === 'number') names[value] = name;
  }
  return names;
})();

/** CPUID bits, in iced's names, that this processor has not: their instructions are undefined here ... */
export const SUPPORTED = new Set(
  (
    'INTEL8086 INTEL186 INTEL286 INTEL386 INTEL486 X64 FPU FPU287 FPU387 CPUID CMOV CX8 CMPXCHG16B CLFSH ' +
    'CLFLUSHOPT FXSR MMX SSE SSE2 SSE3 SSSE3 SSE4_1 SSE4_2 POPCNT MOVBE TSC RDTSCP RDPID FSGSBASE XSAVE XSAVEOPT ' +
    'XSAVEC AES PCLMULQDQ ADX MSR MULTIBYTENOP PAUSE PREFETCHW PREFETCHWT1 SYSCALL SEP RDPMC XSAVES CET_IBT'
  ).split(' '),
);

/** ... except these, which are something else without their CPUID bit. */
const FALLBACKS: Readonly<Record<string, string>> = {
  tzcnt: 'bsf',
  lzcnt: 'bsr',
  bndmov: 'nop',
  bndcl: 'nop',
  bndcu: 'nop',
  bndcn: 'nop',
  bndmk: 'nop',
  bndldx: 'nop',
  bndstx: 'nop',
  cldemote: 'nop',
  // Only /1 has a meaning on Intel's processors.
  prefetch: 'nop',
  prefetchwt1: 'nop',
  prefetchit0: 'nop',
  prefetchit1: 'nop',
  wbnoinvd: 'wbinvd',
  rdsspd: 'rdsspd',
  rdsspq: 'rdsspq',
};

export interface Verdict {
  /** Bytes to go on by. */
  readonly length: number;
  /** A line naming the class of disagreement, or null. */
  readonly complaint: string | null;
  readonly supported: boolean;
}

/** iced's names of registers, by number: `r8l` is our r8b, `st3` our st(3). */
const registerNames: readonly string[] = (() => {
  const names: string[] = [];
  for (const [name, value] of Object.entries(iced.Register)) {
    if (typeof value === 'number') names[value] = name.toLowerCase().replace(/^(r\d+)l$/, '$1b');
  }
  return names;
})();

const SREGS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];

const nameOf = (o: Operand): string => {
  switch (o.kind) {
    case 'reg':
      return registerName(o.reg, o.width, o.high);
    case 'sreg':
      return SREGS[o.reg] ?? '?';
    case 'creg':
      return `cr${o.reg}`;
    case 'dreg':
      return `dr${o.reg}`;
    case 'xmm':
    case 'mm':
    case 'st':
      return o.kind + o.reg;
    default:
      return o.kind;
  }
};

const memoryText = (i: Instruction): string => {
  const base = registerNames[i.memoryBase] ?? '?';
  const index = registerNames[i.memoryIndex] ?? '?';
  const relative = base === 'rip' || base === 'eip';
  const segment = registerNames[i.segmentPrefix] ?? '?';
  const short =
    base === 'eip' || registerWidth(base) === 32 || registerWidth(index) === 32 || i.memoryDisplSize === 4;
  const parts = [
    segment === 'fs' || segment === 'gs' ? segment : '-',
    relative ? 'none' : base,
    index,
    index === 'none' ? 1 : i.memoryIndexScale,
    // As a number: MOV moffs is rounded beyond 2^53.
    Number(BigInt.asIntN(short ? 32 : 64, i.memoryDisplacement)),
    relative,
  ];
  return parts.join(' ');
};

/** 32 for eax..r15d, 64 for rax..r15. */
const registerWidth = (name: string): number => (/^e|d$/.test(name) ? 32 : 64);

const ourMemoryText = (o: MemOperand): string => {
  const part = (reg: number): string => (reg < 0 ? 'none' : registerName(reg, o.addressWidth));
  return [
    o.segment ?? '-',
    part(o.base),
    part(o.index),
    o.index < 0 ? 1 : 1 << o.scale,
    Number(BigInt.asIntN(o.addressWidth, BigInt(o.disp))),
    o.ripRelative,
  ].join(' ');
};

/** What is different about the operands, or null. */
const operandsDiffer = (ours: Insn, i: Instruction): string | null => {
  if (ours.lock !== i.hasLockPrefix) return 'lock';
  const row = rows[ours.row.id];
  if (!row || row.implicitAddress) return null;
  if (ours.operands.length !== i.opCount) return `${i.opCount} operands`;
  for (const o of ours.operands) {
    const kind = i.opKind(o.slot);
    let theirs = '?';
    let mine = nameOf(o);
    if (kind === OpKind.Register) {
      theirs = registerNames[i.opRegister(o.slot)] ?? '?';
      // Where fewer bits count (selectors, masks), iced names the register as REX.W would have it.
      const type = row.operands[o.slot]?.type;
      if (o.kind === 'reg' && (type === TYPE.w || type === TYPE.d)) {
        mine = registerName(o.reg, registerWidth(theirs));
        if (mine !== theirs) mine = registerName(o.reg, o.width);
      }
    } else if (kind === OpKind.Memory) {
      theirs = memoryText(i);
      mine = o.kind === 'mem' ? ourMemoryText(o) : mine;
      const bytes = iced.MemorySizeExt.size(i.memorySize);
      if (o.kind === 'mem' && o.width !== 0 && bytes !== 0 && bytes * 8 !== o.width) {
        return `memory of ${bytes * 8} bits, ours ${o.width}`;
      }
    } else if (o.kind === 'rel') {
      theirs = String(BigInt.asIntN(64, i.nearBranchTarget));
      mine = String(o.target);
    } else if (o.kind === 'imm') {
      theirs = String(BigInt.asUintN(o.width, i.immediate(o.slot)));
      mine = String(BigInt.asUintN(o.width, BigInt(o.value)));
    }
    if (theirs !== mine) return `operand ${o.slot}: ${theirs}, ours ${mine}`;
  }
  return null;
};

export interface Oracle {
  /** Compares the instruction at an offset. `operands`: to the last detail. */
  at(offset: number, operands: boolean): Verdict;
  free(): void;
}

/** An oracle over bytes that do not change. */
export const oracle = (bytes: Uint8Array, ip: number): Oracle => {
  const decoder = new Decoder(64, bytes, 0);
  const instruction = new Instruction();

  const at = (offset: number, operands: boolean): Verdict => {
    decoder.position = offset;
    decoder.ip = BigInt(ip + offset);
    decoder.decodeOut(instruction);
    const ours = decode(bytes, offset, ip + offset, bytes.length - offset);
    const theirs = mnemonicNames[instruction.mnemonic] ?? '?';
    const failed = 'error' in ours;
    if (instruction.isInvalid) {
      const complaint = failed ? null : `iced: invalid, ours: ${ours.row.text}`;
      return { length: 1, complaint, supported: false };
    }
    const length = instruction.length;
    const fallback = FALLBACKS[theirs];
    const features: readonly CpuidFeature[] = Array.from(instruction.cpuidFeatures());
    const supported =
      instruction.encoding === EncodingKind.Legacy &&
      (fallback !== undefined || features.every((f) => SUPPORTED.has(featureNames[f] ?? '')));
    if (!supported) {
      const why = features.map((f) => featureNames[f]).join('+');
      const right = failed && ours.error === 'undefined';
      return { length, complaint: right ? null : `iced: ${theirs} (${why}), ours: ${say(ours)}`, supported };
    }
    const expected = fallback ?? theirs;
    if (failed || ours.length !== length || !(mnemonic(ours) === expected || sameMeaning(expected, ours))) {
      return { length, complaint: `iced: ${expected} ${length}, ours: ${say(ours)}`, supported };
    }
    const differ = operands && ours.row.semantics !== 'nop' ? operandsDiffer(ours, instruction) : null;
    return { length, complaint: differ && `${ours.row.text}: ${differ}`, supported };
  };

  return {
    at,
    free: () => {
      decoder.free();
      instruction.free();
    },
  };
};

/** 0F 0D /3 is PREFETCHW to AMD, a NOP to Intel. */
const sameMeaning = (expected: string, ours: Insn): boolean =>
  expected === 'prefetchw' && ours.row.semantics === 'nop';

const say = (ours: Insn | { error: string }): string =>
  'error' in ours ? ours.error : `${mnemonic(ours)} ${ours.length} <${ours.row.text}>`;

/** The .text section of an ELF file: bytes and address. */
export const textOf = (path: string): { bytes: Uint8Array; address: number } => {
  const file = readFileSync(path);
  const at = Number(file.readBigUInt64LE(0x28));
  const size = file.readUInt16LE(0x3a);
  const count = file.readUInt16LE(0x3c);
  const names = file.readUInt16LE(0x3e);
  const strings = Number(file.readBigUInt64LE(at + names * size + 0x18));
  for (let i = 0; i < count; i++) {
    const header = at + i * size;
    const name = strings + file.readUInt32LE(header);
    if (file.toString('latin1', name, name + 6) !== '.text\0') continue;
    const offset = Number(file.readBigUInt64LE(header + 0x18));
    const length = Number(file.readBigUInt64LE(header + 0x20));
    return {
      bytes: file.subarray(offset, offset + length),
      address: Number(file.readBigUInt64LE(header + 0x10)),
    };
  }
  throw new Error(`${path} has no .text`);
};

/** Class of disagreement to how often and an example. */
export type Complaints = Map<string, { count: number; example: string }>;

const complain = (complaints: Complaints, verdict: Verdict, bytes: Uint8Array, at: number): void => {
  if (!verdict.complaint) return;
  const seen = complaints.get(verdict.complaint);
  if (seen) seen.count++;
  else {
    const example = Buffer.from(bytes.subarray(at, at + 15)).toString('hex');
    complaints.set(verdict.complaint, { count: 1, example });
  }
};

export interface Scan {
  readonly instructions: number;
  readonly unsupported: number;
  readonly complaints: Complaints;
}

/** Compares instruction by instruction, at most `most` of them; the first `thorough` with their operands. */
export const scan = (bytes: Uint8Array, address: number, most: number, thorough: number): Scan => {
  const compare = oracle(bytes, address);
  const complaints: Complaints = new Map();
  let instructions = 0;
  let unsupported = 0;
  for (let at = 0; at < bytes.length - 15 && instructions < most; instructions++) {
    const verdict = compare.at(at, instructions < thorough);
    if (!verdict.supported) unsupported++;
    complain(complaints, verdict, bytes, at);
    at += verdict.length;
  }
  compare.free();
  return { instructions, unsupported, complaints };
};

const PREFIXES = [0x66, 0xf2, 0xf3, 0xf0, 0x67, 0x64, 0x65, 0x2e, 0x3e, 0x48, 0x41, 0x44, 0x4f];

/** Compares on random bytes, with prefixes and escape opcodes more often than chance would have them. */
export const fuzz = (count: number, seed: number): Complaints => {
  const complaints: Complaints = new Map();
  const spacing = 32;
  const bytes = new Uint8Array(1 << 16);
  let state = seed;
  const random = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  for (let done = 0; done < count; ) {
    for (let i = 0; i < bytes.length; i++) bytes[i] = random();
    for (let at = 0; at < bytes.length; at += spacing) {
      let p = at;
      for (let k = random() % 4; k > 0; k--) bytes[p++] = PREFIXES[random() % PREFIXES.length] ?? 0;
      const kind = random() % 8;
      if (kind < 3) bytes[p++] = 0x0f;
      if (kind === 0) bytes[p++] = random() & 1 ? 0x38 : 0x3a;
      if (kind === 7) bytes[p++] = 0xd8 + (random() % 8);
    }
    const compare = oracle(bytes, 0x7fff_1234_5678);
    for (let at = 0; at < bytes.length; at += spacing, done++) {
      complain(complaints, compare.at(at, true), bytes, at);
    }
    compare.free();
  }
  return complaints;
};
