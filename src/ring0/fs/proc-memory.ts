// /proc/[pid]/maps, smaps, smaps_rollup and the memory part of status and statm: what is mapped, and how much of
// it is resident, counted over the page table (proc(5)).

import { MAP_GROWSDOWN, MAP_LOCKED, MAP_NORESERVE } from '../../abi/mman.ts';
import { major, minor } from '../../abi/stat.ts';
import { PTE } from '../../ring3/cpu.ts';
import type { Kernel } from '../kernel.ts';
import { PAGE } from '../mm/layout.ts';
import { memoryOf } from '../mm/state.ts';
import { type AddressSpace, type Mapping, PROT, VM } from '../mm/types.ts';
import type { Task } from '../task/types.ts';
import { displayName } from '../vfs/dentry.ts';
import type { OpenFile, Path } from '../vfs/types.ts';
import { hex, kib, octal } from './proc-format.ts';

/** Pages of one or more mappings. `pss` counts a page shared by n mappings as 1/n. */
export interface Resident {
  pages: number;
  anonymous: number;
  file: number;
  shared: number;
  pss: number;
  pssDirty: number;
  pssAnonymous: number;
  pssFile: number;
  pssShared: number;
  sharedClean: number;
  sharedDirty: number;
  privateClean: number;
  privateDirty: number;
}

export const noPages = (): Resident => ({
  pages: 0,
  anonymous: 0,
  file: 0,
  shared: 0,
  pss: 0,
  pssDirty: 0,
  pssAnonymous: 0,
  pssFile: 0,
  pssShared: 0,
  sharedClean: 0,
  sharedDirty: 0,
  privateClean: 0,
  privateDirty: 0,
});

const isSharedMemory = (m: Mapping): boolean =>
  m.pages !== null && (m.file === null || m.file.inode.fs.type === 'tmpfs');

/** Adds the present pages of a mapping to `sum`. */
export const countPages = (kernel: Kernel, mm: AddressSpace, m: Mapping, sum: Resident): void => {
  const { frames, zeroFrame } = memoryOf(kernel);
  const first = m.start / PAGE;
  const shmem = isSharedMemory(m);
  mm.pageTable.each(first, m.end / PAGE, (page, frame, access) => {
    if (frame === zeroFrame) return;
    // The page cache holds one reference itself.
    const cached = m.pages !== null && m.pages.peek?.(m.pageOffset + page - first) === frame;
    const users = Math.max(1, frames.refs(frame) - (cached ? 1 : 0));
    const dirty = !cached || (m.shared && (access & PTE.write) !== 0);
    const share = 1 / users;
    sum.pages++;
    sum.pss += share;
    if (dirty) sum.pssDirty += share;
    if (!cached) {
      sum.anonymous++;
      sum.pssAnonymous += share;
    } else if (shmem) {
      sum.shared++;
      sum.pssShared += share;
    } else {
      sum.file++;
      sum.pssFile += share;
    }
    if (users > 1) {
      if (dirty) sum.sharedDirty++;
      else sum.sharedClean++;
    } else if (dirty) sum.privateDirty++;
    else sum.privateClean++;
  });
};

export const residentOf = (kernel: Kernel, mm: AddressSpace): Resident => {
  const sum = noPages();
  for (const m of mm.mappings) countPages(kernel, mm, m, sum);
  return sum;
};

/** Pages of an address space by use, as mm_struct counts them. */
export interface MappedPages {
  readonly data: number;
  readonly stack: number;
  readonly exec: number;
}

export const mappedPages = (mm: AddressSpace): MappedPages => {
  let data = 0;
  let stack = 0;
  let exec = 0;
  for (const m of mm.mappings) {
    const pages = (m.end - m.start) / PAGE;
    const write = (m.prot & PROT.write) !== 0;
    if (m.flags & MAP_GROWSDOWN) stack += pages;
    else if (m.prot & PROT.exec && !write) exec += pages;
    else if (write && !m.shared) data += pages;
  }
  return { data, stack, exec };
};

/** Page where the program's text begins to where it ends, in pages. */
export const textPages = (mm: AddressSpace): number => {
  const { startCode, endCode } = mm.layout;
  return Math.ceil(endCode / PAGE) - Math.floor(startCode / PAGE);
};

/** The name of an open file in maps and under fd. */
export const fileName = (file: OpenFile, root: Path): string => {
  if (file.label !== '') return file.label;
  if (file.path === null) return '';
  const { dentry, mount } = file.path;
  // Opened through /proc/[pid]/fd: the dentry stands alone and has the whole label as its name.
  if (dentry.parent === null && dentry !== mount.root) return dentry.name;
  return displayName(file.path, root);
};

const mappingName = (m: Mapping, root: Path): string => {
  if (m.file !== null) return octal(fileName(m.file, root), '\n');
  if (m.name !== '') return m.name;
  return m.shared && m.pages !== null ? '/dev/zero (deleted)' : '';
};

/** A line of numa_maps (numa(7)): there is one node. */
const numaLine = (kernel: Kernel, mm: AddressSpace, m: Mapping, root: Path): string => {
  const r = noPages();
  countPages(kernel, mm, m, r);
  const what = [
    m.file !== null ? `file=${octal(fileName(m.file, root), '\n\t= ')}` : '',
    m.file === null && m.name === '[heap]' ? 'heap' : '',
    m.file === null && m.name === '[stack]' ? 'stack' : '',
    r.anonymous > 0 ? `anon=${r.anonymous}` : '',
    r.sharedDirty + r.privateDirty > 0 ? `dirty=${r.sharedDirty + r.privateDirty}` : '',
    r.pages > r.anonymous && r.pages !== r.sharedDirty + r.privateDirty ? `mapped=${r.pages}` : '',
    r.pages > 0 ? `N0=${r.pages} kernelpagesize_kB=4` : '',
  ];
  return `${[hex(m.start, 8), 'default', ...what.filter((t) => t !== '')].join(' ')}\n`;
};

export const numaMaps = (kernel: Kernel, mm: AddressSpace, reader: Task): string =>
  mm.mappings.map((m) => numaLine(kernel, mm, m, reader.fs.root)).join('');

/** /dev/zero's shared mappings live on the kernel's own shmem mount. */
const SHMEM_DEV = 1;

/** Where the name starts in a line of maps: 25 + 6 * sizeof(void *). */
const NAME_COLUMN = 73;

const mapLine = (m: Mapping, root: Path): string => {
  const attr = m.file?.inode.attr();
  const inode = typeof attr === 'object' ? attr : null;
  const dev = m.file !== null ? m.file.inode.fs.dev : m.shared && m.pages !== null ? SHMEM_DEV : 0;
  const bit = (b: number, c: string): string => (m.prot & b ? c : '-');
  const access = `${bit(PROT.read, 'r')}${bit(PROT.write, 'w')}${bit(PROT.exec, 'x')}${m.shared ? 's' : 'p'}`;
  const offset = m.file === null && !m.shared ? 0 : m.pageOffset * PAGE;
  const line =
    `${hex(m.start, 8)}-${hex(m.end, 8)} ${access} ${hex(offset, 8)} ` +
    `${hex(major(dev), 2)}:${hex(minor(dev), 2)} ${inode?.ino ?? (dev === SHMEM_DEV ? 1 : 0)} `;
  const name = mappingName(m, root);
  return name === '' ? `${line}\n` : `${line.padEnd(NAME_COLUMN)}${name}\n`;
};

export const maps = (mm: AddressSpace, reader: Task): string => {
  let out = '';
  for (const m of mm.mappings) out += mapLine(m, reader.fs.root);
  return out;
};

const line = (name: string, kb: number): string =>
  `${`${name}:`.padEnd(16)}${String(Math.floor(kb)).padStart(8)} kB\n`;

/** The lines that smaps and smaps_rollup share. */
const usage = (r: Resident, rollup: boolean, locked: number): string =>
  line('Rss', kib(r.pages)) +
  line('Pss', r.pss * 4) +
  line('Pss_Dirty', r.pssDirty * 4) +
  (rollup
    ? line('Pss_Anon', r.pssAnonymous * 4) +
      line('Pss_File', r.pssFile * 4) +
      line('Pss_Shmem', r.pssShared * 4)
    : '') +
  line('Shared_Clean', kib(r.sharedClean)) +
  line('Shared_Dirty', kib(r.sharedDirty)) +
  line('Private_Clean', kib(r.privateClean)) +
  line('Private_Dirty', kib(r.privateDirty)) +
  line('Referenced', kib(r.pages)) +
  line('Anonymous', kib(r.anonymous)) +
  [
    'LazyFree',
    'AnonHugePages',
    'ShmemPmdMapped',
    'FilePmdMapped',
    'Shared_Hugetlb',
    'Private_Hugetlb',
    'Swap',
    'SwapPss',
  ]
    .map((name) => line(name, 0))
    .join('') +
  line('Locked', locked);

const vmFlags = (m: Mapping): string => {
  const on: string[] = [];
  const add = (set: boolean, name: string): void => {
    if (set) on.push(name);
  };
  const write = (m.prot & PROT.write) !== 0;
  const mayWrite = !m.shared || m.file === null || (m.file.flags & 3) === 2;
  add((m.prot & PROT.read) !== 0, 'rd');
  add(write, 'wr');
  add((m.prot & PROT.exec) !== 0, 'ex');
  add(m.shared, 'sh');
  add(true, 'mr');
  add(mayWrite, 'mw');
  add(true, 'me');
  add(m.shared, 'ms');
  add((m.flags & MAP_GROWSDOWN) !== 0, 'gd');
  add((m.flags & MAP_LOCKED) !== 0, 'lo');
  add((m.flags & VM.sequential) !== 0, 'sr');
  add((m.flags & VM.random) !== 0, 'rr');
  add((m.flags & VM.dontFork) !== 0, 'dc');
  add((m.flags & VM.lockOnFault) !== 0, 'lf');
  add(write && !m.shared && !(m.flags & MAP_NORESERVE), 'ac');
  add((m.flags & MAP_NORESERVE) !== 0, 'nr');
  add((m.flags & VM.wipeOnFork) !== 0, 'wf');
  add((m.flags & VM.dontDump) !== 0, 'dd');
  add((m.flags & VM.huge) !== 0, 'hg');
  add((m.flags & VM.noHuge) !== 0, 'nh');
  add((m.flags & VM.mergeable) !== 0, 'mg');
  add((m.flags & VM.sealed) !== 0, 'sl');
  return on.map((f) => `${f} `).join('');
};

/** Bits of an entry of pagemap (Documentation/admin-guide/mm/pagemap.rst), of its upper word. */
const PM = { present: 2 ** 31, file: 2 ** 29, exclusive: 2 ** 24 } as const;

/**
 * Entries of pagemap for `count` pages from `page`, 8 bytes each, little-endian. Frame numbers are zero, as for
 * whoever has no CAP_SYS_ADMIN.
 */
export const pagemap = (
  kernel: Kernel,
  mm: AddressSpace,
  page: number,
  count: number,
  into: DataView,
): void => {
  const { frames, zeroFrame } = memoryOf(kernel);
  for (const m of mm.mappings) {
    const first = m.start / PAGE;
    const from = Math.max(page, first);
    const to = Math.min(page + count, m.end / PAGE);
    if (from >= to) continue;
    mm.pageTable.each(from, to, (at, frame) => {
      let bits: number = PM.present;
      if (frame !== zeroFrame) {
        const cached = m.pages !== null && m.pages.peek?.(m.pageOffset + at - first) === frame;
        if (cached) bits += PM.file;
        if (frames.refs(frame) - (cached ? 1 : 0) <= 1) bits += PM.exclusive;
      }
      into.setUint32((at - page) * 8 + 4, bits, true);
    });
  }
};

export const smaps = (kernel: Kernel, mm: AddressSpace, reader: Task): string => {
  let out = '';
  for (const m of mm.mappings) {
    const r = noPages();
    countPages(kernel, mm, m, r);
    out +=
      mapLine(m, reader.fs.root) +
      line('Size', (m.end - m.start) / 1024) +
      line('KernelPageSize', 4) +
      line('MMUPageSize', 4) +
      usage(r, false, m.flags & MAP_LOCKED ? r.pss * 4 : 0) +
      `THPeligible:           0\nVmFlags: ${vmFlags(m)}\n`;
  }
  return out;
};

export const smapsRollup = (kernel: Kernel, mm: AddressSpace): string => {
  const first = mm.mappings[0];
  const last = mm.mappings.at(-1);
  if (first === undefined || last === undefined) return '';
  const head = `${hex(first.start, 8)}-${hex(last.end, 8)} ---p 00000000 00:00 0 `;
  return `${head.padEnd(NAME_COLUMN)}[rollup]\n${usage(residentOf(kernel, mm), true, kib(mm.usage().lockedPages))}`;
};
