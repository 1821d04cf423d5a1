// The contents of a host file: read through the page cache, written through to the host; stores through shared mappings
// are written back.

import { EIO, EOPNOTSUPP, EROFS } from '../../abi/errno.ts';
import { O_ACCMODE, O_RDONLY } from '../../abi/fcntl.ts';
import type { Task } from '../task/types.ts';
import type { AttrChange } from '../vfs/attr.ts';
import { type PagedInode, pagedOps } from '../vfs/file.ts';
import { PAGE_SIZE, type PageSource, Pages } from '../vfs/pagecache.ts';
import { vfsOf } from '../vfs/state.ts';
import type { FileOps } from '../vfs/types.ts';
import type { HostFs } from './host.ts';
import type { HostStat } from './host-files.ts';
import { HostInode } from './host-inode.ts';

const sameContents = (a: HostStat, b: HostStat): boolean =>
  a.size === b.size &&
  a.mtime.sec === b.mtime.sec &&
  a.mtime.nsec === b.mtime.nsec &&
  a.ctime.sec === b.ctime.sec &&
  a.ctime.nsec === b.ctime.nsec;

/** Most bytes in the midst of a file that are made zero by one call; programs write them themselves otherwise. */
const MAX_ZEROED = 2 ** 30;
const ZEROED_AT_ONCE = 2 ** 16;

/** Pages of a host file; stores through shared mappings are written back when asked for, and at close. */
class HostPages extends Pages {
  readonly #file: HostFile;

  constructor(file: HostFile, reclaim: () => number) {
    super(file.fs.kernel.cpu.frames, reclaim);
    this.#file = file;
  }

  /**
   * Node cannot make holes but at the end of a file. Elsewhere zeros are written, though not over what is zero already,
   * which may be a hole.
   */
  override punchBytes(from: number, to: number): number {
    const size = this.size();
    const end = Math.min(to, size);
    if (from >= end) return 0;
    const file = this.#file;
    const zeros = new Uint8Array(PAGE_SIZE);
    if (end === size) {
      const r = file.zeroEnd(from);
      if (r < 0) return r;
    } else if (end - from > MAX_ZEROED) return -EOPNOTSUPP;
    const buf = new Uint8Array(Math.min(ZEROED_AT_ONCE, end - from));
    for (let pos = from; pos < end && end !== size; pos += buf.length) {
      const n = file.read(buf, 0, Math.min(buf.length, end - pos), pos);
      if (n < 0) return n;
      for (let at = 0; at < n; ) {
        const k = Math.min(PAGE_SIZE - ((pos + at) % PAGE_SIZE), n - at);
        const r = buf.subarray(at, at + k).some((b) => b !== 0)
          ? file.wroteThrough(zeros, 0, k, pos + at)
          : k;
        if (r < k) return r < 0 ? r : -EIO;
        at += k;
      }
    }
    for (let pos = from; pos < end; ) {
      const k = Math.min(PAGE_SIZE - (pos % PAGE_SIZE), end - pos);
      if (this.peek(Math.floor(pos / PAGE_SIZE)) !== 0) this.update(zeros, 0, k, pos);
      pos += k;
    }
    return 0;
  }

  writeback(from: number, to: number): number {
    const list = this.modified(from, to);
    if (list.length === 0) return 0;
    const h = this.#file.acquire('write');
    if (h < 0) return h;
    for (const i of list) {
      const at = this.address(i);
      const n = Math.min(PAGE_SIZE, this.size() - i * PAGE_SIZE);
      if (at === 0 || n <= 0) continue;
      const r = this.#file.fs.files.write(h, this.bytes, at, n, i * PAGE_SIZE);
      if (r < 0) return r;
      // A mapping may store again without telling.
      if (!this.mapped) this.clean(i);
    }
    this.#file.restat();
    return 0;
  }
}

export class HostFile extends HostInode implements PagedInode, PageSource {
  readonly pages: HostPages;
  /** Made by O_TMPFILE, and without a name so far. */
  linkable = false;
  #ops: FileOps | null = null;
  /** What the cached pages are a copy of. */
  #cached: HostStat | null = null;

  constructor(fs: HostFs, st: HostStat, parent: HostInode | null, name: string) {
    super(fs, st, parent, name);
    const { reclaim } = vfsOf(fs.kernel);
    this.pages = new HostPages(this, () => {
      let n = 0;
      for (const f of reclaim) n += f();
      return n;
    });
  }

  /** Nobody can come to it any more: what was cached of it goes, too. */
  override release(): void {
    super.release();
    this.pages.free();
    this.#cached = null;
  }

  /** Reads from the host, whatever is cached. */
  read(buf: Uint8Array, at: number, n: number, pos: number): number {
    const h = this.acquire('read');
    return h < 0 ? h : this.fs.files.read(h, buf, at, n, pos);
  }

  /** Makes the contents readable; says by the stat what they are, or -errno. */
  readable(): HostStat | number {
    const h = this.acquire('read');
    if (h < 0) return h;
    return this.fs.trustNs === Number.POSITIVE_INFINITY ? this.st : this.restat();
  }

  /** What is written through this machine moves the time of last change, too. */
  origin(): string {
    const { id, size, mtime } = this.st;
    return `${id}:${size}:${mtime.sec}.${mtime.nsec}`;
  }

  override open(_task: Task, flags: number): FileOps | number {
    const writing = (flags & O_ACCMODE) !== O_RDONLY;
    if (writing && this.fs.readonly) return -EROFS;
    const h = this.acquire(writing ? 'write' : 'read');
    if (h < 0) return h;
    const idle = this.holders === 0 && !this.pages.mapped;
    if (idle || this.#cached === null) {
      const st = this.restat();
      if (typeof st === 'number') return st;
      if (this.#cached === null || !sameContents(this.#cached, st)) this.pages.setSource(this, st.size);
      this.#cached = st;
    }
    this.pin();
    this.#ops ??= pagedOps(this);
    return this.#ops;
  }

  closed(): void {
    this.unpin();
    if (this.writers === 0) this.pages.writeback(0, Number.POSITIVE_INFINITY);
  }

  fsync(): number {
    const r = this.fs.readonly ? 0 : this.pages.writeback(0, Number.POSITIVE_INFINITY);
    return r < 0 || this.handleFor !== 'write' ? r : this.fs.files.sync(this.handle);
  }

  wroteThrough(buf: Uint8Array, at: number, n: number, pos: number): number {
    const h = this.acquire('write');
    if (h < 0) return h;
    const r = this.fs.files.write(h, buf, at, n, pos);
    if (r > 0) this.#changed();
    return r;
  }

  /** What lies behind `from` becomes a hole on the host. */
  zeroEnd(from: number): number {
    const h = this.acquire('write');
    if (h < 0) return h;
    const { files } = this.fs;
    const size = this.pages.size();
    const r = files.truncate(h, from) || files.truncate(h, size);
    this.#changed();
    return r;
  }

  override setattr(c: AttrChange): number {
    if (c.size !== undefined) {
      if (this.fs.readonly) return -EROFS;
      const h = this.acquire('write');
      if (h < 0) return h;
      const r = this.fs.files.truncate(h, c.size) || this.pages.truncateSource(c.size);
      if (r < 0) return r;
      this.#changed();
    }
    return super.setattr(c);
  }

  #changed(): void {
    const st = this.restat();
    if (typeof st !== 'number') this.#cached = st;
  }

  /** What is under a name of a directory now is this file; -errno. */
  moveTo(dir: HostInode, name: string): number {
    const { files } = this.fs;
    const at = dir.acquire('path');
    const h = at < 0 ? at : files.open(at, name, 'write');
    if (h < 0) return h;
    const st = files.stat(h);
    if (typeof st === 'number') {
      files.close(h);
      return st;
    }
    this.linkable = false;
    this.parent = dir;
    this.name = name;
    this.fs.rebind(this, h, st);
    this.#cached = st;
    return 0;
  }

  // The host keeps the times.
  accessed(): void {}
  modified(): void {}
}
