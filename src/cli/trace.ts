// `kanmon trace`: runs a program and writes its system calls, with the options of strace.

import { type Command, Option } from 'commander';
import { ARCHITECTURES } from '../abi/numbers/index.ts';
import { printableJson } from '../abi/printable.ts';
import { SIG } from '../abi/signal.ts';
import type { TraceEvent } from '../trace/events.ts';
import { selection, type Wants } from '../trace/select.ts';
import { straceText, type TextOptions, toAll } from '../trace/strace.ts';
import { type SortBy, summary } from '../trace/summary.ts';
import { type TraceListener, type Tracer, trace } from '../trace/tracer.ts';
import { bytes, environment, type SessionOptions, tier, UsageError, volume, whole } from './options.ts';
import { isCommand, openOutput, separately } from './trace-output.ts';

interface TraceOptions extends SessionOptions {
  readonly follow?: boolean;
  /** -ff: a file for each task. */
  readonly separate?: boolean;
  readonly outputAppendMode?: boolean;
  readonly columns: number;
  readonly exits?: boolean;
  readonly output?: string;
  readonly expr?: readonly string[];
  readonly summaryOnly?: boolean;
  readonly summary?: boolean;
  readonly sort?: string;
  readonly stringLimit: number;
  readonly decodeFds?: boolean;
  readonly absoluteTime?: number;
  readonly relative?: boolean;
  readonly spent?: boolean;
  readonly successfulOnly?: boolean;
  readonly failedOnly?: boolean;
  readonly json?: boolean;
}

const SORTS: readonly SortBy[] = ['time', 'calls', 'errors', 'name', 'avg-time', 'nothing'];

/** What the -e expressions ask for. */
export interface Expressions {
  readonly wants: Wants;
  readonly wantsSignal: (signo: number) => boolean;
  readonly status: TextOptions['status'];
  /** Whether the ends of processes are told (quiet=exit). */
  readonly exits: boolean;
}

const names = new Set<string>(ARCHITECTURES.x86_64.numbers.map(([, name]) => name));

const signals = (text: string): ((signo: number) => boolean) => {
  const negated = text.startsWith('!');
  const wanted = text.slice(negated ? 1 : 0).split(',');
  if (wanted.includes('all')) return () => !negated;
  const none = wanted.includes('none');
  const numbers = new Set(
    none
      ? []
      : wanted.map((name) => {
          const number = /^\d+$/.test(name)
            ? Number(name)
            : (SIG as Readonly<Record<string, number>>)[`SIG${name.toUpperCase().replace(/^SIG/, '')}`];
          if (number === undefined) throw new UsageError(`-e signal=${text}: there is no signal ${name}`);
          return number;
        }),
  );
  return (signo) => numbers.has(signo) !== negated;
};

/** What -e quiet= knows; all but exit are of what kanmon never says. */
const QUIET = ['attach', 'exit', 'exits', 'path-resolution', 'personality', 'thread-execve', 'all'];

/** Parses strace's -e expressions: trace=, signal=, status=, quiet=, and a bare list of calls. */
export const expressions = (list: readonly string[]): Expressions => {
  let wants: Wants = () => true;
  let wantsSignal = (_signo: number): boolean => true;
  let status: TextOptions['status'] = 'all';
  let exits = true;
  for (const text of list) {
    const m = /^(\w+)=(.*)$/s.exec(text);
    const [key, value] = m === null ? ['trace', text] : [m[1] as string, m[2] as string];
    if (key === 'trace' || key === 't') {
      const parsed = selection(value, names);
      if (typeof parsed === 'string') throw new UsageError(`-e ${text}: ${parsed}`);
      wants = parsed;
    } else if (key === 'signal' || key === 'signals' || key === 's') wantsSignal = signals(value);
    else if (key === 'status') {
      if (value !== 'successful' && value !== 'failed')
        throw new UsageError(`-e ${text}: write status=successful or status=failed`);
      status = value;
    } else if (key === 'quiet' || key === 'q') {
      const said = value.split(',');
      if (said.some((what) => !QUIET.includes(what)))
        throw new UsageError(`-e ${text}: write quiet=exit, or one of ${QUIET.join(', ')}`);
      exits = !said.some((what) => /^(exits?|all)$/.test(what));
    } else
      throw new UsageError(
        `-e ${text}: of strace's expressions there are trace=..., signal=..., status=... and quiet=...`,
      );
  }
  return { wants, wantsSignal, status, exits };
};

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

const CLOCKS = ['none', 'seconds', 'micros', 'epoch'] as const;

const textOptions = (o: TraceOptions, status: TextOptions['status']): TextOptions => ({
  pids: !o.follow || o.separate ? 'none' : o.output === undefined ? 'several' : 'always',
  clock: CLOCKS[Math.min(o.absoluteTime ?? 0, 3)] ?? 'none',
  relative: o.relative ?? false,
  spent: o.spent ?? false,
  column: o.columns,
  exits: o.exits ?? true,
  status: o.successfulOnly ? 'successful' : o.failedOnly ? 'failed' : status,
});

/** What strace has and kanmon does not; -i is docker's here, as are -v and -w. */
const MISSING: readonly string[] = [
  '-P, --trace-path <path>',
  '-p, --attach <pid>',
  '-k, --stack-traces',
  '--instruction-pointer',
  '-n, --syscall-number',
  '-D, --daemonize',
  '-b, --detach-on <call>',
  '-I, --interruptible <when>',
  '-x, --strings-in-hex',
  '-X, --const-print-style <format>',
  '-O, --summary-syscall-overhead <overhead>',
  '-U, --summary-columns <columns>',
];

const missing = (flags: string): Option =>
  new Option(flags).hideHelp().argParser(() => {
    throw new UsageError(`trace ${flags.split(/[, ]/)[0]}: this option of strace is not supported`);
  });

export const addTrace = (program: Command, complain: (message: string) => void): void => {
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
    .option(
      '-e, --expr <expr>',
      'trace=CALLS, signal=SIGNALS, status=successful|failed or quiet=exit; a bare list means trace=',
      repeated,
    )
    .option('-c, --summary-only', 'only count calls, errors and time')
    .option('-C, --summary', 'count as well')
    .option('-S, --summary-sort-by <key>', `sort the counts by ${SORTS.join(', ')}`, 'time')
    .option('-s, --string-limit <n>', 'show at most this much of a string', whole('-s'), 32)
    .option('-y, --decode-fds', 'show what descriptors refer to')
    .option(
      '-t, --absolute-timestamps',
      'time of day; -tt with microseconds, -ttt as seconds since 1970',
      counted,
      0,
    )
    .option('-r, --relative-timestamps', 'time since the line before')
    .option('-T, --syscall-times', 'time spent in each call')
    .option('-a, --columns <n>', 'results begin in this column', whole('-a'), 40)
    .option('-q, --quiet', '-qq: do not tell the ends of processes', counted, 0)
    .option('-z, --successful-only', 'only calls that succeeded')
    .option('-Z, --failed-only', 'only calls that failed')
    .option('--json', 'one JSON object a line instead of text')
    .option('--rootfs <dir>', 'use this folder as the root instead of the system folders')
    .option(
      '-v, --volume <src:dst[:ro]>',
      'show a host folder or file in the machine; writes go to the host',
      volume,
    )
    .option('-w, --workdir <dir>', 'directory to start in')
    .option(
      '-E, --env <name[=value]>',
      'set an environment variable, or pass ours on',
      environment(process.env),
    )
    .option('-u, --user <user[:group]>', 'run as this user (a name or a number)')
    .option('-i, --interactive', 'pass our standard input on (otherwise it is empty)')
    .option('--tty', 'give the program a terminal')
    .option('--hostname <name>', 'host name in the machine')
    .option('--memory <size>', 'physical memory of the machine, such as 512m or 2g', bytes)
    .option('--tier <tier>', 'how code is executed: interpreter, translator or mixed', tier)
    .option('--stats', 'at the end, say what it took and which system calls were missing')
    .passThroughOptions()
    .addHelpText(
      'after',
      `
CALLS: names separated by commas, %file %desc %process %memory %signal %ipc %network %creds %clock, /regex,
! before the list for all others.

Examples:
  kanmon trace ls
  kanmon trace -f -o out.txt sh -c 'date | cat'
  kanmon trace -f -o '|grep ENOENT' python3 -c 1
  kanmon trace -e trace=%file,close ls /
  kanmon trace -e '!mmap,mprotect' -y cat /etc/hostname
  kanmon trace -c python3 -c 'print(1)'
  kanmon trace --json -o events.json true && jq -r .name events.json`,
    )
    .action(async (name: string, args: readonly string[], raw: TraceOptions & Record<string, unknown>) => {
      const o: TraceOptions = {
        ...raw,
        follow: Number(raw.followForks) > 0,
        separate: raw.output !== undefined && (Number(raw.followForks) > 1 || raw.outputSeparately === true),
        decodeFds: raw.decodeFds === true,
        absoluteTime: Number(raw.absoluteTimestamps ?? 0),
        relative: raw.relativeTimestamps === true,
        spent: raw.syscallTimes === true,
      };
      const sort = SORTS.find((s) => s === raw.summarySortBy);
      if (sort === undefined)
        throw new UsageError(`-S ${raw.summarySortBy}: choose one of ${SORTS.join(', ')}`);
      const counting = o.summaryOnly || o.summary;
      if (o.separate && counting) throw new UsageError('-ff and the counts of -c and -C exclude each other');
      if (o.separate && isCommand(o.output ?? ''))
        throw new UsageError('-ff and a command as -o exclude each other');
      const { wants, wantsSignal, status, exits } = expressions(o.expr ?? []);
      const shown = textOptions({ ...o, exits: exits && Number(raw.quiet) < 2 }, status);
      const counts = summary();
      const listenerTo = (write: (text: string) => void): TraceListener =>
        o.json ? jsonLines(write) : straceText(shown, write);
      const append = o.outputAppendMode ?? false;
      const each = o.separate ? separately(o.output ?? '', append, listenerTo, complain) : null;
      const out = openOutput(o.separate ? undefined : o.output, append, complain);
      const text = each?.listener ?? listenerTo(out.write);
      const listener = o.summaryOnly ? counts : o.summary ? toAll([text, counts]) : text;
      let tracer: Tracer | null = null;
      const { runProgram } = await import('./session.ts');
      process.exitCode = await runProgram(
        [name, ...args],
        o,
        {
          attach: (machine) => {
            const format = { maxString: o.stringLimit, paths: o.decodeFds ?? false };
            const options = { ...format, follow: o.follow ?? false, wants, wantsSignal };
            tracer = trace(machine.kernel, machine.gate, options, listener);
          },
          started: (machine, started, argv, env) => {
            const task = machine.kernel.tasks.get(started.pid);
            if (task === undefined) return;
            tracer?.program(task, argv[0] ?? '', argv, Object.keys(env).length);
          },
          ended: () => {
            tracer?.detach();
            if (counting) out.write(counts.table(sort));
            each?.close();
            return out.close();
          },
          refused: () => out.close(),
        },
        complain,
      );
    });
  for (const flags of MISSING) command.addOption(missing(flags));
};
