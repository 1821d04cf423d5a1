// A host folder that may be changed without changing the host: everything below is the folder's until it is
// touched, and then this file system's own, in memory. Unlike overlayfs an inode keeps its identity when it is
// copied up, so that hard links, renamed directories and open descriptors behave as on a single file system.

import { EEXIST, ENOENT } from '../../abi/errno.ts';
import { MAGIC, S_IFDIR } from '../../abi/stat.ts';
import { COST, type KernelHeap } from '../heap.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task/types.ts';
import type { AttrChange } from '../vfs/attr.ts';
import { vfsOf } from '../vfs/state.ts';
import type { FileOps, InodeAttr, StatFs } from '../vfs/types.ts';
import { HostDir } from './host-dir.ts';
import { HostFile } from './host-file.ts';
import type { HostStat } from './host-files.ts';
import { type HostInode, HostLink } from './host-inode.ts';
import { MemDir, MemFile, MemFs, MemLink, MemNode } from './tmpfs.ts';

/** What a directory of a disk file system takes at least. */
const NEW_DIR_SIZE = 4096;
/** Numbers of inodes made in the overlay; those of the lower folder keep the host's. */
const FIRST_INO = 2 ** 40;

export class OverlayFs extends MemFs {
  /** Nodes for lower files with several names. */
  readonly linked = new Map<HostInode, MemNode>();
  /** Files with pages of the lower folder in memory. */
  readonly loaded = new Set<OverlayFile>();
  readonly #heap: KernelHeap;

  /** `lower` is the root directory of a host folder. */
  constructor(kernel: Kernel, lower: HostDir) {
    super(
      kernel,
      { type: 'overlay', magic: MAGIC.overlay, firstIno: FIRST_INO, maxPages: 0, maxNames: 0 },
      (fs) => new OverlayDir(fs, lower, null),
    );
    this.#heap = kernel.heap;
    vfsOf(kernel).reclaim.add(() => {
      let n = 0;
      for (const f of this.loaded) n += f.pages.reclaim();
      return n;
    });
  }

  /** No table of inodes is set aside; as many can be made as the kernel's heap holds. */
  override statfs(): StatFs {
    const { limit, used } = this.#heap;
    const most = (bytes: number): number => Math.max(0, Math.floor(bytes / COST.name));
    return { ...super.statfs(), files: most(limit), ffree: most(limit - used) };
  }

  /** What was changed stays: the lower folder may be shown again. */
  override discard(): void {}
}

/** The overlay's node for something of the lower folder. */
const nodeFor = (dir: OverlayDir, lower: HostInode): MemNode => {
  const fs = dir.fs;
  const { linked } = fs as OverlayFs;
  const shared = lower.st.nlink > 1 && !(lower instanceof HostDir);
  const known = shared ? linked.get(lower) : undefined;
  if (known !== undefined) return known;
  let node: MemNode;
  if (lower instanceof HostDir) node = new OverlayDir(fs, lower, dir);
  else if (lower instanceof HostFile) node = new OverlayFile(fs, lower, dir);
  else if (lower instanceof HostLink) node = new OverlayLink(fs, lower);
  else node = new OverlaySpecial(fs, { ...lower.st });
  if (shared) linked.set(lower, node);
  return node;
};

/** Something of the host that is shown but cannot be opened. */
class OverlaySpecial extends MemNode {
  open(task: Task): number {
    return -(task.cred.fsuid === 0 ? 6 : 13);
  }
}

class OverlayLink extends MemLink {
  readonly #lower: HostLink;
  #settled = false;

  constructor(fs: MemFs, lower: HostLink) {
    const target = lower.readlink();
    super(fs, { ...lower.st }, typeof target === 'number' ? '' : target);
    this.#lower = lower;
  }

  get lower(): HostInode {
    return this.#lower;
  }

  override get settled(): boolean {
    return this.#settled;
  }

  override change(): void {
    this.#settled = true;
  }
}

export class OverlayFile extends MemFile {
  readonly lower: HostFile;
  readonly #parent: OverlayDir | null;
  #settled = false;
  /** What the cached pages were read from. */
  #cached: HostStat | null = null;

  constructor(fs: MemFs, lower: HostFile, parent: OverlayDir | null) {
    super(fs, { ...lower.st });
    this.lower = lower;
    this.#parent = parent;
  }

  override get settled(): boolean {
    return this.#settled;
  }

  override attr(): InodeAttr {
    if (this.#settled) return super.attr();
    const st = this.lower.attr();
    return typeof st === 'number' ? this.lower.st : st;
  }

  origin(): string | null {
    return this.#settled ? null : this.lower.origin();
  }

  /** Takes over the lower file's attributes, and its contents page by page as they are needed. */
  override change(): void {
    if (this.#settled) return;
    this.#load();
    this.a = { ...this.attr() };
    this.#settled = true;
    // Its pages come from the host as long as it lives.
    this.lower.pin();
    this.#parent?.change();
  }

  #load(): number {
    const st = this.lower.readable();
    if (typeof st === 'number') return st;
    const known = this.#cached;
    const same =
      known !== null &&
      known.size === st.size &&
      known.mtime.sec === st.mtime.sec &&
      known.mtime.nsec === st.mtime.nsec;
    if (same || (known !== null && (this.holders > 0 || this.pages.mapped))) return 0;
    this.pages.setSource(this.lower, st.size);
    this.#cached = st;
    if (this.fs instanceof OverlayFs) this.fs.loaded.add(this);
    return 0;
  }

  override open(): FileOps | number {
    if (!this.#settled) {
      const r = this.#load();
      if (r < 0) return r;
    }
    this.lower.pin();
    return super.open();
  }

  closed(): void {
    this.lower.unpin();
  }

  override setattr(c: AttrChange): number {
    this.change();
    return super.setattr(c);
  }

  override release(): void {
    super.release();
    if (this.fs instanceof OverlayFs) this.fs.loaded.delete(this);
    if (this.#settled) this.lower.unpin();
    this.#settled = true;
  }
}

export class OverlayDir extends MemDir {
  /** Null once it is opaque: made here, or emptied. */
  readonly lower: HostDir | null;
  readonly #parent: OverlayDir | null;
  #settled: boolean;
  /** What was found once stays: there is no lower folder, or it is believed not to change. */
  readonly #steady: boolean;

  constructor(fs: MemFs, lower: HostDir | null, parent: OverlayDir | null, attr?: InodeAttr) {
    super(fs, S_IFDIR, 0, 0, attr ?? (lower === null ? undefined : { ...lower.st }));
    this.lower = lower;
    this.#parent = parent;
    this.#settled = lower === null;
    this.#steady = lower === null || lower.fs.trustNs === Number.POSITIVE_INFINITY;
  }

  override get settled(): boolean {
    return this.#settled;
  }

  override attr(): InodeAttr {
    if (this.lower === null) this.a.size = NEW_DIR_SIZE;
    if (this.#settled || this.lower === null) return this.a;
    const st = this.lower.attr();
    return typeof st === 'number' ? this.lower.st : st;
  }

  override change(): void {
    if (this.#settled) return;
    this.a = { ...this.attr() };
    this.#settled = true;
    this.#parent?.change();
  }

  override find(name: string): MemNode | number {
    const own = this.entries.get(name);
    if (own === null) return -ENOENT;
    if (own !== undefined && (this.#steady || own.settled)) return own;
    if (this.lower === null) return -ENOENT;
    const below = this.lower.onHost(name);
    if (typeof below === 'number') {
      if (own !== undefined) this.entries.delete(name);
      return below;
    }
    if (own !== undefined && lowerOf(own) === below) return own;
    const node = nodeFor(this, below);
    this.entries.set(name, node);
    return node;
  }

  override names(): readonly string[] | number {
    const below = this.lower?.names() ?? [];
    if (typeof below === 'number') return below;
    const list: string[] = [];
    for (const name of below) if (typeof this.find(name) !== 'number') list.push(name);
    const seen = new Set(list);
    for (const [name, node] of this.entries) if (node !== null && !seen.has(name)) list.push(name);
    return list;
  }

  protected override drop(name: string): void {
    const hidden = this.lower !== null && typeof this.lower.onHost(name) !== 'number';
    if (hidden) this.entries.set(name, null);
    else this.entries.delete(name);
  }

  protected override newDir(mode: number, uid: number, gid: number): MemDir {
    const made = new OverlayDir(this.fs, null, this);
    made.setattr({ mode, uid, gid });
    return made;
  }

  /** Makes a directory here that the host does not have (or shows the one that is there). */
  ensureDir(name: string, mode: number): OverlayDir | number {
    const there = this.find(name);
    if (there instanceof OverlayDir) return there;
    if (typeof there !== 'number') return -EEXIST;
    const made = this.create(name, S_IFDIR | mode, 0, 0, 0);
    return made instanceof OverlayDir ? made : -EEXIST;
  }
}

const lowerOf = (node: MemNode): HostInode | null => {
  if (node instanceof OverlayFile || node instanceof OverlayDir || node instanceof OverlayLink)
    return node.lower;
  return null;
};
