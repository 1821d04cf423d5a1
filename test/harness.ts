// Runs the same program on Linux and in Kanmon and gives both results in one form. Kanmon is the built library
// (dist/), because that is what users run.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BootOptions, boot, Tier } from '../src/index.ts';

export interface Outcome {
  /** Exit code, or `signal N`. */
  readonly status: string;
  readonly stdout: string;
  readonly stderr: string;
}

const built: { boot: typeof boot } = await import('../dist/index.js' as string);

/** Modes in which every guest test runs. */
export const TIERS: readonly Tier[] = ['interpreter', 'translator', 'mixed'];

/** A clean environment, the same on both sides. */
export const ENV = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
  TZ: 'UTC',
} as const;

const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSYS: 31,
};

export interface Where {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly timeoutMs?: number;
}

export const native = (argv: readonly string[], where: Where): Outcome => {
  const r = spawnSync(argv[0] as string, argv.slice(1), {
    cwd: where.cwd,
    env: { ...ENV, ...where.env },
    input: where.stdin ?? '',
    timeout: where.timeoutMs ?? 60_000,
    maxBuffer: 64 << 20,
  });
  return {
    status: r.signal ? `signal ${signalNumbers[r.signal] ?? r.signal}` : `${r.status}`,
    stdout: r.stdout.toString('latin1'),
    stderr: r.stderr.toString('latin1'),
  };
};

const text = (b: Uint8Array): string => Buffer.from(b).toString('latin1');

export const kanmon = async (
  argv: readonly string[],
  where: Where,
  options: BootOptions = {},
): Promise<Outcome> => {
  const machine = await built.boot({
    cwd: where.cwd,
    memoryBytes: 2 ** 31,
    ...((argv[0] as string).startsWith('/') ? { program: argv[0] as string } : {}),
    ...options,
  });
  try {
    const r = await machine.run(argv, {
      env: { ...ENV, ...where.env },
      cwd: where.cwd,
      stdin: where.stdin ?? '',
      signal: AbortSignal.timeout(where.timeoutMs ?? 60_000),
    });
    return {
      status: r.signal === null ? `${r.exitCode}` : `signal ${r.signal}`,
      stdout: text(r.stdout),
      stderr: text(r.stderr),
    };
  } finally {
    await machine.close();
  }
};

/** A scratch folder that goes away with the process. */
export const scratch = (name: string): string => {
  const dir = mkdtempSync(join(tmpdir(), `kanmon-${name}-`));
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
  return dir;
};

export const copy = (from: string, to: string): void => {
  mkdirSync(to, { recursive: true });
  cpSync(from, to, { recursive: true });
};

/** Compiles a C program; throws with the compiler's words. */
export const compile = (source: string, output: string, options: readonly string[] = []): void => {
  const r = spawnSync('gcc', ['-O1', '-w', '-o', output, source, ...options], { encoding: 'utf8' });
  if (r.status !== 0) throw new Error(`gcc ${source}: ${r.stderr || r.error?.message}`);
};
