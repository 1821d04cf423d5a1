// `kanmon trace`: runs a program and writes its system calls, with the options of strace. Where a letter means
// another thing to docker (-v, -w, -i) it is strace's here, and the option of `kanmon run` has its long name only; but for
// -v SRC:DST, which nobody means otherwise.

import { type Command, Option } from 'commander';
import { AT_FDCWD } from '../abi/fcntl.ts';
import { printableJson } from '../abi/printable.ts';
import type { Task } from '../ring0/task/types.ts';
import { FOLLOW, isPath, walk } from '../ring0/vfs/walk.ts';
import { pathName } from '../trace/context.ts';
import type { TraceEvent } from '../trace/events.ts';
import { type ConstantStyle, type HexStrings, quoteString } from '../trace/print.ts';
import { type Digits, type Status, straceText, type TextOptions, toAll } from '../trace/strace.ts';
import { COLUMNS, columnsNamed, sortNamed, summary } from '../trace/summary.ts';
import { type TraceListener, type TraceOptions, type Tracer, trace } from '../trace/tracer.ts';
import { bytes, environment, type SessionOptions, tier, UsageError, volume, whole } from './options.ts';
import { runProgram } from './session.ts';
import {
  clockOf,
  duration,
  type Expressions,
  expressions,
  hexStrings,
  LONG_KEYS,
  MISSING,
  precision,
  QUIET,
  timestamps,
} from './trace-options.ts';
import { isCommand, openOutput, separately } from './trace-output.ts';

/** As commander leaves them. */
interface RawOptions extends SessionOptions {
  readonly followForks: number;
  readonly outputSeparately?: boolean;
  readonly output?: string;
  readonly outputAppendMode?: boolean;
  readonly expr?: readonly string[];
  readonly tracePath?: readonly string[];
  /** When -z and -Z were given, to tell which was last. */
  readonly successfulOnly?: number;
  readonly failedOnly?: number;
  readonly columns: number;
  readonly stringLimit: number;
  readonly q: number;
  readonly t: number;
  readonly absoluteTimestamps?: Pick<TextOptions, 'clock' | 'clockDigits'>;
  readonly timestamps?: Pick<TextOptions, 'clock' | 'clockDigits'>;
  readonly r?: boolean;
  readonly relativeTimestamps?: Digits;
  readonly T?: boolean;
  readonly syscallTimes?: Digits;
  /** False: -v. A list: --abbrev=CALLS. */
  readonly abbrev?: boolean | readonly string[];
  readonly x: number;
  readonly stringsInHex?: HexStrings;
  readonly constPrintStyle?: ConstantStyle;
  readonly y: number;
  readonly Y?: boolean;
  readonly instructionPointer?: boolean;
  readonly syscallNumber?: boolean;
  readonly summaryOnly?: boolean;
  readonly summary?: boolean;
  readonly summarySortBy?: string;
  readonly summaryColumns?: string;
  readonly summaryWallClock?: boolean;
  readonly summarySyscallOverhead?: number;
  readonly json?: boolean;
  /** The long forms of -e expressions, by their key. */
  readonly [key: string]: unknown;
}

const jsonLines = (out: (text: string) => void): TraceListener => {
  const write = (event: TraceEvent): void => out(`${printableJson(JSON.stringify(event))}\n`);
  return {
    leave: (_open, _late, event) => write(event),
    signal: write,
    stop: write,
    exit: write,
    fork: write,
  };
};

const repeated = (text: string, before: readonly string[] = []): string[] => [...before, text];
const counted = (_text: string, before: number): number => before + 1;

const STYLES: readonly ConstantStyle[] = ['raw', 'abbrev', 'verbose'];
const style = (text: string): ConstantStyle => {
  const found = STYLES.find((s) => s === text);
  if (found === undefined) throw new UsageError(`-X ${text}: choose one of ${STYLES.join(', ')}`);
  return found;
};

/** --trace=X as -e trace=X, and so on. */
const asExpressions = (o: RawOptions): string[] =>
  LONG_KEYS.flatMap((key) => {
    const values = o[key.replace(/-(\w)/g, (_m, c: string) => c.toUpperCase())];
    return Array.isArray(values) ? values.map((v) => `${key}=${v}`) : [];
  });

const statusOf = (o: RawOptions, e: Expressions): ReadonlySet<Status> | null => {
  if (o.successfulOnly === undefined && o.failedOnly === undefined) return e.status;
  return new Set<Status>([(o.successfulOnly ?? 0) > (o.failedOnly ?? 0) ? 'successful' : 'failed']);
};

const quietOf = (o: RawOptions, e: Expressions): ReadonlySet<string> => {
  const levels = [[], ['attach', 'personality'], ['attach', 'personality', 'exit'], QUIET];
  return new Set([...e.quiet, ...(levels[Math.min(o.q, 3)] ?? [])]);
};

const textOptions = (o: RawOptions, e: Expressions, separate: boolean): TextOptions => {
  if (o.t > 0 && (o.absoluteTimestamps ?? o.timestamps) !== undefined)
    throw new UsageError('-t and --absolute-timestamps exclude each other');
  const follows = o.followForks > 0 && !separate;
  return {
    pids: !follows ? 'none' : o.output === undefined ? 'several' : 'always',
    ...(o.absoluteTimestamps ?? o.timestamps ?? clockOf(o.t)),
    relative: o.relativeTimestamps ?? (o.r ? 6 : null),
    spent: o.syscallTimes ?? (o.T ? 6 : null),
    column: o.columns,
    exits: !quietOf(o, e).has('exit'),
    status: statusOf(o, e),
    numbers: o.syscallNumber ?? false,
    addresses: o.instructionPointer ?? false,
  };
};

const traceOptions = (o: RawOptions, e: Expressions): TraceOptions => {
  const details = new Set(e.descriptors?.details);
  if (o.y > 1) for (const d of ['dev', 'socket', 'pidfd'] as const) details.add(d);
  const abbreviated = o.abbrev === false ? (): boolean => false : e.abbreviated;
  return {
    follow: o.followForks > 0,
    wants: e.wants,
    wantsSignal: e.wantsSignal,
    maxString: o.stringLimit,
    paths: o.y > 0 || e.descriptors?.paths === true,
    details,
    programs: o.Y === true || e.programs === true,
    hexStrings: o.stringsInHex ?? (['none', 'non-ascii', 'all'] as const)[Math.min(o.x, 2)] ?? 'none',
    constants: o.constPrintStyle ?? 'abbrev',
    cpuTime: (o.summaryOnly || o.summary) === true && !o.summaryWallClock,
    ...(abbreviated === undefined ? {} : { abbreviated }),
    ...(e.followed === undefined ? {} : { followed: e.followed }),
    ...(e.raw === undefined ? {} : { raw: e.raw }),
    ...(e.dumps === undefined ? {} : { dumps: e.dumps }),
  };
};

const counts = (o: RawOptions) => {
  const sort = sortNamed(o.summarySortBy ?? 'time');
  if (sort === undefined)
    throw new UsageError(`-S ${o.summarySortBy}: choose one of ${COLUMNS.join(', ')}, nothing`);
  const columns = o.summaryColumns === undefined ? undefined : columnsNamed(o.summaryColumns);
  if (typeof columns === 'string') throw new UsageError(`-U ${o.summaryColumns}: ${columns}`);
  return summary({
    sort,
    wallClock: o.summaryWallClock ?? false,
    overheadNs: o.summarySyscallOverhead ?? 0,
    ...(columns === undefined ? {} : { columns }),
  });
};

/** What else options must not be combined with. */
const check = (o: RawOptions, separate: boolean): void => {
  const counting = o.summaryOnly || o.summary;
  if (separate && counting) throw new UsageError('-ff and the counts of -c and -C exclude each other');
  if (separate && isCommand(o.output ?? ''))
    throw new UsageError('-ff and a command as -o exclude each other');
  if (!counting && (o.summaryColumns !== undefined || o.summaryWallClock))
    throw new UsageError(`${o.summaryWallClock ? '-w' : '-U'} is of use with -c or -C only`);
};

/** The paths of -P, and what they lead to in the machine once there is a task that looks them up. */
const resolved = (task: Task, paths: Set<string>, tell: (text: string) => void): void => {
  for (const path of [...paths]) {
    const at = walk(task, AT_FDCWD, path, FOLLOW);
    if (!isPath(at)) continue;
    const name = pathName(at);
    if (name === path) continue;
    paths.add(name);
    tell(`requested path ${quoteString(path)} resolved into ${quoteString(name)}`);
  }
};

const missing = (flags: string): Option =>
  new Option(flags).hideHelp().argParser(() => {
    throw new UsageError(`trace ${flags.split(/[, ]/)[0]}: this option of strace is not supported`);
  });

export const addTrace = (program: Command, complain: (message: string) => void): void => {
  let order = 0;
  const inOrder = (): number => ++order;
  const command = program
    .command('trace')
    .summary('run a program and write its system calls, as strace does')
    .description('Runs a program and writes every system call that it makes, in the format of strace.')
    .argument('<program>', 'a name in the PATH of the machine, or a path')
    .argument('[args...]', "the program's arguments")
    .option(
      '-f, --follow-forks',
      'children and threads, too; -ff with -o: each in a file of its own, FILE.PID',
      counted,
      0,
    )
    .option('--output-separately', 'the second f of -ff')
    .option(
      '-o, --output <file>',
      "write the trace to a file instead of standard error, or to a command: '|COMMAND'",
    )
    .option('-A, --output-append-mode', 'append to the file')
    .option('-e, --expr <expr>', 'EXPRESSION=SET, see below; a bare list means trace=', repeated)
    .option('-P, --trace-path <path>', 'only calls that name this path or use a descriptor of it', repeated)
    .option('-z, --successful-only', 'only calls that succeeded', inOrder)
    .option('-Z, --failed-only', 'only calls that failed', inOrder)
    .option('-c, --summary-only', 'only count calls, errors and time')
    .option('-C, --summary', 'count as well')
    .option(
      '-S, --summary-sort-by <column>',
      `sort the counts by ${COLUMNS.slice(1).join(', ')} or nothing (default: time)`,
    )
    .option('-U, --summary-columns <list>', `show these columns: ${COLUMNS.join(', ')}`)
    .option('-w, --summary-wall-clock', 'count how long calls took, not their processor time')
    .option('-O, --summary-syscall-overhead <time>', 'take this off each call (20us)', duration('-O'))
    .option('-s, --string-limit <n>', 'show at most this much of a string', whole('-s'), 32)
    .option('-v, --no-abbrev', 'structs with all members, the environment')
    .option('-x', 'strings that are not ASCII in hex (--strings-in-hex=non-ascii); -xx: all', counted, 0)
    .option('-X, --const-print-style <style>', 'constants raw, abbrev or verbose (both)', style)
    .option('-y', 'show what descriptors refer to (--decode-fds=path); -yy: with all details', counted, 0)
    .option('-Y', 'show the programs of process ids (--decode-pids=comm)')
    .option(
      '-t',
      'time of day (--absolute-timestamps); -tt with microseconds, -ttt as seconds since 1970',
      counted,
      0,
    )
    .option('-r', 'time since the line before (--relative-timestamps)')
    .option('-T', 'time spent in each call (--syscall-times)')
    .option('-n, --syscall-number', 'numbers of calls')
    .option('-i, --instruction-pointer', 'where the program makes the call')
    .option('-a, --columns <n>', 'results begin in this column', whole('-a'), 40)
    .option('-q', '-qq: do not tell the ends of processes (--quiet=exit)', counted, 0)
    .option('--json', 'one JSON object a line instead of text')
    .option('--rootfs <dir>', 'use this folder as the root instead of the system folders')
    .option(
      '--volume <src:dst[:ro]>',
      'show a host folder or file in the machine; writes go to the host (-v)',
      volume,
    )
    .option('--workdir <dir>', 'directory to start in')
    .option(
      '-E, --env <name[=value]>',
      'set an environment variable, or pass ours on',
      environment(process.env),
    )
    .option('-u, --user <user[:group]>', 'run as this user (a name or a number)')
    .option('--interactive', 'pass our standard input on (otherwise it is empty)')
    .option('--tty', 'give the program a terminal')
    .option('--hostname <name>', 'host name in the machine')
    .option('--memory <size>', 'physical memory of the machine, such as 512m or 2g', bytes)
    .option('--tier <tier>', 'how code is executed: interpreter, translator or mixed', tier)
    .option('--stats', 'at the end, say what it took and which system calls were missing')
    .passThroughOptions()
    .addHelpText(
      'after',
      `
EXPRESSION=SET, also as --EXPRESSION=SET; ! before the set means all others, all and none are sets, too:
  trace=CALLS      calls to show: names separated by commas, /regex, ?name for one that may be missing,
                   %file %desc %process %memory %signal %ipc %network %creds %clock %pure %stat ...
  signal=SIGNALS   signals to show
  status=HOW       calls to show by how they end: successful, failed, unfinished
  abbrev=CALLS     calls whose structs are abbreviated
  verbose=CALLS    calls whose pointers are followed
  raw=CALLS        calls whose arguments are shown as registers
  read=FDS write=FDS        dump all data that goes through these descriptors
  quiet=WHAT       do not tell: exit, path-resolution, ...
  decode-fds=WHAT  of descriptors show: path, dev, socket, pidfd
--absolute-timestamps=FORMAT,PRECISION takes none, time or unix, and s, ms, us or ns; --relative-timestamps and
--syscall-times take a precision.

Examples:
  kanmon trace ls
  kanmon trace -f -o out.txt sh -c 'date | cat'
  kanmon trace -f -o '|grep ENOENT' python3 -c 1
  kanmon trace -e trace=%file,close ls /
  kanmon trace -e '!mmap,mprotect' -y cat /etc/hostname
  kanmon trace -c python3 -c 'print(1)'
  kanmon trace --json -o events.json true && jq -r .name events.json`,
    )
    .action(async (name: string, args: readonly string[], o: RawOptions) => {
      const separate = o.output !== undefined && (o.followForks > 1 || o.outputSeparately === true);
      check(o, separate);
      const e = expressions([...(o.expr ?? []), ...asExpressions(o)]);
      let tracer: Tracer | null = null;
      let programOf = (_tid: number): string => '';
      const shown: TextOptions = { ...textOptions(o, e, separate), program: (tid) => programOf(tid) };
      const options = traceOptions(o, e);
      const touching = o.tracePath === undefined ? null : new Set(o.tracePath);
      const counter = counts(o);
      const listenerTo = (write: (text: string) => void): TraceListener =>
        o.json ? jsonLines(write) : straceText(shown, write);
      const append = o.outputAppendMode ?? false;
      const each = separate ? separately(o.output ?? '', append, listenerTo, complain) : null;
      const out = openOutput(separate ? undefined : o.output, append, complain);
      const text = each?.listener ?? listenerTo(out.write);
      const listener = o.summaryOnly ? counter : o.summary ? toAll([text, counter]) : text;
      process.exitCode = await runProgram(
        [name, ...args],
        o,
        {
          attach: (machine) => {
            const { tasks } = machine.kernel;
            if (options.programs)
              programOf = (tid) => {
                const task = tasks.get(tid);
                return task === undefined ? '' : `<${task.comm}>`;
              };
            const all = { ...options, ...(touching === null ? {} : { touching }) };
            tracer = trace(machine.kernel, machine.gate, all, listener);
          },
          started: (machine, started, argv, env) => {
            const task = machine.kernel.tasks.get(started.pid);
            if (task === undefined) return;
            const silent = quietOf(o, e).has('path-resolution');
            if (touching !== null) resolved(task, touching, silent ? () => {} : complain);
            const variables = Object.entries(env).map(([k, v]) => `${k}=${v}`);
            tracer?.program(task, argv[0] ?? '', argv, variables);
          },
          ended: () => {
            tracer?.detach();
            if (o.summaryOnly || o.summary) out.write(counter.table());
            each?.close();
            return out.close();
          },
          refused: () => out.close(),
        },
        complain,
      );
    });
  for (const key of LONG_KEYS) command.addOption(hidden(`--${key} <set>`).argParser(repeated));
  const long: [string, (text: string) => unknown][] = [
    ['--absolute-timestamps <format>', timestamps],
    ['--timestamps <format>', timestamps],
    ['--relative-timestamps <precision>', precision('--relative-timestamps')],
    ['--syscall-times <precision>', precision('--syscall-times')],
    ['--strings-in-hex <which>', hexStrings],
  ];
  for (const [flags, parse] of long) command.addOption(hidden(flags).argParser(parse));
  // What these ask for is so: calls that nobody wants cost nothing, and there is one space of process ids.
  for (const flag of ['--seccomp-bpf', '--pidns-translation']) command.addOption(hidden(flag));
  for (const flags of MISSING) command.addOption(missing(flags));
};

const hidden = (flags: string): Option => new Option(flags).hideHelp();
