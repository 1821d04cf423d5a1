// An inode of a host folder: how it is found again without following links, its attributes, and the host descriptor
// that is kept open for it. Links are read here; files and directories are in files of their own.

import { EACCES, EIO, EROFS, ESTALE } from '../../abi/errno.ts';
import { S_IFMT } from '../../abi/stat.ts';
import type { Task } from '../task/types.ts';
import type { AttrChange } from '../vfs/attr.ts';
import type { FileOps, Inode, TimeSpec } from '../vfs/types.ts';
import type { HostFs } from './host.ts';
import type { HostHandle, HostStat } from './host-files.ts';
/** Whether two stats are of one inode, rather than of one that got the number of another. */
export const sameFile = (a: HostStat, b: HostStat): boolean =>
  a.id === b.id &&
  (a.mode & S_IFMT) === (b.mode & S_IFMT) &&
  a.btime.sec === b.btime.sec &&
  a.btime.nsec === b.btime.nsec;

interface SetTime {
  readonly asked: TimeSpec;
  readonly kept: TimeSpec;
}

/** A time as it was set, if all that the host did was to cut off less than a microsecond, as Node does. */
const setTime = (asked: TimeSpec, kept: TimeSpec): SetTime | null => {
  const ns = (asked.sec - kept.sec) * 1e9 + asked.nsec - kept.nsec;
  return ns !== 0 && Math.abs(ns) < 1000 ? { asked, kept } : null;
};

const exact = (t: TimeSpec, set: SetTime | null): TimeSpec =>
  set !== null && t.sec === set.kept.sec && t.nsec === set.kept.nsec ? set.asked : t;

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
  /** Times that a program has set, to the ns: believed for as long as the host shows what it made of them. */
  #atime: SetTime | null = null;
  #mtime: SetTime | null = null;

  constructor(fs: HostFs, st: HostStat, parent: HostInode | null, name: string) {
    this.fs = fs;
    this.st = st;
    this.parent = parent;
    this.name = name;
    this.#checkedAt = fs.now();
  }

  refresh(st: HostStat): void {
    this.st =
      this.#atime === null && this.#mtime === null
        ? st
        : { ...st, atime: exact(st.atime, this.#atime), mtime: exact(st.mtime, this.#mtime) };
    this.#checkedAt = this.fs.now();
  }

  /** Asks the host again. */
  restat(): HostStat | number {
    const { files } = this.fs;
    if (this.handle >= 0) {
      const st = files.stat(this.handle);
      if (typeof st === 'number') return st;
      this.refresh(st);
      return this.st;
    }
    const dir = this.parent?.acquire('path') ?? -EIO;
    if (dir < 0) return dir;
    const st = files.lstat(dir, this.name);
    if (typeof st === 'number') return st;
    if (!sameFile(st, this.st)) return -ESTALE;
    this.refresh(st);
    return this.st;
  }

  attr(): HostStat | number {
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
    const h = this.acquire('path');
    if (h < 0) return h;
    if (c.uid !== undefined || c.gid !== undefined) {
      const r = files.chown(h, c.uid ?? this.st.uid, c.gid ?? this.st.gid);
      if (r < 0) return r;
    }
    if (c.mode !== undefined) {
      const r = files.chmod(h, c.mode & 0o7777);
      if (r < 0) return r;
    }
    // By the handle, like the others: the name may be another file's by now.
    if (c.atime !== undefined || c.mtime !== undefined) {
      const { atime, mtime } = { ...this.st, ...c };
      const r = files.utimes(h, { atime, mtime });
      if (r < 0) return r;
      const kept = files.stat(h);
      if (typeof kept === 'number') return kept;
      this.#atime = setTime(atime, kept.atime);
      this.#mtime = setTime(mtime, kept.mtime);
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
