// /proc/[pid] and /proc/[pid]/task/[tid]: the files, links and directories of one process or thread, and who may
// look at them (proc(5), and "Ptrace access mode checking" in ptrace(2)).

import { EACCES, EINVAL, EIO, ENOENT, ESRCH } from '../../abi/errno.ts';
import { O_CLOEXEC } from '../../abi/fcntl.ts';
import { S_IFREG } from '../../abi/stat.ts';
import type { Kernel } from '../kernel.ts';
import { capable, capSubset } from '../task/creds.ts';
import type { Task } from '../task/types.ts';
import { displayName, newDentry } from '../vfs/dentry.ts';
import { canRead, canWrite, directoryOps } from '../vfs/file.ts';
import type { DirEntry, FileOps, Inode, OpenFile, Path } from '../vfs/types.ts';
import { fileName, maps, smaps, smapsRollup } from './proc-memory.ts';
import { mountinfo, mounts, mountstats } from './proc-mounts.ts';
import {
  dirEntry,
  type LinkTarget,
  type OwnerOf,
  PseudoDir,
  PseudoFile,
  type PseudoFs,
  PseudoLink,
  PseudoNode,
  seekFromStart,
  type TextFile,
} from './proc-node.ts';
import { io, limits, memoryOfTask, type Subject, sched, stat, statm, status } from './proc-status.ts';

/** Finds the task that a directory is about; null when it has gone. */
export type Find = () => Subject | null;

/** PTRACE_MODE_READ_FSCREDS: may `reader` see the insides of `target`? */
export const mayLookInto = (reader: Task, target: Task): boolean => {
  if (reader.process === target.process) return true;
  if (capable(reader, 'CAP_SYS_PTRACE')) return true;
  const { fsuid, fsgid, capPermitted } = reader.cred;
  const t = target.cred;
  const same =
    [t.euid, t.suid, t.uid].every((id) => id === fsuid) &&
    [t.egid, t.sgid, t.gid].every((id) => id === fsgid);
  const dumpable = target.process.attributes.get('dumpable') ?? 1;
  return same && dumpable === 1 && capSubset(t.capPermitted, capPermitted);
};

/** A row of the table below. `text` gets the subject, which is there. */
interface ProcessFile {
  readonly name: string;
  readonly mode: number;
  readonly text?: (s: Subject, reader: Task) => string | number;
  readonly write?: (s: Subject, writer: Task, text: string) => number;
  /** Whom mayLookInto refuses gets EACCES at open. */
  readonly guarded?: true;
  /** Only in /proc/[pid], or only in task/[tid]. */
  readonly only?: 'process' | 'thread';
}

const read = (task: Task, from: number, to: number): string => {
  const mm = memoryOfTask(task);
  if (mm === null || to <= from) return '';
  const bytes = new Uint8Array(to - from);
  const n = mm.readInto(from, bytes, 0, bytes.length);
  let out = '';
  for (let i = 0; i < n; i++) out += String.fromCharCode(bytes[i] as number);
  return out;
};

/** Arguments, as far as setproctitle(3) has not written over their end into the environment. */
const cmdline = ({ task }: Subject): string => {
  const l = memoryOfTask(task)?.layout;
  if (l === undefined) return '';
  const text = read(task, l.argStart, l.argEnd);
  if (text === '' || text.endsWith('\0')) return text;
  const whole = text + read(task, l.argEnd, Math.max(l.argEnd, l.envEnd));
  const end = whole.indexOf('\0');
  return end < 0 ? whole : whole.slice(0, end + 1);
};

const environ = ({ task }: Subject): string => {
  const l = memoryOfTask(task)?.layout;
  return l === undefined ? '' : read(task, l.envStart, l.envEnd);
};

const COMM_LENGTH = 15;

const setComm = ({ task, process }: Subject, writer: Task, text: string): number => {
  if (writer.process !== process) return -EINVAL;
  const end = text.indexOf('\0');
  task.comm = (end < 0 ? text : text.slice(0, end)).slice(0, COMM_LENGTH);
  if (task === process.leader) process.comm = task.comm;
  return 0;
};

const setOomScore = ({ process }: Subject, writer: Task, text: string): number => {
  if (!/^\s*[+-]?\d+\s*$/.test(text)) return -EINVAL;
  const v = Number(text);
  if (v < -1000 || v > 1000) return -EINVAL;
  const least = process.attributes.get('oomScoreMin') ?? 0;
  if (v < least && !capable(writer, 'CAP_SYS_RESOURCE')) return -EACCES;
  process.attributes.set('oomScore', v);
  return 0;
};

const oomScore = ({ process }: Subject): number => process.attributes.get('oomScore') ?? 0;
const personality = ({ process }: Subject): string =>
  `${((process.attributes.get('personality') ?? 0) >>> 0).toString(16).padStart(8, '0')}\n`;

const children = ({ task, process }: Subject): string =>
  task === process.leader ? [...process.children].map((c) => `${c.pid} `).join('') : '';

const withMemory =
  (text: (mm: NonNullable<ReturnType<typeof memoryOfTask>>, reader: Task) => string) =>
  ({ task }: Subject, reader: Task): string => {
    const mm = memoryOfTask(task);
    return mm === null ? '' : text(mm, reader);
  };

/** The whole range of ids, mapped to itself: there is one user namespace. */
const ID_MAP = '         0          0 4294967295\n';
/** No audit session. */
const UNSET = '4294967295';

const FILES: readonly ProcessFile[] = [
  {
    name: 'auxv',
    mode: 0o400,
    guarded: true,
    text: withMemory((mm) => String.fromCharCode(...mm.layout.auxv)),
  },
  { name: 'cgroup', mode: 0o444, text: () => '0::/\n' },
  { name: 'children', mode: 0o444, only: 'thread', text: children },
  { name: 'cmdline', mode: 0o444, text: cmdline },
  {
    name: 'comm',
    mode: 0o644,
    text: ({ task }) => `${task.comm.slice(0, COMM_LENGTH)}\n`,
    write: setComm,
  },
  { name: 'coredump_filter', mode: 0o644, only: 'process', text: () => '00000033\n' },
  { name: 'cpuset', mode: 0o444, text: () => '/\n' },
  { name: 'environ', mode: 0o400, guarded: true, text: environ },
  { name: 'gid_map', mode: 0o644, text: () => ID_MAP },
  { name: 'io', mode: 0o400, guarded: true, text: () => io() },
  { name: 'limits', mode: 0o444, text: ({ process }) => limits(process) },
  { name: 'loginuid', mode: 0o644, text: () => UNSET },
  { name: 'maps', mode: 0o444, guarded: true, text: withMemory(maps) },
  { name: 'mountinfo', mode: 0o444, text: ({ task }) => mountinfo(task) },
  { name: 'mounts', mode: 0o444, text: ({ task }) => mounts(task) },
  { name: 'mountstats', mode: 0o400, only: 'process', text: ({ task }) => mountstats(task) },
  {
    name: 'oom_adj',
    mode: 0o644,
    text: (s) => `${oomScore(s) === 1000 ? 15 : Math.trunc((oomScore(s) * 17) / 1000)}\n`,
  },
  {
    name: 'oom_score',
    mode: 0o444,
    text: (s) => `${Math.max(0, 666 + Math.trunc((oomScore(s) * 2) / 3))}\n`,
  },
  { name: 'oom_score_adj', mode: 0o644, text: (s) => `${oomScore(s)}\n`, write: setOomScore },
  { name: 'personality', mode: 0o400, guarded: true, text: personality },
  { name: 'projid_map', mode: 0o644, text: () => ID_MAP },
  { name: 'sched', mode: 0o644, text: sched },
  {
    name: 'schedstat',
    mode: 0o444,
    text: ({ task, process }) => `${task.userNs + task.systemNs} 0 ${process.usage.switches}\n`,
  },
  { name: 'sessionid', mode: 0o444, text: () => UNSET },
  { name: 'setgroups', mode: 0o644, text: () => 'allow\n' },
  {
    name: 'smaps',
    mode: 0o444,
    guarded: true,
    text: withMemory((mm, reader) => smaps(reader.kernel, mm, reader)),
  },
  {
    name: 'smaps_rollup',
    mode: 0o444,
    guarded: true,
    text: ({ task }, reader) => {
      const mm = memoryOfTask(task);
      return mm === null ? -ESRCH : smapsRollup(reader.kernel, mm);
    },
  },
  { name: 'stack', mode: 0o400, guarded: true, text: () => '' },
  { name: 'stat', mode: 0o444, text: (s, reader) => stat(s, mayLookInto(reader, s.task)) },
  { name: 'statm', mode: 0o444, text: ({ task }, reader) => statm(reader.kernel, task) },
  { name: 'status', mode: 0o444, text: (s, reader) => status(reader.kernel, s) },
  {
    name: 'timerslack_ns',
    mode: 0o666,
    only: 'process',
    text: ({ task }) => `${task.attributes.get('timerslack') ?? 50000}\n`,
  },
  { name: 'uid_map', mode: 0o644, text: () => ID_MAP },
  { name: 'wchan', mode: 0o444, text: () => '0' },
];

/** /proc/[pid]/mem: the memory itself, at its addresses. */
const memoryOps = (find: Find): FileOps => ({
  seekable: true,
  seek: seekFromStart,
  read: (_task, _file, buf, at, n, pos) => {
    const mm = memoryOfTask(find()?.task as Task);
    if (mm === null) return 0;
    const got = mm.readInto(pos, buf, at, n);
    return got === 0 && n > 0 ? -EIO : got;
  },
  write: (_task, _file, buf, at, n, pos) => {
    const mm = memoryOfTask(find()?.task as Task);
    if (mm === null) return 0;
    const put = mm.writeSome(pos, buf, at, n);
    return put === 0 && n > 0 ? -EIO : put;
  },
});

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

/** Owner and group of a process's nodes; root's where it must not be looked into. */
const ownerOf =
  (find: Find, always: boolean): OwnerOf =>
  () => {
    const s = find();
    if (s === null) return null;
    const dumpable = s.process.attributes.get('dumpable') ?? 1;
    if (!always && dumpable !== 1) return { uid: 0, gid: 0 };
    return { uid: s.task.cred.euid, gid: s.task.cred.egid };
  };

/** A magic link that only those may use who may look into the task. */
const guardedLink = (find: Find, target: (task: Task) => Path | number): LinkTarget => {
  const follow = (reader: Task): Path | number => {
    const s = find();
    if (s === null) return -ENOENT;
    return mayLookInto(reader, s.task) ? target(s.task) : -EACCES;
  };
  return {
    follow,
    readlink: (reader) => {
      const to = follow(reader);
      return typeof to === 'number' ? to : displayName(to, reader.fs.root);
    },
  };
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

  #slots(): readonly unknown[] {
    const s = this.#find();
    return s === null || s.task.state === 'dead' ? [] : s.task.files.slots;
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
    return fd >= 0 && this.#slots()[fd] !== undefined ? this.#node(fd) : -ENOENT;
  }

  override readdir(): readonly DirEntry[] | number {
    if (this.#find() === null) return -ENOENT;
    const list: DirEntry[] = [];
    for (const [fd, d] of this.#slots().entries())
      if (d !== undefined) list.push(dirEntry(String(fd), this.#node(fd)));
    return list;
  }
}

const fdLink = (fs: PseudoFs, find: Find, fd: number): Inode => {
  const file = (): OpenFile | undefined => {
    const s = find();
    return s === null || s.task.state === 'dead' ? undefined : s.task.files.slots[fd]?.file;
  };
  const guard = (reader: Task): OpenFile | number => {
    const s = find();
    if (s === null) return -ENOENT;
    if (!mayLookInto(reader, s.task)) return -EACCES;
    return file() ?? -ENOENT;
  };
  return new PseudoLink(
    fs,
    {
      readlink: (reader) => {
        const f = guard(reader);
        return typeof f === 'number' ? f : fileName(f, reader.fs.root);
      },
      follow: (reader) => {
        const f = guard(reader);
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
        const s = find();
        const d = s === null || s.task.state === 'dead' ? undefined : s.task.files.slots[fd];
        if (d === undefined) return -ENOENT;
        const { file } = d;
        const attr = file.inode.attr();
        const flags = (file.flags | (d.cloexec ? O_CLOEXEC : 0)) >>> 0;
        const ino = typeof attr === 'number' ? 0 : attr.ino;
        return `pos:\t${file.pos}\nflags:\t0${flags.toString(8)}\nmnt_id:\t${file.path?.mount.id ?? 0}\nino:\t${ino}\n`;
      },
    },
    ownerOf(find, false),
  );

/** Initial namespaces have fixed numbers (linux/proc_ns.h). */
const NAMESPACES: readonly (readonly [string, string, number])[] = [
  ['cgroup', 'cgroup', 0xeffffffb],
  ['ipc', 'ipc', 0xefffffff],
  ['mnt', 'mnt', 0xf0000000],
  ['net', 'net', 0xf0000098],
  ['pid', 'pid', 0xeffffffc],
  ['pid_for_children', 'pid', 0xeffffffc],
  ['time', 'time', 0xeffffffa],
  ['time_for_children', 'time', 0xeffffffa],
  ['user', 'user', 0xeffffffd],
  ['uts', 'uts', 0xeffffffe],
];

/** What a namespace link leads to: a file that can only be named. */
class NamespaceNode extends PseudoNode {
  readonly number: number;

  constructor(fs: PseudoFs, number: number) {
    super(fs, S_IFREG | 0o444);
    this.number = number;
  }

  override attr(): ReturnType<PseudoNode['attr']> {
    const a = super.attr();
    return typeof a === 'number' ? a : { ...a, ino: this.number };
  }
}

const namespaceDir = (fs: PseudoFs, find: Find): PseudoDir => {
  const dir = new PseudoDir(fs, 0o511, ownerOf(find, false));
  for (const [name, type, number] of NAMESPACES) {
    const label = `${type}:[${number}]`;
    const node = new NamespaceNode(fs, number);
    const path: Path = {
      mount: { id: 0, fs, root: newDentry('/', null, node), at: null, readonly: false, source: 'nsfs' },
      dentry: newDentry(label, null, node),
    };
    const link = guardedLink(find, () => path);
    dir.put(
      name,
      new PseudoLink(fs, {
        ...link,
        readlink: (reader) => {
          const to = link.follow?.(reader) ?? -ENOENT;
          return typeof to === 'number' ? to : label;
        },
      }),
    );
  }
  return dir;
};

/** A directory whose nodes are made when they are first asked for. */
class SubjectDir extends PseudoDir {
  readonly #find: Find;
  readonly #make: ReadonlyMap<string, () => Inode>;

  constructor(fs: PseudoFs, find: Find, make: ReadonlyMap<string, () => Inode>) {
    super(fs, 0o555, ownerOf(find, true));
    this.#find = find;
    this.#make = make;
  }

  override get nlink(): number {
    return 2 + [...DIRECTORIES].filter((name) => this.#make.has(name)).length;
  }

  override lookup(name: string): Inode | number {
    if (this.#find() === null) return -ENOENT;
    const known = super.lookup(name);
    if (known !== -ENOENT) return known;
    const node = this.#make.get(name)?.();
    if (node === undefined) return -ENOENT;
    this.put(name, node);
    return node;
  }

  override readdir(): readonly DirEntry[] | number {
    if (this.#find() === null) return -ENOENT;
    const list: DirEntry[] = [];
    for (const name of this.#make.keys()) {
      const node = this.lookup(name);
      if (typeof node !== 'number') list.push(dirEntry(name, node));
    }
    return list;
  }
}

const DIRECTORIES = new Set(['fd', 'fdinfo', 'net', 'ns', 'task']);

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
  make.set('fd', () => new DescriptorDir(fs, find, 0o500, (fd) => fdLink(fs, find, fd)));
  make.set('fdinfo', () => new DescriptorDir(fs, find, 0o555, (fd) => fdInfo(fs, find, fd)));
  make.set('ns', () => namespaceDir(fs, find));
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
  make.set(
    'mem',
    () =>
      new PseudoFile(
        fs,
        { mode: 0o600, ops: memoryOps(find), guard: guard(find, true) },
        ownerOf(find, false),
      ),
  );
  for (const row of FILES) {
    if (row.only !== undefined && (row.only === 'process') !== whole) continue;
    make.set(row.name, () => new PseudoFile(fs, textFile(find, row), ownerOf(find, false)));
  }
  return new SubjectDir(fs, find, make);
};

const guard =
  (find: Find, guarded: boolean) =>
  (task: Task): number => {
    const s = find();
    if (s === null) return -ENOENT;
    return guarded && !mayLookInto(task, s.task) ? -EACCES : 0;
  };

const textFile = (find: Find, row: ProcessFile): TextFile => {
  const { text, write } = row;
  return {
    mode: row.mode,
    guard: guard(find, row.guarded === true),
    text: (reader) => {
      const s = find();
      return s === null ? -ESRCH : (text?.(s, reader) ?? -EINVAL);
    },
    ...(write === undefined
      ? {}
      : {
          write: (writer: Task, bytes: string) => {
            const s = find();
            return s === null ? -ESRCH : write(s, writer, bytes);
          },
        }),
  };
};

/** oom_score_adj goes to children; their minimum, too. */
export const inheritOomScore = (kernel: Kernel): void => {
  const { forkProcess } = kernel.hooks;
  kernel.hooks.forkProcess = (parent, child) => {
    const v = parent.attributes.get('oomScore');
    if (v !== undefined) child.attributes.set('oomScore', v);
    forkProcess(parent, child);
  };
};
