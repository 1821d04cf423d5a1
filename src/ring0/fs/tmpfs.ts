// The in-memory file system: inodes are JavaScript objects, file contents are page-cache frames. tmpfs, /dev
// and memfd_create are instances; the overlay builds on its classes. See tmpfs(5).

import { direntType } from '../../abi/dirent.ts';
import { EEXIST, EINVAL, ENODATA, ENOENT, ENOSPC, ENOTDIR, ENOTEMPTY, EXDEV } from '../../abi/errno.ts';
import { RENAME_EXCHANGE, RENAME_NOREPLACE, XATTR_CREATE, XATTR_REPLACE } from '../../abi/fcntl.ts';
import { MAGIC, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../abi/stat.ts';
import type { Frames } from '../../ring3/cpu.ts';
import { realtime } from '../clock.ts';
import { COST, charge, uncharge } from '../heap.ts';
import type { Kernel } from '../kernel.ts';
import type { Acl } from '../vfs/acl.ts';
import { type AttrChange, changeAttr, freshAttr } from '../vfs/attr.ts';
import { type PagedInode, pagedOps, releaseIfGone } from '../vfs/file.ts';
import { type PageQuota, Pages } from '../vfs/pagecache.ts';
import { anonymousDev, vfsOf } from '../vfs/state.ts';
import type { DirEntry, FileOps, FileSystem, Inode, InodeAttr, StatFs, TimeSpec } from '../vfs/types.ts';

/** Most bytes of extended attributes of one inode. */
const MAX_XATTRS = 65536;
/** The part of memory that files leave to programs. */
const RESERVED = 1 / 16;
/** tmpfs charges 20 bytes a directory entry (BOGO_DIRENT_SIZE of mm/shmem.c). */
const DIRENT_SIZE = 20;
const DAY = 86400;

export interface MemFsOptions {
  readonly type?: string;
  readonly magic?: number;
  /** Mode of the root directory, without its type. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Number of the first inode made. */
  readonly firstIno?: number;
  /** Pages of all files, and names; 0 for no limit but the machine's. Default half of memory each, as tmpfs(5) has it. */
  readonly maxPages?: number;
  readonly maxNames?: number;
  /** Options for /proc/mounts. */
  readonly shown?: string;
}

export class MemFs implements FileSystem {
  readonly type: string;
  readonly dev: number;
  readonly root: Inode;
  readonly = false;
  readonly frames: Frames;
  readonly magic: number;
  /** Files of O_TMPFILE that may still get a name. */
  readonly linkable = new WeakSet<MemNode>();
  readonly options: string;
  /** Pages of all files. */
  readonly quota: PageQuota;
  /** Names in all directories, as far as they were made here. */
  names = 0;
  readonly #maxNames: number;
  readonly #kernel: Kernel;
  #nextIno: number;
  #reclaim: () => number;

  constructor(kernel: Kernel, options: MemFsOptions = {}, root?: (fs: MemFs) => Inode) {
    this.#kernel = kernel;
    this.type = options.type ?? 'tmpfs';
    this.magic = options.magic ?? MAGIC.tmpfs;
    this.dev = anonymousDev(kernel);
    this.frames = kernel.cpu.frames;
    this.#nextIno = options.firstIno ?? 1;
    this.options = options.shown ?? '';
    const half = Math.floor(this.frames.total / 2);
    this.quota = { used: 0, limit: (options.maxPages ?? half) || Number.POSITIVE_INFINITY };
    this.#maxNames = (options.maxNames ?? half) || Number.POSITIVE_INFINITY;
    const vfs = vfsOf(kernel);
    this.#reclaim = () => {
      let n = 0;
      for (const f of vfs.reclaim) n += f();
      return n;
    };
    const mode = S_IFDIR | (options.mode ?? 0o1777);
    this.root = root?.(this) ?? new MemDir(this, mode, options.uid ?? 0, options.gid ?? 0);
  }

  now(): TimeSpec {
    return realtime(this.#kernel.clock);
  }

  newIno(): number {
    return this.#nextIno++;
  }

  newPages(): Pages {
    const { frames, quota } = this;
    return new Pages(frames, this.#reclaim, Math.floor(frames.total * RESERVED), quota);
  }

  /** Charges a name that is about to be made, and its node; false at a limit. */
  enter(node: MemNode): boolean {
    // The root counts, too.
    if (this.names + 1 >= this.#maxNames || !charge(this.#kernel.heap, costOf(node))) return false;
    this.names++;
    node.charged++;
    return true;
  }

  /** A name is gone. Those of the overlay's lower folder were never charged. */
  leave(node: MemNode): void {
    if (node.charged === 0) return;
    node.charged--;
    this.names--;
    uncharge(this.#kernel.heap, costOf(node));
  }

  /** Charges bytes of extended attributes, or gives them back. */
  chargeXattrs(bytes: number): boolean {
    return charge(this.#kernel.heap, bytes);
  }

  discard(): void {
    if (this.root instanceof MemDir) this.root.discard();
  }

  statfs(): StatFs {
    const { limit, used } = this.quota;
    const limited = limit !== Number.POSITIVE_INFINITY;
    const blocks = limited ? limit : this.frames.total;
    const bfree = limited ? limit - used : this.frames.free;
    const files = this.#maxNames === Number.POSITIVE_INFINITY ? 0 : this.#maxNames;
    return {
      type: this.magic,
      bsize: 4096,
      blocks,
      bfree,
      bavail: bfree,
      files,
      // The root has no name.
      ffree: files === 0 ? 0 : files - this.names - 1,
      namelen: 255,
      flags: 0,
    };
  }
}

/** What a name costs: its node, and what a link says. */
const costOf = (node: MemNode): number => COST.name + (node instanceof MemLink ? node.target.length : 0);

export const newAttr = (fs: MemFs, mode: number, uid: number, gid: number, rdev = 0): InodeAttr => {
  const ino = fs.newIno();
  return freshAttr({ ino, mode, uid, gid, rdev }, fs.now());
};

const notAfter = (a: TimeSpec, b: TimeSpec): boolean =>
  a.sec < b.sec || (a.sec === b.sec && a.nsec <= b.nsec);

/** What all kinds of in-memory inode share: attributes and extended attributes. */
export class MemNode implements Inode {
  readonly fs: MemFs;
  protected a: InodeAttr;
  #xattrs: Map<string, Uint8Array> | null = null;
  #xattrBytes = 0;
  /** How many of its names are charged. */
  charged = 0;
  holders = 0;
  writers = 0;
  locks = null;
  readonly acls: boolean = true;

  constructor(fs: MemFs, attr: InodeAttr) {
    this.fs = fs;
    this.a = attr;
  }

  attr(): InodeAttr {
    return this.a;
  }

  /** Called before anything of this inode changes; the overlay takes it over from its lower folder there. */
  change(): void {}

  /** Whether its directory keeps it although the lower folder may have changed (overlay). */
  get settled(): boolean {
    return true;
  }

  setattr(c: AttrChange): number {
    this.change();
    changeAttr(this.a, c, this.fs.now());
    return 0;
  }

  accessed(): void {
    // Reading does not copy up.
    if (!this.settled) return;
    const { a } = this;
    if (!notAfter(a.atime, a.mtime) && !notAfter(a.atime, a.ctime)) {
      const t = this.fs.now();
      if (t.sec - a.atime.sec < DAY) return;
    }
    a.atime = this.fs.now();
  }

  modified(): void {
    this.change();
    const t = this.fs.now();
    this.a.mtime = t;
    this.a.ctime = t;
  }

  addLink(n: number): void {
    this.change();
    this.a.nlink += n;
    this.a.ctime = this.fs.now();
    if (this.a.nlink === 0) this.dropXattrs();
  }

  /** rmdir, or a directory replaced by rename: all its links are gone. */
  unlinkAll(): void {
    this.change();
    this.a.nlink = 0;
    this.a.ctime = this.fs.now();
    this.dropXattrs();
  }

  /** The last name is gone: nobody but who has it open could still ask. */
  dropXattrs(): void {
    this.fs.chargeXattrs(-this.#xattrBytes);
    this.#xattrBytes = 0;
    this.#xattrs = null;
  }

  getxattr(name: string): Uint8Array | number {
    return this.#xattrs?.get(name) ?? -ENODATA;
  }

  setxattr(name: string, value: Uint8Array, flags: number): number {
    this.change();
    this.#xattrs ??= new Map();
    const has = this.#xattrs.has(name);
    if (flags & XATTR_CREATE && has) return -EEXIST;
    if (flags & XATTR_REPLACE && !has) return -ENODATA;
    let bytes = value.length + name.length;
    for (const [k, v] of this.#xattrs) if (k !== name) bytes += k.length + v.length;
    if (bytes > MAX_XATTRS || !this.fs.chargeXattrs(bytes - this.#xattrBytes)) return -ENOSPC;
    this.#xattrBytes = bytes;
    this.#xattrs.set(name, value);
    this.a.ctime = this.fs.now();
    return 0;
  }

  listxattr(): readonly string[] {
    return this.#xattrs === null ? [] : [...this.#xattrs.keys()];
  }

  removexattr(name: string): number {
    const old = this.#xattrs?.get(name);
    if (!this.#xattrs || old === undefined) return -ENODATA;
    this.change();
    this.#xattrs.delete(name);
    this.#xattrBytes -= old.length + name.length;
    this.fs.chargeXattrs(-old.length - name.length);
    this.a.ctime = this.fs.now();
    return 0;
  }
}

export class MemFile extends MemNode implements PagedInode {
  readonly pages: Pages;
  #ops: FileOps | null = null;
  seals?: number;

  constructor(fs: MemFs, attr: InodeAttr) {
    super(fs, attr);
    this.pages = fs.newPages();
    this.pages.onStore = () => this.modified();
  }

  override attr(): InodeAttr {
    const { a, pages } = this;
    a.size = pages.size();
    a.blocks = pages.allocated / 512;
    return a;
  }

  open(): FileOps | number {
    this.#ops ??= pagedOps(this);
    return this.#ops;
  }

  override setattr(c: AttrChange): number {
    if (c.size !== undefined) {
      this.change();
      const r = this.pages.truncate(c.size);
      if (r !== 0) return r;
      this.modified();
    }
    return super.setattr(c);
  }

  release(): void {
    this.pages.free();
  }
}

export class MemLink extends MemNode {
  override readonly acls = false;
  readonly target: string;

  constructor(fs: MemFs, attr: InodeAttr, target: string) {
    super(fs, attr);
    this.target = target;
    attr.size = target.length;
  }

  readlink(): string {
    return this.target;
  }
}

/** A device node, FIFO or socket: opened by the kernel's drivers (vfs/open.ts). */
export class MemSpecial extends MemNode {}

export class MemDir extends MemNode {
  defaultAcl: Acl | null = null;
  /** Null hides a name of the lower folder (a whiteout of the overlay). */
  protected readonly entries = new Map<string, MemNode | null>();

  constructor(fs: MemFs, mode: number, uid: number, gid: number, attr?: InodeAttr) {
    super(fs, attr ?? newAttr(fs, mode, uid, gid));
  }

  override attr(): InodeAttr {
    // `.` and `..` count, too.
    this.a.size = (this.entries.size + 2) * DIRENT_SIZE;
    return this.a;
  }

  /** The entry of that name, or -errno. */
  find(name: string): MemNode | number {
    return this.entries.get(name) ?? -ENOENT;
  }

  lookup(name: string): MemNode | number {
    return this.find(name);
  }

  /** Names of all entries, in a stable order. */
  names(): readonly string[] | number {
    return [...this.entries.keys()];
  }

  /** Takes a name away. */
  protected drop(name: string): void {
    this.entries.delete(name);
  }

  /** A new, empty directory. */
  protected newDir(mode: number, uid: number, gid: number): MemDir {
    return new MemDir(this.fs, mode, uid, gid);
  }

  /** Whether a name may be made: 0 or -EEXIST. */
  protected absent(name: string): number {
    const there = this.find(name);
    if (there === -ENOENT) return 0;
    return typeof there === 'number' ? there : -EEXIST;
  }

  /** Enters a new node under a name; the node, or -ENOSPC. */
  protected add(name: string, node: MemNode): MemNode | number {
    if (!this.fs.enter(node)) return -ENOSPC;
    this.put(name, node);
    return node;
  }

  /** Lets go of everything below: the file system is gone. */
  discard(): void {
    for (const node of this.entries.values()) {
      if (node === null) continue;
      this.fs.leave(node);
      node.unlinkAll();
      if (node instanceof MemDir) node.discard();
      else releaseIfGone(node);
    }
    this.entries.clear();
  }

  create(name: string, mode: number, uid: number, gid: number, rdev: number): MemNode | number {
    const taken = this.absent(name);
    if (taken !== 0) return taken;
    const kind = mode & S_IFMT;
    let node: MemNode;
    if (kind === S_IFDIR) node = this.newDir(mode, uid, gid);
    else if (kind === S_IFREG || kind === 0)
      node = new MemFile(this.fs, newAttr(this.fs, mode | S_IFREG, uid, gid));
    else node = new MemSpecial(this.fs, newAttr(this.fs, mode, uid, gid, rdev));
    return this.add(name, node);
  }

  symlink(name: string, target: string, uid: number, gid: number): MemNode | number {
    const taken = this.absent(name);
    if (taken !== 0) return taken;
    const node = new MemLink(this.fs, newAttr(this.fs, S_IFLNK | 0o777, uid, gid), target);
    return this.add(name, node);
  }

  tmpfile(mode: number, uid: number, gid: number, linkable: boolean): MemNode {
    const node = new MemFile(this.fs, newAttr(this.fs, mode, uid, gid));
    node.addLink(-1);
    if (linkable) this.fs.linkable.add(node);
    return node;
  }

  link(name: string, target: Inode): number {
    const taken = this.absent(name);
    if (taken !== 0) return taken;
    if (!(target instanceof MemNode) || target.fs !== this.fs) return -EXDEV;
    // A deleted file cannot come back, except one made by O_TMPFILE.
    if (target.attr().nlink === 0 && !this.fs.linkable.has(target)) return -ENOENT;
    if (!this.fs.enter(target)) return -ENOSPC;
    this.fs.linkable.delete(target);
    target.addLink(1);
    this.put(name, target);
    return 0;
  }

  /** Enters a node (whose link count is right already). */
  put(name: string, node: MemNode): void {
    this.change();
    this.entries.set(name, node);
    if (node instanceof MemDir) this.a.nlink++;
    this.modified();
  }

  /** Takes an entry out without touching its node's links. */
  protected take(name: string, node: MemNode): void {
    this.change();
    this.drop(name);
    if (node instanceof MemDir) this.a.nlink--;
    this.modified();
  }

  unlink(name: string): number {
    const node = this.find(name);
    if (typeof node === 'number') return node;
    this.take(name, node);
    this.fs.leave(node);
    node.addLink(-1);
    return 0;
  }

  rmdir(name: string): number {
    const node = this.find(name);
    if (typeof node === 'number') return node;
    if (!(node instanceof MemDir)) return -ENOTDIR;
    const inside = node.names();
    if (typeof inside === 'number') return inside;
    if (inside.length > 0) return -ENOTEMPTY;
    this.take(name, node);
    this.fs.leave(node);
    node.unlinkAll();
    return 0;
  }

  rename(name: string, toDir: Inode, toName: string, flags: number): number {
    if (!(toDir instanceof MemDir) || toDir.fs !== this.fs) return -EXDEV;
    const node = this.find(name);
    if (typeof node === 'number') return node;
    const old = toDir.find(toName);
    if (typeof old === 'number' && old !== -ENOENT) return old;
    node.change();
    if (flags & RENAME_EXCHANGE) {
      if (typeof old === 'number') return old;
      old.change();
      this.take(name, node);
      toDir.take(toName, old);
      toDir.put(toName, node);
      this.put(name, old);
    } else {
      if (typeof old !== 'number') {
        if (flags & RENAME_NOREPLACE) return -EEXIST;
        const inside = old instanceof MemDir ? old.names() : [];
        if (typeof inside === 'number') return inside;
        if (inside.length > 0) return -ENOTEMPTY;
        toDir.take(toName, old);
        this.fs.leave(old);
        if (old instanceof MemDir) old.unlinkAll();
        else old.addLink(-1);
      }
      this.take(name, node);
      toDir.put(toName, node);
    }
    // Renaming changes the moved inode's ctime.
    node.addLink(0);
    return 0;
  }

  readdir(): readonly DirEntry[] | number {
    const names = this.names();
    if (typeof names === 'number') return names;
    const list: DirEntry[] = [];
    for (const name of names) {
      const node = this.find(name);
      if (typeof node === 'number') continue;
      const a = node.attr();
      list.push({ name, ino: a.ino, type: direntType(a.mode) });
    }
    return list;
  }
}

export const newTmpfs = (kernel: Kernel, options: MemFsOptions = {}): MemFs => new MemFs(kernel, options);

/** Bytes as memparse of the kernel reads them: `10`, `64k`, `1g`; NaN for anything else. */
const bytesOf = (text: string): number => {
  const m = /^(0x[0-9a-f]+|\d+)([kmgt]?)$/i.exec(text);
  if (m === null) return Number.NaN;
  return Number(m[1]) * 1024 ** ' kmgt'.indexOf((m[2] as string).toLowerCase() || ' ');
};

/** For mount(2), see tmpfs(5). */
export const tmpfsFromOptions = (kernel: Kernel, text: string): MemFs | number => {
  const { total } = kernel.cpu.frames;
  const given = new Map<string, string>();
  for (const part of text.split(',')) {
    const [key = '', value = ''] = part.split('=');
    given.set(key, value);
  }
  const o: { -readonly [K in keyof MemFsOptions]: MemFsOptions[K] } = {};
  const shown: string[] = [];
  for (const [key, value] of given) {
    let n = 0;
    if (key === 'size' && /^\d+%$/.test(value))
      n = o.maxPages = Math.floor((total * Number.parseInt(value, 10)) / 100);
    else if (key === 'size') n = o.maxPages = Math.ceil(bytesOf(value) / 4096);
    else if (key === 'nr_blocks') n = o.maxPages = bytesOf(value);
    else if (key === 'nr_inodes') n = o.maxNames = bytesOf(value);
    else if (key === 'mode') n = o.mode = Number.parseInt(value, 8);
    else if (key === 'uid' || key === 'gid') n = o[key] = Number.parseInt(value, 10);
    else if (!['', 'huge', 'inode64', 'inode32', 'rw', 'noswap'].includes(key)) return -EINVAL;
    if (!(n >= 0)) return -EINVAL;
  }
  if (o.maxPages !== undefined) shown.push(`size=${o.maxPages * 4}k`);
  if (o.maxNames !== undefined) shown.push(`nr_inodes=${o.maxNames}`);
  if (o.mode !== undefined) shown.push(`mode=${o.mode.toString(8)}`);
  if (o.uid) shown.push(`uid=${o.uid}`);
  if (o.gid) shown.push(`gid=${o.gid}`);
  return newTmpfs(kernel, { ...o, shown: shown.join(',') });
};
