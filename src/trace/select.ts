// Which calls a trace wants: strace's -e trace= expressions over names, %classes, /regex/ and negation. Classes
// follow from the rows: %file takes a path, %desc uses a descriptor; the others are the row's families.

import type { Family, Row } from '../gate/row.ts';

export type Wants = (row: Row) => boolean;

const takes =
  (...types: string[]): Wants =>
  (row) =>
    row.params.some((p) => types.includes(p.type));
const family =
  (name: Family): Wants =>
  (row) =>
    row.meta.family === name || row.meta.family.includes(name);
const named =
  (...names: string[]): Wants =>
  (row) =>
    names.includes(row.name);
const either =
  (...all: Wants[]): Wants =>
  (row) =>
    all.some((w) => w(row));

const stat = named('stat', 'stat64');
const lstat = named('lstat', 'lstat64');
const fstat = named('fstat', 'fstatat64', 'newfstatat', 'statx', 'fstat64');
const statfs = named('statfs', 'statfs64');
const fstatfs = named('fstatfs', 'fstatfs64');
const credentials = /^(get|set)(e?[ug]id|res[ug]id|re[ug]id|groups|fs[ug]id)(32)?$|^cap[gs]et$/;

const CLASSES: Readonly<Record<string, Wants>> = {
  all: () => true,
  file: either(takes('path'), named('execve', 'execveat', 'getcwd')),
  desc: either(
    takes('fd', 'dirfd', 'pollfds', 'fdset'),
    (row) => row.meta.returns === 'fd' || family('desc')(row),
  ),
  process: family('process'),
  memory: family('memory'),
  signal: family('signal'),
  ipc: family('ipc'),
  network: family('network'),
  net: family('network'),
  creds: either(family('creds'), (row) => credentials.test(row.name)),
  clock: (row) => /^clock_|^(gettimeofday|settimeofday|time|stime|adjtimex)$/.test(row.name),
  stat,
  lstat,
  fstat,
  statfs,
  fstatfs,
  '%stat': either(stat, lstat, fstat),
  '%statfs': either(statfs, fstatfs, named('ustat')),
  pure: (row) => row.params.length === 0 && /^get/.test(row.name),
};

/** The names of the classes, for help and errors. */
export const CLASS_NAMES = Object.keys(CLASSES).map((c) => `%${c}`);

const term = (text: string, known: ReadonlySet<string>): Wants | string => {
  const optional = text.startsWith('?');
  const name = optional ? text.slice(1) : text;
  if (name === 'all') return () => true;
  if (name === 'none') return () => false;
  if (name.startsWith('%')) {
    return (
      CLASSES[name.slice(1)] ?? `no class of calls is called ${name} (there are ${CLASS_NAMES.join(' ')})`
    );
  }
  if (name.startsWith('/')) {
    try {
      const pattern = new RegExp(name.slice(1));
      return (row) => pattern.test(row.name);
    } catch {
      return `${name} is not a regular expression`;
    }
  }
  if (/^\d+$/.test(name)) return (row) => row.name === name;
  if (known.has(name)) return named(name);
  if (optional) return () => false;
  // strace's older class names without the percent sign.
  return CLASSES[name] ?? `no system call is called ${name} (see kanmon table)`;
};

/**
 * Parses the value of -e trace=: names separated by commas, `%class`, `/regex`, `!` before all of it for the
 * opposite, `?name` for a name that need not exist. A string is an error message.
 *
 * @example selection('%file,close', names) // (row) => boolean
 */
export const selection = (expression: string, known: ReadonlySet<string>): Wants | string => {
  const negated = expression.startsWith('!');
  const wants: Wants[] = [];
  for (const part of expression.slice(negated ? 1 : 0).split(',')) {
    const w = term(part, known);
    if (typeof w === 'string') return w;
    wants.push(w);
  }
  return negated ? (row) => !wants.some((w) => w(row)) : (row) => wants.some((w) => w(row));
};
