// Translation of hot guest code: a batch of regions becomes one wasm module. Calls between regions of a batch
// are wasm calls; everything else goes through the dispatcher of the core module. A batch is planned where the
// guest's memory is, and can be made into a module anywhere, by what `packBatch` leaves of it.

import { importCore } from '../core/core-module.ts';
import { decode } from '../decode/decoder.ts';
import type { Insn } from '../decode/insn.ts';
import type { SemanticsTable } from '../emit.ts';
import { ModuleBuilder } from '../wasm/module.ts';
import type { GuestCode } from './jump-table.ts';
import type { CodeRange } from './kept.ts';
import {
  type BasicBlock,
  discover,
  REGION_LIMITS,
  type Region,
  type RegionLimits,
  type SmallBodies,
} from './region.ts';
import { emitRegion } from './region-emit.ts';

export interface BatchLimits extends RegionLimits {
  /** Regions in a batch: those asked for and their callees. */
  readonly regions: number;
  /** Instructions in a batch, roughly. */
  readonly batchInsns: number;
  /** How far callees of callees are followed. */
  readonly callDepth: number;
}

export const BATCH_LIMITS: BatchLimits = { ...REGION_LIMITS, regions: 24, batchInsns: 6000, callDepth: 3 };

/** Regions that go into one module: those asked for that have code, in order; then their callees. */
export type Batch = ReadonlyMap<number, Region>;

/** Finds the regions at the given addresses, with the callees worth having. Empty when there is no code. */
export const planBatch = (
  entries: readonly number[],
  code: GuestCode,
  limits: BatchLimits = BATCH_LIMITS,
): Batch => {
  const regions = new Map<number, Region>();
  const small: SmallBodies = new Map();
  let insns = 0;
  const queue = entries.map((ip) => ({ ip, depth: 0 }));
  for (const { ip, depth } of queue) {
    if (regions.has(ip) || regions.size >= limits.regions || insns >= limits.batchInsns) continue;
    if (depth > 0 && (!code.ran(ip) || code.translated(ip))) continue;
    // What is inside another is asked for again if it is entered in another way.
    if (depth === 0 && [...regions.values()].some((r) => r.blocks.some((b) => b.ip === ip))) continue;
    const region = discover(ip, code, limits, small);
    if (!region) continue;
    regions.set(ip, region);
    insns += region.insns;
    if (depth < limits.callDepth) for (const c of region.callees) queue.push({ ip: c, depth: depth + 1 });
  }
  return regions;
};

/** Pages of a region and of all that it can reach by direct calls within the batch, ascending. */
export const reachablePages = (ip: number, regions: Batch): readonly number[] => {
  const seen = new Set([ip]);
  const pages = new Set<number>();
  for (const at of seen) {
    const r = regions.get(at);
    if (!r) continue;
    for (const p of r.pages) pages.add(p);
    for (const c of r.callees) seen.add(c);
  }
  return [...pages].sort((a, b) => a - b);
};

export interface EmitEnv {
  readonly semantics: SemanticsTable;
  readonly helperNumber: (name: string) => number;
  /** See `Emit.exactFp`. */
  readonly exactFp: boolean;
}

/** The module of a batch: imports `k.memory` and the core functions, exports region n as `${n}`, (i32) -> i32. */
export const emitBatch = (regions: Batch, env: EmitEnv): Uint8Array => {
  const mb = new ModuleBuilder();
  const core = importCore(mb, 'regions');
  const functions = new Map<number, number>();
  for (const ip of regions.keys()) functions.set(ip, mb.declare(['i32'], ['i32']));
  const options = { ...env, core, direct: (ip: number) => functions.get(ip) };
  let n = 0;
  for (const [ip, region] of regions) {
    const index = functions.get(ip) as number;
    mb.define(index, emitRegion(region, options));
    mb.export(`${n++}`, index);
  }
  return mb.finish();
};

/** All the code that the module of a batch depends on. */
export const codeOf = (regions: Batch, bytes: ReadCode): readonly CodeRange[] => {
  /** A callee that stands in the place of several calls is looked at once. */
  const ends = new Map<number, number>();
  const add = (ip: number, end: number): void => void ends.set(ip, Math.max(end, ends.get(ip) ?? end));
  for (const { blocks, looked } of regions.values()) {
    for (const b of blocks) if (b.ip >= 0) add(b.ip, b.end);
    for (const [ip, end] of looked) add(ip, end);
  }
  return [...ends].map(([ip, end]) => {
    const code = new Uint8Array(end - ip);
    bytes(ip, end, code, 0);
    return { ip, bytes: code };
  });
};

/** Copies the guest's code at [ip, end). */
export type ReadCode = (ip: number, end: number, into: Uint8Array, at: number) => void;

/** A batch as plain data: the blocks of its regions, and the bytes of their code one after the other. */
export interface PackedBatch {
  readonly exactFp: boolean;
  readonly regions: readonly {
    readonly cautious: boolean;
    /** Address, address behind it, successors and runs of each block; -1, -1 for the dispatch block of a jump table. */
    readonly blocks: readonly (readonly [ip: number, end: number, succs: readonly number[], runs: number])[];
    readonly code: Uint8Array;
    /** See `Region.flagless`. */
    readonly flagless: readonly number[];
    /** See `Region.stubs`; with the address and the bytes of each jump. */
    readonly stubs: readonly (readonly [stub: number, ip: number, code: Uint8Array, to: number | null])[];
  }[];
}

export const packBatch = (regions: Batch, exactFp: boolean, bytes: ReadCode): PackedBatch => ({
  exactFp,
  regions: [...regions.values()].map((r) => {
    const code = new Uint8Array(r.blocks.reduce((n, b) => n + b.end - b.ip, 0));
    let at = 0;
    for (const b of r.blocks) {
      bytes(b.ip, b.end, code, at);
      at += b.end - b.ip;
    }
    const stubs = [...r.stubs].map(([stub, { jump, to }]) => {
      const code = new Uint8Array(jump.length);
      bytes(jump.ip, jump.next, code, 0);
      return [stub, jump.ip, code, to] as const;
    });
    const blocks = r.blocks.map((b) => [b.ip, b.end, b.succs, b.runs] as const);
    return { cautious: r.cautious, blocks, code, flagless: [...r.flagless], stubs };
  }),
});

const instruction = (code: Uint8Array, at: number, ip: number): Insn => {
  const insn = decode(code, at, ip, code.length - at);
  if ('error' in insn) throw new Error('a packed batch holds bytes that are no instruction');
  return insn;
};

/** The batch again, as far as `emitBatch` needs it. */
export const unpackBatch = (packed: PackedBatch): Batch =>
  new Map(
    packed.regions.map(({ cautious, blocks, code, flagless, stubs }) => {
      let at = 0;
      const made = blocks.map(([ip, end, succs, runs], index): BasicBlock => {
        const insns: Insn[] = [];
        for (let here = ip; here < end; ) {
          const insn = instruction(code, at, here);
          insns.push(insn);
          at += insn.length;
          here = insn.next;
        }
        return { index, ip, insns, end, succs, runs };
      });
      const entry = made[0]?.ip ?? 0;
      const region: Region = {
        entry,
        blocks: made,
        pages: [],
        insns: made.reduce((n, b) => n + b.insns.length, 0),
        callees: [],
        flagless: new Set(flagless),
        stubs: new Map(stubs.map(([stub, at, bytes, to]) => [stub, { jump: instruction(bytes, 0, at), to }])),
        looked: [],
        frontier: [],
        cautious,
      };
      return [entry, region];
    }),
  );
