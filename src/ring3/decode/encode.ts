// Rows back to bytes: instances of a row with random registers and operands, for tests that run every row
// on the real processor and here. What is built is decoded again, so an instance is always of its row.

import { decode } from './decoder.ts';
import type { Insn, Row } from './insn.ts';
import { METHOD, type OperandSpec, TYPE } from './operand-spec.ts';
import type { TableRow } from './row.ts';
import { rows } from './table.ts';

export interface EncodeOptions {
  /** Base register of memory operands. Default 7, rdi. */
  readonly base?: number;
  /** Displacements: multiples of 16 from 0 to this. Default 112. */
  readonly maxDisp?: number;
  /** Index register of some memory operands; the harness keeps a small value in it. Default none. */
  readonly index?: number;
  /** Address of MOV moffs. Default 0x10000. */
  readonly absolute?: number;
  /** General registers that register operands may be. Default all but rsp and the base and index. */
  readonly registers?: readonly number[];
  /** Displacement of branches. Default 0. */
  readonly rel?: number;
  /** Also instances with a 67 prefix, where addresses are involved. Default false. */
  readonly address32?: boolean;
}

export interface Instance {
  readonly bytes: Uint8Array;
  /** As decoded at address 0. */
  readonly insn: Insn;
}

/** What distinguishes instances of a row. */
interface Variant {
  /** 0, 1, 2: operand size 16, 32, 64. */
  readonly size: number;
  readonly memory: boolean;
  readonly lock: boolean;
  readonly repeat: 'none' | 'rep' | 'repne';
  readonly address32: boolean;
}

/** A number in [0, 1), as Math.random gives. */
export type Rng = () => number;

const pick = <T>(rng: Rng, from: readonly T[]): T => from[Math.floor(rng() * from.length)] as T;
const below = (rng: Rng, n: number): number => Math.floor(rng() * n);

const sizesOf = (row: TableRow): readonly number[] => {
  if (row.size === 'f64') return [2];
  if (row.size === 'd64') return [2, 0];
  if (row.w >= 0) return [row.w + 1];
  const types = [row.widthType, ...row.operands.flatMap((o) => [o.type, o.memType])];
  const small = row.prefix === 'NP' || row.prefix === '66' ? [] : [0];
  if (types.includes(TYPE.v) || types.includes(TYPE.p)) return [...small, 1, 2];
  if (types.includes(TYPE.y)) return [1, 2];
  if (types.includes(TYPE.z)) return [...small, 1];
  return [1];
};

const variantsOf = (row: TableRow, address32: boolean): Variant[] => {
  const rm = row.operands.some(
    (o) => o.method === METHOD.E || o.method === METHOD.W || o.method === METHOD.Q,
  );
  const moffs = row.operands.some((o) => o.method === METHOD.O);
  const memory =
    moffs || (rm && row.mod === 'mem') ? [true] : rm && row.mod === 'any' ? [false, true] : [false];
  const repeats =
    row.repeats === 'no'
      ? (['none'] as const)
      : row.repeats === 'rep'
        ? (['none', 'rep'] as const)
        : (['none', 'rep', 'repne'] as const);
  return sizesOf(row).flatMap((size) =>
    memory.flatMap((mem) =>
      repeats.flatMap((repeat) =>
        (row.lockable && mem ? [false, true] : [false]).flatMap((lock) =>
          (address32 && (mem || row.implicitAddress) ? [false, true] : [false]).map((short) => ({
            size,
            memory: mem,
            lock,
            repeat,
            address32: short,
          })),
        ),
      ),
    ),
  );
};

/** Immediates where instructions tend to differ. */
const EDGES = [0, 1, 2, 7, 8, 15, 16, 31, 32, 63, 64, 0x7f, 0x80, 0xff];

const immediateBytes = (
  o: OperandSpec,
  size: number,
  rng: Rng,
  opts: EncodeOptions,
  short: boolean,
): number[] => {
  const random = (n: number): number[] => {
    const edge = rng();
    if (edge < 0.1) return Array<number>(n).fill(0);
    if (edge < 0.2) return Array<number>(n).fill(0xff);
    return Array.from({ length: n }, () => below(rng, 256));
  };
  const little = (value: number, n: number): number[] =>
    Array.from({ length: n }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 0xff);
  switch (o.method) {
    case METHOD.sI:
      return [rng() < 0.5 ? pick(rng, EDGES) : below(rng, 256)];
    case METHOD.uI:
    case METHOD.I: {
      if (o.type === TYPE.b) return [rng() < 0.5 ? pick(rng, EDGES) : below(rng, 256)];
      const wide = o.type === TYPE.w || size === 0 ? 2 : o.type === TYPE.v && size === 2 ? 8 : 4;
      return random(wide);
    }
    case METHOD.J:
      return little(opts.rel ?? 0, o.type === TYPE.b ? 1 : 4);
    case METHOD.O:
      return little(opts.absolute ?? 0x10000, short ? 4 : 8);
    default:
      return [];
  }
};

/** One attempt; registers are drawn blindly and the caller rejects what it may not use. */
const attempt = (row: TableRow, v: Variant, rng: Rng, opts: EncodeOptions): number[] => {
  const bytes: number[] = [];
  if (v.lock) bytes.push(0xf0);
  if (v.address32) bytes.push(0x67);
  if (v.size === 0) bytes.push(0x66);
  if (v.repeat !== 'none') bytes.push(v.repeat === 'rep' ? 0xf3 : 0xf2);
  if (row.prefix === '66' || row.prefix === 'F3' || row.prefix === 'F2') {
    bytes.push(Number.parseInt(row.prefix, 16));
  }
  let rex = v.size === 2 && row.size === 'v' ? 8 : 0;
  const wide = rng() < 0.5;
  const number = (): number => below(rng, wide ? 16 : 8);

  const tail: number[] = [];
  let opcode = row.opcode;
  if (row.plus) {
    const reg = number();
    opcode += reg & 7;
    rex |= reg >> 3;
  }
  if (row.modrm >= 0) {
    tail.push(row.stack ? row.modrm + below(rng, 8) : row.modrm);
  } else if (row.hasModrm) {
    const field = row.operands.find((o) => [METHOD.G, METHOD.V].includes(o.method as 2));
    const system = row.mod === 'ignored' || row.operands.some((o) => o.method === METHOD.S);
    const reg = row.ext >= 0 ? row.ext : system ? 0 : field ? number() : below(rng, 8);
    rex |= (reg >> 3) << 2;
    const low = (reg & 7) << 3;
    if (!v.memory) {
      const rm = row.operands.some((o) => o.method === METHOD.Q) ? below(rng, 8) : number();
      rex |= rm >> 3;
      tail.push(0xc0 | low | (rm & 7));
    } else {
      const base = opts.base ?? 7;
      rex |= base >> 3;
      const disp = 16 * below(rng, (opts.maxDisp ?? 112) / 16 + 1);
      const short = disp < 128 && rng() < 0.8;
      const mod = short ? 0x40 : 0x80;
      const index = opts.index !== undefined && rng() < 0.5 ? opts.index : -1;
      if (index >= 0) {
        rex |= (index >> 3) << 1;
        tail.push(mod | low | 4, (below(rng, 4) << 6) | ((index & 7) << 3) | (base & 7));
      } else if ((base & 7) === 4) tail.push(mod | low | 4, 0x24);
      else tail.push(mod | low | (base & 7));
      tail.push(disp & 0xff);
      if (!short) tail.push((disp >> 8) & 0xff, (disp >> 16) & 0xff, disp >>> 24);
    }
  }
  const byteRegister = row.operands.some((o) => o.type === TYPE.b || o.memType === TYPE.b);
  if (rex !== 0 || (byteRegister && rng() < 0.3)) bytes.push(0x40 | rex);
  if (row.map > 0) bytes.push(0x0f);
  if (row.map > 1) bytes.push(row.map === 2 ? 0x38 : 0x3a);
  bytes.push(opcode, ...tail);
  for (const o of row.operands) bytes.push(...immediateBytes(o, v.size, rng, opts, v.address32));
  return bytes;
};

const allowed = (insn: Insn, row: TableRow, opts: EncodeOptions): boolean => {
  const base = opts.base ?? 7;
  return insn.operands.every((o, i) => {
    if (o.kind !== 'reg' || row.operands[i]?.method === METHOD.fixed) return true;
    if (opts.registers) return opts.registers.includes(o.reg);
    return o.reg !== 4 && o.reg !== base && o.reg !== opts.index;
  });
};

const build = (row: TableRow, v: Variant, rng: Rng, opts: EncodeOptions): Instance => {
  for (let tries = 0; tries < 1000; tries++) {
    const bytes = Uint8Array.from(attempt(row, v, rng, opts));
    const insn = decode(bytes, 0, 0, bytes.length);
    if ('error' in insn || insn.row !== row || insn.length !== bytes.length) continue;
    if (allowed(insn, row, opts)) return { bytes, insn };
  }
  throw new Error(`no instance of ${row.text}`);
};

const tableRow = (row: Row): TableRow => {
  const found = rows[row.id];
  if (!found) throw new Error(`no row ${row.id}`);
  return found;
};

/**
 * Instances of a row: one for each operand size, register or memory, LOCK and REP that it allows, with random
 * registers and immediates. Call again for more. Register operands avoid rsp and the address registers.
 *
 *     for (const { bytes, insn } of instances(row, rng, { base: GPR.rsi })) run(bytes);
 */
export const instances = (row: Row, rng: Rng, opts: EncodeOptions = {}): Instance[] => {
  const full = tableRow(row);
  return variantsOf(full, opts.address32 ?? false).map((v) => build(full, v, rng, opts));
};
