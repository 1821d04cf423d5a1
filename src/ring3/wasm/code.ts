// Turns statements over expression trees (ir.ts) into the bytes of one WebAssembly function body.
// Bytes are written at once; only what is not known until the end (which registers a region touches)
// is left as a mark and filled in by `finish`. Making one module has to be cheap: a program waits for it. Binary format: WebAssembly core specification 2.0, section 5.

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

  /** Room for n more bytes. */
  #reserve(n: number): void {
    if (this.length + n <= this.bytes.length) return;
    const next = new Uint8Array(Math.max(this.bytes.length * 2, this.length + n));
    next.set(this.bytes.subarray(0, this.length));
    this.bytes = next;
  }
  byte(b: number): void {
    if (this.length === this.bytes.length) this.#reserve(1);
    this.bytes[this.length++] = b;
  }
  u32(v: number): void {
    this.#reserve(5);
    this.#unsigned(this.length, v);
  }
  /** A byte and an unsigned number: most instructions. */
  byteU32(b: number, v: number): void {
    this.#reserve(6);
    this.bytes[this.length] = b;
    this.#unsigned(this.length + 1, v);
  }
  #unsigned(from: number, v: number): void {
    const { bytes } = this;
    let at = from;
    let n = v >>> 0;
    while (n > 0x7f) {
      bytes[at++] = (n & 0x7f) | 0x80;
      n >>>= 7;
    }
    bytes[at++] = n;
    this.length = at;
  }
  s32(v: number): void {
    this.#reserve(5);
    const { bytes } = this;
    let at = this.length;
    let n = v | 0;
    while (n < -64 || n > 63) {
      bytes[at++] = (n & 0x7f) | 0x80;
      n >>= 7;
    }
    bytes[at++] = n & 0x7f;
    this.length = at;
  }
  s64(v: number | bigint): void {
    if (typeof v === 'bigint') {
      let n = BigInt.asIntN(64, v);
      while (n < -64n || n > 63n) {
        this.byte(Number(n & 0x7fn) | 0x80);
        n >>= 7n;
      }
      this.byte(Number(n & 0x7fn));
      return;
    }
    // A safe integer; bitwise operators take its low 32 bits.
    let n = v;
    while (n < -0x80000000 || n > 0x7fffffff) {
      this.byte((n & 0x7f) | 0x80);
      n = Math.floor(n / 128);
    }
    this.s32(n);
  }
  /** Bytes `from` to `to` of a buffer. */
  raw(src: Uint8Array, from = 0, to = src.length): void {
    this.#reserve(to - from);
    this.bytes.set(from === 0 && to === src.length ? src : src.subarray(from, to), this.length);
    this.length += to - from;
  }
  f32(v: number): void {
    scratch.setFloat32(0, v, true);
    for (let i = 0; i < 4; i++) this.byte(scratch.getUint8(i));
  }
  f64(v: number): void {
    scratch.setFloat64(0, v, true);
    for (let i = 0; i < 8; i++) this.byte(scratch.getUint8(i));
  }
  /** A name of ASCII characters. */
  name(s: string): void {
    this.u32(s.length);
    for (let i = 0; i < s.length; i++) this.byte(s.charCodeAt(i));
  }
  take(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
}
const scratch = new DataView(new ArrayBuffer(8));

/** Buffers of bodies that are done, for the next ones. */
const spare: ByteWriter[] = [];
/** Where `finish` puts a body and the declaration of its locals together. */
const whole = new ByteWriter(1 << 16);
const declarations = new ByteWriter(256);
/** What a finished body has in place of its buffer. */
const closed = new ByteWriter(0);

/** A branch target: the depth of its block at the time it was opened. */
export interface Label {
  readonly depth: number;
}

/**
 * One function body under construction. Parameters are locals 0..n-1. Statements run in the order of the
 * calls; expression trees are evaluated where they are handed in.
 */
export class Code {
  #out = spare.pop() ?? new ByteWriter(1 << 14);
  #params: readonly WasmType[];
  #locals: Val[] = [];
  #free: Record<WasmType, Val[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  #scoped: Val[] = [];
  #depth = 0;
  /** Places in the body that `finish` fills in. */
  #markAt: number[] = [];
  #markDepth: number[] = [];
  #markFill: ((code: Code) => void)[] = [];
  #unlikely: number[] = [];
  #hint = false;
  /** The last `local.set`, which becomes a `local.tee` when its local is read right behind it. */
  #setAt = 0;
  #setEnd = -1;
  #setLocal = 0;

  constructor(params: readonly WasmType[]) {
    this.#params = params;
  }

  param(i: number): Val {
    return local(this.#params[i] as WasmType, i);
  }
  /** A fresh local that lives for the whole function. */
  local(t: WasmType): Val {
    const made = local(t, this.#params.length + this.#locals.length);
    this.#locals.push(made);
    return made;
  }
  /** A local that `endScope` takes back. */
  temp(t: WasmType): Val {
    const made = this.#free[t].pop() ?? this.local(t);
    this.#scoped.push(made);
    return made;
  }
  /** Ends the life of every `temp` handed out since the last call. */
  endScope(): void {
    const scoped = this.#scoped;
    for (let i = 0; i < scoped.length; i++) {
      const v = scoped[i] as Val;
      this.#free[v.t].push(v);
    }
    scoped.length = 0;
  }

  set(dst: Val, v: Val): void {
    this.#val(v);
    this.pop(dst);
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
    this.#out.byteU32(0x24, index);
  }
  /** A store; `op` is the store opcode (i32.store 0x36, i64.store 0x37, i32.store8 0x3a, v128.store 0xfd0b ...). */
  store(op: number, address: Val, v: Val, offset = 0): void {
    this.#val(address);
    this.#val(v);
    this.access(op, offset);
  }

  // Statements in parts, for those who know the order in which values meet on WebAssembly's stack.

  /** Evaluates `v` and leaves it on the stack. */
  push(v: Val): void {
    this.#val(v);
  }
  /** Takes the value on top of the stack into a local. */
  pop(dst: Val): void {
    const out = this.#out;
    this.#setAt = out.length;
    this.#setLocal = dst.op;
    out.byteU32(0x21, dst.op);
    this.#setEnd = out.length;
  }
  /** An operator, a few of them, or constants, as bytes. */
  raw(bytes: Uint8Array): void {
    this.#out.raw(bytes);
  }
  i32(v: number): void {
    this.#out.byte(0x41);
    this.#out.s32(v);
  }
  i64(v: number | bigint): void {
    this.#out.byte(0x42);
    this.#out.s64(v);
  }
  /** Calls a function with what is on the stack. */
  invoke(func: number): void {
    this.#out.byteU32(0x10, func);
  }
  /** An operator on what is on the stack. */
  op(op: number): void {
    this.#op(op);
  }
  /** A load or store by opcode, of what is on the stack. */
  access(op: number, offset: number): void {
    this.#op(op);
    const out = this.#out;
    out.byteU32(0, offset);
  }
  /** Begins an `if` whose condition is on the stack; `close` ends it. */
  openIf(unlikely: boolean): void {
    const out = this.#out;
    if (unlikely) this.#unlikely.push(out.length);
    out.byteU32(0x04, 0x40);
    this.#depth++;
  }
  else(): void {
    this.#out.byte(0x05);
  }
  /** Sets a local to the size of the memory in pages of 64 KiB. */
  memorySize(into: Val): void {
    this.#out.byte(0x3f);
    this.#out.byte(0x00);
    this.pop(into);
  }
  /** Branches if what is on the stack is not 0. */
  popBrIf(label: Label): void {
    this.#out.byteU32(0x0d, this.#depth - label.depth);
  }
  /** Calls a function and drops its result, if it has one. */
  call(func: number, args: readonly Val[], results = 0): void {
    for (const a of args) this.#val(a);
    this.#out.byteU32(0x10, func);
    for (let i = 0; i < results; i++) this.#out.byte(0x1a);
  }
  /** call_indirect through `table` with signature `type`; the result is stored in `dst`. */
  callIndirect(table: number, type: number, index: Val, args: readonly Val[], dst: Val | null): void {
    for (const a of args) this.#val(a);
    this.#val(index);
    this.#out.byte(0x11);
    this.#out.u32(type);
    this.#out.u32(table);
    if (dst) this.pop(dst);
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
    this.#out.byteU32(kind, 0x40);
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
    this.openIf(hint);
    then();
    if (otherwise) {
      this.else();
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
    this.#out.byteU32(0x0c, this.#depth - label.depth);
  }
  brIf(cond: Val, label: Label): void {
    this.#val(cond);
    this.popBrIf(label);
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
    this.#markAt.push(this.#out.length);
    this.#markDepth.push(this.#depth);
    this.#markFill.push(fill);
    this.#setEnd = -1;
  }
  /** Bytes written so far: a measure of the size of the function. */
  get size(): number {
    return this.#out.length;
  }

  /** Bytes of host stack that a frame of this function may take: a slot for each local. */
  get frameEstimate(): number {
    let n = 128;
    for (const { t } of this.#locals) n += t === 'v128' ? 16 : 8;
    return n;
  }

  /**
   * Appends the body as the code section wants it: length, locals, instructions, end. Nothing can be written to it
   * afterwards. Returns the offsets in the body of conditional branches that are seldom taken, ascending.
   */
  finish(into: ByteWriter): readonly number[] {
    const from = this.#out;
    const hints = this.#unlikely;
    const unlikely: number[] = [];
    whole.length = 0;
    this.#out = whole;
    this.#unlikely = unlikely;
    let hint = 0;
    let at = 0;
    const copy = (to: number): void => {
      for (; hint < hints.length && (hints[hint] as number) < to; hint++)
        unlikely.push((hints[hint] as number) - at + whole.length);
      whole.raw(from.bytes, at, to);
      at = to;
    };
    const fills = this.#markFill;
    for (let i = 0; i < fills.length; i++) {
      copy(this.#markAt[i] as number);
      this.#depth = this.#markDepth[i] as number;
      this.#setEnd = -1;
      (fills[i] as (code: Code) => void)(this);
    }
    copy(from.length);
    this.#declare();
    into.u32(declarations.length + whole.length + 1);
    into.raw(declarations.bytes, 0, declarations.length);
    into.raw(whole.bytes, 0, whole.length);
    into.byte(0x0b);
    for (let i = 0; i < unlikely.length; i++) unlikely[i] = (unlikely[i] as number) + declarations.length;
    this.#out = closed;
    from.length = 0;
    spare.push(from);
    return unlikely;
  }
  /** The instructions written so far, marks apart. */
  written(): Uint8Array {
    return this.#out.take();
  }
  #declare(): void {
    const locals = this.#locals;
    const starts: number[] = [];
    for (let i = 0; i < locals.length; i++)
      if (i === 0 || (locals[i] as Val).t !== (locals[i - 1] as Val).t) starts.push(i);
    declarations.length = 0;
    declarations.u32(starts.length);
    starts.forEach((start, n) => {
      declarations.u32((starts[n + 1] ?? locals.length) - start);
      declarations.byte(typeByte[(locals[start] as Val).t]);
    });
  }

  #op(op: number): void {
    if (op < 0x100) this.#out.byte(op);
    else this.#out.byteU32(op >>> 8, op & 0xff);
  }

  #val(v: Val): void {
    const out = this.#out;
    switch (v.k) {
      case 'local':
        if (out.length === this.#setEnd && v.op === this.#setLocal) {
          out.bytes[this.#setAt] = 0x22;
          this.#setEnd = -1;
        } else out.byteU32(0x20, v.op);
        return;
      case 'op':
        if (v.a) this.#val(v.a);
        if (v.b) this.#val(v.b);
        if (v.c) this.#val(v.c);
        this.#op(v.op);
        if (v.op < 0xfd00) return;
        if (v.bytes) out.raw(v.bytes);
        else if (v.op >= 0xfd15 && v.op <= 0xfd22) out.byte(v.imm as number);
        return;
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
          out.byteU32(0xfd, 12);
          out.raw(v.bytes as Uint8Array);
        }
        return;
      case 'load':
        this.#val(v.a as Val);
        this.access(v.op, v.imm as number);
        return;
      case 'global':
        out.byteU32(0x23, v.op);
        return;
      case 'call': {
        const { args } = v;
        if (args) for (let i = 0; i < args.length; i++) this.#val(args[i] as Val);
        out.byteU32(0x10, v.op);
        return;
      }
      case 'select':
        this.#val(v.a as Val);
        this.#val(v.b as Val);
        this.#val(v.c as Val);
        if (v.t === 'v128') {
          // Untyped select takes numeric types only.
          out.byteU32(0x1c, 1);
          out.byte(typeByte.v128);
        } else out.byte(0x1b);
        return;
    }
  }
}

/** Instructions without marks or labels as bytes, to be put in with `raw`. */
export const bytesOf = (emit: (code: Code) => void): Uint8Array => {
  const code = new Code([]);
  emit(code);
  return code.written();
};
