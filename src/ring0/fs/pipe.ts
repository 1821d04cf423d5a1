// Pipes and FIFOs (pipe(7), fifo(7)) as files: their two ends, who has them open, and what their calls do with the
// ring of slots between them (pipe-ring.ts). Both the unnamed ones of pipe2 and the named ones of mknod are here; the
// host's end of a program's standard streams, too.

import { EAGAIN, EBUSY, EFAULT, EINVAL, ENOMEM, ENOTTY, ENXIO, EPERM, EPIPE } from '../../abi/errno.ts';
import { O_ACCMODE, O_DIRECT, O_NONBLOCK, O_RDONLY, O_WRONLY } from '../../abi/fcntl.ts';
import { POLL as BAND } from '../../abi/signal.ts';
import { S_IFIFO } from '../../abi/stat.ts';
import type { Kernel } from '../kernel.ts';
import { PAGE } from '../mm/layout.ts';
import { capable } from '../task/creds.ts';
import { signalTask, userInfo } from '../task/signals.ts';
import type { Task } from '../task/types.ts';
import { freshAttr, withoutBlocks } from '../vfs/attr.ts';
import { newFile } from '../vfs/file.ts';
import { anonymousDev, now, vfsOf } from '../vfs/state.ts';
import { noteRead } from '../vfs/times.ts';
import type { FileOps, FileSystem, Inode, OpenFile } from '../vfs/types.ts';
import { type Block, block, type Result, wake } from '../wait.ts';
import {
  dropData,
  isFull,
  MAX_SLOTS,
  mergeBytes,
  newPipe,
  type Pipe,
  putPages,
  readable,
  resizeRing,
  takeRead,
} from './pipe-ring.ts';

const POLLIN = 0x1;
const POLLOUT = 0x4;
const POLLERR = 0x8;
const POLLHUP = 0x10;
const POLLRDNORM = 0x40;
const POLLWRNORM = 0x100;
const SIGPIPE = 13;
const FIONREAD = 0x541b;

const reads = (flags: number): boolean => (flags & O_ACCMODE) !== O_WRONLY;
const writes = (flags: number): boolean => (flags & O_ACCMODE) !== O_RDONLY;

export const addReader = (p: Pipe): void => {
  p.readers++;
  p.readerOpens++;
  wake(p.toWrite);
};
export const addWriter = (p: Pipe): void => {
  p.writers++;
  p.writerOpens++;
  wake(p.toRead);
};
export const dropReader = (p: Pipe): void => {
  p.readers--;
  wake(p.toWrite);
  dropData(p);
};
export const dropWriter = (p: Pipe): void => {
  p.writers--;
  wake(p.toRead);
  dropData(p);
};

/** Whether a call that moves slots may go on: 0 when one is free, else it waits, or hears that nobody reads. */
export const awaitRoom = (task: Task, p: Pipe, nonblock: boolean): Result => {
  if (p.readers === 0) {
    signalTask(task, userInfo(task, SIGPIPE));
    return -EPIPE;
  }
  if (!isFull(p)) return 0;
  return nonblock ? -EAGAIN : block([p.toWrite], 'restart');
};

/** The same for one that takes them: 0 when there is one, or will never be. */
export const awaitBytes = (p: Pipe, nonblock: boolean): Result => {
  if (p.count > 0 || p.writers === 0) return 0;
  return nonblock ? -EAGAIN : block([p.toRead], 'restart');
};

/** Bytes already written by a write that had to wait for room. */
interface WriteState {
  readonly done: number;
}

/**
 * Operations of a pipe's ends; which end a description is follows from its access mode. Writers that had come and gone
 * by `before` opens do not count as hung up.
 */
export const pipeOps = (p: Pipe, before = 0): FileOps => ({
  read(_task, file, buf, at, n) {
    if (n === 0) return 0;
    if (p.count > 0) {
      noteRead(file);
      return takeRead(p, buf, at, n);
    }
    if (p.writers === 0) return 0;
    if (file.flags & O_NONBLOCK) return -EAGAIN;
    return block([p.toRead], 'restart');
  },
  write(task, file, buf, at, n) {
    // Nothing to write is no error, even when nobody reads.
    if (n === 0) return 0;
    const done = (task.resume as WriteState | undefined)?.done ?? 0;
    if (p.readers === 0) {
      if (done > 0) return done;
      signalTask(task, userInfo(task, SIGPIPE));
      return -EPIPE;
    }
    let total = done;
    // What joins the last page does so before anything is waited for. A reader outside the machine takes what it is
    // woken for at once, before this write could wait for the room that it makes.
    const packet = (file.flags & O_DIRECT) !== 0;
    if (task.resume === undefined) total += mergeBytes(p, buf, at, n);
    while (total < n && !isFull(p)) total += putPages(p, buf, at + total, n - total, packet);
    if (total === n) {
      file.inode.modified?.();
      return n;
    }
    if (total > done) file.inode.modified?.();
    if (file.flags & O_NONBLOCK) return total > 0 ? total : -EAGAIN;
    const state: WriteState = { done: total };
    const wait = block([p.toWrite], 'restart', null, state);
    return total > 0 ? { ...wait, partial: total } : wait;
  },
  poll(_task, file) {
    let events = 0;
    if (reads(file.flags)) {
      if (p.count > 0) events |= POLLIN | POLLRDNORM;
      if (p.writers === 0 && p.writerOpens !== before) events |= POLLHUP;
    }
    if (writes(file.flags)) {
      if (!isFull(p)) events |= POLLOUT | POLLWRNORM;
      if (p.readers === 0) events |= POLLERR;
    }
    return events;
  },
  pollQueues: (file) =>
    reads(file.flags) && writes(file.flags)
      ? [p.toRead, p.toWrite]
      : reads(file.flags)
        ? [p.toRead]
        : [p.toWrite],
  asyncQueues(file) {
    const queues = [];
    const gone = (n: number, opens: number): boolean => n === 0 && opens > 0;
    if (reads(file.flags))
      queues.push({
        queue: p.toRead,
        reason: () => (p.count > 0 || gone(p.writers, p.writerOpens) ? BAND.POLL_IN : 0),
      });
    if (writes(file.flags))
      queues.push({
        queue: p.toWrite,
        reason: () => (!isFull(p) || gone(p.readers, p.readerOpens) ? BAND.POLL_OUT : 0),
      });
    return queues;
  },
  ioctl(task, _file, request, arg) {
    if (request !== FIONREAD) return -ENOTTY;
    return task.mm.writeU32(arg, p.used) ? 0 : -EFAULT;
  },
  ready: (_file, most) => readable(p, most),
  release(file) {
    if (reads(file.flags)) dropReader(p);
    if (writes(file.flags)) dropWriter(p);
  },
});

const pipes = new WeakMap<object, Pipe>();
/** The pipe behind a description, for fcntl(F_SETPIPE_SZ) and splice; undefined for other files. */
export const pipeOf = (file: OpenFile): Pipe | undefined => pipes.get(file.ops);

/** Bytes as a pipe has them: a power of two pages. */
export const pipeSize = (bytes: number): number => {
  let size = PAGE;
  while (size < bytes) size *= 2;
  return size;
};

/** fcntl(F_SETPIPE_SZ): the new size in bytes, a power of two pages, or -errno. */
export const setCapacity = (task: Task, p: Pipe, bytes: number): number => {
  if (bytes < 0 || bytes > 2 ** 31) return -EINVAL;
  const size = pipeSize(bytes);
  const slots = size / PAGE;
  if (
    slots > p.slots &&
    size > task.kernel.settings['fs/pipe-max-size'] &&
    !capable(task, 'CAP_SYS_RESOURCE')
  )
    return -EPERM;
  if (slots > MAX_SLOTS) return -ENOMEM;
  return resizeRing(p, slots) ? size : -EBUSY;
};

const opsFor = (p: Pipe, before = 0): FileOps => {
  const ops = pipeOps(p, before);
  pipes.set(ops, p);
  return ops;
};

/** The file system of unnamed pipes; its inodes have no names. */
const pipeFs = (kernel: Kernel): FileSystem & { next: number } => {
  const vfs = vfsOf(kernel) as ReturnType<typeof vfsOf> & { pipes?: FileSystem & { next: number } };
  vfs.pipes ??= {
    type: 'pipefs',
    dev: anonymousDev(kernel),
    readonly: false,
    next: 1,
    get root(): Inode {
      throw new Error('pipefs has no root');
    },
    statfs: () => withoutBlocks(0x50495045),
  };
  return vfs.pipes;
};

/** The two ends of a new pipe: [read end, write end]. `flags` may have O_NONBLOCK, and O_DIRECT for packets. */
export const makePipe = (kernel: Kernel, uid: number, gid: number, flags = 0): [OpenFile, OpenFile, Pipe] => {
  const fs = pipeFs(kernel);
  const p = newPipe(kernel.heap);
  const attr = freshAttr({ ino: fs.next++, mode: S_IFIFO | 0o600, uid, gid, rdev: 0 }, now(kernel));
  const ops = opsFor(p);
  const inode: Inode = {
    fs,
    attr: () => attr,
    setattr(change) {
      Object.assign(attr, change);
      attr.mode = S_IFIFO | (attr.mode & 0o7777);
      return 0;
    },
    // Opened again through /proc/self/fd/N.
    open(_task, again) {
      if (reads(again)) addReader(p);
      if (writes(again)) addWriter(p);
      return ops;
    },
  };
  addReader(p);
  addWriter(p);
  const label = `pipe:[${attr.ino}]`;
  return [
    newFile(inode, null, ops, O_RDONLY | (flags & ~O_DIRECT), label),
    newFile(inode, null, ops, O_WRONLY | flags, label),
    p,
  ];
};

/** A FIFO's open waits for the other end; the state says how many opens of it there had been. */
interface OpenState {
  readonly seen: number;
}

const fifos = new WeakMap<Inode, Pipe>();

const openFifo = (task: Task, inode: Inode, flags: number): FileOps | number | Block => {
  let p = fifos.get(inode);
  if (!p) {
    p = newPipe(task.kernel.heap);
    fifos.set(inode, p);
  }
  const ops = opsFor(p);
  const waited = task.resume as OpenState | undefined;
  const r = reads(flags);
  const w = writes(flags);
  if (r && w) {
    addReader(p);
    addWriter(p);
    return ops;
  }
  if (r) {
    // The end counts from the start of the wait, so that both sides meet.
    if (!waited) addReader(p);
    if (p.writers > 0) return ops;
    if (flags & O_NONBLOCK) return opsFor(p, p.writerOpens);
    if (waited && p.writerOpens > waited.seen) return ops;
    const state: OpenState = { seen: waited?.seen ?? p.writerOpens };
    return { ...block([p.toRead], 'restart', null, state), undo: () => dropReader(p) };
  }
  if (!waited) {
    if (p.readers === 0 && flags & O_NONBLOCK) return -ENXIO;
    addWriter(p);
  }
  if (p.readers > 0 || (waited && p.readerOpens > waited.seen)) return ops;
  const state: OpenState = { seen: waited?.seen ?? p.readerOpens };
  return { ...block([p.toWrite], 'restart', null, state), undo: () => dropWriter(p) };
};

/** Makes FIFOs openable on this machine. */
export const registerFifos = (kernel: Kernel): void => {
  vfsOf(kernel).fifo = (task, inode, flags) => openFifo(task, inode, flags);
};
