// Connections of AF_UNIX sockets: listening, connecting, accepting, pairs, shutting down and closing
// (net/unix/af_unix.c).

import {
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EINVAL,
  EISCONN,
  ENOMEM,
  ENOTCONN,
  EOPNOTSUPP,
  EPERM,
} from '../../../abi/errno.ts';
import { AF, SO, SOCK, SUN_PATH } from '../../../abi/socket.ts';
import { COST, uncharge } from '../../heap.ts';
import type { Task } from '../../task/types.ts';
import { type Result, wake } from '../../wait.ts';
import { netOf } from '../state.ts';
import type { Socket } from '../types.ts';
import { waitFor } from '../wait.ts';
import { autobind, familyOf, findSocket, isSocket, parseAddress, unbind } from './address.ts';
import { disconnected, setPeer } from './datagram.ts';
import { purge, takeError } from './queue.ts';
import { releasedOne } from './rights.ts';
import { type PeerCredentials, RECEIVING, SENDING, type UnixSocket } from './types.ts';

const connects = (u: UnixSocket): boolean => u.type !== SOCK.SOCK_DGRAM;

const credentialsOf = ({ process, cred }: Task): PeerCredentials => ({
  pid: process.pid,
  uid: cred.euid,
  gid: cred.egid,
  groups: cred.groups,
  process,
});

export const listen = (task: Task, u: UnixSocket, backlog: number): number => {
  if (!connects(u)) return -EOPNOTSUPP;
  if (u.address === null || u.state === 'connected') return -EINVAL;
  const most = task.kernel.settings['net/core/somaxconn'];
  u.backlog = backlog < 0 || backlog > most ? most : backlog;
  u.state = 'listening';
  u.credentials = credentialsOf(task);
  wake(u.room);
  return 0;
};

export const connect = (
  task: Task,
  u: UnixSocket,
  address: Uint8Array,
  nonblock: boolean,
  make: () => UnixSocket | null,
): Result => {
  if (!connects(u)) return connectDatagram(task, u, address);
  const name = parseAddress(address);
  if (typeof name === 'number') return name;
  if (u.options.plain.get(SO.SO_PASSCRED) === 1 && u.address === null) autobind(u);
  const other = findSocket(task, u.type, name);
  if (!isSocket(other)) return other;
  if (other.state !== 'listening' || other.shut & RECEIVING) return -ECONNREFUSED;
  if (other.pending.length > other.backlog) {
    return nonblock ? -EAGAIN : waitFor(task, [other.room], u.options.sndtimeo);
  }
  if (u.state !== 'closed') return u.state === 'connected' ? -EISCONN : -EINVAL;
  const server = make();
  if (server === null) return -ENOMEM;
  server.peer = u;
  server.state = 'connected';
  server.address = other.address;
  server.credentials = credentialsOf(task);
  for (const flag of [SO.SO_PASSCRED, SO.SO_PASSPIDFD]) {
    if (other.options.plain.get(flag) === 1) server.options.plain.set(flag, 1);
  }
  u.peer = server;
  u.state = 'connected';
  u.credentials = other.credentials;
  other.pending.push(server);
  wake(other.readable);
  wake(u.writable);
  return 0;
};

const connectDatagram = (task: Task, u: UnixSocket, address: Uint8Array): Result => {
  if (address.length < SUN_PATH) return -EINVAL;
  let other: UnixSocket | null = null;
  if (familyOf(address) !== AF.AF_UNSPEC) {
    const name = parseAddress(address);
    if (typeof name === 'number') return name;
    if (u.options.plain.get(SO.SO_PASSCRED) === 1 && u.address === null) autobind(u);
    const found = findSocket(task, u.type, name);
    if (!isSocket(found)) return found;
    if (found.peer !== null && found.peer !== u) return -EPERM;
    other = found;
  }
  const old = u.peer;
  setPeer(u, other);
  if (other !== null) other.state = 'connected';
  if (old !== null && old !== other) disconnected(u, old);
  wake(u.writable);
  return 0;
};

export const pair = (task: Task, a: UnixSocket, b: UnixSocket): number => {
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    if (connects(one)) one.peer = other;
    else setPeer(one, other);
    one.state = 'connected';
    one.credentials = credentialsOf(task);
  }
  return 0;
};

export const accept = (task: Task, u: UnixSocket, nonblock: boolean): Socket | Result => {
  if (!connects(u)) return -EOPNOTSUPP;
  if (u.state !== 'listening') return -EINVAL;
  const error = takeError(u);
  if (error !== 0) return -error;
  const next = u.pending.shift();
  if (next === undefined) {
    if (nonblock) return -EAGAIN;
    if (u.shut & RECEIVING) return -EINVAL;
    return waitFor(task, u.toRead, u.options.rcvtimeo);
  }
  wake(u.room);
  return next;
};

/** The address of a socket without a name. */
const UNNAMED = new Uint8Array([AF.AF_UNIX, 0]);

export const nameOf = (u: UnixSocket, peer: boolean): Uint8Array | number => {
  if (!peer) return u.address ?? UNNAMED;
  return u.peer === null ? -ENOTCONN : (u.peer.address ?? UNNAMED);
};

const changed = (u: UnixSocket): void => {
  wake(u.readable);
  wake(u.writable);
};

export const shutdown = (u: UnixSocket, how: number): number => {
  u.shut |= how;
  const { peer } = u;
  if (connects(u) && peer !== null) {
    peer.shut |= (how & RECEIVING ? SENDING : 0) | (how & SENDING ? RECEIVING : 0);
    changed(peer);
  }
  changed(u);
  wake(u.room);
  return 0;
};

/** The last reference is gone; `waiting` for a connection that nobody has accepted. */
export const release = (u: UnixSocket, waiting = false): void => {
  const { unix } = netOf(u.kernel);
  const { peer } = u;
  const [first, second] = u.queue;
  // The mark of a byte out of band that was taken is nothing unread.
  const unread = first !== undefined && (first.bytes.length > first.at || second !== undefined);
  unix.sockets.delete(u);
  unbind(u);
  u.dead = true;
  u.shut = RECEIVING | SENDING;
  u.state = 'closed';
  if (connects(u)) {
    u.peer = null;
    if (peer !== null && !peer.dead) {
      peer.shut = RECEIVING | SENDING;
      if (unread || waiting) peer.error = ECONNRESET;
      changed(peer);
    }
  } else setPeer(u, null);
  uncharge(u.kernel.heap, COST.socket);
  for (const p of u.pending.splice(0)) release(p, true);
  purge(u);
  changed(u);
  releasedOne(u.kernel);
};
