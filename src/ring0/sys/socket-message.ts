// Messages over sockets: sendto(2), sendmsg(2), sendmmsg(2), recvfrom(2), recvmsg(2), recvmmsg(2).

import { EAGAIN, EFAULT, EINVAL, EMSGSIZE, ENOBUFS } from '../../abi/errno.ts';
import { O_NONBLOCK } from '../../abi/fcntl.ts';
import { MESSAGE_FLAGS, MMSG_LEN, MMSGHDR_BYTES, MSG, MSGHDR, SOCKADDR_MAX } from '../../abi/socket.ts';
import { TIMESPEC } from '../../abi/time.ts';
import {
  bytesIn,
  bytesOut,
  fd,
  flags,
  int,
  mmsghdrs,
  msghdr,
  size,
  sockaddrIn,
  sockaddrOut,
  socklenInOut,
  timeInOut,
  uint,
} from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { readAddress, writeAddress } from '../net/addresses.ts';
import { vectorSink, vectorSource } from '../net/bytes.ts';
import { dropControl, storeControl } from '../net/control.ts';
import { OPTMEM_MAX } from '../net/limits.ts';
import type { Incoming, Socket } from '../net/types.ts';
import type { Task } from '../task/types.ts';
import { type IoVec, MAX_RW, readIoVec } from '../vfs/transfer.ts';
import type { OpenFile } from '../vfs/types.ts';
import { isBlock, type Result } from '../wait.ts';
import { socketAt } from './socket.ts';

const UIO_MAXIOV = 1024;
const NOTHING = new Uint8Array(0);
const LENGTH_AT = MSGHDR.offsets.namelen;
/** The mark of 32-bit callers, that no 64-bit one may make. */
const MSG_CMSG_COMPAT = 0x80000000;
/** Internal flags, and that mark. */
const SEND_MASK = 0x7ff7ffff;
const RECEIVE_MASK = 0x7fffffff;

const buffer = (base: number, n: number): IoVec[] => (n === 0 ? [] : [{ base, length: Math.min(n, MAX_RW) }]);

/** The flags of a call on this description. */
const effective = (file: OpenFile, how: number): number =>
  file.flags & O_NONBLOCK ? how | MSG.MSG_DONTWAIT : how;

const receipt = (task: Task, list: readonly IoVec[], how: number): Incoming => ({
  sink: vectorSink(task.mm, list),
  flags: how,
  from: NOTHING,
  control: [],
  found: 0,
});

export const sendto = syscall(
  'sendto',
  [
    fd('sockfd'),
    bytesIn('buf', 'len'),
    size('len'),
    flags('flags', MESSAGE_FLAGS),
    sockaddrIn('dest_addr', 'addrlen'),
    int('addrlen'),
  ],
  { returns: 'size', family: 'network' },
  (task, n, at, count, how, addressAt, length) => {
    const open = socketAt(task, n);
    if (typeof open === 'number') return open;
    const { socket, file } = open;
    const to = addressAt === 0 ? NOTHING : readAddress(task, addressAt, length);
    if (typeof to === 'number') return to;
    return socket.ops.send(task, {
      source: vectorSource(task.mm, buffer(at, count)),
      to: to.length === 0 ? null : to,
      control: NOTHING,
      flags: effective(file, how & SEND_MASK),
    });
  },
);

export const recvfrom = syscall(
  'recvfrom',
  [
    fd('sockfd'),
    bytesOut('buf', 'len'),
    size('len'),
    flags('flags', MESSAGE_FLAGS),
    sockaddrOut('src_addr', 'addrlen'),
    socklenInOut('addrlen'),
  ],
  { returns: 'size', family: 'network' },
  (task, n, at, count, how, addressAt, lengthAt) => {
    const open = socketAt(task, n);
    if (typeof open === 'number') return open;
    const { socket, file } = open;
    const m = receipt(task, buffer(at, count), effective(file, how & RECEIVE_MASK));
    const r = socket.ops.receive(task, m);
    // There is nowhere to put it.
    dropControl(m.control);
    if (isBlock(r) || r < 0 || addressAt === 0) return r;
    const stored = writeAddress(task, m.from, addressAt, lengthAt);
    return stored < 0 ? stored : r;
  },
);

/** A msghdr, checked as both directions check it. */
interface Header {
  readonly at: number;
  readonly name: number;
  readonly namelen: number;
  readonly control: number;
  readonly controllen: number;
  readonly list: readonly IoVec[];
}

const readHeader = (task: Task, at: number): Header | number => {
  const h = MSGHDR.read(task.mm, at);
  if (h === null) return -EFAULT;
  if (h.name !== 0 && h.namelen < 0) return -EINVAL;
  const namelen = h.name === 0 ? 0 : Math.min(h.namelen, SOCKADDR_MAX);
  if (h.iovlen > UIO_MAXIOV) return -EMSGSIZE;
  const list = readIoVec(task, h.iov, h.iovlen);
  if (typeof list === 'number') return list;
  return { at, name: h.name, namelen, control: h.control, controllen: h.controllen, list };
};

const sendOne = (task: Task, socket: Socket, at: number, how: number): Result => {
  const h = readHeader(task, at);
  if (typeof h === 'number') return h;
  const to = readAddress(task, h.name, h.namelen);
  if (typeof to === 'number') return to;
  if (h.controllen > OPTMEM_MAX) return -ENOBUFS;
  const control = h.controllen === 0 ? NOTHING : task.mm.read(h.control, h.controllen);
  if (control === null) return -EFAULT;
  const source = vectorSource(task.mm, h.list);
  return socket.ops.send(task, { source, to: to.length === 0 ? null : to, control, flags: how });
};

const receiveOne = (task: Task, socket: Socket, at: number, how: number): Result => {
  const h = readHeader(task, at);
  if (typeof h === 'number') return h;
  const m = receipt(task, h.list, how);
  const r = socket.ops.receive(task, m);
  if (isBlock(r) || r < 0) {
    dropControl(m.control);
    return r;
  }
  const room = h.control === 0 ? 0 : h.controllen;
  const stored = storeControl(task, m.control, h.control, room, how);
  if (h.name !== 0) {
    const named = writeAddress(task, m.from, h.name, at + LENGTH_AT);
    if (named < 0) return named;
  }
  if (typeof stored === 'number') return stored;
  const found = m.found | stored.flags | (how & MSG.MSG_CMSG_CLOEXEC);
  const { offsets } = MSGHDR;
  const told =
    task.mm.writeU32(at + offsets.flags, found >>> 0) &&
    task.mm.writeI64(at + offsets.controllen, stored.bytes);
  return told ? r : -EFAULT;
};

export const sendmsg = syscall(
  'sendmsg',
  [fd('sockfd'), msghdr('msg', 'in'), flags('flags', MESSAGE_FLAGS)],
  { returns: 'size', family: 'network' },
  (task, n, at, how) => {
    if (how & MSG_CMSG_COMPAT) return -EINVAL;
    const open = socketAt(task, n);
    if (typeof open === 'number') return open;
    return sendOne(task, open.socket, at, effective(open.file, how & SEND_MASK));
  },
);

export const recvmsg = syscall(
  'recvmsg',
  [fd('sockfd'), msghdr('msg', 'out'), flags('flags', MESSAGE_FLAGS)],
  { returns: 'size', family: 'network' },
  (task, n, at, how) => {
    if (how & MSG_CMSG_COMPAT) return -EINVAL;
    const open = socketAt(task, n);
    if (typeof open === 'number') return open;
    return receiveOne(task, open.socket, at, effective(open.file, how & RECEIVE_MASK));
  },
);

/** Of a call over several messages: how many are done, when recvmmsg's time is over, and what the next one waits with. */
interface Several {
  readonly count: number;
  readonly end: number | null;
  readonly inner: unknown;
}

const severalOf = (task: Task): Several | undefined => {
  const state = task.resume as Several | undefined;
  task.resume = state?.inner;
  return state;
};

/** The result of a message that ends the call. */
const stopped = (r: Result, count: number, end: number | null): Result => {
  if (!isBlock(r)) return count > 0 ? count : r;
  const state: Several = { count, end, inner: r.state };
  return count > 0 ? { ...r, state, partial: count } : { ...r, state };
};

export const sendmmsg = syscall(
  'sendmmsg',
  [fd('sockfd'), mmsghdrs('msgvec', 'vlen', false), uint('vlen'), flags('flags', MESSAGE_FLAGS)],
  { returns: 'int', family: 'network' },
  (task, n, at, many, how) => {
    if (how & MSG_CMSG_COMPAT) return -EINVAL;
    const open = socketAt(task, n);
    if (typeof open === 'number') return open;
    const most = Math.min(many, UIO_MAXIOV);
    let count = severalOf(task)?.count ?? 0;
    while (count < most) {
      const to = at + count * MMSGHDR_BYTES;
      const r = sendOne(task, open.socket, to, effective(open.file, how & SEND_MASK));
      if (isBlock(r) || r < 0) return stopped(r, count, null);
      task.resume = undefined;
      if (!task.mm.writeU32(to + MMSG_LEN, r)) return stopped(-EFAULT, count, null);
      count++;
    }
    return count;
  },
);

export const recvmmsg = syscall(
  'recvmmsg',
  [
    fd('sockfd'),
    mmsghdrs('msgvec', 'vlen', true),
    uint('vlen'),
    flags('flags', MESSAGE_FLAGS),
    timeInOut('timeout', 'timespec'),
  ],
  { returns: 'int', family: 'network' },
  (task, n, at, many, how, timeoutAt) => {
    const { clock } = task.kernel;
    const waited = severalOf(task);
    let end = waited?.end ?? null;
    if (waited === undefined && timeoutAt !== 0) {
      const t = TIMESPEC.read(task.mm, timeoutAt);
      if (t === null) return -EFAULT;
      if (t.sec < 0 || t.nsec < 0 || t.nsec >= 1e9) return -EINVAL;
      end = clock.monotonic() + t.sec * 1e9 + t.nsec;
    }
    if (how & MSG_CMSG_COMPAT) return -EINVAL;
    const open = socketAt(task, n);
    if (typeof open === 'number') return open;
    const { socket, file } = open;
    const most = Math.min(many, UIO_MAXIOV);
    let count = waited?.count ?? 0;
    if (waited === undefined && socket.error !== 0) {
      const { error } = socket;
      socket.error = 0;
      return -error;
    }
    let flag = how & RECEIVE_MASK;
    while (count < most) {
      if (count > 0 && how & MSG.MSG_WAITFORONE) flag |= MSG.MSG_DONTWAIT;
      const to = at + count * MMSGHDR_BYTES;
      const r = receiveOne(task, socket, to, effective(file, flag));
      if (isBlock(r)) return stopped(r, count, end);
      task.resume = undefined;
      if (r < 0) {
        if (count === 0) return r;
        // The next call tells it.
        if (r !== -EAGAIN) socket.error = -r;
        break;
      }
      if (!task.mm.writeU32(to + MMSG_LEN, r)) return stopped(-EFAULT, count, end);
      count++;
      if (end !== null && clock.monotonic() >= end) break;
    }
    if (end !== null) {
      const left = Math.max(0, end - clock.monotonic());
      const value = { sec: Math.floor(left / 1e9), nsec: Math.floor(left % 1e9) };
      if (!TIMESPEC.write(task.mm, timeoutAt, value)) return -EFAULT;
    }
    return count;
  },
);

export const rows = [sendto, recvfrom, sendmsg, recvmsg, sendmmsg, recvmmsg];
