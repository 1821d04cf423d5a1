// The directories of processes and threads: /proc/[pid], /proc/[pid]/task and /proc/[pid]/task/[tid] (proc(5)).

import { ENOENT } from '../../abi/errno.ts';
import type { Process, Task } from '../task/types.ts';
import type { DirEntry, Inode, Path } from '../vfs/types.ts';
import { type Find, guardedLink, ownerOf } from './proc-access.ts';
import { attrDir } from './proc-attr.ts';
import { fdDir, fdInfoDir, namespaceDir } from './proc-fd.ts';
import { FILES, memoryFile, pagemapFile, textFile } from './proc-files.ts';
import { dirEntry, PseudoDir, PseudoFile, type PseudoFs, PseudoLink } from './proc-node.ts';

/** A directory whose nodes are made when they are first asked for. */
class SubjectDir extends PseudoDir {
  readonly find: Find;
  readonly whole: boolean;
  readonly #make: ReadonlyMap<string, () => Inode>;

  constructor(fs: PseudoFs, find: Find, whole: boolean, make: ReadonlyMap<string, () => Inode>) {
    super(fs, 0o555, ownerOf(find, true));
    this.find = find;
    this.whole = whole;
    this.#make = make;
  }

  override get nlink(): number {
    return 2 + [...DIRECTORIES].filter((name) => this.#make.has(name)).length;
  }

  override lookup(name: string): Inode | number {
    if (this.find() === null) return -ENOENT;
    const known = super.lookup(name);
    if (known !== -ENOENT) return known;
    const node = this.#make.get(name)?.();
    if (node === undefined) return -ENOENT;
    this.put(name, node);
    return node;
  }

  override readdir(): readonly DirEntry[] | number {
    if (this.find() === null) return -ENOENT;
    const list: DirEntry[] = [];
    for (const name of this.#make.keys()) {
      const node = this.lookup(name);
      if (typeof node !== 'number') list.push(dirEntry(name, node));
    }
    return list;
  }
}

const DIRECTORIES = new Set(['attr', 'fd', 'fdinfo', 'net', 'ns', 'task']);

/** /proc/[pid]/task. */
class TaskDir extends PseudoDir {
  readonly #find: Find;
  readonly #made = new WeakMap<Task, PseudoDir>();
  readonly #net: PseudoDir;

  constructor(fs: PseudoFs, find: Find, net: PseudoDir) {
    super(fs, 0o555, ownerOf(find, true));
    this.#find = find;
    this.#net = net;
  }

  /** Living threads, or the leader of a process that has ended. */
  #threads(): Task[] {
    const s = this.#find();
    if (s === null) return [];
    const { process } = s;
    const list = [...process.threads];
    if (!list.includes(process.leader)) list.unshift(process.leader);
    return list.sort((a, b) => a.tid - b.tid);
  }

  override get nlink(): number {
    return 2 + this.#threads().length;
  }

  #node(task: Task): PseudoDir {
    let dir = this.#made.get(task);
    if (dir === undefined) {
      const held = new WeakRef(task);
      const find: Find = () => {
        const t = held.deref();
        return t !== undefined && this.#threads().includes(t)
          ? { task: t, process: t.process, whole: false }
          : null;
      };
      dir = processDir(this.fs, find, false, this.#net);
      this.#made.set(task, dir);
    }
    return dir;
  }

  override lookup(name: string): Inode | number {
    const task = this.#threads().find((t) => String(t.tid) === name);
    return task === undefined ? -ENOENT : this.#node(task);
  }

  override readdir(): readonly DirEntry[] | number {
    if (this.#find() === null) return -ENOENT;
    return this.#threads().map((t) => dirEntry(String(t.tid), this.#node(t)));
  }
}

/** The directory of a process (`whole`) or of one thread. */
export const processDir = (fs: PseudoFs, find: Find, whole: boolean, net: PseudoDir): PseudoDir => {
  const make = new Map<string, () => Inode>();
  const link = (target: (task: Task) => Path | number) => (): Inode =>
    new PseudoLink(fs, guardedLink(find, target), ownerOf(find, false));
  if (whole) make.set('task', () => new TaskDir(fs, find, net));
  make.set('fd', () => fdDir(fs, find));
  make.set('fdinfo', () => fdInfoDir(fs, find));
  make.set('ns', () => namespaceDir(fs, find));
  make.set('attr', () => attrDir(fs, find));
  make.set('net', () => net);
  const alive = (t: Task): boolean => t.state !== 'dead';
  make.set(
    'cwd',
    link((t) => (alive(t) ? t.fs.cwd : -ENOENT)),
  );
  make.set(
    'root',
    link((t) => (alive(t) ? t.fs.root : -ENOENT)),
  );
  make.set(
    'exe',
    link((t) => (alive(t) ? (t.process.exe ?? -ENOENT) : -ENOENT)),
  );
  make.set('mem', () => new PseudoFile(fs, memoryFile(find), ownerOf(find, false)));
  make.set('pagemap', () => new PseudoFile(fs, pagemapFile(find), ownerOf(find, false)));
  for (const row of FILES) {
    if (row.only !== undefined && (row.only === 'process') !== whole) continue;
    make.set(row.name, () => new PseudoFile(fs, textFile(find, row), ownerOf(find, false)));
  }
  return new SubjectDir(fs, find, whole, make);
};

/** The process that a directory /proc/[pid] is about: null once it has gone, undefined when it is another directory. */
export const processOfDirectory = (inode: Inode): Process | null | undefined =>
  inode instanceof SubjectDir && inode.whole ? (inode.find()?.process ?? null) : undefined;
