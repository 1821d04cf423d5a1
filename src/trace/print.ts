// How strace writes scalars: numbers, flags, modes, names, quoted bytes. No memory is read here.

import { FILE_TYPES, major, minor, S_IFMT, S_ISGID, S_ISUID, S_ISVTX } from '../abi/stat.ts';
import type { FlagTable } from '../gate/codec.ts';

const TWO32 = 4294967296;

/** -X: constants by name, as numbers, or as numbers with their names behind them. */
export type ConstantStyle = 'abbrev' | 'raw' | 'verbose';

/** A constant that is the number `raw` and has the name `text`, which starts with the number when it is unknown. */
export const styled = (style: ConstantStyle, raw: string, text: string): string => {
  if (style === 'abbrev' || text === raw) return text;
  if (style === 'raw') return raw;
  return text.startsWith(`${raw} `) ? text : `${raw} /* ${text} */`;
};

/** 0x-prefixed, unsigned in 64 bits; exact below 2^53. */
export const hex = (v: number): string =>
  v >= 0 ? `0x${v.toString(16)}` : `0x${BigInt.asUintN(64, BigInt(v)).toString(16)}`;

/** An address: NULL or hex. */
export const pointer = (v: number): string => (v === 0 ? 'NULL' : hex(v));

/** Octal as C's %#03o: 0644, 022, 000. */
export const octal = (v: number): string => {
  const digits = v.toString(8);
  return v === 0 ? '000' : `0${digits}`.padStart(3, '0');
};

/** Bits that two numbers below 2^53 share. */
const and = (a: number, b: number): number =>
  ((a & b) >>> 0) + ((Math.floor(a / TWO32) & Math.floor(b / TWO32)) >>> 0) * TWO32;

/** In hex, but zero as 0. */
const short = (v: number): string => (v === 0 ? '0' : hex(v));

/** Bit flags by a table: `O_RDWR|O_CREAT`, unknown bits in hex, all unknown `0x80 /* O_??? *\/`. */
export const flagSet = (v: number, table: FlagTable, style: ConstantStyle = 'abbrev'): string =>
  style === 'abbrev' ? flagNames(v, table) : styled(style, short(v), flagNames(v, table));

const flagNames = (v: number, table: FlagTable): string => {
  const out: string[] = [];
  let rest = v;
  if (table.field !== undefined) {
    const { mask, values } = table.field;
    const value = and(v, mask);
    const name = Object.keys(values).find((k) => values[k] === value);
    // A zero that has a name is only worth printing when nothing else is there, or when the field is a real one.
    if (name !== undefined && (mask !== 0 || v === 0)) {
      out.push(name);
      rest -= value;
    }
  }
  for (const [name, bit] of Object.entries(table.bits)) {
    if (bit === 0 ? v === 0 && out.length === 0 : and(rest, bit) === bit) {
      out.push(name);
      rest -= bit;
    }
  }
  if (rest !== 0) {
    if (out.length === 0) return `${hex(rest)} /* ${table.unknown} */`;
    out.push(hex(rest));
  }
  return out.length === 0 ? '0' : out.join('|');
};

/** One of named values. */
export const named = (
  v: number,
  values: Readonly<Record<string, number>>,
  unknown: string,
  style: ConstantStyle = 'abbrev',
): string => {
  const raw = short(v < 0 ? v >>> 0 : v);
  const name = Object.keys(values).find((k) => values[k] === v);
  return styled(style, raw, name ?? `${raw} /* ${unknown} */`);
};

/** File type and permission bits: S_IFREG|S_ISUID|0755. */
export const fileMode = (mode: number, style: ConstantStyle = 'abbrev'): string =>
  styled(style, octal(mode), modeNames(mode));

const modeNames = (mode: number): string => {
  const type = Object.entries(FILE_TYPES).find(([, v]) => v === (mode & S_IFMT))?.[0];
  if (type === undefined) return octal(mode);
  const special = { S_ISUID, S_ISGID, S_ISVTX };
  const names = Object.entries(special).flatMap(([name, bit]) => (mode & bit ? [name] : []));
  return [type, ...names, octal(mode & 0o777)].join('|');
};

export const device = (dev: number, style: ConstantStyle = 'abbrev'): string =>
  styled(style, hex(dev), `makedev(${short(major(dev))}, ${short(minor(dev))})`);

/**
 * -x: which strings have \x escapes: none (octal instead), only in place of octal ones, all bytes of those that have
 * one that is not text, or all of all.
 */
export type HexStrings = 'none' | 'non-ascii-chars' | 'non-ascii' | 'all';

const ESCAPES: Readonly<Record<number, string>> = {
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
};
const isDigit = (c: number | undefined): boolean => c !== undefined && c >= 48 && c <= 57;
const isPlain = (c: number): boolean => (c >= 32 && c < 127) || (c >= 9 && c <= 13);
const hexByte = (c: number): string => `\\x${c.toString(16).padStart(2, '0')}`;

/** The first n bytes with what is not text as the shortest octal escape, or as `mode` says; so are the bytes `also`. */
export const escaped = (
  bytes: ArrayLike<number>,
  n: number,
  mode: HexStrings = 'none',
  also = '',
): string => {
  let inHex = mode === 'all';
  for (let i = 0; mode === 'non-ascii' && i < n && !inHex; i++) inHex = !isPlain(bytes[i] as number);
  let out = '';
  for (let i = 0; i < n; i++) {
    const c = bytes[i] as number;
    const known = ESCAPES[c];
    if (inHex) out += hexByte(c);
    else if (known !== undefined) out += known;
    else if (c >= 32 && c < 127 && !also.includes(String.fromCharCode(c))) out += String.fromCharCode(c);
    else if (mode === 'non-ascii-chars') out += hexByte(c);
    else out += `\\${i + 1 < n && isDigit(bytes[i + 1]) ? c.toString(8).padStart(3, '0') : c.toString(8)}`;
  }
  return out;
};

/** Bytes in double quotes, cut after `max` with `...` behind the quotes. */
export const quote = (
  bytes: ArrayLike<number>,
  max = Number.POSITIVE_INFINITY,
  mode?: HexStrings,
): string => {
  const n = Math.min(bytes.length, max);
  return `"${escaped(bytes, n, mode)}"${bytes.length > n ? '...' : ''}`;
};

const codes = (s: string): number[] => Array.from(s, (c) => c.charCodeAt(0));

/** A byte string (latin1) in double quotes. */
export const quoteString = (s: string, max?: number, mode?: HexStrings): string => quote(codes(s), max, mode);

/** A path within angle brackets (-y), where these are escaped, too. */
export const escapedPath = (s: string, mode?: HexStrings): string => escaped(codes(s), s.length, mode, '<>');

/** Bytes as \x escapes, for what is never text (getrandom). */
export const quoteHex = (bytes: Uint8Array, max: number): string => {
  const shown = [...bytes.subarray(0, max)].map(hexByte).join('');
  return `"${shown}"${bytes.length > max ? '...' : ''}`;
};

/** Local time as strace comments it behind file times: 2023-11-14T22:13:20.000000005+0000. */
export const dateTime = (sec: number, nsec: number): string => {
  const d = new Date(sec * 1000);
  const two = (n: number): string => String(n).padStart(2, '0');
  const offset = -d.getTimezoneOffset();
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
  const fraction = nsec === 0 ? '' : `.${String(nsec).padStart(9, '0')}`;
  const day = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  return `${day}T${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}${fraction}${zone}`;
};
