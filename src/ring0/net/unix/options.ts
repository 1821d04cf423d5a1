// Options that only AF_UNIX sockets have: who the peer is, and where MSG_PEEK begins (unix(7), socket(7)).

import { EINVAL, ENODATA } from '../../../abi/errno.ts';
import { SO, SOL_SOCKET, UCRED } from '../../../abi/socket.ts';
import { openPidfd } from '../../sys/process-pidfd.ts';
import type { Task } from '../../task/types.ts';
import type { UnixSocket } from './types.ts';

const int = (v: number): Uint8Array => new Uint8Array(new Int32Array([v]).buffer);

export const getOption = (
  task: Task,
  u: UnixSocket,
  level: number,
  name: number,
): Uint8Array | number | null => {
  if (level !== SOL_SOCKET) return null;
  const peer = u.credentials;
  switch (name) {
    case SO.SO_PEERCRED:
      return UCRED.encode(
        peer === null
          ? { pid: 0, uid: 0xffffffff, gid: 0xffffffff }
          : { pid: peer.pid, uid: peer.uid, gid: peer.gid },
      );
    case SO.SO_PEERGROUPS:
      return peer === null ? -ENODATA : new Uint8Array(new Uint32Array(peer.groups).buffer);
    case SO.SO_PEERPIDFD: {
      if (peer === null) return -ENODATA;
      const fd = openPidfd(task, peer.process, true, 0);
      return fd < 0 ? fd : int(fd);
    }
    case SO.SO_PEEK_OFF:
      return int(u.peekOffset);
    default:
      return null;
  }
};

export const setOption = (u: UnixSocket, level: number, name: number, value: Uint8Array): number | null => {
  if (level !== SOL_SOCKET || name !== SO.SO_PEEK_OFF) return null;
  if (value.length < 4) return -EINVAL;
  const offset = new DataView(value.buffer, value.byteOffset).getInt32(0, true);
  u.peekOffset = Math.max(offset, -1);
  return 0;
};
