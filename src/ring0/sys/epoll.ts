// epoll(7): an interest list whose items listen on the wait queues of their files all the time, so that a wait
// looks only at what was woken (edge-triggered) or was ready last time (level-triggered).

import { EBADF, EEXIST, EFAULT, EINVAL, ELOOP, ENOENT, ENOSPC, EPERM } from '../../abi/errno.ts';
import { EPOLL_CLOEXEC, EPOLL_CTL, EPOLL_FLAGS, EPOLLET, EPOLLONESHOT, POLL } from '../../abi/poll.ts';
import { TIMESPEC } from '../../abi/time.ts';
import {
  addr,
  choice,
  epollEventsOut,
  fd,
  flags,
  int,
  sigsetIn,
  size,
  structInOrNull,
} from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { COST, charge, type KernelHeap, uncharge } from '../heap.ts';
import { anonymousFile } from '../task/anon.ts';
import { setTemporaryMask } from '../task/signals.ts';
import { readSet } from '../task/sigset.ts';
import type { Task } from '../task/types.ts';
import { fileAt, installOrRelease } from '../vfs/fdtable.ts';
import { eventQueues, readyEvents } from '../vfs/poll.ts';
import type { FileOps, OpenFile } from '../vfs/types.ts';
import { block, type Result, type Waiter, type WaitQueue, waitQueue, wake } from '../wait.ts';

const O_RDWR = 2;
const EVENT_BYTES = 12;
const ALWAYS = POLL.POLLERR | POLL.POLLHUP;
const MAX_NESTING = 5;

interface Item extends Waiter {
  readonly file: OpenFile;
  /** Requested events with EPOLLET and EPOLLONESHOT; 0 once a one-shot has fired. */
  events: number;
  data: bigint;
  /** Something may have happened since it was last found idle. */
  pending: boolean;
}

interface Epoll {
  /** By descriptor and description: a number may be reused while its old file lives on elsewhere. */
  readonly items: Map<number, Item[]>;
  readonly queue: WaitQueue;
  /** Where its items are charged. */
  readonly heap: KernelHeap;
}

interface EpollOps extends FileOps {
  readonly epoll: Epoll;
}
const epollOf = (file: OpenFile | undefined): Epoll | null =>
  file !== undefined && 'epoll' in file.ops ? (file.ops as EpollOps).epoll : null;

const listen = (item: Item): void => {
  for (const q of eventQueues(item.file)) q.waiters.add(item);
};
const deafen = (ep: Epoll, item: Item): void => {
  uncharge(ep.heap, COST.watch);
  for (const q of eventQueues(item.file)) q.waiters.delete(item);
};

const newItem = (ep: Epoll, file: OpenFile, events: number, data: bigint): Item => {
  const item: Item = {
    file,
    events,
    data,
    pending: true,
    wake() {
      item.pending = true;
      // Waking takes a waiter off its queue; this one stays.
      if (item.file.refs > 0) listen(item);
      wake(ep.queue);
    },
  };
  listen(item);
  return item;
};

/** Ready events of an item, masked; an edge-triggered one must have been woken since. */
const readyOf = (task: Task, item: Item): number => {
  if (item.events === 0 || !item.pending) return 0;
  const ready =
    readyEvents(task, item.file) & ((item.events & 0xffff) | ALWAYS | (item.events & POLL.POLLRDHUP));
  if (ready === 0) item.pending = false;
  return ready;
};

/** Items whose file is still open; closing a file takes it off the list (epoll(7), Q6). */
const liveItems = function* (ep: Epoll): Generator<Item> {
  for (const [fd, list] of ep.items) {
    const live = list.filter((i) => i.file.refs > 0);
    if (live.length !== list.length) {
      for (const i of list) if (i.file.refs <= 0) deafen(ep, i);
      if (live.length === 0) ep.items.delete(fd);
      else ep.items.set(fd, live);
    }
    yield* live;
  }
};

const epollOps = (ep: Epoll): EpollOps => ({
  epoll: ep,
  poll(task) {
    for (const item of liveItems(ep)) if (readyOf(task, item) !== 0) return POLL.POLLIN | POLL.POLLRDNORM;
    return 0;
  },
  pollQueues: () => [ep.queue],
  release() {
    for (const list of ep.items.values()) for (const item of list) deafen(ep, item);
    ep.items.clear();
  },
});

const create = (task: Task, options: number): number => {
  if (options & ~EPOLL_CLOEXEC) return -EINVAL;
  const ops = epollOps({ items: new Map(), queue: waitQueue(), heap: task.kernel.heap });
  return installOrRelease(task, anonymousFile(task.kernel, 'eventpoll', ops, O_RDWR), options !== 0);
};

/** Depth of epoll instances below a file; beyond the limit, or around a loop, Infinity. */
const nesting = (file: OpenFile, target: Epoll, depth: number): number => {
  const ep = epollOf(file);
  if (!ep) return depth;
  if (ep === target || depth > MAX_NESTING) return Number.POSITIVE_INFINITY;
  let deepest = depth;
  for (const list of ep.items.values()) {
    for (const i of list) deepest = Math.max(deepest, nesting(i.file, target, depth + 1));
  }
  return deepest;
};

const control = (task: Task, epfd: number, op: number, target: number, event: number): number => {
  const outer = fileAt(task, epfd);
  const file = fileAt(task, target);
  if (!outer || !file) return -EBADF;
  // Regular files and directories are always ready and cannot be waited for.
  if (!file.ops.poll) return -EPERM;
  const ep = epollOf(outer);
  if (!ep || outer === file) return -EINVAL;
  const list = ep.items.get(target) ?? [];
  const item = list.find((i) => i.file === file);
  if (op === EPOLL_CTL.EPOLL_CTL_DEL) {
    if (!item) return -ENOENT;
    deafen(ep, item);
    const rest = list.filter((i) => i !== item);
    if (rest.length === 0) ep.items.delete(target);
    else ep.items.set(target, rest);
    return 0;
  }
  const events = task.mm.readU32(event);
  const data = task.mm.readBig(event + 4);
  if (events === null || data === null) return -EFAULT;
  if (op === EPOLL_CTL.EPOLL_CTL_ADD) {
    if (item) return -EEXIST;
    if (nesting(file, ep, 0) > MAX_NESTING) return -ELOOP;
    if (!charge(ep.heap, COST.watch)) return -ENOSPC;
    ep.items.set(target, [...list, newItem(ep, file, events, data)]);
  } else if (op === EPOLL_CTL.EPOLL_CTL_MOD) {
    if (!item) return -ENOENT;
    item.events = events;
    item.data = data;
    item.pending = true;
  } else return -EINVAL;
  wake(ep.queue);
  return 0;
};

interface Waiting {
  readonly deadline: number | null;
}

const wait = (task: Task, epfd: number, at: number, most: number, timeoutNs: number | null): Result => {
  const file = fileAt(task, epfd);
  if (!file) return -EBADF;
  const ep = epollOf(file);
  if (!ep || most <= 0 || most > 0x7fffffff / EVENT_BYTES) return -EINVAL;
  const now = task.kernel.clock.monotonic();
  const waiting = task.resume as Waiting | undefined;
  const deadline = waiting ? waiting.deadline : timeoutNs === null ? null : now + timeoutNs;
  let n = 0;
  const served: [number, Item][] = [];
  for (const item of liveItems(ep)) {
    if (n >= most) break;
    const ready = readyOf(task, item);
    if (ready === 0) continue;
    const to = at + n * EVENT_BYTES;
    if (!task.mm.writeU32(to, ready) || !task.mm.writeBig(to + 4, item.data)) return n > 0 ? n : -EFAULT;
    n++;
    served.push([ready, item]);
    if (item.events & EPOLLONESHOT) item.events = 0;
    else if (item.events & EPOLLET) item.pending = false;
  }
  if (n > 0) {
    // Level-triggered items go to the end, so that a short buffer does not starve the others.
    if (n === most) rotate(ep, new Set(served.map(([, i]) => i)));
    return n;
  }
  if (deadline !== null && now >= deadline) return 0;
  return block([ep.queue], 'eintr', deadline, { deadline } satisfies Waiting);
};

const rotate = (ep: Epoll, served: ReadonlySet<Item>): void => {
  for (const [fd, list] of [...ep.items]) {
    if (!list.some((i) => served.has(i))) continue;
    ep.items.delete(fd);
    ep.items.set(fd, list);
  }
};

const masked = (task: Task, set: number, bytes: number): number => {
  if (set === 0) return 0;
  if (bytes !== 8) return -EINVAL;
  const mask = readSet(task.mm, set);
  if (mask === null) return -EFAULT;
  setTemporaryMask(task, mask);
  return 0;
};

const msToNs = (ms: number): number | null => (ms < 0 ? null : ms * 1e6);

export const rows = [
  syscall('epoll_create', [int('size')], { returns: 'fd', family: 'desc' }, (task, n) =>
    n <= 0 ? -EINVAL : create(task, 0),
  ),
  syscall('epoll_create1', [flags('flags', EPOLL_FLAGS)], { returns: 'fd', family: 'desc' }, create),
  syscall(
    'epoll_ctl',
    [fd('epfd'), choice('op', EPOLL_CTL, 'EPOLL_CTL_???'), fd('fd'), addr('event')],
    { returns: 'int', family: 'desc' },
    control,
  ),
  syscall(
    'epoll_wait',
    [fd('epfd'), epollEventsOut('events'), int('maxevents'), int('timeout')],
    { returns: 'int', family: 'desc' },
    (task, epfd, events, most, ms) => wait(task, epfd, events, most, msToNs(ms)),
  ),
  syscall(
    'epoll_pwait',
    [
      fd('epfd'),
      epollEventsOut('events'),
      int('maxevents'),
      int('timeout'),
      sigsetIn('sigmask'),
      size('sigsetsize'),
    ],
    { returns: 'int', family: 'desc' },
    (task, epfd, events, most, ms, set, bytes) =>
      masked(task, set, bytes) || wait(task, epfd, events, most, msToNs(ms)),
  ),
  syscall(
    'epoll_pwait2',
    [
      fd('epfd'),
      epollEventsOut('events'),
      int('maxevents'),
      structInOrNull('timeout', TIMESPEC),
      sigsetIn('sigmask'),
      size('sigsetsize'),
    ],
    { returns: 'int', family: 'desc' },
    (task, epfd, events, most, t, set, bytes) =>
      masked(task, set, bytes) || wait(task, epfd, events, most, t === null ? null : t.sec * 1e9 + t.nsec),
  ),
];
