// A directory of a host folder: what is found in it is remembered for as long as the folder is trusted not to change,
// and what is made, moved and removed goes to the host, one name in an open directory at a time. What the host cannot
// make is beside it (host-specials.ts), and covers what appears there under the same name.

import { direntType } from '../../abi/dirent.ts';
import { EEXIST, ENOENT, ENOSPC, ENOTDIR, ENOTEMPTY, EPERM, EROFS, EXDEV } from '../../abi/errno.ts';
import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../../abi/fcntl.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../abi/stat.ts';
import type { AttrChange } from '../vfs/attr.ts';
import { directoryOps } from '../vfs/file.ts';
import type { DirEntry, FileOps, Inode } from '../vfs/types.ts';
import type { HostFs } from './host.ts';
import { HostFile } from './host-file.ts';
import type { HostHandle, HostStat } from './host-files.ts';
import { HostInode } from './host-inode.ts';
import { HostSpecial } from './host-specials.ts';

/**
 * Which names of a folder are shown: false hides a name, true shows it with everything below, a view shows it
 * and decides below. It is asked first without `stat`, before the host is: false hides the name then, too, and anything
 * else is not heeded.
 */
export type HostView = (name: string, stat: HostStat | null) => boolean | HostView;

/** Names of a directory that are remembered not to be there: a program can ask for any number. */
const MAX_ABSENT = 4096;

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

  override attr(): HostStat | number {
    const st = super.attr();
    if (typeof st === 'number') return st;
    const t = this.fs.specials?.changed(st) ?? null;
    const later = t !== null && (t.sec - st.mtime.sec || t.nsec - st.mtime.nsec) > 0;
    return later ? { ...st, mtime: t, ctime: t } : st;
  }

  override setattr(c: AttrChange): number {
    if (c.mtime !== undefined) this.fs.specials?.settle(this.st);
    return super.setattr(c);
  }

  lookup(name: string): HostInode | HostSpecial | number {
    return this.fs.specials?.find(this.st, name) ?? this.onHost(name);
  }

  /** What the host itself has under a name. */
  onHost(name: string): HostInode | number {
    const known = this.#children.get(name);
    if (known !== undefined && this.fs.fresh(known.at)) return known.inode ?? -ENOENT;
    if (this.#view?.(name, null) === false) {
      this.#missing(name);
      return -ENOENT;
    }
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
    const specials = this.fs.specials?.names(this.st);
    const list: DirEntry[] = [];
    for (const name of names) {
      const inode = specials?.has(name) ? -ENOENT : this.onHost(name);
      if (typeof inode === 'number') continue;
      list.push({ name, ino: inode.st.ino, type: direntType(inode.st.mode) });
    }
    for (const [name, node] of specials ?? []) {
      const { ino, mode } = node.attr();
      list.push({ name, ino, type: direntType(mode) });
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
    const inode = this.onHost(name);
    if (typeof inode === 'number') return inode;
    // The guest's identity, where the host lets us.
    if (inode.st.uid !== uid || inode.st.gid !== gid) inode.setattr({ uid, gid });
    return inode;
  }

  /** Whether a name is one of those that the host knows nothing of. */
  #covered(name: string): boolean {
    return this.fs.specials?.find(this.st, name) !== undefined;
  }

  create(
    name: string,
    mode: number,
    uid: number,
    gid: number,
    rdev: number,
  ): HostInode | HostSpecial | number {
    const kind = mode & S_IFMT;
    const { files } = this.fs;
    if (this.#covered(name)) return -EEXIST;
    if (kind !== S_IFREG && kind !== S_IFDIR && kind !== 0) return this.#special(name, mode, uid, gid, rdev);
    const r = this.#change(name, (dir) =>
      kind === S_IFDIR ? files.mkdir(dir, name, mode & 0o7777) : files.create(dir, name, mode & 0o7777),
    );
    return this.#made(name, uid, gid, r);
  }

  #special(name: string, mode: number, uid: number, gid: number, rdev: number): HostSpecial | number {
    const { specials } = this.fs;
    if (specials === null) return -EPERM;
    if (this.fs.readonly) return -EROFS;
    const there = this.onHost(name);
    if (there !== -ENOENT) return typeof there === 'number' ? there : -EEXIST;
    const node = specials.make(this.fs, mode, uid, gid, rdev);
    return specials.enter(this.st, name, node) ? node : -ENOSPC;
  }

  symlink(name: string, target: string, uid: number, gid: number): HostInode | number {
    if (this.#covered(name)) return -EEXIST;
    const r = this.#change(name, (dir) => this.fs.files.symlink(dir, name, target));
    return this.#made(name, uid, gid, r);
  }

  /** A file of the host that has no name there. */
  tmpfile(mode: number, uid: number, gid: number, linkable: boolean): HostFile | number {
    if (this.fs.readonly) return -EROFS;
    const dir = this.acquire('path');
    if (dir < 0) return dir;
    const h = this.fs.files.tmpfile(dir, mode & 0o7777);
    if (h < 0) return h;
    const file = this.fs.nameless(h);
    if (typeof file === 'number') return file;
    if (file.st.uid !== uid || file.st.gid !== gid) file.setattr({ uid, gid });
    file.linkable = linkable;
    return file;
  }

  link(name: string, target: Inode): number {
    if (this.#covered(name)) return -EEXIST;
    if (target instanceof HostSpecial) return this.#linkSpecial(name, target);
    if (!(target instanceof HostInode) || target.fs !== this.fs) return -EXDEV;
    if (target instanceof HostFile && target.linkable) return this.#nameFile(name, target);
    const h = target.acquire('path');
    if (h < 0) return h;
    const r = this.#change(name, (dir) => this.fs.files.link(h, dir, name));
    if (r >= 0) target.restat();
    return r;
  }

  #linkSpecial(name: string, target: HostSpecial): number {
    const { specials } = this.fs;
    if (specials === null || target.fs.dev !== this.fs.dev) return -EXDEV;
    if (this.fs.readonly) return -EROFS;
    // A deleted file cannot come back.
    if (target.attr().nlink === 0) return -ENOENT;
    const there = this.onHost(name);
    if (there !== -ENOENT) return typeof there === 'number' ? there : -EEXIST;
    return specials.enter(this.st, name, target) ? 0 : -ENOSPC;
  }

  /** The first name of a file of O_TMPFILE: the host's own file is a copy from here on. */
  #nameFile(name: string, file: HostFile): number {
    const wrote = file.fsync();
    const h = wrote < 0 ? wrote : file.acquire('write');
    if (h < 0) return h;
    const r = this.#change(name, (dir) => this.fs.files.nameCopy(h, dir, name));
    return r < 0 ? r : file.moveTo(this, name);
  }

  unlink(name: string): number {
    const victim = this.lookup(name);
    if (typeof victim === 'number') return victim;
    if (victim instanceof HostSpecial) {
      if (this.fs.readonly) return -EROFS;
      this.fs.specials?.leave(this.st, name);
      return 0;
    }
    // Held, so that it can be asked for its link count and go on being read.
    victim.acquire('path');
    const r = this.#change(name, (dir) => this.fs.files.unlink(dir, name));
    if (r >= 0) victim.restat();
    return r;
  }

  /** Whether it has names that the host does not know. */
  #hasSpecials(): boolean {
    return (this.fs.specials?.names(this.st)?.size ?? 0) > 0;
  }

  rmdir(name: string): number {
    const victim = this.lookup(name);
    if (typeof victim === 'number') return victim;
    if (!(victim instanceof HostDir)) return -ENOTDIR;
    if (victim.#hasSpecials()) return -ENOTEMPTY;
    const r = this.#change(name, (dir) => this.fs.files.rmdir(dir, name));
    if (r < 0) return r;
    victim.#removed();
    return 0;
  }

  #removed(): void {
    this.fs.specials?.forget(this.st);
    this.st = { ...this.st, nlink: 0 };
    this.gone = true;
    this.fs.forget(this);
  }

  rename(name: string, toDir: Inode, toName: string, flags: number): number {
    if (!(toDir instanceof HostDir) || toDir.fs !== this.fs) return -EXDEV;
    if (this.fs.readonly) return -EROFS;
    const moved = this.lookup(name);
    if (typeof moved === 'number') return moved;
    const old = toDir.lookup(toName);
    if (typeof old === 'number' && old !== -ENOENT) return old;
    if (flags & RENAME_EXCHANGE)
      return typeof old === 'number' ? old : this.#exchange(name, moved, toDir, toName, old);
    if (typeof old !== 'number' && flags & RENAME_NOREPLACE) return -EEXIST;
    if (old instanceof HostDir && old.#hasSpecials()) return -ENOTEMPTY;
    if (moved instanceof HostSpecial) {
      const r = typeof old === 'number' ? 0 : toDir.unlink(toName);
      if (r === 0) this.fs.specials?.move(this.st, name, toDir.st, toName);
      return r;
    }
    if (old instanceof HostInode) old.acquire('path');
    const to = toDir.acquire('path');
    if (to < 0) return to;
    const r = this.#change(name, (dir) => this.fs.files.rename(dir, name, to, toName));
    if (r < 0) return r;
    this.fs.specials?.leave(toDir.st, toName);
    toDir.#arrived(moved, toName);
    if (old instanceof HostDir) old.#removed();
    else if (old instanceof HostInode) old.restat();
    return 0;
  }

  /** After a rename on the host. */
  #arrived(inode: HostInode, name: string): void {
    this.#stale(name);
    inode.parent = this;
    inode.name = name;
    inode.restat();
  }

  #exchange(
    name: string,
    a: HostInode | HostSpecial,
    toDir: HostDir,
    toName: string,
    b: HostInode | HostSpecial,
  ): number {
    const { specials, files } = this.fs;
    if (a instanceof HostSpecial) {
      if (!(b instanceof HostSpecial)) return toDir.#exchange(toName, b, this, name, a);
      specials?.exchange(this.st, name, toDir.st, toName);
      return 0;
    }
    const to = toDir.acquire('path');
    if (to < 0) return to;
    const special = b instanceof HostSpecial;
    const r = this.#change(name, (dir) =>
      special ? files.rename(dir, name, to, toName) : files.exchange(dir, name, to, toName),
    );
    if (r < 0) return r;
    if (special) specials?.move(toDir.st, toName, this.st, name);
    else this.#arrived(b, name);
    toDir.#arrived(a, toName);
    return 0;
  }
}
