// struct termios of ioctl(TCGETS) as strace writes it: four words of flags, the rest left out.

import type { FlagTable } from '../gate/codec.ts';
import { flagSet } from './print.ts';

const INPUT: FlagTable = {
  unknown: '',
  bits: {
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
  },
};
const OUTPUT: FlagTable = {
  unknown: '',
  bits: {
    OPOST: 0o1,
    OLCUC: 0o2,
    ONLCR: 0o4,
    OCRNL: 0o10,
    ONOCR: 0o20,
    ONLRET: 0o40,
    OFILL: 0o100,
    OFDEL: 0o200,
  },
};
/** Delays: mask, shift, prefix. */
const DELAYS = [
  [0o400, 8, 'NL'],
  [0o3000, 9, 'CR'],
  [0o14000, 11, 'TAB'],
  [0o20000, 13, 'BS'],
  [0o40000, 14, 'VT'],
  [0o100000, 15, 'FF'],
] as const;
const SPEEDS = ['B0', 'B50', 'B75', 'B110', 'B134', 'B150', 'B200', 'B300', 'B600', 'B1200', 'B1800'];
const FAST = ['B2400', 'B4800', 'B9600', 'B19200', 'B38400'];
const EXTRA = [
  'BOTHER',
  'B57600',
  'B115200',
  'B230400',
  'B460800',
  'B500000',
  'B576000',
  'B921600',
  'B1000000',
];
const CONTROL: FlagTable = {
  unknown: '',
  bits: { CSTOPB: 0o100, CREAD: 0o200, PARENB: 0o400, PARODD: 0o1000, HUPCL: 0o2000, CLOCAL: 0o4000 },
};
const LOCAL: FlagTable = {
  unknown: '',
  bits: {
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
  },
};

/** Flags that are known, or nothing: strace writes an empty field for none. */
const known = (v: number, table: FlagTable): string => {
  const mask = Object.values(table.bits).reduce((a, b) => a | b, 0);
  return v & mask ? flagSet(v & mask, table) : '';
};

const speed = (c: number): string => {
  const code = c & 0o17;
  if (c & 0o10000) return EXTRA[code] ?? 'B???';
  return SPEEDS[code] ?? FAST[code - SPEEDS.length] ?? 'B???';
};

/** `{c_iflag=ICRNL|IXON, c_oflag=NL0|...|OPOST, c_cflag=B38400|CS8|CREAD, c_lflag=ISIG|..., ...}` */
export const termios = (bytes: Uint8Array): string => {
  const dv = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [i, o, c, l] = [0, 4, 8, 12].map((at) => dv.getUint32(at, true)) as [number, number, number, number];
  const delays = DELAYS.map(([mask, shift, prefix]) => `${prefix}${(o & mask) >>> shift}`).join('|');
  const size = `CS${5 + ((c >>> 4) & 3)}`;
  const control = `${speed(c)}|${size}|${known(c, CONTROL)}`;
  return `{c_iflag=${known(i, INPUT)}, c_oflag=${delays}|${known(o, OUTPUT)}, c_cflag=${control}, c_lflag=${known(l, LOCAL)}, ...}`;
};
