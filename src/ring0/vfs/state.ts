// What the virtual file system of one machine keeps besides its mounts: who opens which device number, how a
// FIFO is opened, and the counters for device numbers and mount ids.

import { makedev } from '../../abi/stat.ts';
import { realtime } from '../clock.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task/types.ts';
import type { Tty } from '../tty/types.ts';
import type { Block } from '../wait.ts';
import type { Components } from './components.ts';
import type { FileOps, FileSystem, Inode, Mount, Path, TimeSpec } from './types.ts';

/** Opens a special file: its operations, or -errno. */
export type SpecialOpen = (
  task: Task,
  inode: Inode,
  flags: number,
  path: Path | null,
) => FileOps | number | Block;

/** Makes a file system for mount(2). */
export type FileSystemMaker = (kernel: Kernel, source: string, options: string) => FileSystem | number;

export interface Vfs {
  /** By `c:major:minor` (or `b:`), else by `c:major` for a driver of the whole major number. */
  readonly devices: Map<string, SpecialOpen>;
  /** Opens a FIFO; absent: ENXIO. */
  fifo: SpecialOpen | null;
  /** What mount(2) knows, by type. */
  readonly types: Map<string, FileSystemMaker>;
  /** Minor number of the next anonymous device (st_dev of a file system without one). */
  nextDev: number;
  nextMountId: number;
  /** Tells which two events of inotify are one move. */
  nextCookie: number;
  /** Paths walked lately, cut into names (vfs/components.ts). */
  readonly paths: Components[];
  /** Called when memory is short: frees clean pages of file caches, returns how many frames. */
  readonly reclaim: Set<() => number>;
  /** The one /proc, /sys and /dev/pts of the machine (fs/proc.ts, fs/sysfs.ts, tty/devpts.ts). */
  proc?: FileSystem;
  sys?: FileSystem;
  pts?: FileSystem;
  /** What the links of /proc/[pid]/ns lead to; made on first use (fs/nsfs.ts). */
  namespaces?: FileSystem;
  /** Terminals by index (tty/pty.ts). */
  ptys?: Map<number, Tty>;
  /** How many inotify instances each user has. */
  inotify?: Map<number, number>;
  /** Requests that contexts of asynchronous input and output have room for (/proc/sys/fs/aio-nr). */
  aio: number;
  /** How many eventfds there have been. */
  eventfds?: number;
  /** Where anonymous memory files live; made on first use (sys/fd.ts). */
  memfd?: Mount;
  hugetlb?: Mount;
  /** The file system of POSIX message queues; made on first use (fs/mqueue.ts). */
  mqueue?: Mount;
  /** Raises a signal in the calling thread (SIGXFSZ); set by signal handling. */
  raise: ((task: Task, signo: number) => void) | null;
}

export const newVfs = (): Vfs => ({
  devices: new Map(),
  fifo: null,
  types: new Map(),
  nextDev: 1,
  nextMountId: 1,
  nextCookie: 1,
  paths: [],
  reclaim: new Set(),
  aio: 0,
  raise: null,
});

/** The machine's file system state, made on first use. */
export const vfsOf = (kernel: Kernel): Vfs => {
  kernel.vfs ??= newVfs();
  return kernel.vfs;
};

/** A device number for a file system that has none: major 0, as Linux gives them. */
export const anonymousDev = (kernel: Kernel): number => makedev(0, vfsOf(kernel).nextDev++);

/** The time for inode time stamps. */
export const now = (kernel: Kernel): TimeSpec => realtime(kernel.clock);
