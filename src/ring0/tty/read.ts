// Reading and writing at the slave end, as the line discipline lets it: whole lines in canonical mode, VMIN and
// VTIME without it (termios(3), "Canonical and noncanonical mode"), and the events of poll(2).

import { EAGAIN, EIO } from '../../abi/errno.ts';
import { O_NONBLOCK } from '../../abi/fcntl.ts';
import { POLL } from '../../abi/poll.ts';
import { SIG } from '../../abi/signal.ts';
import { CC, LFLAG } from '../../abi/termios.ts';
import type { Task } from '../task/types.ts';
import type { OpenFile } from '../vfs/types.ts';
import { block, type Result } from '../wait.ts';
import { receive, unthrottle } from './discipline.ts';
import { foregroundOnly } from './job.ts';
import { putOutput, sendEchoes } from './output.ts';
import { room } from './queue.ts';
import { END, has, type Tty } from './types.ts';

/** VTIME counts tenths of a second. */
const TENTH = 1e8;

/** EXTPROC leaves lines to the other end of the line. */
export const byLines = ({ termios }: Tty): boolean =>
  has(termios.lflag, LFLAG.ICANON) && !has(termios.lflag, LFLAG.EXTPROC);

/** What FIONREAD says: bytes of complete lines without end-of-file marks, or all bytes. */
export const readable = (tty: Tty): number => {
  const { bytes, ends, canon } = tty.input;
  if (!byLines(tty)) return bytes.length;
  let n = canon;
  for (let i = 0; i < canon; i++) if (ends[i] === END.eof) n--;
  return n;
};

const minimum = (tty: Tty): number => tty.termios.cc[CC.VMIN] as number;
const interval = (tty: Tty): number => (tty.termios.cc[CC.VTIME] as number) * TENTH;

/** Copies the first n bytes out and drops `gone` of them from the input. */
const take = (task: Task, tty: Tty, buf: Uint8Array, at: number, n: number, gone = n): number => {
  const { input } = tty;
  for (let i = 0; i < n; i++) buf[at + i] = input.bytes[i] as number;
  input.bytes.splice(0, gone);
  input.ends.splice(0, gone);
  input.canon = Math.max(0, input.canon - gone);
  unthrottle(tty);
  receive(task.kernel, tty);
  return n;
};

/** One line, or as much of it as fits. */
const readLine = (task: Task, tty: Tty, buf: Uint8Array, at: number, n: number): number => {
  const { ends, canon } = tty.input;
  const most = Math.min(n, canon);
  for (let i = 0; i < most; i++) {
    if (ends[i] === END.line) return take(task, tty, buf, at, i + 1);
    if (ends[i] === END.eof) return take(task, tty, buf, at, i, i + 1);
  }
  // The end-of-file after bytes that just filled the buffer belongs to them.
  return take(task, tty, buf, at, most, ends[most] === END.eof && most < canon ? most + 1 : most);
};

/** A noncanonical read that waits: how much there was, and when it ends (monotonic ns). */
interface Waiting {
  readonly count: number;
  readonly deadline: number;
}

const readRaw = (task: Task, tty: Tty, nonblock: boolean, buf: Uint8Array, at: number, n: number): Result => {
  const have = tty.input.bytes.length;
  const min = minimum(tty);
  const time = interval(tty);
  const now = task.kernel.clock.monotonic();
  const waited = task.resume as Waiting | undefined;
  const all = (): number => take(task, tty, buf, at, Math.min(n, have));
  if (have >= Math.max(1, Math.min(min, n))) return all();
  if (min === 0) {
    // A timer for the whole read.
    if (time === 0) return 0;
    if (nonblock) return -EAGAIN;
    const deadline = waited?.deadline ?? now + time;
    if (now >= deadline) return 0;
    return block([tty.toRead], 'restart', deadline, { count: 0, deadline } satisfies Waiting);
  }
  if (nonblock) return have > 0 ? all() : -EAGAIN;
  if (time === 0 || have === 0) return block([tty.toRead], 'restart');
  // A timer that starts anew with each byte.
  const deadline = waited !== undefined && waited.count === have ? waited.deadline : now + time;
  if (now >= deadline) return all();
  return block([tty.toRead], 'restart', deadline, { count: have, deadline } satisfies Waiting);
};

export const readSlave = (
  task: Task,
  file: OpenFile,
  tty: Tty,
  buf: Uint8Array,
  at: number,
  n: number,
): Result => {
  const allowed = foregroundOnly(task, tty, SIG.SIGTTIN);
  if (allowed !== 0) return allowed;
  if (n === 0) return 0;
  const nonblock = (file.flags & O_NONBLOCK) !== 0;
  if (!byLines(tty)) return readRaw(task, tty, nonblock, buf, at, n);
  if (tty.input.canon > 0) return readLine(task, tty, buf, at, n);
  return nonblock ? -EAGAIN : block([tty.toRead], 'restart');
};

/** Bytes that a write which waits for room has sent. */
interface Sent {
  readonly done: number;
}

export const writeSlave = (
  task: Task,
  file: OpenFile,
  tty: Tty,
  buf: Uint8Array,
  at: number,
  n: number,
): Result => {
  let done = (task.resume as Sent | undefined)?.done ?? 0;
  if (done === 0 && has(tty.termios.lflag, LFLAG.TOSTOP)) {
    const allowed = foregroundOnly(task, tty, SIG.SIGTTOU);
    if (allowed !== 0) return allowed;
  }
  if (!tty.masterOpen) return done > 0 ? done : -EIO;
  sendEchoes(tty);
  done += putOutput(tty, buf, at + done, n - done);
  if (done === n) return n;
  if (file.flags & O_NONBLOCK) return done > 0 ? done : -EAGAIN;
  const wait = block([tty.toWrite], 'restart', null, { done } satisfies Sent);
  return done > 0 ? { ...wait, partial: done } : wait;
};

const IN = POLL.POLLIN | POLL.POLLRDNORM;
const OUT = POLL.POLLOUT | POLL.POLLWRNORM;
/** What poll says of a description that was hung up. */
export const HUNG_UP = IN | OUT | POLL.POLLERR | POLL.POLLHUP;

export const pollSlave = (tty: Tty): number => {
  const { bytes, canon } = tty.input;
  const enough = interval(tty) === 0 && minimum(tty) > 0 ? minimum(tty) : 1;
  const ready = byLines(tty) ? canon > 0 : bytes.length >= enough;
  return (ready ? IN : 0) | (!tty.stopped && room(tty.output) > 0 ? OUT : 0);
};
