// Sockets as files: the inode and the open file description of a socket, and what read, write, poll and ioctl on it mean.

import { EFAULT } from '../../abi/errno.ts';
import { O_NONBLOCK, O_RDWR } from '../../abi/fcntl.ts';
import { FIOGETOWN, FIOSETOWN, SIOCGPGRP, SIOCSPGRP } from '../../abi/ioctl.ts';
import { POLL } from '../../abi/poll.ts';
import { POLL as BAND } from '../../abi/signal.ts';
import { MSG } from '../../abi/socket.ts';
import { S_IFSOCK } from '../../abi/stat.ts';
import type { Task } from '../task/types.ts';
import { ownerNumber, setOwnerNumber } from '../vfs/async.ts';
import { freshAttr } from '../vfs/attr.ts';
import { newFile } from '../vfs/file.ts';
import { now } from '../vfs/state.ts';
import type { Inode, OpenFile } from '../vfs/types.ts';
import type { Result } from '../wait.ts';
import { bufferSink, bufferSource, vectorSink, vectorSource } from './bytes.ts';
import { dropControl } from './control.ts';
import { netOf } from './state.ts';
import type { Incoming, Sink, Socket, SocketFileOps, Source } from './types.ts';

const NO_CONTROL = new Uint8Array(0);

const dontWait = (file: OpenFile): number => (file.flags & O_NONBLOCK ? MSG.MSG_DONTWAIT : 0);

const send = (task: Task, file: OpenFile, socket: Socket, source: Source): Result =>
  socket.ops.send(task, { source, to: null, control: NO_CONTROL, flags: dontWait(file) });

const receive = (task: Task, file: OpenFile, socket: Socket, sink: Sink): Result => {
  if (sink.length === 0) return 0;
  const m: Incoming = { sink, flags: dontWait(file), from: NO_CONTROL, control: [], found: 0 };
  const r = socket.ops.receive(task, m);
  dropControl(m.control);
  return r;
};

const ioctl = (task: Task, file: OpenFile, socket: Socket, request: number, arg: number): number => {
  switch (request) {
    case FIOSETOWN:
    case SIOCSPGRP: {
      const owner = task.mm.readI32(arg);
      return owner === null ? -EFAULT : setOwnerNumber(task, file, owner);
    }
    case FIOGETOWN:
    case SIOCGPGRP:
      return task.mm.writeU32(arg, ownerNumber(task.kernel, file) >>> 0) ? 0 : -EFAULT;
    default:
      return socket.ops.ioctl(task, request, arg);
  }
};

/** Why a socket's owner is told that it can be read. */
const reasonOf = (events: number): number => {
  if (events & POLL.POLLHUP) return BAND.POLL_HUP;
  return events & POLL.POLLIN ? BAND.POLL_IN : 0;
};

const fileOps = (socket: Socket): SocketFileOps => ({
  socket,
  read: (task, file, buf, at, n) => receive(task, file, socket, bufferSink(buf, at, n)),
  write: (task, file, buf, at, n) => send(task, file, socket, bufferSource(buf, at, n)),
  readVector: (task, file, list) => receive(task, file, socket, vectorSink(task.mm, list)),
  writeVector: (task, file, list) => send(task, file, socket, vectorSource(task.mm, list)),
  poll: () => socket.ops.poll(),
  pollQueues: () => socket.ops.queues,
  asyncQueues: () => [{ queue: socket.ops.readable, reason: () => reasonOf(socket.ops.poll()) }],
  ioctl: (task, file, request, arg) => ioctl(task, file, socket, request, arg),
  release: () => {
    socket.file = null;
    socket.ops.release();
  },
});

/** An open file description for a socket that has none yet. `flags` may have O_NONBLOCK. */
export const socketFile = (task: Task, socket: Socket, flags: number): OpenFile => {
  const { kernel, cred } = task;
  const net = netOf(kernel);
  const attr = freshAttr(
    { ino: net.nextIno++, mode: S_IFSOCK | 0o777, uid: cred.fsuid, gid: cred.fsgid, rdev: 0 },
    now(kernel),
  );
  const inode: Inode = {
    fs: net.fs,
    attr: () => attr,
    setattr(change) {
      Object.assign(attr, change);
      attr.mode = S_IFSOCK | (attr.mode & 0o7777);
      return 0;
    },
  };
  const file = newFile(inode, null, fileOps(socket), O_RDWR | flags, `socket:[${attr.ino}]`);
  socket.file = file;
  return file;
};
