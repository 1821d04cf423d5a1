// Bad input and hostile guests: a clear error or the death of the process that asked for it, never harm to the
// machine, its other processes, or the host.

import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { boot } from '../../src/index.ts';
import { compile, kanmon, native, scratch, TIERS } from '../harness.ts';

const dir = scratch('hostile');
chmodSync(dir, 0o755);
const KANMON = fileURLToPath(new URL('../../dist/kanmon.js', import.meta.url));
const { boot: bootMachine }: { boot: typeof boot } = await import('../../dist/index.js' as string);

const program = (name: string): string => {
  const out = join(dir, name);
  if (!existsSync(out)) {
    compile(fileURLToPath(new URL(`${name}.c`, import.meta.url)), out, ['-pthread']);
  }
  return out;
};

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const cli = (args: readonly string[], env: Record<string, string> = {}, cwd = dir): Promise<Ended> =>
  new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [KANMON, ...args],
      { cwd, env: { ...process.env, ...env }, timeout: 100_000, maxBuffer: 1 << 26 },
      (_error, stdout, stderr) => resolve({ status: child.exitCode, stdout, stderr }),
    );
  });

const put = (name: string, bytes: string | Uint8Array, mode = 0o755): string => {
  const at = join(dir, name);
  writeFileSync(at, bytes);
  chmodSync(at, mode);
  return `./${name}`;
};

const elf = readFileSync('/bin/true');
const patched = (...patches: readonly (readonly [at: number, byte: number])[]): Uint8Array => {
  const copy = Uint8Array.from(elf);
  for (const [at, byte] of patches) copy[at] = byte;
  return copy;
};
const INTERPRETER = '/lib64/ld-linux-x86-64.so.2';
const without = Buffer.from(
  elf.toString('latin1').replace(INTERPRETER, '/lib64/no-linux-x86-64.so.2'),
  'latin1',
);

describe('a program that is none', () => {
  symlinkSync('loop-b', join(dir, 'loop-a'));
  symlinkSync('loop-a', join(dir, 'loop-b'));
  mkdirSync(join(dir, 'folder'));
  const cases: readonly (readonly [name: string, path: string, status: number, says: RegExp])[] = [
    ['text', put('text', 'hello\n'), 126, /neither an ELF program nor a script/],
    ['an empty file', put('empty', ''), 126, /empty file/],
    ['a folder', './folder', 126, /is a directory/],
    ['not executable', put('plain', elf, 0o644), 126, /not executable/],
    ['cut after 40 bytes', put('cut40', elf.subarray(0, 40)), 126, /truncated ELF header/],
    ['cut after 100 bytes', put('cut100', elf.subarray(0, 100)), 126, /ELF headers make no sense/],
    ['cut after 5000 bytes', put('cut5000', elf.subarray(0, 5000)), 126, /ELF headers make no sense/],
    ['65535 headers', put('many', patched([56, 255], [57, 255])), 126, /ELF headers make no sense/],
    ['headers far away', put('far', patched([38, 255], [39, 127])), 126, /ELF headers make no sense/],
    ['AArch64', put('aarch64', patched([18, 183])), 126, /AArch64 program; this machine runs x86-64/],
    ['i386', put('i386', patched([4, 1], [18, 3])), 126, /i386 \(32-bit\) program; this machine runs x86-64/],
    ['no ELF interpreter', put('lost', without), 127, /interpreter \/lib64\/no-linux-x86-64.so.2 is missing/],
    ['no #! interpreter', put('script', '#!/no/such\n'), 127, /interpreter \/no\/such is missing/],
    ['a #! of itself', put('self', '#!./self\n'), 126, /too many levels of #! interpreters/],
    ['a loop of links', './loop-a', 126, /too many symbolic links/],
    ['nothing', './nothing', 127, /no such file/],
    ['nothing in PATH', 'nothing-of-that-name', 127, /not in the PATH/],
  ];
  test.concurrent.each(cases)('%s', async (_name, path, status, says) => {
    const r = await cli(['run', '--', path]);
    expect(r.stderr.replace(/^kanmon: /, '')).toMatch(says);
    expect(r.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(r.status).toBe(status);
  });

  test('the library says why, too', async () => {
    const machine = await bootMachine({ cwd: dir });
    await expect(machine.run(['./aarch64'], { cwd: dir })).rejects.toMatchObject({
      code: 'ENOEXEC',
      message: './aarch64: AArch64 program; this machine runs x86-64',
    });
    await machine.close();
  });

  test('arguments of 4 MB are too many', async () => {
    const machine = await bootMachine({ cwd: dir });
    const long = Array.from({ length: 64 }, () => 'x'.repeat(65536));
    await expect(machine.run(['/bin/true', ...long])).rejects.toMatchObject({ code: 'E2BIG' });
    await machine.close();
  });

  test('a program that only the host has runs, by its path', async () => {
    const away = scratch('away');
    copyFileSync('/bin/echo', join(away, 'a.out'));
    expect(await cli(['run', join(away, 'a.out'), 'seen'])).toMatchObject({ stdout: 'seen\n', status: 0 });
    expect(await cli(['run', './a.out', 'seen'], {}, away)).toMatchObject({ stdout: 'seen\n', status: 0 });
  });
});

describe('mistakes on the command line end with one line and 125', () => {
  test.concurrent.each([
    ['an unknown option', ['run', '--nope', 'ls'], /unknown option '--nope'/],
    ['an unknown command', ['nix'], /unknown command 'nix'/],
    ['no program', ['run'], /missing required argument 'program'/],
    ['-v without a target', ['run', '-v', 'x', 'ls'], /SOURCE:TARGET/],
    ['-v of nothing', ['run', '-v', '/no/such:/x', 'ls'], /--volume \/no\/such: No such file or directory/],
    ['-v of a file over a folder', ['run', '-v', '/etc/passwd:/etc', 'ls'], /--volume \/etc: /],
    ['--rootfs of nothing', ['run', '--rootfs', '/no/such', 'ls'], /--rootfs \/no\/such: No such file/],
    [
      '--rootfs of a file',
      ['run', '--rootfs', '/etc/passwd', 'ls'],
      /--rootfs \/etc\/passwd: Not a directory/,
    ],
    ['an unknown user', ['run', '-u', 'nobody-of-us', 'ls'], /there is no user/],
    ['too little memory', ['run', '--memory', '1', 'ls'], /from 16m to 4g/],
  ] as const)('%s', async (_name, args, says) => {
    const r = await cli(args);
    expect(r.stderr).toMatch(says);
    expect(r.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(r.status).toBe(125);
  });
});

const small = { memoryBytes: 96 << 20 };

describe('memory that is out costs the process that took it', () => {
  test('the command line says so, once', async () => {
    const took = await cli(['run', '--memory', '16m', 'sh', '-c', 'tail /dev/zero; tail /dev/zero; echo $?']);
    expect(took.stdout).toBe('137\n');
    expect(took.stderr.match(/^kanmon: .*$/gm)).toEqual([
      expect.stringMatching(/the machine's 16 MiB of memory are used up: killed tail \(\d+\); see --memory$/),
    ]);
  });

  test.each([
    ['anonymous pages', 't'],
    ['malloc', 'h'],
    ['brk', 'b'],
    ['reads', 'r'],
    ['reads beside a larger process', 'o'],
    ['page tables', 'p'],
    ['mappings, and forks that copy them', 'm'],
    ['a file in /tmp', 'f'],
    ['a file in /dev/shm', 's'],
    ['children together', 'c'],
  ])('%s', async (_name, how) => {
    const r = await kanmon([program('memory'), how], { cwd: dir }, small);
    expect(r).toEqual({ status: '0', stdout: 'ended\nbystander well\nthen 0\n', stderr: '' });
  });
});

test.each([
  'pipes',
  'high',
  'links',
  'files',
  'watches',
  'signals',
  'timers',
  'locks',
  'sockets',
  'rights',
])('kernel objects without end: %s', async (kind) => {
  const before = process.memoryUsage();
  const r = await kanmon([program('objects'), kind], { cwd: dir }, small);
  expect(r).toEqual({ status: '0', stdout: 'met a limit\na\nthen 0\n', stderr: '' });
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  expect(heapUsed + arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(512 << 20);
});

describe.each(TIERS)('%s', (tier) => {
  test('recursion', async () => {
    const argv = [program('recursion')];
    expect(await kanmon(argv, { cwd: dir }, { tier, memoryBytes: 256 << 20 })).toEqual(
      native(argv, { cwd: dir }),
    );
  });

  test('a million frames', async () => {
    const r = await kanmon([program('million')], { cwd: dir }, { tier, memoryBytes: 256 << 20 });
    expect(r).toEqual({ status: '0', stdout: '1000000\n', stderr: '' });
  });

  test('code that no compiler makes', async () => {
    const argv = [program('machine-code')];
    expect(await kanmon(argv, { cwd: dir }, { tier, ...small })).toEqual(native(argv, { cwd: dir }));
  });
});

test('int 0x80 from 64-bit code', async () => {
  expect(await kanmon([program('int80')], { cwd: dir }, small)).toMatchObject({
    status: '0',
    stdout: 'ok\n',
  });
});

test.each(['fork', 'threads'])('a bomb of %s', async (kind) => {
  const r = await kanmon([program('bomb'), kind], { cwd: dir }, { memoryBytes: 512 << 20, tasks: 500 });
  expect(r.stdout).toBe('limit met\nsignal 9\ngone 1\nthen 7\n');
});

test.each([0, 1000])('random system calls by user %d', async (uid) => {
  const machine = await bootMachine({ cwd: dir, memoryBytes: 256 << 20 });
  const reports: string[] = [];
  const { write } = process.stderr;
  process.stderr.write = ((text: string) => reports.push(String(text)) > 0) as typeof write;
  try {
    const user = { uid, gid: uid };
    const r = await machine.run([program('syscalls'), '20000', `${uid + 1}`], { cwd: dir, user });
    expect(Buffer.from(r.stdout).toString()).toBe('the machine goes on\n');
  } finally {
    process.stderr.write = write;
    await machine.close();
  }
  expect(reports.filter((text) => text.includes('bug'))).toEqual([]);
});

test.each([
  ['scasb', 's'],
  ['scasw', 'w'],
  ['cmpsb', 'c'],
  ['lodsb', 'l'],
  ['populating', 'p'],
  ['calls', 'f'],
])('%s without end can be killed', async (_name, how) => {
  const machine = await bootMachine({ cwd: dir, ...small });
  const p = await machine.spawn([program('endless'), how], { cwd: dir });
  await p.stdout.getReader().read();
  await new Promise((go) => setTimeout(go, 300));
  p.kill(9);
  expect(await p.wait()).toEqual({ exitCode: null, signal: 9 });
  await machine.close();
});

describe('signals', () => {
  test('a storm', async () => {
    const r = await kanmon([program('signals'), 'storm'], { cwd: dir }, small);
    expect(r.stdout).toBe('they came, status 0\n');
  });

  test.each([
    ['SIGINT ends an endless loop', 'loop', 2],
    ['SIGKILL ends one that is deaf', 'deaf', 9],
  ] as const)('%s', async (_name, how, signo) => {
    const machine = await bootMachine({ cwd: dir, ...small });
    const p = await machine.spawn([program('signals'), how], { cwd: dir });
    await p.stdout.getReader().read();
    p.kill(signo);
    expect(await p.wait()).toEqual({ exitCode: null, signal: signo });
    await machine.close();
  });

  const loop = (how: string): Promise<{ child: ChildProcess; ended: Promise<number | null> }> =>
    new Promise((go) => {
      const child = spawn(process.execPath, [KANMON, 'run', program('signals'), how], { cwd: dir });
      const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
      child.stdout.once('data', () => go({ child, ended }));
    });

  test('Ctrl-C reaches a program of the command line', async () => {
    const { child, ended } = await loop('loop');
    child.kill('SIGINT');
    expect(await ended).toBe(130);
  });

  test('the third Ctrl-C ends a deaf one', async () => {
    const { child, ended } = await loop('deaf');
    const again = setInterval(() => child.kill('SIGINT'), 100);
    expect(await ended).toBe(137);
    clearInterval(again);
  });
});

test('whoever reads the table slowly gets all of it', () => {
  const slow = spawnSync('sh', ['-c', '"$0" "$1" table --json | (sleep 1; cat)', process.execPath, KANMON], {
    encoding: 'utf8',
  });
  expect(JSON.parse(slow.stdout)).toHaveLength(381);
});

test('a trace that nobody takes any more does not end the program', async () => {
  const r = await cli(['trace', '-o', '/dev/full', 'echo', 'here']);
  expect(r).toMatchObject({ status: 0, stdout: 'here\n' });
  expect(r.stderr).toMatch(/^kanmon: the trace ends here: ENOSPC[^\n]*\n$/);
});

describe('the library', () => {
  const loop = 'echo begun; while :; do :; done';

  test('closing a machine ends what runs in it', async () => {
    const machine = await bootMachine({ cwd: dir, ...small });
    const busy = await machine.spawn(['sh', '-c', loop]);
    const idle = machine.run(['sleep', '1000']);
    const events = machine.trace('nanosleep');
    await busy.stdout.getReader().read();
    const typed = busy.stdin.getWriter().write(new Uint8Array(1 << 20));
    await machine.close();
    expect(await busy.wait()).toEqual({ exitCode: null, signal: 9 });
    expect(await idle).toMatchObject({ exitCode: null, signal: 9 });
    for await (const event of events) expect(event).toBeDefined();
    await typed;
    await expect(machine.run(['true'])).rejects.toThrow('the machine is closed');
    await machine.close();
  });

  test('options that do not exist are refused by name', async () => {
    await expect(bootMachine({ memory: 1e8 } as never)).rejects.toThrow(
      /^boot: there is no option memory \(/,
    );
    await expect(bootMachine({ tier: 'fast' } as never)).rejects.toThrow(/^boot: tier takes one of /);
    const machine = await bootMachine({ cwd: dir, ...small });
    await expect(machine.run(['true'], { input: '' } as never)).rejects.toThrow(
      /^run: there is no option input/,
    );
    await expect(machine.spawn(['true'], { stdin: '' } as never)).rejects.toThrow(
      /^spawn: there is no option/,
    );
    await machine.close();
  });

  test('a program that nobody listens to can be killed', async () => {
    const machine = await bootMachine({ cwd: dir, ...small });
    const p = await machine.spawn(['yes']);
    expect(() => p.kill(1e9)).toThrow(RangeError);
    p.kill(9);
    expect(await p.wait()).toEqual({ exitCode: null, signal: 9 });
    await machine.close();
  });

  test('output and events without end are cut off', async () => {
    const machine = await bootMachine({ cwd: dir, ...small });
    await expect(machine.run(['yes'], { maxOutputBytes: 1e6 })).rejects.toThrow(/more than 1000000 bytes/);
    const events = machine.trace();
    await machine.run(['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=1', 'count=60000']);
    const all = async (): Promise<void> => {
      for await (const event of events) expect(event).toBeDefined();
    };
    await expect(all()).rejects.toThrow(/events were not taken/);
    await machine.close();
  });

  test.each([-1, 4096, Number.NaN, 2 ** 40])('memory of %d bytes is refused', async (memoryBytes) => {
    await expect(bootMachine({ memoryBytes })).rejects.toThrow(RangeError);
  });
});

describe('the host', () => {
  const host = scratch('share');
  const share = join(host, 'share');
  mkdirSync(join(share, 'inner'), { recursive: true });
  writeFileSync(join(host, 'secret'), 'SECRET\n');
  writeFileSync(join(share, 'file'), 'file\n');
  writeFileSync(join(share, 'inner', 'secret'), 'public\n');
  symlinkSync('../secret', join(share, 'hostup'));
  symlinkSync(join(host, 'secret'), join(share, 'hostabs'));
  symlinkSync('..', join(share, 'hostdir'));

  test('no way out of a shared folder, a chroot or the machine', async () => {
    const volumes = [{ source: share, target: '/v', readonly: false }];
    const r = await kanmon([program('escape'), '/v'], { cwd: dir }, { ...small, volumes });
    expect(r.stdout).not.toMatch(/LEAK|OPEN/);
    const results = r.stdout
      .split('\n')
      .filter((l) =>
        /^(mkdir|rmdir|unlink|rename|symlink|link|create|mknod|mount|remount|umount|pivot|unshare|by handle)/.test(
          l,
        ),
      );
    expect(results.length).toBeGreaterThan(15);
    expect(results.filter((l) => l.endsWith(': 0'))).toEqual([]);
    expect(r.stdout).toContain('top: 1\ndone\n');
    expect(readdirSync(host).sort()).toEqual(['secret', 'share']);
  });

  test('a folder that the host turns into a link meanwhile is not followed', async () => {
    const volumes = [{ source: share, target: '/v', readonly: false }];
    const machine = await bootMachine({ ...small, volumes });
    const cat = async (): Promise<string> =>
      Buffer.from((await machine.run(['cat', '/v/inner/secret'])).stdout).toString();
    expect(await cat()).toBe('public\n');
    renameSync(join(share, 'inner'), join(share, 'was'));
    symlinkSync(host, join(share, 'inner'));
    expect(await cat()).not.toContain('SECRET');
    await machine.close();
  });

  test('a read-only volume is not written to, not even by root', async () => {
    const volumes = [{ source: share, target: '/v', readonly: true }];
    const script =
      'echo x > /v/new; echo x >> /v/file; rm -f /v/file; mv /v/file /v/g; mkdir /v/d; ln /v/file /v/h;' +
      'chmod 777 /v/file; touch /v/file; ln -s a /v/l; truncate -s 0 /v/file; mount -o remount,rw /v; echo x >> /v/file';
    const before = readdirSync(share).sort();
    const r = await kanmon(['sh', '-c', script], { cwd: dir }, { ...small, volumes });
    expect(r.stderr).toContain('Read-only file system');
    expect(readdirSync(share).sort()).toEqual(before);
    expect(readFileSync(join(share, 'file'), 'utf8')).toBe('file\n');
  });

  test('a volume of one file is that file and nothing beside it', async () => {
    linkSync(join(share, 'file'), join(share, 'single'));
    const volumes = [{ source: join(share, 'single'), target: '/mnt/one', readonly: false }];
    const r = await kanmon(
      ['sh', '-c', 'cat /mnt/one; echo more >> /mnt/one; ls /mnt; cat /mnt/one/../secret /mnt/file'],
      { cwd: dir },
      { ...small, volumes },
    );
    expect(r.stdout).toBe('file\none\n');
    expect(readFileSync(join(share, 'single'), 'utf8')).toBe('file\nmore\n');
  });

  test('secrets, homes and the environment stay outside', async () => {
    const r = await cli(
      [
        'run',
        '--',
        'sh',
        '-c',
        'cat /etc/shadow /etc/gshadow; ls -A /root /home; env; cat /proc/self/environ',
      ],
      { KANMON_TEST_SECRET: 'SECRET', HOME: '/root' },
    );
    expect(r.stdout).not.toMatch(/SECRET|root:[*!$x]/);
    expect(r.stdout.split('\n').slice(0, 5)).toEqual([
      '/home:',
      '',
      '/root:',
      expect.stringMatching(/^(HOSTNAME|PATH|HOME|PWD)=/),
      expect.stringMatching(/^(HOSTNAME|PATH|HOME|PWD)=/),
    ]);
  });

  test('writes to the system folders stay in memory', async () => {
    const before = readFileSync('/etc/passwd', 'utf8');
    const r = await cli(['run', '--', 'sh', '-c', 'echo x > /etc/passwd; rm -r /usr/share; cat /etc/passwd']);
    expect(r.stdout).toBe('x\n');
    expect(readFileSync('/etc/passwd', 'utf8')).toBe(before);
    expect(existsSync('/usr/share')).toBe(true);
  });
});
