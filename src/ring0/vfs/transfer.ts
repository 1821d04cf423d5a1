// Moving bytes between a program's memory and an open file: read and write with their vectors, and copies from
// file to file. A transfer that lies in one page goes straight to physical memory.

import { EBADF, EFAULT, EINVAL } from '../../abi/errno.ts';
import { O_APPEND } from '../../abi/fcntl.ts';
import { IN } from '../../abi/inotify.ts';
import { TASK_SIZE } from '../mm/layout.ts';
import type { Task } from '../task/types.ts';
import { type Block, isBlock, type Result } from '../wait.ts';
import { canRead, canWrite, fileSizeLimit } from './file.ts';
import { notifyFile } from './notify.ts';
import { PAGE_SIZE } from './pagecache.ts';
import type { OpenFile } from './types.ts';

/** Most bytes a call transfers (MAX_RW_COUNT). */
export const MAX_RW = 0x7ffff000;
/** Bytes a stream gets at once when they have to be copied. */
const CHUNK = 1 << 18;
/** Bytes that a stream is asked for which does not say how many it has. */
const READ_CHUNK = 1 << 16;
const NOTHING = new Uint8Array(0);

const sizeOf = (file: OpenFile): number => {
  const a = file.inode.attr();
  return typeof a === 'number' ? 0 : a.size;
};

/** Reads into memory. `at` is the position, or -1 for the file's own, which then advances. */
export const readFile = (task: Task, file: OpenFile, addr: number, count: number, at: number): Result => {
  const r = readTo(task, file, addr, count, at);
  if (typeof r === 'number' && r > 0) notifyFile(file, IN.IN_ACCESS);
  return r;
};

/** The same, untold to those who watch the file. */
const readTo = (task: Task, file: OpenFile, addr: number, count: number, at: number): Result => {
  const { ops } = file;
  if (!canRead(file)) return -EBADF;
  if (ops.read === undefined) return -EINVAL;
  if (count >= TASK_SIZE) return -EFAULT;
  const n = Math.min(count, MAX_RW);
  if (ops.readVector !== undefined) return ops.readVector(task, file, whole(addr, n));
  const seekable = ops.seekable === true;
  const pos = seekable ? (at < 0 ? file.pos : at) : -1;
  const { mm } = task;
  let r: Result;
  const phys = n > 0 ? mm.direct(addr, n, true) : -1;
  if (phys >= 0) r = ops.read(task, file, mm.bytes(), phys, n, pos);
  else if (n === 0) r = ops.read(task, file, NOTHING, 0, 0, pos);
  else r = seekable ? readPages(task, file, addr, n, pos) : readStream(task, file, addr, n);
  if (typeof r === 'number' && r > 0 && at < 0 && seekable) file.pos = pos + r;
  return r;
};

/** Page by page; short at the end of the file or of accessible memory. */
const readPages = (task: Task, file: OpenFile, addr: number, n: number, pos: number): Result => {
  const { ops } = file;
  const { mm } = task;
  let done = 0;
  while (done < n) {
    const to = addr + done;
    const k = Math.min(PAGE_SIZE - (to % PAGE_SIZE), n - done);
    const phys = mm.direct(to, k, true);
    let r: Result;
    if (phys >= 0) r = ops.read?.(task, file, mm.bytes(), phys, k, pos + done) ?? -EINVAL;
    else {
      const scratch = new Uint8Array(k);
      r = ops.read?.(task, file, scratch, 0, k, pos + done) ?? -EINVAL;
      if (typeof r === 'number' && r > 0) {
        const put = mm.writeSome(to, scratch, 0, r);
        if (put < r) return done + put > 0 ? done + put : -EFAULT;
      }
    }
    if (typeof r !== 'number' || r < 0) return done > 0 ? done : r;
    done += r;
    if (r < k) break;
  }
  return done;
};

/** How many bytes from the start of a vector can be written to, out of `n`. */
const writable = (task: Task, list: readonly IoVec[], n: number): number => {
  let done = 0;
  for (const { base, length } of list) {
    const end = base + Math.min(length, n - done);
    for (let at = base; at < end; ) {
      if (task.mm.direct(at, 1, true) < 0) return done;
      const k = Math.min(PAGE_SIZE - (at % PAGE_SIZE), end - at);
      at += k;
      done += k;
    }
    if (done === n) break;
  }
  return done;
};

/**
 * How many bytes to ask a stream for, or -EFAULT. What it has and memory cannot take stays there, buffer by buffer, each of
 * which is copied as a whole or not.
 */
const takes = (task: Task, file: OpenFile, list: readonly IoVec[], n: number): number => {
  // One read empties a pipe, however much it has been made to hold.
  const held = file.ops.ready?.(file, Number.POSITIVE_INFINITY) ?? 0;
  const most = Math.min(n, Math.max(held, READ_CHUNK));
  const there = Math.min(held, most);
  if (there === 0) return most;
  const room = writable(task, list, there);
  if (room >= there) return most;
  const whole = file.ops.ready?.(file, room) ?? 0;
  return whole === 0 ? -EFAULT : whole;
};

const readStream = (task: Task, file: OpenFile, addr: number, n: number): Result => {
  const wanted = takes(task, file, [{ base: addr, length: n }], n);
  if (wanted < 0) return wanted;
  const scratch = new Uint8Array(wanted);
  const r = file.ops.read?.(task, file, scratch, 0, scratch.length, -1) ?? -EINVAL;
  if (typeof r !== 'number' || r <= 0) return r;
  const put = task.mm.writeSome(addr, scratch, 0, r);
  return put === 0 ? -EFAULT : put;
};

/** Where a write goes: the given position, the file's own, or its end. */
const writePosition = (file: OpenFile, at: number): number => {
  if (file.ops.seekable !== true) return -1;
  if (file.flags & O_APPEND) return sizeOf(file);
  return at < 0 ? file.pos : at;
};

/** Writes from memory; `at` as for readFile. */
export const writeFile = (task: Task, file: OpenFile, addr: number, count: number, at: number): Result => {
  const r = writeFrom(task, file, addr, count, at);
  if (typeof r === 'number' && r > 0) notifyFile(file, IN.IN_MODIFY);
  return r;
};

const writeFrom = (task: Task, file: OpenFile, addr: number, count: number, at: number): Result => {
  const { ops } = file;
  if (!canWrite(file)) return -EBADF;
  if (ops.write === undefined) return -EINVAL;
  if (count >= TASK_SIZE) return -EFAULT;
  let n = Math.min(count, MAX_RW);
  if (ops.exactly !== undefined && n !== ops.exactly) return -EINVAL;
  if (ops.writeVector !== undefined) return ops.writeVector(task, file, whole(addr, n));
  const pos = writePosition(file, at);
  if (file.inode.pages !== undefined) {
    if (n === 0) return 0;
    n = fileSizeLimit(task, pos, n);
    if (n < 0) return n;
  }
  const { mm } = task;
  let r: Result;
  const phys = n > 0 ? mm.direct(addr, n, false) : -1;
  if (phys >= 0) r = ops.write(task, file, mm.bytes(), phys, n, pos);
  else if (n === 0 || ops.unread === true) r = ops.write(task, file, NOTHING, 0, n, pos);
  else r = pos >= 0 ? writePages(task, file, addr, n, pos) : writeStream(task, file, addr, n);
  if (typeof r === 'number' && r > 0 && at < 0 && pos >= 0) file.pos = pos + r;
  return r;
};

const writePages = (task: Task, file: OpenFile, addr: number, n: number, pos: number): Result => {
  const { ops } = file;
  const { mm } = task;
  let done = 0;
  while (done < n) {
    const from = addr + done;
    const k = Math.min(PAGE_SIZE - (from % PAGE_SIZE), n - done);
    const phys = mm.direct(from, k, false);
    let r: Result;
    if (phys >= 0) r = ops.write?.(task, file, mm.bytes(), phys, k, pos + done) ?? -EINVAL;
    else {
      const scratch = new Uint8Array(k);
      const got = mm.readInto(from, scratch, 0, k);
      if (got === 0) return done > 0 ? done : -EFAULT;
      r = ops.write?.(task, file, scratch, 0, got, pos + done) ?? -EINVAL;
    }
    if (typeof r !== 'number' || r < 0) return done > 0 ? done : r;
    done += r;
    if (r < k) break;
  }
  return done;
};

/** How far a long write to a stream has come, and what its last piece waits with. */
interface StreamState {
  readonly sent: number;
  readonly inner: unknown;
}

const isStreamState = (s: unknown): s is StreamState => typeof s === 'object' && s !== null && 'sent' in s;

/** Hands a stream `n` bytes that `fetch` copies in; in pieces when they are many. */
const sendStream = (
  task: Task,
  file: OpenFile,
  n: number,
  fetch: (into: Uint8Array, from: number) => number,
): Result => {
  let sent = 0;
  if (isStreamState(task.resume)) {
    sent = task.resume.sent;
    task.resume = task.resume.inner;
  }
  while (sent < n) {
    const piece = new Uint8Array(Math.min(CHUNK, n - sent));
    const got = fetch(piece, sent);
    if (got === 0) return sent > 0 ? sent : -EFAULT;
    const r = file.ops.write?.(task, file, piece, 0, got, -1) ?? -EINVAL;
    task.resume = undefined;
    if (isBlock(r)) return n <= CHUNK ? r : waiting(r, sent);
    if (r < 0) return sent > 0 ? sent : r;
    sent += r;
    if (r < piece.length) break;
  }
  return sent;
};

const waiting = (b: Block, sent: number): Block => {
  const partial = sent + (b.partial ?? 0);
  const state: StreamState = { sent, inner: b.state };
  return partial > 0 ? { ...b, state, partial } : { ...b, state };
};

const writeStream = (task: Task, file: OpenFile, addr: number, n: number): Result =>
  sendStream(task, file, n, (into, from) => task.mm.readInto(addr + from, into, 0, into.length));

export interface IoVec {
  readonly base: number;
  readonly length: number;
}

const whole = (base: number, length: number): IoVec[] => (length === 0 ? [] : [{ base, length }]);

const IOV_MAX = 1024;

/** The vector at an address, without its empty parts; -EINVAL or -EFAULT. */
export const readIoVec = (task: Task, addr: number, count: number): IoVec[] | number => {
  if (count < 0 || count > IOV_MAX) return -EINVAL;
  if (count === 0) return [];
  const raw = task.mm.read(addr, count * 16);
  if (raw === null) return -EFAULT;
  const dv = new DataView(raw.buffer, raw.byteOffset);
  const list: IoVec[] = [];
  let total = 0;
  for (let i = 0; i < count; i++) {
    const base = dv.getUint32(i * 16, true) + dv.getUint32(i * 16 + 4, true) * 4294967296;
    const given = dv.getUint32(i * 16 + 8, true) + dv.getInt32(i * 16 + 12, true) * 4294967296;
    if (given < 0) return -EINVAL;
    const length = Math.min(given, MAX_RW - total);
    total += length;
    if (length > 0) list.push({ base, length });
  }
  return list;
};

const total = (list: readonly IoVec[]): number => list.reduce((n, v) => n + v.length, 0);

export const readVector = (task: Task, file: OpenFile, list: readonly IoVec[], at: number): Result => {
  const r = readParts(task, file, list, at);
  // Unlike that of read, the end of a file is an access, too (vfs_readv of the kernel).
  if (typeof r === 'number' && r >= 0) notifyFile(file, IN.IN_ACCESS);
  return r;
};

const readParts = (task: Task, file: OpenFile, list: readonly IoVec[], at: number): Result => {
  const [first] = list;
  if (list.length <= 1) return readTo(task, file, first?.base ?? 0, first?.length ?? 0, at);
  if (file.ops.seekable === true) {
    let done = 0;
    for (const v of list) {
      const r = readTo(task, file, v.base, v.length, at < 0 ? -1 : at + done);
      if (typeof r !== 'number' || r < 0) return done > 0 ? done : r;
      done += r;
      if (r < v.length) break;
    }
    return done;
  }
  if (!canRead(file)) return -EBADF;
  if (file.ops.readVector !== undefined) return file.ops.readVector(task, file, list);
  const wanted = takes(task, file, list, total(list));
  if (wanted < 0) return wanted;
  const scratch = new Uint8Array(wanted);
  const r = file.ops.read?.(task, file, scratch, 0, scratch.length, -1) ?? -EINVAL;
  if (typeof r !== 'number' || r <= 0) return r;
  let done = 0;
  for (const v of list) {
    const k = Math.min(v.length, r - done);
    const put = k === 0 ? 0 : task.mm.writeSome(v.base, scratch, done, k);
    done += put;
    if (put < k) return done > 0 ? done : -EFAULT;
  }
  return done;
};

export const writeVector = (task: Task, file: OpenFile, list: readonly IoVec[], at: number): Result => {
  const r = writeParts(task, file, list, at);
  if (typeof r === 'number' && r > 0) notifyFile(file, IN.IN_MODIFY);
  return r;
};

const writeParts = (task: Task, file: OpenFile, list: readonly IoVec[], at: number): Result => {
  const [first] = list;
  if (list.length <= 1) return writeFrom(task, file, first?.base ?? 0, first?.length ?? 0, at);
  if (file.ops.seekable === true) {
    let done = 0;
    for (const v of list) {
      const r = writeFrom(task, file, v.base, v.length, at < 0 ? -1 : at + done);
      if (typeof r !== 'number' || r < 0) return done > 0 ? done : r;
      done += r;
      if (r < v.length) break;
    }
    return done;
  }
  if (!canWrite(file)) return -EBADF;
  if (file.ops.writeVector !== undefined) return file.ops.writeVector(task, file, list);
  // A pipe takes the parts as one write.
  return sendStream(task, file, total(list), (into, from) => {
    let skip = from;
    let got = 0;
    for (const v of list) {
      if (skip >= v.length) {
        skip -= v.length;
        continue;
      }
      const k = Math.min(v.length - skip, into.length - got);
      const n = task.mm.readInto(v.base + skip, into, got, k);
      got += n;
      if (n < k || got === into.length) break;
      skip = 0;
    }
    return got;
  });
};

/** Reads kernel-side bytes of a file (sendfile, splice), which the caller tells to watchers. `at` as for readFile. */
export const readBytes = (
  task: Task,
  file: OpenFile,
  buf: Uint8Array,
  from: number,
  n: number,
  at: number,
): Result => {
  if (!canRead(file)) return -EBADF;
  const seekable = file.ops.seekable === true;
  const pos = seekable ? (at < 0 ? file.pos : at) : -1;
  const r = file.ops.read?.(task, file, buf, from, n, pos) ?? -EINVAL;
  if (typeof r === 'number' && r > 0 && at < 0 && seekable) file.pos = pos + r;
  return r;
};

export const writeBytes = (
  task: Task,
  file: OpenFile,
  buf: Uint8Array,
  from: number,
  n: number,
  at: number,
): Result => {
  if (!canWrite(file)) return -EBADF;
  const pos = writePosition(file, at);
  let room = n;
  if (file.inode.pages !== undefined) {
    room = fileSizeLimit(task, pos, n);
    if (room < 0) return room;
  }
  const r = file.ops.write?.(task, file, buf, from, room, pos) ?? -EINVAL;
  if (typeof r === 'number' && r > 0 && at < 0 && pos >= 0) file.pos = pos + r;
  return r;
};
