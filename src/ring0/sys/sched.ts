// Scheduling policies and affinity (sched(7)). There is one CPU and one queue: what is set is kept and reported.

import { E2BIG, EFAULT, EINVAL, EPERM, ESRCH } from '../../abi/errno.ts';
import { RLIMITS } from '../../abi/resource.ts';
import {
  SCHED,
  SCHED_ATTR,
  SCHED_ATTR_SIZE_VER0,
  SCHED_FLAG_ALL,
  SCHED_FLAG_KEEP_PARAMS,
  SCHED_FLAG_KEEP_POLICY,
  SCHED_FLAG_RESET_ON_FORK,
  SCHED_PARAM,
  SCHED_RESET_ON_FORK,
} from '../../abi/sched.ts';
import { TIMESPEC } from '../../abi/time.ts';
import {
  addr,
  choice,
  cpusetIn,
  cpusetOut,
  pid,
  size,
  structInOrNull,
  structOut,
  uint,
  uintOut,
} from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { capable } from '../task/creds.ts';
import { softLimit } from '../task/rlimits.ts';
import type { Task } from '../task/types.ts';
import { block, type Result } from '../wait.ts';

const find = (task: Task, id: number): Task | undefined => (id === 0 ? task : task.kernel.tasks.get(id));
/** Whether a task may change how another is scheduled (check_same_owner of the kernel). */
const mayChange = (task: Task, target: Task): boolean => {
  const { euid } = task.cred;
  return euid === target.cred.euid || euid === target.cred.uid || capable(task, 'CAP_SYS_NICE');
};
const policyOf = (t: Task): number => t.attributes.get('policy') ?? SCHED.SCHED_OTHER;
const priorityOf = (t: Task): number => t.attributes.get('rtprio') ?? 0;
const niceOf = (t: Task): number => t.attributes.get('nice') ?? 0;
/** Its children begin without its privileges (sched(7)). */
const resetsOnFork = (t: Task): boolean => t.attributes.get('resetOnFork') === 1;
const isFair = (policy: number): boolean => policy === SCHED.SCHED_OTHER || policy === SCHED.SCHED_BATCH;
const isRealtime = (policy: number): boolean => policy === SCHED.SCHED_FIFO || policy === SCHED.SCHED_RR;

/** Highest and lowest static priority of a policy, or -EINVAL. */
const priorityRange = (policy: number): readonly [number, number] | null => {
  if (isRealtime(policy)) return [1, 99];
  return Object.values(SCHED).includes(policy as (typeof SCHED)[keyof typeof SCHED]) ? [0, 0] : null;
};

/** What a task is to be scheduled as. */
interface Wanted {
  readonly policy: number;
  readonly priority: number;
  readonly nice: number;
  readonly resetOnFork: boolean;
  readonly deadline: Deadline | null;
}

interface Deadline {
  readonly runtime: number;
  readonly deadline: number;
  readonly period: number;
}

/** Shortest and longest period in ns (sched_deadline_period_min_us and _max_us), and the least runtime (DL_SCALE). */
const PERIOD_MIN = 100e3;
const PERIOD_MAX = 4194304e3;
const RUNTIME_MIN = 1024;

/** __checkparam_dl of the kernel. */
const validDeadline = ({ runtime, deadline, period: given }: Deadline): boolean => {
  const period = given || deadline;
  const ordered = RUNTIME_MIN <= runtime && runtime <= deadline && deadline <= period;
  return ordered && period >= PERIOD_MIN && period <= PERIOD_MAX;
};

/** Whether only CAP_SYS_NICE allows it (user_check_sched_setscheduler of the kernel). */
const needsPrivilege = (task: Task, target: Task, want: Wanted): boolean => {
  const limit = (of: number): number => softLimit(target.process, of);
  const mayNice = (nice: number): boolean => 20 - nice <= limit(RLIMITS.RLIMIT_NICE);
  const now = policyOf(target);
  if (isFair(want.policy) && want.nice < niceOf(target) && !mayNice(want.nice)) return true;
  if (isRealtime(want.policy)) {
    const most = limit(RLIMITS.RLIMIT_RTPRIO);
    if (want.policy !== now && most === 0) return true;
    if (want.priority > priorityOf(target) && want.priority > most) return true;
  }
  if (want.policy === SCHED.SCHED_DEADLINE) return true;
  if (now === SCHED.SCHED_IDLE && want.policy !== SCHED.SCHED_IDLE && !mayNice(niceOf(target))) return true;
  const { euid } = task.cred;
  if (euid !== target.cred.euid && euid !== target.cred.uid) return true;
  return resetsOnFork(target) && !want.resetOnFork;
};

const setPolicy = (task: Task, target: Task, want: Wanted): number => {
  const { policy, priority, deadline } = want;
  const range = priorityRange(policy);
  if (range === null || priority < range[0] || priority > range[1]) return -EINVAL;
  const isDeadline = policy === SCHED.SCHED_DEADLINE;
  if (isDeadline && (deadline === null || !validDeadline(deadline))) return -EINVAL;
  if (needsPrivilege(task, target, want) && !capable(task, 'CAP_SYS_NICE')) return -EPERM;
  if (isDeadline) return -EINVAL;
  target.attributes.set('policy', policy);
  target.attributes.set('rtprio', priority);
  target.attributes.set('resetOnFork', want.resetOnFork ? 1 : 0);
  if (isFair(policy)) target.attributes.set('nice', want.nice);
  return 0;
};

/** sched_setscheduler and sched_setparam; the latter keeps policy and flag. */
const setScheduler = (task: Task, id: number, requested: number | null, priority: number): number => {
  if (id < 0) return -EINVAL;
  const target = find(task, id);
  if (target === undefined) return -ESRCH;
  const policy = requested === null ? policyOf(target) : requested & ~SCHED_RESET_ON_FORK;
  const resetOnFork = requested === null ? resetsOnFork(target) : (requested & SCHED_RESET_ON_FORK) !== 0;
  return setPolicy(task, target, { policy, priority, nice: niceOf(target), resetOnFork, deadline: null });
};

const setattr = (task: Task, id: number, at: number): number => {
  const declared = task.mm.readU32(at);
  if (declared === null) return -EFAULT;
  const n = declared === 0 ? SCHED_ATTR_SIZE_VER0 : declared;
  if (n < SCHED_ATTR_SIZE_VER0 || n > 4096) return task.mm.writeU32(at, SCHED_ATTR.size) ? -E2BIG : -EFAULT;
  const bytes = task.mm.read(at, n);
  if (bytes === null) return -EFAULT;
  if (bytes.subarray(SCHED_ATTR.size).some((b) => b !== 0))
    return task.mm.writeU32(at, SCHED_ATTR.size) ? -E2BIG : -EFAULT;
  const known = new Uint8Array(SCHED_ATTR.size);
  known.set(bytes.subarray(0, SCHED_ATTR.size));
  const attr = SCHED_ATTR.decode(known);
  if (attr.policy > 0x7fffffff) return -EINVAL;
  const target = find(task, id);
  if (target === undefined) return -ESRCH;
  const { flags } = attr;
  if (flags > SCHED_FLAG_ALL) return -EINVAL;
  const keepsPolicy = (flags & SCHED_FLAG_KEEP_POLICY) !== 0;
  const keepsParameters = (flags & SCHED_FLAG_KEEP_PARAMS) !== 0;
  return setPolicy(task, target, {
    policy: keepsPolicy ? policyOf(target) : attr.policy,
    priority: keepsParameters ? priorityOf(target) : attr.priority,
    nice: keepsParameters ? niceOf(target) : Math.max(-20, Math.min(19, attr.nice)),
    resetOnFork: keepsPolicy ? resetsOnFork(target) : (flags & SCHED_FLAG_RESET_ON_FORK) !== 0,
    deadline: attr,
  });
};

const getattr = (task: Task, id: number, at: number, bytes: number, options: number): number => {
  const target = find(task, id);
  if (at === 0 || id < 0 || options !== 0 || bytes < SCHED_ATTR_SIZE_VER0 || bytes > 4096) return -EINVAL;
  if (target === undefined) return -ESRCH;
  const n = Math.min(bytes, SCHED_ATTR.size);
  const policy = policyOf(target);
  const value = SCHED_ATTR.encode({
    size: n,
    policy,
    flags: resetsOnFork(target) ? SCHED_FLAG_RESET_ON_FORK : 0,
    nice: isRealtime(policy) ? 0 : niceOf(target),
    priority: priorityOf(target),
    utilMax: 1024,
  });
  return task.mm.write(at, value, 0, n) ? 0 : -EFAULT;
};

/** Bytes of the kernel's mask of CPUs. */
const CPU_MASK_BYTES = 8;

const setaffinity = (task: Task, id: number, bytes: number, at: number): number => {
  const first = bytes === 0 ? 0 : task.mm.readU8(at);
  if (first === null) return -EFAULT;
  const target = find(task, id);
  if (target === undefined) return -ESRCH;
  if (!mayChange(task, target)) return -EPERM;
  return (first & 1) === 0 ? -EINVAL : 0;
};

const getaffinity = (task: Task, id: number, bytes: number, at: number): number => {
  if (bytes < CPU_MASK_BYTES || bytes % 8 !== 0) return -EINVAL;
  if (find(task, id) === undefined) return -ESRCH;
  return task.mm.writeI64(at, 1) ? CPU_MASK_BYTES : -EFAULT;
};

/** Lets the others go first, if there are any. */
const yieldCpu = (task: Task): Result => {
  if (task.resume !== undefined || task.kernel.run.head === null) return 0;
  return block([], 'uninterruptible', 0, 'yielded');
};

const policy = choice('policy', SCHED, 'SCHED_???');
const kept = { support: 'partial', note: 'kept and reported, without effect' } as const;

export const rows = [
  syscall('sched_yield', [], { returns: 'int', family: 'process' }, yieldCpu),
  syscall(
    'sched_setaffinity',
    [pid('pid'), size('len'), cpusetIn('mask', 'len')],
    { returns: 'int', family: 'process' },
    setaffinity,
  ),
  syscall(
    'sched_getaffinity',
    [pid('pid'), size('len'), cpusetOut('mask')],
    { returns: 'int', family: 'process' },
    getaffinity,
  ),
  syscall(
    'sched_setscheduler',
    [pid('pid'), policy, structInOrNull('param', SCHED_PARAM)],
    {
      returns: 'int',
      family: 'process',
      ...kept,
      before: (_pid, policy) => ((policy ?? -1) < 0 ? -EINVAL : 0),
    },
    (task, id, policy, param) =>
      policy < 0 || param === null ? -EINVAL : setScheduler(task, id, policy, param.priority),
  ),
  syscall('sched_getscheduler', [pid('pid')], { returns: 'int', family: 'process' }, (task, id) => {
    const target = find(task, id);
    if (id < 0) return -EINVAL;
    if (target === undefined) return -ESRCH;
    return policyOf(target) | (resetsOnFork(target) ? SCHED_RESET_ON_FORK : 0);
  }),
  syscall(
    'sched_setparam',
    [pid('pid'), structInOrNull('param', SCHED_PARAM)],
    { returns: 'int', family: 'process', ...kept },
    (task, id, param) => {
      return param === null ? -EINVAL : setScheduler(task, id, null, param.priority);
    },
  ),
  syscall(
    'sched_getparam',
    [pid('pid'), structOut('param', SCHED_PARAM)],
    { returns: 'int', family: 'process' },
    (task, id, at) => {
      const target = find(task, id);
      if (id < 0 || at === 0) return -EINVAL;
      if (target === undefined) return -ESRCH;
      return SCHED_PARAM.write(task.mm, at, { priority: priorityOf(target) }) ? 0 : -EFAULT;
    },
  ),
  syscall(
    'sched_setattr',
    [pid('pid'), structOut('attr', SCHED_ATTR), uint('flags')],
    {
      returns: 'int',
      family: 'process',
      support: 'partial',
      note: 'kept, without effect; no SCHED_DEADLINE',
    },
    (task, id, at, options) => (id < 0 || at === 0 || options !== 0 ? -EINVAL : setattr(task, id, at)),
  ),
  syscall(
    'sched_getattr',
    [pid('pid'), structOut('attr', SCHED_ATTR), uint('size'), uint('flags')],
    { returns: 'int', family: 'process' },
    getattr,
  ),
  syscall(
    'sched_get_priority_max',
    [policy],
    { returns: 'int', family: 'process' },
    (_task, policy) => priorityRange(policy)?.[1] ?? -EINVAL,
  ),
  syscall(
    'sched_get_priority_min',
    [policy],
    { returns: 'int', family: 'process' },
    (_task, policy) => priorityRange(policy)?.[0] ?? -EINVAL,
  ),
  syscall(
    'sched_rr_get_interval',
    [pid('pid'), structOut('tp', TIMESPEC)],
    { returns: 'int', family: 'process' },
    (task, id, at) => {
      const target = find(task, id);
      if (id < 0) return -EINVAL;
      if (target === undefined) return -ESRCH;
      const nsec =
        policyOf(target) === SCHED.SCHED_RR ? 100000000 : policyOf(target) === SCHED.SCHED_FIFO ? 0 : 4000000;
      return TIMESPEC.write(task.mm, at, { sec: 0, nsec }) ? 0 : -EFAULT;
    },
  ),
  syscall(
    'getcpu',
    [uintOut('cpu'), uintOut('node'), addr('tcache')],
    { returns: 'int', family: 'process' },
    (task, cpu, node) => {
      if (cpu !== 0 && !task.mm.writeU32(cpu, 0)) return -EFAULT;
      return node === 0 || task.mm.writeU32(node, 0) ? 0 : -EFAULT;
    },
  ),
];
