// Binary floating-point formats as x86 has them, and the way between their bits and sign, exponent,
// significand. f32 and f64 are IEEE 754's; f80 is the x87's, with an explicit integer bit and therefore
// encodings that no operation produces (Intel SDM volume 1, 4.8 and 8.2.2). Bits are bigints.

export interface Format {
  readonly name: 'f32' | 'f64' | 'f80';
  readonly exponentBits: number;
  /** Bits of the significand, the leading one included. */
  readonly precision: number;
  /** Whether the leading one is stored. */
  readonly explicit: boolean;
  readonly bias: number;
  /** Bits of significand stored. */
  readonly stored: number;
  readonly storedMask: bigint;
  /** The stored exponent of infinities and NaNs. */
  readonly maxExponent: number;
  /** The stored bit that makes a NaN quiet. */
  readonly quietBit: bigint;
  readonly signShift: bigint;
}

const format = (name: Format['name'], exponentBits: number, precision: number, explicit: boolean): Format => {
  const stored = explicit ? precision : precision - 1;
  return {
    name,
    exponentBits,
    precision,
    explicit,
    bias: 2 ** (exponentBits - 1) - 1,
    stored,
    storedMask: (1n << BigInt(stored)) - 1n,
    maxExponent: 2 ** exponentBits - 1,
    quietBit: 1n << BigInt(precision - 2),
    signShift: BigInt(stored + exponentBits),
  };
};

export const F32 = format('f32', 8, 24, false);
export const F64 = format('f64', 11, 53, false);
export const F80 = format('f80', 15, 64, true);

/** `unsupported`: an f80 that is none of the others (unnormal, pseudo-NaN, pseudo-infinity). */
export type Kind = 'zero' | 'finite' | 'infinity' | 'quiet' | 'signaling' | 'unsupported';

/** A number taken apart: a finite one is significand * 2^exponent, exactly. */
export interface Unpacked {
  readonly kind: Kind;
  readonly negative: boolean;
  readonly exponent: number;
  /** Of NaNs: the stored bits. */
  readonly significand: bigint;
  /** The stored exponent is 0 (f80's pseudo-denormals included). */
  readonly denormal: boolean;
}

export const unpack = (f: Format, bits: bigint): Unpacked => {
  const negative = !!((bits >> f.signShift) & 1n);
  const e = Number((bits >> BigInt(f.stored)) & BigInt(f.maxExponent));
  const s = bits & f.storedMask;
  const as = (kind: Kind, significand: bigint, exponent = 0, denormal = false): Unpacked => ({
    kind,
    negative,
    exponent,
    significand,
    denormal,
  });
  const leading = 1n << BigInt(f.precision - 1);
  if (e === 0) return s === 0n ? as('zero', 0n) : as('finite', s, 2 - f.bias - f.precision, true);
  if (f.explicit && (s & leading) === 0n) return as('unsupported', s);
  if (e === f.maxExponent) {
    const fraction = s & (leading - 1n);
    if (fraction === 0n) return as('infinity', s);
    return as(fraction & f.quietBit ? 'quiet' : 'signaling', s);
  }
  return as('finite', s | leading, e - f.bias - f.precision + 1);
};

const compose = (f: Format, negative: boolean, e: number, stored: bigint): bigint =>
  (negative ? 1n << f.signShift : 0n) | (BigInt(e) << BigInt(f.stored)) | stored;

export const zeroBits = (f: Format, negative: boolean): bigint => compose(f, negative, 0, 0n);
export const infinityBits = (f: Format, negative: boolean): bigint =>
  compose(f, negative, f.maxExponent, f.explicit ? 1n << 63n : 0n);
/** The largest finite number. */
export const largestBits = (f: Format, negative: boolean, precision = f.precision): bigint =>
  compose(f, negative, f.maxExponent - 1, f.storedMask & ~((1n << BigInt(f.precision - precision)) - 1n));
/** The "real indefinite", what x86 answers to an invalid operation: a negative quiet NaN. */
export const defaultNan = (f: Format): bigint =>
  compose(f, true, f.maxExponent, f.quietBit | (f.explicit ? 1n << 63n : 0n));
export const quieted = (f: Format, bits: bigint): bigint => bits | f.quietBit;

/** Bits of significand * 2^exponent, which the format can hold exactly. The significand is not 0. */
export const packExact = (f: Format, negative: boolean, significand: bigint, exponent: number): bigint => {
  const lowest = 2 - f.bias - f.precision;
  const length = bitLength(significand);
  let e = exponent + length - f.precision;
  if (e < lowest) e = lowest;
  const shift = exponent - e;
  const s = shift >= 0 ? significand << BigInt(shift) : significand >> BigInt(-shift);
  const normal = s >> BigInt(f.precision - 1) !== 0n;
  return compose(f, negative, normal ? e - lowest + 1 : 0, s & f.storedMask);
};

export const bitLength = (v: bigint): number => {
  if (v < 0x100000000n) return 32 - Math.clz32(Number(v));
  let n = 0;
  let rest = v;
  while (rest >= 1n << 128n) {
    rest >>= 96n;
    n += 96;
  }
  while (rest >= 0x100000000n) {
    rest >>= 32n;
    n += 32;
  }
  return n + 32 - Math.clz32(Number(rest));
};
