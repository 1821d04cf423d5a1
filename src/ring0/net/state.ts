// What networking keeps for one machine; made on first use.

import { MAGIC } from '../../abi/stat.ts';
import type { Kernel } from '../kernel.ts';
import { withoutBlocks } from '../vfs/attr.ts';
import { anonymousDev } from '../vfs/state.ts';
import type { FileSystem, Inode } from '../vfs/types.ts';
import { newUnixState, type UnixState } from './unix/types.ts';

export interface NetState {
  /** The file system of sockets, which have no names in it. */
  readonly fs: FileSystem;
  /** Inode number of the next socket. */
  nextIno: number;
  readonly unix: UnixState;
}

const newSockFs = (kernel: Kernel): FileSystem => ({
  type: 'sockfs',
  dev: anonymousDev(kernel),
  readonly: false,
  get root(): Inode {
    throw new Error('sockfs has no root');
  },
  statfs: () => withoutBlocks(MAGIC.sockfs),
});

export const netOf = (kernel: Kernel): NetState => {
  kernel.net ??= { fs: newSockFs(kernel), nextIno: 1, unix: newUnixState() };
  return kernel.net;
};
