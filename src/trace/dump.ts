// strace's -e read= and -e write=: all bytes that a call moved, in hex and as text, under its line.

import { MMSG_LEN, MMSGHDR_BYTES, MSGHDR } from '../abi/socket.ts';
import { argNamed, type Context, rawArg } from './context.ts';

/** Which descriptors' data is shown, by the direction in which it goes. */
export interface Dumps {
  readonly read: (fd: number) => boolean;
  readonly write: (fd: number) => boolean;
}

const PER_LINE = 16;

const hexLine = (bytes: Uint8Array, at: number): string => {
  const part = bytes.subarray(at, at + PER_LINE);
  const hex = [...part].map((b) => b.toString(16).padStart(2, '0'));
  const columns = `${hex.slice(0, 8).join(' ').padEnd(23)}  ${hex.slice(8).join(' ').padEnd(23)}`;
  const text = [...part].map((b) => (b >= 32 && b < 127 ? String.fromCharCode(b) : '.')).join('');
  return ` | ${at.toString(16).padStart(5, '0')}  ${columns}  ${text.padEnd(PER_LINE)} |\n`;
};

const bytesAt = (ctx: Context, addr: number, n: number): string => {
  const bytes = n > 0 ? ctx.mm.read(addr, n) : null;
  if (bytes === null) return '';
  let out = '';
  for (let at = 0; at < bytes.length; at += PER_LINE) out += hexLine(bytes, at);
  return out;
};

/** The buffers of an iovec, as far as `limit` bytes of them matter. */
const vectorAt = (ctx: Context, addr: number, count: number, limit: number): string => {
  let out = '';
  let left = limit;
  for (let i = 0; i < count && left > 0; i++) {
    const base = ctx.mm.readU64(addr + 16 * i);
    const length = ctx.mm.readU64(addr + 16 * i + 8);
    if (base === null || length === null) break;
    const n = Math.min(length, left);
    left -= n;
    out += ` * ${n} byte${n === 1 ? '' : 's'} in buffer ${i}\n${bytesAt(ctx, base, n)}`;
  }
  return out;
};

const messageAt = (ctx: Context, addr: number, limit: number): string => {
  const h = MSGHDR.read(ctx.mm, addr);
  return h === null ? '' : vectorAt(ctx, h.iov, h.iovlen, limit);
};

const messagesAt = (ctx: Context, addr: number, count: number): string => {
  let out = '';
  for (let i = 0; i < count; i++) {
    const at = addr + i * MMSGHDR_BYTES;
    const length = ctx.mm.readU32(at + MMSG_LEN);
    if (length === null) break;
    out += ` = ${length} byte${length === 1 ? '' : 's'} in message ${i}\n${messageAt(ctx, at, length)}`;
  }
  return out;
};

/** Calls whose data is a stream's or a message's; what else moves bytes (xattrs, options) is not dumped. */
const DATA =
  /^(p?readv?2?|preadv2|pread64|p?writev?2?|pwritev2|pwrite64|recv(from|msg|mmsg)|send(to|msg|mmsg)|vmsplice|mq_timed(receive|send))$/;

/** The dump of a call that has returned; empty when there is none. */
export const dump = (ctx: Context, dumps: Dumps): string => {
  const { row } = ctx.call;
  const { result } = ctx;
  if (result === null || result <= 0 || !DATA.test(row.name)) {
    // Sending through a queue succeeds with 0.
    if (result !== 0 || row.name !== 'mq_timedsend') return '';
  }
  const i = row.params.findIndex((p) => ['bytes', 'iovec', 'msghdr', 'mmsghdrs'].includes(p.type));
  const param = row.params[i];
  if (param === undefined) return '';
  const shape = param.shape as { length?: string | number; count?: string; received?: boolean } | null;
  const reads = param.type === 'mmsghdrs' ? shape?.received === true : param.direction !== 'in';
  if (!(reads ? dumps.read : dumps.write)(ctx.call.args[0] as number)) return '';
  const addr = rawArg(ctx, i);
  if (param.type === 'iovec') return vectorAt(ctx, addr, argNamed(ctx, shape?.count ?? ''), result);
  if (param.type === 'msghdr') return messageAt(ctx, addr, result);
  if (param.type === 'mmsghdrs') return messagesAt(ctx, addr, result);
  const length = typeof shape?.length === 'string' ? argNamed(ctx, shape.length) : 0;
  return bytesAt(ctx, addr, reads ? result : length);
};
