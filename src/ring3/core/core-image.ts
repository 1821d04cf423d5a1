// The core module as the build leaves it in core.wasm: with the handlers of every form that the opcode table
// gives rise to, and their keys in a custom section, so that one file says it all.

/** The core module made ahead of time, and the keys of its handlers in their order. */
export interface CoreImage {
  readonly module: WebAssembly.Module;
  readonly keys: ArrayLike<number>;
}

const SECTION = 'keys';

/** LEB128 in five bytes, whatever the value: sizes need not be minimal. */
const u32 = (n: number): number[] =>
  [0, 7, 14, 21].map((shift) => ((n >>> shift) & 127) | 128).concat(n >>> 28);

/** A core module and the keys of its handlers as one file. */
export const packCore = (bytes: Uint8Array, keys: readonly number[]): Uint8Array => {
  const name = [...new TextEncoder().encode(SECTION)];
  const payload = new Uint8Array(Uint32Array.from(keys).buffer);
  const head = [0, ...u32(1 + name.length + payload.length), name.length, ...name];
  const out = new Uint8Array(bytes.length + head.length + payload.length);
  out.set(bytes);
  out.set(head, bytes.length);
  out.set(payload, bytes.length + head.length);
  return out;
};

/** Reads what `packCore` wrote; `compile` makes the module. */
export const unpackCore = (
  file: Uint8Array,
  compile = (wasm: Uint8Array): WebAssembly.Module => new WebAssembly.Module(wasm as BufferSource),
): CoreImage => {
  const module = compile(file);
  const [keys] = WebAssembly.Module.customSections(module, SECTION);
  return { module, keys: new Uint32Array(keys ?? new ArrayBuffer(0)) };
};
