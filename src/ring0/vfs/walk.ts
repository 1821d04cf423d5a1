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
import { lookup } from './dentry.ts';
import { mountedOn } from './mount.ts';
import { MAY, permission } from './perm.ts';
import type { Dentry, Mount, Path } from './types.ts';

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
    return this.#begin(path) || this.#go(path, false);
  }

  /** Resolves all but the last component. */
  parent(path: string): number | Block {
    return this.#begin(path) || this.#go(path, true);
  }

  /**
   * After `parent`: goes on through the symbolic link that `last` turned out to be, again up to the last
   * component.
   */
  through(link: Dentry): number | Block {
    const path = this.#link(this.mount, link, this.slash ? '/' : '');
    if (typeof path !== 'string') return path;
    if (path !== '') return this.#go(path, true);
    this.lastKind = 'root';
    return 0;
  }

  /** After `parent`: looks the last component up and crosses mounts, without following a link. */
  child(): Path | number | Block {
    if (this.last.length > NAME_MAX) return -ENAMETOOLONG;
    const d = lookup(this.dentry, this.last);
    if (typeof d === 'number' || 'blocked' in d) return d;
    let mount = this.mount;
    let dentry = d;
    while (dentry.mounted) {
      const m = mountedOn(mount, dentry);
      if (m === null) break;
      if (this.#flags & RESOLVE_NO_XDEV) return -EXDEV;
      mount = m;
      dentry = m.root;
    }
    return { mount, dentry };
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

  #go(start: string, stopBeforeLast: boolean): number | Block {
    let path = start;
    let i = 0;
    let mustBeDir = (this.#flags & MUST_BE_DIR) !== 0;
    this.lastKind = 'root';
    for (;;) {
      // Reading beyond the end would cost the optimized code of this function.
      while (i < path.length && path.charCodeAt(i) === 47) i++;
      if (i >= path.length) break;
      let j = path.indexOf('/', i);
      if (j < 0) j = path.length;
      const name = path.slice(i, j);
      let rest = j;
      while (rest < path.length && path.charCodeAt(rest) === 47) rest++;
      const isLast = rest >= path.length;
      const attr = this.dentry.inode.attr();
      if (typeof attr === 'number') return attr;
      if ((attr.mode & S_IFMT) !== S_IFDIR) return -ENOTDIR;
      const refused = permission(this.#cred, attr, MAY.exec);
      if (refused !== 0) return refused;
      if (name.length > NAME_MAX && !(isLast && stopBeforeLast)) return -ENAMETOOLONG;
      i = rest;
      const kind = name === '.' ? 'dot' : name === '..' ? 'dotdot' : 'name';
      if (isLast && stopBeforeLast) {
        this.last = name;
        this.lastKind = kind;
        this.slash = rest > j;
        return 0;
      }
      if (kind === 'dot') continue;
      if (kind === 'dotdot') {
        const bad = this.#up();
        if (bad !== 0) return bad;
        continue;
      }
      const d = lookup(this.dentry, name);
      if (typeof d === 'number' || 'blocked' in d) return d;
      let mount = this.mount;
      let dentry = d;
      while (dentry.mounted) {
        const m = mountedOn(mount, dentry);
        if (m === null) break;
        if (this.#flags & RESOLVE_NO_XDEV) return -EXDEV;
        mount = m;
        dentry = m.root;
      }
      const found = dentry.inode.attr();
      if (typeof found === 'number') return found;
      if ((found.mode & S_IFMT) === S_IFLNK && (!isLast || rest > j || (this.#flags & FOLLOW) !== 0)) {
        const target = this.#link(mount, dentry, path.slice(j));
        if (typeof target !== 'string') return target;
        path = target;
        i = 0;
        if (isLast && rest > j) mustBeDir = true;
        continue;
      }
      this.mount = mount;
      this.dentry = dentry;
      if (isLast && (rest > j || mustBeDir) && (found.mode & S_IFMT) !== S_IFDIR) return -ENOTDIR;
    }
    if (mustBeDir) {
      const attr = this.dentry.inode.attr();
      if (typeof attr === 'number') return attr;
      if ((attr.mode & S_IFMT) !== S_IFDIR) return -ENOTDIR;
    }
    return 0;
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

  /** Steps into a symbolic link: what is left of the path after it, or -errno. A magic link jumps. */
  #link(mount: Mount, link: Dentry, rest: string): string | number | Block {
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
      return rest;
    }
    const target = inode.readlink?.(this.#task) ?? -EACCES;
    if (typeof target === 'number') return target;
    if (target === '') return -ENOENT;
    if (target.charCodeAt(0) === 47) {
      if (this.#flags & RESOLVE_BENEATH) return -EXDEV;
      this.mount = this.#root.mount;
      this.dentry = this.#root.dentry;
    }
    return target + rest;
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
