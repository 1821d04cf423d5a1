// Path resolution as path_resolution(7) describes it: component by component, through mounts and symbolic
// links, with the restrictions of openat2(2). Nothing here is cached beyond the dentry tree.

import { EACCES, EBADF, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EXDEV } from '../../abi/errno.ts';
import {
  AT_FDCWD,
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
} from '../../abi/fcntl.ts';
import { S_IFDIR, S_IFLNK, S_IFMT } from '../../abi/stat.ts';
import type { Credentials, Task } from '../task/types.ts';
import type { Block } from '../wait.ts';
import { type Components, componentsOf, joined, NO_COMPONENTS } from './components.ts';
import { lookup } from './dentry.ts';
import { mountedOn } from './mount.ts';
import { MAY, permission } from './perm.ts';
import { noteAccess } from './times.ts';
import type { Dentry, InodeAttr, Mount, Path } from './types.ts';

const MAX_LINKS = 40;
export const NAME_MAX = 255;

/** Follow a symbolic link in the last component. */
export const FOLLOW = 0x100;
/** What was found must be a directory. */
export const MUST_BE_DIR = 0x200;
/** An empty path means the starting point itself (AT_EMPTY_PATH). */
export const EMPTY_PATH = 0x400;

/** RESOLVE_* bits may be given along with the above. */
export type WalkFlags = number;

export const isPath = (r: Path | number | Block): r is Path =>
  typeof r === 'object' && (r as { blocked?: boolean }).blocked !== true;

/**
 * Where a relative path starts: AT_FDCWD or a descriptor. With an empty path any file will do; who takes none says so
 * before it looks at the descriptor.
 */
export const startAt = (task: Task, dirfd: number, path: string, resolve = 0): Path | number => {
  const anchored = (resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) !== 0;
  if (dirfd === AT_FDCWD || (path.charCodeAt(0) === 47 && !anchored)) return task.fs.cwd;
  const file = task.files.slots[dirfd]?.file;
  if (file === undefined) return -EBADF;
  return file.path ?? -ENOTDIR;
};

/** What the last component of a path is when the walk stops before it. */
export type LastKind = 'name' | 'dot' | 'dotdot' | 'root';

export class Walk implements Path {
  mount: Mount;
  dentry: Dentry;
  /** After `parent`: the last component, and whether a slash follows it. */
  last = '';
  lastKind: LastKind = 'root';
  slash = false;
  readonly #task: Task;
  readonly #cred: Credentials;
  readonly #flags: WalkFlags;
  readonly #base: Path;
  readonly #root: Path;
  #links = 0;

  constructor(task: Task, base: Path, flags: WalkFlags, cred: Credentials = task.cred) {
    this.#task = task;
    this.#cred = cred;
    this.#flags = flags;
    this.#base = base;
    this.#root = flags & (RESOLVE_BENEATH | RESOLVE_IN_ROOT) ? base : task.fs.root;
    this.mount = base.mount;
    this.dentry = base.dentry;
  }

  /** Resolves the whole path; 0 and the place in mount and dentry. */
  whole(path: string): number | Block {
    return this.#begin(path) || this.#go(componentsOf(this.#task.kernel, path), false);
  }

  /** Resolves all but the last component. */
  parent(path: string): number | Block {
    return this.#begin(path) || this.#go(componentsOf(this.#task.kernel, path), true);
  }

  /**
   * After `parent`: goes on through the symbolic link that `last` turned out to be, again up to the last
   * component.
   */
  through(link: Dentry): number | Block {
    const target = this.#link(this.mount, link);
    if (typeof target === 'number') return target;
    return this.#go(this.slash && !target.slash ? { ...target, slash: true } : target, true);
  }

  /** After `parent`: looks the last component up and crosses mounts, without following a link. */
  child(): Path | number | Block {
    if (this.last.length > NAME_MAX) return -ENAMETOOLONG;
    const d = lookup(this.dentry, this.last);
    if (typeof d === 'number' || 'blocked' in d) return d;
    const mount = this.#covering(d);
    if (typeof mount === 'number') return mount;
    return { mount, dentry: mount === this.mount ? d : mount.root };
  }

  #begin(path: string): number {
    if (path === '') return -ENOENT;
    if (path.charCodeAt(0) !== 47) return 0;
    if (this.#flags & RESOLVE_BENEATH) return -EXDEV;
    if (this.#flags & RESOLVE_NO_XDEV && this.#root.mount !== this.#base.mount) return -EXDEV;
    this.mount = this.#root.mount;
    this.dentry = this.#root.dentry;
    return 0;
  }

  #go(start: Components, stopBeforeLast: boolean): number | Block {
    let path = start;
    let { names } = path;
    let i = 0;
    let mustBeDir = (this.#flags & MUST_BE_DIR) !== 0;
    /** Of where the walk stands; null when that has not been asked for. */
    let attr: InodeAttr | null = null;
    this.lastKind = 'root';
    while (i < names.length) {
      const name = names[i++] as string;
      const isLast = i === names.length;
      if (attr === null) {
        const a = this.dentry.inode.attr();
        if (typeof a === 'number') return a;
        attr = a;
      }
      if ((attr.mode & S_IFMT) !== S_IFDIR) return -ENOTDIR;
      const refused = permission(this.#cred, attr, MAY.exec);
      if (refused !== 0) return refused;
      if (name.length > NAME_MAX && !(isLast && stopBeforeLast)) return -ENAMETOOLONG;
      const kind = name === '.' ? 'dot' : name === '..' ? 'dotdot' : 'name';
      if (isLast && stopBeforeLast) {
        this.last = name;
        this.lastKind = kind;
        this.slash = path.slash;
        return 0;
      }
      if (kind !== 'name') {
        if (kind === 'dot') continue;
        const bad = this.#up();
        if (bad !== 0) return bad;
        attr = null;
        continue;
      }
      const found = lookup(this.dentry, name);
      if (typeof found === 'number' || 'blocked' in found) return found;
      const mount = found.mounted ? this.#covering(found) : this.mount;
      if (typeof mount === 'number') return mount;
      const dentry = mount === this.mount ? found : mount.root;
      const a = dentry.inode.attr();
      if (typeof a === 'number') return a;
      if ((a.mode & S_IFMT) === S_IFLNK && (!isLast || path.slash || (this.#flags & FOLLOW) !== 0)) {
        const target = this.#link(mount, dentry);
        if (typeof target === 'number') return target;
        if (isLast && path.slash) mustBeDir = true;
        path = joined(target, path, i);
        names = path.names;
        i = 0;
        attr = null;
        continue;
      }
      this.mount = mount;
      this.dentry = dentry;
      attr = a;
    }
    if (mustBeDir || (path.slash && !stopBeforeLast)) {
      const a = attr ?? this.dentry.inode.attr();
      if (typeof a === 'number') return a;
      if ((a.mode & S_IFMT) !== S_IFDIR) return -ENOTDIR;
    }
    return 0;
  }

  /** The mount on top of a dentry that was found; the walk's own when nothing covers it there. */
  #covering(found: Dentry): Mount | number {
    let mount = this.mount;
    let dentry = found;
    while (dentry.mounted) {
      const m = mountedOn(mount, dentry);
      if (m === null) break;
      if (this.#flags & RESOLVE_NO_XDEV) return -EXDEV;
      mount = m;
      dentry = m.root;
    }
    return mount;
  }

  /** `..`: stays at the root; leaves a mount where that is mounted, and sees what covers the parent. */
  #up(): number {
    let mount = this.mount;
    let dentry = this.dentry;
    if (dentry === this.#root.dentry && mount === this.#root.mount)
      return this.#flags & RESOLVE_BENEATH ? -EXDEV : 0;
    while (dentry === mount.root) {
      if (mount.at === null) return 0;
      if (this.#flags & RESOLVE_NO_XDEV) return -EXDEV;
      dentry = mount.at.dentry;
      mount = mount.at.mount;
      if (dentry === this.#root.dentry && mount === this.#root.mount) break;
    }
    if (dentry !== mount.root && !(dentry === this.#root.dentry && mount === this.#root.mount))
      dentry = dentry.parent ?? dentry;
    for (let m = mountedOn(mount, dentry); m !== null; m = mountedOn(mount, dentry)) {
      mount = m;
      dentry = m.root;
    }
    this.mount = mount;
    this.dentry = dentry;
    return 0;
  }

  /** Steps into a symbolic link: what it adds to the path, or -errno. A magic link jumps. */
  #link(mount: Mount, link: Dentry): Components | number {
    if (this.#flags & RESOLVE_NO_SYMLINKS || ++this.#links > MAX_LINKS) return -ELOOP;
    if (((mount.flags ?? 0) & 256) !== 0) return -ELOOP;
    const { inode } = link;
    if (inode.follow !== undefined) {
      if (this.#flags & RESOLVE_NO_MAGICLINKS) return -ELOOP;
      if (this.#flags & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) return -EXDEV;
      const to = inode.follow(this.#task);
      if (typeof to === 'number') return to;
      if (this.#flags & RESOLVE_NO_XDEV && to.mount !== mount) return -EXDEV;
      this.mount = to.mount;
      this.dentry = to.dentry;
      return NO_COMPONENTS;
    }
    const target = inode.readlink?.(this.#task) ?? -EACCES;
    if (typeof target === 'number') return target;
    noteAccess(mount, inode);
    if (target === '') return -ENOENT;
    if (target.charCodeAt(0) === 47) {
      if (this.#flags & RESOLVE_BENEATH) return -EXDEV;
      this.mount = this.#root.mount;
      this.dentry = this.#root.dentry;
    }
    return componentsOf(this.#task.kernel, target);
  }
}

/** Resolves a path from a starting point. */
export const walkFrom = (
  task: Task,
  base: Path,
  path: string,
  flags: WalkFlags,
  cred: Credentials = task.cred,
): Path | number | Block => {
  if (path === '' && flags & EMPTY_PATH) return base;
  const w = new Walk(task, base, flags, cred);
  const r = w.whole(path);
  return r === 0 ? { mount: w.mount, dentry: w.dentry } : r;
};

/** Resolves a path as the *at calls take it. */
export const walk = (
  task: Task,
  dirfd: number,
  path: string,
  flags: WalkFlags,
  cred: Credentials = task.cred,
): Path | number | Block => {
  if (path === '' && !(flags & EMPTY_PATH)) return -ENOENT;
  const base = startAt(task, dirfd, path);
  return typeof base === 'number' ? base : walkFrom(task, base, path, flags, cred);
};

/** Resolves up to the last component; the walk stands in the directory, `last` is the name. */
export const walkParent = (
  task: Task,
  dirfd: number,
  path: string,
  flags: WalkFlags = 0,
): Walk | number | Block => {
  if (path === '') return -ENOENT;
  const base = startAt(task, dirfd, path);
  if (typeof base === 'number') return base;
  const w = new Walk(task, base, flags);
  const r = w.parent(path);
  return r === 0 ? w : r;
};

export const isWalk = (r: Walk | number | Block): r is Walk => r instanceof Walk;
