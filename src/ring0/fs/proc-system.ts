// The files of /proc that are about the machine as a whole: processor, memory, load, devices.
// Formats are those of Linux 6.1 (proc(5)).

import {
  CPU_BRAND,
  CPU_FAMILY,
  CPU_MODEL,
  CPU_STEPPING,
  CPU_VENDOR,
  CPUINFO_FLAGS,
} from '../../ring3/semantics/cpuid.ts';
import { realtime } from '../clock.ts';
import type { Kernel } from '../kernel.ts';
import { commitLimit, committed } from '../mm/commit.ts';
import { UTS_RELEASE, UTS_VERSION } from '../sys/info.ts';
import { processSystemNs, processUserNs } from '../task/itimers.ts';
import { runnableCount } from '../task/runqueue.ts';
import { vfsOf } from '../vfs/state.ts';
import { kbLine, ticks } from './proc-format.ts';
import { locks } from './proc-locks.ts';
import { noPages, residentOf } from './proc-memory.ts';
import type { PseudoFs } from './proc-node.ts';
import { addSettings } from './proc-sysctl.ts';
import { sysvMemory, sysvMessages, sysvSemaphores } from './proc-sysvipc.ts';

/** The clock rate that the time stamp counter shows: it counts nanoseconds. */
const MHZ = 1000;
const PAGE_KIB = 4;

const cpuinfo = (): string => {
  const rows: readonly (readonly [string, string | number])[] = [
    ['processor', 0],
    ['vendor_id', CPU_VENDOR],
    ['cpu family', CPU_FAMILY],
    ['model', CPU_MODEL],
    ['model name', CPU_BRAND],
    ['stepping', CPU_STEPPING],
    ['cpu MHz', MHZ.toFixed(3)],
    ['cache size', '32768 KB'],
    ['physical id', 0],
    ['siblings', 1],
    ['core id', 0],
    ['cpu cores', 1],
    ['apicid', 0],
    ['initial apicid', 0],
    ['fpu', 'yes'],
    ['fpu_exception', 'yes'],
    ['cpuid level', 13],
    ['wp', 'yes'],
    ['flags', CPUINFO_FLAGS],
    ['bugs', ''],
    ['bogomips', (MHZ * 2).toFixed(2)],
    ['clflush size', 64],
    ['cache_alignment', 64],
    ['address sizes', '46 bits physical, 48 bits virtual'],
  ];
  // The kernel's own tabs: one for names of eight characters and more, two for shorter ones.
  const lines = rows.map(([name, v]) => {
    const tabs = name.length < 8 ? '\t\t' : '\t';
    return `${name}${tabs}: ${v}\n`;
  });
  return `${lines.join('')}power management:\n\n`;
};

const meminfo = (kernel: Kernel): string => {
  const { total, free } = kernel.cpu.frames;
  let anonymous = 0;
  let mapped = 0;
  let shared = 0;
  const seen = new Set<object>();
  for (const t of kernel.tasks.values()) {
    if (t.state === 'dead' || seen.has(t.mm)) continue;
    seen.add(t.mm);
    const r = residentOf(kernel, t.mm);
    anonymous += r.pssAnonymous;
    mapped += r.pssFile + r.pssShared;
    shared += r.pssShared;
  }
  const used = total - free;
  const cached = Math.max(0, used - Math.ceil(anonymous));
  const inFiles = Math.max(0, cached - Math.ceil(shared));
  const rows: readonly (readonly [string, number])[] = [
    ['MemTotal', total],
    ['MemFree', free],
    ['MemAvailable', free + inFiles],
    ['Buffers', 0],
    ['Cached', cached],
    ['SwapCached', 0],
    ['Active', used],
    ['Inactive', 0],
    ['Active(anon)', anonymous],
    ['Inactive(anon)', 0],
    ['Active(file)', cached],
    ['Inactive(file)', 0],
    ['Unevictable', 0],
    ['Mlocked', 0],
    ['SwapTotal', 0],
    ['SwapFree', 0],
    ['Dirty', 0],
    ['Writeback', 0],
    ['AnonPages', anonymous],
    ['Mapped', mapped],
    ['Shmem', shared],
    ['KReclaimable', 0],
    ['Slab', 0],
    ['SReclaimable', 0],
    ['SUnreclaim', 0],
    ['KernelStack', 0],
    ['PageTables', 0],
    ['SecPageTables', 0],
    ['NFS_Unstable', 0],
    ['Bounce', 0],
    ['WritebackTmp', 0],
    ['CommitLimit', commitLimit(kernel) / 4096],
    ['Committed_AS', committed(kernel) / 4096],
    ['VmallocTotal', 34359738367 / PAGE_KIB],
    ['VmallocUsed', 0],
    ['VmallocChunk', 0],
    ['Percpu', 0],
    ['HardwareCorrupted', 0],
    ['AnonHugePages', 0],
    ['ShmemHugePages', 0],
    ['ShmemPmdMapped', 0],
    ['FileHugePages', 0],
    ['FilePmdMapped', 0],
  ];
  const lines = rows.map(([name, pages]) => kbLine(name, Math.floor(pages * PAGE_KIB), 8)).join('');
  const huge = ['Total', 'Free', 'Rsvd', 'Surp']
    .map((n) => `${`HugePages_${n}:`.padEnd(16)}${'0'.padStart(8)}\n`)
    .join('');
  return (
    `${lines}${huge}${kbLine('Hugepagesize', 2048, 8)}${kbLine('Hugetlb', 0, 8)}` +
    `${kbLine('DirectMap4k', total * PAGE_KIB, 8)}${kbLine('DirectMap2M', 0, 8)}${kbLine('DirectMap1G', 0, 8)}`
  );
};

interface CpuTime {
  user: number;
  system: number;
  idle: number;
}

/** Time since boot by use, ns. It never goes back, although processes that are gone take theirs along. */
const cpuTime = (kernel: Kernel, last: CpuTime): CpuTime => {
  let user = 0;
  let system = 0;
  for (const p of kernel.processes.values()) {
    user += processUserNs(p) + p.childUserNs;
    system += processSystemNs(p) + p.childSystemNs;
  }
  last.user = Math.max(last.user, user);
  last.system = Math.max(last.system, system);
  last.idle = Math.max(last.idle, kernel.clock.monotonic() - last.user - last.system);
  return last;
};

const hundredths = (ns: number): string => (Math.floor(ns / 1e7) / 100).toFixed(2);

const uptime = (kernel: Kernel, time: CpuTime): string =>
  `${hundredths(kernel.clock.monotonic())} ${hundredths(time.idle)}\n`;

const bootSeconds = (kernel: Kernel): number => {
  const { sec, nsec } = realtime(kernel.clock);
  return Math.floor(sec + nsec / 1e9 - kernel.clock.monotonic() / 1e9);
};

const stat = (kernel: Kernel, { user, system, idle }: CpuTime): string => {
  const cpu = `${ticks(user)} 0 ${ticks(system)} ${ticks(idle)} 0 0 0 0 0 0`;
  const { switches, forks } = kernel.run;
  return (
    `cpu  ${cpu}\ncpu0 ${cpu}\nintr 0\nctxt ${switches}\nbtime ${bootSeconds(kernel)}\n` +
    `processes ${forks + 1}\nprocs_running ${Math.max(1, runnableCount(kernel))}\nprocs_blocked 0\n` +
    'softirq 0 0 0 0 0 0 0 0 0 0 0\n'
  );
};

const loadavg = (kernel: Kernel): string => {
  const averages = kernel.run.load.averages.map((a) => a.toFixed(2)).join(' ');
  return `${averages} ${Math.max(1, runnableCount(kernel))}/${kernel.tasks.size} ${kernel.run.lastPid}\n`;
};

const vmstat = (kernel: Kernel): string => {
  const { total, free } = kernel.cpu.frames;
  const sum = noPages();
  for (const p of kernel.processes.values()) {
    sum.pages += p.usage.minorFaults;
    sum.file += p.usage.majorFaults;
  }
  const rows: readonly (readonly [string, number])[] = [
    ['nr_free_pages', free],
    ['nr_anon_pages', total - free],
    ['nr_mapped', 0],
    ['nr_file_pages', 0],
    ['nr_dirty', 0],
    ['nr_writeback', 0],
    ['nr_shmem', 0],
    ['pgpgin', 0],
    ['pgpgout', 0],
    ['pswpin', 0],
    ['pswpout', 0],
    ['pgfault', sum.pages],
    ['pgmajfault', sum.file],
    ['oom_kill', 0],
  ];
  return rows.map(([name, v]) => `${name} ${v}\n`).join('');
};

const DEVICES = `Character devices:
  1 mem
  5 /dev/tty
  5 /dev/console
  5 /dev/ptmx
128 ptm
136 pts

Block devices:
`;

/** Controllers of the one hierarchy of version 2, which nobody has mounted (cgroups(7)). */
const CGROUPS = `#subsys_name\thierarchy\tnum_cgroups\tenabled\n${['cpuset', 'cpu', 'memory', 'pids']
  .map((name) => `${name}\t0\t1\t1\n`)
  .join('')}`;

/** The kernel's objects are not in slabs. */
const SLABINFO = `slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>
`;

const SOFTIRQS = `${'CPU0'.padStart(24)}       \n${[
  'HI',
  'TIMER',
  'NET_TX',
  'NET_RX',
  'BLOCK',
  'IRQ_POLL',
  'TASKLET',
  'SCHED',
  'HRTIMER',
  'RCU',
]
  .map((name) => `${name.padStart(12)}:${'0'.padStart(11)}\n`)
  .join('')}`;

const TTY_DRIVERS = `/dev/tty             /dev/tty        5       0 system:/dev/tty
/dev/console         /dev/console    5       1 system:console
/dev/ptmx            /dev/ptmx       5       2 system
pty_slave            /dev/pts      136 0-1048575 pty:slave
pty_master           /dev/ptm      128 0-1048575 pty:master
`;

const filesystems = (kernel: Kernel): string => {
  const types = new Set([
    'sysfs',
    'tmpfs',
    'proc',
    'devtmpfs',
    'sockfs',
    'pipefs',
    'ramfs',
    'devpts',
    'overlay',
  ]);
  for (const type of vfsOf(kernel).types.keys()) types.add(type);
  return [...types].map((type) => `nodev\t${type}\n`).join('');
};

const GCC = 'gcc (Debian 12.2.0-14) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40';

/** Fills /proc (without the processes) into a new file system. */
export const addSystemFiles = (fs: PseudoFs): void => {
  const { kernel } = fs;
  const time: CpuTime = { user: 0, system: 0, idle: 0 };
  const file = (path: string, text: () => string, mode = 0o444): void => fs.file(path, { mode, text });

  file('cmdline', () => 'BOOT_IMAGE=/boot/kanmon quiet\n');
  file('cgroups', () => CGROUPS);
  file('consoles', () => '');
  file('cpuinfo', cpuinfo);
  file('devices', () => DEVICES);
  file('diskstats', () => '');
  file('execdomains', () => '0-0\tLinux           \t[kernel]\n');
  file('filesystems', () => filesystems(kernel));
  file('interrupts', () => '           CPU0       \n');
  file('loadavg', () => loadavg(kernel));
  file('locks', () => locks(kernel));
  file('meminfo', () => meminfo(kernel));
  file('misc', () => '');
  file('modules', () => '');
  file('partitions', () => 'major minor  #blocks  name\n\n');
  file('slabinfo', () => SLABINFO, 0o400);
  file('softirqs', () => SOFTIRQS);
  file('stat', () => stat(kernel, cpuTime(kernel, time)));
  file('sysvipc/msg', () => sysvMessages(kernel));
  file('sysvipc/sem', () => sysvSemaphores(kernel));
  file('sysvipc/shm', () => sysvMemory(kernel));
  file('swaps', () => 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n');
  file('tty/drivers', () => TTY_DRIVERS);
  file('tty/ldiscs', () => 'n_tty       0\n');
  file('uptime', () => uptime(kernel, cpuTime(kernel, time)));
  file('version', () => `Linux version ${UTS_RELEASE} (kanmon@kanmon) (${GCC}) ${UTS_VERSION}\n`);
  file('vmstat', () => vmstat(kernel));
  fs.link('mounts', 'self/mounts');
  fs.link('net', 'self/net');
  addSettings(fs);
};
