// Pipes and FIFOs (pipe(7), fifo(7)): a ring of bytes with a count of readers and writers. Both the unnamed
// ones of pipe2 and the named ones of mknod use it; the host's end of a program's standard streams, too.

import { EAGAIN, EBUSY, EFAULT, EINVAL, ENOTTY, ENXIO, EPERM, EPIPE } from '../../abi/errno.ts';
import { O_ACCMODE, O_DIRECT, O_NONBLOCK, O_RDONLY, O_WRONLY } from '../../abi/fcntl.ts';
import { POLL as BAND } from '../../abi/signal.ts';
import { S_IFIFO } from '../../abi/stat.ts';
import { charge, type KernelHeap, uncharge } from '../heap.ts';
import type { Kernel } from '../kernel.ts';
import { signalTask, userInfo } from '../task/signals.ts';
import type { Task } from '../task/types.ts';
import { freshAttr, withoutBlocks } from '../vfs/attr.ts';
import { newFile } from '../vfs/file.ts';
import { anonymousDev, now, vfsOf } from '../vfs/state.ts';
import { noteRead } from '../vfs/times.ts';
import type { FileOps, FileSystem, Inode, OpenFile } from '../vfs/types.ts';
import { type Block, block, type WaitQueue, waitQueue, wake } from '../wait.ts';

/** Writes of up to this many bytes are atomic. */
export const PIPE_BUF = 4096;
const NOTHING = new Uint8Array(0);
const DEFAULT_CAPACITY = 65536;
const MAX_CAPACITY = 1 << 20;

const POLLIN = 0x1;
const POLLOUT = 0x4;
const POLLERR = 0x8;
const POLLHUP = 0x10;
const POLLRDNORM = 0x40;
const POLLWRNORM = 0x100;
const SIGPIPE = 13;
const FIONREAD = 0x541b;

/** Bytes that were written together as a packet, or a stretch of plain ones. */
interface Piece {
  bytes: number;
  readonly packet: boolean;
}

/** The state of one pipe. `data` grows up to `capacity`; the bytes are data[head, head + used) modulo its length. */
export interface Pipe {
  data: Uint8Array;
  head: number;
  used: number;
  capacity: number;
  /** How the bytes are divided while there are packets among them (O_DIRECT); null for a plain stream. */
  pieces: Piece[] | null;
  readers: number;
  writers: number;
  /** Opens of either end so far: a FIFO's open waits for the other end to have come, even if it left again. */
  readerOpens: number;
  writerOpens: number;
  /** Waiting for bytes or for the last writer to leave; for room or the last reader to leave. */
  readonly toRead: WaitQueue;
  readonly toWrite: WaitQueue;
  /** Where `data` is charged; null for pipes of the machine's own. */
  readonly heap: KernelHeap | null;
}

export const newPipe = (heap: KernelHeap | null = null): Pipe => ({
  data: NOTHING,
  head: 0,
  used: 0,
  capacity: DEFAULT_CAPACITY,
  pieces: null,
  readers: 0,
  writers: 0,
  readerOpens: 0,
  writerOpens: 0,
  toRead: waitQueue(),
  toWrite: waitQueue(),
  heap,
});

/** False when there is no memory for it; the first page of a pipe is there always. */
const resize = (p: Pipe, size: number): boolean => {
  const more = size - p.data.length;
  if (p.heap !== null && (size <= PIPE_BUF || !charge(p.heap, more))) {
    if (size > PIPE_BUF && more > 0) return false;
    p.heap.used += more;
  }
  const next = new Uint8Array(size);
  peek(p, next, 0, p.used);
  p.data = next;
  p.head = 0;
  return true;
};

/** Nobody has it open any more: what is left in it is lost. */
const dropData = (p: Pipe): void => {
  if (p.readers > 0 || p.writers > 0) return;
  if (p.heap !== null) uncharge(p.heap, p.data.length);
  p.data = NOTHING;
  p.head = 0;
  p.used = 0;
  p.pieces = null;
};

const peek = (p: Pipe, into: Uint8Array, at: number, n: number): void => {
  const first = Math.min(n, p.data.length - p.head);
  into.set(p.data.subarray(p.head, p.head + first), at);
  if (n > first) into.set(p.data.subarray(0, n - first), at + first);
};

/** Takes up to n bytes out; wakes writers. */
export const takeBytes = (p: Pipe, into: Uint8Array, at: number, n: number): number => {
  const k = Math.min(n, p.used);
  if (k === 1) into[at] = p.data[p.head] as number;
  else peek(p, into, at, k);
  p.used -= k;
  if (p.pieces !== null) dropPieces(p, k);
  p.head = p.used === 0 ? 0 : (p.head + k) % p.data.length;
  if (p.toWrite.waiters.size > 0) wake(p.toWrite);
  return k;
};

const dropPieces = (p: Pipe, n: number): void => {
  const { pieces } = p;
  let left = n;
  while (pieces !== null && left > 0) {
    const first = pieces[0] as Piece;
    const k = Math.min(first.bytes, left);
    first.bytes -= k;
    left -= k;
    if (first.bytes === 0) pieces.shift();
  }
  if (pieces?.length === 0) p.pieces = null;
};

/** Counts k bytes, of which `used` knows already, at the end. */
const addPiece = (p: Pipe, k: number, packet: boolean): void => {
  p.pieces ??= p.used > k ? [{ bytes: p.used - k, packet: false }] : [];
  const last = p.pieces.at(-1);
  if (!packet && last?.packet === false) last.bytes += k;
  else p.pieces.push({ bytes: k, packet });
};

/** Takes what one read gets: no more than a packet, whose rest is lost. */
const takePiece = (p: Pipe, pieces: readonly Piece[], into: Uint8Array, at: number, n: number): number => {
  const { bytes, packet } = pieces[0] as Piece;
  const k = takeBytes(p, into, at, Math.min(n, bytes));
  if (packet && k < bytes) takeBytes(p, new Uint8Array(bytes - k), 0, bytes - k);
  return k;
};

/** A packet takes a page's place, however short it is. */
const roomOf = (p: Pipe): number => {
  const room = p.capacity - p.used;
  return p.pieces === null ? room : Math.min(room, p.capacity - p.pieces.length * PIPE_BUF);
};

/** Puts up to n bytes in, as many as fit; wakes readers. */
export const putBytes = (p: Pipe, from: Uint8Array, at: number, n: number, packet = false): number => {
  const k = Math.min(n, roomOf(p));
  if (k <= 0) return 0;
  if (p.used + k > p.data.length) {
    let size = Math.max(p.data.length, PIPE_BUF);
    while (size < p.used + k) size *= 2;
    if (!resize(p, Math.min(size, p.capacity))) {
      // Memory is short: the pipe stays as small as it is, as those of a user with very many do.
      if (p.data.length < PIPE_BUF) resize(p, PIPE_BUF);
      p.capacity = p.data.length;
      return putBytes(p, from, at, n, packet);
    }
  }
  const tail = (p.head + p.used) % p.data.length;
  if (k === 1) p.data[tail] = from[at] as number;
  else {
    const first = Math.min(k, p.data.length - tail);
    p.data.set(from.subarray(at, at + first), tail);
    if (k > first) p.data.set(from.subarray(at + first, at + k), 0);
  }
  p.used += k;
  if (packet || p.pieces !== null) addPiece(p, k, packet);
  if (p.toRead.waiters.size > 0) wake(p.toRead);
  return k;
};

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
    if (p.used > 0) {
      noteRead(file);
      return p.pieces !== null ? takePiece(p, p.pieces, buf, at, n) : takeBytes(p, buf, at, n);
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
    // Up to PIPE_BUF bytes go in whole or not at all. A reader outside the machine takes what it is woken for at
    // once, before this write could wait for the room that it makes.
    const packet = (file.flags & O_DIRECT) !== 0;
    const least = packet ? PIPE_BUF : n <= PIPE_BUF ? n : 1;
    while (roomOf(p) >= least) {
      const k = packet ? Math.min(n - total, PIPE_BUF) : n - total;
      total += putBytes(p, buf, at + total, k, packet);
      if (total === n) {
        file.inode.modified?.();
        return n;
      }
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
      if (p.used > 0) events |= POLLIN | POLLRDNORM;
      if (p.writers === 0 && p.writerOpens !== before) events |= POLLHUP;
    }
    if (writes(file.flags)) {
      if (roomOf(p) >= PIPE_BUF) events |= POLLOUT | POLLWRNORM;
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
        reason: () => (p.used > 0 || gone(p.writers, p.writerOpens) ? BAND.POLL_IN : 0),
      });
    if (writes(file.flags))
      queues.push({
        queue: p.toWrite,
        reason: () => (roomOf(p) > 0 || gone(p.readers, p.readerOpens) ? BAND.POLL_OUT : 0),
      });
    return queues;
  },
  ioctl(task, _file, request, arg) {
    if (request !== FIONREAD) return -ENOTTY;
    return task.mm.writeU32(arg, p.used) ? 0 : -EFAULT;
  },
  ready: () => p.pieces?.[0]?.bytes ?? p.used,
  release(file) {
    if (reads(file.flags)) dropReader(p);
    if (writes(file.flags)) dropWriter(p);
  },
});

const pipes = new WeakMap<object, Pipe>();
/** The pipe behind a description, for fcntl(F_SETPIPE_SZ) and splice; undefined for other files. */
export const pipeOf = (file: OpenFile): Pipe | undefined => pipes.get(file.ops);

/** fcntl(F_SETPIPE_SZ): the new capacity, or -errno. */
export const setCapacity = (p: Pipe, bytes: number): number => {
  if (bytes < 0 || bytes > 2 ** 31) return -EINVAL;
  let size = PIPE_BUF;
  while (size < bytes) size *= 2;
  if (size > MAX_CAPACITY) return -EPERM;
  if (size < p.used) return -EBUSY;
  p.capacity = size;
  if (p.data.length > size) resize(p, size);
  wake(p.toWrite);
  return size;
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
