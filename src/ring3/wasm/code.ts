// Turns statements over expression trees (ir.ts) into the bytes of one WebAssembly function body.
// Bytes are written at once; only what is not known until the end (which registers a region touches)
// is left as a mark and filled in by `finish`. Binary format: WebAssembly core specification 2.0, section 5.

import { constOf, local, type Val, type WasmType } from './ir.ts';

const typeByte: Record<WasmType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };
export const wasmTypeByte = (t: WasmType): number => typeByte[t];

/** A growable byte buffer with the integer encodings of the binary format. */
export class ByteWriter {
  bytes: Uint8Array;
  length = 0;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
  }

  byte(b: number): void {
    if (this.length === this.bytes.length) this.#grow(1);
    this.bytes[this.length++] = b;
  }
  #grow(n: number): void {
    const next = new Uint8Array(Math.max(this.bytes.length * 2, this.length + n));
    next.set(this.bytes.subarray(0, this.length));
    this.bytes = next;
  }
  u32(v: number): void {
    let n = v >>> 0;
    while (n > 0x7f) {
      this.byte((n & 0x7f) | 0x80);
      n >>>= 7;
    }
    this.byte(n);
  }
  s32(v: number): void {
    let n = v | 0;
    for (;;) {
      const b = n & 0x7f;
      n >>= 7;
      if ((n === 0 && (b & 0x40) === 0) || (n === -1 && (b & 0x40) !== 0)) {
        this.byte(b);
        return;
      }
      this.byte(b | 0x80);
    }
  }
  s64(v: number | bigint): void {
    if (typeof v === 'number' && v >= -0x80000000 && v <= 0x7fffffff) {
      this.s32(v);
      return;
    }
    let n = BigInt.asIntN(64, BigInt(v));
    for (;;) {
      const b = Number(n & 0x7fn);
      n >>= 7n;
      if ((n === 0n && (b & 0x40) === 0) || (n === -1n && (b & 0x40) !== 0)) {
        this.byte(b);
        return;
      }
      this.byte(b | 0x80);
    }
  }
  raw(src: Uint8Array): void {
    if (this.length + src.length > this.bytes.length) this.#grow(src.length);
    this.bytes.set(src, this.length);
    this.length += src.length;
  }
  f32(v: number): void {
    scratch.setFloat32(0, v, true);
    for (let i = 0; i < 4; i++) this.byte(scratch.getUint8(i));
  }
  f64(v: number): void {
    scratch.setFloat64(0, v, true);
    for (let i = 0; i < 8; i++) this.byte(scratch.getUint8(i));
  }
  name(s: string): void {
    const b = new TextEncoder().encode(s);
    this.u32(b.length);
    this.raw(b);
  }
  take(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
}
const scratch = new DataView(new ArrayBuffer(8));

/** A place in the body that `finish` fills in: the callback writes statements into the given builder. */
type Mark = { at: number; depth: number; fill: (code: Code) => void };

/** A branch target: the depth of its block at the time it was opened. */
export interface Label {
  readonly depth: number;
}

/**
 * One function body under construction. Parameters are locals 0..n-1. Statements run in the order of the
 * calls; expression trees are evaluated where they are handed in.
 */
export class Code {
  #out = new ByteWriter();
  #params: readonly WasmType[];
  #locals: WasmType[];
  #free: Record<WasmType, number[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  #scoped: [WasmType, number][] = [];
  #depth = 0;
  #marks: Mark[] = [];
  #unlikely: number[] = [];
  #hint = false;
  /** After `finish`: offsets in the body of conditional branches that are seldom taken, ascending. */
  unlikely: readonly number[] = [];

  constructor(params: readonly WasmType[], shareLocalsWith?: Code) {
    this.#params = params;
    this.#locals = shareLocalsWith ? shareLocalsWith.#locals : [];
  }

  param(i: number): Val {
    return local(this.#params[i] as WasmType, i);
  }
  /** A fresh local that lives for the whole function. */
  local(t: WasmType): Val {
    this.#locals.push(t);
    return local(t, this.#params.length + this.#locals.length - 1);
  }
  /** A local that `endScope` takes back. */
  temp(t: WasmType): Val {
    const free = this.#free[t].pop();
    const index = free ?? this.local(t).op;
    this.#scoped.push([t, index]);
    return local(t, index);
  }
  /** Ends the life of every `temp` handed out since the last call. */
  endScope(): void {
    for (const [t, i] of this.#scoped) this.#free[t].push(i);
    this.#scoped.length = 0;
  }

  set(dst: Val, v: Val): void {
    this.#val(v);
    this.#out.byte(0x21);
    this.#out.u32(dst.op);
  }
  /** Evaluates `v` now into a temp (constants and existing temps-by-value are the caller's business). */
  let(v: Val): Val {
    if (v.k === 'const') return v;
    const t = this.temp(v.t);
    this.set(t, v);
    return t;
  }
  setGlobal(index: number, v: Val): void {
    this.#val(v);
    this.#out.byte(0x24);
    this.#out.u32(index);
  }
  /** A store; `op` is the store opcode (i32.store 0x36, i64.store 0x37, i32.store8 0x3a, v128.store 0xfd0b ...). */
  store(op: number, address: Val, v: Val, offset = 0): void {
    this.#val(address);
    this.#val(v);
    this.#op(op);
    this.#out.byte(0);
    this.#out.u32(offset);
  }
  /** Calls a function and drops its result, if it has one. */
  call(func: number, args: readonly Val[], results = 0): void {
    for (const a of args) this.#val(a);
    this.#out.byte(0x10);
    this.#out.u32(func);
    for (let i = 0; i < results; i++) this.#out.byte(0x1a);
  }
  /** call_indirect through `table` with signature `type`; the result is stored in `dst`. */
  callIndirect(table: number, type: number, index: Val, args: readonly Val[], dst: Val | null): void {
    for (const a of args) this.#val(a);
    this.#val(index);
    this.#out.byte(0x11);
    this.#out.u32(type);
    this.#out.u32(table);
    if (dst) {
      this.#out.byte(0x21);
      this.#out.u32(dst.op);
    }
  }
  returnCallIndirect(table: number, type: number, index: Val, args: readonly Val[]): void {
    for (const a of args) this.#val(a);
    this.#val(index);
    this.#out.byte(0x13);
    this.#out.u32(type);
    this.#out.u32(table);
  }
  returnCall(func: number, args: readonly Val[]): void {
    for (const a of args) this.#val(a);
    this.#out.byte(0x12);
    this.#out.u32(func);
  }
  return(v?: Val): void {
    if (v) this.#val(v);
    this.#out.byte(0x0f);
  }
  unreachable(): void {
    this.#out.byte(0x00);
  }
  memoryCopy(dst: Val, src: Val, n: Val): void {
    this.#val(dst);
    this.#val(src);
    this.#val(n);
    this.#out.raw(Uint8Array.of(0xfc, 0x0a, 0, 0));
  }
  memoryFill(dst: Val, value: Val, n: Val): void {
    this.#val(dst);
    this.#val(value);
    this.#val(n);
    this.#out.raw(Uint8Array.of(0xfc, 0x0b, 0));
  }

  // Control. Labels are numbered by absolute depth, so a branch works from any nesting.

  /** `block`: branching to its label goes to its end. */
  block(body: (end: Label) => void): void {
    this.open(0x02);
    body({ depth: this.#depth });
    this.close();
  }
  /** `loop`: branching to its label goes to its start. */
  loop(body: (start: Label) => void): void {
    this.open(0x03);
    body({ depth: this.#depth });
    this.close();
  }
  /** Opens a block (0x02) or loop (0x03) that `close` ends; for callers that cannot nest closures. */
  open(kind: 0x02 | 0x03): Label {
    this.#out.byte(kind);
    this.#out.byte(0x40);
    this.#depth++;
    return { depth: this.#depth };
  }
  close(): void {
    this.#out.byte(0x0b);
    this.#depth--;
  }
  /** A constant condition is folded: only the branch taken is emitted. */
  if(cond: Val, then: () => void, otherwise?: () => void): void {
    const c = constOf(cond);
    if (c !== null) {
      if (Number(c) !== 0) then();
      else otherwise?.();
      return;
    }
    const hint = this.#hint;
    this.#hint = false;
    this.#val(cond);
    if (hint) this.#unlikely.push(this.#out.length);
    this.#out.byte(0x04);
    this.#out.byte(0x40);
    this.#depth++;
    then();
    if (otherwise) {
      this.#out.byte(0x05);
      otherwise();
    }
    this.close();
  }
  /** Like `if` for what seldom happens: the engine moves it out of the way, where it takes the hint. */
  ifUnlikely(cond: Val, then: () => void, otherwise?: () => void): void {
    if (constOf(cond) === null) this.#hint = true;
    this.if(cond, then, otherwise);
  }
  br(label: Label): void {
    this.#out.byte(0x0c);
    this.#out.u32(this.#depth - label.depth);
  }
  brIf(cond: Val, label: Label): void {
    this.#val(cond);
    this.#out.byte(0x0d);
    this.#out.u32(this.#depth - label.depth);
  }
  brTable(index: Val, labels: readonly Label[], otherwise: Label): void {
    this.#val(index);
    this.#out.byte(0x0e);
    this.#out.u32(labels.length);
    for (const l of labels) this.#out.u32(this.#depth - l.depth);
    this.#out.u32(this.#depth - otherwise.depth);
  }

  /**
   * Leaves a mark here; `fill` writes its statements when the body is finished. It may branch to labels that
   * are open here, and must close what it opens.
   */
  later(fill: (code: Code) => void): void {
    this.#marks.push({ at: this.#out.length, depth: this.#depth, fill });
  }
  /** Bytes written so far: a measure of the size of the function. */
  get size(): number {
    return this.#out.length;
  }

  /** Bytes of host stack that a frame of this function may take: a slot for each local. */
  get frameEstimate(): number {
    let n = 128;
    for (const t of this.#locals) n += t === 'v128' ? 16 : 8;
    return n;
  }

  /** The body as the code section wants it, without its length prefix: locals, instructions, end. */
  finish(): Uint8Array {
    const head = new ByteWriter(this.#out.length + 4096);
    const body = new ByteWriter(this.#out.length + 4096);
    const sub = new Code(this.#params, this);
    sub.#out = body;
    // The marks' own hints are offsets in `body` already.
    const unlikely = sub.#unlikely;
    let hint = 0;
    let from = 0;
    let inserted = 0;
    const passHints = (to: number): void => {
      for (; hint < this.#unlikely.length && (this.#unlikely[hint] as number) < to; hint++)
        unlikely.push((this.#unlikely[hint] as number) + inserted);
    };
    for (const m of this.#marks) {
      passHints(m.at);
      body.raw(this.#out.bytes.subarray(from, m.at));
      from = m.at;
      const start = body.length;
      sub.#depth = m.depth;
      m.fill(sub);
      inserted += body.length - start;
    }
    passHints(this.#out.length);
    body.raw(this.#out.bytes.subarray(from, this.#out.length));
    const runs: [number, WasmType][] = [];
    for (const t of this.#locals) {
      const last = runs[runs.length - 1];
      if (last && last[1] === t) last[0]++;
      else runs.push([1, t]);
    }
    head.u32(runs.length);
    for (const [n, t] of runs) {
      head.u32(n);
      head.byte(typeByte[t]);
    }
    this.unlikely = unlikely.map((at) => at + head.length);
    head.raw(body.bytes.subarray(0, body.length));
    head.byte(0x0b);
    return head.bytes.subarray(0, head.length);
  }

  #op(op: number): void {
    if (op >= 0xfd00) {
      this.#out.byte(0xfd);
      this.#out.u32(op - 0xfd00);
    } else if (op >= 0xfc00) {
      this.#out.byte(0xfc);
      this.#out.u32(op - 0xfc00);
    } else this.#out.byte(op);
  }

  #val(v: Val): void {
    const out = this.#out;
    switch (v.k) {
      case 'const':
        if (v.t === 'i32') {
          out.byte(0x41);
          out.s32(v.imm as number);
        } else if (v.t === 'i64') {
          out.byte(0x42);
          out.s64(v.imm);
        } else if (v.t === 'f32') {
          out.byte(0x43);
          out.f32(v.imm as number);
        } else if (v.t === 'f64') {
          out.byte(0x44);
          out.f64(v.imm as number);
        } else {
          out.byte(0xfd);
          out.u32(12);
          out.raw(v.bytes as Uint8Array);
        }
        return;
      case 'local':
        out.byte(0x20);
        out.u32(v.op);
        return;
      case 'global':
        out.byte(0x23);
        out.u32(v.op);
        return;
      case 'op':
        for (const a of v.args) this.#val(a);
        this.#op(v.op);
        if (v.bytes) out.raw(v.bytes);
        else if (v.op >= 0xfd15 && v.op <= 0xfd22) out.byte(v.imm as number);
        return;
      case 'load':
        this.#val(v.args[0] as Val);
        this.#op(v.op);
        out.byte(0);
        out.u32(v.imm as number);
        return;
      case 'call':
        for (const a of v.args) this.#val(a);
        out.byte(0x10);
        out.u32(v.op);
        return;
      case 'select':
        for (const a of v.args) this.#val(a);
        if (v.t === 'v128') {
          // Untyped select takes numeric types only.
          out.byte(0x1c);
          out.u32(1);
          out.byte(typeByte.v128);
        } else out.byte(0x1b);
        return;
    }
  }
}
