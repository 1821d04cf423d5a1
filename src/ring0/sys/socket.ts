// Sockets: socket(2), socketpair(2), bind(2), listen(2), accept(2), connect(2), names, options, shutdown(2).

import {
  EAFNOSUPPORT,
  EBADF,
  ECONNABORTED,
  EFAULT,
  EINVAL,
  EMFILE,
  ENOTSOCK,
  EOPNOTSUPP,
} from '../../abi/errno.ts';
import { O_NONBLOCK } from '../../abi/fcntl.ts';
import {
  AF,
  AF_MAX,
  LEVELS,
  SHUT,
  SO,
  SOCK_CLOEXEC,
  SOCK_FLAGS,
  SOCK_MAX,
  SOCK_NONBLOCK,
  SOCK_TYPE_MASK,
} from '../../abi/socket.ts';
import {
  choice,
  commandArg,
  fd,
  fdPairOut,
  flags,
  int,
  sockaddrIn,
  sockaddrOut,
  socketProtocol,
  socketType,
  socklenInOut,
} from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { readAddress, writeAddress } from '../net/addresses.ts';
import { familyAt } from '../net/families.ts';
import { getOption, setOption } from '../net/options.ts';
import { socketFile } from '../net/sockfs.ts';
import { type Socket, socketOf } from '../net/types.ts';
import type { Task } from '../task/types.ts';
import { closeFd, fileAt, freeDescriptors, installOrRelease } from '../vfs/fdtable.ts';
import { releaseFile } from '../vfs/file.ts';
import type { OpenFile } from '../vfs/types.ts';
import type { Result } from '../wait.ts';

interface Open {
  readonly socket: Socket;
  readonly file: OpenFile;
}

/** The socket behind a descriptor; -EBADF, -ENOTSOCK. */
export const socketAt = (task: Task, n: number): Open | number => {
  const file = fileAt(task, n);
  if (file === undefined) return -EBADF;
  const socket = socketOf(file);
  return socket === undefined ? -ENOTSOCK : { socket, file };
};

const on = (task: Task, n: number, act: (s: Socket, file: OpenFile) => Result): Result => {
  const open = socketAt(task, n);
  return typeof open === 'number' ? open : act(open.socket, open.file);
};

const OPTIONS = SOCK_NONBLOCK | SOCK_CLOEXEC;

const create = (task: Task, family: number, type: number, protocol: number): Socket | number => {
  if (family < 0 || family >= AF_MAX) return -EAFNOSUPPORT;
  if (type >= SOCK_MAX) return -EINVAL;
  return familyAt(family)?.create(task, type, protocol) ?? -EAFNOSUPPORT;
};

/** A description for a socket, at the lowest free number. */
const install = (task: Task, socket: Socket, type: number): number => {
  const file = socketFile(task, socket, type & SOCK_NONBLOCK ? O_NONBLOCK : 0);
  return installOrRelease(task, file, (type & SOCK_CLOEXEC) !== 0);
};

const NOTE = 'AF_UNIX only: other families answer EAFNOSUPPORT';

export const socket = syscall(
  'socket',
  [choice('domain', AF, 'AF_???'), socketType('type'), socketProtocol('protocol', 'domain')],
  { returns: 'fd', family: 'network', support: 'partial', note: NOTE },
  (task, family, type, protocol) => {
    if (type & ~(SOCK_TYPE_MASK | OPTIONS)) return -EINVAL;
    const made = create(task, family, type & SOCK_TYPE_MASK, protocol);
    return typeof made === 'number' ? made : install(task, made, type);
  },
);

export const socketpair = syscall(
  'socketpair',
  [choice('domain', AF, 'AF_???'), socketType('type'), socketProtocol('protocol', 'domain'), fdPairOut('sv')],
  { returns: 'int', family: 'network', support: 'partial', note: NOTE },
  (task, family, type, protocol, fds) => {
    if (type & ~(SOCK_TYPE_MASK | OPTIONS)) return -EINVAL;
    if (!freeDescriptors(task, 2)) return -EMFILE;
    // The numbers are stored before there are sockets: a bad address is told first.
    if (!task.mm.writeU32(fds, task.mm.readU32(fds) ?? 0)) return -EFAULT;
    const kind = type & SOCK_TYPE_MASK;
    const a = create(task, family, kind, protocol);
    if (typeof a === 'number') return a;
    const b = create(task, family, kind, protocol);
    if (typeof b === 'number') {
      a.ops.release();
      return b;
    }
    const flag = type & SOCK_NONBLOCK ? O_NONBLOCK : 0;
    const first = socketFile(task, a, flag);
    const second = socketFile(task, b, flag);
    const drop = (r: number): number => {
      releaseFile(first);
      releaseFile(second);
      return r;
    };
    const paired = a.ops.pair?.(task, b) ?? -EOPNOTSUPP;
    if (paired < 0) return drop(paired);
    const cloexec = (type & SOCK_CLOEXEC) !== 0;
    const x = installOrRelease(task, first, cloexec);
    if (x < 0) {
      releaseFile(second);
      return x;
    }
    const y = installOrRelease(task, second, cloexec);
    if (y >= 0 && task.mm.writeU32(fds, x) && task.mm.writeU32(fds + 4, y)) return 0;
    closeFd(task, x);
    if (y < 0) return y;
    closeFd(task, y);
    return -EFAULT;
  },
);

export const bind = syscall(
  'bind',
  [fd('sockfd'), sockaddrIn('addr', 'addrlen'), int('addrlen')],
  { returns: 'int', family: 'network' },
  (task, n, at, length) =>
    on(task, n, (s) => {
      const address = readAddress(task, at, length);
      return typeof address === 'number' ? address : s.ops.bind(task, address);
    }),
);

export const connect = syscall(
  'connect',
  [fd('sockfd'), sockaddrIn('addr', 'addrlen'), int('addrlen')],
  { returns: 'int', family: 'network' },
  (task, n, at, length) => {
    if (fileAt(task, n) === undefined) return -EBADF;
    const address = readAddress(task, at, length);
    if (typeof address === 'number') return address;
    return on(task, n, (s, file) => s.ops.connect(task, address, (file.flags & O_NONBLOCK) !== 0));
  },
);

export const listen = syscall(
  'listen',
  [fd('sockfd'), int('backlog')],
  { returns: 'int', family: 'network' },
  (task, n, backlog) => on(task, n, (s) => s.ops.listen(task, backlog)),
);

const acceptOn = (task: Task, n: number, at: number, lengthAt: number, how: number): Result => {
  if (fileAt(task, n) === undefined) return -EBADF;
  if (how & ~OPTIONS) return -EINVAL;
  return on(task, n, (s, file) => {
    if (!freeDescriptors(task, 1)) return -EMFILE;
    const next = s.ops.accept(task, (file.flags & O_NONBLOCK) !== 0);
    if (typeof next === 'number' || 'blocked' in next) return next;
    const fd = install(task, next, how);
    if (fd < 0 || at === 0) return fd;
    const name = next.ops.name(true);
    const r = typeof name === 'number' ? -ECONNABORTED : writeAddress(task, name, at, lengthAt);
    if (r < 0) closeFd(task, fd);
    return r < 0 ? r : fd;
  });
};

export const accept = syscall(
  'accept',
  [fd('sockfd'), sockaddrOut('addr', 'addrlen'), socklenInOut('addrlen')],
  { returns: 'fd', family: 'network' },
  (task, n, at, lengthAt) => acceptOn(task, n, at, lengthAt, 0),
);

export const accept4 = syscall(
  'accept4',
  [fd('sockfd'), sockaddrOut('addr', 'addrlen'), socklenInOut('addrlen'), flags('flags', SOCK_FLAGS)],
  { returns: 'fd', family: 'network' },
  acceptOn,
);

const nameOf = (task: Task, n: number, peer: boolean, at: number, lengthAt: number): Result =>
  on(task, n, (s) => {
    const name = s.ops.name(peer);
    return typeof name === 'number' ? name : writeAddress(task, name, at, lengthAt);
  });

export const getsockname = syscall(
  'getsockname',
  [fd('sockfd'), sockaddrOut('addr', 'addrlen'), socklenInOut('addrlen')],
  { returns: 'int', family: 'network' },
  (task, n, at, lengthAt) => nameOf(task, n, false, at, lengthAt),
);

export const getpeername = syscall(
  'getpeername',
  [fd('sockfd'), sockaddrOut('addr', 'addrlen'), socklenInOut('addrlen')],
  { returns: 'int', family: 'network' },
  (task, n, at, lengthAt) => nameOf(task, n, true, at, lengthAt),
);

export const shutdown = syscall(
  'shutdown',
  [fd('sockfd'), choice('how', SHUT, 'SHUT_???')],
  { returns: 'int', family: 'network' },
  (task, n, how) => on(task, n, (s) => (how < 0 || how > 2 ? -EINVAL : s.ops.shutdown(how + 1))),
);

const OPTION_NOTE = 'filters and options of network devices answer ENOPROTOOPT';

export const getsockopt = syscall(
  'getsockopt',
  [
    fd('sockfd'),
    choice('level', LEVELS, 'SOL_??'),
    choice('optname', SO, 'SO_???'),
    commandArg('optval'),
    socklenInOut('optlen'),
  ],
  { returns: 'int', family: 'network', support: 'partial', note: OPTION_NOTE },
  (task, n, level, name, at, lengthAt) => on(task, n, (s) => getOption(task, s, level, name, at, lengthAt)),
);

export const setsockopt = syscall(
  'setsockopt',
  [
    fd('sockfd'),
    choice('level', LEVELS, 'SOL_??'),
    choice('optname', SO, 'SO_???'),
    commandArg('optval'),
    int('optlen'),
  ],
  { returns: 'int', family: 'network', support: 'partial', note: OPTION_NOTE },
  (task, n, level, name, at, length) => on(task, n, (s) => setOption(task, s, level, name, at, length)),
);

export const rows = [
  socket,
  socketpair,
  bind,
  connect,
  listen,
  accept,
  accept4,
  getsockname,
  getpeername,
  shutdown,
  getsockopt,
  setsockopt,
];
