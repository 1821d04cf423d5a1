// Standard output and error, as programs in the machine write to them. Node's streams take longer to make than a
// small program to run, and are not needed while every write can be done at once.

import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import type { Sink } from '../machine.ts';

export interface Output {
  /** What the reader does not take because it has gone away is dropped. */
  readonly sink: Sink;
  /** Resolves when everything has been handed to the host's kernel. */
  flushed(): Promise<void>;
}

/** The null device's number: major 1, minor 3 (Linux, Documentation/admin-guide/devices.txt). */
const NULL_DEVICE = 0x103;

/** A descriptor through which writes to `fd` never block; null if there is none. */
const prompt = (fd: number): number | null => {
  try {
    const s = fstatSync(fd);
    if (s.isFile() || s.rdev === NULL_DEVICE) return fd;
    // The pipe's own description may be shared with others, who expect it to block: this is another one.
    return s.isFIFO() ? openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK) : null;
  } catch {
    return null;
  }
};

const codeOf = (e: unknown): unknown => (e instanceof Error && 'code' in e ? e.code : undefined);

/** Output to descriptor 1 or 2; `gone` is called when nobody reads it any more. */
export const outputTo = (fd: 1 | 2, gone: () => void): Output => {
  let direct: number | null | undefined;
  let stream: NodeJS.WriteStream | null = null;
  let dropped = false;

  const streamed = (chunk: Uint8Array): void | Promise<void> => {
    if (stream === null) {
      stream = fd === 1 ? process.stdout : process.stderr;
      stream.on('error', gone);
    }
    const to = stream;
    if (to.destroyed || to.write(chunk)) return undefined;
    return new Promise((go) => {
      const done = (): void => {
        to.off('drain', done).off('close', done).off('error', done);
        go();
      };
      to.on('drain', done).on('close', done).on('error', done);
    });
  };

  return {
    sink(chunk) {
      if (dropped) return undefined;
      if (direct === undefined) direct = prompt(fd);
      // Bytes may be waiting in the stream: then these come after them.
      if (direct === null || (stream !== null && stream.writableLength > 0)) return streamed(chunk);
      let at = 0;
      try {
        while (at < chunk.length) at += writeSync(direct, chunk, at);
      } catch (e) {
        // The reader is slow, or the disk full, which the stream tells of; or there is no reader.
        if (codeOf(e) !== 'EPIPE') return streamed(chunk.subarray(at));
        dropped = true;
        gone();
      }
      return undefined;
    },
    flushed: () =>
      new Promise((done) => {
        if (stream === null || stream.destroyed || stream.writableEnded) done();
        else stream.write('', () => done());
      }),
  };
};
