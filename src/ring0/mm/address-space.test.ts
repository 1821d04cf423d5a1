import { describe, expect, it } from 'vitest';
import { EACCES, EEXIST, EFAULT, EINVAL, ENOMEM, EPERM, ETXTBSY } from '../../abi/errno.ts';
import {
  MADV,
  MAP_GROWSDOWN,
  MAP_NORESERVE,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
} from '../../abi/mman.ts';
import type { OpenFile } from '../vfs/types.ts';
import { anonymousPages } from './anonymous.ts';
import { anonymous, fileMapping, testFile, testMemory, testSpace } from './fixture.ts';
import { MMAP_TOP, PAGE, STACK_GUARD, TASK_SIZE } from './layout.ts';
import type { AddressSpace } from './types.ts';

const AT = 0x10000000000;
const RW = 3;
const SIGBUS = 7;
const SIGSEGV = 11;

const fresh = (bytes?: number) => {
  const { state, frames } = testMemory(bytes);
  return { state, frames, mm: testSpace(state) };
};

const shape = (mm: AddressSpace): string[] =>
  mm.mappings.map((m) => `${((m.start - AT) / PAGE).toString()}-${(m.end - AT) / PAGE} ${m.prot}`);

describe('mmap', () => {
  it('places mappings downwards from below the stack, where setarch -R does', () => {
    const { mm } = fresh();
    expect(mm.map(0, 100, anonymous(RW), 'hint')).toBe(MMAP_TOP - PAGE);
    expect(mm.map(0, 2 * PAGE, anonymous(1), 'hint')).toBe(MMAP_TOP - 3 * PAGE);
  });

  it('takes a free hint, rounded down, and ignores one that is taken', () => {
    const { mm } = fresh();
    expect(mm.map(AT + 1, PAGE, anonymous(RW), 'hint')).toBe(AT);
    expect(mm.map(AT, PAGE, anonymous(1), 'hint')).toBe(MMAP_TOP - PAGE);
  });

  it('refuses empty, huge and misplaced mappings as Linux does', () => {
    const { mm } = fresh();
    expect(mm.map(0, 0, anonymous(RW), 'hint')).toBe(-EINVAL);
    expect(mm.map(0, 2 ** 60, anonymous(RW), 'hint')).toBe(-ENOMEM);
    expect(mm.map(AT + 5, PAGE, anonymous(RW), 'fixed')).toBe(-EINVAL);
    expect(mm.map(TASK_SIZE - PAGE, 2 * PAGE, anonymous(RW), 'fixed')).toBe(-ENOMEM);
    expect(mm.map(0x1000, PAGE, anonymous(RW), 'fixed')).toBe(-EPERM);
    expect(mm.map(AT, PAGE, anonymous(RW), 'noreplace')).toBe(AT);
    expect(mm.map(AT, PAGE, anonymous(RW), 'noreplace')).toBe(-EEXIST);
  });

  it('reserves a terabyte without using a frame', () => {
    const { mm, frames } = fresh();
    const before = frames.free;
    expect(mm.map(AT, 2 ** 40, anonymous(0), 'fixed')).toBe(AT);
    expect(mm.protect(AT + 2 ** 30, PAGE, RW)).toBe(0);
    expect(frames.free).toBe(before);
  });

  it('refuses what memory could never back, unless MAP_NORESERVE', () => {
    const { mm } = fresh();
    expect(mm.map(AT, 2 ** 40, anonymous(RW), 'fixed')).toBe(-ENOMEM);
    expect(mm.map(AT, 2 ** 40, anonymous(RW, MAP_NORESERVE), 'fixed')).toBe(AT);
  });

  it('merges neighbours that are alike and splits them again', () => {
    const { mm } = fresh();
    mm.map(AT, PAGE, anonymous(RW), 'fixed');
    mm.map(AT + PAGE, 3 * PAGE, anonymous(RW), 'fixed');
    expect(shape(mm)).toEqual(['0-4 3']);
    expect(mm.protect(AT + PAGE, PAGE, 1)).toBe(0);
    expect(shape(mm)).toEqual(['0-1 3', '1-2 1', '2-4 3']);
    expect(mm.unmap(AT + 3 * PAGE, PAGE)).toBe(0);
    expect(mm.protect(AT, 3 * PAGE, RW)).toBe(0);
    expect(shape(mm)).toEqual(['0-3 3']);
  });

  it('gives an image the same address in every space, and no two images the same', () => {
    const { state, mm } = fresh();
    const elf = new Uint8Array(PAGE);
    elf.set([0x7f, 0x45, 0x4c, 0x46]);
    const a = testFile(state, elf);
    const b = testFile(state, elf);
    const at = mm.map(0, 3 * PAGE, fileMapping(a, 1, false), 'hint');
    const other = testSpace(state);
    const first = other.map(0, PAGE, fileMapping(b, 1, false), 'hint');
    expect(other.map(0, 3 * PAGE, fileMapping(a, 1, false), 'hint')).toBe(at);
    expect(first + PAGE <= at || first >= at + 3 * PAGE).toBe(true);
    // Taken already: then anywhere.
    expect(mm.map(0, 3 * PAGE, fileMapping(a, 1, false), 'hint')).not.toBe(at);
  });
});

describe('mprotect', () => {
  it('changes what lies before a hole and then answers ENOMEM', () => {
    const { mm } = fresh();
    mm.map(AT, PAGE, anonymous(RW), 'fixed');
    mm.map(AT + 2 * PAGE, PAGE, anonymous(RW), 'fixed');
    expect(mm.protect(AT, 3 * PAGE, 1)).toBe(-ENOMEM);
    expect(shape(mm)).toEqual(['0-1 1', '2-3 3']);
  });

  it('keeps the contents of a page that nobody may read for a while', () => {
    const { mm } = fresh();
    mm.map(AT, PAGE, anonymous(RW), 'fixed');
    mm.writeU32(AT, 77);
    mm.protect(AT, PAGE, 0);
    expect(mm.readU32(AT)).toBeNull();
    expect(mm.fault(AT, 'read')).toEqual({ signo: SIGSEGV, code: 2, addr: AT });
    mm.protect(AT, PAGE, 1);
    expect(mm.readU32(AT)).toBe(77);
    expect(mm.writeU32(AT, 1)).toBe(false);
  });

  it('lets nobody write to a shared file that was opened for reading', () => {
    const { state, mm } = fresh();
    const file = testFile(state, new Uint8Array(PAGE), 0);
    mm.map(AT, PAGE, fileMapping(file, 1, true), 'fixed');
    expect(mm.protect(AT, PAGE, RW)).toBe(-EACCES);
  });
});

describe('faults', () => {
  it('name the signal: nothing there, not allowed, beyond the end of the file', () => {
    const { state, mm } = fresh();
    expect(mm.fault(AT, 'read')).toEqual({ signo: SIGSEGV, code: 1, addr: AT });
    expect(mm.fault(2 ** 62, 'read')).toEqual({ signo: SIGSEGV, code: 1, addr: 2 ** 62 });
    mm.map(AT, PAGE, anonymous(1), 'fixed');
    expect(mm.fault(AT, 'write')).toEqual({ signo: SIGSEGV, code: 2, addr: AT });
    expect(mm.fault(AT, 'exec')).toEqual({ signo: SIGSEGV, code: 2, addr: AT });
    const file = testFile(state, new Uint8Array(10));
    mm.map(AT, 2 * PAGE, fileMapping(file, 1, false), 'fixed');
    expect(mm.fault(AT + PAGE + 5, 'read')).toEqual({ signo: SIGBUS, code: 2, addr: AT + PAGE + 5 });
  });

  it('show zeros behind the end of a file within its last page', () => {
    const { state, mm } = fresh();
    const file = testFile(state, Uint8Array.of(1, 2, 3));
    mm.map(AT, PAGE, fileMapping(file, 1, false), 'fixed');
    expect(mm.readU32(AT)).toBe(0x030201);
  });

  it('read untouched memory without taking a frame', () => {
    const { mm, frames } = fresh();
    mm.map(AT, 64 * PAGE, anonymous(RW), 'fixed');
    expect(mm.readU8(AT)).toBe(0);
    const before = frames.free;
    for (let i = 1; i < 64; i++) expect(mm.readU8(AT + i * PAGE)).toBe(0);
    expect(frames.free).toBe(before);
    mm.writeU8(AT + PAGE, 1);
    expect(mm.readU8(AT)).toBe(0);
  });

  it('copy a private file page on write and leave the file alone', () => {
    const { state, mm } = fresh();
    const file = testFile(state, Uint8Array.of(5));
    mm.map(AT, PAGE, fileMapping(file, RW, false), 'fixed');
    mm.writeU8(AT, 6);
    const out = new Uint8Array(1);
    file.pages.read(out, 0, 1, 0);
    expect([mm.readU8(AT), out[0]]).toEqual([6, 5]);
  });

  it('put stores to a shared file where read(2) finds them', () => {
    const { state, mm } = fresh();
    const file = testFile(state, new Uint8Array(2 * PAGE));
    mm.map(AT, PAGE, fileMapping(file, RW, true, 1), 'fixed');
    expect(mm.readU8(AT)).toBe(0);
    mm.writeU8(AT + 3, 9);
    const out = new Uint8Array(1);
    file.pages.read(out, 0, 1, PAGE + 3);
    expect(out[0]).toBe(9);
  });

  it('kill who asks for memory when there is none, and nothing else', () => {
    const { mm, frames } = fresh(4 * 1024 * 1024);
    mm.map(AT, 64 * 1024 * 1024, anonymous(RW, MAP_NORESERVE), 'fixed');
    let at = AT;
    while (mm.writeU8(at, 1)) at += PAGE;
    expect(mm.fault(at, 'write')).toEqual({ signo: 9, code: 0, addr: at });
    mm.unmap(AT, 64 * 1024 * 1024);
    expect(frames.free).toBeGreaterThan(500);
  });
});

describe('the stack', () => {
  it('grows down to its limit, and keeps its distance from what lies below', () => {
    const { mm } = fresh();
    const top = 0x7ffffffff000;
    mm.map(top - PAGE, PAGE, anonymous(RW, MAP_GROWSDOWN), 'fixed');
    expect(mm.writeU8(top - 100 * PAGE, 1)).toBe(true);
    expect(mm.mappings[0]?.start).toBe(top - 100 * PAGE);
    expect(mm.writeU8(top - 9 * 1024 * 1024, 1)).toBe(false);
    mm.map(top - 500 * PAGE, PAGE, anonymous(RW), 'fixed');
    expect(mm.writeU8(top - 500 * PAGE + STACK_GUARD, 1)).toBe(false);
    expect(mm.writeU8(top - 499 * PAGE + STACK_GUARD, 1)).toBe(true);
  });
});

describe('fork', () => {
  it('shares pages until one side writes', () => {
    const { state, mm, frames } = fresh();
    const empty = frames.free;
    testSpace(state);
    const tableFrames = empty - frames.free;
    mm.map(AT, 8 * PAGE, anonymous(RW), 'fixed');
    for (let i = 0; i < 8; i++) mm.writeU32(AT + i * PAGE, i);
    const before = frames.free;
    const child = mm.fork() as AddressSpace;
    // The child's page table, but no page.
    expect(before - frames.free).toBeLessThan(8 + tableFrames);
    mm.writeU32(AT, 100);
    child.writeU32(AT + PAGE, 200);
    expect([child.readU32(AT), mm.readU32(AT)]).toEqual([0, 100]);
    expect([child.readU32(AT + PAGE), mm.readU32(AT + PAGE)]).toEqual([200, 1]);
    child.release();
    // Alone again: no copy is made.
    const free = frames.free;
    mm.writeU32(AT + 2 * PAGE, 1);
    expect(frames.free).toBe(free);
  });

  it('gives back every frame when both have gone', () => {
    const { state, frames } = fresh();
    // What page tables keep for later ones is not a leak.
    for (const space of [testSpace(state), testSpace(state)]) space.release();
    const before = frames.free;
    const mm = testSpace(state);
    mm.map(AT, 8 * PAGE, anonymous(RW), 'fixed');
    const pages = anonymousPages(state, 4 * PAGE);
    mm.map(AT + 0x100000, 4 * PAGE, { ...anonymous(RW), shared: true, pages }, 'fixed');
    mm.clear(AT, 8 * PAGE);
    mm.clear(AT + 0x100000, 4 * PAGE);
    const child = mm.fork() as AddressSpace;
    child.clear(AT, 3 * PAGE);
    mm.release();
    child.release();
    expect(frames.free).toBe(before);
  });

  it('keeps shared anonymous memory shared', () => {
    const { state, mm } = fresh();
    const pages = anonymousPages(state, PAGE);
    mm.map(AT, PAGE, { ...anonymous(RW), shared: true, pages }, 'fixed');
    const child = mm.fork() as AddressSpace;
    child.writeU32(AT, 42);
    expect(mm.readU32(AT)).toBe(42);
  });

  it('honours MADV_DONTFORK and MADV_WIPEONFORK', () => {
    const { mm } = fresh();
    mm.map(AT, 2 * PAGE, anonymous(RW), 'fixed');
    mm.writeU8(AT, 1);
    mm.writeU8(AT + PAGE, 1);
    expect(mm.advise(AT, PAGE, MADV.MADV_DONTFORK)).toBe(0);
    expect(mm.advise(AT + PAGE, PAGE, MADV.MADV_WIPEONFORK)).toBe(0);
    const child = mm.fork() as AddressSpace;
    expect(child.readU8(AT)).toBeNull();
    expect(child.readU8(AT + PAGE)).toBe(0);
  });
});

describe('mremap', () => {
  it('grows in place, moves with the contents, and keeps the old place free', () => {
    const { mm } = fresh();
    mm.map(AT, PAGE, anonymous(RW), 'fixed');
    mm.writeU8(AT, 7);
    expect(mm.remap(AT, PAGE, 2 * PAGE, 0, 0)).toBe(AT);
    mm.map(AT + 2 * PAGE, PAGE, anonymous(1), 'fixed');
    expect(mm.remap(AT, 2 * PAGE, 4 * PAGE, 0, 0)).toBe(-ENOMEM);
    const to = mm.remap(AT, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE, 0);
    expect(mm.readU8(to)).toBe(7);
    expect(mm.find(AT)).toBeNull();
    expect(mm.remap(to, 4 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, AT)).toBe(AT);
    expect([mm.readU8(AT), mm.find(to)]).toEqual([7, null]);
  });

  it('answers EFAULT for what is not mapped and EINVAL for what makes no sense', () => {
    const { mm } = fresh();
    mm.map(AT, PAGE, anonymous(RW), 'fixed');
    expect(mm.remap(AT + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0)).toBe(-EFAULT);
    expect(mm.remap(AT, PAGE, 0, MREMAP_MAYMOVE, 0)).toBe(-EINVAL);
    expect(mm.remap(AT, PAGE, PAGE, MREMAP_FIXED, AT + PAGE)).toBe(-EINVAL);
    expect(mm.remap(AT, 0, PAGE, MREMAP_MAYMOVE, 0)).toBe(-EINVAL);
    expect(mm.remap(AT, 2 ** 60, PAGE, MREMAP_MAYMOVE, 0)).toBe(-EINVAL);
    expect(mm.remap(AT, PAGE, 2 ** 60, MREMAP_MAYMOVE, 0)).toBe(-EINVAL);
    expect(mm.remap(AT, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, 0)).toBe(-EPERM);
    expect(shape(mm)).toEqual(['0-1 3']);
  });

  it('loses a shared mapping that is to be duplicated onto itself', () => {
    const { state, mm } = fresh();
    mm.map(AT, PAGE, fileMapping(testFile(state, Uint8Array.of(1)), RW, true), 'fixed');
    expect(mm.remap(AT, 0, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, AT)).toBe(-EFAULT);
    expect(mm.find(AT)).toBeNull();
  });

  // As Linux 6.18 does, which let several mappings move at once from 6.17 on.
  describe('of several mappings to a fixed place', () => {
    const MOVE = MREMAP_MAYMOVE | MREMAP_FIXED;
    const three = () => {
      const { state, mm } = fresh();
      mm.map(AT, 2 * PAGE, anonymous(RW), 'fixed');
      mm.map(AT + 2 * PAGE, PAGE, fileMapping(testFile(state, Uint8Array.of(5)), 1, true), 'fixed');
      mm.map(AT + 4 * PAGE, PAGE, anonymous(RW), 'fixed');
      mm.writeU8(AT + PAGE, 1);
      mm.writeU8(AT + 4 * PAGE, 4);
      return mm;
    };

    it('moves all of them and keeps their distances, and what lies in the gaps', () => {
      const mm = three();
      mm.map(AT + 16 * PAGE, 8 * PAGE, anonymous(1), 'fixed');
      expect(mm.remap(AT + PAGE, 7 * PAGE, 7 * PAGE, MOVE, AT + 16 * PAGE)).toBe(AT + 16 * PAGE);
      expect(shape(mm)).toEqual(['0-1 3', '16-17 3', '17-18 1', '18-19 1', '19-20 3', '20-24 1']);
      expect([16, 17, 19].map((n) => mm.readU8(AT + n * PAGE))).toEqual([1, 5, 4]);
    });

    it('wants a mapping at the start, one size and a fixed address', () => {
      const mm = three();
      const to = AT + 16 * PAGE;
      expect(mm.remap(AT + 3 * PAGE, 2 * PAGE, 2 * PAGE, MOVE, to)).toBe(-EFAULT);
      expect(mm.remap(AT, 3 * PAGE, 4 * PAGE, MOVE, to)).toBe(-EFAULT);
      expect(mm.remap(AT + PAGE, 4 * PAGE, 2 * PAGE, MOVE, to)).toBe(-EFAULT);
      expect(mm.remap(AT, 3 * PAGE, 4 * PAGE, MREMAP_MAYMOVE, 0)).toBe(-EFAULT);
      expect(mm.remap(AT, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, to)).toBe(-EFAULT);
      expect(mm.remap(AT, 5 * PAGE, 5 * PAGE, MOVE, AT + 4 * PAGE)).toBe(-EINVAL);
      expect(shape(mm)).toEqual(['0-2 3', '2-3 1', '4-5 3']);
    });

    it('cuts off what lies in other mappings', () => {
      const mm = three();
      expect(mm.remap(AT, 4 * PAGE, PAGE, MOVE, AT + 16 * PAGE)).toBe(AT + 16 * PAGE);
      expect(shape(mm)).toEqual(['4-5 3', '16-17 3']);
    });

    it('leaves empty mappings behind with MREMAP_DONTUNMAP', () => {
      const mm = three();
      expect(mm.remap(AT, 5 * PAGE, 5 * PAGE, MOVE | MREMAP_DONTUNMAP, AT + 16 * PAGE)).toBe(AT + 16 * PAGE);
      expect([1, 2, 4, 17, 18, 20].map((n) => mm.readU8(AT + n * PAGE))).toEqual([0, 5, 0, 1, 5, 4]);
    });

    it('stops at the end of what was asked for, whatever merges there', () => {
      const { state, mm } = fresh();
      mm.map(AT, 4 * PAGE, fileMapping(testFile(state, new Uint8Array(4 * PAGE)), RW, true), 'fixed');
      expect(mm.remap(AT, 2 * PAGE, 2 * PAGE, MOVE | MREMAP_DONTUNMAP, AT + 16 * PAGE)).toBe(AT + 16 * PAGE);
      expect(shape(mm)).toEqual(['0-4 3', '16-18 3']);
    });

    it('stops at a mapping that moves only by itself: System V memory', () => {
      const { state, mm } = fresh();
      const segment = {
        ...anonymous(RW),
        shared: true,
        pages: anonymousPages(state, PAGE),
        name: '/SYSV0 (deleted)',
      };
      mm.map(AT, PAGE, anonymous(RW), 'fixed');
      mm.map(AT + PAGE, PAGE, segment, 'fixed');
      expect(mm.remap(AT, 2 * PAGE, 2 * PAGE, MOVE, AT + 16 * PAGE)).toBe(-EFAULT);
      expect(shape(mm)).toEqual(['1-2 3', '16-17 3']);
      expect(mm.remap(AT + PAGE, PAGE, PAGE, MOVE, AT)).toBe(AT);
    });
  });
});

describe('brk', () => {
  it('grows and shrinks the heap, and stays where it is when it cannot', () => {
    const { mm } = fresh();
    mm.brkStart = mm.brk = AT;
    expect(mm.setBrk(0)).toBe(AT);
    expect(mm.setBrk(AT + 5000)).toBe(AT + 5000);
    expect(mm.mappings[0]).toMatchObject({ start: AT, end: AT + 2 * PAGE, name: '[heap]' });
    expect(mm.setBrk(AT + 100)).toBe(AT + 100);
    mm.map(AT + 4 * PAGE, PAGE, anonymous(RW), 'fixed');
    expect(mm.setBrk(AT + 5 * PAGE)).toBe(AT + 100);
  });
});

describe('truncation', () => {
  it('takes the pages out of every mapping, private copies included', () => {
    const { state, mm } = fresh();
    const file = testFile(state, new Uint8Array(3 * PAGE).fill(1));
    mm.map(AT, 3 * PAGE, fileMapping(file, RW, false), 'fixed');
    mm.writeU8(AT + 2 * PAGE, 9);
    file.pages.truncate(PAGE);
    expect(mm.readU8(AT)).toBe(1);
    expect(mm.fault(AT + 2 * PAGE, 'read')).toMatchObject({ signo: SIGBUS });
  });
});

describe('madvise', () => {
  it('MADV_DONTNEED brings back zeros, or the file', () => {
    const { state, mm } = fresh();
    const file = testFile(state, Uint8Array.of(3));
    mm.map(AT, PAGE, anonymous(RW), 'fixed');
    mm.map(AT + PAGE, PAGE, fileMapping(file, RW, false), 'fixed');
    mm.writeU8(AT, 1);
    mm.writeU8(AT + PAGE, 1);
    expect(mm.advise(AT, 2 * PAGE, MADV.MADV_DONTNEED)).toBe(0);
    expect([mm.readU8(AT), mm.readU8(AT + PAGE)]).toEqual([0, 3]);
    expect(mm.advise(AT, 3 * PAGE, MADV.MADV_DONTNEED)).toBe(-ENOMEM);
    expect(mm.advise(AT, PAGE, 77)).toBe(-EINVAL);
  });
});

describe('the program file', () => {
  it('cannot be executed while it is open for writing, nor be written while it runs', () => {
    const { state, mm } = fresh();
    const file: OpenFile = testFile(state, new Uint8Array(1), 0);
    file.inode.writers = 1;
    expect(mm.setExe(file)).toBe(-ETXTBSY);
    file.inode.writers = 0;
    expect(mm.setExe(file)).toBe(0);
    expect(file.inode.writers).toBe(-1);
    mm.release();
    expect(file.inode.writers).toBe(0);
  });
});
