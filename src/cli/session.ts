// One program in one machine, connected to the caller's terminal or pipes: what `run` and `trace` have in common.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { errnoName } from '../abi/errno.ts';
import { strerror } from '../abi/strerror.ts';
import { setEngineFlag } from '../host/engine.ts';
import { homeFolder } from '../host/home.ts';
import { nodeHost } from '../host/node.ts';
import { favourMainThread } from '../host/priority.ts';
import {
  createMachine,
  type Machine,
  type MachineOptions,
  type Started,
  type StartOptions,
} from '../machine.ts';
import { RootError } from '../ring0/fs/root.ts';
import { EXIT, type SessionOptions, UsageError, user } from './options.ts';
import { outputTo } from './output.ts';
import { lendTerminal, terminalSize } from './terminal.ts';

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

/** As in docker, a root of one's own starts empty-handed; the system's shows the working directory as well. */
const ownFolders = (): Pick<MachineOptions, 'cwd' | 'home'> => {
  const home = homeFolder();
  return { cwd: process.cwd(), ...(home === null ? {} : { home }) };
};

const machineOptions = (o: SessionOptions, program: string): MachineOptions => ({
  ...(o.rootfs === undefined ? {} : { rootfs: resolve(o.rootfs) }),
  ...(o.volume === undefined ? {} : { volumes: o.volume.map((v) => ({ ...v, source: resolve(v.source) })) }),
  ...(o.rootfs === undefined ? ownFolders() : {}),
  ...(program.includes('/') ? { program: resolve(program) } : {}),
  ...(o.hostname === undefined ? {} : { hostname: o.hostname }),
  ...(o.memory === undefined ? {} : { memoryBytes: o.memory }),
  ...(o.tier === undefined ? {} : { tier: o.tier }),
});

/**
 * Most of the kernel's code runs too seldom to be worth optimizing: with V8's default, a third of the time that a
 * small program takes goes into it, and a fifth of python's start (npm run bench -- --only start-up).
 */
const tuneEngine = (): void => {
  // V8 12 counts in another way; it would complain of the flag on standard error.
  if (Number.parseInt(process.versions.v8, 10) >= 12) return;
  // See start.ts: compiled code is taken back only under the flags under which it was made.
  if (process.env.KANMON_MAKE_CODE !== '1') setEngineFlag('--interrupt-budget=400000');
};

/** What of the command line asked for a folder. */
const ASKED_BY = { rootfs: '--rootfs', cwd: 'working directory', volumes: '--volume' } as const;

/** Boots the machine; folders that cannot be shown are the caller's mistake. */
const machineFor = (o: SessionOptions, program: string): Machine => {
  tuneEngine();
  try {
    return createMachine(nodeHost(favourMainThread), machineOptions(o, program));
  } catch (e) {
    if (!(e instanceof RootError)) throw e;
    throw new UsageError(`${ASKED_BY[e.option]} ${e.path}: ${e.reason}`);
  }
};

const environmentOf = (o: SessionOptions, home: string): Record<string, string> => ({
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOSTNAME: o.hostname ?? 'kanmon',
  HOME: home,
  ...(o.tty ? { TERM: process.env.TERM ?? 'xterm' } : {}),
  ...o.env,
});

/** Passes the caller's standard input on, no faster than the program takes it. */
const feed = (started: Started): (() => void) => {
  const { stdin } = process;
  const onData = (chunk: Uint8Array): void => {
    stdin.pause();
    void started.write(chunk).then(() => stdin.resume());
  };
  const onEnd = (): void => started.end();
  stdin.on('data', onData).on('end', onEnd).on('error', onEnd);
  stdin.resume();
  return () => {
    stdin.off('data', onData).off('end', onEnd).pause();
  };
};

const SIGNALS = {
  SIGINT: 2,
  SIGTERM: 15,
  SIGHUP: 1,
  SIGQUIT: 3,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGWINCH: 28,
} as const;
/** Passes signals of the host on to the program, as docker run does. The third SIGINT kills it. */
const passSignals = (started: Started, tty: boolean): (() => void) => {
  let interrupts = 0;
  // A program with a terminal of its own hears of that one's size, not of ours.
  const passed = Object.entries(SIGNALS).filter(([name]) => !tty || name !== 'SIGWINCH');
  const handlers = passed.map(([name, signo]) => {
    const handler = (): void => {
      if (name === 'SIGINT' && ++interrupts >= 3) started.kill(9);
      else started.kill(signo);
    };
    process.on(name, handler);
    return [name, handler] as const;
  });
  return () => {
    for (const [name, handler] of handlers) process.off(name, handler);
  };
};

/** What is reported when the program cannot be started: a message and docker's exit status. */
const startFailure = (name: string, errno: number, why: string): { message: string; status: number } => {
  const known = errnoName(-errno);
  const because = why === '' ? (known === undefined ? `error ${-errno}` : strerror(known)) : why;
  return known === 'ENOENT' || known === 'ENOTDIR'
    ? { message: `${name}: not found (${because})`, status: EXIT.notFound }
    : { message: `${name}: cannot be executed (${because})`, status: EXIT.notExecutable };
};

/** What a command does with the machine before the program runs and after it has ended. */
export interface Watcher {
  /** The machine is there, the program is not. */
  attach?(machine: Machine): void;
  /** The program is loaded; it runs when this has returned. */
  started?(
    machine: Machine,
    started: Started,
    argv: readonly string[],
    env: Readonly<Record<string, string>>,
  ): void;
  ended?(machine: Machine): void | Promise<void>;
  /** The program could not be started. */
  refused?(): void | Promise<void>;
}

/** Runs a program to its end and returns the exit status of docker run. */
export const runProgram = async (
  argv: readonly string[],
  o: SessionOptions,
  watcher: Watcher,
  complain: (message: string) => void,
): Promise<number> => {
  const began = process.hrtime();
  if (o.tty && o.interactive && !process.stdin.isTTY) {
    throw new UsageError('the input device is not a TTY; leave out --tty to pass a pipe or a file on');
  }
  const root = o.rootfs ?? '';
  const who =
    o.user === undefined ? undefined : user(o.user, read(`${root}/etc/passwd`), read(`${root}/etc/group`));
  const env = environmentOf(o, who?.home ?? '/root');
  const machine = machineFor(o, argv[0] ?? '');
  let told = false;
  machine.kernel.events.listen({
    outOfMemory: (victim) => {
      if (told) return;
      told = true;
      const size = `${Math.round((machine.kernel.cpu.frames.total * 4096) / 2 ** 20)} MiB`;
      const { pid, leader } = victim;
      complain(`the machine's ${size} of memory are used up: killed ${leader.comm} (${pid}); see --memory`);
    },
  });
  watcher.attach?.(machine);
  const terminal = o.tty ? { tty: terminalSize() } : {};
  // A reader that went away (kanmon run ... | head) ends the program as a broken pipe would.
  const stdout = outputTo(1, () => {
    if (typeof started !== 'number') started.kill(13);
  });
  const stderr = outputTo(2, () => {});
  const startOptions: StartOptions = {
    ...terminal,
    env,
    ...(o.workdir === undefined ? {} : { cwd: o.workdir }),
    ...(who === undefined ? {} : { user: { uid: who.uid, gid: who.gid } }),
    stdout: stdout.sink,
    stderr: stderr.sink,
  };
  const started: Started | number = machine.start(argv, startOptions);
  if (typeof started === 'number') {
    await watcher.refused?.();
    await machine.close();
    const { message, status } = startFailure(argv[0] ?? '', started, machine.refusal);
    complain(message);
    return status;
  }
  watcher.started?.(machine, started, argv, env);
  const stopFeeding = o.interactive ? feed(started) : (): void => {};
  if (!o.interactive) started.end();
  const stopSignals = passSignals(started, o.tty === true);
  const giveBack = o.tty ? lendTerminal((size) => started.resize(size), o.interactive === true) : () => {};
  const ended = await started.ended;
  if (o.tty) await stdout.flushed();
  giveBack();
  stopSignals();
  stopFeeding();
  await watcher.ended?.(machine);
  if (o.stats) complain(statistics(machine, process.hrtime(began)));
  await machine.close();
  await Promise.all([stdout.flushed(), stderr.flushed()]);
  return ended.signal === null ? (ended.exitCode ?? 0) : EXIT.signal + ended.signal;
};

const statistics = (machine: Machine, [sec, nsec]: readonly [number, number]): string => {
  const { cpu, missing } = machine.kernel;
  const { stats, frames } = cpu;
  const used = ((frames.total - frames.free) * 4096) / 2 ** 20;
  const calls = [...missing].sort((a, b) => b[1] - a[1]).map(([name, n]) => `${name} ${n}`);
  return [
    'statistics',
    `  time               ${(sec + nsec / 1e9).toFixed(3)} s`,
    `  memory             ${used.toFixed(1)} of ${((frames.total * 4096) / 2 ** 20).toFixed(0)} MiB`,
    `  code               ${stats.blocks} blocks read, ${stats.regions} regions translated (${stats.kept} of them in earlier runs), ${stats.invalidations} thrown away, ${stats.stumbles} stumbles`,
    `  the table          ${machine.gate.attest() ? 'as sealed' : 'TAMPERED WITH'}, sha256 ${machine.gate.table.digest}`,
    `  calls not in yet   ${calls.length === 0 ? 'none were made' : calls.join(', ')}`,
  ].join('\n');
};
