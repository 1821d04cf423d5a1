// Which code stands for which guest address. Blocks are predecoded once and found again by the physical
// frames they were read from, so that processes which map the same page of a file share them, predecoded
// and translated. A write to a frame that holds code throws that code away.

import { createBlockTable } from './block-table.ts';
import type { Insn } from './decode/insn.ts';
import { FLOW } from './decode/tables.ts';
import { codeMemory } from './guest-code.ts';
import { createArena } from './interp/arena.ts';
import type { Handlers } from './interp/handlers.ts';
import { BEGIN, OP, OP_BYTES, UNNUMBERED } from './interp/op.ts';
import {
  CPU,
  FRAME_FLAGS,
  HINT,
  HINTS,
  JUMP,
  jumpOffset,
  OFF,
  PAGE,
  PSEUDO,
  STATUS,
  VECTOR,
} from './layout.ts';
import type { PhysicalMemory } from './mmu/frames.ts';
import type { MmuTable } from './mmu/page-table.ts';
import { createOpReader, type Stretch } from './op-reader.ts';
import { Tiering } from './tiering.ts';
import type { GuestCode } from './translate/jump-table.ts';
import type { Translator } from './translate/translator.ts';

/** A predecoded block, and the region that starts with it once there is one. */
export interface Block {
  readonly ip: number;
  /** Physical address of its first op. */
  readonly op: number;
  /** The pages it was read from and the frames they were in; a region adds its own. */
  readonly pages: number[];
  readonly frames: number[];
  readonly exactFp: boolean;
  /** Table index of the translated region, or 0. */
  region: number;
  /** False once a frame was written. */
  valid: boolean;
  /** Instructions in it. */
  readonly insns: number;
  /** How often its region was made anew with more paths. */
  growth: number;
  /** Reached the threshold once and was put off. */
  waited: boolean;
  /** How often it was put off because the machine was young. */
  delays: number;
  /** How often it was put off because a region has it inside. */
  passes: number;
  /** Its region is being made. */
  pending: boolean;
  /** Executions that it was given at first before it counts as hot. */
  readonly patience: number;
  /** What its count was set to last, and how often it had run by then. */
  armed: number;
  ranBefore: number;
  /** How often its region was left because of STATUS.step. */
  stumbles: number;
}

/** Guest code as region discovery reads it, and the bytes of it. */
export interface CodeReader extends GuestCode {
  /** Whether this code lies there; may ask for pages. */
  isSame(ip: number, code: Uint8Array): boolean;
  /** Copies the code at [ip, end), as it was read before. */
  bytes(ip: number, end: number, into: Uint8Array, at: number): void;
}

export interface CodeCacheEnv {
  readonly mem: PhysicalMemory;
  readonly handlers: Handlers;
  /** The current page table. */
  table(): MmuTable;
  /** All tables that may run. */
  tables(): Iterable<MmuTable>;
  exactFp(): boolean;
  /** Makes code of a page present for execution; false when an exception is pending. */
  fetchable(address: number): boolean;
  raise(vector: number): number;
  /** Executions before a block is handed to `translate`: 0 for at once, Infinity for never. */
  readonly threshold: number;
  readonly translator: Translator | null;
  /** A place in the code table for a region. */
  place(fn: WebAssembly.ExportValue): number;
  /** Gives such a place back. */
  free(place: number): void;
  /** Blocks, back-edges and calls that the machine has executed, up to the last time slice. */
  work(): number;
  /** The instruction has no meaning here: for statistics. */
  missing(insn: Insn): void;
}

export interface CodeCache {
  /** Enters the code for CPU.rip into the jump cache; 0 or a status. */
  resolve(): number;
  /** A block reached its threshold. */
  hot(op: number): number;
  /** A frame with code is about to change. */
  invalidate(frame: number): void;
  /** A region was left with STATUS.step. */
  stumbled(): void;
  /** A program is going to run. */
  expect(program: string): void;
  /**
   * One op for the instruction at rip that leaves no trace in the caches, by a careful handler if that is asked for; 0
   * when an exception is pending.
   */
  singleStep(careful: boolean): number;
  /** What has been read, translated, of that kept from earlier runs, thrown away, and left because of how memory lies, so far. */
  readonly stats: { blocks: number; regions: number; kept: number; invalidations: number; stumbles: number };
  readonly reader: CodeReader;
}

const ARENA_BYTES = 128 << 20;
/** Regions at a time: with more, all code is forgotten and made anew, so that a program cannot fill the host's memory. */
const MAX_REGIONS = 16384;

/** A block that lies, or begins, in a frame, before it has run. */
const newBlock = (
  op: number,
  ip: number,
  frame: number,
  exactFp: boolean,
  insns: number,
  patience: number,
): Block => ({
  ip,
  op,
  // An array that grows from nothing has room for 17, which of most blocks only one would be used.
  pages: [Math.floor(ip / PAGE)],
  frames: [frame],
  exactFp,
  region: 0,
  valid: true,
  insns,
  growth: 0,
  waited: false,
  delays: 0,
  passes: 0,
  pending: false,
  patience,
  armed: patience,
  ranBefore: 0,
  stumbles: 0,
});

export const createCodeCache = (env: CodeCacheEnv): CodeCache => {
  const { mem, handlers } = env;
  const { u8, u32, i32, dv } = mem;
  const code = codeMemory(mem, env.table, env.fetchable);
  const { frameOf } = code;
  /** Of the first frame: blocks by `place` in it. Small integers, because a Map of larger numbers is ten times slower. */
  const byFrame = new Map<number, Map<number, Block>>();
  const place = (ip: number, exact: boolean): number => ((ip & (PAGE - 1)) << 1) | (exact ? 1 : 0);
  /** The block at ip; one of the same frame at another address (a file mapped twice) is not it. */
  const blockAt = (ip: number, exact: boolean): Block | undefined => {
    const frame = frameOf(Math.floor(ip / PAGE));
    const b = byFrame.get(frame)?.get(place(ip, exact));
    if (b?.ip === ip) return b;
    return exact || u32[made + frame] === 0 ? undefined : unnumberedAt(ip, frame);
  };
  /** The same among the blocks that WebAssembly has made. */
  const unnumberedAt = (ip: number, frame: number): Block | undefined => {
    if (!known.mayHaveBeen(frame, ip)) return undefined;
    const at = known.find(frame, ip, false);
    if (at !== 0)
      return u32[at + JUMP.fn / 4] === PSEUDO.begin ? blockOf(u32[at + JUMP.arg / 4] as number) : undefined;
    for (let op = u32[made + frame] as number; op !== 0; op = u32[(op + BEGIN.next) >>> 2] as number)
      if (addressIn(op, OP.ip) === ip) return blockOf(op);
    return undefined;
  };
  /** Blocks read from a frame; some may be invalid by now. */
  const onFrame = new Map<number, Block[]>();
  /** By their number, which their first op holds. */
  const blocks: Block[] = [];
  const arena = createArena(mem, ARENA_BYTES);
  const ops = createOpReader(
    mem,
    handlers,
    arena,
    code,
    () => reset(),
    (insn) => env.missing(insn),
  );
  const { addressIn } = ops;
  const stats = {
    read: 0,
    get blocks() {
      return stats.read + (u32[(CPU + OFF.madeCount) >>> 2] as number);
    },
    regions: 0,
    kept: 0,
    invalidations: 0,
    stumbles: 0,
  };
  /** What is known of addresses before code is read there, in a table that may mistake one for another. */
  const hints = mem.allocContiguous(HINTS / PAGE);
  const hint = (ip: number, what: number): void => {
    const i = hints + (ip & (HINTS - 1));
    u8[i] = (u8[i] as number) | what;
  };
  const known = createBlockTable(mem);
  const lists = mem.allocContiguous(Math.ceil(u8.length / PAGE / (PAGE / 4)));
  if (hints === 0 || lists === 0) throw new RangeError('memoryBytes is too small for tables');
  /** Word index of the heads of the lists, by frame. */
  const made = lists >>> 2;
  u32[(CPU + OFF.hints) >>> 2] = hints;
  u32[(CPU + OFF.made) >>> 2] = lists;
  u32[(CPU + OFF.decoder) >>> 2] = env.threshold === 0 ? 0 : handlers.tables;
  /** Taken at boot, so that it is there when memory is out. */
  const stepOp = mem.alloc() * PAGE;

  const reader: CodeReader = {
    insn(ip) {
      const i = code.decodeAt(ip);
      return typeof i === 'string' ? null : i;
    },
    ran(ip) {
      if (env.threshold === 0) return true;
      const b = blockAt(ip, false);
      return b !== undefined && tiering.isWarm(b);
    },
    runs(ip) {
      const b = env.threshold === 0 ? undefined : blockAt(ip, false);
      return b ? tiering.runs(b) : -1;
    },
    translated(ip) {
      const b = find(ip, env.exactFp());
      return b !== null && (b.region !== 0 || b.pending);
    },
    register: (reg) => word64(OFF.gpr + 8 * reg),
    cautious(ip) {
      const b = find(ip, env.exactFp());
      return b !== null && tiering.isCautious(b);
    },
    bytes: code.bytes,
    isSame: code.isSame,
    word: code.word,
  };

  const word64 = (off: number): number =>
    (u32[(CPU + off + 4) >>> 2] as number) * 4294967296 + (u32[(CPU + off) >>> 2] as number);
  const rip = (): number => word64(OFF.rip);

  const enter = (ip: number, fn: number, arg: number): void => {
    const at = (env.table().jump + jumpOffset(ip)) >>> 2;
    u32[at] = ip;
    u32[at + 1] = Math.floor(ip / 4294967296);
    u32[at + 2] = fn;
    u32[at + 3] = arg;
  };

  /** Enters a block that is seen in the current space; what lies in several pages has to be looked for again when that changes. */
  const publish = (block: Block): void => {
    const { ip, exactFp } = block;
    const frame = block.frames[0] as number;
    const several = block.pages.length > 1;
    if (several && !isHere(block)) {
      known.retract(frame, ip, exactFp);
      return;
    }
    const epoch = several ? env.table().epoch : 0;
    if (block.region === 0) known.enter(frame, ip, exactFp, PSEUDO.begin, block.op, epoch);
    else known.enter(frame, ip, exactFp, block.region, 0, epoch);
  };

  /** Whoever remembers the block by its first op is sent to look its address up. */
  const redirect = (block: Block): void => {
    u32[block.op >>> 2] = PSEUDO.moved;
  };

  const hold = (block: Block, page: number, frame: number): void => {
    block.pages.push(page);
    block.frames.push(frame);
    watch(block, frame);
  };
  /** Writes to the frame throw the block away from now on. */
  const watch = (block: Block, frame: number): void => {
    const others = onFrame.get(frame);
    if (others) others.push(block);
    else onFrame.set(frame, [block]);
    const flag = FRAME_FLAGS + frame;
    if (((u8[flag] as number) & 1) === 0) {
      // Stores must miss the TLB from now on, in every space that can write the frame.
      if (((u8[flag] as number) & 2) !== 0) for (const t of env.tables()) t.flushTlb();
      u8[flag] = (u8[flag] as number) | 1;
    }
  };

  const stillThere = (b: Block): boolean => {
    for (let i = 0; i < b.pages.length; i++) {
      const page = b.pages[i] as number;
      // Not mapped yet in this process: likely the same page of the same file.
      if (frameOf(page) === 0 && !env.fetchable(page * PAGE)) return false;
      if (frameOf(page) !== b.frames[i]) return false;
    }
    return true;
  };

  /** Places of regions in the code table; those replaced by larger ones may still be in some jump cache. */
  let placed = 0;
  let replaced: number[] = [];
  const dropRegion = (b: Block): void => {
    if (b.region !== 0) replaced.push(b.region);
    b.region = 0;
  };
  /** Forgets what jump caches know, after which no one can reach what was dropped. */
  const flushJumps = (): void => {
    for (const t of env.tables()) t.flushJumps();
    for (const place of replaced) env.free(place);
    placed -= replaced.length;
    replaced = [];
  };

  const reset = (): void => {
    for (const b of blocks) {
      b.valid = false;
      dropRegion(b);
    }
    blocks.length = 0;
    known.clear();
    u32.fill(0, made, made + u8.length / PAGE);
    for (const frame of onFrame.keys()) u8[FRAME_FLAGS + frame] = (u8[FRAME_FLAGS + frame] as number) & ~1;
    byFrame.clear();
    onFrame.clear();
    tiering.forget();
    arena.reset();
    flushJumps();
  };

  /** The block of what has been read at ip. */
  const build = ({ op, insns, next, flow }: Readonly<Stretch>, ip: number, exact: boolean): Block => {
    arena.take(insns + 2);
    const patience = tiering.countdown(insns);
    dv.setInt32(op + OP.count, patience, true);
    const last = op + insns * OP_BYTES;
    const firstPage = Math.floor(ip / PAGE);
    const lastPage = insns === 0 ? firstPage : Math.floor((next - 1) / PAGE);
    const frame = frameOf(firstPage);
    const block = newBlock(op, ip, frame, exact, insns, patience);
    watch(block, frame);
    for (let p = firstPage + 1; p <= lastPage; p++) hold(block, p, frameOf(p));
    enlist(block, frame);
    if (!exact) {
      u32[(op + BEGIN.next) >>> 2] = u32[made + frame] as number;
      u32[made + frame] = op;
    }
    u32[(op + BEGIN.number) >>> 2] = blocks.length;
    blocks.push(block);
    publish(block);
    stats.read++;
    if (insns > 0) noteTargets(flow, addressIn(last, OP.ip), next, addressIn(last, OP.imm));
    return block;
  };

  const enlist = (block: Block, frame: number): void => {
    let map = byFrame.get(frame);
    if (!map) {
      map = new Map();
      byFrame.set(frame, map);
    }
    map.set(place(block.ip, block.exactFp), block);
  };

  /** The block that begins with an op; it gets its number now when WebAssembly has made it. */
  const blockOf = (op: number): Block | undefined => {
    const number = u32[(op + BEGIN.number) >>> 2] as number;
    if (number !== UNNUMBERED >>> 0) return blocks[number];
    const ip = addressIn(op, OP.ip);
    const frame = u32[(op + BEGIN.frame) >>> 2] as number;
    const insns = u32[(op + BEGIN.insns) >>> 2] as number;
    const block = newBlock(op, ip, frame, false, insns, u32[(op + BEGIN.patience) >>> 2] as number);
    u32[(op + BEGIN.number) >>> 2] = blocks.length;
    blocks.push(block);
    watch(block, frame);
    enlist(block, frame);
    return block;
  };

  /** Of the last instruction of a block: its flow, its address, that of the next one, and where it names to go. */
  const noteTargets = (flow: number, ip: number, next: number, target: number): void => {
    const { call, branch, jump, syscall } = FLOW;
    if (flow === 0 || flow === call || flow === FLOW['indirect-call'] || flow === syscall || flow === branch)
      hint(next, HINT.inner);
    if (flow !== call && flow !== branch && flow !== jump) return;
    hint(target, flow === call || target <= ip ? HINT.head : HINT.inner);
  };

  /** The block at an address, read now if it has not been; null when its page is not there. */
  const blockFor = (ip: number, exact: boolean): Block | null => {
    const found = find(ip, exact);
    if (found) return found;
    const read = ops.read(ip);
    return read && build(read, ip, exact);
  };
  const translate = (asked: readonly Block[]): void => {
    const [first] = asked;
    if (!env.translator || !first) return;
    const plan = env.translator.plan({
      entries: asked.map((b) => b.ip),
      exactFp: first.exactFp,
      reader,
      program: env.table().program,
      again: first.region !== 0,
    });
    // From now on a write to any of the pages makes the block invalid, and what is being made useless.
    const made = plan.regions.map((p) => {
      const block = asked.find((b) => b.ip === p.ip) ?? blockFor(p.ip, first.exactFp);
      if (!block?.valid || (plan.kept && (block.region !== 0 || block.pending))) return null;
      for (const page of p.pages) if (!block.pages.includes(page)) hold(block, page, frameOf(page));
      tiering.began(block, p.frontier);
      return block;
    });
    const owner = made.find((block) => block !== null);
    if (owner) tiering.contains(owner, plan.inside);
    plan.make((functions) =>
      made.forEach((block, n) => {
        const fn = functions?.[n];
        if (!block) return;
        block.pending = false;
        if (!fn || !block.valid) return;
        adopt(block, env.place(fn));
        if (plan.kept) stats.kept++;
      }),
    );
    if (placed > MAX_REGIONS) reset();
  };
  /** Whether all that a block or its region was made from is mapped now, without asking for pages. */
  const isHere = (b: Block): boolean => b.pages.every((page, i) => frameOf(page) === b.frames[i]);
  const adopt = (block: Block, fn: number): void => {
    dropRegion(block);
    block.region = fn;
    placed++;
    // A module may arrive while the other mode of arithmetic is on.
    if (block.exactFp === env.exactFp() && isHere(block)) enter(block.ip, fn, 0);
    publish(block);
    redirect(block);
    // Whoever still knows it by its first op, another process say, asks `hot` at once.
    tiering.ask(block);
    stats.regions++;
    u32[(CPU + OFF.patience) >>> 2] = tiering.patience();
  };
  /** Executions of a block until it asks `hot`. */
  const setCount = (block: Block, n: number): void => dv.setInt32(block.op + OP.count, n, true);
  const tiering = new Tiering({
    threshold: env.threshold,
    work: env.work,
    regions: () => stats.regions,
    count: (block) => dv.getInt32(block.op + OP.count, true),
    setCount,
    isKept: (block) => env.translator?.isKept(env.table().program, block.ip, block.exactFp) ?? false,
    isInner: (ip) => u8[hints + (ip & (HINTS - 1))] === HINT.inner,
    stillThere: (block) => stillThere(block),
    prepare: () => env.translator?.prepare(),
    translate: (asked) => translate(asked),
  });
  u32[(CPU + OFF.patience) >>> 2] = tiering.patience();

  const find = (ip: number, exact: boolean): Block | null => {
    const block = blockAt(ip, exact);
    // By being found, the first page is there.
    return block?.valid && (block.pages.length === 1 || stillThere(block)) ? block : null;
  };

  return {
    stats,
    reader,
    resolve() {
      const ip = rip();
      const exact = env.exactFp();
      let block = find(ip, exact);
      if (!block) {
        let read = ops.read(ip);
        while (!read) {
          if (!env.fetchable(code.missing(ip))) return i32[(CPU + OFF.status) >>> 2] as number;
          read = ops.read(ip);
        }
        block = build(read, ip, exact);
        if (env.threshold === 0 && block.insns > 0) translate([block]);
        // Everything may have been forgotten on the way: then it is found missing once more.
        if (!block.valid) return 0;
      }
      if (block.pages.length > 1) publish(block);
      if (block.region !== 0) enter(ip, block.region, 0);
      else enter(ip, PSEUDO.begin, block.op);
      // The jump cache names the handler of the first op, which is always the begin pseudo-op.
      return 0;
    },
    hot(op) {
      env.translator?.poll();
      const block = blockOf(op >>> 0);
      if (!block?.valid) return STATUS.next;
      if (block.region === 0) {
        if (!block.pending) tiering.hot(block);
      } else if (isHere(block)) {
        enter(block.ip, block.region, 0);
        tiering.ask(block);
      } else tiering.rearm(block);
      return STATUS.next;
    },
    invalidate(frame) {
      const held = onFrame.get(frame);
      u8[FRAME_FLAGS + frame] = (u8[FRAME_FLAGS + frame] as number) & ~1;
      if (!held) return;
      stats.invalidations++;
      onFrame.delete(frame);
      byFrame.delete(frame);
      for (let op = u32[made + frame] as number; op !== 0; op = u32[(op + BEGIN.next) >>> 2] as number) {
        if (u32[(op + BEGIN.number) >>> 2] !== UNNUMBERED >>> 0) continue;
        known.retract(frame, addressIn(op, OP.ip), false);
        u32[op >>> 2] = PSEUDO.moved;
      }
      u32[made + frame] = 0;
      for (const b of held) {
        if (!b.valid) continue;
        b.valid = false;
        known.retract(b.frames[0] as number, b.ip, b.exactFp);
        redirect(b);
        dropRegion(b);
        const others = byFrame.get(b.frames[0] as number);
        if (others?.get(place(b.ip, b.exactFp)) === b) others.delete(place(b.ip, b.exactFp));
      }
      flushJumps();
    },
    stumbled() {
      stats.stumbles++;
      const block = find(word64(OFF.left), env.exactFp());
      if (block) tiering.stumbled(block);
    },
    expect(program) {
      for (const ip of env.translator?.fetch(program) ?? []) hint(ip, HINT.kept);
    },
    singleStep(careful) {
      const ip = rip();
      let i = code.decodeAt(ip);
      while (i === 'page') {
        if (!env.fetchable(code.missing(ip))) return 0;
        i = code.decodeAt(ip);
      }
      if (i === 'undefined' || i === 'too-long') {
        env.raise(i === 'undefined' ? VECTOR.UD : VECTOR.GP);
        return 0;
      }
      handlers.ensure([i]);
      ops.write(stepOp, [i]);
      if (careful) u32[stepOp >>> 2] = handlers.careful(i);
      ops.writePseudo(stepOp + OP_BYTES, PSEUDO.leave, ip, i.next);
      return stepOp;
    },
  };
};
