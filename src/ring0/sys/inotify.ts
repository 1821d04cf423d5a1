// inotify(7): watches on inodes, whose events wait in a queue that is read through a descriptor.

import { EACCES, EAGAIN, EBADF, EEXIST, EFAULT, EINVAL, EMFILE, ENOSPC, ENOTTY } from '../../abi/errno.ts';
import { AT_FDCWD } from '../../abi/fcntl.ts';
import {
  IN,
  IN_ALL_EVENTS,
  IN_CLOEXEC,
  IN_INIT_TABLE,
  IN_NONBLOCK,
  IN_TABLE,
  INOTIFY_EVENT_BYTES,
} from '../../abi/inotify.ts';
import { POLL } from '../../abi/poll.ts';
import { POLL as BAND } from '../../abi/signal.ts';
import { fd, flags, int, path } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { COST, charge, type KernelHeap, uncharge } from '../heap.ts';
import { anonymousFile, staysPut } from '../task/anon.ts';
import type { Task } from '../task/types.ts';
import { fileAt, installOrRelease } from '../vfs/fdtable.ts';
import { inodeId } from '../vfs/file.ts';
import { RENAMED, type Watch } from '../vfs/notify.ts';
import { inodePermission, MAY } from '../vfs/perm.ts';
import { vfsOf } from '../vfs/state.ts';
import type { FileOps, Inode } from '../vfs/types.ts';
import { FOLLOW, isPath, MUST_BE_DIR, walk } from '../vfs/walk.ts';
import { block, type Result, type WaitQueue, waitQueue, wake } from '../wait.ts';

const FIONREAD = 0x541b;
/** Bits of add_watch's mask that a watch keeps. */
const KEPT = (IN_ALL_EVENTS | IN.IN_EXCL_UNLINK | IN.IN_ONESHOT) >>> 0;
const ANY = Object.values(IN).reduce((all, bit) => (all | bit) >>> 0, 0);

interface Event {
  readonly wd: number;
  readonly mask: number;
  readonly cookie: number;
  readonly name: string;
}

interface OwnWatch extends Watch {
  readonly wd: number;
  readonly inode: Inode;
  mask: number;
}

interface Inotify {
  readonly events: Event[];
  readonly watches: Map<number, OwnWatch>;
  nextWd: number;
  readonly queue: WaitQueue;
  readonly heap: KernelHeap;
  /** Events that it holds, before others are lost. */
  readonly most: number;
}

interface InotifyOps extends FileOps {
  readonly inotify: Inotify;
}

/** The name with its NUL fills up to the size of an event. */
const bytesOf = ({ name }: Event): number =>
  INOTIFY_EVENT_BYTES +
  (name === '' ? 0 : Math.ceil((name.length + 1) / INOTIFY_EVENT_BYTES) * INOTIFY_EVENT_BYTES);

const enqueue = (to: Inotify, event: Event): void => {
  const last = to.events.at(-1);
  // The same thing again is told once.
  if (
    last !== undefined &&
    last.wd === event.wd &&
    last.mask === event.mask &&
    last.name === event.name &&
    (last.mask & IN.IN_IGNORED) === 0
  )
    return;
  if (to.events.length < to.most) to.events.push(event);
  else if (last?.mask !== IN.IN_Q_OVERFLOW)
    to.events.push({ wd: -1, mask: IN.IN_Q_OVERFLOW, cookie: 0, name: '' });
  wake(to.queue);
};

/** Takes a watch off its inode, without a word. */
const detach = (from: Inotify, w: OwnWatch): void => {
  from.watches.delete(w.wd);
  const rest = (w.inode.watches ?? []).filter((other) => other !== w);
  if (rest.length > 0) w.inode.watches = rest;
  else delete w.inode.watches;
  uncharge(from.heap, COST.watch);
};

const newWatch = (of: Inotify, inode: Inode, mask: number): OwnWatch => {
  const w: OwnWatch = {
    wd: of.nextWd++,
    inode,
    mask,
    tell(event, cookie, name) {
      enqueue(of, { wd: w.wd, mask: (event & ~RENAMED) >>> 0, cookie, name });
      if ((w.mask & IN.IN_ONESHOT) !== 0) w.end();
    },
    end() {
      detach(of, w);
      enqueue(of, { wd: w.wd, mask: IN.IN_IGNORED, cookie: 0, name: '' });
    },
  };
  of.watches.set(w.wd, w);
  inode.watches = [...(inode.watches ?? []), w];
  return w;
};

/** As many events as fit. */
const take = (from: Inotify, buf: Uint8Array, at: number, n: number): number => {
  const dv = new DataView(buf.buffer, buf.byteOffset);
  let done = 0;
  let taken = 0;
  for (const e of from.events) {
    const size = bytesOf(e);
    if (done + size > n) break;
    const to = at + done;
    dv.setInt32(to, e.wd, true);
    dv.setUint32(to + 4, e.mask, true);
    dv.setUint32(to + 8, e.cookie, true);
    dv.setUint32(to + 12, size - INOTIFY_EVENT_BYTES, true);
    buf.fill(0, to + INOTIFY_EVENT_BYTES, to + size);
    for (let i = 0; i < e.name.length; i++) buf[to + INOTIFY_EVENT_BYTES + i] = e.name.charCodeAt(i);
    done += size;
    taken++;
  }
  from.events.splice(0, taken);
  return done === 0 ? -EINVAL : done;
};

const inotifyOps = (own: Inotify, closed: () => void): InotifyOps => ({
  inotify: own,
  seek: staysPut,
  read(_task, file, buf, at, n) {
    if (own.events.length > 0) return take(own, buf, at, n);
    return file.flags & IN_NONBLOCK ? -EAGAIN : block([own.queue], 'restart');
  },
  poll: () => (own.events.length > 0 ? POLL.POLLIN | POLL.POLLRDNORM : 0),
  pollQueues: () => [own.queue],
  asyncQueues: () => [{ queue: own.queue, reason: () => BAND.POLL_IN }],
  info: () =>
    [...own.watches.values()]
      .reverse()
      .map(
        (w) =>
          `inotify wd:${w.wd.toString(16)} ${inodeId(w.inode)} mask:${w.mask.toString(16)} ignored_mask:0\n`,
      )
      .join(''),
  ioctl(task, _file, request, arg) {
    if (request !== FIONREAD) return -ENOTTY;
    const bytes = own.events.reduce((n, e) => n + bytesOf(e), 0);
    return task.mm.writeU32(arg, bytes) ? 0 : -EFAULT;
  },
  release() {
    for (const w of [...own.watches.values()]) detach(own, w);
    own.events.length = 0;
    closed();
  },
});

const inotifyAt = (task: Task, n: number): Inotify | number => {
  const file = fileAt(task, n);
  if (file === undefined) return -EBADF;
  return 'inotify' in file.ops ? (file.ops as InotifyOps).inotify : -EINVAL;
};

const init = (task: Task, options: number): number => {
  if (options & ~(IN_CLOEXEC | IN_NONBLOCK)) return -EINVAL;
  const vfs = vfsOf(task.kernel);
  const { settings } = task.kernel;
  const { uid } = task.cred;
  vfs.inotify ??= new Map();
  const instances = vfs.inotify;
  const had = instances.get(uid) ?? 0;
  if (had >= settings['fs/inotify/max_user_instances']) return -EMFILE;
  instances.set(uid, had + 1);
  const own: Inotify = {
    events: [],
    watches: new Map(),
    nextWd: 1,
    queue: waitQueue(),
    heap: task.kernel.heap,
    most: settings['fs/inotify/max_queued_events'],
  };
  const ops = inotifyOps(own, () => instances.set(uid, (instances.get(uid) ?? 1) - 1));
  const file = anonymousFile(task.kernel, 'inotify', ops, options & IN_NONBLOCK);
  return installOrRelease(task, file, (options & IN_CLOEXEC) !== 0);
};

const addWatch = (task: Task, n: number, name: string, given: number): Result => {
  if ((given & ANY) === 0) return -EINVAL;
  const own = inotifyAt(task, n);
  if (own === -EBADF) return -EBADF;
  if ((given & IN.IN_MASK_ADD) !== 0 && (given & IN.IN_MASK_CREATE) !== 0) return -EINVAL;
  if (typeof own === 'number') return own;
  const how = (given & IN.IN_DONT_FOLLOW ? 0 : FOLLOW) | (given & IN.IN_ONLYDIR ? MUST_BE_DIR : 0);
  const at = walk(task, AT_FDCWD, name, how);
  if (!isPath(at)) return at;
  const { inode } = at.dentry;
  if (inodePermission(task, inode, MAY.read) !== 0) return -EACCES;
  const mask = given & KEPT;
  for (const w of own.watches.values()) {
    if (w.inode !== inode) continue;
    if ((given & IN.IN_MASK_CREATE) !== 0) return -EEXIST;
    w.mask = (given & IN.IN_MASK_ADD) !== 0 ? w.mask | mask : mask;
    return w.wd;
  }
  if (!charge(own.heap, COST.watch)) return -ENOSPC;
  return newWatch(own, inode, mask).wd;
};

export const rows = [
  syscall('inotify_init', [], { returns: 'fd', family: 'desc' }, (task) => init(task, 0)),
  syscall('inotify_init1', [flags('flags', IN_INIT_TABLE)], { returns: 'fd', family: 'desc' }, init),
  syscall(
    'inotify_add_watch',
    [fd('fd'), path('pathname'), flags('mask', IN_TABLE)],
    {
      returns: 'int',
      family: ['desc', 'file'],
      support: 'partial',
      note: 'what the host itself changes in its folders is not seen; no IN_UNMOUNT',
      before: (_fd, _name, mask) => ((mask & ANY) === 0 ? -EINVAL : 0),
    },
    addWatch,
  ),
  syscall('inotify_rm_watch', [fd('fd'), int('wd')], { returns: 'int', family: 'desc' }, (task, n, wd) => {
    const own = inotifyAt(task, n);
    if (typeof own === 'number') return own;
    const w = own.watches.get(wd);
    if (w === undefined) return -EINVAL;
    w.end();
    return 0;
  }),
];
