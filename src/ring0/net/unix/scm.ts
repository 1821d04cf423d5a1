// What may go along with a message (unix(7), Ancillary messages): descriptions and credentials.

import { EBADF, EINVAL, EPERM, ESRCH } from '../../../abi/errno.ts';
import { SCM, SCM_MAX_FD, SO, SOL_SOCKET, UCRED } from '../../../abi/socket.ts';
import type { Task } from '../../task/types.ts';
import { fileAt } from '../../vfs/fdtable.ts';
import { holdFile, releaseFile } from '../../vfs/file.ts';
import { capable } from '../../vfs/perm.ts';
import type { OpenFile } from '../../vfs/types.ts';
import { parseControl, type RawControl } from '../control.ts';
import type { ControlMessage } from '../types.ts';
import type { Sender, UnixSocket } from './types.ts';

const CAP_SETGID = 6;
const CAP_SETUID = 7;
const CAP_SYS_ADMIN = 21;
/** What nobody is called. */
const NOBODY = 65534;

/** Control data of a message to send. The descriptions are held. */
export interface Scm {
  files: OpenFile[];
  sender: Sender | null;
}

const addRights = (task: Task, scm: Scm, data: Uint8Array): number => {
  const n = data.length >> 2;
  if (scm.files.length + n > SCM_MAX_FD) return -EINVAL;
  const dv = new DataView(data.buffer, data.byteOffset);
  for (let i = 0; i < n; i++) {
    const file = fileAt(task, dv.getInt32(4 * i, true), true);
    if (file === undefined) return -EBADF;
    scm.files.push(holdFile(file));
  }
  return 0;
};

/** Who is said to have sent it: the process itself, unless it may say otherwise. */
const claimed = (task: Task, data: Uint8Array): Sender | number => {
  if (data.length !== UCRED.size) return -EINVAL;
  const { pid, uid, gid } = UCRED.decode(data);
  const { cred, process, kernel } = task;
  if (uid === 0xffffffff || gid === 0xffffffff) return -EINVAL;
  const mayPid = pid === process.pid || capable(cred, CAP_SYS_ADMIN);
  const mayUid = [cred.uid, cred.euid, cred.suid].includes(uid) || capable(cred, CAP_SETUID);
  const mayGid = [cred.gid, cred.egid, cred.sgid].includes(gid) || capable(cred, CAP_SETGID);
  if (!mayPid || !mayUid || !mayGid) return -EPERM;
  const named = kernel.processes.get(pid) ?? null;
  return named === null ? -ESRCH : { pid, uid, gid, process: named };
};

const add = (task: Task, scm: Scm, { level, type, data }: RawControl): number => {
  if (level !== SOL_SOCKET) return 0;
  if (type === SCM.SCM_RIGHTS) return addRights(task, scm, data);
  if (type !== SCM.SCM_CREDENTIALS) return -EINVAL;
  const sender = claimed(task, data);
  if (typeof sender === 'number') return sender;
  scm.sender = sender;
  return 0;
};

export const dropScm = (scm: Scm): void => {
  for (const file of scm.files) releaseFile(file);
  scm.files = [];
};

/** Reads the control data of a send. */
export const readScm = (task: Task, control: Uint8Array): Scm | number => {
  const scm: Scm = { files: [], sender: null };
  if (control.length === 0) return scm;
  const list = parseControl(control);
  if (typeof list === 'number') return list;
  for (const c of list) {
    const r = add(task, scm, c);
    if (r < 0) {
      dropScm(scm);
      return r;
    }
  }
  return scm;
};

const asked = (u: UnixSocket): boolean =>
  u.options.plain.get(SO.SO_PASSCRED) === 1 || u.options.plain.get(SO.SO_PASSPIDFD) === 1;

/** Whether what the socket receives says who sent it. */
export const wantsCredentials = (u: UnixSocket): boolean => asked(u);

/** Who a message is from, if either side wants to know (or the other may yet: it has not been accepted). */
export const senderOf = (task: Task, scm: Scm | null, from: UnixSocket, to: UnixSocket): Sender | null => {
  if (scm?.sender) return scm.sender;
  if (!asked(from) && to.file !== null && !asked(to)) return null;
  const { process, cred } = task;
  return { pid: process.pid, uid: cred.uid, gid: cred.gid, process };
};

/** What a receive that finds no message says of its sender. */
export const NO_SENDER: Sender = { pid: 0, uid: 0, gid: 0, process: null };

/** The control messages that a receive hands out. */
export const received = (
  u: UnixSocket,
  sender: Sender | null,
  files: readonly OpenFile[] | null,
): readonly ControlMessage[] => {
  const list: ControlMessage[] = [];
  if (u.options.plain.get(SO.SO_PASSCRED) === 1) {
    const { pid, uid, gid } = sender ?? { pid: 0, uid: NOBODY, gid: NOBODY };
    const data = UCRED.encode({ pid, uid, gid });
    list.push({ level: SOL_SOCKET, type: SCM.SCM_CREDENTIALS, data });
  }
  if (u.options.plain.get(SO.SO_PASSPIDFD) === 1 && sender?.process) list.push({ pidfd: sender.process });
  if (files !== null) list.push({ rights: files });
  return list;
};
