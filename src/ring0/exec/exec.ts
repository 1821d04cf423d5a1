// execve(2) from the point of no return on: the task becomes the new program.

import { AT_FDCWD } from '../../abi/fcntl.ts';
import { GPR, OFF } from '../../ring3/layout.ts';
import type { Kernel } from '../kernel.ts';
import { beginExec } from '../task/exec.ts';
import { adoptContext, replaceMm } from '../task/runqueue.ts';
import type { Task } from '../task/types.ts';
import { tableForExec } from '../vfs/fdtable.ts';
import { type Block, REPLACED, type Result } from '../wait.ts';
import { type ExecRequest, type PreparedExec, prepareExec } from './prepare.ts';

const setWord = (context: Uint8Array, at: number, v: number): void => {
  const dv = new DataView(context.buffer, context.byteOffset);
  dv.setUint32(at, v % 4294967296, true);
  dv.setUint32(at + 4, Math.floor(v / 4294967296), true);
};

/** Gives a task its new program. Cannot fail. */
export const commitExec = (task: Task, p: PreparedExec): void => {
  const { process, kernel } = task;
  beginExec(task);
  tableForExec(task);
  replaceMm(task, p.mm);
  const gained = p.cred.euid !== task.cred.euid || p.cred.egid !== task.cred.egid;
  if (gained || p.secure) {
    task.attributes.delete('pdeathsig');
    process.attributes.set('dumpable', 0);
  }
  task.cred = p.cred;
  task.comm = p.comm;
  process.comm = p.comm;
  process.exe = p.path;
  kernel.cpu.reset(task.context);
  setWord(task.context, OFF.rip, p.entry);
  setWord(task.context, OFF.gpr + 8 * GPR.rsp, p.sp);
  adoptContext(task);
  kernel.cpu.expect(p.mm.pageTable);
};

/** The whole of execveat(2): REPLACED, -errno, or a Block to be called again. */
export const exec = (task: Task, req: ExecRequest): Result => {
  const p = prepareExec(task, req);
  if (typeof p === 'number' || 'blocked' in p) return p;
  commitExec(task, p);
  return REPLACED;
};

/**
 * Loads the first program of a process that createInitProcess has made (with an empty address space). 0, and the
 * task can be made runnable; -errno; or a Block while the file is on its way.
 */
export const startProgram = (
  _kernel: Kernel,
  task: Task,
  path: string,
  argv: readonly string[],
  envp: readonly string[],
): number | Block => {
  const r = exec(task, { dirfd: AT_FDCWD, path, argv, envp, flags: 0 });
  return r === REPLACED ? 0 : r;
};
