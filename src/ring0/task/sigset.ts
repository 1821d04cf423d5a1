// Sets of signals as two 32-bit words, never changed in place: a set may be shared by a task, a frame and a Block.

import { NSIG, SIG } from '../../abi/signal.ts';
import type { UserMemory } from '../mm/user.ts';
import type { SigSet } from './types.ts';

export const EMPTY: SigSet = Object.freeze({ lo: 0, hi: 0 });

const word = (signo: number): 'lo' | 'hi' => (signo <= 32 ? 'lo' : 'hi');
const bit = (signo: number): number => (1 << ((signo - 1) & 31)) >>> 0;

export const hasSignal = (set: SigSet, signo: number): boolean => (set[word(signo)] & bit(signo)) !== 0;
export const addSignal = (set: SigSet, signo: number): SigSet => {
  const w = word(signo);
  return { ...set, [w]: (set[w] | bit(signo)) >>> 0 };
};
export const removeSignal = (set: SigSet, signo: number): SigSet => {
  const w = word(signo);
  return { ...set, [w]: (set[w] & ~bit(signo)) >>> 0 };
};
export const setOf = (...signals: readonly number[]): SigSet => signals.reduce(addSignal, EMPTY);
export const union = (a: SigSet, b: SigSet): SigSet => ({ lo: (a.lo | b.lo) >>> 0, hi: (a.hi | b.hi) >>> 0 });
export const difference = (a: SigSet, b: SigSet): SigSet => ({
  lo: (a.lo & ~b.lo) >>> 0,
  hi: (a.hi & ~b.hi) >>> 0,
});
export const sameSet = (a: SigSet, b: SigSet): boolean => a.lo === b.lo && a.hi === b.hi;

/** SIGKILL and SIGSTOP can be neither blocked nor waited for. */
const unblockable = setOf(SIG.SIGKILL, SIG.SIGSTOP);
export const withoutUnblockable = (set: SigSet): SigSet => difference(set, unblockable);

export const validSignal = (signo: number): boolean => signo >= 1 && signo <= NSIG;

/** A sigset_t of 8 bytes, or null when it cannot be read. */
export const readSet = (mm: UserMemory, addr: number): SigSet | null => {
  const lo = mm.readU32(addr);
  const hi = mm.readU32(addr + 4);
  return lo === null || hi === null ? null : { lo, hi };
};
export const writeSet = (mm: UserMemory, addr: number, set: SigSet): boolean =>
  mm.writeU32(addr, set.lo) && mm.writeU32(addr + 4, set.hi);
/** As a number, exact for sets without signals above 53; for /proc and traces use both words. */
export const setBig = (set: SigSet): bigint => (BigInt(set.hi) << 32n) | BigInt(set.lo);
