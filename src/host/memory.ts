// Physical memory of the default size, which the command line makes before anything else: V8 collects all garbage
// when it is handed gigabytes, and that takes least while there is hardly any. Start.ts makes it, node.ts takes it.

import { totalmem } from 'node:os';
import { setEngineFlag } from './engine.ts';

const PAGE = 65536;
/** The most that 32-bit linear memory can hold. */
const MAX_MEMORY = 65535 * PAGE;

/** Half of what the host has, in bytes. */
export const defaultMemoryBytes = (): number => Math.min(MAX_MEMORY, Math.floor(totalmem() / 2));

/** They are in different bundles. */
const RESERVED = Symbol.for('kanmon.memory');

export const reserveMemory = (): void => {
  const pages = Math.floor(defaultMemoryBytes() / PAGE);
  // V8 collects again when the heap has grown by a fraction of what this collection leaves: there, of very little.
  setEngineFlag('--heap-growing-percent=1000');
  Reflect.set(globalThis, RESERVED, new WebAssembly.Memory({ initial: pages, maximum: pages }));
  setEngineFlag('--heap-growing-percent=0');
};

/** The memory that was made ahead, once; null when there is none. */
export const takeReservedMemory = (): WebAssembly.Memory | null => {
  const memory: unknown = Reflect.get(globalThis, RESERVED);
  Reflect.deleteProperty(globalThis, RESERVED);
  return memory instanceof WebAssembly.Memory ? memory : null;
};
