// Which accesses go through the stack segment: in 64-bit mode that decides only whether an address that is not
// canonical is #SS or #GP (Intel SDM volume 3, 6.15, interrupt 12).

import type { Insn, MemOperand } from './decode/insn.ts';
import { GPR, OFF } from './layout.ts';

/** Reads a 64-bit field of the CPU block. */
type Read = (offset: number) => bigint;

const STACK = new Set([
  'push',
  'pushf',
  'pushsreg',
  'pop',
  'popf',
  'popsreg',
  'call',
  'ret',
  'retf',
  'iret',
  'enter',
  'leave',
]);

const canonical = (address: bigint): boolean => BigInt.asIntN(48, address) === BigInt.asIntN(64, address);

const effective = (o: MemOperand, read: Read): bigint => {
  const reg = (n: number): bigint => (n < 0 ? 0n : read(OFF.gpr + 8 * n));
  const offset = reg(o.base) + (reg(o.index) << BigInt(o.scale)) + BigInt(o.disp);
  const base = o.segment === null ? 0n : read(o.segment === 'fs' ? OFF.fsBase : OFF.gsBase);
  return base + BigInt.asUintN(o.addressWidth, offset);
};

/**
 * Whether the access of `insn` that met an address outside of the canonical ones was one through SS: by the stack
 * pointer itself, or by a memory operand with rsp or rbp as its base and no override.
 */
export const throughStack = (insn: Insn, read: Read): boolean => {
  const { semantics } = insn.row;
  const memory = insn.operands.find((o) => o.kind === 'mem');
  const byBase =
    memory !== undefined && memory.segment === null && (memory.base === GPR.rsp || memory.base === GPR.rbp);
  if (!STACK.has(semantics)) return byBase;
  if (memory === undefined) return true;
  // POP reads the stack before it writes its operand; the others read their operand first.
  if (semantics === 'pop') return byBase || !canonical(read(OFF.gpr + 8 * GPR.rsp));
  const first = effective(memory, read);
  return byBase || (canonical(first) && canonical(first + BigInt(memory.width / 8 - 1)));
};
