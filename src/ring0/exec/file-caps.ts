// Capabilities of files: the attribute security.capability (struct vfs_cap_data of linux/capability.h).

import { fromWords } from '../task/creds.ts';
import type { Inode } from '../vfs/types.ts';

export const FILE_CAPS = 'security.capability';

export interface FileCaps {
  readonly permitted: number;
  readonly inheritable: number;
  readonly effective: boolean;
}

const REVISION_2 = 0x02000000;
const REVISION_3 = 0x03000000;
const EFFECTIVE = 1;
/** Bytes of each revision; the third has the id of a user namespace's root besides. */
const SIZES: Readonly<Record<number, number>> = { [REVISION_2]: 20, [REVISION_3]: 24 };

/** What the attribute says; null when it is none that setxattr(2) takes, or one of another user namespace. */
export const parseFileCaps = (value: Uint8Array): FileCaps | null => {
  if (value.length < 4) return null;
  const word = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const magic = word.getUint32(0, true);
  const revision = (magic & 0xff000000) >>> 0;
  if (SIZES[revision] !== value.length || (magic & 0xffffff & ~EFFECTIVE) !== 0) return null;
  if (revision === REVISION_3 && word.getUint32(20, true) !== 0) return null;
  return {
    permitted: fromWords(word.getUint32(4, true), word.getUint32(12, true)),
    inheritable: fromWords(word.getUint32(8, true), word.getUint32(16, true)),
    effective: (magic & EFFECTIVE) !== 0,
  };
};

/** The same as revision 2, which is what reading shows in the user namespace that is the file's own. */
export const asRevision2 = (value: Uint8Array): Uint8Array => {
  const v = value.slice(0, 20);
  v[3] = REVISION_2 >>> 24;
  return v;
};

/** Those of a file that is to be executed. */
export const fileCapsOf = (inode: Inode): FileCaps | null => {
  if (!inode.hasCaps) return null;
  const value = inode.getxattr?.(FILE_CAPS) ?? 0;
  return typeof value === 'number' ? null : parseFileCaps(value);
};

/** Writing to a file and changing its owner take its capabilities away (cap_inode_killpriv of the kernel). */
export const dropFileCaps = (inode: Inode): void => {
  if (!inode.hasCaps) return;
  inode.hasCaps = false;
  inode.removexattr?.(FILE_CAPS);
};
