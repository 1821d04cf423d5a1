// The one door. Every system call of every program takes this way: trap -> number -> row -> filters ->
// arguments decoded once -> handler -> result -> taps -> pending work (signals) -> back to ring 3.
//
// Each row that is called has an entry function, made for its number of arguments and for who is listening. Attaching
// or removing a tap forgets the entries, so a call that nobody watches pays nothing for taps.

import { ENOSYS } from '../abi/errno.ts';
import type { Kernel } from '../ring0/kernel.ts';
import type { Task } from '../ring0/task/types.ts';
import { type Block, REPLACED, type Result } from '../ring0/wait.ts';
import { CPU, GPR, OFF } from '../ring3/layout.ts';
import { type Call, type Tap, UNREADABLE } from './call.ts';
import type { Codec, RawArgs } from './codec.ts';
import type { Row } from './row.ts';
import type { Table } from './table.ts';

/** What the gate asks of the rest of ring 0. */
export interface GateHooks {
  /** The call cannot go on: take the task off the CPU until `block` is over. `task.call` has been set. */
  park(task: Task, block: Block): void;
  /**
   * Something is to be done before the task goes back to ring 3: deliver signals, die, restore a signal mask.
   * True to go on in the same context; false when it was replaced, or the task cannot run.
   */
  work(task: Task): boolean;
}

/**
 * Decides on a call before its arguments are decoded; sees the raw registers, as seccomp does. Null lets it
 * pass, anything else is its result.
 */
export type Filter = (task: Task, number: number, words: Uint32Array) => Result | null;

export interface Gate {
  readonly table: Table;
  /** SYSCALL, with the task's registers in the CPU block. Wire it to `CpuHooks.syscall`, which says what true means. */
  enter(): boolean;
  /** Tries the task's blocked call again, with the arguments decoded before. Its registers must be on the CPU. */
  retry(task: Task): boolean;
  /**
   * Ends a blocked call with a result of the caller's choice: -EINTR, or minus a code of RESTART when the
   * registers have been set up to run it again. `shown` only goes to the taps; rax is left to the caller.
   */
  abandon(task: Task, shown: number | null): void;
  /** Attaches a tap to the rows that it wants (default: all); the function returned removes it. */
  attach(tap: Tap, wants?: (row: Row) => boolean): () => void;
  /** Adds a filter before every row; the function returned removes it. */
  filter(filter: Filter): () => void;
  /** True while the table is as sealed and every entry there is is one that this gate made for its row. */
  attest(): boolean;
}

type Entry = (task: Task) => boolean;

/** How an argument is fetched, as small integers that an entry can compare fast; see `Load` of codec.ts. */
const [S32, U32, U16, S64, U64, FALLIBLE, OTHER] = [1, 2, 3, 4, 5, 6, 7] as const;
const LOAD_KINDS = { s32: S32, u32: U32, u16: U16, s64: S64, u64: U64 } as const;
const kindOf = (param: Codec<unknown> | undefined): number =>
  param?.load !== undefined ? LOAD_KINDS[param.load] : param?.fallible ? FALLIBLE : OTHER;

const REGISTERS = [GPR.rdi, GPR.rsi, GPR.rdx, GPR.r10, GPR.r8, GPR.r9].map(
  (r) => (CPU + OFF.gpr + 8 * r) / 4,
);
/** Names of calls without a row that are counted one by one. */
const MAX_MISSING = 1000;
const RAX = (CPU + OFF.gpr + 8 * GPR.rax) / 4;
const BUDGET = (CPU + OFF.budget) / 4;
/** Least calls between two looks at the clock (there are up to 7 more), and how far apart in ns these are when the calls are slow. */
const CALLS = 5;
const SLOW_NS = 1e6;
/** Calls from one that is timed to the next, at least. */
const TIMED = 56;

/** The registers of a blocked call that no tap has seen. */
const UNSEEN = new Uint32Array(12);

export const openGate = (kernel: Kernel, table: Table, hooks: GateHooks): Gate => {
  const registers = kernel.cpu.frames.u32;
  const words = new Uint32Array(12);
  const raw: RawArgs = { words };
  const [R0, R1, R2, R3, R4, R5] = REGISTERS as [number, number, number, number, number, number];

  /** Fetches argument i from its register. */
  const load = (i: number, register: number): void => {
    words[2 * i] = registers[register] as number;
    words[2 * i + 1] = registers[register + 1] as number;
  };
  const loadAll = (): void => {
    for (let i = 0; i < 6; i++) load(i, REGISTERS[i] as number);
  };

  let period = CALLS;
  /** Runs through 0 to 7, so that loops that make a few calls again and again have each of them looked at. */
  let step = 0;
  let unseen = CALLS;
  let looked = 0;
  /** A call is timed if `unseen` is this when it comes in; 0 is for none. */
  let timedAt = 1;
  /** When the call that is timed began; 0 while none is. */
  let began = 0;
  /** Calls since one was timed, and when that was. */
  let calls = 0;
  let timed = 0;
  /**
   * The budget counts blocks, however long the calls between them take: a task whose turn is over loses it. One call in about 60 is
   * timed, and each of those that are far apart: it stands for those before it, as far as there was time for them.
   */
  const look = (task: Task): void => {
    const now = kernel.clock.monotonic();
    calls += period;
    if (began !== 0) {
      task.callNs += Math.min((now - began) * calls, now - timed);
      began = 0;
      calls = 0;
      timed = now;
    }
    const slow = now - looked > SLOW_NS;
    step = (step * 5 + 3) & 7;
    period = slow ? 1 : CALLS + step;
    unseen = period;
    timedAt = slow || calls + period >= TIMED ? 1 : 0;
    looked = now;
    if (now > kernel.run.turnEnd) registers[BUDGET] = 0;
  };

  /** Puts a result in rax and goes back, unless the task has work to do first. */
  const leave = (task: Task, result: number): boolean => {
    if (--unseen === 0) look(task);
    registers[RAX] = result;
    registers[RAX + 1] = result >= 0 && result < 4294967296 ? 0 : Math.floor(result / 4294967296);
    return quiet(task) || hooks.work(task);
  };

  /** The slow ways out of a handler: it has to wait, or there is no result because it replaced the registers. */
  const pause = (task: Task, row: Row, number: number, args: unknown[], r: Block): boolean => {
    if (r === REPLACED) return replaced(task);
    return park({ task, row, number, args, words: UNSEEN, startNs: Number.NaN, tapped: false, block: r }, r);
  };
  const replaced = (task: Task): boolean => {
    if (task.state === 'runnable') hooks.work(task);
    return false;
  };
  const park = (call: Call, block: Block): boolean => {
    call.block = block;
    call.task.call = call;
    hooks.park(call.task, block);
    return false;
  };

  /** The end of a call of which an argument cannot be read: with that error, or with one that comes before it. */
  const refuse = (task: Task, row: Row, error: number): boolean => leave(task, earlier(task, row) || error);
  const earlier = (task: Task, row: Row): number => {
    const { before } = row.meta;
    if (before === undefined) return 0;
    loadAll();
    return before(...row.params.map((p, i) => (p.fallible ? 0 : (p.decode(task, raw, i) as number))));
  };

  const taps: { tap: Tap; wants: (row: Row) => boolean }[] = [];
  const tapsOf = (row: Row): Tap[] => taps.filter((t) => t.wants(row)).map((t) => t.tap);
  /** A tap that throws hears no more: the program must not suffer from a mistake of who watches it. */
  const broken = (tap: Tap, error: unknown): void => {
    const at = taps.findIndex((t) => t.tap === tap);
    if (at >= 0) taps.splice(at, 1);
    forget();
    kernel.bug('a tap', error);
    tap.failed?.(error);
  };
  const tellEnter = (listeners: readonly Tap[], call: Call): void => {
    for (const tap of listeners) {
      try {
        tap.enter?.(call);
      } catch (e) {
        broken(tap, e);
      }
    }
  };
  const tellLeave = (call: Call, result: number | null): void => {
    for (const tap of tapsOf(call.row)) {
      try {
        tap.leave?.(call, result);
      } catch (e) {
        broken(tap, e);
      }
    }
  };

  /** The end of a call that was watched or had blocked. */
  const finish = (call: Call, r: Result): boolean => {
    const { task } = call;
    if (typeof r !== 'number' && r !== REPLACED) return park(call, r);
    // Exit has told the taps already, by `abandon`.
    const tapped = call.tapped && task.call === call;
    task.call = null;
    task.resume = undefined;
    if (typeof r === 'number') {
      if (tapped) tellLeave(call, r);
      return leave(task, r);
    }
    if (tapped) {
      const shown = task.state === 'dead' ? null : Number(BigInt.asIntN(64, kernel.cpu.gprBig(GPR.rax)));
      tellLeave(call, shown);
    }
    return replaced(task);
  };

  /** An entry with taps: decodes everything, even what lies behind a bad argument, so that traces can show it. */
  const watched = (row: Row, number: number, listeners: readonly Tap[]): Entry => {
    const handler = row.handler as (task: Task, ...args: unknown[]) => Result;
    return (task) => {
      loadAll();
      const args: unknown[] = [];
      let error = 0;
      for (const [i, param] of row.params.entries()) {
        const v = param.decode(task, raw, i);
        const bad = param.fallible && typeof v === 'number';
        if (bad && error === 0) error = v;
        args.push(bad ? UNREADABLE : v);
      }
      const call: Call = {
        task,
        row,
        number,
        args,
        words: words.slice(),
        startNs: kernel.clock.monotonic(),
        tapped: true,
        block: null,
      };
      task.call = call;
      tellEnter(listeners, call);
      return finish(call, error === 0 ? handler(task, ...args) : earlier(task, row) || error);
    };
  };

  /** Argument i of a row: a scalar in line, anything else by its codec. Negative errno when it cannot be read. */
  const fetch = (task: Task, param: Codec<unknown>, kind: number, i: number, register: number): unknown => {
    const low = registers[register] as number;
    if (kind === S32) return low | 0;
    const high = registers[register + 1] as number;
    if (kind === U64) return high === 0 ? low : high * 4294967296 + low;
    if (kind === U32) return low;
    if (kind === S64) return (high | 0) * 4294967296 + low;
    if (kind === U16) return low & 0xffff;
    words[2 * i] = low;
    words[2 * i + 1] = high;
    return param.decode(task, raw, i);
  };

  /** An entry that nobody watches, made for its number of arguments. */
  const plain = (row: Row, number: number): Entry => {
    const [a, b, c, d, e, f] = row.params;
    const [ka, kb, kc, kd, ke, kf] = [a, b, c, d, e, f].map(kindOf) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const handler = row.handler as (task: Task, ...args: unknown[]) => Result;
    if (a === undefined) {
      return (task) => {
        const r = handler(task);
        return typeof r === 'number' ? leave(task, r) : pause(task, row, number, [], r);
      };
    }
    if (b === undefined) {
      return (task) => {
        const x = fetch(task, a, ka, 0, R0);
        if (ka === FALLIBLE && typeof x === 'number') return refuse(task, row, x);
        const r = handler(task, x);
        return typeof r === 'number' ? leave(task, r) : pause(task, row, number, [x], r);
      };
    }
    if (c === undefined) {
      return (task) => {
        const x = fetch(task, a, ka, 0, R0);
        if (ka === FALLIBLE && typeof x === 'number') return refuse(task, row, x);
        const y = fetch(task, b, kb, 1, R1);
        if (kb === FALLIBLE && typeof y === 'number') return refuse(task, row, y);
        const r = handler(task, x, y);
        return typeof r === 'number' ? leave(task, r) : pause(task, row, number, [x, y], r);
      };
    }
    if (d === undefined) {
      return (task) => {
        const x = fetch(task, a, ka, 0, R0);
        if (ka === FALLIBLE && typeof x === 'number') return refuse(task, row, x);
        const y = fetch(task, b, kb, 1, R1);
        if (kb === FALLIBLE && typeof y === 'number') return refuse(task, row, y);
        const z = fetch(task, c, kc, 2, R2);
        if (kc === FALLIBLE && typeof z === 'number') return refuse(task, row, z);
        const r = handler(task, x, y, z);
        return typeof r === 'number' ? leave(task, r) : pause(task, row, number, [x, y, z], r);
      };
    }
    return (task) => {
      const x = fetch(task, a, ka, 0, R0);
      if (ka === FALLIBLE && typeof x === 'number') return refuse(task, row, x);
      const y = fetch(task, b, kb, 1, R1);
      if (kb === FALLIBLE && typeof y === 'number') return refuse(task, row, y);
      const z = fetch(task, c, kc, 2, R2);
      if (kc === FALLIBLE && typeof z === 'number') return refuse(task, row, z);
      const u = fetch(task, d, kd, 3, R3);
      if (kd === FALLIBLE && typeof u === 'number') return refuse(task, row, u);
      const v = e === undefined ? undefined : fetch(task, e, ke, 4, R4);
      if (ke === FALLIBLE && typeof v === 'number') return refuse(task, row, v);
      const w = f === undefined ? undefined : fetch(task, f, kf, 5, R5);
      if (kf === FALLIBLE && typeof w === 'number') return refuse(task, row, w);
      const r = handler(task, x, y, z, u, v, w);
      return typeof r === 'number' ? leave(task, r) : pause(task, row, number, [x, y, z, u, v, w], r);
    };
  };

  const filters: Filter[] = [];
  /** Puts the filters before an entry; the first that does not let the call pass decides. */
  const guarded = (row: Row, number: number, entry: Entry): Entry => {
    const chain = [...filters];
    return (task) => {
      loadAll();
      for (const filter of chain) {
        const r = filter(task, number, words);
        if (r !== null) return typeof r === 'number' ? leave(task, r) : pause(task, row, number, [], r);
      }
      return entry(task);
    };
  };

  const madeFor = new WeakMap<Entry, Row>();
  const build = (row: Row, number: number): Entry => {
    const listeners = tapsOf(row);
    const entry = listeners.length === 0 ? plain(row, number) : watched(row, number, listeners);
    const whole = filters.length === 0 ? entry : guarded(row, number, entry);
    madeFor.set(whole, row);
    return whole;
  };

  /** Numbers that the architecture never gave out, or gives to nobody yet, share one way to ENOSYS. */
  const outside = (number: number): Row => {
    const name = `syscall_0x${number.toString(16)}`;
    return {
      name,
      params: [],
      meta: { returns: 'int', family: 'system', support: 'absent', note: 'no such number' },
      handler: (task: Task) => {
        const { missing } = task.kernel;
        // A program can make up numbers without end.
        const shown = missing.has(name) || missing.size < MAX_MISSING ? name : 'others';
        missing.set(shown, (missing.get(shown) ?? 0) + 1);
        return -ENOSYS;
      },
    };
  };

  /** By number; made when a call is made for the first time. */
  const entries: (Entry | undefined)[] = table.rows.map(() => undefined);
  const forget = (): void => void entries.fill(undefined);
  const entryOf = (number: number): Entry => {
    const row = table.rows[number];
    if (row === undefined) return build(outside(number), number);
    const entry = build(row, number);
    entries[number] = entry;
    return entry;
  };

  const remover =
    <T>(list: T[], item: T) =>
    (): void => {
      const at = list.indexOf(item);
      if (at < 0) return;
      list.splice(at, 1);
      forget();
    };

  return {
    table,
    enter: () => {
      const task = kernel.current;
      if (task === null) return false;
      if (unseen === timedAt) began = kernel.clock.monotonic();
      const number = registers[RAX] as number;
      const entry = entries[number] ?? entryOf(number);
      return entry(task);
    },
    retry: (task) => {
      const { call } = task;
      if (call === null) return true;
      began = 0;
      task.resume = call.block?.state;
      const handler = call.row.handler as (task: Task, ...args: unknown[]) => Result;
      return finish(call, handler(task, ...call.args));
    },
    abandon: (task, shown) => {
      const { call } = task;
      task.call = null;
      task.resume = undefined;
      call?.block?.undo?.();
      if (call?.tapped) tellLeave(call, shown);
    },
    attach: (tap, wants = () => true) => {
      const item = { tap, wants };
      taps.push(item);
      forget();
      return remover(taps, item);
    },
    filter: (filter) => {
      filters.push(filter);
      forget();
      return remover(filters, filter);
    },
    attest: () =>
      table.attest() &&
      table.rows.every((row, number) => {
        const entry = entries[number];
        return entry === undefined || (row !== undefined && madeFor.get(entry) === row);
      }),
  };
};

/** Nothing to do between the handler and ring 3. */
const quiet = (task: Task): boolean =>
  task.pending.length === 0 &&
  task.process.sharedPending.length === 0 &&
  task.savedSigmask === null &&
  task.state === 'runnable';
