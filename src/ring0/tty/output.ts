// The output side of the line discipline: what OPOST makes of bytes on their way to the master, and echoes
// (termios(3); behaviour of the kernel's drivers/tty/n_tty.c).

import { LFLAG, OFLAG } from '../../abi/termios.ts';
import { wake } from '../wait.ts';
import { push, pushBytes, room } from './queue.ts';
import { has, type Tty } from './types.ts';

const BS = 8;
const TAB = 9;
const NL = 10;
const CR = 13;
const SPACE = 32;
const TAB_STOP = 8;
/** The most bytes that one character becomes. */
const WIDEST = 8;

/** As the kernel's ctype has it: C0 and DEL. */
export const isControl = (c: number): boolean => c < 32 || c === 127;

/** A byte that continues a UTF-8 character, where the terminal has been told of UTF-8. */
export const isContinuation = (tty: Tty, c: number): boolean =>
  (c & 0xc0) === 0x80 && (tty.termios.iflag & 0o40000) !== 0;

const isLower = (c: number): boolean => (c >= 97 && c <= 122) || (c >= 0xe0 && c !== 0xf7 && c !== 0xff);

/** Sends one character through OPOST. */
const process = (tty: Tty, given: number): void => {
  const { output } = tty;
  const { oflag } = tty.termios;
  let c = given;
  switch (c) {
    case NL:
      if (has(oflag, OFLAG.ONLRET)) tty.column = 0;
      if (has(oflag, OFLAG.ONLCR)) {
        push(output, CR);
        tty.column = 0;
      }
      tty.canonColumn = tty.column;
      break;
    case CR:
      if (has(oflag, OFLAG.ONOCR) && tty.column === 0) return;
      if (has(oflag, OFLAG.OCRNL)) {
        c = NL;
        if (has(oflag, OFLAG.ONLRET)) tty.canonColumn = tty.column = 0;
        break;
      }
      tty.canonColumn = tty.column = 0;
      break;
    case TAB: {
      const spaces = TAB_STOP - (tty.column % TAB_STOP);
      tty.column += spaces;
      if ((oflag & OFLAG.XTABS) === OFLAG.XTABS) {
        for (let i = 0; i < spaces; i++) push(output, SPACE);
        return;
      }
      break;
    }
    case BS:
      if (tty.column > 0) tty.column--;
      break;
    default:
      if (isControl(c)) break;
      if (has(oflag, OFLAG.OLCUC) && isLower(c)) c -= 32;
      if (!isContinuation(tty, c)) tty.column++;
  }
  push(output, c);
};

/** Writes as many of n bytes as there is room for; the count. */
export const putOutput = (tty: Tty, buf: Uint8Array, at: number, n: number): number => {
  if (tty.stopped) return 0;
  const { output } = tty;
  let done = 0;
  if (!has(tty.termios.oflag, OFLAG.OPOST)) done = pushBytes(output, buf, at, n);
  else while (done < n && room(output) >= WIDEST) process(tty, buf[at + done++] as number);
  if (done > 0) wake(tty.masterRead);
  return done;
};

/** Echo operations, above the range of bytes. A byte echoed as ^X is CONTROL + byte. */
const CONTROL = 0x100;
const SET_CANON_COLUMN = 0x200;
const MOVE_BACK = 0x201;
/** ERASE_TAB + columns used since the last tab or, with FROM_START, since the start of the input line. */
const ERASE_TAB = 0x300;
const FROM_START = 0x80;

/** Echoes a byte as it is. */
export const echoRaw = (tty: Tty, c: number): void => {
  tty.echo.push(c);
};

/** Echoes a character of the input: control characters as ^X under ECHOCTL. */
export const echoChar = (tty: Tty, c: number): void => {
  const caret = has(tty.termios.lflag, LFLAG.ECHOCTL) && isControl(c) && c !== TAB;
  tty.echo.push(caret ? CONTROL + c : c);
};

/** The input line begins where the cursor is. */
export const echoLineStart = (tty: Tty): void => {
  tty.echo.push(SET_CANON_COLUMN);
};

/** A character was sent of which the cursor takes no notice. */
export const echoMoveBack = (tty: Tty): void => {
  tty.echo.push(MOVE_BACK);
};

export const echoEraseTab = (tty: Tty, columns: number, afterTab: boolean): void => {
  tty.echo.push(ERASE_TAB + (columns & 7) + (afterTab ? 0 : FROM_START));
};

export const finishErasing = (tty: Tty): void => {
  if (!tty.input.erasing) return;
  echoRaw(tty, 0x2f);
  tty.input.erasing = false;
};

const back = (tty: Tty): void => {
  push(tty.output, BS);
  if (tty.column > 0) tty.column--;
};

const perform = (tty: Tty, op: number): void => {
  if (op >= ERASE_TAB) {
    const columns = (op & 7) + (op & FROM_START ? tty.canonColumn : 0);
    for (let n = TAB_STOP - (columns & 7); n > 0; n--) back(tty);
  } else if (op === SET_CANON_COLUMN) tty.canonColumn = tty.column;
  else if (op === MOVE_BACK) {
    if (tty.column > 0) tty.column--;
  } else if (op >= CONTROL) {
    push(tty.output, 0x5e);
    push(tty.output, (op - CONTROL) ^ 0x40);
    tty.column += 2;
  } else if (has(tty.termios.oflag, OFLAG.OPOST)) process(tty, op);
  else push(tty.output, op);
};

/** Sends the echoes that have gathered, unless output is stopped. */
export const sendEchoes = (tty: Tty): void => {
  if (tty.echo.length === 0 || tty.stopped) return;
  for (const op of tty.echo) {
    // A master that does not read loses echoes, not input.
    if (room(tty.output) < -WIDEST * 64) break;
    perform(tty, op);
  }
  tty.echo.length = 0;
  wake(tty.masterRead);
};

/** Sends a byte to the master out of turn (IXOFF, TCXONC). */
export const sendNow = (tty: Tty, c: number): void => {
  push(tty.output, c);
  wake(tty.masterRead);
};

export const echoIsOn = (tty: Tty): boolean => has(tty.termios.lflag, LFLAG.ECHO);
