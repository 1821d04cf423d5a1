// The files of /proc that are about the machine as a whole: processor, memory, load, devices, and /proc/sys.
// Formats are those of Linux 6.1 (proc(5)).

import { CAP_LAST } from '../../abi/capability.ts';
import { EROFS } from '../../abi/errno.ts';
import { O_ACCMODE, O_RDONLY } from '../../abi/fcntl.ts';
import {
  CPU_BRAND,
  CPU_FAMILY,
  CPU_MODEL,
  CPU_STEPPING,
  CPU_VENDOR,
  CPUINFO_FLAGS,
} from '../../ring3/semantics/cpuid.ts';
import { realtime } from '../clock.ts';
import { maxFiles, maxWatches } from '../heap.ts';
import type { Kernel } from '../kernel.ts';
import { MAX_MAPPINGS, MMAP_MIN } from '../mm/layout.ts';
import { DEFAULT_BUFFER, MAX_DGRAM_QLEN, OPTMEM_MAX, SOMAXCONN } from '../net/limits.ts';
import { UTS_RELEASE, UTS_VERSION } from '../sys/info.ts';
import { PID_MAX } from '../task/fork.ts';
import { processSystemNs, processUserNs } from '../task/itimers.ts';
import { runnableCount } from '../task/runqueue.ts';
import { AIO_MAX } from '../vfs/aio.ts';
import { BREAK_SECONDS } from '../vfs/leases.ts';
import { vfsOf } from '../vfs/state.ts';
import { hex, kbLine, ticks } from './proc-format.ts';
import { locks } from './proc-locks.ts';
import { noPages, residentOf } from './proc-memory.ts';
import type { PseudoFs, TextFile } from './proc-node.ts';
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
    ['CommitLimit', total / 2],
    ['Committed_AS', anonymous],
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

/** A random UUID (version 4) in text. */
const uuid = (kernel: Kernel): string => {
  const b = new Uint8Array(16);
  kernel.entropy(b);
  b[6] = ((b[6] as number) & 0x0f) | 0x40;
  b[8] = ((b[8] as number) & 0x3f) | 0x80;
  const s = [...b].map((v) => hex(v, 2)).join('');
  return `${s.slice(0, 8)}-${s.slice(8, 12)}-${s.slice(12, 16)}-${s.slice(16, 20)}-${s.slice(20)}`;
};

/** Limits that are the same on every machine: path below /proc/sys, value. */
const SYSCTLS: readonly (readonly [string, string | number])[] = [
  ['abi/vsyscall32', 1],
  ['dev/tty/ldisc_autoload', 1],
  ['fs/aio-max-nr', AIO_MAX],
  ['fs/dir-notify-enable', 1],
  ['fs/inotify/max_queued_events', 16384],
  ['fs/inotify/max_user_instances', 128],
  ['fs/inotify/max_user_watches', 524288],
  ['fs/lease-break-time', BREAK_SECONDS],
  ['fs/leases-enable', 1],
  ['fs/mount-max', 100000],
  ['fs/mqueue/msg_default', 10],
  ['fs/mqueue/msg_max', 10],
  ['fs/mqueue/msgsize_default', 8192],
  ['fs/mqueue/msgsize_max', 8192],
  ['fs/mqueue/queues_max', 256],
  ['fs/nr_open', 1048576],
  ['fs/overflowgid', 65534],
  ['fs/overflowuid', 65534],
  ['fs/pipe-max-size', 1048576],
  ['fs/pipe-user-pages-hard', 0],
  ['fs/pipe-user-pages-soft', 16384],
  ['fs/protected_fifos', 0],
  ['fs/protected_hardlinks', 1],
  ['fs/protected_regular', 1],
  ['fs/protected_symlinks', 0],
  ['fs/suid_dumpable', 0],
  ['kernel/arch', 'x86_64'],
  ['kernel/auto_msgmni', 0],
  ['kernel/cap_last_cap', CAP_LAST],
  ['kernel/core_pattern', 'core'],
  ['kernel/core_pipe_limit', 0],
  ['kernel/core_uses_pid', 0],
  ['kernel/dmesg_restrict', 1],
  ['kernel/kptr_restrict', 1],
  ['kernel/msg_next_id', -1],
  ['kernel/msgmax', 8192],
  ['kernel/msgmnb', 16384],
  ['kernel/msgmni', 32000],
  ['kernel/ngroups_max', 65536],
  ['kernel/numa_balancing', 0],
  ['kernel/osrelease', UTS_RELEASE],
  ['kernel/ostype', 'Linux'],
  ['kernel/overflowgid', 65534],
  ['kernel/overflowuid', 65534],
  ['kernel/panic', 0],
  ['kernel/panic_on_oops', 0],
  ['kernel/perf_event_paranoid', 3],
  ['kernel/pid_max', PID_MAX],
  ['kernel/print-fatal-signals', 0],
  ['kernel/printk', '4\t4\t1\t7'],
  ['kernel/printk_ratelimit', 5],
  ['kernel/printk_ratelimit_burst', 10],
  ['kernel/pty/max', 4096],
  ['kernel/pty/reserve', 1024],
  ['kernel/random/poolsize', 256],
  ['kernel/random/urandom_min_reseed_secs', 60],
  ['kernel/random/write_wakeup_threshold', 256],
  ['kernel/randomize_va_space', 0],
  ['kernel/sched_autogroup_enabled', 0],
  ['kernel/sched_rr_timeslice_ms', 100],
  ['kernel/sched_rt_period_us', 1000000],
  ['kernel/sched_rt_runtime_us', 950000],
  ['kernel/sem', '32000\t1024000000\t500\t32000'],
  ['kernel/sem_next_id', -1],
  ['kernel/shm_next_id', -1],
  ['kernel/shm_rmid_forced', 0],
  ['kernel/shmall', '18446744073692774399'],
  ['kernel/shmmax', '18446744073692774399'],
  ['kernel/shmmni', 4096],
  ['kernel/sysctl_writes_strict', 1],
  ['kernel/tainted', 0],
  ['kernel/timer_migration', 1],
  ['kernel/unprivileged_bpf_disabled', 2],
  ['kernel/version', UTS_VERSION],
  ['net/core/optmem_max', OPTMEM_MAX],
  ['net/core/rmem_default', DEFAULT_BUFFER],
  ['net/core/rmem_max', DEFAULT_BUFFER],
  ['net/core/somaxconn', SOMAXCONN],
  ['net/core/wmem_default', DEFAULT_BUFFER],
  ['net/core/wmem_max', DEFAULT_BUFFER],
  ['net/unix/max_dgram_qlen', MAX_DGRAM_QLEN],
  ['vm/admin_reserve_kbytes', 8192],
  ['vm/dirty_background_bytes', 0],
  ['vm/dirty_background_ratio', 10],
  ['vm/dirty_bytes', 0],
  ['vm/dirty_expire_centisecs', 3000],
  ['vm/dirty_ratio', 20],
  ['vm/dirty_writeback_centisecs', 500],
  ['vm/hugetlb_shm_group', 0],
  ['vm/laptop_mode', 0],
  ['vm/legacy_va_layout', 0],
  ['vm/max_map_count', MAX_MAPPINGS],
  ['vm/min_free_kbytes', 0],
  ['vm/mmap_min_addr', MMAP_MIN],
  ['vm/nr_hugepages', 0],
  ['vm/nr_overcommit_hugepages', 0],
  ['vm/oom_dump_tasks', 1],
  ['vm/oom_kill_allocating_task', 0],
  ['vm/overcommit_kbytes', 0],
  ['vm/overcommit_memory', 0],
  ['vm/overcommit_ratio', 50],
  ['vm/page-cluster', 3],
  ['vm/panic_on_oom', 0],
  ['vm/stat_interval', 1],
  ['vm/swappiness', 60],
  ['vm/user_reserve_kbytes', 131072],
  ['vm/vfs_cache_pressure', 100],
  ['vm/zone_reclaim_mode', 0],
];

/** Open file descriptions of all tables, for fs/file-nr. */
const openFiles = (kernel: Kernel): number => {
  const seen = new Set<object>();
  for (const t of kernel.tasks.values()) for (const d of t.files.slots) if (d) seen.add(d.file);
  return seen.size;
};

/** As in a container, the kernel's settings can be read but not changed. */
const readOnly = (mode: number, text: () => string): TextFile => ({
  mode,
  text,
  guard: (_task, flags) => ((flags & O_ACCMODE) === O_RDONLY ? 0 : -EROFS),
});

/** Fills /proc (without the processes) into a new file system. */
export const addSystemFiles = (fs: PseudoFs): void => {
  const { kernel } = fs;
  const time: CpuTime = { user: 0, system: 0, idle: 0 };
  const file = (path: string, text: () => string, mode = 0o444): void => fs.file(path, { mode, text });
  const setting = (path: string, text: () => string, mode = 0o644): void =>
    fs.file(`sys/${path}`, readOnly(mode, text));

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

  for (const [path, v] of SYSCTLS) setting(path, () => `${v}\n`);
  setting('fs/aio-nr', () => `${vfsOf(kernel).aio}\n`, 0o444);
  setting('fs/dentry-state', () => '0\t0\t45\t0\t0\t0\n', 0o444);
  setting('fs/inode-nr', () => '0\t0\n', 0o444);
  setting('fs/inode-state', () => '0\t0\t0\t0\t0\t0\t0\n', 0o444);
  setting('fs/file-nr', () => `${openFiles(kernel)}\t0\t${maxFiles(kernel.heap)}\n`, 0o444);
  setting('fs/file-max', () => `${maxFiles(kernel.heap)}\n`);
  setting('fs/epoll/max_user_watches', () => `${maxWatches(kernel.heap)}\n`);
  setting('kernel/hostname', () => `${kernel.hostname.node}\n`);
  setting('kernel/domainname', () => `${kernel.hostname.domain}\n`);
  setting('kernel/cad_pid', () => `${kernel.init?.pid ?? 0}\n`, 0o600);
  setting('kernel/ns_last_pid', () => `${kernel.run.lastPid}\n`, 0o666);
  setting('kernel/threads-max', () => `${kernel.limits.tasks}\n`);
  setting('kernel/pty/nr', () => `${vfsOf(kernel).ptys?.size ?? 0}\n`, 0o444);
  let bootId: string | null = null;
  setting(
    'kernel/random/boot_id',
    () => {
      bootId ??= uuid(kernel);
      return `${bootId}\n`;
    },
    0o444,
  );
  setting('kernel/random/uuid', () => `${uuid(kernel)}\n`, 0o444);
  setting('kernel/random/entropy_avail', () => '256\n', 0o444);
};
