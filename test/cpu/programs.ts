// Random programs of several instructions, straight or with branches: what one instruction leaves behind (lazy
// flags, partial registers, the state of the x87) is what the next one works on. Flags that the manual leaves
// undefined are followed through straight code, and redefined at once in code that branches.

import { decode } from '../../src/ring3/decode/decoder.ts';
import { instances } from '../../src/ring3/decode/encode.ts';
import type { Insn, Row } from '../../src/ring3/decode/insn.ts';
import { insnFlags } from '../../src/ring3/decode/row-flags.ts';
import { ARITH_FLAGS, FLAG, GPR } from '../../src/ring3/layout.ts';
import { inexact } from './differences.ts';
import { type Case, sequence } from './generate.ts';
import { DATA } from './records.ts';
import { compared } from './rows.ts';
import type { Rng } from './values.ts';

/** Registers that hold addresses; the others are for data, so that most memory operands stay in the data pages. */
const ADDRESSES = [GPR.rsi, GPR.rdi, GPR.rbp, GPR.rbx];
const DATA_REGISTERS = Array.from({ length: 16 }, (_, r) => r).filter(
  (r) => r !== GPR.rsp && !ADDRESSES.includes(r as 3),
);

const UNSUITED = new Set([
  'privileged',
  'undefined',
  'leave',
  'enter',
  'popf',
  'fnsave',
  'fnstenv',
  'fxsave',
  'fxrstor',
  'xrstor',
  'frstor',
  'fldenv',
]);
const suited = (r: Row): boolean =>
  r.flow === 'next' &&
  !UNSUITED.has(r.semantics) &&
  !inexact(r) &&
  !/base$|sreg$|^l[sfg]s$|^ver|^l(ar|sl)$|mxcsr|fldcw/.test(r.semantics);

const pool = compared.filter(suited);
/** What compilers emit, drawn more often than the rest. */
const COMMON =
  /^(0[0-9A-F]|[1-3][0-9A-F]|8[0-9A-F]|B[0-9A-F]|C[01]|D[0-3]|F[67]|FE|FF|5[08]|6[38B]|0F (4|9|A[345BCDF]|B[6-F]))/;
const common = pool.filter((r) => COMMON.test(r.text) && r.feature !== 'x87');
const vector = pool.filter(
  (r) => r.feature?.startsWith('sse') || r.feature === 'mmx' || r.feature === 'ssse3',
);
const x87 = pool.filter((r) => r.feature === 'x87');

export interface Program {
  readonly case: Case;
  /** Undefined flags before each step and after the last. */
  readonly undefined: readonly number[];
}

const CL_SHIFT = /,CL\b/;

/** Undefined flags after an instruction, from those before; null when it would read one of them. */
const flow = (insn: Insn, before: number): number | null => {
  const use = insnFlags(insn);
  const { text } = insn.row;
  const byCl = CL_SHIFT.test(text);
  // With a count of zero these leave the flags: that is no reading.
  const mayKeep = byCl || ((text.includes('CMPS') || text.includes('SCAS')) && insn.rep !== 'none');
  const reads = mayKeep ? (insn.row.semantics.startsWith('rc') ? FLAG.CF : 0) : use.read & ARITH_FLAGS;
  if ((reads & before) !== 0) return null;
  let undef = use.undefined;
  if (byCl) undef |= insn.width < 32 || text.includes('SH') ? FLAG.CF : 0;
  return (mayKeep ? before : before & ~use.written) | undef;
};

const draw = (rng: Rng, list: readonly Row[]): { bytes: Uint8Array; insn: Insn } => {
  const row = rng.pick(list);
  const made = instances(row, () => rng.u32() / 4294967296, {
    base: rng.chance(0.1) ? GPR.rsp : rng.pick(ADDRESSES),
    ...(rng.chance(0.2) ? { index: rng.pick(DATA_REGISTERS) } : {}),
    absolute: DATA + 16 * rng.below(500),
    registers: DATA_REGISTERS,
    address32: false,
  });
  // A lock across a cache line is slowed down by Linux until it looks endless.
  const locks = (i: Insn): boolean =>
    i.lock || (row.semantics === 'xchg' && i.operands.some((o) => o.kind === 'mem'));
  const free = made.filter(({ insn }) => !locks(insn));
  return rng.pick(free.length > 0 ? free : made);
};

const poolFor = (rng: Rng): readonly Row[] => {
  const kind = rng.below(10);
  if (kind < 6) return common;
  if (kind < 8 || x87.length === 0) return vector;
  return kind < 9 ? x87 : pool;
};

/** Straight code of n instructions. */
export const straight = (rng: Rng, n: number, at: number): Program => {
  const parts: Uint8Array[] = [];
  const undef = [0];
  const main = poolFor(rng);
  while (parts.length < n) {
    const { bytes, insn } = draw(rng, rng.chance(0.7) ? main : pool);
    const after = flow(insn, undef.at(-1) ?? 0);
    if (after === null) continue;
    parts.push(bytes);
    undef.push(after);
  }
  return { case: sequence(parts, rng, at), undefined: undef };
};

interface Branch {
  readonly opcode: readonly number[];
  readonly wide: boolean;
  readonly target: number;
}

const branch = (rng: Rng, index: number, n: number): Branch => {
  const forward = rng.chance(0.85);
  const target = forward ? index + 1 + rng.below(n - index) : rng.below(index + 1);
  const cc = rng.below(16);
  switch (rng.below(8)) {
    case 0:
      return { opcode: [0xeb], wide: false, target: Math.max(target, index + 1) };
    case 1:
      return { opcode: [rng.pick([0xe0, 0xe1, 0xe2, 0xe3])], wide: false, target };
    case 2:
      return { opcode: [0xe8], wide: true, target: Math.max(target, index + 1) };
    case 3:
    case 4:
      return { opcode: [0x0f, 0x80 + cc], wide: true, target };
    default:
      return { opcode: [0x70 + cc], wide: false, target };
  }
};

/** Code with branches, forwards and backwards, calls and returns among n instructions. */
export const branching = (rng: Rng, n: number, at: number): Program => {
  const items: (Uint8Array | Branch)[] = [];
  let size = 0;
  while (items.length < n && size < 400) {
    if (rng.chance(0.3)) {
      const b = rng.chance(0.1) ? Uint8Array.of(0xc3) : branch(rng, items.length, n);
      items.push(b);
      size += 6;
      continue;
    }
    const { bytes, insn } = draw(rng, rng.chance(0.85) ? common : pool);
    items.push(bytes);
    size += bytes.length;
    if (insnFlags(insn).undefined !== 0 || insn.row.flagsUndefined !== 0) {
      const reg = rng.below(8);
      items.push(Uint8Array.of(0x48, 0x85, 0xc0 | reg | (rng.below(8) << 3)));
      size += 3;
    }
  }
  const lengths = items.map((i) => (i instanceof Uint8Array ? i.length : i.opcode.length + (i.wide ? 4 : 1)));
  const offsets = [0];
  for (const l of lengths) offsets.push((offsets.at(-1) ?? 0) + l);
  const parts = items.map((i, k) => {
    if (i instanceof Uint8Array) return i;
    const rel = (offsets[Math.min(i.target, items.length)] ?? 0) - (offsets[k + 1] ?? 0);
    // Too far for one byte: just on to the next instruction.
    if (!i.wide) return Uint8Array.of(...i.opcode, rel >= -128 && rel < 128 ? rel : 0);
    return Uint8Array.of(...i.opcode, rel, rel >> 8, rel >> 16, rel >> 24);
  });
  for (const p of parts) {
    const d = decode(p, 0, 0, p.length);
    if ('error' in d) throw new Error('program does not decode');
  }
  return { case: sequence(parts, rng, at), undefined: parts.map(() => 0).concat(0) };
};

/** The flags that do not count when a program stopped at rip. */
export const undefinedAt = (p: Program, rip: number): number => {
  const k = p.case.steps.findIndex((s) => s.insn.ip === rip);
  return p.undefined[k < 0 ? p.undefined.length - 1 : k] ?? 0;
};
