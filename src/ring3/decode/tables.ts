// The opcode table as the arrays that the decoder reads, and their packed form, in which the build carries them.

import type { Flow } from './insn.ts';
import { buildLookup } from './lookup.ts';
import { METHOD, type OperandSpec, TYPE, WIDTHS } from './operand-spec.ts';
import type { TableRow } from './row.ts';

/** Rules of the operand size; its index is 0, 1, 2 for 16, 32, 64 bits. */
const SIZE_RULE = { v: 0, d64: 1, f64: 2, mandatory: 3 } as const;

/** Bits of `rowFlags`. */
export const ROW_FLAG = {
  modrm: 1,
  register: 2,
  lockable: 4,
  implicit: 8,
  imm: 16,
  rep: 32,
  repne: 64,
  moffs: 128,
} as const;

/** How instructions leave the straight line, by number. */
export const FLOW: Readonly<Record<Flow, number>> = {
  next: 0,
  jump: 1,
  branch: 2,
  call: 3,
  return: 4,
  'indirect-jump': 5,
  'indirect-call': 6,
  syscall: 7,
  stop: 8,
};

export interface DecoderTables {
  /** Rows by opcode, and groups that ModRM decides: see lookup.ts. */
  readonly top: Int16Array;
  readonly groups: Int16Array;
  /** ROW_FLAG by row. */
  readonly rowFlags: Uint8Array;
  /** FLOW by row: 0 when what follows is run next. */
  readonly flows: Uint8Array;
  /** SIZE_RULE by row. */
  readonly sizeRule: Uint8Array;
  /** TYPE of the width, times 3, by row. */
  readonly widthTypes: Uint8Array;
  /** Bytes of immediates, by row * 3 + size. */
  readonly immediates: Uint8Array;
  /** Operand specs, three a row: method | type << 5 | memType << 9 | reg << 13; 0 ends. */
  readonly specs: Int32Array;
  /** Row of XCHG r8,rAX, which is where NOP would be without REX.B. */
  readonly xchgR8: number;
  /** Row of MOV Sreg,r/m: loading CS is undefined. */
  readonly movToSreg: number;
}

/** Bytes of an immediate operand at an operand size index; MOV moffs is counted apart. */
const immediateBytes = (o: OperandSpec, size: number): number => {
  if (o.method === METHOD.sI) return 1;
  if (o.method === METHOD.J) return o.type === TYPE.b ? 1 : 4;
  if (o.method !== METHOD.I && o.method !== METHOD.uI) return 0;
  return (WIDTHS[o.type * 3 + size] as number) >> 3;
};

/** What the decoder keeps of a list of operands; rows with the same operands share the list. */
const pack = (operands: readonly OperandSpec[]): { specs: number[]; bytes: number[]; flags: number } => ({
  specs: operands.map((o) => o.method | (o.type << 5) | (o.memType << 9) | ((o.reg & 15) << 13)),
  bytes: [0, 1, 2].map((size) => operands.reduce((sum, o) => sum + immediateBytes(o, size), 0)),
  flags: operands.some((o) => o.method === METHOD.O) ? ROW_FLAG.moffs : 0,
});

export const compileTables = (rows: readonly TableRow[]): DecoderTables => {
  const { top, groups } = buildLookup(rows);
  const rowFlags = new Uint8Array(rows.length);
  const flows = new Uint8Array(rows.length);
  const sizeRule = new Uint8Array(rows.length);
  const widthTypes = new Uint8Array(rows.length);
  const immediates = new Uint8Array(rows.length * 3);
  const specs = new Int32Array(rows.length * 3);
  const packed = new Map<readonly OperandSpec[], ReturnType<typeof pack>>();
  for (const row of rows) {
    let operands = packed.get(row.operands);
    if (!operands) {
      operands = pack(row.operands);
      packed.set(row.operands, operands);
    }
    specs.set(operands.specs, row.id * 3);
    immediates.set(operands.bytes, row.id * 3);
    rowFlags[row.id] =
      operands.flags |
      (row.hasModrm ? ROW_FLAG.modrm : 0) |
      (row.mod === 'ignored' ? ROW_FLAG.register : 0) |
      (row.lockable ? ROW_FLAG.lockable : 0) |
      (row.implicitAddress ? ROW_FLAG.implicit : 0) |
      (row.immediateInForm ? ROW_FLAG.imm : 0) |
      (row.repeats === 'rep' ? ROW_FLAG.rep : row.repeats === 'repne' ? ROW_FLAG.repne : 0);
    flows[row.id] = FLOW[row.flow];
    sizeRule[row.id] = row.prefix === '66' ? SIZE_RULE.mandatory : SIZE_RULE[row.size];
    widthTypes[row.id] = row.widthType * 3;
  }
  return {
    top,
    groups,
    rowFlags,
    flows,
    sizeRule,
    widthTypes,
    immediates,
    specs,
    xchgR8: rows.findIndex((r) => r.plus && r.opcode === 0x90),
    movToSreg: rows.findIndex((r) => r.map === 0 && r.opcode === 0x8e),
  };
};

/** Little-endian: rows, entries of groups, xchgR8, movToSreg; specs, top, groups, and the bytes by row. */
const HEADER = 4;
const TOP_ENTRIES = 4 * 256 * 8;

/** The tables in one piece. */
export const packTables = (t: DecoderTables): Uint8Array => {
  const header = Int32Array.of(t.rowFlags.length, t.groups.length, t.xchgR8, t.movToSreg);
  const parts = [
    header,
    t.specs,
    t.top,
    t.groups,
    t.rowFlags,
    t.flows,
    t.sizeRule,
    t.widthTypes,
    t.immediates,
  ];
  const out = new Uint8Array(parts.reduce((sum, p) => sum + p.byteLength, 0));
  let at = 0;
  for (const p of parts) {
    out.set(new Uint8Array(p.buffer, p.byteOffset, p.byteLength), at);
    at += p.byteLength;
  }
  return out;
};

/** Where the tables begin in their packed form, and where they end. */
export interface PackedPlaces {
  readonly specs: number;
  readonly top: number;
  readonly groups: number;
  readonly rowFlags: number;
  readonly flows: number;
  readonly sizeRule: number;
  readonly widthTypes: number;
  readonly immediates: number;
  readonly end: number;
}

export const packedPlaces = (rows: number, groups: number): PackedPlaces => {
  const specs = HEADER * 4;
  const top = specs + rows * 12;
  const groupsAt = top + TOP_ENTRIES * 2;
  const rowFlags = groupsAt + groups * 2;
  const flows = rowFlags + rows;
  const sizeRule = flows + rows;
  const widthTypes = sizeRule + rows;
  const immediates = widthTypes + rows;
  return {
    specs,
    top,
    groups: groupsAt,
    rowFlags,
    flows,
    sizeRule,
    widthTypes,
    immediates,
    end: immediates + rows * 3,
  };
};

/** The tables that were packed; they share the bytes, which start at a multiple of 4. */
export const unpackTables = (packed: Uint8Array): DecoderTables => {
  const { buffer, byteOffset } = packed;
  const header = new Int32Array(buffer, byteOffset, HEADER);
  const [rows, groups, xchgR8, movToSreg] = header as unknown as [number, number, number, number];
  const places = packedPlaces(rows, groups);
  const bytes = (at: number, n: number): Uint8Array => new Uint8Array(buffer, byteOffset + at, n);
  return {
    xchgR8,
    movToSreg,
    specs: new Int32Array(buffer, byteOffset + places.specs, rows * 3),
    top: new Int16Array(buffer, byteOffset + places.top, TOP_ENTRIES),
    groups: new Int16Array(buffer, byteOffset + places.groups, groups),
    rowFlags: bytes(places.rowFlags, rows),
    flows: bytes(places.flows, rows),
    sizeRule: bytes(places.sizeRule, rows),
    widthTypes: bytes(places.widthTypes, rows),
    immediates: bytes(places.immediates, rows * 3),
  };
};
