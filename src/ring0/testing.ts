// For tests: a kernel and tasks with real frames, address spaces and file systems, without a processor that
// runs anything. Calls are made straight to a row's handler.

import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../abi/mman.ts';
import type { Row } from '../gate/row.ts';
import type { Cpu } from '../ring3/cpu.ts';
import { createFrames } from '../ring3/mmu/frames.ts';
import { createPageTable } from '../ring3/mmu/page-table.ts';
import { newTmpfs } from './fs/tmpfs.ts';
import { createKernel, type Kernel } from './kernel.ts';
import { createAddressSpace } from './mm/address-space.ts';
import { memoryOf } from './mm/state.ts';
import { createInitProcess, credentialsOf } from './task/fork.ts';
import type { Task } from './task/types.ts';
import { newTable } from './vfs/fdtable.ts';
import { mountFs } from './vfs/mount.ts';
import type { Path } from './vfs/types.ts';
import type { Result } from './wait.ts';

/** Where `testTask` has its scratch memory, and how much. */
export const SCRATCH = 0x10000;
export const SCRATCH_BYTES = 0x40000;

export interface TestKernel extends Kernel {
  /** Lets time pass. */
  tick(ns: number): void;
}

/** A kernel over `bytes` of physical memory. Its clock stands still at 2001-09-09 unless told otherwise. */
export const fakeKernel = (bytes = 16 * 1024 * 1024): TestKernel => {
  const frames = createFrames(bytes);
  const newPageTable = () => {
    const table = createPageTable(frames, () => {});
    if (table === null) throw new RangeError('out of physical memory');
    return table;
  };
  let now = 0;
  let seed = 1;
  const kernel = createKernel({
    cpu: { frames, newPageTable } as unknown as Cpu,
    clock: {
      monotonic: () => now,
      epoch: () => ({ sec: 1000000000, nsec: 0 }),
    },
    entropy: (into) => {
      for (let i = 0; i < into.length; i++) {
        seed = (seed * 1103515245 + 12345) % 2147483648;
        into[i] = seed >> 16;
      }
    },
  });
  return Object.assign(kernel, {
    tick: (ns: number) => {
      now += ns;
    },
  });
};

export interface TestTaskOptions {
  readonly uid?: number;
  readonly groups?: readonly number[];
  /** Default: a fresh tmpfs, or the root that the kernel has. */
  readonly root?: Path;
}

/** A process with scratch memory, no descriptors, at the root of an empty tmpfs. */
export const fakeTask = (kernel: Kernel, options: TestTaskOptions = {}): Task => {
  const [first] = kernel.mounts.list;
  const mount = first ?? mountFs(kernel, newTmpfs(kernel), null);
  const root = options.root ?? { mount, dentry: mount.root };
  const mm = createAddressSpace(memoryOf(kernel));
  if (mm === null) throw new Error('no memory');
  mm.map(
    SCRATCH,
    SCRATCH_BYTES,
    {
      prot: PROT_READ | PROT_WRITE,
      shared: false,
      pages: null,
      pageOffset: 0,
      file: null,
      name: '',
      flags: MAP_PRIVATE | MAP_ANONYMOUS,
    },
    'fixed',
  );
  const uid = options.uid ?? 0;
  return createInitProcess(kernel, {
    mm,
    files: newTable(),
    fs: { cwd: root, root, umask: 0o022, refs: 1 },
    cred: credentialsOf(uid, uid, options.groups ?? [uid]),
  });
};

/** Makes a call with arguments as its handler gets them: decoded, paths as strings. */
export const call = (task: Task, row: Row, ...args: readonly unknown[]): Result => {
  task.kernel.current = task;
  return (row.handler as (task: Task, ...args: readonly unknown[]) => Result)(task, ...args);
};

/** Puts bytes or text into scratch memory at an offset; gives the address. */
export const put = (task: Task, what: string | Uint8Array, offset = 0): number => {
  const bytes = typeof what === 'string' ? Uint8Array.from(what, (c) => c.charCodeAt(0)) : what;
  task.mm.write(SCRATCH + offset, bytes);
  return SCRATCH + offset;
};

/** Reads scratch memory as text. */
export const text = (task: Task, n: number, offset = 0): string =>
  String.fromCharCode(...(task.mm.read(SCRATCH + offset, n) ?? []));
