// When code is translated, and what is translated together. Every block counts its executions down; at 0 it comes here,
// and is sent back to wait for longer, or to wait for others, or on to the translator.

import type { Block } from './code-cache.ts';

export interface TieringEnv {
  /** Executions before a block is translated: 0 for at once, Infinity for never. */
  readonly threshold: number;
  /** Blocks executed so far, roughly. */
  work(): number;
  /** Regions made so far. */
  regions(): number;
  /** Executions of a block until it comes here. */
  count(block: Block): number;
  setCount(block: Block, executions: number): void;
  /** Whether an address is known to lie within a function, and not to be the head of a loop. */
  isInner(ip: number): boolean;
  /** Whether the region of a block seems to have been kept from an earlier run. */
  isKept(block: Block): boolean;
  /** Whether all that a block was read from is still what the current space shows there; may ask for pages. */
  stillThere(block: Block): boolean;
  /** Something is going to be translated. */
  prepare(): void;
  /** Makes the regions of blocks of one mode of arithmetic, the most urgent first. */
  translate(blocks: readonly Block[]): void;
}

/** The threshold counts executions of a block of this many instructions; longer ones get there earlier. */
const TYPICAL_INSNS = 6;
/**
 * Before so many regions have been made, blocks wait three times as long: the translator is not compiled itself, and
 * takes 40 microseconds an instruction instead of 10.
 */
const FIRST_REGIONS = 64;
const FIRST_FACTOR = 3;
/**
 * A program with so many regions has many more blocks that are a little warm: they wait twice as long. For a compiler a
 * fifth of all translating is saved, and what is interpreted instead takes less.
 */
const MANY_REGIONS = 1000;
const MANY_FACTOR = 2;
/**
 * Until the machine has executed so many blocks, about a second of interpreting, those that are hot are put off this
 * many times: most programs have ended by then, and the translator's thread is one that the program could have had.
 */
const YOUNG = 8e6;
const DELAYS = 3;
/** Executions of a block that make it worth taking into a region. */
const WARM = 32;
/** Hot blocks are translated this many at a time, or when one of them becomes urgent. */
const BATCH = 8;
/** Blocks inside a function wait longer: mostly a region that starts before them takes them in. */
const INNER_FACTOR = 3;
/** How often a block is put off, for so much longer, that a region of another has inside: it seldom is entered there. */
const MAX_PASSES = 3;
const PASS_FACTOR = 3;
/** How often a region is made anew because a path that it leaves by became hot. */
const MAX_GROWTH = 4;
/** How often a region is left because of how memory lies before it is made anew, cautious. */
const MAX_STUMBLES = 64;
const FOREVER = 0x7fffffff;

export class Tiering {
  readonly #env: TieringEnv;
  /** Where regions leave to code that had not run when they were made: the region to make anew. */
  readonly #frontier = new Map<number, Block>();
  /** What regions were made of beside what they start with: the region. */
  readonly #inside = new Map<number, Block>();
  /** Blocks that wait for others to be translated with. */
  #waiting: Block[] = [];

  constructor(env: TieringEnv) {
    this.#env = env;
  }

  /** A threshold in instructions; 0 when nothing is translated. */
  patience(): number {
    const { threshold } = this.#env;
    if (!Number.isFinite(threshold)) return 0;
    const regions = this.#env.regions();
    const factor = regions < FIRST_REGIONS ? FIRST_FACTOR : regions < MANY_REGIONS ? 1 : MANY_FACTOR;
    return threshold * factor * TYPICAL_INSNS;
  }
  /** Executions until a block of so many instructions has done the work of `factor` thresholds. */
  countdown(insns: number, factor = 1): number {
    return Math.ceil((this.patience() * factor) / (insns + 1));
  }
  #arm(block: Block, count: number): void {
    block.ranBefore = this.runs(block);
    block.armed = count;
    this.#env.setCount(block, count);
  }
  /** How often a block has run, as far as it was interpreted. */
  runs(block: Block): number {
    return block.ranBefore + block.armed - this.#env.count(block);
  }
  /** Lets a block run for `factor` thresholds more. */
  rearm(block: Block, factor = 1): void {
    this.#arm(block, Math.max(1, this.countdown(block.insns, factor)));
  }

  /** Lets a block ask the next time that it is come to. */
  ask(block: Block): void {
    this.#arm(block, 1);
  }

  /** Decides what to translate when a block has run often. */
  hot(block: Block): void {
    if (this.#env.isKept(block)) {
      this.#env.translate([block]);
      return;
    }
    if (this.#env.work() < YOUNG && block.delays < DELAYS) {
      block.delays++;
      this.rearm(block);
      return;
    }
    const around = this.#ownerOf(this.#inside, block);
    if (around?.pending) {
      this.rearm(block);
      return;
    }
    if (around && block.passes < MAX_PASSES) {
      block.passes++;
      this.rearm(block, PASS_FACTOR);
      return;
    }
    const owner = this.#ownerOf(this.#frontier, block);
    if (owner && !owner.pending && owner.growth < MAX_GROWTH) {
      this.#frontier.delete(block.ip);
      owner.growth++;
      this.rearm(block, INNER_FACTOR);
      this.#request(owner);
      return;
    }
    if (!block.waited && this.#env.isInner(block.ip)) {
      block.waited = true;
      this.rearm(block, INNER_FACTOR);
      return;
    }
    this.#request(block);
  }
  /** The region that a block belongs to in one way or another. */
  #ownerOf(owners: ReadonlyMap<number, Block>, block: Block): Block | null {
    const owner = owners.get(block.ip);
    // Another program may have other code at these addresses.
    const usable = owner?.valid && owner.exactFp === block.exactFp && this.#env.stillThere(owner);
    return usable ? owner : null;
  }
  #request(block: Block): void {
    if (!this.#waiting.includes(block)) {
      this.#env.prepare();
      this.#waiting.push(block);
      if (this.#waiting.length < BATCH) {
        this.rearm(block, 1 / 4);
        return;
      }
    }
    // The urgent one first, in case they are too many; others may be of another process.
    const others = this.#waiting.filter(
      (b) => b !== block && b.valid && !b.pending && b.exactFp === block.exactFp && this.#env.stillThere(b),
    );
    this.#waiting = [];
    this.#env.translate([block, ...others]);
  }

  /** The region of a block is being made: it may run without asking for more, and grow beyond the addresses given. */
  began(block: Block, frontier: readonly number[]): void {
    block.pending = true;
    this.#arm(block, FOREVER);
    for (const ip of frontier) this.#frontier.set(ip, block);
  }
  /** Code at these addresses is going to be inside the region of a block, or of one that comes with it. */
  contains(block: Block, inside: Iterable<number>): void {
    for (const ip of inside) this.#inside.set(ip, block);
  }
  /** The region of a block was left because of how memory lies. */
  stumbled(block: Block): void {
    if (++block.stumbles !== MAX_STUMBLES + 1) return;
    if (!block.pending) this.#env.translate([block]);
    else block.stumbles--;
  }
  /** Whether the region of a block should be cautious with memory. */
  isCautious(block: Block): boolean {
    return block.stumbles > MAX_STUMBLES;
  }
  /** Whether a block has run more than a few times. */
  isWarm(block: Block): boolean {
    if (block.region !== 0 || block.pending || block.waited) return true;
    return block.patience - this.#env.count(block) >= WARM;
  }

  /** All code has been forgotten. */
  forget(): void {
    this.#frontier.clear();
    this.#inside.clear();
  }
}
