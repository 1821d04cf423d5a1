// Pseudo-terminals (pty(7)): making pairs, the operations of both ends, and the devices that lead to them:
// /dev/ptmx, /dev/pts/N, /dev/tty and /dev/console. A machine's own terminal is a pair whose master the host
// holds (terminal.ts).

import { EAGAIN, EBUSY, EIO, ENOSPC, ENOTTY, ENXIO } from '../../abi/errno.ts';
import { O_ACCMODE, O_NOCTTY, O_NONBLOCK, O_WRONLY } from '../../abi/fcntl.ts';
import { TIOCSPGRP } from '../../abi/ioctl.ts';
import { POLL } from '../../abi/poll.ts';
import { POLL as BAND } from '../../abi/signal.ts';
import { makedev, minor } from '../../abi/stat.ts';
import { CFLAG, DEFAULT_CC, IFLAG, LFLAG, OFLAG, PTY_SLAVE_MAJOR, TTYAUX_MAJOR } from '../../abi/termios.ts';
import type { Kernel } from '../kernel.ts';
import { capable } from '../task/creds.ts';
import type { Task } from '../task/types.ts';
import { vfsOf } from '../vfs/state.ts';
import type { FileOps, OpenFile } from '../vfs/types.ts';
import { type Block, block, type Result, waitQueue, wake } from '../wait.ts';
import { receive } from './discipline.ts';
import { type PtyEnd, ptyIoctl } from './ioctl.ts';
import { hangUp, lastClosed, leaderEnded, takeIfFree, terminalOf } from './job.ts';
import { byteQueue, pushBytes, room, takeBytes, used } from './queue.ts';
import { HUNG_UP, pollSlave, readSlave, writeSlave } from './read.ts';
import type { Termios, Tty } from './types.ts';

/** Bytes in flight: to the master (what Linux was measured to take), and from it. */
const OUTPUT_SIZE = 12288;
const INCOMING_SIZE = 65536;
/** kernel.pty.max. */
const MAX_PTYS = 4096;
/** The group `tty`, which may write to terminals (mesg(1)). */
const TTY_GROUP = 5;

/** Modes of a new slave: tty_std_termios, with a pty's c_cflag. */
const newTermios = (): Termios => ({
  iflag: IFLAG.ICRNL | IFLAG.IXON,
  oflag: OFLAG.OPOST | OFLAG.ONLCR,
  cflag: CFLAG.B38400 | CFLAG.CS8 | CFLAG.CREAD,
  lflag:
    LFLAG.ISIG |
    LFLAG.ICANON |
    LFLAG.ECHO |
    LFLAG.ECHOE |
    LFLAG.ECHOK |
    LFLAG.ECHOCTL |
    LFLAG.ECHOKE |
    LFLAG.IEXTEN,
  line: 0,
  cc: Uint8Array.from(DEFAULT_CC),
  ispeed: 38400,
  ospeed: 38400,
});

/** A pair that belongs to no kernel yet; for tests of the line discipline, too. */
export const newTty = (index: number, uid = 0): Tty => ({
  index,
  rdev: makedev(PTY_SLAVE_MAJOR, index),
  termios: newTermios(),
  winsize: { rows: 0, columns: 0, xpixel: 0, ypixel: 0 },
  session: 0,
  foreground: 0,
  incoming: byteQueue(INCOMING_SIZE),
  input: { bytes: [], ends: [], canon: 0, literal: false, erasing: false, throttled: false },
  echo: [],
  output: byteQueue(OUTPUT_SIZE),
  column: 0,
  canonColumn: 0,
  stopped: false,
  stoppedByCall: false,
  slaves: 0,
  opened: false,
  masterOpen: true,
  holders: 1,
  locked: true,
  exclusive: false,
  generation: 0,
  packet: false,
  packetStatus: 0,
  node: { uid, gid: TTY_GROUP, mode: 0o620 },
  toRead: waitQueue(),
  toWrite: waitQueue(),
  masterRead: waitQueue(),
  masterWrite: waitQueue(),
});

/** The terminals of a machine, by index. */
export const ptysOf = (kernel: Kernel): Map<number, Tty> => {
  const vfs = vfsOf(kernel);
  vfs.ptys ??= new Map();
  return vfs.ptys;
};

/** A new pair with its master open, or -ENOSPC. */
export const createPty = (kernel: Kernel, uid: number): Tty | number => {
  const ptys = ptysOf(kernel);
  let index = 0;
  while (ptys.has(index)) index++;
  if (index >= MAX_PTYS) return -ENOSPC;
  const tty = newTty(index, uid);
  ptys.set(index, tty);
  return tty;
};

const drop = (kernel: Kernel, tty: Tty): void => {
  tty.holders--;
  if (tty.holders === 0) ptysOf(kernel).delete(tty.index);
};

/** The master is closed: the line is hung up. */
export const closeMaster = (kernel: Kernel, tty: Tty): void => {
  if (!tty.masterOpen) return;
  tty.masterOpen = false;
  hangUp(kernel, tty);
  drop(kernel, tty);
};

/** Bytes from the master's side; how many there was room for. */
export const typeBytes = (kernel: Kernel, tty: Tty, buf: Uint8Array, at: number, n: number): number => {
  const k = pushBytes(tty.incoming, buf, at, n);
  receive(kernel, tty);
  return k;
};

/** The slave was open and is not any more. */
export const slaveGone = (tty: Tty): boolean => tty.opened && tty.slaves === 0;

/** How TIOCGPTPEER opens the slave; set by devpts.ts. */
export type OpenPeer = (task: Task, tty: Tty, flags: number) => OpenFile | number | Block;

const IN = POLL.POLLIN | POLL.POLLRDNORM;
const OUT = POLL.POLLOUT | POLL.POLLWRNORM;

const readMaster = (tty: Tty, file: OpenFile, buf: Uint8Array, at: number, n: number): Result => {
  if (n === 0) return 0;
  if (tty.packet && tty.packetStatus !== 0) {
    buf[at] = tty.packetStatus;
    tty.packetStatus = 0;
    return 1;
  }
  if (used(tty.output) === 0) {
    if (slaveGone(tty)) return -EIO;
    return file.flags & O_NONBLOCK ? -EAGAIN : block([tty.masterRead], 'restart');
  }
  const skip = tty.packet ? 1 : 0;
  if (tty.packet) buf[at] = 0;
  const k = takeBytes(tty.output, buf, at + skip, n - skip);
  wake(tty.toWrite);
  return k + skip;
};

interface Sent {
  readonly done: number;
}

const writeMaster = (
  task: Task,
  tty: Tty,
  file: OpenFile,
  buf: Uint8Array,
  at: number,
  n: number,
): Result => {
  let done = (task.resume as Sent | undefined)?.done ?? 0;
  done += typeBytes(task.kernel, tty, buf, at + done, n - done);
  if (done === n) return n;
  if (file.flags & O_NONBLOCK) return done > 0 ? done : -EAGAIN;
  const wait = block([tty.masterWrite], 'restart', null, { done } satisfies Sent);
  return done > 0 ? { ...wait, partial: done } : wait;
};

/** Operations of the master. */
const masterOps = (kernel: Kernel, tty: Tty, openPeer: OpenPeer): FileOps => {
  const end: PtyEnd = { tty, master: true, openPeer: (task, flags) => openPeer(task, tty, flags) };
  return {
    read: (_task, file, buf, at, n) => readMaster(tty, file, buf, at, n),
    write: (task, file, buf, at, n) => writeMaster(task, tty, file, buf, at, n),
    poll: () =>
      (used(tty.output) > 0 ? IN : 0) |
      (tty.packet && tty.packetStatus !== 0 ? IN | POLL.POLLPRI : 0) |
      (room(tty.incoming) > 0 ? OUT : 0) |
      (slaveGone(tty) ? POLL.POLLHUP : 0),
    pollQueues: () => [tty.masterRead, tty.masterWrite],
    asyncQueues: () => [{ queue: tty.masterRead, reason: () => (used(tty.output) > 0 ? BAND.POLL_IN : 0) }],
    ioctl: (task, file, request, arg) => ptyIoctl(task, file, end, request, arg),
    release: () => closeMaster(kernel, tty),
  };
};

/** Operations of one open of the slave. They end with the next hangup. */
const slaveOps = (kernel: Kernel, tty: Tty): FileOps => {
  const { generation } = tty;
  const dead = (): boolean => generation !== tty.generation;
  const end: PtyEnd = { tty, master: false, openPeer: () => -EIO };
  return {
    read: (task, file, buf, at, n) => (dead() ? 0 : readSlave(task, file, tty, buf, at, n)),
    write: (task, file, buf, at, n) => (dead() ? -EIO : writeSlave(task, file, tty, buf, at, n)),
    poll: () => (dead() ? HUNG_UP : pollSlave(tty)),
    pollQueues: () => [tty.toRead, tty.toWrite],
    asyncQueues: () => [
      { queue: tty.toRead, reason: () => (!dead() && pollSlave(tty) & IN ? BAND.POLL_IN : 0) },
    ],
    foreground: () => tty.foreground,
    ioctl: (task, file, request, arg) => {
      if (dead()) return request === TIOCSPGRP ? -ENOTTY : -EIO;
      return ptyIoctl(task, file, end, request, arg);
    },
    release: () => {
      if (!dead()) {
        tty.slaves--;
        if (tty.slaves === 0) {
          lastClosed(kernel, tty);
          wake(tty.masterRead);
        }
      }
      drop(kernel, tty);
    },
  };
};

/** Opens the slave, and takes it as controlling terminal where the rules say so. */
export const openSlave = (task: Task, tty: Tty, flags: number): FileOps | number => {
  if (!tty.masterOpen || tty.locked) return -EIO;
  if (tty.exclusive && !capable(task, 'CAP_SYS_ADMIN')) return -EBUSY;
  tty.slaves++;
  tty.opened = true;
  tty.holders++;
  if ((flags & O_NOCTTY) === 0 && (flags & O_ACCMODE) !== O_WRONLY) takeIfFree(task.process, tty);
  return slaveOps(task.kernel, tty);
};

/** Makes the devices of terminals known, and hears of the ends of sessions. */
export const registerTerminals = (kernel: Kernel, openPeer: OpenPeer): void => {
  const { devices } = vfsOf(kernel);
  // /dev/tty is the controlling terminal, whichever that is.
  devices.set(`c:${TTYAUX_MAJOR}:0`, (task, _inode, flags) => {
    const tty = terminalOf(task.process);
    return tty === null ? -ENXIO : openSlave(task, tty, flags | O_NOCTTY);
  });
  // The console is the first terminal, as it is in a container.
  devices.set(`c:${TTYAUX_MAJOR}:1`, (task, _inode, flags) => {
    const tty = ptysOf(kernel).get(0);
    return tty === undefined ? -ENXIO : openSlave(task, tty, flags | O_NOCTTY);
  });
  devices.set(`c:${TTYAUX_MAJOR}:2`, (task) => {
    const tty = createPty(kernel, task.cred.fsuid);
    return typeof tty === 'number' ? tty : masterOps(kernel, tty, openPeer);
  });
  devices.set(`c:${PTY_SLAVE_MAJOR}`, (task, inode, flags) => {
    const attr = inode.attr();
    const tty = typeof attr === 'number' ? undefined : ptysOf(kernel).get(minor(attr.rdev));
    return tty === undefined ? -EIO : openSlave(task, tty, flags);
  });
  const { hangup } = kernel.hooks;
  kernel.hooks.hangup = (leader) => {
    leaderEnded(leader);
    hangup(leader);
  };
};
