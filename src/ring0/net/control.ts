// Control messages (cmsg(3)): walking through those of a program, and storing those that came with a message
// (net/core/scm.c).

import { EFAULT, EINVAL } from '../../abi/errno.ts';
import { CMSGHDR, cmsgAlign, MSG, SCM, SOL_SOCKET } from '../../abi/socket.ts';
import { openPidfd } from '../sys/process-pidfd.ts';
import type { Task } from '../task/types.ts';
import { closeFd, installFile } from '../vfs/fdtable.ts';
import { holdFile, releaseFile } from '../vfs/file.ts';
import type { ControlMessage } from './types.ts';

export interface RawControl {
  readonly level: number;
  readonly type: number;
  readonly data: Uint8Array;
}

/** The control messages in a buffer; -EINVAL when one says a length that cannot be. */
export const parseControl = (bytes: Uint8Array): readonly RawControl[] | number => {
  const list: RawControl[] = [];
  for (let at = 0; at + CMSGHDR.size <= bytes.length; ) {
    const { len, level, type } = CMSGHDR.decode(bytes, at);
    if (len < CMSGHDR.size || len > bytes.length - at) return -EINVAL;
    list.push({ level, type, data: bytes.subarray(at + CMSGHDR.size, at + len) });
    at += cmsgAlign(len);
  }
  return list;
};

/** Lets go of what nobody takes. */
export const dropControl = (list: readonly ControlMessage[]): void => {
  for (const c of list) if ('rights' in c) for (const file of c.rights) releaseFile(file);
};

/** What was stored: how many bytes of control data, and MSG_CTRUNC when there was no room for all. */
export interface Stored {
  readonly bytes: number;
  readonly flags: number;
}

/**
 * Stores control messages at `at`, where there are `room` bytes, and takes them over. `flags` are those of the call
 * (MSG_CMSG_CLOEXEC); -EFAULT when the memory cannot be written.
 */
export const storeControl = (
  task: Task,
  list: readonly ControlMessage[],
  at: number,
  room: number,
  flags: number,
): Stored | number => {
  let used = 0;
  let found = 0;
  let fault = false;
  const cloexec = (flags & MSG.MSG_CMSG_CLOEXEC) !== 0;
  const put = (level: number, type: number, data: Uint8Array): void => {
    const left = room - used;
    if (left < CMSGHDR.size) {
      found |= MSG.MSG_CTRUNC;
      return;
    }
    const len = Math.min(CMSGHDR.size + data.length, left);
    if (len < CMSGHDR.size + data.length) found |= MSG.MSG_CTRUNC;
    const ok =
      CMSGHDR.write(task.mm, at + used, { len, level, type }) &&
      task.mm.write(at + used + CMSGHDR.size, data, 0, len - CMSGHDR.size);
    if (!ok) fault = true;
    else used = Math.min(used + cmsgAlign(CMSGHDR.size + data.length), room);
  };
  for (const c of list) {
    if ('data' in c) put(c.level, c.type, c.data);
    else if ('pidfd' in c) {
      if (room - used < CMSGHDR.size + 4) found |= MSG.MSG_CTRUNC;
      else {
        const fd = openPidfd(task, c.pidfd, cloexec, 0);
        put(SOL_SOCKET, SCM.SCM_PIDFD, new Uint8Array(new Int32Array([fd]).buffer));
      }
    } else {
      const most = Math.floor(Math.max(0, room - used - CMSGHDR.size) / 4);
      const fds: number[] = [];
      for (const file of c.rights.slice(0, most)) {
        const fd = installFile(task, holdFile(file), cloexec);
        if (fd < 0) {
          releaseFile(file);
          break;
        }
        if (!task.mm.writeU32(at + used + CMSGHDR.size + 4 * fds.length, fd)) {
          closeFd(task, fd);
          break;
        }
        fds.push(fd);
      }
      if (fds.length < c.rights.length) found |= MSG.MSG_CTRUNC;
      if (fds.length > 0) put(SOL_SOCKET, SCM.SCM_RIGHTS, new Uint8Array(new Int32Array(fds).buffer));
    }
  }
  dropControl(list);
  return fault ? -EFAULT : { bytes: used, flags: found };
};
