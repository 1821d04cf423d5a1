// System V message queues: msgget(2), msgsnd(2), msgrcv(2), msgctl(2).

import { EACCES, EFAULT, EINVAL, EPERM } from '../../abi/errno.ts';
import {
  IPC_NOWAIT,
  IPCGET_TABLE,
  MSG_COPY,
  MSG_EXCEPT,
  MSG_TABLE,
  MSGCTL,
  MSGINFO,
  MSGMNB,
  MSGPOOL,
  MSGSEG,
  MSGSSZ,
  MSQID_DS,
} from '../../abi/ipc.ts';
import { addr, choice, commandArg, flags, int, long } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { realtime } from '../clock.ts';
import { getQueue, type MessageQueue, messagesOf, receive, removeQueue, send } from '../ipc/messages.ts';
import { byId, highest, live, mayUse, owns, permFields } from '../ipc/objects.ts';
import type { Task } from '../task/types.ts';
import { CAP, capable } from '../vfs/perm.ts';
import { type Result, wake } from '../wait.ts';

const msgsnd = (task: Task, id: number, at: number, n: number, how: number): Result => {
  const type = task.mm.readI64(at);
  if (type === null) return -EFAULT;
  if (n < 0 || n > task.kernel.settings['kernel/msgmax'] || id < 0 || type < 1) return -EINVAL;
  const bytes = task.mm.read(at + 8, n);
  return bytes === null ? -EFAULT : send(task, id, type, bytes, how);
};

const msgrcv = (task: Task, id: number, at: number, room: number, type: number, how: number): Result => {
  if (id < 0 || room < 0) return -EINVAL;
  if (how & MSG_COPY && (how & MSG_EXCEPT || !(how & IPC_NOWAIT))) return -EINVAL;
  return receive(task, id, at, room, type, how);
};

const report = (task: Task, q: MessageQueue, at: number): boolean =>
  MSQID_DS.write(task.mm, at, {
    ...permFields(q),
    stime: q.stime,
    rtime: q.rtime,
    ctime: q.ctime,
    cbytes: q.bytes,
    qnum: q.messages.length,
    qbytes: q.limit,
    lspid: q.lspid,
    lrpid: q.lrpid,
  });

const info = (task: Task, cmd: number, at: number): number => {
  const all = messagesOf(task.kernel);
  const queues = live(all);
  const { settings } = task.kernel;
  const used = cmd === MSGCTL.MSG_INFO;
  const sum = (of: (q: MessageQueue) => number): number => queues.reduce((n, q) => n + of(q), 0);
  const limits = {
    msgpool: used ? queues.length : MSGPOOL,
    msgmap: used ? sum((q) => q.messages.length) : MSGMNB,
    msgmax: settings['kernel/msgmax'],
    msgmnb: settings['kernel/msgmnb'],
    msgmni: settings['kernel/msgmni'],
    msgssz: MSGSSZ,
    msgtql: used ? sum((q) => q.bytes) : MSGMNB,
    msgseg: MSGSEG,
  };
  return MSGINFO.write(task.mm, at, limits) ? highest(all) : -EFAULT;
};

const set = (task: Task, q: MessageQueue, at: number): number => {
  const given = MSQID_DS.read(task.mm, at);
  if (given === null) return -EFAULT;
  if (!owns(task, q)) return -EPERM;
  if (given.qbytes > task.kernel.settings['kernel/msgmnb'] && !capable(task.cred, CAP.sysResource))
    return -EPERM;
  q.uid = given.uid;
  q.gid = given.gid;
  q.mode = (q.mode & ~0o777) | (given.mode & 0o777);
  q.limit = given.qbytes;
  q.ctime = realtime(task.kernel.clock).sec;
  wake(q.toSend);
  wake(q.toReceive);
  return 0;
};

const control = (task: Task, id: number, cmd: number, at: number): number => {
  if (id < 0) return -EINVAL;
  const all = messagesOf(task.kernel);
  switch (cmd) {
    case MSGCTL.IPC_INFO:
    case MSGCTL.MSG_INFO:
      return info(task, cmd, at);
    case MSGCTL.MSG_STAT:
    case MSGCTL.MSG_STAT_ANY: {
      const q = all.slots[id];
      if (q === undefined) return -EINVAL;
      if (cmd === MSGCTL.MSG_STAT && !mayUse(task, q, 4)) return -EACCES;
      return report(task, q, at) ? q.id : -EFAULT;
    }
  }
  const q = byId(all, id);
  if (typeof q === 'number') return q;
  switch (cmd) {
    case MSGCTL.IPC_STAT:
      if (!mayUse(task, q, 4)) return -EACCES;
      return report(task, q, at) ? 0 : -EFAULT;
    case MSGCTL.IPC_SET:
      return set(task, q, at);
    case MSGCTL.IPC_RMID:
      if (!owns(task, q)) return -EPERM;
      removeQueue(task.kernel, q);
      return 0;
    default:
      return -EINVAL;
  }
};

export const rows = [
  syscall('msgget', [int('key'), flags('msgflg', IPCGET_TABLE)], { returns: 'int', family: 'ipc' }, getQueue),
  syscall(
    'msgsnd',
    [int('msqid'), addr('msgp'), long('msgsz'), flags('msgflg', MSG_TABLE)],
    { returns: 'int', family: 'ipc' },
    msgsnd,
  ),
  syscall(
    'msgrcv',
    [int('msqid'), addr('msgp'), long('msgsz'), long('msgtyp'), flags('msgflg', MSG_TABLE)],
    { returns: 'size', family: 'ipc' },
    msgrcv,
  ),
  syscall(
    'msgctl',
    [int('msqid'), choice('cmd', MSGCTL, 'MSG_???'), commandArg('buf')],
    { returns: 'int', family: 'ipc' },
    control,
  ),
];
