import { CommanderError } from 'commander';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { SessionOptions, UsageError } from './options.ts';
import { commandLine, withDefaults } from './program.ts';

const runs: { argv: readonly string[]; options: SessionOptions }[] = [];
vi.mock('./session.ts', () => ({
  runProgram: async (argv: readonly string[], options: SessionOptions) => {
    runs.push({ argv, options });
    return 7;
  },
}));

const complaints: string[] = [];
const parse = async (...argv: string[]): Promise<void> => {
  const program = commandLine((m) => complaints.push(m));
  await program.parseAsync(withDefaults(program, argv), { from: 'user' });
};
const failure = async (...argv: string[]): Promise<Error> => {
  try {
    await parse(...argv);
  } catch (e) {
    return e as Error;
  }
  throw new Error('no failure');
};
beforeEach(() => {
  runs.length = 0;
  complaints.length = 0;
  process.exitCode = undefined;
});

describe('kanmon run', () => {
  test('options after the program belong to the program', async () => {
    await parse('run', '-i', '--memory', '512m', 'ls', '-l', '--stats', '--', '-v');
    expect(runs[0]?.argv).toEqual(['ls', '-l', '--stats', '--', '-v']);
    expect(runs[0]?.options).toMatchObject({ interactive: true, memory: 2 ** 29 });
    expect(runs[0]?.options.stats).toBeUndefined();
  });
  test('-- ends the options of kanmon', async () => {
    await parse('run', '-it', '--', '/bin/ls', '-i');
    expect(runs[0]?.argv).toEqual(['/bin/ls', '-i']);
    expect(runs[0]?.options).toMatchObject({ interactive: true, tty: true });
  });
  test('mounts and variables add up', async () => {
    await parse('run', '-v', '/a:/b', '-v', '/c:/d:ro', '-e', 'A=1', '-e', 'B=2', 'env');
    expect(runs[0]?.options.volume).toHaveLength(2);
    expect(runs[0]?.options.env).toEqual({ A: '1', B: '2' });
  });
  test('--show-door alone does not swallow the program', async () => {
    await parse('run', '-e', 'A=1', '--show-door', 'echo', '--show-door');
    expect(runs[0]?.argv).toEqual(['echo', '--show-door']);
    expect(runs[0]?.options).toMatchObject({ showDoor: 'write' });
    await parse('run', '--show-door=openat', 'echo');
    expect(runs[1]?.options).toMatchObject({ showDoor: 'openat' });
  });
  test("the exit status is the program's", async () => {
    await parse('run', 'true');
    expect(process.exitCode).toBe(7);
    process.exitCode = undefined;
  });
  test.each([
    [['run', '--nope', 'x'], /unknown option/],
    [['run'], /missing required argument/],
    [['rnu', 'x'], /unknown command 'rnu'.*run/],
  ])('%j is one line that says where help is', async (argv, message) => {
    expect(await failure(...argv)).toBeInstanceOf(CommanderError);
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toMatch(message);
    expect(complaints[0]).toMatch(/--help/);
    expect(complaints[0]).not.toContain('\n');
  });
  test.each([
    [['run', '-v', 'x', 'y'], /SOURCE:TARGET/],
    [['run', '--tier', 'x', 'y'], /interpreter, translator, mixed/],
    [['run', '--show-door=x', 'y'], /kanmon table/],
  ])('%j says what to write instead', async (argv, message) => {
    expect(((await failure(...argv)) as UsageError).message).toMatch(message);
  });
});

describe('kanmon trace', () => {
  test("takes strace's options", async () => {
    await parse('trace', '-f', '-tt', '-s', '99', '-e', 'trace=%file,close', '-e', 'signal=none', 'ls', '-f');
    expect(runs[0]?.argv).toEqual(['ls', '-f']);
    expect(runs[0]?.options).toMatchObject({ followForks: 1, t: 2, stringLimit: 99 });
  });
  test('-v is that of strace, but with a volume that of kanmon run', async () => {
    await parse('trace', '-v', '/a:/b:ro', '-v', 'ls', '-v');
    expect(runs[0]?.argv).toEqual(['ls', '-v']);
    expect(runs[0]?.options.volume).toHaveLength(1);
  });
  test.each([
    [
      ['-fyyTo', '/dev/null', 'ls', '-f'],
      ['ls', '-f'],
    ],
    [
      ['--decode-fds', 'ls', '--quiet'],
      ['ls', '--quiet'],
    ],
    [['-vxx', '--quiet', '--trace=read', '--no-abbrev', '--relative-timestamps', 'ls'], ['ls']],
    [['-s', '9', '--strings-in-hex', '--', 'ls'], ['ls']],
    [
      ['-i', '-n', '-v', '-w', '-C', '-u', '0', '-E', 'A=1', 'ls', '-i'],
      ['ls', '-i'],
    ],
    [['-P', '/etc', '--seccomp-bpf', '-X', 'raw', '--write=1', 'ls'], ['ls']],
  ])('%j leaves the program its own', async (options, argv) => {
    await parse('trace', ...options);
    expect(runs[0]?.argv).toEqual(argv);
  });
  test.each([
    [['trace', '-e', 'nope', 'ls'], /no system call is called nope/],
    [['trace', '-e', 'trace=%nope', 'ls'], /%file/],
    [['trace', '-e', 'signal=x', 'ls'], /no signal x/],
    [['trace', '-e', 'nope=x', 'ls'], /trace=/],
    [['trace', '-e', 'fault=x', 'ls'], /-e fault=: .* not supported/],
    [['trace', '-S', 'x', 'ls'], /avg-time/],
    [['trace', '-o', '/nonexistent/x', 'ls'], /-o/],
    [['trace', '-e', 'quiet=x', 'ls'], /x is none of .*exit/],
    [['trace', '-ff', '-o', '|cat', 'ls'], /exclude each other/],
    [['trace', '-ff', '-c', '-o', 'x', 'ls'], /exclude each other/],
    [['trace', '-k', 'ls'], /trace -k: this option of strace is not supported/],
    [['trace', '-p', '1', 'ls'], /trace -p: this option of strace is not supported/],
    [['trace', '--daemonize', 'ls'], /trace -D: /],
    [['trace', '-X', 'x', 'ls'], /raw, abbrev, verbose/],
    [['trace', '-c', '-U', 'calls,x', 'ls'], /-U calls,x: there is no column x/],
    [['trace', '-U', 'calls', 'ls'], /with -c or -C/],
    [['trace', '--relative-timestamps=x', 'ls'], /s, ms, us, ns/],
    [['trace', '--absolute-timestamps=x', 'ls'], /none, time or unix/],
    [['trace', '-t', '--timestamps', 'ls'], /exclude each other/],
    [['trace', '-e', 'read=x', 'ls'], /x is no descriptor/],
    [['trace', '--decode-fds=x', 'ls'], /decode-fds=x: x is none of dev/],
    [['trace', '-O', '3x', 'ls'], /20us/],
  ])('%j says what is wrong', async (argv, message) => {
    expect((await failure(...argv)).message).toMatch(message);
  });
});
