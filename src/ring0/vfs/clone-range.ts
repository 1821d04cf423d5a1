// Sharing blocks between files: FICLONE, FICLONERANGE and FIDEDUPERANGE of ioctl(2). No file system here can, and
// programs that copy files take EOPNOTSUPP for that (another answer may be taken for a failure); what is checked
// before is fs/remap_range.c's.

import { EBADF, EFAULT, EINVAL, EISDIR, ENOMEM, EOPNOTSUPP, EXDEV } from '../../abi/errno.ts';
import { O_APPEND } from '../../abi/fcntl.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../abi/stat.ts';
import type { Task } from '../task/types.ts';
import { fileAt } from './fdtable.ts';
import { canRead, canWrite } from './file.ts';
import type { OpenFile } from './types.ts';

/** struct file_dedupe_range: its fixed part, its members, and one of its entries. */
const DEDUPE_BYTES = 24;
const DEDUPE_COUNT = 16;
const DEDUPE_RESERVED1 = 18;
const DEDUPE_RESERVED2 = 20;
const DEDUPE_ENTRY = 32;
const PAGE = 4096;

/** 0 for a regular file. */
const regular = (file: OpenFile): number => {
  const a = file.inode.attr();
  if (typeof a === 'number') return a;
  const kind = a.mode & S_IFMT;
  return kind === S_IFREG ? 0 : kind === S_IFDIR ? -EISDIR : -EINVAL;
};

/** FICLONE: blocks of the file at descriptor `from` for `to`. */
export const cloneFile = (task: Task, to: OpenFile, from: number): number => {
  const source = fileAt(task, from);
  if (source === undefined) return -EBADF;
  if (source.inode.fs !== to.inode.fs) return -EXDEV;
  const kinds = [regular(source), regular(to)];
  if (kinds.includes(-EISDIR)) return -EISDIR;
  if (kinds.includes(-EINVAL)) return -EINVAL;
  if (!canRead(source) || !canWrite(to) || to.flags & O_APPEND) return -EBADF;
  return -EOPNOTSUPP;
};

/** FICLONERANGE: struct file_clone_range begins with the descriptor, in 64 bits. */
export const cloneRange = (task: Task, to: OpenFile, at: number): number => {
  const from = task.mm.readI64(at);
  return from === null || task.mm.read(at, 32) === null ? -EFAULT : cloneFile(task, to, from);
};

/** FIDEDUPERANGE. */
export const dedupeRange = (task: Task, from: OpenFile, at: number): number => {
  const fixed = task.mm.read(at, DEDUPE_BYTES);
  if (fixed === null) return -EFAULT;
  const dv = new DataView(fixed.buffer, fixed.byteOffset);
  const bytes = DEDUPE_BYTES + dv.getUint16(DEDUPE_COUNT, true) * DEDUPE_ENTRY;
  if (bytes > PAGE) return -ENOMEM;
  if (task.mm.read(at, bytes) === null) return -EFAULT;
  const reserved = dv.getUint16(DEDUPE_RESERVED1, true) | dv.getUint32(DEDUPE_RESERVED2, true);
  if (!canRead(from) || reserved !== 0) return -EINVAL;
  return regular(from) || -EOPNOTSUPP;
};
