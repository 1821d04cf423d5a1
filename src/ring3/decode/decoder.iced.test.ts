// The decoder against iced-x86. KANMON_DECODE=full compares all of .text of a dozen programs (some minutes).

import { expect, test } from 'vitest';
import { instances } from './encode.ts';
import { fuzz, oracle, scan, textOf } from './oracle.fixture.ts';
import { rows } from './table.ts';

const full = process.env.KANMON_DECODE === 'full';
const LIB = '/lib/x86_64-linux-gnu';

/** Instructions compared to the last operand; the rest by length and mnemonic. */
const THOROUGH = full ? 200_000 : 20_000;

const PROGRAMS = [
  '/bin/bash',
  '/bin/ls',
  '/usr/bin/perl',
  `${LIB}/libc.so.6`,
  `${LIB}/libm.so.6`,
  '/lib64/ld-linux-x86-64.so.2',
];
const MORE_PROGRAMS = [
  `${LIB}/libcrypto.so.3`,
  `${LIB}/libstdc++.so.6`,
  '/usr/bin/python3',
  '/usr/bin/xz',
  '/usr/bin/git',
  '/usr/bin/as',
  '/usr/lib/gcc/x86_64-linux-gnu/12/cc1',
];

test.each(
  full ? [...PROGRAMS, ...MORE_PROGRAMS] : PROGRAMS,
)('lengths, mnemonics and operands of %s', (path) => {
  const { bytes, address } = textOf(path);
  const { instructions, unsupported, complaints } = scan(
    bytes,
    address,
    full ? Infinity : THOROUGH,
    THOROUGH,
  );
  expect([...complaints]).toEqual([]);
  expect(instructions).toBeGreaterThan(unsupported * 2);
}, 600_000);

test('random bytes', () => {
  const complaints = full ? fuzz(5_000_000, 1) : fuzz(60_000, 20_261_121);
  expect([...complaints]).toEqual([]);
}, 600_000);

test('an instance of every row', () => {
  let seed = 1;
  const random = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  const encoded = rows.flatMap((row) => instances(row, random, { index: 9, address32: true }));
  const bytes = new Uint8Array(encoded.length * 16);
  encoded.forEach((instance, i) => {
    bytes.set(instance.bytes, i * 16);
  });
  const compare = oracle(bytes, 0x40_0000);
  const complaints = encoded.map((_, i) => compare.at(i * 16, true).complaint).filter((c) => c !== null);
  compare.free();
  expect(complaints).toEqual([]);
});
