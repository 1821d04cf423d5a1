// Translations kept from one run to the next: a folder of the user's, with a file for each program, rewritten when a run
// ends that made new ones. Such a file is machine code that will be executed, so only what nobody else could have
// written is read. A file names the build and the V8 that made it by its folder; whatever does not fit is ignored.

import {
  closeSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import {
  type CodeRange,
  type CodeStore,
  type KeptBatch,
  KeptIndex,
  type MadeBatch,
} from '../ring3/translate/kept.ts';
import type { Planned } from '../ring3/translate/translator.ts';
import { deserializeModule, isOptimized, serializeModule } from './machine-code.ts';

/** Names the code that translates; defined in the bundle of the command line, which is who chooses V8's flags. */
declare const TRANSLATOR: string;

/** Bytes that all files together may have; those that were written the longest ago go first. */
const MAX_BYTES = 1 << 30;
/** Bytes that the modules of one program may have. */
const MAX_PROGRAM_BYTES = 128 << 20;

/** Names of the folders that `folder` gives, and of the files in them. */
const FOLDER = /^code-[0-9a-f]{24}-/;
const SUFFIX = '.kanmon';

/** Programs whose files may be open: each takes a descriptor of the host. */
const MAX_FETCHED = 256;

/** A file is written anew for so much that is new, in parts of what it has. */
const NEWS = 0.02;

/** Where something lies in the file: offset after the index, and length. */
type Place = readonly [at: number, length: number];

interface Entry {
  readonly exactFp: boolean;
  readonly regions: readonly Planned[];
  /** Address and length of each range of guest code; their bytes lie one after the other in `code`. */
  readonly ranges: readonly (readonly [ip: number, length: number])[];
  readonly code: Place;
  readonly wasm: Place;
  /** Length 0: nothing had been optimized. */
  readonly machine: Place;
  /** Functions that had been optimized. */
  readonly optimized: number;
  /** CRC-32 of wasm and machine, in this order. */
  readonly sum: number;
}

interface Index {
  readonly program: string;
  readonly entries: readonly Entry[];
}

/** A batch of a file, and what became of it in this run. */
interface Stored extends KeptBatch {
  readonly program: string;
  readonly entry: Entry;
  readonly bytes: (place: Place) => Uint8Array;
}

const MAGIC = Buffer.from('KANMON\x01\n', 'latin1');
const HEAD = MAGIC.length + 8;

/** One's own, and no one else may write there. */
const isPrivate = (s: { readonly uid: number; readonly mode: number }): boolean =>
  s.uid === process.getuid?.() && (s.mode & 0o022) === 0;

/** The user's choice: KANMON_CACHE, or where caches go. Null: nowhere. */
const folder = (): string | null => {
  const { KANMON_CACHE, XDG_CACHE_HOME, KANMON_MAKE_CODE } = process.env;
  if (KANMON_CACHE === 'off' || KANMON_MAKE_CODE !== undefined) return null;
  if (typeof TRANSLATOR === 'undefined' || process.getuid === undefined) return null;
  const base =
    KANMON_CACHE ||
    join(XDG_CACHE_HOME?.startsWith('/') ? XDG_CACHE_HOME : join(homedir(), '.cache'), 'kanmon');
  return base.startsWith('/') ? join(base, `code-${TRANSLATOR}-${process.versions.v8}`) : null;
};

/** A file name for a program, told apart by its end, which says what file it is. */
const fileName = (program: string): string => `${encodeURIComponent(program).slice(-200)}${SUFFIX}`;

const readAt = (fd: number, at: number, length: number): Uint8Array => {
  const into = new Uint8Array(length);
  if (readSync(fd, into, 0, length, at) !== length) throw new RangeError('the file is too short');
  return into;
};

/** Opens the file of a program: its index, and how the rest is read. Null when there is none that can be trusted. */
const openFile = (
  dir: string,
  program: string,
): { index: Index; bytes(place: Place): Uint8Array; close(): void } | null => {
  let fd = -1;
  try {
    if (!isPrivate(lstatSync(dir))) return null;
    fd = openSync(join(dir, fileName(program)), 'r');
    const stat = fstatSync(fd);
    const head = readAt(fd, 0, HEAD);
    const indexBytes = Number(new DataView(head.buffer).getBigUint64(MAGIC.length, true));
    if (isPrivate(stat) && MAGIC.equals(head.subarray(0, MAGIC.length))) {
      const index = deserialize(readAt(fd, HEAD, indexBytes)) as Index;
      const ends = index.entries.flatMap((e) => [e.code, e.wasm, e.machine]).map(([at, n]) => at + n);
      if (index.program === program && Math.max(0, ...ends) + HEAD + indexBytes === stat.size) {
        const file = fd;
        return {
          index,
          bytes: ([at, n]) => readAt(file, HEAD + indexBytes + at, n),
          close: () => closeSync(file),
        };
      }
    }
  } catch {
    // Nothing was kept, or nothing that can be read.
  }
  if (fd >= 0) closeSync(fd);
  return null;
};

const sumOf = (...parts: readonly Uint8Array[]): number => {
  const { crc32 } = process.getBuiltinModule('node:zlib');
  return parts.reduce((sum, part) => crc32(part, sum), 0);
};

const toRanges = (ranges: Entry['ranges'], bytes: Uint8Array): CodeRange[] => {
  let at = 0;
  return ranges.map(([ip, length]) => {
    at += length;
    return { ip, bytes: bytes.subarray(at - length, at) };
  });
};

const stored = (program: string, entry: Entry, bytes: Stored['bytes']): Stored => {
  let module: WebAssembly.Module | null | undefined;
  const compile = (): WebAssembly.Module | null => {
    try {
      const wasm = bytes(entry.wasm);
      const machine = bytes(entry.machine);
      // V8 looks at no more than the head of what is to be executed.
      if (sumOf(wasm, machine) !== entry.sum) return null;
      const module = entry.optimized > 0 ? deserializeModule(machine.buffer as ArrayBuffer, wasm) : null;
      return module ?? new WebAssembly.Module(wasm as BufferSource);
    } catch {
      return null;
    }
  };
  return {
    program,
    entry,
    bytes,
    exactFp: entry.exactFp,
    regions: entry.regions,
    code: () => toRanges(entry.ranges, bytes(entry.code)),
    module: () => (module ??= compile()),
  };
};

const optimizedIn = (functions: readonly WebAssembly.ExportValue[]): number =>
  functions.reduce<number>((n, f) => n + (isOptimized(f) === true ? 1 : 0), 0);

/** What is written of a batch: of an old one what was there, if nothing more of it has been optimized since. */
interface Fresh {
  readonly program: string;
  readonly exactFp: boolean;
  readonly regions: readonly Planned[];
  readonly ranges: Entry['ranges'];
  readonly code: Uint8Array;
  readonly wasm: Uint8Array;
  readonly machine: Uint8Array;
  readonly optimized: number;
}

const NOTHING = new Uint8Array(0);
const machineCode = (module: WebAssembly.Module, optimized: number): Uint8Array => {
  const code = optimized > 0 ? serializeModule(module) : null;
  return code ? new Uint8Array(code) : NOTHING;
};

const fromMade = (program: string, b: MadeBatch): Fresh => {
  const optimized = optimizedIn(b.functions);
  const code = new Uint8Array(b.code.reduce((n, r) => n + r.bytes.length, 0));
  let at = 0;
  for (const r of b.code) {
    code.set(r.bytes, at);
    at += r.bytes.length;
  }
  return {
    program,
    exactFp: b.exactFp,
    regions: b.regions,
    ranges: b.code.map((r) => [r.ip, r.bytes.length]),
    code,
    wasm: b.wasm,
    machine: machineCode(b.module, optimized),
    optimized,
  };
};

const fromStored = (s: Stored, machine?: Uint8Array, optimized?: number): Fresh => ({
  program: s.program,
  exactFp: s.exactFp,
  regions: s.regions,
  ranges: s.entry.ranges,
  code: s.bytes(s.entry.code),
  wasm: s.bytes(s.entry.wasm),
  machine: machine ?? s.bytes(s.entry.machine),
  optimized: optimized ?? s.entry.optimized,
});

/** What is known of a batch that is looked for by where its first region starts. */
const identity = (b: { readonly exactFp: boolean; readonly regions: readonly Planned[] }): string =>
  `${b.regions[0]?.ip} ${b.exactFp}`;

const sizeOf = (b: Fresh): number => b.code.length + b.wasm.length + b.machine.length;

/** The last ones, as many as a program may have. */
const newest = (batches: readonly Fresh[]): readonly Fresh[] => {
  let first = batches.length;
  for (let total = 0; first > 0; first--) {
    total += sizeOf(batches[first - 1] as Fresh);
    if (total > MAX_PROGRAM_BYTES) break;
  }
  return batches.slice(first);
};

const writeFile = (dir: string, program: string, batches: readonly Fresh[]): void => {
  const parts: Uint8Array[] = [];
  let at = 0;
  const put = (bytes: Uint8Array): Place => {
    parts.push(bytes);
    at += bytes.length;
    return [at - bytes.length, bytes.length];
  };
  const entries = batches.map(
    ({ exactFp, regions, ranges, code, wasm, machine, optimized }): Entry => ({
      exactFp,
      regions,
      ranges,
      code: put(code),
      wasm: put(wasm),
      machine: put(machine),
      optimized: machine.length > 0 ? optimized : 0,
      sum: sumOf(wasm, machine),
    }),
  );
  const index = serialize({ program, entries } satisfies Index);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(index.length));
  const file = join(dir, fileName(program));
  const draft = join(dir, `${process.pid}-${fileName(program)}`);
  const fd = openSync(draft, 'wx', 0o600);
  try {
    for (const part of [MAGIC, length, index, ...parts]) {
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

/** Files of this and of other builds beside `dir`, and nothing else that may lie there. */
const ownFiles = (dir: string): string[] => {
  const base = dirname(dir);
  return readdirSync(base, { withFileTypes: true })
    .filter((d) => d.isDirectory() && FOLDER.test(d.name))
    .flatMap((d) => readdirSync(join(base, d.name)).map((f) => join(base, d.name, f)))
    .filter((file) => file.endsWith(SUFFIX));
};
/** Deletes what was written the longest ago until the rest has no more than MAX_BYTES. */
const tidy = (dir: string): void => {
  const files = ownFiles(dir)
    .map((file) => ({ file, stat: lstatSync(file) }))
    .sort((a, b) => b.stat.mtimeMs - a.stat.mtimeMs);
  let total = 0;
  for (const { file, stat } of files) {
    total += stat.size;
    if (total > MAX_BYTES && stat.isFile()) unlinkSync(file);
  }
};

/** A store in a folder. `save` writes what was made and what was optimized since. */
export const openCodeStore = (dir: string): CodeStore & { save(): void } => {
  let fetched = 0;
  const made: { program: string; batch: MadeBatch }[] = [];
  const used = new Map<Stored, readonly WebAssembly.ExportValue[]>();
  const merge = (program: string, fresh: readonly Fresh[]): void => {
    // Another run may have written it meanwhile.
    const old = openFile(dir, program);
    if (fresh.length < (old?.index.entries.length ?? 0) * NEWS) {
      old?.close();
      return;
    }
    const all = new Map<string, Fresh>();
    for (const entry of old?.index.entries ?? []) {
      const b = fromStored(stored(program, entry, (place) => old?.bytes(place) ?? NOTHING));
      all.set(identity(b), b);
    }
    old?.close();
    for (const b of fresh) {
      all.delete(identity(b));
      all.set(identity(b), b);
    }
    writeFile(dir, program, newest([...all.values()]));
  };
  return {
    fetch(program) {
      const index = new KeptIndex();
      const file = ++fetched > MAX_FETCHED ? null : openFile(dir, program);
      for (const entry of file?.index.entries ?? [])
        index.add(stored(program, entry, (at) => file?.bytes(at) ?? NOTHING));
      return index;
    },
    made: (program, batch) => void made.push({ program, batch }),
    used: (batch, functions) => void used.set(batch as Stored, functions),
    save() {
      const fresh = made.map(({ program, batch }) => fromMade(program, batch));
      for (const [batch, functions] of used) {
        const optimized = optimizedIn(functions);
        const module = optimized > batch.entry.optimized ? batch.module() : null;
        if (module) fresh.push(fromStored(batch, machineCode(module, optimized), optimized));
      }
      if (fresh.length === 0) return;
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      for (const program of new Set(fresh.map((b) => b.program)))
        merge(
          program,
          fresh.filter((b) => b.program === program),
        );
      tidy(dir);
    },
  };
};

/** The store of the command line, written when it ends. Null where nothing is kept. */
export const codeStore = (): CodeStore | null => {
  const dir = folder();
  if (dir === null) return null;
  const store = openCodeStore(dir);
  process.on('exit', () => {
    try {
      store.save();
    } catch {
      // The disk is full, say: the next run translates anew.
    }
  });
  return store;
};
