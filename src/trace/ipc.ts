// System V IPC as strace writes it: keys, permissions, messages, operations on semaphores and what the *ctl calls tell.

import {
  IPC_NOWAIT,
  IPCGET_TABLE,
  MSGINFO,
  MSQID_DS,
  SEM_UNDO,
  SEMBUF_BYTES,
  SEMID_DS,
  SEMINFO,
} from '../abi/ipc.ts';
import { IPC_PRIVATE, SHM_INFO, SHMGET_TABLE, SHMID_DS, SHMINFO } from '../abi/shm.ts';
import type { FieldType, Struct } from '../abi/struct.ts';
import type { FlagTable } from '../gate/codec.ts';
import { type Context, failed, unfollowed } from './context.ts';
import { flagSet, hex, octal, pointer, quote, styled } from './print.ts';
import { anyStruct, type Fields } from './structs.ts';

export const key = (ctx: Context, v: number): string =>
  v === IPC_PRIVATE ? styled(ctx.options.constants ?? 'abbrev', '0', 'IPC_PRIVATE') : hex(v >>> 0);

const MODE = 0o777;

/** Flags of msgget and its like, with the permissions behind them. */
export const getFlags = (ctx: Context, v: number, shared: boolean): string => {
  const flags = (v & ~MODE) >>> 0;
  const table: FlagTable = shared ? SHMGET_TABLE : IPCGET_TABLE;
  const names = flags === 0 ? '' : `${flagSet(flags, table, ctx.options.constants)}|`;
  return names + octal(v & MODE);
};

const IPC_SET = 1;
const IPC_INFO = 3;

type AnyStruct = Struct<Record<string, FieldType>>;
const generic = (s: unknown): AnyStruct => s as AnyStruct;

/** What a kind of object calls its members, and which of them IPC_SET takes besides the permissions. */
interface Kind {
  readonly prefix: string;
  readonly status: AnyStruct;
  readonly members: readonly string[];
  readonly settable: readonly string[];
  readonly statCommands: readonly number[];
  readonly info: AnyStruct;
  readonly infoCommand: number;
  readonly otherInfo: AnyStruct;
}
const KINDS = {
  msgctl: {
    prefix: 'msg',
    status: generic(MSQID_DS),
    members: ['stime', 'rtime', 'ctime', 'qnum', 'qbytes', 'lspid', 'lrpid'],
    settable: ['qbytes'],
    statCommands: [2, 11, 13],
    info: generic(MSGINFO),
    infoCommand: 12,
    otherInfo: generic(MSGINFO),
  },
  semctl: {
    prefix: 'sem',
    status: generic(SEMID_DS),
    members: ['otime', 'ctime', 'nsems'],
    settable: [],
    statCommands: [2, 18, 20],
    info: generic(SEMINFO),
    infoCommand: 19,
    otherInfo: generic(SEMINFO),
  },
  shmctl: {
    prefix: 'shm',
    status: generic(SHMID_DS),
    members: ['segsz', 'cpid', 'lpid', 'nattch', 'atime', 'dtime', 'ctime'],
    settable: [],
    statCommands: [2, 13, 15],
    info: generic(SHMINFO),
    infoCommand: 14,
    otherInfo: generic(SHM_INFO),
  },
} as const satisfies Record<string, Kind>;
export type IpcControl = keyof typeof KINDS;

const statusText = (kind: Kind, s: Fields, set: boolean): string => {
  const f = (k: string): string => `${k}=${String(s[k])}`;
  const permissions = [f('uid'), f('gid'), `mode=${octal(Number(s.mode))}`];
  if (!set) permissions.push(f('key'), f('cuid'), f('cgid'));
  const rest = (set ? kind.settable : kind.members).map((k) => `${kind.prefix}_${f(k)}`);
  return `{${[`${kind.prefix}_perm={${permissions.join(', ')}}`, ...rest].join(', ')}}`;
};

/** The last argument of a *ctl call: a struct by the command, else an address or a number. */
export const controlArgument = (ctx: Context, call: IpcControl, command: number, v: number): string => {
  const kind: Kind = KINDS[call];
  const set = command === IPC_SET;
  if (v === 0 || unfollowed(ctx) || (!set && (failed(ctx) || ctx.result === null))) return pointer(v);
  const read = (s: AnyStruct): Fields | null => s.read(ctx.mm, v) as Fields | null;
  if (set || kind.statCommands.includes(command)) {
    const s = read(kind.status);
    return s === null ? hex(v) : statusText(kind, s, set);
  }
  const info = command === IPC_INFO ? kind.info : command === kind.infoCommand ? kind.otherInfo : null;
  const s = info === null ? null : read(info);
  return s === null ? pointer(v) : anyStruct(s);
};

/** A struct msgbuf with so many bytes of text. */
export const messageBuffer = (ctx: Context, at: number, bytes: number): string => {
  const { maxString, hexStrings } = ctx.options;
  const type = at === 0 || unfollowed(ctx) ? null : ctx.mm.readI64(at);
  const text = type === null || bytes < 0 ? null : ctx.mm.read(at + 8, Math.min(bytes, maxString + 1));
  return type === null || text === null
    ? pointer(at)
    : `{mtype=${type}, mtext=${quote(text, maxString, hexStrings)}}`;
};

const SEM_FLAGS: FlagTable = { unknown: 'SEM_???', bits: { SEM_UNDO, IPC_NOWAIT } };

/** An array of struct sembuf. */
export const semaphoreOperations = (ctx: Context, at: number, count: number): string => {
  if (at === 0 || unfollowed(ctx)) return pointer(at);
  const out: string[] = [];
  for (let i = 0; i < count; i++) {
    if (i >= ctx.options.maxString) {
      out.push('...');
      break;
    }
    const b = ctx.mm.read(at + SEMBUF_BYTES * i, SEMBUF_BYTES);
    if (b === null) {
      if (i === 0) return hex(at);
      out.push(`... /* ${hex(at + SEMBUF_BYTES * i)} */`);
      break;
    }
    const dv = new DataView(b.buffer, b.byteOffset, SEMBUF_BYTES);
    const flags = flagSet(dv.getUint16(4, true), SEM_FLAGS, ctx.options.constants);
    out.push(`{sem_num=${dv.getUint16(0, true)}, sem_op=${dv.getInt16(2, true)}, sem_flg=${flags}}`);
  }
  return `[${out.join(', ')}]`;
};
