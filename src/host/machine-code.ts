// Machine code that V8 has made of WebAssembly modules, out of V8 and into it again. V8 has this for its embedders only,
// not for JavaScript, but its natives for testing reach it; should they be gone, there is no such code.

import { Script } from 'node:vm';
import { setEngineFlag } from './engine.ts';

/** Bytes of its code that a function runs before V8 optimizes it, and what those are given that are known to be used. */
export const TIERING_BUDGET = 20_000_000;
const KNOWN_BUDGET = 4_000_000;
/** Makes a module whose functions an earlier run has used. */
export const makeKnown = <T>(make: () => T): T => {
  // A module takes its budget from the flag when it is made; code is taken back only under the flags it was written with.
  setEngineFlag(`--wasm-tiering-budget=${KNOWN_BUDGET}`);
  try {
    return make();
  } finally {
    setEngineFlag(`--wasm-tiering-budget=${TIERING_BUDGET}`);
  }
};

/** A native of V8 as a function, by the text of its call; null when there is none of that name. */
const native = <A extends unknown[], R>(call: string): ((...args: A) => R | null) => {
  let f: ((...args: A) => R) | null | undefined;
  return (...args) => {
    if (f === undefined) {
      setEngineFlag('--allow-natives-syntax');
      try {
        f = new Script(`(function(a,b){return ${call}})`).runInThisContext() as (...args: A) => R;
      } catch {
        f = null;
      }
      setEngineFlag('--no-allow-natives-syntax');
    }
    return f === null ? null : (f(...args) ?? null);
  };
};

/** What has been optimized of a module. It must not be called where nothing has. */
export const serializeModule = native<[WebAssembly.Module], ArrayBuffer>('%SerializeWasmModule(a)');
/** The module again, given its bytes, too; null when V8 does not take the code. */
export const deserializeModule = native<[ArrayBuffer, Uint8Array], WebAssembly.Module>(
  '%DeserializeWasmModule(a,b)',
);
/** Whether a function that a module exports has been optimized. */
export const isOptimized = native<[WebAssembly.ExportValue], boolean>('%IsTurboFanFunction(a)');
