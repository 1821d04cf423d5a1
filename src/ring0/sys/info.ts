// What the system says of itself, and random bytes: uname(2), sysinfo(2), sethostname(2), getrandom(2).

import { EFAULT, EINVAL, EPERM } from '../../abi/errno.ts';
import { SYSINFO, UTS_FIELD, UTSNAME } from '../../abi/resource.ts';
import { bytesIn, bytesOut, flags, int, size, structOut } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { capable } from '../task/creds.ts';
import type { Task } from '../task/types.ts';

/** What uname and /proc/version say. Programs read the version to decide what they may use. */
export const UTS_RELEASE = '6.1.0-kanmon';
export const UTS_VERSION = '#1 SMP PREEMPT_DYNAMIC Kanmon';

const GRND = { GRND_NONBLOCK: 1, GRND_RANDOM: 2, GRND_INSECURE: 4 } as const;
const GRND_MAX = 0x1ffffff;
const CHUNK = 65536;
const PER_LINUX32 = 8;
const UNAME26 = 0x20000;

const field = (text: string): Uint8Array => {
  const bytes = new Uint8Array(UTS_FIELD);
  for (let i = 0; i < Math.min(text.length, UTS_FIELD - 1); i++) bytes[i] = text.charCodeAt(i);
  return bytes;
};

const uname = (task: Task, at: number): number => {
  const { hostname } = task.kernel;
  const persona = task.process.attributes.get('personality') ?? 0;
  const value = {
    sysname: field('Linux'),
    nodename: field(hostname.node),
    release: field((persona & UNAME26) !== 0 ? '2.6.61-kanmon' : UTS_RELEASE),
    version: field(UTS_VERSION),
    machine: field((persona & 0xff) === PER_LINUX32 ? 'i686' : 'x86_64'),
    domainname: field(hostname.domain),
  };
  return UTSNAME.write(task.mm, at, value) ? 0 : -EFAULT;
};

/** 1 << SI_LOAD_SHIFT (linux/sysinfo.h). */
const SI_LOAD = 65536;

const sysinfo = (task: Task, at: number): number => {
  const { kernel } = task;
  const { frames } = kernel.cpu;
  const [minute, five, fifteen] = kernel.run.load.averages;
  const value = {
    uptime: Math.floor(kernel.clock.monotonic() / 1e9),
    load1: Math.round(minute * SI_LOAD),
    load5: Math.round(five * SI_LOAD),
    load15: Math.round(fifteen * SI_LOAD),
    totalram: frames.total * 4096,
    freeram: frames.free * 4096,
    procs: Math.min(65535, kernel.tasks.size),
    memUnit: 1,
  };
  return SYSINFO.write(task.mm, at, value) ? 0 : -EFAULT;
};

const getrandom = (task: Task, at: number, count: number, options: number): number => {
  if ((options & ~7) !== 0) return -EINVAL;
  const both = GRND.GRND_RANDOM | GRND.GRND_INSECURE;
  if ((options & both) === both) return -EINVAL;
  const n = Math.min(count, GRND_MAX);
  const chunk = new Uint8Array(Math.min(n, CHUNK));
  for (let done = 0; done < n; done += CHUNK) {
    const part = chunk.subarray(0, Math.min(CHUNK, n - done));
    task.kernel.entropy(part);
    const written = task.mm.writeSome(at + done, part, 0, part.length);
    if (written < part.length) return done + written > 0 ? done + written : -EFAULT;
  }
  return n;
};

const setName = (task: Task, which: 'node' | 'domain', at: number, n: number): number => {
  if (!capable(task, 'CAP_SYS_ADMIN')) return -EPERM;
  if (n < 0 || n >= UTS_FIELD) return -EINVAL;
  const bytes = task.mm.read(at, n);
  if (bytes === null) return -EFAULT;
  const text = String.fromCharCode(...bytes);
  const end = text.indexOf('\0');
  task.kernel.hostname[which] = end < 0 ? text : text.slice(0, end);
  return 0;
};

export const rows = [
  syscall('uname', [structOut('buf', UTSNAME)], { returns: 'int', family: 'system' }, uname),
  syscall('sysinfo', [structOut('info', SYSINFO)], { returns: 'int', family: 'system' }, sysinfo),
  syscall(
    'getrandom',
    [bytesOut('buf', 'buflen'), size('buflen'), flags('flags', { unknown: 'GRND_???', bits: GRND })],
    { returns: 'size', family: 'system' },
    getrandom,
  ),
  syscall(
    'sethostname',
    [bytesIn('name', 'len'), int('len')],
    { returns: 'int', family: 'system' },
    (task, at, n) => setName(task, 'node', at, n),
  ),
  syscall(
    'setdomainname',
    [bytesIn('name', 'len'), int('len')],
    { returns: 'int', family: 'system' },
    (task, at, n) => setName(task, 'domain', at, n),
  ),
];
