// Which instructions may leave a region in their midst: by a fault, or by something that the region does not do itself.

import type { Insn, Row } from '../decode/insn.ts';

/** Integer instructions that cannot fault without a memory operand. */
const QUIET = new Set(
  (
    'adc add and bsf bsr bswap bt btc btr bts cbw cmovcc cmp cwd dec imul imul1 inc jcc jmp jrcxz lea loop ' +
    'loope loopne mov movabs movsx movsxd movzx mul neg nop not or popcnt rol ror sahf sar sbb setcc shl shld ' +
    'shr shrd sub test tzcnt lzcnt xchg xor lahf'
  ).split(' '),
);

const has = (names: ReadonlySet<string>): ((row: Row) => boolean) => {
  /** By row: 0 unknown, 1 no, 2 yes. */
  const known = new Uint8Array(2048);
  return (row) => {
    let k = known[row.id] ?? 0;
    if (k === 0) {
      k = names.has(row.semantics) ? 2 : 1;
      known[row.id] = k;
    }
    return k === 2;
  };
};
const isQuiet = has(QUIET);
const ignoresMemory = has(new Set(['lea', 'nop']));

/** `memoryHolds`: accesses to memory are known not to fault. */
export const canLeave = (i: Insn, memoryHolds = false): boolean => {
  const { row, operands } = i;
  if (!isQuiet(row)) return true;
  if (memoryHolds) return false;
  for (let n = 0; n < operands.length; n++) if (operands[n]?.kind === 'mem') return !ignoresMemory(row);
  return false;
};
