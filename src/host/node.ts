// The host that is Node.js: clocks, entropy, the event loop, and the core module from the build.

import { openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { type CoreImage, unpackCore } from '../ring3/core/core-image.ts';
import type { Tier } from '../ring3/cpu.ts';
import { type CodeStore, sharedStore } from '../ring3/translate/kept.ts';
import { codeStore } from './code-store.ts';
import { compileCore } from './core-code.ts';
import { setEngineFlag } from './engine.ts';
import { nodeFiles } from './files.ts';
import type { Host } from './host.ts';
import { readLarge } from './large-files.ts';
import { beginPatience } from './machine-code.ts';
import { defaultMemoryBytes, takeReservedMemory } from './memory.ts';
import { translationWorker } from './translation.ts';

/** As fast as `performance.now`, whose module takes 2 ms to load. */
const { hrtime } = process;
const [bootSec, bootNsec] = hrtime();
/** ns since this module was loaded. */
const monotonic = (): number => {
  const now = hrtime();
  return (now[0] - bootSec) * 1e9 + (now[1] - bootNsec);
};
/** The wall clock then, in ms: less than one late. */
const bootMs = Date.now();

/** Reads dist/core.wasm, made by the build (gen/core.ts); null when running from sources. */
const loadCore = (): CoreImage | null => {
  try {
    return unpackCore(readLarge(join(import.meta.dirname, 'core.wasm')), compileCore);
  } catch (e) {
    if (e instanceof Error && 'code' in e && e.code === 'ENOENT') return null;
    throw e;
  }
};

let random: number | undefined;
/** node:crypto takes longer to load than a small program to run. */
const entropy = (into: Uint8Array): void => {
  try {
    random ??= openSync('/dev/urandom', 'r');
    let at = 0;
    while (at < into.length) at += readSync(random, into, at, into.length - at, null);
  } catch {
    process.getBuiltinModule('node:crypto').randomFillSync(into);
  }
};

/** Branch hints cost nothing. */
const tuneEngine = (): void => {
  // V8 takes compiled code back only under the flags under which it was made: see cli/start.ts.
  if (process.env.KANMON_MAKE_CODE === '1') return;
  beginPatience();
  setEngineFlag('--experimental-wasm-branch-hinting');
};

let core: CoreImage | null | undefined;
/** Shared, too: a module is made of guest code and nothing else. */
let translated: CodeStore | undefined;
/** Of a machine that translates all there is, each module is one region, whoever runs it. */
let translatedAtOnce: CodeStore | undefined;
const forAll = (store: CodeStore): CodeStore => ({
  ...store,
  fetch: () => store.fetch(''),
  made: (_program, batch) => store.made('', batch),
});
const storeOf = (tier: Tier, compiling: () => void): CodeStore | null => {
  if (tier === 'interpreter') return null;
  if (tier === 'mixed') translated ??= codeStore(compiling) ?? sharedStore();
  else translatedAtOnce ??= forAll(sharedStore());
  return (tier === 'mixed' ? translated : translatedAtOnce) ?? null;
};

/**
 * A host for one machine. The compiled core module is shared by all machines of the process: it has no state.
 * `compiling` is called when other threads begin to translate or to optimize for the guest.
 */
export const nodeHost = (compiling: () => void = () => {}): Host => {
  if (core === undefined) {
    tuneEngine();
    core = loadCore();
  }
  const sec = Math.floor(bootMs / 1000);
  const epoch = { sec, nsec: (bootMs - sec * 1000) * 1e6 };
  return {
    core,
    clock: { monotonic, epoch: () => epoch },
    entropy,
    translations: () => translationWorker(compiling),
    translated: (tier) => storeOf(tier, compiling),
    files: nodeFiles(),
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    sleep(ms) {
      let wake = (): void => {};
      const done = new Promise<void>((resolve) => {
        const timer = ms === null ? setInterval(() => {}, 1 << 30) : setTimeout(resolve, ms);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      return { done, wake: () => wake() };
    },
    report(text) {
      process.stderr.write(`kanmon: ${text}\n`);
    },
    memoryBytes: defaultMemoryBytes(),
    takeMemory: takeReservedMemory,
  };
};
