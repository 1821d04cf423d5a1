// Files of huge pages (memfd_create, MFD_HUGETLB). No huge page is set aside (/proc/sys/vm/nr_hugepages), so that they have a
// size, and nothing can be mapped or allocated.

import { EINVAL, ENOMEM } from '../../abi/errno.ts';
import { MAGIC } from '../../abi/stat.ts';
import type { Kernel } from '../kernel.ts';
import type { AttrChange } from '../vfs/attr.ts';
import { pagedOps } from '../vfs/file.ts';
import type { FileOps, InodeAttr, StatFs } from '../vfs/types.ts';
import { MemFile, MemFs } from './tmpfs.ts';

/** Bytes of a huge page (Hugepagesize of /proc/meminfo), the only size there is. */
export const HUGE_PAGE = 2 * 1024 * 1024;

export class HugeFs extends MemFs {
  constructor(kernel: Kernel) {
    super(kernel, { type: 'hugetlbfs', magic: MAGIC.hugetlbfs, maxNames: 0 });
    this.quota.limit = 0;
  }

  override statfs(): StatFs {
    return { ...super.statfs(), bsize: HUGE_PAGE, blocks: 0, bfree: 0, bavail: 0 };
  }
}

export class HugeFile extends MemFile {
  constructor(fs: HugeFs, attr: InodeAttr) {
    super(fs, { ...attr, blksize: HUGE_PAGE });
  }

  override open(): FileOps {
    return { ...pagedOps(this), write: () => -EINVAL, mmapPages: () => -ENOMEM };
  }

  override setattr(c: AttrChange): number {
    return c.size !== undefined && c.size % HUGE_PAGE !== 0 ? -EINVAL : super.setattr(c);
  }
}
