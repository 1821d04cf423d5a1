// The file system of POSIX message queues (mq_overview(7)): one directory, whose files are the queues. mq_open finds
// them there by name, whether it is mounted somewhere or not; reading one tells its state.

import { EINVAL, EMFILE, ENOSPC, EOPNOTSUPP, EPERM } from '../../abi/errno.ts';
import { HARD_MSGMAX, HARD_MSGSIZEMAX, MQ_PRIO_MAX, MSG_BYTES, PRIORITY_BYTES } from '../../abi/mqueue.ts';
import { POLL } from '../../abi/poll.ts';
import { RLIMITS } from '../../abi/resource.ts';
import { MAGIC, S_IFDIR, S_IFMT, S_IFREG } from '../../abi/stat.ts';
import { SIGEV } from '../../abi/time.ts';
import { dropMessages, newQueue, noticeOf, type PosixQueue } from '../ipc/mqueue.ts';
import type { Kernel } from '../kernel.ts';
import { softLimit } from '../task/rlimits.ts';
import type { Task } from '../task/types.ts';
import { withoutBlocks } from '../vfs/attr.ts';
import { seekTo } from '../vfs/file.ts';
import { newMount } from '../vfs/mount.ts';
import { CAP, capable } from '../vfs/perm.ts';
import { vfsOf } from '../vfs/state.ts';
import type { FileOps, InodeAttr, Mount, OpenFile, StatFs } from '../vfs/types.ts';
import { MemDir, MemFs, MemNode, newAttr } from './tmpfs.ts';

/** st_size of a queue: room for what reading it tells (FILENT_SIZE of ipc/mqueue.c). */
const FILE_SIZE = 80;

/** How many messages a queue may have, and how long. */
export interface QueueShape {
  readonly most: number;
  readonly longest: number;
}

/** Of a queue for which nobody asks for another (/proc/sys/fs/mqueue). */
const usualShape = ({ settings }: Kernel): QueueShape => ({
  most: Math.min(settings['fs/mqueue/msg_default'], settings['fs/mqueue/msg_max']),
  longest: Math.min(settings['fs/mqueue/msgsize_default'], settings['fs/mqueue/msgsize_max']),
});

/** What RLIMIT_MSGQUEUE counts for a queue, in bytes, however many messages it has. */
const costOf = ({ most, longest }: QueueShape): number =>
  most * (longest + MSG_BYTES) + Math.min(most, MQ_PRIO_MAX) * PRIORITY_BYTES;

const allowed = (task: Task, { most, longest }: QueueShape): boolean => {
  if (most <= 0 || longest <= 0) return false;
  const { settings } = task.kernel;
  return capable(task.cred, CAP.sysResource)
    ? most <= HARD_MSGMAX && longest <= HARD_MSGSIZEMAX
    : most <= settings['fs/mqueue/msg_max'] && longest <= settings['fs/mqueue/msgsize_max'];
};

class QueueFs extends MemFs {
  readonly kernel: Kernel;
  /** Queues that there are, with a name or open. */
  queues = 0;
  /** What each user's queues count against RLIMIT_MSGQUEUE. */
  readonly charged = new Map<number, number>();

  constructor(kernel: Kernel) {
    super(
      kernel,
      { type: 'mqueue', maxPages: 0, maxNames: 0 },
      (fs) => new QueueDir(fs, S_IFDIR | 0o1777, 0, 0),
    );
    this.kernel = kernel;
  }

  override statfs(): StatFs {
    return withoutBlocks(MAGIC.mqueue);
  }

  /** The queues stay when it is mounted nowhere. */
  override discard(): void {}
}

class QueueNode extends MemNode implements QueueFile {
  readonly queue: PosixQueue;
  readonly #fs: QueueFs;
  readonly #free: () => void;

  constructor(fs: QueueFs, attr: InodeAttr, shape: QueueShape, free: () => void) {
    super(fs, attr);
    this.#fs = fs;
    this.#free = free;
    this.queue = newQueue(shape.most, shape.longest);
    attr.size = FILE_SIZE;
  }

  touch(): void {
    const t = this.fs.now();
    this.a.atime = t;
    this.a.mtime = t;
    this.a.ctime = t;
  }

  override readonly acls = false;

  override getxattr(): number {
    return -EOPNOTSUPP;
  }

  override setxattr(): number {
    return -EOPNOTSUPP;
  }

  override removexattr(): number {
    return -EOPNOTSUPP;
  }

  open(): FileOps {
    const { queue } = this;
    return {
      seekable: true,
      seek: (file, offset, whence) => seekTo(file, offset, whence, FILE_SIZE),
      read(_task, _file, buf, at, n, pos) {
        const text = new TextEncoder().encode(status(queue)).subarray(pos, pos + n);
        buf.set(text, at);
        return text.length;
      },
      poll: () =>
        (queue.messages.length > 0 ? POLL.POLLIN | POLL.POLLRDNORM : 0) |
        (queue.messages.length < queue.most ? POLL.POLLOUT | POLL.POLLWRNORM : 0),
      pollQueues: () => [queue.changed],
      flush(_file, table) {
        if (queue.notice?.table === table) queue.notice = null;
      },
    };
  }

  release(): void {
    dropMessages(this.#fs.kernel, this.queue);
    this.#free();
  }
}

const status = (q: PosixQueue): string => {
  const notice = noticeOf(q);
  const bytes = q.messages.reduce((n, m) => n + m.bytes.length, 0);
  const signo = notice?.how === SIGEV.SIGEV_SIGNAL ? notice.signo : 0;
  const shown = (n: number, width: number): string => String(n).padEnd(width);
  return `QSIZE:${shown(bytes, 10)} NOTIFY:${shown(notice?.how ?? 0, 5)} SIGNO:${shown(signo, 5)} NOTIFY_PID:${shown(notice?.process.pid ?? 0, 6)}\n`;
};

class QueueDir extends MemDir {
  override readonly acls = false;

  /** A new queue for the task; its process's user pays for it until it is gone. */
  make(
    task: Task,
    name: string,
    mode: number,
    uid: number,
    gid: number,
    shape: QueueShape,
  ): MemNode | number {
    const { fs } = this;
    if (!(fs instanceof QueueFs)) return -EINVAL;
    const taken = this.absent(name);
    if (taken !== 0) return taken;
    if (fs.queues >= fs.kernel.settings['fs/mqueue/queues_max'] && !capable(task.cred, CAP.sysResource))
      return -ENOSPC;
    if (!allowed(task, shape)) return -EINVAL;
    const user = task.cred.uid;
    const cost = costOf(shape);
    const used = (fs.charged.get(user) ?? 0) + cost;
    if (used > softLimit(task.process, RLIMITS.RLIMIT_MSGQUEUE)) return -EMFILE;
    const node = new QueueNode(fs, newAttr(fs, S_IFREG | (mode & 0o7777), uid, gid), shape, () => {
      fs.queues--;
      fs.charged.set(user, (fs.charged.get(user) ?? 0) - cost);
    });
    const added = this.add(name, node);
    if (typeof added === 'number') return added;
    fs.queues++;
    fs.charged.set(user, used);
    return added;
  }

  override create(name: string, mode: number, uid: number, gid: number): MemNode | number {
    const task = this.fs instanceof QueueFs ? this.fs.kernel.current : null;
    const kind = mode & S_IFMT;
    if (task === null || (kind !== S_IFREG && kind !== 0)) return -EPERM;
    return this.make(task, name, mode, uid, gid, usualShape(task.kernel));
  }

  override symlink(): number {
    return -EPERM;
  }

  override link(): number {
    return -EPERM;
  }

  override rename(): number {
    return -EPERM;
  }

  override rmdir(): number {
    return -EPERM;
  }
}

/** The one file system of queues that a machine has, mounted where no path leads. */
export const queueMount = (kernel: Kernel): Mount => {
  const vfs = vfsOf(kernel);
  vfs.mqueue ??= newMount(kernel, new QueueFs(kernel));
  return vfs.mqueue;
};

/** Makes a queue of the given shape in its directory; default shape for null. */
export const makeQueue = (
  task: Task,
  name: string,
  ids: { readonly mode: number; readonly uid: number; readonly gid: number },
  shape: QueueShape | null,
): MemNode | number => {
  const { root } = queueMount(task.kernel).fs;
  return root instanceof QueueDir
    ? root.make(task, name, ids.mode, ids.uid, ids.gid, shape ?? usualShape(task.kernel))
    : -EINVAL;
};

/** A queue as a file. */
export interface QueueFile {
  readonly queue: PosixQueue;
  /** Marks its times: something was sent or received. */
  touch(): void;
}

/** The queue behind a description; undefined when it is another file. */
export const queueOf = (file: OpenFile): QueueFile | undefined =>
  file.inode instanceof QueueNode ? file.inode : undefined;
