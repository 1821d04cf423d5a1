import { expect, test } from 'vitest';
import { ARCHITECTURES } from '../abi/numbers/index.ts';
import { ROWS } from '../ring0/sys/index.ts';
import { selection } from './select.ts';
import { summary } from './summary.ts';
import type { OpenCall } from './tracer.ts';

const names = new Set<string>(ARCHITECTURES.x86_64.numbers().map(([, n]) => n));
const chosen = (expression: string): string[] => {
  const wants = selection(expression, names);
  if (typeof wants === 'string') throw new Error(wants);
  return ROWS.filter(wants).map((r) => r.name);
};

test.each([
  ['%file', ['openat', 'execve', 'stat', 'getcwd'], ['read', 'close', 'mmap']],
  ['%desc', ['read', 'close', 'mmap', 'pipe2', 'openat'], ['getpid', 'brk']],
  ['%process', ['execve', 'exit_group', 'wait4', 'clone'], ['read']],
  ['%memory', ['brk', 'mmap', 'munmap'], ['read']],
  ['%signal', ['kill', 'rt_sigaction'], ['read']],
  ['%creds', ['getuid', 'setgid'], ['kill']],
  ['read,write', ['read', 'write'], ['readv']],
  ['/^read', ['read', 'readv', 'readlink'], ['pread64']],
  ['!%file,mmap', ['read', 'brk'], ['openat', 'mmap']],
  ['?nonesuch,read', ['read'], ['write']],
  ['all', ['read'], []],
])('-e trace=%s', (expression, inside, outside) => {
  const all = chosen(expression);
  expect(all).toEqual(expect.arrayContaining(inside));
  for (const name of outside) expect(all).not.toContain(name);
});

test.each(['nonesuch', '%nonesuch', '/('])('%s is explained', (expression) => {
  expect(selection(expression, names)).toContain(expression);
});

test('-c counts calls, errors and time', () => {
  const s = summary({ wallClock: true });
  const ended = { dump: '', cpuNs: 0 };
  const event = {
    kind: 'syscall',
    pid: 1,
    tid: 1,
    time: 0,
    number: 0,
    args: [],
    resultText: '',
    errno: null,
  } as const;
  const open = {} as OpenCall;
  s.leave?.(open, '', { ...event, name: 'read', result: 1, durationNs: 3_000_000 }, ended);
  s.leave?.(open, '', { ...event, name: 'read', result: -9, durationNs: 0 }, ended);
  s.leave?.(open, '', { ...event, name: 'close', result: 0, durationNs: 1_000_000 }, ended);
  expect(s.table()).toBe(
    [
      '% time     seconds  usecs/call     calls    errors syscall',
      '------ ----------- ----------- --------- --------- ----------------',
      ' 75.00    0.003000        1500         2         1 read',
      ' 25.00    0.001000        1000         1           close',
      '------ ----------- ----------- --------- --------- ----------------',
      '100.00    0.004000        1333         3         1 total',
      '',
    ].join('\n'),
  );
});
