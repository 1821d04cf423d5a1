// Messages between AF_UNIX sockets: what they cost, room for them, and who is woken. The sizes are those of Linux's
// socket buffers, because SO_SNDBUF, SIOCOUTQ and the number of messages until EAGAIN show them.

import { EAGAIN, ENOBUFS, EPIPE } from '../../../abi/errno.ts';
import { charge, uncharge } from '../../heap.ts';
import type { Task } from '../../task/types.ts';
import { type Result, wake } from '../../wait.ts';
import { waitFor } from '../wait.ts';
import { dropRights } from './rights.ts';
import { type Message, SENDING, type UnixSocket } from './types.ts';

const PAGE = 4096;
/** sizeof(struct sk_buff) and struct skb_shared_info, in cache lines. */
const SKB = 256;
const SHARED_INFO = 320;
/** Most bytes in the head of a buffer: of one page, and of four (SKB_MAX_HEAD, SKB_MAX_ALLOC). */
const PAGE_HEAD = PAGE - SHARED_INFO;
const LARGE_HEAD = 4 * PAGE - SHARED_INFO;
const MAX_FRAGS = 17;
/** A stream's send is cut into pieces of this size. */
export const STREAM_PIECE = PAGE_HEAD + 32768;

const pages = (n: number): number => Math.ceil(n / PAGE) * PAGE;
/** kmalloc gives powers of two. */
const headSize = (n: number): number => {
  const bytes = Math.max(Math.ceil(n / 64) * 64 + SHARED_INFO, 512);
  return SKB + 2 ** (32 - Math.clz32(bytes - 1));
};

export const streamSize = (n: number): number => {
  const data = Math.min(pages(Math.max(0, n - PAGE_HEAD)), n);
  return headSize(n - data) + pages(data);
};
export const datagramSize = (n: number): number => {
  const data = n > LARGE_HEAD ? pages(Math.min(n - LARGE_HEAD, MAX_FRAGS * PAGE)) : 0;
  return headSize(n - data) + data;
};

/** A pending error is told once. */
export const takeError = (u: UnixSocket): number => {
  const { error } = u;
  u.error = 0;
  return error;
};

export const writable = (u: UnixSocket): boolean => u.state !== 'listening' && u.wmem * 4 <= u.options.sndbuf;

/** Waits until another buffer may be sent: 0 then, a negated errno, or a Block. */
export const awaitRoom = (task: Task, u: UnixSocket, nonblock: boolean, done = 0): Result => {
  const error = takeError(u);
  if (error !== 0) return -error;
  if (u.shut & SENDING) return -EPIPE;
  if (u.wmem < u.options.sndbuf) return 0;
  if (nonblock) return -EAGAIN;
  const r = waitFor(task, u.toWrite, u.options.sndtimeo, done);
  return r === done && done > 0 ? -EAGAIN : r;
};

/** Charges a message of so many bytes: false when kernel memory is out (ENOBUFS). */
const charged = (u: UnixSocket, size: number): boolean => {
  if (!charge(u.kernel.heap, size)) return false;
  u.wmem += size;
  return true;
};

/** Puts a message at the end of a queue; -ENOBUFS when kernel memory is out. */
export const enqueue = (to: UnixSocket, m: Message): number => {
  if (!charged(m.owner, m.size)) return -ENOBUFS;
  to.queue.push(m);
  wake(to.readable);
  return 0;
};

/** Its memory is free again. */
export const freeMessage = (m: Message): void => {
  const { owner } = m;
  uncharge(owner.kernel.heap, m.size);
  owner.wmem -= m.size;
  if (!owner.dead && writable(owner)) wake(owner.writable);
};

/** Whether one more datagram has to wait for its reader. */
export const queueFull = (u: UnixSocket): boolean => u.queue.length > u.backlog;

/** Takes message i out of the queue; those who wait for room hear of it. */
export const dequeue = (u: UnixSocket, i: number): void => {
  const full = queueFull(u);
  const [m] = u.queue.splice(i, 1);
  if (m !== undefined) freeMessage(m);
  if (!full || queueFull(u)) return;
  wake(u.room);
  for (const s of u.senders) wake(s.writable);
};

/** Everything that lies there is lost. */
export const purge = (u: UnixSocket): void => {
  u.oob = null;
  for (const m of u.queue.splice(0)) {
    if (m.rights !== null) dropRights(u.kernel, m.rights);
    m.rights = null;
    freeMessage(m);
  }
  wake(u.room);
  for (const s of u.senders) wake(s.writable);
};
