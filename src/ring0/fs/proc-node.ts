// The building blocks of pseudo file systems (proc, sysfs): directories, symbolic links and files whose text is
// made when it is read. Files say 0 as their size, and keep what was read from their start until they are read
// from there again, as the kernel's seq_file does.

import { DT_DIR, DT_LNK, DT_REG } from '../../abi/dirent.ts';
import { EINVAL, ENOENT, EPERM } from '../../abi/errno.ts';
import { SEEK_CUR, SEEK_SET } from '../../abi/fcntl.ts';
import { S_IFDIR, S_IFLNK, S_IFREG } from '../../abi/stat.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task/types.ts';
import type { AttrChange } from '../vfs/attr.ts';
import { withoutBlocks } from '../vfs/attr.ts';
import { anonymousDev, now } from '../vfs/state.ts';
import type {
  DirEntry,
  FileOps,
  FileSystem,
  Inode,
  InodeAttr,
  OpenFile,
  Path,
  StatFs,
  TimeSpec,
} from '../vfs/types.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Whose a node is; null once what it is about has gone. */
export type OwnerOf = () => Owner | null;

const ROOT: Owner = { uid: 0, gid: 0 };
const rootOwns: OwnerOf = () => ROOT;

/** A generated file. */
export interface TextFile {
  /** Permission bits; default 0444. */
  readonly mode?: number;
  /** The contents as a byte string, or -errno. Absent: EINVAL. */
  text?(reader: Task): string | number;
  /** Takes what a write call was given for a position, as a byte string: 0 or -errno. Absent: EINVAL. */
  write?(writer: Task, text: string, pos: number): number;
  /** Asked at open: 0 or -errno. */
  guard?(task: Task, flags: number): number;
  /** Own operations instead of text. */
  readonly ops?: FileOps;
}

export class PseudoFs implements FileSystem {
  readonly type: string;
  readonly dev: number;
  readonly readonly = false;
  readonly root: PseudoDir;
  readonly kernel: Kernel;
  readonly #magic: number;
  #nextIno = 1;

  constructor(kernel: Kernel, type: string, magic: number, root?: (fs: PseudoFs) => PseudoDir) {
    this.kernel = kernel;
    this.type = type;
    this.#magic = magic;
    this.dev = anonymousDev(kernel);
    this.root = root?.(this) ?? new PseudoDir(this);
  }

  newIno(): number {
    return this.#nextIno++;
  }

  statfs(): StatFs {
    return withoutBlocks(this.#magic);
  }

  /** Adds a node at a path from the root; directories on the way are made. */
  add(path: string, node: Inode): void {
    const names = path.split('/');
    const last = names.pop() ?? '';
    let dir = this.root;
    for (const name of names) {
      const next = dir.lookup(name);
      if (next instanceof PseudoDir) {
        dir = next;
        continue;
      }
      const made = new PseudoDir(this);
      dir.put(name, made);
      dir = made;
    }
    dir.put(last, node);
  }

  newFile(file: TextFile): Inode {
    return new PseudoFile(this, file);
  }

  file(path: string, file: TextFile): void {
    this.add(path, this.newFile(file));
  }

  link(path: string, target: string): void {
    this.add(path, new PseudoLink(this, { readlink: () => target }));
  }
}

/** What all kinds share: attributes. */
export class PseudoNode implements Inode {
  readonly fs: PseudoFs;
  readonly ino: number;
  readonly #mode: number;
  readonly #owner: OwnerOf;
  readonly #time: TimeSpec;

  constructor(fs: PseudoFs, mode: number, owner: OwnerOf = rootOwns) {
    this.fs = fs;
    this.ino = fs.newIno();
    this.#mode = mode;
    this.#owner = owner;
    this.#time = now(fs.kernel);
  }

  get mode(): number {
    return this.#mode;
  }

  get nlink(): number {
    return 1;
  }

  get size(): number {
    return 0;
  }

  attr(): InodeAttr | number {
    const owner = this.#owner();
    if (owner === null) return -ENOENT;
    const t = this.#time;
    // Of a directory they are counted: walks ask for attributes, too, and not for this.
    const links = (): number => this.nlink;
    return {
      ino: this.ino,
      mode: this.mode,
      get nlink() {
        return links();
      },
      uid: owner.uid,
      gid: owner.gid,
      rdev: 0,
      size: this.size,
      blocks: 0,
      blksize: 1024,
      atime: t,
      mtime: t,
      ctime: t,
      btime: t,
    };
  }

  /** O_TRUNC does nothing; owner and mode stay. */
  setattr(change: AttrChange): number {
    return change.mode === undefined && change.uid === undefined && change.gid === undefined ? 0 : -EPERM;
  }
}

/** Bytes that a description goes on reading. */
interface Generated {
  readonly generated: Uint8Array;
}

const isGenerated = (s: unknown): s is Generated => typeof s === 'object' && s !== null && 'generated' in s;

const encode = (text: string): Uint8Array => {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
};

/** Only SEEK_SET and SEEK_CUR: there is no end to count from. */
export const seekFromStart = (file: OpenFile, offset: number, whence: number): number => {
  const to = whence === SEEK_SET ? offset : whence === SEEK_CUR ? file.pos + offset : -1;
  return to < 0 ? -EINVAL : to;
};

const textOps = (file: TextFile): FileOps => {
  const { text, write } = file;
  const ops: FileOps = {
    seekable: true,
    seek: seekFromStart,
    read: (task, open, buf, at, n, pos) => {
      let state = open.dirState;
      if (pos === 0 || !isGenerated(state)) {
        const made = text?.(task) ?? -EINVAL;
        if (typeof made === 'number') return made;
        state = { generated: encode(made) } satisfies Generated;
        open.dirState = state;
      }
      if (!isGenerated(state)) return 0;
      const part = state.generated.subarray(pos, pos + n);
      buf.set(part, at);
      return part.length;
    },
  };
  if (write !== undefined) {
    ops.write = (task, _open, buf, at, n, pos) => {
      const r = write(task, String.fromCharCode(...buf.subarray(at, at + Math.min(n, 4096))), pos);
      return r < 0 ? r : n;
    };
  }
  return ops;
};

export class PseudoFile extends PseudoNode {
  readonly #file: TextFile;
  readonly #ops: FileOps;

  constructor(fs: PseudoFs, file: TextFile, owner?: OwnerOf) {
    super(fs, S_IFREG | (file.mode ?? 0o444), owner);
    this.#file = file;
    this.#ops = file.ops ?? textOps(file);
  }

  override get size(): number {
    return this.fs.type === 'sysfs' ? 4096 : 0;
  }

  open(task: Task, flags: number): FileOps | number {
    const refused = this.#file.guard?.(task, flags) ?? 0;
    return refused !== 0 ? refused : this.#ops;
  }
}

export interface LinkTarget {
  readlink(task: Task): string | number;
  /** Magic links only. */
  follow?(task: Task): Path | number;
  mode?(): number;
  readonly size?: number;
}

export class PseudoLink extends PseudoNode {
  readonly #target: LinkTarget;
  readonly follow?: (task: Task) => Path | number;

  constructor(fs: PseudoFs, target: LinkTarget, owner?: OwnerOf) {
    super(fs, S_IFLNK | 0o777, owner);
    this.#target = target;
    const { follow } = target;
    if (follow !== undefined) this.follow = follow;
  }

  override get mode(): number {
    return S_IFLNK | (this.#target.mode?.() ?? 0o777);
  }

  override get size(): number {
    return this.#target.size ?? 0;
  }

  readlink(task: Task): string | number {
    return this.#target.readlink(task);
  }
}

const entryType = (node: Inode): number =>
  node instanceof PseudoDir ? DT_DIR : node instanceof PseudoLink ? DT_LNK : DT_REG;

export class PseudoDir extends PseudoNode {
  readonly #nodes = new Map<string, Inode>();
  #fill: (() => void) | null = null;

  constructor(fs: PseudoFs, mode = 0o555, owner?: OwnerOf) {
    super(fs, S_IFDIR | mode, owner);
  }

  /** Puts off what `fill` does until somebody looks for what is not there yet: most programs do not. */
  fillLater(fill: () => void): void {
    this.#fill = fill;
  }

  protected get nodes(): Map<string, Inode> {
    const fill = this.#fill;
    this.#fill = null;
    fill?.();
    return this.#nodes;
  }

  override get nlink(): number {
    let n = 2;
    for (const node of this.nodes.values()) if (node instanceof PseudoDir) n++;
    return n;
  }

  put(name: string, node: Inode): void {
    this.#nodes.set(name, node);
  }

  lookup(name: string): Inode | number {
    return this.#nodes.get(name) ?? this.nodes.get(name) ?? -ENOENT;
  }

  readdir(): readonly DirEntry[] | number {
    return [...this.nodes].map(([name, node]) => dirEntry(name, node));
  }

  /** Nothing is made in a pseudo file system; the kernel says that the name cannot be there. */
  create(): number {
    return -ENOENT;
  }
}

export const dirEntry = (name: string, node: Inode): DirEntry => ({
  name,
  ino: node instanceof PseudoNode ? node.ino : 0,
  type: entryType(node),
});
