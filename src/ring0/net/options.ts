// Options at SOL_SOCKET (socket(7); net/core/sock.c): buffer sizes, timeouts, and flags that are kept for whom they
// concern. What only one family knows is asked of it first.

import { EDOM, EFAULT, EINVAL, ENOPROTOOPT, ENOTCONN, EOPNOTSUPP, EPERM, ERANGE } from '../../abi/errno.ts';
import { LINGER, SO, SOL_SOCKET } from '../../abi/socket.ts';
import { TIMESPEC, TIMEVAL } from '../../abi/time.ts';
import { type Clock, realtime } from '../clock.ts';
import type { Task } from '../task/types.ts';
import { capable } from '../vfs/perm.ts';
import { DEFAULT_BUFFER } from './limits.ts';
import type { ControlMessage, Socket, SocketOptions } from './types.ts';

const MIN_SNDBUF = 4608;
const MIN_RCVBUF = 2304;
const INT_MAX = 2 ** 31 - 1;
const CAP_NET_ADMIN = 12;
/** Priorities that need no capability. */
const MAX_PRIORITY = 6;
/** A tick: timeouts are told in whole ones. */
const TICK_NS = 4e6;

export const defaultOptions = (): SocketOptions => ({
  sndbuf: DEFAULT_BUFFER,
  rcvbuf: DEFAULT_BUFFER,
  rcvlowat: 1,
  rcvtimeo: null,
  sndtimeo: null,
  linger: { onoff: 0, linger: 0 },
  plain: new Map(),
});

const int = (v: number): Uint8Array => new Uint8Array(new Int32Array([v]).buffer);

/** Flags: anything but 0 is 1. */
const BOOLEANS: ReadonlySet<number> = new Set([
  SO.SO_DEBUG,
  SO.SO_REUSEADDR,
  SO.SO_DONTROUTE,
  SO.SO_BROADCAST,
  SO.SO_KEEPALIVE,
  SO.SO_OOBINLINE,
  SO.SO_NO_CHECK,
  SO.SO_PASSCRED,
  SO.SO_PASSPIDFD,
  SO.SO_RXQ_OVFL,
  SO.SO_SELECT_ERR_QUEUE,
  // About frames, marks and labels that nothing here has.
  SO.SO_NOFCS,
  SO.SO_PASSSEC,
  SO.SO_RCVMARK,
]);

/** Options that ask for the time at which a message was received, with the nanosecond or without: the last one holds. */
const STAMPS: ReadonlySet<number> = new Set([
  SO.SO_TIMESTAMP_OLD,
  SO.SO_TIMESTAMPNS_OLD,
  SO.SO_TIMESTAMP_NEW,
  SO.SO_TIMESTAMPNS_NEW,
]);

/** The option of the time that receives tell, which is the type of their control message, too; 0 for none. */
const stampOf = ({ plain }: SocketOptions): number => plain.get(SO.SO_TIMESTAMP_OLD) ?? 0;

/** Whether an option is told as on. The newer one without nanoseconds is, with either of the newer ones. */
const stamps = (chosen: number, name: number): boolean =>
  chosen === name || (name === SO.SO_TIMESTAMP_NEW && chosen === SO.SO_TIMESTAMPNS_NEW);

/** The control message with the time of a receive; null when nobody asked for it. */
export const receiveStamp = (s: Socket, clock: Clock): ControlMessage | null => {
  const type = stampOf(s.options);
  if (type === 0) return null;
  const { sec, nsec } = realtime(clock);
  const exact = type === SO.SO_TIMESTAMPNS_OLD || type === SO.SO_TIMESTAMPNS_NEW;
  const data = exact
    ? TIMESPEC.encode({ sec, nsec })
    : TIMEVAL.encode({ sec, usec: Math.floor(nsec / 1000) });
  return { level: SOL_SOCKET, type, data };
};

const timeval = (ns: number | null): Uint8Array => {
  const usec = ns === null ? 0 : (Math.ceil(ns / TICK_NS) * TICK_NS) / 1000;
  return TIMEVAL.encode({ sec: Math.floor(usec / 1e6), usec: usec % 1e6 });
};

const generic = (s: Socket, name: number): Uint8Array | number => {
  const { options } = s;
  if (BOOLEANS.has(name)) return int(options.plain.get(name) ?? 0);
  if (STAMPS.has(name)) return int(stamps(stampOf(options), name) ? 1 : 0);
  switch (name) {
    case SO.SO_TYPE:
      return int(s.type);
    case SO.SO_DOMAIN:
      return int(s.family);
    case SO.SO_PROTOCOL:
      return int(s.protocol);
    case SO.SO_ERROR: {
      const { error } = s;
      s.error = 0;
      return int(error);
    }
    case SO.SO_SNDBUF:
      return int(options.sndbuf);
    case SO.SO_RCVBUF:
      return int(options.rcvbuf);
    case SO.SO_PRIORITY:
      return int(options.plain.get(name) ?? 0);
    case SO.SO_LINGER:
      return LINGER.encode(options.linger);
    case SO.SO_BSDCOMPAT:
    case SO.SO_REUSEPORT:
    case SO.SO_MARK:
      return int(0);
    case SO.SO_RCVLOWAT:
      return int(options.rcvlowat);
    case SO.SO_SNDLOWAT:
      return int(1);
    case SO.SO_RCVTIMEO_OLD:
    case SO.SO_RCVTIMEO_NEW:
      return timeval(options.rcvtimeo);
    case SO.SO_SNDTIMEO_OLD:
    case SO.SO_SNDTIMEO_NEW:
      return timeval(options.sndtimeo);
    case SO.SO_ACCEPTCONN:
      return int(s.listening ? 1 : 0);
    default:
      return -ENOPROTOOPT;
  }
};

export const getOption = (
  task: Task,
  s: Socket,
  level: number,
  name: number,
  at: number,
  lengthAt: number,
): number => {
  const given = task.mm.readI32(lengthAt);
  if (given === null) return -EFAULT;
  if (given < 0) return -EINVAL;
  const own = s.ops.getOption?.(task, level, name) ?? null;
  if (own === null && level !== SOL_SOCKET) return -EOPNOTSUPP;
  const value = own ?? (name === SO.SO_PEERNAME ? s.ops.name(true) : generic(s, name));
  if (typeof value === 'number') return name === SO.SO_PEERNAME ? -ENOTCONN : value;
  if (name === SO.SO_PEERNAME && value.length < given) return -EINVAL;
  if (name === SO.SO_PEERGROUPS && value.length > given) {
    return task.mm.writeU32(lengthAt, value.length) ? -ERANGE : -EFAULT;
  }
  const n = Math.min(given, value.length);
  return task.mm.write(at, value, 0, n) && task.mm.writeU32(lengthAt, n) ? 0 : -EFAULT;
};

const setTimeout = (options: SocketOptions, which: 'rcvtimeo' | 'sndtimeo', value: Uint8Array): number => {
  if (value.length < TIMEVAL.size) return -EINVAL;
  const { sec, usec } = TIMEVAL.decode(value);
  if (usec < 0 || usec >= 1e6) return -EDOM;
  options[which] = sec < 0 ? 0 : sec === 0 && usec === 0 ? null : sec * 1e9 + usec * 1e3;
  return 0;
};

/** The size that getsockopt tells is twice what was asked for, so that the kernel's own records have room. */
const bufferSize = (v: number, least: number, forced: boolean): number =>
  Math.max(Math.min(v, forced ? INT_MAX >> 1 : DEFAULT_BUFFER) * 2, least);

export const setOption = (
  task: Task,
  s: Socket,
  level: number,
  name: number,
  at: number,
  length: number,
): number => {
  if (length < 0) return -EINVAL;
  const value = task.mm.read(at, Math.min(length, 64));
  const own = value === null ? null : (s.ops.setOption?.(task, level, name, value) ?? null);
  if (own !== null) return own;
  if (level !== SOL_SOCKET) return -EOPNOTSUPP;
  if (length < 4) return -EINVAL;
  if (value === null) return -EFAULT;
  const { options } = s;
  const v = new DataView(value.buffer, value.byteOffset).getInt32(0, true);
  const admin = capable(task.cred, CAP_NET_ADMIN);
  if (BOOLEANS.has(name)) {
    if (name === SO.SO_DEBUG && v !== 0 && !admin) return -EPERM;
    options.plain.set(name, v === 0 ? 0 : 1);
    return 0;
  }
  if (STAMPS.has(name)) {
    options.plain.set(SO.SO_TIMESTAMP_OLD, v === 0 ? 0 : name);
    return 0;
  }
  // A negative size is a very large one, but for the forced kind.
  const asked = v < 0 ? INT_MAX : v;
  switch (name) {
    case SO.SO_SNDBUFFORCE:
    case SO.SO_RCVBUFFORCE:
      if (!admin) return -EPERM;
      if (name === SO.SO_SNDBUFFORCE) options.sndbuf = bufferSize(Math.max(v, 0), MIN_SNDBUF, true);
      else options.rcvbuf = bufferSize(Math.max(v, 0), MIN_RCVBUF, true);
      s.ops.resized?.();
      return 0;
    case SO.SO_SNDBUF:
      options.sndbuf = bufferSize(asked, MIN_SNDBUF, false);
      s.ops.resized?.();
      return 0;
    case SO.SO_RCVBUF:
      options.rcvbuf = bufferSize(asked, MIN_RCVBUF, false);
      return 0;
    case SO.SO_PRIORITY:
      if ((v < 0 || v > MAX_PRIORITY) && !admin) return -EPERM;
      options.plain.set(name, v);
      return 0;
    case SO.SO_LINGER:
      if (length < LINGER.size) return -EINVAL;
      options.linger = LINGER.decode(value);
      if (options.linger.onoff !== 0) options.linger.onoff = 1;
      return 0;
    case SO.SO_RCVLOWAT:
      options.rcvlowat = v < 0 ? INT_MAX : v || 1;
      return 0;
    case SO.SO_RCVTIMEO_OLD:
    case SO.SO_RCVTIMEO_NEW:
      return setTimeout(options, 'rcvtimeo', value);
    case SO.SO_SNDTIMEO_OLD:
    case SO.SO_SNDTIMEO_NEW:
      return setTimeout(options, 'sndtimeo', value);
    case SO.SO_BSDCOMPAT:
      return 0;
    case SO.SO_REUSEPORT:
      return v === 0 ? 0 : -EOPNOTSUPP;
    case SO.SO_MARK:
      return admin && v === 0 ? 0 : -EPERM;
    default:
      return -ENOPROTOOPT;
  }
};
