// Translation of hot guest code: a batch of regions becomes one wasm module. Calls between regions of a batch
// are wasm calls; everything else goes through the dispatcher of the core module.

import { importCore } from '../core/core-module.ts';
import type { SemanticsTable } from '../emit.ts';
import { ModuleBuilder } from '../wasm/module.ts';
import type { GuestCode } from './jump-table.ts';
import { discover, REGION_LIMITS, type Region, type RegionLimits } from './region.ts';
import { RegionEmit } from './region-emit.ts';

export interface BatchLimits extends RegionLimits {
  /** Regions in a batch: those asked for and their callees. */
  readonly regions: number;
  /** Instructions in a batch, roughly. */
  readonly batchInsns: number;
  /** How far callees of callees are followed. */
  readonly callDepth: number;
}

export const BATCH_LIMITS: BatchLimits = { ...REGION_LIMITS, regions: 24, batchInsns: 4000, callDepth: 3 };

export interface TranslateEnv {
  /** Code and data of the current address space. */
  readonly code: GuestCode;
  readonly semantics: SemanticsTable;
  readonly helperNumber: (name: string) => number;
  /** See `Emit.exactFp`. */
  readonly exactFp: boolean;
  readonly limits?: BatchLimits;
}

export interface Batch {
  /** A module that imports `k.memory` and the core functions, and exports region n as `${n}`, (i32) -> i32. */
  readonly bytes: Uint8Array;
  /** Those asked for that have code, in order; then their callees. */
  readonly regions: readonly TranslatedRegion[];
}

export interface TranslatedRegion {
  readonly ip: number;
  readonly insns: number;
  /** Guest pages of its code and of what it calls directly, ascending: when one changes, it is out of date. */
  readonly pages: readonly number[];
  /** See `Region.frontier`. */
  readonly frontier: readonly number[];
}

/** Translates the regions at the given addresses with the callees worth having; null when there is no code. */
export const translateBatch = (entries: readonly number[], env: TranslateEnv): Batch | null => {
  const limits = env.limits ?? BATCH_LIMITS;
  const regions = new Map<number, Region>();
  let insns = 0;
  const queue = entries.map((ip) => ({ ip, depth: 0 }));
  for (const { ip, depth } of queue) {
    if (regions.has(ip) || regions.size >= limits.regions || insns >= limits.batchInsns) continue;
    if (depth > 0 && (!env.code.ran(ip) || env.code.translated(ip))) continue;
    const region = discover(ip, env.code, limits);
    if (!region) continue;
    regions.set(ip, region);
    insns += region.insns;
    if (depth < limits.callDepth) for (const c of region.callees) queue.push({ ip: c, depth: depth + 1 });
  }
  if (regions.size === 0) return null;

  const mb = new ModuleBuilder();
  const core = importCore(mb);
  const table = mb.importTable('k', 'table');
  const handlerType = mb.type(['i32'], ['i32']);
  const functions = new Map<number, number>();
  for (const ip of regions.keys()) functions.set(ip, mb.declare(['i32'], ['i32']));
  const options = {
    core,
    table,
    handlerType,
    semantics: env.semantics,
    exactFp: env.exactFp,
    helperNumber: env.helperNumber,
    direct: (ip: number) => functions.get(ip),
  };
  let n = 0;
  const out: TranslatedRegion[] = [];
  for (const [ip, region] of regions) {
    const index = functions.get(ip) as number;
    mb.define(index, new RegionEmit(region, options).emit());
    mb.export(`${n++}`, index);
    out.push({ ip, frontier: region.frontier, insns: region.insns, pages: reachablePages(ip, regions) });
  }
  return { bytes: mb.finish(), regions: out };
};

/** Pages of a region and of all that it can reach by direct calls within the batch. */
const reachablePages = (ip: number, regions: ReadonlyMap<number, Region>): readonly number[] => {
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
