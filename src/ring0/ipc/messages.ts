// System V message queues (msgop(2)).

import { E2BIG, EACCES, EAGAIN, EFAULT, EIDRM, EINVAL, ENOMEM, ENOMSG } from '../../abi/errno.ts';
import { IPC_NOWAIT, MSG_COPY, MSG_EXCEPT, MSG_NOERROR } from '../../abi/ipc.ts';
import { realtime } from '../clock.ts';
import { charge, uncharge } from '../heap.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task/types.ts';
import { block, type Result, type WaitQueue, waitQueue, wake } from '../wait.ts';
import {
  byId,
  getObject,
  type IpcObject,
  type IpcTable,
  ipcTable,
  mayUse,
  newPerm,
  removeObject,
} from './objects.ts';

/** Bytes of the heap that a queue, and a message besides its own, cost. */
const QUEUE_BYTES = 512;
const MESSAGE_BYTES = 128;

interface Message {
  readonly type: number;
  readonly bytes: Uint8Array;
}

export interface MessageQueue extends IpcObject {
  readonly messages: Message[];
  /** Bytes of all messages, and how many may be. */
  bytes: number;
  limit: number;
  stime: number;
  rtime: number;
  ctime: number;
  lspid: number;
  lrpid: number;
  removed: boolean;
  readonly toSend: WaitQueue;
  readonly toReceive: WaitQueue;
}

export const messagesOf = (kernel: Kernel): IpcTable<MessageQueue> => {
  kernel.ipc.messages ??= ipcTable<MessageQueue>();
  return kernel.ipc.messages;
};

const seconds = (kernel: Kernel): number => realtime(kernel.clock).sec;

/** msgget(2): the id. */
export const getQueue = (task: Task, key: number, how: number): number => {
  const { kernel } = task;
  return getObject(
    task,
    messagesOf(kernel),
    key,
    how,
    kernel.settings['kernel/msgmni'],
    () => 0,
    (id) => {
      if (!charge(kernel.heap, QUEUE_BYTES)) return -ENOMEM;
      return {
        ...newPerm(task, how),
        id,
        key,
        messages: [],
        bytes: 0,
        limit: kernel.settings['kernel/msgmnb'],
        stime: 0,
        rtime: 0,
        ctime: seconds(kernel),
        lspid: 0,
        lrpid: 0,
        removed: false,
        toSend: waitQueue(),
        toReceive: waitQueue(),
      };
    },
  );
};

export const removeQueue = (kernel: Kernel, q: MessageQueue): void => {
  removeObject(messagesOf(kernel), q);
  uncharge(kernel.heap, QUEUE_BYTES + q.messages.length * MESSAGE_BYTES + q.bytes);
  q.messages.length = 0;
  q.removed = true;
  wake(q.toSend);
  wake(q.toReceive);
};

/** The queue that a call is about: on a retry the one that it has waited for. */
const queueFor = (task: Task, id: number, want: number): MessageQueue | number => {
  const waited = task.resume as MessageQueue | undefined;
  const q = waited ?? byId(messagesOf(task.kernel), id);
  if (typeof q === 'number') return q;
  if (q.removed) return -EIDRM;
  return mayUse(task, q, want) ? q : -EACCES;
};

/** msgsnd(2) with a message that has been read already. */
export const send = (task: Task, id: number, type: number, bytes: Uint8Array, how: number): Result => {
  const q = queueFor(task, id, 2);
  if (typeof q === 'number') return q;
  const { kernel } = task;
  if (q.bytes + bytes.length > q.limit || q.messages.length + 1 > q.limit)
    return how & IPC_NOWAIT ? -EAGAIN : block([q.toSend], 'nohand', null, q);
  if (!charge(kernel.heap, MESSAGE_BYTES + bytes.length)) return -ENOMEM;
  q.messages.push({ type, bytes });
  q.bytes += bytes.length;
  q.stime = seconds(kernel);
  q.lspid = task.process.pid;
  wake(q.toReceive);
  return 0;
};

/** The message that a receiver wants: one by its place (MSG_COPY), any, of a type, of another type, or of the lowest up to one. */
const choose = (q: MessageQueue, type: number, how: number): number => {
  if (how & MSG_COPY) return type >= 0 && type < q.messages.length ? type : -1;
  if (type === 0) return q.messages.length > 0 ? 0 : -1;
  if (type > 0) return q.messages.findIndex((m) => (m.type === type) !== ((how & MSG_EXCEPT) !== 0));
  let best = -1;
  for (const [i, m] of q.messages.entries()) {
    const lowest = best < 0 ? -type : (q.messages[best] as Message).type - 1;
    if (m.type <= lowest) best = i;
  }
  return best;
};

/** msgrcv(2): the bytes of the text. */
export const receive = (
  task: Task,
  id: number,
  at: number,
  room: number,
  type: number,
  how: number,
): Result => {
  const q = queueFor(task, id, 4);
  if (typeof q === 'number') return q;
  const { kernel } = task;
  const i = choose(q, type, how);
  const m = q.messages[i];
  if (m === undefined) return how & IPC_NOWAIT ? -ENOMSG : block([q.toReceive], 'nohand', null, q);
  if (m.bytes.length > room && !(how & MSG_NOERROR)) return -E2BIG;
  const n = Math.min(room, m.bytes.length);
  const deliver = (): number =>
    task.mm.writeI64(at, m.type) && task.mm.write(at + 8, m.bytes, 0, n) ? n : -EFAULT;
  // The copy has the size of the receiver's room, and must not be cut.
  if (how & MSG_COPY) return n < m.bytes.length ? -EINVAL : deliver();
  q.messages.splice(i, 1);
  q.bytes -= m.bytes.length;
  uncharge(kernel.heap, MESSAGE_BYTES + m.bytes.length);
  q.rtime = seconds(kernel);
  q.lrpid = task.process.pid;
  wake(q.toSend);
  return deliver();
};
