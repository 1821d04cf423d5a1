// epoll(7): an interest list whose items listen on the wait queues of their files all the time, so that a wait
// looks only at what was woken (edge-triggered) or was ready last time (level-triggered).

import { EBADF, EEXIST, EFAULT, EINVAL, ELOOP, ENOENT, ENOSPC, EPERM } from '../../abi/errno.ts';
import {
  EPOLL_CLOEXEC,
  EPOLL_CTL,
  EPOLL_FLAGS,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLONESHOT,
  EPOLLWAKEUP,
  POLL,
} from '../../abi/poll.ts';
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
import { TASK_SIZE } from '../mm/layout.ts';
import { anonymousFile, staysPut } from '../task/anon.ts';
import { validTime } from '../task/clock.ts';
import { setTemporaryMask } from '../task/signals.ts';
import { readSet } from '../task/sigset.ts';
import type { Task } from '../task/types.ts';
import { fileAt, installOrRelease } from '../vfs/fdtable.ts';
import { inodeId } from '../vfs/file.ts';
import { eventQueues, readyEvents } from '../vfs/poll.ts';
import type { FileOps, OpenFile } from '../vfs/types.ts';
import { block, type Result, type Waiter, type WaitQueue, waitQueue, wake } from '../wait.ts';

const O_RDWR = 2;
const EVENT_BYTES = 12;
const ALWAYS = POLL.POLLERR | POLL.POLLHUP;
/** Bits that are events rather than how to tell of them. */
const EVENTS = 0xfffffff;
/** What may be asked for together with EPOLLEXCLUSIVE. */
const WITH_EXCLUSIVE = POLL.POLLIN | POLL.POLLOUT | ALWAYS | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;

interface Item extends Waiter {
  readonly file: OpenFile;
  /** Requested events and POLLERR and POLLHUP, with EPOLLET and the like; no events once a one-shot has fired. */
  events: number;
  data: bigint;
  /** Something may have happened since it was last found idle. */
  pending: boolean;
}

interface Epoll {
  /** By descriptor and description: a number may be reused while its old file lives on elsewhere. */
  readonly items: Map<number, Item[]>;
  readonly queue: WaitQueue;
  /** The instances that watch this one, with how many items each. */
  readonly parents: Map<Epoll, number>;
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
  const inner = epollOf(item.file);
  if (inner !== null) unlink(ep, inner);
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
    ...((events & EPOLLEXCLUSIVE) !== 0 ? { takes: () => ep.queue.waiters.size > 0 } : {}),
  };
  listen(item);
  return item;
};

/** Ready events of an item, masked; an edge-triggered one must have been woken since. */
const readyOf = (task: Task, item: Item): number => {
  if ((item.events & EVENTS) === 0 || !item.pending) return 0;
  const ready = readyEvents(task, item.file) & item.events & EVENTS;
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
  seek: staysPut,
  // Those about busy polling are for network devices; no others are known (since Linux 6.9).
  ioctl: () => -EINVAL,
  poll(task) {
    for (const item of liveItems(ep)) if (readyOf(task, item) !== 0) return POLL.POLLIN | POLL.POLLRDNORM;
    return 0;
  },
  pollQueues: () => [ep.queue],
  info() {
    let lines = '';
    for (const [fd, list] of ep.items) {
      for (const { file, events, data } of list.filter((i) => i.file.refs > 0)) {
        const what = (events >>> 0).toString(16).padStart(8);
        const tag = BigInt.asUintN(64, data).toString(16).padStart(16);
        lines += `tfd: ${String(fd).padStart(8)} events: ${what} data: ${tag}  pos:${file.pos} ${inodeId(file.inode)}\n`;
      }
    }
    return lines;
  },
  release() {
    for (const list of ep.items.values()) for (const item of list) deafen(ep, item);
    ep.items.clear();
  },
});

const create = (task: Task, options: number): number => {
  if (options & ~EPOLL_CLOEXEC) return -EINVAL;
  const ep: Epoll = { items: new Map(), queue: waitQueue(), parents: new Map(), heap: task.kernel.heap };
  const ops = epollOps(ep);
  return installOrRelease(task, anonymousFile(task.kernel, '[eventpoll]', ops, O_RDWR), options !== 0);
};

/** Most instances in a chain of them (EP_MAX_NESTS). */
const MAX_CHAIN = 5;
/** Most chains of 1, 2 ... instances from a file up to one that none watches (path_limits of fs/eventpoll.c). */
const MAX_PATHS = [1000, 500, 100, 50, 10] as const;

const innerOf = function* (ep: Epoll): Generator<Epoll> {
  for (const list of ep.items.values()) {
    for (const item of list) {
      const inner = epollOf(item.file);
      if (inner !== null) yield inner;
    }
  }
};

/** How many instances the longest chain from here has, in one direction; `seen` keeps those that were measured. */
const chain = (ep: Epoll, next: (ep: Epoll) => Iterable<Epoll>, seen: Map<Epoll, number>): number => {
  const known = seen.get(ep);
  if (known !== undefined) return known;
  let longest = 0;
  for (const other of next(ep)) longest = Math.max(longest, chain(other, next, seen));
  seen.set(ep, longest + 1);
  return longest + 1;
};

/** Whether the chains above an instance are few enough that an event does not wake without end. */
const fewPaths = (ep: Epoll): boolean => {
  const counts: number[] = MAX_PATHS.map(() => 0);
  const climb = (at: Epoll, level: number, times: number): boolean => {
    if (at.parents.size === 0) {
      counts[level] = (counts[level] ?? 0) + times;
      if ((counts[level] ?? 0) > (MAX_PATHS[level] ?? 0)) return false;
    }
    for (const [parent, items] of at.parents) if (!climb(parent, level + 1, times * items)) return false;
    return true;
  };
  return climb(ep, 0, 1);
};

/** Notes that `ep` watches another instance: 0, -ELOOP, or -EINVAL when there would be too many paths to wake. */
const link = (ep: Epoll, inner: Epoll): number => {
  const below = new Map<Epoll, number>();
  const depth = chain(inner, innerOf, below);
  const height = chain(ep, (at) => at.parents.keys(), new Map());
  if (below.has(ep) || depth + height > MAX_CHAIN) return -ELOOP;
  inner.parents.set(ep, (inner.parents.get(ep) ?? 0) + 1);
  for (const each of below.keys()) {
    if (fewPaths(each)) continue;
    unlink(ep, inner);
    return -EINVAL;
  }
  return 0;
};

const unlink = (ep: Epoll, inner: Epoll): void => {
  const left = (inner.parents.get(ep) ?? 0) - 1;
  if (left > 0) inner.parents.set(ep, left);
  else inner.parents.delete(ep);
};

const control = (task: Task, epfd: number, op: number, target: number, event: number): number => {
  const deletes = op === EPOLL_CTL.EPOLL_CTL_DEL;
  const events = deletes ? 0 : task.mm.readU32(event);
  const data = deletes ? 0n : task.mm.readBig(event + 4);
  if (events === null || data === null) return -EFAULT;
  const outer = fileAt(task, epfd);
  const file = fileAt(task, target);
  if (!outer || !file) return -EBADF;
  // Regular files and directories are always ready and cannot be waited for.
  if (!file.ops.poll) return -EPERM;
  const ep = epollOf(outer);
  if (!ep || outer === file) return -EINVAL;
  const inner = epollOf(file);
  if ((events & EPOLLEXCLUSIVE) !== 0) {
    if (op === EPOLL_CTL.EPOLL_CTL_MOD) return -EINVAL;
    if (op === EPOLL_CTL.EPOLL_CTL_ADD && (inner || (events & ~WITH_EXCLUSIVE) !== 0)) return -EINVAL;
  }
  const list = ep.items.get(target) ?? [];
  const item = list.find((i) => i.file === file);
  if (deletes) {
    if (!item) return -ENOENT;
    deafen(ep, item);
    const rest = list.filter((i) => i !== item);
    if (rest.length === 0) ep.items.delete(target);
    else ep.items.set(target, rest);
    return 0;
  }
  if (op === EPOLL_CTL.EPOLL_CTL_ADD) {
    if (item) return -EEXIST;
    const refused = inner === null ? 0 : link(ep, inner);
    if (refused < 0) return refused;
    if (!charge(ep.heap, COST.watch)) {
      if (inner !== null) unlink(ep, inner);
      return -ENOSPC;
    }
    ep.items.set(target, [...list, newItem(ep, file, events | ALWAYS, data)]);
  } else if (op === EPOLL_CTL.EPOLL_CTL_MOD) {
    if (!item) return -ENOENT;
    if (item.takes !== undefined) return -EINVAL;
    item.events = events | ALWAYS;
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
  if (most <= 0 || most > 0x7fffffff / EVENT_BYTES) return -EINVAL;
  if (at >= TASK_SIZE) return -EFAULT;
  const ep = epollOf(file);
  if (!ep) return -EINVAL;
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
    if (item.events & EPOLLONESHOT) item.events &= ~EVENTS;
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
      (t !== null && !validTime(t) ? -EINVAL : masked(task, set, bytes)) ||
      wait(task, epfd, events, most, t === null ? null : t.sec * 1e9 + t.nsec),
  ),
];
