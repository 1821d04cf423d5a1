// The nouns of terminals: a Tty is one pty pair, seen by programs at its slave end, with the state of its line
// discipline. Plain data; behaviour lives beside (discipline.ts, output.ts, read.ts, job.ts, pty.ts).

import type { WaitQueue } from '../wait.ts';
import type { ByteQueue } from './queue.ts';

export interface Termios {
  iflag: number;
  oflag: number;
  cflag: number;
  lflag: number;
  line: number;
  /** NCCS control characters. */
  cc: Uint8Array;
  /** Baud. */
  ispeed: number;
  ospeed: number;
}

export interface WinSize {
  rows: number;
  columns: number;
  xpixel: number;
  ypixel: number;
}

/** What ends a line in the input: nothing, a character that is read with it, or an end-of-file that is not. */
export const END = { none: 0, line: 1, eof: 2 } as const;

/** The input side of the line discipline: what was typed and what programs may read of it. */
export interface Input {
  /** Bytes typed, and in step with them END marks. */
  readonly bytes: number[];
  readonly ends: number[];
  /** Canonical mode: how many bytes of complete lines there are in front. */
  canon: number;
  /** The next byte is taken literally (VLNEXT). */
  literal: boolean;
  /** ECHOPRT: within \.../ of erased characters. */
  erasing: boolean;
  /** IXOFF has sent STOP. */
  throttled: boolean;
}

export interface Tty {
  readonly index: number;
  /** Device number of the slave, 136:index. */
  readonly rdev: number;
  termios: Termios;
  winsize: WinSize;
  /** Session that it controls, and the group in its foreground; 0 for none. */
  session: number;
  foreground: number;
  /** What the master has written and the line discipline has not yet taken. */
  readonly incoming: ByteQueue;
  readonly input: Input;
  /** Echoes that wait for the end of the input at hand, or for output to go on: bytes and ECHO operations. */
  readonly echo: number[];
  /** What the master reads. */
  readonly output: ByteQueue;
  /** Column of the cursor, and where the current input line began: for tabs and for erasing them. */
  column: number;
  canonColumn: number;
  /** Output is stopped; by TCXONC rather than by ^S. */
  stopped: boolean;
  stoppedByCall: boolean;
  /** Descriptions open on the slave that are not hung up; whether there ever was one. */
  slaves: number;
  opened: boolean;
  masterOpen: boolean;
  /** Descriptions of either end that have not been closed: the index is taken until then. */
  holders: number;
  /** TIOCSPTLCK: the slave cannot be opened yet. */
  locked: boolean;
  /** TIOCEXCL. */
  exclusive: boolean;
  /** Goes up at each hangup: descriptions of older generations are dead. */
  generation: number;
  /** TIOCPKT is on; status bits that the master has not read yet. */
  packet: boolean;
  packetStatus: number;
  /** Owner and permissions of its node in devpts. */
  node: { uid: number; gid: number; mode: number };
  /** Waiting at the slave for input and for room; at the master for output and for room. */
  readonly toRead: WaitQueue;
  readonly toWrite: WaitQueue;
  readonly masterRead: WaitQueue;
  readonly masterWrite: WaitQueue;
}

export const has = (flags: number, bit: number): boolean => (flags & bit) !== 0;
