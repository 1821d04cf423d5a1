// Scheduling policies and affinity (sched(7)). There is one CPU and one queue: what is set is kept and reported.

import { E2BIG, EFAULT, EINVAL, EPERM, ESRCH } from '../../abi/errno.ts';
import {
  SCHED,
  SCHED_ATTR,
  SCHED_ATTR_SIZE_VER0,
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
const isRealtime = (policy: number): boolean => policy === SCHED.SCHED_FIFO || policy === SCHED.SCHED_RR;

/** Highest and lowest static priority of a policy, or -EINVAL. */
const priorityRange = (policy: number): readonly [number, number] | null => {
  if (isRealtime(policy)) return [1, 99];
  return Object.values(SCHED).includes(policy as (typeof SCHED)[keyof typeof SCHED]) ? [0, 0] : null;
};

const setPolicy = (task: Task, id: number, requested: number, priority: number): number => {
  if (id < 0) return -EINVAL;
  const policy = requested & ~SCHED_RESET_ON_FORK;
  const target = find(task, id);
  if (target === undefined) return -ESRCH;
  const range = priorityRange(policy);
  if (range === null || policy === SCHED.SCHED_DEADLINE) return -EINVAL;
  if (priority < range[0] || priority > range[1]) return -EINVAL;
  if (!mayChange(task, target) || (isRealtime(policy) && !capable(task, 'CAP_SYS_NICE'))) return -EPERM;
  target.attributes.set('policy', policy);
  target.attributes.set('rtprio', priority);
  return 0;
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
  if (attr.flags > SCHED_FLAGS) return -EINVAL;
  const r = setPolicy(task, id, attr.policy, attr.priority);
  if (r === 0 && !isRealtime(attr.policy)) find(task, id)?.attributes.set('nice', attr.nice);
  return r;
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
    nice: isRealtime(policy) ? 0 : (target.attributes.get('nice') ?? 0),
    priority: priorityOf(target),
    utilMax: 1024,
  });
  return task.mm.write(at, value, 0, n) ? 0 : -EFAULT;
};

/** SCHED_FLAG_ALL: flags that are known, from SCHED_FLAG_RESET_ON_FORK to SCHED_FLAG_UTIL_CLAMP_MAX. */
const SCHED_FLAGS = 0x7f;

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
      policy < 0 || param === null ? -EINVAL : setPolicy(task, id, policy, param.priority),
  ),
  syscall('sched_getscheduler', [pid('pid')], { returns: 'int', family: 'process' }, (task, id) => {
    const target = find(task, id);
    return id < 0 ? -EINVAL : target === undefined ? -ESRCH : policyOf(target);
  }),
  syscall(
    'sched_setparam',
    [pid('pid'), structInOrNull('param', SCHED_PARAM)],
    { returns: 'int', family: 'process', ...kept },
    (task, id, param) => {
      if (id < 0 || param === null) return -EINVAL;
      const target = find(task, id);
      return target === undefined ? -ESRCH : setPolicy(task, id, policyOf(target), param.priority);
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
