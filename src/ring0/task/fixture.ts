// A kernel without a processor, for tests of task/: programs are scripts, one function call a time slice, and
// memory is one flat array. The clock stands still unless a test moves it.

import type { Cpu } from '../../ring3/cpu.ts';
import { CONTEXT_BYTES, STATUS } from '../../ring3/layout.ts';
import { createKernel, type Kernel } from '../kernel.ts';
import type { AddressSpace } from '../mm/types.ts';
import type { Path } from '../vfs/types.ts';
import { isBlock, type Result } from '../wait.ts';
import { type CloneArgs, cloneTask, createInitProcess } from './fork.ts';
import { park, runSlice, work } from './scheduler.ts';
import type { Task } from './types.ts';

/** What a task does with one slice: a system call's result, 'spin' to use up the slice. */
export type Step = (task: Task) => Result | 'spin';

const memory = (): AddressSpace => {
  const u8 = new Uint8Array(0x10000);
  const dv = new DataView(u8.buffer);
  const ok = (at: number, n: number): boolean => at >= 0x1000 && at + n <= u8.length;
  const mm = {
    refs: 1,
    mappings: [],
    pageTable: {},
    find: () => null,
    usage: () => ({ residentPages: 0, totalPages: 0, lockedPages: 0, peakPages: 3 }),
    readU32: (at: number) => (ok(at, 4) ? dv.getUint32(at, true) : null),
    readI32: (at: number) => (ok(at, 4) ? dv.getInt32(at, true) : null),
    readU64: (at: number) => (ok(at, 8) ? Number(dv.getBigUint64(at, true)) : null),
    readI64: (at: number) => (ok(at, 8) ? Number(dv.getBigInt64(at, true)) : null),
    writeU32: (at: number, v: number) => {
      if (ok(at, 4)) dv.setUint32(at, v, true);
      return ok(at, 4);
    },
    writeI64: (at: number, v: number) => {
      if (ok(at, 8)) dv.setBigInt64(at, BigInt(v), true);
      return ok(at, 8);
    },
    fork: () => memory(),
    release: () => {
      mm.refs--;
    },
  };
  return mm as unknown as AddressSpace;
};

export interface Fixture {
  readonly kernel: Kernel;
  /** Advances the clock, ns. */
  tick(ns: number): void;
  /** A process at the root of a tree that follows a script, the last step again and again. */
  spawn(...steps: Step[]): Task;
  /** A child process or, with CLONE_THREAD and its kin in `flags`, a thread of `parent`. */
  clone(parent: Task, args: Partial<CloneArgs>, ...steps: Step[]): Task;
  /** Runs until nothing can run, or for `slices` slices. */
  run(slices?: number): string;
  /** Results of the calls that a task has finished. */
  results(task: Task): number[];
}

export const fixture = (): Fixture => {
  let now = 1000;
  const scripts = new Map<Task, { steps: Step[]; at: number; results: number[] }>();
  const scriptOf = (task: Task) => scripts.get(task) ?? { steps: [], at: 0, results: [] };
  let left = 0;

  const attempt = (task: Task): 'spin' | 'done' | 'parked' => {
    const script = scriptOf(task);
    const step = script.steps[Math.min(script.at, script.steps.length - 1)];
    const r = step === undefined ? 'spin' : step(task);
    if (r === 'spin') return 'spin';
    if (isBlock(r)) {
      if (task.state !== 'runnable') return 'parked';
      task.call = { task, number: 0, block: r } as unknown as NonNullable<Task['call']>;
      park(task, r);
      return 'parked';
    }
    finish(task, r);
    return 'done';
  };
  const finish = (task: Task, r: number): void => {
    const script = scriptOf(task);
    script.results.push(r);
    script.at++;
    task.call = null;
    task.resume = undefined;
    if (task.state === 'runnable') work(task);
  };

  const cpu = {
    frames: { u8: new Uint8Array(0x4000), u32: new Uint32Array(0x1000), total: 100, free: 50 },
    exception: { vector: 0, errorCode: 0, address: 0 },
    rip: 0,
    save: (into: Uint8Array) => into.fill(0, 0, CONTEXT_BYTES),
    load: () => {},
    switchTo: () => {},
    gpr: () => 0,
    setGpr: () => {},
    run: () => {
      const task = kernel.current;
      if (task === null || --left < 0) return STATUS.budget;
      return attempt(task) === 'spin' ? STATUS.budget : STATUS.gate;
    },
  };
  const kernel = createKernel({
    cpu: cpu as unknown as Cpu,
    clock: { monotonic: () => now, epoch: () => ({ sec: 0, nsec: 0 }) },
    entropy: () => {},
  });
  kernel.gate = {
    retry: (task) => {
      task.resume = task.call?.block?.state;
      return attempt(task) === 'done';
    },
    abandon: (task, shown) => {
      const script = scriptOf(task);
      script.results.push(shown ?? Number.NaN);
      script.at++;
      task.call = null;
      task.resume = undefined;
    },
  };
  kernel.hooks.releaseFiles = () => {};
  kernel.hooks.copyFiles = (files) => files;

  const follow = (task: Task, steps: Step[]): Task => {
    scripts.set(task, { steps, at: 0, results: [] });
    return task;
  };
  return {
    kernel,
    tick(ns) {
      now += ns;
    },
    spawn(...steps) {
      const path = {} as Path;
      const task = createInitProcess(kernel, {
        mm: memory(),
        files: { slots: [], refs: 1, heap: null },
        fs: { cwd: path, root: path, umask: 0, refs: 1 },
      });
      kernel.ready(task);
      return follow(task, steps);
    },
    clone(parent, args, ...steps) {
      const all: CloneArgs = {
        flags: 0,
        exitSignal: 17,
        stack: 0,
        parentTid: 0,
        childTid: 0,
        tls: 0,
        setTid: [],
        ...args,
      };
      const child = cloneTask(parent, all);
      if (typeof child === 'number') throw new Error(`clone: ${child}`);
      return follow(child, steps);
    },
    run(slices = 1000) {
      left = slices;
      let state = 'busy';
      // The clock stands still, so a slice ends only when nobody can run; one step a call keeps spinners in check.
      for (let i = 0; i < slices && state === 'busy'; i++) state = runSlice(kernel, 0);
      return state;
    },
    results: (task) => scriptOf(task).results,
  };
};
