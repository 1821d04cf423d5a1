// The options of strace that `kanmon trace` takes: what -e expressions and their long forms ask for, precisions of
// time, and those that it has no use for. strace(1) describes them all.

import { ARCHITECTURES } from '../abi/numbers/index.ts';
import { SIG } from '../abi/signal.ts';
import type { Detail } from '../trace/context.ts';
import type { Dumps } from '../trace/dump.ts';
import type { HexStrings } from '../trace/print.ts';
import { selection, type Wants } from '../trace/select.ts';
import type { Digits, Status, TextOptions } from '../trace/strace.ts';
import { UsageError } from './options.ts';

/** What the -e expressions ask for. */
export interface Expressions {
  wants: Wants;
  wantsSignal: (signo: number) => boolean;
  /** Null: calls are shown however they end. */
  status: ReadonlySet<Status> | null;
  /** What is not told. */
  quiet: ReadonlySet<string>;
  abbreviated?: Wants;
  followed?: Wants;
  raw?: Wants;
  dumps?: Dumps;
  /** -y and -yy; undefined when no expression speaks of descriptors. */
  descriptors?: { readonly paths: boolean; readonly details: ReadonlySet<Detail> };
  programs?: boolean;
}

const names = new Set<string>(ARCHITECTURES.x86_64.numbers().map(([, name]) => name));

const calls = (key: string, value: string): Wants => {
  const parsed = selection(value, names);
  if (typeof parsed === 'string') throw new UsageError(`-e ${key}=${value}: ${parsed}`);
  return parsed;
};

/** A set of strace's: words separated by commas, `all`, `none`, and `!` before it for the others. */
const setOf = <T extends string>(key: string, value: string, known: readonly T[]): ReadonlySet<T> => {
  const negated = value.startsWith('!');
  const inside = new Set<T>();
  for (const word of value.slice(negated ? 1 : 0).split(',')) {
    const one = known.find((k) => k === word);
    if (word === 'all') for (const k of known) inside.add(k);
    else if (one !== undefined) inside.add(one);
    else if (word !== 'none')
      throw new UsageError(`-e ${key}=${value}: ${word} is none of ${known.join(', ')}, all, none`);
  }
  return negated ? new Set(known.filter((k) => !inside.has(k))) : inside;
};

/** Such a set of numbers; `numberOf` refuses words that stand for none. */
const numbersOf = (value: string, numberOf: (word: string) => number): ((n: number) => boolean) => {
  const negated = value.startsWith('!');
  const words = value.slice(negated ? 1 : 0).split(',');
  const all = words.includes('all');
  const numbers = new Set(words.filter((w) => w !== 'all' && w !== 'none').map(numberOf));
  return (n) => (all || numbers.has(n)) !== negated;
};

const signals = (value: string): ((signo: number) => boolean) =>
  numbersOf(value, (name) => {
    const number = /^\d+$/.test(name)
      ? Number(name)
      : (SIG as Readonly<Record<string, number>>)[`SIG${name.toUpperCase().replace(/^SIG/, '')}`];
    if (number === undefined) throw new UsageError(`-e signal=${value}: there is no signal ${name}`);
    return number;
  });

const descriptors = (key: string, value: string): ((fd: number) => boolean) =>
  numbersOf(value, (word) => {
    if (!/^\d+$/.test(word)) throw new UsageError(`-e ${key}=${value}: ${word} is no descriptor`);
    return Number(word);
  });

/** What -e quiet= knows. Only ends of processes and paths of -P are ever told here. */
export const QUIET = ['attach', 'exit', 'path-resolution', 'personality', 'thread-execve'] as const;
const STATUSES = ['successful', 'failed', 'unfinished', 'unavailable', 'detached'] as const;
const DETAILS = ['dev', 'path', 'pidfd', 'socket'] as const;

const statusOf = (value: string): ReadonlySet<Status> | null => {
  const set = setOf('status', value, STATUSES);
  const shown = (['successful', 'failed', 'unfinished'] as const).filter((s) => set.has(s));
  return shown.length === 3 ? null : new Set(shown);
};

type Setter = (into: Expressions, value: string) => void;
const none = (): boolean => false;

const SETTERS: Readonly<Record<string, Setter>> = {
  trace: (e, v) => {
    e.wants = calls('trace', v);
  },
  abbrev: (e, v) => {
    e.abbreviated = calls('abbrev', v);
  },
  verbose: (e, v) => {
    e.followed = calls('verbose', v);
  },
  raw: (e, v) => {
    e.raw = calls('raw', v);
  },
  signal: (e, v) => {
    e.wantsSignal = signals(v);
  },
  read: (e, v) => {
    e.dumps = { write: none, ...e.dumps, read: descriptors('read', v) };
  },
  write: (e, v) => {
    e.dumps = { read: none, ...e.dumps, write: descriptors('write', v) };
  },
  status: (e, v) => {
    e.status = statusOf(v);
  },
  quiet: (e, v) => {
    const renamed = v.replace(/\bexits\b/g, 'exit').replace(/\bsuperseded\b/g, 'thread-execve');
    e.quiet = setOf('quiet', renamed, QUIET);
  },
  'decode-fds': (e, v) => {
    const set = setOf('decode-fds', v, DETAILS);
    const details = (['dev', 'socket', 'pidfd'] as const).filter((d) => set.has(d));
    e.descriptors = { paths: set.has('path'), details: new Set(details) };
  },
  'decode-pids': (e, v) => {
    e.programs = setOf('decode-pids', v, ['comm', 'pidns']).has('comm');
  },
};

/** strace's other names of the keys. */
const ALIASES: Readonly<Record<string, string>> = {
  t: 'trace',
  a: 'abbrev',
  v: 'verbose',
  x: 'raw',
  s: 'signal',
  signals: 'signal',
  r: 'read',
  reads: 'read',
  w: 'write',
  writes: 'write',
  q: 'quiet',
  silent: 'quiet',
  silence: 'quiet',
  'decode-fd': 'decode-fds',
  'decode-pid': 'decode-pids',
};

/** Keys that have an option of the same name: --trace=CALLS is -e trace=CALLS. */
export const LONG_KEYS: readonly string[] = [...Object.keys(SETTERS), 'silent', 'silence'];

/** Expressions that strace has and kanmon does not. */
const WITHOUT: ReadonlySet<string> = new Set(['inject', 'fault', 'kvm']);

/** Parses strace's -e expressions; a bare list of calls means trace=. Of several with one key the last counts. */
export const expressions = (list: readonly string[]): Expressions => {
  const out: Expressions = { wants: () => true, wantsSignal: () => true, status: null, quiet: new Set() };
  for (const text of list) {
    const m = /^([\w-]+)=(.*)$/s.exec(text);
    const [key, value] = m === null ? ['trace', text] : [m[1] as string, m[2] as string];
    const setter = SETTERS[ALIASES[key] ?? key];
    if (WITHOUT.has(key)) throw new UsageError(`-e ${key}=: this expression of strace is not supported`);
    if (setter === undefined)
      throw new UsageError(
        `-e ${text}: of strace's expressions there are ${Object.keys(SETTERS).join('=, ')}=`,
      );
    setter(out, value);
  }
  return out;
};

const PRECISIONS = { s: 0, ms: 3, us: 6, ns: 9 } as const;

/** s, ms, us or ns. */
export const precision =
  (option: string) =>
  (text: string): Digits => {
    const found = Object.entries(PRECISIONS).find(([unit]) => unit === text);
    if (found === undefined) throw new UsageError(`${option}=${text}: choose one of s, ms, us, ns`);
    return found[1];
  };

type Clock = Pick<TextOptions, 'clock' | 'clockDigits'>;

/** `[[format:]none|time|unix][,[precision:]s|ms|us|ns]`, in any order. */
export const timestamps = (text: string): Clock => {
  let clock: Clock['clock'] = 'time';
  let clockDigits: Digits = 0;
  for (const part of text.split(',')) {
    const word = part.replace(/^(format|precision):/, '');
    if (word === 'none' || word === 'time' || word === 'unix') clock = word;
    else if (word in PRECISIONS) clockDigits = PRECISIONS[word as keyof typeof PRECISIONS];
    else
      throw new UsageError(
        `--absolute-timestamps=${text}: write none, time or unix, and s, ms, us or ns behind a comma`,
      );
  }
  return { clock, clockDigits };
};

/** -t, -tt, -ttt. */
export const clockOf = (times: number): Clock => {
  if (times === 0) return { clock: 'none', clockDigits: 0 };
  return { clock: times > 2 ? 'unix' : 'time', clockDigits: times > 1 ? 6 : 0 };
};

/** A time such as 20, 20us, 1.5ms, in ns; without a unit µs. */
export const duration =
  (option: string) =>
  (text: string): number => {
    const m = /^(\d+(?:\.\d+)?)(s|ms|us|ns)?$/.exec(text);
    if (m === null) throw new UsageError(`${option} ${text}: write a time such as 20us or 1ms`);
    return Number(m[1]) * 10 ** (9 - PRECISIONS[(m[2] ?? 'us') as keyof typeof PRECISIONS]);
  };

const HEX: readonly HexStrings[] = ['none', 'non-ascii-chars', 'non-ascii', 'all'];

export const hexStrings = (text: string): HexStrings => {
  const found = HEX.find((h) => h === text);
  if (found === undefined) throw new UsageError(`--strings-in-hex=${text}: choose one of ${HEX.join(', ')}`);
  return found;
};

/** Long options whose value may be left out, and what they mean then. strace takes a value behind `=` only. */
export const OPTIONAL_VALUES: Readonly<Record<string, string>> = {
  '--absolute-timestamps': 'time',
  '--timestamps': 'time',
  '--relative-timestamps': 'us',
  '--syscall-times': 'us',
  '--decode-fds': 'path',
  '--quiet': 'attach,personality',
  '--silent': 'attach,personality',
  '--silence': 'attach,personality',
  '--strings-in-hex': 'all',
  '--daemonize': 'grandchild',
  '--tips': 'random',
};

/** Options of strace without a meaning here: there is no other process to attach to, and no stack to unwind. */
export const MISSING: readonly string[] = [
  '-p, --attach <pid>',
  '-k, --stack-traces',
  '-D, --daemonize [how]',
  '-b, --detach-on <call>',
  '-I, --interruptible <when>',
  '-d, --debug',
  '--inject <expr>',
  '--fault <expr>',
  '--kvm <what>',
  '--tips [what]',
];
