import { describe, expect, it } from 'vitest';
import { EACCES, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EXDEV } from '../../abi/errno.ts';
import {
  AT_FDCWD,
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
} from '../../abi/fcntl.ts';
import { S_IFDIR, S_IFREG } from '../../abi/stat.ts';
import { newTmpfs } from '../fs/tmpfs.ts';
import { fakeKernel, fakeTask } from '../testing.ts';
import { pathName } from './dentry.ts';
import { mountFs } from './mount.ts';
import { make, makeSymlink, remove, rename } from './namei.ts';
import { FOLLOW, isPath, walk, walkFrom } from './walk.ts';

const setup = () => {
  const kernel = fakeKernel();
  const task = fakeTask(kernel);
  const dir = (p: string) => make(task, AT_FDCWD, p, S_IFDIR | 0o755, 0);
  const file = (p: string) => make(task, AT_FDCWD, p, S_IFREG | 0o644, 0);
  const link = (target: string, p: string) => makeSymlink(task, target, AT_FDCWD, p);
  const where = (p: string, flags = FOLLOW) => {
    const r = walk(task, AT_FDCWD, p, flags);
    return isPath(r) ? pathName(r, task.fs.root).name : r;
  };
  const at = (p: string) => {
    const r = walk(task, AT_FDCWD, p, FOLLOW);
    if (!isPath(r)) throw new Error(p);
    return r;
  };
  dir('/a');
  dir('/a/b');
  file('/a/f');
  return { kernel, task, dir, file, link, where, at };
};

describe('path resolution', () => {
  it('goes component by component', () => {
    const { where } = setup();
    expect(where('/a/b')).toBe('/a/b');
    expect(where('//a///b/')).toBe('/a/b');
    expect(where('a/./b/../f')).toBe('/a/f');
    expect(where('/../../a')).toBe('/a');
    expect(where('/a/f/')).toBe(-ENOTDIR);
    expect(where('/a/f/x')).toBe(-ENOTDIR);
    expect(where('/a/none/..')).toBe(-ENOENT);
    expect(where('')).toBe(-ENOENT);
  });

  it('refuses names over 255 bytes', () => {
    const { where } = setup();
    expect(where(`/${'x'.repeat(255)}`)).toBe(-ENOENT);
    expect(where(`/${'x'.repeat(256)}`)).toBe(-ENAMETOOLONG);
  });

  it('follows symbolic links, the last one only when asked', () => {
    const { where, link } = setup();
    link('a/f', '/l');
    link('/a', '/d');
    link('..', '/a/b/up');
    expect(where('/l')).toBe('/a/f');
    expect(where('/l', 0)).toBe('/l');
    expect(where('/d/f')).toBe('/a/f');
    expect(where('/d/', 0)).toBe('/a');
    expect(where('/a/b/up/f')).toBe('/a/f');
  });

  it('takes a slash after a link, or at the end of its target, for a demand of a directory', () => {
    const { where, link } = setup();
    link('a/f', '/file');
    link('a/b/', '/dir');
    link('a/f/', '/slashed');
    expect(where('/file/')).toBe(-ENOTDIR);
    expect(where('/file//')).toBe(-ENOTDIR);
    expect(where('/slashed')).toBe(-ENOTDIR);
    expect(where('/dir')).toBe('/a/b');
    expect(where('//dir/../f')).toBe('/a/f');
  });

  it('does not find a name again that went elsewhere', () => {
    const { task, where, file } = setup();
    file('/a/g');
    expect(where('/a/f')).toBe('/a/f');
    rename(task, AT_FDCWD, '/a/f', AT_FDCWD, '/a/g', 2);
    expect(where('/a/f')).toBe('/a/f');
    rename(task, AT_FDCWD, '/a/f', AT_FDCWD, '/a/b/h', 0);
    expect(where('/a/f')).toBe(-ENOENT);
    expect(where('/a/b/h')).toBe('/a/b/h');
    remove(task, AT_FDCWD, '/a/b/h', false);
    expect(where('/a/b/h')).toBe(-ENOENT);
    file('/a/b/h');
    expect(where('/a/b/h')).toBe('/a/b/h');
  });

  it('gives up after 40 links', () => {
    const { where, link, file } = setup();
    link('loop', '/loop');
    expect(where('/loop')).toBe(-ELOOP);
    file('/c0');
    for (let i = 1; i <= 41; i++) link(`c${i - 1}`, `/c${i}`);
    expect(where('/c40')).toBe('/c0');
    expect(where('/c41')).toBe(-ELOOP);
  });

  it('crosses mounts in both directions', () => {
    const { kernel, task, where, at } = setup();
    mountFs(kernel, newTmpfs(kernel), at('/a/b'));
    make(task, AT_FDCWD, '/a/b/in', S_IFREG | 0o644, 0);
    expect(where('/a/b/in')).toBe('/a/b/in');
    expect(where('/a/b/..')).toBe('/a');
    expect(where('/a/b', FOLLOW | RESOLVE_NO_XDEV)).toBe(-EXDEV);
    expect(rename(task, AT_FDCWD, '/a/b/in', AT_FDCWD, '/a/in', 0)).toBe(-EXDEV);
  });

  it('stays inside a task root', () => {
    const { task, where, at, link } = setup();
    link('/f', '/a/abs');
    task.fs.root = at('/a');
    task.fs.cwd = task.fs.root;
    expect(where('/../../f')).toBe('/f');
    expect(where('abs')).toBe('/f');
    expect(where('/a')).toBe(-ENOENT);
  });

  it('keeps RESOLVE_BENEATH and RESOLVE_IN_ROOT', () => {
    const { task, at, link } = setup();
    link('/f', '/a/abs');
    link('../..', '/a/b/out');
    const from = (p: string, flags: number) => {
      const r = walkFrom(task, at('/a'), p, FOLLOW | flags);
      return isPath(r) ? pathName(r, task.fs.root).name : r;
    };
    expect(from('b/../f', RESOLVE_BENEATH)).toBe('/a/f');
    expect(from('../a/f', RESOLVE_BENEATH)).toBe(-EXDEV);
    expect(from('abs', RESOLVE_BENEATH)).toBe(-EXDEV);
    expect(from('abs', RESOLVE_IN_ROOT)).toBe('/a/f');
    expect(from('b/out/a/f', RESOLVE_IN_ROOT)).toBe(-ENOENT);
    expect(from('b/out/f', RESOLVE_IN_ROOT)).toBe('/a/f');
    expect(from('abs', RESOLVE_NO_SYMLINKS)).toBe(-ELOOP);
  });

  it('needs search permission on every directory', () => {
    const { kernel, task, dir, file } = setup();
    dir('/closed');
    file('/closed/f');
    const closed = walk(task, AT_FDCWD, '/closed', FOLLOW);
    if (isPath(closed)) closed.dentry.inode.setattr?.({ mode: 0o700 });
    const user = fakeTask(kernel, { uid: 1000 });
    expect(walk(user, AT_FDCWD, '/closed/f', FOLLOW)).toBe(-EACCES);
    expect(isPath(walk(user, AT_FDCWD, '/closed', FOLLOW))).toBe(true);
  });

  it('shows removed directories as deleted', () => {
    const { task, at } = setup();
    const b = at('/a/b');
    expect(remove(task, AT_FDCWD, '/a/b', true)).toBe(0);
    expect(pathName(b, task.fs.root)).toEqual({ name: '/a/b', reachable: true, deleted: true });
  });

  it('keeps names of what was moved', () => {
    const { task, at } = setup();
    const b = at('/a/b');
    expect(rename(task, AT_FDCWD, '/a', AT_FDCWD, '/z', 0)).toBe(0);
    expect(pathName(b, task.fs.root).name).toBe('/z/b');
  });
});
