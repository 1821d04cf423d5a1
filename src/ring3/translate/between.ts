// What may happen to registers and to memory between the end of a block and the beginning of one that it immediately
// dominates, where other blocks lie between. What does not change is still known there.

import type { Insn } from '../decode/insn.ts';
import { GPR } from '../layout.ts';
import { isInlined, type Region } from './region.ts';
import { type Graph, loopBodies, type Structure } from './structure.ts';

/** What a block may do. */
export interface Effects {
  /** General registers that it may write, a bit each. */
  readonly written: number;
  /** Whether what is known of memory or of the CPU block may not hold behind it. */
  readonly clobbers: boolean;
}

export const NO_EFFECTS: Effects = { written: 0, clobbers: false };
export const both = (a: Effects, b: Effects): Effects => ({
  written: a.written | b.written,
  clobbers: a.clobbers || b.clobbers,
});

/** Instructions that write no general register but those among their operands. */
const PLAIN: ReadonlySet<string> = new Set(
  [
    'mov movzx movsx movsxd lea cmovcc setcc bswap movbe add adc sub sbb and or xor test cmp inc dec neg not',
    'shl shr sar rol ror jcc jmp nop bt bts btr btc bsf bsr popcnt movups movaps movd movq movss movsd',
  ].flatMap((line) => line.split(' ')),
);
const set = (...regs: number[]): number => regs.reduce((mask, r) => mask | (1 << r), 0);
const STACK = set(GPR.rsp);
const STACK_ONLY: Readonly<Record<string, number>> = {
  push: STACK,
  pop: STACK,
  leave: set(GPR.rsp, GPR.rbp),
  ret: STACK,
};
const OTHERS = set(GPR.rax, GPR.rcx, GPR.rdx, GPR.rsi, GPR.rdi, GPR.rsp);

/** Of a call whose callee's code follows in its place. */
const INLINED_CALL: Effects = { written: STACK, clobbers: false };

const effectsOf = (i: Insn): Effects => {
  const { semantics, flow } = i.row;
  let written = PLAIN.has(semantics) ? 0 : (STACK_ONLY[semantics] ?? OTHERS);
  for (const o of i.operands) if (o.kind === 'reg') written |= 1 << o.reg;
  return { written, clobbers: flow === 'call' || flow === 'indirect-call' || flow === 'syscall' };
};

/** What the blocks of a region do, by the look of their instructions: a guess, to be checked when they are emitted. */
export const guessEffects = (region: Region): Effects[] =>
  region.blocks.map((b) =>
    b.insns
      .map((i) => (i.row.flow === 'call' && isInlined(b, region.blocks) ? INLINED_CALL : effectsOf(i)))
      .reduce(both, NO_EFFECTS),
  );

/** For each node, whether it is in a loop in which nothing clobbers: what was looked up there is likely to hold the next time around. */
export const inQuietLoops = (
  preds: Graph,
  s: Pick<Structure, 'header' | 'isBack'>,
  effects: readonly Effects[],
): readonly boolean[] => {
  const quiet = effects.map(() => false);
  for (const [, body] of loopBodies(s, preds)) {
    if ([...body].some((u) => (effects[u] as Effects).clobbers)) continue;
    for (const u of body) quiet[u] = true;
  }
  return quiet;
};

/** What happens on the ways from the immediate dominator of a node to it, given what each node does. */
export const between = (
  node: number,
  preds: Graph,
  { idom }: Pick<Structure, 'idom'>,
  effects: readonly Effects[],
): Effects => {
  const from = idom[node] as number;
  const seen = new Set<number>([from]);
  const open = [...(preds[node] as readonly number[])];
  let sum = NO_EFFECTS;
  for (let u = open.pop(); u !== undefined; u = open.pop()) {
    if (seen.has(u)) continue;
    seen.add(u);
    sum = both(sum, effects[u] as Effects);
    if (sum.clobbers) break;
    open.push(...(preds[u] as readonly number[]));
  }
  return sum;
};
