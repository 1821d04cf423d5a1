// The library as its callers meet it: streams that end, and one clear line for what it cannot take.

import { readdirSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import type { boot, Machine } from '../../src/index.ts';

const { boot: bootMachine }: { boot: typeof boot } = await import('../../dist/index.js' as string);

const machine: Machine = await bootMachine();
afterAll(() => machine.close());

const text = async (from: ReadableStream<Uint8Array>): Promise<string> => {
  let all = '';
  for await (const chunk of from) all += Buffer.from(chunk).toString();
  return all;
};

describe('the streams of a program', () => {
  const both = ['sh', '-c', 'echo out; echo err >&2; exit 3'];

  test('one ends while nobody reads the other', async () => {
    const a = await machine.spawn(both);
    expect(await text(a.stdout)).toBe('out\n');
    expect(await a.wait()).toEqual({ exitCode: 3, signal: null });
    const b = await machine.spawn(both);
    expect(await text(b.stderr)).toBe('err\n');
    expect(await text(b.stdout)).toBe('out\n');
  });

  test('the end of the program is told although nobody reads', async () => {
    const p = await machine.spawn(both);
    expect(await p.wait()).toEqual({ exitCode: 3, signal: null });
    expect([await text(p.stdout), await text(p.stderr)]).toEqual(['out\n', 'err\n']);
  });

  test('a stream ends when its last writer closes it, before the program does', async () => {
    const p = await machine.spawn(['sh', '-c', 'echo out; exec >&-; read x; echo "$x" >&2']);
    expect(await text(p.stdout)).toBe('out\n');
    const writer = p.stdin.getWriter();
    await writer.write(Buffer.from('go\n'));
    expect(await text(p.stderr)).toBe('go\n');
  });

  test('both end with the program, which takes its children with it', async () => {
    const p = await machine.spawn(['sh', '-c', 'sleep 1000 & echo out']);
    expect([await text(p.stdout), await text(p.stderr)]).toEqual(['out\n', '']);
  });

  test('of a program on a terminal both end', async () => {
    const p = await machine.spawn(['echo', 'out'], { tty: { rows: 24, columns: 80 } });
    expect([await text(p.stdout), await text(p.stderr)]).toEqual(['out\r\n', '']);
  });
});

const ran = async (argv: readonly string[], o = {}): Promise<string> => {
  const { stdout, stderr } = await machine.run(argv, o);
  return Buffer.concat([stdout, stderr]).toString();
};
/** One line, which names the option and what it takes. */
const refusal = (what: string): object =>
  expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(new RegExp(`^${what}.*$`)) });

describe('options that boot refuses', () => {
  const volume = { source: '/tmp', target: '/mnt', readonly: true };
  test.each([
    ['rootfs', 5],
    ['rootfs', ''],
    ['cwd', 'here'],
    ['cwd', null],
    ['home', 5],
    ['hostname', 5],
    ['hostname', 'x'.repeat(65)],
    ['memoryBytes', '1'],
    ['program', 'ls'],
    ['tasks', 'x'],
    ['tasks', 0],
    ['threshold', -1],
    ['tier', 'fast'],
    ['volumes', 'x'],
    ['volumes', [{}]],
    ['volumes', [{ ...volume, target: 'x' }]],
    ['volumes', [{ ...volume, readOnly: true }]],
    ['volumes', [{ source: '/tmp', target: '/mnt' }]],
  ])('%s: %o', async (name, value) => {
    await expect(bootMachine({ [name]: value } as never)).rejects.toThrow(refusal(`boot: ${name} takes `));
  });

  test.each([7, null, 'x', [], new Map()])('%o for all of them', async (options) => {
    await expect(bootMachine(options as never)).rejects.toThrow(
      refusal('boot takes an object of options, not '),
    );
  });

  test('folders that are not there, by the name of what asked for them', async () => {
    await expect(bootMachine({ rootfs: '/nosuch' })).rejects.toMatchObject({
      name: 'RootError',
      code: 'ENOENT',
      message: 'rootfs: /nosuch: No such file or directory',
    });
    await expect(bootMachine({ volumes: [{ ...volume, source: '/nosuch' }] })).rejects.toMatchObject({
      code: 'ENOENT',
      message: 'volumes: /nosuch: No such file or directory',
    });
  });
});

test('a boot that fails keeps nothing of the host open', async () => {
  const volumes = [{ source: '/nosuch', target: '/mnt', readonly: true }];
  const fail = async (): Promise<number> => {
    await expect(bootMachine({ volumes })).rejects.toThrow();
    return readdirSync('/proc/self/fd').length;
  };
  const before = await fail();
  expect(await fail()).toBe(before);
});

describe('options that run and spawn refuse', () => {
  const program = [
    ['user', 'nobody'],
    ['user', 1000],
    ['user', { name: 'nobody' }],
    ['user', { uid: '1000', gid: '1000' }],
    ['user', { uid: 2 ** 32 - 1 }],
    ['user', { uid: -1 }],
    ['user', { uid: 1.5 }],
    ['user', { uid: 1, gid: null }],
    ['user', { uid: 1, gid: 1, groups: 'x' }],
    ['cwd', 5],
    ['cwd', null],
    ['cwd', 'tmp'],
    ['env', ['A=1']],
    ['env', new Map([['A', '1']])],
    ['env', { A: 1 }],
    ['env', { 'A=B': '' }],
    ['env', { A: 'x\0y' }],
  ] as const;
  test.each([
    ...program,
    ['stdin', 5],
    ['stdin', {}],
    ['stdin', ['a']],
    ['stdin', new ArrayBuffer(4)],
    ['stdin', null],
    ['signal', 9],
    ['maxOutputBytes', -1],
    ['maxOutputBytes', '9'],
  ] as const)('run: %s: %o', async (name, value) => {
    await expect(machine.run(['id'], { [name]: value } as never)).rejects.toThrow(
      refusal(`run: ${name} takes `),
    );
  });
  test.each([
    ...program,
    ['tty', true],
    ['tty', { rows: 24 }],
  ] as const)('spawn: %s: %o', async (name, value) => {
    await expect(machine.spawn(['id'], { [name]: value } as never)).rejects.toThrow(
      refusal(`spawn: ${name} takes `),
    );
  });
  test.each(['ls', [5], ['a\0b'], null])('%o for a command line', async (argv) => {
    await expect(machine.run(argv as never)).rejects.toThrow(refusal('run: argv takes an array of strings'));
    await expect(machine.spawn(argv as never)).rejects.toThrow(
      refusal('spawn: argv takes an array of strings'),
    );
  });
});

describe('what is accepted', () => {
  test('users, with group 0 unless another is named', async () => {
    const ids = ['sh', '-c', 'id -u; id -g; id -G'];
    expect(await ran(ids)).toBe('0\n0\n0\n');
    expect(await ran(ids, { user: { uid: 1000 } })).toBe('1000\n0\n0\n');
    expect(await ran(ids, { user: { uid: 1, gid: 2 ** 32 - 2, groups: [4, 5] } })).toBe(
      '1\n4294967294\n4294967294 4 5\n',
    );
  });

  test('text and every view of bytes for standard input', async () => {
    expect(await ran(['cat'], { stdin: 'ü' })).toBe('ü');
    const bytes = Uint8Array.from(Buffer.from('.abcd.'));
    expect(await ran(['cat'], { stdin: bytes.subarray(1, 3) })).toBe('ab');
    expect(await ran(['cat'], { stdin: new Uint16Array(bytes.buffer, 2, 1) })).toBe('bc');
    expect(await ran(['cat'], { stdin: new DataView(bytes.buffer, 4) })).toBe('d.');
  });

  test('options that are undefined, as none', async () => {
    const none = { env: undefined, cwd: undefined, user: undefined, stdin: undefined, signal: undefined };
    expect(await ran(['pwd'], none)).toBe('/\n');
  });
});

test('a wrong chunk for standard input is refused and ends it', async () => {
  const p = await machine.spawn(['cat']);
  const writer = p.stdin.getWriter();
  await writer.write(Buffer.from('ok'));
  const gone = writer.closed.catch((e: unknown) => e);
  await expect(writer.write(5 as never)).rejects.toThrow(refusal('stdin takes '));
  expect(await gone).toBeInstanceOf(TypeError);
  expect(await text(p.stdout)).toBe('ok');
  expect(await p.wait()).toEqual({ exitCode: 0, signal: null });
});

test('a terminal is not resized to what is no size', async () => {
  const p = await machine.spawn(['cat'], { tty: { rows: 24, columns: 80 } });
  expect(() => p.resize(-1, 80)).toThrow(refusal('resize: rows takes '));
  p.kill(9);
});

describe('files', () => {
  test.each([{ a: 1 }, 5, null, new ArrayBuffer(1), ['a']])('are not written with %o', async (data) => {
    await expect(machine.fs.writeFile('/tmp/q', data as never)).rejects.toThrow(
      refusal('fs.writeFile: data takes '),
    );
    await expect(machine.fs.stat('/tmp/q')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('have names that are strings, and modes that are numbers', async () => {
    await expect(machine.fs.readFile(5 as never)).rejects.toThrow(refusal('fs.readFile: path takes '));
    await expect(machine.fs.stat('/tmp\0x')).rejects.toThrow(refusal('fs.stat: path takes '));
    await expect(machine.fs.mkdir('/tmp/d', '755' as never)).rejects.toThrow(
      refusal('fs.mkdir: mode takes '),
    );
  });
});

test('events are not traced by what is no filter', () => {
  expect(() => machine.trace(5 as never)).toThrow(refusal('trace: filter takes '));
});

describe('a trace', () => {
  type Event = { kind: string; name?: string; signal?: string | null };
  test('goes on when others have returned', async () => {
    const m = await bootMachine();
    const [gone, kept] = [m.trace('write'), m.trace('getpid,exit_group')];
    await gone.return?.();
    await m.run(['sh', '-c', 'echo hi']);
    await m.close();
    const kinds: string[] = [];
    for await (const e of kept as AsyncIterable<Event>) kinds.push(e.name ?? e.kind);
    expect(kinds).toEqual(['getpid', 'exit_group', 'exit'].filter((k) => kinds.includes(k)));
    expect(kinds).toContain('exit');
    expect(await gone.next()).toEqual({ value: undefined, done: true });
  });
  test('ends with the machine, for all who wait', async () => {
    const m = await bootMachine();
    const events = m.trace('none');
    const waiting = [events.next(), events.next()];
    await m.spawn(['sleep', '1000']);
    await m.close();
    expect((await Promise.all(waiting)).map((r) => r.done)).toEqual([true, true]);
    expect((await m.trace().next()).done).toBe(true);
  });
  test('that nobody takes costs the program nothing but the trace', async () => {
    const m = await bootMachine();
    const events = m.trace('read,write');
    const { exitCode } = await m.run(['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=1', 'count=60000']);
    expect(exitCode).toBe(0);
    let taken = 0;
    const all = (async () => {
      for await (const _ of events) taken++;
    })();
    await expect(all).rejects.toThrow('100000 events were not taken');
    expect(taken).toBe(100_000);
    await m.close();
  });
  test('whose reader fails leaves the program alone', async () => {
    const m = await bootMachine();
    const running = m.run(['sh', '-c', 'echo one; sleep 0.1; echo two']);
    const reading = (async () => {
      for await (const _ of m.trace('write')) throw new Error('reader');
    })();
    await expect(reading).rejects.toThrow('reader');
    expect(Buffer.from((await running).stdout).toString()).toBe('one\ntwo\n');
    await m.close();
  });
});
