// What a printer of arguments has at hand: the call, its result once there is one, the program's memory and the
// options that strace knows as -s and -y.

import type { Call } from '../gate/call.ts';
import type { UserMemory } from '../ring0/mm/user.ts';
import type { Task } from '../ring0/task/types.ts';
import type { Path } from '../ring0/vfs/types.ts';
import { quoteString } from './print.ts';

export interface FormatOptions {
  /** -s: how many bytes of a string are shown. */
  readonly maxString: number;
  /** -y: descriptors with what they refer to. */
  readonly paths: boolean;
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

/** The same as exact hex digits. */
export const rawHex = (ctx: Context, i: number): string => {
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

const CONTROL = /[^ -~]|[\\<>]/g;
const plain = (s: string): string => s.replace(CONTROL, (c) => `\\${c.charCodeAt(0).toString(8)}`);

/** A descriptor, with -y as `3</etc/passwd>`. */
export const descriptor = (ctx: Context, fd: number): string => {
  if (!ctx.options.paths) return String(fd);
  const file = ctx.task.files.slots[fd]?.file;
  if (file === undefined) return String(fd);
  if (file.path === null) return `${fd}<${plain(file.label)}>`;
  return `${fd}<${plain(pathName(file.path))}${file.path.dentry.unlinked ? ' (deleted)' : ''}>`;
};

/** A directory descriptor: AT_FDCWD or as above. */
export const directory = (ctx: Context, fd: number): string => {
  if (fd !== -100) return descriptor(ctx, fd);
  return ctx.options.paths ? `AT_FDCWD<${plain(pathName(ctx.task.fs.cwd))}>` : 'AT_FDCWD';
};

/** A string in the program's memory that is shown whole, or its address when it cannot be read. */
export const stringAt = (ctx: Context, addr: number, max = 4096): string => {
  if (addr === 0) return 'NULL';
  const s = ctx.mm.readString(addr, max);
  return typeof s === 'string' ? quoteString(s) : `0x${addr.toString(16)}`;
};
