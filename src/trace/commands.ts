// Calls whose arguments depend on one of them: the multiplexers (ioctl, fcntl, prctl, arch_prctl, futex) with a
// row per command, and the calls that strace writes in its own way (clone, openat without a mode ...).

import { CAP_DATA, CAP_HEADER, CAP_NAMES } from '../abi/capability.ts';
import { CLONE_FLAGS } from '../abi/clone.ts';
import { F_OWNER_EX, FCNTL_COMMANDS, FD_FLAGS, FLOCK, OPEN_FLAGS, OPEN_HOW, SEALS } from '../abi/fcntl.ts';
import { FUTEX } from '../abi/futex.ts';
import { IOCTL_REQUESTS } from '../abi/ioctl.ts';
import { MPOL } from '../abi/mempolicy.ts';
import { ARCH, PR, PR_CAP_AMBIENT_CMD, SECUREBITS_FLAGS } from '../abi/prctl.ts';
import { UCONTEXT } from '../abi/signal.ts';
import type { FieldType, Struct } from '../abi/struct.ts';
import { TIMESPEC } from '../abi/time.ts';
import { GPR } from '../ring3/layout.ts';
import { argument } from './arguments.ts';
import {
  type Context,
  descriptor,
  failed,
  rawArg,
  rawHex,
  stringAt,
  unabbreviated,
  unfollowed,
} from './context.ts';
import {
  controlArgument,
  getFlags,
  type IpcControl,
  key,
  messageBuffer,
  semaphoreOperations,
} from './ipc.ts';
import { type ConstantStyle, fileMode, flagSet, hex, named, octal, pointer, quote, styled } from './print.ts';
import { signal, signalSet } from './signals.ts';
import { optionName, optionValue } from './sockets.ts';
import { anyStruct, epollEvent, type Fields, STRUCTS } from './structs.ts';
import { termios } from './termios.ts';

/** Writes a register whose type the command decides. */
type Kind = (ctx: Context, v: number) => string;

const s32 = (v: number): number => v | 0;
const decimal: Kind = (_ctx, v) => String(s32(v));
const unsigned: Kind = (_ctx, v) => String(v);
const hexadecimal: Kind = (_ctx, v) => hex(v);
const address: Kind = (_ctx, v) => pointer(v);
const signo: Kind = (ctx, v) => signal(s32(v), ctx.options.constants);
const string: Kind = (ctx, v) => stringAt(ctx, v);
const capability: Kind = (_ctx, v) => CAP_NAMES[v] ?? `${hex(v)} /* CAP_??? */`;
const flags =
  (table: Parameters<typeof flagSet>[1]): Kind =>
  (ctx, v) =>
    flagSet(v, table, ctx.options.constants);
const choice =
  (values: Readonly<Record<string, number>>, unknown: string): Kind =>
  (ctx, v) =>
    named(s32(v), values, unknown, ctx.options.constants);
/** Whether only the address is written: of nothing, of what the call has not filled, and by -e verbose=. */
const opaque = (ctx: Context, v: number, out: boolean): boolean =>
  v === 0 || unfollowed(ctx) || (out && (failed(ctx) || ctx.result === null));
/** Behind a pointer: written only when the call succeeded, if the call fills it. */
const struct =
  (s: Struct<Record<string, FieldType>>, out: boolean): Kind =>
  (ctx, v) => {
    if (opaque(ctx, v, out)) return pointer(v);
    const value = s.read(ctx.mm, v);
    return value === null ? hex(v) : (STRUCTS[s.name]?.(value as Fields, ctx) ?? anyStruct(value as Fields));
  };
const intAt =
  (out: boolean): Kind =>
  (ctx, v) => {
    if (opaque(ctx, v, out)) return pointer(v);
    const n = ctx.mm.readI32(v);
    return n === null ? hex(v) : `[${n}]`;
  };
const addressAt: Kind = (ctx, v) => {
  const at = opaque(ctx, v, true) ? null : ctx.mm.readU64(v);
  return at === null ? pointer(v) : `[${pointer(at)}]`;
};
const timespec = struct(TIMESPEC as unknown as Struct<Record<string, FieldType>>, false);

const generic = (s: unknown): Struct<Record<string, FieldType>> => s as Struct<Record<string, FieldType>>;

/** Arguments after the command, and which of them the call writes. */
interface Command {
  readonly kinds: readonly Kind[];
  readonly output?: boolean;
}
const takes = (...kinds: Kind[]): Command => ({ kinds });
const gives = (...kinds: Kind[]): Command => ({ kinds, output: true });
const byNumber = <T>(
  values: Readonly<Record<string, number>>,
  rows: Readonly<Record<string, T>>,
): Map<number, T> => new Map(Object.entries(rows).map(([name, row]) => [values[name] as number, row]));

const FCNTL = byNumber<Command>(FCNTL_COMMANDS, {
  F_DUPFD: takes(decimal),
  F_DUPFD_CLOEXEC: takes(decimal),
  F_GETFD: takes(),
  F_SETFD: takes(flags(FD_FLAGS)),
  F_GETFL: takes(),
  F_SETFL: takes(flags(OPEN_FLAGS)),
  F_GETLK: gives(struct(generic(FLOCK), true)),
  F_SETLK: takes(struct(generic(FLOCK), false)),
  F_SETLKW: takes(struct(generic(FLOCK), false)),
  F_OFD_GETLK: gives(struct(generic(FLOCK), true)),
  F_OFD_SETLK: takes(struct(generic(FLOCK), false)),
  F_OFD_SETLKW: takes(struct(generic(FLOCK), false)),
  F_GETOWN: takes(),
  F_SETOWN: takes(decimal),
  F_GETOWN_EX: gives(struct(generic(F_OWNER_EX), true)),
  F_SETOWN_EX: takes(struct(generic(F_OWNER_EX), false)),
  F_GETSIG: takes(),
  F_SETSIG: takes(signo),
  F_GETLEASE: takes(),
  F_GETPIPE_SZ: takes(),
  F_SETPIPE_SZ: takes(unsigned),
  F_GET_SEALS: takes(),
  F_ADD_SEALS: takes(flags(SEALS)),
});

const DUMPABLE = { SUID_DUMP_DISABLE: 0, SUID_DUMP_USER: 1, SUID_DUMP_ROOT: 2 } as const;
const VMA = { PR_SET_VMA_ANON_NAME: 0 } as const;
const PRCTL = byNumber<Command>(PR, {
  PR_SET_PDEATHSIG: takes(signo),
  PR_GET_PDEATHSIG: gives(intAt(true)),
  PR_GET_DUMPABLE: takes(),
  PR_SET_DUMPABLE: takes(choice(DUMPABLE, 'SUID_DUMP_???')),
  PR_GET_KEEPCAPS: takes(),
  PR_SET_KEEPCAPS: takes(unsigned),
  PR_SET_NAME: takes(string),
  PR_GET_NAME: gives((ctx, v) => (failed(ctx) || ctx.result === null ? pointer(v) : stringAt(ctx, v))),
  PR_GET_SECCOMP: takes(),
  PR_CAPBSET_READ: takes(capability),
  PR_CAPBSET_DROP: takes(capability),
  PR_GET_SECUREBITS: takes(),
  PR_SET_SECUREBITS: takes(flags(SECUREBITS_FLAGS)),
  PR_SET_TIMERSLACK: takes(unsigned),
  PR_GET_TIMERSLACK: takes(),
  PR_SET_CHILD_SUBREAPER: takes(unsigned),
  PR_GET_CHILD_SUBREAPER: gives(intAt(true)),
  PR_SET_NO_NEW_PRIVS: takes(unsigned, unsigned, unsigned, unsigned),
  PR_GET_NO_NEW_PRIVS: takes(unsigned, unsigned, unsigned, unsigned),
  PR_GET_TID_ADDRESS: gives(addressAt),
  PR_SET_THP_DISABLE: takes(unsigned, unsigned, unsigned, unsigned),
  PR_GET_THP_DISABLE: takes(unsigned, unsigned, unsigned, unsigned),
  PR_CAP_AMBIENT: takes(choice(PR_CAP_AMBIENT_CMD, 'PR_CAP_AMBIENT_???'), capability, unsigned, unsigned),
  PR_SET_VMA: takes(choice(VMA, 'PR_SET_VMA_???'), address, unsigned, string),
});

const ARCH_PRCTL = byNumber<Command>(ARCH, {
  ARCH_SET_FS: takes(hexadecimal),
  ARCH_SET_GS: takes(hexadecimal),
  ARCH_GET_FS: gives(addressAt),
  ARCH_GET_GS: gives(addressAt),
  ARCH_GET_CPUID: takes(),
});

/** After uaddr and op. */
const FUTEX_ROWS = byNumber<Command>(FUTEX, {
  FUTEX_WAIT: takes(unsigned, timespec),
  FUTEX_WAKE: takes(unsigned),
  FUTEX_FD: takes(signo),
  FUTEX_REQUEUE: takes(unsigned, unsigned, address),
  FUTEX_CMP_REQUEUE: takes(unsigned, unsigned, address, unsigned),
  FUTEX_WAKE_OP: takes(unsigned, unsigned, address, (_ctx, v) => wakeOp(v)),
  FUTEX_LOCK_PI: takes((ctx) => timespec(ctx, rawArg(ctx, 3))),
  FUTEX_LOCK_PI2: takes((ctx) => timespec(ctx, rawArg(ctx, 3))),
  FUTEX_UNLOCK_PI: takes(),
  FUTEX_TRYLOCK_PI: takes(),
  FUTEX_WAIT_BITSET: takes(unsigned, timespec, (ctx) => bitset(low32(ctx, 5))),
  FUTEX_WAKE_BITSET: takes(unsigned, (ctx) => bitset(low32(ctx, 5))),
  FUTEX_WAIT_REQUEUE_PI: takes(unsigned, timespec, (ctx) => pointer(rawArg(ctx, 4))),
  FUTEX_CMP_REQUEUE_PI: takes(unsigned, unsigned, address, unsigned),
});
const bitset = (v: number): string => (v === 0xffffffff ? 'FUTEX_BITSET_MATCH_ANY' : v === 0 ? '0' : hex(v));
const wakeOp = (v: number): string => {
  const ops = ['SET', 'ADD', 'OR', 'ANDN', 'XOR'];
  const compares = ['EQ', 'NE', 'LT', 'LE', 'GT', 'GE'];
  const op = (v >>> 28) & 7;
  const shift = (v >>> 28) & 8 ? 'FUTEX_OP_OPARG_SHIFT<<28|' : '';
  const arg = (v >>> 12) & 0xfff;
  const second = v & 0xfff;
  return `${shift}FUTEX_OP_${ops[op] ?? op}<<28|${arg === 0 ? '0' : hex(arg)}<<12|FUTEX_OP_CMP_${compares[(v >>> 24) & 15] ?? '?'}<<24|${second === 0 ? '0' : hex(second)}`;
};
const futexOp = (op: number, style: ConstantStyle = 'abbrev'): string => {
  const command = op & 127;
  const name = Object.entries(FUTEX).find(([, v]) => v === command)?.[0];
  const rest = op & ~(127 | 128 | 256);
  if (name === undefined || rest !== 0) return `${hex(op)} /* FUTEX_??? */`;
  const text = `${name}${op & 128 ? '_PRIVATE' : ''}${op & 256 ? '|FUTEX_CLOCK_REALTIME' : ''}`;
  return styled(style, op === 0 ? '0' : hex(op), text);
};

const winsize =
  (out: boolean): Kind =>
  (ctx, v) => {
    const b = opaque(ctx, v, out) ? null : ctx.mm.read(v, 8);
    if (b === null) return pointer(v);
    const w = (i: number): number => (b[i] as number) | ((b[i + 1] as number) << 8);
    return `{ws_row=${w(0)}, ws_col=${w(2)}, ws_xpixel=${w(4)}, ws_ypixel=${w(6)}}`;
  };
const terminal =
  (out: boolean): Kind =>
  (ctx, v) => {
    const b = opaque(ctx, v, out) ? null : ctx.mm.read(v, 36);
    return b === null ? pointer(v) : termios(b, unabbreviated(ctx), ctx.options.constants);
  };
const FLUSH = { TCIFLUSH: 0, TCOFLUSH: 1, TCIOFLUSH: 2 } as const;
const FLOW = { TCOOFF: 0, TCOON: 1, TCIOFF: 2, TCION: 3 } as const;
const IOCTL = byNumber<Command>(IOCTL_REQUESTS, {
  TCGETS: gives(terminal(true)),
  TCSETS: takes(terminal(false)),
  TCSETSW: takes(terminal(false)),
  TCSETSF: takes(terminal(false)),
  TIOCGWINSZ: gives(winsize(true)),
  TIOCSWINSZ: takes(winsize(false)),
  TIOCGPGRP: gives(intAt(true)),
  TIOCSPGRP: takes(intAt(false)),
  TIOCGSID: gives(intAt(true)),
  TIOCGPTN: gives(intAt(true)),
  TIOCSPTLCK: takes(intAt(false)),
  TIOCGPTPEER: takes(hexadecimal),
  TIOCSCTTY: takes(unsigned),
  TIOCNOTTY: takes(),
  TIOCOUTQ: gives(intAt(true)),
  TCFLSH: takes(choice(FLUSH, 'TC???FLUSH')),
  TCXONC: takes(choice(FLOW, 'TC???')),
  TCSBRK: takes(unsigned),
  FIONREAD: gives(intAt(true)),
  FIONBIO: takes(intAt(false)),
  FIOASYNC: takes(intAt(false)),
  FIOCLEX: takes(),
  FIONCLEX: takes(),
  FICLONE: takes((ctx, v) => descriptor(ctx, s32(v))),
});
/** strace shows every driver's name for a number that two use. */
const IOCTL_ALIASES: Readonly<Record<string, string>> = {
  TCSETS: 'SNDCTL_TMR_START or TCSETS',
  TCSETSW: 'SNDCTL_TMR_STOP or TCSETSW',
  TCSETSF: 'SNDCTL_TMR_CONTINUE or TCSETSF',
  FICLONE: 'BTRFS_IOC_CLONE or FICLONE',
  FICLONERANGE: 'BTRFS_IOC_CLONE_RANGE or FICLONERANGE',
  FIDEDUPERANGE: 'BTRFS_IOC_FILE_EXTENT_SAME or FIDEDUPERANGE',
};
const ioctlName = (request: number, style: ConstantStyle = 'abbrev'): string => {
  const name = Object.entries(IOCTL_REQUESTS).find(([, v]) => v === request)?.[0];
  if (name !== undefined) return styled(style, hex(request), IOCTL_ALIASES[name] ?? name);
  const directions = ['_IOC_NONE', '_IOC_WRITE', '_IOC_READ', '_IOC_READ|_IOC_WRITE'];
  const part = (v: number): string => (v === 0 ? '0' : hex(v));
  const text = `_IOC(${directions[request >>> 30]}, ${part((request >>> 8) & 255)}, ${part(request & 255)}, ${part((request >>> 16) & 0x3fff)})`;
  return styled(style, part(request), text);
};

/** Writes a multiplexer: the arguments before, the command's name, and the rest as the command's row says. */
const multiplexed = (
  ctx: Context,
  before: readonly string[],
  command: string,
  row: Command | undefined,
  from: number,
  unknown: number,
): string[] => {
  if (row !== undefined) {
    return [...before, command, ...row.kinds.map((kind, i) => kind(ctx, rawArg(ctx, from + i)))];
  }
  return [...before, command, ...Array.from({ length: unknown }, (_, i) => rawHex(ctx, from + i))];
};

const low32 = (ctx: Context, i: number): number => ctx.call.words[2 * i] as number;

const generatedMode = (flagsIndex: number): ((ctx: Context) => string[]) => {
  return (ctx) => {
    const shown = ctx.call.row.params.map((_, i) => argument(ctx, i));
    const makes = low32(ctx, flagsIndex) & (0o100 | 0o20000000);
    return makes ? shown : shown.slice(0, flagsIndex + 1);
  };
};

const CSIGNAL = 0xff;
const clone = (ctx: Context): string[] => {
  const value = low32(ctx, 0);
  const names = flagSet((value & ~CSIGNAL) >>> 0, CLONE_FLAGS, ctx.options.constants);
  const signo = value & CSIGNAL;
  const shown = [names === '0' ? '' : names, signo === 0 ? '' : signal(signo, ctx.options.constants)].filter(
    (s) => s !== '',
  );
  const out = [`child_stack=${pointer(rawArg(ctx, 1))}`, `flags=${shown.join('|') || '0'}`];
  const PARENT_SETTID = 0x100000;
  const CHILD_TIDS = 0x1200000;
  const SETTLS = 0x80000;
  if (value & (PARENT_SETTID | 0x1000)) {
    const made = ctx.result !== null && ctx.result > 0 && !unfollowed(ctx);
    const tid = made ? ctx.mm.readI32(rawArg(ctx, 2)) : null;
    out.push(`parent_tid=${tid === null ? pointer(rawArg(ctx, 2)) : `[${tid}]`}`);
  }
  if (value & SETTLS) out.push(`tls=${hex(rawArg(ctx, 4))}`);
  if (value & CHILD_TIDS) out.push(`child_tidptr=${pointer(rawArg(ctx, 3))}`);
  return out;
};

const mknod =
  (modeIndex: number) =>
  (ctx: Context): string[] => {
    const before = ctx.call.row.params.slice(0, modeIndex).map((_, i) => argument(ctx, i));
    const mode = low32(ctx, modeIndex) & 0xffff;
    const type = mode & 0o170000;
    const text = type === 0 ? octal(mode) : fileMode(mode, ctx.options.constants);
    const needsDevice = type === 0o020000 || type === 0o060000;
    return needsDevice ? [...before, text, argument(ctx, modeIndex + 1)] : [...before, text];
  };

/** The epoll_event that epoll_ctl takes; it takes none for EPOLL_CTL_DEL. */
const epollCtl = (ctx: Context): string[] => {
  const ops = { EPOLL_CTL_ADD: 1, EPOLL_CTL_DEL: 2, EPOLL_CTL_MOD: 3 };
  const at = rawArg(ctx, 3);
  const [events, low, high] = [ctx.mm.readU32(at), ctx.mm.readU32(at + 4), ctx.mm.readU32(at + 8)];
  const event =
    opaque(ctx, at, false) || low32(ctx, 1) === 2 || events === null || low === null || high === null
      ? pointer(at)
      : epollEvent(events, low, high, ctx.options.constants);
  return [
    argument(ctx, 0),
    named(low32(ctx, 1), ops, 'EPOLL_CTL_???', ctx.options.constants),
    argument(ctx, 2),
    event,
  ];
};

/** Calls that are not written argument by argument. `output` says whether some of it waits for the handler. */
interface Special {
  readonly write: (ctx: Context) => string[];
  /** How many of the parts can be written before the handler has run. */
  readonly early: (ctx: Context) => number;
}
const whole = (write: (ctx: Context) => string[]): Special => ({
  write,
  early: () => Number.POSITIVE_INFINITY,
});

export const SPECIAL: Readonly<Record<string, Special>> = {
  ioctl: {
    write: (ctx) =>
      multiplexed(
        ctx,
        [argument(ctx, 0)],
        ioctlName(low32(ctx, 1), ctx.options.constants),
        IOCTL.get(low32(ctx, 1)),
        2,
        1,
      ),
    early: (ctx) => (IOCTL.get(low32(ctx, 1))?.output ? 2 : 3),
  },
  fcntl: {
    write: (ctx) => {
      const cmd = low32(ctx, 1);
      return multiplexed(
        ctx,
        [argument(ctx, 0)],
        named(cmd, FCNTL_COMMANDS, 'F_???', ctx.options.constants),
        FCNTL.get(cmd),
        2,
        1,
      );
    },
    early: (ctx) => (FCNTL.get(low32(ctx, 1))?.output ? 2 : 3),
  },
  prctl: {
    write: (ctx) => {
      const cmd = low32(ctx, 0);
      return multiplexed(ctx, [], named(cmd, PR, 'PR_???', ctx.options.constants), PRCTL.get(cmd), 1, 4);
    },
    early: (ctx) => (PRCTL.get(low32(ctx, 0))?.output ? 1 : 5),
  },
  arch_prctl: {
    write: (ctx) => {
      const cmd = low32(ctx, 0);
      return multiplexed(
        ctx,
        [],
        named(cmd, ARCH, 'ARCH_???', ctx.options.constants),
        ARCH_PRCTL.get(cmd),
        1,
        1,
      );
    },
    early: (ctx) => (ARCH_PRCTL.get(low32(ctx, 0))?.output ? 1 : 2),
  },
  futex: whole((ctx) => {
    const op = low32(ctx, 1);
    const row = op & ~(127 | 128 | 256) ? undefined : FUTEX_ROWS.get(op & 127);
    if (row === undefined) {
      const rest = [pointer(rawArg(ctx, 3)), pointer(rawArg(ctx, 4)), rawHex(ctx, 5)];
      return [pointer(rawArg(ctx, 0)), futexOp(op, ctx.options.constants), String(low32(ctx, 2)), ...rest];
    }
    return multiplexed(ctx, [pointer(rawArg(ctx, 0))], futexOp(op, ctx.options.constants), row, 2, 0);
  }),
  open: whole(generatedMode(1)),
  openat: whole(generatedMode(2)),
  mq_open: whole(generatedMode(1)),
  clone: whole(clone),
  clone3: {
    early: () => 0,
    write: (ctx) => {
      const before = argument(ctx, 0);
      const addr = rawArg(ctx, 0);
      const parent = ctx.mm.readU64(addr + 24);
      const takesTid = ((ctx.mm.readU32(addr) ?? 0) & 0x100000) !== 0;
      const tid = ctx.result !== null && ctx.result > 0 && takesTid ? ctx.mm.readI32(parent ?? 0) : null;
      return [`${before}${tid === null ? '' : ` => {parent_tid=[${tid}]}`}`, String(rawArg(ctx, 1))];
    },
  },
  mremap: whole((ctx) => {
    const [MOVABLE, DONTUNMAP] = [3, 4];
    const flags = low32(ctx, 3);
    const count = (flags & MOVABLE) === MOVABLE || flags & DONTUNMAP ? 5 : 4;
    return ctx.call.row.params.slice(0, count).map((_, i) => argument(ctx, i));
  }),
  // strace does not look at these offsets again after the call.
  splice: whole((ctx) => ctx.call.row.params.map((_, i) => argument(ctx, i))),
  copy_file_range: whole((ctx) => ctx.call.row.params.map((_, i) => argument(ctx, i))),
  preadv: vectorAtOffset('preadv'),
  pwritev: vectorAtOffset('pwritev'),
  preadv2: vectorAtOffset('preadv2'),
  pwritev2: vectorAtOffset('pwritev2'),
  msgget: ipcGet(1),
  semget: ipcGet(2),
  shmget: ipcGet(2),
  msgctl: ipcControl('msgctl', 1),
  semctl: ipcControl('semctl', 2),
  shmctl: ipcControl('shmctl', 1),
  msgsnd: whole((ctx) => [
    argument(ctx, 0),
    messageBuffer(ctx, rawArg(ctx, 1), rawArg(ctx, 2)),
    argument(ctx, 2),
    argument(ctx, 3),
  ]),
  msgrcv: {
    write: (ctx) => {
      const came = !failed(ctx) && ctx.result !== null;
      const to = rawArg(ctx, 1);
      const message = came ? messageBuffer(ctx, to, rawArg(ctx, 2)) : pointer(to);
      return [argument(ctx, 0), message, ...[2, 3, 4].map((i) => argument(ctx, i))];
    },
    early: () => 1,
  },
  semop: whole((ctx) => [
    argument(ctx, 0),
    semaphoreOperations(ctx, rawArg(ctx, 1), low32(ctx, 2)),
    argument(ctx, 2),
  ]),
  semtimedop: whole((ctx) => [
    argument(ctx, 0),
    semaphoreOperations(ctx, rawArg(ctx, 1), low32(ctx, 2)),
    argument(ctx, 2),
    argument(ctx, 3),
  ]),
  set_mempolicy: whole((ctx) => [argument(ctx, 0), nodes(ctx, 1, 2), argument(ctx, 2)]),
  mbind: whole((ctx) => {
    const all = ctx.call.row.params.map((_, i) => argument(ctx, i));
    all[3] = nodes(ctx, 3, 4);
    return all;
  }),
  get_mempolicy: {
    write: (ctx) => {
      const [, , ...rest] = ctx.call.row.params.map((_, i) => argument(ctx, i));
      const [mode, mask] = [rawArg(ctx, 0), rawArg(ctx, 1)];
      const policy = opaque(ctx, mode, true) ? null : ctx.mm.readU32(mode);
      const name =
        policy === null ? pointer(mode) : `[${named(policy, MPOL, 'MPOL_???', ctx.options.constants)}]`;
      return [name, opaque(ctx, mask, true) ? pointer(mask) : nodes(ctx, 1, 2), ...rest];
    },
    early: () => 0,
  },
  membarrier: whole((ctx) => [0, 1].map((i) => argument(ctx, i))),
  mincore: {
    // One bit of each byte tells of a page; the others mean nothing.
    write: (ctx) => {
      const at = rawArg(ctx, 2);
      const pages = Math.ceil(rawArg(ctx, 1) / 4096);
      const n = Math.min(pages, ctx.options.maxString);
      const bytes = failed(ctx) || opaque(ctx, at, true) ? null : ctx.mm.read(at, n);
      const more = pages > n ? ', ...' : '';
      const text = bytes === null ? pointer(at) : `[${Array.from(bytes, (b) => b & 1).join(', ')}${more}]`;
      return [argument(ctx, 0), argument(ctx, 1), text];
    },
    early: () => 2,
  },
  epoll_pwait2: {
    write: (ctx) => {
      const all = ctx.call.row.params.map((_, i) => argument(ctx, i));
      // The timeout is looked at after the call only.
      if (failed(ctx)) all[3] = pointer(rawArg(ctx, 3));
      return all;
    },
    early: () => 1,
  },
  nanosleep: remaining(1),
  clock_nanosleep: remaining(3),
  personality: whole((ctx) => [low32(ctx, 0) === 0xffffffff ? '0xffffffff' : argument(ctx, 0)]),
  mknod: whole(mknod(1)),
  mknodat: whole(mknod(2)),
  epoll_ctl: whole(epollCtl),
  fchmodat: whole((ctx) => [0, 1, 2].map((i) => argument(ctx, i))),
  faccessat: whole((ctx) => [0, 1, 2].map((i) => argument(ctx, i))),
  openat2: whole((ctx) => {
    const fits = rawArg(ctx, 3) >= OPEN_HOW.size;
    const how = fits ? struct(generic(OPEN_HOW), false)(ctx, rawArg(ctx, 2)) : pointer(rawArg(ctx, 2));
    return [argument(ctx, 0), argument(ctx, 1), how, argument(ctx, 3)];
  }),
  capset: whole((ctx) =>
    [0, 1].map((i) => struct(generic(i === 0 ? CAP_HEADER : CAP_DATA), false)(ctx, rawArg(ctx, i))),
  ),
  capget: {
    write: (ctx) => [struct(generic(CAP_HEADER), false)(ctx, rawArg(ctx, 0)), argument(ctx, 1)],
    early: () => 1,
  },
  pselect6: whole((ctx) => {
    const at = rawArg(ctx, 5);
    const [set, size] = [ctx.mm.readU64(at), ctx.mm.readU64(at + 8)];
    const [low, high] = [ctx.mm.readU32(set ?? 0), ctx.mm.readU32((set ?? 0) + 4)];
    const mask =
      low === null || high === null ? pointer(set ?? 0) : signalSet(low, high, ctx.options.constants);
    const last = at === 0 || size === null ? pointer(at) : `{sigmask=${mask}, sigsetsize=${size}}`;
    return [...[0, 1, 2, 3, 4].map((i) => argument(ctx, i)), last];
  }),
  rseq: whole((ctx) => {
    const flag = low32(ctx, 2);
    return [pointer(rawArg(ctx, 0)), hex(low32(ctx, 1)), flag === 0 ? '0' : hex(flag), hex(low32(ctx, 3))];
  }),
  rt_sigreturn: whole((ctx) => {
    const frame = ctx.result === null ? ctx.task.kernel.cpu.gpr(GPR.rsp) + UCONTEXT.sigmask : 0;
    const [low, high] = [ctx.mm.readU32(frame), ctx.mm.readU32(frame + 4)];
    return low === null || high === null ? [] : [`{mask=${signalSet(low, high, ctx.options.constants)}}`];
  }),
  getsockopt: {
    write: (ctx) => {
      const n = failed(ctx) || ctx.result === null ? 0 : (ctx.mm.readI32(rawArg(ctx, 4)) ?? 0);
      return [...option(ctx), optionValue(ctx, rawArg(ctx, 3), n, false), argument(ctx, 4)];
    },
    early: () => 3,
  },
  setsockopt: whole((ctx) => {
    const length = s32(low32(ctx, 4));
    return [...option(ctx), optionValue(ctx, rawArg(ctx, 3), length, true), String(length)];
  }),
  listxattr: listed(1),
  llistxattr: listed(1),
  flistxattr: listed(1),
};

/** A set of NUMA nodes in words; the highest node counts as one more than there are. */
function nodes(ctx: Context, maskIndex: number, countIndex: number): string {
  const at = rawArg(ctx, maskIndex);
  const bits = rawArg(ctx, countIndex) - 1;
  if (bits === 0 || opaque(ctx, at, false)) return pointer(at);
  const words = Math.max(0, Math.ceil(bits / 64));
  const b = words > 1024 ? null : ctx.mm.read(at, 8 * words);
  if (b === null) return pointer(at);
  const dv = new DataView(b.buffer, b.byteOffset, b.length);
  const word = (i: number): string => {
    const v = dv.getBigUint64(8 * i, true);
    return v === 0n ? '0'.repeat(16) : `0x${v.toString(16).padStart(14, '0')}`;
  };
  return `[${Array.from({ length: words }, (_, i) => word(i)).join(', ')}]`;
}

function ipcGet(flagsIndex: number): Special {
  return whole((ctx) => {
    const flags = getFlags(ctx, low32(ctx, flagsIndex), ctx.call.row.name === 'shmget');
    return [key(ctx, low32(ctx, 0)), ...(flagsIndex === 2 ? [argument(ctx, 1)] : []), flags];
  });
}

function ipcControl(call: IpcControl, commandIndex: number): Special {
  return {
    write: (ctx) => {
      const before = ctx.call.row.params.slice(0, commandIndex + 1).map((_, i) => argument(ctx, i));
      const v = rawArg(ctx, commandIndex + 1);
      return [...before, controlArgument(ctx, call, low32(ctx, commandIndex), v)];
    },
    early: (ctx) => (low32(ctx, commandIndex) === 1 ? commandIndex + 2 : commandIndex + 1),
  };
}

function option(ctx: Context): string[] {
  return [
    argument(ctx, 0),
    argument(ctx, 1),
    optionName(low32(ctx, 1), low32(ctx, 2), ctx.options.constants),
  ];
}

/** The time that is left is written only by a sleep that was interrupted. */
function remaining(i: number): Special {
  return {
    write: (ctx) => {
      const before = ctx.call.row.params.slice(0, i).map((_, k) => argument(ctx, k));
      const wrote = ctx.result === -4 || ctx.result === -516;
      const at = rawArg(ctx, i);
      return [...before, wrote ? timespec({ ...ctx, result: 0 }, at) : pointer(at)];
    },
    early: () => i,
  };
}

/** The upper half of the offset is not written: the lower one has all of it. */
function vectorAtOffset(name: string): Special {
  const reads = name.startsWith('pread');
  return {
    write: (ctx) => ctx.call.row.params.flatMap((_, i) => (i === 4 ? [] : [argument(ctx, i)])),
    early: () => (reads ? 1 : Number.POSITIVE_INFINITY),
  };
}

function listed(i: number): Special {
  return {
    write: (ctx) => {
      const v = rawArg(ctx, i);
      const bytes = failed(ctx) || ctx.result === null ? null : ctx.mm.read(v, ctx.result);
      const text =
        bytes === null || v === 0 || rawArg(ctx, i + 1) === 0
          ? pointer(v)
          : quote(bytes, ctx.options.maxString, ctx.options.hexStrings);
      return [argument(ctx, 0), text, String(rawArg(ctx, i + 1))];
    },
    early: () => i,
  };
}
