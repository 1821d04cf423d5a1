// Copies between descriptors that do not pass through the program: sendfile, copy_file_range. Bytes are moved, not pages.

import { EBADF, EFAULT, EINVAL, EISDIR, EOVERFLOW, ESPIPE, EXDEV } from '../../abi/errno.ts';
import { O_APPEND, O_NONBLOCK } from '../../abi/fcntl.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../abi/stat.ts';
import { fd, offsetInOut, size, uint } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { pipeOf } from '../fs/pipe.ts';
import type { Task } from '../task/types.ts';
import { fileAt } from '../vfs/fdtable.ts';
import { canRead, canWrite } from '../vfs/file.ts';
import { MAX_RW, readBytes } from '../vfs/transfer.ts';
import type { OpenFile } from '../vfs/types.ts';
import type { Result } from '../wait.ts';
import { intoPipe, moves, offsetAt, told, writeSome } from './splice-ends.ts';

const CHUNK = 1 << 16;
/** After so long a copy ends short, as a signal would end it: gigabytes of holes must not keep others waiting. */
const LONG_NS = 100e6;

/**
 * Moves up to n bytes from a file that keeps what it is not asked to give (a regular file) to any other. What
 * the target does not take is not lost: the position only advances by what went over.
 */
const copyOut = (task: Task, from: OpenFile, to: OpenFile, n: number, at: number, toAt = -1): Result => {
  const buf = new Uint8Array(Math.min(n, CHUNK));
  const start = at < 0 ? from.pos : at;
  const { clock } = task.kernel;
  const end = clock.monotonic() + LONG_NS;
  let done = 0;
  while (done < n) {
    const r = readBytes(task, from, buf, 0, Math.min(buf.length, n - done), start + done);
    if (done === 0 && (typeof r !== 'number' || r < 0)) return r;
    if (typeof r !== 'number' || r <= 0) break;
    const w = writeSome(task, to, buf, r, toAt < 0 ? -1 : toAt + done);
    if (done === 0 && (typeof w !== 'number' || w < 0)) return w;
    if (typeof w !== 'number' || w < 0) break;
    done += w;
    if (w < r || clock.monotonic() > end) break;
  }
  if (at < 0 && moves(from)) from.pos = start + done;
  return done;
};

const kindOf = (file: OpenFile): number => {
  const a = file.inode.attr();
  return typeof a === 'number' ? 0 : a.mode & S_IFMT;
};

export const sendfile = syscall(
  'sendfile',
  [fd('out_fd'), fd('in_fd'), offsetInOut('offset'), size('count')],
  { returns: 'size', family: ['desc', 'network'] },
  (task, out, inn, offset, count) => {
    const given = offsetAt(task, offset);
    if (given === undefined) return -EFAULT;
    const from = fileAt(task, inn);
    if (from === undefined || !canRead(from)) return -EBADF;
    if (given !== null && from.ops.seekable !== true) return -ESPIPE;
    const at = given ?? -1;
    if ((given !== null && given < 0) || Math.max(at, 0) + count >= 2 ** 63) return -EINVAL;
    const to = fileAt(task, out);
    if (to === undefined || !canWrite(to)) return -EBADF;
    const n = Math.min(count, MAX_RW);
    const pipe = pipeOf(to);
    if (to.flags & O_APPEND) return -EINVAL;
    // What a pipe has no room for can be read again only from files.
    if (pipe === undefined && (from.ops.seekable !== true || from.ops.read === undefined)) return -EINVAL;
    if (count > 0 && pipe === undefined && kindOf(from) === S_IFDIR) return -EINVAL;
    const r =
      pipe === undefined
        ? copyOut(task, from, to, n, at)
        : intoPipe(task, from, pipe, n, at, (to.flags & O_NONBLOCK) !== 0);
    told(from, to, r);
    if (typeof r !== 'number' || at < 0) return r;
    return task.mm.writeI64(offset, moves(from) ? at + Math.max(0, r) : at) ? r : -EFAULT;
  },
);

export const copyFileRange = syscall(
  'copy_file_range',
  [fd('fd_in'), offsetInOut('off_in'), fd('fd_out'), offsetInOut('off_out'), size('len'), uint('flags')],
  { returns: 'size', family: 'desc' },
  (task, inn, inOffset, out, outOffset, count, how) => {
    const from = fileAt(task, inn);
    const to = fileAt(task, out);
    if (from === undefined || to === undefined) return -EBADF;
    const at = offsetAt(task, inOffset);
    const toAt = offsetAt(task, outOffset);
    if (at === undefined || toAt === undefined) return -EFAULT;
    if (how !== 0) return -EINVAL;
    const kinds = [kindOf(from), kindOf(to)];
    if (kinds.includes(S_IFDIR)) return -EISDIR;
    if (kinds.some((kind) => kind !== S_IFREG)) return -EINVAL;
    if (!canRead(from) || !canWrite(to) || to.flags & O_APPEND) return -EBADF;
    if (from.inode.fs !== to.inode.fs) return -EXDEV;
    let n = Math.min(count, MAX_RW);
    const start = at ?? from.pos;
    const toStart = toAt ?? to.pos;
    if (start < 0 || toStart < 0) return -EOVERFLOW;
    const a = from.inode.attr();
    if (typeof a !== 'number') n = Math.max(0, Math.min(n, a.size - start));
    if (from.inode === to.inode && start < toStart + n && toStart < start + n && n > 0) return -EINVAL;
    const r = told(from, to, copyOut(task, from, to, n, start, toStart));
    if (typeof r !== 'number' || r < 0) return r;
    if (at === null) from.pos = start + r;
    else if (!task.mm.writeI64(inOffset, at + r)) return -EFAULT;
    if (toAt === null) to.pos = toStart + r;
    else if (!task.mm.writeI64(outOffset, toAt + r)) return -EFAULT;
    return r;
  },
);

export const rows = [sendfile, copyFileRange];
