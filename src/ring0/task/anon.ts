// Files without a name or a file system: timerfd, signalfd, pidfd. As on Linux, they share one inode.

import { EOPNOTSUPP } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import { freshAttr, withoutBlocks } from '../vfs/attr.ts';
import { newFile } from '../vfs/file.ts';
import { anonymousDev, now } from '../vfs/state.ts';
import type { FileOps, FileSystem, Inode, OpenFile } from '../vfs/types.ts';

/** statfs' f_type of anon_inodefs. */
const ANON_INODE_FS_MAGIC = 0x09041934;

const makeInode = (kernel: Kernel): Inode => {
  // No type bits: neither a regular file nor anything else.
  const attr = freshAttr({ ino: 1, mode: 0o600, uid: 0, gid: 0, rdev: 0 }, now(kernel));
  const fs: FileSystem = {
    type: 'anon_inodefs',
    dev: anonymousDev(kernel),
    get root() {
      return inode;
    },
    readonly: false,
    statfs: () => withoutBlocks(ANON_INODE_FS_MAGIC),
  };
  const inode: Inode = { fs, attr: () => attr, setattr: () => -EOPNOTSUPP };
  return inode;
};

/** lseek of most such files: nothing moves, and nothing is refused (noop_llseek of the kernel). */
export const staysPut = (file: OpenFile): number => file.pos;

/** An open file description with the operations given, e.g. labelled `anon_inode:[timerfd]`. */
export const anonymousFile = (kernel: Kernel, label: string, ops: FileOps, flags: number): OpenFile => {
  kernel.anonymousInode ??= makeInode(kernel);
  return newFile(kernel.anonymousInode, null, ops, flags, `anon_inode:${label}`);
};
