// What /proc says of one process or thread in numbers: stat, statm, status, limits, io, sched (proc(5); formats
// from the kernel's fs/proc/array.c and base.c).

import { RLIM_NLIMITS, RLIMITS } from '../../abi/resource.ts';
import { SIG_DFL, SIG_IGN } from '../../abi/signal.ts';
import type { Kernel } from '../kernel.ts';
import type { AddressSpace } from '../mm/types.ts';
import { processSystemNs, processUserNs } from '../task/itimers.ts';
import type { SigQueue } from '../task/sigqueue.ts';
import { setOf } from '../task/sigset.ts';
import type { Process, SigSet, Task } from '../task/types.ts';
import type { Tty } from '../tty/types.ts';
import { hex, kib, octal, setHex, ticks } from './proc-format.ts';
import { mappedPages, residentOf, textPages } from './proc-memory.ts';

/** What a file is about: a process as a whole, or one of its threads. */
export interface Subject {
  readonly task: Task;
  readonly process: Process;
  readonly whole: boolean;
}

/** The address space, unless the task has ended. */
export const memoryOfTask = (task: Task): AddressSpace | null => (task.state === 'dead' ? null : task.mm);

type Letter = 'R' | 'S' | 'D' | 'T' | 'Z' | 'X';
const STATES: Readonly<Record<Letter, string>> = {
  R: 'running',
  S: 'sleeping',
  D: 'disk sleep',
  T: 'stopped',
  Z: 'zombie',
  X: 'dead',
};

const stateOf = ({ task }: Subject): Letter => {
  switch (task.state) {
    case 'runnable':
      return 'R';
    case 'stopped':
      return 'T';
    case 'dead':
      return 'Z';
    default:
      return task.blockedOn?.restart === 'uninterruptible' ? 'D' : 'S';
  }
};

/** The machine is process 1 to orphans, and outside (0) to the processes that it started. */
const parentOf = (process: Process): number => process.parent?.pid ?? (process.tree === process.pid ? 0 : 1);

const setOfPending = ({ lo, hi }: SigQueue): SigSet => ({ lo: lo >>> 0, hi: hi >>> 0 });

/** Ignored and caught signals. */
const dispositions = (task: Task): { ignored: SigSet; caught: SigSet } => {
  const ignored: number[] = [];
  const caught: number[] = [];
  for (const [signo, { handler }] of task.sighand.actions.entries()) {
    if (signo === 0) continue;
    if (handler === SIG_IGN) ignored.push(signo);
    else if (handler !== SIG_DFL) caught.push(signo);
  }
  return { ignored: setOf(...ignored), caught: setOf(...caught) };
};

/** SCHED_FIFO and SCHED_RR. */
const isRealtime = (task: Task): boolean => [1, 2].includes(task.attributes.get('policy') ?? 0);
const nice = (task: Task): number => task.attributes.get('nice') ?? 0;
const realtimePriority = (task: Task): number =>
  isRealtime(task) ? (task.attributes.get('rtprio') ?? 0) : 0;
/** The kernel's internal priority less 100. */
const priority = (task: Task): number => (isRealtime(task) ? -1 - realtimePriority(task) : 20 + nice(task));

const PF_FORKNOEXEC = 0x40;

export const stat = (s: Subject, mayLook: boolean): string => {
  const { task, process, whole } = s;
  const mm = memoryOfTask(task);
  const usage = mm?.usage();
  const tty = process.tty as Tty | null;
  const l = mm?.layout;
  const { ignored, caught } = dispositions(task);
  const shown = (v: number | undefined): number => (mayLook ? (v ?? 0) : 0);
  const wchan = task.state === 'blocked' ? 1 : 0;
  const low = (set: SigSet): number => set.lo & 0x7fffffff;
  const pending = setOfPending(task.pending);
  const fields: (number | string)[] = [
    whole ? process.pid : task.tid,
    `(${task.comm.slice(0, 15)})`,
    stateOf(s),
    parentOf(process),
    process.pgid,
    process.sid,
    tty?.rdev ?? 0,
    tty ? tty.foreground : -1,
    process.execed ? 0 : PF_FORKNOEXEC,
    process.usage.minorFaults,
    process.childMinorFaults,
    process.usage.majorFaults,
    0,
    ticks(whole ? processUserNs(process) : task.userNs),
    ticks(whole ? processSystemNs(process) : task.systemNs),
    ticks(process.childUserNs),
    ticks(process.childSystemNs),
    priority(task),
    isRealtime(task) ? 0 : nice(task),
    Math.max(process.threads.size, 1),
    0,
    ticks(process.startNs),
    usage === undefined ? 0 : usage.totalPages * 4096,
    usage?.residentPages ?? 0,
    mm === null ? 0 : limit(process, RLIMITS.RLIMIT_RSS, '18446744073709551615'),
    mm === null ? 0 : mayLook ? (l?.startCode ?? 0) : 1,
    mm === null ? 0 : mayLook ? (l?.endCode ?? 0) : 1,
    shown(l?.startStack),
    0,
    0,
    low(pending),
    low(task.sigmask),
    low(ignored),
    low(caught),
    mayLook ? wchan : 0,
    0,
    0,
    whole && task === process.leader ? process.exitSignal : -1,
    0,
    realtimePriority(task),
    task.attributes.get('policy') ?? 0,
    0,
    0,
    0,
    shown(l?.startData),
    shown(l?.endData),
    shown(mm?.brkStart),
    shown(l?.argStart),
    shown(l?.argEnd),
    shown(l?.envStart),
    shown(l?.envEnd),
    shown(task.state === 'dead' ? (process.state === 'zombie' ? process.exitStatus : task.exitCode) : 0),
  ];
  return `${fields.join(' ')}\n`;
};

const limit = (process: Process, which: number, unlimited: string): string => {
  const v = process.rlimits[which]?.soft ?? Number.POSITIVE_INFINITY;
  return v === Number.POSITIVE_INFINITY ? unlimited : String(v);
};

export const statm = (kernel: Kernel, task: Task): string => {
  const mm = memoryOfTask(task);
  if (mm === null) return '0 0 0 0 0 0 0\n';
  const r = residentOf(kernel, mm);
  const { data, stack } = mappedPages(mm);
  const { totalPages } = mm.usage();
  return `${totalPages} ${r.pages} ${r.file + r.shared} ${textPages(mm)} 0 ${data + stack} 0\n`;
};

/** Room in the descriptor table: it grows in steps (alloc_fdtable). */
const tableSize = (slots: number): number => {
  if (slots <= 64) return 64;
  let n = 1;
  while (n < Math.floor((slots - 1) / 128) + 1) n *= 2;
  return n * 128;
};

const memoryLines = (kernel: Kernel, task: Task, mm: AddressSpace): string => {
  const usage = mm.usage();
  const r = residentOf(kernel, mm);
  const { data, stack, exec } = mappedPages(mm);
  const text = textPages(mm);
  const rss = r.pages;
  const rows: (readonly [string, number])[] = [
    ['VmPeak', usage.totalPages],
    ['VmSize', usage.totalPages],
    ['VmLck', usage.lockedPages],
    ['VmPin', 0],
    ['VmHWM', Math.max(usage.peakPages, rss)],
    ['VmRSS', rss],
    ['RssAnon', r.anonymous],
    ['RssFile', r.file],
    ['RssShmem', r.shared],
    ['VmData', data],
    ['VmStk', stack],
    ['VmExe', text],
    ['VmLib', Math.max(0, exec - text)],
    ['VmPTE', Math.ceil(rss / 512) + 3],
    ['VmSwap', 0],
    ['HugetlbPages', 0],
  ];
  const lines = rows.map(([name, pages]) => `${name}:\t${String(kib(pages)).padStart(8)} kB\n`);
  const thp = task.process.attributes.get('thpDisable') ? 0 : 1;
  return `${lines.join('')}CoreDumping:\t0\nTHP_enabled:\t${thp}\n`;
};

const capHex = (set: number): string => hex(set, 16);

/** One processor and one memory node. */
const MEMS = `${Array.from({ length: 31 }, () => '00000000').join(',')},00000001`;

export const status = (kernel: Kernel, s: Subject): string => {
  const { task, process } = s;
  const { cred } = task;
  const alive = task.state !== 'dead';
  const letter = stateOf(s);
  const mm = memoryOfTask(task);
  const { ignored, caught } = dispositions(task);
  const seccomp = task.attributes.get('seccomp') ?? 0;
  const filters = task.attributes.get('seccompFilters') ?? 0;
  const id = s.whole ? process.pid : task.tid;
  const queued =
    process.sharedPending.length + [...process.threads].reduce((n, t) => n + t.pending.length, 0);
  const rows: string[] = [
    `Name:\t${octal(task.comm.slice(0, 15), '\n\\')}`,
    ...(alive ? [`Umask:\t${task.fs.umask.toString(8).padStart(4, '0')}`] : []),
    `State:\t${letter} (${STATES[letter]})`,
    `Tgid:\t${process.pid}`,
    'Ngid:\t0',
    `Pid:\t${id}`,
    `PPid:\t${parentOf(process)}`,
    'TracerPid:\t0',
    `Uid:\t${cred.uid}\t${cred.euid}\t${cred.suid}\t${cred.fsuid}`,
    `Gid:\t${cred.gid}\t${cred.egid}\t${cred.sgid}\t${cred.fsgid}`,
    `FDSize:\t${alive ? tableSize(task.files.slots.length) : 0}`,
    `Groups:\t${cred.groups.join(' ')} `,
    `NStgid:\t${process.pid}`,
    `NSpid:\t${id}`,
    `NSpgid:\t${process.pgid}`,
    `NSsid:\t${process.sid}`,
  ];
  const rest: string[] = [
    `Threads:\t${Math.max(process.threads.size, 1)}`,
    `SigQ:\t${queued}/${limit(process, RLIMITS.RLIMIT_SIGPENDING, '18446744073709551615')}`,
    `SigPnd:\t${setHex(setOfPending(task.pending))}`,
    `ShdPnd:\t${setHex(setOfPending(process.sharedPending))}`,
    `SigBlk:\t${setHex(task.sigmask)}`,
    `SigIgn:\t${setHex(ignored)}`,
    `SigCgt:\t${setHex(caught)}`,
    `CapInh:\t${capHex(cred.capInheritable)}`,
    `CapPrm:\t${capHex(cred.capPermitted)}`,
    `CapEff:\t${capHex(cred.capEffective)}`,
    `CapBnd:\t${capHex(cred.capBounding)}`,
    `CapAmb:\t${capHex(cred.capAmbient)}`,
    `NoNewPrivs:\t${cred.noNewPrivs ? 1 : 0}`,
    `Seccomp:\t${seccomp}`,
    `Seccomp_filters:\t${filters}`,
    'Speculation_Store_Bypass:\tnot vulnerable',
    'SpeculationIndirectBranch:\tnot affected',
    'Cpus_allowed:\t1',
    'Cpus_allowed_list:\t0',
    `Mems_allowed:\t${MEMS}`,
    'Mems_allowed_list:\t0',
    `voluntary_ctxt_switches:\t${process.usage.switches}`,
    `nonvoluntary_ctxt_switches:\t${process.usage.preemptions}`,
  ];
  const memory = mm === null ? '' : memoryLines(kernel, task, mm);
  return `${rows.join('\n')}\n${memory}${rest.join('\n')}\n`;
};

/** In the order of RLIMIT_*. */
const LIMITS: readonly (readonly [string, string])[] = [
  ['Max cpu time', 'seconds'],
  ['Max file size', 'bytes'],
  ['Max data size', 'bytes'],
  ['Max stack size', 'bytes'],
  ['Max core file size', 'bytes'],
  ['Max resident set', 'bytes'],
  ['Max processes', 'processes'],
  ['Max open files', 'files'],
  ['Max locked memory', 'bytes'],
  ['Max address space', 'bytes'],
  ['Max file locks', 'locks'],
  ['Max pending signals', 'signals'],
  ['Max msgqueue size', 'bytes'],
  ['Max nice priority', ''],
  ['Max realtime priority', ''],
  ['Max realtime timeout', 'us'],
];

export const limits = (process: Process): string => {
  const value = (v: number): string => (v === Number.POSITIVE_INFINITY ? 'unlimited' : String(v)).padEnd(20);
  let out = `${'Limit'.padEnd(25)} ${'Soft Limit'.padEnd(20)} ${'Hard Limit'.padEnd(20)} ${'Units'.padEnd(10)}\n`;
  for (let i = 0; i < RLIM_NLIMITS; i++) {
    const [name, unit] = LIMITS[i] as readonly [string, string];
    const l = process.rlimits[i] ?? { soft: Number.POSITIVE_INFINITY, hard: Number.POSITIVE_INFINITY };
    out += `${name.padEnd(25)} ${value(l.soft)} ${value(l.hard)} ${unit === '' ? '' : unit.padEnd(10)}\n`;
  }
  return out;
};

/** Bytes are not counted: the counters stand at zero. */
/** Of the whole process; nothing is read from a block device. */
export const io = ({ process }: Subject): string => {
  const { bytesRead, bytesWritten, reads, writes } = process.usage;
  return (
    `rchar: ${bytesRead}\nwchar: ${bytesWritten}\nsyscr: ${reads}\nsyscw: ${writes}\n` +
    'read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n'
  );
};

export const sched = (s: Subject): string => {
  const { task, process } = s;
  const ms = (ns: number): string => (ns / 1e6).toFixed(6);
  const { switches, preemptions } = process.usage;
  const rows: readonly (readonly [string, string | number])[] = [
    ['se.exec_start', ms(process.startNs)],
    ['se.vruntime', ms(task.userNs)],
    ['se.sum_exec_runtime', ms(task.userNs + task.systemNs)],
    ['se.nr_migrations', 0],
    ['nr_switches', switches + preemptions],
    ['nr_voluntary_switches', switches],
    ['nr_involuntary_switches', preemptions],
    ['se.load.weight', 1048576],
    ['policy', task.attributes.get('policy') ?? 0],
    ['prio', priority(task) + 100],
  ];
  const head = `${task.comm} (${s.whole ? process.pid : task.tid}, #threads: ${process.threads.size})`;
  const body = rows.map(([name, v]) => `${name.padEnd(45)}:${String(v).padStart(21)}\n`).join('');
  return `${head}\n${'-'.repeat(67)}\n${body}`;
};
