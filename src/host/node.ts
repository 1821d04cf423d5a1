// The host that is Node.js: clocks, entropy, the event loop, and the core module from the build.

import { randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import type { CoreImage } from '../ring3/processor.ts';
import { nodeFiles } from './files.ts';
import type { Host } from './host.ts';

/** The most that 32-bit linear memory can hold. */
const MAX_MEMORY = 65535 * 65536;

/** Reads dist/core.wasm and its index, made by the build; null when running from sources. */
const loadCore = (): CoreImage | null => {
  try {
    const index: unknown = JSON.parse(readFileSync(new URL('./core.json', import.meta.url), 'utf8'));
    const bytes = readFileSync(new URL('./core.wasm', import.meta.url));
    return { module: new WebAssembly.Module(bytes), handlers: index as CoreImage['handlers'] };
  } catch (e) {
    if (e instanceof Error && 'code' in e && e.code === 'ENOENT') return null;
    throw e;
  }
};

let core: CoreImage | null | undefined;

/** A host for one machine. The compiled core module is shared by all machines of the process: it has no state. */
export const nodeHost = (): Host => {
  core ??= loadCore();
  return {
    core,
    clock: {
      monotonic: () => Math.floor(performance.now() * 1e6),
      realtime() {
        const ms = performance.timeOrigin + performance.now();
        const sec = Math.floor(ms / 1000);
        return { sec, nsec: Math.floor((ms - sec * 1000) * 1e6) };
      },
    },
    entropy(into) {
      randomFillSync(into);
    },
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
    memoryBytes: Math.min(MAX_MEMORY, Math.floor(totalmem() / 2)),
  };
};
