// Machine code that V8 has made of WebAssembly modules, out of V8 and into it again. V8 has this for its embedders only,
// not for JavaScript, but its natives for testing reach it; should they be gone, there is no such code.

import { Script } from 'node:vm';
import { setEngineFlag } from './engine.ts';

/** Bytes of its code that a function runs before V8 optimizes it, and what those are given that are known to be used. */
const NEW_BUDGET = 20_000_000;
const KNOWN_BUDGET = 4_000_000;
/**
 * V8 takes 5 to 30 ms of a processor to optimize a region. Of a program with so many, each waits longer, as many times as
 * there are so many: a compiler has thousands, none of which runs for long, and would wait for their optimizing.
 */
const REGIONS = 200;
const MOST = 10;
const grown = (budget: number, regions: number): number =>
  budget * Math.min(MOST, Math.max(1, Math.floor(regions / REGIONS)));

/** What modules get that are made now: they take it from the flag. 0: V8's own. */
let budget = 0;
const setBudget = (bytes: number): void => {
  if (bytes !== budget) setEngineFlag(`--wasm-tiering-budget=${bytes}`);
  budget = bytes;
};
/** Generated code is long for what it does: with its own budget V8 optimizes what has run for microseconds, 150 us an instruction. */
export const beginPatience = (): void => setBudget(NEW_BUDGET);
/** Does something with another budget in force; with V8's own where that was left alone. */
const within = <T>(bytes: number, f: () => T): T => {
  const before = budget;
  if (before === 0) return f();
  setBudget(bytes);
  try {
    return f();
  } finally {
    setBudget(before);
  }
};
/** Sets V8's patience with the modules to come, when so many regions have been made. */
export const setPatience = (regions: number): void => {
  if (budget !== 0) setBudget(grown(NEW_BUDGET, regions));
};
/** Makes a module whose functions an earlier run has used, of a program that so many regions were kept of. */
export const makeKnown = <T>(regions: number, make: () => T): T => within(grown(KNOWN_BUDGET, regions), make);

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

const serialize = native<[WebAssembly.Module], ArrayBuffer>('%SerializeWasmModule(a)');
const deserialize = native<[ArrayBuffer, Uint8Array], WebAssembly.Module>('%DeserializeWasmModule(a,b)');
// Code is taken back only under the flags that it was written with.
/** What has been optimized of a module. It must not be called where nothing has. */
export const serializeModule = (module: WebAssembly.Module): ArrayBuffer | null =>
  within(NEW_BUDGET, () => serialize(module));
/** The module again, given its bytes, too; null when V8 does not take the code. */
export const deserializeModule = (code: ArrayBuffer, wasm: Uint8Array): WebAssembly.Module | null =>
  within(NEW_BUDGET, () => deserialize(code, wasm));
/** Whether a function that a module exports has been optimized. */
export const isOptimized = native<[WebAssembly.ExportValue], boolean>('%IsTurboFanFunction(a)');
