// poll(2), ppoll(2), select(2), pselect6(2): look at all descriptors; if nothing is ready, wait on all their
// queues and look again.

import { EBADF, EFAULT, EINVAL } from '../../abi/errno.ts';
import { POLL } from '../../abi/poll.ts';
import { TIMESPEC, TIMEVAL } from '../../abi/time.ts';
import { addr, fdset, int, pollfds, sigsetIn, size, timeInOut, uint } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import { setTemporaryMask } from '../task/signals.ts';
import { readSet } from '../task/sigset.ts';
import type { Task } from '../task/types.ts';
import { fileAt, maxDescriptors } from '../vfs/fdtable.ts';
import { eventQueues, readyEvents } from '../vfs/poll.ts';
import { type Block, block, type RestartRule, type Result, type WaitQueue } from '../wait.ts';

const ALWAYS = POLL.POLLERR | POLL.POLLHUP | POLL.POLLNVAL;
const READ = POLL.POLLIN | POLL.POLLRDNORM | POLL.POLLRDBAND | POLL.POLLHUP | POLL.POLLERR;
const WRITE = POLL.POLLOUT | POLL.POLLWRNORM | POLL.POLLWRBAND | POLL.POLLERR;
const POLLFD_BYTES = 8;
const SIGSET_BYTES = 8;

/** What a wait keeps between tries: when it ends (monotonic ns), or null for never. */
interface Waiting {
  readonly deadline: number | null;
}

/** The end of the wait: kept from the first try, or `timeoutNs` from now (null: none). */
const deadlineFor = (task: Task, timeoutNs: number | null): number | null => {
  const waiting = task.resume as Waiting | undefined;
  if (waiting) return waiting.deadline;
  return timeoutNs === null ? null : task.kernel.clock.monotonic() + timeoutNs;
};

const waitOrTimeout = (
  task: Task,
  queues: readonly WaitQueue[],
  deadline: number | null,
  restart: RestartRule,
): Block | 0 => {
  if (deadline !== null && task.kernel.clock.monotonic() >= deadline) return 0;
  return block(queues, restart, deadline, { deadline } satisfies Waiting);
};

const pollAll = (
  task: Task,
  fds: number,
  n: number,
  timeoutNs: number | null,
  restart: RestartRule,
): Result => {
  if (n > maxDescriptors(task)) return -EINVAL;
  const deadline = deadlineFor(task, timeoutNs);
  const table = task.mm.read(fds, n * POLLFD_BYTES);
  if (!table) return n === 0 ? waitOrTimeout(task, [], deadline, restart) : -EFAULT;
  const dv = new DataView(table.buffer, table.byteOffset, table.length);
  const queues: WaitQueue[] = [];
  let ready = 0;
  for (let i = 0; i < n; i++) {
    const at = i * POLLFD_BYTES;
    const fd = dv.getInt32(at, true);
    let revents = 0;
    if (fd >= 0) {
      const file = fileAt(task, fd);
      if (!file) revents = POLL.POLLNVAL;
      else {
        revents = readyEvents(task, file) & (dv.getUint16(at + 4, true) | ALWAYS);
        if (revents === 0 && ready === 0) queues.push(...eventQueues(file));
      }
    }
    if (revents !== 0) ready++;
    dv.setUint16(at + 6, revents, true);
  }
  if (ready === 0) {
    const wait = waitOrTimeout(task, queues, deadline, restart);
    if (wait !== 0) return wait;
  }
  // Only revents is the kernel's to write.
  for (let i = 0; i < n; i++) {
    const at = i * POLLFD_BYTES + 6;
    if (!task.mm.writeU16(fds + at, dv.getUint16(at, true))) return -EFAULT;
  }
  return ready;
};

/** Bytes of an fd_set for n descriptors: whole longs. */
const setBytes = (n: number): number => Math.ceil(n / 64) * 8;

const selectAll = (
  task: Task,
  n: number,
  sets: readonly [number, number, number],
  timeoutNs: number | null,
  remaining: ((task: Task, ns: number) => void) | null,
): Result => {
  if (n < 0) return -EINVAL;
  const count = Math.min(n, Math.max(task.files.slots.length, 64));
  const deadline = deadlineFor(task, timeoutNs);
  const length = setBytes(count);
  const wanted: (Uint8Array | null)[] = [];
  for (const at of sets) {
    const bytes = at === 0 ? null : task.mm.read(at, length);
    if (at !== 0 && !bytes) return -EFAULT;
    wanted.push(bytes);
  }
  const found = wanted.map((w) => (w ? new Uint8Array(length) : null));
  const masks = [READ, WRITE, POLL.POLLPRI];
  const queues: WaitQueue[] = [];
  let ready = 0;
  for (let fd = 0; fd < count; fd++) {
    const byte = fd >> 3;
    const bit = 1 << (fd & 7);
    if (!wanted.some((w) => w && ((w[byte] as number) & bit) !== 0)) continue;
    const file = fileAt(task, fd);
    if (!file) return -EBADF;
    const events = readyEvents(task, file);
    for (const [k, w] of wanted.entries()) {
      const out = found[k];
      if (!w || !out || ((w[byte] as number) & bit) === 0 || (events & (masks[k] as number)) === 0) continue;
      out[byte] = (out[byte] as number) | bit;
      ready++;
    }
    if (ready === 0) queues.push(...eventQueues(file));
  }
  if (ready === 0) {
    const wait = waitOrTimeout(task, queues, deadline, 'nohand');
    if (wait !== 0) return wait;
  }
  for (const [k, at] of sets.entries()) {
    const out = found[k];
    if (out && !task.mm.write(at, out)) return -EFAULT;
  }
  if (deadline !== null) remaining?.(task, Math.max(0, deadline - task.kernel.clock.monotonic()));
  return ready;
};

const nsOf = (t: { sec: number; nsec: number } | null): number | null =>
  t === null ? null : t.sec * 1e9 + t.nsec;
const badTime = (t: { sec: number; nsec: number } | null): boolean =>
  t !== null && (t.sec < 0 || t.nsec < 0 || t.nsec >= 1e9);

/** Puts the mask of ppoll or pselect6 in place; -errno, or 0. */
const mask = (task: Task, at: number, bytes: number): number => {
  if (at === 0) return 0;
  if (bytes !== SIGSET_BYTES) return -EINVAL;
  const set = readSet(task.mm, at);
  if (set === null) return -EFAULT;
  setTemporaryMask(task, set);
  return 0;
};

/** A personality for old programs, whose timeouts stay as they were (personality(2)). */
const STICKY_TIMEOUTS = 0x4000000;
const sticky = (task: Task): boolean =>
  ((task.process.attributes.get('personality') ?? 0) & STICKY_TIMEOUTS) !== 0;

const writeTimespec =
  (at: number) =>
  (task: Task, ns: number): void => {
    if (sticky(task)) return;
    TIMESPEC.write(task.mm, at, { sec: Math.floor(ns / 1e9), nsec: ns % 1e9 });
  };
const writeTimeval =
  (at: number) =>
  (task: Task, ns: number): void => {
    if (sticky(task)) return;
    TIMEVAL.write(task.mm, at, { sec: Math.floor(ns / 1e9), usec: Math.floor((ns % 1e9) / 1000) });
  };

/** Writes what is left of a relative timeout; `t` is it on the first try. */
const left = (
  task: Task,
  t: { sec: number; nsec: number } | null,
  write: (task: Task, ns: number) => void,
): void => {
  const now = task.kernel.clock.monotonic();
  const deadline = (task.resume as Waiting | undefined)?.deadline ?? now + (nsOf(t) ?? 0);
  write(task, Math.max(0, deadline - now));
};

const readTime = (task: Task, at: number): { sec: number; nsec: number } | null | number =>
  at === 0 ? null : (TIMESPEC.read(task.mm, at) ?? -EFAULT);

export const rows = [
  syscall(
    'poll',
    [pollfds('fds', 'nfds'), uint('nfds'), int('timeout')],
    { returns: 'int', family: 'desc' },
    (task, fds, n, ms) => pollAll(task, fds, n, ms < 0 ? null : ms * 1e6, 'restart-block'),
  ),
  syscall(
    'ppoll',
    [
      pollfds('fds', 'nfds'),
      uint('nfds'),
      timeInOut('timeout', 'timespec'),
      sigsetIn('sigmask'),
      size('sigsetsize'),
    ],
    { returns: 'int', family: 'desc' },
    (task, fds, n, timeout, set, bytes) => {
      const t = task.resume === undefined ? readTime(task, timeout) : null;
      if (typeof t === 'number') return t;
      if (badTime(t)) return -EINVAL;
      const refused = mask(task, set, bytes);
      if (refused !== 0) return refused;
      const r = pollAll(task, fds, n, nsOf(t), 'nohand');
      if (typeof r === 'number' && r >= 0 && timeout !== 0) left(task, t, writeTimespec(timeout));
      return r;
    },
  ),
  syscall(
    'select',
    [
      int('n'),
      fdset('readfds', 'n'),
      fdset('writefds', 'n'),
      fdset('exceptfds', 'n'),
      timeInOut('timeout', 'timeval'),
    ],
    { returns: 'int', family: 'desc' },
    (task, n, r, w, x, timeout) => {
      const t =
        task.resume === undefined && timeout !== 0 ? (TIMEVAL.read(task.mm, timeout) ?? -EFAULT) : null;
      if (typeof t === 'number') return t;
      if (t && (t.sec < 0 || t.usec < 0)) return -EINVAL;
      const ns = t ? t.sec * 1e9 + t.usec * 1e3 : null;
      return selectAll(task, n, [r, w, x], ns, timeout === 0 ? null : writeTimeval(timeout));
    },
  ),
  syscall(
    'pselect6',
    [
      int('n'),
      fdset('readfds', 'n'),
      fdset('writefds', 'n'),
      fdset('exceptfds', 'n'),
      timeInOut('timeout', 'timespec'),
      addr('sigmask'),
    ],
    { returns: 'int', family: 'desc' },
    (task, n, r, w, x, timeout, sigmask) => {
      // On a retry the deadline is known, and the program may have changed what lies there.
      const t = task.resume === undefined ? readTime(task, timeout) : null;
      if (typeof t === 'number') return t;
      if (badTime(t)) return -EINVAL;
      if (sigmask !== 0) {
        const at = task.mm.readU64(sigmask);
        const bytes = task.mm.readU64(sigmask + 8);
        if (at === null || bytes === null) return -EFAULT;
        const refused = mask(task, at, bytes);
        if (refused !== 0) return refused;
      }
      return selectAll(task, n, [r, w, x], nsOf(t), timeout === 0 ? null : writeTimespec(timeout));
    },
  ),
];
