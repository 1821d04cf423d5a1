import { describe, expect, it } from 'vitest';
import { EBUSY, EINVAL, ENODEV, ENOENT, EPERM, EROFS } from '../../abi/errno.ts';
import {
  MNT_DETACH,
  MS_BIND,
  MS_MOVE,
  MS_RDONLY,
  MS_REC,
  MS_REMOUNT,
  O_CREAT,
  O_WRONLY,
} from '../../abi/fcntl.ts';
import { registerMemoryDevices } from '../fs/dev.ts';
import { tmpfsFromOptions } from '../fs/tmpfs.ts';
import { call, fakeKernel, fakeTask, put } from '../testing.ts';
import { vfsOf } from '../vfs/state.ts';
import { chdir, getcwd, mkdir } from './dir.ts';
import { close } from './fd.ts';
import { open } from './file.ts';
import { mount, pivotRoot, umount2 } from './mount.ts';
import { access } from './stat.ts';

const CAP_SYS_ADMIN = 2 ** 21;

const setup = () => {
  const kernel = fakeKernel();
  vfsOf(kernel).types.set('tmpfs', (k, _source, text) => tmpfsFromOptions(k, text));
  registerMemoryDevices(kernel);
  const task = fakeTask(kernel);
  task.cred.capEffective += CAP_SYS_ADMIN;
  for (const d of ['/a', '/b', '/a/in']) call(task, mkdir, d, 0o755);
  const touch = (p: string) => {
    const fd = call(task, open, p, O_CREAT | O_WRONLY, 0o644);
    return typeof fd === 'number' && fd >= 0 ? call(task, close, fd) : fd;
  };
  const has = (p: string) => call(task, access, p, 0) === 0;
  const tmpfs = (p: string, options = '') =>
    call(task, mount, 'none', p, 'tmpfs', 0, options === '' ? 0 : put(task, `${options}\0`));
  return { kernel, task, touch, has, tmpfs };
};

describe('mount', () => {
  it('needs CAP_SYS_ADMIN', () => {
    const { kernel } = setup();
    const task = fakeTask(kernel);
    expect(call(task, mount, 'none', '/a', 'tmpfs', 0, 0)).toBe(-EPERM);
    expect(call(task, mount, 'none', '/absent', 'tmpfs', 0, 0)).toBe(-ENOENT);
    expect(call(task, umount2, '/a', 0)).toBe(-EPERM);
    expect(call(task, pivotRoot, '/a', '/a')).toBe(-EPERM);
  });

  it('covers a directory until it is unmounted', () => {
    const { task, touch, has, tmpfs } = setup();
    touch('/a/under');
    expect(tmpfs('/a', 'mode=0700,size=1m')).toBe(0);
    expect(has('/a/under')).toBe(false);
    touch('/a/over');
    expect(call(task, umount2, '/a', 0)).toBe(0);
    expect(has('/a/under')).toBe(true);
    expect(has('/a/over')).toBe(false);
    expect(call(task, umount2, '/a', 0)).toBe(-EINVAL);
    expect(call(task, mount, 'none', '/a', 'ext9', 0, 0)).toBe(-ENODEV);
    expect(call(task, mount, 'none', '/none', 'tmpfs', 0, 0)).toBe(-ENOENT);
    expect(tmpfs('/a', 'mode=zz')).toBe(-EINVAL);
  });

  it('is busy while somebody is there, unless detached', () => {
    const { task, tmpfs } = setup();
    tmpfs('/a');
    call(task, chdir, '/a');
    expect(call(task, umount2, '/a', 0)).toBe(-EBUSY);
    expect(call(task, umount2, '/a', MNT_DETACH)).toBe(0);
  });

  it('binds directories, with what is mounted below when asked', () => {
    const { task, touch, has, tmpfs } = setup();
    tmpfs('/a/in');
    touch('/a/in/deep');
    expect(call(task, mount, '/a', '/b', null, MS_BIND, 0)).toBe(0);
    expect(has('/b/in')).toBe(true);
    expect(has('/b/in/deep')).toBe(false);
    expect(call(task, umount2, '/b', 0)).toBe(0);
    expect(call(task, mount, '/a', '/b', null, MS_BIND | MS_REC, 0)).toBe(0);
    expect(has('/b/in/deep')).toBe(true);
  });

  it('makes one view read-only and leaves the other alone', () => {
    const { task, touch } = setup();
    call(task, mount, '/a', '/b', null, MS_BIND, 0);
    expect(call(task, mount, null, '/b', null, MS_REMOUNT | MS_BIND | MS_RDONLY, 0)).toBe(0);
    expect(touch('/b/f')).toBe(-EROFS);
    expect(touch('/a/f')).toBe(0);
    expect(touch('/b/f')).toBe(-EROFS);
  });

  it('moves a mount with everything on it, but not into itself', () => {
    const { task, touch, has, tmpfs } = setup();
    tmpfs('/a');
    touch('/a/f');
    call(task, mkdir, '/a/d', 0o755);
    expect(call(task, mount, '/a', '/a/d', null, MS_MOVE, 0)).toBe(-EINVAL);
    expect(call(task, mount, '/a', '/b', null, MS_MOVE, 0)).toBe(0);
    expect(has('/b/f')).toBe(true);
    expect(has('/a/f')).toBe(false);
  });

  it('pivots the root', () => {
    const { task, touch, has, tmpfs } = setup();
    tmpfs('/a');
    touch('/a/new');
    call(task, mkdir, '/a/old', 0o755);
    expect(call(task, pivotRoot, '/a', '/a/old')).toBe(0);
    expect(has('/new')).toBe(true);
    expect(has('/old/b')).toBe(true);
    expect(call(task, getcwd, put(task, ''), 100)).toBe(2);
    expect(call(task, umount2, '/old', MNT_DETACH)).toBe(0);
    expect(has('/old/b')).toBe(false);
  });
});
