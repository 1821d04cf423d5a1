// Programs of random bytes on a bare processor: whatever they are, it ends with a clean status.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { unpackCore } from '../../src/ring3/core/core-image.ts';
import { PTE, type Tier } from '../../src/ring3/cpu.ts';
import { CONTEXT_BYTES, OFF, PAGE, STATUS } from '../../src/ring3/layout.ts';
import { createCpu } from '../../src/ring3/processor.ts';
import { helpers, semantics } from '../../src/ring3/semantics/index.ts';
import { needsExactFp } from '../../src/ring3/semantics/simd/mxcsr.ts';
import { createTranslator } from '../../src/ring3/translate/translator.ts';

/** Everything is translated at once in one of the tiers, which takes ten times as long. */
const programs = (tier: Tier): number => (tier === 'translator' ? 100 : 400);
const CODE = 0x400000;
const DATA = 0x7fff_0000_0000;

const built = (name: string): URL => new URL(`../../dist/${name}`, import.meta.url);
const core = unpackCore(readFileSync(built('core.wasm')));

/** Numerical Recipes' generator: a fixed sequence. */
const generator = (seed: number): ((below: number) => number) => {
  let s = seed >>> 0;
  return (below) => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return Math.floor((s / 4294967296) * below);
  };
};

const PREFIXES = [0x0f, 0x66, 0xf2, 0xf3, 0x48, 0x4c, 0x67, 0xf0, 0x64, 0xd9, 0xdf, 0x0f];

const runAll = (tier: Tier): Record<string, number> => {
  const cpu = createCpu({
    memoryBytes: 64 << 20,
    tier,
    semantics,
    helpers,
    core,
    threshold: 20,
    hooks: { syscall: () => false, pageFault: () => false },
    needsExactFp,
    translator: createTranslator(semantics, helpers),
  });
  const { frames } = cpu;
  const table = cpu.newPageTable();
  const map = (address: number, access: number): number => {
    const frame = frames.allocZeroed();
    table.set(address / PAGE, frame, access);
    return frame * PAGE;
  };
  const code = [map(CODE, 7), map(CODE + PAGE, 7)];
  const data = [map(DATA, PTE.read | PTE.write), map(DATA + PAGE, PTE.read | PTE.write)];
  map(DATA + 2 * PAGE, PTE.read);
  cpu.switchTo(table);

  const rnd = generator(20);
  const context = new Uint8Array(CONTEXT_BYTES);
  const view = new DataView(context.buffer);
  const ends: Record<string, number> = {};
  for (let program = 0; program < programs(tier); program++) {
    for (const at of [...code, ...data]) {
      frames.willWrite(at / PAGE);
      for (let i = 0; i < PAGE; i++) {
        frames.u8[at + i] = rnd(4) === 0 ? (PREFIXES[rnd(PREFIXES.length)] as number) : rnd(256);
      }
    }
    cpu.reset(context);
    for (let r = 0; r < 16; r++) {
      const near = [DATA, CODE, DATA + 3 * PAGE - 8, 2 ** 47 - 4][rnd(4)] as number;
      view.setBigUint64(OFF.gpr + 8 * r, BigInt(rnd(3) === 0 ? rnd(2 ** 32) : near + rnd(PAGE)), true);
    }
    view.setBigUint64(OFF.gpr + 8 * 4, BigInt(DATA + PAGE), true);
    cpu.load(context);
    for (let start = 0; start < 12; start++) {
      cpu.rip = CODE + rnd(2 * PAGE);
      const status = cpu.run(300);
      ends[status] = (ends[status] ?? 0) + 1;
    }
  }
  return ends;
};

test.each(['interpreter', 'translator', 'mixed'] as const)('random bytes end cleanly (%s)', (tier) => {
  const ends = runAll(tier);
  const clean: readonly string[] = [STATUS.fault, STATUS.gate, STATUS.budget].map(String);
  expect(Object.keys(ends).filter((s) => !clean.includes(s))).toEqual([]);
  expect(ends[STATUS.fault]).toBeGreaterThan(programs(tier));
});
