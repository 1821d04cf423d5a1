// Traces of small programs against strace's, line by line for each process, normalised for what may differ:
// addresses, process ids, times, and the environment of the first execve.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeHost } from '../../src/host/node.ts';
import { createMachine } from '../../src/machine.ts';
import { straceText } from '../../src/trace/strace.ts';
import { trace } from '../../src/trace/tracer.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
let work = '';
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'kanmon-trace-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** Lines by process, in order of appearance; a call that was broken off is put together again. */
const byProcess = (text: string): string[][] => {
  const lines = new Map<string, string[]>();
  const open = new Map<string, string>();
  for (const line of text.split('\n')) {
    const m = /^(\d+) +(.*)$/.exec(line);
    if (m === null) continue;
    const [, pid = '', rest = ''] = m;
    const list = lines.get(pid) ?? [];
    lines.set(pid, list);
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    if (rest.endsWith(' <unfinished ...>')) open.set(pid, rest.slice(0, -' <unfinished ...>'.length));
    else if (resumed !== null) {
      list.push(`${open.get(pid) ?? ''}${resumed[1]}`);
      open.delete(pid);
    } else list.push(rest);
  }
  return [...lines.values()].map(afterWaits);
};

/** A child that ends before its parent waits for it is told of before that call, else after it: always after, here. */
const afterWaits = (lines: readonly string[]): string[] => {
  const out = [...lines];
  for (let i = 0; i + 1 < out.length; i++) {
    const [told = '', call = ''] = out.slice(i, i + 2);
    if (told.startsWith('--- SIGCHLD') && /^wait(4|id)\(/.test(call)) out.splice(i, 2, call, told);
  }
  return out;
};

const PID_RESULT = /^(getpid|gettid|set_tid_address|clone|wait4|waitid)\b/;
const normalise = (line: string): string => {
  let s = line
    .replace(/0x[0-9a-f]{6,16}\b/g, 'ADDR')
    .replace(/ +=/g, ' =')
    .replace(/, +(?=\S)/g, ', ')
    .replace(/ADDR \/\* \d+ vars? \*\//, 'ADDR /* vars */')
    .replace(/\b(si_)?pid=\d+/g, '$1pid=N')
    .replace(/\(left \{tv_sec=\d+, tv_nsec=\d+\}\)/, '(left)')
    .replace(/^(wait4|waitid|kill|tgkill|rt_sigqueueinfo)\((\d\d+|[2-9])/, '$1(N')
    .replace(/^tgkill\(N, \d+/, 'tgkill(N, N')
    .replace(/it_value=\{tv_sec=0, tv_usec=[1-9]\d*\}\}\)/, 'it_value=LEFT})')
    .replace(/^(getrandom)\("[^"]*"/, '$1("..."');
  if (PID_RESULT.test(s)) s = s.replace(/= [1-9]\d*$/, '= N');
  return s;
};

const compile = (source: string): string => {
  const out = join(work, source.replace('.c', ''));
  execFileSync('gcc', ['-w', '-static', '-o', out, join(here, source)]);
  return out;
};

const native = (program: string, cwd: string): string[][] => {
  const out = join(work, 'strace.out');
  const env = { PATH: '/usr/bin:/bin' };
  const run = spawnSync('strace', ['-f', '-o', out, program], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (run.error) throw run.error;
  return byProcess(readFileSync(out, 'utf8'));
};

const ours = async (program: string, cwd: string): Promise<string[][]> => {
  const machine = createMachine(nodeHost(), {
    volumes: [
      { source: work, target: work, readonly: true },
      { source: cwd, target: cwd, readonly: false },
    ],
  });
  let text = '';
  const times = { clock: 'none', clockDigits: 0, relative: null, spent: null } as const;
  const format = { status: null, column: 40, exits: true, numbers: false, addresses: false } as const;
  const shown = { pids: 'always', ...times, ...format } as const;
  const wanted = { maxString: 32, paths: false, follow: true, wants: () => true, wantsSignal: () => true };
  const listener = straceText(shown, (s) => {
    text += s;
  });
  const tracer = trace(machine.kernel, machine.gate, wanted, listener);
  const env = { PATH: '/usr/bin:/bin' };
  const started = machine.start([program], { cwd, env });
  if (typeof started === 'number') throw new Error(`start: ${started}`);
  started.end();
  const task = machine.kernel.tasks.get(started.pid);
  if (task) tracer.program(task, program, [program], ['PATH=/usr/bin:/bin']);
  await started.ended;
  await machine.close();
  return byProcess(text);
};

/** Lines that differ because the machines do, not the traces: limits, and the vDSO that answers without a call. */
const OTHER = /^(prlimit64\(0, RLIMIT_(STACK|NOFILE)|readlink\("\/proc\/self\/exe")/;

describe('traces are those of strace', { timeout: 120_000 }, () => {
  test.each([
    'files.c',
    'process.c',
    'signals.c',
    'memory.c',
    'sockets.c',
    'queues.c',
  ])('%s', async (source) => {
    const program = compile(source);
    const dirs = ['native', 'ours'].map((side) => {
      const dir = join(work, `${source}-${side}`);
      mkdirSync(dir);
      return dir;
    }) as [string, string];
    const clean = (processes: string[][]): string[][] =>
      processes.map((lines) => lines.filter((l) => !OTHER.test(l)).map(normalise));
    const expected = clean(native(program, dirs[0]));
    const got = clean(await ours(program, dirs[1]));
    expect(got).toEqual(expected);
  });
});

describe("the command line's outputs are those of strace", () => {
  const cli = fileURLToPath(new URL('../../dist/kanmon.cjs', import.meta.url));
  const SCRIPT = 'read x <file; echo $x >/dev/null';
  const TWO = ['-e', 'trace=write,dup', 'sh', '-c', '/bin/echo hi; /bin/echo ho'];
  const ONE = ['-e', 'trace=write,openat,read', '-P', '/dev/null', '-P', 'file', 'sh', '-c', SCRIPT];
  const both = (args: readonly string[], cwd: string): string[] =>
    [
      ['strace', ...args],
      [process.execPath, cli, 'trace', ...args],
    ].map(([command = '', ...rest], n) => {
      const dir = join(work, `${cwd}-${n}`);
      mkdirSync(dir);
      writeFileSync(join(dir, 'file'), 'h\u00e4\t\n');
      const env = { PATH: process.env.PATH };
      const r = spawnSync(command, rest, { cwd: dir, encoding: 'utf8', env });
      const files = readdirSync(dir).sort();
      const text = [r.status, r.stdout, r.stderr, ...files.map((f) => readFileSync(join(dir, f), 'utf8'))];
      return text
        .join('\n')
        .replace(/\d+ +(?=write|\+\+\+|---)/g, 'N ')
        .replace(/--- SIGCHLD.*/g, '--- SIGCHLD')
        .replaceAll(dir, 'DIR')
        .replace(/^.*: requested path.*\n/gim, '')
        .replace(/\b0x[0-9a-f]{8,}\b/g, 'ADDR')
        .replace(/ +(?== )/g, ' ');
    });

  test.each([
    ['a command', ['-o', '|cat >out; echo ended', ...TWO]],
    ['a file for each process', ['-ff', '-o', 'out', ...TWO]],
    ['without exits', ['-f', '-qq', '-o', '|cat >out', ...TWO]],
    ['numbers of calls', ['-n', '-qq', ...ONE]],
    ['strings that are not ASCII in hex', ['-x', ...ONE]],
    ['all strings in hex', ['-xx', ...ONE]],
    ['constants as numbers', ['-X', 'raw', ...ONE]],
    ['constants as numbers and names', ['--const-print-style=verbose', ...ONE]],
    ['arguments as registers', ['-e', 'raw=write,openat', '-q', ...ONE]],
    ['data dumped', ['-e', 'write=1', '--read=all', ...ONE]],
    ['paths of descriptors', ['-y', ...ONE]],
    ['all of descriptors', ['--decode-fds=all', ...ONE]],
    ['calls that touch a path', ['-e', 'trace=openat,read,close', '-P', 'file', 'cat', 'file']],
    ['calls that failed', ['-e', 'status=failed', '-e', 'trace=openat', 'cat', 'nothing']],
    ['calls that do not return', ['--status=unfinished', 'true']],
    [
      'counts',
      ['-c', '-U', 'calls,name,errors', '-S', 'calls', '-e', 'trace=write,dup', 'sh', '-c', 'echo a'],
    ],
    ['another column', ['-a', '12', '-e', 'quiet=exit', '-A', '-o', 'out', '-e', 'write', 'echo', 'hi']],
  ])('%s', (name, args) => {
    const [want, got] = both(args, name.replaceAll(' ', '-'));
    expect(got).toBe(want);
  });
});
