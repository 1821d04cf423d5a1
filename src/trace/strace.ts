// A trace as strace writes it: one line a call, results in a column, `<unfinished ...>` where another task comes
// in between, `---` for signals and `+++` for exits.

import type { OpenCall, TraceListener } from './tracer.ts';

/** Digits of a second that are shown: s, ms, us, ns. */
export type Digits = 0 | 3 | 6 | 9;

/** How calls end (-e status=): those that never return are unfinished. */
export type Status = 'successful' | 'failed' | 'unfinished';

export interface TextOptions {
  /** Process ids before every line (-f with -o) or as `[pid N]` once there are several (-f). */
  readonly pids: 'none' | 'always' | 'several';
  /** -t: time of day, or seconds since 1970. */
  readonly clock: 'none' | 'time' | 'unix';
  readonly clockDigits: Digits;
  /** -r: since the line before. */
  readonly relative: Digits | null;
  /** -T: time spent in each call. */
  readonly spent: Digits | null;
  /** -z, -Z, -e status=: calls that ended otherwise leave no line, and the others one when they end. Null: all. */
  readonly status: ReadonlySet<Status> | null;
  /** -a: the column of results. */
  readonly column: number;
  /** -qq leaves out the ends of processes. */
  readonly exits: boolean;
  /** -n, -i: the number of the call, and the address behind its instruction. */
  readonly numbers: boolean;
  readonly addresses: boolean;
  /** -Y: what stands behind a process id. */
  readonly program?: (tid: number) => string;
}

const two = (n: number): string => String(n).padStart(2, '0');
/** The fraction of a second, with its point. */
const fraction = (time: number, digits: Digits): string =>
  digits === 0 ? '' : `.${String(Math.floor((time % 1) * 10 ** digits)).padStart(digits, '0')}`;
const seconds = (time: number, digits: Digits): string => `${Math.floor(time)}${fraction(time, digits)}`;

const clockText = (time: number, format: 'time' | 'unix', digits: Digits): string => {
  if (format === 'unix') return seconds(time, digits);
  const d = new Date(time * 1000);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}${fraction(time, digits)}`;
};

/** Writes lines to `out`, in pieces: a call that blocks shows its beginning at once. */
export const straceText = (options: TextOptions, out: (text: string) => void): TraceListener => {
  const { status } = options;
  /** The call whose line is not finished, and how far the line has come. */
  let line: OpenCall | null = null;
  let column = 0;
  let last = Number.NaN;
  /** Calls whose line was broken off: they come back as `<... name resumed>`. */
  const broken = new Set<OpenCall>();
  /** The call that a task is in, or was in last. */
  const byTask = new Map<number, { readonly open: OpenCall; ended: boolean }>();
  const alive = new Set<number>();

  const put = (text: string): void => {
    out(text);
    column += text.length;
  };
  const end = (): void => {
    out('\n');
    column = 0;
  };
  const breakOff = (): void => {
    if (line === null) return;
    put(' <unfinished ...>');
    end();
    broken.add(line);
    line = null;
  };
  const begin = (tid: number, time: number, dead = false): void => {
    breakOff();
    const { pids, clock, relative, program } = options;
    const name = program?.(tid) ?? '';
    if (pids === 'always') put(`${String(tid).padEnd(5)}${name} `);
    else if (pids === 'several' && alive.size > 1) put(`[pid ${String(tid).padStart(5)}${name}] `);
    if (clock !== 'none') put(`${clockText(time, clock, options.clockDigits)} `);
    if (relative !== null) {
      const delta = Number.isNaN(last) ? 0 : Math.max(0, time - last);
      last = time;
      const text = `${String(Math.floor(delta)).padStart(6)}${fraction(delta, relative)}`;
      put(clock === 'none' ? `${text} ` : `(+${text}) `);
    }
    const call = byTask.get(tid)?.open;
    if (options.numbers) put(`[${call === undefined ? '????' : String(call.call.number).padStart(4)}] `);
    if (options.addresses) {
      const known = call !== undefined && !dead;
      put(`[${known ? call.ip.toString(16).padStart(16, '0') : '?'.repeat(16)}] `);
    }
  };
  const result = (text: string): void => {
    if (column < options.column) put(' '.repeat(options.column - column));
    put(`= ${text}`);
  };
  const note = (tid: number, time: number, text: string, dead = false): void => {
    begin(tid, time, dead);
    put(text);
    end();
  };

  /** A thread has taken the id of its process in execve. */
  const renamed = (from: number, to: number): void => {
    const own = byTask.get(from);
    if (own !== undefined) byTask.set(to, own);
    byTask.delete(from);
    alive.delete(from);
    alive.add(to);
  };
  const start = (open: OpenCall): void => {
    begin(open.tid, open.time);
    put(`${open.call.row.name}(${open.early}`);
    line = open;
  };

  return {
    enter: (open) => {
      alive.add(open.tid);
      byTask.set(open.tid, { open, ended: false });
      if (status === null) start(open);
    },
    leave: (open, late, event, { dump }) => {
      const own = byTask.get(open.tid);
      if (own?.open === open) own.ended = true;
      if (event.tid !== open.tid) renamed(open.tid, event.tid);
      if (status !== null) {
        const how = event.result === null ? 'unfinished' : event.result < 0 ? 'failed' : 'successful';
        if (!status.has(how)) return;
        start(open);
      } else if (broken.delete(open)) {
        begin(event.tid, event.time + event.durationNs / 1e9);
        put(`<... ${event.name} resumed>`);
      }
      put(`${late}) `);
      result(event.resultText);
      if (options.spent !== null && event.result !== null)
        put(` <${seconds(event.durationNs / 1e9, options.spent)}>`);
      end();
      if (dump !== '') out(dump);
      line = null;
    },
    signal: (event) => note(event.tid, event.time, `--- ${event.signal} ${event.info} ---`),
    stop: (event) => note(event.tid, event.time, `--- stopped by ${event.signal} ---`),
    exit: (event) => {
      const own = byTask.get(event.tid);
      if (own !== undefined && !own.ended && (status === null || status.has('unfinished'))) {
        const { open } = own;
        if (status !== null) start(open);
        else if (broken.delete(open)) {
          begin(event.tid, event.time);
          put(`<... ${open.call.row.name} resumed>`);
        }
        put(open.complete ? ') ' : ' <unfinished ...>) ');
        result('?');
        end();
        line = null;
      }
      const ended = event.signal === null ? `exited with ${event.code}` : `killed by ${event.signal}`;
      const heir = event.supersededBy;
      const how = heir === undefined ? ended : `superseded by execve in pid ${heir}`;
      if (options.exits) note(event.tid, event.time, `+++ ${how} +++`, true);
      byTask.delete(event.tid);
      alive.delete(event.tid);
    },
    fork: (event) => {
      alive.add(event.tid);
      alive.add(event.child);
    },
  };
};

/** Sends every event on to several listeners. */
export const toAll = (listeners: readonly TraceListener[]): TraceListener => ({
  enter: (open) => {
    for (const l of listeners) l.enter?.(open);
  },
  leave: (open, late, event, ended) => {
    for (const l of listeners) l.leave?.(open, late, event, ended);
  },
  signal: (event) => {
    for (const l of listeners) l.signal?.(event);
  },
  stop: (event) => {
    for (const l of listeners) l.stop?.(event);
  },
  exit: (event) => {
    for (const l of listeners) l.exit?.(event);
  },
  fork: (event) => {
    for (const l of listeners) l.fork?.(event);
  },
});
