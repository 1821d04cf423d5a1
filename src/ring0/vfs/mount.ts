// The mount table: which file system covers which dentry. A mount holds its place by `at` and the covered
// dentry lists it in `mounted`, so that walking needs no search.

import { EBUSY, EINVAL, ENOSPC } from '../../abi/errno.ts';
import { MS_RDONLY } from '../../abi/fcntl.ts';
import type { Kernel } from '../kernel.ts';
import { wake } from '../wait.ts';
import { isUnder, newDentry } from './dentry.ts';
import { vfsOf } from './state.ts';
import type { Dentry, FileSystem, Mount, Path } from './types.ts';

/** fs.mount-max. */
export const MAX_MOUNTS = 100_000;
const MS_KEPT = 0x3fe0ff;

export interface MountOptions {
  readonly readonly?: boolean;
  readonly source?: string;
  /** MS_* bits. */
  readonly flags?: number;
  /** Part of the file system to show (bind mounts); default its root. */
  readonly root?: Dentry;
}

/** A mount that is not in the tree yet. */
export const newMount = (kernel: Kernel, fs: FileSystem, options: MountOptions = {}): Mount => ({
  id: vfsOf(kernel).nextMountId++,
  fs,
  root: options.root ?? newDentry('/', null, fs.root),
  at: null,
  readonly: options.readonly === true || ((options.flags ?? 0) & MS_RDONLY) !== 0,
  flags: (options.flags ?? 0) & MS_KEPT,
  source: options.source ?? fs.type,
});

/** Puts a mount into the tree; `at` null makes it the root of the machine. */
export const attachMount = (kernel: Kernel, mount: Mount, at: Path | null): Mount => {
  mount.at = at;
  if (at !== null) {
    at.dentry.mounted ??= [];
    at.dentry.mounted.push(mount);
  }
  kernel.mounts.list.push(mount);
  wake(kernel.mounts.changed);
  return mount;
};

export const mountFs = (kernel: Kernel, fs: FileSystem, at: Path | null, options?: MountOptions): Mount =>
  attachMount(kernel, newMount(kernel, fs, options), at);

/** What covers a dentry seen through `mount`, or null. */
export const mountedOn = (mount: Mount, dentry: Dentry): Mount | null => {
  const list = dentry.mounted;
  if (!list) return null;
  for (let i = list.length - 1; i >= 0; i--) {
    const m = list[i];
    if (m?.at?.mount === mount) return m;
  }
  return null;
};

/** Follows mounts down from a path to what is seen there. */
export const visible = (path: Path): Path => {
  let top = path;
  for (;;) {
    const m = mountedOn(top.mount, top.dentry);
    if (m === null) return top;
    top = { mount: m, dentry: m.root };
  }
};

/** Mounts that lie on top of a mount, deepest last. */
export const submounts = (kernel: Kernel, of: Mount): Mount[] => {
  const under = new Set<Mount>([of]);
  const found: Mount[] = [];
  for (const m of kernel.mounts.list) {
    if (m.at === null || !under.has(m.at.mount) || m === of) continue;
    under.add(m);
    found.push(m);
  }
  return found;
};

const unhook = (kernel: Kernel, mount: Mount): void => {
  const list = mount.at?.dentry.mounted;
  if (list) list.splice(list.indexOf(mount), 1);
  mount.at = null;
  const i = kernel.mounts.list.indexOf(mount);
  if (i >= 0) kernel.mounts.list.splice(i, 1);
};

/** Whether a task has its root, cwd or an open file there. */
const inUse = (kernel: Kernel, mount: Mount): boolean => {
  for (const task of kernel.tasks.values()) {
    if (task.state === 'dead') continue;
    if (task.fs.cwd.mount === mount || task.fs.root.mount === mount) return true;
    for (const d of task.files.slots) if (d?.file.path?.mount === mount) return true;
  }
  return false;
};

/** umount2(2): lazily with `detach`, else EBUSY while it is used. */
export const unmount = (kernel: Kernel, mount: Mount, detach: boolean): number => {
  if (mount.at === null) return -EINVAL;
  const above = submounts(kernel, mount);
  if (!detach && (above.length > 0 || inUse(kernel, mount))) return -EBUSY;
  for (const m of above.reverse()) unhook(kernel, m);
  unhook(kernel, mount);
  mount.fs.sync?.();
  for (const m of [...above, mount])
    if (!kernel.mounts.list.some((other) => other.fs === m.fs) && !inUse(kernel, m)) m.fs.discard?.();
  wake(kernel.mounts.changed);
  return 0;
};

/** A bind mount of `from` at `at`; with `recursive`, what is mounted below comes along. 0, or -ENOSPC. */
export const bindMount = (
  kernel: Kernel,
  from: Path,
  at: Path,
  recursive: boolean,
  flags: number,
): number => {
  const below = recursive ? submounts(kernel, from.mount) : [];
  if (kernel.mounts.list.length + below.length >= MAX_MOUNTS) return -ENOSPC;
  const top = newMount(kernel, from.mount.fs, {
    root: from.dentry,
    source: from.mount.source,
    readonly: from.mount.readonly,
    flags: flags | (from.mount.flags ?? 0),
  });
  const copies = new Map<Mount, Mount>([[from.mount, top]]);
  attachMount(kernel, top, at);
  for (const m of below) {
    const parent = m.at === null ? undefined : copies.get(m.at.mount);
    if (m.at === null || parent === undefined || (parent === top && !isUnder(m.at.dentry, from.dentry)))
      continue;
    const copy = newMount(kernel, m.fs, {
      root: m.root,
      source: m.source,
      readonly: m.readonly,
      flags: m.flags ?? 0,
    });
    copies.set(m, copy);
    attachMount(kernel, copy, { mount: parent, dentry: m.at.dentry });
  }
  return 0;
};

/** MS_MOVE: the mount and all below it go to another place. */
export const moveMount = (kernel: Kernel, mount: Mount, to: Path): number => {
  if (mount.at === null) return -EINVAL;
  for (let m: Mount | null = to.mount; m !== null; m = m.at?.mount ?? null) if (m === mount) return -EINVAL;
  const list = mount.at.dentry.mounted;
  if (list) list.splice(list.indexOf(mount), 1);
  mount.at = to;
  to.dentry.mounted ??= [];
  to.dentry.mounted.push(mount);
  wake(kernel.mounts.changed);
  return 0;
};
