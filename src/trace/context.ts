// What a printer of arguments has at hand: the call, its result once there is one, the program's memory and the
// options that strace knows as -s and -y.

import { FILE_TYPES, major, minor, S_IFMT } from '../abi/stat.ts';
import type { Call } from '../gate/call.ts';
import type { UserMemory } from '../ring0/mm/user.ts';
import { socketOf } from '../ring0/net/types.ts';
import { processOfFile } from '../ring0/sys/process-pidfd.ts';
import type { Task } from '../ring0/task/types.ts';
import type { OpenFile, Path } from '../ring0/vfs/types.ts';
import { type ConstantStyle, escapedPath, type HexStrings, hex, quoteString, styled } from './print.ts';
import type { Wants } from './select.ts';
import { socketDetail } from './socket-detail.ts';

/** What -yy shows of a descriptor besides its path. */
export type Detail = 'dev' | 'socket' | 'pidfd';

export interface FormatOptions {
  /** -s: how many bytes of a string are shown. */
  readonly maxString: number;
  /** -y: descriptors with what they refer to. */
  readonly paths: boolean;
  /** -yy: numbers of devices, addresses of sockets, processes of pidfds. Default: none. */
  readonly details?: ReadonlySet<Detail>;
  /** -Y: process ids with the name of the program. */
  readonly programs?: boolean;
  /** -x. */
  readonly hexStrings?: HexStrings;
  /** -X. */
  readonly constants?: ConstantStyle;
  /** -e abbrev=: calls whose structs are cut to the usual members. Default: all. */
  readonly abbreviated?: Wants;
  /** -e verbose=: calls whose pointers are followed. Default: all. */
  readonly followed?: Wants;
  /** -e raw=: calls whose arguments and results are shown as registers. Default: none. */
  readonly raw?: Wants;
}

export interface Context {
  readonly call: Call;
  readonly task: Task;
  readonly mm: UserMemory;
  readonly options: FormatOptions;
  /** Null before the handler has run. */
  readonly result: number | null;
  /** By argument: what has to be remembered of the moment when the call began, because the call overwrites it. */
  readonly before?: readonly (string | null)[];
}

export const failed = (ctx: Context): boolean => ctx.result !== null && ctx.result < 0;

/** Register of argument i as an unsigned number, inexact above 2^53. */
export const rawArg = (ctx: Context, i: number): number =>
  (ctx.call.words[2 * i + 1] as number) * 4294967296 + (ctx.call.words[2 * i] as number);

/** The same as exact hex digits; zero as 0. */
export const rawHex = (ctx: Context, i: number): string => {
  if (rawArg(ctx, i) === 0) return '0';
  const high = ctx.call.words[2 * i + 1] as number;
  const low = (ctx.call.words[2 * i] as number).toString(16);
  return high === 0 ? `0x${low}` : `0x${high.toString(16)}${low.padStart(8, '0')}`;
};

/** Decoded argument by its name; 0 when the row has none of that name. */
export const argNamed = (ctx: Context, name: string): number => {
  const i = ctx.call.row.params.findIndex((p) => p.name === name);
  const v = ctx.call.args[i];
  return typeof v === 'number' ? v : 0;
};

/** The path of a dentry through the mounts it is reached by. */
export const pathName = (path: Path): string => {
  const names: string[] = [];
  let { mount, dentry } = path;
  for (;;) {
    if (dentry === mount.root) {
      if (mount.at === null) break;
      ({ mount, dentry } = mount.at);
    } else {
      names.push(dentry.name);
      if (dentry.parent === null) break;
      dentry = dentry.parent;
    }
  }
  return `/${names.reverse().join('/')}`;
};

/** The path of a descriptor as -y shows it, and whether it has been deleted. */
export const fileName = (file: OpenFile): { readonly path: string; readonly deleted: boolean } =>
  file.path === null
    ? { path: file.label, deleted: false }
    : { path: pathName(file.path), deleted: file.path.dentry.unlinked };

/** What -yy knows of a file: `char 1:3`, `UNIX-STREAM:[5->6]`, `pid:7`. */
const detail = (file: OpenFile, details: ReadonlySet<Detail>): string | null => {
  const process = details.has('pidfd') ? processOfFile(file) : null;
  if (process !== null) return `pid:${process.state === 'zombie' ? -1 : process.pid}`;
  const socket = details.has('socket') ? socketOf(file) : undefined;
  if (socket !== undefined) return socketDetail(socket);
  const attr = details.has('dev') ? file.inode.attr() : 0;
  if (typeof attr === 'number') return null;
  const kind = attr.mode & S_IFMT;
  if (kind !== FILE_TYPES.S_IFCHR && kind !== FILE_TYPES.S_IFBLK) return null;
  return `${kind === FILE_TYPES.S_IFCHR ? 'char' : 'block'} ${major(attr.rdev)}:${minor(attr.rdev)}`;
};

const NO_DETAILS: ReadonlySet<Detail> = new Set();

/** A descriptor, with -y as `3</etc/passwd>`, with -yy as `0</dev/null<char 1:3>>`. */
export const descriptor = (ctx: Context, fd: number): string => {
  const { paths, details = NO_DETAILS, hexStrings } = ctx.options;
  if (!paths && details.size === 0) return String(fd);
  const file = ctx.task.files.slots[fd]?.file;
  if (file === undefined) return String(fd);
  const more = details.size === 0 ? null : detail(file, details);
  const device = more !== null && /^(char|block)/.test(more);
  if (more !== null && (!device || !paths)) return `${fd}<${more}>`;
  if (!paths) return String(fd);
  const { path, deleted } = fileName(file);
  return `${fd}<${escapedPath(path, hexStrings)}${device ? `<${more}>` : ''}>${deleted ? '(deleted)' : ''}`;
};

/** A directory descriptor: AT_FDCWD or as above. */
export const directory = (ctx: Context, fd: number): string => {
  if (fd !== -100) return descriptor(ctx, fd);
  const name = styled(ctx.options.constants ?? 'abbrev', '-100', 'AT_FDCWD');
  return ctx.options.paths
    ? `${name}<${escapedPath(pathName(ctx.task.fs.cwd), ctx.options.hexStrings)}>`
    : name;
};

/** A process id, with -Y as `7<sh>`. */
export const processId = (ctx: Pick<Context, 'task' | 'options'>, id: number): string => {
  const task = ctx.options.programs ? ctx.task.kernel.tasks.get(id) : undefined;
  return task === undefined ? String(id) : `${id}<${escapedPath(task.comm, ctx.options.hexStrings)}>`;
};

/** Whether structs are shown whole: -v, -e abbrev=. */
export const unabbreviated = (ctx: Context): boolean => ctx.options.abbreviated?.(ctx.call.row) === false;

/** Whether pointers are shown as addresses only: -e verbose=. */
export const unfollowed = (ctx: Context): boolean => ctx.options.followed?.(ctx.call.row) === false;

/** A signed 64-bit number in the program's memory, exact. */
export const signed64At = (ctx: Context, addr: number): string | null => {
  const b = ctx.mm.read(addr, 8);
  return b === null ? null : String(new DataView(b.buffer, b.byteOffset, 8).getBigInt64(0, true));
};

/** A string in the program's memory that is shown whole, or its address when it cannot be read. */
export const stringAt = (ctx: Context, addr: number, max = 4096): string => {
  if (addr === 0) return 'NULL';
  const s = ctx.mm.readString(addr, max);
  return typeof s === 'string' ? quoteString(s, undefined, ctx.options.hexStrings) : hex(addr);
};
