// The files of /proc/[pid] and /proc/[pid]/task/[tid], one row each: name, mode, text, and what writing does
// (proc(5)).

import { EACCES, EINVAL, EIO, EPERM, ESRCH } from '../../abi/errno.ts';
import type { Kernel } from '../kernel.ts';
import { PAGE } from '../mm/layout.ts';
import type { Task } from '../task/types.ts';
import type { FileOps } from '../vfs/types.ts';
import { type Find, guard, mayLookInto } from './proc-access.ts';
import { callOf } from './proc-call.ts';
import { maps, numaMaps, pagemap, smaps, smapsRollup } from './proc-memory.ts';
import { mountinfo, mounts, mountstats } from './proc-mounts.ts';
import { seekFromStart, type TextFile } from './proc-node.ts';
import { io, limits, memoryOfTask, type Subject, sched, stat, statm, status } from './proc-status.ts';
import { posixTimers } from './proc-timers.ts';
import {
  COMM_LENGTH,
  clearRefs,
  coredumpFilter,
  setComm,
  setCoredumpFilter,
  setOomAdjustment,
  setOomScore,
  setTimerSlack,
} from './proc-tuning.ts';

/** A row of the table below. `text` gets the subject, which is there. */
interface ProcessFile {
  readonly name: string;
  readonly mode: number;
  readonly text?: (s: Subject, reader: Task) => string | number;
  readonly write?: (s: Subject, writer: Task, text: string) => number;
  /** Whom mayLookInto refuses gets EACCES at open. */
  readonly guarded?: true;
  /** Only in /proc/[pid], or only in task/[tid]. */
  readonly only?: 'process' | 'thread';
  /** Who has ended has none: EINVAL at open. */
  readonly ofLiving?: true;
}

const read = (task: Task, from: number, to: number): string => {
  const mm = memoryOfTask(task);
  if (mm === null || to <= from) return '';
  const bytes = new Uint8Array(to - from);
  const n = mm.readInto(from, bytes, 0, bytes.length);
  let out = '';
  for (let i = 0; i < n; i++) out += String.fromCharCode(bytes[i] as number);
  return out;
};

/** Arguments, as far as setproctitle(3) has not written over their end into the environment. */
const cmdline = ({ task }: Subject): string => {
  const l = memoryOfTask(task)?.layout;
  if (l === undefined) return '';
  const text = read(task, l.argStart, l.argEnd);
  if (text === '' || text.endsWith('\0')) return text;
  const whole = text + read(task, l.argEnd, Math.max(l.argEnd, l.envEnd));
  const end = whole.indexOf('\0');
  return end < 0 ? whole : whole.slice(0, end + 1);
};

const environ = ({ task }: Subject): string => {
  const l = memoryOfTask(task)?.layout;
  return l === undefined ? '' : read(task, l.envStart, l.envEnd);
};

const oomScore = ({ process }: Subject): number => process.attributes.get('oomScore') ?? 0;
const personality = ({ process }: Subject): string =>
  `${((process.attributes.get('personality') ?? 0) >>> 0).toString(16).padStart(8, '0')}\n`;

const children = ({ task, process }: Subject): string =>
  task === process.leader ? [...process.children].map((c) => `${c.pid} `).join('') : '';

const withMemory =
  (text: (mm: NonNullable<ReturnType<typeof memoryOfTask>>, reader: Task) => string) =>
  ({ task }: Subject, reader: Task): string => {
    const mm = memoryOfTask(task);
    return mm === null ? '' : text(mm, reader);
  };

/** The whole range of ids, mapped to itself once and for all: there is one user namespace. */
const ID_MAP = '         0          0 4294967295\n';
/** No audit session. */
const UNSET = '4294967295';

export const FILES: readonly ProcessFile[] = [
  {
    name: 'auxv',
    mode: 0o400,
    guarded: true,
    text: withMemory((mm) => String.fromCharCode(...mm.layout.auxv)),
  },
  { name: 'cgroup', mode: 0o444, text: () => '0::/\n' },
  { name: 'children', mode: 0o444, only: 'thread', text: children },
  { name: 'clear_refs', mode: 0o200, only: 'process', write: clearRefs },
  { name: 'cmdline', mode: 0o444, text: cmdline },
  {
    name: 'comm',
    mode: 0o644,
    text: ({ task }) => `${task.comm.slice(0, COMM_LENGTH)}\n`,
    write: setComm,
  },
  { name: 'coredump_filter', mode: 0o644, only: 'process', text: coredumpFilter, write: setCoredumpFilter },
  { name: 'cpuset', mode: 0o444, text: () => '/\n' },
  { name: 'environ', mode: 0o400, guarded: true, text: environ },
  { name: 'gid_map', mode: 0o644, text: () => ID_MAP, write: () => -EPERM },
  { name: 'io', mode: 0o400, guarded: true, text: io },
  { name: 'limits', mode: 0o444, text: ({ process }) => limits(process) },
  { name: 'loginuid', mode: 0o644, text: () => UNSET },
  { name: 'maps', mode: 0o444, guarded: true, text: withMemory(maps) },
  { name: 'mountinfo', mode: 0o444, ofLiving: true, text: ({ task }) => mountinfo(task) },
  { name: 'mounts', mode: 0o444, ofLiving: true, text: ({ task }) => mounts(task) },
  { name: 'mountstats', mode: 0o400, only: 'process', ofLiving: true, text: ({ task }) => mountstats(task) },
  {
    name: 'numa_maps',
    mode: 0o444,
    guarded: true,
    text: withMemory((mm, reader) => numaMaps(reader.kernel, mm, reader)),
  },
  {
    name: 'oom_adj',
    mode: 0o644,
    text: (s) => `${oomScore(s) === 1000 ? 15 : Math.trunc((oomScore(s) * 17) / 1000)}\n`,
    write: setOomAdjustment,
  },
  {
    name: 'oom_score',
    mode: 0o444,
    text: (s) => `${Math.max(0, 666 + Math.trunc((oomScore(s) * 2) / 3))}\n`,
  },
  { name: 'oom_score_adj', mode: 0o644, text: (s) => `${oomScore(s)}\n`, write: setOomScore },
  { name: 'personality', mode: 0o400, guarded: true, text: personality },
  { name: 'projid_map', mode: 0o644, text: () => ID_MAP, write: () => -EPERM },
  { name: 'sched', mode: 0o644, text: sched },
  {
    name: 'schedstat',
    mode: 0o444,
    text: ({ task, process }) => `${task.userNs + task.systemNs} 0 ${process.usage.switches}\n`,
  },
  { name: 'sessionid', mode: 0o444, text: () => UNSET },
  {
    name: 'setgroups',
    mode: 0o644,
    text: () => 'allow\n',
    // Once the groups are mapped, they can be allowed and not denied.
    write: (_s, _writer, text) => (/^allow\s*$/.test(text) ? 0 : /^deny\s*$/.test(text) ? -EPERM : -EINVAL),
  },
  {
    name: 'smaps',
    mode: 0o444,
    guarded: true,
    text: withMemory((mm, reader) => smaps(reader.kernel, mm, reader)),
  },
  {
    name: 'smaps_rollup',
    mode: 0o444,
    guarded: true,
    text: ({ task }, reader) => {
      const mm = memoryOfTask(task);
      return mm === null ? -ESRCH : smapsRollup(reader.kernel, mm);
    },
  },
  { name: 'stack', mode: 0o400, guarded: true, text: () => '' },
  { name: 'stat', mode: 0o444, text: (s, reader) => stat(s, mayLookInto(reader, s.task)) },
  { name: 'statm', mode: 0o444, text: ({ task }, reader) => statm(reader.kernel, task) },
  { name: 'syscall', mode: 0o400, guarded: true, text: callOf },
  { name: 'status', mode: 0o444, text: (s, reader) => status(reader.kernel, s) },
  {
    name: 'timens_offsets',
    mode: 0o644,
    only: 'process',
    text: () => 'monotonic           0         0\nboottime            0         0\n',
  },
  {
    name: 'timerslack_ns',
    mode: 0o666,
    only: 'process',
    text: ({ task }) => `${task.attributes.get('timerslack') ?? 50000}\n`,
    write: setTimerSlack,
  },
  { name: 'timers', mode: 0o444, only: 'process', text: posixTimers },
  { name: 'uid_map', mode: 0o644, text: () => ID_MAP, write: () => -EPERM },
  { name: 'wchan', mode: 0o444, text: () => '0' },
];

/** The memory that may be looked into now: the task may have become a privileged program since the open. */
const memoryFor = (find: Find, reader: Task): ReturnType<typeof memoryOfTask> => {
  const s = find();
  return s !== null && mayLookInto(reader, s.task) ? memoryOfTask(s.task) : null;
};

/** /proc/[pid]/mem: the memory itself, at its addresses. */
const memoryOps = (find: Find): FileOps => ({
  seekable: true,
  seek: seekFromStart,
  read: (task, _file, buf, at, n, pos) => {
    const got = memoryFor(find, task)?.readInto(pos, buf, at, n);
    return got === 0 && n > 0 ? -EIO : (got ?? 0);
  },
  write: (task, _file, buf, at, n, pos) => {
    const put = memoryFor(find, task)?.writeSome(pos, buf, at, n);
    return put === 0 && n > 0 ? -EIO : (put ?? 0);
  },
});

const ENTRY = 8;
/** Pages of the user half of the address space. */
const USER_PAGES = 2 ** 47 / PAGE;

const pagemapOps = (find: Find): FileOps => ({
  seekable: true,
  seek: seekFromStart,
  read: (task, _file, buf, at, n, pos) => {
    if (pos % ENTRY !== 0 || n % ENTRY !== 0) return -EINVAL;
    const page = pos / ENTRY;
    const count = Math.min(n / ENTRY, Math.max(0, USER_PAGES - page));
    const mm = memoryFor(find, task);
    if (mm === null) return 0;
    buf.fill(0, at, at + count * ENTRY);
    pagemap(task.kernel, mm, page, count, new DataView(buf.buffer, buf.byteOffset + at, count * ENTRY));
    return count * ENTRY;
  },
});

/** The file `pagemap`. */
export const pagemapFile = (find: Find): TextFile => ({
  mode: 0o400,
  ops: pagemapOps(find),
  guard: guard(find, true),
});

/** The file `mem`. */
export const memoryFile = (find: Find): TextFile => ({
  mode: 0o600,
  ops: memoryOps(find),
  guard: guard(find, true),
});

/** A row as a file of one task. */
export const textFile = (find: Find, row: ProcessFile): TextFile => {
  const { text, write } = row;
  return {
    mode: row.mode,
    guard: (task) => {
      const refused = guard(find, row.guarded === true)(task);
      return refused === 0 && row.ofLiving && find()?.task.state === 'dead' ? -EINVAL : refused;
    },
    text: (reader) => {
      const s = find();
      if (s === null) return -ESRCH;
      // Again, for a task that has become a privileged program since the open.
      if (row.guarded && !mayLookInto(reader, s.task)) return -EACCES;
      return text?.(s, reader) ?? -EINVAL;
    },
    ...(write === undefined
      ? {}
      : {
          write: (writer: Task, bytes: string) => {
            const s = find();
            return s === null ? -ESRCH : write(s, writer, bytes);
          },
        }),
  };
};

/** oom_score_adj goes to children; their minimum, too. */
export const inheritOomScore = (kernel: Kernel): void => {
  const { forkProcess } = kernel.hooks;
  kernel.hooks.forkProcess = (parent, child) => {
    const v = parent.attributes.get('oomScore');
    if (v !== undefined) child.attributes.set('oomScore', v);
    forkProcess(parent, child);
  };
};
