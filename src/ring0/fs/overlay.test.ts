import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EACCES, ENOENT, EROFS, ESTALE } from '../../abi/errno.ts';
import { AT_FDCWD, O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from '../../abi/fcntl.ts';
import { S_IFDIR } from '../../abi/stat.ts';
import { nodeFiles } from '../../host/files.ts';
import { fakeKernel, fakeTask } from '../testing.ts';
import { releaseFile } from '../vfs/file.ts';
import { mountFs } from '../vfs/mount.ts';
import { make, makeLink, remove, rename } from '../vfs/namei.ts';
import { isOpenFile, open } from '../vfs/open.ts';
import { FOLLOW, isPath, walk } from '../vfs/walk.ts';
import { HostFs } from './host.ts';
import { HostDir } from './host-dir.ts';
import { OverlayFs } from './overlay.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kanmon-'));
  mkdirSync(join(folder, 'dir/sub'), { recursive: true });
  writeFileSync(join(folder, 'file'), 'lower file');
  writeFileSync(join(folder, 'dir/one'), '1');
  writeFileSync(join(folder, 'dir/sub/deep'), 'deep');
  linkSync(join(folder, 'file'), join(folder, 'twin'));
  symlinkSync('dir/one', join(folder, 'link'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const setup = (how: 'overlay' | 'rw' | 'ro', trustNs = 0) => {
  const kernel = fakeKernel();
  const host = HostFs.open(kernel, nodeFiles(), { path: folder, readonly: how !== 'rw', trustNs });
  if (typeof host === 'number') throw new Error(`open: ${host}`);
  if (!(host.root instanceof HostDir)) throw new Error('not a directory');
  mountFs(kernel, how === 'overlay' ? new OverlayFs(kernel, host.root) : host, null);
  const task = fakeTask(kernel);
  const use = <T>(
    path: string,
    flags: number,
    act: (f: import('../vfs/types.ts').OpenFile) => T,
  ): T | number => {
    const f = open(task, AT_FDCWD, path, flags, 0o644);
    if (!isOpenFile(f)) return typeof f === 'number' ? f : 0;
    const r = act(f);
    releaseFile(f);
    return r;
  };
  const read = (path: string) =>
    use(path, O_RDONLY, (f) => {
      const buf = new Uint8Array(100);
      const n = f.ops.read?.(task, f, buf, 0, 100, 0);
      return Buffer.from(buf.subarray(0, n as number)).toString();
    });
  const write = (path: string, text: string, flags = O_WRONLY | O_CREAT | O_TRUNC, pos = 0) =>
    use(path, flags, (f) => f.ops.write?.(task, f, Buffer.from(text), 0, text.length, pos));
  const stat = (path: string) => {
    const p = walk(task, AT_FDCWD, path, FOLLOW);
    if (!isPath(p)) throw new Error(`${path}: ${p}`);
    const a = p.dentry.inode.attr();
    if (typeof a === 'number') throw new Error(`${path}: ${a}`);
    return { ...a };
  };
  const ls = (path: string) => {
    const p = walk(task, AT_FDCWD, path, FOLLOW);
    if (!isPath(p)) return p;
    const list = p.dentry.inode.readdir?.();
    return Array.isArray(list) ? list.map((e) => e.name).sort() : list;
  };
  const statfs = () => {
    const p = walk(task, AT_FDCWD, '/', FOLLOW);
    if (!isPath(p)) throw new Error(`/: ${p}`);
    return p.dentry.inode.fs.statfs();
  };
  return { kernel, host, task, read, write, stat, ls, statfs };
};

describe('an overlay', () => {
  it('shows the lower folder and changes only itself', () => {
    const { read, write, ls, task } = setup('overlay');
    expect(read('/file')).toBe('lower file');
    expect(read('/link')).toBe('1');
    expect(write('/file', 'LOWER', O_WRONLY)).toBe(5);
    expect(read('/file')).toBe('LOWER file');
    expect(write('/new', 'new')).toBe(3);
    expect(remove(task, AT_FDCWD, '/dir/one', false)).toBe(0);
    expect(read('/dir/one')).toBe(-ENOENT);
    expect(ls('/dir')).toEqual(['sub']);
    expect(ls('/')).toEqual(['dir', 'file', 'link', 'new', 'twin']);
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('lower file');
    expect(readFileSync(join(folder, 'dir/one'), 'utf8')).toBe('1');
  });

  it('says how many files and blocks can still be made', () => {
    const { statfs, write } = setup('overlay');
    write('/other', 'x');
    const before = statfs();
    expect(before.bfree).toBeLessThan(before.blocks);
    expect(before.files).toBeGreaterThan(1000);
    write('/new', '');
    expect(statfs().ffree).toBe(before.ffree - 1);
  });

  it('keeps hard links and inode numbers when a file is copied up', () => {
    const { read, write, stat } = setup('overlay');
    const before = stat('/file');
    write('/file', 'both', O_WRONLY);
    expect(read('/twin')).toBe('bothr file');
    expect(stat('/twin')).toMatchObject({ ino: before.ino, nlink: 2 });
  });

  it('renames lower directories with what is in them', () => {
    const { read, task, ls } = setup('overlay');
    expect(rename(task, AT_FDCWD, '/dir', AT_FDCWD, '/moved', 0)).toBe(0);
    expect(read('/moved/sub/deep')).toBe('deep');
    expect(ls('/dir')).toBe(-ENOENT);
    // The old name is free, and what is made there does not show the lower folder again.
    make(task, AT_FDCWD, '/dir', S_IFDIR | 0o755, 0);
    expect(ls('/dir')).toEqual([]);
  });

  it('removes a directory only when nothing is left of the lower one', () => {
    const { task, ls } = setup('overlay');
    expect(remove(task, AT_FDCWD, '/dir/sub', true)).toBe(-39);
    expect(remove(task, AT_FDCWD, '/dir/sub/deep', false)).toBe(0);
    expect(remove(task, AT_FDCWD, '/dir/sub', true)).toBe(0);
    expect(ls('/dir')).toEqual(['one']);
  });

  it('keeps an unlinked lower file readable while it is open', () => {
    const { task } = setup('overlay');
    const f = open(task, AT_FDCWD, '/file', O_RDWR, 0);
    if (!isOpenFile(f)) throw new Error('open');
    remove(task, AT_FDCWD, '/file', false);
    remove(task, AT_FDCWD, '/twin', false);
    const buf = new Uint8Array(10);
    expect(f.ops.read?.(task, f, buf, 0, 10, 0)).toBe(10);
    releaseFile(f);
  });

  it('sees what its owner changes in the lower folder until it is touched', () => {
    const { read, ls } = setup('overlay');
    expect(read('/dir/one')).toBe('1');
    writeFileSync(join(folder, 'dir/one'), 'edited');
    writeFileSync(join(folder, 'dir/two'), '2');
    expect(read('/dir/one')).toBe('edited');
    expect(ls('/dir')).toEqual(['one', 'sub', 'two']);
  });

  it('gives the same frames for a file however often it is opened', () => {
    const { task } = setup('overlay');
    const frame = () => {
      const f = open(task, AT_FDCWD, '/file', O_RDONLY, 0);
      return isOpenFile(f) ? f.inode.pages?.frame(0, false) : 0;
    };
    const first = frame();
    expect(first).toBeGreaterThan(0);
    expect(frame()).toBe(first);
  });
});

describe('a host folder', () => {
  it('passes changes on to the host when it is mounted read-write', () => {
    const { read, write, task, stat } = setup('rw');
    expect(write('/made', 'hello')).toBe(5);
    expect(readFileSync(join(folder, 'made'), 'utf8')).toBe('hello');
    expect(write('/file', 'XX', O_WRONLY, 3)).toBe(2);
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('lowXX file');
    expect(read('/file')).toBe('lowXX file');
    expect(make(task, AT_FDCWD, '/d2', S_IFDIR | 0o750, 0)).toBeTypeOf('object');
    expect(rename(task, AT_FDCWD, '/made', AT_FDCWD, '/d2/x', 0)).toBe(0);
    expect(readFileSync(join(folder, 'd2/x'), 'utf8')).toBe('hello');
    const p = walk(task, AT_FDCWD, '/d2/x', FOLLOW);
    if (isPath(p)) expect(makeLink(task, p, AT_FDCWD, '/second')).toBe(0);
    expect(stat('/second').nlink).toBe(2);
    expect(remove(task, AT_FDCWD, '/second', false)).toBe(0);
  });

  it('refuses changes when it is mounted read-only', () => {
    const { write, task } = setup('ro');
    expect(write('/made', 'x')).toBe(-EROFS);
    expect(write('/file', 'x', O_WRONLY)).toBe(-EROFS);
    expect(remove(task, AT_FDCWD, '/file', false)).toBe(-EROFS);
  });

  it('never follows a link of the host out of the folder', () => {
    const { read } = setup('ro');
    symlinkSync('/etc', join(folder, 'out'));
    symlinkSync('../../../../../../etc/passwd', join(folder, 'pw'));
    expect(read('/out/passwd')).toBe(-ENOENT);
    expect(read('/pw')).toBe(-ENOENT);
  });

  it('is not fooled when a directory is swapped for a link behind its back', () => {
    const { read, host } = setup('ro', Number.POSITIVE_INFINITY);
    expect(read('/dir/one')).toBe('1');
    const outside = mkdtempSync(join(tmpdir(), 'kanmon-out-'));
    writeFileSync(join(outside, 'secret'), 'secret');
    // Known, but its handle closed again, as it is after many other files.
    const dir = host.root instanceof HostDir ? host.root.onHost('dir') : 0;
    if (typeof dir === 'number') throw new Error('dir');
    host.closeHandle(dir);
    rmSync(join(folder, 'dir'), { recursive: true });
    symlinkSync(outside, join(folder, 'dir'));
    expect(read('/dir/secret')).toBe(-ESTALE);
    rmSync(outside, { recursive: true });
  });

  it('shows what it may not read', () => {
    chmodSync(join(folder, 'dir/one'), 0o600);
    const { kernel, stat } = setup('ro');
    expect(stat('/dir/one').mode & 0o777).toBe(0o600);
    const user = fakeTask(kernel, { uid: 12345 });
    expect(open(user, AT_FDCWD, '/dir/one', O_RDONLY, 0)).toBe(-EACCES);
  });
});
