// A region: the basic blocks of guest code that become one wasm function. Blocks are found from an entry by
// following direct jumps, both ways of conditional branches, fall-throughs, the points where calls return to,
// and jump tables; other indirect jumps, returns and whatever lies beyond the limits leave the region.

import type { Insn } from '../decode/insn.ts';
import { insnFlags } from '../decode/row-flags.ts';
import { ARITH_FLAGS, PAGE } from '../layout.ts';
import { canLeave } from './can-leave.ts';
import { type GuestCode, type JumpTable, jumpTable } from './jump-table.ts';

export interface BasicBlock {
  /** Its place in `Region.blocks`; the entry is block 0. */
  readonly index: number;
  /** Address of the first instruction; -1 for the dispatch block of a jump table. */
  readonly ip: number;
  /** Only the last may have a flow other than 'next'. Empty in a dispatch block, else at least one. */
  readonly insns: readonly Insn[];
  /** Address after the last instruction. */
  readonly end: number;
  /**
   * Blocks of the region that control may reach from here, without repetitions. Of a call that its callee's code follows
   * (`isInlined`), the callee's first; of a return in that code, the block that the call returns to.
   */
  readonly succs: readonly number[];
  /** How often it had run when the region was planned, roughly; -1 when that is not known. */
  readonly runs: number;
}

/** A stub of a procedure linkage table. */
export interface Stub {
  /** The jump through a word of data. */
  readonly jump: Insn;
  /** Where it goes now: a guess at where it will go. Null when that is not known. */
  readonly to: number | null;
}

export interface Region {
  readonly entry: number;
  readonly blocks: readonly BasicBlock[];
  /** Guest page numbers (address / 4096) that the code was read from, ascending. */
  readonly pages: readonly number[];
  readonly insns: number;
  /** Targets of direct calls, in order of discovery; without stubs, and without those that stand in the place of the call. */
  readonly callees: readonly number[];
  /** Targets of direct calls where every arithmetic flag is written before one is read. */
  readonly flagless: ReadonlySet<number>;
  /** Those of the targets of calls that are no more than a jump, by their address. */
  readonly stubs: ReadonlyMap<number, Stub>;
  /** Code beyond the blocks that the region was made from: address, and address behind it. */
  readonly looked: readonly (readonly [ip: number, end: number])[];
  /** Addresses where the region is left because nothing has run there yet. */
  readonly frontier: readonly number[];
  /** Whether accesses to memory each have a slow path; see guest-memory.ts. */
  readonly cautious: boolean;
}

export interface RegionLimits {
  /** Instructions in one straight run, which counts as one step however long it is. */
  readonly run: number;
  /** Instructions in a region; the blocks nearest to the entry are kept. */
  readonly insns: number;
}

/**
 * Not too large: what a region uses anywhere tends to stay live in its loops, and V8 then spills inside them; and not
 * too small: large functions would leave one region for the next all the time.
 */
export const REGION_LIMITS: RegionLimits = { insns: 400, run: 2000 };

/** Target of a direct jump, branch or call; null when the instruction has none. */
export const directTarget = (i: Insn): number | null => {
  for (const o of i.operands) if (o.kind === 'rel') return o.target;
  return null;
};

/** The jump through a word at a fixed address that is all there is at `ip`, but for a marker before it. */
const stubAt = (ip: number, code: GuestCode): Stub | null => {
  let i = code.insn(ip);
  if (i?.row.semantics === 'nop') i = code.insn(i.next);
  const o = i?.operands[0];
  if (i?.row.flow !== 'indirect-jump' || o?.kind !== 'mem') return null;
  if (o.base >= 0 || o.index >= 0 || o.segment !== null) return null;
  const at = Number(o.disp);
  const low = code.word(at);
  const high = code.word(at + 4);
  return { jump: i, to: low === null || high === null ? null : high * 4294967296 + low };
};

const isPush = (i: Insn): boolean => i.row.semantics === 'push' && i.operands[0]?.kind !== 'mem';
/** How far behind a call's target flags are looked for. */
const FLAG_SCAN = 12;

/**
 * End of the instructions from `ip` on that write every arithmetic flag before one is read, or shown by a fault; null
 * when they do not. A push is let pass: it faults where the stack ends.
 */
const forgetsFlags = (ip: number, code: GuestCode): number | null => {
  let open = ARITH_FLAGS;
  for (let n = 0, at = ip; n < FLAG_SCAN; n++) {
    const i = code.insn(at);
    if (!i) return null;
    const { written, read } = insnFlags(i);
    if ((read & open) !== 0 || (canLeave(i) && !isPush(i))) return null;
    open &= ~written;
    if (open === 0) return i.next;
    if (i.row.flow !== 'next') return null;
    at = i.next;
  }
  return null;
};

/** Where control may go inside the region after this instruction; calls and system calls come back. */
const successors = (i: Insn): number[] => {
  const target = directTarget(i);
  switch (i.row.flow) {
    case 'next':
    case 'call':
    case 'indirect-call':
    case 'syscall':
      return [i.next];
    case 'jump':
      return target === null ? [] : [target];
    case 'branch':
      return target === null || target === i.next ? [i.next] : [target, i.next];
    case 'return':
    case 'indirect-jump':
    case 'stop':
      return [];
  }
};

/** Code found from one address on: of the region itself, or of a callee that stands in the place of its call. */
interface Body {
  readonly insns: ReadonlyMap<number, Insn>;
  /** Where blocks start: the entry first, then ascending. */
  readonly starts: readonly number[];
  /** By the address of the jump. */
  readonly tables: ReadonlyMap<number, JumpTable>;
  readonly frontier: ReadonlySet<number>;
}

/** Finds the code from `entry` on; null when there is no instruction. */
const explore = (
  entry: number,
  code: GuestCode,
  limits: Pick<RegionLimits, 'run' | 'insns'>,
): Body | null => {
  const insns = new Map<number, Insn>();
  /** The instruction that runs into an address, or branches or jumps there, as first met. */
  const before = new Map<number, Insn>();
  const tables = new Map<number, JumpTable>();
  const frontier = new Set<number>();
  const walkBack = (i: Insn): Insn[] => {
    const out: Insn[] = [];
    for (let b = before.get(i.ip); b && out.length < 32 && !out.includes(b); b = before.get(b.ip))
      out.push(b);
    return out;
  };
  const leaders = new Set<number>([entry]);
  const queue: number[] = [entry];
  for (let head = 0; head < queue.length && insns.size < limits.insns; head++) {
    let ip = queue[head] as number;
    for (let run = 0; !insns.has(ip) && (insns.size < limits.insns || run > 0); run++) {
      // A straight run goes on beyond the limit, to the next place where other code begins.
      if (insns.size >= limits.insns && (run >= limits.run || code.translated(ip))) break;
      const insn = code.insn(ip);
      if (!insn) break;
      insns.set(ip, insn);
      ip = insn.next;
      if (insn.row.flow === 'next') {
        if (!before.has(ip)) before.set(ip, insn);
        continue;
      }
      let ways: readonly number[] = successors(insn);
      if (insn.row.flow === 'indirect-jump') {
        const table = jumpTable(insn, walkBack(insn), insns.values(), code);
        if (table) {
          tables.set(insn.ip, table);
          ways = table.targets;
        }
      }
      for (const s of ways) {
        if (!before.has(s)) before.set(s, insn);
        if (leaders.has(s)) continue;
        if (!code.ran(s)) {
          frontier.add(s);
          continue;
        }
        leaders.add(s);
        queue.push(s);
      }
      ip = -1;
      break;
    }
    // Ran into code that is already known: that place starts a block, too.
    if (ip >= 0 && insns.has(ip)) leaders.add(ip);
  }
  if (!insns.has(entry)) return null;
  const others = [...leaders].filter((ip) => ip !== entry && insns.has(ip));
  return { insns, starts: [entry, ...others.sort((a, b) => a - b)], tables, frontier };
};

/** The most instructions of a callee that stands in the place of its call. */
const INLINE_INSNS = 32;
/** How far such callees are followed into their own. */
const INLINE_DEPTH = 3;
/** Instructions of all of them together. */
const INLINE_ALL = 240;

/** The code of a function that is small and comes back; null of others. */
const smallBody = (entry: number, code: GuestCode): Body | null => {
  if (!code.ran(entry)) return null;
  const body = explore(entry, code, { insns: INLINE_INSNS + 1, run: INLINE_INSNS });
  if (!body || body.insns.size > INLINE_INSNS) return null;
  const flows = new Set([...body.insns.values()].map((i) => i.row.flow));
  return flows.has('return') && !flows.has('indirect-jump') ? body : null;
};

/** Small bodies by their address, for the regions of a batch; null of what is no such function. */
export type SmallBodies = Map<number, Body | null>;

/** Whether a block ends in a call whose callee's code follows in its place. */
export const isInlined = (b: BasicBlock, blocks: readonly BasicBlock[]): boolean => {
  const last = b.insns[b.insns.length - 1];
  const [to] = b.succs;
  return last?.row.flow === 'call' && to !== undefined && (blocks[to] as BasicBlock).ip !== last.next;
};

/** Discovers the region of `entry`; null when there is no instruction at the entry. */
export const discover = (
  entry: number,
  code: GuestCode,
  limits: RegionLimits = REGION_LIMITS,
  small: SmallBodies = new Map(),
): Region | null => {
  const whole = explore(entry, code, limits);
  if (!whole) return null;
  const bodyOf = (callee: number): Body | null => {
    let body = small.get(callee);
    if (body === undefined) {
      body = smallBody(callee, code);
      small.set(callee, body);
    }
    return body;
  };

  const blocks: BasicBlock[] = [];
  const pages = new Set<number>();
  const lookAt = (ip: number, end: number): void => {
    for (let p = Math.floor(ip / PAGE); p * PAGE < end; p++) pages.add(p);
  };
  const looked: [number, number][] = [];
  const callees = new Set<number>();
  const stubs = new Map<number, Stub>();
  const flagless = new Set<number>();
  const noteStub = (callee: number): Stub | null => {
    const stub = stubs.get(callee) ?? stubAt(callee, code);
    if (stub && !stubs.has(callee)) {
      stubs.set(callee, stub);
      looked.push([callee, stub.jump.next]);
    }
    return stub;
  };
  const noteCallee = (callee: number): void => {
    if (callees.has(callee)) return;
    callees.add(callee);
    const end = forgetsFlags(callee, code);
    if (end !== null) {
      flagless.add(callee);
      looked.push([callee, end]);
    }
  };
  const frontier = new Set<number>();
  let count = 0;
  let inlined = 0;
  /** Makes blocks of a body whose returns go to a block, or leave; the index of the first. `within`: what it stands in. */
  const place = (body: Body, returnTo: number | null, within: readonly number[]): number => {
    const { insns, starts, tables } = body;
    const first = blocks.length;
    const at = new Map<number, number>(starts.map((ip, n) => [ip, first + n]));
    const inside = (ips: readonly number[]): number[] =>
      [...new Set(ips.map((s) => at.get(s)))].filter((s) => s !== undefined);
    const drafts = starts.map((ip, n) => ({
      index: first + n,
      ip,
      insns: [] as Insn[],
      end: ip,
      succs: [] as readonly number[],
      runs: code.runs(ip),
    }));
    blocks.push(...drafts);
    const dispatch = new Map<number, number>();
    const dispatchOf = (t: JumpTable): number => {
      const known = dispatch.get(t.address);
      if (known !== undefined) return known;
      const index = blocks.length;
      dispatch.set(t.address, index);
      blocks.push({ index, ip: -1, insns: [], end: -1, succs: inside(t.targets), runs: -1 });
      return index;
    };
    for (const b of drafts) {
      for (let insn = insns.get(b.end); insn; insn = insns.get(b.end)) {
        b.insns.push(insn);
        b.end = insn.next;
        if (insn.row.flow !== 'next' || at.has(b.end)) break;
      }
      count += b.insns.length;
      lookAt(b.ip, b.end);
      const last = b.insns[b.insns.length - 1] as Insn;
      const { flow } = last.row;
      const table = tables.get(last.ip);
      if (table) b.succs = [dispatchOf(table)];
      else if (flow === 'return') b.succs = returnTo === null ? [] : [returnTo];
      else b.succs = inside(successors(last));
      const target = flow === 'call' ? directTarget(last) : null;
      if (target === null) continue;
      const stub = noteStub(target);
      const callee = stub ? stub.to : target;
      if (callee === null) continue;
      const back = at.get(last.next);
      const inner = back === undefined || callee === last.next ? null : inlineable(callee, within);
      if (inner && back !== undefined) {
        inlined += inner.insns.size;
        b.succs = [place(inner, back, [...within, callee])];
      } else noteCallee(callee);
    }
    for (const ip of body.frontier) if (!at.has(ip)) frontier.add(ip);
    return first;
  };
  const inlineable = (callee: number, within: readonly number[]): Body | null => {
    if (within.length > INLINE_DEPTH || within.indexOf(callee) !== within.lastIndexOf(callee)) return null;
    const body = bodyOf(callee);
    return body && inlined + body.insns.size <= INLINE_ALL ? body : null;
  };
  place(whole, null, [entry]);
  for (const [ip, end] of looked) lookAt(ip, end);
  return {
    entry,
    blocks,
    pages: [...pages].sort((a, b) => a - b),
    insns: count,
    callees: [...callees],
    flagless,
    stubs,
    looked,
    frontier: [...frontier],
    cautious: code.cautious(entry),
  };
};
