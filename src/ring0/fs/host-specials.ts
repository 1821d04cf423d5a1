// FIFOs, sockets and device nodes in folders of the host. Node has no call that makes them, and what they stand for is the
// guest's alone: they are names beside the host's, kept by the identity of the host's directory for as long as the
// machine runs, so that every mount of that directory shows the same.

import { COST, charge, uncharge } from '../heap.ts';
import type { Kernel } from '../kernel.ts';
import { type AttrChange, changeAttr, freshAttr } from '../vfs/attr.ts';
import { anonymousDev, now } from '../vfs/state.ts';
import type { FileSystem, Inode, InodeAttr, TimeSpec } from '../vfs/types.ts';
import type { HostStat } from './host-files.ts';

/** Numbers of inodes that the host does not have: above any that it is likely to give. */
const FIRST_INO = 2 ** 51;

/** A FIFO, socket or device node, opened by the kernel's drivers (vfs/open.ts). */
export class HostSpecial implements Inode {
  readonly fs: FileSystem;
  readonly #kernel: Kernel;
  readonly #attr: InodeAttr;
  holders = 0;
  writers = 0;
  locks = null;

  constructor(kernel: Kernel, fs: FileSystem, attr: InodeAttr) {
    this.#kernel = kernel;
    this.fs = fs;
    this.#attr = attr;
  }

  attr(): InodeAttr {
    return this.#attr;
  }

  setattr(c: AttrChange): number {
    changeAttr(this.#attr, c, now(this.#kernel));
    return 0;
  }

  addLink(n: number): void {
    this.#attr.nlink += n;
    this.#attr.ctime = now(this.#kernel);
  }
}

interface SpecialDir {
  readonly names: Map<string, HostSpecial>;
  /** When such a name was made or removed last; null once the times of the directory were set since. */
  changed: TimeSpec | null;
}

/** The special files of one machine, and the device numbers of the host folders that can have them. */
export class Specials {
  readonly #kernel: Kernel;
  readonly #devices = new Map<string, number>();
  readonly #dirs = new Map<string, SpecialDir>();
  #nextIno = FIRST_INO;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** st_dev of what lies on a device of the host: the same in each of its folders. */
  device(of: HostStat): number {
    const host = of.id.slice(0, of.id.indexOf(':'));
    const known = this.#devices.get(host);
    if (known !== undefined) return known;
    const dev = anonymousDev(this.#kernel);
    this.#devices.set(host, dev);
    return dev;
  }

  /** The number of a directory may have been another's before. */
  #key(dir: HostStat): string {
    return `${dir.id}@${dir.btime.sec}.${dir.btime.nsec}`;
  }

  #of(dir: HostStat): SpecialDir | undefined {
    return this.#dirs.size === 0 ? undefined : this.#dirs.get(this.#key(dir));
  }

  /** Those in a directory, by name. */
  names(dir: HostStat): ReadonlyMap<string, HostSpecial> | undefined {
    return this.#of(dir)?.names;
  }

  find(dir: HostStat, name: string): HostSpecial | undefined {
    return this.#of(dir)?.names.get(name);
  }

  /** When such a name was made or removed last, as far as that changed the directory's times. */
  changed(dir: HostStat): TimeSpec | null {
    return this.#of(dir)?.changed ?? null;
  }

  /** The times of a directory were set: what happened before is not told any more. */
  settle(dir: HostStat): void {
    const d = this.#of(dir);
    if (d !== undefined) d.changed = null;
  }

  /** A directory is gone. */
  forget(dir: HostStat): void {
    if (this.#dirs.size > 0) this.#dirs.delete(this.#key(dir));
  }

  /** A new one without a name. */
  make(fs: FileSystem, mode: number, uid: number, gid: number, rdev: number): HostSpecial {
    const attr = freshAttr({ ino: this.#nextIno++, mode, uid, gid, rdev }, now(this.#kernel));
    return new HostSpecial(this.#kernel, fs, { ...attr, nlink: 0 });
  }

  /** Gives one a name that is free; false when the kernel's heap is full. */
  enter(dir: HostStat, name: string, node: HostSpecial): boolean {
    if (!charge(this.#kernel.heap, COST.name)) return false;
    node.addLink(1);
    this.#put(dir, name, node);
    return true;
  }

  /** Takes a name away, if it is one of these. */
  leave(dir: HostStat, name: string): void {
    const node = this.#take(dir, name);
    if (node === undefined) return;
    node.addLink(-1);
    uncharge(this.#kernel.heap, COST.name);
  }

  /** Gives one another name, which is free. */
  move(dir: HostStat, name: string, toDir: HostStat, toName: string): void {
    const node = this.#take(dir, name);
    if (node === undefined) return;
    node.addLink(0);
    this.#put(toDir, toName, node);
  }

  /** Swaps two names that both are such. */
  exchange(dir: HostStat, name: string, toDir: HostStat, toName: string): void {
    const a = this.#take(dir, name);
    const b = this.#take(toDir, toName);
    for (const [node, at, as] of [
      [a, toDir, toName],
      [b, dir, name],
    ] as const) {
      node?.addLink(0);
      if (node !== undefined) this.#put(at, as, node);
    }
  }

  #put(dir: HostStat, name: string, node: HostSpecial): void {
    const key = this.#key(dir);
    const changed = now(this.#kernel);
    const d = this.#dirs.get(key);
    if (d === undefined) this.#dirs.set(key, { names: new Map([[name, node]]), changed });
    else {
      d.names.set(name, node);
      d.changed = changed;
    }
  }

  #take(dir: HostStat, name: string): HostSpecial | undefined {
    const d = this.#of(dir);
    const node = d?.names.get(name);
    if (d === undefined || node === undefined) return undefined;
    d.names.delete(name);
    d.changed = now(this.#kernel);
    return node;
  }
}
