// `kanmon trace`: runs a program and writes its system calls, with the options of strace.

import { closeSync, openSync, writeSync } from 'node:fs';
import type { Command } from 'commander';
import { ARCHITECTURES } from '../abi/numbers/index.ts';
import { printableJson } from '../abi/printable.ts';
import { SIG } from '../abi/signal.ts';
import type { TraceEvent } from '../trace/events.ts';
import { selection, type Wants } from '../trace/select.ts';
import { straceText, type TextOptions, toAll } from '../trace/strace.ts';
import { type SortBy, summary } from '../trace/summary.ts';
import { type TraceListener, type Tracer, trace } from '../trace/tracer.ts';
import { bytes, environment, type SessionOptions, tier, UsageError, volume, whole } from './options.ts';

interface TraceOptions extends SessionOptions {
  readonly follow?: boolean;
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

/** Parses strace's -e expressions: trace=, signal=, status=, and a bare list of calls. */
export const expressions = (list: readonly string[]): Expressions => {
  let wants: Wants = () => true;
  let wantsSignal = (_signo: number): boolean => true;
  let status: TextOptions['status'] = 'all';
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
    } else throw new UsageError(`-e ${text}: write trace=..., signal=... or status=...`);
  }
  return { wants, wantsSignal, status };
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

/** Where the trace goes: a file, or standard error. Synchronous, so that nothing is lost when kanmon is killed. */
const openOutput = (
  file: string | undefined,
  complain: (message: string) => void,
): { write(text: string): void; close(): void } => {
  let handle = 2;
  if (file !== undefined) {
    try {
      handle = openSync(file, 'w');
    } catch (e) {
      throw new UsageError(`-o ${file}: ${e instanceof Error ? e.message : String(e)}`);
    }
  }
  const LIMIT = 65536;
  let pending = '';
  let closed = false;
  let lost = false;
  const flush = (): void => {
    if (closed || lost) return;
    let rest = Buffer.from(pending, 'utf8');
    pending = '';
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(handle, rest));
      } catch (e) {
        const code = e instanceof Error && 'code' in e ? e.code : '';
        if (code === 'EAGAIN') continue;
        // The program goes on without the trace, when its reader has gone away or the disk is full.
        lost = true;
        if (code !== 'EPIPE' && handle !== 2)
          complain(`the trace ends here: ${e instanceof Error ? e.message : String(e)}`);
        return;
      }
    }
  };
  return {
    write(text) {
      if (lost) return;
      // The beginning of a call that blocks is shown when the machine has nothing else to do.
      if (pending === '') setImmediate(flush);
      pending += text;
      if (handle === 2 ? text.endsWith('\n') : pending.length > LIMIT) flush();
    },
    close() {
      flush();
      closed = true;
      if (handle !== 2) closeSync(handle);
    },
  };
};

const CLOCKS = ['none', 'seconds', 'micros', 'epoch'] as const;

const textOptions = (o: TraceOptions, status: TextOptions['status']): TextOptions => ({
  pids: !o.follow ? 'none' : o.output === undefined ? 'several' : 'always',
  clock: CLOCKS[Math.min(o.absoluteTime ?? 0, 3)] ?? 'none',
  relative: o.relative ?? false,
  spent: o.spent ?? false,
  status: o.successfulOnly ? 'successful' : o.failedOnly ? 'failed' : status,
});

export const addTrace = (program: Command, complain: (message: string) => void): void => {
  program
    .command('trace')
    .summary('run a program and write its system calls, as strace does')
    .description('Runs a program and writes every system call that it makes, in the format of strace.')
    .argument('<program>', 'a name in the PATH of the machine, or a path')
    .argument('[args...]', "the program's arguments")
    .option('-f, --follow-forks', 'children and threads, too')
    .option('-o, --output <file>', 'write the trace to a file instead of standard error')
    .option(
      '-e, --expr <expr>',
      'trace=CALLS, signal=SIGNALS or status=successful|failed; a bare list means trace=',
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
  kanmon trace -e trace=%file,close ls /
  kanmon trace -e '!mmap,mprotect' -y cat /etc/hostname
  kanmon trace -c python3 -c 'print(1)'
  kanmon trace --json -o events.json true && jq -r .name events.json`,
    )
    .action(async (name: string, args: readonly string[], raw: TraceOptions & Record<string, unknown>) => {
      const o: TraceOptions = {
        ...raw,
        follow: raw.followForks === true,
        decodeFds: raw.decodeFds === true,
        absoluteTime: Number(raw.absoluteTimestamps ?? 0),
        relative: raw.relativeTimestamps === true,
        spent: raw.syscallTimes === true,
      };
      const sort = SORTS.find((s) => s === raw.summarySortBy);
      if (sort === undefined)
        throw new UsageError(`-S ${raw.summarySortBy}: choose one of ${SORTS.join(', ')}`);
      const { wants, wantsSignal, status } = expressions(o.expr ?? []);
      const out = openOutput(o.output, complain);
      const counts = summary();
      const text = o.json ? jsonLines(out.write) : straceText(textOptions(o, status), out.write);
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
            if (o.summaryOnly || o.summary) out.write(counts.table(sort));
            out.close();
          },
        },
        complain,
      );
    });
};
