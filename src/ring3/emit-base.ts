// What both implementations of `Emit` have in common: operands, memory through the TLB, lazy flags, and the
// exits. What differs, where registers and flags live and how control leaves an instruction, is abstract.

import type { Insn, MemOperand, Operand, RegOperand, Width } from './decode/insn.ts';
import type { Emit, Field, FlagKind, FlagName, Loop } from './emit.ts';
import type { CcKind } from './flags.ts';
import { ARITH_FLAGS, CPU, FLAG, OFF, PAGE, STATUS, TLB, VECTOR } from './layout.ts';
import type { Code, Label } from './wasm/code.ts';
import { callFn, i32, i64, loadAt, type Val, v128, type WasmType } from './wasm/ir.ts';

/** Functions of the core module that generated code calls; indices in the module being built. */
export interface CoreImports {
  /** (address i64, bytes i32) -> i32: physical address for reading, or 0 with CPU.status set. */
  readonly loadSlow: number;
  /** The same for a later store to the same place. */
  readonly loadForWriteSlow: number;
  /** (address i64, value i64, bytes i32) -> i32 status. */
  readonly storeSlow: number;
  /** (address i64, value v128) -> i32 status. */
  readonly storeSlow128: number;
  /** (address i64, bytes i32) -> i32 status. */
  readonly probeWrite: number;
  /** (helper number, argument) -> i32 status. */
  readonly helper: number;
  /** The same, for the helpers of string comparisons and of 128-bit division. */
  readonly compareStrings: number;
  readonly divide: number;
  /** (ignored, ignored) -> i32 status: the gate. */
  readonly gate: number;
  /** (ignored, ignored) -> i32: the arithmetic flags of the state in the CPU block as an image. */
  readonly flagsImage: number;
  /** (cc i32, ignored) -> i32: a condition of the state in the CPU block. */
  readonly condition: number;
}

export const WASM = {
  i32Load: 0x28,
  i64Load: 0x29,
  f32Load: 0x2a,
  f64Load: 0x2b,
  i32Load8S: 0x2c,
  i32Load8U: 0x2d,
  i32Load16S: 0x2e,
  i32Load16U: 0x2f,
  i64Load8S: 0x30,
  i64Load8U: 0x31,
  i64Load16S: 0x32,
  i64Load16U: 0x33,
  i64Load32S: 0x34,
  i64Load32U: 0x35,
  i32Store: 0x36,
  i64Store: 0x37,
  f32Store: 0x38,
  f64Store: 0x39,
  i32Store8: 0x3a,
  i32Store16: 0x3b,
  i64Store8: 0x3c,
  i64Store16: 0x3d,
  i64Store32: 0x3e,
  v128Load: 0xfd00,
  v128Store: 0xfd0b,
} as const;

const LOAD_OF: Record<Width, readonly [WasmType, number]> = {
  8: ['i32', WASM.i32Load8U],
  16: ['i32', WASM.i32Load16U],
  32: ['i32', WASM.i32Load],
  64: ['i64', WASM.i64Load],
};

const STORE_OF: Record<WasmType, number> = {
  i32: WASM.i32Store,
  i64: WASM.i64Store,
  f32: WASM.f32Store,
  f64: WASM.f64Store,
  v128: WASM.v128Store,
};

const zero32 = i32.const(0);

/** Loads and stores of CPU block fields. */
export const cpu = {
  i32: (off: number): Val => loadAt('i32', WASM.i32Load, zero32, CPU + off),
  u16: (off: number): Val => loadAt('i32', WASM.i32Load16U, zero32, CPU + off),
  i64: (off: number): Val => loadAt('i64', WASM.i64Load, zero32, CPU + off),
  v128: (off: number): Val => loadAt('v128', WASM.v128Load, zero32, CPU + off),
  set32: (c: Code, off: number, v: Val): void => c.store(WASM.i32Store, zero32, v, CPU + off),
  set16: (c: Code, off: number, v: Val): void => c.store(WASM.i32Store16, zero32, v, CPU + off),
  set64: (c: Code, off: number, v: Val): void => c.store(WASM.i64Store, zero32, v, CPU + off),
  set128: (c: Code, off: number, v: Val): void => c.store(WASM.v128Store, zero32, v, CPU + off),
};

const FLAG_OF: Record<FlagName, number> = {
  cf: FLAG.CF,
  pf: FLAG.PF,
  af: FLAG.AF,
  zf: FLAG.ZF,
  sf: FLAG.SF,
  of: FLAG.OF,
};

/** Helpers whose usual cases the core does by itself. */
const IN_CORE: Readonly<Record<string, 'compareStrings' | 'divide'>> = {
  sseStrings: 'compareStrings',
  div128: 'divide',
};

/** The entry for an address in the TLB at `table`, or in the table of the pages at home, whose entries are of another size. */
export const tlbEntry = (table: Val, at: Val, entryShift: number = TLB.entryShift): Val => {
  const index = i32.shrU(i32.wrap(at), i32.const(12 - entryShift));
  return i32.add(i32.and(index, i32.const((TLB.entries - 1) << entryShift)), table);
};

export abstract class EmitBase implements Emit {
  abstract readonly insn: Insn;
  readonly code: Code;
  readonly core: CoreImports;
  readonly exactFp: boolean;
  readonly #helperNumber: (name: string) => number;

  constructor(code: Code, core: CoreImports, exactFp: boolean, helperNumber: (name: string) => number) {
    this.code = code;
    this.core = core;
    this.exactFp = exactFp;
    this.#helperNumber = helperNumber;
  }

  // Registers: i64 general registers, v128 xmm registers.
  /** Whole register as i64; may be a local or a load: evaluated where it is used. */
  protected abstract reg64(o: RegOperand | number): Val;
  /** Part of a register as i32 (8, 16, 32 bits, zero-extended). */
  protected abstract regPart(o: RegOperand | number, width: Width, high: boolean): Val;
  protected abstract setReg(o: RegOperand | number, width: Width, high: boolean, v: Val): void;
  protected abstract xmmReg(o: Operand | number): Val;
  protected abstract setXmmReg(o: Operand | number, v: Val): void;
  /** Value of an immediate by rule 3 of emit.ts, and sign-extended to i64. */
  protected abstract immediate(o: Extract<Operand, { kind: 'imm' }>, signed64: boolean): Val;
  /** base + index * scale + displacement, not yet truncated to the address width. */
  protected abstract addressParts(o: MemOperand): Val;
  protected abstract segmentBase(o: MemOperand): Val | null;
  /** Place in linear memory of an mm or st register: address (i32) and constant offset. */
  /** Number of an st, sreg, creg or dreg operand, i32. */
  protected abstract regNumber(o: Operand): Val;
  protected abstract mmPlace(o: Operand): { base: Val; offset: number };
  abstract next(): Val;
  abstract here(): Val;

  // Flags
  protected abstract setCc(kind: CcKind, width: Width, a: Val, b: Val, res: Val): void;
  /** The arithmetic flags now as an image, i32. */
  protected abstract ccImage(): Val;
  abstract flag(name: FlagName): Val;
  abstract condition(cc: number): Val;

  // Control
  /** Leaves with rip at this instruction and the status in CPU.status. */
  protected abstract exitPending(): void;
  /** Leaves with rip at this instruction (or the next) and a constant status. */
  protected abstract exitWith(status: number, rip: 'this' | 'next'): void;
  /** Makes the CPU block agree with registers and flags, and afterwards takes over what changed in it. */
  protected abstract spill(): void;
  protected abstract reload(): void;
  abstract jump(target: Operand | Val): void;
  abstract branch(cond: Val, target: Operand): void;
  abstract call(target: Operand | Val): void;
  abstract return(target: Val): void;
  readonly alone: boolean = false;
  abstract syscall(): void;
  abstract resync(target?: Val): void;

  // Statements
  let(v: Val): Val {
    return this.code.let(v);
  }
  variable(t: WasmType): Val {
    return this.code.temp(t);
  }
  set(variable: Val, v: Val): void {
    this.code.set(variable, v);
  }
  if(cond: Val, then: () => void, otherwise?: () => void): void {
    this.code.if(cond, then, otherwise);
  }
  loop(body: (l: Loop) => void): void {
    const { code } = this;
    code.block((end: Label) => {
      code.loop((start: Label) => {
        body({ again: () => code.br(start), leave: () => code.br(end) });
      });
    });
  }

  // Operands
  read(o: Operand): Val {
    switch (o.kind) {
      case 'reg':
        return o.width === 64 ? this.reg64(o) : this.regPart(o, o.width, o.high);
      case 'imm':
        return this.immediate(o, false);
      case 'mem':
        return this.load(o.width as Width, this.address(o));
      case 'xmm':
        return o.width === 64
          ? v128.extract('i64', 0x1d, this.xmmReg(o), 0)
          : i32Part(v128.extract('i32', 0x1b, this.xmmReg(o), 0), o.width);
      case 'mm':
        return o.width === 64 ? this.readMm(o) : i32Part(i32.wrap(this.readMm(o)), o.width);
      case 'st':
      case 'sreg':
      case 'creg':
      case 'dreg':
        return this.regNumber(o);
      default:
        throw new Error(`operand of kind ${o.kind} cannot be read`);
    }
  }
  readSigned(o: Operand): Val {
    if (o.kind === 'imm') return this.immediate(o, true);
    const v = this.read(o);
    switch (o.width) {
      case 8:
        return i64.extendS(i32.extend8S(v));
      case 16:
        return i64.extendS(i32.extend16S(v));
      case 32:
        return i64.extendS(v);
      default:
        return v;
    }
  }
  write(o: Operand, v: Val): void {
    switch (o.kind) {
      case 'reg':
        this.setReg(o, o.width, o.high, v);
        return;
      case 'mem':
        this.store(o.width as Width, this.address(o), v);
        return;
      case 'xmm':
        this.setXmmReg(
          o,
          o.width === 64
            ? v128.replace(0x1e, this.xmmReg(o), 0, v)
            : v128.replace(0x1c, this.xmmReg(o), 0, v),
        );
        return;
      case 'mm':
        this.writeMm(o, o.width === 64 ? v : i64.extendU(v));
        return;
      default:
        throw new Error(`operand of kind ${o.kind} cannot be written`);
    }
  }
  readForWrite(o: Operand): Val {
    return o.kind === 'mem' ? this.loadForWrite(o.width as Width, this.address(o)) : this.read(o);
  }
  gpr(reg: number, width: Width, high = false): Val {
    return width === 64 ? this.reg64(reg) : this.regPart(reg, width, high);
  }
  setGpr(reg: number, width: Width, v: Val, high = false): void {
    this.setReg(reg, width, high, v);
  }
  lea(o: MemOperand): Val {
    const a = this.addressParts(o);
    return o.addressWidth === 32 ? i64.and(a, i64.const(0xffffffff)) : a;
  }
  address(o: MemOperand): Val {
    const seg = this.segmentBase(o);
    const a = this.lea(o);
    return seg ? i64.add(a, seg) : a;
  }

  // Memory
  load(bits: Width, address: Val): Val {
    const [t, op] = LOAD_OF[bits];
    return this.guestLoad(t, op, bits >> 3, address, false);
  }
  loadForWrite(bits: Width, address: Val): Val {
    const [t, op] = LOAD_OF[bits];
    return this.guestLoad(t, op, bits >> 3, address, true);
  }
  load128(address: Val): Val {
    return this.guestLoad('v128', WASM.v128Load, 16, address, false);
  }
  store(bits: Width, address: Val, v: Val): void {
    const op =
      bits === 8
        ? WASM.i32Store8
        : bits === 16
          ? WASM.i32Store16
          : bits === 32
            ? WASM.i32Store
            : WASM.i64Store;
    this.guestStore(op, bits >> 3, address, v, (at, value) =>
      callFn('i32', this.core.storeSlow, [
        at,
        bits === 64 ? value : i64.extendU(value),
        i32.const(bits >> 3),
      ]),
    );
  }
  store128(address: Val, v: Val): void {
    this.guestStore(WASM.v128Store, 16, address, v, (at, value) =>
      callFn('i32', this.core.storeSlow128, [at, value]),
    );
  }
  /** A load of `bytes` bytes by opcode `op`, bound to a temporary; the translator does it in its own way. */
  protected guestLoad(t: WasmType, op: number, bytes: number, address: Val, forWrite: boolean): Val {
    const { code, core } = this;
    const at = this.let(address);
    const physical = code.temp('i32');
    code.if(this.#misses(forWrite ? TLB.writeTag : TLB.readTag, at, bytes, physical), () => {
      const slow = forWrite ? core.loadForWriteSlow : core.loadSlow;
      code.set(physical, callFn('i32', slow, [at, i32.const(bytes)]));
      code.if(i32.eqz(physical), () => this.exitPending());
    });
    return this.let(loadAt(t, op, physical));
  }
  /** A store of `bytes` bytes by opcode `op`; `slow` is the call that does it after a miss and returns a status. */
  protected guestStore(
    op: number,
    bytes: number,
    address: Val,
    v: Val,
    slow: (at: Val, value: Val) => Val,
  ): void {
    const { code } = this;
    const at = this.let(address);
    const value = this.let(v);
    const physical = code.temp('i32');
    code.if(
      this.#misses(TLB.writeTag, at, bytes, physical),
      () => code.if(slow(at, value), () => this.exitPending()),
      () => code.store(op, physical, value),
    );
  }
  /** Physical address of the TLB of the current space, i32; the translator keeps it in a local. */
  protected tlbBase(): Val {
    return cpu.i32(OFF.tlb);
  }
  /** Whether an access is not to be found in the TLB; sets `physical` to where a hit leads. */
  #misses(tag: number, at: Val, bytes: number, physical: Val): Val {
    const entry = this.let(tlbEntry(this.tlbBase(), at));
    const offset = this.let(i64.sub(at, loadAt('i64', WASM.i64Load, entry, tag)));
    this.code.set(physical, i32.add(i32.wrap(offset), loadAt('i32', WASM.i32Load, entry, TLB.frame)));
    return i64.gtU(offset, i64.const(PAGE - bytes));
  }
  probeWrite(bytes: number, address: Val): void {
    this.code.if(callFn('i32', this.core.probeWrite, [address, i32.const(bytes)]), () => this.exitPending());
  }
  aligned(bytes: number, address: Val): void {
    this.code.if(i32.and(i32.wrap(address), i32.const(bytes - 1)), () => this.raise(13));
  }

  // Vectors
  readX(o: Operand, unaligned?: 'unaligned'): Val {
    if (o.kind === 'xmm') return this.xmmReg(o);
    if (o.kind !== 'mem') throw new Error(`operand of kind ${o.kind} is no vector`);
    const at = this.let(this.address(o));
    if (!unaligned) this.aligned(16, at);
    return this.load128(at);
  }
  writeX(o: Operand, v: Val, unaligned?: 'unaligned'): void {
    if (o.kind === 'xmm') {
      this.setXmmReg(o, v);
      return;
    }
    if (o.kind !== 'mem') throw new Error(`operand of kind ${o.kind} is no vector`);
    const at = this.let(this.address(o));
    if (!unaligned) this.aligned(16, at);
    this.store128(at, v);
  }
  readF(o: Operand): Val {
    const t = o.width === 32 ? 'f32' : 'f64';
    if (o.kind === 'mem') {
      const op = t === 'f32' ? WASM.f32Load : WASM.f64Load;
      return this.guestLoad(t, op, o.width >> 3, this.address(o), false);
    }
    return v128.extract(t, t === 'f32' ? 0x1f : 0x21, this.xmmReg(o), 0);
  }
  writeF(o: Operand, v: Val): void {
    if (o.kind !== 'mem') {
      this.setXmmReg(o, v128.replace(v.t === 'f32' ? 0x20 : 0x22, this.xmmReg(o), 0, v));
      return;
    }
    const narrow = v.t === 'f32';
    this.guestStore(narrow ? WASM.f32Store : WASM.f64Store, narrow ? 4 : 8, this.address(o), v, (at, value) =>
      callFn('i32', this.core.storeSlow, [
        at,
        narrow ? i64.extendU(i32.reinterpretF32(value)) : i64.reinterpretF64(value),
        i32.const(narrow ? 4 : 8),
      ]),
    );
  }
  scratch(slot: number, v: Val): void {
    this.code.store(STORE_OF[v.t], zero32, v, CPU + OFF.scratch + 16 * slot);
  }
  xmm(reg: number): Val {
    return this.xmmReg(reg);
  }
  setXmm(reg: number, v: Val): void {
    this.setXmmReg(reg, v);
  }
  readMm(o: Operand): Val {
    if (o.kind === 'mem') return this.load(64, this.address(o));
    const { base, offset } = this.mmPlace(o);
    return this.let(loadAt('i64', WASM.i64Load, base, offset));
  }
  writeMm(o: Operand, v: Val): void {
    const { base, offset } = this.mmPlace(o);
    const value = this.let(v);
    this.code.store(WASM.i64Store, base, value, offset);
    this.code.store(WASM.i32Store16, base, i32.const(0xffff), offset + 8);
  }
  pendingX87(): void {
    const summary = i32.and(cpu.u16(OFF.fsw), i32.const(0x80));
    this.code.if(summary, () => this.raise(VECTOR.MF));
  }
  enterMmx(): void {
    this.pendingX87();
    cpu.set16(this.code, OFF.fsw, i32.and(cpu.u16(OFF.fsw), i32.const(0xc7ff)));
    cpu.set16(this.code, OFF.ftw, zero32);
  }

  // Flags
  flags(kind: FlagKind, width: Width, a: Val, b: Val, result: Val): void {
    if (kind === 'inc' || kind === 'dec') {
      const carry = this.let(this.flag('cf'));
      this.setCc(kind, width, a, width === 64 ? i64.extendU(carry) : carry, result);
    } else if (kind === 'sub' && this.insn.row.semantics === 'sbb') {
      this.setCc('sbb', width, a, b, result);
    } else if (kind === 'logic') {
      const none = width === 64 ? i64.const(0) : zero32;
      this.setCc(kind, width, none, none, result);
    } else {
      this.setCc(kind, width, a, b, result);
    }
  }
  /** Arithmetic flags that anything behind the instruction may ask for. */
  protected wantedFlags(): number {
    return ARITH_FLAGS;
  }
  setFlags(values: Partial<Record<FlagName, Val>>): void {
    let image: Val = zero32;
    let given = 0;
    const wanted = this.wantedFlags();
    for (const [name, v] of Object.entries(values) as [FlagName, Val][]) {
      const flag = FLAG_OF[name];
      given |= flag;
      if ((wanted & flag) !== 0) image = i32.or(image, i32.shl(v, i32.const(31 - Math.clz32(flag))));
    }
    const kept = wanted & ~given & ~this.insn.row.flagsUndefined;
    if (kept !== 0) image = i32.or(image, i32.and(this.ccImage(), i32.const(kept)));
    this.#setRaw(image);
  }
  #setRaw(image: Val): void {
    this.setCc('raw', 32, this.let(image), zero32, zero32);
  }
  rflags(): Val {
    const df = i32.and(cpu.i32(OFF.df), i32.const(FLAG.DF));
    return i32.or(i32.or(this.ccImage(), df), cpu.i32(OFF.rflagsRest));
  }
  setRflags(v: Val, mask: number): void {
    const image = this.let(v);
    const arith = mask & ARITH_FLAGS;
    if (arith !== 0) {
      let raw = i32.and(image, i32.const(arith));
      if (arith !== ARITH_FLAGS) raw = i32.or(raw, i32.and(this.ccImage(), i32.const(ARITH_FLAGS & ~arith)));
      this.#setRaw(raw);
    }
    if (mask & FLAG.DF) {
      // DF = 1 steps by -1, DF = 0 by 1.
      const df = i32.and(i32.shrU(image, i32.const(10)), i32.const(1));
      cpu.set32(this.code, OFF.df, i32.sub(i32.const(1), i32.shl(df, i32.const(1))));
    }
    const rest = mask & ~ARITH_FLAGS & ~FLAG.DF;
    if (rest !== 0) {
      cpu.set32(
        this.code,
        OFF.rflagsRest,
        i32.or(i32.and(cpu.i32(OFF.rflagsRest), i32.const(~rest)), i32.and(image, i32.const(rest))),
      );
    }
  }

  // Fields
  field(name: Field): Val {
    switch (name) {
      case 'fsBase':
      case 'gsBase':
        return cpu.i64(OFF[name]);
      case 'fcw':
      case 'fsw':
      case 'ftw':
        return cpu.u16(OFF[name]);
      default:
        return cpu.i32(OFF[name]);
    }
  }
  setField(name: Field, v: Val): void {
    switch (name) {
      case 'fsBase':
      case 'gsBase':
        cpu.set64(this.code, OFF[name], v);
        return;
      case 'fcw':
      case 'fsw':
      case 'ftw':
        cpu.set16(this.code, OFF[name], v);
        return;
      default:
        cpu.set32(this.code, OFF[name], v);
    }
  }

  // Control that both tiers share
  raise(vector: number, errorCode = 0, after?: 'after'): void {
    cpu.set32(this.code, OFF.vector, i32.const(vector));
    cpu.set32(this.code, OFF.errorCode, i32.const(errorCode));
    this.exitWith(STATUS.fault, after ? 'next' : 'this');
  }
  /** The instruction has called a helper, which may have written into code. */
  protected helped = false;
  helper(name: string, arg: Val | number = 0, address?: Val): void {
    this.helped = true;
    const a = typeof arg === 'number' ? i32.const(arg) : this.let(arg);
    const at = address ? this.let(address) : null;
    this.spill();
    if (at) cpu.set64(this.code, OFF.helperAddress, at);
    const status = this.let(
      callFn('i32', this.core[IN_CORE[name] ?? 'helper'], [i32.const(this.#helperNumber(name)), a]),
    );
    this.code.if(status, () => this.exitPending());
    this.reload();
  }
  canonical(target: Val): void {
    const { code } = this;
    code.if(i64.ne(i64.shrU(target, i64.const(47)), i64.const(0)), () => {
      const extended = i64.shrS(i64.shl(target, i64.const(16)), i64.const(16));
      code.if(i64.ne(extended, target), () => this.raise(VECTOR.GP));
    });
  }
}

const i32Part = (v: Val, width: number): Val =>
  width === 8 ? i32.and(v, i32.const(0xff)) : width === 16 ? i32.and(v, i32.const(0xffff)) : v;
