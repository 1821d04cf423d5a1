// Random operands with a preference for the values at which arithmetic turns: the edges of integers, of the
// floating-point formats, and plain numbers in between.

import { FX_BYTES } from './records.ts';

/** A small generator with a seed, the same everywhere (xorshift128, Marsaglia 2003). */
export class Rng {
  #s: Uint32Array;
  constructor(seed: number) {
    this.#s = Uint32Array.of(seed, seed ^ 0x9e3779b9, 0x243f6a88, 0xb7e15162);
    for (let i = 0; i < 16; i++) this.u32();
  }
  u32(): number {
    const s = this.#s;
    let t = s[3] as number;
    s[3] = s[2] as number;
    s[2] = s[1] as number;
    s[1] = s[0] as number;
    t ^= t << 11;
    t ^= t >>> 8;
    s[0] = t ^ (s[0] as number) ^ ((s[0] as number) >>> 19);
    return s[0] as number;
  }
  /** 0 .. n - 1 */
  below(n: number): number {
    return Math.floor((this.u32() / 4294967296) * n);
  }
  chance(p: number): boolean {
    return this.u32() / 4294967296 < p;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }
}

const EDGES: readonly bigint[] = [
  ...[0n, 1n, 2n, 7n, 8n, 15n, 16n, 31n, 32n, 33n, 63n, 64n, 65n, 0x7fn, 0x80n, 0xffn, 0x100n],
  ...[0x7fffn, 0x8000n, 0xffffn, 0x10000n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 0x100000000n],
  ...[0x7fffffffffffffffn, 0x8000000000000000n, 0xffffffffffffffffn, 0xfffffffffffffffen],
  ...[
    0xffffffff80000000n,
    0xffffffffffff8000n,
    0xffffffffffffff80n,
    0x0123456789abcdefn,
    0x8080808080808080n,
  ],
  ...[
    0x5555555555555555n,
    0xaaaaaaaaaaaaaaaan,
    0x7f7f7f7f7f7f7f7fn,
    0xff00ff00ff00ff00n,
    0x8000800080008000n,
  ],
];

export const integer = (rng: Rng): bigint => {
  const kind = rng.below(8);
  if (kind < 3) return rng.pick(EDGES);
  if (kind === 3) return BigInt.asUintN(64, rng.pick(EDGES) + BigInt(rng.below(5) - 2));
  if (kind === 4) return BigInt(rng.below(200));
  // A random number of bits.
  if (kind === 5) return rng.u64() >> BigInt(rng.below(64));
  return rng.u64();
};

const F32: readonly number[] = [
  ...[0, -0, 1, -1, 0.5, 1.5, 2.5, -2.5, 3, 1e10, -1e10, 2147483647, 2147483648, -2147483648, 4294967296],
  ...[1.17549435e-38, 1.4e-45, -1.4e-45, 3.4028235e38, Infinity, -Infinity, NaN, 0.1, 1 / 3, 16777217, 1e-30],
];
const F64: readonly number[] = [
  ...[0, -0, 1, -1, 0.5, 1.5, 2.5, -2.5, -0.5, 3, 1e10, 2147483647.5, 2147483648, -2147483648.5, 4294967296],
  ...[2 ** 63 - 1024, 2 ** 63, -(2 ** 63), 2 ** 64, 2.2250738585072014e-308, 5e-324, -5e-324],
  ...[
    1.7976931348623157e308,
    Infinity,
    -Infinity,
    NaN,
    0.1,
    1 / 3,
    1e-200,
    1e200,
    3.4028235677973366e38,
    1e-45,
  ],
];

const scratch = new DataView(new ArrayBuffer(16));

const float32 = (rng: Rng): number => {
  const kind = rng.below(8);
  if (kind < 4) scratch.setFloat32(0, rng.pick(F32), true);
  else if (kind === 4) scratch.setFloat32(0, (rng.below(2000001) - 1000000) / 2 ** rng.below(20), true);
  // NaNs with payloads, quiet and signalling.
  else if (kind === 5) scratch.setUint32(0, 0x7f800000 | (rng.u32() & 0x807fffff), true);
  else if (kind === 6) scratch.setUint32(0, rng.u32() & 0x807fffff, true);
  else scratch.setUint32(0, rng.u32(), true);
  return scratch.getUint32(0, true);
};

const float64 = (rng: Rng): bigint => {
  const kind = rng.below(8);
  if (kind < 4) scratch.setFloat64(0, rng.pick(F64), true);
  else if (kind === 4) scratch.setFloat64(0, (rng.below(2000001) - 1000000) / 2 ** rng.below(20), true);
  else if (kind === 5) {
    scratch.setBigUint64(0, 0x7ff0000000000000n | (rng.u64() & 0x800fffffffffffffn), true);
  } else if (kind === 6) scratch.setBigUint64(0, rng.u64() & 0x800fffffffffffffn, true);
  else scratch.setBigUint64(0, rng.u64(), true);
  return scratch.getBigUint64(0, true);
};

/** An 80-bit number: significand and sign with exponent. `any` allows the encodings that are unsupported. */
export const float80 = (rng: Rng, any = false): { significand: bigint; high: number } => {
  const sign = rng.below(2) << 15;
  const integerBit = 1n << 63n;
  switch (rng.below(any ? 11 : 10)) {
    case 0:
      return { significand: 0n, high: sign };
    case 1:
      return { significand: integerBit, high: sign | 0x3fff };
    case 2:
      return { significand: integerBit, high: sign | 0x7fff };
    case 3:
      return { significand: integerBit | rng.u64(), high: sign | 0x7fff };
    case 4:
      return { significand: rng.u64() >> BigInt(1 + rng.below(62)), high: sign };
    case 5: {
      // A small integer.
      const n = BigInt(1 + rng.below(1000));
      const bits = n.toString(2).length;
      return { significand: n << BigInt(64 - bits), high: sign | (0x3fff + bits - 1) };
    }
    case 6:
      return { significand: integerBit | rng.u64(), high: sign | (0x3fff - 40 + rng.below(110)) };
    case 7:
      return {
        significand: integerBit | (rng.u64() << BigInt(rng.below(63))),
        high: sign | (0x3fff - 3 + rng.below(6)),
      };
    case 8:
      return {
        significand: integerBit | rng.u64(),
        high: sign | rng.pick([1, 2, 0x3fff - 1023, 0x3fff + 1023, 0x7ffe]),
      };
    case 9:
      return { significand: integerBit | rng.u64(), high: sign | (1 + rng.below(0x7ffe)) };
    default:
      return { significand: rng.u64(), high: rng.u32() & 0xffff };
  }
};

/** Fills bytes with one kind of data: integers, floats of a format, or noise. */
export const fillData = (rng: Rng, bytes: Uint8Array): void => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kind = rng.below(6);
  for (let at = 0; at < bytes.length; at += 8) {
    let v: bigint;
    if (kind <= 1) v = integer(rng);
    else if (kind === 2) v = (BigInt(float32(rng)) << 32n) | BigInt(float32(rng));
    else if (kind === 3) v = float64(rng);
    else if (kind === 4 && at % 16 === 0 && at + 16 <= bytes.length) {
      const f = float80(rng, true);
      view.setBigUint64(at, f.significand, true);
      view.setBigUint64(at + 8, BigInt(f.high), true);
      at += 8;
      continue;
    } else v = rng.u64();
    if (at + 8 <= bytes.length) view.setBigUint64(at, v, true);
    else for (let k = at; k < bytes.length; k++) bytes[k] = Number((v >> BigInt(8 * (k - at))) & 0xffn);
  }
};

export interface FpuOptions {
  /** MXCSR and FCW as programs have them: round to nearest, everything masked. */
  readonly plain: boolean;
}

/** An FXSAVE image with random registers. */
export const fpuState = (rng: Rng, o: FpuOptions): Uint8Array => {
  const fx = new Uint8Array(FX_BYTES);
  const view = new DataView(fx.buffer);
  const precision = o.plain || rng.chance(0.6) ? 3 : rng.pick([0, 2, 3]);
  const rounding = o.plain || rng.chance(0.5) ? 0 : rng.below(4);
  view.setUint16(0, 0x7f | (precision << 8) | (rounding << 10), true);
  const top = rng.chance(0.5) ? 0 : rng.below(8);
  // Condition codes and sticky flags; none is unmasked, so ES and B stay clear.
  view.setUint16(2, (top << 11) | (rng.chance(0.5) ? 0 : rng.u32() & 0x477f), true);
  fx[4] = rng.chance(0.4) ? 0xff : rng.chance(0.2) ? 0 : rng.u32();
  const mode = o.plain ? 0 : (rng.below(4) << 13) | (rng.below(2) << 15) | (rng.below(2) << 6);
  // Unmasked exceptions, and flags that are raised already: exact code has a quick path for the inexact flag.
  const masks = o.plain || rng.chance(0.7) ? 0x1f80 : rng.u32() & 0x1f80;
  const raised = o.plain || rng.chance(0.4) ? 0 : rng.pick([0x20, 0x20, 0x3f, rng.below(64)]);
  view.setUint32(24, masks | raised | mode, true);
  const any = rng.chance(0.1);
  for (let i = 0; i < 8; i++) {
    const f = float80(rng, any);
    view.setBigUint64(32 + 16 * i, f.significand, true);
    view.setUint16(40 + 16 * i, f.high, true);
  }
  for (let i = 0; i < 16; i++) fillData(rng, fx.subarray(160 + 16 * i, 176 + 16 * i));
  return fx;
};
