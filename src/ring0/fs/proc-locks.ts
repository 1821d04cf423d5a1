// /proc/locks, and the locks of a description in /proc/[pid]/fdinfo (proc(5)).

import { F_RDLCK, F_WRLCK, LOCK_EX } from '../../abi/fcntl.ts';
import { major, minor } from '../../abi/stat.ts';
import type { Kernel } from '../kernel.ts';
import type { FileTable } from '../task/types.ts';
import { type Lease, target } from '../vfs/leases.ts';
import { type FileLock, type LockWait, lockWaitOf, type RangeLock, stops } from '../vfs/locks.ts';
import type { Inode, OpenFile } from '../vfs/types.ts';
import { hex } from './proc-format.ts';

/** A lock without its number; `owner` tells whose it is. */
interface Line {
  readonly owner: FileTable | OpenFile;
  readonly file: OpenFile | undefined;
  readonly text: string;
  /** Those that it keeps from being taken. */
  readonly waiting: readonly string[];
}

const MODES: Readonly<Record<number, string>> = { [F_RDLCK]: 'READ ', [F_WRLCK]: 'WRITE' };
const mode = (type: number): string => MODES[type] ?? 'UNLCK';

const place = (inode: Inode): string => {
  const attr = inode.attr();
  const { dev } = inode.fs;
  return `${hex(major(dev), 2)}:${hex(minor(dev), 2)}:${typeof attr === 'number' ? 0 : attr.ino}`;
};

const range = ({ start, end }: RangeLock): string =>
  `${start} ${end === Number.POSITIVE_INFINITY ? 'EOF' : end - 1}`;

const lockText = (l: RangeLock | FileLock, where: string): string =>
  'owner' in l
    ? `${l.pid === -1 ? 'OFDLCK' : 'POSIX '} ADVISORY  ${mode(l.type)} ${l.pid} ${where} ${range(l)}`
    : `FLOCK  ADVISORY  ${mode(l.type === LOCK_EX ? F_WRLCK : F_RDLCK)} ${l.pid} ${where} 0 EOF`;

const leaseText = (l: Lease, where: string): string => {
  const state = l.unlockAt !== null || l.downgradeAt !== null ? 'BREAKING ' : 'ACTIVE   ';
  return `LEASE  ${state} ${mode(target(l))} ${l.pid} ${where} 0 EOF`;
};

/** `waits`: of the tasks that wait for a lock. */
const linesOf = (inode: Inode, waits: readonly LockWait[] = []): Line[] => {
  if (!inode.locks && !inode.leases) return [];
  const where = place(inode);
  const told = new Set<LockWait>();
  const line = (l: RangeLock | FileLock): Line => {
    const stopped = waits.filter((w) => w.inode === inode && !told.has(w) && stops(l, w.want));
    for (const w of stopped) told.add(w);
    return {
      owner: 'owner' in l ? l.owner : l.file,
      file: l.file,
      text: lockText(l, where),
      waiting: stopped.map((w) => lockText(w.want, where)),
    };
  };
  const leases = (inode.leases?.held ?? []).map((l) => ({
    owner: l.file,
    file: l.file,
    text: leaseText(l, where),
    waiting: [],
  }));
  const { flocks = [], ranges = [] } = inode.locks ?? {};
  return [...flocks.map(line), ...ranges.map(line), ...leases];
};

/** All that somebody who holds a lock has open. */
const lockedInodes = (kernel: Kernel): Set<Inode> => {
  const inodes = new Set<Inode>();
  for (const t of kernel.tasks.values())
    for (const d of t.files.slots) if (d?.file.inode.locks || d?.file.inode.leases) inodes.add(d.file.inode);
  return inodes;
};

export const locks = (kernel: Kernel): string => {
  const waits = [...kernel.tasks.values()].flatMap((t) => lockWaitOf(t) ?? []);
  return [...lockedInodes(kernel)]
    .flatMap((inode) => linesOf(inode, waits))
    .flatMap(({ text, waiting }, i) => [
      `${i + 1}: ${text}\n`,
      ...waiting.map((other) => `${i + 1}: -> ${other}\n`),
    ])
    .join('');
};

/** Lines of fdinfo: what the descriptor's process, or the description itself, has locked. */
export const heldLocks = (file: OpenFile, table: FileTable): string =>
  linesOf(file.inode)
    .filter((l) => l.owner === file || (l.owner === table && l.file === file))
    .map((l, i) => `lock:\t${i + 1}: ${l.text}\n`)
    .join('');
