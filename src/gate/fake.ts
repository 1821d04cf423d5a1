// A kernel and a task with just enough in them to send calls through the gate: for tests and benchmarks.

import type { Kernel } from '../ring0/kernel.ts';
import type { Process, Task } from '../ring0/task/types.ts';
import { CPU, GPR, OFF } from '../ring3/layout.ts';

const ARGUMENTS = [GPR.rdi, GPR.rsi, GPR.rdx, GPR.r10, GPR.r8, GPR.r9];

/** A queue of signals, as far as the gate and the traces look. */
const noSignals = (): unknown => Object.assign([], { has: () => false });

/** Physical memory of `bytes`, which is also the program's memory, address for address. */
export const fakeMachine = (bytes = 0x10000) => {
  const u8 = new Uint8Array(bytes);
  const u32 = new Uint32Array(u8.buffer);
  const register = (r: number): number => (CPU + OFF.gpr + 8 * r) / 4;
  const gpr = (r: number): number =>
    (u32[register(r) + 1] as number) * 4294967296 + (u32[register(r)] as number);
  const setGpr = (r: number, v: number): void => {
    u32[register(r)] = v;
    u32[register(r) + 1] = Math.floor(v / 4294967296);
  };
  let now = 0;
  const kernel = {
    cpu: { frames: { u8, u32 }, gpr, setGpr },
    clock: { monotonic: () => now },
    missing: new Map<string, number>(),
    current: null as Task | null,
    run: { turnEnd: Number.POSITIVE_INFINITY },
  };
  const inside = (addr: number, n: number): boolean => addr > 0 && addr + n <= bytes;
  const mm = {
    read: (addr: number, n: number) => (inside(addr, n) ? u8.slice(addr, addr + n) : null),
    readU32: (addr: number) => (inside(addr, 4) ? u32[addr / 4] : null),
    readString: (addr: number, max: number) => {
      if (!inside(addr, 1)) return -14;
      const end = u8.indexOf(0, addr);
      return end - addr >= max ? -36 : String.fromCharCode(...u8.subarray(addr, end));
    },
  };
  const process = { pid: 7, sharedPending: noSignals(), threads: new Set() } as unknown as Process;
  const task = {
    kernel: kernel as unknown as Kernel,
    tid: 7,
    process,
    state: 'runnable',
    mm,
    pending: noSignals(),
    savedSigmask: null,
    call: null,
    resume: undefined,
    files: { slots: [] },
  } as unknown as Task;
  kernel.current = task;
  return {
    kernel: kernel as unknown as Kernel,
    task,
    u8,
    /** Sets the registers of a call: number, then arguments. */
    trap(number: number, ...args: number[]): void {
      setGpr(GPR.rax, number);
      for (const [i, a] of args.entries()) setGpr(ARGUMENTS[i] as number, a);
    },
    /** rax as the program sees it, signed. */
    result(): number {
      return ((u32[register(GPR.rax) + 1] as number) | 0) * 4294967296 + (u32[register(GPR.rax)] as number);
    },
    put(addr: number, text: string): void {
      for (let i = 0; i < text.length; i++) u8[addr + i] = text.charCodeAt(i);
      u8[addr + text.length] = 0;
    },
    tick(ns: number): void {
      now += ns;
    },
  };
};
