// Page faults: what lies behind an address is put into the page table, or the signal that Linux would send is
// named (arch/x86/mm/fault.c, mm/memory.c). The kernel's own accesses to user memory end up here as well.

import { ENOMEM } from '../../abi/errno.ts';
import { MAP_GROWSDOWN, PROT_EXEC, PROT_READ, PROT_WRITE } from '../../abi/mman.ts';
import { type PageTable, PTE } from '../../ring3/cpu.ts';
import { isBlock } from '../wait.ts';
import { PAGE, pageDown, STACK_GUARD, TASK_SIZE } from './layout.ts';
import { indexAfter } from './mappings.ts';
import type { FrameRuns } from './runs.ts';
import {
  allocFrame,
  holdFrame,
  limitOf,
  type MemoryState,
  RLIMIT_AS,
  RLIMIT_STACK,
  releaseFrame,
} from './state.ts';
import type { Access, FaultResult, FaultSignal, Mapping } from './types.ts';

const SIGBUS = 7;
const SIGKILL = 9;
const SIGSEGV = 11;
const SEGV_MAPERR = 1;
const SEGV_ACCERR = 2;
const BUS_ADRERR = 2;

/** Pages that a read fault of a file maps at once when they are cached (fault_around_bytes, 64 KiB). */
const FAULT_AROUND = 16;
/** The same for executable mappings: code that was translated from several pages serves only who has them all. */
const CODE_AROUND = 1024;

/** What fault handling needs of an address space. */
export interface Space {
  readonly state: MemoryState;
  readonly pageTable: PageTable;
  readonly list: Mapping[];
  readonly runs: FrameRuns;
  resident: number;
  peak: number;
}

/** Page table rights of a protection: on x86 whatever is writable or executable is readable too. */
export const rightsOf = (prot: number): number =>
  (prot & 7 ? PTE.read : 0) | (prot & PROT_WRITE ? PTE.write : 0) | (prot & PROT_EXEC ? PTE.exec : 0);

const outOfMemory = (addr: number): FaultSignal => ({ signo: SIGKILL, code: 0, addr });

const busError = (addr: number): FaultSignal => ({ signo: SIGBUS, code: BUS_ADRERR, addr });

/** Maps a frame whose reference the table takes over; gives it back when the table cannot grow. */
const install = (space: Space, page: number, frame: number, rights: number, addr: number): FaultResult => {
  const { state, pageTable } = space;
  if (!pageTable.set(page, frame, rights)) {
    let freed = 0;
    for (const reclaim of state.reclaimers) freed += reclaim();
    if (freed === 0 || !pageTable.set(page, frame, rights)) {
      releaseFrame(state, frame);
      return outOfMemory(addr);
    }
  }
  space.resident++;
  if (space.resident > space.peak) space.peak = space.resident;
  return 'resolved';
};

/** A frame for a page of its own; 0 when memory is out. */
const frameFor = (space: Space, page: number, zeroed: boolean): number => {
  const { state, runs, pageTable } = space;
  const home = pageTable.homeOf(page);
  return allocFrame(
    state,
    zeroed,
    state.frames.refs(home) === 0 ? home : runs.wanted(page, (p) => pageTable.get(p) >>> 3),
  );
};

/** A private copy of the frame that a page shows, with one reference; 0 when memory is out. */
const copyFrame = (space: Space, page: number, frame: number): number => {
  const copy = frameFor(space, page, false);
  if (copy === 0) return 0;
  space.state.frames.u8.copyWithin(copy * PAGE, frame * PAGE, frame * PAGE + PAGE);
  return copy;
};

/** A write to a page that is there but not writable: copy on write, or the first store to a shared page. */
const writePresent = (space: Space, m: Mapping, page: number, frame: number, addr: number): FaultResult => {
  const { state, pageTable } = space;
  const rights = rightsOf(m.prot);
  if (m.shared && m.pages) {
    const index = m.pageOffset + (page - m.start / PAGE);
    const now = m.pages.frame(index, true);
    if (isBlock(now as never)) return now as FaultResult;
    if ((now as number) < 0) return now === -ENOMEM ? outOfMemory(addr) : busError(addr);
    m.pages.dirty(index);
    if (now !== frame) {
      holdFrame(state, now as number);
      releaseFrame(state, frame);
    }
    pageTable.set(page, now as number, rights);
    return 'resolved';
  }
  if (frame !== state.zeroFrame && state.frames.refs(frame) === 1) {
    pageTable.set(page, frame, rights);
    return 'resolved';
  }
  const copy = frame === state.zeroFrame ? frameFor(space, page, true) : copyFrame(space, page, frame);
  if (copy === 0) return outOfMemory(addr);
  pageTable.set(page, copy, rights);
  releaseFrame(state, frame);
  return 'resolved';
};

/** Maps the cached neighbours of a file page, as filemap_map_pages does. */
const mapAround = (space: Space, m: Mapping, page: number, rights: number): void => {
  const { state, pageTable } = space;
  const pages = m.pages;
  if (!pages?.peek) return;
  const first = m.start / PAGE;
  const around = rights & PTE.exec ? CODE_AROUND : FAULT_AROUND;
  const window = page - (page % around);
  const from = Math.max(first, window);
  const to = Math.min(m.end / PAGE, window + around);
  for (let p = from; p < to; p++) {
    if (p === page) continue;
    const frame = pages.peek(m.pageOffset + (p - first));
    if (frame <= 0 || pageTable.get(p) !== 0) continue;
    holdFrame(state, frame);
    if (install(space, p, frame, rights, 0) !== 'resolved') return;
  }
};

const filePage = (space: Space, m: Mapping, page: number, write: boolean, addr: number): FaultResult => {
  const { state } = space;
  const pages = m.pages;
  if (!pages) return busError(addr);
  const index = m.pageOffset + (page - m.start / PAGE);
  // What may be copied when it is written leaves its home to the copy; code is not read as data.
  const stays = m.shared || m.prot === PROT_READ;
  const found = pages.frame(index, m.shared && write, stays ? space.pageTable.homeOf(page) : null);
  if (typeof found !== 'number') return found;
  if (found < 0) return found === -ENOMEM ? outOfMemory(addr) : busError(addr);
  const rights = rightsOf(m.prot);
  if (m.shared) {
    holdFrame(state, found);
    if (write) pages.dirty(index);
    const done = install(space, page, found, write ? rights : rights & ~PTE.write, addr);
    if (!write && done === 'resolved') mapAround(space, m, page, rights & ~PTE.write);
    return done;
  }
  if (write) {
    const copy = copyFrame(space, page, found);
    return copy === 0 ? outOfMemory(addr) : install(space, page, copy, rights, addr);
  }
  holdFrame(state, found);
  const done = install(space, page, found, rights & ~PTE.write, addr);
  if (done === 'resolved') mapAround(space, m, page, rights & ~PTE.write);
  return done;
};

/** Grows a stack down to addr if that is allowed; the mapping, or null. */
const growStack = (space: Space, addr: number): Mapping | null => {
  const { list, state } = space;
  const i = indexAfter(list, addr);
  const m = list[i];
  if (!m || !(m.flags & MAP_GROWSDOWN)) return null;
  const start = pageDown(addr);
  if (m.end - start > limitOf(state, RLIMIT_STACK)) return null;
  const below = list[i - 1];
  if (below && below.prot !== 0 && !(below.flags & MAP_GROWSDOWN) && start - below.end < STACK_GUARD)
    return null;
  if (!allowsMore(space, m.start - start)) return null;
  const grown = (m.start - start) / PAGE;
  if (m.pages && m.pageOffset < grown) return null;
  if (m.pages) m.pageOffset -= grown;
  m.start = start;
  return m;
};

/** Whether RLIMIT_AS lets the space grow by so many bytes. */
export const allowsMore = (space: Space, bytes: number): boolean => {
  const limit = limitOf(space.state, RLIMIT_AS);
  if (limit === Number.POSITIVE_INFINITY) return true;
  let total = bytes;
  for (const m of space.list) total += m.end - m.start;
  return total <= limit;
};

/** The mapping that contains addr. */
export const findMapping = (list: readonly Mapping[], addr: number): Mapping | null => {
  const m = list[indexAfter(list, addr)];
  return m !== undefined && m.start <= addr ? m : null;
};

/** Resolves an access to a page, or says what it raises. */
export const resolveFault = (space: Space, addr: number, access: Access): FaultResult => {
  if (!(addr >= 0 && addr < TASK_SIZE)) return { signo: SIGSEGV, code: SEGV_MAPERR, addr };
  const m = findMapping(space.list, addr) ?? growStack(space, addr);
  if (!m) return { signo: SIGSEGV, code: SEGV_MAPERR, addr };
  const write = access === 'write';
  const allowed = write ? m.prot & PROT_WRITE : access === 'exec' ? m.prot & PROT_EXEC : m.prot & 7;
  if (!allowed) return { signo: SIGSEGV, code: SEGV_ACCERR, addr };

  const page = Math.floor(addr / PAGE);
  const entry = space.pageTable.get(page);
  const frame = entry >>> 3;
  if (frame !== 0) {
    if (write) return writePresent(space, m, page, frame, addr);
    const rights = rightsOf(m.prot);
    space.pageTable.set(page, frame, (rights & ~PTE.write) | (rights & entry & PTE.write));
    return 'resolved';
  }
  if (m.pages) return filePage(space, m, page, write, addr);
  if (!write) return install(space, page, space.state.zeroFrame, rightsOf(m.prot) & ~PTE.write, addr);
  const fresh = frameFor(space, page, true);
  return fresh === 0 ? outOfMemory(addr) : install(space, page, fresh, rightsOf(m.prot), addr);
};
