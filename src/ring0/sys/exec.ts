// execve(2) and execveat(2).

import { E2BIG, EFAULT, EINVAL } from '../../abi/errno.ts';
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW } from '../../abi/fcntl.ts';
import { dirfd, flags, path, strings } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { exec } from '../exec/exec.ts';
import { MAX_STRING } from '../exec/stack.ts';
import type { UserMemory } from '../mm/user.ts';
import type { Task } from '../task/types.ts';
import type { Result } from '../wait.ts';

/** More than any limit on arguments lets through. */
const MAX_BYTES = 8 * 1024 * 1024;

/** Copies in a NULL-terminated array of strings; a null pointer is an empty one, as Linux has it. */
const readStrings = (mm: UserMemory, at: number): string[] | number => {
  const list: string[] = [];
  if (at === 0) return list;
  let bytes = 0;
  for (let p = at; ; p += 8) {
    const pointer = mm.readU64(p);
    if (pointer === null) return -EFAULT;
    if (pointer === 0) return list;
    const s = mm.readString(pointer, MAX_STRING);
    if (typeof s === 'number') return s === -EFAULT ? s : -E2BIG;
    bytes += s.length + 9;
    if (bytes > MAX_BYTES) return -E2BIG;
    list.push(s);
  }
};

const run = (task: Task, at: number, name: string, argv: number, envp: number, how: number): Result => {
  const args = readStrings(task.mm, argv);
  if (typeof args === 'number') return args;
  const env = readStrings(task.mm, envp);
  if (typeof env === 'number') return env;
  return exec(task, { dirfd: at, path: name, argv: args, envp: env, flags: how });
};

export const execve = syscall(
  'execve',
  [path('pathname'), strings('argv'), strings('envp')],
  { returns: 'int', family: ['process', 'file'] },
  (task, name, argv, envp) => run(task, AT_FDCWD, name, argv, envp, 0),
);

const AT_TABLE = { unknown: 'AT_???', bits: { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW } } as const;

export const execveat = syscall(
  'execveat',
  [dirfd('dirfd'), path('pathname'), strings('argv'), strings('envp'), flags('flags', AT_TABLE)],
  { returns: 'int', family: ['process', 'file', 'desc'] },
  (task, at, name, argv, envp, how) =>
    how & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) ? -EINVAL : run(task, at, name, argv, envp, how),
);

export const rows = [execve, execveat];
