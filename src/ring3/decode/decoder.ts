// Bytes to instructions, for 64-bit mode (Intel SDM volume 2, chapter 2 and appendix A). The tables say which
// row it is; here are the rules of prefixes, ModRM and immediates.
//
// Conventions beyond insn.ts: immediates are signed within their width (0xFF as Ib is -1), except plain data
// (uI in the rows), which is unsigned. Displacements are signed 64-bit numbers; the absolute 64-bit address of
// MOV moffs is rounded beyond 2^53, where no address is canonical. A rip-relative address under a 67 prefix
// is cut to 32 bits. Branch targets are not wrapped to 64 bits: beyond the canonical range they fault anyway.

import type { DecodeError, Insn, Operand, Rep, Row, Segment, Width } from './insn.ts';
import { COLUMN, GROUP } from './lookup.ts';
import { METHOD, TYPE, WIDTHS as TYPE_WIDTHS } from './operand-spec.ts';
import { highOperand, immOperand, KIND, memOperand, registerOperand, relOperand } from './operands.ts';
import { prebuilt } from './prebuilt.ts';
import { everyRow, rowAt } from './table.ts';
import { compileTables, type DecoderTables, ROW_FLAG as F, packTables, unpackTables } from './tables.ts';

/** Longest instruction in bytes. */
export const MAX_LENGTH = 15;

const UNDEFINED: DecodeError = Object.freeze({ error: 'undefined' });
const TOO_LONG: DecodeError = Object.freeze({ error: 'too-long' });
const SHORT: DecodeError = Object.freeze({ error: 'short' });

/** Classes of prefix bytes. */
export const PREFIX = {
  none: 0,
  rex: 1,
  size: 2,
  address: 3,
  repne: 4,
  rep: 5,
  lock: 6,
  fs: 7,
  gs: 8,
  ignored: 9,
} as const;

/** PREFIX by byte. */
export const prefixClass = new Uint8Array(256);
prefixClass.fill(PREFIX.rex, 0x40, 0x50);
prefixClass[0x66] = PREFIX.size;
prefixClass[0x67] = PREFIX.address;
prefixClass[0xf2] = PREFIX.repne;
prefixClass[0xf3] = PREFIX.rep;
prefixClass[0xf0] = PREFIX.lock;
prefixClass[0x64] = PREFIX.fs;
prefixClass[0x65] = PREFIX.gs;
// ES, CS, SS and DS mean nothing in 64-bit mode, and do not undo FS or GS.
for (const segment of [0x26, 0x2e, 0x36, 0x3e]) prefixClass[segment] = PREFIX.ignored;

/** Size index by rule << 2 | REX.W << 1 | 66. */
export const sizes = Uint8Array.of(1, 0, 2, 2, 2, 0, 2, 2, 2, 2, 2, 2, 1, 1, 2, 2);
/** WIDTHS in fewer bytes. */
export const widths = Uint8Array.from(TYPE_WIDTHS);

/** The tables in one piece: tables.ts. */
export const packedTables: Uint8Array = prebuilt ?? packTables(compileTables(everyRow()));
export const tables: DecoderTables = unpackTables(packedTables);
const {
  top: TOP,
  groups: GROUPS,
  rowFlags,
  sizeRule,
  widthTypes,
  immediates,
  specs,
  xchgR8: XCHG_R8,
  movToSreg: MOV_TO_SREG,
} = tables;

/** An instruction whose row is read when it is asked for: the interpreter needs no more than the form. */
class Decoded implements Insn {
  readonly width: Width;
  readonly operands: readonly Operand[];
  readonly ip: number;
  readonly length: number;
  readonly next: number;
  readonly lock: boolean;
  readonly rep: Rep;
  readonly addressWidth: 32 | 64;
  readonly segment: Segment;
  readonly form: number;

  constructor(
    width: Width,
    operands: readonly Operand[],
    ip: number,
    length: number,
    lock: boolean,
    rep: Rep,
    addressWidth: 32 | 64,
    segment: Segment,
    form: number,
  ) {
    this.width = width;
    this.operands = operands;
    this.ip = ip;
    this.length = length;
    this.next = ip + length;
    this.lock = lock;
    this.rep = rep;
    this.addressWidth = addressWidth;
    this.segment = segment;
    this.form = form;
  }

  get row(): Row {
    return rowAt((this.form >> 6) & 0x7ff);
  }
}

/** Whether an instruction may go elsewhere than to the next one: it ends a block. */
export const endsBlock = (insn: Insn): boolean => flowNumber(insn) !== 0;
/** FLOW of an instruction. */
export const flowNumber = (insn: Insn): number => tables.flows[(insn.form >> 6) & 0x7ff] as number;

/** Width index of the form by width >> 3. */
export const formWidth = Uint8Array.of(0, 0, 1, 0, 2, 0, 0, 0, 3);

const CS = 1;
/** CR0, CR2, CR3, CR4, CR8 exist. */
const CONTROL_REGISTERS = 0b1_0001_1101;

const i8 = (bytes: Uint8Array, at: number): number => ((bytes[at] as number) << 24) >> 24;
const i16 = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 24)) >> 16;
const i32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at] as number) |
  ((bytes[at + 1] as number) << 8) |
  ((bytes[at + 2] as number) << 16) |
  ((bytes[at + 3] as number) << 24);
const i64 = (bytes: Uint8Array, at: number): number | bigint => {
  const low = i32(bytes, at) >>> 0;
  const high = i32(bytes, at + 4);
  const value = high * 0x1_0000_0000 + low;
  return Number.isSafeInteger(value) ? value : (BigInt(high) << 32n) | BigInt(low);
};

const signed = (bytes: Uint8Array, at: number, width: number): number | bigint =>
  width === 8
    ? i8(bytes, at)
    : width === 16
      ? i16(bytes, at)
      : width === 32
        ? i32(bytes, at)
        : i64(bytes, at);

/** The memory operand of ModRM, whose byte is at `at`. `next`: address of the next instruction. */
const modrmMemory = (
  bytes: Uint8Array,
  at: number,
  modrm: number,
  rex: number,
  slot: number,
  width: number,
  segment: Segment,
  addressWidth: number,
  next: number,
): Operand => {
  const mod = modrm >> 6;
  let q = at + 1;
  let base = (modrm & 7) | ((rex & 1) << 3);
  let index = -1;
  let scale = 0;
  if ((modrm & 7) === 4) {
    const sib = bytes[q++] as number;
    base = (sib & 7) | ((rex & 1) << 3);
    index = ((sib >> 3) & 7) | ((rex & 2) << 2);
    scale = sib >> 6;
    // Index 4 without REX.X means none; its scale is void.
    if (index === 4) {
      index = -1;
      scale = 0;
    }
    if (mod === 0 && (sib & 7) === 5) {
      return memOperand(slot, width, -1, index, scale, i32(bytes, q), segment, addressWidth, false);
    }
  } else if (mod === 0 && (modrm & 7) === 5) {
    const target = next + i32(bytes, q);
    const disp = addressWidth === 32 ? target % 0x1_0000_0000 : target;
    return memOperand(
      slot,
      width,
      -1,
      -1,
      0,
      disp < 0 && addressWidth === 32 ? disp + 0x1_0000_0000 : disp,
      segment,
      addressWidth,
      true,
    );
  }
  const disp = mod === 1 ? i8(bytes, q) : mod === 2 ? i32(bytes, q) : 0;
  return memOperand(slot, width, base, index, scale, disp, segment, addressWidth, false);
};

/** A general register by number: without any REX, 8-bit registers 4..7 are AH, CH, DH, BH. */
const general = (slot: number, width: number, reg: number, rex: number): Operand =>
  width === 8 && rex === 0 && reg >= 4 && reg < 8
    ? highOperand(slot, reg - 4)
    : registerOperand(KIND.reg, slot, width, reg);

/** Opcodes after 0F that mean nothing and end there. */
const NO_MODRM = new Set([0x04, 0x0a, 0x0c, 0x0e, 0x0f, 0x24, 0x25, 0x26, 0x27, 0x36, 0x37, 0xaa]);
/**
 * A row, or group, of instructions as long as what is none with this opcode; -1: it ends with the opcode. All bytes
 * are fetched before #UD is raised, so that a page fault or #GP for more than 15 bytes comes first (seen on the processor).
 */
const rowLike = (key: number): number => {
  for (let column = 0; column < 8; column++) {
    const id = TOP[(key << 3) | column] as number;
    if (id !== -1) return id;
  }
  // ADD Eb,Ib; PUSH Ib; IMUL Gv,Ev; PALIGNR.
  const like =
    key === 0x82
      ? 0x80
      : key === 0xd4 || key === 0xd5
        ? 0x6a
        : key < 0x100
          ? -1
          : key < 0x300
            ? 0x1af
            : 0x30f;
  return like < 0 || (key < 0x200 && NO_MODRM.has(key - 0x100)) ? -1 : (TOP[like << 3] as number);
};

/**
 * Decodes the instruction at `bytes[at]`, whose address is `ip`; `available` bytes may be read. Ends with a
 * DecodeError when they are no instruction (`undefined`: raise #UD, `too-long`: #GP) or too few (`short`).
 */
export const decode = (bytes: Uint8Array, at: number, ip: number, available: number): Insn | DecodeError => {
  const limit = Math.min(available, MAX_LENGTH);
  const beyond = limit === MAX_LENGTH ? TOO_LONG : SHORT;
  let p = 0;
  let rex = 0;
  let size66 = 0;
  let addressWidth: 32 | 64 = 64;
  let repeat: number = COLUMN.NP;
  let lock = false;
  let segment: Segment = null;
  let opcode = 0;
  for (;;) {
    if (p >= limit) return beyond;
    opcode = bytes[at + p++] as number;
    const prefix = prefixClass[opcode];
    if (prefix === PREFIX.none) break;
    if (prefix === PREFIX.rex) {
      rex = opcode;
      continue;
    }
    // REX counts only directly before the opcode.
    rex = 0;
    if (prefix === PREFIX.size) size66 = 1;
    else if (prefix === PREFIX.rep) repeat = COLUMN.F3;
    else if (prefix === PREFIX.repne) repeat = COLUMN.F2;
    else if (prefix === PREFIX.lock) lock = true;
    else if (prefix === PREFIX.fs) segment = 'fs';
    else if (prefix === PREFIX.gs) segment = 'gs';
    else if (prefix === PREFIX.address) addressWidth = 32;
  }

  let key = opcode;
  let reserved = false;
  if (opcode === 0x0f) {
    if (p >= limit) return beyond;
    opcode = bytes[at + p++] as number;
    key = 0x100 | opcode;
    if ((opcode & 0xf8) === 0x38) {
      if (p >= limit) return beyond;
      // 39 and 3B..3F begin opcodes as long as those after 38 and 3A, and none of them is one (seen on the processor).
      reserved = (opcode & 5) !== 0;
      key = (opcode & 2) === 0 ? 0x200 : 0x300;
      opcode = bytes[at + p++] as number;
      key |= opcode;
    }
  }
  const rexW = (rex >> 3) & 1;
  const column = repeat !== COLUMN.NP ? repeat : size66;
  let id = reserved ? -1 : (TOP[(key << 3) | (column << 1) | rexW] as number);
  // F3 makes it PAUSE whatever REX.B says.
  if (key === 0x90 && (rex & 1) !== 0 && repeat !== COLUMN.F3) id = XCHG_R8;
  let valid = id !== -1;
  if (!valid) id = rowLike(key);
  if (id === -1) {
    // CALL and JMP with offset and selector in them.
    const far = key === 0x9a || key === 0xea ? (size66 === 0 ? 6 : 4) : 0;
    return p + far > limit ? beyond : UNDEFINED;
  }

  let modrm = 0xc0;
  let tail = 0;
  let memory = 0;
  const modrmAt = at + p;
  if (id < 0 || ((rowFlags[id] as number) & F.modrm) !== 0) {
    if (p >= limit) return beyond;
    modrm = bytes[modrmAt] as number;
    p++;
    const register = modrm >= 0xc0;
    if (id < 0) {
      const group = (-2 - id) * GROUP;
      id = GROUPS[group + ((modrm & 0x3f) | (register ? 64 : 0))] as number;
      if (id < 0) {
        valid = false;
        id = GROUPS.subarray(group, group + GROUP).find((row) => row >= 0) as number;
      }
    }
    if (!register && ((rowFlags[id] as number) & F.register) === 0) {
      memory = 8;
      const mod = modrm >> 6;
      tail = mod === 1 ? 1 : mod === 2 ? 4 : 0;
      if ((modrm & 7) === 4) {
        if (p >= limit) return beyond;
        tail++;
        if (mod === 0 && ((bytes[at + p] as number) & 7) === 5) tail += 4;
      } else if (mod === 0 && (modrm & 7) === 5) tail = 4;
    }
  }

  const flags = rowFlags[id] as number;
  if (lock && ((flags & F.lockable) === 0 || memory === 0)) valid = false;
  const size = sizes[((sizeRule[id] as number) << 2) | (rexW << 1) | size66] as number;
  let immAt = at + p + tail;
  let length = p + tail + (immediates[id * 3 + size] as number);
  if ((flags & F.moffs) !== 0) {
    length += addressWidth >> 3;
    memory = 8;
  }
  // A page that is missing is met before the byte that is too many.
  if (length > limit) return beyond;
  if (!valid) return UNDEFINED;
  const next = ip + length;

  const operands: Operand[] = [];
  let immediate = 0;
  for (let slot = 0; slot < 3; slot++) {
    const spec = specs[id * 3 + slot] as number;
    if (spec === 0) break;
    const width = widths[((spec >> 5) & 15) * 3 + size] as number;
    let operand: Operand;
    switch (spec & 31) {
      case METHOD.G:
        operand = general(slot, width, ((modrm >> 3) & 7) | ((rex & 4) << 1), rex);
        break;
      case METHOD.E:
      case METHOD.W:
      case METHOD.Q:
        if (memory !== 0) {
          const memWidth = widths[((spec >> 9) & 15) * 3 + size] as number;
          operand = modrmMemory(bytes, modrmAt, modrm, rex, slot, memWidth, segment, addressWidth, next);
        } else if ((spec & 31) === METHOD.E)
          operand = general(slot, width, (modrm & 7) | ((rex & 1) << 3), rex);
        else if ((spec & 31) === METHOD.W) {
          operand = registerOperand(KIND.xmm, slot, width, (modrm & 7) | ((rex & 1) << 3));
        } else operand = registerOperand(KIND.mm, slot, width, modrm & 7);
        break;
      case METHOD.V:
        operand = registerOperand(KIND.xmm, slot, width, ((modrm >> 3) & 7) | ((rex & 4) << 1));
        break;
      case METHOD.P:
        operand = registerOperand(KIND.mm, slot, width, (modrm >> 3) & 7);
        break;
      case METHOD.Z:
        operand = general(slot, width, (opcode & 7) | ((rex & 1) << 3), rex);
        break;
      case METHOD.fixed:
        operand = registerOperand(KIND.reg, slot, width, spec >> 13);
        break;
      case METHOD.sI:
        immediate = i8(bytes, immAt++);
        operand = immOperand(slot, widths[(TYPE.v as number) * 3 + size] as Width, immediate);
        break;
      case METHOD.uI:
        immediate = width === 8 ? (bytes[immAt] as number) : i16(bytes, immAt) & 0xffff;
        immAt += width >> 3;
        operand = immOperand(slot, width as Width, immediate);
        break;
      case METHOD.I:
        // Iz is as wide as the operation, but at most four bytes are encoded.
        operand = immOperand(
          slot,
          (((spec >> 5) & 15) === TYPE.z ? widths[(TYPE.v as number) * 3 + size] : width) as Width,
          signed(bytes, immAt, width),
        );
        immAt += width >> 3;
        break;
      case METHOD.J:
        operand = relOperand(slot, next + (width === 8 ? i8(bytes, immAt) : i32(bytes, immAt)));
        break;
      case METHOD.O: {
        const low = i32(bytes, immAt) >>> 0;
        const disp = addressWidth === 64 ? i32(bytes, immAt + 4) * 0x1_0000_0000 + low : low;
        operand = memOperand(slot, width, -1, -1, 0, disp, segment, addressWidth, false);
        break;
      }
      case METHOD.STi:
        operand = registerOperand(KIND.st, slot, 80, modrm & 7);
        break;
      case METHOD.ST0:
        operand = registerOperand(KIND.st, slot, 80, 0);
        break;
      case METHOD.one:
        operand = immOperand(slot, 8, 1);
        break;
      case METHOD.fixedS:
        operand = registerOperand(KIND.sreg, slot, 16, spec >> 13);
        break;
      case METHOD.S: {
        const reg = (modrm >> 3) & 7;
        if (reg > 5 || (reg === CS && id === MOV_TO_SREG)) return UNDEFINED;
        operand = registerOperand(KIND.sreg, slot, 16, reg);
        break;
      }
      case METHOD.C: {
        const reg = ((modrm >> 3) & 7) | ((rex & 4) << 1);
        if (((CONTROL_REGISTERS >> reg) & 1) === 0) return UNDEFINED;
        operand = registerOperand(KIND.creg, slot, 64, reg);
        break;
      }
      default: {
        if ((rex & 4) !== 0) return UNDEFINED;
        operand = registerOperand(KIND.dreg, slot, 64, (modrm >> 3) & 7);
      }
    }
    operands.push(operand);
  }

  const width = widths[(widthTypes[id] as number) + size] as Width;
  let rep = 0;
  if (repeat !== COLUMN.NP && (flags & (F.rep | F.repne)) !== 0) {
    // F2 repeats MOVS, STOS and LODS just as F3 does.
    rep = repeat === COLUMN.F2 && (flags & F.repne) !== 0 ? 2 : 1;
  }
  const addresses = memory !== 0 || (flags & F.implicit) !== 0;
  return new Decoded(
    width,
    operands,
    ip,
    length,
    lock,
    REPS[rep] as Rep,
    addressWidth,
    segment,
    ((flags & F.imm) !== 0 ? immediate << 17 : 0) |
      (id << 6) |
      ((formWidth[width >> 3] as number) << 4) |
      memory |
      (rep << 1) |
      (addresses && addressWidth === 32 ? 1 : 0),
  );
};

const REPS: readonly Rep[] = ['none', 'rep', 'repne'];
