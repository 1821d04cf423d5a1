// System V shared memory segments (shm_overview is POSIX's; this is sysvipc(7)): kept by key and id in the
// machine's memory state, mapped like any other shared pages, and gone with IPC_RMID and the last mapping.

import { EACCES, EEXIST, EINVAL, ENOENT, ENOMEM, ENOSPC, EPERM } from '../../abi/errno.ts';
import {
  IPC_CREAT,
  IPC_EXCL,
  IPC_PRIVATE,
  SHM_DEST,
  SHM_EXEC,
  SHM_RDONLY,
  SHM_REMAP,
  SHM_RND,
} from '../../abi/shm.ts';
import { realtime } from '../clock.ts';
import {
  addObject,
  byId,
  type IpcObject,
  type IpcTable,
  ipcTable,
  live,
  mayUse,
  newPerm,
  nextId,
  owns,
  removeObject,
  SEQUENCE,
} from '../ipc/objects.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task/types.ts';
import { type AnonymousPages, anonymousPages } from './anonymous.ts';
import { PAGE, pageUp } from './layout.ts';
import { overlaps } from './mappings.ts';
import { memoryOf } from './state.ts';

export interface Segment extends IpcObject {
  readonly size: number;
  readonly pages: AnonymousPages;
  /** Permission bits and SHM_DEST, SHM_LOCKED. */
  mode: number;
  atime: number;
  dtime: number;
  ctime: number;
  readonly cpid: number;
  lpid: number;
}

export const segmentsOf = (kernel: Kernel): IpcTable<Segment> => {
  const state = memoryOf(kernel);
  state.shm ??= ipcTable<Segment>();
  return state.shm as IpcTable<Segment>;
};

const seconds = (kernel: Kernel): number => realtime(kernel.clock).sec;

/** By id, or -EINVAL; -EIDRM for one that has been removed and replaced. */
export const segmentById = (kernel: Kernel, id: number): Segment | number => byId(segmentsOf(kernel), id);

const destroyIfUnused = (kernel: Kernel, s: Segment): void => {
  if (!(s.mode & SHM_DEST) || s.pages.mappings() > 0) return;
  const all = segmentsOf(kernel);
  if (all.slots[s.id % SEQUENCE] !== s) return;
  removeObject(all, s);
  s.pages.drop();
};

/** Pages of all segments together, in memory or not. */
export const pagesIn = (kernel: Kernel): bigint =>
  BigInt(live(segmentsOf(kernel)).reduce((sum, s) => sum + pageUp(s.size) / PAGE, 0));

/** shmget(2): the id. */
export const getSegment = (task: Task, key: number, size: number, how: number): number => {
  const { kernel } = task;
  const all = segmentsOf(kernel);
  if (key !== IPC_PRIVATE) {
    const known = all.slots.find((s) => s !== undefined && s.key === key && !(s.mode & SHM_DEST));
    if (known) {
      if (how & IPC_CREAT && how & IPC_EXCL) return -EEXIST;
      if (size > known.size) return -EINVAL;
      return mayUse(task, known, (how >> 6) & 7 || (how >> 3) & 7 || how & 7) ? known.id : -EACCES;
    }
    if (!(how & IPC_CREAT)) return -ENOENT;
  }
  const { settings } = kernel;
  if (!(size >= 1) || BigInt(size) > settings['kernel/shmmax']) return -EINVAL;
  if (size / PAGE > 2 ** 40) return -EINVAL;
  if (pageUp(size) / PAGE > kernel.cpu.frames.total) return -ENOMEM;
  if (pagesIn(kernel) + BigInt(pageUp(size) / PAGE) > settings['kernel/shmall']) return -ENOSPC;
  const id = nextId(all, settings['kernel/shmmni']);
  if (id < 0) return id;
  const pages = anonymousPages(memoryOf(kernel), size, () => {
    segment.dtime = seconds(kernel);
    segment.lpid = kernel.current?.process.pid ?? segment.lpid;
    destroyIfUnused(kernel, segment);
  });
  const segment: Segment = {
    id,
    key,
    size,
    pages,
    ...newPerm(task, how),
    atime: 0,
    dtime: 0,
    ctime: seconds(kernel),
    cpid: task.process.pid,
    lpid: 0,
  };
  pages.hold();
  addObject(all, segment);
  return id;
};

/** shmat(2): the address. */
export const attachSegment = (task: Task, id: number, addr: number, how: number): number => {
  const s = segmentById(task.kernel, id);
  if (typeof s === 'number') return s;
  let at = addr;
  if (at !== 0) {
    if (at % PAGE !== 0) {
      if (!(how & SHM_RND)) return -EINVAL;
      at -= at % PAGE;
      if (at === 0 && how & SHM_REMAP) return -EINVAL;
    }
  } else if (how & SHM_REMAP) return -EINVAL;
  const readOnly = (how & SHM_RDONLY) !== 0;
  const exec = (how & SHM_EXEC) !== 0;
  if (!mayUse(task, s, (readOnly ? 4 : 6) | (exec ? 1 : 0))) return -EACCES;
  const { mm } = task;
  const length = pageUp(s.size);
  if (at !== 0 && !(how & SHM_REMAP) && overlaps(mm.mappings, at, at + length)) return -EINVAL;
  const r = mm.map(
    at,
    length,
    {
      prot: 1 | (readOnly ? 0 : 2) | (exec ? 4 : 0),
      shared: true,
      pages: s.pages,
      pageOffset: 0,
      file: null,
      name: `/SYSV${(s.key >>> 0).toString(16).padStart(8, '0')} (deleted)`,
      flags: 0,
    },
    at === 0 ? 'hint' : how & SHM_REMAP ? 'fixed' : 'noreplace',
  );
  if (r < 0) return r;
  s.atime = seconds(task.kernel);
  s.lpid = task.process.pid;
  return r;
};

/** shmdt(2). */
export const detachSegment = (task: Task, addr: number): number => {
  const { mm } = task;
  const first = mm.mappings.find(
    (m) => m.name.startsWith('/SYSV') && m.pages !== null && m.start - m.pageOffset * PAGE === addr,
  );
  if (!first?.pages) return -EINVAL;
  const end = addr + pageUp(first.pages.size());
  const parts = mm.mappings.filter(
    (m) => m.pages === first.pages && m.start < end && m.start - m.pageOffset * PAGE === addr,
  );
  for (const m of parts) mm.unmap(m.start, m.end - m.start);
  return 0;
};

/** IPC_RMID: the id stays for those who have it mapped. */
export const removeSegment = (task: Task, s: Segment): number => {
  if (!owns(task, s)) return -EPERM;
  s.mode |= SHM_DEST;
  destroyIfUnused(task.kernel, s);
  return 0;
};
