// Argument types: how a raw register becomes the value a handler gets, and how a trace prints it. Scalars
// decode to numbers; paths and input structs are copied in once, so that filter, trace and handler see the
// same bytes; buffers stay addresses, with their direction and length known to whoever looks.

import { EFAULT, ENAMETOOLONG } from '../abi/errno.ts';
import type { FieldType, Struct, StructValue } from '../abi/struct.ts';
import type { Task } from '../ring0/task/types.ts';

export type Direction = 'in' | 'out' | 'inout';

/** The six argument registers as unsigned 64-bit numbers (inexact above 2^53) and as their 32-bit halves. */
export interface RawArgs {
  /** Low and high word of argument i: words[2*i], words[2*i+1]. */
  readonly words: Uint32Array;
}

/** What a buffer's length is: another argument, or the result. */
export type Length = string | number;

/** Low 32 bits with or without sign, low 16 bits, or all 64 with or without sign. */
export type Load = 's32' | 'u32' | 'u16' | 's64' | 'u64';

export interface Codec<T> {
  readonly name: string;
  readonly type: string;
  readonly direction: Direction;
  /** Decodes argument i. When `fallible`, a number is a negated errno and the call fails with it. */
  readonly decode: (task: Task, raw: RawArgs, i: number) => T | number;
  readonly fallible: boolean;
  /** How a scalar is loaded from its register; the gate does it in line. Absent: by `decode`. */
  readonly load?: Load;
  /** Shape for formatters: flag tables, struct, length argument ... Interpreted by trace/format. */
  readonly shape: unknown;
}

const lo = (raw: RawArgs, i: number): number => raw.words[2 * i] as number;
const hi = (raw: RawArgs, i: number): number => raw.words[2 * i + 1] as number;
const u64 = (raw: RawArgs, i: number): number => hi(raw, i) * 4294967296 + lo(raw, i);
const s64 = (raw: RawArgs, i: number): number => (hi(raw, i) | 0) * 4294967296 + lo(raw, i);

const LOADS: Readonly<Record<Load, (raw: RawArgs, i: number) => number>> = {
  s32: (raw, i) => lo(raw, i) | 0,
  u32: lo,
  u16: (raw, i) => lo(raw, i) & 0xffff,
  s64,
  u64,
};

const scalar = (name: string, type: string, load: Load, shape: unknown = null): Codec<number> => {
  const from = LOADS[load];
  return {
    name,
    type,
    direction: 'in',
    fallible: false,
    load,
    shape,
    decode: (_task, raw, i) => from(raw, i),
  };
};

/** File descriptor (s32). `dirfd` prints AT_FDCWD. */
export const fd = (name: string): Codec<number> => scalar(name, 'fd', 's32');
export const dirfd = (name: string): Codec<number> => scalar(name, 'dirfd', 's32');
export const int = (name: string): Codec<number> => scalar(name, 'int', 's32');
export const uint = (name: string): Codec<number> => scalar(name, 'uint', 'u32');
/** s64 and u64 as numbers. */
export const long = (name: string): Codec<number> => scalar(name, 'long', 's64');
export const ulong = (name: string): Codec<number> => scalar(name, 'ulong', 'u64');
/** size_t; printed in decimal. */
export const size = (name: string): Codec<number> => scalar(name, 'size', 'u64');
/** off_t, signed. */
export const off = (name: string): Codec<number> => scalar(name, 'off', 's64');
/** Offset printed in hex: that of mmap. */
export const offHex = (name: string): Codec<number> => scalar(name, 'hexoff', 's64');
/** Guest address, printed in hex or NULL. */
export const addr = (name: string): Codec<number> => scalar(name, 'addr', 'u64');
export const pid = (name: string): Codec<number> => scalar(name, 'pid', 's32');
export const uid = (name: string): Codec<number> => scalar(name, 'uid', 'u32');
/** Permission bits, printed in octal. */
export const mode = (name: string): Codec<number> => scalar(name, 'mode', 'u16');
export const signo = (name: string): Codec<number> => scalar(name, 'signal', 's32');

/** Names of bits and of values, as abi/flags tables give them. */
export interface FlagTable {
  /** Prefix of unknown bits in traces, e.g. `O_???`. */
  readonly unknown: string;
  /** A masked field whose value is one of `values` (O_ACCMODE, S_IFMT ...). */
  readonly field?: { readonly mask: number; readonly values: Readonly<Record<string, number>> };
  readonly bits: Readonly<Record<string, number>>;
}
/** Bit flags (u32). */
export const flags = (name: string, table: FlagTable): Codec<number> => scalar(name, 'flags', 'u32', table);
/** Bit flags in 64 bits. */
export const flags64 = (name: string, table: FlagTable): Codec<number> => scalar(name, 'flags', 'u64', table);
/** One of named values (s32): a command, an option. */
export const choice = (
  name: string,
  values: Readonly<Record<string, number>>,
  unknown: string,
): Codec<number> => scalar(name, 'choice', 's32', { values, unknown });

export const PATH_MAX = 4096;

/** A path, copied in; a byte string. NULL and bad addresses give EFAULT, more than PATH_MAX ENAMETOOLONG. */
export const path = (name: string): Codec<string> => ({
  name,
  type: 'path',
  direction: 'in',
  fallible: true,
  shape: null,
  decode: (task, raw, i) => {
    const s = task.mm.readString(u64(raw, i), PATH_MAX);
    return s === -ENAMETOOLONG ? -ENAMETOOLONG : s;
  },
});
/** A path that may be NULL (then null). */
export const pathOrNull = (name: string): Codec<string | null> => ({
  ...path(name),
  decode: (task, raw, i) => (u64(raw, i) === 0 ? null : task.mm.readString(u64(raw, i), PATH_MAX)),
});
/** A string other than a path (mount type, xattr name ...). */
export const string = (name: string): Codec<string> => ({ ...path(name), type: 'string' });

/** Input buffer; the value is its address. `length` names the argument that gives its bytes. */
export const bytesIn = (name: string, length: Length): Codec<number> => ({
  ...scalar(name, 'bytes', 'u64', { length }),
  direction: 'in',
});
/** Output buffer; the trace shows as many bytes as the result says. */
export const bytesOut = (name: string, length: Length): Codec<number> => ({
  ...scalar(name, 'bytes', 'u64', { length }),
  direction: 'out',
});
/** Array of struct iovec; the value is its address (task.ts's iovec helper reads it). */
export const iovec = (name: string, count: string, direction: 'in' | 'out'): Codec<number> => ({
  ...scalar(name, 'iovec', 'u64', { count }),
  direction,
});
/** Pointer to a NULL-terminated array of strings (argv, envp); the value is its address. */
export const strings = (name: string): Codec<number> => scalar(name, 'strings', 'u64');

/** Input struct, copied in; EFAULT if it cannot be read. */
export const structIn = <F extends Record<string, FieldType>>(
  name: string,
  s: Struct<F>,
): Codec<StructValue<F>> => ({
  name,
  type: 'struct',
  direction: 'in',
  fallible: true,
  shape: s,
  decode: (task, raw, i) => s.read(task.mm, u64(raw, i)) ?? -EFAULT,
});
/** Input struct that may be NULL (then null). */
export const structInOrNull = <F extends Record<string, FieldType>>(
  name: string,
  s: Struct<F>,
): Codec<StructValue<F> | null> => ({
  ...structIn(name, s),
  decode: (task, raw, i) => (u64(raw, i) === 0 ? null : (s.read(task.mm, u64(raw, i)) ?? -EFAULT)),
});
/** Output struct; the value is its address: `STRUCT.write(task.mm, addr, {...}) ? 0 : -EFAULT`. */
export const structOut = <F extends Record<string, FieldType>>(
  name: string,
  s: Struct<F>,
): Codec<number> => ({
  ...scalar(name, 'struct', 'u64', s),
  direction: 'out',
});
/** Signal set of 8 bytes; the value is its address. */
export const sigsetIn = (name: string): Codec<number> => scalar(name, 'sigset', 'u64');
export const sigsetOut = (name: string): Codec<number> => ({
  ...scalar(name, 'sigset', 'u64'),
  direction: 'out',
});

// Pointers whose value stays an address, like those above; the type says what a trace finds behind them.

const pointer = (name: string, type: string, direction: Direction, shape: unknown = null): Codec<number> => ({
  ...scalar(name, type, 'u64', shape),
  direction,
});

/** Output of one number: `[7]`. */
export const intOut = (name: string): Codec<number> => pointer(name, 'word', 'out', 's32');
export const uintOut = (name: string): Codec<number> => pointer(name, 'word', 'out', 'u32');
export const addrOut = (name: string): Codec<number> => pointer(name, 'word', 'out', 'u64');
/** File offset that the call reads and advances (sendfile, splice): `[0] => [10]`. */
export const offsetInOut = (name: string): Codec<number> => pointer(name, 'offset', 'inout');
/** Wait status: `[{WIFEXITED(s) && WEXITSTATUS(s) == 0}]`. */
export const waitStatusOut = (name: string): Codec<number> => pointer(name, 'wstatus', 'out');
/** Two descriptors: `[3, 4]`. */
export const fdPairOut = (name: string): Codec<number> => pointer(name, 'fdpair', 'out');
/** Type and flags of a new socket, and the protocol, whose names depend on the argument `family`. */
export const socketType = (name: string): Codec<number> => scalar(name, 'socktype', 's32');
export const socketProtocol = (name: string, family: string): Codec<number> =>
  scalar(name, 'sockproto', 's32', { family });
/** Socket address of as many bytes as another argument says. */
export const sockaddrIn = (name: string, length: string): Codec<number> =>
  pointer(name, 'sockaddr', 'in', { length });
/** Socket address that the call writes; the argument `length` points to its length. */
export const sockaddrOut = (name: string, length: string): Codec<number> =>
  pointer(name, 'sockaddr', 'out', { length });
/** Length of a socket address, in and out: `[110 => 2]`. */
export const socklenInOut = (name: string): Codec<number> => pointer(name, 'socklen', 'inout');
/** struct msghdr, and an array of struct mmsghdr: as many as `count` says, or as the result does. */
export const msghdr = (name: string, direction: 'in' | 'out'): Codec<number> =>
  pointer(name, 'msghdr', direction);
export const mmsghdrs = (name: string, count: string, received: boolean): Codec<number> =>
  pointer(name, 'mmsghdrs', 'out', { count, received });
/** A string that the call writes: up to its NUL, or as long as the result says (readlink). */
export const stringOut = (name: string): Codec<number> => pointer(name, 'stringOut', 'out');
/** Array of struct pollfd. */
export const pollfds = (name: string, count: string): Codec<number> =>
  pointer(name, 'pollfds', 'in', { count });
/** fd_set of select(2). */
export const fdset = (name: string, count: string): Codec<number> => pointer(name, 'fdset', 'in', { count });
/** Array of struct epoll_event, as many as the result says. */
export const epollEventsOut = (name: string): Codec<number> => pointer(name, 'epollEvents', 'out');
/** Directory entries of getdents64: how many there are. */
export const direntsOut = (name: string): Codec<number> => pointer(name, 'dirents', 'out');
/** CPU mask of `length` bytes (an argument): `[0 1]`. */
export const cpusetIn = (name: string, length: string): Codec<number> =>
  pointer(name, 'cpuset', 'in', { length });
export const cpusetOut = (name: string): Codec<number> => pointer(name, 'cpuset', 'out', null);
/** Array of gid_t; out: as many as the result says. */
export const idsIn = (name: string, count: string): Codec<number> => pointer(name, 'ids', 'in', { count });
export const idsOut = (name: string): Codec<number> => pointer(name, 'ids', 'out', null);
/** Two timespecs of utimensat, or two timevals of utimes. */
export const timesIn = (name: string, kind: 'timespec' | 'timeval'): Codec<number> =>
  pointer(name, 'times', 'in', kind);
/** One timespec or timeval that the call may also write (select, ppoll): what is left of a timeout. */
export const timeInOut = (name: string, kind: 'timespec' | 'timeval'): Codec<number> =>
  pointer(name, 'timeout', 'in', kind);
/** File type and permission bits (mknod): `S_IFIFO|0644`. */
export const fileMode = (name: string): Codec<number> => scalar(name, 'filemode', 'u16');
/** Device number: `makedev(0x1, 0x3)`. */
export const device = (name: string): Codec<number> => scalar(name, 'device', 'u32');
/**
 * An argument whose meaning the command before it decides (ioctl, fcntl, semctl): an address or a number. Small negative
 * numbers have to come out as they are, and what is negative as an address is none.
 */
export const commandArg = (name: string): Codec<number> => scalar(name, 'arg', 's64');
