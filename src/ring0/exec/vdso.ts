// The vDSO (vdso(7)): a small shared object that every program gets, so that reading the clock needs no system
// call. The page before it holds what its code (vdso-image.ts) reads.

import type { Kernel } from '../kernel.ts';
import { fixedPages } from '../mm/anonymous.ts';
import { PAGE } from '../mm/layout.ts';
import { allocFrame, type MemoryState, memoryOf } from '../mm/state.ts';
import type { AddressSpace } from '../mm/types.ts';
import type { PageCache } from '../vfs/types.ts';
import { buildVdso } from './vdso-image.ts';

/** The data page: u32 mode at 0, i64 ns from monotonic to wall clock at 8. */
const VVAR = { mode: 0, realtime: 8 } as const;
const MODE_SYSCALL = 0;
const MODE_TSC = 1;

export interface Vdso {
  readonly code: PageCache;
  readonly data: PageCache;
  readonly dataFrame: number;
}

/** The machine's vDSO, made with the first process; null when memory is out. */
const vdsoOf = (state: MemoryState): Vdso | null => {
  if (state.vdso !== null) return state.vdso as Vdso;
  const codeFrame = allocFrame(state, false);
  const dataFrame = allocFrame(state, true);
  if (codeFrame === 0 || dataFrame === 0) return null;
  state.frames.u8.set(buildVdso(), codeFrame * PAGE);
  const vdso: Vdso = { code: fixedPages([codeFrame]), data: fixedPages([dataFrame]), dataFrame };
  state.vdso = vdso;
  return vdso;
};

/** Brings the vDSO's wall clock in line with the machine's: at every exec, and whenever the host may have set its clock. */
export const refreshVdso = (kernel: Kernel): void => {
  const state = memoryOf(kernel);
  const vdso = state.vdso as Vdso | null;
  if (vdso === null) return;
  const { dv } = state.frames;
  const at = vdso.dataFrame * PAGE;
  dv.setUint32(at + VVAR.mode, state.tscIsClock ? MODE_TSC : MODE_SYSCALL, true);
  const { sec, nsec } = kernel.clock.epoch();
  dv.setBigInt64(at + VVAR.realtime, BigInt(sec) * 1_000_000_000n + BigInt(nsec), true);
};

/** Maps the data page and the image; the address for AT_SYSINFO_EHDR, or -errno. */
export const mapVdso = (kernel: Kernel, mm: AddressSpace): number => {
  const vdso = vdsoOf(memoryOf(kernel));
  if (vdso === null) return -12;
  refreshVdso(kernel);
  const one = { shared: false, pageOffset: 0, file: null, flags: 0 } as const;
  const data = mm.map(0, 2 * PAGE, { ...one, prot: 1, pages: vdso.data, name: '[vvar]' }, 'hint');
  if (data < 0) return data;
  mm.unmap(data + PAGE, PAGE);
  const code = mm.map(data + PAGE, PAGE, { ...one, prot: 5, pages: vdso.code, name: '[vdso]' }, 'noreplace');
  if (code >= 0) mm.layout.vdso = code;
  return code;
};
