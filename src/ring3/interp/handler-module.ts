// Interpreter handlers, one wasm function a form, and the pseudo-ops that begin and end a block, made into modules: the core
// module, which the build makes with the handlers of a given list of forms, and small ones with forms met later.

import { defineCore, importCore } from '../core/core-module.ts';
import type { CoreFunctions } from '../core/core-signatures.ts';
import type { Insn } from '../decode/insn.ts';
import type { SemanticsTable } from '../emit.ts';
import { cpu, WASM } from '../emit-base.ts';
import { FIRST_HANDLER, OFF, PSEUDO, STATUS, VECTOR } from '../layout.ts';
import { Code } from '../wasm/code.ts';
import { callFn, i32, loadAt, type Val } from '../wasm/ir.ts';
import { ModuleBuilder } from '../wasm/module.ts';
import { defineBlockMaker } from './block-maker.ts';
import { CarefulEmit } from './careful-emit.ts';
import { follow, InterpEmit, type Tail } from './interp-emit.ts';
import { type Body, defineLoop, isCommon } from './loop.ts';
import { OP, OP_BYTES } from './op.ts';
import { definePredecoder } from './predecoder.ts';

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

/** A module with the handlers of some instructions, exported as 0, 1, ...; null when none of them has a meaning. */
export interface HandlerModule {
  readonly bytes: Uint8Array | null;
  /** Forms of its handlers, in their order, and those without semantics. */
  readonly forms: readonly number[];
  readonly missing: readonly number[];
}

/** `alone`: handlers that do an instruction by itself; see careful-emit.ts. */
export const buildHandlers = (
  insns: Iterable<Insn>,
  semantics: SemanticsTable,
  helperNumber: (name: string) => number,
  alone: boolean,
): HandlerModule => {
  const mb = new ModuleBuilder();
  const fns = importCore(mb, 'handlers');
  const tail: Tail = (code, op) => code.returnCall(fns.next, [op]);
  const forms: number[] = [];
  const missing: number[] = [];
  for (const insn of insns) {
    const body = handlerBody(insn, fns, tail, semantics, helperNumber, alone ? CarefulEmit : InterpEmit);
    if (!body) {
      missing.push(insn.form);
      continue;
    }
    mb.export(`${forms.length}`, mb.func(['i32'], ['i32'], body));
    forms.push(insn.form);
  }
  return { bytes: forms.length === 0 ? null : mb.finish(), forms, missing };
};
