// Whether reading is noted in atime (mount(8): relatime, noatime, nodiratime; open(2): O_NOATIME).

import { MS_NOATIME, MS_NODIRATIME, O_NOATIME } from '../../abi/fcntl.ts';
import { S_IFDIR, S_IFMT } from '../../abi/stat.ts';
import type { Inode, Mount, OpenFile } from './types.ts';

const isDirectory = (inode: Inode): boolean => {
  const attr = inode.attr();
  return typeof attr !== 'number' && (attr.mode & S_IFMT) === S_IFDIR;
};

/** An inode was read by way of a mount. */
export const noteAccess = (mount: Mount, inode: Inode): void => {
  if (inode.accessed === undefined || mount.readonly) return;
  const quiet = (mount.flags ?? 0) & (MS_NOATIME | MS_NODIRATIME);
  if (quiet !== 0 && (quiet & MS_NOATIME || isDirectory(inode))) return;
  inode.accessed();
};

/** A file or directory was read by way of an open description. */
export const noteRead = (file: OpenFile): void => {
  if (file.flags & O_NOATIME) return;
  if (file.path !== null) noteAccess(file.path.mount, file.inode);
  else file.inode.accessed?.();
};
