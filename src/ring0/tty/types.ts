// The nouns of terminals: a Tty is one pty pair, seen by programs at its slave end, with the state of its line
// discipline. Plain data; behaviour lives beside (discipline.ts, output.ts, pty.ts, job.ts).

import type { WaitQueue } from '../wait.ts';

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

/** Bytes on their way: data[head, data.length), consumed from the front. */
export interface Queue {
  bytes: number[];
  head: number;
}

/** The input side of the line discipline (n_tty.c): what was typed and what programs may read of it. */
export interface Input {
  /** Bytes typed; in canonical mode, readable only up to `canon`. */
  readonly bytes: number[];
  /** Marks, in step with `bytes`: 1 where a line ends, 2 for an end-of-file that is not read, 0 elsewhere. */
  readonly ends: number[];
  /** How many bytes of complete lines there are in front. */
  canon: number;
  /** The next byte is taken literally (VLNEXT). */
  literal: boolean;
  /** ECHOPRT: inside \.../ of erased characters. */
  erasing: boolean;
  /** Input was refused or IXOFF has sent STOP: the master waits. */
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
  readonly input: Input;
  /** What the master reads, processed. */
  readonly output: Queue;
  /** Column of the cursor, and where the current input line began, for tabs and erasing. */
  column: number;
  canonColumn: number;
  /** Output is stopped: by ^S or TCXONC. */
  stopped: boolean;
  /** Descriptions open on the slave that have not been hung up; opens so far. */
  slaves: number;
  opened: boolean;
  masterOpen: boolean;
  /** TIOCSPTLCK: the slave cannot be opened yet. */
  locked: boolean;
  /** TIOCEXCL. */
  exclusive: boolean;
  /** Goes up at each hangup: descriptions of older generations are dead. */
  generation: number;
  /** TIOCPKT is on; status bits that the master has not read yet. */
  packet: boolean;
  packetStatus: number;
  /** Owner and mode of its node in devpts. */
  node: { uid: number; gid: number; mode: number; ino: number };
  /** Waiting at the slave for input and for room; at the master for output and for room. */
  readonly toRead: WaitQueue;
  readonly toWrite: WaitQueue;
  readonly masterRead: WaitQueue;
  readonly masterWrite: WaitQueue;
}
