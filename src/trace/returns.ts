// What stands behind the equals sign: the value in the row's form, the error with its text, and the few calls
// whose result explains itself (poll's ready descriptors, F_GETFL's flags).

import { errnoName } from '../abi/errno.ts';
import { FD_FLAGS, LOCK_TYPES, OPEN_FLAGS, SEALS } from '../abi/fcntl.ts';
import { SCHED } from '../abi/sched.ts';
import { strerror } from '../abi/strerror.ts';
import { TIME_ERROR } from '../abi/time.ts';
import type { FlagTable } from '../gate/codec.ts';
import { argNamed, type Context, descriptor, processId, rawArg, unfollowed } from './context.ts';
import { flagSet, hex, named, octal } from './print.ts';
import { signal } from './signals.ts';
import { timespec } from './structs.ts';

export const POLL_EVENTS: FlagTable = {
  unknown: 'POLL???',
  bits: {
    POLLIN: 0x1,
    POLLPRI: 0x2,
    POLLOUT: 0x4,
    POLLERR: 0x8,
    POLLHUP: 0x10,
    POLLNVAL: 0x20,
    POLLRDNORM: 0x40,
    POLLRDBAND: 0x80,
    POLLWRNORM: 0x100,
    POLLWRBAND: 0x200,
    POLLMSG: 0x400,
    POLLREMOVE: 0x1000,
    POLLRDHUP: 0x2000,
    POLL_BUSY_LOOP: 0x8000,
  },
};

/** The kernel's codes for interrupted calls (linux/errno.h), as strace explains them. */
const RESTART_TEXTS: Readonly<Record<number, string>> = {
  512: 'ERESTARTSYS (To be restarted if SA_RESTART is set)',
  513: 'ERESTARTNOINTR (To be restarted)',
  514: 'ERESTARTNOHAND (To be restarted if no handler)',
  516: 'ERESTART_RESTARTBLOCK (Interrupted by signal)',
};

/** Error as strace names it: `ENOENT (No such file or directory)`. */
export const errorText = (errno: number): string => {
  const name = errnoName(errno);
  return name === undefined ? `(errno ${errno})` : `${name} (${strerror(name)})`;
};

const left = (ctx: Context, i: number): string => {
  const addr = rawArg(ctx, i);
  const sec = addr === 0 ? null : ctx.mm.readI64(addr);
  const nsec = addr === 0 ? null : ctx.mm.readI64(addr + 8);
  return sec === null || nsec === null ? '' : `left ${timespec(sec, nsec)}`;
};

/** poll: the descriptors that are ready, and for ppoll the time that is left. */
const pollResult = (ctx: Context, count: number, timeout: number | null): string => {
  if (count === 0) return ' (Timeout)';
  const fds = rawArg(ctx, 0);
  const ready: string[] = [];
  for (let i = 0; i < rawArg(ctx, 1) && ready.length < count; i++) {
    const fd = ctx.mm.readI32(fds + 8 * i);
    const revents = ctx.mm.readU16(fds + 8 * i + 6);
    if (fd === null || revents === null) break;
    if (revents !== 0)
      ready.push(`{fd=${fd}, revents=${flagSet(revents, POLL_EVENTS, ctx.options.constants)}}`);
  }
  const time = timeout === null ? '' : left(ctx, timeout);
  return ` ([${ready.join(', ')}]${time === '' ? '' : `, ${time}`})`;
};

const selectResult = (ctx: Context, count: number, time: string): string => {
  if (count === 0) return ' (Timeout)';
  const sets = ['in', 'out', 'except'].flatMap((name, i) => {
    const addr = rawArg(ctx, i + 1);
    if (addr === 0) return [];
    const n = Math.min(rawArg(ctx, 0), 1024);
    const bytes = ctx.mm.read(addr, Math.ceil(n / 64) * 8);
    if (bytes === null) return [];
    const members: string[] = [];
    for (let fd = 0; fd < n; fd++) {
      if (((bytes[fd >> 3] ?? 0) >> (fd & 7)) & 1) members.push(descriptor(ctx, fd));
    }
    return members.length === 0 ? [] : [`${name} [${members.join(' ')}]`];
  });
  return ` (${[...sets, ...(time === '' ? [] : [time])].join(', ')})`;
};
const leftTimeval = (ctx: Context): string => left(ctx, 4).replace('tv_nsec', 'tv_usec');

const DUMPABLE = { SUID_DUMP_DISABLE: 0, SUID_DUMP_USER: 1, SUID_DUMP_ROOT: 2 } as const;

const CLOCK_STATES = { TIME_OK: 0, TIME_ERROR } as const;
const clockState = (r: number): string => ` (${named(r, CLOCK_STATES, 'TIME_???')})`;

/** Text behind the value, by call. */
const NOTES: Readonly<Record<string, (ctx: Context, r: number) => string>> = {
  poll: (ctx, r) => pollResult(ctx, r, null),
  ppoll: (ctx, r) => pollResult(ctx, r, 2),
  adjtimex: (_ctx, r) => clockState(r),
  clock_adjtime: (_ctx, r) => clockState(r),
  recvmmsg: (ctx, r) => (r === 0 ? ' (Timeout)' : rawArg(ctx, 4) === 0 ? '' : ` (${left(ctx, 4)})`),
  select: (ctx, r) => selectResult(ctx, r, leftTimeval(ctx)),
  pselect6: (ctx, r) => selectResult(ctx, r, left(ctx, 4)),
  rt_sigtimedwait: (_ctx, r) => ` (${signal(r)})`,
  sched_getscheduler: (_ctx, r) => ` (${named(r, SCHED, 'SCHED_???')})`,
  prctl: (ctx, r) => (rawArg(ctx, 0) === 3 ? ` (${named(r, DUMPABLE, 'SUID_DUMP_???')})` : ''),
  personality: (_ctx, r) => (r === 0 ? ' (PER_LINUX)' : ''),
  fcntl: (ctx, r) => {
    const cmd = argNamed(ctx, ctx.call.row.params[1]?.name ?? '');
    if (cmd === 1) return r === 0 ? '' : ` (flags ${flagSet(r, FD_FLAGS)})`;
    if (cmd === 3) return ` (flags ${flagSet(r, OPEN_FLAGS)})`;
    if (cmd === 1025) return ` (${named(r, LOCK_TYPES, 'F_???')})`;
    if (cmd === 11) return r === 0 ? '' : ` (${signal(r)})`;
    if (cmd === 1034) return r === 0 ? '' : ` (seals ${flagSet(r, SEALS)})`;
    return '';
  },
};

/** Notes that tell what the call wrote. */
const BEHIND_POINTERS: ReadonlySet<string> = new Set([
  'poll',
  'ppoll',
  'adjtimex',
  'clock_adjtime',
  'recvmmsg',
  'select',
  'pselect6',
]);

const inHex = (ctx: Context): boolean => {
  if (ctx.call.row.name !== 'fcntl') return false;
  const cmd = argNamed(ctx, ctx.call.row.params[1]?.name ?? '');
  return cmd === 1 || cmd === 3 || cmd === 1025 || cmd === 1034;
};

/** The result of a call: `3`, `0x7f00`, `-1 ENOENT (No such file or directory)`, `?`. */
export const resultText = (ctx: Context): string => {
  const r = ctx.result;
  if (r === null) return '?';
  if (r < 0 && r >= -4095) {
    const restart = RESTART_TEXTS[-r];
    return restart === undefined ? `-1 ${errorText(-r)}` : `? ${restart}`;
  }
  const { row } = ctx.call;
  if (ctx.options.raw?.(row)) return r === 0 ? '0' : hex(r);
  const hidden = BEHIND_POINTERS.has(row.name) && unfollowed(ctx);
  const note = hidden ? '' : (NOTES[row.name]?.(ctx, r) ?? '');
  if (inHex(ctx)) return (r === 0 ? '0' : hex(r)) + note;
  switch (row.meta.returns) {
    case 'pid':
      return processId(ctx, r) + note;
    case 'fd':
      return descriptor(ctx, r) + note;
    case 'addr':
    case 'hex':
      return (r === 0 && row.meta.returns === 'hex' ? '0' : hex(r)) + note;
    case 'octal':
      return octal(r) + note;
    default:
      return String(r) + note;
  }
};
