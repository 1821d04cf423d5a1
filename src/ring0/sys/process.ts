// Making and ending tasks, and the ids of processes, groups and sessions: clone(2), fork(2), exit(2),
// setpgid(2), setsid(2), set_tid_address(2).

import {
  CLONE,
  CLONE_ARGS,
  CLONE_ARGS_SIZE_VER0,
  CLONE_FLAGS,
  CLONE_NAMESPACES,
  CLONE3,
  CSIGNAL,
} from '../../abi/clone.ts';
import { E2BIG, EACCES, EFAULT, EINVAL, EPERM, ESRCH } from '../../abi/errno.ts';
import { NSIG, SIG } from '../../abi/signal.ts';
import type { StructValue } from '../../abi/struct.ts';
import { exitedStatus } from '../../abi/wait.ts';
import { addr, type Codec, flags, flags64, int, pid, size, structIn, ulong } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { GPR, PAGE } from '../../ring3/layout.ts';
import { exitGroup, exitTask } from '../task/exit.ts';
import { type CloneArgs, cloneTask } from '../task/fork.ts';
import { membersOf } from '../task/signals.ts';
import type { Process, Task } from '../task/types.ts';
import { freeDescriptors, unshareTable } from '../vfs/fdtable.ts';
import { block, REPLACED, type Result } from '../wait.ts';
import { openPidfd } from './process-pidfd.ts';

const has = (set: number, bit: number): boolean => Math.floor(set / bit) % 2 === 1;

/** What a vfork parent waits with: the child must have let go of its memory. */
interface Vfork {
  readonly child: Task;
}

/** clone, and the wait for CLONE_VFORK; `pidfd` is where the descriptor goes. */
const clone = (task: Task, args: CloneArgs, pidfd: number): Result => {
  const waiting = task.resume as Vfork | undefined;
  if (waiting !== undefined) {
    const { child } = waiting;
    return child.vforkDone === null ? child.tid : block([child.vforkDone], 'uninterruptible', null, waiting);
  }
  const wantsPidfd = has(args.flags, CLONE.CLONE_PIDFD);
  if (wantsPidfd) {
    if (has(args.flags, CLONE.CLONE_THREAD)) return -EINVAL;
    if (!freeDescriptors(task, 1)) return -24;
    if (!task.mm.writeU32(pidfd, 0xffffffff)) return -EFAULT;
  }
  const child = cloneTask(task, args);
  if (typeof child === 'number') return child;
  if (wantsPidfd) task.mm.writeU32(pidfd, openPidfd(task, child.process, true, 0));
  if (child.vforkDone !== null) return block([child.vforkDone], 'uninterruptible', null, { child });
  return child.tid;
};

const simple = (task: Task, extra: number): Result =>
  clone(
    task,
    { flags: extra, exitSignal: SIG.SIGCHLD, stack: 0, parentTid: 0, childTid: 0, tls: 0, setTid: [] },
    0,
  );

type CloneStruct = StructValue<typeof CLONE_ARGS.fields>;

/** struct clone_args as far as it can be read; how much of it counts, the next argument says (sized). */
const cloneArgs = (name: string): Codec<CloneStruct> => ({
  ...structIn(name, CLONE_ARGS),
  decode: (task, raw, i) => {
    const at = (raw.words[2 * i + 1] as number) * 4294967296 + (raw.words[2 * i] as number);
    const bytes = new Uint8Array(CLONE_ARGS.size);
    const n = task.mm.readInto(at, bytes, 0, bytes.length);
    return n < CLONE_ARGS_SIZE_VER0 ? -EFAULT : CLONE_ARGS.decode(bytes);
  },
});

const badSize = (bytes: number): number =>
  bytes > PAGE ? -E2BIG : bytes < CLONE_ARGS_SIZE_VER0 ? -EINVAL : 0;

/** The struct of the size that the caller knows; a longer one may only have zeros behind. */
const sized = (task: Task, args: CloneStruct, bytes: number, at: number): CloneStruct | number => {
  if (badSize(bytes) !== 0) return badSize(bytes);
  if (bytes <= CLONE_ARGS.size) return shortened(args, bytes);
  const rest = task.mm.read(at + CLONE_ARGS.size, bytes - CLONE_ARGS.size);
  return rest === null ? -EFAULT : rest.some((b) => b !== 0) ? -E2BIG : args;
};
/** Without what lies behind so many bytes; not by way of bytes, which large numbers do not survive. */
const shortened = (args: CloneStruct, bytes: number): CloneStruct => {
  const short = { ...args };
  for (const name of Object.keys(short) as (keyof CloneStruct)[]) {
    const there = bytes - CLONE_ARGS.offsets[name];
    if (there < 8) short[name] = there <= 0 ? 0 : short[name] % 2 ** (8 * there);
  }
  return short;
};

const readTids = (task: Task, at: number, n: number): number[] | number => {
  const tids: number[] = [];
  for (let i = 0; i < n; i++) {
    const tid = task.mm.readI32(at + 4 * i);
    if (tid === null) return -EFAULT;
    tids.push(tid);
  }
  return tids;
};

const clone3 = (task: Task, given: CloneStruct, bytes: number): Result => {
  const a = sized(task, given, bytes, task.kernel.cpu.gpr(GPR.rdi));
  if (typeof a === 'number') return a;
  const known = 2 ** 32 - 1 - CSIGNAL - CLONE.CLONE_DETACHED + CLONE.CLONE_NEWTIME;
  const low = a.flags % 2 ** 32;
  const high = a.flags - low;
  if ((low & ~known) >>> 0 !== 0) return -EINVAL;
  if (high > CLONE3.CLONE_CLEAR_SIGHAND + CLONE3.CLONE_INTO_CGROUP) return -EINVAL;
  if (a.exitSignal > NSIG) return -EINVAL;
  if (a.exitSignal !== 0 && (has(low, CLONE.CLONE_THREAD) || has(low, CLONE.CLONE_PARENT))) return -EINVAL;
  if ((a.stack === 0) !== (a.stackSize === 0)) return -EINVAL;
  if (a.setTidSize > 32 || (a.setTid === 0) !== (a.setTidSize === 0)) return -EINVAL;
  const setTid = task.resume === undefined ? readTids(task, a.setTid, a.setTidSize) : [];
  if (typeof setTid === 'number') return setTid;
  return clone(
    task,
    {
      flags: a.flags,
      exitSignal: a.exitSignal,
      stack: a.stack === 0 ? 0 : a.stack + a.stackSize,
      parentTid: a.parentTid,
      childTid: a.childTid,
      tls: a.tls,
      setTid,
    },
    a.pidfd,
  );
};

const processOf = (task: Task, id: number): Process | undefined =>
  id === 0 ? task.process : (task.kernel.processes.get(id) ?? task.kernel.tasks.get(id)?.process);

/** The machine is process 1 to orphans, and outside (0) to the processes that it started. */
const parentPid = ({ process }: Task): number =>
  process.parent?.pid ?? (process.tree === process.pid ? 0 : 1);

const setpgid = (task: Task, id: number, group: number): number => {
  const own = task.process;
  const target = id === 0 ? own : task.kernel.processes.get(id);
  if ((group === 0 ? id : group) < 0) return -EINVAL;
  if (target === undefined) return -ESRCH;
  if (target !== own) {
    if (target.parent !== own) return -ESRCH;
    if (target.sid !== own.sid) return -EPERM;
    if (target.execed) return -EACCES;
  }
  if (target.sid === target.pid) return -EPERM;
  const pgid = group === 0 ? target.pid : group;
  if (pgid !== target.pid && !membersOf(task.kernel, pgid).some((p) => p.sid === own.sid)) return -EPERM;
  target.pgid = pgid;
  return 0;
};

const setsid = (task: Task): number => {
  const { process, kernel } = task;
  for (const p of kernel.processes.values()) if (p.pgid === process.pid) return -EPERM;
  process.sid = process.pid;
  process.pgid = process.pid;
  process.tty = null;
  return process.pid;
};

/** unshare(2) of what threads share; namespaces are not to be had. */
const unshare = (task: Task, what: number): number => {
  const sharing = CLONE.CLONE_FS | CLONE.CLONE_FILES | CLONE.CLONE_SYSVSEM;
  const alone = CLONE.CLONE_THREAD | CLONE.CLONE_SIGHAND | CLONE.CLONE_VM;
  if (what > 0xffffffff || (what & ~(sharing | alone | CLONE_NAMESPACES)) >>> 0 !== 0) return -EINVAL;
  if ((what & CLONE_NAMESPACES) !== 0) return -EPERM;
  if ((what & alone) !== 0 && task.process.threads.size > 1) return -EINVAL;
  const own = (what & CLONE.CLONE_FILES) !== 0 ? unshareTable(task) : 0;
  if (own < 0) return own;
  if ((what & CLONE.CLONE_FS) !== 0 && task.fs.refs > 1) {
    task.fs.refs--;
    task.fs = { ...task.fs, refs: 1 };
  }
  return 0;
};

export const rows = [
  syscall(
    'clone',
    [
      flags('flags', { ...CLONE_FLAGS, field: { mask: CSIGNAL, values: SIG } }),
      addr('stack'),
      addr('parent_tid'),
      addr('child_tid'),
      ulong('tls'),
    ],
    { returns: 'pid', family: 'process', support: 'partial', note: 'no namespaces (EPERM)' },
    (task, flags, stack, parentTid, childTid, tls) => {
      const both = CLONE.CLONE_PIDFD | CLONE.CLONE_PARENT_SETTID;
      if ((flags & both) >>> 0 === both) return -EINVAL;
      if (has(flags, CLONE.CLONE_PIDFD) && has(flags, CLONE.CLONE_DETACHED)) return -EINVAL;
      const args: CloneArgs = {
        flags: (flags & ~CSIGNAL) >>> 0,
        exitSignal: flags & CSIGNAL,
        stack,
        parentTid,
        childTid,
        tls,
        setTid: [],
      };
      return clone(task, args, parentTid);
    },
  ),
  syscall(
    'clone3',
    [cloneArgs('cl_args'), size('size')],
    {
      returns: 'pid',
      family: 'process',
      support: 'partial',
      note: 'no namespaces (EPERM), no CLONE_INTO_CGROUP',
      before: (_args, bytes) => badSize(bytes),
    },
    clone3,
  ),
  syscall('fork', [], { returns: 'pid', family: 'process' }, (task) => simple(task, 0)),
  syscall('vfork', [], { returns: 'pid', family: 'process' }, (task) =>
    simple(task, CLONE.CLONE_VM | CLONE.CLONE_VFORK),
  ),
  syscall('exit', [int('status')], { returns: 'none', family: 'process' }, (task, status) => {
    exitTask(task, exitedStatus(status));
    return REPLACED;
  }),
  syscall('exit_group', [int('status')], { returns: 'none', family: 'process' }, (task, status) => {
    exitGroup(task, exitedStatus(status));
    return REPLACED;
  }),
  syscall('getpid', [], { returns: 'pid', family: ['process', 'creds'] }, (task) => task.process.pid),
  syscall('gettid', [], { returns: 'pid', family: ['process', 'creds'] }, (task) => task.tid),
  syscall('getppid', [], { returns: 'pid', family: ['process', 'creds'] }, parentPid),
  syscall('getpgrp', [], { returns: 'pid', family: 'process' }, (task) => task.process.pgid),
  syscall(
    'getpgid',
    [pid('pid')],
    { returns: 'pid', family: 'process' },
    (task, id) => processOf(task, id)?.pgid ?? -ESRCH,
  ),
  syscall(
    'getsid',
    [pid('pid')],
    { returns: 'pid', family: 'process' },
    (task, id) => processOf(task, id)?.sid ?? -ESRCH,
  ),
  syscall('setpgid', [pid('pid'), pid('pgid')], { returns: 'int', family: 'process' }, setpgid),
  syscall('setsid', [], { returns: 'pid', family: 'process' }, setsid),
  syscall('set_tid_address', [addr('tidptr')], { returns: 'pid', family: 'process' }, (task, at) => {
    task.clearChildTid = at;
    return task.tid;
  }),
  syscall(
    'unshare',
    [flags64('flags', CLONE_FLAGS)],
    { returns: 'int', family: 'process', support: 'partial', note: 'no namespaces (EPERM)' },
    unshare,
  ),
];
