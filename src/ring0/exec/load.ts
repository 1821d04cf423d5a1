// Mapping the segments of a program or its interpreter into an address space (fs/binfmt_elf.c: elf_load,
// load_elf_interp).

import { EINVAL, ENOMEM } from '../../abi/errno.ts';
import { PROT_WRITE } from '../../abi/mman.ts';
import { PAGE, pageDown, pageUp, TASK_SIZE } from '../mm/layout.ts';
import type { AddressSpace, Mapping } from '../mm/types.ts';
import type { OpenFile, PageCache } from '../vfs/types.ts';
import type { Image, Segment } from './elf.ts';

export interface Loaded {
  /** What was added to the image's addresses. */
  readonly bias: number;
  readonly entry: number;
}

const anonymous = (prot: number): Omit<Mapping, 'start' | 'end'> => ({
  prot,
  shared: false,
  pages: null,
  pageOffset: 0,
  file: null,
  name: '',
  flags: 0,
});

/** Maps one segment: its file part, the zeroed rest of its last file page, and fresh pages behind. */
const mapSegment = (
  mm: AddressSpace,
  s: Segment,
  bias: number,
  file: OpenFile,
  pages: PageCache,
  replace: boolean,
): number => {
  const vaddr = s.vaddr + bias;
  const start = pageDown(vaddr);
  const fileEnd = vaddr + s.filesz;
  const end = pageUp(vaddr + s.memsz);
  const how = replace ? 'fixed' : 'noreplace';
  let fresh = start;
  if (s.filesz > 0) {
    fresh = pageUp(fileEnd);
    const r = mm.map(
      start,
      fresh - start,
      {
        prot: s.prot,
        shared: false,
        pages,
        pageOffset: (s.offset - (vaddr - start)) / PAGE,
        file,
        name: '',
        flags: 0,
      },
      how,
    );
    if (r < 0) return r;
    // Only a writable segment has to get its zeros; others show the file's bytes there, as on Linux.
    if (s.memsz > s.filesz && s.prot & PROT_WRITE && !mm.clear(fileEnd, Math.min(fresh, end) - fileEnd)) {
      if (mm.waiting) return -EINVAL;
      // Mapped beyond the end of a truncated file: the first access will say so (SIGBUS), unless memory is out.
      const why = mm.fault(fileEnd, 'write');
      return why !== 'resolved' && 'signo' in why && why.signo === 9 ? -ENOMEM : -EINVAL;
    }
  }
  if (end > fresh) {
    const r = mm.map(fresh, end - fresh, anonymous(s.prot), how);
    if (r < 0) return r;
  }
  return 0;
};

/**
 * Maps an image. Movable programs go to `base` (PIE_BASE), or where program images have their own addresses
 * when base is null. Returns -errno when it does not fit.
 */
export const loadElf = (
  mm: AddressSpace,
  image: Image,
  file: OpenFile,
  pages: PageCache,
  base: number | null,
): Loaded | number => {
  let bias = 0;
  if (image.movable) {
    const length = pageUp(image.high) - image.low;
    if (length > TASK_SIZE) return -ENOMEM;
    let at = base;
    if (at === null) {
      // One mapping for all of it chooses the place, as ld.so does; the segments then replace it.
      at = mm.map(
        0,
        length,
        { prot: 0, shared: false, pages, pageOffset: 0, file, name: '', flags: 0 },
        'hint',
      );
      if (at < 0) return at;
      mm.unmap(at, length);
    } else {
      let align = PAGE;
      for (const s of image.segments)
        if (s.align > align && s.align <= 2 ** 40 && Number.isInteger(Math.log2(s.align))) align = s.align;
      at = Math.floor(at / align) * align;
    }
    bias = at - image.low;
  }
  let first = true;
  for (const s of image.segments) {
    if (s.memsz === 0) continue;
    if (s.vaddr + bias + s.memsz > TASK_SIZE) return -EINVAL;
    const r = mapSegment(mm, s, bias, file, pages, !first);
    if (r < 0) return r;
    first = false;
  }
  const entry = image.entry + bias;
  if (!(entry < TASK_SIZE)) return -EINVAL;
  return { bias, entry };
};
