// Reads the large files of the build, one after the other, into one piece of memory. The host gives memory by pages, at
// one or two us each when they are first touched: a millisecond of a start went into buffers that were read once.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Larger than any of those files; only what is read into it is ever there. */
const BYTES = 2 ** 21;

/** The bundles share it; it is there until V8 collects it. */
const ROOM = Symbol.for('kanmon.room');
const room = (): Buffer => {
  const ref: unknown = Reflect.get(globalThis, ROOM);
  const made: unknown = ref instanceof WeakRef ? ref.deref() : undefined;
  if (Buffer.isBuffer(made)) return made;
  const room = Buffer.allocUnsafeSlow(BYTES);
  Reflect.set(globalThis, ROOM, new WeakRef(room));
  return room;
};

const read = (file: string, roomFor: (bytes: number) => Buffer): Buffer => {
  const fd = openSync(file, 'r');
  try {
    const { size } = fstatSync(fd);
    const into = roomFor(size);
    let at = 0;
    for (let n = -1; n !== 0 && at < size; at += n) n = readSync(fd, into, at, size - at, null);
    return into.subarray(0, at);
  } finally {
    closeSync(fd);
  }
};

/** What is in a file, until the next one is read. */
export const readLarge = (file: string): Buffer =>
  read(file, (bytes) => (bytes <= BYTES ? room().subarray(0, bytes) : Buffer.allocUnsafeSlow(bytes)));

/** What is in a file, in memory of its own. */
export const readKept = (file: string): ArrayBuffer =>
  read(file, (bytes) => Buffer.allocUnsafeSlow(bytes)).buffer as ArrayBuffer;
