// The limits of tmpfs(5). The numbers are those of a run on Linux 6.18 with the same options.

import { describe, expect, it } from 'vitest';
import { EINVAL, ENOSPC } from '../../abi/errno.ts';
import { S_IFDIR, S_IFIFO, S_IFREG } from '../../abi/stat.ts';
import { fakeKernel } from '../testing.ts';
import { MemDir, type MemFile, type MemFs, newTmpfs, tmpfsFromOptions } from './tmpfs.ts';

const made = (options: string, kernel = fakeKernel()): { fs: MemFs; root: MemDir } => {
  const fs = tmpfsFromOptions(kernel, options);
  if (typeof fs === 'number' || !(fs.root instanceof MemDir)) throw new Error(`${fs}`);
  return { fs, root: fs.root };
};
const file = (dir: MemDir, name: string): MemFile => dir.create(name, S_IFREG | 0o600, 0, 0, 0) as MemFile;
const room = (fs: MemFs) => {
  const { blocks, bfree, files, ffree } = fs.statfs();
  return [blocks, bfree, files, ffree];
};

describe('a tmpfs', () => {
  it('holds as many bytes as its size says', () => {
    const { fs, root } = made('size=64k,nr_inodes=8,mode=711,uid=5');
    expect(fs.options).toBe('size=64k,nr_inodes=8,mode=711,uid=5');
    expect(room(fs)).toEqual([16, 16, 8, 7]);
    const { pages } = file(root, 'a');
    const big = new Uint8Array(60000);
    expect(pages.write(big, 0, 60000, 0)).toBe(60000);
    expect(room(fs)).toEqual([16, 1, 8, 6]);
    expect(pages.write(big, 0, 60000, 60000)).toBe(5536);
    expect(pages.write(big, 0, 1, 65536)).toBe(-ENOSPC);
    expect(pages.truncate(1 << 20)).toBe(0);
    expect(pages.allocate(0, 1 << 20)).toBe(-ENOSPC);
    expect(pages.frame(122, true)).toBe(-ENOSPC);
    pages.truncate(4097);
    expect(room(fs)).toEqual([16, 14, 8, 6]);
    pages.punchBytes(0, 4096);
    expect(room(fs)).toEqual([16, 15, 8, 6]);
  });

  it('holds as many names as nr_inodes says', () => {
    const { fs, root } = made('nr_inodes=8');
    file(root, 'a');
    root.create('1', S_IFDIR | 0o755, 0, 0, 0);
    root.symlink('2', 'x', 0, 0);
    root.create('3', S_IFIFO | 0o600, 0, 0, 0);
    expect(root.link('4', root.find('a') as MemFile)).toBe(0);
    root.create('5', S_IFDIR | 0o755, 0, 0, 0);
    root.create('6', S_IFDIR | 0o755, 0, 0, 0);
    expect(room(fs).slice(2)).toEqual([8, 0]);
    expect(root.create('7', S_IFDIR | 0o755, 0, 0, 0)).toBe(-ENOSPC);
    expect(root.link('7', root.find('a') as MemFile)).toBe(-ENOSPC);
    expect(root.rename('6', root, '7', 0)).toBe(0);
    root.unlink('4');
    expect(root.create('8', S_IFDIR | 0o755, 0, 0, 0)).toBeTypeOf('object');
  });

  it('has half of memory by default, and gives back what it had when it goes', () => {
    const kernel = fakeKernel();
    const half = Math.floor(kernel.cpu.frames.total / 2);
    expect(room(newTmpfs(kernel)).slice(0, 3)).toEqual([half, half, half]);
    const { free } = kernel.cpu.frames;
    const { used } = kernel.heap;
    const { fs, root } = made('', kernel);
    const dir = root.create('d', S_IFDIR | 0o755, 0, 0, 0) as MemDir;
    const inside = file(dir, 'f');
    inside.setxattr('user.a', new Uint8Array(100), 0);
    inside.pages.write(new Uint8Array(9000), 0, 9000, 0);
    expect(kernel.cpu.frames.free).toBe(free - 3);
    expect(kernel.heap.used).toBeGreaterThan(used);
    fs.discard();
    expect(kernel.cpu.frames.free).toBe(free);
    expect(kernel.heap.used).toBe(used);
  });

  it.each([
    ['size=1m', 256],
    ['size=64k', 16],
    ['nr_blocks=3', 3],
  ])('reads %s', (options, blocks) => {
    expect(made(options).fs.statfs().blocks).toBe(blocks);
  });
  it.each(['size=xx', 'nr_inodes=-1', 'nonsense'])('refuses %s', (options) => {
    expect(tmpfsFromOptions(fakeKernel(), options)).toBe(-EINVAL);
  });
});
