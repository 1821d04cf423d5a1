// Which flags a row reads, writes and leaves undefined (Intel SDM volume 1, appendix A, and the entries of
// volume 2). `insnFlags` narrows this for one instruction, where a count is known.

import { once } from '../../once.ts';
import { ARITH_FLAGS, FLAG } from '../layout.ts';
import type { Insn } from './insn.ts';
import type { OperandSpec } from './operand-spec.ts';

export interface FlagUse {
  /** Flags that change or may change, undefined ones included. */
  readonly written: number;
  /** Flags that the result depends on. Flags that may be left as they were count as read. */
  readonly read: number;
  readonly undefined: number;
}

const { CF, PF, AF, ZF, SF, OF, DF, TF, NT, AC, ID } = FLAG;
const ALL = ARITH_FLAGS;
const NONE: FlagUse = { written: 0, read: 0, undefined: 0 };
const use = (written: number, read = 0, undefined_ = 0): FlagUse => ({
  written,
  read,
  undefined: undefined_,
});

/** Flags that condition codes 0, 2, 4 ... read; odd codes are their negations. */
const CONDITION_FLAGS: readonly number[] = [OF, CF, ZF, CF | ZF, SF, PF, SF | OF, ZF | SF | OF];

const entries = (): readonly (readonly [string, FlagUse])[] => [
  ['add sub cmp neg xadd cmpxchg', use(ALL)],
  ['adc sbb', use(ALL, CF)],
  ['and or xor test', use(ALL, 0, AF)],
  ['inc dec', use(ALL & ~CF)],
  ['mul imul imul1', use(ALL, 0, SF | ZF | AF | PF)],
  // A masked count of 0 leaves all flags, so all count as read; OF is defined for a count of 1 only.
  ['shl shr sar shld shrd', use(ALL, ALL, AF | OF)],
  ['rol ror', use(CF | OF, CF | OF, OF)],
  ['rcl rcr', use(CF | OF, CF | OF, OF)],
  // Those that the manual calls undefined stay as they were, and so do all of DIV and IDIV (seen on the processor).
  ['bt bts btr btc', use(CF)],
  ['bsf bsr', use(ALL, 0, ALL & ~ZF)],
  ['popcnt ptest comiss comisd ucomiss ucomisd', use(ALL)],
  ['pcmpestri pcmpestrm pcmpistri pcmpistrm', use(ALL)],
  ['fcomi fcomip fucomi fucomip', use(ALL)],
  ['cmpxchg8b cmpxchg16b lar lsl verr verw', use(ZF)],
  ['adcx', use(CF, CF)],
  ['adox', use(OF, OF)],
  ['lahf', use(0, ALL & ~OF)],
  ['sahf', use(ALL & ~OF)],
  ['clc stc', use(CF)],
  ['cmc', use(CF, CF)],
  ['cld std', use(DF)],
  ['movs stos lods', use(0, DF)],
  ['cmps scas', use(ALL, DF)],
  ['pushf', use(0, ALL | DF | TF | NT | AC | ID)],
  ['popf', use(ALL | DF | TF | NT | AC | ID)],
  ['iret', use(ALL | DF | TF | NT | AC | ID)],
  // SYSCALL saves RFLAGS in R11; the frame of a signal shows them as well.
  ['syscall', use(ALL | DF, ALL | DF)],
  ['int int1 int3 undefined privileged', use(0, ALL | DF)],
  ['loope loopne', use(0, ZF)],
  ['fcmovb fcmovnb', use(0, CF)],
  ['fcmove fcmovne', use(0, ZF)],
  ['fcmovbe fcmovnbe', use(0, CF | ZF)],
  ['fcmovu fcmovnu', use(0, PF)],
];

const bySemantics = once(
  (): ReadonlyMap<string, FlagUse> =>
    new Map(entries().flatMap(([names, flags]) => names.split(' ').map((name) => [name, flags] as const))),
);

const SHIFTS = new Set(['shl', 'shr', 'sar', 'rol', 'ror', 'rcl', 'rcr', 'shld', 'shrd']);
const DOUBLE = new Set(['shld', 'shrd']);

/** A shift that is known to move by `count` bits (masked). */
const shiftFlags = (semantics: string, width: number, count: number): FlagUse => {
  if (count === 0) return NONE;
  const rotate = semantics.startsWith('ro') || semantics.startsWith('rc');
  const written = rotate ? CF | OF : ALL;
  let undef = rotate ? 0 : AF;
  if (count !== 1) undef |= OF;
  if (DOUBLE.has(semantics) && count > width) undef = ALL;
  if (!rotate && count >= width) undef |= semantics === 'sar' ? 0 : CF;
  return use(written, semantics.startsWith('rc') ? CF : 0, undef);
};

/** Flags of a row. */
export const flagsOf = (
  semantics: string,
  cc: number,
  operands: readonly OperandSpec[],
  string: boolean,
): FlagUse => {
  if (cc >= 0) return use(0, CONDITION_FLAGS[cc >> 1] ?? 0);
  if (SHIFTS.has(semantics) && operands.at(-1)?.text === '1') {
    return shiftFlags(semantics, 64, 1);
  }
  const flags = bySemantics().get(semantics) ?? NONE;
  // Repeated zero times, CMPS and SCAS leave the flags.
  return string && flags.written !== 0 ? use(flags.written, flags.read | ALL) : flags;
};

/**
 * Flags of one instruction: as in its row, but exact where an immediate count or a missing REP decides.
 * `count` gives the value of CL for shifts by CL.
 */
export const insnFlags = (insn: Insn, count = -1): FlagUse => {
  const { row } = insn;
  if (SHIFTS.has(row.semantics)) {
    const last = insn.operands.at(-1);
    const n = last?.kind === 'imm' ? Number(last.value) : count;
    if (n >= 0) return shiftFlags(row.semantics, insn.width, n & (insn.width === 64 ? 63 : 31));
  }
  if ((row.semantics === 'cmps' || row.semantics === 'scas') && insn.rep === 'none') return use(ALL, DF);
  return { written: row.flagsWritten, read: row.flagsRead, undefined: row.flagsUndefined };
};
