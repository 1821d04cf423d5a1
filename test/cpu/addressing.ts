// Cases for ModRM and SIB: every mode, base, index, scale and displacement, rip-relative and absolute, 32-bit
// addresses and segments, with instructions that load, store, or only compute the address.

import { type Case, single } from './generate.ts';
import { DATA, entryOf } from './records.ts';
import type { Rng } from './values.ts';

/** MOV r,m / MOV m,r / LEA / ADD m,r / MOVZX r,m8. */
const OPCODES: readonly (readonly number[])[] = [[0x8b], [0x89], [0x8d], [0x01], [0x0f, 0xb6]];

const little = (v: number): number[] => [v & 0xff, (v >> 8) & 0xff, (v >> 16) & 0xff, (v >> 24) & 0xff];

export const addressing = (rng: Rng, n: number): Case => {
  const prefixes: number[] = [];
  if (rng.chance(0.2)) prefixes.push(rng.chance(0.5) ? 0x64 : 0x65);
  if (rng.chance(0.2)) prefixes.push(0x67);
  prefixes.push(0x40 | rng.below(16));
  const mod = rng.below(3);
  const rm = rng.below(8);
  const code = [...prefixes, ...rng.pick(OPCODES), (mod << 6) | (rng.below(8) << 3) | rm];
  const sib = rng.below(256);
  if (rm === 4) code.push(sib);
  const absolute = mod === 0 && rm === 4 && (sib & 7) === 5;
  const relative = mod === 0 && rm === 5;
  const target = DATA + 1024 + rng.below(8192);
  if (relative) code.push(...little(target - (entryOf(n) + code.length + 4)));
  else if (absolute) code.push(...little(rng.chance(0.5) ? target : rng.below(2000) - 1000));
  else if (mod === 1) code.push(rng.below(256));
  else if (mod === 2) code.push(...little(rng.chance(0.7) ? rng.below(20000) - 10000 : rng.u32()));
  return single(Uint8Array.from(code), rng, n);
};
