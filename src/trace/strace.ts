// A trace as strace writes it: one line a call, results in a column, `<unfinished ...>` where another task comes
// in between, `---` for signals and `+++` for exits.

import type { OpenCall, TraceListener } from './tracer.ts';

export interface TextOptions {
  /** Process ids before every line (-f with -o) or as `[pid N]` once there are several (-f). */
  readonly pids: 'none' | 'always' | 'several';
  /** -t, -tt, -ttt. */
  readonly clock: 'none' | 'seconds' | 'micros' | 'epoch';
  /** -r: since the line before. */
  readonly relative: boolean;
  /** -T: time spent in each call. */
  readonly spent: boolean;
  /** -z, -Z: only calls that succeeded, or failed; the others leave no line. */
  readonly status: 'all' | 'successful' | 'failed';
  /** -a: the column of results. */
  readonly column: number;
  /** -qq leaves out the ends of processes. */
  readonly exits: boolean;
}

const two = (n: number): string => String(n).padStart(2, '0');
const micros = (time: number): string => String(Math.floor((time % 1) * 1e6)).padStart(6, '0');

/** Writes lines to `out`, in pieces: a call that blocks shows its beginning at once. */
export const straceText = (options: TextOptions, out: (text: string) => void): TraceListener => {
  /** The call whose line is not finished, and how far the line has come. */
  let line: OpenCall | null = null;
  let column = 0;
  let last = Number.NaN;
  /** Calls whose line was broken off: they come back as `<... name resumed>`. */
  const broken = new Set<OpenCall>();
  const byTask = new Map<number, OpenCall>();
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
  const begin = (tid: number, time: number): void => {
    breakOff();
    if (options.pids === 'always') put(`${String(tid).padEnd(5)} `);
    else if (options.pids === 'several' && alive.size > 1) put(`[pid ${String(tid).padStart(5)}] `);
    if (options.relative) {
      const delta = Number.isNaN(last) ? 0 : time - last;
      last = time;
      put(`${String(Math.floor(delta)).padStart(6)}.${micros(delta)} `);
    }
    if (options.clock === 'epoch') put(`${Math.floor(time)}.${micros(time)} `);
    else if (options.clock !== 'none') {
      const d = new Date(time * 1000);
      const clock = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
      put(options.clock === 'micros' ? `${clock}.${micros(time)} ` : `${clock} `);
    }
  };
  const result = (text: string): void => {
    if (column < options.column) put(' '.repeat(options.column - column));
    put(`= ${text}`);
  };
  const note = (tid: number, time: number, text: string): void => {
    begin(tid, time);
    put(text);
    end();
  };

  const start = (open: OpenCall): void => {
    begin(open.tid, open.time);
    put(`${open.call.row.name}(${open.early}`);
    line = open;
  };

  return {
    enter: (open) => {
      alive.add(open.tid);
      byTask.set(open.tid, open);
      if (options.status === 'all') start(open);
    },
    leave: (open, late, event) => {
      byTask.delete(open.tid);
      if (options.status !== 'all') {
        if ((event.errno === null) !== (options.status === 'successful') || event.result === null) return;
        start(open);
      } else if (broken.delete(open)) {
        begin(open.tid, event.time + event.durationNs / 1e9);
        put(`<... ${event.name} resumed>`);
      }
      put(`${late}) `);
      result(event.resultText);
      if (options.spent && event.result !== null) put(` <${(event.durationNs / 1e9).toFixed(6)}>`);
      end();
      line = null;
    },
    signal: (event) => note(event.tid, event.time, `--- ${event.signal} ${event.info} ---`),
    stop: (event) => note(event.tid, event.time, `--- stopped by ${event.signal} ---`),
    exit: (event) => {
      const open = byTask.get(event.tid);
      byTask.delete(event.tid);
      if (open !== undefined && options.status === 'all') {
        if (broken.delete(open)) {
          begin(event.tid, event.time);
          put(`<... ${open.call.row.name} resumed>`);
        }
        put(' <unfinished ...>) ');
        result('?');
        end();
        line = null;
      }
      const how = event.signal === null ? `exited with ${event.code}` : `killed by ${event.signal}`;
      if (options.exits) note(event.tid, event.time, `+++ ${how} +++`);
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
  leave: (open, late, event) => {
    for (const l of listeners) l.leave?.(open, late, event);
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
