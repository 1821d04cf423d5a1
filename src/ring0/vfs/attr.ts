// What file systems that live in memory answer about an inode that was just made, and about themselves.

import { S_IFDIR, S_IFMT } from '../../abi/stat.ts';
import type { InodeAttr, StatFs } from './types.ts';

/** An empty file or directory, made at a time. */
export const freshAttr = (
  of: Pick<InodeAttr, 'ino' | 'mode' | 'uid' | 'gid' | 'rdev'>,
  t: InodeAttr['mtime'],
): InodeAttr => ({
  ...of,
  nlink: (of.mode & S_IFMT) === S_IFDIR ? 2 : 1,
  size: 0,
  blocks: 0,
  blksize: 4096,
  atime: t,
  mtime: t,
  ctime: t,
  btime: t,
});

/** A file system without blocks, by its magic number. */
export const withoutBlocks = (type: number): StatFs => ({
  type,
  bsize: 4096,
  blocks: 0,
  bfree: 0,
  bavail: 0,
  files: 0,
  ffree: 0,
  namelen: 255,
  flags: 0,
});
