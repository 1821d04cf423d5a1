// Host folders on Node, for ring0/fs/host-files.ts. Each call starts from an open descriptor and names one entry in
// it through /proc/self/fd/N/NAME, which is what openat(2) would do; O_NOFOLLOW keeps links from being followed.

import * as fs from 'node:fs';
import { EACCES, EFBIG, EIO, ELOOP, ENOENT } from '../abi/errno.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../abi/stat.ts';
import type { HostFiles, HostHandle, HostStat } from '../ring0/fs/host-files.ts';
import type { TimeSpec } from '../ring0/vfs/types.ts';

const { O_RDONLY, O_RDWR, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY, O_CREAT, O_EXCL } = fs.constants;
/** Not among Node's constants (fcntl.h). */
const O_PATH = 0o10000000;
const O_TMPFILE = 0o20200000;
const O_CLOEXEC = 0o2000000;

const bytes = (s: string): Buffer => Buffer.from(s, 'latin1');
const self = (h: HostHandle): string => `/proc/self/fd/${h}`;
const at = (dir: HostHandle, name: string): Buffer => bytes(`/proc/self/fd/${dir}/${name}`);

const errno = (e: unknown): number => {
  const n = (e as NodeJS.ErrnoException).errno;
  return typeof n === 'number' && n < 0 ? n : -EIO;
};

/** Runs an action of the host; its errors become negated errno. */
const attempt = (act: () => number | undefined): number => {
  try {
    return act() ?? 0;
  } catch (e) {
    return errno(e);
  }
};

const time = (ns: bigint): TimeSpec => {
  const sec = Number(ns / 1000000000n);
  const nsec = Number(ns % 1000000000n);
  return nsec < 0 ? { sec: sec - 1, nsec: nsec + 1e9 } : { sec, nsec };
};

/**
 * Seconds as Node takes them; a number below 0 would be the current time to it, but not in a string. libuv cuts at
 * microseconds, towards 0, which a double may fall just short of: half a microsecond more is cut off again.
 */
const seconds = (t: TimeSpec): string => {
  const us = t.sec * 1e6 + Math.floor(t.nsec / 1e3);
  // From about the year 2242 a double of seconds does not tell microseconds apart.
  if (Math.abs(t.sec) >= 2 ** 33) return `${t.sec}`;
  return `${(us < 0 ? us - 0.5 : us + 0.5) / 1e6}`;
};

const INO_MASK = (1n << 52n) - 1n;

const stat = (s: fs.BigIntStats): HostStat => ({
  id: `${s.dev}:${s.ino}`,
  ino: Number(s.ino & INO_MASK),
  mode: Number(s.mode),
  nlink: Number(s.nlink),
  uid: Number(s.uid),
  gid: Number(s.gid),
  rdev: Number(s.rdev),
  size: Number(s.size),
  blocks: Number(s.blocks),
  blksize: Number(s.blksize),
  atime: time(s.atimeNs),
  mtime: time(s.mtimeNs),
  ctime: time(s.ctimeNs),
  btime: time(s.birthtimeNs),
});

/** A name that nobody else has, for what must not be seen half done. Few programs need one, and node:crypto takes long to load. */
const hiddenName = (): string =>
  `.kanmon-${process.getBuiltinModule('node:crypto').randomBytes(8).toString('hex')}`;

const contents = (how: 'read' | 'write'): number =>
  (how === 'read' ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

const COPY_BYTES = 1 << 20;

/** Contents, owner, mode and times of one open file to another. */
const copyInto = (from: number, to: number): void => {
  const s = fs.fstatSync(from, { bigint: true });
  const buf = Buffer.alloc(Math.min(COPY_BYTES, Number(s.size)));
  for (let pos = 0; ; ) {
    const n = fs.readSync(from, buf, 0, buf.length, pos);
    if (n === 0) break;
    for (let done = 0; done < n; ) done += fs.writeSync(to, buf, done, n - done, pos + done);
    pos += n;
  }
  fs.fchownSync(to, Number(s.uid), Number(s.gid));
  fs.fchmodSync(to, Number(s.mode) & 0o7777);
  fs.futimesSync(to, seconds(time(s.atimeNs)), seconds(time(s.mtimeNs)));
};

/** Does one step after the other; when one fails, undoes those before it. */
const allOrNothing = (steps: readonly (readonly [from: Buffer, to: Buffer])[]): void => {
  const done: (readonly [Buffer, Buffer])[] = [];
  try {
    for (const [from, to] of steps) {
      fs.renameSync(from, to);
      done.unshift([from, to]);
    }
  } catch (e) {
    for (const [from, to] of done) fs.renameSync(to, from);
    throw e;
  }
};

export const nodeFiles = (): HostFiles => {
  const files: HostFiles = {
    root: (path) => attempt(() => fs.openSync(bytes(path), O_PATH | O_CLOEXEC)),

    stat: (h) => {
      try {
        return stat(fs.fstatSync(h, { bigint: true }));
      } catch (e) {
        return errno(e);
      }
    },

    lstat: (dir, name) => {
      try {
        const s = fs.lstatSync(at(dir, name), { bigint: true, throwIfNoEntry: false });
        return s === undefined ? -ENOENT : stat(s);
      } catch (e) {
        return errno(e);
      }
    },

    // Nothing is read before the caller has compared what was opened with what it expected (stat), so a
    // device or FIFO that was put in place meanwhile is only opened, without waiting, and closed again.
    open: (dir, name, how) =>
      attempt(() =>
        fs.openSync(at(dir, name), (how === 'path' ? O_PATH | O_CLOEXEC : contents(how)) | O_NOFOLLOW),
      ),

    // What O_PATH holds is known not to be a device or FIFO before its contents are opened.
    reopen: (h, how) =>
      attempt(() => {
        const kind = fs.fstatSync(h).mode & S_IFMT;
        if (kind !== S_IFREG && kind !== S_IFDIR) return kind === 0o120000 ? -ELOOP : -EACCES;
        return fs.openSync(self(h), contents(how));
      }),

    close: (h) => {
      attempt(() => {
        fs.closeSync(h);
        return 0;
      });
    },

    // opendir keeps the host's order, which readdir would sort.
    list: (h) => {
      try {
        const dir = fs.opendirSync(self(h), { encoding: 'latin1' as BufferEncoding, bufferSize: 256 });
        const names: string[] = [];
        for (let e = dir.readSync(); e !== null; e = dir.readSync()) names.push(e.name);
        dir.closeSync();
        return names;
      } catch (e) {
        return errno(e);
      }
    },

    readlink: (dir, name) => {
      try {
        return fs.readlinkSync(at(dir, name), { encoding: 'latin1' });
      } catch (e) {
        return errno(e);
      }
    },

    read: (h, buf, from, n, pos) =>
      attempt(() => {
        let done = 0;
        while (done < n) {
          const k = fs.readSync(h, buf, from + done, n - done, pos + done);
          if (k === 0) break;
          done += k;
        }
        return done;
      }),
    write: (h, buf, from, n, pos) => attempt(() => fs.writeSync(h, buf, from, n, pos)),
    truncate: (h, size) =>
      size > Number.MAX_SAFE_INTEGER ? -EFBIG : attempt(() => void fs.ftruncateSync(h, size)),
    sync: (h) => attempt(() => void fs.fsyncSync(h)),

    create: (dir, name, mode) =>
      attempt(() => {
        const h = fs.openSync(at(dir, name), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600);
        fs.fchmodSync(h, mode);
        fs.closeSync(h);
        return 0;
      }),
    tmpfile: (dir, mode) =>
      attempt(() => {
        const h = fs.openSync(self(dir), O_TMPFILE | O_RDWR | O_CLOEXEC, 0o600);
        fs.fchmodSync(h, mode);
        return h;
      }),
    // Node has no linkat(2) that follows a magic link, the only one that could name such a file.
    nameCopy: (h, dir, name) => {
      const hidden = at(dir, hiddenName());
      const r = attempt(() => {
        const copy = fs.openSync(hidden, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600);
        try {
          copyInto(h, copy);
          fs.linkSync(hidden, at(dir, name));
        } finally {
          fs.closeSync(copy);
        }
        return 0;
      });
      const gone = attempt(() => void fs.unlinkSync(hidden));
      return r < 0 ? r : gone;
    },
    mkdir: (dir, name, mode) =>
      attempt(() => {
        fs.mkdirSync(at(dir, name), 0o700);
        const h = fs.openSync(at(dir, name), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        fs.fchmodSync(h, mode);
        fs.closeSync(h);
        return 0;
      }),
    symlink: (dir, name, target) => attempt(() => void fs.symlinkSync(bytes(target), at(dir, name))),
    // linkat(2) does not follow a magic link without being asked to, so the name is found again.
    link: (h, dir, name) =>
      attempt(() => {
        const from = fs.readlinkSync(self(h), { encoding: 'buffer' });
        const wanted = fs.fstatSync(h, { bigint: true });
        fs.linkSync(from, at(dir, name));
        const made = fs.lstatSync(at(dir, name), { bigint: true });
        if (made.ino === wanted.ino && made.dev === wanted.dev) return 0;
        fs.unlinkSync(at(dir, name));
        return -ENOENT;
      }),
    unlink: (dir, name) => attempt(() => void fs.unlinkSync(at(dir, name))),
    rmdir: (dir, name) => attempt(() => void fs.rmdirSync(at(dir, name))),
    rename: (dir, name, toDir, toName) => attempt(() => void fs.renameSync(at(dir, name), at(toDir, toName))),

    exchange: (dir, name, toDir, toName) =>
      attempt(() => {
        const [a, b, hidden] = [at(dir, name), at(toDir, toName), at(dir, hiddenName())];
        allOrNothing([
          [a, hidden],
          [b, a],
          [hidden, b],
        ]);
        return 0;
      }),

    chmod: (h, mode) => attempt(() => void fs.chmodSync(self(h), mode)),
    chown: (h, uid, gid) => attempt(() => void fs.chownSync(self(h), uid, gid)),
    utimes: (h, t) => attempt(() => void fs.utimesSync(self(h), seconds(t.atime), seconds(t.mtime))),

    statfs: (h) => {
      try {
        const s = fs.statfsSync(self(h));
        return {
          type: s.type,
          bsize: s.bsize,
          blocks: s.blocks,
          bfree: s.bfree,
          bavail: s.bavail,
          files: s.files,
          ffree: s.ffree,
          namelen: 255,
          flags: 0,
        };
      } catch (e) {
        return errno(e);
      }
    },
  };
  return files;
};
