// Descriptor tables: small numbers for open file descriptions. Shared by threads, copied by fork, thinned out
// by execve.

import { EBADF, EINVAL, EMFILE, ENFILE, ENOMEM } from '../../abi/errno.ts';
import { O_PATH } from '../../abi/fcntl.ts';
import { COST, chargeDescriptors, uncharge } from '../heap.ts';
import type { Descriptor, FileTable, Task } from '../task/types.ts';
import { holdFile, releaseFile } from './file.ts';
import { dropLocks } from './locks.ts';
import type { OpenFile } from './types.ts';

const RLIMIT_NOFILE = 7;

export const newTable = (): FileTable => ({ slots: [], refs: 1, heap: null });

/** What a table is charged. */
const costOf = ({ slots }: FileTable): number => {
  let n = slots.length * COST.slot;
  for (const d of slots) if (d !== undefined) n += COST.descriptor;
  return n;
};

/** For fork: the same descriptions under the same numbers; null when there is no memory for it. */
export const copyTable = (table: FileTable): FileTable | null => {
  if (table.heap !== null && !chargeDescriptors(table.heap, costOf(table))) return null;
  return duplicate(table);
};

const duplicate = ({ slots, heap }: FileTable): FileTable => ({
  slots: slots.map((d) => d && { file: holdFile(d.file), cloexec: d.cloexec }),
  refs: 1,
  heap,
});

/** Makes room for a number, and charges one more descriptor; false when there is no memory for it. */
const grow = (task: Task, fd: number, more: number): boolean => {
  const { files } = task;
  const { slots } = files;
  files.heap ??= task.kernel.heap;
  const added = Math.max(0, fd + 1 - slots.length);
  if (!chargeDescriptors(files.heap, added * COST.slot + more * COST.descriptor)) return false;
  // No holes in the array: it stays a plain list.
  for (let i = 0; i < added; i++) slots.push(undefined);
  return true;
};

/** Takes a descriptor out of its slot. */
const vacate = (table: FileTable, fd: number): void => {
  table.slots[fd] = undefined;
  if (table.heap !== null) uncharge(table.heap, COST.descriptor);
};

const drop = (table: FileTable, d: Descriptor): void => {
  if (d.file.inode.locks) dropLocks(d.file.inode, table);
  d.file.ops.flush?.(d.file, table);
  releaseFile(d.file);
};

/** Drops one reference on the table; closes all descriptors with the last. */
export const releaseTable = (table: FileTable): void => {
  table.refs--;
  if (table.refs > 0) return;
  for (let fd = 0; fd < table.slots.length; fd++) {
    const d = table.slots[fd];
    if (d === undefined) continue;
    vacate(table, fd);
    drop(table, d);
  }
  if (table.heap !== null) uncharge(table.heap, table.slots.length * COST.slot);
  table.slots.length = 0;
};

/** Closes what is marked FD_CLOEXEC. */
export const closeOnExec = (table: FileTable): void => {
  for (let fd = 0; fd < table.slots.length; fd++) {
    const d = table.slots[fd];
    if (d === undefined || !d.cloexec) continue;
    vacate(table, fd);
    drop(table, d);
  }
};

/** Gives the task a table of its own (unshare, close_range); 0, or -ENOMEM. */
export const unshareTable = (task: Task): number => {
  if (task.files.refs <= 1) return 0;
  const own = copyTable(task.files);
  if (own === null) return -ENOMEM;
  releaseTable(task.files);
  task.files = own;
  return 0;
};

/** execve: closes what is marked FD_CLOEXEC in a table of the task's own, which it gets if it has none. */
export const tableForExec = (task: Task): void => {
  const shared = task.files;
  if (shared.refs > 1) {
    // It is too late to fail, and this is no more than the old program could have had.
    if (shared.heap !== null) shared.heap.used += costOf(shared);
    task.files = duplicate(shared);
    releaseTable(shared);
  }
  closeOnExec(task.files);
};

export const maxDescriptors = (task: Task): number => task.process.rlimits[RLIMIT_NOFILE]?.soft ?? 1024;

/** Puts a description at the lowest free number from `min`; takes over the caller's reference. -EMFILE, -ENFILE. */
export const installFile = (task: Task, file: OpenFile, cloexec: boolean, min = 0): number => {
  const { slots } = task.files;
  let fd = min;
  while (fd < slots.length && slots[fd] !== undefined) fd++;
  if (fd >= maxDescriptors(task)) return -EMFILE;
  if (!grow(task, fd, 1)) return -ENFILE;
  slots[fd] = { file, cloexec };
  return fd;
};

/** Like installFile, and lets go of the description when there is no number for it. */
export const installOrRelease = (task: Task, file: OpenFile, cloexec: boolean): number => {
  const fd = installFile(task, file, cloexec);
  if (fd < 0) releaseFile(file);
  return fd;
};

/** Whether two more descriptors would fit (pipe, socketpair): the check before anything is made. */
export const freeDescriptors = (task: Task, n: number): boolean => {
  let free = maxDescriptors(task) - task.files.slots.length;
  for (const d of task.files.slots) if (d === undefined) free++;
  return free >= n;
};

/** dup2, dup3: puts a description at a number, closing what was there. Takes over the reference. */
export const installAt = (task: Task, fd: number, file: OpenFile, cloexec: boolean): number => {
  if (fd < 0 || fd >= maxDescriptors(task)) return -EBADF;
  const { slots } = task.files;
  const old = slots[fd];
  if (!grow(task, fd, old === undefined ? 1 : 0)) return -ENFILE;
  slots[fd] = { file, cloexec };
  if (old !== undefined) drop(task.files, old);
  return fd;
};

/** The description behind a number; O_PATH ones only when asked for. */
export const fileAt = (task: Task, fd: number, pathToo = false): OpenFile | undefined => {
  const file = task.files.slots[fd]?.file;
  return file !== undefined && !pathToo && (file.flags & O_PATH) !== 0 ? undefined : file;
};

export const closeFd = (task: Task, fd: number): number => {
  const { files } = task;
  const d = files.slots[fd];
  if (d === undefined) return -EBADF;
  vacate(files, fd);
  const { length } = files.slots;
  while (files.slots.length > 0 && files.slots[files.slots.length - 1] === undefined) files.slots.pop();
  if (files.heap !== null) uncharge(files.heap, (length - files.slots.length) * COST.slot);
  drop(files, d);
  return 0;
};

/** close_range(2) without its flags. */
export const closeRange = (task: Task, first: number, last: number, cloexec: boolean): number => {
  if (first > last) return -EINVAL;
  const end = Math.min(last, task.files.slots.length - 1);
  for (let fd = first; fd <= end; fd++) {
    const d = task.files.slots[fd];
    if (d === undefined) continue;
    if (cloexec) d.cloexec = true;
    else closeFd(task, fd);
  }
  return 0;
};
