// Out-of-band bytes of AF_UNIX streams (MSG_OOB): one byte that can be read before what was sent earlier. Its place in the
// queue is a mark, at which reading stops, and which stays when the byte was taken (queue_oob and manage_oob of
// net/unix/af_unix.c).

import { EAGAIN, EFAULT, EINVAL, EPIPE } from '../../../abi/errno.ts';
import { MSG, SO } from '../../../abi/socket.ts';
import type { Task } from '../../task/types.ts';
import { tellUrgent } from '../../vfs/async.ts';
import type { Incoming, Source } from '../types.ts';
import { dequeue, enqueue, streamSize } from './queue.ts';
import { dropRights, sendRights } from './rights.ts';
import { type Scm, senderOf } from './scm.ts';
import { type Message, RECEIVING, type UnixSocket } from './types.ts';

const left = (m: Message): number => m.bytes.length - m.at;

/** SO_OOBINLINE: the byte stays among the others. */
const isInline = (u: UnixSocket): boolean => u.options.plain.get(SO.SO_OOBINLINE) === 1;

/** Sends the last byte of `source`, without waiting for room: 0 or -errno. One sent before becomes like any other. */
export const sendUrgent = (task: Task, u: UnixSocket, peer: UnixSocket, source: Source, scm: Scm): number => {
  if (u.wmem >= u.options.sndbuf) return -EAGAIN;
  const bytes = new Uint8Array(1);
  if (!source.fetch(bytes, source.length - 1)) return -EFAULT;
  if (peer.dead || peer.shut & RECEIVING) return -EPIPE;
  const rights = scm.files.length > 0 ? sendRights(task, scm.files) : null;
  if (typeof rights === 'number') return rights;
  if (rights !== null) scm.files = [];
  const sender = senderOf(task, scm, u, peer);
  const message: Message = { bytes, at: 0, size: streamSize(1), owner: u, sender, rights };
  const before = peer.oob;
  peer.oob = message;
  const r = enqueue(peer, message);
  if (r < 0) {
    peer.oob = before;
    if (rights !== null) dropRights(u.kernel, rights);
    return r;
  }
  if (peer.file !== null) tellUrgent(u.kernel, peer.file);
  return 0;
};

/** recv with MSG_OOB: 1, or -EINVAL when there is none. */
export const receiveUrgent = (u: UnixSocket, m: Incoming): number => {
  const { oob } = u;
  if (isInline(u) || oob === null) return -EINVAL;
  if (m.sink.length === 0 || !m.sink.put(oob.bytes, 0, 1, 0)) return -EFAULT;
  m.found |= MSG.MSG_OOB;
  if (m.flags & MSG.MSG_PEEK) return 1;
  u.oob = null;
  oob.at = 1;
  return 1;
};

/** Where in the queue to read on from place i, past a byte out of band that is not to be read here; null at a mark. */
export const passMark = (u: UnixSocket, i: number, copied: number, peek: boolean): number | null => {
  let at = i;
  const first = u.queue[at];
  if (first === undefined) return at;
  if (left(first) === 0) {
    if (copied > 0 && u.oob === null) return null;
    if (peek) at++;
    else dequeue(u, at);
  }
  const next = u.queue[at];
  if (next === undefined || next !== u.oob) return at;
  if (copied > 0) return null;
  const inline = isInline(u);
  if (peek) return inline ? at : at + 1;
  u.oob = null;
  if (inline) return at;
  if (next.rights !== null) dropRights(u.kernel, next.rights);
  next.rights = null;
  dequeue(u, at);
  return at;
};

/** sockatmark(3). */
export const isAtMark = (u: UnixSocket): boolean => {
  const [first, second] = u.queue;
  if (first === undefined) return false;
  return first === u.oob || (left(first) === 0 && (u.oob === null || second === u.oob));
};
