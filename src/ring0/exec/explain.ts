// Why a program could not be started, in words for people: the errno of execve says too little when it is the
// interpreter that is missing, or the file was built for another machine.

import {
  E2BIG,
  EACCES,
  ELOOP,
  ENOENT,
  ENOEXEC,
  ENOMEM,
  ENOTDIR,
  ERRNO,
  ETXTBSY,
  errnoName,
} from '../../abi/errno.ts';
import { AT_FDCWD, MS_NOEXEC } from '../../abi/fcntl.ts';
import { printable } from '../../abi/printable.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../abi/stat.ts';
import { memoryOf } from '../mm/state.ts';
import type { Task } from '../task/types.ts';
import type { Path } from '../vfs/types.ts';
import { FOLLOW, isPath, walk } from '../vfs/walk.ts';
import { describeElf, isElf, parseElf } from './elf.ts';
import { reader } from './prepare.ts';
import { isScript, parseScript } from './script.ts';

const find = (task: Task, path: string): Path | null => {
  const p = walk(task, AT_FDCWD, path, FOLLOW);
  return isPath(p) ? p : null;
};

/** The interpreter that a program names, whatever kind of program it is. */
const interpreterOf = (head: Uint8Array, readAt: ReturnType<typeof reader>): string | null => {
  if (isScript(head)) {
    const line = parseScript(head);
    return typeof line === 'number' ? null : line.interpreter;
  }
  if (!isElf(head)) return null;
  const image = parseElf(head, readAt);
  return typeof image === 'object' && 'interpreter' in image ? image.interpreter : null;
};

const refused = (path: Path): string => {
  const attr = path.dentry.inode.attr();
  const kind = typeof attr === 'number' ? 0 : attr.mode & S_IFMT;
  if (kind === S_IFDIR) return 'is a directory';
  if (kind !== S_IFREG) return 'is not a regular file';
  if ((path.mount.flags ?? 0) & MS_NOEXEC) return 'lies on a file system mounted noexec';
  return 'permission denied: it is not executable for this user';
};

/**
 * Says what is wrong with `path` after execve failed with `errno` (positive or negated), without the path itself:
 * e.g. "AArch64 program; this machine runs x86-64", "its interpreter /lib/ld.so is missing".
 */
export const explainExec = (task: Task, path: string, errno: number): string => {
  const code = -Math.abs(errno);
  const at = find(task, path);
  if (!at) {
    if (code === -EACCES) return 'permission denied';
    if (code === -ELOOP) return 'too many symbolic links';
    if (code === -ENOTDIR) return 'a part of the path is not a directory';
    return 'there is no such file in the machine';
  }
  const { pages } = at.dentry.inode;
  const readAt = pages ? reader(memoryOf(task.kernel), pages) : null;
  const got = readAt?.(0, 256);
  const head = got instanceof Uint8Array ? got : new Uint8Array(0);
  const name = readAt ? interpreterOf(head, readAt) : null;
  const interpreter = name === null ? '' : `its interpreter ${printable(name)}`;
  switch (code) {
    case -ENOENT:
    case -ENOTDIR:
      return interpreter === '' ? 'no such file' : `${interpreter} is missing`;
    case -EACCES: {
      const attr = at.dentry.inode.attr();
      const own = typeof attr !== 'number' && (attr.mode & S_IFMT) === S_IFREG && (attr.mode & 0o111) !== 0;
      const other = name === null ? null : find(task, name);
      return own && other && !((at.mount.flags ?? 0) & MS_NOEXEC)
        ? `${interpreter}: ${refused(other)}`
        : refused(at);
    }
    case -ENOEXEC:
      return (
        describeElf(head) ??
        (isScript(head) ? 'its first line names no interpreter' : 'its ELF headers make no sense')
      );
    case -ELOOP:
      return name === null ? 'too many symbolic links' : 'too many levels of #! interpreters';
    case -ERRNO.ELIBBAD:
      return `${interpreter} is not a program for x86-64`;
    case -E2BIG:
      return 'its arguments and environment are too large';
    case -ETXTBSY:
      return 'somebody has it open for writing';
    case -ENOMEM:
      return 'it does not fit into memory';
    case -ERRNO.EINVAL:
      return 'its ELF headers make no sense';
    case -ERRNO.EPERM:
      return 'it wants to be loaded below the lowest address that programs may use';
    case -ERRNO.EEXIST:
      return 'its segments overlap what lies there already';
    default:
      return errnoName(-code) ?? `error ${-code}`;
  }
};
