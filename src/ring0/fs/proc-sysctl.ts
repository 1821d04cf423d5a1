// /proc/sys (proc_sys(5)): the kernel's settings as files. Those that the kernel obeys (settings.ts) can be changed by who
// may write the file, by the rules of Linux's sysctl tables; the others can be read only, as in a container.

import { CAP_LAST } from '../../abi/capability.ts';
import { EACCES, EINVAL, ERANGE, EROFS } from '../../abi/errno.ts';
import { O_ACCMODE, O_RDONLY } from '../../abi/fcntl.ts';
import { HARD_MSGMAX, HARD_MSGSIZEMAX } from '../../abi/mqueue.ts';
import { UTS_FIELD } from '../../abi/resource.ts';
import { maxFiles, maxWatches } from '../heap.ts';
import type { Kernel } from '../kernel.ts';
import { MAX_MAPPINGS, MMAP_MIN } from '../mm/layout.ts';
import { DEFAULT_BUFFER, OPTMEM_MAX } from '../net/limits.ts';
import type { Settings } from '../settings.ts';
import { UTS_RELEASE, UTS_VERSION } from '../sys/info.ts';
import { PID_MAX } from '../task/fork.ts';
import { vfsOf } from '../vfs/state.ts';
import { pipeSize } from './pipe.ts';
import { hex, numberOf } from './proc-format.ts';
import type { PseudoFs, TextFile } from './proc-node.ts';

/** Limits that are the same on every machine: path below /proc/sys, value. */
const SYSCTLS: readonly (readonly [string, string | number])[] = [
  ['abi/vsyscall32', 1],
  ['dev/tty/ldisc_autoload', 1],
  ['fs/dir-notify-enable', 1],
  ['fs/inotify/max_user_watches', 524288],
  ['fs/leases-enable', 1],
  ['fs/mount-max', 100000],
  ['fs/overflowgid', 65534],
  ['fs/overflowuid', 65534],
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
  ['kernel/ngroups_max', 65536],
  ['kernel/numa_balancing', 0],
  ['kernel/osrelease', UTS_RELEASE],
  ['kernel/ostype', 'Linux'],
  ['kernel/overflowgid', 65534],
  ['kernel/overflowuid', 65534],
  ['kernel/panic_on_oops', 0],
  ['kernel/perf_event_paranoid', 3],
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
  ['kernel/sem_next_id', -1],
  ['kernel/shm_next_id', -1],
  ['kernel/shm_rmid_forced', 0],
  ['kernel/sysctl_writes_strict', 1],
  ['kernel/tainted', 0],
  ['kernel/timer_migration', 1],
  ['kernel/unprivileged_bpf_disabled', 2],
  ['kernel/version', UTS_VERSION],
  ['net/core/optmem_max', OPTMEM_MAX],
  ['net/core/rmem_default', DEFAULT_BUFFER],
  ['net/core/rmem_max', DEFAULT_BUFFER],
  ['net/core/wmem_default', DEFAULT_BUFFER],
  ['net/core/wmem_max', DEFAULT_BUFFER],
  ['vm/admin_reserve_kbytes', 8192],
  ['vm/dirty_background_bytes', 0],
  ['vm/dirty_bytes', 0],
  ['vm/hugetlb_shm_group', 0],
  ['vm/legacy_va_layout', 0],
  ['vm/max_map_count', MAX_MAPPINGS],
  ['vm/min_free_kbytes', 0],
  ['vm/mmap_min_addr', MMAP_MIN],
  ['vm/nr_hugepages', 0],
  ['vm/nr_overcommit_hugepages', 0],
  ['vm/oom_dump_tasks', 1],
  ['vm/oom_kill_allocating_task', 0],
  ['vm/panic_on_oom', 0],
  ['vm/stat_interval', 1],
  ['vm/user_reserve_kbytes', 131072],
  ['vm/zone_reclaim_mode', 0],
];

/** A random UUID (version 4) in text. */
const uuid = (kernel: Kernel): string => {
  const b = new Uint8Array(16);
  kernel.entropy(b);
  b[6] = ((b[6] as number) & 0x0f) | 0x40;
  b[8] = ((b[8] as number) & 0x3f) | 0x80;
  const s = [...b].map((v) => hex(v, 2)).join('');
  return `${s.slice(0, 8)}-${s.slice(8, 12)}-${s.slice(12, 16)}-${s.slice(16, 20)}-${s.slice(20)}`;
};

/** Nobody may write them anywhere. */
const FACTS: ReadonlySet<string> = new Set([
  'kernel/arch',
  'kernel/cap_last_cap',
  'kernel/msg_next_id',
  'kernel/ngroups_max',
  'kernel/osrelease',
  'kernel/ostype',
  'kernel/random/poolsize',
  'kernel/sem_next_id',
  'kernel/shm_next_id',
  'kernel/version',
]);

/** Open file descriptions of all tables, for fs/file-nr. */
const openFiles = (kernel: Kernel): number => {
  const seen = new Set<object>();
  for (const t of kernel.tasks.values()) for (const d of t.files.slots) if (d) seen.add(d.file);
  return seen.size;
};

/** As in a container, what the kernel does not obey can be read but not changed. */
const readOnly = (mode: number, text: () => string): TextFile => ({
  mode,
  text,
  guard: (_task, flags) => {
    if ((flags & O_ACCMODE) === O_RDONLY) return 0;
    // Not even capabilities help where nobody may.
    return (mode & 0o222) === 0 ? -EACCES : -EROFS;
  },
});

/** What a file takes for each of its numbers. */
interface Rule {
  readonly min?: number;
  readonly max?: number;
  /** What becomes of a number in the range. */
  fix?(v: number): number;
}

const INT_MAX = 2 ** 31 - 1;
const NATURAL: Rule = { min: 0 };
const ANY: Rule = {};
/** Ids of System V objects are below it (IPCMNI). */
const OBJECTS: Rule = { min: 0, max: 32768 };
const QUEUE_LENGTH: Rule = { min: 1, max: HARD_MSGMAX };
const MESSAGE_SIZE: Rule = { min: 128, max: HARD_MSGSIZEMAX };
const PERCENT: Rule = { min: 0, max: 100 };

const RULES: readonly (readonly [keyof Settings, Rule])[] = [
  ['fs/aio-max-nr', NATURAL],
  ['fs/inotify/max_queued_events', NATURAL],
  ['fs/inotify/max_user_instances', NATURAL],
  ['fs/lease-break-time', ANY],
  ['fs/mqueue/msg_default', QUEUE_LENGTH],
  ['fs/mqueue/msg_max', QUEUE_LENGTH],
  ['fs/mqueue/msgsize_default', MESSAGE_SIZE],
  ['fs/mqueue/msgsize_max', MESSAGE_SIZE],
  ['fs/mqueue/queues_max', ANY],
  // A word of the bit map of descriptors, and an array of them that can be allocated.
  ['fs/nr_open', { min: 64, max: 2147483584 }],
  ['fs/pipe-max-size', { min: 0, max: 2 ** 31, fix: pipeSize }],
  ['kernel/msgmax', NATURAL],
  ['kernel/msgmnb', NATURAL],
  ['kernel/msgmni', OBJECTS],
  ['kernel/panic', ANY],
  // More than the ids that are kept for the system.
  ['kernel/pid_max', { min: 301, max: PID_MAX }],
  ['kernel/sem', ANY],
  ['kernel/shmall', NATURAL],
  ['kernel/shmmax', NATURAL],
  ['kernel/shmmni', OBJECTS],
  ['net/core/somaxconn', NATURAL],
  ['net/unix/max_dgram_qlen', ANY],
  ['vm/dirty_background_ratio', PERCENT],
  ['vm/dirty_expire_centisecs', NATURAL],
  ['vm/dirty_ratio', PERCENT],
  ['vm/dirty_writeback_centisecs', ANY],
  ['vm/laptop_mode', NATURAL],
  ['vm/overcommit_kbytes', NATURAL],
  ['vm/overcommit_memory', { min: 0, max: 2 }],
  ['vm/overcommit_ratio', ANY],
  ['vm/page-cluster', { min: 0, max: 31 }],
  ['vm/swappiness', { min: 0, max: 200 }],
  ['vm/vfs_cache_pressure', NATURAL],
];

/** Takes one number; -EINVAL for none, and out of its range. */
const take = (word: string | undefined, { min = -INT_MAX - 1, max = INT_MAX, fix }: Rule): number | null => {
  const v = numberOf(word ?? '');
  if (v === null || v < min || v > max) return null;
  return fix?.(Number(v)) ?? Number(v);
};

/** What a change of one setting does to others. */
const settle = (settings: Settings, path: keyof Settings): void => {
  if (path === 'vm/overcommit_ratio') settings['vm/overcommit_kbytes'] = 0n;
  if (path === 'vm/overcommit_kbytes') settings['vm/overcommit_ratio'] = 0;
};

const store = (settings: Settings, path: keyof Settings, rule: Rule, words: readonly string[]): number => {
  const known: Record<string, Settings[keyof Settings]> = settings;
  const old = known[path];
  if (Array.isArray(old)) {
    const sets = old[3];
    for (const [i, word] of words.slice(0, old.length).entries()) {
      const v = take(word, rule);
      if (v === null) return -EINVAL;
      old[i] = v;
    }
    if (old[3] >= 0 && old[3] <= (OBJECTS.max ?? 0)) return 0;
    old[3] = sets;
    return -ERANGE;
  }
  if (typeof old === 'bigint') {
    const v = numberOf(words[0] ?? '');
    if (v === null || v < 0n || v >= 2n ** 64n) return -EINVAL;
    known[path] = v;
  } else {
    const v = take(words[0], rule);
    if (v === null) return -EINVAL;
    known[path] = v;
  }
  settle(settings, path);
  return 0;
};

/** A setting that can be changed. What is written behind the beginning of the file changes nothing. */
const settable = ({ settings }: Kernel, path: keyof Settings, rule: Rule): TextFile => ({
  mode: 0o644,
  text: () => {
    const v = settings[path];
    return `${Array.isArray(v) ? v.join('\t') : v}\n`;
  },
  write: (_task, text, pos) => {
    if (pos > 0 || text === '') return 0;
    const words = text
      .split('\0', 1)
      .join('')
      .trim()
      .split(/[ \t\n]+/);
    return words[0] === '' ? -EINVAL : store(settings, path, rule, words);
  },
});

/** Names of the machine and of its domain, up to the end of a line. */
const addNames = (fs: PseudoFs): void => {
  const { hostname } = fs.kernel;
  const name = (file: string, which: 'node' | 'domain'): void =>
    fs.file(`sys/kernel/${file}`, {
      mode: 0o644,
      text: () => `${hostname[which]}\n`,
      write: (_task, text, pos) => {
        if (text === '' || pos > hostname[which].length) return 0;
        const line = text.split(/[\0\n]/, 1).join('');
        hostname[which] = `${hostname[which].slice(0, pos)}${line}`.slice(0, UTS_FIELD - 1);
        return 0;
      },
    });
  name('hostname', 'node');
  name('domainname', 'domain');
};

/** Fills /proc/sys. */
export const addSettings = (fs: PseudoFs): void => {
  const { kernel } = fs;
  const setting = (path: string, text: () => string, mode = 0o644): void =>
    fs.file(`sys/${path}`, readOnly(mode, text));
  for (const [path, v] of SYSCTLS) setting(path, () => `${v}\n`, FACTS.has(path) ? 0o444 : 0o644);
  setting('fs/aio-nr', () => `${vfsOf(kernel).aio}\n`, 0o444);
  setting('fs/dentry-state', () => '0\t0\t45\t0\t0\t0\n', 0o444);
  setting('fs/inode-nr', () => '0\t0\n', 0o444);
  setting('fs/inode-state', () => '0\t0\t0\t0\t0\t0\t0\n', 0o444);
  setting('fs/file-nr', () => `${openFiles(kernel)}\t0\t${maxFiles(kernel.heap)}\n`, 0o444);
  setting('fs/file-max', () => `${maxFiles(kernel.heap)}\n`);
  setting('fs/epoll/max_user_watches', () => `${maxWatches(kernel.heap)}\n`);
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
  addNames(fs);
  for (const [path, rule] of RULES) fs.file(`sys/${path}`, settable(kernel, path, rule));
};
