// Reads guest code into the ops of a block: mostly by the predecoder in WebAssembly, and by way of `Insn` what that leaves.

import { flowNumber } from './decode/decoder.ts';
import type { Insn } from './decode/insn.ts';
import type { CodeMemory } from './guest-code.ts';
import type { Arena } from './interp/arena.ts';
import type { Handlers } from './interp/handlers.ts';
import { MAX_INSNS, OP, OP_BYTES, writeOp } from './interp/op.ts';
import { RESULT } from './interp/predecoder-tables.ts';
import { PAGE, PSEUDO } from './layout.ts';
import type { PhysicalMemory } from './mmu/frames.ts';

/** A run of instructions as ops, which lie in the arena's room and have not been taken. */
export interface Stretch {
  /** The pseudo-op that begins the block; those of the instructions follow it, and one that ends it where they do not. */
  op: number;
  insns: number;
  /** Guest address after the last instruction. */
  next: number;
  /** FLOW of the last instruction. */
  flow: number;
}

export interface OpReader {
  /**
   * Reads the code at an address of the current space; null when its page has to be made present first. What it gives is
   * one object for all, used up at once.
   */
  read(ip: number): Readonly<Stretch> | null;
  /** Writes ops of instructions one after the other. */
  write(at: number, insns: readonly Insn[]): void;
  writePseudo(at: number, fn: number, ip: number, target: number): void;
  /** A 64-bit field of an op that holds an address. */
  addressIn(op: number, field: number): number;
}

export const createOpReader = (
  { u32 }: PhysicalMemory,
  handlers: Handlers,
  arena: Arena,
  code: CodeMemory,
  /** The arena is full: makes it empty. */
  full: () => void,
  /** An instruction has no meaning here. */
  missing: (insn: Insn) => void,
): OpReader => {
  const stretch: Stretch = { op: 0, insns: 0, next: 0, flow: 0 };
  const addressIn = (op: number, field: number): number =>
    (u32[(op + field + 4) >>> 2] as number) * 4294967296 + (u32[(op + field) >>> 2] as number);
  const setAddress = (op: number, field: number, address: number): void => {
    u32[(op + field) >>> 2] = address;
    u32[(op + field + 4) >>> 2] = Math.floor(address / 4294967296);
  };
  const writePseudo = (at: number, fn: number, ip: number, target: number): void => {
    u32.fill(0, at >>> 2, (at + OP_BYTES) >>> 2);
    u32[(at + OP.fn) >>> 2] = fn;
    setAddress(at, OP.ip, ip);
    setAddress(at, OP.imm, target);
  };
  const write = (at: number, insns: readonly Insn[]): void => {
    let op = at;
    for (const i of insns) {
      const fn = handlers.index(i);
      if (fn === PSEUDO.undefined) missing(i);
      writeOp(u32, op, fn, i);
      op += OP_BYTES;
    }
  };
  const room = (): number => {
    const there = arena.room(MAX_INSNS + 2);
    if (there !== 0) return there;
    full();
    const op = arena.room(MAX_INSNS + 2);
    if (op === 0) throw new Error('no physical memory left for predecoded code');
    return op;
  };
  return {
    read(ip) {
      const frame = code.frameOf(Math.floor(ip / PAGE));
      if (frame === 0) return null;
      const begin = room();
      const first = begin + OP_BYTES;
      const r = handlers.predecode(frame * PAGE + (ip & (PAGE - 1)), ip, first, MAX_INSNS);
      let insns = r & RESULT.insns;
      let next = ip + (r >>> RESULT.bytesShift);
      let flow = (r >>> RESULT.flowShift) & RESULT.flow;
      let failed = '';
      if (flow === RESULT.stop) {
        const rest = code.decodeRun(next, MAX_INSNS - insns);
        if (rest.failed === 'page' && insns + rest.insns.length === 0) return null;
        failed = rest.failed;
        handlers.ensure(rest.insns);
        write(first + insns * OP_BYTES, rest.insns);
        insns += rest.insns.length;
        const last = rest.insns[rest.insns.length - 1];
        flow = last ? flowNumber(last) : 0;
        if (last) next = last.next;
      }
      writePseudo(begin, PSEUDO.begin, ip, 0);
      const last = begin + insns * OP_BYTES;
      const end = last + OP_BYTES;
      if (insns === 0) writePseudo(end, failed === 'too-long' ? PSEUDO.tooLong : PSEUDO.undefined, ip, 0);
      else if (flow === 0) writePseudo(end, PSEUDO.goto, addressIn(last, OP.ip), next);
      stretch.op = begin;
      stretch.insns = insns;
      stretch.next = next;
      stretch.flow = flow;
      return stretch;
    },
    write,
    writePseudo,
    addressIn,
  };
};
