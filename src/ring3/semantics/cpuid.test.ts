import { expect, it } from 'vitest';
import { rows } from '../decode/table.ts';
import { CPUINFO_FLAGS, cpuid, FEATURES } from './cpuid.ts';

const text = (...words: number[]): string =>
  words.map((w) => String.fromCharCode(w & 255, (w >> 8) & 255, (w >> 16) & 255, (w >> 24) & 255)).join('');

it('names the vendor that glibc looks for, in ebx, edx, ecx', () => {
  const [max, b, c, d] = cpuid(0, 0);
  expect(text(b, d, c)).toBe('GenuineIntel');
  expect(max).toBeGreaterThanOrEqual(0xd);
});

// System V psABI for x86-64, table 3.1: CMOV CX8 FPU FXSR MMX OSFXSR SCE SSE SSE2, and for v2 the rest.
it('has what level x86-64-v2 asks for, and not what v3 does', () => {
  const [, , ecx, edx] = cpuid(1, 0);
  for (const bit of [0, 8, 15, 23, 24, 25, 26]) expect((edx >>> bit) & 1, `edx ${bit}`).toBe(1);
  for (const bit of [0, 9, 13, 19, 20, 23]) expect((ecx >>> bit) & 1, `ecx ${bit}`).toBe(1);
  for (const bit of [12, 28, 29]) expect((ecx >>> bit) & 1, `ecx ${bit}`).toBe(0);
  expect(cpuid(0x80000001, 0)[2] & 1).toBe(1);
  expect((cpuid(0x80000001, 0)[2] >> 5) & 1).toBe(0);
  expect(cpuid(7, 0)[1] & ((1 << 3) | (1 << 5) | (1 << 8))).toBe(0);
});

it('gives glibc cache sizes: 32 KiB, 32 KiB, 1 MiB, 32 MiB', () => {
  const size = (n: number): number => {
    const [, b, c] = cpuid(4, n);
    return ((b >>> 22) + 1) * (((b >>> 12) & 1023) + 1) * ((b & 4095) + 1) * (c + 1);
  };
  expect([0, 1, 2, 3].map(size)).toEqual([32 << 10, 32 << 10, 1 << 20, 32 << 20]);
  expect(cpuid(4, 4)[0]).toBe(0);
});

it('describes the XSAVE area of x87 and SSE state', () => {
  expect(cpuid(0xd, 0)).toEqual([3, 576, 576, 0]);
});

it('claims no feature for which the opcode table has no rows, flags of the system apart', () => {
  const system = ['tsc', 'osxsave', 'erms', 'syscall', 'nx', 'lm', 'fdp_excptn_only', 'zero_fcs_fds'];
  const gated = new Set(rows.map((r) => r.feature));
  expect(Object.keys(FEATURES).filter((f) => !gated.has(f) && !system.includes(f))).toEqual([]);
});

it('is spelled out in /proc/cpuinfo', () => {
  const spelled: Record<string, string> = { x87: 'fpu', sse3: 'pni', lahf: 'lahf_lm', osxsave: 'xsave' };
  const flags = CPUINFO_FLAGS.split(' ');
  // Linux keeps these to itself (cpufeatures.h: no name).
  const nameless = ['fdp_excptn_only', 'zero_fcs_fds'];
  const shown = Object.keys(FEATURES).filter((f) => !nameless.includes(f));
  const names = shown.map((f) => spelled[f] ?? f.replace('.', '_'));
  expect(names.filter((n) => !flags.includes(n))).toEqual([]);
});
