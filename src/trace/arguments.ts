// How each type of argument (gate/codec.ts) is written. Output arguments are written once the handler has run,
// as their address when the call failed.

import { AT_FDCWD } from '../abi/fcntl.ts';
import { SIGINFO_BYTES } from '../abi/signal.ts';
import type { FieldType, Struct } from '../abi/struct.ts';
import { TIMESPEC, TIMEVAL } from '../abi/time.ts';
import { UNREADABLE } from '../gate/call.ts';
import type { Codec, FlagTable } from '../gate/codec.ts';
import {
  argNamed,
  type Context,
  descriptor,
  directory,
  failed,
  processId,
  rawArg,
  rawHex,
  signed64At,
  unabbreviated,
  unfollowed,
} from './context.ts';
import {
  device,
  fileMode,
  flagSet,
  hex,
  named,
  octal,
  pointer,
  quote,
  quoteHex,
  quoteString,
} from './print.ts';
import { POLL_EVENTS } from './returns.ts';
import { siginfoBytes, signal, signalSet, waitStatus } from './signals.ts';
import {
  lengthsBefore,
  message,
  messages,
  socketAddress,
  socketLength,
  socketProtocol,
  socketType,
} from './sockets.ts';
import { anyStruct, epollEvent, type Fields, fileTime, STRUCTS, timespec, timeval } from './structs.ts';

/** Writes one argument. `v` is its decoded value; that of a pointer is the address. */
type Printer = (ctx: Context, v: number, param: Codec<unknown>) => string;

/** Arrays are cut like strings, after -s elements. */
const list = (ctx: Context, count: number, one: (i: number) => string | null): string => {
  const out: string[] = [];
  for (let i = 0; i < count; i++) {
    if (i >= ctx.options.maxString) {
      out.push('...');
      break;
    }
    const text = one(i);
    if (text === null) {
      out.push('...');
      break;
    }
    out.push(text);
  }
  return `[${out.join(', ')}]`;
};

/** Values of attributes beyond it are not looked at (limits.h). */
const XATTR_SIZE_MAX = 65536;

/** Bytes at an address, in quotes; the address when they cannot be read. */
const bytesAt = (ctx: Context, addr: number, n: number, forceHex = false): string => {
  if (addr === 0) return 'NULL';
  if (n > XATTR_SIZE_MAX && ctx.call.row.name.endsWith('setxattr')) return hex(addr);
  const max = ctx.options.maxString;
  const bytes = ctx.mm.read(addr, Math.min(n, max + 1));
  if (bytes === null) return hex(addr);
  return forceHex ? quoteHex(bytes, max) : quote(bytes, max, ctx.options.hexStrings);
};

const structAt = (ctx: Context, addr: number, s: Struct<Record<string, FieldType>>): string => {
  if (addr === 0) return 'NULL';
  if (s.name === 'siginfo') {
    const bytes = ctx.mm.read(addr, SIGINFO_BYTES);
    return bytes === null ? hex(addr) : siginfoBytes(bytes, ctx.options.constants);
  }
  const value = s.read(ctx.mm, addr);
  return value === null ? hex(addr) : structText(ctx, s.name, value as Fields);
};
const structText = (ctx: Context, name: string, value: Fields): string =>
  STRUCTS[name]?.(value, ctx) ?? anyStruct(value);

/** How many bytes of a buffer the call has: an output's are those that the result says. */
const lengthOf = (ctx: Context, param: Codec<unknown>): number => {
  if (param.direction !== 'in') return ctx.result ?? 0;
  const { length } = param.shape as { length: string | number };
  return typeof length === 'number' ? length : argNamed(ctx, length);
};
const countOf = (ctx: Context, param: Codec<unknown>): number => {
  const shape = param.shape as { count?: string } | null;
  return shape?.count === undefined ? (ctx.result ?? 0) : argNamed(ctx, shape.count);
};

/** So many that their bytes are more than the address space. */
const MOST_VECTORS = 2 ** 60;
const iovec: Printer = (ctx, addr, param) => {
  if (addr === 0) return 'NULL';
  const count = countOf(ctx, param);
  if (count > MOST_VECTORS || (count > 0 && ctx.mm.readU64(addr) === null)) return hex(addr);
  const unread = param.direction !== 'in' && failed(ctx);
  let left = param.direction === 'in' ? Number.POSITIVE_INFINITY : (ctx.result ?? 0);
  return list(ctx, count, (i) => {
    const base = ctx.mm.readU64(addr + 16 * i);
    const length = ctx.mm.readU64(addr + 16 * i + 8);
    if (base === null || length === null) return null;
    const shown = Math.min(length, left);
    left -= shown;
    return `{iov_base=${unread ? pointer(base) : bytesAt(ctx, base, shown)}, iov_len=${length}}`;
  });
};

/** argv, whole; the environment only as a count, unless nothing is to be abbreviated. */
const strings: Printer = (ctx, addr, param) => {
  if (addr === 0) return 'NULL';
  const at: number[] = [];
  const { maxString, hexStrings } = ctx.options;
  for (let i = 0; ; i++) {
    const p = ctx.mm.readU64(addr + 8 * i);
    if (p === null) return hex(addr);
    if (p === 0) break;
    at.push(p);
  }
  if (param.name.startsWith('env') && !unabbreviated(ctx))
    return `${hex(addr)} /* ${at.length} var${at.length === 1 ? '' : 's'} */`;
  return list(ctx, at.length, (i) => {
    const from = at[i] as number;
    const s = ctx.mm.readString(from, 131072);
    if (typeof s === 'string') return quoteString(s, maxString, hexStrings);
    // Too long for the kernel, or its end cannot be read: the beginning may be.
    const start = ctx.mm.read(from, maxString + 1);
    return start === null ? hex(from) : quote(start, maxString, hexStrings);
  });
};

const sigset: Printer = (ctx, addr) => {
  if (addr === 0) return 'NULL';
  const low = ctx.mm.readU32(addr);
  const high = ctx.mm.readU32(addr + 4);
  return low === null || high === null ? hex(addr) : signalSet(low, high, ctx.options.constants);
};

const WORD = {
  s32: (ctx: Context, a: number) => ctx.mm.readI32(a)?.toString() ?? null,
  u32: (ctx: Context, a: number) => ctx.mm.readU32(a)?.toString() ?? null,
  u64: (ctx: Context, a: number) => {
    const v = ctx.mm.readU64(a);
    return v === null ? null : pointer(v);
  },
} as const;
const word: Printer = (ctx, addr, param) => {
  if (addr === 0) return 'NULL';
  const text = WORD[param.shape as keyof typeof WORD](ctx, addr);
  return text === null ? hex(addr) : `[${text}]`;
};

const pollfds: Printer = (ctx, addr, param) => {
  if (addr === 0) return 'NULL';
  return list(ctx, countOf(ctx, param), (i) => {
    const fd = ctx.mm.readI32(addr + 8 * i);
    const events = ctx.mm.readU16(addr + 8 * i + 4);
    if (fd === null || events === null) return null;
    const name = fd < 0 ? String(fd) : descriptor(ctx, fd);
    return fd < 0
      ? `{fd=${name}}`
      : `{fd=${name}, events=${flagSet(events, POLL_EVENTS, ctx.options.constants)}}`;
  });
};

/** Members of an fd_set among the first n descriptors. */
export const fdSetMembers = (ctx: Context, addr: number, n: number): number[] | null => {
  const bytes = ctx.mm.read(addr, Math.ceil(Math.min(n, 1024) / 64) * 8);
  if (bytes === null) return null;
  const out: number[] = [];
  for (let fd = 0; fd < Math.min(n, 1024); fd++) if (((bytes[fd >> 3] ?? 0) >> (fd & 7)) & 1) out.push(fd);
  return out;
};
const fdset: Printer = (ctx, addr, param) => {
  if (addr === 0) return 'NULL';
  const members = fdSetMembers(ctx, addr, countOf(ctx, param));
  return members === null ? hex(addr) : `[${members.map((fd) => descriptor(ctx, fd)).join(' ')}]`;
};

const epollEvents: Printer = (ctx, addr) =>
  list(ctx, ctx.result ?? 0, (i) => {
    const at = addr + 12 * i;
    const [events, low, high] = [ctx.mm.readU32(at), ctx.mm.readU32(at + 4), ctx.mm.readU32(at + 8)];
    return events === null || low === null || high === null
      ? null
      : epollEvent(events, low, high, ctx.options.constants);
  });

const cpuset: Printer = (ctx, addr, param) => {
  if (addr === 0) return 'NULL';
  const bytes = ctx.mm.read(addr, Math.min(lengthOf(ctx, param), 128));
  if (bytes === null) return hex(addr);
  const cpus = Array.from({ length: bytes.length * 8 }, (_, i) => i).filter(
    (i) => ((bytes[i >> 3] ?? 0) >> (i & 7)) & 1,
  );
  return `[${cpus.join(' ')}]`;
};

/** A timeout of select, pselect6 and ppoll. */
const timeout: Printer = (ctx, addr, param) => {
  if (addr === 0) return 'NULL';
  if (param.shape === 'timespec') {
    const sec = signed64At(ctx, addr);
    const nsec = signed64At(ctx, addr + 8);
    return sec === null || nsec === null ? hex(addr) : timespec(sec, nsec);
  }
  const t = TIMEVAL.read(ctx.mm, addr);
  return t ? timeval(t.sec, t.usec) : hex(addr);
};

const times: Printer = (ctx, addr, param) => {
  if (addr === 0) return 'NULL';
  const nano = param.shape === 'timespec';
  const one = (at: number): string | null => {
    if (nano) {
      const t = TIMESPEC.read(ctx.mm, at);
      return t && fileTime(t.sec, t.nsec);
    }
    const t = TIMEVAL.read(ctx.mm, at);
    return t && timeval(t.sec, t.usec);
  };
  const first = one(addr);
  const second = one(addr + 16);
  return first === null || second === null ? hex(addr) : `[${first}, ${second}]`;
};

const FILE_TYPE = {
  DT_UNKNOWN: 0,
  DT_FIFO: 1,
  DT_CHR: 2,
  DT_DIR: 4,
  DT_BLK: 6,
  DT_REG: 8,
  DT_LNK: 10,
  DT_SOCK: 12,
  DT_WHT: 14,
} as const;
/** struct linux_dirent64: inode, offset, 16 bits of length, type, name. */
const dirent = (ctx: Context, bytes: Uint8Array, at: number): { readonly length: number; text(): string } => {
  const dv = new DataView(bytes.buffer, bytes.byteOffset + at);
  const length = dv.getUint16(16, true);
  return {
    length,
    text() {
      const name = bytes.subarray(at + 19, at + length);
      const end = name.indexOf(0);
      const shown = quote(end < 0 ? name : name.subarray(0, end), undefined, ctx.options.hexStrings);
      const type = named(dv.getUint8(18), FILE_TYPE, 'DT_???', ctx.options.constants);
      return `{d_ino=${dv.getBigUint64(0, true)}, d_off=${dv.getBigInt64(8, true)}, d_reclen=${length}, d_type=${type}, d_name=${shown}}`;
    },
  };
};

/** Entries in a buffer of getdents64: each says its length at offset 16. */
const dirents: Printer = (ctx, addr) => {
  const bytes = ctx.mm.read(addr, ctx.result ?? 0);
  if (bytes === null) return hex(addr);
  const entries: string[] = [];
  let count = 0;
  for (let at = 0; at + 18 < bytes.length; count++) {
    const { length, text } = dirent(ctx, bytes, at);
    if (length === 0) break;
    if (unabbreviated(ctx)) entries.push(text());
    at += length;
  }
  if (unabbreviated(ctx)) return `[${entries.join(', ')}]`;
  return `${pointer(addr)} /* ${count} entr${count === 1 ? 'y' : 'ies'} */`;
};

const PRINTERS: Readonly<Record<string, Printer>> = {
  fd: descriptor,
  dirfd: (ctx, v) => (v === AT_FDCWD ? directory(ctx, v) : descriptor(ctx, v)),
  int: (_ctx, v) => String(v),
  uint: (_ctx, v) => String(v),
  long: (_ctx, v) => String(v),
  ulong: (_ctx, v) => (v === 0 ? '0' : hex(v)),
  size: (_ctx, v) => String(v),
  off: (_ctx, v) => String(v),
  hexoff: (_ctx, v) => (v === 0 ? '0' : hex(v)),
  addr: (_ctx, v) => pointer(v),
  pid: processId,
  uid: (_ctx, v) => (v === 0xffffffff ? '-1' : String(v)),
  mode: (_ctx, v) => octal(v),
  signal: (ctx, v) => signal(v, ctx.options.constants),
  filemode: (ctx, v) => fileMode(v, ctx.options.constants),
  device: (ctx, v) => device(v, ctx.options.constants),
  arg: (_ctx, v) => (v === 0 ? '0' : hex(v)),
  flags: (ctx, v, p) => flagSet(v, p.shape as FlagTable, ctx.options.constants),
  choice: (ctx, v, p) => {
    const { values, unknown } = p.shape as { values: Readonly<Record<string, number>>; unknown: string };
    return named(v, values, unknown, ctx.options.constants);
  },
  bytes: (ctx, v, p) => bytesAt(ctx, v, lengthOf(ctx, p), ctx.call.row.name === 'getrandom'),
  iovec,
  strings,
  struct: (ctx, v, p) => structAt(ctx, v, p.shape as Struct<Record<string, FieldType>>),
  sigset,
  word,
  offset: (ctx, v) => {
    if (v === 0) return 'NULL';
    const at = signed64At(ctx, v);
    return at === null ? hex(v) : `[${at}]`;
  },
  wstatus: (ctx, v) => {
    const w = v === 0 || ctx.result === 0 ? null : ctx.mm.readU32(v);
    return w === null ? pointer(v) : `[${waitStatus(w, ctx.options.constants)}]`;
  },
  fdpair: (ctx, v) => {
    const [a, b] = [ctx.mm.readI32(v), ctx.mm.readI32(v + 4)];
    return a === null || b === null ? pointer(v) : `[${descriptor(ctx, a)}, ${descriptor(ctx, b)}]`;
  },
  stringOut: (ctx, v) => {
    const s = ctx.mm.read(v, ctx.result ?? 0);
    if (s === null) return pointer(v);
    return quote(s.at(-1) === 0 ? s.subarray(0, -1) : s, undefined, ctx.options.hexStrings);
  },
  pollfds,
  fdset,
  epollEvents,
  dirents,
  cpuset,
  ids: (ctx, v, p) => {
    if (v === 0) return 'NULL';
    return list(ctx, countOf(ctx, p), (i) => ctx.mm.readU32(v + 4 * i)?.toString() ?? null);
  },
  times,
  timeout,
  socktype: (ctx, v) => socketType(v, ctx.options.constants),
  sockproto: (ctx, v, p) =>
    socketProtocol(argNamed(ctx, (p.shape as { family: string }).family), v, ctx.options.constants),
  sockaddr: (ctx, v, p) => {
    const shape = p.shape as { length: string };
    if (p.direction === 'in') return socketAddress(ctx, v, argNamed(ctx, shape.length));
    const i = ctx.call.row.params.findIndex((q) => q.name === shape.length);
    const length = ctx.mm.readI32(rawArg(ctx, i)) ?? 0;
    return socketAddress(ctx, v, Math.min(Number(ctx.before?.[i] ?? length), length));
  },
};

/** Those that need to know what was there before the call. */
const CHANGED: Readonly<
  Record<string, (ctx: Context, v: number, p: Codec<unknown>, before: string | null) => string>
> = {
  socklen: (ctx, v, _p, before) => socketLength(ctx, v, before),
  msghdr: (ctx, v, p, before) => message(ctx, v, p.direction === 'out', before),
  mmsghdrs: (ctx, v, p, before) =>
    messages(ctx, v, countOf(ctx, p), (p.shape as { received: boolean }).received, before),
};

/** What is remembered of the arguments when a call begins. */
export const overwritten = (ctx: Context): readonly (string | null)[] => {
  const { params } = ctx.call.row;
  if (!params.some((p) => p.type in CHANGED)) return [];
  return params.map((p, i) => {
    if (p.type === 'timeout') return argument(ctx, i);
    return p.type in CHANGED ? lengthsBefore(ctx, p.type, rawArg(ctx, i), countOf(ctx, p)) : null;
  });
};

/** Types that -e verbose= writes as addresses; strings are always written. */
const FOLLOWED: ReadonlySet<string> = new Set([
  'iovec',
  'strings',
  'struct',
  'sigset',
  'word',
  'offset',
  'wstatus',
  'fdpair',
  'pollfds',
  'fdset',
  'epollEvents',
  'dirents',
  'cpuset',
  'ids',
  'times',
  'timeout',
  'sockaddr',
  'socklen',
  'msghdr',
  'mmsghdrs',
]);

const isSiginfo = (param: Codec<unknown>): boolean =>
  (param.shape as { name?: string } | null)?.name === 'siginfo';

/** True for arguments that can only be written after the handler. */
export const isOutput = (param: Codec<unknown>): boolean => param.direction !== 'in';

/** Writes argument i as strace does. */
export const argument = (ctx: Context, i: number): string => {
  const param = ctx.call.row.params[i];
  const v = ctx.call.args[i];
  if (param === undefined || v === UNREADABLE) return pointer(rawArg(ctx, i));
  if (v === null) return 'NULL';
  if (FOLLOWED.has(param.type) && unfollowed(ctx)) return pointer(rawArg(ctx, i));
  if (typeof v === 'string') return quoteString(v, undefined, ctx.options.hexStrings);
  if (typeof v === 'object') {
    // A copy of part of it is not enough to tell which member of the union applies.
    if (isSiginfo(param))
      return structAt(ctx, rawArg(ctx, i), param.shape as Struct<Record<string, FieldType>>);
    const name = (param.shape as { name?: string } | null)?.name ?? '';
    return structText(ctx, name, v as Fields);
  }
  const value = v as number;
  // Beyond 2^53 the number is not exact, the register is.
  if (param.load === 'u64' && value > Number.MAX_SAFE_INTEGER) {
    return param.type === 'size' ? String(BigInt(rawHex(ctx, i))) : rawHex(ctx, i);
  }
  const before = ctx.before?.[i] ?? null;
  if (param.type === 'timeout' && before !== null) return before;
  const changed = CHANGED[param.type];
  if (changed !== undefined) return changed(ctx, value, param, before);
  if (
    isOutput(param) &&
    param.type !== 'offset' &&
    param.type !== 'iovec' &&
    (failed(ctx) || ctx.result === null)
  )
    return pointer(value);
  return PRINTERS[param.type]?.(ctx, value, param) ?? hex(value);
};
