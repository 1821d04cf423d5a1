// The initial stack of a program: strings at the top, then the auxiliary vector, envp, argv and argc
// (System V x86-64 psABI 3.4.1; the kernel's create_elf_tables).

import { AT } from '../../abi/auxv.ts';
import { E2BIG, ENOMEM } from '../../abi/errno.ts';
import { MAP_GROWSDOWN } from '../../abi/mman.ts';
import { PAGE, STACK_INITIAL, STACK_TOP } from '../mm/layout.ts';
import { limitOf, type MemoryState, RLIMIT_STACK } from '../mm/state.ts';
import type { AddressSpace } from '../mm/types.ts';

/** MAX_ARG_STRLEN: one argument, its NUL included. */
export const MAX_STRING = 32 * PAGE;
const ARG_MAX = 128 * 1024;
const MAX_TOTAL = 6 * 1024 * 1024;

/** Whether arguments and environment fit, in the kernel's arithmetic: 0 or -E2BIG. */
export const checkArguments = (
  state: MemoryState,
  filename: string,
  argv: readonly string[],
  envp: readonly string[],
): number => {
  const limit = Math.max(Math.min(Math.floor(limitOf(state, RLIMIT_STACK) / 4), MAX_TOTAL), ARG_MAX);
  const pointers = (Math.max(argv.length, 1) + envp.length) * 8;
  let bytes = filename.length + 1;
  for (const list of [argv, envp])
    for (const s of list) {
      if (s.length + 1 > MAX_STRING) return -E2BIG;
      bytes += s.length + 1;
    }
  return bytes + pointers > limit ? -E2BIG : 0;
};

export interface StackContents {
  readonly filename: string;
  readonly argv: readonly string[];
  readonly envp: readonly string[];
  /** Pairs of type and value, without those that point into the stack (AT_RANDOM, AT_EXECFN, AT_PLATFORM). */
  readonly auxv: readonly (readonly [number, number])[];
  /** 16 bytes for AT_RANDOM. */
  readonly random: Uint8Array;
  readonly prot: number;
}

const PLATFORM = 'x86_64';

/** Maps the stack and fills it; the stack pointer, or -errno. */
export const buildStack = (mm: AddressSpace, c: StackContents): number => {
  const strings: string[] = [...c.argv, ...c.envp, c.filename];
  let bytes = 8;
  for (const s of strings) bytes += s.length + 1;
  const table = (c.argv.length + c.envp.length + 3) * 8 + (c.auxv.length + 4) * 16 + 512;
  const length = Math.ceil((bytes + table) / PAGE) * PAGE + STACK_INITIAL;
  const mapped = mm.map(
    STACK_TOP - length,
    length,
    {
      prot: c.prot,
      shared: false,
      pages: null,
      pageOffset: 0,
      file: null,
      name: '[stack]',
      flags: MAP_GROWSDOWN,
    },
    'noreplace',
  );
  if (mapped < 0) return -ENOMEM;

  // One buffer for all that lies above the stack pointer.
  const top = STACK_TOP;
  const stringBase = top - bytes;
  const platformAt = Math.floor(stringBase / 16) * 16 - (PLATFORM.length + 1);
  const randomAt = platformAt - 16;
  const auxv: [number, number][] = c.auxv.map(([t, v]) => {
    if (t === AT.RANDOM) return [t, randomAt];
    if (t === AT.PLATFORM) return [t, platformAt];
    if (t === AT.EXECFN) return [t, top - 8 - (c.filename.length + 1)];
    return [t, v];
  });
  const words = 1 + c.argv.length + 1 + c.envp.length + 1 + auxv.length * 2 + 2;
  const sp = Math.floor((randomAt - words * 8) / 16) * 16;

  const buf = new Uint8Array(top - sp);
  const dv = new DataView(buf.buffer);
  const addresses: number[] = [];
  let at = stringBase - sp;
  for (const s of strings) {
    addresses.push(sp + at);
    for (let i = 0; i < s.length; i++) buf[at + i] = s.charCodeAt(i);
    at += s.length + 1;
  }
  for (let i = 0; i < PLATFORM.length; i++) buf[platformAt - sp + i] = PLATFORM.charCodeAt(i);
  buf.set(c.random.subarray(0, 16), randomAt - sp);

  let w = 0;
  const put = (v: number): void => {
    dv.setUint32(w, v % 4294967296, true);
    dv.setUint32(w + 4, Math.floor(v / 4294967296), true);
    w += 8;
  };
  put(c.argv.length);
  for (let i = 0; i < c.argv.length; i++) put(addresses[i] as number);
  put(0);
  for (let i = 0; i < c.envp.length; i++) put(addresses[c.argv.length + i] as number);
  put(0);
  const auxvFrom = w;
  for (const [t, v] of auxv) {
    put(t);
    put(v);
  }
  put(AT.NULL);
  put(0);
  if (!mm.write(sp, buf)) return -ENOMEM;

  const { layout } = mm;
  layout.startStack = sp;
  layout.argStart = stringBase;
  layout.argEnd = addresses[c.argv.length] ?? top;
  layout.envStart = layout.argEnd;
  layout.envEnd = addresses[c.argv.length + c.envp.length] ?? top;
  layout.auxv = buf.slice(auxvFrom, w);
  return sp;
};
