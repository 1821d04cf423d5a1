// Terminals: modes, control characters and their defaults, from asm-generic/termbits.h and termios.h, and
// tty_std_termios of the kernel's drivers/tty/tty_io.c.

import { struct } from './struct.ts';

export const IFLAG = {
  IGNBRK: 0o1,
  BRKINT: 0o2,
  IGNPAR: 0o4,
  PARMRK: 0o10,
  INPCK: 0o20,
  ISTRIP: 0o40,
  INLCR: 0o100,
  IGNCR: 0o200,
  ICRNL: 0o400,
  IUCLC: 0o1000,
  IXON: 0o2000,
  IXANY: 0o4000,
  IXOFF: 0o10000,
  IMAXBEL: 0o20000,
  IUTF8: 0o40000,
} as const;

export const OFLAG = {
  OPOST: 0o1,
  OLCUC: 0o2,
  ONLCR: 0o4,
  OCRNL: 0o10,
  ONOCR: 0o20,
  ONLRET: 0o40,
  OFILL: 0o100,
  OFDEL: 0o200,
  /** Tabs become spaces (TAB3). */
  XTABS: 0o14000,
} as const;

export const CFLAG = {
  B0: 0,
  B38400: 0o17,
  BOTHER: 0o10000,
  CBAUD: 0o10017,
  CS8: 0o60,
  CSIZE: 0o60,
  CREAD: 0o200,
  PARENB: 0o400,
  HUPCL: 0o2000,
  CLOCAL: 0o4000,
} as const;

export const LFLAG = {
  ISIG: 0o1,
  ICANON: 0o2,
  XCASE: 0o4,
  ECHO: 0o10,
  ECHOE: 0o20,
  ECHOK: 0o40,
  ECHONL: 0o100,
  NOFLSH: 0o200,
  TOSTOP: 0o400,
  ECHOCTL: 0o1000,
  ECHOPRT: 0o2000,
  ECHOKE: 0o4000,
  FLUSHO: 0o10000,
  PENDIN: 0o40000,
  IEXTEN: 0o100000,
  EXTPROC: 0o200000,
} as const;

/** Indexes into c_cc. */
export const CC = {
  VINTR: 0,
  VQUIT: 1,
  VERASE: 2,
  VKILL: 3,
  VEOF: 4,
  VTIME: 5,
  VMIN: 6,
  VSWTC: 7,
  VSTART: 8,
  VSTOP: 9,
  VSUSP: 10,
  VEOL: 11,
  VREPRINT: 12,
  VDISCARD: 13,
  VWERASE: 14,
  VLNEXT: 15,
  VEOL2: 16,
} as const;
export const NCCS = 19;

/** What no control character can be: the key is off. */
export const DISABLED = 0;

const flags = { iflag: 'u32', oflag: 'u32', cflag: 'u32', lflag: 'u32', line: 'u8' } as const;

/** struct termios of the kernel (TCGETS): 36 bytes, shorter than glibc's. */
export const TERMIOS = struct('termios', { ...flags, cc: { bytes: NCCS } });
/** struct termios2 (TCGETS2), with the speeds in baud. */
export const TERMIOS2 = struct('termios2', { ...flags, cc: { bytes: NCCS }, ispeed: 'u32', ospeed: 'u32' });
/** struct termio (TCGETA): the low halves of the flags and eight control characters. */
export const NCC = 8;
export const TERMIO = struct('termio', {
  iflag: 'u16',
  oflag: 'u16',
  cflag: 'u16',
  lflag: 'u16',
  line: 'u8',
  cc: { bytes: NCC },
});

export const WINSIZE = struct('winsize', { rows: 'u16', columns: 'u16', xpixel: 'u16', ypixel: 'u16' });

/** Control characters of a new terminal: ^C ^\ ^? ^U ^D 0 1 - ^Q ^S ^Z - ^R ^O ^W ^V -. */
export const DEFAULT_CC: readonly number[] = [
  3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0,
];

/** Baud by the codes of CBAUD: B0 to B38400, and from B57600 (CBAUDEX + 1) on. */
const SLOW: readonly number[] = [
  0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400,
];
const FAST: readonly number[] = [
  57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000,
  3500000, 4000000,
];

/** The speed that c_cflag names, in baud; 38400 for BOTHER, which names none. */
export const baudOf = (cflag: number): number => {
  const code = cflag & 0o17;
  if ((cflag & CFLAG.BOTHER) === 0) return SLOW[code] ?? 0;
  return FAST[code - 1] ?? 38400;
};

/** Arguments of TCFLSH. */
export const TCIFLUSH = 0;
export const TCOFLUSH = 1;
export const TCIOFLUSH = 2;
/** Arguments of TCXONC. */
export const TCOOFF = 0;
export const TCOON = 1;
export const TCIOFF = 2;
export const TCION = 3;

/** Bits of the status byte of packet mode (TIOCPKT). */
export const PACKET = {
  FLUSHREAD: 1,
  FLUSHWRITE: 2,
  STOP: 4,
  START: 8,
  NOSTOP: 16,
  DOSTOP: 32,
  IOCTL: 64,
} as const;

/** Major numbers: 4 virtual consoles, 5 /dev/tty and its like, 128 masters, 136 slaves. */
export const TTYAUX_MAJOR = 5;
export const PTY_MASTER_MAJOR = 128;
export const PTY_SLAVE_MAJOR = 136;
