// Interpreter handlers, one wasm function a form, and the pseudo-ops that begin and end a block. The core
// module carries the handlers of a given list of forms; a form met later is built on demand in a small
// module of its own, from the same semantics.

import {
  CORE_SIGNATURES,
  type CoreExports,
  type CoreFunctions,
  defineCore,
  importCore,
} from '../core/core-module.ts';
import { tables as decoderTables } from '../decode/decoder.ts';
import type { Insn } from '../decode/insn.ts';
import { ROW_FLAG } from '../decode/tables.ts';
import type { SemanticsTable } from '../emit.ts';
import { cpu, WASM } from '../emit-base.ts';
import { OFF, PAGE, PSEUDO, STATUS, VECTOR } from '../layout.ts';
import type { PhysicalMemory } from '../mmu/frames.ts';
import { Code } from '../wasm/code.ts';
import { callFn, i32, loadAt, type Val } from '../wasm/ir.ts';
import { ModuleBuilder } from '../wasm/module.ts';
import { defineBlockMaker } from './block-maker.ts';
import { CarefulEmit } from './careful-emit.ts';
import { follow, InterpEmit, type Tail } from './interp-emit.ts';
import { type Body, defineLoop, isCommon } from './loop.ts';
import { OP, OP_BYTES } from './op.ts';
import {
  definePredecoder,
  HANDLERS_AT,
  PREDECODER_BYTES,
  type Predecode,
  predecoded,
  writePredecoderTables,
} from './predecoder.ts';

const FIRST_HANDLER = 8;

const at = (off: number, op: Val): Val => loadAt('i64', WASM.i64Load, op, off);

/** What the pseudo-ops do, by their index in the code table. */
const pseudoOps = (core: CoreFunctions): readonly [number, Body][] => {
  const begin: Body = (code, op, tail) => {
    const n = code.temp('i32');
    code.set(n, i32.sub(cpu.i32(OFF.budget), i32.const(1)));
    cpu.set32(code, OFF.budget, n);
    code.ifUnlikely(i32.ltS(n, i32.const(0)), () => {
      cpu.set64(code, OFF.rip, at(OP.ip, op));
      code.return(i32.const(STATUS.budget));
    });
    code.set(n, i32.sub(loadAt('i32', WASM.i32Load, op, OP.count), i32.const(1)));
    code.store(WASM.i32Store, op, n, OP.count);
    code.ifUnlikely(i32.eqz(n), () => {
      cpu.set64(code, OFF.rip, at(OP.ip, op));
      code.return(callFn('i32', core.hot, [op]));
    });
    tail(code, i32.add(op, i32.const(OP_BYTES)));
  };
  const goto: Body = (code, op, tail) => follow(code, core, tail, op, OP.link, at(OP.imm, op));
  const moved: Body = (code, op) => code.returnCall(core.jump, [at(OP.ip, op), i32.const(0)]);
  const leave: Body = (code, op) => {
    cpu.set64(code, OFF.rip, at(OP.imm, op));
    code.return(i32.const(STATUS.unwind));
  };
  const raising =
    (vector: number): Body =>
    (code, op) => {
      cpu.set64(code, OFF.rip, at(OP.ip, op));
      cpu.set32(code, OFF.vector, i32.const(vector));
      cpu.set32(code, OFF.errorCode, i32.const(0));
      code.return(i32.const(STATUS.fault));
    };
  return [
    [PSEUDO.begin, begin],
    [PSEUDO.goto, goto],
    [PSEUDO.leave, leave],
    [PSEUDO.moved, moved],
    [PSEUDO.undefined, raising(VECTOR.UD)],
    [PSEUDO.tooLong, raising(VECTOR.GP)],
  ];
};

/**
 * The interpreter keeps MXCSR's flags always: what a program has raised before it looks at them for the first time has mostly
 * been raised here, and its shortcuts make that cheap.
 */
const EXACT_FP = true;

const handlerBody = (
  insn: Insn,
  core: CoreFunctions,
  tail: Tail,
  semantics: SemanticsTable,
  helperNumber: (name: string) => number,
  Emitter = InterpEmit,
  code?: Code,
  op?: Val,
): Code | null => {
  const meaning = semantics[insn.row.semantics];
  if (!meaning) return null;
  const emit = new Emitter(insn, core, tail, EXACT_FP, helperNumber, code, op);
  meaning(emit, insn);
  return emit.finish();
};

/** The core module with handlers for the forms of `samples`; handler i, of form `keys[i]`, is at FIRST_HANDLER + i. */
export const buildCoreModule = (
  samples: readonly Insn[],
  semantics: SemanticsTable,
  helperNumber: (name: string) => number,
): { bytes: Uint8Array; keys: number[] } => {
  const mb = new ModuleBuilder();
  const { core, table, handlerType, walk, makeBlock } = defineCore(mb);
  const tail: Tail = (code, op) => code.returnCall(core.next, [op]);
  const inLoop: (Body | null)[] = Array.from({ length: FIRST_HANDLER }, () => null);
  for (const [index, body] of pseudoOps(core)) {
    inLoop[index] = body;
    const code = new Code(['i32']);
    body(code, code.param(0), tail);
    code.unreachable();
    mb.element(table, index, [mb.func(['i32'], ['i32'], code)]);
  }
  const keys: number[] = [];
  const funcs: number[] = [];
  const forms = new Map(samples.map((insn) => [insn.form, insn]));
  // The common ones first: the loop's jump table ends with them.
  const ordered = [...forms.values()].sort((a, b) => Number(isCommon(b)) - Number(isCommon(a)));
  for (const insn of ordered) {
    const handler = handlerBody(insn, core, tail, semantics, helperNumber);
    if (!handler) continue;
    if (isCommon(insn))
      inLoop.push((code, op, again) => {
        handlerBody(insn, core, again, semantics, helperNumber, InterpEmit, code, op);
      });
    keys.push(insn.form);
    funcs.push(mb.func(['i32'], ['i32'], handler));
  }
  mb.define(core.next, defineLoop(table, handlerType, inLoop));
  defineBlockMaker(mb, makeBlock, walk, definePredecoder(mb, FIRST_HANDLER));
  if (funcs.length > 0) mb.element(table, FIRST_HANDLER, funcs);
  return { bytes: mb.finish(), keys };
};

export interface Handlers {
  /** Table index of the handler of an instruction; PSEUDO.undefined when its meaning is missing. */
  readonly index: (insn: Insn) => number;
  /** Table index of the handler that does an instruction by itself, built when it is first asked for; see careful-emit.ts. */
  readonly careful: (insn: Insn) => number;
  /** Builds the handlers of those instructions that have none yet, in one module. */
  readonly ensure: (insns: readonly Insn[]) => void;
  /**
   * Reads up to `most` instructions at physical address `code`, guest address `ip`, into ops from `op` on, as far as
   * they have handlers. Returns a RESULT of predecoder.ts.
   */
  readonly predecode: (code: number, ip: number, op: number, most: number) => number;
  /** Physical address of the predecoder's tables. */
  readonly tables: number;
  /** A free place in the code table. */
  readonly slot: () => number;
  /** Gives such a place back. */
  readonly free: (place: number) => void;
}

/** Keeps the map from forms to table places and builds what is missing. */
export const createHandlers = (
  table: WebAssembly.Table,
  mem: PhysicalMemory,
  core: CoreExports,
  prebuilt: ArrayLike<number>,
  semantics: () => SemanticsTable,
  helperNumber: (name: string) => number,
): Handlers => {
  const { u8, u16, memory } = mem;
  const tables = mem.allocContiguous(Math.ceil(PREDECODER_BYTES / PAGE));
  if (tables === 0) throw new RangeError('memoryBytes is too small for the tables of the predecoder');
  writePredecoderTables(u8, tables);
  /** Places of the forms that the predecoder looks up; 0 for none. */
  const inTable = (tables + HANDLERS_AT) >>> 1;
  /** Those of other forms, and the few beyond 16 bits. */
  const others = new Map<number, number>();
  const placeOf = (form: number): number => {
    const n = predecoded(u8, tables, form);
    return (n < 0 ? 0 : (u16[inTable + n] as number)) || (others.get(form) ?? 0);
  };
  const setPlace = (form: number, place: number): void => {
    const n = predecoded(u8, tables, form);
    if (n >= 0 && place < 65536) u16[inTable + n] = place;
    else others.set(form, place);
  };
  let used = FIRST_HANDLER;
  // Thousands at every start: what `setPlace` does for most of them, without calls.
  const { rowFlags } = decoderTables;
  for (let i = 0; i < prebuilt.length; i++) {
    const form = prebuilt[i] as number;
    const plain = ((rowFlags[(form >>> 6) & 0x7ff] as number) & ROW_FLAG.imm) === 0;
    if (plain && used < 65536) u16[inTable + form] = used;
    else setPlace(form, used);
    used++;
  }
  const unused: number[] = [];
  const slot = (): number => {
    const place = unused.pop();
    if (place !== undefined) return place;
    if (used >= table.length) table.grow(Math.max(1024, table.length >> 1));
    return used++;
  };
  const imports: Record<string, WebAssembly.ExportValue> = { memory };
  for (const name of Object.keys(CORE_SIGNATURES)) {
    imports[name] = core[name as keyof typeof CORE_SIGNATURES] as WebAssembly.ExportValue;
  }
  /** Builds handlers in one module and enters them in a map; those without semantics go to PSEUDO.undefined. */
  const build = (
    insns: Iterable<Insn>,
    enter: (form: number, place: number) => void,
    Emitter = InterpEmit,
  ): void => {
    const mb = new ModuleBuilder();
    const fns = importCore(mb, 'handlers');
    const tail: Tail = (code, op) => code.returnCall(fns.next, [op]);
    const made: number[] = [];
    for (const insn of insns) {
      const body = handlerBody(insn, fns, tail, semantics(), helperNumber, Emitter);
      if (!body) {
        enter(insn.form, PSEUDO.undefined);
        continue;
      }
      mb.export(`${made.length}`, mb.func(['i32'], ['i32'], body));
      made.push(insn.form);
    }
    if (made.length === 0) return;
    const instance = new WebAssembly.Instance(new WebAssembly.Module(mb.finish() as BufferSource), {
      k: imports,
    });
    made.forEach((form, i) => {
      const place = slot();
      table.set(place, instance.exports[`${i}`]);
      enter(form, place);
    });
  };
  /** Places of handlers that do an instruction by itself, by form. */
  const careful = new Map<number, number>();
  const { predecode } = core as unknown as { readonly predecode: Predecode };
  return {
    index: (insn) => placeOf(insn.form) || PSEUDO.undefined,
    tables,
    predecode: (code, ip, op, most) => predecode(code, ip, op, most, tables),
    slot,
    free(place) {
      table.set(place, null);
      unused.push(place);
    },
    careful(insn) {
      const known = careful.get(insn.form);
      if (known !== undefined) return known;
      build([insn], (form, place) => careful.set(form, place), CarefulEmit);
      return careful.get(insn.form) ?? PSEUDO.undefined;
    },
    ensure(insns) {
      const missing = new Map<number, Insn>();
      for (const i of insns) if (placeOf(i.form) === 0) missing.set(i.form, i);
      if (missing.size > 0) build(missing.values(), setPlace);
    },
  };
};
