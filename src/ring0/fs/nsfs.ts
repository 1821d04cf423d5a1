// nsfs: the files that stand for namespaces, which /proc/[pid]/ns leads to (namespaces(7), ioctl_ns(2)). They cannot
// be read or changed, only held, compared and asked. There is one namespace of each kind.

import { CLONE } from '../../abi/clone.ts';
import { EFAULT, EINVAL, ENOTTY, EPERM, ESPIPE } from '../../abi/errno.ts';
import { O_ACCMODE, O_CLOEXEC, O_RDONLY, O_TRUNC } from '../../abi/fcntl.ts';
import { NS_GET_NSTYPE, NS_GET_OWNER_UID, NS_GET_PARENT, NS_GET_USERNS } from '../../abi/ioctl.ts';
import { MAGIC, S_IFREG } from '../../abi/stat.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task/types.ts';
import { freshAttr, withoutBlocks } from '../vfs/attr.ts';
import { newDentry } from '../vfs/dentry.ts';
import { installOrRelease } from '../vfs/fdtable.ts';
import { newFile } from '../vfs/file.ts';
import { anonymousDev, now, vfsOf } from '../vfs/state.ts';
import type { FileOps, FileSystem, Inode, InodeAttr, OpenFile, Path } from '../vfs/types.ts';

/** The kinds: the number of the first of each (linux/proc_ns.h), and its flag of clone(2). */
const KINDS = {
  cgroup: { ino: 0xeffffffb, flag: CLONE.CLONE_NEWCGROUP },
  ipc: { ino: 0xefffffff, flag: CLONE.CLONE_NEWIPC },
  mnt: { ino: 0xf0000000, flag: CLONE.CLONE_NEWNS },
  net: { ino: 0xf0000098, flag: CLONE.CLONE_NEWNET },
  pid: { ino: 0xeffffffc, flag: CLONE.CLONE_NEWPID },
  time: { ino: 0xeffffffa, flag: CLONE.CLONE_NEWTIME },
  user: { ino: 0xeffffffd, flag: CLONE.CLONE_NEWUSER },
  uts: { ino: 0xeffffffe, flag: CLONE.CLONE_NEWUTS },
} as const;

export type NamespaceKind = keyof typeof KINDS;

export const namespaceLabel = (kind: NamespaceKind): string => `${kind}:[${KINDS[kind].ino}]`;

class NamespaceInode implements Inode {
  readonly fs: NsFs;
  readonly kind: NamespaceKind;
  readonly #attr: InodeAttr;

  constructor(fs: NsFs, kind: NamespaceKind) {
    this.fs = fs;
    this.kind = kind;
    const attr = { ino: KINDS[kind].ino, mode: S_IFREG | 0o444, uid: 0, gid: 0, rdev: 0 };
    this.#attr = freshAttr(attr, now(fs.kernel));
  }

  attr(): InodeAttr {
    return this.#attr;
  }

  /** It is immutable. */
  open(_task: Task, flags: number): FileOps | number {
    return (flags & O_ACCMODE) !== O_RDONLY || (flags & O_TRUNC) !== 0 ? -EPERM : OPS;
  }
}

class NsFs implements FileSystem {
  readonly type = 'nsfs';
  readonly dev: number;
  readonly readonly = false;
  readonly root: Inode;
  readonly kernel: Kernel;
  readonly #paths = new Map<NamespaceKind, Path>();

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.dev = anonymousDev(kernel);
    this.root = new NamespaceInode(this, 'mnt');
  }

  statfs(): ReturnType<FileSystem['statfs']> {
    return withoutBlocks(MAGIC.nsfs);
  }

  path(kind: NamespaceKind): Path {
    let path = this.#paths.get(kind);
    if (path === undefined) {
      const inode = new NamespaceInode(this, kind);
      const mount = {
        id: 0,
        fs: this,
        root: newDentry('/', null, inode),
        at: null,
        readonly: false,
        source: 'nsfs',
      };
      path = { mount, dentry: newDentry(namespaceLabel(kind), null, inode) };
      this.#paths.set(kind, path);
    }
    return path;
  }
}

/** The file of the machine's namespace of a kind. */
export const namespacePath = (kernel: Kernel, kind: NamespaceKind): Path => {
  const vfs = vfsOf(kernel);
  vfs.namespaces ??= new NsFs(kernel);
  return (vfs.namespaces as NsFs).path(kind);
};

/** The kind of namespace that a description is of, and its flag of clone(2); null for other files. */
export const namespaceOf = (
  file: OpenFile,
): { readonly kind: NamespaceKind; readonly flag: number } | null => {
  const { inode } = file;
  return inode instanceof NamespaceInode ? { kind: inode.kind, flag: KINDS[inode.kind].flag } : null;
};

/** A descriptor of the user namespace that a namespace belongs to. */
const openUserNamespace = (task: Task): number => {
  const path = namespacePath(task.kernel, 'user');
  return installOrRelease(task, newFile(path.dentry.inode, path, OPS, O_RDONLY | O_CLOEXEC), true);
};

const REQUESTS: Readonly<Record<number, (task: Task, kind: NamespaceKind, arg: number) => number>> = {
  [NS_GET_NSTYPE]: (_task, kind) => KINDS[kind].flag,
  // What is above the first user namespace is out of everybody's reach.
  [NS_GET_USERNS]: (task, kind) => (kind === 'user' ? -EPERM : openUserNamespace(task)),
  [NS_GET_PARENT]: (_task, kind) => (kind === 'user' || kind === 'pid' ? -EPERM : -EINVAL),
  [NS_GET_OWNER_UID]: (task, kind, arg) =>
    kind !== 'user' ? -EINVAL : task.mm.writeU32(arg, 0) ? 0 : -EFAULT,
};

const OPS: FileOps = {
  // lseek fails, but pread is let through to find that nothing can be read.
  seekable: true,
  seek: () => -ESPIPE,
  fsync: () => -EINVAL,
  ioctl: (task, file, request, arg) => {
    const namespace = namespaceOf(file);
    return (namespace && REQUESTS[request]?.(task, namespace.kind, arg)) ?? -ENOTTY;
  },
};
