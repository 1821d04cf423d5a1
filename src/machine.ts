// One machine: the rings wired together, and the loop that gives tasks the CPU between the host's events.
// Everything outside talks to it through `Machine`; the public API (index.ts) wraps it in streams.

import { EACCES, EAGAIN, ENOENT, ENOMEM, ENOTDIR, ESRCH } from './abi/errno.ts';
import { AT_FDCWD } from './abi/fcntl.ts';
import { SIG } from './abi/signal.ts';
import { type Gate, openGate } from './gate/gate.ts';
import { sealTable } from './gate/table.ts';
import type { Host } from './host/host.ts';
import { startProgram } from './ring0/exec/exec.ts';
import { explainExec } from './ring0/exec/explain.ts';
import { refreshVdso } from './ring0/exec/vdso.ts';
import { dropReader, dropWriter, makePipe, registerFifos } from './ring0/fs/pipe.ts';
import { type Pipe, putBytes, takeBytes } from './ring0/fs/pipe-ring.ts';
import { mountPseudoFileSystems } from './ring0/fs/proc-mount.ts';
import { buildRoot, type RootOptions } from './ring0/fs/root.ts';
import { createKernel, type Kernel } from './ring0/kernel.ts';
import { createAddressSpace } from './ring0/mm/address-space.ts';
import { memoryOf } from './ring0/mm/state.ts';
import { ROWS } from './ring0/sys/index.ts';
import { exitGroup } from './ring0/task/exit.ts';
import { createInitProcess, credentialsOf } from './ring0/task/fork.ts';
import { nextWake, park, runSlice, work } from './ring0/task/scheduler.ts';
import { signalProcess } from './ring0/task/signals.ts';
import type { Task } from './ring0/task/types.ts';
import { mountTerminals } from './ring0/tty/devpts.ts';
import { giveTerminal, type Terminal, type TerminalSize } from './ring0/tty/terminal.ts';
import { installFile, newTable } from './ring0/vfs/fdtable.ts';
import type { Path } from './ring0/vfs/types.ts';
import { FOLLOW, isPath, walk } from './ring0/vfs/walk.ts';
import type { Waiter } from './ring0/wait.ts';
import type { Tier } from './ring3/cpu.ts';
import { createCpu } from './ring3/processor.ts';
import { helpers, semantics } from './ring3/semantics/index.ts';
import { needsExactFp } from './ring3/semantics/simd/mxcsr.ts';
import { createTranslator } from './ring3/translate/translator.ts';

export interface MachineOptions extends Omit<RootOptions, 'files'> {
  /** Physical memory in bytes; default: the host's choice, at most 4 GiB. */
  readonly memoryBytes?: number;
  /** How programs are executed; default: mixed. */
  readonly tier?: Tier;
  /** Executions of a block before it is translated, in mixed mode. */
  readonly threshold?: number;
  /** Most tasks at a time. */
  readonly tasks?: number;
}

/** Where the bytes of an output stream go. Returns a promise to ask for a pause until it resolves. */
export type Sink = (chunk: Uint8Array) => void | Promise<void>;

export interface StartOptions {
  /** Environment; default: PATH, HOME and HOSTNAME as docker sets them. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly user?: { readonly uid: number; readonly gid?: number; readonly groups?: readonly number[] };
  readonly stdout?: Sink;
  readonly stderr?: Sink;
  /** Gives the program a terminal instead of pipes: `stdout` gets what it shows, `stderr` nothing. */
  readonly tty?: TerminalSize;
}

/** How a program ended: exactly one of the two is set. */
export interface Ended {
  readonly exitCode: number | null;
  readonly signal: number | null;
}

export interface Started {
  readonly pid: number;
  /** Feeds standard input; resolves when the pipe has taken everything (or nobody reads any more). */
  write(chunk: Uint8Array): Promise<void>;
  /** End of standard input. A terminal has none: it is the program that reads ^D as one. */
  end(): void;
  /** The terminal's window has another size: SIGWINCH. */
  resize(size: TerminalSize): void;
  kill(signo: number): void;
  /** Resolves when the program has ended. */
  readonly exited: Promise<Ended>;
  /**
   * Standard output and error, or the screen: each resolves when nobody can write to it any more and all of it has
   * been handed over, whatever becomes of the other.
   */
  readonly outputs: readonly Promise<void>[];
  /** Resolves when the program has ended and all its output has been handed over. */
  readonly ended: Promise<Ended>;
}

export interface Machine {
  readonly kernel: Kernel;
  readonly gate: Gate;
  /** Where the root directory is. */
  readonly root: Path;
  /** A task of the machine's own, root and never run, for work that is done from outside. */
  readonly service: Task;
  /** Starts a program; a negative errno when it cannot be. argv[0] without a slash is looked up in PATH. */
  start(argv: readonly string[], options?: StartOptions): Started | number;
  /** Why the last `start` failed, in words: "AArch64 program; this machine runs x86-64". */
  readonly refusal: string;
  /** Stops the loop. Every program counts as killed, and nothing can be started any more. */
  close(): Promise<void>;
  readonly closed: boolean;
}

const latin1 = (s: string): string => {
  let out = '';
  for (const b of new TextEncoder().encode(s)) out += String.fromCharCode(b);
  return out;
};

/** With everything translated at once most code runs once or twice: small regions cost least then. */
const SMALL_REGIONS = { insns: 48, run: 48, regions: 1, batchInsns: 48, callDepth: 0 };

/** Slice of host time that tasks run before the host's events are looked at, ms. */
const SLICE_MS = 10;

/** Bounds of MachineOptions.memoryBytes: what a machine can be made in, and what a memory can have. */
const LEAST_MEMORY = 16 * 2 ** 20;
const MOST_MEMORY = 2 ** 32;

export const createMachine = (host: Host, options: MachineOptions = {}): Machine => {
  const { memoryBytes } = options;
  if (memoryBytes !== undefined && !(memoryBytes >= LEAST_MEMORY && memoryBytes <= MOST_MEMORY))
    throw new RangeError(`memoryBytes ${memoryBytes}: from ${LEAST_MEMORY} to ${MOST_MEMORY}`);
  let gate: Gate | null = null;
  const translations = options.tier === undefined || options.tier === 'mixed' ? host.translations() : null;
  const memory = options.memoryBytes === undefined ? host.takeMemory?.() : null;
  const cpu = createCpu({
    ...(memory ? { memory } : {}),
    memoryBytes: options.memoryBytes ?? host.memoryBytes,
    tier: options.tier ?? 'mixed',
    semantics,
    helpers,
    ...(host.core ? { core: host.core } : {}),
    ...(options.threshold === undefined ? {} : { threshold: options.threshold }),
    translator: createTranslator(
      semantics,
      helpers,
      options.tier === 'translator' ? SMALL_REGIONS : undefined,
      translations ?? undefined,
      host.translated(options.tier ?? 'mixed') ?? undefined,
    ),
    needsExactFp,
    tsc: () => BigInt(host.clock.monotonic()),
    hooks: {
      syscall: () => (gate as Gate).enter(),
      pageFault: (address, access) => kernel.current?.mm.fault(address, access) === 'resolved',
    },
  });
  const kernel = createKernel({
    cpu,
    clock: host.clock,
    entropy: host.entropy,
    report: host.report,
    ...(options.hostname === undefined ? {} : { hostname: options.hostname }),
    limits: options.tasks === undefined ? {} : { tasks: options.tasks },
  });
  gate = openGate(kernel, sealTable('x86_64', ROWS), { park, work });
  kernel.gate = gate;
  // RDTSC counts the clock's ns, so the vDSO can tell the time by itself.
  memoryOf(kernel).tscIsClock = true;
  registerFifos(kernel);
  const { root, cwd, hosts } = buildRoot(kernel, { ...options, files: host.files });
  mountPseudoFileSystems(kernel, root);
  mountTerminals(kernel, root);

  const serviceMm = createAddressSpace(memoryOf(kernel));
  if (!serviceMm) throw new RangeError('memoryBytes is too small for a machine');
  const service = createInitProcess(kernel, {
    mm: serviceMm,
    files: newTable(),
    fs: { cwd: root, root, umask: 0o022, refs: 1 },
    comm: 'kanmon',
  });
  kernel.init = service.process;

  let running = false;
  let closed = false;
  let nap: { wake(): void } | null = null;
  /** What to do for the programs that still run when the machine is closed, or can run nothing any more. */
  const onClose = new Set<() => void>();
  let failures = 0;
  /** A bug outside any program's calls (a timer, a page that is written back) is told, and the others go on. */
  const slice = (): ReturnType<typeof runSlice> => {
    try {
      refreshVdso(kernel);
      const state = runSlice(kernel, SLICE_MS);
      failures = 0;
      return state;
    } catch (e) {
      kernel.bug('the scheduler', e);
      kernel.current = null;
      if (++failures < 100) return 'busy';
      for (const p of [...kernel.processes.values()]) p.onExit?.(SIG.SIGSYS);
      // Nothing will run any more that could close their pipes.
      for (const act of [...onClose]) act();
      return 'done';
    }
  };
  const loop = async (): Promise<void> => {
    if (running) return;
    running = true;
    await null;
    while (!closed) {
      const state = slice();
      if (state === 'done') break;
      if (state === 'busy') {
        await host.turn();
        continue;
      }
      const next = nextWake(kernel);
      const ms = next === null ? null : Math.max(0, (next - host.clock.monotonic()) / 1e6);
      const sleep = host.sleep(ms);
      nap = sleep;
      await sleep.done;
      nap = null;
    }
    running = false;
  };
  /** Something outside changed: tasks may be able to run. */
  const poke = (): void => {
    nap?.wake();
    void loop();
  };

  /** Hands a program's output over, as fast as the sink takes it. Resolves when there will be no more. */
  const drain = (from: Outlet, sink: Sink): Promise<void> =>
    new Promise((resolve) => {
      let paused = false;
      onClose.add(resolve);
      const waiter = {
        wake(): void {
          if (closed) return;
          let chunk = from.take();
          while (chunk !== null && chunk.length > 0) {
            const wait = sink(chunk);
            if (wait) {
              paused = true;
              void wait.then(() => {
                paused = false;
                poke();
                waiter.wake();
              });
              return;
            }
            chunk = from.take();
          }
          if (chunk === null) {
            onClose.delete(resolve);
            resolve();
          } else if (!paused) from.onOutput(waiter);
        },
      };
      from.onOutput(waiter);
    });

  /** Hands bytes to a program, as fast as it takes them. */
  const feed = (into: Inlet, chunk: Uint8Array): Promise<void> =>
    new Promise((resolve) => {
      let at = 0;
      onClose.add(resolve);
      const waiter = {
        wake(): void {
          at += closed || into.gone ? chunk.length - at : into.type(chunk, at, chunk.length - at);
          poke();
          if (at < chunk.length) {
            into.onRoom(waiter);
            return;
          }
          onClose.delete(resolve);
          resolve();
        },
      };
      waiter.wake();
    });

  let refusal = '';
  const start = (argv: readonly string[], o: StartOptions = {}): Started | number => {
    const name = argv[0] ?? '';
    const env = o.env ?? {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOSTNAME: kernel.hostname.node,
      HOME: '/root',
    };
    const { uid, gid = 0, groups = [gid] } = o.user ?? { uid: 0 };
    if (closed) {
      refusal = 'the machine is closed';
      return -ESRCH;
    }
    refusal = '';
    if (name === '') {
      refusal = 'there is no program in the command line';
      return -ENOENT;
    }
    const at = o.cwd === undefined ? cwd : walk(service, AT_FDCWD, latin1(o.cwd), FOLLOW);
    if (!isPath(at) || at.dentry.inode.lookup === undefined) {
      refusal = `there is no directory ${o.cwd} to start in`;
      return typeof at === 'number' ? at : -ENOTDIR;
    }
    const mm = createAddressSpace(memoryOf(kernel));
    if (!mm) return -ENOMEM;
    const cred = credentialsOf(uid, gid, groups);
    const files = newTable();
    const status: { resolve(s: number): void } = { resolve: () => {} };
    const exited = new Promise<Ended>((resolve) => {
      status.resolve = (s) => {
        onClose.delete(killed);
        resolve(
          (s & 0x7f) === 0
            ? { exitCode: (s >> 8) & 0xff, signal: null }
            : { exitCode: null, signal: s & 0x7f },
        );
      };
    });
    const killed = (): void => status.resolve(SIG.SIGKILL);
    const task = createInitProcess(kernel, {
      mm,
      files,
      fs: { cwd: at, root, umask: 0o022, refs: 1 },
      cred,
      comm: name,
      onExit: (s) => status.resolve(s),
    });
    const streams = o.tty === undefined ? givePipes(task) : onTerminal(giveTerminal(task, o.tty));
    if (typeof streams === 'number') {
      exitGroup(task, 0);
      return streams;
    }

    const r = launch(kernel, task, name, argv, env);
    if (r.error < 0) {
      refusal = r.why;
      exitGroup(task, 0);
      return r.error;
    }
    const sinks = [o.stdout, o.stderr];
    const drained = streams.outputs.map((from, i) => drain(from, sinks[i] ?? (() => {})));
    kernel.ready(task);
    onClose.add(killed);
    void loop();
    return {
      pid: task.tid,
      write: (chunk) => feed(streams.input, chunk),
      end() {
        streams.input.end();
        poke();
      },
      resize(size) {
        streams.resize(size);
        poke();
      },
      kill(signo) {
        signalProcess(task.process, { signo, errno: 0, code: 0, pid: 0, uid: 0 });
        poke();
      },
      exited,
      outputs: drained,
      ended: exited.then(async (how) => {
        await Promise.all(drained);
        if (!closed) streams.close();
        return how;
      }),
    };
  };

  return {
    kernel,
    gate,
    root,
    service,
    start,
    get refusal() {
      return refusal;
    },
    get closed() {
      return closed;
    },
    async close() {
      if (closed) return;
      closed = true;
      nap?.wake();
      for (const act of [...onClose]) act();
      for (const h of hosts) h.close();
      translations?.close();
    },
  };
};

/** Where a program's output is taken. */
interface Outlet {
  /** What there is; null when there will be no more. */
  take(): Uint8Array | null;
  /** Wakes the waiter once, when `take` should be tried again. */
  onOutput(waiter: Waiter): void;
}

/** Where a program's input goes. */
interface Inlet {
  /** How many of n bytes there was room for. */
  type(buf: Uint8Array, at: number, n: number): number;
  onRoom(waiter: Waiter): void;
  /** Nobody will read it. */
  readonly gone: boolean;
  end(): void;
}

/** The host's ends of a program's standard streams. */
interface Streams {
  readonly input: Inlet;
  /** Standard output and error, or the screen. */
  readonly outputs: readonly Outlet[];
  resize(size: TerminalSize): void;
  close(): void;
}

/** The host's ends have no descriptions in the guest: it works on the pipes themselves. */
const givePipes = (task: Task): Streams => {
  const { kernel, cred } = task;
  const [inRead, , stdin] = makePipe(kernel, cred.uid, cred.gid);
  const [, outWrite, stdout] = makePipe(kernel, cred.uid, cred.gid);
  const [, errWrite, stderr] = makePipe(kernel, cred.uid, cred.gid);
  for (const f of [inRead, outWrite, errWrite]) installFile(task, f, false);
  let ended = false;
  const outlet = (pipe: Pipe): Outlet => ({
    take() {
      if (pipe.used === 0) {
        if (pipe.writers > 0) return new Uint8Array(0);
        dropReader(pipe);
        return null;
      }
      const chunk = new Uint8Array(pipe.used);
      takeBytes(pipe, chunk, 0, chunk.length);
      return chunk;
    },
    onOutput: (waiter) => void pipe.toRead.waiters.add(waiter),
  });
  return {
    input: {
      type: (buf, at, n) => putBytes(stdin, buf, at, n),
      onRoom: (waiter) => void stdin.toWrite.waiters.add(waiter),
      get gone() {
        return ended || stdin.readers === 0;
      },
      end() {
        if (ended) return;
        ended = true;
        dropWriter(stdin);
      },
    },
    outputs: [outlet(stdout), outlet(stderr)],
    resize: () => {},
    close: () => {},
  };
};

const onTerminal = (terminal: Terminal | number): Streams | number => {
  if (typeof terminal === 'number') return terminal;
  return {
    input: {
      type: terminal.type,
      onRoom: terminal.onRoom,
      get gone() {
        return terminal.gone;
      },
      end: () => {},
    },
    outputs: [terminal],
    resize: terminal.resize,
    close: terminal.close,
  };
};

/** Finds the program in PATH, as execvp(3) does, and loads it. `error` is 0 or -errno, with the reason in words. */
const launch = (
  kernel: Kernel,
  task: Task,
  name: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): { error: number; why: string } => {
  const args = argv.map(latin1);
  const environment = Object.entries(env).map(([k, v]) => latin1(`${k}=${v}`));
  const search = (env.PATH ?? '/usr/bin:/bin').split(':').map((d) => `${d === '' ? '.' : d}/`);
  const inPath = !name.includes('/');
  const missing = [-ENOENT, -ENOTDIR];
  let error = -ENOENT;
  let why = 'it is not in the PATH of the machine';
  kernel.current = task;
  for (const dir of inPath ? search : ['']) {
    const path = latin1(dir + name);
    const r = startProgram(kernel, task, path, args, environment);
    const now = typeof r === 'number' ? r : -EAGAIN;
    // What was refused is worth more than what was not there.
    const there = !inPath || isPath(walk(task, AT_FDCWD, path, FOLLOW));
    if (!missing.includes(now) || (there && missing.includes(error))) {
      error = now;
      why = now === 0 ? '' : explainExec(task, path, now);
    }
    if (!missing.includes(now) && now !== -EACCES) break;
  }
  kernel.current = null;
  return { error, why };
};
