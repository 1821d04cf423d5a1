// A folder of the host as a file system. Every step on the host goes from an already opened directory to one
// name in it, without following symbolic links, so that neither a link nor a race leads out of the folder;
// links are handed to the guest's own path walk. The host itself is reached through `HostFiles`.

import { direntType } from '../../abi/dirent.ts';
import {
  EACCES,
  EEXIST,
  EINVAL,
  EIO,
  ENOENT,
  EOPNOTSUPP,
  EPERM,
  EROFS,
  ESTALE,
  EXDEV,
} from '../../abi/errno.ts';
import { O_ACCMODE, O_RDONLY, RENAME_EXCHANGE, RENAME_NOREPLACE } from '../../abi/fcntl.ts';
import { MAGIC, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../abi/stat.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task/types.ts';
import { directoryOps, type PagedInode, pagedOps } from '../vfs/file.ts';
import { PAGE_SIZE, type PageSource, Pages } from '../vfs/pagecache.ts';
import { anonymousDev, vfsOf } from '../vfs/state.ts';
import type { DirEntry, FileOps, FileSystem, Inode, InodeAttr, StatFs } from '../vfs/types.ts';
import type { AttrChange } from './tmpfs.ts';

/** An open file or directory of the host; >= 0. */
export type HostHandle = number;

export interface HostStat extends InodeAttr {
  /** Exact identity of the inode on the host: device and number. */
  readonly id: string;
}

/**
 * The host's file system, synchronous. Names and link targets are byte strings. `dir` is a handle of a
 * directory, `name` one component. Nothing follows a symbolic link at `name`. Errors are negated errno.
 */
export interface HostFiles {
  /** Opens where a mount starts. Here links are followed: the path is the caller's own. */
  root(path: string): HostHandle | number;
  stat(handle: HostHandle): HostStat | number;
  lstat(dir: HostHandle, name: string): HostStat | number;
  /** 'path' only holds on to it; 'read' and 'write' open its contents. The caller compares `stat` before use. */
  open(dir: HostHandle, name: string, how: 'path' | 'read' | 'write'): HostHandle | number;
  /** Opens the contents of what a handle holds on to. */
  reopen(handle: HostHandle, how: 'read' | 'write'): HostHandle | number;
  close(handle: HostHandle): void;
  list(handle: HostHandle): readonly string[] | number;
  readlink(dir: HostHandle, name: string): string | number;
  read(handle: HostHandle, buf: Uint8Array, at: number, n: number, pos: number): number;
  write(handle: HostHandle, buf: Uint8Array, at: number, n: number, pos: number): number;
  truncate(handle: HostHandle, size: number): number;
  sync(handle: HostHandle): number;
  /** Makes an empty regular file; fails if the name is taken. */
  create(dir: HostHandle, name: string, mode: number): number;
  mkdir(dir: HostHandle, name: string, mode: number): number;
  symlink(dir: HostHandle, name: string, target: string): number;
  link(handle: HostHandle, dir: HostHandle, name: string): number;
  unlink(dir: HostHandle, name: string): number;
  rmdir(dir: HostHandle, name: string): number;
  rename(dir: HostHandle, name: string, toDir: HostHandle, toName: string): number;
  chmod(handle: HostHandle, mode: number): number;
  chown(handle: HostHandle, uid: number, gid: number): number;
  utimes(dir: HostHandle, name: string, attr: Pick<InodeAttr, 'atime' | 'mtime'>): number;
  statfs(handle: HostHandle): StatFs | number;
}

/**
 * Which names of a folder are shown: false hides a name, true shows it with everything below, a view shows it
 * and decides below.
 */
export type HostView = (name: string, stat: HostStat) => boolean | HostView;

export interface HostFsOptions {
  /** Host path of a directory or a regular file. */
  readonly path: string;
  readonly readonly: boolean;
  /** For how many ns names and attributes may be believed without asking the host again. */
  readonly trustNs: number;
  readonly view?: HostView;
}

/** Names of a directory that are remembered not to be there: a program can ask for any number. */
const MAX_ABSENT = 4096;
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
    this.dev = anonymousDev(kernel);
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
    if (known !== undefined) this.closeHandle(known);
    return this.#make(stat, parent, name, view);
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
    return {
      type: MAGIC.ext,
      bsize: 4096,
      blocks: 0,
      bfree: 0,
      bavail: 0,
      files: 0,
      ffree: 0,
      namelen: 255,
      flags: 0,
    };
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

const sameFile = (a: HostStat, b: HostStat): boolean =>
  a.id === b.id &&
  (a.mode & S_IFMT) === (b.mode & S_IFMT) &&
  a.btime.sec === b.btime.sec &&
  a.btime.nsec === b.btime.nsec;

const sameContents = (a: HostStat, b: HostStat): boolean =>
  a.size === b.size &&
  a.mtime.sec === b.mtime.sec &&
  a.mtime.nsec === b.mtime.nsec &&
  a.ctime.sec === b.ctime.sec &&
  a.ctime.nsec === b.ctime.nsec;

/** A host inode of any kind; by itself, one that is shown but cannot be opened (socket, device, FIFO). */
export class HostInode implements Inode {
  readonly fs: HostFs;
  st: HostStat;
  /** Directory and name it was last found under; null for the root of the mount. */
  parent: HostInode | null;
  name: string;
  handle: HostHandle = -1;
  handleFor: 'path' | 'read' | 'write' = 'path';
  /** The host has it no more: what was last known is all there is. */
  gone = false;
  /** Reasons to keep the handle open. */
  pins = 0;
  holders = 0;
  writers = 0;
  locks = null;
  #checkedAt: number;

  constructor(fs: HostFs, st: HostStat, parent: HostInode | null, name: string) {
    this.fs = fs;
    this.st = st;
    this.parent = parent;
    this.name = name;
    this.#checkedAt = fs.now();
  }

  refresh(st: HostStat): void {
    this.st = st;
    this.#checkedAt = this.fs.now();
  }

  /** Asks the host again. */
  restat(): HostStat | number {
    const { files } = this.fs;
    if (this.handle >= 0) {
      const st = files.stat(this.handle);
      if (typeof st !== 'number') this.refresh(st);
      return st;
    }
    const dir = this.parent?.acquire('path') ?? -EIO;
    if (dir < 0) return dir;
    const st = files.lstat(dir, this.name);
    if (typeof st === 'number') return st;
    if (!sameFile(st, this.st)) return -ESTALE;
    this.refresh(st);
    return st;
  }

  attr(): InodeAttr | number {
    return this.gone || this.fs.fresh(this.#checkedAt) ? this.st : this.restat();
  }

  /** An open host handle good for `how`; -errno. */
  acquire(how: 'path' | 'read' | 'write'): HostHandle | number {
    const { fs } = this;
    if (this.handle >= 0 && (how === 'path' || this.handleFor === how || this.handleFor === 'write')) {
      fs.used(this);
      return this.handle;
    }
    let h: number;
    if (this.handle >= 0) {
      if (how === 'path') return this.handle;
      h = fs.files.reopen(this.handle, how);
      if (h < 0) return h;
    } else {
      const dir = this.parent?.acquire('path') ?? -EIO;
      if (dir < 0) return dir;
      h = fs.files.open(dir, this.name, how);
      if (h < 0) return h;
      const st = fs.files.stat(h);
      if (typeof st === 'number' || !sameFile(st, this.st)) {
        fs.files.close(h);
        return -ESTALE;
      }
    }
    if (this.handle >= 0) fs.files.close(this.handle);
    this.handle = h;
    this.handleFor = how;
    fs.used(this);
    return h;
  }

  pin(): void {
    this.pins++;
  }

  unpin(): void {
    this.pins--;
    if (this.pins === 0) this.fs.used(this);
  }

  open(_task: Task, _flags: number): FileOps | number {
    return -EACCES;
  }

  setattr(c: AttrChange): number {
    if (this.fs.readonly) return -EROFS;
    const { files } = this.fs;
    if (c.mode !== undefined || c.uid !== undefined || c.gid !== undefined) {
      const h = this.acquire('path');
      if (h < 0) return h;
      if (c.uid !== undefined || c.gid !== undefined) {
        const r = files.chown(h, c.uid ?? this.st.uid, c.gid ?? this.st.gid);
        if (r < 0) return r;
      }
      const r = c.mode === undefined ? 0 : files.chmod(h, c.mode & 0o7777);
      if (r < 0) return r;
    }
    if (c.atime !== undefined || c.mtime !== undefined) {
      const dir = this.parent?.acquire('path') ?? -EPERM;
      if (dir < 0) return dir;
      const times = { atime: c.atime ?? this.st.atime, mtime: c.mtime ?? this.st.mtime };
      const r = files.utimes(dir, this.name, times);
      if (r < 0) return r;
    }
    const st = this.restat();
    return typeof st === 'number' ? st : 0;
  }

  release(): void {
    this.fs.forget(this);
  }
}

export class HostLink extends HostInode {
  readlink(): string | number {
    const dir = this.parent?.acquire('path') ?? -EIO;
    return dir < 0 ? dir : this.fs.files.readlink(dir, this.name);
  }
}

/** Pages of a host file; stores through shared mappings are written back when asked for, and at close. */
class HostPages extends Pages {
  readonly #file: HostFile;

  constructor(file: HostFile, reclaim: () => number) {
    super(file.fs.kernel.cpu.frames, reclaim);
    this.#file = file;
  }

  /** Holes cannot be made on the host. */
  override punch(): number {
    return -EOPNOTSUPP;
  }

  writeback(from: number, to: number): number {
    const list = this.modified(from, to);
    if (list.length === 0) return 0;
    const h = this.#file.acquire('write');
    if (h < 0) return h;
    for (const i of list) {
      const at = this.address(i);
      const n = Math.min(PAGE_SIZE, this.size() - i * PAGE_SIZE);
      if (at === 0 || n <= 0) continue;
      const r = this.#file.fs.files.write(h, this.bytes, at, n, i * PAGE_SIZE);
      if (r < 0) return r;
      // A mapping may store again without telling.
      if (!this.mapped) this.clean(i);
    }
    this.#file.restat();
    return 0;
  }
}

export class HostFile extends HostInode implements PagedInode, PageSource {
  readonly pages: HostPages;
  #ops: FileOps | null = null;
  /** What the cached pages are a copy of. */
  #cached: HostStat | null = null;

  constructor(fs: HostFs, st: HostStat, parent: HostInode | null, name: string) {
    super(fs, st, parent, name);
    const { reclaim } = vfsOf(fs.kernel);
    this.pages = new HostPages(this, () => {
      let n = 0;
      for (const f of reclaim) n += f();
      return n;
    });
  }

  /** Reads from the host, whatever is cached. */
  read(buf: Uint8Array, at: number, n: number, pos: number): number {
    const h = this.acquire('read');
    return h < 0 ? h : this.fs.files.read(h, buf, at, n, pos);
  }

  /** Makes the contents readable; says by the stat what they are, or -errno. */
  readable(): HostStat | number {
    const h = this.acquire('read');
    if (h < 0) return h;
    return this.fs.trustNs === Number.POSITIVE_INFINITY ? this.st : this.restat();
  }

  override open(_task: Task, flags: number): FileOps | number {
    const writing = (flags & O_ACCMODE) !== O_RDONLY;
    if (writing && this.fs.readonly) return -EROFS;
    const h = this.acquire(writing ? 'write' : 'read');
    if (h < 0) return h;
    const idle = this.holders === 0 && !this.pages.mapped;
    if (idle || this.#cached === null) {
      const st = this.restat();
      if (typeof st === 'number') return st;
      if (this.#cached === null || !sameContents(this.#cached, st)) this.pages.setSource(this, st.size);
      this.#cached = st;
    }
    this.pin();
    this.#ops ??= pagedOps(this);
    return this.#ops;
  }

  closed(): void {
    this.unpin();
    if (this.writers === 0) this.pages.writeback(0, Number.POSITIVE_INFINITY);
  }

  fsync(): number {
    const r = this.fs.readonly ? 0 : this.pages.writeback(0, Number.POSITIVE_INFINITY);
    return r < 0 || this.handleFor !== 'write' ? r : this.fs.files.sync(this.handle);
  }

  wroteThrough(buf: Uint8Array, at: number, n: number, pos: number): number {
    const h = this.acquire('write');
    if (h < 0) return h;
    const r = this.fs.files.write(h, buf, at, n, pos);
    if (r > 0) this.#changed();
    return r;
  }

  override setattr(c: AttrChange): number {
    if (c.size !== undefined) {
      if (this.fs.readonly) return -EROFS;
      const h = this.acquire('write');
      if (h < 0) return h;
      const r = this.fs.files.truncate(h, c.size) || this.pages.truncateSource(c.size);
      if (r < 0) return r;
      this.#changed();
    }
    return super.setattr(c);
  }

  #changed(): void {
    const st = this.restat();
    if (typeof st !== 'number') this.#cached = st;
  }

  // The host keeps the times.
  accessed(): void {}
  modified(): void {}
}

export class HostDir extends HostInode {
  readonly #children = new Map<string, { inode: HostInode | null; at: number }>();
  /** How many of them are not there. */
  #absent = 0;
  readonly #view: HostView | null;
  #names: { list: readonly string[]; at: number } | null = null;

  constructor(fs: HostFs, st: HostStat, parent: HostInode | null, name: string, view: HostView | null) {
    super(fs, st, parent, name);
    this.#view = view;
  }

  override open(): FileOps {
    return directoryOps;
  }

  lookup(name: string): HostInode | number {
    const known = this.#children.get(name);
    if (known !== undefined && this.fs.fresh(known.at)) return known.inode ?? -ENOENT;
    const dir = this.acquire('path');
    if (dir < 0) return dir;
    const st = this.fs.files.lstat(dir, name);
    if (typeof st === 'number') {
      if (st === -ENOENT) this.#missing(name);
      return st;
    }
    const seen = this.#view?.(name, st) ?? true;
    const inode = seen === false ? null : this.fs.intern(st, this, name, seen === true ? null : seen);
    this.#children.set(name, { inode, at: this.fs.now() });
    return inode ?? -ENOENT;
  }

  #missing(name: string): void {
    if (this.fs.trustNs === 0) {
      this.#children.delete(name);
      return;
    }
    if (++this.#absent > MAX_ABSENT) {
      for (const [known, child] of this.#children) if (child.inode === null) this.#children.delete(known);
      this.#absent = 0;
    }
    this.#children.set(name, { inode: null, at: this.fs.now() });
  }

  names(): readonly string[] | number {
    if (this.#names !== null && this.fs.fresh(this.#names.at)) return this.#names.list;
    const h = this.acquire('path');
    if (h < 0) return h;
    const list = this.fs.files.list(h);
    if (typeof list === 'number') return list;
    this.#names = { list, at: this.fs.now() };
    return list;
  }

  readdir(): readonly DirEntry[] | number {
    const names = this.names();
    if (typeof names === 'number') return names;
    const list: DirEntry[] = [];
    for (const name of names) {
      const inode = this.lookup(name);
      if (typeof inode === 'number') continue;
      list.push({ name, ino: inode.st.ino, type: direntType(inode.st.mode) });
    }
    return list;
  }

  /** A change on the host, after which what is known about `name` and this directory is asked for again. */
  #change(name: string, act: (dir: HostHandle) => number): number {
    if (this.fs.readonly) return -EROFS;
    const dir = this.acquire('path');
    if (dir < 0) return dir;
    const r = act(dir);
    if (r >= 0) this.#stale(name);
    return r;
  }

  #stale(name: string): void {
    this.#children.delete(name);
    this.#names = null;
    this.restat();
  }

  #made(name: string, uid: number, gid: number, r: number): HostInode | number {
    if (r < 0) return r;
    const inode = this.lookup(name);
    if (typeof inode === 'number') return inode;
    // The guest's identity, where the host lets us.
    if (inode.st.uid !== uid || inode.st.gid !== gid) inode.setattr({ uid, gid });
    return inode;
  }

  create(name: string, mode: number, uid: number, gid: number): HostInode | number {
    const kind = mode & S_IFMT;
    const { files } = this.fs;
    if (kind !== S_IFREG && kind !== S_IFDIR && kind !== 0) return -EPERM;
    const r = this.#change(name, (dir) =>
      kind === S_IFDIR ? files.mkdir(dir, name, mode & 0o7777) : files.create(dir, name, mode & 0o7777),
    );
    return this.#made(name, uid, gid, r);
  }

  symlink(name: string, target: string, uid: number, gid: number): HostInode | number {
    const r = this.#change(name, (dir) => this.fs.files.symlink(dir, name, target));
    return this.#made(name, uid, gid, r);
  }

  link(name: string, target: Inode): number {
    if (!(target instanceof HostInode) || target.fs !== this.fs) return -EXDEV;
    const h = target.acquire('path');
    if (h < 0) return h;
    const r = this.#change(name, (dir) => this.fs.files.link(h, dir, name));
    if (r >= 0) target.restat();
    return r;
  }

  unlink(name: string): number {
    const victim = this.lookup(name);
    if (typeof victim === 'number') return victim;
    // Held, so that it can be asked for its link count and go on being read.
    victim.acquire('path');
    const r = this.#change(name, (dir) => this.fs.files.unlink(dir, name));
    if (r >= 0) victim.restat();
    return r;
  }

  rmdir(name: string): number {
    const victim = this.lookup(name);
    if (typeof victim === 'number') return victim;
    const r = this.#change(name, (dir) => this.fs.files.rmdir(dir, name));
    if (r < 0) return r;
    victim.st = { ...victim.st, nlink: 0 };
    victim.gone = true;
    this.fs.forget(victim);
    return 0;
  }

  rename(name: string, toDir: Inode, toName: string, flags: number): number {
    if (!(toDir instanceof HostDir) || toDir.fs !== this.fs) return -EXDEV;
    if (flags & RENAME_EXCHANGE) return -EINVAL;
    if (flags & RENAME_NOREPLACE && typeof toDir.lookup(toName) !== 'number') return -EEXIST;
    const moved = this.lookup(name);
    if (typeof moved === 'number') return moved;
    const replaced = toDir.lookup(toName);
    if (typeof replaced !== 'number') replaced.acquire('path');
    const to = toDir.acquire('path');
    if (to < 0) return to;
    const r = this.#change(name, (dir) => this.fs.files.rename(dir, name, to, toName));
    if (r < 0) return r;
    toDir.#stale(toName);
    if (typeof replaced !== 'number') replaced.restat();
    moved.parent = toDir;
    moved.name = toName;
    moved.restat();
    return 0;
  }
}
