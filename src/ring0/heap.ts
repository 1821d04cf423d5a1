// What the kernel's objects take of the host's heap. Physical memory does not count them, so each kind that a program
// can make without end is charged here; beyond the limit its call fails as Linux's does when kernel memory is out.

export interface KernelHeap {
  /** Bytes charged: estimates, rather too high than too low. */
  used: number;
  readonly limit: number;
}

/** Bytes charged for one object of a kind. */
export const COST = {
  /** A slot of a descriptor table, used or not. */
  slot: 8,
  /** A descriptor, with its description. */
  descriptor: 1024,
  /** A name in a file system in memory, with its inode. */
  name: 1024,
  /** A socket, with its queues and inode. */
  socket: 6144,
  signal: 256,
  timer: 512,
  watch: 512,
  lock: 256,
  mount: 4096,
} as const;

const MIB = 2 ** 20;

/** The heap for a machine with so much physical memory. */
export const kernelHeap = (memoryBytes: number): KernelHeap => ({
  used: 0,
  limit: Math.min(Math.max(memoryBytes / 4, 32 * MIB), 512 * MIB),
});

/** The part of the limit that only descriptors may use, so that processes can still be made and open files. */
const RESERVED = 1 / 8;

/** Charges bytes; false when the limit does not allow it. */
export const charge = (heap: KernelHeap, bytes: number): boolean => {
  if (heap.used + bytes > heap.limit * (1 - RESERVED)) return false;
  heap.used += bytes;
  return true;
};

/** The same for descriptors. */
export const chargeDescriptors = (heap: KernelHeap, bytes: number): boolean => {
  if (heap.used + bytes > heap.limit) return false;
  heap.used += bytes;
  return true;
};

export const uncharge = (heap: KernelHeap, bytes: number): void => {
  heap.used -= bytes;
};

/** fs.file-max: as many descriptors fit. */
export const maxFiles = (heap: KernelHeap): number => Math.floor(heap.limit / COST.descriptor);
/** fs.epoll.max_user_watches. */
export const maxWatches = (heap: KernelHeap): number => Math.floor(heap.limit / 4 / COST.watch);
