// Structs as strace abbreviates them, by the name that abi/ declares them under. A struct that is not listed
// prints all of its fields.

import { CAP_NAMES } from '../abi/capability.ts';
import { CLONE3_FLAGS } from '../abi/clone.ts';
import {
  F_OWNER_TYPES,
  LOCK_TYPES,
  O_NONBLOCK,
  OPEN_FLAGS,
  RESOLVE_FLAGS,
  SEEK_WHENCE,
} from '../abi/fcntl.ts';
import { SCHED } from '../abi/sched.ts';
import { SA, SIG_DFL, SIG_IGN, SS_FLAGS } from '../abi/signal.ts';
import { STATX_MASK, UTIME_NOW, UTIME_OMIT } from '../abi/stat.ts';
import { SIGEV, STA_UNSYNC } from '../abi/time.ts';
import type { FlagTable } from '../gate/codec.ts';
import { type Context, rawArg, unabbreviated } from './context.ts';
import {
  type ConstantStyle,
  dateTime,
  device,
  fileMode,
  flagSet,
  type HexStrings,
  hex,
  named,
  octal,
  pointer,
  quote,
  styled,
} from './print.ts';
import { signal, signalSet } from './signals.ts';

export type Fields = Readonly<Record<string, number | bigint | Uint8Array>>;
type StructPrinter = (s: Fields, ctx: Context) => string;

const num = (s: Fields, k: string): number => Number(s[k] ?? 0);
const text = (s: Fields, k: string, mode?: HexStrings): string => {
  const bytes = s[k];
  if (!(bytes instanceof Uint8Array)) return '""';
  const end = bytes.indexOf(0);
  return quote(end < 0 ? bytes : bytes.subarray(0, end), undefined, mode);
};
/** `name=value` for each; the names of fields in ours are those without the prefix. */
const plain = (s: Fields, prefix: string, ...names: string[]): string[] =>
  names.map((k) => `${prefix}${k}=${num(s, k)}`);

/** The parts of seconds are unsigned. */
const part = (v: number | string): string => {
  const text = String(v);
  return text.startsWith('-') ? BigInt.asUintN(64, BigInt(text)).toString() : text;
};
export const timespec = (sec: number | string, nsec: number | string): string =>
  `{tv_sec=${sec}, tv_nsec=${part(nsec)}}`;
export const timeval = (sec: number, usec: number): string => `{tv_sec=${sec}, tv_usec=${part(usec)}}`;

/** The date as a comment; the beginning of time is none. */
const dated = (sec: number, nsec: number): string =>
  (sec === 0 && nsec === 0) || nsec > 999_999_999 || nsec < 0 || Math.abs(sec) > LAST_SECOND
    ? ''
    : ` /* ${dateTime(sec, nsec)} */`;
/** What a Date can be. */
const LAST_SECOND = 8.64e12;

/** One of utimensat's two times, with its date as a comment. */
export const fileTime = (sec: number, nsec: number): string => {
  if (nsec === UTIME_NOW) return 'UTIME_NOW';
  if (nsec === UTIME_OMIT) return 'UTIME_OMIT';
  return `${timespec(sec, nsec)}${dated(sec, nsec)}`;
};

const INFINITY = 0xffffffffffffffffn;
const limit = (v: bigint, style: ConstantStyle = 'abbrev'): string => {
  if (v === INFINITY) return styled(style, String(v), 'RLIM64_INFINITY');
  return styled(style, String(v), v > 1024n && v % 1024n === 0n ? `${v / 1024n}*1024` : String(v));
};

/** strace's order of sa_flags. */
const SIGACTION_FLAGS: FlagTable = {
  unknown: 'SA_???',
  bits: {
    SA_RESTORER: SA.SA_RESTORER,
    SA_ONSTACK: SA.SA_ONSTACK,
    SA_RESTART: SA.SA_RESTART,
    SA_NODEFER: SA.SA_NODEFER,
    SA_RESETHAND: SA.SA_RESETHAND,
    SA_SIGINFO: SA.SA_SIGINFO,
    SA_NOCLDSTOP: SA.SA_NOCLDSTOP,
    SA_NOCLDWAIT: SA.SA_NOCLDWAIT,
  },
};
/** -1, as far as a number can hold it. */
const SIG_ERR = 2 ** 64;
const handler = (addr: number, style: ConstantStyle = 'abbrev'): string => {
  if (addr >= SIG_ERR) return styled(style, '0xffffffffffffffff', 'SIG_ERR');
  const name = addr === SIG_DFL ? 'SIG_DFL' : addr === SIG_IGN ? 'SIG_IGN' : null;
  return name === null ? hex(addr) : styled(style, addr === 0 ? '0' : hex(addr), name);
};

const MAGIC_NAMES = {
  EXT2_SUPER_MAGIC: 0xef53,
  TMPFS_MAGIC: 0x01021994,
  PROC_SUPER_MAGIC: 0x9fa0,
  SYSFS_MAGIC: 0x62656572,
  OVERLAYFS_SUPER_MAGIC: 0x794c7630,
  DEVPTS_SUPER_MAGIC: 0x1cd1,
  PIPEFS_MAGIC: 0x50495045,
  SOCKFS_MAGIC: 0x534f434b,
  ANON_INODE_FS_MAGIC: 0x09041934,
} as const;
/** Unlike other constants, one without a name has no comment. */
const fsType = (v: number, style: ConstantStyle = 'abbrev'): string =>
  styled(style, hex(v), Object.entries(MAGIC_NAMES).find(([, m]) => m === v)?.[0] ?? hex(v));
const MOUNT_STATE: FlagTable = {
  unknown: 'ST_???',
  bits: {
    ST_VALID: 0x20,
    ST_RDONLY: 1,
    ST_NOSUID: 2,
    ST_NODEV: 4,
    ST_NOEXEC: 8,
    ST_SYNCHRONOUS: 0x10,
    ST_MANDLOCK: 0x40,
    ST_NOATIME: 0x400,
    ST_NODIRATIME: 0x800,
    ST_RELATIME: 0x1000,
    ST_NOSYMFOLLOW: 0x2000,
  },
};

const STATX_ATTRIBUTES: FlagTable = {
  unknown: 'STATX_ATTR_???',
  bits: {
    STATX_ATTR_COMPRESSED: 0x4,
    STATX_ATTR_IMMUTABLE: 0x10,
    STATX_ATTR_APPEND: 0x20,
    STATX_ATTR_NODUMP: 0x40,
    STATX_ATTR_ENCRYPTED: 0x800,
    STATX_ATTR_AUTOMOUNT: 0x1000,
    STATX_ATTR_MOUNT_ROOT: 0x2000,
    STATX_ATTR_VERITY: 0x100000,
    STATX_ATTR_DAX: 0x200000,
  },
};

export const EPOLL_EVENTS: FlagTable = {
  unknown: 'EPOLL???',
  bits: {
    EPOLLIN: 0x1,
    EPOLLPRI: 0x2,
    EPOLLOUT: 0x4,
    EPOLLRDNORM: 0x40,
    EPOLLRDBAND: 0x80,
    EPOLLWRNORM: 0x100,
    EPOLLWRBAND: 0x200,
    EPOLLMSG: 0x400,
    EPOLLERR: 0x8,
    EPOLLHUP: 0x10,
    EPOLLRDHUP: 0x2000,
    EPOLLEXCLUSIVE: 0x10000000,
    EPOLLWAKEUP: 0x20000000,
    EPOLLONESHOT: 0x40000000,
    EPOLLET: 0x80000000,
  },
};
/** struct epoll_event, packed: 12 bytes. */
export const epollEvent = (events: number, low: number, high: number, style?: ConstantStyle): string =>
  `{events=${flagSet(events, EPOLL_EVENTS, style)}, data={u32=${low}, u64=${(BigInt(high) << 32n) | BigInt(low)}}}`;

const capabilities = (v: number): string => {
  const names = CAP_NAMES.flatMap((name, i) => (i < 32 && (v >>> i) & 1 ? [`1<<${name}`] : []));
  return names.length === 0 ? '0' : names.join('|');
};

const sigevent: StructPrinter = (s, ctx) => {
  const out: string[] = [];
  const value = s.value;
  const notify = num(s, 'notify');
  if (typeof value === 'bigint' && value !== 0n) {
    out.push(
      `sigev_value={sival_int=${Number(BigInt.asIntN(32, value))}, sival_ptr=0x${value.toString(16)}}`,
    );
  }
  const signo = num(s, 'signo');
  const none =
    notify !== SIGEV.SIGEV_SIGNAL && notify !== SIGEV.SIGEV_THREAD && notify !== SIGEV.SIGEV_THREAD_ID;
  out.push(
    `sigev_signo=${none ? signo : signal(signo, ctx.options.constants)}`,
    `sigev_notify=${named(notify, SIGEV, 'SIGEV_???', ctx.options.constants)}`,
  );
  if (notify === SIGEV.SIGEV_THREAD_ID) out.push(`sigev_notify_thread_id=${num(s, 'tid')}`);
  return `{${out.join(', ')}}`;
};

export const STRUCTS: Readonly<Record<string, StructPrinter>> = {
  stat: (s, ctx) => {
    const { constants } = ctx.options;
    const mode = num(s, 'st_mode');
    const isDevice = [0o020000, 0o060000].includes(mode & 0o170000);
    const st_mode = `st_mode=${fileMode(mode, constants)}`;
    const size = isDevice
      ? `st_rdev=${device(num(s, 'st_rdev'), constants)}`
      : `st_size=${num(s, 'st_size')}`;
    if (!unabbreviated(ctx)) return `{${st_mode}, ${size}, ...}`;
    const time = (k: string): string => {
      const [sec, nsec] = [num(s, k), num(s, `${k}_nsec`)];
      return `${k}=${sec}${dated(sec, nsec)}, ${k}_nsec=${nsec}`;
    };
    const parts = [
      `st_dev=${device(num(s, 'st_dev'), constants)}`,
      ...plain(s, '', 'st_ino'),
      st_mode,
      ...plain(s, '', 'st_nlink', 'st_uid', 'st_gid', 'st_blksize', 'st_blocks'),
      size,
      ...['st_atime', 'st_mtime', 'st_ctime'].map(time),
    ];
    return `{${parts.join(', ')}}`;
  },
  statx: (s, ctx) => {
    const { constants } = ctx.options;
    const mask = `stx_mask=${flagSet(num(s, 'stx_mask'), STATX_MASK, constants)}`;
    const attributes = `stx_attributes=${flagSet(num(s, 'stx_attributes'), STATX_ATTRIBUTES, constants)}`;
    const mode = `stx_mode=${fileMode(num(s, 'stx_mode'), constants)}`;
    const size = `stx_size=${num(s, 'stx_size')}`;
    if (!unabbreviated(ctx)) return `{${mask}, ${attributes}, ${mode}, ${size}, ...}`;
    const time = (k: string): string => {
      const [sec, nsec] = [num(s, k), num(s, `${k}_nsec`)];
      return `${k}=${timespec(sec, nsec)}${dated(sec, nsec)}`;
    };
    const known = num(s, 'stx_attributes_mask');
    const mount = num(s, 'stx_mnt_id');
    const parts = [
      mask,
      ...plain(s, '', 'stx_blksize'),
      attributes,
      ...plain(s, '', 'stx_nlink', 'stx_uid', 'stx_gid'),
      mode,
      ...plain(s, '', 'stx_ino'),
      size,
      ...plain(s, '', 'stx_blocks'),
      `stx_attributes_mask=${flagSet(known, STATX_ATTRIBUTES, constants)}`,
      ...['stx_atime', 'stx_btime', 'stx_ctime', 'stx_mtime'].map(time),
      ...plain(s, '', 'stx_rdev_major', 'stx_rdev_minor', 'stx_dev_major', 'stx_dev_minor'),
      `stx_mnt_id=${mount === 0 ? '0' : hex(mount)}`,
    ];
    return `{${parts.join(', ')}}`;
  },
  statfs: (s, ctx) => {
    const f = (k: string): string => `${k}=${num(s, k)}`;
    const id = `f_fsid={val=[${pid0(num(s, 'f_fsid0'))}, ${pid0(num(s, 'f_fsid1'))}]}`;
    const numbers = ['f_bsize', 'f_blocks', 'f_bfree', 'f_bavail', 'f_files', 'f_ffree'].map(f).join(', ');
    const type = fsType(num(s, 'f_type'), ctx.options.constants);
    return `{f_type=${type}, ${numbers}, ${id}, ${f('f_namelen')}, ${f('f_frsize')}, f_flags=${flagSet(num(s, 'f_flags'), MOUNT_STATE, ctx.options.constants)}}`;
  },
  timespec: (s) => timespec(num(s, 'sec'), num(s, 'nsec')),
  timeval: (s) => timeval(num(s, 'sec'), num(s, 'usec')),
  timezone: (s) => `{tz_minuteswest=${num(s, 'minuteswest')}, tz_dsttime=${num(s, 'dsttime')}}`,
  itimerspec: (s) =>
    `{it_interval=${timespec(num(s, 'intervalSec'), num(s, 'intervalNsec'))}, it_value=${timespec(num(s, 'valueSec'), num(s, 'valueNsec'))}}`,
  itimerval: (s) =>
    `{it_interval=${timeval(num(s, 'intervalSec'), num(s, 'intervalUsec'))}, it_value=${timeval(num(s, 'valueSec'), num(s, 'valueUsec'))}}`,
  timex: (s, ctx) => {
    const f = (...names: string[]): string[] => names.map((k) => `${k}=${num(s, k)}`);
    const status = flagSet(
      num(s, 'status'),
      { unknown: 'STA_???', bits: { STA_UNSYNC } },
      ctx.options.constants,
    );
    const time = `time=${timeval(num(s, 'timeSec'), num(s, 'timeUsec'))}`;
    const before = f('offset', 'freq', 'maxerror', 'esterror');
    const middle = f('constant', 'precision', 'tolerance');
    const rest = f(
      'tick',
      'ppsfreq',
      'jitter',
      'shift',
      'stabil',
      'jitcnt',
      'calcnt',
      'errcnt',
      'stbcnt',
      'tai',
    );
    const modes = num(s, 'modes');
    const parts = [
      `modes=${modes === 0 ? '0' : hex(modes)}`,
      ...before,
      `status=${status}`,
      ...middle,
      time,
      ...rest,
    ];
    return `{${parts.join(', ')}}`;
  },
  tms: (s) => `{${['utime', 'stime', 'cutime', 'cstime'].map((k) => `tms_${k}=${num(s, k)}`).join(', ')}}`,
  rusage: (s, ctx) => {
    const user = `ru_utime=${timeval(num(s, 'utimeSec'), num(s, 'utimeUsec'))}`;
    const system = `ru_stime=${timeval(num(s, 'stimeSec'), num(s, 'stimeUsec'))}`;
    const counts = ['maxrss', 'ixrss', 'idrss', 'isrss', 'minflt', 'majflt', 'nswap', 'inblock', 'oublock'];
    const rest = plain(s, 'ru_', ...counts, 'msgsnd', 'msgrcv', 'nsignals', 'nvcsw', 'nivcsw');
    return `{${[user, system, ...(unabbreviated(ctx) ? rest : ['...'])].join(', ')}}`;
  },
  rlimit64: (s, ctx) => {
    const { constants } = ctx.options;
    const [soft, hard] = [BigInt(s.soft as bigint), BigInt(s.hard as bigint)];
    return `{rlim_cur=${limit(soft, constants)}, rlim_max=${limit(hard, constants)}}`;
  },
  utsname: (s, ctx) => {
    const names = [
      'sysname',
      'nodename',
      ...(unabbreviated(ctx) ? ['release', 'version', 'machine', 'domainname'] : []),
    ];
    const parts = names.map((k) => `${k}=${text(s, k, ctx.options.hexStrings)}`);
    return `{${[...parts, ...(unabbreviated(ctx) ? [] : ['...'])].join(', ')}}`;
  },
  sysinfo: (s) => {
    const f = (k: string): string => `${k}=${num(s, k)}`;
    const loads = `loads=[${num(s, 'load1')}, ${num(s, 'load5')}, ${num(s, 'load15')}]`;
    const memory = ['totalram', 'freeram', 'sharedram', 'bufferram', 'totalswap', 'freeswap', 'procs'].map(f);
    return `{${[f('uptime'), loads, ...memory, f('totalhigh'), f('freehigh'), `mem_unit=${num(s, 'memUnit')}`].join(', ')}}`;
  },
  sigaction: (s, ctx) => {
    const { constants } = ctx.options;
    const flags = num(s, 'flags');

    const mask = signalSet(num(s, 'maskLo'), num(s, 'maskHi'), constants);
    const high = num(s, 'flagsHigh') === 0 ? '' : `|${hex(num(s, 'flagsHigh'))}00000000`;
    const restorer = flags & SA.SA_RESTORER ? `, sa_restorer=${pointer(num(s, 'restorer'))}` : '';

    return `{sa_handler=${handler(num(s, 'handler'), constants)}, sa_mask=${mask}, sa_flags=${flagSet(flags, SIGACTION_FLAGS, constants)}${high}${restorer}}`;
  },
  stack_t: (s, ctx) =>
    `{ss_sp=${pointer(num(s, 'sp'))}, ss_flags=${flagSet(num(s, 'flags'), SS_FLAGS, ctx.options.constants)}, ss_size=${num(s, 'size')}}`,
  sigevent,
  flock: (s, ctx) => {
    const pid = rawArg(ctx, 1) === 5 || rawArg(ctx, 1) === 36 ? `, l_pid=${num(s, 'l_pid')}` : '';
    const type = named(num(s, 'l_type'), LOCK_TYPES, 'F_???', ctx.options.constants);
    const whence = named(num(s, 'l_whence'), SEEK_WHENCE, 'SEEK_???', ctx.options.constants);
    return `{l_type=${type}, l_whence=${whence}, l_start=${num(s, 'l_start')}, l_len=${num(s, 'l_len')}${pid}}`;
  },
  f_owner_ex: (s, ctx) =>
    `{type=${named(num(s, 'type'), F_OWNER_TYPES, 'F_OWNER_???', ctx.options.constants)}, pid=${num(s, 'pid')}}`,
  open_how: (s, ctx) => {
    const { constants } = ctx.options;
    const flags = num(s, 'flags');
    const mode = flags & 0o100 || num(s, 'mode') !== 0 ? `, mode=${octal(num(s, 'mode'))}` : '';
    return `{flags=${flagSet(flags, OPEN_FLAGS, constants)}${mode}, resolve=${flagSet(num(s, 'resolve'), RESOLVE_FLAGS, constants)}}`;
  },
  mq_attr: (s, ctx) => {
    const flags = num(s, 'mq_flags');
    // strace names them only where the kernel looks at them.
    const shown =
      ctx.call.row.name === 'mq_open'
        ? flags === 0
          ? '0'
          : hex(flags)
        : flagSet(flags, { unknown: 'O_???', bits: { O_NONBLOCK } });
    const rest = ['mq_maxmsg', 'mq_msgsize', 'mq_curmsgs'].map((k) => `${k}=${num(s, k)}`);
    return `{${[`mq_flags=${shown}`, ...rest].join(', ')}}`;
  },
  sched_param: (s) => `[${num(s, 'priority')}]`,
  sched_attr: (s, ctx) => {
    const policy = named(num(s, 'policy'), SCHED, 'SCHED_???', ctx.options.constants);
    const head = `size=${num(s, 'size')}, sched_policy=${policy}, sched_flags=${num(s, 'flags')}`;
    const rest = ['nice', 'priority', 'runtime', 'deadline', 'period'].map((k) => `sched_${k}=${num(s, k)}`);
    return `{${[head, ...rest].join(', ')}}`;
  },
  cap_user_header: (s, ctx) => {
    const versions = {
      _LINUX_CAPABILITY_VERSION_1: 0x19980330,
      _LINUX_CAPABILITY_VERSION_2: 0x20071026,
      _LINUX_CAPABILITY_VERSION_3: 0x20080522,
    };
    return `{version=${named(num(s, 'version'), versions, '_LINUX_CAPABILITY_VERSION_???', ctx.options.constants)}, pid=${num(s, 'pid')}}`;
  },
  cap_user_data: (s) =>
    `{${['effective', 'permitted', 'inheritable'].map((k) => `${k}=${capabilities(num(s, k))}`).join(', ')}}`,
  clone_args: (s, ctx) => {
    const { constants } = ctx.options;
    const out = [`flags=${flagSet(num(s, 'flags'), CLONE3_FLAGS, constants)}`];
    const optional: [string, string][] = [
      ['pidfd', 'pidfd'],
      ['childTid', 'child_tid'],
      ['parentTid', 'parent_tid'],
    ];
    const PIDFD = 0x1000;
    for (const [k, name] of optional) {
      if (num(s, k) === 0 || (k === 'pidfd' && (num(s, 'flags') & PIDFD) === 0)) continue;
      out.push(`${name}=${hex(num(s, k))}`);
    }
    out.push(`exit_signal=${signal(num(s, 'exitSignal'), constants)}`, `stack=${pointer(num(s, 'stack'))}`);
    out.push(`stack_size=${num(s, 'stackSize') === 0 ? '0' : hex(num(s, 'stackSize'))}`);
    if (num(s, 'tls') !== 0) out.push(`tls=${hex(num(s, 'tls'))}`);
    return `{${out.join(', ')}}`;
  },
};

const pid0 = (v: number): string => (v === 0 ? '0' : hex(v >>> 0));

/** Any other struct: all its fields, bytes in quotes. */
export const anyStruct = (s: Fields): string => {
  const one = (v: number | bigint | Uint8Array): string =>
    v instanceof Uint8Array ? quote(v, 32) : String(v);
  return `{${Object.entries(s)
    .filter(([k]) => !k.startsWith('_') && k !== 'pad')
    .map(([k, v]) => `${k}=${one(v)}`)
    .join(', ')}}`;
};
