// Addresses, messages and options of sockets as strace writes them.

import {
  AF,
  CMSGHDR,
  cmsgAlign,
  LEVELS,
  LINGER,
  MESSAGE_FLAGS,
  MMSG_LEN,
  MMSGHDR_BYTES,
  MSGHDR,
  SCM,
  SO,
  SOCK,
  SOCK_FLAGS,
  SOCK_TYPE_MASK,
  SOL_SOCKET,
  UCRED,
} from '../abi/socket.ts';
import { type Context, descriptor, failed, rawArg } from './context.ts';
import { type ConstantStyle, flagSet, type HexStrings, hex, named, pointer, quote } from './print.ts';

/** The type argument of socket: its flags are a table of their own. */
export const socketType = (v: number, style?: ConstantStyle): string => {
  const kind = v & SOCK_TYPE_MASK;
  if (!(Object.values(SOCK) as number[]).includes(kind)) return flagSet(v >>> 0, SOCK_FLAGS, style);
  const rest = (v & ~SOCK_TYPE_MASK) >>> 0;
  const name = named(kind, SOCK, 'SOCK_???', style);
  return rest === 0 ? name : `${name}|${flagSet(rest, SOCK_FLAGS, style)}`;
};

const IPPROTO = {
  IPPROTO_IP: 0,
  IPPROTO_ICMP: 1,
  IPPROTO_TCP: 6,
  IPPROTO_UDP: 17,
  IPPROTO_IPV6: 41,
  IPPROTO_ICMPV6: 58,
  IPPROTO_RAW: 255,
} as const;
const NETLINK = {
  NETLINK_ROUTE: 0,
  NETLINK_SOCK_DIAG: 4,
  NETLINK_AUDIT: 9,
  NETLINK_KOBJECT_UEVENT: 15,
  NETLINK_GENERIC: 16,
} as const;

export const socketProtocol = (family: number, v: number, style?: ConstantStyle): string => {
  if (family === AF.AF_INET || family === AF.AF_INET6) return named(v, IPPROTO, 'IPPROTO_???', style);
  return family === AF.AF_NETLINK ? named(v, NETLINK, 'NETLINK_???', style) : String(v);
};

const internet = (b: Uint8Array): string => {
  const port = ((b[2] ?? 0) << 8) | (b[3] ?? 0);
  return `sin_port=htons(${port}), sin_addr=inet_addr("${b.slice(4, 8).join('.')}")`;
};

const unixPath = (b: Uint8Array, mode?: HexStrings): string => {
  const name = b.subarray(2);
  if (name[0] === 0) return `sun_path=@${quote(name.subarray(1), undefined, mode)}`;
  const end = name.indexOf(0);
  return `sun_path=${quote(end < 0 ? name : name.subarray(0, end), undefined, mode)}`;
};

/** An address of so many bytes. */
export const socketAddress = (ctx: Context, at: number, length: number): string => {
  if (at === 0) return 'NULL';
  const b = length < 2 || length > 128 ? null : ctx.mm.read(at, length);
  if (b === null) return hex(at);
  const family = (b[0] ?? 0) | ((b[1] ?? 0) << 8);
  const head = `sa_family=${named(family, AF, 'AF_???', ctx.options.constants)}`;
  if (length === 2) return `{${head}}`;
  if (family === AF.AF_UNIX) return `{${head}, ${unixPath(b, ctx.options.hexStrings)}}`;
  if (family === AF.AF_INET && length >= 16) return `{${head}, ${internet(b)}}`;
  return `{${head}, sa_data=${quote(b.subarray(2), undefined, ctx.options.hexStrings)}}`;
};

/** `[110 => 2]`; `before` is what was there when the call began. */
export const socketLength = (ctx: Context, at: number, before: string | null): string => {
  if (at === 0) return 'NULL';
  const now = ctx.mm.readI32(at);
  if (now === null) return hex(at);
  if (before === null || failed(ctx) || ctx.result === null) return `[${before ?? now}]`;
  return before === String(now) ? `[${now}]` : `[${before} => ${now}]`;
};

const vector = (ctx: Context, at: number, count: number, bytes: number): string => {
  if (at === 0) return 'NULL';
  let left = bytes;
  const out: string[] = [];
  for (let i = 0; i < count; i++) {
    if (i >= ctx.options.maxString) {
      out.push('...');
      break;
    }
    const base = ctx.mm.readU64(at + 16 * i);
    const length = ctx.mm.readU64(at + 16 * i + 8);
    if (base === null || length === null) {
      out.push(i === 0 ? hex(at) : `... /* ${hex(at + 16 * i)} */`);
      if (i === 0) return hex(at);
      break;
    }
    const n = Math.min(length, left);
    left -= n;
    const text = ctx.mm.read(base, Math.min(n, ctx.options.maxString + 1));
    const shown =
      base === 0
        ? 'NULL'
        : text === null
          ? hex(base)
          : quote(text, ctx.options.maxString, ctx.options.hexStrings);
    out.push(`{iov_base=${shown}, iov_len=${length}}`);
  }
  return `[${out.join(', ')}]`;
};

/** -1 for nobody. */
const id = (v: number): string => String(v | 0);

const controlData = (ctx: Context, type: number, data: Uint8Array): string => {
  const dv = new DataView(data.buffer, data.byteOffset, data.length);
  if (type === SCM.SCM_RIGHTS) {
    const fds: string[] = [];
    for (let i = 0; i + 4 <= data.length; i += 4) fds.push(descriptor(ctx, dv.getInt32(i, true)));
    return fds.length === 0 ? '' : `, cmsg_data=[${fds.join(', ')}]`;
  }
  if (type !== SCM.SCM_CREDENTIALS || data.length < UCRED.size) return '';
  const { pid, uid, gid } = UCRED.decode(data);
  return `, cmsg_data={pid=${pid}, uid=${id(uid)}, gid=${id(gid)}}`;
};

const control = (ctx: Context, at: number, length: number): string => {
  const b = length < CMSGHDR.size ? null : ctx.mm.read(at, Math.min(length, 65536));
  if (b === null) return pointer(at);
  const out: string[] = [];
  for (let i = 0; i + CMSGHDR.size <= b.length; ) {
    const { len, level, type } = CMSGHDR.decode(b, i);
    const where = `cmsg_len=${len}, cmsg_level=${named(level, LEVELS, 'SOL_???', ctx.options.constants)}`;
    const kind = level === SOL_SOCKET ? named(type, SCM, 'SCM_???', ctx.options.constants) : hex(type >>> 0);
    const end = Math.min(i + len, b.length);
    const data = level === SOL_SOCKET && len > CMSGHDR.size ? b.subarray(i + CMSGHDR.size, end) : null;
    out.push(`{${where}, cmsg_type=${kind}${data === null ? '' : controlData(ctx, type, data)}}`);
    if (len < CMSGHDR.size) {
      if (i + CMSGHDR.size < b.length) out.push(`... /* ${hex(at + i + CMSGHDR.size)} */`);
      break;
    }
    i += cmsgAlign(len);
  }
  return `[${out.join(', ')}]`;
};

/** A msghdr whose vector holds so many bytes that matter; `before` is its msg_namelen when the call began. */
const header = (ctx: Context, at: number, bytes: number, before: string | null): string => {
  const h = MSGHDR.read(ctx.mm, at);
  if (h === null) return pointer(at);
  const length =
    before === null || before === String(h.namelen) ? `${h.namelen}` : `${before} => ${h.namelen}`;
  const room = before === null ? h.namelen : Math.min(Number(before), h.namelen);
  const parts = [
    `msg_name=${socketAddress(ctx, h.name, room)}`,
    `msg_namelen=${length}`,
    `msg_iov=${vector(ctx, h.iov, h.iovlen, bytes)}`,
    `msg_iovlen=${h.iovlen}`,
  ];
  if (h.controllen !== 0) parts.push(`msg_control=${control(ctx, h.control, h.controllen)}`);
  parts.push(
    `msg_controllen=${h.controllen}`,
    `msg_flags=${flagSet(h.flags, MESSAGE_FLAGS, ctx.options.constants)}`,
  );
  return `{${parts.join(', ')}}`;
};

const namelen = (ctx: Context, at: number): number | null => MSGHDR.read(ctx.mm, at)?.namelen ?? null;

export const message = (ctx: Context, at: number, out: boolean, before: string | null): string => {
  if (at === 0) return 'NULL';
  if (!out) return header(ctx, at, Number.POSITIVE_INFINITY, null);
  if (before === null) return hex(at);
  if (failed(ctx) || ctx.result === null) return `{msg_namelen=${before}}`;
  return header(ctx, at, ctx.result, before);
};

/** As many of an array of mmsghdr as the result says; of those that could not be sent, all. */
export const messages = (
  ctx: Context,
  at: number,
  count: number,
  received: boolean,
  before: string | null,
): string => {
  if (at === 0) return 'NULL';
  const none = failed(ctx);
  if (none && (received || MSGHDR.read(ctx.mm, at) === null)) return hex(at);
  const lengths = before?.split(',') ?? [];
  const out: string[] = [];
  for (let i = 0; i < (none ? count : (ctx.result ?? 0)); i++) {
    if (i >= ctx.options.maxString) {
      out.push('...');
      break;
    }
    const to = at + i * MMSGHDR_BYTES;
    const length = ctx.mm.readU32(to + MMSG_LEN);
    if (length === null) break;
    const bytes = received ? length : Number.POSITIVE_INFINITY;
    const text = header(ctx, to, bytes, received ? (lengths[i] ?? null) : null);
    out.push(`{msg_hdr=${text}${none ? '' : `, msg_len=${length}`}}`);
  }
  return `[${out.join(', ')}]`;
};

/** What a printer needs to know of the moment when the call began: lengths that it overwrites. */
export const lengthsBefore = (ctx: Context, type: string, at: number, count: number): string | null => {
  if (at === 0) return null;
  if (type === 'socklen') return ctx.mm.readI32(at)?.toString() ?? null;
  if (type === 'msghdr') return namelen(ctx, at)?.toString() ?? null;
  const list: number[] = [];
  for (let i = 0; i < Math.min(count, ctx.options.maxString); i++) {
    const n = namelen(ctx, at + i * MMSGHDR_BYTES);
    if (n === null) break;
    list.push(n);
  }
  return list.join(',');
};

/** Options whose value is not one int. */
const OTHER: ReadonlySet<number> = new Set([
  SO.SO_RCVTIMEO_OLD,
  SO.SO_SNDTIMEO_OLD,
  SO.SO_RCVTIMEO_NEW,
  SO.SO_SNDTIMEO_NEW,
  SO.SO_PEERGROUPS,
  SO.SO_PEERNAME,
  SO.SO_PEERSEC,
  SO.SO_BINDTODEVICE,
]);

const TCP_OPTIONS = {
  TCP_NODELAY: 1,
  TCP_MAXSEG: 2,
  TCP_CORK: 3,
  TCP_KEEPIDLE: 4,
  TCP_KEEPINTVL: 5,
  TCP_KEEPCNT: 6,
  TCP_SYNCNT: 7,
  TCP_LINGER2: 8,
  TCP_DEFER_ACCEPT: 9,
  TCP_WINDOW_CLAMP: 10,
  TCP_INFO: 11,
  TCP_QUICKACK: 12,
  TCP_CONGESTION: 13,
  TCP_USER_TIMEOUT: 18,
  TCP_FASTOPEN: 23,
} as const;
const IP_OPTIONS = {
  IP_TOS: 1,
  IP_TTL: 2,
  IP_HDRINCL: 3,
  IP_OPTIONS: 4,
  IP_PKTINFO: 8,
  IP_MTU_DISCOVER: 10,
  IP_RECVERR: 11,
  IP_RECVTTL: 12,
  IP_RECVTOS: 13,
  IP_MTU: 14,
  IP_FREEBIND: 15,
  IP_MULTICAST_IF: 32,
  IP_MULTICAST_TTL: 33,
  IP_MULTICAST_LOOP: 34,
  IP_ADD_MEMBERSHIP: 35,
  IP_DROP_MEMBERSHIP: 36,
} as const;
/** Names of options by level. */
const OPTIONS: ReadonlyMap<number, readonly [Readonly<Record<string, number>>, string]> = new Map([
  [SOL_SOCKET, [SO, 'SO_???']],
  [LEVELS.SOL_IP, [IP_OPTIONS, 'IP_???']],
  [LEVELS.SOL_TCP, [TCP_OPTIONS, 'TCP_???']],
]);

export const optionName = (level: number, name: number, style?: ConstantStyle): string => {
  const table = OPTIONS.get(level);
  return table === undefined ? String(name | 0) : named(name, ...table, style);
};

const structured = (level: number, name: number, b: Uint8Array): string | null => {
  if (level !== SOL_SOCKET) return null;
  if (name === SO.SO_LINGER && b.length >= LINGER.size) {
    const { onoff, linger } = LINGER.decode(b);
    return `{l_onoff=${onoff}, l_linger=${linger}}`;
  }
  if (name === SO.SO_PEERCRED && b.length >= UCRED.size) {
    const { pid, uid, gid } = UCRED.decode(b);
    return `{pid=${pid}, uid=${id(uid)}, gid=${id(gid)}}`;
  }
  return null;
};

/** The value of an option of `length` bytes. */
export const optionValue = (ctx: Context, at: number, length: number, set: boolean): string => {
  const level = rawArg(ctx, 1);
  const name = rawArg(ctx, 2);
  const b = length <= 0 ? null : ctx.mm.read(at, Math.min(length, 4096));
  if (at === 0 || b === null) return pointer(at);
  const known = structured(level, name, b);
  if (known !== null) return known;
  // strace knows no way to set the credentials: a number, then.
  const whole = level === SOL_SOCKET && (name === SO.SO_LINGER || (name === SO.SO_PEERCRED && !set));
  const number = level === SOL_SOCKET && !OTHER.has(name) && !whole;
  if (whole) return set ? pointer(at) : quote(b, ctx.options.maxString, ctx.options.hexStrings);
  if (length === 4 || (number && length > 4)) {
    return `[${new DataView(b.buffer, b.byteOffset).getInt32(0, true)}]`;
  }
  return set && length < 4 ? pointer(at) : quote(b, ctx.options.maxString, ctx.options.hexStrings);
};
