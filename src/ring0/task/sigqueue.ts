// Pending signals of a thread or a process: one queue for each number, and their set, so that neither taking one nor
// looking for one depends on how many there are.

import { SI, SIG } from '../../abi/signal.ts';
import { COST, charge, type KernelHeap, uncharge } from '../heap.ts';
import type { SigInfo, SigSet } from './types.ts';

/** Signals of faults: they belong to the current instruction and come before all others. */
const FAULTS = [SIG.SIGSEGV, SIG.SIGBUS, SIG.SIGILL, SIG.SIGTRAP, SIG.SIGFPE, SIG.SIGSYS] as const;
const FAULT_BITS = FAULTS.reduce((bits, signo) => bits | (1 << (signo - 1)), 0);

export class SigQueue {
  /** How many are queued. */
  length = 0;
  /** Signals 1..32 and 33..64 that are queued. */
  lo = 0;
  hi = 0;
  readonly #heap: KernelHeap;
  readonly #lists: (SigInfo[] | undefined)[] = [];

  constructor(heap: KernelHeap) {
    this.#heap = heap;
  }

  has(signo: number): boolean {
    return ((signo <= 32 ? this.lo >>> (signo - 1) : this.hi >>> (signo - 33)) & 1) !== 0;
  }

  /** Whether one is queued that the mask lets through. */
  passes(mask: SigSet): boolean {
    return ((this.lo & ~mask.lo) | (this.hi & ~mask.hi)) !== 0;
  }

  /** False when there is no memory for it. */
  push(info: SigInfo): boolean {
    if (!charge(this.#heap, COST.signal)) return false;
    this.#enter(info);
    return true;
  }

  /** Queues the only one of its number, whatever memory there is. */
  force(info: SigInfo): void {
    this.remove(info.signo);
    this.#heap.used += COST.signal;
    this.#enter(info);
  }

  #enter(info: SigInfo): void {
    const { signo } = info;
    const list = this.#lists[signo];
    if (list === undefined) this.#lists[signo] = [info];
    else list.push(info);
    this.length++;
    if (signo <= 32) this.lo |= 1 << (signo - 1);
    else this.hi |= 1 << (signo - 33);
  }

  /** Takes the next one out of a set: faults first, then by number, those of a number in their order. */
  take(set: SigSet): SigInfo | null {
    const lo = this.lo & set.lo;
    if ((lo & FAULT_BITS) !== 0) {
      for (const signo of FAULTS) {
        const first = (lo >>> (signo - 1)) & 1 ? this.#lists[signo]?.[0] : undefined;
        if (first !== undefined && first.code > 0 && first.code !== SI.SI_USER) return this.#shift(signo);
      }
    }
    if (lo !== 0) return this.#shift(32 - Math.clz32(lo & -lo));
    const hi = this.hi & set.hi;
    return hi === 0 ? null : this.#shift(64 - Math.clz32(hi & -hi));
  }

  #shift(signo: number): SigInfo | null {
    const list = this.#lists[signo];
    const info = list?.shift();
    if (list === undefined || info === undefined) return null;
    this.#left(signo, 1, list.length === 0);
    return info;
  }

  #left(signo: number, n: number, last: boolean): void {
    this.length -= n;
    uncharge(this.#heap, n * COST.signal);
    if (!last) return;
    this.#lists[signo] = undefined;
    if (signo <= 32) this.lo &= ~(1 << (signo - 1));
    else this.hi &= ~(1 << (signo - 33));
  }

  /** Drops those of one number. */
  remove(signo: number): void {
    const n = this.#lists[signo]?.length ?? 0;
    if (n > 0) this.#left(signo, n, true);
  }

  clear(): void {
    for (const signo of this.#lists.keys()) this.remove(signo);
  }

  /** Whether the signal of a POSIX timer is among them. */
  hasTimer(signo: number, id: number): boolean {
    return (
      this.has(signo) && (this.#lists[signo] ?? []).some((i) => i.timerId === id && i.code === SI.SI_TIMER)
    );
  }
}
