// Names of AF_UNIX sockets (unix(7), Address format): paths in the file system, abstract ones, and finding who has one.

import { EADDRINUSE, ECONNREFUSED, EEXIST, EINVAL, ENOENT, ENOSPC, EPROTOTYPE } from '../../../abi/errno.ts';
import { AT_FDCWD } from '../../../abi/fcntl.ts';
import { AF, SOCKADDR_UN_BYTES, SUN_PATH } from '../../../abi/socket.ts';
import { S_IFMT, S_IFSOCK } from '../../../abi/stat.ts';
import type { Task } from '../../task/types.ts';
import { make } from '../../vfs/namei.ts';
import { inodePermission, MAY } from '../../vfs/perm.ts';
import type { Inode } from '../../vfs/types.ts';
import { FOLLOW, isPath, walk } from '../../vfs/walk.ts';
import type { Block, Result } from '../../wait.ts';
import { netOf } from '../state.ts';
import type { UnixSocket } from './types.ts';

export type Name =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'abstract'; readonly name: string };

const text = (bytes: Uint8Array): string => {
  let s = '';
  for (const b of bytes) s += String.fromCharCode(b);
  return s;
};

/** The address with a name in it. */
const addressOf = (name: string): Uint8Array => {
  const bytes = new Uint8Array(SUN_PATH + name.length);
  bytes[0] = AF.AF_UNIX;
  for (let i = 0; i < name.length; i++) bytes[SUN_PATH + i] = name.charCodeAt(i);
  return bytes;
};

export const familyOf = (address: Uint8Array): number => (address[0] ?? 0) | ((address[1] ?? 0) << 8);

/** The name in an address; -EINVAL when it has none or is not of this family. */
export const parseAddress = (address: Uint8Array): Name | number => {
  if (address.length <= SUN_PATH || address.length > SOCKADDR_UN_BYTES) return -EINVAL;
  if (familyOf(address) !== AF.AF_UNIX) return -EINVAL;
  const name = address.subarray(SUN_PATH);
  if (name[0] === 0) return { kind: 'abstract', name: text(name) };
  const end = name.indexOf(0);
  return { kind: 'path', path: text(end < 0 ? name : name.subarray(0, end)) };
};

/** Sockets of different types may have the same abstract name. */
const keyOf = (type: number, name: string): string => `${type}${name}`;

const bindAbstract = (u: UnixSocket, name: string): boolean => {
  const { abstract } = netOf(u.kernel).unix;
  const key = keyOf(u.type, name);
  if (abstract.has(key)) return false;
  abstract.set(key, u);
  u.bound = key;
  u.address = addressOf(name);
  return true;
};

const AUTO_NAMES = 0x100000;

/** An abstract name of five hexadecimal digits; 0, or -ENOSPC when all are taken. */
export const autobind = (u: UnixSocket): number => {
  if (u.address !== null) return 0;
  const random = new Uint8Array(4);
  u.kernel.entropy(random);
  const first = new DataView(random.buffer).getUint32(0) % AUTO_NAMES;
  for (let i = 0; i < AUTO_NAMES; i++) {
    const digits = ((first + i) % AUTO_NAMES).toString(16).padStart(5, '0');
    if (bindAbstract(u, `\0${digits}`)) return 0;
  }
  return -ENOSPC;
};

const inodeMode = (u: UnixSocket): number => {
  const attr = u.file?.inode.attr();
  return attr === undefined || typeof attr === 'number' ? 0o777 : attr.mode & 0o7777;
};

const bindPath = (task: Task, u: UnixSocket, path: string): Result => {
  if (u.address !== null) {
    const there = walk(task, AT_FDCWD, path, 0);
    return isPath(there) ? -EADDRINUSE : there === -ENOENT ? -EINVAL : there;
  }
  const made = make(task, AT_FDCWD, path, S_IFSOCK | inodeMode(u), 0);
  if (!isPath(made)) return made === -EEXIST ? -EADDRINUSE : made;
  const { inode } = made.dentry;
  netOf(u.kernel).unix.inodes.set(inode, u);
  u.bound = inode;
  u.address = addressOf(`${path}\0`);
  return 0;
};

export const bind = (task: Task, u: UnixSocket, address: Uint8Array): Result => {
  if (address.length === SUN_PATH && familyOf(address) === AF.AF_UNIX) return autobind(u);
  const name = parseAddress(address);
  if (typeof name === 'number') return name;
  if (name.kind === 'path') return bindPath(task, u, name.path);
  if (u.address !== null) return -EINVAL;
  return bindAbstract(u, name.name) ? 0 : -EADDRINUSE;
};

/** Its name is free again; a path stays as it is. */
export const unbind = (u: UnixSocket): void => {
  const { unix } = netOf(u.kernel);
  if (typeof u.bound === 'string') unix.abstract.delete(u.bound);
  else if (u.bound !== null) unix.inodes.delete(u.bound);
  u.bound = null;
};

const atPath = (task: Task, path: string): Inode | number | Block => {
  const found = walk(task, AT_FDCWD, path, FOLLOW);
  if (!isPath(found)) return found;
  const { inode } = found.dentry;
  const refused = inodePermission(task, inode, MAY.write);
  if (refused !== 0) return refused;
  const attr = inode.attr();
  if (typeof attr === 'number') return attr;
  return (attr.mode & S_IFMT) === S_IFSOCK ? inode : -ECONNREFUSED;
};

/** The socket of this type that has a name; -errno, or a Block when the path has to be waited for. */
export const findSocket = (task: Task, type: number, name: Name): UnixSocket | Result => {
  const { unix } = netOf(task.kernel);
  if (name.kind === 'abstract') return unix.abstract.get(keyOf(type, name.name)) ?? -ECONNREFUSED;
  const inode = atPath(task, name.path);
  if (typeof inode === 'number' || 'blocked' in inode) return inode;
  const u = unix.inodes.get(inode);
  if (u === undefined) return -ECONNREFUSED;
  return u.type === type ? u : -EPROTOTYPE;
};

export const isSocket = (r: UnixSocket | Result): r is UnixSocket => typeof r === 'object' && 'queue' in r;
