// Telling watches what happens to files (fsnotify of the kernel): a file's own watches, and those of the directory that
// it is opened or changed in, which learn its name. Costs two looks at properties while nobody watches.

import { O_PATH } from '../../abi/fcntl.ts';
import { IN } from '../../abi/inotify.ts';
import { S_IFDIR, S_IFMT } from '../../abi/stat.ts';
import type { Dentry, Inode, OpenFile } from './types.ts';

/** Besides IN_MOVED_FROM: the name stays in its directory. It is dnotify's alone (FS_RENAME of the kernel). */
export const RENAMED = 0x10000;
const EVENTS = 0xfff | RENAMED;

/** What an inode keeps of whoever watches it (sys/inotify.ts). */
export interface Watch {
  /** IN_* bits. */
  readonly mask: number;
  tell(mask: number, cookie: number, name: string): void;
  /** The inode is gone: IN_IGNORED, and no more. */
  end(): void;
}

const isDirectory = (inode: Inode): boolean => {
  const a = inode.attr();
  return typeof a !== 'number' && (a.mode & S_IFMT) === S_IFDIR;
};

const tell = (to: Inode, mask: number, cookie: number, name: string, unlinked = false): void => {
  // A one-shot watch leaves the list while it is told.
  for (const w of [...(to.watches ?? [])]) {
    if ((w.mask & mask & EVENTS) === 0 || (unlinked && (w.mask & IN.IN_EXCL_UNLINK) !== 0)) continue;
    w.tell(mask, cookie, name);
  }
};

/** An event of the inode alone. */
export const notifyInode = (inode: Inode, event: number): void => {
  if (inode.watches === undefined) return;
  const self = event === IN.IN_DELETE_SELF || event === IN.IN_MOVE_SELF;
  tell(inode, event | (!self && isDirectory(inode) ? IN.IN_ISDIR : 0), 0, '');
};

/** An event of a name in a directory. */
export const notifyName = (dir: Inode, name: string, of: Inode, event: number, cookie = 0): void => {
  if (dir.watches !== undefined) tell(dir, event | (isDirectory(of) ? IN.IN_ISDIR : 0), cookie, name);
};

/** An event of a file that was reached by a name: for its directory, and for itself. */
export const notifyDentry = (d: Dentry, event: number): void => {
  const { inode, parent } = d;
  if (parent?.inode.watches === undefined && inode.watches === undefined) return;
  const mask = event | (isDirectory(inode) ? IN.IN_ISDIR : 0);
  if (parent !== null) tell(parent.inode, mask, 0, d.name, d.unlinked);
  tell(inode, mask, 0, '');
};

/** An event of an open file. */
export const notifyFile = (file: OpenFile, event: number): void => {
  if (file.path !== null && (file.flags & O_PATH) === 0) notifyDentry(file.path.dentry, event);
};

/** The inode has neither a name nor a user any more. */
export const notifyGone = (inode: Inode): void => {
  if (inode.watches === undefined) return;
  notifyInode(inode, IN.IN_DELETE_SELF);
  for (const w of [...inode.watches]) w.end();
};
