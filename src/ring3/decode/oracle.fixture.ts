// Comparison of the decoder with iced-x86, used by the tests.

import { readFileSync } from 'node:fs';
import * as iced from 'iced-x86';
import { type CpuidFeature, Decoder, EncodingKind, Instruction, Mnemonic } from 'iced-x86';
import { decode } from './decoder.ts';
import { mnemonic } from './format.ts';
import type { Insn } from './insn.ts';

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

/** Compares one position of a stream of bytes. */
export class Oracle {
  readonly bytes: Uint8Array;
  private readonly decoder: Decoder;
  private readonly instruction = new Instruction();

  constructor(bytes: Uint8Array, ip: number) {
    this.bytes = bytes;
    this.decoder = new Decoder(64, bytes, 0);
    this.decoder.ip = BigInt(ip);
    this.ip = ip;
  }
  private readonly ip: number;

  free(): void {
    this.decoder.free();
    this.instruction.free();
  }

  at(offset: number): Verdict {
    this.decoder.position = offset;
    const { instruction } = this;
    this.decoder.decodeOut(instruction);
    const ours = decode(this.bytes, offset, this.ip + offset, this.bytes.length - offset);
    const theirs = mnemonicNames[instruction.mnemonic] ?? '?';
    const failed = 'error' in ours;
    if (instruction.isInvalid) {
      return {
        length: 1,
        complaint: failed ? null : `iced: invalid, ours: ${ours.row.text}`,
        supported: false,
      };
    }
    const length = instruction.length;
    const fallback = FALLBACKS[theirs];
    const features: readonly CpuidFeature[] = Array.from(instruction.cpuidFeatures());
    const legacy = instruction.encoding === EncodingKind.Legacy;
    const supported =
      legacy && (fallback !== undefined || features.every((f) => SUPPORTED.has(featureNames[f] ?? '')));
    if (!supported) {
      const why = features.map((f) => featureNames[f]).join('+');
      return {
        length,
        complaint:
          failed && ours.error === 'undefined' ? null : `iced: ${theirs} (${why}), ours: ${say(ours)}`,
        supported,
      };
    }
    const expected = fallback ?? theirs;
    const same =
      !failed && ours.length === length && (mnemonic(ours) === expected || sameMeaning(expected, ours));
    return {
      length,
      complaint: same ? null : `iced: ${expected} ${length}, ours: ${say(ours)}`,
      supported,
    };
  }
}

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

export interface Scan {
  readonly instructions: number;
  readonly unsupported: number;
  /** Class of disagreement to how often and an example. */
  readonly complaints: ReadonlyMap<string, { count: number; example: string }>;
}

/** Compares from `start` on, instruction by instruction, at most `most` instructions. */
export const scan = (bytes: Uint8Array, address: number, start = 0, most = Infinity): Scan => {
  const oracle = new Oracle(bytes, address);
  const complaints = new Map<string, { count: number; example: string }>();
  let instructions = 0;
  let unsupported = 0;
  for (let at = start; at < bytes.length - 15 && instructions < most; instructions++) {
    const verdict = oracle.at(at);
    if (!verdict.supported) unsupported++;
    if (verdict.complaint) {
      const seen = complaints.get(verdict.complaint);
      if (seen) seen.count++;
      else {
        const example = Buffer.from(bytes.subarray(at, at + 15)).toString('hex');
        complaints.set(verdict.complaint, { count: 1, example });
      }
    }
    at += verdict.length;
  }
  oracle.free();
  return { instructions, unsupported, complaints };
};
