// /dev: the device nodes that every program expects, and the drivers of the memory devices (major 1, mem(4),
// random(4), full(4)). Terminals register theirs with vfs/state.ts.

import { EFAULT, EINVAL, ENOSPC } from '../../abi/errno.ts';
import { RNDGETENTCNT } from '../../abi/ioctl.ts';
import { MAGIC, makedev, S_IFCHR, S_IFDIR } from '../../abi/stat.ts';
import type { Kernel } from '../kernel.ts';
import { vfsOf } from '../vfs/state.ts';
import type { FileOps } from '../vfs/types.ts';
import { MemDir, MemFs } from './tmpfs.ts';

/** Devices do not move: any seek answers 0, as null_lseek of the kernel. */
const seek = (): number => 0;

/** What is written to them is not looked at, so it need not be there. */
const unread = true;

const swallow: FileOps['write'] = (_task, _file, _buf, _at, n) => n;

const zeros: FileOps['read'] = (_task, _file, buf, at, n) => {
  // fill() takes longer than a small read.
  if (n <= 32) for (let i = at; i < at + n; i++) buf[i] = 0;
  else buf.fill(0, at, at + n);
  return n;
};

/** Entropy comes in pieces of what a host call gives at most (getRandomValues: 65536 bytes). */
const random: FileOps['read'] = (task, _file, buf, at, n) => {
  for (let done = 0; done < n; done += 65536)
    task.kernel.entropy(buf.subarray(at + done, at + Math.min(n, done + 65536)));
  return n;
};

const randomOps: FileOps = {
  seekable: true,
  seek,
  read: random,
  write: swallow,
  ioctl: (task, _file, request, arg) => {
    if (request !== RNDGETENTCNT) return -EINVAL;
    return task.mm.writeU32(arg, 256) ? 0 : -EFAULT;
  },
};

const MEM = 1;
const DRIVERS: Readonly<Record<number, FileOps>> = {
  3: { seekable: true, seek, read: () => 0, write: swallow, unread },
  5: { seekable: true, seek, read: zeros, write: swallow, unread },
  7: { seekable: true, seek, read: zeros, write: () => -ENOSPC, unread },
  8: randomOps,
  9: randomOps,
};

const NODES: readonly (readonly [string, number, number, number])[] = [
  ['null', MEM, 3, 0o666],
  ['zero', MEM, 5, 0o666],
  ['full', MEM, 7, 0o666],
  ['random', MEM, 8, 0o666],
  ['urandom', MEM, 9, 0o666],
  ['tty', 5, 0, 0o666],
  ['console', 5, 1, 0o600],
];

const LINKS: readonly (readonly [string, string])[] = [
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
  ['ptmx', 'pts/ptmx'],
];

/** Registers the memory devices' drivers with a machine. */
export const registerMemoryDevices = (kernel: Kernel): void => {
  const { devices } = vfsOf(kernel);
  for (const [minor, ops] of Object.entries(DRIVERS)) devices.set(`c:${MEM}:${minor}`, () => ops);
};

/** The file system of /dev; `pts` and `shm` are empty directories to mount on. */
export const newDevFs = (kernel: Kernel): MemFs => {
  registerMemoryDevices(kernel);
  const fs = new MemFs(kernel, { type: 'devtmpfs', magic: MAGIC.devtmpfs, mode: 0o755 });
  const root = fs.root;
  if (!(root instanceof MemDir)) return fs;
  for (const [name, major, minor, mode] of NODES)
    root.create(name, S_IFCHR | mode, 0, 0, makedev(major, minor));
  for (const [name, target] of LINKS) root.symlink(name, target, 0, 0);
  for (const name of ['pts', 'shm', 'mqueue']) root.create(name, S_IFDIR | 0o755, 0, 0, 0);
  return fs;
};
