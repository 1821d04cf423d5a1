// What file systems that live in memory answer about an inode that was just made or has changed, and about themselves.

import { S_IFDIR, S_IFMT } from '../../abi/stat.ts';
import { withMode } from './acl.ts';
import type { Inode, InodeAttr, StatFs } from './types.ts';

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

/** What `Inode.setattr` is given. */
export type AttrChange = Parameters<NonNullable<Inode['setattr']>>[0];

/** Makes a change of owner, mode, times or access list at a time. */
export const changeAttr = (a: InodeAttr, c: AttrChange, t: InodeAttr['ctime']): void => {
  if (c.mode !== undefined) {
    a.mode = (a.mode & S_IFMT) | (c.mode & 0o7777);
    if (a.acl) a.acl = withMode(a.acl, a.mode);
  }
  if (c.acl !== undefined) a.acl = c.acl;
  if (c.uid !== undefined) a.uid = c.uid;
  if (c.gid !== undefined) a.gid = c.gid;
  if (c.atime !== undefined) a.atime = c.atime;
  if (c.mtime !== undefined) a.mtime = c.mtime;
  a.ctime = c.ctime ?? t;
};

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
