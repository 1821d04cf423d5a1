// For tests: an address space over the real page tables, without a kernel around it.

import { createFrames, type PhysicalMemory } from '../../ring3/mmu/frames.ts';
import { createPageTable } from '../../ring3/mmu/page-table.ts';
import { releaseFile } from '../vfs/file.ts';
import { Pages } from '../vfs/pagecache.ts';
import type { Inode, OpenFile } from '../vfs/types.ts';
import { createAddressSpace } from './address-space.ts';
import { createMemoryState, type MemoryState } from './state.ts';
import type { AddressSpace, Mapping } from './types.ts';

export const testMemory = (bytes = 16 * 1024 * 1024): { state: MemoryState; frames: PhysicalMemory } => {
  const frames = createFrames(bytes);
  const newPageTable = () => {
    const table = createPageTable(frames, () => {});
    if (table === null) throw new RangeError('out of physical memory for a page table');
    return table;
  };
  return { state: createMemoryState({ frames, newPageTable }, () => null), frames };
};

export const testSpace = (state: MemoryState): AddressSpace => {
  const mm = createAddressSpace(state);
  if (mm === null) throw new Error('no memory');
  return mm;
};

/** An open file with the given contents. `flags` as open(2): 0 O_RDONLY, 2 O_RDWR. */
export const testFile = (state: MemoryState, bytes: Uint8Array, flags = 2): OpenFile & { pages: Pages } => {
  const pages = new Pages(state.frames);
  pages.write(bytes, 0, bytes.length, 0);
  const inode: Inode = {
    fs: null as never,
    attr: () => ({
      ino: 1,
      mode: 0o100755,
      nlink: 1,
      uid: 0,
      gid: 0,
      rdev: 0,
      size: pages.size(),
      blocks: 0,
      blksize: 4096,
      atime: { sec: 0, nsec: 0 },
      mtime: { sec: 0, nsec: 0 },
      ctime: { sec: 0, nsec: 0 },
      btime: { sec: 0, nsec: 0 },
    }),
    pages,
  };
  const file: OpenFile = {
    inode,
    path: null,
    label: '',
    ops: {},
    flags,
    pos: 0,
    refs: 1,
    dirState: null,
    owner: null,
    signal: 0,
  };
  return Object.assign(file, { pages });
};

export const closeTestFile = (file: OpenFile): void => releaseFile(file);

/** A private anonymous mapping. */
export const anonymous = (prot: number, flags = 0): Omit<Mapping, 'start' | 'end'> => ({
  prot,
  shared: false,
  pages: null,
  pageOffset: 0,
  file: null,
  name: '',
  flags,
});

export const fileMapping = (
  file: OpenFile & { pages: Pages },
  prot: number,
  shared: boolean,
  pageOffset = 0,
): Omit<Mapping, 'start' | 'end'> => ({
  prot,
  shared,
  pages: file.pages,
  pageOffset,
  file,
  name: '',
  flags: 0,
});
