// The multiplexers (ioctl, fcntl, prctl, arch_prctl, futex): a row for each command says what its arguments are.

import { CAP_NAMES } from '../abi/capability.ts';
import { F_OWNER_EX, FCNTL_COMMANDS, FD_FLAGS, FLOCK, OPEN_FLAGS, SEALS } from '../abi/fcntl.ts';
import { FUTEX } from '../abi/futex.ts';
import { IOCTL_REQUESTS } from '../abi/ioctl.ts';
import { ARCH, PR, PR_CAP_AMBIENT_CMD, SECUREBITS_FLAGS } from '../abi/prctl.ts';
import type { FieldType, Struct } from '../abi/struct.ts';
import { TIMESPEC } from '../abi/time.ts';
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
import { type ConstantStyle, flagSet, hex, named, pointer, styled } from './print.ts';
import { signal } from './signals.ts';
import { anyStruct, type Fields, STRUCTS } from './structs.ts';
import { termios } from './termios.ts';

/** The lower half of an argument as it is in its register. */
export const low32 = (ctx: Context, i: number): number => ctx.call.words[2 * i] as number;

/** Writes a register whose type the command decides. */
type Kind = (ctx: Context, v: number) => string;

export const s32 = (v: number): number => v | 0;
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
export const opaque = (ctx: Context, v: number, out: boolean): boolean =>
  v === 0 || unfollowed(ctx) || (out && (failed(ctx) || ctx.result === null));
/** Behind a pointer: written only when the call succeeded, if the call fills it. */
export const struct =
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
export const generic = (s: unknown): Struct<Record<string, FieldType>> =>
  s as Struct<Record<string, FieldType>>;
export const timespec = struct(generic(TIMESPEC), false);

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

export const FCNTL = byNumber<Command>(FCNTL_COMMANDS, {
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
export const PRCTL = byNumber<Command>(PR, {
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

export const ARCH_PRCTL = byNumber<Command>(ARCH, {
  ARCH_SET_FS: takes(hexadecimal),
  ARCH_SET_GS: takes(hexadecimal),
  ARCH_GET_FS: gives(addressAt),
  ARCH_GET_GS: gives(addressAt),
  ARCH_GET_CPUID: takes(),
});

/** After uaddr and op. */
export const FUTEX_ROWS = byNumber<Command>(FUTEX, {
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
export const futexOp = (op: number, style: ConstantStyle = 'abbrev'): string => {
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
export const IOCTL = byNumber<Command>(IOCTL_REQUESTS, {
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
export const ioctlName = (request: number, style: ConstantStyle = 'abbrev'): string => {
  const name = Object.entries(IOCTL_REQUESTS).find(([, v]) => v === request)?.[0];
  if (name !== undefined) return styled(style, hex(request), IOCTL_ALIASES[name] ?? name);
  const directions = ['_IOC_NONE', '_IOC_WRITE', '_IOC_READ', '_IOC_READ|_IOC_WRITE'];
  const part = (v: number): string => (v === 0 ? '0' : hex(v));
  const text = `_IOC(${directions[request >>> 30]}, ${part((request >>> 8) & 255)}, ${part(request & 255)}, ${part((request >>> 16) & 0x3fff)})`;
  return styled(style, part(request), text);
};

/** Writes a multiplexer: the arguments before, the command's name, and the rest as the command's row says. */
export const multiplexed = (
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
