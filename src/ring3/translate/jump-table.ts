// Where an indirect jump may go, read from the jump table that it seems to use. This is a guess in the style
// of compilers' output (gcc and clang: switch statements, computed goto) and need not be sound: the address
// jumped to is compared with the guesses at run time, and any other leaves the region.

import type { Insn, MemOperand } from '../decode/insn.ts';

export interface GuestCode {
  /** The instruction at an address, or null when its bytes are missing or are no instruction. */
  insn(ip: number): Insn | null;
  /** The 32-bit word of data at an address, unsigned; null when it cannot be read. */
  word(address: number): number | null;
  /** Whether the code at an address has run: only such code is worth translating. */
  ran(ip: number): boolean;
  /** How often the block at an address has run, roughly; -1 when that is not known. */
  runs(ip: number): number;
  /** Whether there is a region that starts there. */
  translated(ip: number): boolean;
  /** What a general register holds at the moment, near to some run of the code: a guess at what it holds there. */
  register(reg: number): number;
  /** Whether a region that starts there should be cautious with memory; see guest-memory.ts. */
  cautious(ip: number): boolean;
}

export interface JumpTable {
  /** Address of the first entry: two jumps through one table have the same targets. */
  readonly address: number;
  readonly targets: readonly number[];
}

const MAX_ENTRIES = 512;
/** Instructions that are looked at before the jump. */
const WINDOW = 24;
/** Targets lie within the same function, so not far from the jump. */
const REACH = 1 << 18;

const regOf = (i: Insn, slot: number): number => {
  const o = i.operands[slot];
  return o?.kind === 'reg' && o.width >= 32 ? o.reg : -1;
};

const memOf = (i: Insn, slot: number): MemOperand | null => {
  const o = i.operands[slot];
  return o?.kind === 'mem' ? o : null;
};

/** The constant that an instruction puts into a register, if it does. */
const constantOf = (i: Insn): { reg: number; value: number } | null => {
  const reg = regOf(i, 0);
  if (reg < 0) return null;
  const m = memOf(i, 1);
  if (i.row.semantics === 'lea' && m && m.base < 0 && m.index < 0) return { reg, value: m.disp };
  const imm = i.operands[1];
  if ((i.row.semantics === 'mov' || i.row.semantics === 'movabs') && imm?.kind === 'imm') {
    return { reg, value: Number(imm.value) };
  }
  return null;
};

const writes = (i: Insn, reg: number): boolean =>
  regOf(i, 0) === reg && i.row.semantics !== 'cmp' && i.row.semantics !== 'test';

/** The table of a jump. `before`: instructions known to run before it, nearest first; `known`: all of the region. */
export const jumpTable = (
  jump: Insn,
  before: readonly Insn[],
  known: Iterable<Insn>,
  code: GuestCode,
): JumpTable | null => {
  const near = before.slice(0, WINDOW);
  const bases = (reg: number, from: number): number[] => {
    for (const i of near.slice(from)) {
      const c = constantOf(i);
      if (c?.reg === reg) return [c.value];
      if (writes(i, reg)) break;
    }
    // It may have been loaded once, before the loop: what it holds now is as good as any.
    const all = new Set<number>([code.register(reg)]);
    for (const i of known) {
      const c = constantOf(i);
      if (c?.reg === reg) all.add(c.value);
    }
    return [...all];
  };

  let limit = MAX_ENTRIES;
  for (let k = 0; k + 1 < near.length; k++) {
    // cmp index, n; ja default: the fall-through has index <= n.
    const i = near[k + 1] as Insn;
    const imm = i.operands[1];
    const cc = (near[k] as Insn).row.cc;
    if (i.row.semantics === 'cmp' && imm?.kind === 'imm' && (near[k] as Insn).row.flow === 'branch') {
      const n = Number(imm.value);
      if (n > 0 && n < MAX_ENTRIES && (cc === 7 || cc === 3 || cc === 6)) limit = cc === 3 ? n : n + 1;
      break;
    }
  }

  const plausible = (t: number): boolean => Math.abs(t - jump.ip) < REACH && code.insn(t) !== null;
  const quads = (address: number): number[] => {
    const out: number[] = [];
    for (let n = 0; n < limit; n++) {
      const lo = code.word(address + 8 * n);
      const hi = code.word(address + 8 * n + 4);
      if (lo === null || hi === null) break;
      const t = hi * 4294967296 + lo;
      if (!plausible(t)) break;
      out.push(t);
    }
    return out;
  };
  const offsets = (address: number): number[] => {
    const out: number[] = [];
    for (let n = 0; n < limit; n++) {
      const w = code.word(address + 4 * n);
      if (w === null) break;
      const t = address + (w | 0);
      if (!plausible(t)) break;
      out.push(t);
    }
    return out;
  };
  const best = (addresses: readonly number[], read: (a: number) => number[]): JumpTable | null => {
    let found: JumpTable | null = null;
    for (const address of addresses) {
      const targets = read(address);
      if (targets.length > (found?.targets.length ?? 0)) found = { address, targets };
    }
    return found && { address: found.address, targets: [...new Set(found.targets)] };
  };
  const pointers = (m: MemOperand, from: number): JumpTable | null => {
    // Without optimization the index is multiplied before, and either register may hold the table.
    if (m.scale === 0 && m.base >= 0 && m.index >= 0 && m.segment === null) {
      const either = [...bases(m.base, from), ...bases(m.index, from)];
      return best(
        either.map((b) => b + m.disp),
        quads,
      );
    }
    if (m.scale !== 3 || m.index < 0 || m.segment !== null) return null;
    if (m.base < 0) return best([m.disp], quads);
    return best(
      bases(m.base, from).map((b) => b + m.disp),
      quads,
    );
  };

  const direct = memOf(jump, 0);
  if (direct) return pointers(direct, 0);
  const target = regOf(jump, 0);
  const at = near.findIndex((i) => writes(i, target));
  if (at < 0) return null;
  const def = near[at] as Insn;
  const m = memOf(def, 1);
  if (def.row.semantics === 'mov' && m) return pointers(m, at + 1);
  if (def.row.semantics !== 'add') return null;
  // add target, base after movsxd target, [base + index*4], or with the roles of the two exchanged.
  const other = regOf(def, 1);
  for (const i of near.slice(at + 1)) {
    const loaded = regOf(i, 0);
    if (loaded !== target && loaded !== other) continue;
    const load = memOf(i, 1);
    if (i.row.semantics === 'movsxd' && load && load.scale === 2 && load.base >= 0) {
      return best(
        bases(load.base, at + 1).map((b) => b + load.disp),
        offsets,
      );
    }
    if (constantOf(i) === null) return null;
  }
  return null;
};
