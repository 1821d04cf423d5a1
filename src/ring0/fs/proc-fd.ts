// /proc/[pid]/fd, fdinfo and ns: what a process has open, and the namespaces it is in (proc(5), namespaces(7)).

import { EACCES, ENOENT } from '../../abi/errno.ts';
import { O_CLOEXEC } from '../../abi/fcntl.ts';
import type { Descriptor, Task } from '../task/types.ts';
import { newDentry } from '../vfs/dentry.ts';
import { canRead, canWrite, directoryOps } from '../vfs/file.ts';
import type { DirEntry, FileOps, Inode, OpenFile, Path } from '../vfs/types.ts';
import { type NamespaceKind, namespaceLabel, namespacePath } from './nsfs.ts';
import { type Find, guard, guardedLink, mayLookInto, ownerOf } from './proc-access.ts';
import { heldLocks } from './proc-locks.ts';
import { fileName } from './proc-memory.ts';
import { dirEntry, PseudoDir, PseudoFile, type PseudoFs, PseudoLink } from './proc-node.ts';

/** A file that is in no directory, reached through a magic link: a dentry of its own with the label as its name. */
const anonymousPath = (file: OpenFile): Path => {
  const { inode, label } = file;
  const mount = {
    id: 0,
    fs: inode.fs,
    root: newDentry('/', null, inode),
    at: null,
    readonly: false,
    source: 'none',
  };
  return { mount, dentry: newDentry(label, null, inode) };
};

/** The descriptors of the task; none once it has ended. */
const slotsOf = (find: Find): readonly (Descriptor | undefined)[] => {
  const s = find();
  return s === null || s.task.state === 'dead' ? [] : s.task.files.slots;
};

const descriptorNumber = (name: string): number => (/^(0|[1-9]\d*)$/.test(name) ? Number(name) : -1);

/** fd and fdinfo: one entry for each descriptor. */
class DescriptorDir extends PseudoDir {
  readonly #find: Find;
  readonly #made = new Map<number, Inode>();
  readonly #make: (fd: number) => Inode;

  constructor(fs: PseudoFs, find: Find, mode: number, make: (fd: number) => Inode) {
    super(fs, mode, ownerOf(find, mode === 0o555));
    this.#find = find;
    this.#make = make;
  }

  /** fd is closed to others by its mode, fdinfo by this. */
  open(task: Task): FileOps | number {
    const s = this.#find();
    if (s === null) return -ENOENT;
    return (this.mode & 0o004) === 0 || mayLookInto(task, s.task) ? directoryOps : -EACCES;
  }

  #node(fd: number): Inode {
    let node = this.#made.get(fd);
    if (node === undefined) {
      node = this.#make(fd);
      this.#made.set(fd, node);
    }
    return node;
  }

  override lookup(name: string): Inode | number {
    const fd = descriptorNumber(name);
    return fd >= 0 && slotsOf(this.#find)[fd] !== undefined ? this.#node(fd) : -ENOENT;
  }

  override readdir(): readonly DirEntry[] | number {
    if (this.#find() === null) return -ENOENT;
    const list: DirEntry[] = [];
    for (const [fd, d] of slotsOf(this.#find).entries())
      if (d !== undefined) list.push(dirEntry(String(fd), this.#node(fd)));
    return list;
  }
}

const fdLink = (fs: PseudoFs, find: Find, fd: number): Inode => {
  const file = (): OpenFile | undefined => slotsOf(find)[fd]?.file;
  const allowed = (reader: Task): OpenFile | number => {
    const s = find();
    if (s === null) return -ENOENT;
    if (!mayLookInto(reader, s.task)) return -EACCES;
    return file() ?? -ENOENT;
  };
  return new PseudoLink(
    fs,
    {
      readlink: (reader) => {
        const f = allowed(reader);
        return typeof f === 'number' ? f : fileName(f, reader.fs.root);
      },
      follow: (reader) => {
        const f = allowed(reader);
        return typeof f === 'number' ? f : (f.path ?? anonymousPath(f));
      },
      mode: () => {
        const f = file();
        return f === undefined ? 0 : (canRead(f) ? 0o500 : 0) | (canWrite(f) ? 0o300 : 0);
      },
      size: 64,
    },
    ownerOf(find, false),
  );
};

const fdInfo = (fs: PseudoFs, find: Find, fd: number): Inode =>
  new PseudoFile(
    fs,
    {
      guard: guard(find, true),
      text: () => {
        const table = find()?.task.files;
        const d = slotsOf(find)[fd];
        if (d === undefined || table === undefined) return -ENOENT;
        const { file } = d;
        const attr = file.inode.attr();
        const flags = (file.flags | (d.cloexec ? O_CLOEXEC : 0)) >>> 0;
        const ino = typeof attr === 'number' ? 0 : attr.ino;
        const common = `pos:\t${file.pos}\nflags:\t0${flags.toString(8)}\nmnt_id:\t${file.path?.mount.id ?? 0}\nino:\t${ino}\n`;
        return common + heldLocks(file, table) + (file.ops.info?.(file) ?? '');
      },
    },
    ownerOf(find, false),
  );

export const fdDir = (fs: PseudoFs, find: Find): Inode =>
  new DescriptorDir(fs, find, 0o500, (fd) => fdLink(fs, find, fd));

export const fdInfoDir = (fs: PseudoFs, find: Find): Inode =>
  new DescriptorDir(fs, find, 0o555, (fd) => fdInfo(fs, find, fd));

/** The links of ns. Those for children are of the namespaces that children will be in. */
const NAMESPACES: readonly (readonly [string, NamespaceKind])[] = [
  ['cgroup', 'cgroup'],
  ['ipc', 'ipc'],
  ['mnt', 'mnt'],
  ['net', 'net'],
  ['pid', 'pid'],
  ['pid_for_children', 'pid'],
  ['time', 'time'],
  ['time_for_children', 'time'],
  ['user', 'user'],
  ['uts', 'uts'],
];

export const namespaceDir = (fs: PseudoFs, find: Find): PseudoDir => {
  const dir = new PseudoDir(fs, 0o511, ownerOf(find, false));
  for (const [name, kind] of NAMESPACES) {
    // Who has ended has left all but those of its credentials and of its own id.
    const kept = name === 'user' || name === 'pid';
    const link = guardedLink(find, (t) =>
      kept || t.state !== 'dead' ? namespacePath(fs.kernel, kind) : -ENOENT,
    );
    dir.put(
      name,
      new PseudoLink(fs, {
        ...link,
        readlink: (reader) => {
          const to = link.follow?.(reader) ?? -ENOENT;
          return typeof to === 'number' ? to : namespaceLabel(kind);
        },
      }),
    );
  }
  return dir;
};
