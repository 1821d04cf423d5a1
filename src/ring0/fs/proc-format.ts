// How /proc prints numbers, sets, names and paths; shared by its files.

import type { SigSet } from '../task/types.ts';

/** Clock ticks (USER_HZ, 100 a second). */
export const ticks = (ns: number): number => Math.floor(ns / 1e7);

export const kib = (pages: number): number => pages * 4;

export const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0');

/** A signal set as 16 hexadecimal digits. */
export const setHex = (s: SigSet): string => hex(s.hi >>> 0, 8) + hex(s.lo >>> 0, 8);

/** As the kernel's string_escape_mem with ESCAPE_OCTAL: the given characters as \ooo. */
export const octal = (text: string, special: string): string => {
  let out = '';
  for (const c of text) out += special.includes(c) ? `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}` : c;
  return out;
};

/** `name:` padded, a number of kB as meminfo and smaps print it. */
export const kbLine = (name: string, kb: number, width: number): string =>
  `${`${name}:`.padEnd(16)}${String(kb).padStart(width)} kB\n`;

/** A number as strtoul reads it, with 0x and 0 for other bases; null when it is none. */
export const numberOf = (word: string): bigint | null => {
  const m = /^(-?)(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)$/i.exec(word);
  if (m === null) return null;
  const digits = m[2] as string;
  const v = BigInt(/^0\d/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return m[1] === '-' ? -v : v;
};
