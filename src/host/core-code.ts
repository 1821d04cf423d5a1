// The machine code that V8's optimizing compiler makes of the core module, kept beside core.wasm by the build. Without
// it each handler is compiled when it is first called, simply, and again when it has run often: a sixth of python's
// start. V8 has this for its embedders only, not for JavaScript, but its natives for testing reach it; should they be
// gone or the flags be others, the module is compiled as usual.

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setEngineFlag } from './engine.ts';
import { readKept } from './large-files.ts';
import { deserializeModule, serializeModule } from './machine-code.ts';

/** Names the contents of core.wasm; defined in the bundle of the command line, which is who chooses the flags. */
declare const CORE: string;

/** Set by the build. `core`: keep what has been compiled by the end; `check-core`: fail if it is not taken. */
const mode = process.env.KANMON_MAKE_CODE;
const codeFile = (): string | null =>
  typeof CORE === 'undefined' ? null : join(import.meta.dirname, `core-${CORE}-${process.versions.v8}.code`);

const keep = (wasm: Uint8Array, file: string): WebAssembly.Module => {
  // What runs from now on is optimized at once; the rest is left to be compiled when it is met.
  setEngineFlag('--no-liftoff');
  const module = new WebAssembly.Module(wasm as BufferSource);
  process.on('exit', () => {
    // Code is taken back only under the flags under which it is written; the first has put the second out.
    setEngineFlag('--liftoff');
    setEngineFlag('--wasm-dynamic-tiering');
    const code = serializeModule(module);
    if (code) writeFileSync(file, new Uint8Array(code));
  });
  return module;
};

/** The core module from its bytes: with its machine code, if that is there and V8 takes it. */
export const compileCore = (wasm: Uint8Array): WebAssembly.Module => {
  const file = codeFile();
  if (file !== null && mode === 'core') return keep(wasm, file);
  if (file !== null && existsSync(file)) {
    const module = deserializeModule(readKept(file), wasm);
    if (module) return module;
  }
  if (mode === 'check-core') throw new Error('the code of the core module does not fit');
  // Each function is validated when it is compiled, which is when it is first called: most are not.
  setEngineFlag('--wasm-lazy-validation');
  try {
    return new WebAssembly.Module(wasm as BufferSource);
  } finally {
    setEngineFlag('--no-wasm-lazy-validation');
  }
};
