// mprotect(2) and the rights of pages that are already there.

import { EACCES, EINVAL, ENOMEM, EPERM } from '../../abi/errno.ts';
import { F_SEAL_FUTURE_WRITE, F_SEAL_WRITE } from '../../abi/fcntl.ts';
import {
  MAP_GROWSDOWN,
  PROT_EXEC,
  PROT_GROWSDOWN,
  PROT_GROWSUP,
  PROT_READ,
  PROT_SEM,
  PROT_WRITE,
} from '../../abi/mman.ts';
import { PTE } from '../../ring3/cpu.ts';
import { canWrite } from '../vfs/file.ts';
import { findMapping, rightsOf } from './fault.ts';
import { isPageAligned, PAGE, pageUp } from './layout.ts';
import { covers, indexAfter, maySplit } from './mappings.ts';
import { isolate, type MutableSpace, mergeRange } from './ranges.ts';
import { type Mapping, VM } from './types.ts';

const PROT_ALL = PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM;

/** Whether a mapping may ever be written: not if it shares a file that was opened for reading only. */
export const mayWrite = ({ shared, file }: Mapping): boolean =>
  !shared ||
  file === null ||
  (canWrite(file) && ((file.inode.seals ?? 0) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) === 0);

/** Gives the present pages of a mapping its rights. Write access comes back by faults, which know about sharing. */
const applyRights = (space: MutableSpace, m: Mapping): void => {
  const { pageTable } = space;
  const rights = rightsOf(m.prot);
  pageTable.each(m.start / PAGE, m.end / PAGE, (page, frame, access) => {
    const next = (rights & ~PTE.write) | (rights & access & PTE.write);
    if (next === access) return;
    if (m.shared && m.pages && access & ~next & PTE.write)
      m.pages.dirty(m.pageOffset + (page - m.start / PAGE));
    pageTable.set(page, frame, next);
  });
};

export const protectRange = (space: MutableSpace, addr: number, length: number, prot: number): number => {
  const grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
  if (grows === (PROT_GROWSDOWN | PROT_GROWSUP) || !isPageAligned(addr)) return -EINVAL;
  if (length === 0) return 0;
  const end = addr + pageUp(length);
  if (!(end > addr && end < 2 ** 64)) return -ENOMEM;
  const wanted = prot & ~(PROT_GROWSDOWN | PROT_GROWSUP);
  if (wanted & ~PROT_ALL) return -EINVAL;
  let start = addr;
  if (grows === PROT_GROWSUP) return -EINVAL;
  if (grows === PROT_GROWSDOWN) {
    const m = space.list[indexAfter(space.list, addr)];
    if (!m || m.start >= end) return -ENOMEM;
    if (!(m.flags & MAP_GROWSDOWN)) return -EINVAL;
    start = m.start;
  } else if (!findMapping(space.list, addr)) return -ENOMEM;

  const bits = wanted & (PROT_READ | PROT_WRITE | PROT_EXEC);
  if (!maySplit(space.list, start, end)) return -ENOMEM;
  const whole = covers(space.list, start, end);
  const [from, to] = isolate(space, start, end);
  let result = whole ? 0 : -ENOMEM;
  let at = start;
  for (let i = from; i < to; i++) {
    const m = space.list[i] as Mapping;
    // Linux stops at the first hole; what lies before it has been changed.
    if (m.start !== at) break;
    at = m.end;
    if (m.flags & VM.sealed) {
      result = -EPERM;
      break;
    }
    if (bits & PROT_WRITE && !mayWrite(m)) {
      result = -EACCES;
      break;
    }
    if (bits & PROT_EXEC && m.file && space.isNoExec(m.file)) {
      result = -EACCES;
      break;
    }
    if (m.prot === bits) continue;
    m.prot = bits;
    applyRights(space, m);
  }
  mergeRange(space, start, end);
  return result;
};
