// devpts, the file system of /dev/pts: ptmx, and a node for every pty whose master is open.

import { DT_CHR } from '../../abi/dirent.ts';
import { EIO, ENOENT } from '../../abi/errno.ts';
import { MS_NOEXEC, MS_NOSUID } from '../../abi/fcntl.ts';
import { MAGIC, makedev, S_IFCHR } from '../../abi/stat.ts';
import { TTYAUX_MAJOR } from '../../abi/termios.ts';
import { type Owner, PseudoDir, PseudoFs, PseudoNode } from '../fs/proc-node.ts';
import { findPath } from '../fs/root.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task/types.ts';
import type { AttrChange } from '../vfs/attr.ts';
import { attach } from '../vfs/dentry.ts';
import { mountFs } from '../vfs/mount.ts';
import { openPath } from '../vfs/open.ts';
import { vfsOf } from '../vfs/state.ts';
import type { DirEntry, Inode, InodeAttr, OpenFile, Path } from '../vfs/types.ts';
import type { Block } from '../wait.ts';
import { ptysOf, registerTerminals } from './pty.ts';
import type { Tty } from './types.ts';

/** Inode numbers: the root is 1, ptmx 2, terminals follow from 3. */
const FIRST_INO = 3;

class PtmxNode extends PseudoNode {
  #node = { uid: 0, gid: 0, mode: 0o666 };

  constructor(fs: PseudoFs) {
    super(fs, S_IFCHR | 0o666);
  }

  override attr(): InodeAttr | number {
    const a = super.attr();
    const { uid, gid, mode } = this.#node;
    return typeof a === 'number'
      ? a
      : { ...a, uid, gid, mode: S_IFCHR | mode, rdev: makedev(TTYAUX_MAJOR, 2) };
  }

  override setattr(c: AttrChange): number {
    this.#node = changed(this.#node, c);
    return 0;
  }
}

const changed = <T extends Owner & { mode: number }>(node: T, c: AttrChange): T => ({
  ...node,
  uid: c.uid ?? node.uid,
  gid: c.gid ?? node.gid,
  mode: c.mode === undefined ? node.mode : c.mode & 0o7777,
});

class SlaveNode extends PseudoNode {
  readonly #tty: Tty;

  constructor(fs: PseudoFs, tty: Tty) {
    super(fs, S_IFCHR);
    this.#tty = tty;
  }

  override attr(): InodeAttr | number {
    const a = super.attr();
    const { node, rdev, index } = this.#tty;
    return typeof a === 'number'
      ? a
      : { ...a, ino: FIRST_INO + index, mode: S_IFCHR | node.mode, uid: node.uid, gid: node.gid, rdev };
  }

  override setattr(c: AttrChange): number {
    this.#tty.node = changed(this.#tty.node, c);
    return 0;
  }
}

class PtsDir extends PseudoDir {
  readonly #made = new WeakMap<Tty, SlaveNode>();

  constructor(fs: PseudoFs) {
    super(fs, 0o755);
    this.put('ptmx', new PtmxNode(fs));
  }

  node(tty: Tty): SlaveNode {
    let node = this.#made.get(tty);
    if (node === undefined) {
      node = new SlaveNode(this.fs, tty);
      this.#made.set(tty, node);
    }
    return node;
  }

  override lookup(name: string): Inode | number {
    const found = super.lookup(name);
    if (found !== -ENOENT || !/^(0|[1-9]\d*)$/.test(name)) return found;
    const tty = ptysOf(this.fs.kernel).get(Number(name));
    return tty?.masterOpen ? this.node(tty) : -ENOENT;
  }

  override readdir(): readonly DirEntry[] {
    const list: DirEntry[] = [{ name: 'ptmx', ino: 2, type: DT_CHR }];
    for (const tty of ptysOf(this.fs.kernel).values()) {
      if (tty.masterOpen) list.push({ name: String(tty.index), ino: FIRST_INO + tty.index, type: DT_CHR });
    }
    return list;
  }
}

const devPts = (kernel: Kernel): PseudoFs => {
  const vfs = vfsOf(kernel);
  vfs.pts ??= new PseudoFs(kernel, 'devpts', MAGIC.devpts, (fs) => new PtsDir(fs));
  return vfs.pts as PseudoFs;
};

/** Where the slave's node is: in the first mount of devpts. */
const pathOf = (kernel: Kernel, tty: Tty): Path | null => {
  const fs = devPts(kernel);
  const mount = kernel.mounts.list.find((m) => m.fs === fs);
  if (mount === undefined || !(fs.root instanceof PtsDir)) return null;
  return { mount, dentry: attach(mount.root, String(tty.index), fs.root.node(tty)) };
};

/** Opens the slave of a pty by its node, whatever the permissions. */
export const openTerminal = (task: Task, tty: Tty, flags: number): OpenFile | number | Block => {
  const path = pathOf(task.kernel, tty);
  return path === null ? -EIO : openPath(task, path, flags, true);
};

/** Makes terminals work on a machine: their devices, and devpts where the root has /dev/pts. */
export const mountTerminals = (kernel: Kernel, root: Path): void => {
  registerTerminals(kernel, openTerminal);
  vfsOf(kernel).types.set('devpts', (k) => devPts(k));
  const at = findPath(root, '/dev/pts');
  if (at !== null) mountFs(kernel, devPts(kernel), at, { source: 'devpts', flags: MS_NOSUID | MS_NOEXEC });
};
