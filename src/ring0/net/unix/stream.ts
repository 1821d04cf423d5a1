// SOCK_STREAM of AF_UNIX: bytes in order, which keep together with the descriptions and credentials that came
// with them (unix(7), recvmsg(2); unix_stream_sendmsg and unix_stream_read_generic of net/unix/af_unix.c).

import { EAGAIN, EFAULT, EINVAL, EISCONN, ENOTCONN, EOPNOTSUPP, EPIPE } from '../../../abi/errno.ts';
import { MSG } from '../../../abi/socket.ts';
import { signalTask, userInfo } from '../../task/signals.ts';
import type { Task } from '../../task/types.ts';
import { holdFile } from '../../vfs/file.ts';
import type { OpenFile } from '../../vfs/types.ts';
import { isBlock, type Result } from '../../wait.ts';
import type { Incoming, Outgoing } from '../types.ts';
import { type Waiting, waitFor } from '../wait.ts';
import { passMark, receiveUrgent, sendUrgent } from './oob.ts';
import { awaitRoom, dequeue, enqueue, STREAM_PIECE, streamSize, takeError } from './queue.ts';
import { dropRights, sendRights, takeRights } from './rights.ts';
import { dropScm, NO_SENDER, readScm, received, type Scm, senderOf, wantsCredentials } from './scm.ts';
import { RECEIVING, SENDING, type Sender, type UnixSocket } from './types.ts';

const SIGPIPE = 13;
const NOTHING = new Uint8Array(0);

/** SIGPIPE unless something was sent or the call asked not to. */
const broken = (task: Task, m: Outgoing, sent: number): number => {
  if (sent > 0) return sent;
  if (!(m.flags & MSG.MSG_NOSIGNAL)) signalTask(task, userInfo(task, SIGPIPE));
  return -EPIPE;
};

export const sendStream = (task: Task, u: UnixSocket, m: Outgoing): Result => {
  const sent = (task.resume as Waiting | undefined)?.done ?? 0;
  // The first piece took the control data along.
  const scm = readScm(task, sent > 0 ? NOTHING : m.control);
  if (typeof scm === 'number') return scm;
  const r = sendPieces(task, u, m, scm, sent);
  dropScm(scm);
  return r;
};

const sendPieces = (task: Task, u: UnixSocket, m: Outgoing, scm: Scm, before: number): Result => {
  const { peer } = u;
  const { source } = m;
  let sent = before;
  const urgent = (m.flags & MSG.MSG_OOB) !== 0;
  if (urgent && source.length === 0) return -EOPNOTSUPP;
  // The last byte goes out of band.
  const total = urgent ? source.length - 1 : source.length;
  if (m.to !== null) return u.state === 'connected' ? -EISCONN : -EOPNOTSUPP;
  if (peer === null) return -ENOTCONN;
  if (u.shut & SENDING) return broken(task, m, sent);
  while (sent < total) {
    const n = Math.min(total - sent, (u.options.sndbuf >> 1) - 64, STREAM_PIECE);
    const room = awaitRoom(task, u, (m.flags & MSG.MSG_DONTWAIT) !== 0, sent);
    if (isBlock(room)) return room;
    if (room < 0) return sent > 0 ? sent : room;
    const bytes = new Uint8Array(n);
    if (!source.fetch(bytes, sent)) return sent > 0 ? sent : -EFAULT;
    if (peer.dead || peer.shut & RECEIVING) return broken(task, m, sent);
    const rights = scm.files.length > 0 ? sendRights(task, scm.files) : null;
    if (typeof rights === 'number') return rights;
    // They are the message's now.
    if (rights !== null) scm.files = [];
    const sender = senderOf(task, scm, u, peer);
    const r = enqueue(peer, { bytes, at: 0, size: streamSize(n), owner: u, sender, rights });
    if (r < 0) {
      if (rights !== null) dropRights(u.kernel, rights);
      return sent > 0 ? sent : r;
    }
    sent += n;
  }
  if (!urgent) return sent;
  const r = sendUrgent(task, u, peer, source, scm);
  return r === 0 ? sent + 1 : sent || r;
};

/** What a receive has besides bytes when it waits for more of them. */
interface Half {
  readonly from: Uint8Array;
  readonly sender: Sender | null;
  readonly known: boolean;
}

const same = (a: Sender | null, b: Sender | null): boolean =>
  a?.pid === b?.pid && a?.uid === b?.uid && a?.gid === b?.gid;

export const receiveStream = (task: Task, u: UnixSocket, m: Incoming): Result => {
  if (u.state !== 'connected') return -EINVAL;
  if (m.flags & MSG.MSG_OOB) return receiveUrgent(u, m);
  const waited = task.resume as Waiting | undefined;
  const half = (waited?.half ?? null) as Half | null;
  const peek = (m.flags & MSG.MSG_PEEK) !== 0;
  const { length } = m.sink;
  const least = Math.min(m.flags & MSG.MSG_WAITALL ? length : u.options.rcvlowat, length) || 1;
  let copied = waited?.done ?? 0;
  let sender = half?.sender ?? null;
  let known = half?.known ?? false;
  let files: readonly OpenFile[] | null = null;
  let error = 0;
  m.from = half?.from ?? NOTHING;
  // What is only looked at stays: the next look goes past it.
  let skip = peek ? Math.max(u.peekOffset, 0) + (u.peekOffset < 0 ? copied : 0) : 0;
  for (let i = 0; ; ) {
    const next = passMark(u, i, copied, peek);
    if (next === null) break;
    i = next;
    const message = u.queue[i];
    if (message === undefined) {
      if (copied >= least || (peek && copied > 0 && i > 0 && !(m.flags & MSG.MSG_WAITALL))) break;
      error = takeError(u);
      if (error !== 0 || u.shut & RECEIVING) break;
      if (m.flags & MSG.MSG_DONTWAIT) {
        error = EAGAIN;
        break;
      }
      const kept: Half | null = copied > 0 ? { from: m.from, sender, known } : null;
      const r = waitFor(task, u.toRead, u.options.rcvtimeo, copied, kept);
      if (isBlock(r)) return r;
      error = EAGAIN;
      break;
    }
    const left = message.bytes.length - message.at - skip;
    if (left <= 0 && skip > 0) {
      skip = -left;
      i++;
      continue;
    }
    // Bytes of different senders are not glued together.
    if (known && !same(sender, message.sender)) break;
    if (!known && wantsCredentials(u)) {
      ({ sender } = message);
      known = true;
    }
    if (m.from.length === 0) m.from = message.owner.address ?? NOTHING;
    const k = Math.min(left, length - copied);
    if (!m.sink.put(message.bytes, message.at + skip, k, copied)) {
      error = EFAULT;
      break;
    }
    copied += k;
    const { rights } = message;
    if (peek) {
      if (u.peekOffset >= 0) u.peekOffset += k;
      if (rights !== null) {
        files = rights.files.map(holdFile);
        break;
      }
      skip = 0;
      i++;
      if (copied === length || u.queue[i] === undefined) break;
      continue;
    }
    message.at += k;
    if (u.peekOffset > 0) u.peekOffset = Math.max(0, u.peekOffset - k);
    if (rights !== null) {
      files = takeRights(u.kernel, rights);
      message.rights = null;
    }
    if (k < left) break;
    dequeue(u, 0);
    if (files !== null || copied === length) break;
  }
  m.control = received(u, known ? sender : NO_SENDER, files);
  return copied > 0 || error === 0 ? copied : -error;
};
