// C structs as data: each field once, with its type; offsets and size follow from the System V ABI's rules.
// `pad` bytes and explicit sizes cover the structs whose layout the ABI does not decide.

import type { UserMemory } from '../ring0/mm/user.ts';

/** Scalar field types. 64-bit values are JS numbers (exact below 2^53); `b64` is an exact bigint. */
export type FieldType =
  | 'u8'
  | 'i8'
  | 'u16'
  | 'i16'
  | 'u32'
  | 'i32'
  | 'u64'
  | 'i64'
  | 'b64'
  | { readonly bytes: number };

type ValueOf<T> = T extends 'b64' ? bigint : T extends { readonly bytes: number } ? Uint8Array : number;
export type StructValue<F extends Record<string, FieldType>> = { -readonly [K in keyof F]: ValueOf<F[K]> };

export interface Struct<F extends Record<string, FieldType>> {
  readonly name: string;
  readonly size: number;
  readonly fields: F;
  readonly offsets: { readonly [K in keyof F]: number };
  /** Null when the memory cannot be read. */
  read(mm: UserMemory, addr: number): StructValue<F> | null;
  /** Missing fields are zero. False when the memory cannot be written. */
  write(mm: UserMemory, addr: number, value: Partial<StructValue<F>>): boolean;
  decode(bytes: Uint8Array, at?: number): StructValue<F>;
  encode(value: Partial<StructValue<F>>): Uint8Array;
}

const sizeOf = (t: FieldType): number => {
  if (typeof t !== 'string') return t.bytes;
  return t === 'u8' || t === 'i8' ? 1 : t === 'u16' || t === 'i16' ? 2 : t === 'u32' || t === 'i32' ? 4 : 8;
};
const alignOf = (t: FieldType): number => (typeof t === 'string' ? sizeOf(t) : 1);

const get = (dv: DataView, at: number, t: FieldType): number | bigint | Uint8Array => {
  if (typeof t !== 'string') return new Uint8Array(dv.buffer, dv.byteOffset + at, t.bytes).slice();
  switch (t) {
    case 'u8':
      return dv.getUint8(at);
    case 'i8':
      return dv.getInt8(at);
    case 'u16':
      return dv.getUint16(at, true);
    case 'i16':
      return dv.getInt16(at, true);
    case 'u32':
      return dv.getUint32(at, true);
    case 'i32':
      return dv.getInt32(at, true);
    case 'u64':
      return dv.getUint32(at + 4, true) * 4294967296 + dv.getUint32(at, true);
    case 'i64':
      return dv.getInt32(at + 4, true) * 4294967296 + dv.getUint32(at, true);
    case 'b64':
      return dv.getBigUint64(at, true);
  }
};

const put = (dv: DataView, at: number, t: FieldType, v: number | bigint | Uint8Array): void => {
  if (v instanceof Uint8Array) {
    const n = typeof t === 'string' ? 0 : t.bytes;
    new Uint8Array(dv.buffer, dv.byteOffset + at, n).set(v.subarray(0, n));
    return;
  }
  switch (t) {
    case 'u8':
    case 'i8':
      dv.setUint8(at, Number(v));
      return;
    case 'u16':
    case 'i16':
      dv.setUint16(at, Number(v), true);
      return;
    case 'u32':
    case 'i32':
      dv.setUint32(at, Number(v), true);
      return;
    case 'u64':
    case 'i64':
      if (typeof v === 'bigint') dv.setBigUint64(at, BigInt.asUintN(64, v), true);
      // Numbers from the last 1024 up are 2^64 as a double: SIG_ERR, RLIM_INFINITY.
      else if (v >= 2 ** 64) dv.setBigUint64(at, 0xffffffffffffffffn, true);
      else {
        const lo = ((v % 4294967296) + 4294967296) % 4294967296;
        dv.setUint32(at, lo, true);
        dv.setInt32(at + 4, (v - lo) / 4294967296, true);
      }
      return;
    case 'b64':
      dv.setBigUint64(at, BigInt.asUintN(64, BigInt(v)), true);
      return;
  }
};

interface Layout {
  readonly offsets: Readonly<Record<string, number>>;
  readonly total: number;
  readonly list: readonly { readonly k: string; readonly t: FieldType; readonly at: number }[];
}

const layoutOf = (fields: Readonly<Record<string, FieldType>>, size: number | undefined): Layout => {
  const offsets: Record<string, number> = {};
  const list: { k: string; t: FieldType; at: number }[] = [];
  let end = 0;
  let align = 1;
  for (const [k, t] of Object.entries(fields)) {
    const a = alignOf(t);
    const at = Math.ceil(end / a) * a;
    offsets[k] = at;
    list.push({ k, t, at });
    end = at + sizeOf(t);
    align = Math.max(align, a);
  }
  return { offsets, total: size ?? Math.ceil(end / align) * align, list };
};

/** Its layout is found when it is first asked for: most programs use few of all structs. */
class LazyStruct<F extends Record<string, FieldType>> implements Struct<F> {
  readonly name: string;
  readonly fields: F;
  readonly #given: number | undefined;
  #found: Layout | undefined;
  constructor(name: string, fields: F, size: number | undefined) {
    this.name = name;
    this.fields = fields;
    this.#given = size;
  }
  get #layout(): Layout {
    this.#found ??= layoutOf(this.fields, this.#given);
    return this.#found;
  }
  get size(): number {
    return this.#layout.total;
  }
  get offsets(): { readonly [K in keyof F]: number } {
    return this.#layout.offsets as { readonly [K in keyof F]: number };
  }
  decode(bytes: Uint8Array, from = 0): StructValue<F> {
    const { list, total } = this.#layout;
    const dv = new DataView(bytes.buffer, bytes.byteOffset + from, total);
    const out: Record<string, number | bigint | Uint8Array> = {};
    for (const f of list) out[f.k] = get(dv, f.at, f.t);
    return out as StructValue<F>;
  }
  encode(value: Partial<StructValue<F>>): Uint8Array {
    const { list, total } = this.#layout;
    const bytes = new Uint8Array(total);
    const dv = new DataView(bytes.buffer);
    const given = value as Record<string, number | bigint | Uint8Array | undefined>;
    for (const f of list) {
      const v = given[f.k];
      if (v !== undefined) put(dv, f.at, f.t, v);
    }
    return bytes;
  }
  read(mm: UserMemory, addr: number): StructValue<F> | null {
    const b = mm.read(addr, this.size);
    return b && this.decode(b);
  }
  write(mm: UserMemory, addr: number, value: Partial<StructValue<F>>): boolean {
    return mm.write(addr, this.encode(value));
  }
}

/** Declares a struct; `size` overrides the computed one (trailing reserved space). */
export const struct = <const F extends Record<string, FieldType>>(
  name: string,
  fields: F,
  size?: number,
): Struct<F> => new LazyStruct(name, fields, size);
