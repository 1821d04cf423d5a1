// How much memory programs may ask for before they use it: vm.overcommit_memory (proc_sys_vm(5)).

import type { Kernel } from '../kernel.ts';
import { PAGE } from './layout.ts';
import type { MemoryState } from './state.ts';
import { type AddressSpace, PROT } from './types.ts';

/** Bytes that may be committed when vm.overcommit_memory is 2. */
export const commitLimit = ({ cpu, settings }: Kernel): number => {
  const kib = settings['vm/overcommit_kbytes'];
  if (kib !== 0n) return Number(kib) * 1024;
  return Math.floor((cpu.frames.total * settings['vm/overcommit_ratio']) / 100) * PAGE;
};

/** Bytes that programs have asked for: private memory that may be written, whether it has been or not. */
export const committed = (kernel: Kernel): number => {
  const spaces = new Set<AddressSpace>();
  for (const t of kernel.tasks.values()) if (t.state !== 'dead') spaces.add(t.mm);
  let bytes = 0;
  for (const { mappings } of spaces)
    for (const m of mappings) if (!m.shared && m.prot & PROT.write) bytes += m.end - m.start;
  return bytes;
};

/** Whether a program may have so many more bytes to write to; `noReserve`: it says that it will not use them all. */
export const mayCommit = (state: MemoryState, bytes: number, noReserve: boolean): boolean => {
  const kernel = state.current()?.kernel;
  const how = kernel?.settings['vm/overcommit_memory'] ?? 0;
  if (how === 1) return true;
  if (kernel !== undefined && how === 2) return committed(kernel) + bytes <= commitLimit(kernel);
  return noReserve || bytes / PAGE <= state.frames.total;
};
