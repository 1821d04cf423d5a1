// The functions of the core module as others know them: generated modules, which import them, and TypeScript.

import type { CoreImports } from '../emit-base.ts';
import type { WasmType } from '../wasm/ir.ts';

/**
 * Core functions by name, for generated modules to import: [parameters, results]. For every signature among the imports
 * of a module V8 compiles a wrapper before the module can be used, 200 microseconds each, so those that regions
 * import have three, and parameters that nobody looks at.
 */
export const CORE_SIGNATURES = {
  loadSlow: [['i64', 'i32'], ['i32']],
  loadForWriteSlow: [['i64', 'i32'], ['i32']],
  storeSlow: [['i64', 'i64', 'i32'], ['i32']],
  storeSlow128: [['i64', 'v128'], ['i32']],
  probeWrite: [['i64', 'i32'], ['i32']],
  /**
   * A range around an access that begins at an address; the other argument is length | distance from its start << 16.
   * The complement of the physical address of its start, behind which all of it lies, or -1 with CPU.status set.
   */
  readRange: [['i64', 'i32'], ['i32']],
  writeRange: [['i64', 'i32'], ['i32']],
  /** The same on the stack: an entry of the TLB that has it is remembered (MEMO.stackRead, MEMO.stackWrite). */
  readStack: [['i64', 'i32'], ['i32']],
  writeStack: [['i64', 'i32'], ['i32']],
  helper: [['i32', 'i32'], ['i32']],
  /** Helpers, or what the core does in their place; see IN_CORE. */
  compareStrings: [['i32', 'i32'], ['i32']],
  divide: [['i32', 'i32'], ['i32']],
  gate: [['i32', 'i32'], ['i32']],
  flagsImage: [['i32', 'i32'], ['i32']],
  condition: [['i32', 'i32'], ['i32']],
  /** Tail-continues with the predecoded op at the address given; see interp/loop.ts. */
  next: [['i32'], ['i32']],
  /** Continues at CPU.rip through the jump cache. The argument is ignored. */
  dispatch: [['i32'], ['i32']],
  /** Continues at the address given. */
  jump: [['i64', 'i32'], ['i32']],
  /** The same from a region: counts the budget down first. */
  leave: [['i64', 'i32'], ['i32']],
  /** The same from the op at an address, which remembers the block in the field at an offset when it may; see `follow`. */
  chain: [['i32', 'i32', 'i64'], ['i32']],
  /** Runs from CPU.rip, with the host stack at the depth given, until rip is the address given (a guest return) or something has to unwind. */
  enter: [['i64', 'i32'], ['i32']],
  hot: [['i32'], ['i32']],
} as const satisfies Record<string, readonly [readonly WasmType[], readonly WasmType[]]>;

export type CoreName = keyof typeof CORE_SIGNATURES;
export type CoreFunctions = CoreImports & Record<CoreName, number>;

/** Exports of an instantiated core module. */
export interface CoreExports extends Record<CoreName, CallableFunction> {
  run(): number;
  runOp(op: number): number;
}

/** What a generated module imports. */
export const importsOf = (
  core: CoreExports,
  memory: WebAssembly.Memory,
): Record<string, WebAssembly.ExportValue> => {
  const imports: Record<string, WebAssembly.ExportValue> = { memory };
  for (const name of Object.keys(CORE_SIGNATURES) as CoreName[]) imports[name] = core[name];
  return imports;
};
