// What the address spaces of one machine share: physical memory, the page of zeros, the addresses that program
// images have been given, and how memory is won back when it runs out.

import { MS_NOEXEC } from '../../abi/fcntl.ts';
import type { Cpu, Frames } from '../../ring3/cpu.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task/types.ts';
import { releaseFile } from '../vfs/file.ts';
import type { OpenFile, PageCache } from '../vfs/types.ts';
import { IMAGE_TOP } from './layout.ts';

export const RLIMIT_DATA = 2;
export const RLIMIT_STACK = 3;
export const RLIMIT_MEMLOCK = 8;
export const RLIMIT_AS = 9;

export interface MemoryState {
  readonly cpu: Pick<Cpu, 'frames' | 'newPageTable'>;
  readonly frames: Frames;
  /** Read faults of anonymous memory map this frame. It carries no references: never hold or release it. */
  readonly zeroFrame: number;
  /** The task whose limits and identity count. */
  current(): Task | null;
  /** Memory is out and the current task needs some; true when another process was killed for it. */
  outOfMemory(): boolean;
  /** Asked in turn when memory is out; each returns how many frames it freed. */
  readonly reclaimers: Set<() => number>;
  /** Drops a mapping's reference on its file. */
  closeFile(file: OpenFile): void;
  /** Whether a file lies on a mount that forbids execution. */
  isNoExec(file: OpenFile): boolean;
  /** Addresses of program images by their pages and length; see layout.ts. */
  readonly images: WeakMap<PageCache, Map<number, number>>;
  imageFloor: number;
  /** The vDSO (exec/vdso.ts), made with the first process. */
  vdso: unknown;
  /** Set by the machine when RDTSC gives the monotonic clock in ns: then the vDSO needs no system call. */
  tscIsClock: boolean;
  /** System V shared memory segments. */
  shm: unknown;
}

export const createMemoryState = (
  cpu: Pick<Cpu, 'frames' | 'newPageTable'>,
  current: () => Task | null,
): MemoryState => ({
  cpu,
  frames: cpu.frames,
  zeroFrame: cpu.frames.allocZeroed(),
  current,
  outOfMemory: () => false,
  reclaimers: new Set(),
  closeFile: releaseFile,
  // Pipes, sockets and the like are on mounts of the kernel's own, from which nothing is executed either.
  isNoExec: (file) => file.path === null || ((file.path.mount.flags ?? 0) & MS_NOEXEC) !== 0,
  images: new WeakMap(),
  imageFloor: IMAGE_TOP,
  vdso: null,
  tscIsClock: false,
  shm: null,
});

/** The memory state of a machine. */
export const memoryOf = (kernel: Kernel): MemoryState => {
  if (kernel.memory) return kernel.memory;
  const state = createMemoryState(kernel.cpu, () => kernel.current);
  state.outOfMemory = () => kernel.current !== null && kernel.hooks.outOfMemory(kernel.current);
  state.reclaimers.add(() => {
    let freed = 0;
    for (const reclaim of kernel.vfs?.reclaim ?? []) freed += reclaim();
    return freed;
  });
  kernel.memory = state;
  return state;
};

/** Soft limit of the current task; Infinity for none. */
export const limitOf = (state: MemoryState, resource: number): number =>
  state.current()?.process.rlimits[resource]?.soft ??
  (resource === RLIMIT_STACK ? 8 * 1024 * 1024 : Number.POSITIVE_INFINITY);

/** A frame with one reference, the wanted one if it is free; 0 when memory is out even after reclaim. */
export const allocFrame = (state: MemoryState, zeroed: boolean, wanted = 0): number => {
  for (;;) {
    const frame = zeroed ? state.frames.allocZeroed(wanted) : state.frames.alloc(wanted);
    if (frame !== 0) return frame;
    let freed = 0;
    for (const reclaim of state.reclaimers) freed += reclaim();
    if (freed === 0) return 0;
  }
};

export const holdFrame = (state: MemoryState, frame: number): void => {
  if (frame !== state.zeroFrame) state.frames.hold(frame);
};

export const releaseFrame = (state: MemoryState, frame: number): void => {
  if (frame !== state.zeroFrame) state.frames.release(frame);
};
