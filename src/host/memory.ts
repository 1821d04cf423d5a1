// Physical memory of the default size, which the command line makes before anything else: V8 collects all garbage
// when it is handed gigabytes, and that takes least while there is hardly any. Start.ts makes it, node.ts takes it.

import { closeSync, openSync, readSync } from 'node:fs';
import { setEngineFlag } from './engine.ts';

const PAGE = 65536;
/** More than the first line of /proc/meminfo has. */
const LINE = 64;
/** The most that 32-bit linear memory can hold. */
const MAX_MEMORY = 65535 * PAGE;

/** What the host has, in bytes. node:os says the same, and takes longer to load than the file to read. */
const hostMemory = (): number => {
  try {
    // Node would have to compile its own way to read a file whose size is not known: this does without.
    const file = openSync('/proc/meminfo', 'r');
    const line = Buffer.allocUnsafeSlow(LINE);
    const length = readSync(file, line, 0, LINE, 0);
    closeSync(file);
    const kib = Number.parseInt(line.toString('latin1', 'MemTotal:'.length, length), 10);
    if (kib > 0) return kib * 1024;
  } catch {
    // Not everywhere is Linux.
  }
  return process.getBuiltinModule('node:os').totalmem();
};

/** They are in different bundles. */
const RESERVED = Symbol.for('kanmon.memory');
const reserved = (): WebAssembly.Memory | null => {
  const memory: unknown = Reflect.get(globalThis, RESERVED);
  return memory instanceof WebAssembly.Memory ? memory : null;
};

/** Half of what the host has, in bytes. */
export const defaultMemoryBytes = (): number =>
  reserved()?.buffer.byteLength ?? Math.min(MAX_MEMORY, Math.floor(hostMemory() / 2));

export const reserveMemory = (): void => {
  const pages = Math.floor(defaultMemoryBytes() / PAGE);
  // V8 collects again when the heap has grown by a fraction of what this collection leaves: there, of very little.
  setEngineFlag('--heap-growing-percent=1000');
  Reflect.set(globalThis, RESERVED, new WebAssembly.Memory({ initial: pages, maximum: pages }));
  setEngineFlag('--heap-growing-percent=0');
};

/** The memory that was made ahead, once; null when there is none. */
export const takeReservedMemory = (): WebAssembly.Memory | null => {
  const memory = reserved();
  Reflect.deleteProperty(globalThis, RESERVED);
  return memory;
};
