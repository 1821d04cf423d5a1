// prctl(2) as a table of commands, arch_prctl(2), personality(2).

import { CAP_LAST, capHas } from '../../abi/capability.ts';
import { EFAULT, EINVAL, ENODEV, ENXIO, EPERM } from '../../abi/errno.ts';
import { ARCH, PERSONALITY_FLAGS, PR, PR_CAP_AMBIENT_CMD, SECBIT } from '../../abi/prctl.ts';
import { addr, choice, flags, ulong } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { CPU, OFF } from '../../ring3/layout.ts';
import { capable } from '../task/creds.ts';
import { validSignal } from '../task/sigset.ts';
import type { Task } from '../task/types.ts';

type Command = (task: Task, a: number, b: number, c: number, d: number) => number;

/** TASK_COMM_LEN: a thread's name with its NUL. */
const COMM_BYTES = 16;
const DEFAULT_SLACK_NS = 50000;
const USER_ADDRESS_END = 2 ** 47;

const setName: Command = (task, at) => {
  // Only what lies before the NUL has to be readable.
  let name = '';
  for (let i = 0; i < COMM_BYTES - 1; i++) {
    const c = task.mm.readU8(at + i);
    if (c === null) return -EFAULT;
    if (c === 0) break;
    name += String.fromCharCode(c);
  }
  task.comm = name;
  if (task === task.process.leader) task.process.comm = name;
  return 0;
};

const getName: Command = (task, at) => {
  const bytes = new Uint8Array(COMM_BYTES);
  for (let i = 0; i < Math.min(task.comm.length, COMM_BYTES - 1); i++) bytes[i] = task.comm.charCodeAt(i);
  return task.mm.write(at, bytes) ? 0 : -EFAULT;
};

/** For commands whose arguments from the nth on have to be zero: they may come to mean something. */
const zeroFrom =
  (n: number, command: Command): Command =>
  (task, ...args) =>
    args.slice(n).some((v) => v !== 0) ? -EINVAL : command(task, ...args);

/** A boolean of the process, set by 0 or 1. */
const setProcessFlag =
  (name: string): Command =>
  (task, v) => {
    task.process.attributes.set(name, v === 0 ? 0 : 1);
    return 0;
  };
const getProcessFlag =
  (name: string): Command =>
  (task) =>
    task.process.attributes.get(name) ?? 0;

const ambient: Command = (task, what, cap, c, d) => {
  const { cred } = task;
  const bit = 2 ** cap;
  if (c !== 0 || d !== 0) return -EINVAL;
  if (what === PR_CAP_AMBIENT_CMD.PR_CAP_AMBIENT_CLEAR_ALL) {
    if (cap !== 0) return -EINVAL;
    task.cred = { ...cred, capAmbient: 0 };
    return 0;
  }
  if (cap > CAP_LAST) return -EINVAL;
  const set = capHas(cred.capAmbient, cap);
  switch (what) {
    case PR_CAP_AMBIENT_CMD.PR_CAP_AMBIENT_IS_SET:
      return set ? 1 : 0;
    case PR_CAP_AMBIENT_CMD.PR_CAP_AMBIENT_RAISE:
      if (!capHas(cred.capPermitted, cap) || !capHas(cred.capInheritable, cap)) return -EPERM;
      if ((cred.securebits & SECBIT.SECBIT_NO_CAP_AMBIENT_RAISE) !== 0) return -EPERM;
      if (!set) task.cred = { ...cred, capAmbient: cred.capAmbient + bit };
      return 0;
    case PR_CAP_AMBIENT_CMD.PR_CAP_AMBIENT_LOWER:
      if (set) task.cred = { ...cred, capAmbient: cred.capAmbient - bit };
      return 0;
    default:
      return -EINVAL;
  }
};

const setSecurebits: Command = (task, bits) => {
  const { cred } = task;
  if (bits > 0xff) return -EPERM;
  if (!capable(task, 'CAP_SETPCAP')) return -EPERM;
  // A locked bit and its lock stay as they are: each lock is the bit above the one that it locks.
  const locked = (cred.securebits & 0xaa) | ((cred.securebits & 0xaa) >> 1);
  if (((cred.securebits ^ bits) & locked) !== 0) return -EPERM;
  task.cred = { ...cred, securebits: bits };
  return 0;
};

/** Names of anonymous mappings (PR_SET_VMA_ANON_NAME); they show in /proc/self/maps. */
const setVma: Command = (task, what, start, length, name) => {
  if (what !== 0) return -EINVAL;
  const text = name === 0 ? '' : task.mm.readString(name, 80);
  if (typeof text === 'number') return text === -EFAULT ? -EFAULT : -EINVAL;
  for (const m of task.mm.mappings) {
    if (m.start >= start && m.end <= start + length && m.file === null && m.pages === null) {
      m.name = text === '' ? '' : `[anon:${text}]`;
    }
  }
  return 0;
};

/** Fields of mm's layout that PR_SET_MM writes. */
const MM_FIELDS: Readonly<
  Record<
    number,
    | 'startCode'
    | 'endCode'
    | 'startData'
    | 'endData'
    | 'startStack'
    | 'argStart'
    | 'argEnd'
    | 'envStart'
    | 'envEnd'
  >
> = {
  1: 'startCode',
  2: 'endCode',
  3: 'startData',
  4: 'endData',
  5: 'startStack',
  8: 'argStart',
  9: 'argEnd',
  10: 'envStart',
  11: 'envEnd',
};

const setMm: Command = (task, field, value) => {
  if (!capable(task, 'CAP_SYS_RESOURCE')) return -EPERM;
  const name = MM_FIELDS[field];
  if (name === undefined) return -EINVAL;
  task.mm.layout[name] = value;
  return 0;
};

/** When a thread hears of memory that broke: late, early, or as the system has it. None breaks here. */
const POISON = { late: 0, early: 1, usual: 2 } as const;

const poisonOf: Command = ({ attributes }) => attributes.get('poison') ?? POISON.usual;

const setPoisonPolicy: Command = (task, what, when, c, d) => {
  if (what > 1 || (what === 0 && when !== 0)) return -EINVAL;
  const next = what === 0 ? POISON.usual : when;
  const known = next <= POISON.usual;
  // That it has a policy of its own is noted before which one it is.
  if (known || poisonOf(task, 0, 0, c, d) === POISON.usual)
    task.attributes.set('poison', known ? next : POISON.late);
  return known ? 0 : -EINVAL;
};

/** The kernel keeps the auxiliary vector in an array of a fixed size (saved_auxv), whose end is zeros. */
const AUXV_BYTES = 448;

const getAuxv: Command = (task, at, size, c, d) => {
  if (c !== 0 || d !== 0) return -EINVAL;
  const bytes = new Uint8Array(AUXV_BYTES);
  bytes.set(task.mm.layout.auxv.subarray(0, AUXV_BYTES));
  const n = Math.min(size, AUXV_BYTES);
  return n === 0 || task.mm.write(at, bytes.subarray(0, n)) ? AUXV_BYTES : -EFAULT;
};

const writeInt = (task: Task, at: number, v: number): number => (task.mm.writeU32(at, v) ? 0 : -EFAULT);

const COMMANDS: Readonly<Record<number, Command>> = {
  [PR.PR_SET_NAME]: setName,
  [PR.PR_GET_NAME]: getName,
  [PR.PR_SET_PDEATHSIG]: (task, signo) => {
    if (signo !== 0 && !validSignal(signo)) return -EINVAL;
    task.attributes.set('pdeathsig', signo);
    return 0;
  },
  [PR.PR_GET_PDEATHSIG]: (task, at) => writeInt(task, at, task.attributes.get('pdeathsig') ?? 0),
  [PR.PR_GET_DUMPABLE]: (task) => task.process.attributes.get('dumpable') ?? 1,
  [PR.PR_SET_DUMPABLE]: (task, v) => {
    if (v > 1) return -EINVAL;
    task.process.attributes.set('dumpable', v);
    return 0;
  },
  [PR.PR_GET_KEEPCAPS]: (task) => ((task.cred.securebits & SECBIT.SECBIT_KEEP_CAPS) === 0 ? 0 : 1),
  [PR.PR_SET_KEEPCAPS]: (task, v) => {
    if (v > 1) return -EINVAL;
    if ((task.cred.securebits & SECBIT.SECBIT_KEEP_CAPS_LOCKED) !== 0) return -EPERM;
    const without = task.cred.securebits & ~SECBIT.SECBIT_KEEP_CAPS;
    task.cred = { ...task.cred, securebits: without | (v === 1 ? SECBIT.SECBIT_KEEP_CAPS : 0) };
    return 0;
  },
  [PR.PR_GET_TIMING]: () => 0,
  [PR.PR_SET_TIMING]: (_task, v) => (v === 0 ? 0 : -EINVAL),
  [PR.PR_GET_TSC]: (task, at) => writeInt(task, at, 1),
  [PR.PR_SET_TSC]: (_task, v) => (v === 1 ? 0 : -EINVAL),
  [PR.PR_GET_SECCOMP]: () => -EINVAL,
  [PR.PR_SET_SECCOMP]: () => -EINVAL,
  [PR.PR_CAPBSET_READ]: (task, cap) =>
    cap > CAP_LAST ? -EINVAL : capHas(task.cred.capBounding, cap) ? 1 : 0,
  [PR.PR_CAPBSET_DROP]: (task, cap) => {
    if (!capable(task, 'CAP_SETPCAP')) return -EPERM;
    if (cap > CAP_LAST) return -EINVAL;
    const { capBounding } = task.cred;
    if (capHas(capBounding, cap)) task.cred = { ...task.cred, capBounding: capBounding - 2 ** cap };
    return 0;
  },
  [PR.PR_GET_SECUREBITS]: (task) => task.cred.securebits,
  [PR.PR_SET_SECUREBITS]: setSecurebits,
  [PR.PR_SET_TIMERSLACK]: (task, ns) => {
    // The default is what the parent had.
    const usual = task.attributes.get('timerslackDefault') ?? DEFAULT_SLACK_NS;
    task.attributes.set('timerslack', ns === 0 ? usual : ns);
    return 0;
  },
  [PR.PR_GET_TIMERSLACK]: (task) => task.attributes.get('timerslack') ?? DEFAULT_SLACK_NS,
  [PR.PR_TASK_PERF_EVENTS_DISABLE]: () => 0,
  [PR.PR_TASK_PERF_EVENTS_ENABLE]: () => 0,
  [PR.PR_MCE_KILL]: zeroFrom(2, setPoisonPolicy),
  [PR.PR_MCE_KILL_GET]: zeroFrom(0, poisonOf),
  [PR.PR_SET_MEMORY_MERGE]: zeroFrom(1, setProcessFlag('memoryMerge')),
  [PR.PR_GET_MEMORY_MERGE]: zeroFrom(0, getProcessFlag('memoryMerge')),
  [PR.PR_SET_MM]: setMm,
  [PR.PR_SET_CHILD_SUBREAPER]: setProcessFlag('subreaper'),
  [PR.PR_GET_CHILD_SUBREAPER]: (task, at) =>
    writeInt(task, at, task.process.attributes.get('subreaper') ?? 0),
  [PR.PR_SET_NO_NEW_PRIVS]: (task, v, b, c, d) => {
    if (v !== 1 || b !== 0 || c !== 0 || d !== 0) return -EINVAL;
    task.cred = { ...task.cred, noNewPrivs: true };
    return 0;
  },
  [PR.PR_GET_NO_NEW_PRIVS]: (task, a, b, c, d) =>
    a !== 0 || b !== 0 || c !== 0 || d !== 0 ? -EINVAL : task.cred.noNewPrivs ? 1 : 0,
  [PR.PR_GET_TID_ADDRESS]: (task, at) => (task.mm.writeI64(at, task.clearChildTid) ? 0 : -EFAULT),
  [PR.PR_SET_THP_DISABLE]: zeroFrom(1, setProcessFlag('thpDisable')),
  [PR.PR_GET_THP_DISABLE]: zeroFrom(0, getProcessFlag('thpDisable')),
  [PR.PR_CAP_AMBIENT]: ambient,
  [PR.PR_GET_SPECULATION_CTRL]: zeroFrom(1, (_task, what) => (what > 2 ? -ENODEV : 0)),
  [PR.PR_SET_SPECULATION_CTRL]: zeroFrom(2, (_task, what) => (what > 2 ? -ENODEV : -ENXIO)),
  [PR.PR_SET_IO_FLUSHER]: () => -EPERM,
  [PR.PR_GET_IO_FLUSHER]: () => -EPERM,
  [PR.PR_SET_MDWE]: zeroFrom(1, (task, bits) => {
    if (bits > 3 || bits === 2) return -EINVAL;
    const had = task.process.attributes.get('mdwe') ?? 0;
    // Once set it stays.
    if (had !== 0 && had !== bits) return -EPERM;
    task.process.attributes.set('mdwe', bits);
    return 0;
  }),
  [PR.PR_GET_MDWE]: zeroFrom(0, getProcessFlag('mdwe')),
  [PR.PR_SET_VMA]: setVma,
  [PR.PR_GET_AUXV]: getAuxv,
  [PR.PR_SET_PTRACER]: () => -EINVAL,
};

/** A segment base in the CPU block. */
const readBase = (task: Task, offset: number): number => {
  const { dv } = task.kernel.cpu.frames;
  return dv.getUint32(CPU + offset + 4, true) * 4294967296 + dv.getUint32(CPU + offset, true);
};
/** Sets the base of FS or GS, whose selector (`selector`: its place in the CPU block's four) becomes null. */
const writeBase = (task: Task, offset: number, selector: number, v: number): number => {
  if (v >= USER_ADDRESS_END) return -EPERM;
  const { dv } = task.kernel.cpu.frames;
  dv.setUint8(CPU + OFF.selectors + selector, 0);
  dv.setUint32(CPU + offset, v >>> 0, true);
  dv.setUint32(CPU + offset + 4, Math.floor(v / 4294967296), true);
  return 0;
};

const archPrctl = (task: Task, what: number, at: number): number => {
  switch (what) {
    case ARCH.ARCH_SET_FS:
      return writeBase(task, OFF.fsBase, 1, at);
    case ARCH.ARCH_SET_GS:
      return writeBase(task, OFF.gsBase, 2, at);
    case ARCH.ARCH_GET_FS:
      return task.mm.writeI64(at, readBase(task, OFF.fsBase)) ? 0 : -EFAULT;
    case ARCH.ARCH_GET_GS:
      return task.mm.writeI64(at, readBase(task, OFF.gsBase)) ? 0 : -EFAULT;
    case ARCH.ARCH_GET_CPUID:
      return 1;
    case ARCH.ARCH_SET_CPUID:
      return -ENODEV;
    case ARCH.ARCH_GET_XCOMP_SUPP:
    case ARCH.ARCH_GET_XCOMP_PERM:
      // x87 and SSE.
      return task.mm.writeI64(at, 3) ? 0 : -EFAULT;
    default:
      // Shadow stacks and the rest: not in this CPU.
      return -EINVAL;
  }
};

export const rows = [
  syscall(
    'prctl',
    [choice('option', PR, 'PR_???'), ulong('arg2'), ulong('arg3'), ulong('arg4'), ulong('arg5')],
    {
      returns: 'int',
      family: ['process', 'creds'],
      support: 'partial',
      note: 'no seccomp, no syscall user dispatch, no core scheduling, no faulting RDTSC (EINVAL)',
    },
    (task, what, a, b, c, d) => COMMANDS[what]?.(task, a, b, c, d) ?? -EINVAL,
  ),
  syscall(
    'arch_prctl',
    [choice('code', ARCH, 'ARCH_???'), addr('addr')],
    {
      returns: 'int',
      family: 'process',
      support: 'partial',
      note: 'segment bases; no CPUID faulting, no shadow stacks',
    },
    archPrctl,
  ),
  syscall(
    'personality',
    [flags('persona', PERSONALITY_FLAGS)],
    {
      returns: 'hex',
      family: 'process',
      support: 'partial',
      note: 'MMAP_PAGE_ZERO does nothing; addresses are never randomised anyway',
    },
    (task, next) => {
      const { attributes } = task.process;
      const old = attributes.get('personality') ?? 0;
      if (next !== 0xffffffff) attributes.set('personality', next);
      return old;
    },
  ),
];
