// struct termios of ioctl(TCGETS) as strace writes it: four words of flags, the rest left out.

import type { FlagTable } from '../gate/codec.ts';
import { type ConstantStyle, flagSet, hex, named, styled } from './print.ts';

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
  'B1152000',
  'B1500000',
  'B2000000',
  'B2500000',
  'B3000000',
  'B3500000',
  'B4000000',
];
const CONTROL: FlagTable = {
  unknown: '',
  bits: {
    CSTOPB: 0o100,
    CREAD: 0o200,
    PARENB: 0o400,
    PARODD: 0o1000,
    HUPCL: 0o2000,
    CLOCAL: 0o4000,
    CMSPAR: 0o10000000000,
    CRTSCTS: 0x80000000,
  },
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
    IEXTEN: 0o100000,
    ECHOCTL: 0o1000,
    ECHOPRT: 0o2000,
    ECHOKE: 0o4000,
    FLUSHO: 0o10000,
    PENDIN: 0o40000,
    TOSTOP: 0o400,
    EXTPROC: 0o200000,
  },
};

/** strace writes an empty field for none, and does not comment what has no name. */
const known = (v: number, table: FlagTable, style: ConstantStyle): string =>
  v === 0 ? '' : flagSet(v, table, style).replace(/^(0x[0-9a-f]+) \/\* {2}\*\/$/, '$1');

const speed = (c: number): string => {
  const code = c & 0o17;
  if (c & 0o10000) return EXTRA[code] ?? 'B???';
  return SPEEDS[code] ?? FAST[code - SPEEDS.length] ?? 'B???';
};

/** The places of c_cc that have names. */
const CHARACTERS = [
  'VINTR',
  'VQUIT',
  'VERASE',
  'VKILL',
  'VEOF',
  'VTIME',
  'VMIN',
  'VSWTC',
  'VSTART',
  'VSTOP',
  'VSUSP',
  'VEOL',
  'VREPRINT',
  'VDISCARD',
  'VWERASE',
  'VLNEXT',
  'VEOL2',
];
const SPEED = 0o10017;
const IBSHIFT = 16;
const CSIZE = 0o60;
const DELAYED = DELAYS.reduce((all, [mask]) => all | mask, 0);
const LINES = { N_TTY: 0 } as const;
const short = (v: number): string => (v === 0 ? '0' : hex(v));

/** `{c_iflag=ICRNL|IXON, c_oflag=NL0|...|OPOST, c_cflag=B38400|CS8|CREAD, c_lflag=ISIG|..., ...}` */
export const termios = (bytes: Uint8Array, whole: boolean, style: ConstantStyle = 'abbrev'): string => {
  const dv = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [i, o, c, l] = [0, 4, 8, 12].map((at) => dv.getUint32(at, true)) as [number, number, number, number];
  const delays = DELAYS.map(([mask, shift, prefix]) => {
    const n = (o & mask) >>> shift;
    return styled(style, short(o & mask), prefix === 'TAB' && n === 3 ? 'XTABS' : `${prefix}${n}`);
  }).join('|');
  const size = styled(style, short(c & CSIZE), `CS${5 + ((c >>> 4) & 3)}`);
  const rate = styled(style, short(c & SPEED), speed(c));
  const input = (c >>> IBSHIFT) & SPEED;
  const inputRate = input === 0 ? '' : `${styled(style, short(input), speed(input))}<<IBSHIFT|`;
  const output = known((o & ~DELAYED) >>> 0, OUTPUT, style);
  const control = known((c & ~(SPEED | (SPEED << IBSHIFT) | CSIZE)) >>> 0, CONTROL, style);
  const parts = [
    `c_iflag=${known(i, INPUT, style)}`,
    `c_oflag=${delays}|${output}`,
    `c_cflag=${rate}|${inputRate}${size}|${control}`,
    `c_lflag=${known(l, LOCAL, style)}`,
  ];
  if (!whole) return `{${parts.join(', ')}, ...}`;
  const line = named(bytes[16] as number, LINES, 'N_???', style);
  const characters = Array.from(bytes.subarray(17, 36), (v, n) => `[${CHARACTERS[n] ?? n}]=${short(v)}`);
  return `{${parts.join(', ')}, c_line=${line}, c_cc=[${characters.join(', ')}]}`;
};
