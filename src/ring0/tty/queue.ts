// A queue of bytes in one array, for the two directions of a pty. Plain data and functions over it.

export interface ByteQueue {
  data: Uint8Array;
  head: number;
  /** The bytes are data[head, tail). */
  tail: number;
  /** Most bytes it takes. */
  readonly capacity: number;
}

export const byteQueue = (capacity: number): ByteQueue => ({
  data: new Uint8Array(256),
  head: 0,
  tail: 0,
  capacity,
});

export const used = (q: ByteQueue): number => q.tail - q.head;
export const room = (q: ByteQueue): number => q.capacity - (q.tail - q.head);

/** Makes space for n more bytes after the tail. */
const reserve = (q: ByteQueue, n: number): void => {
  if (q.tail + n <= q.data.length) return;
  const length = q.tail - q.head;
  let size = q.data.length;
  while (size < length + n) size *= 2;
  const to = size === q.data.length ? q.data : new Uint8Array(size);
  to.set(q.data.subarray(q.head, q.tail));
  q.data = to;
  q.head = 0;
  q.tail = length;
};

/** Adds a byte, beyond the capacity if need be. */
export const push = (q: ByteQueue, byte: number): void => {
  if (q.tail === q.data.length) reserve(q, 1);
  q.data[q.tail++] = byte;
};

/** Adds up to n bytes, as many as there is room for. */
export const pushBytes = (q: ByteQueue, from: Uint8Array, at: number, n: number): number => {
  const k = Math.max(0, Math.min(n, room(q)));
  reserve(q, k);
  q.data.set(from.subarray(at, at + k), q.tail);
  q.tail += k;
  return k;
};

/** Takes the next byte; there must be one. */
export const shift = (q: ByteQueue): number => {
  const byte = q.data[q.head++] as number;
  if (q.head === q.tail) clear(q);
  return byte;
};

/** Takes up to n bytes. */
export const takeBytes = (q: ByteQueue, into: Uint8Array, at: number, n: number): number => {
  const k = Math.min(n, q.tail - q.head);
  into.set(q.data.subarray(q.head, q.head + k), at);
  q.head += k;
  if (q.head === q.tail) clear(q);
  return k;
};

export const clear = (q: ByteQueue): void => {
  q.head = 0;
  q.tail = 0;
};

/** Keeps the first n bytes only. */
export const truncate = (q: ByteQueue, n: number): void => {
  q.tail = Math.min(q.tail, q.head + n);
  if (q.head === q.tail) clear(q);
};
