// /proc: the root directory with the files about the machine and a directory for every process, and /proc/self
// and /proc/thread-self. Others add files with `procFs(kernel).file(path, ...)`, those of /proc/net as `net/...`.

import { ENOENT } from '../../abi/errno.ts';
import { MAGIC } from '../../abi/stat.ts';
import type { Kernel } from '../kernel.ts';
import { unixTable } from '../net/unix/table.ts';
import type { Process, Task } from '../task/types.ts';
import { vfsOf } from '../vfs/state.ts';
import type { DirEntry, Inode } from '../vfs/types.ts';
import type { Find } from './proc-access.ts';
import { inheritOomScore } from './proc-files.ts';
import { dirEntry, PseudoDir, PseudoFs, PseudoLink } from './proc-node.ts';
import { processDir } from './proc-process.ts';
import { addSystemFiles } from './proc-system.ts';

class ProcRoot extends PseudoDir {
  readonly #byProcess = new WeakMap<Process, PseudoDir>();
  readonly #byThread = new WeakMap<Task, PseudoDir>();
  readonly net: PseudoDir;

  constructor(fs: PseudoFs) {
    super(fs);
    this.net = new PseudoDir(fs);
  }

  override get nlink(): number {
    return super.nlink + this.fs.kernel.processes.size;
  }

  #ofProcess(process: Process): PseudoDir {
    let dir = this.#byProcess.get(process);
    if (dir === undefined) {
      const held = new WeakRef(process);
      const find: Find = () => {
        const p = held.deref();
        if (p === undefined || this.fs.kernel.processes.get(p.pid) !== p) return null;
        return { task: p.leader, process: p, whole: true };
      };
      dir = processDir(this.fs, find, true, this.net);
      this.#byProcess.set(process, dir);
    }
    return dir;
  }

  /** A thread that leads no process has a directory, too, but it is not listed. */
  #ofThread(task: Task): PseudoDir {
    let dir = this.#byThread.get(task);
    if (dir === undefined) {
      const held = new WeakRef(task);
      const find: Find = () => {
        const t = held.deref();
        if (t === undefined || this.fs.kernel.tasks.get(t.tid) !== t) return null;
        return { task: t, process: t.process, whole: true };
      };
      dir = processDir(this.fs, find, true, this.net);
      this.#byThread.set(task, dir);
    }
    return dir;
  }

  override lookup(name: string): Inode | number {
    if (!/^[1-9]\d*$/.test(name)) return super.lookup(name);
    const { processes, tasks } = this.fs.kernel;
    const process = processes.get(Number(name));
    if (process !== undefined) return this.#ofProcess(process);
    const task = tasks.get(Number(name));
    return task === undefined ? -ENOENT : this.#ofThread(task);
  }

  override readdir(): readonly DirEntry[] {
    const list = [...this.nodes].map(([name, node]) => dirEntry(name, node));
    const pids = [...this.fs.kernel.processes.values()].sort((a, b) => a.pid - b.pid);
    for (const p of pids) list.push(dirEntry(String(p.pid), this.#ofProcess(p)));
    return list;
  }
}

const newProcFs = (kernel: Kernel): PseudoFs => {
  const fs = new PseudoFs(kernel, 'proc', MAGIC.proc, (f) => new ProcRoot(f));
  (fs.root as ProcRoot).net.put('unix', fs.newFile({ text: () => unixTable(kernel) }));
  fs.add('self', new PseudoLink(fs, { readlink: (task) => String(task.process.pid) }));
  fs.add('thread-self', new PseudoLink(fs, { readlink: (task) => `${task.process.pid}/task/${task.tid}` }));
  fs.root.fillLater(() => addSystemFiles(fs));
  inheritOomScore(kernel);
  return fs;
};

/** The one /proc of a machine; every mount of it shows the same. */
export const procFs = (kernel: Kernel): PseudoFs => {
  const vfs = vfsOf(kernel);
  vfs.proc ??= newProcFs(kernel);
  return vfs.proc as PseudoFs;
};

/** Adds a file to /proc/net, which is the same in every process. */
export const addNetFile = (kernel: Kernel, name: string, text: () => string): void => {
  const fs = procFs(kernel);
  const root = fs.root as ProcRoot;
  root.net.put(name, fs.newFile({ text }));
};
