// Blocks that are met for the first time, made in WebAssembly: what code-cache.ts does in `resolve`, for most of them.
// It leaves to TypeScript the first block of each frame, which has stores to the frame watched from then on, and what the
// predecoder does not read. TypeScript hears of the others when it has to do with them: the blocks of a frame are a list.

import { PTE } from '../cpu.ts';
import { FLOW } from '../decode/tables.ts';
import { cpu, WASM } from '../emit-base.ts';
import { BLOCKS, FRAME_FLAGS, HINT, HINTS, JUMP, KEPT_PATIENCE, OFF, PAGE, PSEUDO } from '../layout.ts';
import { Code } from '../wasm/code.ts';
import { callFn, i32, i64, loadAt, type Val } from '../wasm/ir.ts';
import type { ModuleBuilder } from '../wasm/module.ts';
import { BEGIN, MAX_INSNS, OP, OP_BYTES, UNNUMBERED } from './op.ts';
import { RESULT } from './predecoder-tables.ts';

const k = i32.const;

/** The first place of the block of the code at a physical address in the table of blocks. */
export const firstEntry = (code: Val): Val =>
  i32.add(
    cpu.i32(OFF.blocks),
    i32.shl(
      i32.and(i32.shrU(i32.xor(code, i32.shrU(code, k(12))), k(BLOCKS.nearShift)), cpu.i32(OFF.blocksMask)),
      k(BLOCKS.entryShift),
    ),
  );
/** The other of the two places in the table of blocks that a block may have. */
export const otherEntry = (entry: Val): Val => i32.xor(entry, k(1 << BLOCKS.entryShift));

/** Defines `make`: (address i64) -> i32, 1 when the block there has been made and entered in the table of blocks. */
export const defineBlockMaker = (mb: ModuleBuilder, make: number, walk: number, predecode: number): void => {
  const c = new Code(['i64']);
  const ip = c.param(0);
  const int = (): Val => c.local('i32');
  const give = (when: Val): void => c.if(when, () => c.return(k(0)));
  const word = (v: Val, op: Val, field: number): void => c.store(WASM.i32Store, op, v, field);

  const pte = int();
  give(i32.or(cpu.i32(OFF.exactFp), i32.eqz(cpu.i32(OFF.decoder))));
  c.set(pte, callFn('i32', walk, [ip]));
  give(i32.eqz(i32.and(pte, k(PTE.exec))));
  const frame = int();
  c.set(frame, i32.shrU(pte, k(12)));
  give(i32.eqz(i32.and(loadAt('i32', WASM.i32Load8U, frame, FRAME_FLAGS), k(1))));
  const code = int();
  c.set(code, i32.or(i32.and(pte, k(-PAGE)), i32.and(i32.wrap(ip), k(PAGE - 1))));
  const known = int();
  c.set(known, firstEntry(code));
  const list = int();
  c.set(list, i32.add(cpu.i32(OFF.made), i32.shl(frame, k(2))));
  const op = int();
  const publish = (): void => {
    const taken = i32.gtU(loadAt('i32', WASM.i32Load, known, BLOCKS.code), k(BLOCKS.gone));
    c.if(taken, () => c.set(known, otherEntry(known)));
    c.store(WASM.i64Store, known, ip, JUMP.ip);
    word(k(PSEUDO.begin), known, JUMP.fn);
    word(op, known, JUMP.arg);
    word(code, known, BLOCKS.code);
    word(k(0), known, BLOCKS.epoch);
  };
  // Where its first place in the table was never taken, there is no block. Where it was, another may have displaced it.
  c.if(loadAt('i32', WASM.i32Load, known, BLOCKS.code), () => {
    c.set(op, loadAt('i32', WASM.i32Load, list));
    c.block((none) =>
      c.loop((again) => {
        c.brIf(i32.eqz(op), none);
        c.if(i64.eq(loadAt('i64', WASM.i64Load, op, OP.ip), ip), () => {
          // One that TypeScript knows may have a region, or lie in two pages.
          give(i32.ne(loadAt('i32', WASM.i32Load, op, BEGIN.number), k(UNNUMBERED)));
          publish();
          c.return(k(1));
        });
        c.set(op, loadAt('i32', WASM.i32Load, op, BEGIN.next));
        c.br(again);
      }),
    );
  });
  c.set(op, cpu.i32(OFF.arena));
  give(i32.gtU(i32.add(op, k((MAX_INSNS + 2) * OP_BYTES)), cpu.i32(OFF.arenaEnd)));

  const result = int();
  const body = i32.add(op, k(OP_BYTES));
  c.set(result, callFn('i32', predecode, [code, ip, body, k(MAX_INSNS), cpu.i32(OFF.decoder)]));
  const flow = int();
  c.set(flow, i32.and(i32.shrU(result, k(RESULT.flowShift)), k(RESULT.flow)));
  give(i32.eq(flow, k(RESULT.stop)));
  const insns = int();
  c.set(insns, i32.and(result, k(RESULT.insns)));
  const last = int();
  c.set(last, i32.add(op, i32.mul(insns, k(OP_BYTES))));
  const next = c.local('i64');
  c.set(next, i64.add(ip, i64.extendU(i32.shrU(result, k(RESULT.bytesShift)))));

  for (let field = 0; field < OP_BYTES; field += 8) c.store(WASM.i64Store, op, i64.const(0), field);
  word(k(PSEUDO.begin), op, OP.fn);
  c.store(WASM.i64Store, op, ip, OP.ip);
  const patience = int();
  const hintAt = (address: Val): Val => i32.add(cpu.i32(OFF.hints), i32.and(i32.wrap(address), k(HINTS - 1)));
  const isKept = i32.and(loadAt('i32', WASM.i32Load8U, hintAt(ip)), k(HINT.kept));
  c.set(patience, cpu.i32(OFF.patience));
  c.if(isKept, () => c.set(patience, k(KEPT_PATIENCE)));
  c.set(patience, i32.divU(i32.add(patience, insns), i32.add(insns, k(1))));
  word(patience, op, OP.count);
  word(patience, op, BEGIN.patience);
  word(insns, op, BEGIN.insns);
  word(frame, op, BEGIN.frame);
  word(k(UNNUMBERED), op, BEGIN.number);
  word(loadAt('i32', WASM.i32Load, list), op, BEGIN.next);
  c.store(WASM.i32Store, list, op);
  cpu.set32(c, OFF.madeCount, i32.add(cpu.i32(OFF.madeCount), k(1)));

  const end = int();
  c.set(end, i32.add(last, k(OP_BYTES)));
  c.if(i32.eqz(flow), () => {
    for (let field = 0; field < OP_BYTES; field += 8) c.store(WASM.i64Store, end, i64.const(0), field);
    word(k(PSEUDO.goto), end, OP.fn);
    c.store(WASM.i64Store, end, loadAt('i64', WASM.i64Load, last, OP.ip), OP.ip);
    c.store(WASM.i64Store, end, next, OP.imm);
    c.set(end, i32.add(end, k(OP_BYTES)));
  });
  cpu.set32(c, OFF.arena, end);

  publish();

  // As in code-cache.ts, `noteTargets`.
  const hint = (address: Val, what: Val): void => {
    const at = c.let(hintAt(address));
    c.store(WASM.i32Store8, at, i32.or(loadAt('i32', WASM.i32Load8U, at), what));
  };
  const flowIn = (...names: (keyof typeof FLOW)[]): Val =>
    i32.and(i32.shrU(k(names.reduce((set, n) => set | (1 << FLOW[n]), 0)), flow), k(1));
  c.if(i32.eqz(patience), () => c.return(k(1)));
  c.if(flowIn('next', 'call', 'indirect-call', 'syscall', 'branch'), () => hint(next, k(HINT.inner)));
  c.if(flowIn('call', 'branch', 'jump'), () => {
    const target = c.let(loadAt('i64', WASM.i64Load, last, OP.imm));
    const back = i64.leU(target, loadAt('i64', WASM.i64Load, last, OP.ip));
    const isHead = i32.or(flowIn('call'), back);
    hint(target, i32.add(k(HINT.inner), isHead));
  });
  c.return(k(1));
  c.unreachable();
  mb.define(make, c);
};
