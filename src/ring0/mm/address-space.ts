// The address space: a sorted list of mappings over a page table of ring 3, and the memory calls on it. The
// rules are those of the kernel's mm/mmap.c; man mmap(2), munmap(2), brk(2) name the errors.

import { EINVAL, ENOMEM, EOVERFLOW, EPERM } from '../../abi/errno.ts';
import { MAP_32BIT, MAP_GROWSDOWN, MAP_LOCKED, MAP_NORESERVE, PROT_WRITE } from '../../abi/mman.ts';
import { type Frames, type PageTable, PTE } from '../../ring3/cpu.ts';
import { type AioContext, endAio } from '../vfs/aio.ts';
import { allowWrite, denyWrite } from '../vfs/file.ts';
import { capable } from '../vfs/perm.ts';
import type { OpenFile, PageCache } from '../vfs/types.ts';
import { type Block, isBlock } from '../wait.ts';
import { adviseRange, reflag, sealRange } from './advise.ts';
import { checkFixed } from './calls.ts';
import { mayCommit } from './commit.ts';
import { allowsMore, findMapping, resolveFault } from './fault.ts';
import { isPageAligned, MAX_MAPPINGS, PAGE, pageDown, pageUp, TASK_SIZE } from './layout.ts';
import { hasSeal, indexAfter, slice } from './mappings.ts';
import { choose, chooseForImage, chooseNear, guardedStart } from './place.ts';
import { protectRange } from './protect.ts';
import { attach, detach, dropRange, insert, type MutableSpace, removeRange } from './ranges.ts';
import { remapRange } from './remap.ts';
import { FrameRuns } from './runs.ts';
import { holdFrame, limitOf, type MemoryState, RLIMIT_DATA, releaseFrame } from './state.ts';
import { type Access, type AddressSpace, type FaultResult, LOCKS, type Mapping, VM } from './types.ts';
import { PagedMemory } from './user-memory.ts';

const CAP_SYS_RAWIO = 17;
const SIGKILL = 9;

type Layout = AddressSpace['layout'];

const emptyLayout = (): Layout => ({
  startCode: 0,
  endCode: 0,
  startData: 0,
  endData: 0,
  startStack: 0,
  argStart: 0,
  argEnd: 0,
  envStart: 0,
  envEnd: 0,
  auxv: new Uint8Array(0),
  vdso: 0,
});

/** A memfd may be executed by whoever has it open for writing: its description is not counted (mm/memfd.c). */
const countsWriters = (file: OpenFile): boolean => file.inode.seals === undefined;

/** A space with fewer is not counted against MAX_RECORDS, which all processes have together. */
const FEW_MAPPINGS = 1000;
const MAX_RECORDS = 1_000_000;

const ELF_MAGIC = 0x464c457f;

class Space extends PagedMemory implements AddressSpace, MutableSpace {
  readonly state: MemoryState;
  readonly pageTable: PageTable;
  readonly list: Mapping[] = [];
  readonly runs: FrameRuns;
  readonly layout: Layout;
  protected readonly frames: Frames;
  refs = 1;
  exe: OpenFile | null = null;
  resident = 0;
  peak = 0;
  brkStart = 0;
  brk = 0;
  lockFuture = 0;
  waiting: Block | null = null;
  aio?: Map<number, AioContext>;

  constructor(state: MemoryState, pageTable: PageTable, layout: Layout) {
    super();
    this.state = state;
    this.frames = state.frames;
    this.runs = new FrameRuns(state.frames);
    this.pageTable = pageTable;
    this.layout = layout;
  }

  get mappings(): readonly Mapping[] {
    return this.list;
  }

  protected resolve(addr: number, write: boolean): boolean {
    const access = write ? 'write' : 'read';
    let r = resolveFault(this, addr, access);
    // The kernel's own accesses end a process for memory as the program's do. Not those to a space in the making: execve answers ENOMEM.
    while (r !== 'resolved' && 'signo' in r && r.signo === SIGKILL && this.state.current()?.mm === this) {
      if (!this.state.outOfMemory()) return false;
      r = resolveFault(this, addr, access);
    }
    if (r === 'resolved') {
      this.count();
      return true;
    }
    if ('blocked' in r) this.waiting = r;
    return false;
  }

  setExe(file: OpenFile): number {
    const denied = countsWriters(file) ? denyWrite(file.inode) : 0;
    if (denied < 0) return denied;
    file.refs++;
    this.exe = file;
    return 0;
  }

  fault(addr: number, access: Access): FaultResult {
    const r = resolveFault(this, addr, access);
    if (r === 'resolved') this.count();
    return r;
  }

  /** A fault that has found its page; none waits for a disk. */
  private count(): void {
    const task = this.state.current();
    if (task !== null) task.process.usage.minorFaults++;
  }

  find(addr: number): Mapping | null {
    return findMapping(this.list, addr);
  }

  dataBytes(): number {
    let total = 0;
    for (const m of this.list)
      if (!m.shared && m.prot & PROT_WRITE && !(m.flags & MAP_GROWSDOWN)) total += m.end - m.start;
    return total;
  }

  isNoExec(file: OpenFile): boolean {
    return this.state.isNoExec(file);
  }

  mayMapLow(): boolean {
    const task = this.state.current();
    return task !== null && capable(task.cred, CAP_SYS_RAWIO);
  }

  /** Where a mapping without a fixed address goes, or -1. */
  private place(hint: number, length: number, m: Omit<Mapping, 'start' | 'end'>): number {
    const low = (m.flags & MAP_32BIT) !== 0;
    if (hint >= PAGE || low) return chooseNear(this.list, hint, length, low);
    if (m.pages && m.file && !m.shared && m.pageOffset === 0 && this.isImage(m.pages)) {
      const at = chooseForImage(this.state, this.list, m.pages, length);
      if (at >= 0) return at;
    }
    return choose(this.list, length, false);
  }

  private isImage(pages: PageCache): boolean {
    const frame = pages.frame(0, false);
    return !isBlock(frame) && frame > 0 && this.frames.dv.getUint32(frame * PAGE, true) === ELF_MAGIC;
  }

  map(
    addr: number,
    length: number,
    m: Omit<Mapping, 'start' | 'end'>,
    fixed: 'hint' | 'fixed' | 'noreplace',
  ): number {
    if (!(length > 0)) return -EINVAL;
    const size = pageUp(length);
    if (!(size <= TASK_SIZE)) return -ENOMEM;
    if (m.pages && m.pageOffset + size / PAGE > 2 ** 52) return -EOVERFLOW;
    if (this.list.length > MAX_MAPPINGS || (this.list.length > FEW_MAPPINGS && this.tooManyRecords()))
      return -ENOMEM;

    let start = addr;
    if (fixed === 'hint') {
      start = this.place(addr, size, m);
      if (start < 0) return -ENOMEM;
    } else {
      const wrong = checkFixed(this, addr, length, fixed === 'noreplace', this.mayMapLow());
      if (wrong < 0) return wrong;
    }
    if (fixed === 'fixed' && hasSeal(this.list, start, start + size)) return -EPERM;
    if (!allowsMore(this, size - this.mappedWithin(start, size))) return -ENOMEM;
    const accountable = !m.shared && (m.prot & PROT_WRITE) !== 0;
    if (accountable && !(m.flags & MAP_GROWSDOWN)) {
      const limit = limitOf(this.state, RLIMIT_DATA);
      if (limit !== Number.POSITIVE_INFINITY && this.dataBytes() + size > limit) return -ENOMEM;
    }
    const backed = accountable || (m.shared && m.file === null);
    if (backed && !mayCommit(this.state, size, (m.flags & MAP_NORESERVE) !== 0)) return -ENOMEM;

    if (fixed === 'fixed') removeRange(this, start, start + size);
    insert(this, { ...m, flags: m.flags & ~MAP_32BIT, start, end: start + size });
    return start;
  }

  /** Bytes of [start, start+length) that are mapped already. */
  private mappedWithin(start: number, length: number): number {
    let total = 0;
    for (let i = indexAfter(this.list, start); i < this.list.length; i++) {
      const m = this.list[i] as Mapping;
      if (m.start >= start + length) break;
      total += Math.min(m.end, start + length) - Math.max(m.start, start);
    }
    return total;
  }

  unmap(addr: number, length: number): number {
    if (!isPageAligned(addr) || !(addr <= TASK_SIZE) || !(length <= TASK_SIZE - addr)) return -EINVAL;
    const size = pageUp(length);
    if (size === 0) return -EINVAL;
    if (hasSeal(this.list, addr, addr + size)) return -EPERM;
    const m = this.find(addr);
    if (m && m.start < addr && m.end > addr + size && this.list.length >= MAX_MAPPINGS) return -ENOMEM;
    removeRange(this, addr, addr + size);
    return 0;
  }

  protect(addr: number, length: number, prot: number): number {
    return protectRange(this, addr, length, prot);
  }

  remap(addr: number, oldLength: number, newLength: number, flags: number, newAddr: number): number {
    return remapRange(this, addr, oldLength, newLength, flags, newAddr);
  }

  advise(addr: number, length: number, advice: number): number {
    return adviseRange(this, addr, length, advice);
  }

  seal(addr: number, length: number): number {
    return sealRange(this, addr, length);
  }

  reflag(start: number, end: number, set: number, clear: number): void {
    reflag(this, start, end, set, clear);
  }

  setBrk(addr: number): number {
    if (!(addr >= this.brkStart && addr < TASK_SIZE)) return this.brk;
    const { startData, endData } = this.layout;
    if (addr - this.brkStart + (endData - startData) > limitOf(this.state, RLIMIT_DATA)) return this.brk;
    const from = pageUp(this.brk);
    const to = pageUp(addr);
    if (to < from) {
      if (hasSeal(this.list, to, from)) return this.brk;
      removeRange(this, to, from);
    } else if (to > from) {
      const next = this.list[indexAfter(this.list, from)];
      if (next && guardedStart(next) < to) return this.brk;
      const heap = {
        prot: 3,
        shared: false,
        pages: null,
        pageOffset: 0,
        file: null,
        name: '[heap]',
        flags: this.lockFuture,
      };
      if (this.map(from, to - from, heap, 'noreplace') < 0) return this.brk;
    }
    this.brk = addr;
    return addr;
  }

  dropPages(cache: PageCache, from: number, to: number, copies: boolean): void {
    for (const m of this.list) {
      if (m.pages !== cache) continue;
      const pages = (m.end - m.start) / PAGE;
      const first = Math.max(from, m.pageOffset);
      const last = Math.min(to, m.pageOffset + pages);
      if (first >= last) continue;
      const base = m.start - m.pageOffset * PAGE;
      dropRange(this, m, base + first * PAGE, base + last * PAGE, copies);
    }
  }

  fork(): AddressSpace | number {
    if (this.list.length > FEW_MAPPINGS && this.tooManyRecords()) return -ENOMEM;
    const fresh = newTable(this.state, this.pageTable);
    if (fresh === null) return -ENOMEM;
    const child = new Space(this.state, fresh, { ...this.layout });
    if (this.exe) child.setExe(this.exe);
    child.brkStart = this.brkStart;
    child.brk = this.brk;
    const { state, pageTable } = this;
    const table = child.pageTable;
    table.program = pageTable.program;
    let complete = true;
    for (const m of this.list) {
      if (m.flags & VM.dontFork) continue;
      const copy = slice(m, m.start, m.end);
      copy.flags &= ~LOCKS;
      child.list.push(copy);
      attach(child, copy);
      if (m.flags & VM.wipeOnFork) continue;
      const keep = m.shared ? 7 : ~PTE.write;
      pageTable.each(m.start / PAGE, m.end / PAGE, (page, frame, access) => {
        if (!complete) return;
        const shared = access & keep;
        if (!table.set(page, frame, shared)) {
          complete = false;
          return;
        }
        holdFrame(state, frame);
        child.resident++;
        if (shared !== access) pageTable.set(page, frame, shared);
      });
    }
    child.peak = child.resident;
    if (complete) return child;
    child.release();
    return -ENOMEM;
  }

  /** Mappings are records of the host: copies of long lists must not exhaust it. */
  private tooManyRecords(): boolean {
    let n = this.list.length;
    for (const p of this.state.current()?.kernel.processes.values() ?? []) n += p.leader.mm.mappings.length;
    return n > MAX_RECORDS;
  }

  usage(): { residentPages: number; totalPages: number; lockedPages: number; peakPages: number } {
    let total = 0;
    let locked = 0;
    for (const m of this.list) {
      total += m.end - m.start;
      if (m.flags & MAP_LOCKED) locked += m.end - m.start;
    }
    return {
      residentPages: this.resident,
      totalPages: total / PAGE,
      lockedPages: locked / PAGE,
      peakPages: this.peak,
    };
  }

  present(start: number, end: number): { pages: number; own: number } {
    let pages = 0;
    let own = 0;
    this.pageTable.each(pageDown(start) / PAGE, pageUp(end) / PAGE, (_page, frame) => {
      pages++;
      if (frame !== this.state.zeroFrame && this.frames.refs(frame) === 1) own++;
    });
    return { pages, own };
  }

  release(): void {
    this.refs--;
    if (this.refs > 0) return;
    for (const context of this.aio?.values() ?? []) endAio(context);
    const { state, pageTable } = this;
    for (const m of this.list) {
      const dirties = m.shared && m.pages ? m.pages : null;
      pageTable.each(m.start / PAGE, m.end / PAGE, (page, frame, access) => {
        if (dirties && access & PTE.write) dirties.dirty(m.pageOffset + (page - m.start / PAGE));
        releaseFrame(state, frame);
      });
    }
    pageTable.destroy();
    const gone = this.list.splice(0);
    for (const m of gone) detach(this, m);
    this.resident = 0;
    if (this.exe) {
      if (countsWriters(this.exe)) allowWrite(this.exe.inode);
      state.closeFile(this.exe);
      this.exe = null;
    }
  }
}

/** A page table, or null when memory is out even after reclaim. */
const newTable = (state: MemoryState, parent?: PageTable): PageTable | null => {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      return state.cpu.newPageTable(parent);
    } catch (e) {
      if (!(e instanceof RangeError)) throw e;
      let freed = 0;
      for (const reclaim of state.reclaimers) freed += reclaim();
      if (freed === 0) return null;
    }
  }
  return null;
};

/** An empty address space with one reference; null when memory is out. */
export const createAddressSpace = (state: MemoryState): AddressSpace | null => {
  const table = newTable(state);
  return table && new Space(state, table, emptyLayout());
};
