// Where a trace goes: standard error, a file, a command (`-o '|cmd'`), or a file for each task (`-ff`).

import { closeSync, openSync, writeSync } from 'node:fs';
import type { TraceListener } from '../trace/tracer.ts';
import { UsageError } from './options.ts';

export interface Output {
  write(text: string): void;
  /** Resolves when everything has been taken, by a command when it has ended. */
  close(): void | Promise<void>;
}

const LIMIT = 65536;

const messageOf = (e: unknown): string => (e instanceof Error ? e.message : String(e));

/** Text is passed on in pieces of some size, and when the machine has nothing else to do: a call that blocks shows its beginning. */
const collected = (
  put: (text: string) => void,
  byLine: boolean,
): { write(text: string): void; flush(): void } => {
  let pending = '';
  const flush = (): void => {
    const text = pending;
    pending = '';
    if (text !== '') put(text);
  };
  return {
    write(text) {
      if (pending === '') setImmediate(flush);
      pending += text;
      if (byLine ? text.endsWith('\n') : pending.length > LIMIT) flush();
    },
    flush,
  };
};

/** A file, or standard error. Synchronous, so that nothing is lost when kanmon is killed. */
const toFile = (file: string | null, append: boolean, complain: (message: string) => void): Output => {
  let handle = 2;
  if (file !== null) {
    try {
      handle = openSync(file, append ? 'a' : 'w');
    } catch (e) {
      throw new UsageError(`-o ${file}: ${messageOf(e)}`);
    }
  }
  let lost = false;
  const put = (text: string): void => {
    let rest = Buffer.from(text, 'utf8');
    while (rest.length > 0 && !lost) {
      try {
        rest = rest.subarray(writeSync(handle, rest));
      } catch (e) {
        const code = e instanceof Error && 'code' in e ? e.code : '';
        if (code === 'EAGAIN') continue;
        // The program goes on without the trace, when its reader has gone away or the disk is full.
        lost = true;
        if (code !== 'EPIPE' && handle !== 2) complain(`the trace ends here: ${messageOf(e)}`);
      }
    }
  };
  const { write, flush } = collected(put, handle === 2);
  return {
    write,
    close() {
      flush();
      lost = true;
      if (handle !== 2) closeSync(handle);
    },
  };
};

/** The standard input of a shell command. One that ends early ends the trace, not the program. */
const toCommand = (command: string, complain: (message: string) => void): Output => {
  // It stands on streams, sockets and 25 more modules, which every run would load before its program.
  const { spawn } = process.getBuiltinModule('node:child_process');
  const child = spawn('/bin/sh', ['-c', command], { stdio: ['pipe', 'inherit', 'inherit'] });
  const ended = new Promise<void>((resolve) => {
    child.on('close', () => resolve());
    child.on('error', (e) => {
      complain(`-o '|${command}': ${e.message}`);
      resolve();
    });
  });
  let lost = false;
  child.stdin.on('error', () => {
    lost = true;
  });
  const { write, flush } = collected((text) => {
    if (!lost) child.stdin.write(text);
  }, false);
  return {
    write,
    close() {
      flush();
      child.stdin.end();
      return ended;
    },
  };
};

/** Whether -o names a command rather than a file: `|command` or `!command`. */
export const isCommand = (output: string): boolean => /^[|!]/.test(output);

export const openOutput = (
  output: string | undefined,
  append: boolean,
  complain: (message: string) => void,
): Output =>
  output !== undefined && isCommand(output)
    ? toCommand(output.slice(1), complain)
    : toFile(output ?? null, append, complain);

/** A listener for each task, which writes to `file` with the task's id behind a dot. */
export const separately = (
  file: string,
  append: boolean,
  listener: (write: (text: string) => void) => TraceListener,
  complain: (message: string) => void,
): { readonly listener: TraceListener; close(): void } => {
  const all = new Map<number, { readonly out: Output; readonly listener: TraceListener }>();
  let failed = false;
  // The program goes on without the trace of a task whose file cannot be opened, for want of descriptors say.
  const open = (name: string): Output => {
    try {
      return toFile(name, append, complain);
    } catch (e) {
      if (!failed) complain(messageOf(e));
      failed = true;
      return { write() {}, close() {} };
    }
  };
  const of = (tid: number): TraceListener => {
    let one = all.get(tid);
    if (one === undefined) {
      const out = open(`${file}.${tid}`);
      one = { out, listener: listener(out.write) };
      all.set(tid, one);
    }
    return one.listener;
  };
  return {
    listener: {
      enter: (open) => of(open.tid).enter?.(open),
      leave: (open, late, event, ended) => of(open.tid).leave?.(open, late, event, ended),
      signal: (event) => of(event.tid).signal?.(event),
      stop: (event) => of(event.tid).stop?.(event),
      fork: (event) => of(event.tid).fork?.(event),
      exit(event) {
        of(event.tid).exit?.(event);
        all.get(event.tid)?.out.close();
        all.delete(event.tid);
      },
    },
    close() {
      for (const { out } of all.values()) out.close();
    },
  };
};
