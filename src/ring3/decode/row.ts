// How a line of the opcode table is read. The notation is that of Intel's SDM volume 2, appendix A:
//
//   [prefix] opcode [/ext | 11B | W0 | W1] MNEMONIC operands [default size or width] [-> semantics]
//
//   prefix    NP: none of 66, F2, F3; NFx: neither F2 nor F3; 66, F3, F2: mandatory; nothing: they do not select
//   opcode    `50+r`: the register is in the low three bits; a byte after the opcode is the whole ModRM byte,
//             `C0+i` with ST(i) in its low three bits
//   /0../7    ModRM.reg extends the opcode; 11B: ModRM.mod must be 3; W0, W1: REX.W decides
//   operands  method and type. Methods: E G R M (general register or memory, by ModRM), Z (in the opcode),
//             I (sign-extended within its own width), sI (sign-extended to the operand size), uI (plain data,
//             zero-extended), J, O, X, Y, V W U (xmm), P Q N (mm), S, C, D, STi; `Rd/Mb` gives register and
//             memory types apart. Types: b w d q dq t as in the manual, v y z by operand size, p far pointer,
//             none: no size of its own. ps, pd, ss, sd, x are dq, dq, d, q, dq.
//   sizes     d64: the operand size defaults to 64; f64: it is always 64; v y z b: the width of a row without
//             operands that have one

import type { Flow, Row } from './insn.ts';
import { METHOD, type OperandSpec, TYPE } from './operand-spec.ts';
import { flagsOf } from './row-flags.ts';

export type PrefixRule = 'any' | 'NP' | 'NFx' | '66' | 'F3' | 'F2';

/** A row with what the decoder and the encoder need of it. */
export interface TableRow extends Row {
  readonly prefix: PrefixRule;
  /** 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A */
  readonly map: 0 | 1 | 2 | 3;
  readonly opcode: number;
  /** The opcode holds a register: the row spans eight opcodes. */
  readonly plus: boolean;
  /** ModRM.reg as opcode extension, or -1. */
  readonly ext: number;
  /** The whole ModRM byte, or -1. With `ext` -1. */
  readonly modrm: number;
  /** ModRM.rm is free: `C0+i`. */
  readonly stack: boolean;
  readonly hasModrm: boolean;
  /** What ModRM.mod may be. `ignored`: always taken as 3. */
  readonly mod: 'any' | 'mem' | 'reg' | 'ignored';
  /** REX.W that the row needs, or -1. */
  readonly w: -1 | 0 | 1;
  readonly size: 'v' | 'd64' | 'f64';
  /** TYPE that gives `Insn.width`. */
  readonly widthType: number;
  readonly operands: readonly OperandSpec[];
  /** Addresses memory, or counts, through registers that the row does not name: address size matters. */
  readonly implicitAddress: boolean;
  /** A string instruction that REP repeats, or (`repne`) for which F2 and F3 differ. */
  readonly repeats: 'no' | 'rep' | 'repne';
}

export interface Section {
  readonly feature: string | null;
  readonly rows: readonly string[];
}

/** Condition names by code. */
export const CONDITIONS: readonly string[] = [
  ...['O', 'NO', 'B', 'AE', 'E', 'NE', 'BE', 'A'],
  ...['S', 'NS', 'P', 'NP', 'L', 'GE', 'LE', 'G'],
];

const TYPE_NAMES: Readonly<Record<string, number>> = {
  ...{ '': TYPE.none, b: TYPE.b, w: TYPE.w, d: TYPE.d, q: TYPE.q, dq: TYPE.dq, t: TYPE.t },
  ...{ v: TYPE.v, y: TYPE.y, z: TYPE.z, p: TYPE.p, s: TYPE.s },
  ...{ x: TYPE.dq, ps: TYPE.dq, pd: TYPE.dq, ss: TYPE.d, sd: TYPE.q },
};

const METHODS: Readonly<Record<string, number>> = {
  ...{
    E: METHOD.E,
    R: METHOD.E,
    M: METHOD.E,
    G: METHOD.G,
    Z: METHOD.Z,
    V: METHOD.V,
    W: METHOD.W,
    U: METHOD.W,
  },
  ...{
    P: METHOD.P,
    Q: METHOD.Q,
    N: METHOD.Q,
    S: METHOD.S,
    C: METHOD.C,
    D: METHOD.D,
    J: METHOD.J,
    O: METHOD.O,
  },
  ...{ I: METHOD.I, sI: METHOD.sI, uI: METHOD.uI },
};

const spec = (text: string, method: number, type: number, memType: number = type, reg = -1): OperandSpec => ({
  text,
  method,
  type,
  memType,
  reg,
});

const NAMED: Readonly<Record<string, OperandSpec>> = {
  AL: spec('AL', METHOD.fixed, TYPE.b, TYPE.b, 0),
  CL: spec('CL', METHOD.fixed, TYPE.b, TYPE.b, 1),
  AX: spec('AX', METHOD.fixed, TYPE.w, TYPE.w, 0),
  DX: spec('DX', METHOD.fixed, TYPE.w, TYPE.w, 2),
  rAX: spec('rAX', METHOD.fixed, TYPE.v, TYPE.v, 0),
  eAX: spec('eAX', METHOD.fixed, TYPE.z, TYPE.z, 0),
  FS: spec('FS', METHOD.fixedS, TYPE.w, TYPE.w, 4),
  GS: spec('GS', METHOD.fixedS, TYPE.w, TYPE.w, 5),
  ST0: spec('ST0', METHOD.ST0, TYPE.t),
  STi: spec('STi', METHOD.STi, TYPE.t),
  '1': spec('1', METHOD.one, TYPE.b),
};

const OPERAND = /^(sI|uI|[A-Z])([a-z]*)(?:\/M([a-z]*))?$/;

const typeOf = (name: string, text: string): number => {
  const type = TYPE_NAMES[name];
  if (type === undefined) throw new Error(`operand type ${name} in row ${text}`);
  return type;
};

const parseOperand = (text: string, row: string): OperandSpec => {
  const named = NAMED[text];
  if (named) return named;
  const [, letter = '', type = '', memType = type] = OPERAND.exec(text) ?? [];
  const method = METHODS[letter];
  if (method === undefined) throw new Error(`operand ${text} in row ${row}`);
  return spec(text, method, typeOf(type, row), typeOf(memType, row));
};

const PREFIXES = new Set(['NP', 'NFx', '66', 'F3', 'F2']);

/** Two capital hexadecimal digits, and perhaps `+r` or `+i`? */
const isByte = (word: string | undefined): boolean => {
  if (word === undefined || (word.length !== 2 && word[2] !== '+')) return false;
  return isDigit(word.charCodeAt(0)) && isDigit(word.charCodeAt(1));
};
const isDigit = (c: number): boolean => (c >= 0x30 && c <= 0x39) || (c >= 0x41 && c <= 0x46);

/** Meanings that several mnemonics share, or that need a name apart from another instruction's. */
const SEMANTICS: ReadonlyMap<string, string> = new Map([['sal', 'shl']]);

const IMPLICIT_ADDRESS = new Set(['xlat', 'loop', 'loope', 'loopne', 'jrcxz', 'maskmovq', 'maskmovdqu']);

const LOCKABLE = new Set(
  (
    'add or adc sbb and sub xor not neg inc dec xchg bts btr btc ' + 'xadd cmpxchg cmpxchg8b cmpxchg16b'
  ).split(' '),
);

const IMMEDIATE_IN_FORM = new Set(
  (
    'pshufw pshufd pshuflw pshufhw shufps shufpd palignr roundps roundpd roundss roundsd ' +
    'cmpps cmppd cmpss cmpsd pinsrb pinsrw pinsrd pextrb pextrw pextrd insertps extractps ' +
    'blendps blendpd pblendw dpps dppd mpsadbw pslldq psrldq aeskeygenassist pclmulqdq'
  ).split(' '),
);

const FLOWS: ReadonlyMap<string, Flow> = new Map([
  ...['jcc', 'loop', 'loope', 'loopne', 'jrcxz'].map((name) => [name, 'branch'] as const),
  ...['jmpf', 'callf', 'retf', 'iret'].map((name) => [name, 'indirect-jump'] as const),
  ...['undefined', 'privileged', 'int', 'int1', 'int3'].map((name) => [name, 'stop'] as const),
  ['ret', 'return'],
  ['syscall', 'syscall'],
]);

const flowOf = (semantics: string, operands: readonly OperandSpec[]): Flow => {
  const direct = operands[0]?.method === METHOD.J;
  if (semantics === 'jmp') return direct ? 'jump' : 'indirect-jump';
  if (semantics === 'call') return direct ? 'call' : 'indirect-call';
  return FLOWS.get(semantics) ?? 'next';
};

/** Families and codes of the conditional mnemonics. */
const CONDITIONAL: ReadonlyMap<string, { semantics: string; cc: number }> = new Map(
  CONDITIONS.flatMap((c, cc) => [
    [`J${c}`, { semantics: 'jcc', cc }],
    [`SET${c}`, { semantics: 'setcc', cc }],
    [`CMOV${c}`, { semantics: 'cmovcc', cc }],
  ]),
);

/** The type that gives `Insn.width`: v or z if an operand has it, else y, else the first operand's. */
const widthOf = (operands: readonly OperandSpec[]): number => {
  const types = operands.map((o) => o.type);
  if (types.includes(TYPE.v) || operands.some((o) => o.method === METHOD.sI)) return TYPE.v;
  if (types.includes(TYPE.y)) return TYPE.y;
  if (types.includes(TYPE.z)) return TYPE.z;
  if (operands.some((o) => o.memType === TYPE.p)) return TYPE.v;
  const first = types.find((t) => t !== TYPE.none) ?? TYPE.d;
  return first <= TYPE.q ? first : TYPE.d;
};

const WIDTH_WORDS: ReadonlyMap<string, number> = new Map([
  ['b', TYPE.b],
  ['v', TYPE.v],
  ['y', TYPE.y],
  ['z', TYPE.z],
]);

/** What the operands of a row say; many rows have the same. */
interface Pattern {
  readonly operands: readonly OperandSpec[];
  readonly string: boolean;
  readonly widthType: number;
  readonly usesModrm: boolean;
  readonly mod: TableRow['mod'];
}

const parsePattern = (text: string, row: string): Pattern => {
  const texts = text === '' ? [] : text.split(',');
  const implied = texts.filter((t) => t.startsWith('X') || t.startsWith('Y'));
  if (implied.length > 0) {
    // The operands of string instructions are implied; only their size is taken from the row.
    const type = typeOf(implied[0]?.slice(1) ?? '', row);
    return { operands: [], string: true, widthType: type, usesModrm: false, mod: 'any' };
  }
  const operands = texts.map((t) => parseOperand(t, row));
  const coded = texts.filter((t) => !(t in NAMED));
  const some = (letters: RegExp): boolean => coded.some((t) => letters.test(t));
  const mod = some(/^[CD]/) ? 'ignored' : some(/^[RUN][a-z]*$/) ? 'reg' : some(/^M/) ? 'mem' : 'any';
  return {
    operands,
    string: false,
    widthType: widthOf(operands),
    usesModrm: texts.includes('STi') || some(/^[EGRMVWUPQNSCD]/),
    mod,
  };
};

/** Reads one line of the table. Throws on a line that breaks the notation. */
const parseRow = (
  id: number,
  text: string,
  feature: string | null,
  patternOf: (operands: string, row: string) => Pattern,
): TableRow => {
  const words = text.split(' ');
  let at = 0;
  const prefix = (PREFIXES.has(words[0] ?? '') ? words[at++] : 'any') as PrefixRule;

  const first = at;
  while (isByte(words[at])) at++;
  const codes = words.slice(first, at);
  const map = codes[0] !== '0F' ? 0 : codes[1] === '38' ? 2 : codes[1] === '3A' ? 3 : 1;
  const last = map === 3 ? 2 : map;
  const code = codes[last];
  if (code === undefined) throw new Error(`no opcode in row ${text}`);
  const modrmCode = codes[last + 1];
  const modrm = modrmCode === undefined ? -1 : Number.parseInt(modrmCode, 16);

  let ext = -1;
  let regOnly = modrm >= 0;
  let w: -1 | 0 | 1 = -1;
  for (; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word.startsWith('/')) ext = Number(word.slice(1));
    else if (word === '11B') regOnly = true;
    else if (word === 'W0') w = 0;
    else if (word === 'W1') w = 1;
    else break;
  }

  const name = words[at++] ?? '';
  let size: TableRow['size'] = 'v';
  let widthType = -1;
  let semantics = '';
  let operandText = '';
  for (; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '->') semantics = words[++at] ?? '';
    else if (word === 'd64' || word === 'f64') size = word;
    else if (WIDTH_WORDS.has(word)) widthType = WIDTH_WORDS.get(word) ?? -1;
    else operandText = word;
  }
  const pattern = patternOf(operandText, text);
  const { operands, string } = pattern;
  if (size !== 'v') widthType = TYPE.v;
  else if (widthType < 0) widthType = pattern.widthType;

  const condition = CONDITIONAL.get(name);
  const cc = condition ? condition.cc : -1;
  const mnemonic = name.toLowerCase();
  if (semantics === '') {
    semantics = condition ? condition.semantics : (SEMANTICS.get(mnemonic) ?? mnemonic);
    if (semantics === 'imul' && operands.length === 1) semantics = 'imul1';
  }
  const flags = flagsOf(semantics, cc, operands, string);
  return {
    id,
    text,
    semantics,
    mnemonic,
    cc,
    flow: flowOf(semantics, operands),
    lockable: LOCKABLE.has(semantics) && operands[0]?.method === METHOD.E,
    feature,
    flagsWritten: flags.written,
    flagsRead: flags.read,
    flagsUndefined: flags.undefined,
    immediateInForm: IMMEDIATE_IN_FORM.has(semantics) && operands.at(-1)?.method === METHOD.uI,
    prefix,
    map,
    opcode: Number.parseInt(code, 16),
    plus: code.endsWith('+r'),
    ext,
    modrm,
    stack: modrmCode?.endsWith('+i') ?? false,
    hasModrm: modrm >= 0 || ext >= 0 || pattern.usesModrm,
    mod: regOnly ? 'reg' : pattern.mod,
    w,
    size,
    widthType,
    operands,
    implicitAddress: string || IMPLICIT_ADDRESS.has(semantics),
    repeats: !string ? 'no' : mnemonic === 'cmps' || mnemonic === 'scas' ? 'repne' : 'rep',
  };
};

/** The rows of a table. */
export interface Rows {
  readonly count: number;
  /** The row of an id, read when it is first asked for: a program meets a fraction of them. */
  at(id: number): TableRow;
}

/** Reads the sections of the table; the ids of rows are their places. */
export const readRows = (sections: readonly Section[]): Rows => {
  const count = sections.reduce((sum, s) => sum + s.rows.length, 0);
  /** Text and feature of a row. */
  const find = (id: number): readonly [text: string, feature: string | null] => {
    let from = 0;
    for (const s of sections) {
      const text = s.rows[id - from];
      if (text !== undefined) return [text, s.feature];
      from += s.rows.length;
    }
    throw new RangeError(`the opcode table has no row ${id}`);
  };
  const patterns = new Map<string, Pattern>();
  const patternOf = (operands: string, row: string): Pattern => {
    let pattern = patterns.get(operands);
    if (!pattern) {
      pattern = parsePattern(operands, row);
      patterns.set(operands, pattern);
    }
    return pattern;
  };
  const rows: (TableRow | undefined)[] = Array(count);
  return {
    count,
    at(id) {
      let row = rows[id];
      if (row === undefined) {
        const [text, feature] = find(id);
        row = parseRow(id, text, feature, patternOf);
        rows[id] = row;
      }
      return row;
    },
  };
};
