// Names: the tree of dentries over the inodes. A dentry is found again for the same name as long as the
// directory gives the same inode for it, so it is never stale and never has to be invalidated from outside.

import { ENOTDIR } from '../../abi/errno.ts';
import type { Block } from '../wait.ts';
import type { Dentry, Inode, Mount, Path } from './types.ts';

export const newDentry = (name: string, parent: Dentry | null, inode: Inode): Dentry => ({
  name,
  parent,
  inode,
  unlinked: false,
  children: null,
  recent: null,
  mounted: null,
});

export const isInode = (r: Inode | number | Block): r is Inode =>
  typeof r === 'object' && (r as { blocked?: boolean }).blocked !== true;

/** The dentry for an inode that was just found or made under `name`. */
export const attach = (parent: Dentry, name: string, inode: Inode): Dentry => {
  parent.children ??= new Map();
  const known = parent.children.get(name);
  if (known !== undefined) {
    if (known.inode === inode) {
      parent.recent = known;
      return known;
    }
    known.unlinked = true;
  }
  const d = newDentry(name, parent, inode);
  parent.children.set(name, d);
  return d;
};

/** Looks a name up in a directory; permission is the caller's business. */
export const lookup = (parent: Dentry, name: string): Dentry | number | Block => {
  const dir = parent.inode;
  if (dir.lookup === undefined) return -ENOTDIR;
  const r = dir.lookup(name);
  const last = parent.recent;
  if (last && last.inode === r && last.name === name && last.parent === parent && !last.unlinked) return last;
  if (!isInode(r)) {
    if (typeof r === 'number') detach(parent, name);
    return r;
  }
  return attach(parent, name, r);
};

/** The name is gone from its directory. Whoever still holds the dentry sees it as deleted. */
export const detach = (parent: Dentry, name: string): void => {
  const d = parent.children?.get(name);
  if (d === undefined) return;
  d.unlinked = true;
  parent.children?.delete(name);
};

/** After a rename: the dentry goes to its new place and takes its subtree along. */
export const moveDentry = (d: Dentry, parent: Dentry, name: string): void => {
  d.parent?.children?.delete(d.name);
  detach(parent, name);
  d.name = name;
  d.parent = parent;
  parent.children ??= new Map();
  parent.children.set(name, d);
};

/** Whether a dentry lies under (or is) another. */
export const isUnder = (d: Dentry | null, ancestor: Dentry): boolean => {
  for (let at = d; at !== null; at = at.parent) if (at === ancestor) return true;
  return false;
};

const isDead = (d: Dentry): boolean => {
  for (let at: Dentry | null = d; at !== null; at = at.parent) if (at.unlinked) return true;
  return false;
};

export interface PathName {
  /** Absolute from `root`, or from the top of the detached tree. */
  readonly name: string;
  /** False when `root` does not lie above it. */
  readonly reachable: boolean;
  readonly deleted: boolean;
}

/** The name of a path as seen from a root directory (d_path of the kernel). */
export const pathName = (path: Path, root: Path): PathName => {
  let name = '';
  let dentry: Dentry = path.dentry;
  let mount: Mount = path.mount;
  let reachable = true;
  while (dentry !== root.dentry || mount !== root.mount) {
    if (dentry === mount.root) {
      if (mount.at === null) {
        reachable = false;
        break;
      }
      dentry = mount.at.dentry;
      mount = mount.at.mount;
      continue;
    }
    name = `/${dentry.name}${name}`;
    if (dentry.parent === null) {
      reachable = false;
      break;
    }
    dentry = dentry.parent;
  }
  return { name: name === '' ? '/' : name, reachable, deleted: isDead(path.dentry) };
};

/** As /proc/self/fd and /proc/self/maps show it. */
export const displayName = (path: Path, root: Path): string => {
  const p = pathName(path, root);
  return p.deleted ? `${p.name} (deleted)` : p.name;
};
