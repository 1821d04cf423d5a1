import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EEXIST, ENOENT, EROFS } from '../../abi/errno.ts';
import { AT_FDCWD, O_CREAT, O_RDONLY, O_WRONLY } from '../../abi/fcntl.ts';
import { S_IFIFO } from '../../abi/stat.ts';
import { nodeFiles } from '../../host/files.ts';
import { fakeKernel, fakeTask } from '../testing.ts';
import { releaseFile } from '../vfs/file.ts';
import { make, remove } from '../vfs/namei.ts';
import { isOpenFile, open } from '../vfs/open.ts';
import { FOLLOW, isPath, walk } from '../vfs/walk.ts';
import { buildRoot, type RootOptions } from './root.ts';

let work = '';
beforeAll(() => {
  // Not below /tmp, which the guest has of its own.
  work = mkdtempSync(join(tmpdir(), 'kanmon-root-'));
  writeFileSync(join(work, 'prog'), '#!/bin/sh\n');
  mkdirSync(join(work, 'rootfs/etc'), { recursive: true });
  writeFileSync(join(work, 'rootfs/etc/hello'), 'hello');
  symlinkSync('/etc/hello', join(work, 'rootfs/link'));
  symlinkSync('.', join(work, 'here'));
  symlinkSync('here/prog', join(work, 'alias'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

const boot = (options: Partial<RootOptions> = {}, hostname?: string) => {
  const kernel = fakeKernel();
  if (hostname !== undefined) kernel.hostname.node = hostname;
  const built = buildRoot(kernel, { files: nodeFiles(), ...options });
  const task = fakeTask(kernel, { root: built.root });
  const ls = (path: string) => {
    const p = walk(task, AT_FDCWD, path, FOLLOW);
    if (!isPath(p)) return p;
    const list = p.dentry.inode.readdir?.();
    return Array.isArray(list) ? list.map((e) => e.name).sort() : list;
  };
  const has = (path: string) => isPath(walk(task, AT_FDCWD, path, FOLLOW));
  const write = (path: string, text: string) => {
    const f = open(task, AT_FDCWD, path, O_WRONLY | O_CREAT, 0o644);
    if (!isOpenFile(f)) return f;
    const r = f.ops.write?.(task, f, Buffer.from(text), 0, text.length, 0);
    releaseFile(f);
    return r;
  };
  const read = (path: string) => {
    const f = open(task, AT_FDCWD, path, O_RDONLY, 0);
    if (!isOpenFile(f)) return f;
    const buf = new Uint8Array(4096);
    const n = f.ops.read?.(task, f, buf, 0, 4096, 0) as number;
    return Buffer.from(buf.subarray(0, n)).toString();
  };
  return { kernel, built, task, ls, has, write, read };
};

describe('the default root', () => {
  it('shows the system folders of the host', () => {
    const { has, read, ls } = boot();
    for (const p of ['/usr/bin/env', '/bin/sh', '/etc/passwd']) expect(has(p)).toBe(true);
    expect(read('/etc/passwd')).toBe(readFileSync('/etc/passwd', 'latin1').slice(0, 4096));
    expect((ls('/usr/bin') as string[]).length).toBe(readdirSync('/usr/bin').length);
  });

  it('shows no more of /etc to who works there', () => {
    for (const cwd of ['/etc', '/etc/ssl/private']) {
      const { has } = boot({ cwd });
      expect([has('/etc/shadow'), has('/etc/ssl/private'), has('/etc/passwd')]).toEqual([false, false, true]);
    }
  });

  it('shows no secrets, homes or state of the host', () => {
    const { ls, has } = boot();
    for (const p of ['/etc/shadow', '/etc/gshadow', '/etc/sudoers', '/etc/ssl/private', '/etc/ssh'])
      expect(has(p)).toBe(false);
    expect(ls('/etc')).not.toContain('shadow');
    for (const p of ['/home', '/root', '/proc', '/sys', '/mnt', '/tmp', '/var/tmp'])
      expect(ls(p)).toEqual([]);
    const names = ls('/') as string[];
    for (const n of readdirSync('/')) {
      const expected = /^(usr|bin|sbin|lib.*|opt|etc|dev|home|media|mnt|proc|root|run|srv|sys|tmp|var)$/.test(
        n,
      );
      expect(names.includes(n)).toBe(expected);
    }
  });

  it('has a name of its own, which leads to the loopback interface', () => {
    const { kernel, has, read } = boot();
    const name = kernel.hostname.node;
    expect(read('/etc/hostname')).toBe(`${name}\n`);
    const hosts = (read('/etc/hosts') as string).split('\n');
    expect(hosts[0]).toBe('127.0.0.1\tlocalhost');
    expect(hosts.at(-2)).toBe(`127.0.1.1\t${name}`);
    expect(has('/etc/resolv.conf')).toBe(true);
  });

  it('has the first part of a full name as an alias', () => {
    const { read } = boot({}, 'one.example.org');
    expect(read('/etc/hosts')).toMatch(/^127\.0\.1\.1\tone\.example\.org one$/m);
  });

  it('lets files with its name be changed, and be those of the caller in a root of their own', () => {
    const { write, read } = boot();
    expect(write('/etc/hostname', 'x')).toBe(1);
    expect((read('/etc/hostname') as string)[0]).toBe('x');
    expect(boot({ rootfs: join(work, 'rootfs') }).has('/etc/hosts')).toBe(false);
  });

  it('is writable without touching the host', () => {
    const { write, read } = boot();
    expect(write('/etc/kanmon-test', 'x')).toBe(1);
    expect(write('/usr/bin/kanmon-test', 'y')).toBe(1);
    expect(read('/etc/kanmon-test')).toBe('x');
    expect(readdirSync('/etc')).not.toContain('kanmon-test');
  });

  it('has the devices that programs expect', () => {
    const { ls, read } = boot();
    expect(ls('/dev')).toEqual(
      expect.arrayContaining([
        'null',
        'zero',
        'full',
        'random',
        'urandom',
        'tty',
        'fd',
        'stdin',
        'stdout',
        'stderr',
        'pts',
        'shm',
      ]),
    );
    expect(read('/dev/null')).toBe('');
    expect(read('/dev/zero')).toBe('\0'.repeat(4096));
  });

  it('shows the working directory at its own path, under an overlay', () => {
    const { write, read, built, task } = boot({ cwd: work });
    expect(read(join(work, 'prog'))).toBe('#!/bin/sh\n');
    expect(write(join(work, 'made'), 'x')).toBe(1);
    expect(readdirSync(work)).not.toContain('made');
    expect(walk(task, AT_FDCWD, work, FOLLOW)).toEqual(built.cwd);
    expect(boot().has(work)).toBe(false);
  });

  it('shows a program that the root lacks, and nothing beside it', () => {
    const { read, ls } = boot({ program: join(work, 'prog') });
    expect(read(join(work, 'prog'))).toBe('#!/bin/sh\n');
    expect(ls(work)).toEqual(['prog']);
  });

  it.each(['here/prog', 'here/here/alias'])('shows a program named through links: %s', (name) => {
    const program = join(work, name);
    expect(boot({ program }).read(program)).toBe('#!/bin/sh\n');
    expect(boot({ program, cwd: work }).read(program)).toBe('#!/bin/sh\n');
  });

  it('has a program already that a link of the root leads to', () => {
    const { kernel, read } = boot({ program: '/bin/sh' });
    expect(read('/bin/sh')).toBe(boot().read('/bin/sh'));
    expect(kernel.mounts.list.map((m) => m.source)).not.toContain('/bin/sh');
  });

  it('mounts volumes, read-write or not', () => {
    const { write, read } = boot({
      volumes: [
        { source: work, target: '/data/in', readonly: true },
        { source: work, target: '/rw', readonly: false },
        { source: join(work, 'prog'), target: '/one/file', readonly: true },
      ],
    });
    expect(read('/data/in/prog')).toBe('#!/bin/sh\n');
    expect(write('/data/in/x', 'x')).toBe(-30);
    expect(write('/rw/x', 'x')).toBe(1);
    expect(readFileSync(join(work, 'x'), 'utf8')).toBe('x');
    expect(read('/one/file')).toBe('#!/bin/sh\n');
  });

  it('shows the same special files in each volume of a folder, and nothing of them to the host', () => {
    const { task, ls } = boot({
      volumes: [
        { source: work, target: '/a', readonly: false },
        { source: join(work, 'rootfs'), target: '/b', readonly: false },
        { source: work, target: '/c', readonly: true },
      ],
    });
    const find = (path: string) => {
      const p = walk(task, AT_FDCWD, path, FOLLOW);
      return isPath(p) ? p.dentry.inode : p;
    };
    expect(make(task, AT_FDCWD, '/b/fifo', S_IFIFO | 0o600, 0)).toBeTypeOf('object');
    expect(make(task, AT_FDCWD, '/c/rootfs/fifo', S_IFIFO | 0o600, 0)).toBe(-EEXIST);
    expect(make(task, AT_FDCWD, '/c/fifo', S_IFIFO | 0o600, 0)).toBe(-EROFS);
    expect(find('/a/rootfs/fifo')).toBe(find('/b/fifo'));
    expect(find('/c/rootfs/fifo')).toBe(find('/b/fifo'));
    expect(ls('/a/rootfs')).toEqual(['etc', 'fifo', 'link']);
    expect(readdirSync(join(work, 'rootfs')).sort()).toEqual(['etc', 'link']);
    // What comes from outside under the same name is covered until the name is free.
    writeFileSync(join(work, 'rootfs/fifo'), 'host');
    expect(ls('/a/rootfs')).toEqual(['etc', 'fifo', 'link']);
    expect(remove(task, AT_FDCWD, '/a/rootfs/fifo', false)).toBe(0);
    expect(find('/b/fifo')).toMatchObject({ st: { size: 4 } });
    rmSync(join(work, 'rootfs/fifo'));
  });

  it('gives the memory of a file in a volume back when the file is removed', () => {
    const { task, kernel } = boot({ volumes: [{ source: work, target: '/rw', readonly: false }] });
    const before = kernel.cpu.frames.free;
    for (const name of ['one', 'two']) {
      writeFileSync(join(work, name), new Uint8Array(100_000));
      const f = open(task, AT_FDCWD, `/rw/${name}`, O_RDONLY, 0);
      if (!isOpenFile(f)) throw new Error(`no ${name}`);
      expect(f.ops.read?.(task, f, new Uint8Array(1000), 0, 1000, 50_000)).toBe(1000);
      expect(kernel.cpu.frames.free).toBeLessThan(before);
      // Removed after it was closed, or while it is open.
      if (name === 'one') releaseFile(f);
      expect(remove(task, AT_FDCWD, `/rw/${name}`, false)).toBe(0);
      if (name === 'two') releaseFile(f);
      expect(kernel.cpu.frames.free).toBe(before);
    }
  });

  it('keeps times to the nanosecond', () => {
    const { task } = boot({ volumes: [{ source: work, target: '/rw', readonly: false }] });
    const p = walk(task, AT_FDCWD, '/rw/prog', FOLLOW);
    if (!isPath(p)) throw new Error('no prog');
    for (const t of [
      { sec: 1700000000, nsec: 123457000 },
      { sec: 1e9, nsec: 1000 },
      { sec: -2, nsec: 999999000 },
      { sec: -1, nsec: 1000 },
    ]) {
      const mtime = { ...t, nsec: t.nsec + 999 };
      expect(p.dentry.inode.setattr?.({ atime: t, mtime })).toBe(0);
      expect(p.dentry.inode.attr()).toMatchObject({ atime: t, mtime });
    }
  });

  it('changes the times of the open file, whatever has its name by now', () => {
    const { task } = boot({ volumes: [{ source: work, target: '/rw', readonly: false }] });
    writeFileSync(join(work, 'a'), 'old');
    linkSync(join(work, 'a'), join(work, 'b'));
    symlinkSync('nowhere', join(work, 'dangling'));
    const f = open(task, AT_FDCWD, '/rw/a', O_RDONLY, 0);
    const link = walk(task, AT_FDCWD, '/rw/dangling', 0);
    if (!isOpenFile(f) || !isPath(link)) throw new Error('cannot open');
    rmSync(join(work, 'a'));
    writeFileSync(join(work, 'a'), 'new');
    const early = { sec: 5, nsec: 0 };
    expect(f.inode.setattr?.({ atime: early, mtime: early })).toBe(0);
    expect(link.dentry.inode.setattr?.({ mtime: early })).toBe(0);
    expect(statSync(join(work, 'b')).mtimeMs).toBe(5000);
    expect(statSync(join(work, 'a')).mtimeMs).toBeGreaterThan(5000);
    expect(lstatSync(join(work, 'dangling')).mtimeMs).toBe(5000);
    releaseFile(f);
  });

  it('keeps the nearest time that the host can, not one of the other end', () => {
    const { task } = boot({ volumes: [{ source: work, target: '/rw', readonly: false }] });
    const p = walk(task, AT_FDCWD, '/rw/prog', FOLLOW);
    if (!isPath(p)) throw new Error('no prog');
    const early = { sec: -(2 ** 53) + 1, nsec: 0 };
    expect(p.dentry.inode.setattr?.({ atime: early, mtime: early })).toBe(0);
    expect(statSync(join(work, 'prog')).mtimeMs).toBeLessThan(0);
  });
});

describe('a root of the caller', () => {
  it('is all there is, with links resolved inside it', () => {
    const { ls, read } = boot({ rootfs: join(work, 'rootfs') });
    expect(read('/link')).toBe('hello');
    expect(ls('/usr')).toBe(-ENOENT);
    expect(ls('/')).toEqual(['dev', 'etc', 'link', 'proc', 'sys', 'tmp']);
  });

  it('must exist', () => {
    expect(() => boot({ rootfs: join(work, 'nowhere') })).toThrow(/nowhere/);
  });
});
