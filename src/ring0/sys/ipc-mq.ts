// POSIX message queues: mq_open(2), mq_unlink(2), mq_timedsend(2), mq_timedreceive(2), mq_notify(2), mq_getsetattr(2).

import {
  EACCES,
  EBADF,
  EEXIST,
  EFAULT,
  EINVAL,
  EMFILE,
  EMSGSIZE,
  ENAMETOOLONG,
  ENOENT,
  ENOTSOCK,
} from '../../abi/errno.ts';
import { O_ACCMODE, O_CREAT, O_EXCL, O_NONBLOCK, OPEN_FLAGS } from '../../abi/fcntl.ts';
import { IN } from '../../abi/inotify.ts';
import { MQ_ATTR, MQ_PRIO_MAX, NOTIFY_COOKIE_LEN } from '../../abi/mqueue.ts';
import { NSIG } from '../../abi/signal.ts';
import { S_IFREG } from '../../abi/stat.ts';
import type { StructValue } from '../../abi/struct.ts';
import { CLOCKS, SIGEV, SIGEVENT, TIMESPEC } from '../../abi/time.ts';
import {
  bytesIn,
  bytesOut,
  fd,
  flags,
  mode,
  size,
  string,
  structInOrNull,
  structOut,
  uint,
  uintOut,
} from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { makeQueue, type QueueFile, queueMount, queueOf } from '../fs/mqueue.ts';
import { ask, isMessage, receive, receiveAgain, send, sendAgain } from '../ipc/mqueue.ts';
import { socketOf } from '../net/types.ts';
import { deadlineOf, validTime } from '../task/clock.ts';
import type { Task } from '../task/types.ts';
import { attach, detach, isInode, lookup } from '../vfs/dentry.ts';
import { fileAt, freeDescriptors, installOrRelease } from '../vfs/fdtable.ts';
import { canRead, canWrite, releaseIfGone } from '../vfs/file.ts';
import { creationIds } from '../vfs/namei.ts';
import { notifyInode, notifyName } from '../vfs/notify.ts';
import { isOpenFile, openPath } from '../vfs/open.ts';
import { mayCreate, mayDelete } from '../vfs/perm.ts';
import type { OpenFile } from '../vfs/types.ts';
import type { Result } from '../wait.ts';

type Attr = StructValue<typeof MQ_ATTR.fields>;
type Time = StructValue<typeof TIMESPEC.fields>;

const NAME_MAX = 255;

/** Names are one component, without the slash that the library wants before it. */
const wrongName = (name: string): number => {
  if (name === '') return -ENOENT;
  if (name === '.' || name === '..' || name.includes('/')) return -EACCES;
  return name.length > NAME_MAX ? -ENAMETOOLONG : 0;
};

const open = (task: Task, name: string, how: number, givenMode: number, attr: Attr | null): Result => {
  const wrong = wrongName(name);
  if (wrong !== 0) return wrong;
  if (!freeDescriptors(task, 1)) return -EMFILE;
  const mount = queueMount(task.kernel);
  const dir = mount.root.inode;
  let dentry = lookup(mount.root, name);
  const isNew = dentry === -ENOENT;
  if (isNew) {
    if (!(how & O_CREAT)) return -ENOENT;
    const refused = mayCreate(task, mount, dir);
    if (refused !== 0) return refused;
    const shape = attr === null ? null : { most: attr.mq_maxmsg, longest: attr.mq_msgsize };
    const ids = creationIds(task, dir, S_IFREG | (givenMode & 0o7777));
    const made = makeQueue(task, name, ids, shape);
    if (typeof made === 'number') return made;
    dentry = attach(mount.root, name, made);
    notifyName(dir, name, made, IN.IN_CREATE);
  } else if (how & O_CREAT && how & O_EXCL) return -EEXIST;
  else if ((how & O_ACCMODE) === O_ACCMODE) return -EINVAL;
  if (typeof dentry === 'number' || 'blocked' in dentry) return dentry;
  const file = openPath(task, { mount, dentry }, how & (O_ACCMODE | O_NONBLOCK), isNew);
  return isOpenFile(file) ? installOrRelease(task, file, true) : file;
};

const unlink = (task: Task, name: string): Result => {
  const wrong = wrongName(name);
  if (wrong !== 0) return wrong;
  const mount = queueMount(task.kernel);
  const dir = mount.root.inode;
  const victim = dir.lookup?.(name) ?? -ENOENT;
  if (!isInode(victim)) return victim;
  const refused = mayDelete(task, mount, dir, victim);
  if (refused !== 0) return refused;
  const r = dir.unlink?.(name) ?? -EINVAL;
  if (r !== 0) return r;
  detach(mount.root, name);
  notifyInode(victim, IN.IN_ATTRIB);
  notifyName(dir, name, victim, IN.IN_DELETE);
  releaseIfGone(victim);
  return 0;
};

/** The description behind a descriptor, and its queue. */
const at = (task: Task, number: number): { file: OpenFile; node: QueueFile } | null => {
  const file = fileAt(task, number);
  const node = file && queueOf(file);
  return file === undefined || node === undefined ? null : { file, node };
};

const nonblocking = (file: OpenFile): boolean => (file.flags & O_NONBLOCK) !== 0;

/** Timeouts are times on the real clock. */
const until = (task: Task, t: Time | null): number | null =>
  t === null ? null : deadlineOf(task, CLOCKS.CLOCK_REALTIME, t, true);

const timedSend = (
  task: Task,
  number: number,
  text: number,
  length: number,
  priority: number,
  timeout: Time | null,
): Result => {
  const again = sendAgain(task);
  if (again !== null) return again;
  if (timeout !== null && !validTime(timeout)) return -EINVAL;
  if (priority >= MQ_PRIO_MAX) return -EINVAL;
  const q = at(task, number);
  if (q === null || !canWrite(q.file)) return -EBADF;
  if (length > q.node.queue.longest) return -EMSGSIZE;
  const bytes = task.mm.read(text, length);
  if (bytes === null) return -EFAULT;
  const r = send(task, q.node.queue, { priority, bytes }, nonblocking(q.file), until(task, timeout));
  if (r === 0) q.node.touch();
  return r;
};

const timedReceive = (
  task: Task,
  number: number,
  text: number,
  room: number,
  priorityAt: number,
  timeout: Time | null,
): Result => {
  const again = receiveAgain(task);
  if (again === null && timeout !== null && !validTime(timeout)) return -EINVAL;
  const q = at(task, number);
  if (again === null) {
    if (q === null || !canRead(q.file)) return -EBADF;
    if (room < q.node.queue.longest) return -EMSGSIZE;
  }
  const m =
    again ?? (q === null ? -EBADF : receive(task, q.node.queue, nonblocking(q.file), until(task, timeout)));
  if (!isMessage(m)) return m;
  q?.node.touch();
  if (priorityAt !== 0 && !task.mm.writeU32(priorityAt, m.priority)) return -EFAULT;
  return task.mm.write(text, m.bytes, 0, m.bytes.length) ? m.bytes.length : -EFAULT;
};

const NOTIFICATIONS: readonly number[] = [SIGEV.SIGEV_NONE, SIGEV.SIGEV_SIGNAL, SIGEV.SIGEV_THREAD];

/** SIGEV_THREAD sends a cookie through a netlink socket, and there are none. */
const byThread = (task: Task, socket: number, cookie: bigint): number => {
  if (task.mm.read(Number(cookie), NOTIFY_COOKIE_LEN) === null) return -EFAULT;
  const file = fileAt(task, socket);
  if (file === undefined) return -EBADF;
  return socketOf(file) === undefined ? -ENOTSOCK : -EINVAL;
};

const notify = (task: Task, number: number, event: StructValue<typeof SIGEVENT.fields> | null): number => {
  if (event !== null) {
    if (!NOTIFICATIONS.includes(event.notify)) return -EINVAL;
    if (event.notify === SIGEV.SIGEV_SIGNAL && event.signo >>> 0 > NSIG) return -EINVAL;
    if (event.notify === SIGEV.SIGEV_THREAD) return byThread(task, event.signo, event.value);
  }
  const q = at(task, number);
  if (q === null) return -EBADF;
  const { process, files } = task;
  if (event === null) {
    if (q.node.queue.notice?.process === process) q.node.queue.notice = null;
    return 0;
  }
  const { notify: how, signo, value } = event;
  return ask(q.node.queue, { process, table: files, how, signo, value });
};

const getSet = (task: Task, number: number, to: Attr | null, oldAt: number): number => {
  if (to !== null && to.mq_flags & ~O_NONBLOCK) return -EINVAL;
  const q = at(task, number);
  if (q === null) return -EBADF;
  const { file, node } = q;
  const { queue } = node;
  const old = {
    mq_flags: file.flags & O_NONBLOCK,
    mq_maxmsg: queue.most,
    mq_msgsize: queue.longest,
    mq_curmsgs: queue.messages.length,
  };
  if (to !== null) file.flags = (file.flags & ~O_NONBLOCK) | to.mq_flags;
  return oldAt === 0 || MQ_ATTR.write(task.mm, oldAt, old) ? 0 : -EFAULT;
};

const ipc = { returns: 'int', family: 'ipc' } as const;

export const rows = [
  syscall(
    'mq_open',
    [string('name'), flags('oflag', OPEN_FLAGS), mode('mode'), structInOrNull('attr', MQ_ATTR)],
    { returns: 'fd', family: ['ipc', 'desc'] },
    open,
  ),
  syscall('mq_unlink', [string('name')], ipc, unlink),
  syscall(
    'mq_timedsend',
    [
      fd('mqdes'),
      bytesIn('msg_ptr', 'msg_len'),
      size('msg_len'),
      uint('msg_prio'),
      structInOrNull('abs_timeout', TIMESPEC),
    ],
    { returns: 'int', family: ['ipc', 'desc'] },
    timedSend,
  ),
  syscall(
    'mq_timedreceive',
    [
      fd('mqdes'),
      bytesOut('msg_ptr', 'msg_len'),
      size('msg_len'),
      uintOut('msg_prio'),
      structInOrNull('abs_timeout', TIMESPEC),
    ],
    { returns: 'size', family: ['ipc', 'desc'] },
    timedReceive,
  ),
  syscall(
    'mq_notify',
    [fd('mqdes'), structInOrNull('sevp', SIGEVENT)],
    {
      returns: 'int',
      family: ['ipc', 'desc'],
      support: 'partial',
      note: 'SIGEV_THREAD needs a netlink socket, and there are none',
    },
    notify,
  ),
  syscall(
    'mq_getsetattr',
    [fd('mqdes'), structInOrNull('newattr', MQ_ATTR), structOut('oldattr', MQ_ATTR)],
    { returns: 'int', family: ['ipc', 'desc'] },
    getSet,
  ),
];
