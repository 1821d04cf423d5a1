// Descriptor tables: small numbers for open file descriptions. Shared by threads, copied by fork, thinned out
// by execve.

import { EBADF, EINVAL, EMFILE } from '../../abi/errno.ts';
import { O_PATH } from '../../abi/fcntl.ts';
import type { Descriptor, FileTable, Task } from '../task/types.ts';
import { holdFile, releaseFile } from './file.ts';
import { dropLocks } from './locks.ts';
import type { OpenFile } from './types.ts';

const RLIMIT_NOFILE = 7;

export const newTable = (): FileTable => ({ slots: [], refs: 1 });

/** For fork: the same descriptions under the same numbers. */
export const copyTable = (table: FileTable): FileTable => ({
  slots: table.slots.map((d) => d && { file: holdFile(d.file), cloexec: d.cloexec }),
  refs: 1,
});

const drop = (table: FileTable, d: Descriptor): void => {
  if (d.file.inode.locks) dropLocks(d.file.inode, table);
  releaseFile(d.file);
};

/** Drops one reference on the table; closes all descriptors with the last. */
export const releaseTable = (table: FileTable): void => {
  table.refs--;
  if (table.refs > 0) return;
  for (let fd = 0; fd < table.slots.length; fd++) {
    const d = table.slots[fd];
    if (d === undefined) continue;
    table.slots[fd] = undefined;
    drop(table, d);
  }
  table.slots.length = 0;
};

/** execve: closes what is marked FD_CLOEXEC. The table must not be shared any more (unshareTable). */
export const closeOnExec = (table: FileTable): void => {
  for (let fd = 0; fd < table.slots.length; fd++) {
    const d = table.slots[fd];
    if (d === undefined || !d.cloexec) continue;
    table.slots[fd] = undefined;
    drop(table, d);
  }
};

/** Gives the task a table of its own (execve, unshare). */
export const unshareTable = (task: Task): void => {
  if (task.files.refs <= 1) return;
  const own = copyTable(task.files);
  releaseTable(task.files);
  task.files = own;
};

export const maxDescriptors = (task: Task): number => task.process.rlimits[RLIMIT_NOFILE]?.soft ?? 1024;

/** Puts a description at the lowest free number from `min`; takes over the caller's reference. -EMFILE. */
export const installFile = (task: Task, file: OpenFile, cloexec: boolean, min = 0): number => {
  const { slots } = task.files;
  let fd = min;
  while (fd < slots.length && slots[fd] !== undefined) fd++;
  if (fd >= maxDescriptors(task)) return -EMFILE;
  // No holes in the array: it stays a plain list.
  while (slots.length < fd) slots.push(undefined);
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
  while (slots.length <= fd) slots.push(undefined);
  const old = slots[fd];
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
  files.slots[fd] = undefined;
  while (files.slots.length > 0 && files.slots[files.slots.length - 1] === undefined) files.slots.pop();
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
