// Where the processor and Kanmon may differ: rows that cannot run in a test process or differ by design, each
// with its reason, and results that the manual defines within an error bound only.

import type { Row } from '../../src/ring3/decode/insn.ts';
import type { Case } from './generate.ts';
import type { Outcome } from './records.ts';

/** Meanings that are not compared with the processor. */
const EXCLUDED: Readonly<Record<string, string>> = {
  cpuid: 'says what Kanmon is, not what the host is',
  rdtsc: 'the counter never reads the same twice',
  rdtscp: 'the counter never reads the same twice',
  rdpid: 'gives the processor the test happens to run on',
  xgetbv: 'XCR0 of the host has more states than ours',
  syscall: 'enters the host kernel; the gate has its own tests',
  callf: 'far transfers to other segments need descriptors, which Kanmon does not have',
  jmpf: 'far transfers to other segments need descriptors, which Kanmon does not have',
  retf: 'far transfers to other segments need descriptors, which Kanmon does not have',
  iret: 'far transfers to other segments need descriptors, which Kanmon does not have',
  xsave: 'the host saves more components than ours',
  xsavec: 'the host saves more components than ours',
  xsaveopt: 'may leave out what has not changed since the last XRSTOR',
};

/** The same for single rows, by what their text contains. */
const EXCLUDED_ROWS: readonly (readonly [RegExp, string])[] = [
  [/ SYSENTER/, 'enters the host kernel for 32-bit programs'],
  [
    / (SGDT|SIDT|SLDT|STR|SMSW) /,
    'Linux emulates these where UMIP forbids them, with an error code of its own for their faults; see test/guest/cpu',
  ],
];

export const excludedNames: readonly string[] = Object.keys(EXCLUDED);
export const excludedPatterns: readonly RegExp[] = EXCLUDED_ROWS.map(([pattern]) => pattern);

/** Why a row is not compared, or null. */
export const exclusion = (row: Row): string | null => {
  const byName = EXCLUDED[row.semantics];
  if (byName) return byName;
  for (const [pattern, reason] of EXCLUDED_ROWS) if (pattern.test(row.text)) return reason;
  return null;
};

const names = (list: string): ReadonlySet<string> => new Set(list.split(' '));

/** Relative error at most 1.5 * 2^-12 (Intel SDM volume 2, RCPPS). */
const RECIPROCALS = names('rcpps rcpss rsqrtps rsqrtss');
/** Error below one unit in the last place (volume 1, section 8.3.10), the processor's own included. */
const TRANSCENDENTAL = names('fsin fcos fsincos fptan fpatan f2xm1 fyl2x fyl2xp1');

/** Is a result of the row defined within a bound only? */
export const inexact = (row: Row): boolean =>
  RECIPROCALS.has(row.semantics) || TRANSCENDENTAL.has(row.semantics);

const uses = (c: Case, set: ReadonlySet<string>): boolean =>
  c.steps.some((s) => set.has(s.insn.row.semantics));

const close32 = (a: number, b: number): boolean =>
  Object.is(a, b) ||
  (Number.isNaN(a) && Number.isNaN(b)) ||
  Math.abs(a - b) <= 2 * 1.5 * 2 ** -12 * Math.abs(a);

/** Are two register values equal as far as the case's instructions define them? */
export const approximate = (c: Case, kind: 'st' | 'xmm', native: Uint8Array, ours: Uint8Array): boolean => {
  if (native.every((b, i) => b === ours[i])) return true;
  const a = new DataView(native.buffer, native.byteOffset);
  const b = new DataView(ours.buffer, ours.byteOffset);
  if (kind === 'xmm' && uses(c, RECIPROCALS)) {
    return [0, 4, 8, 12].every((at) => close32(a.getFloat32(at, true), b.getFloat32(at, true)));
  }
  if (kind === 'st' && uses(c, TRANSCENDENTAL)) {
    const value = (v: DataView): bigint =>
      (BigInt(v.getUint16(8, true) & 0x7fff) << 63n) + (v.getBigUint64(0, true) & ((1n << 63n) - 1n));
    const distance = value(a) - value(b);
    return a.getUint16(8, true) >> 15 === b.getUint16(8, true) >> 15 && distance <= 2n && distance >= -2n;
  }
  return false;
};

/** C1 says which way a result was rounded: no more certain than its last bit. */
export const uncertainStatus = (c: Case): number => (uses(c, TRANSCENDENTAL) ? 0x200 : 0);

const TRANSFERS = names('jmp call ret');
/**
 * A jump to an address that is not canonical faults at the jump on the processor, and with the target fetched
 * here: rip and stack differ, the signal that a program gets does not.
 */
export const jumpsAstray = (c: Case, native: Outcome, ours: Outcome): boolean =>
  native.vector === 13 && ours.vector === 13 && uses(c, TRANSFERS) && ours.rip >= 2 ** 47;

/** An MMX store that faults has set TOP to 0 already on the processor; here nothing has happened. */
export const entersMmxBeforeFault = (c: Case, native: Outcome): boolean =>
  native.vector !== 3 && c.steps.some((s) => s.insn.operands.some((o) => o.kind === 'mm'));

const IMAGES = names('fxsave fxrstor xrstor fnsave frstor fnstenv fldenv');
/**
 * The order in which the processor touches a state image (its end first, its header before the rest) decides
 * which of several faults it takes, and at which address.
 */
export const faultsInImage = (c: Case, native: Outcome, ours: Outcome): boolean =>
  uses(c, IMAGES) &&
  native.rip === ours.rip &&
  [native, ours].every((o) => o.vector === 13 || o.vector === 14);
