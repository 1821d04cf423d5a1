// What is in a pipe: a ring of slots, each with a page that bytes were written to (pipe(7)). A write of less than a page
// joins the page written last if that has room for all of it; else each page's worth takes a slot, however short it
// is, and a pipe is full when no slot is free. The bytes themselves are in one ring, in the order of the slots.

import { charge, type KernelHeap, uncharge } from '../heap.ts';
import { PAGE } from '../mm/layout.ts';
import { type WaitQueue, waitQueue, wake } from '../wait.ts';

const DEFAULT_SLOTS = 16;
/** Of this many slots the kernel's array would be larger than what kmalloc gives. */
export const MAX_SLOTS = 65536;
const NOTHING = new Uint8Array(0);
/** In the place of a slot's room: it is a packet (O_DIRECT), which one read takes or loses, and nothing joins. */
const PACKET = 0xffff;

/** The state of one pipe. `data` grows as it is used; the bytes are data[head, head + used) modulo its length. */
export interface Pipe {
  data: Uint8Array;
  head: number;
  used: number;
  /** Slots that it may use, a power of two; F_SETPIPE_SZ counts them in bytes. */
  slots: number;
  /** Slots in use: those of the two arrays from `first` on, modulo their length. */
  count: number;
  first: number;
  /** Bytes in each slot. */
  lengths: Uint16Array;
  /** Bytes that could still join each slot's page, or PACKET. */
  rooms: Uint16Array;
  /** How many slots are packets. */
  packets: number;
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
  slots: DEFAULT_SLOTS,
  count: 0,
  first: 0,
  lengths: new Uint16Array(DEFAULT_SLOTS),
  rooms: new Uint16Array(DEFAULT_SLOTS),
  packets: 0,
  readers: 0,
  writers: 0,
  readerOpens: 0,
  writerOpens: 0,
  toRead: waitQueue(),
  toWrite: waitQueue(),
  heap,
});

export const isFull = (p: Pipe): boolean => p.count >= p.slots;

/** Index of the i-th slot from the oldest. */
const slotAt = (p: Pipe, i: number): number => (p.first + i) & (p.lengths.length - 1);

/** False when there is no memory for it; the first page of a pipe is there always. */
const resize = (p: Pipe, size: number): boolean => {
  const more = size - p.data.length;
  if (p.heap !== null && (size <= PAGE || !charge(p.heap, more))) {
    if (size > PAGE && more > 0) return false;
    p.heap.used += more;
  }
  const next = new Uint8Array(size);
  peek(p, 0, next, 0, p.used);
  p.data = next;
  p.head = 0;
  return true;
};

/** Room for so many more bytes; false when memory is short. */
const ensure = (p: Pipe, more: number): boolean => {
  if (p.used + more <= p.data.length) return true;
  let size = Math.max(p.data.length, PAGE);
  while (size < p.used + more) size *= 2;
  return resize(p, size);
};

/** Nobody has it open any more: what is left in it is lost. */
export const dropData = (p: Pipe): void => {
  if (p.readers > 0 || p.writers > 0) return;
  if (p.heap !== null) uncharge(p.heap, p.data.length);
  p.data = NOTHING;
  p.head = 0;
  p.used = 0;
  p.count = 0;
  p.packets = 0;
};

/** Copies n bytes out from the given distance behind the oldest. */
const peek = (p: Pipe, from: number, into: Uint8Array, at: number, n: number): void => {
  if (n === 0) return;
  const start = (p.head + from) % p.data.length;
  const before = Math.min(n, p.data.length - start);
  into.set(p.data.subarray(start, start + before), at);
  if (n > before) into.set(p.data.subarray(0, n - before), at + before);
};

/** Up to n bytes of a pipe, which stay there. */
export const peekBytes = (p: Pipe, n: number): Uint8Array => {
  const out = new Uint8Array(Math.min(n, p.used));
  peek(p, 0, out, 0, out.length);
  return out;
};

/** Gives the slots of k bytes back. */
const dropSlots = (p: Pipe, k: number): void => {
  const { lengths, rooms } = p;
  for (let left = k; left > 0; ) {
    const length = lengths[p.first] as number;
    if (length > left) {
      lengths[p.first] = length - left;
      return;
    }
    left -= length;
    if (rooms[p.first] === PACKET) p.packets--;
    p.first = (p.first + 1) & (lengths.length - 1);
    p.count--;
  }
};

/** Takes up to n bytes out, whatever packets they are of; wakes writers. */
export const takeBytes = (p: Pipe, into: Uint8Array, at: number, n: number): number => {
  const k = Math.min(n, p.used);
  if (k === 1) into[at] = p.data[p.head] as number;
  else peek(p, 0, into, at, k);
  return dropBytes(p, k);
};

/** Takes k bytes out that nobody wants. */
export const dropBytes = (p: Pipe, k: number): number => {
  dropSlots(p, k);
  p.used -= k;
  p.head = p.used === 0 ? 0 : (p.head + k) % p.data.length;
  if (p.toWrite.waiters.size > 0) wake(p.toWrite);
  return k;
};

/** Takes what one read of up to n bytes gets: it ends with the first packet, whose rest is lost. */
export const takeRead = (p: Pipe, into: Uint8Array, at: number, n: number): number => {
  if (p.packets === 0) return takeBytes(p, into, at, n);
  let k = 0;
  for (let i = 0; i < p.count && k < n; i++) {
    const slot = slotAt(p, i);
    const length = p.lengths[slot] as number;
    if (p.rooms[slot] !== PACKET) {
      k += length;
      continue;
    }
    const got = takeBytes(p, into, at, Math.min(n, k + length));
    dropBytes(p, Math.max(0, k + length - n));
    return got;
  }
  return takeBytes(p, into, at, n);
};

/** How many bytes one read takes that leaves no slot in part, `most` at most. */
export const readable = (p: Pipe, most: number): number => {
  let k = 0;
  for (let i = 0; i < p.count; i++) {
    const slot = slotAt(p, i);
    const length = p.lengths[slot] as number;
    if (k + length > most) break;
    k += length;
    if (p.rooms[slot] === PACKET) break;
  }
  return k;
};

/** Copies bytes to the end of the ring, where `ensure` made room. */
const append = (p: Pipe, from: Uint8Array, at: number, k: number): void => {
  const tail = (p.head + p.used) % p.data.length;
  if (k === 1) p.data[tail] = from[at] as number;
  else {
    const before = Math.min(k, p.data.length - tail);
    p.data.set(from.subarray(at, at + before), tail);
    if (k > before) p.data.set(from.subarray(at + before, at + k), 0);
  }
  p.used += k;
  if (p.toRead.waiters.size > 0) wake(p.toRead);
};

const pushSlot = (p: Pipe, length: number, room: number): void => {
  const slot = slotAt(p, p.count++);
  p.lengths[slot] = length;
  p.rooms[slot] = room;
  if (room === PACKET) p.packets++;
};

/** The beginning of a write of n bytes: what it has beyond whole pages joins the page written last, if all of that fits. */
export const mergeBytes = (p: Pipe, from: Uint8Array, at: number, n: number): number => {
  const k = n % PAGE;
  if (k === 0 || p.count === 0) return 0;
  const last = slotAt(p, p.count - 1);
  const room = p.rooms[last] as number;
  if (room === PACKET || room < k || !ensure(p, k)) return 0;
  p.rooms[last] = room - k;
  p.lengths[last] = (p.lengths[last] as number) + k;
  append(p, from, at, k);
  return k;
};

/** Puts up to n bytes into slots of their own, as many as are free; wakes readers. */
export const putPages = (p: Pipe, from: Uint8Array, at: number, n: number, packet = false): number => {
  const k = Math.min(n, (p.slots - p.count) * PAGE);
  if (k <= 0) return 0;
  if (!ensure(p, k)) {
    // Memory is short: the pipe stays as small as it is, as those of a user with very many do.
    if (p.data.length < PAGE) resize(p, PAGE);
    p.slots = p.data.length / PAGE;
    return putPages(p, from, at, n, packet);
  }
  for (let left = k; left > 0; left -= PAGE) {
    const length = left < PAGE ? left : PAGE;
    pushSlot(p, length, packet ? PACKET : PAGE - length);
  }
  append(p, from, at, k);
  return k;
};

/** A write of up to n bytes that takes what there is room for. */
export const putBytes = (p: Pipe, from: Uint8Array, at: number, n: number): number => {
  const merged = mergeBytes(p, from, at, n);
  return merged + putPages(p, from, at + merged, n - merged);
};

/** Puts a page, or a part of one, that belongs to something else (splice) into a slot; false when there is none. */
export const putForeign = (p: Pipe, from: Uint8Array, at: number, n: number): boolean => {
  if (isFull(p) || !ensure(p, n)) return false;
  pushSlot(p, n, 0);
  append(p, from, at, n);
  return true;
};

/**
 * Gives slots to another pipe, up to n bytes of them: a whole one as it is, a part of one so that nothing joins it. With
 * `keep` they stay here, too (tee), and nothing joins any of them.
 */
export const giveSlots = (p: Pipe, to: Pipe, n: number, keep: boolean): number => {
  let done = 0;
  for (let i = 0; done < n && i < p.count && !isFull(to); i++) {
    const slot = slotAt(p, i);
    const length = p.lengths[slot] as number;
    const room = p.rooms[slot] as number;
    const k = Math.min(length, n - done);
    if (!ensure(to, k)) break;
    const bytes = new Uint8Array(k);
    peek(p, done, bytes, 0, k);
    pushSlot(to, k, room === PACKET || (!keep && k === length) ? room : 0);
    append(to, bytes, 0, k);
    done += k;
  }
  if (!keep) dropBytes(p, done);
  return done;
};

/** Another number of slots, a power of two; false when more are in use. */
export const resizeRing = (p: Pipe, slots: number): boolean => {
  if (slots < p.count) return false;
  const lengths = new Uint16Array(slots);
  const rooms = new Uint16Array(slots);
  for (let i = 0; i < p.count; i++) {
    const slot = slotAt(p, i);
    lengths[i] = p.lengths[slot] as number;
    rooms[i] = p.rooms[slot] as number;
  }
  p.lengths = lengths;
  p.rooms = rooms;
  p.first = 0;
  p.slots = slots;
  if (p.data.length > slots * PAGE) resize(p, slots * PAGE);
  wake(p.toWrite);
  return true;
};
