// AES-NI (FIPS 197, with the state as the manual lays it out in a register) and PCLMULQDQ. Helpers compute over
// the operands in the scratch area; the S-boxes are derived from the field, not stored.

import type { Semantics, SemanticsTable } from '../../emit.ts';
import type { Helper, HelperTable } from '../../helpers.ts';
import { CPU, OFF } from '../../layout.ts';
import { immediate, operand, scratched } from './common.ts';

const AT = CPU + OFF.scratch;

/** dst = helper(dst, src), `arg` from the immediate where there is one. */
const helped =
  (name: string, withImmediate: boolean): Semantics =>
  (e, i) => {
    e.scratch(1, e.readX(operand(i, 1)));
    e.scratch(0, e.readX(operand(i, 0)));
    e.helper(name, withImmediate ? immediate(e, i, 2) : 0);
    e.writeX(operand(i, 0), scratched('v128', 2));
  };

/** Multiplication in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1. */
const multiply = (a: number, b: number): number => {
  let r = 0;
  for (let x = a, y = b; y !== 0; y >>= 1) {
    if (y & 1) r ^= x;
    x = (x << 1) ^ (x & 0x80 ? 0x11b : 0);
  }
  return r;
};

/** The S-box (FIPS 197, 5.1.1: inverse, then an affine map) and its inverse. */
const [BOX, INVERSE_BOX] = ((): [Uint8Array, Uint8Array] => {
  const box = new Uint8Array(256);
  const inverse = new Uint8Array(256);
  const power = new Uint8Array(255);
  const log = new Uint8Array(256);
  for (let k = 0, v = 1; k < 255; k++, v = multiply(v, 3)) {
    power[k] = v;
    log[v] = k;
  }
  for (let v = 0; v < 256; v++) {
    const b = v === 0 ? 0 : (power[(255 - (log[v] ?? 0)) % 255] ?? 0);
    const turned = b ^ (b << 1) ^ (b << 2) ^ (b << 3) ^ (b << 4);
    const s = ((turned ^ (turned >> 8)) & 0xff) ^ 0x63;
    box[v] = s;
    inverse[s] = v;
  }
  return [box, inverse];
})();

/** A column mixed with the coefficients of row 0; the other rows are its rotations. */
const mix = (state: Uint8Array, c: readonly number[]): Uint8Array =>
  state.map((_, at) => {
    const column = at & ~3;
    let r = 0;
    for (let k = 0; k < 4; k++) r ^= multiply(state[column + k] ?? 0, c[(k - (at & 3) + 4) & 3] ?? 0);
    return r;
  });
const MIX = [2, 3, 1, 1];
const UNMIX = [14, 11, 13, 9];

/** Byte substitution and rotation of rows by `turn` columns. */
const substitute = (state: Uint8Array, box: Uint8Array, turn: 1 | -1): Uint8Array =>
  state.map((_, at) => box[state[(at + 4 * turn * (at & 3)) & 15] ?? 0] ?? 0);

const round =
  (box: Uint8Array, turn: 1 | -1, coefficients: readonly number[] | null): Helper =>
  (cpu) => {
    let state = substitute(cpu.u8.slice(AT, AT + 16), box, turn);
    if (coefficients) state = mix(state, coefficients);
    for (let k = 0; k < 16; k++) cpu.u8[AT + 32 + k] = (state[k] ?? 0) ^ (cpu.u8[AT + 16 + k] ?? 0);
    return 0;
  };

const aesInverseMix: Helper = (cpu) => {
  cpu.u8.set(mix(cpu.u8.slice(AT + 16, AT + 32), UNMIX), AT + 32);
  return 0;
};

const aesKey: Helper = (cpu, roundConstant) => {
  const word = (n: number): number => {
    const bytes = cpu.u8.slice(AT + 16 + 4 * n, AT + 20 + 4 * n).map((b) => BOX[b] ?? 0);
    return new DataView(bytes.buffer).getUint32(0, true);
  };
  const rotated = (v: number): number => ((v >>> 8) | (v << 24)) ^ roundConstant;
  const x1 = word(1);
  const x3 = word(3);
  [x1, rotated(x1), x3, rotated(x3)].forEach((v, k) => {
    cpu.dv.setUint32(AT + 32 + 4 * k, v >>> 0, true);
  });
  return 0;
};

const clmul: Helper = (cpu, imm) => {
  const a = cpu.dv.getBigUint64(AT + (imm & 1 ? 8 : 0), true);
  const b = cpu.dv.getBigUint64(AT + 16 + (imm & 16 ? 8 : 0), true);
  let r = 0n;
  for (let k = 0n; k < 64n; k++) if ((b >> k) & 1n) r ^= a << k;
  cpu.dv.setBigUint64(AT + 32, BigInt.asUintN(64, r), true);
  cpu.dv.setBigUint64(AT + 40, r >> 64n, true);
  return 0;
};

export const cryptoSemantics = (): SemanticsTable => ({
  aesenc: helped('aesenc', false),
  aesenclast: helped('aesenclast', false),
  aesdec: helped('aesdec', false),
  aesdeclast: helped('aesdeclast', false),
  aesimc: helped('aesimc', false),
  aeskeygenassist: helped('aeskeygenassist', true),
  pclmulqdq: helped('pclmulqdq', true),
});
export const cryptoHelpers = (): HelperTable => ({
  aesenc: round(BOX, 1, MIX),
  aesenclast: round(BOX, 1, null),
  aesdec: round(INVERSE_BOX, -1, UNMIX),
  aesdeclast: round(INVERSE_BOX, -1, null),
  aesimc: aesInverseMix,
  aeskeygenassist: aesKey,
  pclmulqdq: clmul,
});
