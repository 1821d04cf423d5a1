// Results and flags against the real processor: oracle.c runs random operations, edge values among them, in
// every rounding mode, with DAZ and FTZ (SSE) and every precision (x87).

import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import * as sf from './index.ts';
import { type Env, F32, F64, F80, type Format } from './index.ts';

const dir = mkdtempSync(join(tmpdir(), 'softfloat-'));
const oracle = join(dir, 'oracle');
beforeAll(() => {
  execFileSync('gcc', ['-O1', '-o', oracle, join(import.meta.dirname, 'oracle.c')]);
});

let seed = 12345n;
const random = (bits: number): bigint => {
  let v = 0n;
  for (let n = 0; n < bits; n += 32) {
    seed = BigInt.asUintN(64, seed * 6364136223846793005n + 1442695040888963407n);
    v = (v << 32n) | (seed >> 32n);
  }
  return BigInt.asUintN(bits, v);
};
const below = (n: number): number => Number(random(32) % BigInt(n));
const choose = <T>(list: readonly T[]): T => list[below(list.length)] as T;

/** A number of the format: any bits, edges, small integers, near the ends of the exponent, few bits set. */
const number = (f: Format): bigint => {
  const total = f.stored + f.exponentBits + 1;
  const sign = random(1) << f.signShift;
  const lead = f.explicit ? 1n << 63n : 0n;
  const make = (e: number, s: bigint): bigint =>
    sign | (BigInt(e) << BigInt(f.stored)) | (s & f.storedMask) | (e > 0 ? lead : 0n);
  switch (below(12)) {
    case 0:
      return random(total);
    case 1:
      return sign;
    case 2:
      return make(f.maxExponent, choose([0n, 1n, f.quietBit, f.quietBit | random(20), random(f.stored - 2)]));
    case 3:
      return make(
        0,
        choose([1n, 2n, f.quietBit, f.storedMask >> (f.explicit ? 1n : 0n), random(f.stored - 1)]),
      );
    case 4:
      return make(
        choose([1, 2, 3, f.maxExponent - 1, f.maxExponent - 2]),
        choose([0n, f.storedMask, random(f.stored)]),
      );
    case 5:
    case 6:
      return make(f.bias + below(70) - 4, random(f.stored) & ~((1n << BigInt(below(f.stored))) - 1n));
    case 7:
      return make(f.bias + below(8), choose([0n, f.storedMask, 1n, f.quietBit]));
    case 8:
      return make(1 + below(f.precision + 3), random(f.stored));
    case 9:
      return make((f.bias >> 1) + below(2 * f.precision) - f.precision, random(f.stored));
    default:
      return make(1 + below(f.maxExponent - 1), random(f.stored));
  }
};
/** Often close to a, so that sums cancel. */
const partner = (f: Format, a: bigint): bigint => {
  const k = below(6);
  if (k === 0) return a ^ (1n << f.signShift);
  if (k === 1) return a ^ (1n << f.signShift) ^ random(3);
  if (k === 2) return (a + (BigInt(below(5)) << BigInt(f.stored))) & ((1n << (f.signShift + 1n)) - 1n);
  return number(f);
};

interface Case {
  readonly op: number;
  readonly name: string;
  readonly from: Format;
  /** Expected bytes that count, and which of them. */
  readonly run: (
    a: bigint,
    b: bigint,
    env: Env,
  ) => { r: bigint | null; bits: number; extra?: number; fsw?: number };
}
const value = (bits: number) => (r: bigint) => ({ r, bits });
const bitsOf = (f: Format): number => f.stored + f.exponentBits + 1;
const operations = { add: sf.add, sub: sf.sub, mul: sf.mul, div: sf.div };
const binary = (op: number, name: 'add' | 'sub' | 'mul' | 'div', from: Format): Case => ({
  op,
  name: `${name} ${from.name}`,
  from,
  run: (a, b, env) => value(bitsOf(from))(operations[name](from, a, b, env)),
});
const integer = (op: number, from: Format, bits: number, truncate = false): Case => ({
  op,
  name: `${from.name} to i${bits}${truncate ? ' truncated' : ''}`,
  from,
  run: (a, _b, env) => {
    const v = sf.toInteger(from, a, bits, env, truncate) ?? 1n << BigInt(bits - 1);
    return { r: BigInt.asUintN(bits, v), bits };
  },
});
const order = (op: number, from: Format, signal: boolean): Case => ({
  op,
  name: `${signal ? '' : 'u'}comi ${from.name}`,
  from,
  run: (a, b, env) => {
    const o = sf.compare(from, a, b, env, signal);
    return { r: null, bits: 0, extra: o === 'unordered' ? 0x45 : o === 0 ? 0x40 : o < 0 ? 1 : 0 };
  },
});
const to = (op: number, from: Format, format: Format): Case => ({
  op,
  name: `${from.name} to ${format.name}`,
  from,
  run: (a, _b, env) => value(bitsOf(format))(sf.convert(from, format, a, env)),
});

const sse: readonly Case[] = [
  ...(['add', 'sub', 'mul', 'div'] as const).flatMap((n, k) => [
    binary(2 * k, n, F32),
    binary(2 * k + 1, n, F64),
  ]),
  ...[F32, F64].map(
    (f, k): Case => ({
      op: 8 + k,
      name: `sqrt ${f.name}`,
      from: f,
      run: (_a, b, env) => value(bitsOf(f))(sf.sqrt(f, b, env)),
    }),
  ),
  { ...to(10, F32, F64), run: (_a, b, env) => value(64)(sf.convert(F32, F64, b, env)) },
  { ...to(11, F64, F32), run: (_a, b, env) => value(32)(sf.convert(F64, F32, b, env)) },
  integer(12, F32, 32),
  integer(13, F64, 32),
  integer(14, F32, 64),
  integer(15, F64, 64),
  integer(16, F32, 32, true),
  integer(17, F64, 64, true),
  ...[F32, F64].map(
    (f, k): Case => ({
      op: 18 + k,
      name: `i64 to ${f.name}`,
      from: F64,
      run: (a, _b, env) => value(bitsOf(f))(sf.fromInteger(f, BigInt.asIntN(64, a), env)),
    }),
  ),
  ...[F32, F64].map(
    (f, k): Case => ({
      op: 20 + k,
      name: `round ${f.name}`,
      from: f,
      run: (_a, b, env) => value(bitsOf(f))(sf.roundToIntegral(f, b, env)),
    }),
  ),
  order(22, F32, false),
  order(23, F64, false),
  order(24, F64, true),
];

const prem = (op: number, nearest: boolean): Case => ({
  op,
  name: nearest ? 'fprem1' : 'fprem',
  from: F80,
  run: (a, b, env) => {
    const { bits, quotient, partial } = sf.remainder(F80, a, b, env, nearest);
    const q = Number(quotient & 7n);
    const fsw = env.flags & 1 ? 0 : partial ? 0x400 : ((q & 1) << 9) | ((q & 2) << 13) | ((q & 4) << 6);
    return { r: bits, bits: 80, fsw };
  },
});
const fcom = (op: number, signal: boolean): Case => ({
  op,
  name: signal ? 'fcom' : 'fucom',
  from: F80,
  run: (a, b, env) => {
    const o = sf.compare(F80, a, b, env, signal);
    return { r: null, bits: 0, fsw: o === 'unordered' ? 0x4500 : o === 0 ? 0x4000 : o < 0 ? 0x100 : 0 };
  },
});
const x87: readonly Case[] = [
  binary(40, 'add', F80),
  binary(41, 'sub', F80),
  binary(42, 'mul', F80),
  binary(43, 'div', F80),
  { op: 44, name: 'fsqrt', from: F80, run: (a, _b, env) => value(80)(sf.sqrt(F80, a, env)) },
  prem(45, false),
  prem(46, true),
  { op: 47, name: 'frndint', from: F80, run: (a, _b, env) => value(80)(sf.roundToIntegral(F80, a, env)) },
  fcom(48, true),
  fcom(49, false),
  to(50, F80, F32),
  to(51, F80, F64),
  integer(52, F80, 16),
  integer(53, F80, 32),
  integer(54, F80, 64),
  integer(58, F80, 32, true),
  to(55, F32, F80),
  to(56, F64, F80),
  {
    op: 57,
    name: 'fild',
    from: F64,
    run: (a, _b, env) => value(80)(sf.fromInteger(F80, BigInt.asIntN(64, a), env)),
  },
];

const little = (v: bigint): Uint8Array => {
  const b = new Uint8Array(16);
  for (let k = 0, r = v; k < 16; k++, r >>= 8n) b[k] = Number(r & 0xffn);
  return b;
};
const big = (b: Uint8Array, bits: number): bigint => {
  let v = 0n;
  for (let k = 15; k >= 0; k--) v = (v << 8n) | BigInt(b[k] as number);
  return BigInt.asUintN(bits, v);
};

const check = (
  c: Case,
  control: () => number,
  env: (control: number) => Env,
  x87Flags: boolean,
): string[] => {
  const n = 3000;
  const input = new Uint8Array(40 * n);
  const view = new DataView(input.buffer);
  const cases = Array.from({ length: n }, (_, k) => {
    const a = number(c.from);
    const b = partner(c.from, a);
    const word = control();
    view.setUint32(40 * k, c.op, true);
    view.setUint32(40 * k + 4, word, true);
    input.set(little(a), 40 * k + 8);
    input.set(little(b), 40 * k + 24);
    return { a, b, word };
  });
  const output = execFileSync(oracle, { input, maxBuffer: 1 << 28 });
  const view2 = new DataView(output.buffer, output.byteOffset);
  const wrong: string[] = [];
  cases.forEach(({ a, b, word }, k) => {
    const e = env(word);
    const got = c.run(a, b, e);
    const r = big(output.subarray(24 * k, 24 * k + 16), got.bits || 128);
    const status = view2.getUint32(24 * k + 16, true);
    const extra = view2.getUint32(24 * k + 20, true) & 0x8d5;
    const say = (what: string, mine: unknown, real: unknown): void => {
      wrong.push(
        `${c.name} ${a.toString(16)} ${b.toString(16)} control ${word.toString(16)}: ${what} ${mine}, real ${real}`,
      );
    };
    if (got.r !== null && got.r !== r) say('result', got.r.toString(16), r.toString(16));
    if (e.flags !== (status & 0x3f)) say('flags', e.flags.toString(16), (status & 0x3f).toString(16));
    if (got.extra !== undefined && got.extra !== extra) say('eflags', got.extra, extra);
    if (got.fsw !== undefined) {
      // FPREM leaves its quotient only where the reduction is complete.
      const mask = c.op >= 48 ? 0x4500 : got.fsw & 0x400 ? 0x400 : 0x4700;
      if (e.flags & 1 && c.op < 48) return;
      const real = status & mask;
      if (got.fsw !== real) say('condition codes', got.fsw.toString(16), real.toString(16));
    } else if (x87Flags && e.flags & FP_PE && e.roundedUp !== ((status & 0x200) !== 0))
      say('C1', e.roundedUp, (status & 0x200) !== 0);
  });
  return wrong;
};
const FP_PE = 32;

test.each(sse)('SSE $name', (c) => {
  const control = (): number => 0x1f80 | (below(4) << 13) | choose([0, 0, 0x40, 0x8000, 0x8040]);
  expect(check(c, control, sf.sseEnv, false).slice(0, 8)).toEqual([]);
});
test.each(x87)('x87 $name', (c) => {
  const control = (): number => 0x3f | (choose([0, 2, 3, 3]) << 8) | (below(4) << 10);
  expect(check(c, control, sf.x87Env, true).slice(0, 8)).toEqual([]);
});
