// Where sent bytes come from and received ones go: a buffer of the kernel's own, or a vector of a program's memory.

import type { UserMemory } from '../mm/user.ts';
import type { IoVec } from '../vfs/transfer.ts';
import type { Sink, Source } from './types.ts';

export const bufferSource = (buf: Uint8Array, at: number, n: number): Source => ({
  length: n,
  fetch(into, from) {
    into.set(buf.subarray(at + from, at + from + into.length));
    return true;
  },
});

export const bufferSink = (buf: Uint8Array, at: number, n: number): Sink => ({
  length: n,
  put(bytes, from, count, to) {
    buf.set(bytes.subarray(from, from + count), at + to);
    return true;
  },
});

const total = (list: readonly IoVec[]): number => list.reduce((n, v) => n + v.length, 0);

/** Calls `part` for each stretch of bytes [from, from + n) of the vector, with how far it has come; stops at false. */
const stretches = (
  list: readonly IoVec[],
  from: number,
  n: number,
  part: (addr: number, done: number, k: number) => boolean,
): boolean => {
  let skip = from;
  let done = 0;
  for (const v of list) {
    if (done === n) break;
    if (skip >= v.length) {
      skip -= v.length;
      continue;
    }
    const k = Math.min(v.length - skip, n - done);
    if (!part(v.base + skip, done, k)) return false;
    done += k;
    skip = 0;
  }
  return true;
};

export const vectorSource = (mm: UserMemory, list: readonly IoVec[]): Source => ({
  length: total(list),
  fetch: (into, from) =>
    stretches(list, from, into.length, (addr, done, k) => mm.readInto(addr, into, done, k) === k),
});

export const vectorSink = (mm: UserMemory, list: readonly IoVec[]): Sink => ({
  length: total(list),
  put: (bytes, at, n, to) =>
    stretches(list, to, n, (addr, done, k) => mm.writeSome(addr, bytes, at + done, k) === k),
});
