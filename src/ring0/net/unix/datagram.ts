// SOCK_DGRAM and SOCK_SEQPACKET of AF_UNIX: whole messages, reliable and in order; a sender waits for room
// (unix_dgram_sendmsg and __unix_dgram_recvmsg of net/unix/af_unix.c).

import {
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EFAULT,
  EMSGSIZE,
  ENOTCONN,
  EOPNOTSUPP,
  EPERM,
  EPIPE,
} from '../../../abi/errno.ts';
import { MSG, SO, SOCK } from '../../../abi/socket.ts';
import type { Task } from '../../task/types.ts';
import { holdFile } from '../../vfs/file.ts';
import type { OpenFile } from '../../vfs/types.ts';
import { isBlock, type Result, wake } from '../../wait.ts';
import { receiveStamp } from '../options.ts';
import type { Incoming, Outgoing } from '../types.ts';
import { waitFor } from '../wait.ts';
import { autobind, findSocket, isSocket, parseAddress } from './address.ts';
import { awaitRoom, datagramSize, dequeue, enqueue, purge, queueFull, takeError } from './queue.ts';
import { dropRights, sendRights, takeRights } from './rights.ts';
import { dropScm, readScm, received, type Scm, senderOf } from './scm.ts';
import { RECEIVING, type UnixSocket } from './types.ts';

const NOTHING = new Uint8Array(0);
/** Of the send buffer, what no message may fill. */
const OVERHEAD = 32;

/** Sets or clears the peer of a datagram socket. */
export const setPeer = (u: UnixSocket, peer: UnixSocket | null): void => {
  u.peer?.senders.delete(u);
  u.peer = peer;
  u.state = peer === null ? 'closed' : 'connected';
  peer?.senders.add(u);
};

/** What the old peer sent is lost, and it hears of that if it was connected to this socket. */
export const disconnected = (u: UnixSocket, old: UnixSocket): void => {
  if (u.queue.length === 0) return;
  purge(u);
  if (old.dead || old.peer !== u) return;
  old.error = ECONNRESET;
  wake(old.readable);
  wake(old.writable);
};

export const sendDatagram = (task: Task, u: UnixSocket, m: Outgoing): Result => {
  if (u.type === SOCK.SOCK_SEQPACKET) {
    const error = takeError(u);
    if (error !== 0) return -error;
    if (u.state !== 'connected') return -ENOTCONN;
  }
  const scm = readScm(task, m.control);
  if (typeof scm === 'number') return scm;
  const r = sendOne(task, u, m, scm);
  dropScm(scm);
  return r;
};

const targetOf = (task: Task, u: UnixSocket, to: Uint8Array | null): UnixSocket | Result => {
  if (to === null) return u.peer ?? -ENOTCONN;
  const name = parseAddress(to);
  return typeof name === 'number' ? name : findSocket(task, u.type, name);
};

const sendOne = (task: Task, u: UnixSocket, m: Outgoing, scm: Scm): Result => {
  const nonblock = (m.flags & MSG.MSG_DONTWAIT) !== 0;
  // Sequenced packets go to the peer, whatever address is given.
  const to = u.type === SOCK.SOCK_SEQPACKET ? null : m.to;
  if (m.flags & MSG.MSG_OOB) return -EOPNOTSUPP;
  const name = to === null ? 0 : parseAddress(to);
  if (typeof name === 'number' && name < 0) return name;
  if (to === null && u.peer === null) return -ENOTCONN;
  if (u.options.plain.get(SO.SO_PASSCRED) === 1 && u.address === null) autobind(u);
  const n = m.source.length;
  if (n > u.options.sndbuf - OVERHEAD) return -EMSGSIZE;
  const room = awaitRoom(task, u, nonblock);
  if (isBlock(room) || room < 0) return room;
  const bytes = new Uint8Array(n);
  if (n > 0 && !m.source.fetch(bytes, 0)) return -EFAULT;
  const target = targetOf(task, u, to);
  if (!isSocket(target)) return target;
  if (target.peer !== null && target.peer !== u) return -EPERM;
  if (target.dead) {
    if (u.type === SOCK.SOCK_SEQPACKET) return -EPIPE;
    setPeer(u, null);
    disconnected(u, target);
    return -ECONNREFUSED;
  }
  if (target.shut & RECEIVING) return -EPIPE;
  if (target !== u && target.peer !== u && queueFull(target)) {
    return nonblock ? -EAGAIN : waitFor(task, [target.room], u.options.sndtimeo);
  }
  const rights = scm.files.length > 0 ? sendRights(task, scm.files) : null;
  if (typeof rights === 'number') return rights;
  if (rights !== null) scm.files = [];
  const sender = senderOf(task, scm, u, target);
  const r = enqueue(target, { bytes, at: 0, size: datagramSize(n), owner: u, sender, rights });
  if (r < 0 && rights !== null) dropRights(u.kernel, rights);
  return r < 0 ? r : n;
};

/** Which message a receive gets, and how much of it a look with an offset has seen; null when there is none. */
const find = (u: UnixSocket, peek: boolean): { i: number; skip: number } | null => {
  if (!peek || u.peekOffset <= 0) return u.queue.length > 0 ? { i: 0, skip: 0 } : null;
  let skip = u.peekOffset;
  for (const [i, { bytes }] of u.queue.entries()) {
    if (skip < bytes.length) return { i, skip };
    skip -= bytes.length;
  }
  return null;
};

/** Nothing is there: why the receive need not wait, or its wait. */
const nothing = (task: Task, u: UnixSocket, nonblock: boolean): Result => {
  const packets = u.type === SOCK.SOCK_SEQPACKET;
  if (nonblock) return packets && u.shut & RECEIVING ? 0 : -EAGAIN;
  if (u.shut & RECEIVING) return 0;
  return waitFor(task, u.toRead, u.options.rcvtimeo);
};

export const receiveDatagram = (task: Task, u: UnixSocket, m: Incoming): Result => {
  if (u.type === SOCK.SOCK_SEQPACKET && u.state !== 'connected') return -ENOTCONN;
  if (m.flags & MSG.MSG_OOB) return -EOPNOTSUPP;
  const peek = (m.flags & MSG.MSG_PEEK) !== 0;
  const error = takeError(u);
  if (error !== 0) return -error;
  const found = find(u, peek);
  const message = found === null ? undefined : u.queue[found.i];
  if (found === null || message === undefined) {
    return nothing(task, u, (m.flags & MSG.MSG_DONTWAIT) !== 0);
  }
  const { i, skip } = found;
  const { bytes, rights } = message;
  const left = bytes.length - skip;
  const k = Math.min(left, m.sink.length);
  if (k < left) m.found |= MSG.MSG_TRUNC;
  m.from = message.owner.address ?? NOTHING;
  let files: readonly OpenFile[] | null = null;
  const stored = k === 0 || m.sink.put(bytes, skip, k, 0);
  if (peek) {
    if (stored) files = rights?.files.map(holdFile) ?? null;
    if (stored && u.peekOffset >= 0) u.peekOffset += k;
  } else {
    // A message that memory cannot take is lost.
    dequeue(u, i);
    if (rights !== null && stored) files = takeRights(u.kernel, rights);
    else if (rights !== null) dropRights(u.kernel, rights);
    message.rights = null;
    if (u.peekOffset > 0) u.peekOffset = Math.max(0, u.peekOffset - bytes.length);
  }
  if (!stored) return -EFAULT;
  const control = received(u, message.sender, files);
  const stamp = receiveStamp(u, u.kernel.clock);
  m.control = stamp === null ? control : [stamp, ...control];
  return m.flags & MSG.MSG_TRUNC ? left : k;
};
