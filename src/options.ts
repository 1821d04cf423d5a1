// What the library's options take: for each the values that are accepted, and the words for them. Callers in
// JavaScript get a TypeError of one line instead of a machine that does something else than they meant.

import { printable } from './abi/printable.ts';
import type { BootOptions, RunOptions, SpawnOptions } from './index.ts';
import type { Volume } from './ring0/fs/root.ts';
import { PID_MAX } from './ring0/task/fork.ts';
import { TIERS } from './ring3/cpu.ts';

/** Which values an option takes, and these in words: "a number". */
interface Check {
  readonly takes: string;
  ok(value: unknown): boolean;
}

/** The checks of all options of a type: one that is missing or too many does not compile. */
type Checks<T> = Readonly<Record<keyof Required<T>, Check>>;

/** The highest user and group id; the one above is setresuid(2)'s "leave it". */
const MAX_ID = 2 ** 32 - 2;
/** __NEW_UTS_LEN. */
const MAX_HOSTNAME = 64;
/** What struct winsize has room for. */
const MAX_SIDE = 65535;
const MOST_SHOWN = 60;

const isText = (v: unknown): v is string => typeof v === 'string' && !v.includes('\0');
const isRecord = (v: unknown): v is Readonly<Record<string, unknown>> =>
  Object.prototype.toString.call(v) === '[object Object]';
/** An object with these members only; those that are missing are undefined. */
const isShaped = (v: unknown, members: Readonly<Record<string, (member: unknown) => boolean>>): boolean =>
  isRecord(v) &&
  Object.keys(v).every((k) => Object.hasOwn(members, k)) &&
  Object.entries(members).every(([k, ok]) => ok(v[k]));
const isWhole = (from: number, to: number) => (v: unknown) =>
  typeof v === 'number' && Number.isInteger(v) && v >= from && v <= to;
const isAbsolute = (v: unknown): boolean => isText(v) && v.startsWith('/');
const isHostPath = (v: unknown): boolean => isText(v) && v !== '';
const isId = isWhole(0, MAX_ID);
const orAbsent = (ok: (v: unknown) => boolean) => (v: unknown) => v === undefined || ok(v);
const isVariable = ([name, value]: [string, unknown]): boolean =>
  name !== '' && isText(name) && !name.includes('=') && isText(value);

const whole = (from: number, to: number): Check => ({
  takes: `a whole number from ${from} to ${to}`,
  ok: isWhole(from, to),
});
const absolute = (where: string): Check => ({
  takes: `an absolute path ${where}, without NUL`,
  ok: isAbsolute,
});
const hostPath: Check = { takes: 'a path of the host, without NUL', ok: isHostPath };

const BOOT: Checks<BootOptions> = {
  cwd: absolute('of the host'),
  home: hostPath,
  hostname: {
    takes: `a string of 1 to ${MAX_HOSTNAME} bytes, without NUL`,
    ok: (v) => isText(v) && v !== '' && new TextEncoder().encode(v).length <= MAX_HOSTNAME,
  },
  // Its bounds depend on the machine, which knows them.
  memoryBytes: { takes: 'a number of bytes', ok: (v) => typeof v === 'number' },
  program: absolute('of the host'),
  rootfs: hostPath,
  tasks: whole(1, PID_MAX),
  threshold: whole(0, 2 ** 31 - 1),
  tier: { takes: `one of ${TIERS.join(', ')}`, ok: (v) => TIERS.some((t) => t === v) },
  volumes: {
    takes: 'an array of { source: host path, target: absolute guest path, readonly: boolean }',
    ok: (v) =>
      Array.isArray(v) &&
      v.every((one) =>
        isShaped(one, {
          source: isHostPath,
          target: isAbsolute,
          readonly: (r: unknown) => typeof r === 'boolean',
        } satisfies Record<keyof Volume, unknown>),
      ),
  },
};

const PROGRAM = {
  env: {
    takes: 'an object of names (without =) and strings, both without NUL',
    ok: (v) => isRecord(v) && Object.entries(v).every(isVariable),
  },
  cwd: absolute('in the machine'),
  user: {
    takes: `{ uid, gid?, groups? } of whole numbers from 0 to ${MAX_ID}`,
    ok: (v) =>
      isShaped(v, {
        uid: isId,
        gid: orAbsent(isId),
        groups: orAbsent((g) => Array.isArray(g) && g.every(isId)),
      }),
  },
} as const satisfies Record<string, Check>;

const RUN: Checks<RunOptions> = {
  ...PROGRAM,
  stdin: {
    takes: 'a string or bytes (Uint8Array or another view of a buffer)',
    ok: (v) => typeof v === 'string' || ArrayBuffer.isView(v),
  },
  signal: { takes: 'an AbortSignal', ok: (v) => v instanceof AbortSignal },
  maxOutputBytes: {
    takes: 'a number of bytes from 0',
    ok: (v) => typeof v === 'number' && v >= 0,
  },
};

const isSide = isWhole(0, MAX_SIDE);
const SPAWN: Checks<SpawnOptions> = {
  ...PROGRAM,
  tty: {
    takes: `{ rows, columns } of whole numbers from 0 to ${MAX_SIDE}`,
    ok: (v) => isShaped(v, { rows: isSide, columns: isSide }),
  },
};

const CHECKS = { boot: BOOT, run: RUN, spawn: SPAWN } as const;

/** What was given instead, in a few words. */
const shown = (value: unknown): string => {
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) {
    const name: unknown = value.constructor?.name;
    return typeof name === 'string' && name !== '' && name !== 'Object' ? `${name} object` : 'an object';
  }
  const text = typeof value === 'string' ? `'${value}'` : String(value);
  const short = text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}...'` : text;
  return printable(short.replaceAll(/[\n\t]/g, ' '));
};

const refuse = (what: string, takes: string, value: unknown): never => {
  throw new TypeError(`${what} takes ${takes}, not ${shown(value)}`);
};

/** Refuses options that do not exist, which would be misspelt ones of those that do, and values that they do not take. */
export const checkOptions = (whose: keyof typeof CHECKS, options: unknown): void => {
  const checks: Readonly<Record<string, Check>> = CHECKS[whose];
  if (!isRecord(options)) refuse(whose, 'an object of options', options);
  for (const [name, value] of Object.entries(options as object)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (check === undefined)
      throw new TypeError(
        `${whose}: there is no option ${printable(name)} (there are ${Object.keys(checks).join(', ')})`,
      );
    if (value !== undefined && !check.ok(value)) refuse(`${whose}: ${name}`, check.takes, value);
  }
};

/** Refuses what is no command line. */
export const checkArgv = (whose: 'run' | 'spawn', argv: unknown): void => {
  if (!Array.isArray(argv) || ![...argv].every(isText))
    refuse(`${whose}: argv`, `an array of strings without NUL, such as ['ls', '/']`, argv);
};

/** Refuses a size of a terminal that is none. */
export const checkSize = (rows: unknown, columns: unknown): void => {
  for (const [name, side] of Object.entries({ rows, columns }))
    if (!isSide(side)) refuse(`resize: ${name}`, `a whole number from 0 to ${MAX_SIDE}`, side);
};

/** Refuses a path, or a mode, that no file of the machine can have. */
export const checkPath = (whose: string, path: unknown, mode: unknown = 0): void => {
  if (!isText(path)) refuse(`fs.${whose}: path`, 'a string without NUL', path);
  if (!isWhole(0, 0o7777)(mode)) refuse(`fs.${whose}: mode`, 'a whole number from 0 to 0o7777', mode);
};

const encoder = new TextEncoder();

/** The bytes of what callers give as such; refuses everything else. */
export const bytesOf = (what: string, data: unknown): Uint8Array => {
  if (typeof data === 'string') return encoder.encode(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return refuse(what, RUN.stdin.takes, data);
};
