// The files of message queues; what they answer is that of a mounted mqueue on Linux 6.18.

import { describe, expect, it } from 'vitest';
import { EPERM } from '../../abi/errno.ts';
import { MAGIC, S_IFDIR, S_IFIFO } from '../../abi/stat.ts';
import { fakeKernel } from '../testing.ts';
import { queueMount } from './mqueue.ts';

describe('the file system of message queues', () => {
  const kernel = fakeKernel();
  const { fs } = queueMount(kernel);
  const { root } = fs;

  it('is one for each machine, and stays when it is unmounted', () => {
    fs.discard?.();
    expect(queueMount(kernel).fs).toBe(fs);
    expect(fs.statfs()).toMatchObject({ type: MAGIC.mqueue, bsize: 4096, blocks: 0, namelen: 255 });
  });

  it('is a directory in which everybody may make queues, and nothing else', () => {
    expect(root.attr()).toMatchObject({ mode: S_IFDIR | 0o1777, nlink: 2, size: 40 });
    expect(root.create?.('d', S_IFDIR | 0o755, 0, 0, 0)).toBe(-EPERM);
    expect(root.create?.('f', S_IFIFO | 0o644, 0, 0, 0)).toBe(-EPERM);
    expect(root.symlink?.('l', 'x', 0, 0)).toBe(-EPERM);
  });
});
