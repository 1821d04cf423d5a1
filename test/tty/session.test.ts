// Scripted sessions at a terminal of a machine. What is shown was recorded from the same session at a pty of
// Linux (bash 5.2, dash 0.5.12).

import { expect, test } from 'vitest';
import type { boot } from '../../src/index.ts';
import { ENV } from '../harness.ts';

const built: { boot: typeof boot } = await import('../../dist/index.js' as string);

/** What is waited for, and what is typed then. A program tells that it is in the foreground by writing something. */
type Step = readonly [expected: string, typed: string];

const session = async (
  argv: readonly string[],
  steps: readonly Step[],
): Promise<readonly [string, number | null]> => {
  const machine = await built.boot({ memoryBytes: 2 ** 30 });
  const p = await machine.spawn(argv, {
    env: { ...ENV, TERM: 'dumb', PS1: '$ ' },
    tty: { rows: 24, columns: 80 },
  });
  const keys = p.stdin.getWriter();
  let shown = '';
  let from = 0;
  const waiting: { text: string; go(): void }[] = [];
  const reading = (async () => {
    for await (const chunk of p.stdout) {
      shown += Buffer.from(chunk).toString('latin1');
      for (const w of waiting) if (shown.includes(w.text, from)) w.go();
    }
  })();
  for (const [text, typed] of steps) {
    if (!shown.includes(text, from)) {
      await new Promise<void>((go) => {
        waiting.push({ text, go });
      });
      waiting.length = 0;
    }
    from = shown.length;
    if (typed.startsWith('resize')) p.resize(10, 40);
    else await keys.write(Buffer.from(typed, 'latin1'));
  }
  const { exitCode } = await p.wait();
  await reading;
  await machine.close();
  return [shown, exitCode];
};

test('dash: line editing, stop, continue, quit, end of file', async () => {
  const [shown, status] = await session(
    ['dash', '-i'],
    [
      ['$ ', 'tty; stty size\n'],
      ['$ ', 'sh -c \'echo a""b; exec cat\'\n'],
      ['ab\r\n', 'abc\x7fd\x16\x03 x\x17y\n'],
      ['\r\nabd\x03 y\r\n', '\x1a'],
      ['$ ', 'fg\n'],
      ['fg\r\n', '\x04'],
      ['$ ', 'sh -c \'echo c""d; exec sleep 50\'\n'],
      ['cd\r\n', '\x1c'],
      ['$ ', 'exit 7\n'],
    ],
  );
  expect(shown.split('\r\n')).toEqual([
    '$ tty; stty size',
    '/dev/pts/0',
    '24 80',
    '$ sh -c \'echo a""b; exec cat\'',
    'ab',
    'abc\b \bd^\b^C x\b \by',
    'abd\x03 y',
    '^Z[1] + Stopped                    sh -c "echo a\\"\\"b; exec cat"',
    '$ fg',
    'sh -c "echo a\\"\\"b; exec cat"',
    '$ sh -c \'echo c""d; exec sleep 50\'',
    'cd',
    '^\\Quit',
    '$ exit 7',
    '',
  ]);
  expect(status).toBe(7);
});

test('bash: readline, an interrupt, the size of the window', async () => {
  const [shown, status] = await session(
    ['bash', '--norc', '--noprofile'],
    [
      ['$ ', 'echo abc\x01X\x05Y\x15echo new\n'],
      ['new\r\nnew\r\n$ ', '\x10\x7f\x7f\x7fold\n'],
      ['old\r\nold\r\n$ ', 'sh -c \'echo a""b; exec sleep 50\'\n'],
      ['ab\r\n', '\x03'],
      ['^C\r\n$ ', 'trap "stty size" WINCH\n'],
      ['WINCH\r\n$ ', 'resize'],
      // The shell may have been on its way to its read: then the trap runs after the next line.
      ['', '\n'],
      ['10 40\r\n', 'exit 3\n'],
    ],
  );
  expect(shown).toContain('echo new\r\nnew\r\n');
  expect(shown).toContain('old\r\nold\r\n');
  expect(shown).toContain('ab\r\n^C\r\n$ ');
  expect(shown).toContain('10 40\r\n');
  expect(status).toBe(3);
});
