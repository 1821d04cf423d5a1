// POSIX message queues (mq_overview(7)): messages by priority, who waits to send or to receive, and who is told
// that a queue is no longer empty. Their names are in fs/mqueue.ts.

import { EAGAIN, EBUSY, ENOMEM, ETIMEDOUT } from '../../abi/errno.ts';
import { SI } from '../../abi/signal.ts';
import { SIGEV } from '../../abi/time.ts';
import { charge, uncharge } from '../heap.ts';
import type { Kernel } from '../kernel.ts';
import { signalProcess } from '../task/signals.ts';
import type { FileTable, Process, Task } from '../task/types.ts';
import { type Block, block, type Result, type WaitQueue, waitQueue, wake } from '../wait.ts';

/** Bytes of the heap that a message costs besides its own. */
const MESSAGE_BYTES = 128;

export interface Message {
  readonly priority: number;
  readonly bytes: Uint8Array;
}

/**
 * A task that waits for a place or for a message. Whoever makes room or brings a message serves it at once, so that
 * nobody who comes later can get in between.
 */
interface Waiting {
  readonly queue: PosixQueue;
  /** What is to be sent; what was received. */
  message: Message | null;
  served: boolean;
  readonly deadline: number | null;
  readonly woken: WaitQueue;
}

/** Who is told once when a message comes to an empty queue for which nobody waits. */
export interface Notice {
  readonly process: Process;
  /** The table through which it has the queue open: closing a descriptor there takes the notice back. */
  readonly table: FileTable;
  readonly how: number;
  readonly signo: number;
  readonly value: bigint;
}

export interface PosixQueue {
  /** Most messages, and most bytes of one. */
  readonly most: number;
  readonly longest: number;
  /** In the order in which they are received. */
  readonly messages: Message[];
  readonly senders: Waiting[];
  readonly receivers: Waiting[];
  readonly changed: WaitQueue;
  notice: Notice | null;
}

export const newQueue = (most: number, longest: number): PosixQueue => ({
  most,
  longest,
  messages: [],
  senders: [],
  receivers: [],
  changed: waitQueue(),
  notice: null,
});

const release = (kernel: Kernel, m: Message): void => uncharge(kernel.heap, MESSAGE_BYTES + m.bytes.length);

/** Nobody can reach the queue any more. */
export const dropMessages = (kernel: Kernel, q: PosixQueue): void => {
  for (const m of q.messages) release(kernel, m);
  q.messages.length = 0;
};

/** Behind those of its own priority. */
const insert = (q: PosixQueue, m: Message): void => {
  const at = q.messages.findIndex((other) => other.priority < m.priority);
  q.messages.splice(at < 0 ? q.messages.length : at, 0, m);
};

const leave = (list: Waiting[], w: Waiting): void => {
  const at = list.indexOf(w);
  if (at >= 0) list.splice(at, 1);
};

const serve = (w: Waiting): void => {
  w.served = true;
  wake(w.woken);
};

const park = (w: Waiting, list: Waiting[], undo: () => void): Block => ({
  ...block([w.woken], 'restart', w.deadline, w),
  undo: () => {
    leave(list, w);
    undo();
  },
});

/** What a wait has come to: served, over its time, or neither (then it goes on). */
const outcome = (task: Task, w: Waiting): 'served' | 'late' | null => {
  if (w.served) return 'served';
  return w.deadline !== null && task.kernel.clock.monotonic() >= w.deadline ? 'late' : null;
};

/** The notice of a queue; that of a process which is gone is none. */
export const noticeOf = (q: PosixQueue): Notice | null => {
  if (q.notice?.process.state === 'zombie') q.notice = null;
  return q.notice;
};

/** mq_notify(2): asks to be told. */
export const ask = (q: PosixQueue, notice: Notice): number => {
  if (noticeOf(q) !== null) return -EBUSY;
  q.notice = notice;
  return 0;
};

const tell = (task: Task, q: PosixQueue): void => {
  const notice = noticeOf(q);
  if (notice === null) return;
  q.notice = null;
  if (notice.how !== SIGEV.SIGEV_SIGNAL || notice.signo === 0) return;
  signalProcess(notice.process, {
    signo: notice.signo,
    errno: 0,
    code: SI.SI_MESGQ,
    pid: task.process.pid,
    uid: task.cred.uid,
    value: notice.value,
  });
};

/** mq_timedsend(2) with a message that has been read; `deadline` in monotonic ns. */
export const send = (
  task: Task,
  q: PosixQueue,
  message: Message,
  nonblock: boolean,
  deadline: number | null,
): Result => {
  const { kernel } = task;
  if (q.messages.length >= q.most && nonblock) return -EAGAIN;
  if (!charge(kernel.heap, MESSAGE_BYTES + message.bytes.length)) return -ENOMEM;
  if (q.messages.length >= q.most) {
    const w: Waiting = { queue: q, message, served: false, deadline, woken: waitQueue() };
    q.senders.push(w);
    return sending(task, w);
  }
  const receiver = q.receivers.shift();
  if (receiver !== undefined) {
    receiver.message = message;
    serve(receiver);
    return 0;
  }
  insert(q, message);
  if (q.messages.length === 1) tell(task, q);
  wake(q.changed);
  return 0;
};

/** Goes on with a wait of `send`. */
const sending = (task: Task, w: Waiting): Result => {
  const { queue, message } = w;
  const giveBack = (): void => {
    if (!w.served && message !== null) release(task.kernel, message);
  };
  const end = outcome(task, w);
  if (end === 'served') return 0;
  if (end === null) return park(w, queue.senders, giveBack);
  leave(queue.senders, w);
  giveBack();
  return -ETIMEDOUT;
};

/** mq_timedreceive(2): the message, or what stands in the way. */
export const receive = (
  task: Task,
  q: PosixQueue,
  nonblock: boolean,
  deadline: number | null,
): Message | Result => {
  const m = q.messages.shift();
  if (m === undefined) {
    if (nonblock) return -EAGAIN;
    const w: Waiting = { queue: q, message: null, served: false, deadline, woken: waitQueue() };
    q.receivers.push(w);
    return receiving(task, w);
  }
  release(task.kernel, m);
  const sender = q.senders.shift();
  if (sender?.message) {
    insert(q, sender.message);
    serve(sender);
  } else wake(q.changed);
  return m;
};

/** Goes on with a wait of `receive`. */
const receiving = (task: Task, w: Waiting): Message | Result => {
  const end = outcome(task, w);
  const taken = (): void => {
    if (w.message !== null) release(task.kernel, w.message);
  };
  if (end === null) return park(w, w.queue.receivers, taken);
  taken();
  if (end === 'served' && w.message !== null) return w.message;
  leave(w.queue.receivers, w);
  return -ETIMEDOUT;
};

/** The wait that a call goes on with, or null when it is new. */
const waitOf = (task: Task): Waiting | null => (task.resume as Waiting | undefined) ?? null;

/** Goes on with a send or a receive that has waited; null when the call is new. */
export const sendAgain = (task: Task): Result | null => {
  const w = waitOf(task);
  return w === null ? null : sending(task, w);
};
export const receiveAgain = (task: Task): Message | Result | null => {
  const w = waitOf(task);
  return w === null ? null : receiving(task, w);
};

export const isMessage = (r: Message | Result): r is Message => typeof r === 'object' && 'bytes' in r;
