// The ends of calls that move bytes between descriptors: a file's into the slots of a pipe, bytes into whatever takes some.

import { EAGAIN, EINVAL } from '../../abi/errno.ts';
import { O_NONBLOCK } from '../../abi/fcntl.ts';
import { IN } from '../../abi/inotify.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../abi/stat.ts';
import { awaitRoom, pipeOf } from '../fs/pipe.ts';
import { type Pipe, putForeign } from '../fs/pipe-ring.ts';
import { PAGE } from '../mm/layout.ts';
import { socketOf } from '../net/types.ts';
import type { Task } from '../task/types.ts';
import { notifyFile } from '../vfs/notify.ts';
import { readBytes, writeBytes } from '../vfs/transfer.ts';
import type { OpenFile } from '../vfs/types.ts';
import { isBlock, type Result } from '../wait.ts';

/** The offset behind a pointer, null for NULL (the file's own position); undefined when it cannot be read. */
export const offsetAt = (task: Task, at: number): number | null | undefined =>
  at === 0 ? null : (task.mm.readI64(at) ?? undefined);

/** Whether reading or writing a file moves on in it: devices stay where they are. */
export const moves = ({ inode }: OpenFile): boolean => {
  const a = inode.attr();
  return typeof a !== 'number' && (a.mode & S_IFMT) === S_IFREG;
};

/** Tells who watches either file of what has gone from one to the other. */
export const told = (from: OpenFile, to: OpenFile, r: Result): Result => {
  if (typeof r === 'number' && r > 0) {
    notifyFile(from, IN.IN_ACCESS);
    notifyFile(to, IN.IN_MODIFY);
  }
  return r;
};

/** Writes what goes without waiting; only a target that takes nothing blocks. */
export const writeSome = (task: Task, to: OpenFile, buf: Uint8Array, n: number, at: number): Result => {
  const nonblocking = (to.flags & O_NONBLOCK) !== 0;
  if (nonblocking || to.ops.seekable === true) return writeBytes(task, to, buf, 0, n, at);
  // A blocking stream would go on with its part later; here the caller decides what is next.
  if (socketOf(to) !== undefined) return sendSome(task, to, buf, n);
  return writeBytes(task, to, buf, 0, n, at);
};

/** As if the socket did not wait; only when it takes nothing does it. */
const sendSome = (task: Task, to: OpenFile, buf: Uint8Array, n: number): Result => {
  to.flags |= O_NONBLOCK;
  const w = writeBytes(task, to, buf, 0, n, -1);
  to.flags &= ~O_NONBLOCK;
  return w === -EAGAIN ? writeBytes(task, to, buf, 0, n, -1) : w;
};

/** Directories are not read, pipes give their slots (splice), and what files without a name tell (timers, events) is not a stream of bytes. */
const hasBytes = (task: Task, file: OpenFile): boolean => {
  const { inode, ops } = file;
  const a = inode.attr();
  const directory = typeof a !== 'number' && (a.mode & S_IFMT) === S_IFDIR;
  return (
    ops.read !== undefined && !directory && pipeOf(file) === undefined && inode !== task.kernel.anonymousInode
  );
};

/** What a stream gives at once. */
const CHUNK = 1 << 16;

/**
 * Moves up to n bytes from a file to a pipe, as many as there are slots for: each page of a file takes one, and what
 * other files give does so by pages from its start. `at` is the file's position, -1 for its own.
 */
export const intoPipe = (
  task: Task,
  from: OpenFile,
  p: Pipe,
  n: number,
  at: number,
  nonblock: boolean,
): Result => {
  const wait = awaitRoom(task, p, nonblock);
  if (isBlock(wait) || wait < 0) return wait;
  if (n === 0) return 0;
  if (!hasBytes(task, from)) return -EINVAL;
  const seekable = from.ops.seekable === true;
  const start = at < 0 ? from.pos : at;
  const lead = from.inode.pages === undefined ? 0 : start % PAGE;
  const most = Math.min(n, (p.slots - p.count) * PAGE - lead);
  const buf = new Uint8Array(seekable ? most : Math.min(most, CHUNK));
  const was = from.flags;
  if (nonblock && socketOf(from) !== undefined) from.flags |= O_NONBLOCK;
  const r = readBytes(task, from, buf, 0, buf.length, seekable ? start : -1);
  from.flags = was;
  if (typeof r !== 'number' || r <= 0) return r;
  let done = 0;
  while (done < r) {
    const k = Math.min(PAGE - (done === 0 ? lead : 0), r - done);
    if (!putForeign(p, buf, done, k)) break;
    done += k;
  }
  if (seekable && at < 0 && moves(from)) from.pos = start + done;
  return done;
};
