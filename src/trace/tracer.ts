// Listens at the gate and makes events of what passes. The arguments that go in are written when the call
// enters, because the program's memory changes; the others when it leaves.

import { EINTR, errnoName } from '../abi/errno.ts';
import { SIG, signalName } from '../abi/signal.ts';
import { type Call, RESTART, type Tap } from '../gate/call.ts';
import type { Gate } from '../gate/gate.ts';
import type { Row } from '../gate/row.ts';
import { realtime } from '../ring0/clock.ts';
import type { Kernel } from '../ring0/kernel.ts';
import { settle } from '../ring0/task/runqueue.ts';
import { dying } from '../ring0/task/signals.ts';
import type { SigInfo, Task } from '../ring0/task/types.ts';
import type { RestartRule } from '../ring0/wait.ts';
import { argument, isOutput, overwritten } from './arguments.ts';
import { SPECIAL } from './commands.ts';
import { type Context, type FormatOptions, pathName, processId, rawHex } from './context.ts';
import { type Dumps, dump } from './dump.ts';
import type { ExitEvent, ForkEvent, SignalEvent, StopEvent, SyscallEvent, TraceArgument } from './events.ts';
import { hex, quoteString } from './print.ts';
import { resultText } from './returns.ts';
import type { Wants } from './select.ts';
import { siginfo } from './signals.ts';
import { touches } from './touch.ts';

export interface TraceOptions extends FormatOptions {
  /** -f: children and threads too. Without it only the first task. */
  readonly follow: boolean;
  readonly wants: Wants;
  /** -e signal=: which signals are shown. */
  readonly wantsSignal: (signo: number) => boolean;
  /** -P: only calls that touch one of these. */
  readonly touching?: ReadonlySet<string>;
  /** -e read=, -e write=. */
  readonly dumps?: Dumps;
  /** -c: processor time of each call is measured. */
  readonly cpuTime?: boolean;
}

/** A call under way: what of it can be written already. */
export interface OpenCall {
  readonly call: Call;
  readonly tid: number;
  readonly time: number;
  /** Where the program goes on after the call. */
  readonly ip: number;
  /** Nothing follows `early`: it is all that will be written of the arguments. */
  readonly complete: boolean;
  /** Arguments written at the trap, joined; ends with a comma when more will follow. */
  readonly early: string;
}

/** What is known of a call that has ended besides its event. */
export interface Ended {
  /** Lines of -e read= and -e write=, each with its newline. */
  readonly dump: string;
  /** ns of processor time; what it waited is not in it. 0 unless asked for. */
  readonly cpuNs: number;
}

export interface TraceListener {
  enter?(open: OpenCall): void;
  /** `late` is what follows `early`, up to the closing parenthesis, which is not in it. */
  leave?(open: OpenCall, late: string, event: SyscallEvent, ended: Ended): void;
  signal?(event: SignalEvent): void;
  stop?(event: StopEvent): void;
  exit?(event: ExitEvent): void;
  fork?(event: ForkEvent): void;
  /** The listener threw this: the trace has ended, the machine goes on. */
  failed?(error: unknown): void;
}

export interface Tracer {
  /** Reports the program that the machine started as the execve that it amounts to. */
  program(task: Task, path: string, argv: readonly string[], env: readonly string[]): void;
  detach(): void;
}

/** How many arguments are written before the handler runs. */
const earlyCount = (ctx: Context): number => {
  if (ctx.options.raw?.(ctx.call.row)) return Number.POSITIVE_INFINITY;
  const special = SPECIAL[ctx.call.row.name];
  if (special !== undefined) return special.early(ctx);
  const { params } = ctx.call.row;
  const first = params.findIndex(isOutput);
  if (first < 0) return Number.POSITIVE_INFINITY;
  // The offset that goes in is written early, the one that comes out behind an arrow.
  return isOffset(ctx.call, first) ? first + 1 : first;
};

const isOffset = (call: Call, i: number): boolean => call.row.params[i]?.type === 'offset';

/** A mistake in a printer costs the text of one call, not the trace: the registers are shown instead. */
const texts = (ctx: Context, from: number, to: number): string[] => {
  try {
    return decoded(ctx, from, to);
  } catch (e) {
    const { row, task } = ctx.call;
    task.kernel.bug(`the trace of ${row.name}`, e);
    return row.params.map((_, i) => rawHex(ctx, i)).slice(from, to);
  }
};

const decoded = (ctx: Context, from: number, to: number): string[] => {
  const { row } = ctx.call;
  if (ctx.options.raw?.(row)) return row.params.map((_, i) => rawHex(ctx, i)).slice(from, to);
  const special = SPECIAL[row.name];
  if (special !== undefined) return special.write(ctx).slice(from, to);
  // A row without parameters that is absent: the registers are all that is known.
  if (row.params.length === 0 && row.meta.support === 'absent') {
    return [0, 1, 2, 3, 4, 5].map((i) => rawHex(ctx, i)).slice(from, to);
  }
  const out: string[] = [];
  for (let i = from; i < Math.min(to, row.params.length); i++) out.push(argument(ctx, i));
  return out;
};

/** What a call shows that a fatal signal broke, by its rule. */
const BROKEN: Readonly<Record<RestartRule, number>> = {
  restart: -RESTART.ERESTARTSYS,
  always: -RESTART.ERESTARTNOINTR,
  eintr: -EINTR,
  nohand: -RESTART.ERESTARTNOHAND,
  'restart-block': -RESTART.ERESTART_RESTARTBLOCK,
  uninterruptible: -EINTR,
};

const utf8 = (s: string): string => String.fromCharCode(...new TextEncoder().encode(s));

const seconds = (kernel: Kernel): number => {
  const { sec, nsec } = realtime(kernel.clock);
  return sec + nsec / 1e9;
};

/** Attaches a tracer to a machine's gate and to its kernel's events. */
export const trace = (kernel: Kernel, gate: Gate, options: TraceOptions, listener: TraceListener): Tracer => {
  let first: number | null = null;
  const followed = new Set<number>();
  const sees = (task: Task): boolean => {
    if (options.follow) return true;
    first ??= task.tid;
    return task.tid === first || followed.has(task.tid);
  };

  /** By task: the call under way, and the signals that wait for its line to be finished. */
  const under = new Map<
    Task,
    {
      call: Call;
      open: OpenCall;
      early: string[];
      before: readonly (string | null)[];
      cpuNs: number;
      signals: SignalEvent[];
    }
  >();
  const context = (call: Call, result: number | null, before: readonly (string | null)[] = []): Context => ({
    call,
    task: call.task,
    mm: call.task.mm,
    options,
    result,
    before,
  });
  const common = (task: Task): { pid: number; tid: number; time: number } => ({
    pid: task.process.pid,
    tid: task.tid,
    time: seconds(kernel),
  });

  const cpuNs = (task: Task): number => {
    if (!options.cpuTime) return 0;
    settle(kernel);
    return task.userNs + task.systemNs;
  };

  /** By the thread that executes another program: the end of the first thread, which it takes the place of. */
  const superseded = new Map<Task, ExitEvent>();

  const tap: Tap = {
    enter: (call) => {
      if (!sees(call.task)) return;
      if (options.touching !== undefined && !touches(call, options.touching)) return;
      const ctx = context(call, null);
      const count = earlyCount(ctx);
      const all = texts(ctx, 0, Number.POSITIVE_INFINITY);
      const early = all.slice(0, count);
      const more = all.length > early.length;
      const comma = more && early.length > 0 && !isOffset(call, early.length - 1);
      const text = early.join(', ') + (comma ? ', ' : '');
      const { tid } = call.task;
      const one: OpenCall = {
        call,
        tid,
        time: seconds(kernel),
        ip: kernel.cpu.rip,
        complete: !more,
        early: text,
      };
      const before = overwritten(ctx);
      listener.enter?.(one);
      under.set(call.task, { call, open: one, early, before, cpuNs: cpuNs(call.task), signals: [] });
    },
    leave: (call, result) => leave(call, result),
  };
  const leave = (call: Call, returned: number | null): void => {
    const entry = under.get(call.task);
    if (entry?.call !== call) return;
    // Nobody sees the end of a call in which its task was killed.
    const result = dying(call.task) ? null : returned;
    under.delete(call.task);
    const spent = cpuNs(call.task) - entry.cpuNs;
    const ctx = context(call, result, entry.before);
    const late = texts(ctx, entry.early.length, Number.POSITIVE_INFINITY);
    const last = entry.early.length - 1;
    const moved = isOffset(call, last) ? argument(ctx, last) : entry.early[last];
    const arrow = moved === entry.early[last] ? '' : ` => ${moved}`;
    const all = [...entry.early, ...late];
    const told = superseded.get(call.task);
    superseded.delete(call.task);
    if (told !== undefined) listener.exit?.(told);
    const event: SyscallEvent = {
      kind: 'syscall',
      pid: call.task.process.pid,
      tid: call.task.tid,
      time: entry.open.time,
      name: call.row.name,
      number: call.number,
      args: all.map((text, i) => traceArgument(call, i, text)),
      result,
      resultText: resultText(ctx),
      errno: result !== null && result < 0 ? (errnoName(-result) ?? null) : null,
      durationNs: kernel.clock.monotonic() - call.startNs,
    };
    const separator =
      entry.early.length > 0 && !entry.open.early.endsWith(', ') && late.length > 0 ? ', ' : '';
    const ended: Ended = {
      dump: options.dumps === undefined ? '' : dump(ctx, options.dumps),
      cpuNs: spent,
    };
    listener.leave?.(entry.open, arrow + separator + late.join(', '), event, ended);
    for (const signal of entry.signals) listener.signal?.(signal);
  };

  /** A mistake of the listener ends the trace, whichever of the two it was listening to. */
  const failed = (error: unknown): void => {
    detach();
    listener.failed?.(error);
  };
  const removeTap = gate.attach({ ...tap, failed }, options.wants);
  const signalled = (task: Task, info: SigInfo): void => {
    // A debugger never sees SIGKILL.
    if (!sees(task) || info.signo === SIG.SIGKILL || !options.wantsSignal(info.signo)) return;
    const event: SignalEvent = {
      kind: 'signal',
      ...common(task),
      signal: signalName(info.signo),
      info: siginfo(info, options.constants, (id) => processId({ task, options }, id)),
    };
    const entry = under.get(task);
    if (entry !== undefined) entry.signals.push(event);
    else listener.signal?.(event);
  };
  /** The thread whose execve ends the others of its process, this one among them. */
  const executing = (task: Task): Task | null => {
    const { current } = kernel;
    const other = current !== null && current !== task && current.process === task.process;
    return other && !task.process.exiting && current.call?.row.name.startsWith('execve') ? current : null;
  };
  const exited = (task: Task, status: number, bySignal: number): void => {
    if (!sees(task)) return;
    const entry = under.get(task);
    if (entry !== undefined) {
      // The call that ends the task is over; one that a signal broke shows that it did; else it stays unfinished.
      if (entry.call.row.meta.returns === 'none') leave(entry.call, null);
      else if (entry.signals.length > 0 && entry.call.block !== null) {
        leave(entry.call, BROKEN[entry.call.block.restart]);
      }
      under.delete(task);
    }
    const event: ExitEvent = {
      kind: 'exit',
      ...common(task),
      code: bySignal === 0 ? (status >>> 8) & 0xff : null,
      signal: bySignal === 0 ? null : signalName(bySignal),
    };
    const heir = task === task.process.leader ? executing(task) : null;
    if (heir === null || !under.has(heir)) listener.exit?.(event);
    // The first thread's id lives on: that is told when the others are gone.
    else superseded.set(heir, { ...event, supersededBy: heir.tid });
  };
  const unlisten = kernel.events.listen({
    signal: signalled,
    dropped: signalled,
    exit: exited,
    stop: (task, signo) => {
      if (sees(task)) listener.stop?.({ kind: 'stop', ...common(task), signal: signalName(signo) });
    },
    fork: (parent, child) => {
      if (sees(parent)) listener.fork?.({ kind: 'fork', ...common(parent), child: child.tid });
    },
    failed,
  });
  const detach = (): void => {
    removeTap();
    unlisten();
  };

  return {
    program: (task, path, argv, env) => {
      if (!sees(task) || !options.wants(EXECVE)) return;
      const { hexStrings } = options;
      const quoted = (s: string): string => quoteString(utf8(s), options.maxString, hexStrings);
      const list = argv.map(quoted).join(', ');
      const count = `${env.length} var${env.length === 1 ? '' : 's'}`;
      const vars =
        options.abbreviated?.(EXECVE) === false
          ? `[${env.map(quoted).join(', ')}]`
          : `${hex(task.mm.layout.envStart)} /* ${count} */`;
      const { exe } = task.process;
      const name = exe === null || path.includes('/') ? utf8(path) : pathName(exe);
      if (options.touching !== undefined && !options.touching.has(name)) return;
      const { argStart, envStart } = task.mm.layout;
      const args = options.raw?.(EXECVE)
        ? [hex(argStart), hex(argStart), hex(envStart)]
        : options.followed?.(EXECVE) === false
          ? [quoteString(name, undefined, hexStrings), hex(argStart), hex(envStart)]
          : [quoteString(name, undefined, hexStrings), `[${list}]`, vars];
      const at = common(task);
      const call = { task, row: EXECVE, number: 59 } as unknown as Call;
      const one: OpenCall = {
        call,
        tid: task.tid,
        time: at.time,
        ip: 0,
        complete: true,
        early: args.join(', '),
      };
      listener.enter?.(one);
      listener.leave?.(
        one,
        '',
        {
          kind: 'syscall',
          ...at,
          name: 'execve',
          number: 59,
          args: args.map((text, i) => ({ name: ['pathname', 'argv', 'envp'][i] as string, text })),
          result: 0,
          resultText: '0',
          errno: null,
          durationNs: 0,
        },
        NOTHING,
      );
    },
    detach,
  };
};

const NOTHING: Ended = { dump: '', cpuNs: 0 };

const EXECVE = {
  name: 'execve',
  params: [],
  meta: { returns: 'int', family: 'process' },
  handler: () => 0,
} as const satisfies Row;

const traceArgument = (call: Call, i: number, text: string): TraceArgument => {
  const name = call.row.params[i]?.name ?? `arg${i}`;
  const value = call.args[i];
  return typeof value === 'number' || typeof value === 'string' ? { name, text, value } : { name, text };
};
