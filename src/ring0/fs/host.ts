// A folder of the host as a file system. Every step on the host goes from an already opened directory to one
// name in it, without following symbolic links, so that neither a link nor a race leads out of the folder;
// links are handed to the guest's own path walk. The host itself is reached through `HostFiles`.

import { MAGIC, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../abi/stat.ts';
import type { Kernel } from '../kernel.ts';
import { withoutBlocks } from '../vfs/attr.ts';
import { anonymousDev, vfsOf } from '../vfs/state.ts';
import type { FileSystem, StatFs } from '../vfs/types.ts';
import { HostDir, type HostView } from './host-dir.ts';
import { HostFile } from './host-file.ts';
import type { HostFiles, HostHandle, HostStat } from './host-files.ts';
import { HostInode, HostLink, sameFile } from './host-inode.ts';
import type { Specials } from './host-specials.ts';

export interface HostFsOptions {
  /** Host path of a directory or a regular file. */
  readonly path: string;
  readonly readonly: boolean;
  /** For how many ns names and attributes may be believed without asking the host again. */
  readonly trustNs: number;
  readonly view?: HostView;
  /** Where the files are that the host cannot have; absent: there can be none. */
  readonly specials?: Specials;
}

/** Host descriptors kept open for inodes that nobody has open. */
const MAX_IDLE_HANDLES = 256;

export class HostFs implements FileSystem {
  readonly type = 'hostfs';
  readonly dev: number;
  readonly readonly: boolean;
  readonly root: HostInode;
  readonly files: HostFiles;
  readonly kernel: Kernel;
  readonly trustNs: number;
  readonly specials: Specials | null;
  readonly #inodes = new Map<string, HostInode>();
  /** Inodes with a handle that may be closed, least recently used first. */
  readonly #idle = new Set<HostInode>();
  /** The one that was put there last. */
  #latest: HostInode | null = null;

  private constructor(
    kernel: Kernel,
    files: HostFiles,
    options: HostFsOptions,
    handle: HostHandle,
    stat: HostStat,
  ) {
    this.kernel = kernel;
    this.files = files;
    this.readonly = options.readonly;
    this.trustNs = options.trustNs;
    this.specials = options.specials ?? null;
    this.dev = this.specials?.device(stat) ?? anonymousDev(kernel);
    this.root = this.#make(stat, null, '', options.view ?? null);
    this.root.handle = handle;
    this.root.pins = 1;
    vfsOf(kernel).reclaim.add(() => this.#reclaim());
  }

  /** Opens a folder (or a single file) of the host; -errno. */
  static open(kernel: Kernel, files: HostFiles, options: HostFsOptions): HostFs | number {
    const handle = files.root(options.path);
    if (handle < 0) return handle;
    const stat = files.stat(handle);
    return typeof stat === 'number' ? stat : new HostFs(kernel, files, options, handle, stat);
  }

  #make(stat: HostStat, parent: HostInode | null, name: string, view: HostView | null): HostInode {
    const kind = stat.mode & S_IFMT;
    const inode =
      kind === S_IFREG
        ? new HostFile(this, stat, parent, name)
        : kind === S_IFDIR
          ? new HostDir(this, stat, parent, name, view)
          : kind === S_IFLNK
            ? new HostLink(this, stat, parent, name)
            : new HostInode(this, stat, parent, name);
    this.#inodes.set(stat.id, inode);
    return inode;
  }

  /** The one inode object for a host inode. */
  intern(stat: HostStat, parent: HostInode, name: string, view: HostView | null): HostInode {
    const known = this.#inodes.get(stat.id);
    // The number may have been given to a new file since.
    if (known !== undefined && sameFile(known.st, stat)) {
      if (known.parent !== null) {
        known.parent = parent;
        known.name = name;
      }
      known.refresh(stat);
      return known;
    }
    if (known !== undefined && known.holders === 0) known.release();
    else if (known !== undefined) this.closeHandle(known);
    return this.#make(stat, parent, name, view);
  }

  /** The inode of a file that was opened for writing and has no name; -errno. */
  nameless(handle: HostHandle): HostFile | number {
    const stat = this.files.stat(handle);
    if (typeof stat === 'number') {
      this.files.close(handle);
      return stat;
    }
    const file = new HostFile(this, stat, null, '');
    this.#inodes.set(stat.id, file);
    file.handle = handle;
    file.handleFor = 'write';
    // It could not be opened again.
    file.pins = 1;
    return file;
  }

  /** A nameless file is another one on the host now, which is open for writing. */
  rebind(file: HostFile, handle: HostHandle, stat: HostStat): void {
    this.forget(file);
    this.#inodes.set(stat.id, file);
    file.refresh(stat);
    file.handle = handle;
    file.handleFor = 'write';
    file.unpin();
  }

  forget(inode: HostInode): void {
    if (this.#inodes.get(inode.st.id) === inode) this.#inodes.delete(inode.st.id);
    this.closeHandle(inode);
  }

  now(): number {
    return this.trustNs === Number.POSITIVE_INFINITY ? 0 : this.kernel.clock.monotonic();
  }

  fresh(at: number): boolean {
    return this.trustNs === Number.POSITIVE_INFINITY || this.kernel.clock.monotonic() - at < this.trustNs;
  }

  /** Marks a handle as used just now; closes the one idle for longest when there are many. */
  used(inode: HostInode): void {
    if (inode === this.#latest && inode.pins === 0) return;
    this.#idle.delete(inode);
    if (inode.pins > 0 || inode.handle < 0) return;
    this.#latest = inode;
    this.#idle.add(inode);
    if (this.#idle.size <= MAX_IDLE_HANDLES) return;
    for (const old of this.#idle) {
      if (old === inode) continue;
      // Pinned ones come back when they are let go.
      if (old.pins > 0) this.#idle.delete(old);
      else this.closeHandle(old);
      return;
    }
  }

  closeHandle(inode: HostInode): void {
    this.#idle.delete(inode);
    if (this.#latest === inode) this.#latest = null;
    if (inode.handle < 0) return;
    this.files.close(inode.handle);
    inode.handle = -1;
    inode.handleFor = 'path';
  }

  #reclaim(): number {
    let n = 0;
    for (const inode of this.#inodes.values()) if (inode instanceof HostFile) n += inode.pages.reclaim();
    return n;
  }

  statfs(): StatFs {
    const s = this.files.statfs(this.root.handle);
    if (typeof s !== 'number') return s;
    return withoutBlocks(MAGIC.ext);
  }

  sync(): void {
    for (const inode of this.#inodes.values()) if (inode instanceof HostFile) inode.fsync();
  }

  /** Closes every host descriptor: the machine ends. */
  close(): void {
    this.sync();
    for (const inode of this.#inodes.values()) this.closeHandle(inode);
  }
}
