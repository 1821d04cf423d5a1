// Resource limits, usage and priorities (getrlimit(2), getrusage(2), getpriority(2), ioprio_get(2)).

import { EACCES, EFAULT, EINVAL, EPERM, ESRCH } from '../../abi/errno.ts';
import {
  IOPRIO_WHO,
  PRIO_WHICH,
  RLIM_INFINITY,
  RLIM_NLIMITS,
  RLIMIT64,
  RLIMITS,
  RUSAGE,
  RUSAGE_WHO,
} from '../../abi/resource.ts';
import { choice, int, pid, structIn, structInOrNull, structOut } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { capable } from '../task/creds.ts';
import { softLimit } from '../task/rlimits.ts';
import { settle } from '../task/runqueue.ts';
import { mayKill } from '../task/signals.ts';
import type { Process, RLimit, Task } from '../task/types.ts';
import { usageOfChildren, usageOfProcess, usageOfThread } from '../task/usage.ts';

/** /proc/sys/fs/nr_open. */

const fromWire = (v: bigint): number => (v === RLIM_INFINITY ? Number.POSITIVE_INFINITY : Number(v));
const toWire = (v: number): bigint => (v === Number.POSITIVE_INFINITY ? RLIM_INFINITY : BigInt(v));

const writeLimit = (task: Task, at: number, limit: RLimit): number =>
  RLIMIT64.write(task.mm, at, { soft: toWire(limit.soft), hard: toWire(limit.hard) }) ? 0 : -EFAULT;

const setLimit = (
  task: Task,
  target: Process,
  which: number,
  next: { soft: bigint; hard: bigint },
): number => {
  const old = target.rlimits[which];
  if (old === undefined) return -EINVAL;
  const soft = fromWire(next.soft);
  const hard = fromWire(next.hard);
  if (soft > hard) return -EINVAL;
  if (which === RLIMITS.RLIMIT_NOFILE && hard > task.kernel.settings['fs/nr_open']) return -EPERM;
  if (hard > old.hard && !capable(task, 'CAP_SYS_RESOURCE')) return -EPERM;
  target.rlimits[which] = { soft, hard };
  return 0;
};

const prlimit = (
  task: Task,
  id: number,
  which: number,
  next: { soft: bigint; hard: bigint } | null,
  oldAt: number,
): number => {
  const target =
    id === 0 ? task.process : (task.kernel.processes.get(id) ?? task.kernel.tasks.get(id)?.process);
  if (target === undefined) return -ESRCH;
  if (target !== task.process) {
    const c = task.cred;
    const t = target.leader.cred;
    const same =
      [t.uid, t.euid, t.suid].every((u) => u === c.uid) && [t.gid, t.egid, t.sgid].every((g) => g === c.gid);
    if (!same && !capable(task, 'CAP_SYS_RESOURCE')) return -EPERM;
  }
  if (which < 0 || which >= RLIM_NLIMITS) return -EINVAL;
  const old = target.rlimits[which];
  if (old === undefined) return -EINVAL;
  if (next !== null) {
    const r = setLimit(task, target, which, next);
    if (r < 0) return r;
  }
  return oldAt === 0 ? 0 : writeLimit(task, oldAt, old);
};

/** The tasks that a `which` and `who` of priorities mean. */
const chosen = (task: Task, kind: 'process' | 'group' | 'user', who: number): Task[] => {
  const all = [...task.kernel.tasks.values()];
  if (kind === 'process') return who === 0 ? [task] : all.filter((t) => t.tid === who);
  if (kind === 'group') {
    const pgid = who === 0 ? task.process.pgid : who;
    return all.filter((t) => t.process.pgid === pgid);
  }
  const user = who === 0 ? task.cred.uid : who;
  return all.filter((t) => t.cred.uid === user);
};
const PRIO_KINDS = ['process', 'group', 'user'] as const;

const niceOf = (t: Task): number => t.attributes.get('nice') ?? 0;

const setpriority = (task: Task, which: number, who: number, value: number): number => {
  const kind = PRIO_KINDS[which];
  if (kind === undefined) return -EINVAL;
  const nice = Math.max(-20, Math.min(19, value));
  const targets = chosen(task, kind, who);
  let error = targets.length === 0 ? -ESRCH : 0;
  for (const t of targets) {
    const floor = 20 - softLimit(t.process, RLIMITS.RLIMIT_NICE);
    if (t.cred.uid !== task.cred.euid && t.cred.euid !== task.cred.euid && !capable(task, 'CAP_SYS_NICE'))
      error = -EPERM;
    else if (nice < niceOf(t) && nice < floor && !capable(task, 'CAP_SYS_NICE')) error = -EACCES;
    else t.attributes.set('nice', nice);
  }
  return error;
};

const IOPRIO_KINDS = [undefined, 'process', 'group', 'user'] as const;
/** Class best effort, level 4: what a task without a set priority reports for nice 0. */
const DEFAULT_IOPRIO = 0;

export const rows = [
  syscall(
    'prlimit64',
    [
      pid('pid'),
      choice('resource', RLIMITS, 'RLIMIT_???'),
      structInOrNull('new_limit', RLIMIT64),
      structOut('old_limit', RLIMIT64),
    ],
    { returns: 'int', family: 'process' },
    prlimit,
  ),
  syscall(
    'getrlimit',
    [choice('resource', RLIMITS, 'RLIMIT_???'), structOut('rlim', RLIMIT64)],
    { returns: 'int', family: 'process' },
    (task, which, at) => {
      const limit = task.process.rlimits[which];
      return limit === undefined ? -EINVAL : writeLimit(task, at, limit);
    },
  ),
  syscall(
    'setrlimit',
    [choice('resource', RLIMITS, 'RLIMIT_???'), structIn('rlim', RLIMIT64)],
    { returns: 'int', family: 'process' },
    (task, which, next) => setLimit(task, task.process, which, next),
  ),
  syscall(
    'getrusage',
    [choice('who', RUSAGE_WHO, 'RUSAGE_???'), structOut('usage', RUSAGE)],
    { returns: 'int', family: 'process' },
    (task, who, at) => {
      const { process } = task;
      if (
        who !== RUSAGE_WHO.RUSAGE_SELF &&
        who !== RUSAGE_WHO.RUSAGE_CHILDREN &&
        who !== RUSAGE_WHO.RUSAGE_THREAD
      ) {
        return -EINVAL;
      }
      settle(task.kernel);
      const usage =
        who === RUSAGE_WHO.RUSAGE_SELF
          ? usageOfProcess(process)
          : who === RUSAGE_WHO.RUSAGE_CHILDREN
            ? usageOfChildren(process)
            : usageOfThread(task);
      return RUSAGE.write(task.mm, at, usage) ? 0 : -EFAULT;
    },
  ),
  syscall(
    'getpriority',
    [choice('which', PRIO_WHICH, 'PRIO_???'), int('who')],
    { returns: 'int', family: 'process' },
    (task, which, who) => {
      const kind = PRIO_KINDS[which];
      if (kind === undefined) return -EINVAL;
      const targets = chosen(task, kind, who);
      // Shifted so that it is never negative: 40 is the highest priority.
      return targets.length === 0 ? -ESRCH : 20 - Math.min(...targets.map(niceOf));
    },
  ),
  syscall(
    'setpriority',
    [choice('which', PRIO_WHICH, 'PRIO_???'), int('who'), int('prio')],
    {
      returns: 'int',
      family: 'process',
      support: 'partial',
      note: 'kept, but the scheduler treats all tasks alike',
    },
    setpriority,
  ),
  syscall(
    'ioprio_get',
    [choice('which', IOPRIO_WHO, 'IOPRIO_WHO_???'), int('who')],
    { returns: 'int', family: 'process' },
    (task, which, who) => {
      const kind = IOPRIO_KINDS[which];
      if (kind === undefined) return -EINVAL;
      const [first] = chosen(task, kind, who);
      return first === undefined ? -ESRCH : (first.attributes.get('ioprio') ?? DEFAULT_IOPRIO);
    },
  ),
  syscall(
    'ioprio_set',
    [choice('which', IOPRIO_WHO, 'IOPRIO_WHO_???'), int('who'), int('ioprio')],
    { returns: 'int', family: 'process', support: 'partial', note: 'kept, without effect' },
    (task, which, who, value) => {
      const kind = IOPRIO_KINDS[which];
      const classOf = (value >> 13) & 7;
      if (kind === undefined || classOf > 3) return -EINVAL;
      // Without a class there is no level.
      if (classOf === 0 && (value & 7) !== 0) return -EINVAL;
      if (classOf === 1 && !capable(task, 'CAP_SYS_NICE')) return -EPERM;
      const targets = chosen(task, kind, who);
      for (const t of targets) {
        if (!mayKill(task, t.process, 0)) return -EPERM;
        t.attributes.set('ioprio', value & 0xffff);
      }
      return targets.length === 0 ? -ESRCH : 0;
    },
  ),
];
