// What ioctl(2) does on either end of a pty: modes, window size, job control, packet mode (tty_ioctl(4)).

import { EFAULT, EINVAL, ENOTTY, EPERM, ESRCH } from '../../abi/errno.ts';
import { O_ACCMODE, O_CLOEXEC, O_WRONLY } from '../../abi/fcntl.ts';
import {
  FIONREAD,
  TCFLSH,
  TCGETA,
  TCGETS,
  TCGETS2,
  TCSBRK,
  TCSBRKP,
  TCSETA,
  TCSETAF,
  TCSETAW,
  TCSETS,
  TCSETS2,
  TCSETSF,
  TCSETSF2,
  TCSETSW,
  TCSETSW2,
  TCXONC,
  TIOCCBRK,
  TIOCCONS,
  TIOCEXCL,
  TIOCGDEV,
  TIOCGETD,
  TIOCGEXCL,
  TIOCGLCKTRMIOS,
  TIOCGPGRP,
  TIOCGPKT,
  TIOCGPTLCK,
  TIOCGPTN,
  TIOCGPTPEER,
  TIOCGSID,
  TIOCGSOFTCAR,
  TIOCGWINSZ,
  TIOCNOTTY,
  TIOCNXCL,
  TIOCOUTQ,
  TIOCPKT,
  TIOCSBRK,
  TIOCSCTTY,
  TIOCSETD,
  TIOCSIG,
  TIOCSLCKTRMIOS,
  TIOCSPGRP,
  TIOCSPTLCK,
  TIOCSSOFTCAR,
  TIOCSTI,
  TIOCSWINSZ,
  TIOCVHANGUP,
} from '../../abi/ioctl.ts';
import { SIG } from '../../abi/signal.ts';
import {
  baudOf,
  CC,
  CFLAG,
  DISABLED,
  IFLAG,
  LFLAG,
  NCC,
  PACKET,
  TCIFLUSH,
  TCIOFF,
  TCIOFLUSH,
  TCION,
  TCOFLUSH,
  TCOOFF,
  TCOON,
  TERMIO,
  TERMIOS,
  TERMIOS2,
  WINSIZE,
} from '../../abi/termios.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task/types.ts';
import { installOrRelease } from '../vfs/fdtable.ts';
import { isOpenFile } from '../vfs/open.ts';
import type { OpenFile } from '../vfs/types.ts';
import { type Block, type Result, wake } from '../wait.ts';
import { adapt, flushInput, flushOutput, setPacketStatus, startOutput, stopOutput } from './discipline.ts';
import { claimTerminal, dropTerminal, foregroundOnly, signalForeground } from './job.ts';
import { sendNow } from './output.ts';
import { clear, used } from './queue.ts';
import { readable } from './read.ts';
import { has, type Termios, type Tty, type WinSize } from './types.ts';

/** A description of a pty: which end it is, and how to open the other. */
export interface PtyEnd {
  readonly tty: Tty;
  readonly master: boolean;
  /** TIOCGPTPEER; -EIO from the slave. */
  openPeer(task: Task, flags: number): OpenFile | number | Block;
}

type Command = (task: Task, file: OpenFile, end: PtyEnd, arg: number) => Result;

const putInt = (task: Task, arg: number, v: number): number => (task.mm.writeU32(arg, v >>> 0) ? 0 : -EFAULT);

const given = (ok: boolean): number => (ok ? 0 : -EFAULT);

/** A pty has no line: eight bits, no parity, always on. */
const sanitize = (cflag: number): number => (cflag & ~(CFLAG.CSIZE | CFLAG.PARENB)) | CFLAG.CS8 | CFLAG.CREAD;

const usesFlow = (t: Termios): boolean =>
  has(t.iflag, IFLAG.IXON) && t.cc[CC.VSTOP] === 0o23 && t.cc[CC.VSTART] === 0o21;

/** Makes the modes those given, and tells a master in packet mode. */
export const setTermios = (tty: Tty, next: Termios): void => {
  const old = tty.termios;
  tty.termios = { ...next, cflag: sanitize(next.cflag) };
  adapt(tty, old);
  const external = has(old.lflag | next.lflag, LFLAG.EXTPROC);
  if (usesFlow(old) !== usesFlow(next)) {
    setPacketStatus(
      tty,
      usesFlow(next) ? PACKET.DOSTOP : PACKET.NOSTOP,
      usesFlow(next) ? PACKET.NOSTOP : PACKET.DOSTOP,
    );
  }
  if (external) setPacketStatus(tty, PACKET.IOCTL);
};

type Reader = (task: Task, arg: number, tty: Tty) => Termios | null;

const readTermios: Reader = (task, arg) => {
  const t = TERMIOS.read(task.mm, arg);
  return t && { ...t, ispeed: baudOf(t.cflag), ospeed: baudOf(t.cflag) };
};
const readTermios2: Reader = (task, arg) => {
  const t = TERMIOS2.read(task.mm, arg);
  if (t === null || (t.cflag & CFLAG.CBAUD) === CFLAG.BOTHER) return t;
  return { ...t, ispeed: baudOf(t.cflag), ospeed: baudOf(t.cflag) };
};
/** struct termio has the low halves of the flags and the first characters. */
const readTermio: Reader = (task, arg, { termios: old }) => {
  const t = TERMIO.read(task.mm, arg);
  if (t === null) return null;
  const high = (v: number): number => v & ~0xffff;
  const cc = old.cc.slice();
  cc.set(t.cc);
  return {
    iflag: high(old.iflag) | t.iflag,
    oflag: high(old.oflag) | t.oflag,
    cflag: high(old.cflag) | t.cflag,
    lflag: high(old.lflag) | t.lflag,
    line: t.line,
    cc,
    ispeed: baudOf(t.cflag),
    ospeed: baudOf(t.cflag),
  };
};

/** What is written is with the master at once, so there is nothing to drain. */
const change =
  (read: Reader, flush = false): Command =>
  (task, _file, { tty }, arg) => {
    const allowed = foregroundOnly(task, tty, SIG.SIGTTOU);
    if (allowed !== 0) return allowed;
    const next = read(task, arg, tty);
    if (next === null) return -EFAULT;
    if (flush) flushInput(tty);
    setTermios(tty, next);
    return 0;
  };

/** Changes the window size and tells the foreground group, if it is a change. */
export const setWinSize = (kernel: Kernel, tty: Tty, size: WinSize): void => {
  const old = tty.winsize;
  const same = (['rows', 'columns', 'xpixel', 'ypixel'] as const).every((k) => old[k] === size[k]);
  if (same) return;
  tty.winsize = size;
  signalForeground(kernel, tty, SIG.SIGWINCH);
};

const getGroup: Command = (task, _file, { tty, master }, arg) => {
  if (!master && task.process.tty !== tty) return -ENOTTY;
  return putInt(task, arg, tty.foreground);
};

const setGroup: Command = (task, _file, { tty }, arg) => {
  const { process, kernel } = task;
  const allowed = foregroundOnly(task, tty, SIG.SIGTTOU);
  if (typeof allowed !== 'number') return allowed;
  if (allowed !== 0) return -ENOTTY;
  const pgid = task.mm.readI32(arg);
  if (pgid === null) return -EFAULT;
  if (pgid < 0) return -EINVAL;
  if (process.tty !== tty || tty.session !== process.sid) return -ENOTTY;
  let found = false;
  let same = false;
  for (const p of kernel.processes.values()) {
    if (p.pgid !== pgid) continue;
    found = true;
    same ||= p.sid === process.sid;
  }
  // A process id that leads no group is known, too; its session is not that of a group.
  if (!found) return kernel.processes.has(pgid) || kernel.tasks.has(pgid) ? -EPERM : -ESRCH;
  if (!same) return -EPERM;
  tty.foreground = pgid;
  return 0;
};

const getSession: Command = (task, _file, { tty, master }, arg) => {
  if ((!master && task.process.tty !== tty) || tty.session === 0) return -ENOTTY;
  return putInt(task, arg, tty.session);
};

const flush: Command = (task, _file, { tty, master }, which) => {
  const allowed = foregroundOnly(task, tty, SIG.SIGTTOU);
  if (allowed !== 0) return allowed;
  if (![TCIFLUSH, TCOFLUSH, TCIOFLUSH].includes(which)) return -EINVAL;
  const input = which !== TCOFLUSH;
  const output = which !== TCIFLUSH;
  if (!master) {
    if (input) flushInput(tty);
    if (output) flushOutput(tty);
    return 0;
  }
  if (input) {
    clear(tty.output);
    wake(tty.toWrite);
  }
  if (output) {
    // The slave's line discipline keeps what it has taken.
    clear(tty.incoming);
    wake(tty.masterWrite);
  }
  return 0;
};

const flow: Command = (task, _file, { tty, master }, which) => {
  const allowed = foregroundOnly(task, tty, SIG.SIGTTOU);
  if (allowed !== 0) return allowed;
  const send = (c: number): void => {
    if (!master && c !== DISABLED) sendNow(tty, c);
  };
  switch (which) {
    case TCOOFF:
      if (master) return 0;
      tty.stoppedByCall = true;
      stopOutput(tty);
      return 0;
    case TCOON:
      if (master) return 0;
      tty.stoppedByCall = false;
      startOutput(tty);
      return 0;
    case TCIOFF:
      send(tty.termios.cc[CC.VSTOP] as number);
      return 0;
    case TCION:
      send(tty.termios.cc[CC.VSTART] as number);
      return 0;
    default:
      return -EINVAL;
  }
};

const masterOnly =
  (run: Command): Command =>
  (task, file, end, arg) =>
    end.master ? run(task, file, end, arg) : -ENOTTY;

/** Signals that keys send: the only ones that the master can send by TIOCSIG. */
const KEYS: readonly number[] = [SIG.SIGINT, SIG.SIGQUIT, SIG.SIGTSTP];

const COMMANDS: Readonly<Record<number, Command>> = {
  [TCGETS]: (task, _file, { tty }, arg) => given(TERMIOS.write(task.mm, arg, tty.termios)),
  [TCGETS2]: (task, _file, { tty }, arg) => given(TERMIOS2.write(task.mm, arg, tty.termios)),
  [TCGETA]: (task, _file, { tty }, arg) =>
    given(TERMIO.write(task.mm, arg, { ...tty.termios, cc: tty.termios.cc.slice(0, NCC) })),
  [TCSETS]: change(readTermios),
  [TCSETSW]: change(readTermios),
  [TCSETSF]: change(readTermios, true),
  [TCSETS2]: change(readTermios2),
  [TCSETSW2]: change(readTermios2),
  [TCSETSF2]: change(readTermios2, true),
  [TCSETA]: change(readTermio),
  [TCSETAW]: change(readTermio),
  [TCSETAF]: change(readTermio, true),
  [TIOCGWINSZ]: (task, _file, { tty }, arg) => given(WINSIZE.write(task.mm, arg, tty.winsize)),
  [TIOCSWINSZ]: (task, _file, { tty }, arg) => {
    const size = WINSIZE.read(task.mm, arg);
    if (size === null) return -EFAULT;
    setWinSize(task.kernel, tty, size);
    return 0;
  },
  [TIOCSCTTY]: (task, file, { tty }, arg) =>
    claimTerminal(task, tty, arg === 1, (file.flags & O_ACCMODE) !== O_WRONLY),
  [TIOCNOTTY]: (task, _file, { tty }) => dropTerminal(task, tty),
  [TIOCGPGRP]: getGroup,
  [TIOCSPGRP]: setGroup,
  [TIOCGSID]: getSession,
  [FIONREAD]: (task, _file, { tty, master }, arg) =>
    putInt(task, arg, master ? used(tty.output) : readable(tty)),
  [TIOCOUTQ]: (task, _file, _end, arg) => putInt(task, arg, 0),
  [TCFLSH]: flush,
  [TCXONC]: flow,
  [TCSBRK]: (task, _file, { tty }) => foregroundOnly(task, tty, SIG.SIGTTOU),
  [TCSBRKP]: (task, _file, { tty }) => foregroundOnly(task, tty, SIG.SIGTTOU),
  // A pty has no line to break.
  [TIOCSBRK]: (task, _file, { tty }) => foregroundOnly(task, tty, SIG.SIGTTOU),
  [TIOCCBRK]: (task, _file, { tty }) => foregroundOnly(task, tty, SIG.SIGTTOU),
  [TIOCGSOFTCAR]: (task, _file, { tty }, arg) =>
    putInt(task, arg, has(tty.termios.cflag, CFLAG.CLOCAL) ? 1 : 0),
  [TIOCSSOFTCAR]: (task, _file, { tty }, arg) => {
    const on = task.mm.readI32(arg);
    if (on === null) return -EFAULT;
    const { termios } = tty;
    const cflag = on !== 0 ? termios.cflag | CFLAG.CLOCAL : termios.cflag & ~CFLAG.CLOCAL;
    setTermios(tty, { ...termios, cflag });
    return 0;
  },
  // Modes are locked by who has CAP_SYS_ADMIN, which is nobody: none ever is.
  [TIOCGLCKTRMIOS]: (task, _file, _end, arg) => given(TERMIOS.write(task.mm, arg, {})),
  [TIOCSLCKTRMIOS]: () => -EPERM,
  [TIOCEXCL]: (_task, _file, { tty }) => {
    tty.exclusive = true;
    return 0;
  },
  [TIOCNXCL]: (_task, _file, { tty }) => {
    tty.exclusive = false;
    return 0;
  },
  [TIOCGEXCL]: (task, _file, { tty }, arg) => putInt(task, arg, tty.exclusive ? 1 : 0),
  // Typing for others is how programs break out of su, and the rest asks for CAP_SYS_ADMIN: refused to everybody.
  [TIOCSTI]: () => -EPERM,
  [TIOCVHANGUP]: () => -EPERM,
  [TIOCCONS]: (_task, _file, { master }) => (master ? -EINVAL : -EPERM),
  [TIOCGETD]: (task, _file, _end, arg) => putInt(task, arg, 0),
  [TIOCSETD]: (task, _file, _end, arg) => {
    const which = task.mm.readI32(arg);
    return which === null ? -EFAULT : which === 0 ? 0 : -EINVAL;
  },
  [TIOCGDEV]: (task, _file, { tty }, arg) => putInt(task, arg, tty.rdev),
  [TIOCGPTN]: masterOnly((task, _file, { tty }, arg) => putInt(task, arg, tty.index)),
  [TIOCSPTLCK]: masterOnly((task, _file, { tty }, arg) => {
    const lock = task.mm.readI32(arg);
    if (lock === null) return -EFAULT;
    tty.locked = lock !== 0;
    return 0;
  }),
  [TIOCGPTLCK]: masterOnly((task, _file, { tty }, arg) => putInt(task, arg, tty.locked ? 1 : 0)),
  [TIOCGPTPEER]: (task, _file, end, flags) => {
    const peer = end.openPeer(task, flags);
    return isOpenFile(peer) ? installOrRelease(task, peer, (flags & O_CLOEXEC) !== 0) : peer;
  },
  [TIOCPKT]: masterOnly((task, _file, { tty }, arg) => {
    const on = task.mm.readI32(arg);
    if (on === null) return -EFAULT;
    if (on !== 0 && !tty.packet) tty.packetStatus = 0;
    tty.packet = on !== 0;
    return 0;
  }),
  [TIOCGPKT]: masterOnly((task, _file, { tty }, arg) => putInt(task, arg, tty.packet ? 1 : 0)),
  [TIOCSIG]: masterOnly((task, _file, { tty }, signo) => {
    if (!KEYS.includes(signo)) return -EINVAL;
    signalForeground(task.kernel, tty, signo);
    return 0;
  }),
};

export const ptyIoctl = (task: Task, file: OpenFile, end: PtyEnd, request: number, arg: number): Result =>
  COMMANDS[request]?.(task, file, end, arg) ?? -ENOTTY;
