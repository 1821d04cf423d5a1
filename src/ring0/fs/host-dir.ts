// A directory of a host folder: what is found in it is remembered for as long as the folder is trusted not to change,
// and what is made, moved and removed goes to the host, one name in an open directory at a time.

import { direntType } from '../../abi/dirent.ts';
import { EEXIST, EINVAL, ENOENT, EPERM, EROFS, EXDEV } from '../../abi/errno.ts';
import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../../abi/fcntl.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../abi/stat.ts';
import { directoryOps } from '../vfs/file.ts';
import type { DirEntry, FileOps, Inode } from '../vfs/types.ts';
import type { HostFs } from './host.ts';
import type { HostHandle, HostStat } from './host-files.ts';
import { HostInode } from './host-inode.ts';
/**
 * Which names of a folder are shown: false hides a name, true shows it with everything below, a view shows it
 * and decides below.
 */
export type HostView = (name: string, stat: HostStat) => boolean | HostView;

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
