// The file that the translations of a program are kept in: a head (what it is, and length and checksum of the index), the
// index, and the parts that it names one after the other. Such a file is machine code that will be executed, so only
// what nobody else could have written is read, and whatever does not fit is as good as nothing.

import {
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Planned } from '../ring3/translate/translator.ts';

/** How the names of such files end, and while they are being written. */
export const SUFFIX = '.kanmon';
export const DRAFT = '.draft';

/** A part of the file: offset behind the index, and length. */
type Place = readonly [at: number, length: number];

/** What a module is, as a file has it. */
export interface Description {
  readonly exactFp: boolean;
  readonly regions: readonly Planned[];
  /** Address and length of each range of guest code; their bytes lie one after the other in `code`. */
  readonly ranges: readonly (readonly [ip: number, length: number])[];
  /** Functions that had been optimized; 0: there is no machine code. */
  readonly optimized: number;
}
export interface Parts {
  readonly code: Uint8Array;
  readonly wasm: Uint8Array;
  readonly machine: Uint8Array;
}
export type Contents = Description & Parts;

/** A module in a file, whose parts are read when they are asked for; null when they are not what was written. */
export interface FileEntry extends Description {
  code(): Uint8Array | null;
  compiled(): Pick<Parts, 'wasm' | 'machine'> | null;
}

interface Entry extends Description {
  readonly code: Place;
  readonly wasm: Place;
  readonly machine: Place;
  /** Checksums of the first, and of the other two in this order. */
  readonly codeSum: number;
  readonly sum: number;
}

interface Index {
  readonly program: string;
  readonly entries: readonly Entry[];
}

const MAGIC = Buffer.from('KANMON\x04\n', 'latin1');
/** After it: length of the index, which is JSON, u32, and its checksum, u32. */
const HEAD = MAGIC.length + 8;

/**
 * Tells what was damaged from what was written: each word changes the sum in a way that can be undone, so that one that
 * differs is found for certain, and several but for one time in 2^32. Node's CRC, as its serializer, would load streams
 * and what they stand on, 28 modules.
 */
const sumOf = (...parts: readonly Uint8Array[]): number => {
  let sum = 0;
  for (const part of parts) {
    const whole = part.byteOffset % 4 === 0 ? part : part.slice();
    const words = new Int32Array(whole.buffer, whole.byteOffset, whole.length >>> 2);
    // Four sums, none of which has to wait for another: 0.1 s instead of 0.2 for the 170 MB of a compiler's.
    let [a, b, c, d] = [sum, 1, 2, 3];
    let i = 0;
    for (; i + 3 < words.length; i += 4) {
      a = mix(a, words[i] as number);
      b = mix(b, words[i + 1] as number);
      c = mix(c, words[i + 2] as number);
      d = mix(d, words[i + 3] as number);
    }
    for (; i < words.length; i++) a = mix(a, words[i] as number);
    for (let k = 4 * words.length; k < whole.length; k++) b = mix(b, whole[k] as number);
    sum = mix(mix(mix(mix(a, b), c), d), whole.length);
  }
  return sum >>> 0;
};
const mix = (sum: number, word: number): number => {
  const product = Math.imul(sum ^ word, 0x9e3779b1);
  return product ^ (product >>> 15);
};

/** One's own, and no one else may write there. */
const isPrivate = (s: { readonly uid: number; readonly mode: number }): boolean =>
  s.uid === process.getuid?.() && (s.mode & 0o022) === 0;

/** Whether a folder is there in which nobody else may write. */
export const isPrivateFolder = (dir: string): boolean => {
  const s = lstatSync(dir);
  return s.isDirectory() && isPrivate(s);
};

/** A file name for a program, told apart by its end, which says what file it is. */
const fileName = (program: string): string => `${encodeURIComponent(program).slice(-200)}${SUFFIX}`;

const readAt = (fd: number, at: number, length: number, size: number): Uint8Array => {
  if (at + length > size) throw new RangeError('the file is too short');
  const into = new Uint8Array(length);
  if (readSync(fd, into, 0, length, at) !== length) throw new RangeError('the file is too short');
  return into;
};

const readIndex = (fd: number, size: number): { index: Index; start: number } | null => {
  const head = Buffer.from(readAt(fd, 0, HEAD, size).buffer);
  if (!MAGIC.equals(head.subarray(0, MAGIC.length))) return null;
  const length = head.readUInt32LE(MAGIC.length);
  const bytes = readAt(fd, HEAD, length, size);
  if (sumOf(bytes) !== head.readUInt32LE(MAGIC.length + 4)) return null;
  return { index: JSON.parse(Buffer.from(bytes.buffer).toString()) as Index, start: HEAD + length };
};

/** The modules of a program, oldest first; empty when there are none that can be trusted. `close` when no part is wanted any more. */
export const openCodeFile = (
  dir: string,
  program: string,
): { entries: readonly FileEntry[]; close(): void } => {
  let fd = -1;
  try {
    if (isPrivateFolder(dir)) {
      fd = openSync(join(dir, fileName(program)), 'r');
      const stat = fstatSync(fd);
      const found = stat.isFile() && isPrivate(stat) ? readIndex(fd, stat.size) : null;
      if (found?.index.program === program) {
        const file = fd;
        const read = ([at, n]: Place): Uint8Array => readAt(file, found.start + at, n, stat.size);
        const entries = found.index.entries.map((e) => entryOf(e, read));
        return { entries, close: () => closeSync(file) };
      }
    }
  } catch {
    // Nothing was kept, or nothing that can be read.
  }
  if (fd >= 0) closeSync(fd);
  return { entries: [], close: () => {} };
};

const entryOf = (e: Entry, read: (place: Place) => Uint8Array): FileEntry => {
  const checked = (sum: number, ...places: Place[]): readonly Uint8Array[] | null => {
    try {
      const parts = places.map(read);
      return sumOf(...parts) === sum ? parts : null;
    } catch {
      return null;
    }
  };
  return {
    exactFp: e.exactFp,
    regions: e.regions,
    ranges: e.ranges,
    optimized: e.optimized,
    code: () => checked(e.codeSum, e.code)?.[0] ?? null,
    compiled() {
      const [wasm, machine] = checked(e.sum, e.wasm, e.machine) ?? [];
      return wasm && machine ? { wasm, machine } : null;
    },
  };
};

/** Writes the file of a program, in the place of the one that is there. */
export const writeCodeFile = (dir: string, program: string, modules: readonly Contents[]): void => {
  const parts: Uint8Array[] = [];
  let at = 0;
  const put = (bytes: Uint8Array): Place => {
    parts.push(bytes);
    at += bytes.length;
    return [at - bytes.length, bytes.length];
  };
  const entries = modules.map(
    ({ exactFp, regions, ranges, code, wasm, machine, optimized }): Entry => ({
      ...{ exactFp, regions, ranges, optimized },
      ...{ code: put(code), wasm: put(wasm), machine: put(machine) },
      ...{ codeSum: sumOf(code), sum: sumOf(wasm, machine) },
    }),
  );
  const index = Buffer.from(JSON.stringify({ program, entries } satisfies Index));
  const head = Buffer.alloc(HEAD);
  MAGIC.copy(head);
  head.writeUInt32LE(index.length, MAGIC.length);
  head.writeUInt32LE(sumOf(index), MAGIC.length + 4);
  const file = join(dir, fileName(program));
  // Containers may share the folder, and have the same process ids.
  const draft = `${file}.${process.pid}-${process.hrtime.bigint().toString(36)}${DRAFT}`;
  const fd = openSync(draft, 'wx', 0o600);
  try {
    for (const part of [head, index, ...parts]) {
      for (let done = 0; done < part.length; ) done += writeSync(fd, part, done);
    }
  } catch (e) {
    unlinkSync(draft);
    throw e;
  } finally {
    closeSync(fd);
  }
  renameSync(draft, file);
};
