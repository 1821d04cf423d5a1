// The root a machine starts with: the host's system folders under an in-memory overlay, or a folder given by
// the caller, with /dev, /tmp and their like in memory, and the caller's own mounts. DESIGN section 4 says
// what of the host is shown; nothing here is written to the host except under a read-write volume.

import { EEXIST, ENOENT, ENOTDIR, errnoName } from '../../abi/errno.ts';
import { MS_NODEV, MS_NOSUID } from '../../abi/fcntl.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../abi/stat.ts';
import { strerror } from '../../abi/strerror.ts';
import type { Kernel } from '../kernel.ts';
import { attach, isInode, lookup } from '../vfs/dentry.ts';
import { mountFs, visible } from '../vfs/mount.ts';
import { vfsOf } from '../vfs/state.ts';
import type { FileSystem, Inode, Path } from '../vfs/types.ts';
import { newDevFs } from './dev.ts';
import { HostFs, type HostFsOptions } from './host.ts';
import { HostDir, type HostView } from './host-dir.ts';
import type { HostFiles } from './host-files.ts';
import { HostLink } from './host-inode.ts';
import { Specials } from './host-specials.ts';
import { queueMount } from './mqueue.ts';
import { OverlayFs } from './overlay.ts';
import { nameMachine } from './own-name.ts';
import { MemLink, newTmpfs, tmpfsFromOptions } from './tmpfs.ts';

export interface Volume {
  /** Host path. */
  readonly source: string;
  /** Absolute guest path; directories on the way are made. */
  readonly target: string;
  readonly readonly: boolean;
}

export interface RootOptions {
  /** The host's files; null where there are none (browser): then the root is empty but for /dev, /tmp ... */
  readonly files: HostFiles | null;
  /** Host folder to use as the root instead of the host's system folders. It is not written to. */
  readonly rootfs?: string;
  /** Absolute host path of the working directory, shown at the same path under an overlay; absent: not shown. */
  readonly cwd?: string;
  /** Host path of the user's home: its dot files are not shown even if it is the working directory. */
  readonly home?: string;
  readonly volumes?: readonly Volume[];
  /** Absolute host path of the program to run: where the guest has nothing at that path, it is shown there, read-only. */
  readonly program?: string;
  readonly hostname?: string;
}

export interface BuiltRoot {
  readonly root: Path;
  /** The working directory, or the root if it is not shown. */
  readonly cwd: Path;
  /** Host folders in use, to be closed with the machine. */
  readonly hosts: readonly HostFs[];
}

/** A folder or file that the root was to show cannot be used; `code` is the errno's name. */
export class RootError extends Error {
  readonly code: string;
  /** What asked for it. */
  readonly option: 'rootfs' | 'cwd' | 'volumes';
  readonly path: string;
  /** In words. */
  readonly reason: string;

  constructor(option: RootError['option'], path: string, error: number) {
    const code = errnoName(-error) ?? 'EIO';
    const reason = strerror(code);
    super(`${option}: ${path}: ${reason}`);
    this.name = 'RootError';
    this.option = option;
    this.path = path;
    this.reason = reason;
    this.code = code;
  }
}

/** How long names and attributes of a folder that its owner may be editing are believed, ns. */
const WORKING_TRUST = 50e6;

const SYSTEM = new Set(['usr', 'bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32', 'opt']);

/** Below /etc: names that are never shown, as patterns of paths from /etc. */
const SECRETS: readonly RegExp[] = [
  /^(g?shadow|passwd|group|sub[ug]id)-$/,
  /^g?shadow$/,
  /^\.pwd\.lock$/,
  /^sudoers(\.d|\.dist)?$/,
  /^(ssh|letsencrypt|wireguard|openvpn|ipsec\.d|strongswan|NetworkManager|netplan|wpa_supplicant|kubernetes|rancher|docker|krb5kdc|ppp|salt|puppetlabs|cloud|vault\.d|consul\.d|postfix\/sasl)$/,
  /(^|\/)private$/,
  /(^|\/)[^/]*\.(key|keytab|jks|p12|pfx)$/,
  /^(ipsec\.secrets|krb5\.keytab|security\/opasswd|mysql\/debian\.cnf|apt\/auth\.conf(\.d)?|machine-id|netrc)$/,
];

/** /etc without secrets: nothing that others than its owner may not read, and none of the known places. */
const etcView =
  (prefix: string): HostView =>
  (name, stat) => {
    const path = prefix + name;
    if (SECRETS.some((s) => s.test(path))) return false;
    if (stat === null) return true;
    const kind = stat.mode & S_IFMT;
    if ((kind === S_IFREG || kind === S_IFDIR) && (stat.mode & 0o004) === 0) return false;
    return kind === S_IFDIR ? etcView(`${path}/`) : true;
  };

const systemView: HostView = (name) => (name === 'etc' ? etcView('') : SYSTEM.has(name));

/** A home folder that is worked in: its own files, but not what programs keep in dot files there. */
const homeView: HostView = (name) => !name.startsWith('.');

/** Directories of the default root, with their modes. */
const SKELETON: readonly (readonly [string, number])[] = [
  ['/dev', 0o755],
  ['/etc', 0o755],
  ['/home', 0o755],
  ['/media', 0o755],
  ['/mnt', 0o755],
  ['/proc', 0o555],
  ['/root', 0o700],
  ['/run', 0o755],
  ['/srv', 0o755],
  ['/sys', 0o555],
  ['/tmp', 0o1777],
  ['/var', 0o755],
  ['/var/backups', 0o755],
  ['/var/cache', 0o755],
  ['/var/lib', 0o755],
  ['/var/local', 0o2775],
  ['/var/log', 0o755],
  ['/var/mail', 0o2775],
  ['/var/opt', 0o755],
  ['/var/spool', 0o755],
  ['/var/tmp', 0o1777],
];

/** Symbolic links that a path may lead through (MAXSYMLINKS). */
const MAX_LINKS = 40;

/** Finds a path from the root without a task: no permissions, no magic links. Null when it is not there. */
export const findPath = (root: Path, path: string): Path | null => follow(root, visible(root), path, 0);

/** The same from any directory. */
const follow = (root: Path, from: Path, path: string, depth: number): Path | null => {
  let at = path.startsWith('/') ? visible(root) : from;
  for (const name of path.split('/').filter((c) => c !== '' && c !== '.')) {
    if (name === '..') {
      at = above(at);
      continue;
    }
    const d = lookup(at.dentry, name);
    if (typeof d === 'number' || 'blocked' in d) return null;
    const next = d.inode.readlink === undefined ? null : followLink(root, at, d.inode, depth);
    if (d.inode.readlink !== undefined && next === null) return null;
    at = next ?? visible({ mount: at.mount, dentry: d });
  }
  return at;
};

const above = (at: Path): Path => {
  let here = at;
  while (here.dentry === here.mount.root && here.mount.at !== null) here = here.mount.at;
  return { mount: here.mount, dentry: here.dentry.parent ?? here.dentry };
};

/** Where a symbolic link in a directory leads; null for those that only a task can follow. */
const followLink = (root: Path, dir: Path, inode: Inode, depth = 0): Path | null => {
  const target =
    inode instanceof MemLink ? inode.target : inode instanceof HostLink ? inode.readlink() : null;
  if (typeof target !== 'string' || depth > MAX_LINKS) return null;
  return follow(root, dir, target, depth + 1);
};

const isDirectory = (inode: Inode): boolean => {
  const a = inode.attr();
  return typeof a !== 'number' && (a.mode & S_IFMT) === S_IFDIR;
};

/** Finds or makes a file of the given mode (type included) at a path; directories on the way too. */
const ensure = (root: Path, path: string, mode: number): Path | number => {
  let at = visible(root);
  const names = path.split('/').filter((c) => c !== '' && c !== '.');
  for (const [i, name] of names.entries()) {
    const here: Path = at;
    const d = lookup(here.dentry, name);
    if (typeof d === 'object' && !('blocked' in d)) {
      const link = d.inode.readlink;
      if (link !== undefined && i < names.length) {
        const target = followLink(root, here, d.inode);
        if (target === null) return -ENOENT;
        at = target;
      } else at = visible({ mount: here.mount, dentry: d });
      continue;
    }
    const last = i === names.length - 1;
    const made = here.dentry.inode.create?.(name, last ? mode : S_IFDIR | 0o755, 0, 0, 0) ?? -ENOTDIR;
    if (!isInode(made)) return typeof made === 'number' ? made : -ENOENT;
    at = { mount: here.mount, dentry: attach(here.dentry, name, made) };
  }
  return at;
};

/** Nothing below is shown as it is on the host; of /etc the root shows what is no secret. */
const hides = ['/proc', '/sys', '/dev', '/etc'];

/** Whether a host directory may be shown as the working directory. */
const showable = (cwd: string, home: string | undefined): boolean =>
  cwd !== '/' &&
  cwd !== '/home' &&
  // Above a home folder: everything in it would be shown.
  !(home ?? '').startsWith(`${cwd}/`) &&
  !hides.some((h) => cwd === h || cwd.startsWith(`${h}/`));

/**
 * Builds the root and mounts of a machine and puts them into `kernel.mounts`. Throws RootError when a folder
 * of the host that was asked for cannot be used.
 */
export const buildRoot = (kernel: Kernel, options: RootOptions): BuiltRoot => {
  const hosts: HostFs[] = [];
  try {
    return build(kernel, options, hosts);
  } catch (e) {
    for (const h of hosts) h.close();
    throw e;
  }
};

/** The same; the folders of the host that it opens are added to `hosts`. */
const build = (kernel: Kernel, options: RootOptions, hosts: HostFs[]): BuiltRoot => {
  const openHost = (option: RootError['option'], o: HostFsOptions): HostFs => {
    if (options.files === null) throw new RootError(option, o.path, -ENOENT);
    const fs = HostFs.open(kernel, options.files, o);
    if (typeof fs === 'number') throw new RootError(option, o.path, fs);
    hosts.push(fs);
    return fs;
  };
  const TRUST = Number.POSITIVE_INFINITY;

  const overlay = (option: 'rootfs' | 'cwd', path: string, trustNs: number, view?: HostView): OverlayFs => {
    const lower = openHost(option, {
      path,
      readonly: true,
      trustNs,
      ...(view === undefined ? {} : { view }),
    });
    if (!(lower.root instanceof HostDir)) throw new RootError(option, path, -ENOTDIR);
    return new OverlayFs(kernel, lower.root);
  };

  let fs: FileSystem;
  if (options.rootfs !== undefined) fs = overlay('rootfs', options.rootfs, TRUST);
  else if (options.files !== null) fs = overlay('rootfs', '/', TRUST, systemView);
  else fs = newTmpfs(kernel, { mode: 0o755, maxPages: 0, maxNames: 0 });

  const top = mountFs(kernel, fs, null, { source: fs.type });
  const root: Path = { mount: top, dentry: top.root };
  const place = (path: string, mode: number, option: RootError['option'] = 'rootfs'): Path => {
    const p = ensure(root, path, mode);
    if (typeof p === 'number') throw new RootError(option, path, p);
    return p;
  };
  const dir = (path: string, option?: 'cwd'): Path => place(path, S_IFDIR | 0o755, option);

  for (const [path, mode] of SKELETON) {
    // A root of the caller's own gets only what has to be mounted on.
    if (options.rootfs !== undefined && !['/dev', '/proc', '/sys', '/tmp'].includes(path)) continue;
    place(path, S_IFDIR | mode);
  }
  if (options.rootfs === undefined) {
    for (const [name, target] of [
      ['run', '/run'],
      ['lock', '/run/lock'],
    ] as const)
      findPath(root, '/var')?.dentry.inode.symlink?.(name, target, 0, 0);
    nameMachine(findPath(root, '/etc'), kernel.hostname.node, findPath(root, '/etc/resolv.conf') !== null);
  }

  const flags = MS_NOSUID | MS_NODEV;
  mountFs(kernel, newDevFs(kernel), dir('/dev'), { source: 'devtmpfs', flags: MS_NOSUID });
  mountFs(kernel, newTmpfs(kernel), dir('/dev/shm'), { flags });
  mountFs(kernel, newTmpfs(kernel), dir('/tmp'), { flags });
  if (options.rootfs === undefined) {
    mountFs(kernel, newTmpfs(kernel), dir('/var/tmp'), { flags });
    mountFs(kernel, newTmpfs(kernel, { mode: 0o755 }), dir('/run'), { flags });
    place('/run/lock', S_IFDIR | 0o1777);
  }

  if (options.cwd !== undefined && options.rootfs === undefined && showable(options.cwd, options.home)) {
    const at = findPath(root, options.cwd);
    const shown = at !== null && at.mount === top && hosts[0] !== undefined && isShown(options.cwd);
    if (!shown) {
      const isHome = options.cwd === options.home || options.cwd === '/root';
      const lower = overlay('cwd', options.cwd, WORKING_TRUST, isHome ? homeView : undefined);
      mountFs(kernel, lower, dir(options.cwd, 'cwd'), { source: 'overlay' });
    }
  }

  const specials = new Specials(kernel);
  for (const v of options.volumes ?? []) {
    const host = openHost('volumes', { path: v.source, readonly: v.readonly, trustNs: 0, specials });
    const isDir = host.root instanceof HostDir;
    const at = place(v.target, isDir ? S_IFDIR | 0o755 : S_IFREG | 0o644, 'volumes');
    if (isDirectory(at.dentry.inode) !== isDir)
      throw new RootError('volumes', v.target, isDir ? -ENOTDIR : -EEXIST);
    mountFs(kernel, host, at, { source: v.source, readonly: v.readonly, flags });
  }

  if (options.program !== undefined && options.files !== null && findPath(root, options.program) === null) {
    const { files, program } = options;
    const fs = HostFs.open(kernel, files, { path: program, readonly: true, trustNs: TRUST });
    // A path that the host lacks too is the caller's "not found", not ours.
    if (typeof fs !== 'number') {
      if ((fs.root.st.mode & S_IFMT) === S_IFREG) {
        const at = ensure(root, program, S_IFREG | 0o755);
        if (typeof at !== 'number') mountFs(kernel, fs, at, { source: program, readonly: true, flags });
      }
      hosts.push(fs);
    }
  }

  vfsOf(kernel).types.set('tmpfs', (k, _source, text) => tmpfsFromOptions(k, text));
  vfsOf(kernel).types.set('ramfs', (k, _source, text) => tmpfsFromOptions(k, text));
  vfsOf(kernel).types.set('devtmpfs', (k) => newDevFs(k));
  vfsOf(kernel).types.set('mqueue', (k) => queueMount(k).fs);

  const cwd = options.cwd === undefined ? null : findPath(root, options.cwd);
  return { root, cwd: cwd ?? root, hosts };
};

/** Whether the system folders already show a host path. */
const isShown = (path: string): boolean => SYSTEM.has(path.split('/')[1] ?? '');
