// Making AF_UNIX sockets, and what poll and ioctl tell of them (unix(7)).

import {
  EFAULT,
  EINVAL,
  ENOMEM,
  ENOTTY,
  EOPNOTSUPP,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
} from '../../../abi/errno.ts';
import { FIONREAD, SIOCATMARK, TIOCOUTQ } from '../../../abi/ioctl.ts';
import { POLL } from '../../../abi/poll.ts';
import { AF, SOCK } from '../../../abi/socket.ts';
import { COST, charge } from '../../heap.ts';
import type { Kernel } from '../../kernel.ts';
import type { Task } from '../../task/types.ts';
import { waitQueue, wake } from '../../wait.ts';
import { defaultOptions } from '../options.ts';
import { netOf } from '../state.ts';
import type { Family, Socket } from '../types.ts';
import { bind } from './address.ts';
import { accept, connect, listen, nameOf, pair, release, shutdown } from './connect.ts';
import { receiveDatagram, sendDatagram } from './datagram.ts';
import { isAtMark } from './oob.ts';
import { getOption, setOption } from './options.ts';
import { queueFull, writable } from './queue.ts';
import { receiveStream, sendStream } from './stream.ts';
import { isUnix, RECEIVING, SENDING, type UnixSocket } from './types.ts';

const readableBytes = (u: UnixSocket): number => {
  if (u.type === SOCK.SOCK_DGRAM) return u.queue[0]?.bytes.length ?? 0;
  return u.queue.reduce((n, m) => n + m.bytes.length - m.at, 0);
};

const ioctl = (task: Task, u: UnixSocket, request: number, arg: number): number => {
  switch (request) {
    // SIOCINQ and SIOCOUTQ.
    case FIONREAD:
      if (u.state === 'listening') return -EINVAL;
      return task.mm.writeU32(arg, readableBytes(u)) ? 0 : -EFAULT;
    case SIOCATMARK:
      return task.mm.writeU32(arg, isAtMark(u) ? 1 : 0) ? 0 : -EFAULT;
    case TIOCOUTQ:
      return task.mm.writeU32(arg, u.wmem) ? 0 : -EFAULT;
    default:
      return -ENOTTY;
  }
};

const canSend = (u: UnixSocket): boolean => {
  if (!writable(u)) return false;
  const { peer } = u;
  return u.type === SOCK.SOCK_STREAM || peer === null || peer.peer === u || !queueFull(peer);
};

const poll = (u: UnixSocket): number => {
  let events = u.error !== 0 ? POLL.POLLERR : 0;
  if (u.shut === (RECEIVING | SENDING)) events |= POLL.POLLHUP;
  if (u.shut & RECEIVING) events |= POLL.POLLRDHUP | POLL.POLLIN | POLL.POLLRDNORM;
  if (u.queue.length > 0 || u.pending.length > 0) events |= POLL.POLLIN | POLL.POLLRDNORM;
  if (u.type !== SOCK.SOCK_DGRAM && u.state === 'closed') events |= POLL.POLLHUP;
  if (u.oob !== null) events |= POLL.POLLPRI;
  if (canSend(u)) events |= POLL.POLLOUT | POLL.POLLWRNORM | POLL.POLLWRBAND;
  return events;
};

/** Null when kernel memory is out. */
const newSocket = (kernel: Kernel, type: number, protocol: number): UnixSocket | null => {
  if (!charge(kernel.heap, COST.socket)) return null;
  const stream = type === SOCK.SOCK_STREAM;
  const readable = waitQueue();
  const writes = waitQueue();
  const u: UnixSocket = {
    kernel,
    family: AF.AF_UNIX,
    type,
    protocol,
    options: defaultOptions(),
    error: 0,
    file: null,
    state: 'closed',
    get listening() {
      return u.state === 'listening';
    },
    address: null,
    bound: null,
    peer: null,
    senders: new Set(),
    dead: false,
    shut: 0,
    queue: [],
    oob: null,
    pending: [],
    backlog: kernel.settings['net/unix/max_dgram_qlen'],
    wmem: 0,
    readable,
    writable: writes,
    room: waitQueue(),
    toRead: [readable],
    toWrite: [writes],
    credentials: null,
    peekOffset: -1,
    ops: {
      queues: [readable, writes],
      readable,
      bind: (task, address) => bind(task, u, address),
      connect: (task, address, nonblock) =>
        connect(task, u, address, nonblock, () => newSocket(kernel, type, protocol)),
      listen: (task, backlog) => listen(task, u, backlog),
      accept: (task, nonblock) => accept(task, u, nonblock),
      name: (peer) => nameOf(u, peer),
      shutdown: (how) => shutdown(u, how),
      send: stream ? (task, m) => sendStream(task, u, m) : (task, m) => sendDatagram(task, u, m),
      receive: stream ? (task, m) => receiveStream(task, u, m) : (task, m) => receiveDatagram(task, u, m),
      pair: (task, other) => (isUnix(other) ? pair(task, u, other) : -EOPNOTSUPP),
      poll: () => poll(u),
      ioctl: (task, request, arg) => ioctl(task, u, request, arg),
      getOption: (task, level, name) => getOption(task, u, level, name),
      setOption: (_task, level, name, value) => setOption(u, level, name, value),
      resized: () => {
        if (writable(u)) wake(u.writable);
      },
      release: () => release(u),
    },
  };
  netOf(kernel).unix.sockets.add(u);
  return u;
};

const create = (task: Task, type: number, protocol: number): Socket | number => {
  if (protocol !== 0 && protocol !== AF.AF_UNIX) return -EPROTONOSUPPORT;
  switch (type) {
    case SOCK.SOCK_STREAM:
    case SOCK.SOCK_DGRAM:
    case SOCK.SOCK_SEQPACKET:
      return newSocket(task.kernel, type, protocol) ?? -ENOMEM;
    case SOCK.SOCK_RAW:
      return newSocket(task.kernel, SOCK.SOCK_DGRAM, protocol) ?? -ENOMEM;
    default:
      return -ESOCKTNOSUPPORT;
  }
};

export const unixFamily: Family = { create };
