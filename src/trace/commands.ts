// Calls that strace writes in its own way (clone, openat without a mode ...), and those whose arguments depend on one of
// them.

import { CAP_DATA, CAP_HEADER } from '../abi/capability.ts';
import { CLONE_FLAGS } from '../abi/clone.ts';
import { FCNTL_COMMANDS, OPEN_HOW } from '../abi/fcntl.ts';
import { MPOL } from '../abi/mempolicy.ts';
import { ARCH, PR } from '../abi/prctl.ts';
import { UCONTEXT } from '../abi/signal.ts';
import { GPR } from '../ring3/layout.ts';
import { argument } from './arguments.ts';
import { type Context, failed, rawArg, rawHex, unfollowed } from './context.ts';
import {
  controlArgument,
  getFlags,
  type IpcControl,
  key,
  messageBuffer,
  semaphoreOperations,
} from './ipc.ts';
import {
  ARCH_PRCTL,
  FCNTL,
  FUTEX_ROWS,
  futexOp,
  generic,
  IOCTL,
  ioctlName,
  low32,
  multiplexed,
  opaque,
  PRCTL,
  s32,
  struct,
  timespec,
} from './multiplexers.ts';
import { fileMode, flagSet, hex, named, octal, pointer, quote } from './print.ts';
import { signal, signalSet } from './signals.ts';
import { optionName, optionValue } from './sockets.ts';
import { epollEvent } from './structs.ts';

const generatedMode = (flagsIndex: number): ((ctx: Context) => string[]) => {
  return (ctx) => {
    const shown = ctx.call.row.params.map((_, i) => argument(ctx, i));
    const makes = low32(ctx, flagsIndex) & (0o100 | 0o20000000);
    return makes ? shown : shown.slice(0, flagsIndex + 1);
  };
};

const CSIGNAL = 0xff;
const clone = (ctx: Context): string[] => {
  const value = low32(ctx, 0);
  const names = flagSet((value & ~CSIGNAL) >>> 0, CLONE_FLAGS, ctx.options.constants);
  const signo = value & CSIGNAL;
  const shown = [names === '0' ? '' : names, signo === 0 ? '' : signal(signo, ctx.options.constants)].filter(
    (s) => s !== '',
  );
  const out = [`child_stack=${pointer(rawArg(ctx, 1))}`, `flags=${shown.join('|') || '0'}`];
  const PARENT_SETTID = 0x100000;
  const CHILD_TIDS = 0x1200000;
  const SETTLS = 0x80000;
  if (value & (PARENT_SETTID | 0x1000)) {
    const made = ctx.result !== null && ctx.result > 0 && !unfollowed(ctx);
    const tid = made ? ctx.mm.readI32(rawArg(ctx, 2)) : null;
    out.push(`parent_tid=${tid === null ? pointer(rawArg(ctx, 2)) : `[${tid}]`}`);
  }
  if (value & SETTLS) out.push(`tls=${hex(rawArg(ctx, 4))}`);
  if (value & CHILD_TIDS) out.push(`child_tidptr=${pointer(rawArg(ctx, 3))}`);
  return out;
};

const mknod =
  (modeIndex: number) =>
  (ctx: Context): string[] => {
    const before = ctx.call.row.params.slice(0, modeIndex).map((_, i) => argument(ctx, i));
    const mode = low32(ctx, modeIndex) & 0xffff;
    const type = mode & 0o170000;
    const text = type === 0 ? octal(mode) : fileMode(mode, ctx.options.constants);
    const needsDevice = type === 0o020000 || type === 0o060000;
    return needsDevice ? [...before, text, argument(ctx, modeIndex + 1)] : [...before, text];
  };

/** The epoll_event that epoll_ctl takes; it takes none for EPOLL_CTL_DEL. */
const epollCtl = (ctx: Context): string[] => {
  const ops = { EPOLL_CTL_ADD: 1, EPOLL_CTL_DEL: 2, EPOLL_CTL_MOD: 3 };
  const at = rawArg(ctx, 3);
  const [events, low, high] = [ctx.mm.readU32(at), ctx.mm.readU32(at + 4), ctx.mm.readU32(at + 8)];
  const event =
    opaque(ctx, at, false) || low32(ctx, 1) === 2 || events === null || low === null || high === null
      ? pointer(at)
      : epollEvent(events, low, high, ctx.options.constants);
  return [
    argument(ctx, 0),
    named(low32(ctx, 1), ops, 'EPOLL_CTL_???', ctx.options.constants),
    argument(ctx, 2),
    event,
  ];
};

/** Calls that are not written argument by argument. `output` says whether some of it waits for the handler. */
interface Special {
  readonly write: (ctx: Context) => string[];
  /** How many of the parts can be written before the handler has run. */
  readonly early: (ctx: Context) => number;
}
const whole = (write: (ctx: Context) => string[]): Special => ({
  write,
  early: () => Number.POSITIVE_INFINITY,
});

export const SPECIAL: Readonly<Record<string, Special>> = {
  ioctl: {
    write: (ctx) =>
      multiplexed(
        ctx,
        [argument(ctx, 0)],
        ioctlName(low32(ctx, 1), ctx.options.constants),
        IOCTL.get(low32(ctx, 1)),
        2,
        1,
      ),
    early: (ctx) => (IOCTL.get(low32(ctx, 1))?.output ? 2 : 3),
  },
  fcntl: {
    write: (ctx) => {
      const cmd = low32(ctx, 1);
      return multiplexed(
        ctx,
        [argument(ctx, 0)],
        named(cmd, FCNTL_COMMANDS, 'F_???', ctx.options.constants),
        FCNTL.get(cmd),
        2,
        1,
      );
    },
    early: (ctx) => (FCNTL.get(low32(ctx, 1))?.output ? 2 : 3),
  },
  prctl: {
    write: (ctx) => {
      const cmd = low32(ctx, 0);
      return multiplexed(ctx, [], named(cmd, PR, 'PR_???', ctx.options.constants), PRCTL.get(cmd), 1, 4);
    },
    early: (ctx) => (PRCTL.get(low32(ctx, 0))?.output ? 1 : 5),
  },
  arch_prctl: {
    write: (ctx) => {
      const cmd = low32(ctx, 0);
      return multiplexed(
        ctx,
        [],
        named(cmd, ARCH, 'ARCH_???', ctx.options.constants),
        ARCH_PRCTL.get(cmd),
        1,
        1,
      );
    },
    early: (ctx) => (ARCH_PRCTL.get(low32(ctx, 0))?.output ? 1 : 2),
  },
  futex: whole((ctx) => {
    const op = low32(ctx, 1);
    const row = op & ~(127 | 128 | 256) ? undefined : FUTEX_ROWS.get(op & 127);
    if (row === undefined) {
      const rest = [pointer(rawArg(ctx, 3)), pointer(rawArg(ctx, 4)), rawHex(ctx, 5)];
      return [pointer(rawArg(ctx, 0)), futexOp(op, ctx.options.constants), String(low32(ctx, 2)), ...rest];
    }
    return multiplexed(ctx, [pointer(rawArg(ctx, 0))], futexOp(op, ctx.options.constants), row, 2, 0);
  }),
  open: whole(generatedMode(1)),
  openat: whole(generatedMode(2)),
  mq_open: whole(generatedMode(1)),
  clone: whole(clone),
  clone3: {
    early: () => 0,
    write: (ctx) => {
      const before = argument(ctx, 0);
      const addr = rawArg(ctx, 0);
      const parent = ctx.mm.readU64(addr + 24);
      const takesTid = ((ctx.mm.readU32(addr) ?? 0) & 0x100000) !== 0;
      const tid = ctx.result !== null && ctx.result > 0 && takesTid ? ctx.mm.readI32(parent ?? 0) : null;
      return [`${before}${tid === null ? '' : ` => {parent_tid=[${tid}]}`}`, String(rawArg(ctx, 1))];
    },
  },
  mremap: whole((ctx) => {
    const [MOVABLE, DONTUNMAP] = [3, 4];
    const flags = low32(ctx, 3);
    const count = (flags & MOVABLE) === MOVABLE || flags & DONTUNMAP ? 5 : 4;
    return ctx.call.row.params.slice(0, count).map((_, i) => argument(ctx, i));
  }),
  // strace does not look at these offsets again after the call.
  splice: whole((ctx) => ctx.call.row.params.map((_, i) => argument(ctx, i))),
  copy_file_range: whole((ctx) => ctx.call.row.params.map((_, i) => argument(ctx, i))),
  preadv: vectorAtOffset('preadv'),
  pwritev: vectorAtOffset('pwritev'),
  preadv2: vectorAtOffset('preadv2'),
  pwritev2: vectorAtOffset('pwritev2'),
  msgget: ipcGet(1),
  semget: ipcGet(2),
  shmget: ipcGet(2),
  msgctl: ipcControl('msgctl', 1),
  semctl: ipcControl('semctl', 2),
  shmctl: ipcControl('shmctl', 1),
  msgsnd: whole((ctx) => [
    argument(ctx, 0),
    messageBuffer(ctx, rawArg(ctx, 1), rawArg(ctx, 2)),
    argument(ctx, 2),
    argument(ctx, 3),
  ]),
  msgrcv: {
    write: (ctx) => {
      const came = !failed(ctx) && ctx.result !== null;
      const to = rawArg(ctx, 1);
      const message = came ? messageBuffer(ctx, to, rawArg(ctx, 2)) : pointer(to);
      return [argument(ctx, 0), message, ...[2, 3, 4].map((i) => argument(ctx, i))];
    },
    early: () => 1,
  },
  semop: whole((ctx) => [
    argument(ctx, 0),
    semaphoreOperations(ctx, rawArg(ctx, 1), low32(ctx, 2)),
    argument(ctx, 2),
  ]),
  semtimedop: whole((ctx) => [
    argument(ctx, 0),
    semaphoreOperations(ctx, rawArg(ctx, 1), low32(ctx, 2)),
    argument(ctx, 2),
    argument(ctx, 3),
  ]),
  set_mempolicy: whole((ctx) => [argument(ctx, 0), nodes(ctx, 1, 2), argument(ctx, 2)]),
  mbind: whole((ctx) => {
    const all = ctx.call.row.params.map((_, i) => argument(ctx, i));
    all[3] = nodes(ctx, 3, 4);
    return all;
  }),
  get_mempolicy: {
    write: (ctx) => {
      const [, , ...rest] = ctx.call.row.params.map((_, i) => argument(ctx, i));
      const [mode, mask] = [rawArg(ctx, 0), rawArg(ctx, 1)];
      const policy = opaque(ctx, mode, true) ? null : ctx.mm.readU32(mode);
      const name =
        policy === null ? pointer(mode) : `[${named(policy, MPOL, 'MPOL_???', ctx.options.constants)}]`;
      return [name, opaque(ctx, mask, true) ? pointer(mask) : nodes(ctx, 1, 2), ...rest];
    },
    early: () => 0,
  },
  membarrier: whole((ctx) => [0, 1].map((i) => argument(ctx, i))),
  mincore: {
    // One bit of each byte tells of a page; the others mean nothing.
    write: (ctx) => {
      const at = rawArg(ctx, 2);
      const pages = Math.ceil(rawArg(ctx, 1) / 4096);
      const n = Math.min(pages, ctx.options.maxString);
      const bytes = failed(ctx) || opaque(ctx, at, true) ? null : ctx.mm.read(at, n);
      const more = pages > n ? ', ...' : '';
      const text = bytes === null ? pointer(at) : `[${Array.from(bytes, (b) => b & 1).join(', ')}${more}]`;
      return [argument(ctx, 0), argument(ctx, 1), text];
    },
    early: () => 2,
  },
  epoll_pwait2: {
    write: (ctx) => {
      const all = ctx.call.row.params.map((_, i) => argument(ctx, i));
      // The timeout is looked at after the call only.
      if (failed(ctx)) all[3] = pointer(rawArg(ctx, 3));
      return all;
    },
    early: () => 1,
  },
  nanosleep: remaining(1),
  clock_nanosleep: remaining(3),
  personality: whole((ctx) => [low32(ctx, 0) === 0xffffffff ? '0xffffffff' : argument(ctx, 0)]),
  mknod: whole(mknod(1)),
  mknodat: whole(mknod(2)),
  epoll_ctl: whole(epollCtl),
  fchmodat: whole((ctx) => [0, 1, 2].map((i) => argument(ctx, i))),
  faccessat: whole((ctx) => [0, 1, 2].map((i) => argument(ctx, i))),
  openat2: whole((ctx) => {
    const fits = rawArg(ctx, 3) >= OPEN_HOW.size;
    const how = fits ? struct(generic(OPEN_HOW), false)(ctx, rawArg(ctx, 2)) : pointer(rawArg(ctx, 2));
    return [argument(ctx, 0), argument(ctx, 1), how, argument(ctx, 3)];
  }),
  capset: whole((ctx) =>
    [0, 1].map((i) => struct(generic(i === 0 ? CAP_HEADER : CAP_DATA), false)(ctx, rawArg(ctx, i))),
  ),
  capget: {
    write: (ctx) => [struct(generic(CAP_HEADER), false)(ctx, rawArg(ctx, 0)), argument(ctx, 1)],
    early: () => 1,
  },
  pselect6: whole((ctx) => {
    const at = rawArg(ctx, 5);
    const [set, size] = [ctx.mm.readU64(at), ctx.mm.readU64(at + 8)];
    const [low, high] = [ctx.mm.readU32(set ?? 0), ctx.mm.readU32((set ?? 0) + 4)];
    const mask =
      low === null || high === null ? pointer(set ?? 0) : signalSet(low, high, ctx.options.constants);
    const last = at === 0 || size === null ? pointer(at) : `{sigmask=${mask}, sigsetsize=${size}}`;
    return [...[0, 1, 2, 3, 4].map((i) => argument(ctx, i)), last];
  }),
  rseq: whole((ctx) => {
    const flag = low32(ctx, 2);
    return [pointer(rawArg(ctx, 0)), hex(low32(ctx, 1)), flag === 0 ? '0' : hex(flag), hex(low32(ctx, 3))];
  }),
  rt_sigreturn: whole((ctx) => {
    const frame = ctx.result === null ? ctx.task.kernel.cpu.gpr(GPR.rsp) + UCONTEXT.sigmask : 0;
    const [low, high] = [ctx.mm.readU32(frame), ctx.mm.readU32(frame + 4)];
    return low === null || high === null ? [] : [`{mask=${signalSet(low, high, ctx.options.constants)}}`];
  }),
  getsockopt: {
    write: (ctx) => {
      const n = failed(ctx) || ctx.result === null ? 0 : (ctx.mm.readI32(rawArg(ctx, 4)) ?? 0);
      return [...option(ctx), optionValue(ctx, rawArg(ctx, 3), n, false), argument(ctx, 4)];
    },
    early: () => 3,
  },
  setsockopt: whole((ctx) => {
    const length = s32(low32(ctx, 4));
    return [...option(ctx), optionValue(ctx, rawArg(ctx, 3), length, true), String(length)];
  }),
  listxattr: listed(1),
  llistxattr: listed(1),
  flistxattr: listed(1),
};

/** A set of NUMA nodes in words; the highest node counts as one more than there are. */
function nodes(ctx: Context, maskIndex: number, countIndex: number): string {
  const at = rawArg(ctx, maskIndex);
  const bits = rawArg(ctx, countIndex) - 1;
  if (bits === 0 || opaque(ctx, at, false)) return pointer(at);
  const words = Math.max(0, Math.ceil(bits / 64));
  const b = words > 1024 ? null : ctx.mm.read(at, 8 * words);
  if (b === null) return pointer(at);
  const dv = new DataView(b.buffer, b.byteOffset, b.length);
  const word = (i: number): string => {
    const v = dv.getBigUint64(8 * i, true);
    return v === 0n ? '0'.repeat(16) : `0x${v.toString(16).padStart(14, '0')}`;
  };
  return `[${Array.from({ length: words }, (_, i) => word(i)).join(', ')}]`;
}

function ipcGet(flagsIndex: number): Special {
  return whole((ctx) => {
    const flags = getFlags(ctx, low32(ctx, flagsIndex), ctx.call.row.name === 'shmget');
    return [key(ctx, low32(ctx, 0)), ...(flagsIndex === 2 ? [argument(ctx, 1)] : []), flags];
  });
}

function ipcControl(call: IpcControl, commandIndex: number): Special {
  return {
    write: (ctx) => {
      const before = ctx.call.row.params.slice(0, commandIndex + 1).map((_, i) => argument(ctx, i));
      const v = rawArg(ctx, commandIndex + 1);
      return [...before, controlArgument(ctx, call, low32(ctx, commandIndex), v)];
    },
    early: (ctx) => (low32(ctx, commandIndex) === 1 ? commandIndex + 2 : commandIndex + 1),
  };
}

function option(ctx: Context): string[] {
  return [
    argument(ctx, 0),
    argument(ctx, 1),
    optionName(low32(ctx, 1), low32(ctx, 2), ctx.options.constants),
  ];
}

/** The time that is left is written only by a sleep that was interrupted. */
function remaining(i: number): Special {
  return {
    write: (ctx) => {
      const before = ctx.call.row.params.slice(0, i).map((_, k) => argument(ctx, k));
      const wrote = ctx.result === -4 || ctx.result === -516;
      const at = rawArg(ctx, i);
      return [...before, wrote ? timespec({ ...ctx, result: 0 }, at) : pointer(at)];
    },
    early: () => i,
  };
}

/** The upper half of the offset is not written: the lower one has all of it. */
function vectorAtOffset(name: string): Special {
  const reads = name.startsWith('pread');
  return {
    write: (ctx) => ctx.call.row.params.flatMap((_, i) => (i === 4 ? [] : [argument(ctx, i)])),
    early: () => (reads ? 1 : Number.POSITIVE_INFINITY),
  };
}

function listed(i: number): Special {
  return {
    write: (ctx) => {
      const v = rawArg(ctx, i);
      const bytes = failed(ctx) || ctx.result === null ? null : ctx.mm.read(v, ctx.result);
      const text =
        bytes === null || v === 0 || rawArg(ctx, i + 1) === 0
          ? pointer(v)
          : quote(bytes, ctx.options.maxString, ctx.options.hexStrings);
      return [argument(ctx, 0), text, String(rawArg(ctx, i + 1))];
    },
    early: () => i,
  };
}
