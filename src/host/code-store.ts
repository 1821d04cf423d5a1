// Translations kept from one run of the command line to the next: a folder of the user's, with a file for each program,
// rewritten when a run ends that made new ones. The folder is named after the build and the V8 that made them.

import { accessSync, constants, lstatSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { printable } from '../abi/printable.ts';
import {
  type CodeRange,
  type CodeStore,
  type KeptBatch,
  KeptIndex,
  type MadeBatch,
} from '../ring3/translate/kept.ts';
import {
  type Contents,
  DRAFT,
  type FileEntry,
  isPrivateFolder,
  openCodeFile,
  SUFFIX,
  writeCodeFile,
} from './code-file.ts';
import { homeFolder } from './home.ts';
import { deserializeModule, isOptimized, makeKnown, serializeModule } from './machine-code.ts';

/** Names the code that translates; defined in the bundle of the command line, which is who chooses V8's flags. */
declare const TRANSLATOR: string;

/** Bytes that all files together may have; those that were written the longest ago go first. */
const MAX_BYTES = 1 << 30;
/** Bytes that the modules of one program may have. */
const MAX_PROGRAM_BYTES = 256 << 20;
/** Programs whose files may be open: each takes a descriptor of the host. */
const MAX_FETCHED = 256;
/** A file is written anew for so much that is new, in parts of what it has. */
const NEWS = 0.02;
/** Whether that many new modules are worth it to write a file anew that has `had`. */
const isWorth = (news: readonly unknown[], had: number): boolean => news.length >= had * NEWS;
/** What was being written so long ago, ms, was left by a run that was killed. */
const DRAFT_MS = 3_600_000;

/** Names of the folders that `folder` gives. */
const FOLDER = /^code-[0-9a-f]{24}-/;
/** The user's choice: KANMON_CACHE, or where caches go. Null: nowhere. */
const folder = (): string | null => {
  const { KANMON_CACHE, XDG_CACHE_HOME, KANMON_MAKE_CODE } = process.env;
  if (KANMON_CACHE === 'off' || (KANMON_MAKE_CODE !== undefined && KANMON_CACHE === undefined)) return null;
  if (typeof TRANSLATOR === 'undefined' || process.getuid === undefined) return null;
  const base = KANMON_CACHE
    ? resolve(KANMON_CACHE)
    : join(XDG_CACHE_HOME?.startsWith('/') ? XDG_CACHE_HOME : join(homeFolder() ?? '', '.cache'), 'kanmon');
  return base.startsWith('/') ? join(base, `code-${TRANSLATOR}-${process.versions.v8}`) : null;
};

/** A module of a file. */
interface Stored extends KeptBatch {
  readonly program: string;
  readonly entry: FileEntry;
}

/** `all`: how many regions were kept of the program. */
const stored = (program: string, entry: FileEntry, all: number): Stored => {
  let module: WebAssembly.Module | null | undefined;
  const compile = (): WebAssembly.Module | null => {
    try {
      const { wasm, machine } = entry.compiled() ?? {};
      if (!wasm || !machine) return null;
      const made = entry.optimized > 0 ? deserializeModule(machine.buffer as ArrayBuffer, wasm) : null;
      return made ?? makeKnown(all, () => new WebAssembly.Module(wasm as BufferSource));
    } catch {
      return null;
    }
  };
  const code = (): CodeRange[] | null => {
    const bytes = entry.code();
    let at = 0;
    return (
      bytes &&
      entry.ranges.map(([ip, length]) => {
        at += length;
        return { ip, bytes: bytes.subarray(at - length, at) };
      })
    );
  };
  const { exactFp, regions } = entry;
  const starts = (): number[] => entry.ranges.map(([ip]) => ip);
  return { program, entry, exactFp, regions, starts, code, module: () => (module ??= compile()) };
};

const optimizedIn = (functions: readonly WebAssembly.ExportValue[]): number =>
  functions.reduce<number>((n, f) => n + (isOptimized(f) === true ? 1 : 0), 0);

const NOTHING = new Uint8Array(0);
/** The machine code of a module with so many functions optimized. */
const machineCode = (
  module: WebAssembly.Module,
  optimized: number,
): Pick<Contents, 'machine' | 'optimized'> => {
  const code = optimized > 0 ? serializeModule(module) : null;
  return code ? { machine: new Uint8Array(code), optimized } : { machine: NOTHING, optimized: 0 };
};

const fromMade = (b: MadeBatch): Contents => ({
  exactFp: b.exactFp,
  regions: b.regions,
  ranges: b.code.map((r) => [r.ip, r.bytes.length]),
  code: Buffer.concat(b.code.map((r) => r.bytes)),
  wasm: b.wasm,
  ...machineCode(b.module, optimizedIn(b.functions)),
});

/** What is in a file, to be written again; null when it cannot be read. */
const fromEntry = (e: FileEntry): Contents | null => {
  const { exactFp, regions, ranges, optimized } = e;
  const code = e.code();
  const compiled = e.compiled();
  return code && compiled && { exactFp, regions, ranges, optimized, code, ...compiled };
};

/** The same with the functions that are optimized now. */
const fromUsed = (s: Stored, functions: readonly WebAssembly.ExportValue[]): Contents | null => {
  const optimized = optimizedIn(functions);
  const module = s.module();
  const was = module && fromEntry(s.entry);
  return module && was && { ...was, ...machineCode(module, optimized) };
};

/** What a module is looked for by: where its first region starts. */
const identity = (b: Pick<Contents, 'exactFp' | 'regions'>): string => `${b.regions[0]?.ip} ${b.exactFp}`;

/** The last ones, as many as a program may have. */
const newest = (modules: readonly Contents[]): readonly Contents[] => {
  let first = modules.length;
  for (let total = 0; first > 0; first--) {
    const { code, wasm, machine } = modules[first - 1] as Contents;
    total += code.length + wasm.length + machine.length;
    if (total > MAX_PROGRAM_BYTES) break;
  }
  return modules.slice(first);
};

/**
 * Makes a folder and those above it. Node's own way tries for ever where the host answers ENOENT below a folder that is
 * there, as it does in /proc and for homes that an automounter does not know.
 */
const makeFolder = (dir: string): void => {
  if (statSync(dir, { throwIfNoEntry: false })) return;
  makeFolder(dirname(dir));
  try {
    mkdirSync(dir, 0o700);
  } catch (e) {
    // Another run was faster.
    if (!statSync(dir, { throwIfNoEntry: false })) throw e;
  }
};

/** Files of this and of other builds beside `dir`, and nothing else that may lie there. */
const ownFiles = (dir: string): string[] => {
  const base = dirname(dir);
  return readdirSync(base, { withFileTypes: true })
    .filter((d) => d.isDirectory() && FOLDER.test(d.name))
    .flatMap((d) => readdirSync(join(base, d.name)).map((f) => join(base, d.name, f)))
    .filter((file) => file.endsWith(SUFFIX) || file.endsWith(DRAFT));
};
/** Deletes old drafts, then what was written the longest ago until the rest has no more than MAX_BYTES. */
const tidy = (dir: string): void => {
  const files = ownFiles(dir)
    .flatMap((file) => {
      // Another run may have just deleted it.
      const stat = lstatSync(file, { throwIfNoEntry: false });
      return stat?.isFile() ? [{ file, stat }] : [];
    })
    .sort((a, b) => b.stat.mtimeMs - a.stat.mtimeMs);
  let total = 0;
  for (const { file, stat } of files) {
    const left = file.endsWith(DRAFT) && Date.now() - stat.mtimeMs > DRAFT_MS;
    if (!left) total += stat.size;
    if (left || total > MAX_BYTES) rmSync(file, { force: true });
  }
};

/**
 * A store in a folder. `save` writes what was made and what was optimized since; `compiling` is called when V8 is going
 * to optimize what was kept.
 */
export const openCodeStore = (
  dir: string,
  compiling: () => void = () => {},
): CodeStore & { save(): void } => {
  let fetched = 0;
  const made: { program: string; batch: MadeBatch }[] = [];
  const used = new Map<Stored, readonly WebAssembly.ExportValue[]>();
  /** How many modules there were of a program: an index of many takes long to read again. */
  const found = new Map<string, number>();

  const merge = (program: string, news: readonly (() => Contents | null)[]): void => {
    // Another run may have written it meanwhile.
    const { entries, close } = openCodeFile(dir, program);
    const worth = isWorth(news, entries.length);
    const all = new Map<string, Contents>();
    for (const b of worth ? [...entries.map(fromEntry), ...news.map((n) => n())] : []) {
      if (!b) continue;
      all.delete(identity(b));
      all.set(identity(b), b);
    }
    close();
    if (worth) writeCodeFile(dir, program, newest([...all.values()]));
  };
  return {
    fetch(program) {
      const index = new KeptIndex();
      if (++fetched > MAX_FETCHED) return index;
      const { entries } = openCodeFile(dir, program);
      found.set(program, entries.length);
      const all = entries.reduce((n, e) => n + e.regions.length, 0);
      for (const entry of entries) index.add(stored(program, entry, all));
      return index;
    },
    made: (program, batch) => void made.push({ program, batch }),
    used(batch, functions) {
      if (used.size === 0) compiling();
      used.set(batch as Stored, functions);
    },
    save() {
      const better = [...used].filter(([batch, functions]) => optimizedIn(functions) > batch.entry.optimized);
      if (made.length + better.length === 0) return;
      // First: where this fails, nothing else needs to be done.
      makeFolder(dir);
      // What lay elsewhere would not be read again.
      if (!isPrivateFolder(dir)) return;
      const news = new Map<string, (() => Contents | null)[]>();
      const put = (program: string, contents: () => Contents | null): void =>
        void news.set(program, [...(news.get(program) ?? []), contents]);
      for (const { program, batch } of made) put(program, () => fromMade(batch));
      for (const [batch, functions] of better) put(batch.program, () => fromUsed(batch, functions));
      const worth = [...news].filter(([program, n]) => isWorth(n, found.get(program) ?? 0));
      for (const [program, n] of worth) merge(program, n);
      if (worth.length === 0) return;
      tidy(dir);
    },
  };
};

/** Why nothing can be kept in a folder, which is made where it is missing; null when it can. */
const unusable = (dir: string): string | null => {
  try {
    makeFolder(dir);
    accessSync(dir, constants.W_OK);
    return isPrivateFolder(dir) ? null : 'it is not yours alone';
  } catch (e) {
    return e instanceof Error ? e.message : String(e);
  }
};

/** The store of the command line, written when it ends. Null where nothing is kept. */
export const codeStore = (compiling: () => void): CodeStore | null => {
  const dir = folder();
  if (dir === null) return null;
  // A folder that the user has named; others are used where it is possible.
  const { KANMON_CACHE } = process.env;
  const why = KANMON_CACHE ? unusable(dir) : null;
  if (why !== null) {
    process.stderr.write(`kanmon: KANMON_CACHE=${printable(`${KANMON_CACHE}: nothing is kept (${why})`)}\n`);
    return null;
  }
  const store = openCodeStore(dir, compiling);
  process.on('exit', () => {
    try {
      store.save();
    } catch {
      // The disk is full, say: the next run translates anew.
    }
  });
  return store;
};
