// The input side of the line discipline N_TTY: what bytes typed at the master become: a line being edited,
// signals, flow control, echoes (termios(3); behaviour of the kernel's drivers/tty/n_tty.c).

import { SIG } from '../../abi/signal.ts';
import { CC, DISABLED, IFLAG, LFLAG, PACKET } from '../../abi/termios.ts';
import type { Kernel } from '../kernel.ts';
import { wake } from '../wait.ts';
import { signalForeground } from './job.ts';
import {
  echoChar,
  echoEraseTab,
  echoIsOn,
  echoLineStart,
  echoMoveBack,
  echoRaw,
  finishErasing,
  isContinuation,
  isControl,
  sendEchoes,
  sendNow,
} from './output.ts';
import { clear, shift, truncate, used } from './queue.ts';
import { END, has, type Termios, type Tty } from './types.ts';

/** Bytes that the line discipline holds (N_TTY_BUF_SIZE). */
export const INPUT_SIZE = 4096;
/** IXOFF: STOP is sent when less room than this is left, START when fewer bytes than that are waiting. */
const THROTTLE = 128;

const NL = 10;
const CR = 13;
const TAB = 9;
const BS = 8;
const SPACE = 32;

const key = (t: Termios, which: number): number => t.cc[which] as number;

/** Whether a byte is the control character; a disabled one is none. */
const is = (t: Termios, c: number, which: number): boolean => c === key(t, which) && c !== DISABLED;

/** Bytes that need more than to be put into the input (char_map of the kernel). */
const isSpecial = (t: Termios, c: number): boolean => {
  const { iflag, lflag } = t;
  if (c === CR && has(iflag, IFLAG.IGNCR | IFLAG.ICRNL)) return true;
  if (c === NL && has(iflag, IFLAG.INLCR)) return true;
  if (has(lflag, LFLAG.ICANON)) {
    if (c === NL || is(t, c, CC.VERASE) || is(t, c, CC.VKILL) || is(t, c, CC.VEOF) || is(t, c, CC.VEOL))
      return true;
    if (has(lflag, LFLAG.IEXTEN)) {
      if (is(t, c, CC.VWERASE) || is(t, c, CC.VLNEXT) || is(t, c, CC.VEOL2)) return true;
      if (has(lflag, LFLAG.ECHO) && is(t, c, CC.VREPRINT)) return true;
    }
  }
  if (has(iflag, IFLAG.IXON) && (is(t, c, CC.VSTART) || is(t, c, CC.VSTOP))) return true;
  return has(lflag, LFLAG.ISIG) && (is(t, c, CC.VINTR) || is(t, c, CC.VQUIT) || is(t, c, CC.VSUSP));
};

const put = (tty: Tty, c: number, end: number = END.none): void => {
  tty.input.bytes.push(c);
  tty.input.ends.push(end);
};

/** PARMRK doubles what would look like its own mark. */
const putData = (tty: Tty, c: number): void => {
  if (c === 0xff && has(tty.termios.iflag, IFLAG.PARMRK)) put(tty, c);
  put(tty, c);
};

/** Stops output, as VSTOP and TCOOFF do. */
export const stopOutput = (tty: Tty): void => {
  if (tty.stopped) return;
  tty.stopped = true;
  setPacketStatus(tty, PACKET.STOP, PACKET.START);
};

/** Lets output go on, unless TCOOFF has stopped it. */
export const startOutput = (tty: Tty): void => {
  if (!tty.stopped || tty.stoppedByCall) return;
  tty.stopped = false;
  setPacketStatus(tty, PACKET.START, PACKET.STOP);
  sendEchoes(tty);
  wake(tty.toWrite);
};

export const setPacketStatus = (tty: Tty, set: number, clearing = 0): void => {
  if (!tty.packet) return;
  tty.packetStatus = (tty.packetStatus & ~clearing) | set;
  wake(tty.masterRead);
};

/** Throws away what was typed. */
export const flushInput = (tty: Tty): void => {
  const { input } = tty;
  input.bytes.length = 0;
  input.ends.length = 0;
  input.canon = 0;
  input.erasing = false;
  input.literal = false;
  clear(tty.incoming);
  setPacketStatus(tty, PACKET.FLUSHREAD);
  unthrottle(tty);
  wake(tty.masterWrite);
};

/**
 * Throws away output: what is still on its way (pty_flush_buffer of the kernel), not what the master's line discipline
 * has taken, where it waits to be read.
 */
export const flushOutput = (tty: Tty): void => {
  truncate(tty.output, INPUT_SIZE - 1);
  setPacketStatus(tty, PACKET.FLUSHWRITE);
  wake(tty.toWrite);
};

const interrupt = (kernel: Kernel, tty: Tty, signo: number, c: number): void => {
  if (!has(tty.termios.lflag, LFLAG.NOFLSH)) {
    tty.echo.length = 0;
    const { input } = tty;
    input.bytes.length = 0;
    input.ends.length = 0;
    input.canon = 0;
    flushOutput(tty);
    setPacketStatus(tty, PACKET.FLUSHREAD);
  }
  signalForeground(kernel, tty, signo);
  if (has(tty.termios.iflag, IFLAG.IXON)) startOutput(tty);
  if (echoIsOn(tty)) echoChar(tty, c);
  else sendEchoes(tty);
};

/** A letter or digit, as the kernel's ctype has it (Latin-1). */
const isAlphanumeric = (c: number): boolean =>
  (c >= 48 && c <= 57) ||
  (c >= 65 && c <= 90) ||
  (c >= 97 && c <= 122) ||
  (c >= 0xc0 && c !== 0xd7 && c !== 0xf7);

/** Columns between the end of the input and the tab or line start before it. */
const columnsBefore = (tty: Tty): { columns: number; afterTab: boolean } => {
  const { bytes, canon } = tty.input;
  let columns = 0;
  for (let i = bytes.length - 1; i >= canon; i--) {
    const c = bytes[i] as number;
    if (c === TAB) return { columns, afterTab: true };
    if (isControl(c)) columns += has(tty.termios.lflag, LFLAG.ECHOCTL) ? 2 : 0;
    else if (!isContinuation(tty, c)) columns++;
  }
  return { columns, afterTab: false };
};

const echoErased = (tty: Tty, c: number, more: readonly number[], single: boolean): void => {
  const { input } = tty;
  const { lflag } = tty.termios;
  if (has(lflag, LFLAG.ECHOPRT)) {
    if (!input.erasing) {
      echoRaw(tty, 0x5c);
      input.erasing = true;
    }
    echoChar(tty, c);
    for (const b of more) {
      echoRaw(tty, b);
      echoMoveBack(tty);
    }
  } else if (single && !has(lflag, LFLAG.ECHOE)) echoChar(tty, key(tty.termios, CC.VERASE));
  else if (c === TAB) {
    const { columns, afterTab } = columnsBefore(tty);
    echoEraseTab(tty, columns, afterTab);
  } else {
    const caret = isControl(c) && has(lflag, LFLAG.ECHOCTL);
    const cells = caret ? 2 : isControl(c) ? 0 : 1;
    for (let i = 0; i < cells; i++) for (const b of [BS, SPACE, BS]) echoRaw(tty, b);
  }
};

/** VERASE, VWERASE and VKILL. */
const erase = (tty: Tty, c: number): void => {
  const { input, termios } = tty;
  const { bytes, ends } = input;
  const { lflag } = termios;
  if (bytes.length === input.canon) return;
  const cut = (to: number): void => {
    bytes.length = to;
    ends.length = to;
  };
  const kind = is(termios, c, CC.VERASE) ? 'char' : is(termios, c, CC.VWERASE) ? 'word' : 'line';
  if (kind === 'line') {
    if (!echoIsOn(tty)) {
      cut(input.canon);
      return;
    }
    const visibly = LFLAG.ECHOK | LFLAG.ECHOKE | LFLAG.ECHOE;
    if ((lflag & visibly) !== visibly) {
      cut(input.canon);
      finishErasing(tty);
      echoChar(tty, c);
      if (has(lflag, LFLAG.ECHOK)) echoRaw(tty, NL);
      return;
    }
  }
  let seenWord = false;
  while (bytes.length > input.canon) {
    let at = bytes.length - 1;
    while (isContinuation(tty, bytes[at] as number) && at > input.canon) at--;
    const first = bytes[at] as number;
    // A character that began in the line before is not erased in part.
    if (isContinuation(tty, first)) break;
    if (kind === 'word') {
      if (isAlphanumeric(first) || first === 0x5f) seenWord = true;
      else if (seenWord) break;
    }
    const more = bytes.slice(at + 1);
    cut(at);
    if (echoIsOn(tty)) echoErased(tty, first, more, kind === 'char');
    if (kind === 'char') break;
  }
  if (bytes.length === input.canon && echoIsOn(tty)) finishErasing(tty);
};

const endLine = (tty: Tty, c: number, end: number): void => {
  put(tty, c, end);
  tty.input.canon = tty.input.bytes.length;
};

/** ICANON's own characters; true when it was one. */
const canonical = (tty: Tty, c: number): boolean => {
  const { input, termios: t } = tty;
  const extended = has(t.lflag, LFLAG.IEXTEN);
  if (is(t, c, CC.VERASE) || is(t, c, CC.VKILL) || (extended && is(t, c, CC.VWERASE))) {
    erase(tty, c);
    return true;
  }
  if (extended && is(t, c, CC.VLNEXT)) {
    input.literal = true;
    if (echoIsOn(tty)) {
      finishErasing(tty);
      if (has(t.lflag, LFLAG.ECHOCTL)) for (const b of [0x5e, BS]) echoRaw(tty, b);
    }
    return true;
  }
  if (extended && echoIsOn(tty) && is(t, c, CC.VREPRINT)) {
    finishErasing(tty);
    echoChar(tty, c);
    echoRaw(tty, NL);
    for (const b of input.bytes.slice(input.canon)) echoChar(tty, b);
    return true;
  }
  if (c === NL) {
    if (has(t.lflag, LFLAG.ECHO | LFLAG.ECHONL)) echoRaw(tty, NL);
    endLine(tty, c, END.line);
    return true;
  }
  if (is(t, c, CC.VEOF)) {
    endLine(tty, DISABLED, END.eof);
    return true;
  }
  if (is(t, c, CC.VEOL) || (extended && is(t, c, CC.VEOL2))) {
    if (echoIsOn(tty)) {
      if (input.bytes.length === input.canon) echoLineStart(tty);
      echoChar(tty, c);
    }
    if (c === 0xff && has(t.iflag, IFLAG.PARMRK)) put(tty, c);
    endLine(tty, c, END.line);
    return true;
  }
  return false;
};

/** A byte that nothing is special about. */
const ordinary = (tty: Tty, c: number, newline = false): void => {
  const { input } = tty;
  if (echoIsOn(tty)) {
    finishErasing(tty);
    if (newline) echoRaw(tty, c);
    else {
      if (input.bytes.length === input.canon) echoLineStart(tty);
      echoChar(tty, c);
    }
  }
  putData(tty, c);
};

/** Output that ^S stopped goes on with any key under IXANY. */
const startIfAny = (tty: Tty): void => {
  const both = IFLAG.IXON | IFLAG.IXANY;
  if (tty.stopped && !tty.stoppedByCall && (tty.termios.iflag & both) === both) startOutput(tty);
};

const SIGNALS: readonly (readonly [number, number])[] = [
  [CC.VINTR, SIG.SIGINT],
  [CC.VQUIT, SIG.SIGQUIT],
  [CC.VSUSP, SIG.SIGTSTP],
];

const special = (kernel: Kernel, tty: Tty, given: number): void => {
  const t = tty.termios;
  if (has(t.iflag, IFLAG.IXON)) {
    if (is(t, given, CC.VSTART)) {
      startOutput(tty);
      return;
    }
    if (is(t, given, CC.VSTOP)) {
      stopOutput(tty);
      return;
    }
  }
  if (has(t.lflag, LFLAG.ISIG)) {
    for (const [which, signo] of SIGNALS) {
      if (!is(t, given, which)) continue;
      interrupt(kernel, tty, signo, given);
      return;
    }
  }
  startIfAny(tty);
  let c = given;
  if (c === CR) {
    if (has(t.iflag, IFLAG.IGNCR)) return;
    if (has(t.iflag, IFLAG.ICRNL)) c = NL;
  } else if (c === NL && has(t.iflag, IFLAG.INLCR)) c = CR;
  if (has(t.lflag, LFLAG.ICANON) && canonical(tty, c)) return;
  ordinary(tty, c, c === NL);
};

const narrow = (t: Termios, byte: number): number => {
  let c = has(t.iflag, IFLAG.ISTRIP) ? byte & 0x7f : byte;
  if (has(t.iflag, IFLAG.IUCLC) && has(t.lflag, LFLAG.IEXTEN)) {
    if ((c >= 65 && c <= 90) || (c >= 0xc0 && c <= 0xde && c !== 0xd7)) c += 32;
  }
  return c;
};

const character = (kernel: Kernel, tty: Tty, byte: number): void => {
  const { input, termios: t } = tty;
  const c = narrow(t, byte);
  if (has(t.lflag, LFLAG.EXTPROC)) put(tty, c);
  else if (!input.literal && isSpecial(t, c)) special(kernel, tty, c);
  else {
    if (!input.literal) startIfAny(tty);
    input.literal = false;
    ordinary(tty, c);
  }
};

/** Whether the line discipline can take another byte. A line that is too long loses its last character to it. */
const makeRoom = (tty: Tty): boolean => {
  const { bytes, ends, canon } = tty.input;
  if (bytes.length < INPUT_SIZE - 1) return true;
  if (!has(tty.termios.lflag, LFLAG.ICANON) || canon > 0) return false;
  if (bytes.length >= INPUT_SIZE) {
    bytes.pop();
    ends.pop();
  }
  return true;
};

const throttle = (tty: Tty): void => {
  const { input, termios } = tty;
  if (input.throttled || !has(termios.iflag, IFLAG.IXOFF)) return;
  if (INPUT_SIZE - input.bytes.length >= THROTTLE) return;
  input.throttled = true;
  const stop = key(termios, CC.VSTOP);
  if (stop !== DISABLED) sendNow(tty, stop);
};

export const unthrottle = (tty: Tty): void => {
  const { input, termios } = tty;
  if (!input.throttled || input.bytes.length > THROTTLE) return;
  input.throttled = false;
  const start = key(termios, CC.VSTART);
  if (start !== DISABLED) sendNow(tty, start);
};

/** Takes what the master has written, as far as there is room. */
export const receive = (kernel: Kernel, tty: Tty): void => {
  const { incoming } = tty;
  if (used(incoming) === 0) return;
  while (used(incoming) > 0 && makeRoom(tty)) character(kernel, tty, shift(incoming));
  sendEchoes(tty);
  throttle(tty);
  wake(tty.toRead);
  wake(tty.masterWrite);
};

/** What a change of modes does to the input that is there. */
export const adapt = (tty: Tty, old: Termios): void => {
  const { input, termios } = tty;
  if (has(old.lflag ^ termios.lflag, LFLAG.ICANON | LFLAG.EXTPROC)) {
    input.ends.fill(END.none);
    input.canon = 0;
    if (has(termios.lflag, LFLAG.ICANON) && input.bytes.length > 0) {
      // What was typed before counts as a line.
      input.ends[input.ends.length - 1] = END.line;
      input.canon = input.bytes.length;
    }
    input.erasing = false;
    input.literal = false;
  }
  if (has(old.iflag, IFLAG.IXON) && !has(termios.iflag, IFLAG.IXON)) startOutput(tty);
  wake(tty.toRead);
  wake(tty.toWrite);
};
