// Assembles one WebAssembly module from function bodies (code.ts): imports, one table type, exports and
// element segments, no more than Kanmon uses. Binary format: WebAssembly core specification 2.0, section 5.5.

import { ByteWriter, type Code, wasmTypeByte } from './code.ts';
import type { WasmType } from './ir.ts';

export interface FuncType {
  readonly params: readonly WasmType[];
  readonly results: readonly WasmType[];
}

const section = (out: ByteWriter, id: number, body: ByteWriter): void => {
  out.byte(id);
  out.u32(body.length);
  out.raw(body.bytes, 0, body.length);
};

/** Builds a module. Declare imports before the first function: function indices count imports first. */
export class ModuleBuilder {
  #types: FuncType[] = [];
  #typeKeys = new Map<string, number>();
  #importedFuncs: { module: string; name: string; type: number }[] = [];
  #importedTables: { module: string; name: string; min: number }[] = [];
  #memory: { module: string; name: string; minPages: number } | null = null;
  #funcs: { readonly type: number; from: number; to: number; unlikely: readonly number[] }[] = [];
  /** The bodies in the order in which they were defined. */
  #bodies = new ByteWriter(1 << 15);
  #exports: { name: string; index: number }[] = [];
  #elements: { table: number; offset: number; funcs: number[] }[] = [];

  /** Index of a function signature. */
  type(params: readonly WasmType[], results: readonly WasmType[]): number {
    const key = `${params.join()}:${results.join()}`;
    let i = this.#typeKeys.get(key);
    if (i === undefined) {
      i = this.#types.length;
      this.#types.push({ params, results });
      this.#typeKeys.set(key, i);
    }
    return i;
  }
  importFunc(
    module: string,
    name: string,
    params: readonly WasmType[],
    results: readonly WasmType[],
  ): number {
    if (this.#funcs.length > 0) throw new Error('imports come before functions');
    this.#importedFuncs.push({ module, name, type: this.type(params, results) });
    return this.#importedFuncs.length - 1;
  }
  importTable(module: string, name: string, min = 0): number {
    this.#importedTables.push({ module, name, min });
    return this.#importedTables.length - 1;
  }
  importMemory(module: string, name: string, minPages = 1): void {
    this.#memory = { module, name, minPages };
  }
  /** Reserves a function index, so that bodies may call each other before they are all built. */
  declare(params: readonly WasmType[], results: readonly WasmType[]): number {
    this.#funcs.push({ type: this.type(params, results), from: 0, to: 0, unlikely: [] });
    return this.#importedFuncs.length + this.#funcs.length - 1;
  }
  /** Gives a function its body, which is complete. */
  define(index: number, code: Code): void {
    const f = this.#funcs[index - this.#importedFuncs.length];
    if (!f) throw new Error(`no such function: ${index}`);
    f.from = this.#bodies.length;
    f.unlikely = code.finish(this.#bodies);
    f.to = this.#bodies.length;
  }
  func(params: readonly WasmType[], results: readonly WasmType[], code: Code): number {
    const i = this.declare(params, results);
    this.define(i, code);
    return i;
  }
  export(name: string, func: number): void {
    this.#exports.push({ name, index: func });
  }
  /** Puts functions into an imported table at instantiation. */
  element(table: number, offset: number, funcs: number[]): void {
    this.#elements.push({ table, offset, funcs });
  }

  finish(): Uint8Array {
    const out = new ByteWriter();
    out.raw(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    let s = new ByteWriter();
    s.u32(this.#types.length);
    for (const t of this.#types) {
      s.byte(0x60);
      s.u32(t.params.length);
      for (const p of t.params) s.byte(wasmTypeByte(p));
      s.u32(t.results.length);
      for (const r of t.results) s.byte(wasmTypeByte(r));
    }
    section(out, 1, s);
    s = new ByteWriter();
    s.u32(this.#importedFuncs.length + this.#importedTables.length + (this.#memory ? 1 : 0));
    for (const f of this.#importedFuncs) {
      s.name(f.module);
      s.name(f.name);
      s.byte(0);
      s.u32(f.type);
    }
    for (const t of this.#importedTables) {
      s.name(t.module);
      s.name(t.name);
      s.byte(1);
      s.byte(0x70);
      s.byte(0);
      s.u32(t.min);
    }
    if (this.#memory) {
      s.name(this.#memory.module);
      s.name(this.#memory.name);
      s.byte(2);
      s.byte(0);
      s.u32(this.#memory.minPages);
    }
    section(out, 2, s);
    s = new ByteWriter();
    s.u32(this.#funcs.length);
    for (const f of this.#funcs) s.u32(f.type);
    section(out, 3, s);
    if (this.#exports.length > 0) {
      s = new ByteWriter();
      s.u32(this.#exports.length);
      for (const e of this.#exports) {
        s.name(e.name);
        s.byte(0);
        s.u32(e.index);
      }
      section(out, 7, s);
    }
    if (this.#elements.length > 0) {
      s = new ByteWriter();
      s.u32(this.#elements.length);
      for (const e of this.#elements) {
        // Kind 2: explicit table index, offset expression, element kind funcref.
        s.u32(2);
        s.u32(e.table);
        s.byte(0x41);
        s.s32(e.offset);
        s.byte(0x0b);
        s.byte(0);
        s.u32(e.funcs.length);
        for (const f of e.funcs) s.u32(f);
      }
      section(out, 9, s);
    }
    this.#branchHints(out);
    s = new ByteWriter(this.#bodies.length + 5);
    s.u32(this.#funcs.length);
    for (const f of this.#funcs) {
      if (f.to === 0) throw new Error('function declared but not defined');
      s.raw(this.#bodies.bytes, f.from, f.to);
    }
    section(out, 10, s);
    return out.take();
  }

  /** The custom section of the branch hinting proposal; engines that do not know it skip it. */
  #branchHints(out: ByteWriter): void {
    const hinted = this.#funcs
      .map((f, i) => ({ index: this.#importedFuncs.length + i, at: f.unlikely }))
      .filter((f) => f.at.length > 0);
    if (hinted.length === 0) return;
    const s = new ByteWriter();
    s.name('metadata.code.branch_hint');
    s.u32(hinted.length);
    for (const f of hinted) {
      s.u32(f.index);
      s.u32(f.at.length);
      for (const at of f.at) {
        s.u32(at);
        s.u32(1);
        s.byte(0);
      }
    }
    section(out, 0, s);
  }
}
