// The library: boot a machine in this process, run programs in it, read and write its files, watch its calls.
//
//     import { boot } from 'kanmon';
//     const machine = await boot();
//     const { exitCode, stdout } = await machine.run(['uname', '-a']);
//     await machine.close();

import { errnoName } from './abi/errno.ts';
import { strerror } from './abi/strerror.ts';
import { type GuestFiles, guestFiles } from './guest-files.ts';
import { nodeHost } from './host/node.ts';
import { createMachine, type MachineOptions, type StartOptions } from './machine.ts';
import { bytesOf, checkArgv, checkOptions, checkSize } from './options.ts';
import type { TraceEvent } from './trace/events.ts';
import { eventQueue } from './trace/queue.ts';
import { selection } from './trace/select.ts';
import { type Tracer, trace } from './trace/tracer.ts';

export { GuestFileError, type GuestFiles, type GuestStat } from './guest-files.ts';
export { RootError } from './ring0/fs/root.ts';
export type { Tier } from './ring3/cpu.ts';
export type {
  ExitEvent,
  ForkEvent,
  SignalEvent,
  StopEvent,
  SyscallEvent,
  TraceArgument,
  TraceEvent,
} from './trace/events.ts';

/**
 * Options of a machine. All are optional; see MachineOptions for each. Without `rootfs` the guest sees the
 * host's system folders, read-only under an in-memory layer.
 */
export type BootOptions = MachineOptions;

/** Options of one program. */
export interface ProgramOptions {
  /** Environment; default: PATH, HOME and HOSTNAME as docker sets them. */
  readonly env?: Readonly<Record<string, string>>;
  /** Directory to start in, an absolute guest path. */
  readonly cwd?: string;
  /**
   * Ids from 0 to 2^32-2; default: root. Without `gid` it is group 0, as with docker's `-u 1000`; without `groups`
   * only the group itself.
   */
  readonly user?: { readonly uid: number; readonly gid?: number; readonly groups?: readonly number[] };
}

export interface SpawnOptions extends ProgramOptions {
  /**
   * Gives the program a terminal of this size in characters instead of pipes: `stdin` is what is typed, `stdout`
   * what it shows, and `stderr` stays empty.
   */
  readonly tty?: { readonly rows: number; readonly columns: number };
}

export interface RunOptions extends ProgramOptions {
  /** All of standard input: text as UTF-8, or bytes. Default: empty. */
  readonly stdin?: ArrayBufferView | string;
  /** Kill the program when it aborts. */
  readonly signal?: AbortSignal;
  /** Most bytes of output to collect; beyond that the program is killed and `run` rejects. Default: 256 MiB. */
  readonly maxOutputBytes?: number;
}

/** How a program ended; exactly one of exitCode and signal is set. */
export interface Exit {
  readonly exitCode: number | null;
  /** Number of the signal that killed it. */
  readonly signal: number | null;
}

export interface Output extends Exit {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

/** A program that runs. */
export interface Process {
  readonly pid: number;
  readonly stdin: WritableStream<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** How it ended. There may still be output to read. */
  wait(): Promise<Exit>;
  /** Sends a signal by number; default SIGTERM. */
  kill(signo?: number): void;
  /** Tells a program with a terminal that its window has another size. */
  resize(rows: number, columns: number): void;
}

export interface Machine {
  /** Runs a program to its end and collects its output. Rejects with StartError when it cannot be started. */
  run(argv: readonly string[], options?: RunOptions): Promise<Output>;
  /** Starts a program with byte streams. Rejects with StartError when it cannot be started. */
  spawn(argv: readonly string[], options?: SpawnOptions): Promise<Process>;
  readonly fs: GuestFiles;
  /**
   * Events from now on, until the iterator is returned or the machine closed. `filter` is strace's -e trace=
   * expression, e.g. `%file,close`; default: all calls. When nobody takes them, tracing ends after 100,000 events
   * and so, with an error, does the iterator.
   */
  trace(filter?: string): AsyncIterableIterator<TraceEvent>;
  /** Ends every program as if killed by SIGKILL, and gives the host's resources back. */
  close(): Promise<void>;
}

/** A program could not be started; `code` is the errno's name (ENOENT, EACCES, ENOEXEC ...). */
export class StartError extends Error {
  readonly code: string;

  constructor(program: string, errno: number, why = '') {
    const code = errnoName(errno) ?? 'EIO';
    super(`${program}: ${why === '' ? strerror(code) : why}`);
    this.name = 'StartError';
    this.code = code;
  }
}

const MAX_OUTPUT = 2 ** 28;
const MAX_EVENTS = 100_000;

const concat = (parts: readonly Uint8Array[]): Uint8Array => {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
};

/** A readable stream and the sink that fills it; the sink asks for a pause while the reader is behind. */
const outputStream = (): {
  stream: ReadableStream<Uint8Array>;
  sink: NonNullable<StartOptions['stdout']>;
  end(): void;
} => {
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  let resume: (() => void) | null = null;
  const stream = new ReadableStream<Uint8Array>({
    start(c) {
      controller = c;
    },
    pull() {
      resume?.();
      resume = null;
    },
    cancel() {
      controller = null;
      resume?.();
    },
  });
  return {
    stream,
    sink(chunk) {
      controller?.enqueue(chunk);
      if (controller === null || (controller.desiredSize ?? 1) > 0) return undefined;
      return new Promise((go) => {
        resume = go;
      });
    },
    end() {
      controller?.close();
    },
  };
};

/**
 * Boots a machine. Other machines of the process do not see it; all share what was translated of the same code. Rejects
 * with RootError when a folder of the host that is to be shown cannot be, and with TypeError, as all here does, when an
 * option does not exist or does not take the value given.
 */
export const boot = async (options: BootOptions = {}): Promise<Machine> => {
  checkOptions('boot', options);
  const machine = createMachine(nodeHost(), options);
  const start = (
    argv: readonly string[],
    o: StartOptions,
  ): Exclude<ReturnType<typeof machine.start>, number> => {
    const started = machine.start(argv, o);
    if (typeof started === 'number') throw new StartError(argv[0] ?? '', -started, machine.refusal);
    return started;
  };
  const traces = new Set<() => void>();

  return {
    fs: guestFiles(machine.service),
    async run(argv, o = {}) {
      checkArgv('run', argv);
      checkOptions('run', o);
      const out: Uint8Array[] = [];
      const err: Uint8Array[] = [];
      const { stdin, signal, maxOutputBytes = MAX_OUTPUT, ...rest } = o;
      let collected = 0;
      const into =
        (parts: Uint8Array[]) =>
        (chunk: Uint8Array): void => {
          collected += chunk.length;
          if (collected <= maxOutputBytes) parts.push(chunk);
          else started.kill(9);
        };
      const started = start(argv, { ...rest, stdout: into(out), stderr: into(err) });
      const abort = (): void => started.kill(9);
      signal?.addEventListener('abort', abort);
      if (signal?.aborted) abort();
      if (stdin !== undefined) {
        void started.write(bytesOf('run: stdin', stdin)).then(() => started.end());
      } else started.end();
      const exit = await started.ended;
      signal?.removeEventListener('abort', abort);
      if (collected > maxOutputBytes)
        throw new RangeError(`${argv[0]}: more than ${maxOutputBytes} bytes of output (maxOutputBytes)`);
      return { ...exit, stdout: concat(out), stderr: concat(err) };
    },
    async spawn(argv, o = {}) {
      checkArgv('spawn', argv);
      checkOptions('spawn', o);
      const out = outputStream();
      const err = outputStream();
      const started = start(argv, { ...o, stdout: out.sink, stderr: err.sink });
      // Each ends by itself: whoever reads one of them only must see its end. A terminal has no second.
      const [toOut, toErr = started.exited] = started.outputs;
      void toOut?.then(out.end);
      void toErr.then(err.end);
      return {
        pid: started.pid,
        stdin: new WritableStream<Uint8Array>({
          write(chunk) {
            try {
              return started.write(bytesOf('stdin', chunk));
            } catch (e) {
              // The stream takes nothing after an error: the program must not wait for more.
              started.end();
              throw e;
            }
          },
          close: () => started.end(),
          abort: () => started.end(),
        }),
        stdout: out.stream,
        stderr: err.stream,
        wait: () => started.exited,
        kill(signo = 15) {
          if (!(Number.isInteger(signo) && signo >= 1 && signo <= 64))
            throw new RangeError(`signal ${signo}: from 1 to 64`);
          started.kill(signo);
        },
        resize(rows, columns) {
          checkSize(rows, columns);
          started.resize({ rows, columns });
        },
      };
    },
    trace(filter) {
      if (filter !== undefined && typeof filter !== 'string')
        throw new TypeError('trace: filter takes a string, such as %file,close');
      const names = new Set(machine.gate.table.rows.flatMap((r) => (r ? [r.name] : [])));
      const wants = filter === undefined ? () => true : selection(filter, names);
      if (typeof wants === 'string') throw new TypeError(wants);
      let tracer: Tracer | null = null;
      const stop = (error?: Error): void => {
        tracer?.detach();
        traces.delete(stop);
        queue.end(error);
      };
      const queue = eventQueue<TraceEvent>(MAX_EVENTS, {
        full: () =>
          stop(new RangeError(`${MAX_EVENTS} events were not taken; filter them, or take them faster`)),
        left: stop,
      });
      if (machine.closed) {
        queue.end();
        return queue.iterator;
      }
      const { push } = queue;
      tracer = trace(
        machine.kernel,
        machine.gate,
        { follow: true, wants, wantsSignal: () => true, maxString: 32, paths: false },
        {
          leave: (_open, _late, event) => push(event),
          signal: push,
          stop: push,
          exit: push,
          fork: push,
          failed: (e) => stop(e instanceof Error ? e : new Error(String(e))),
        },
      );
      traces.add(stop);
      return queue.iterator;
    },
    async close() {
      for (const stop of [...traces]) stop();
      await machine.close();
    },
  };
};
