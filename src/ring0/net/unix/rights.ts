// Descriptions in flight (SCM_RIGHTS): counting them, letting go of them, and collecting sockets that only messages
// in each other's queues refer to, as net/unix/garbage.c does.

import { ENOMEM, ETOOMANYREFS } from '../../../abi/errno.ts';
import { COST, charge, uncharge } from '../../heap.ts';
import type { Kernel } from '../../kernel.ts';
import type { Task } from '../../task/types.ts';
import { releaseFile } from '../../vfs/file.ts';
import { CAP, capable } from '../../vfs/perm.ts';
import type { OpenFile } from '../../vfs/types.ts';
import { netOf } from '../state.ts';
import { socketOf } from '../types.ts';
import { isUnix, type Rights, type UnixSocket, type UnixState } from './types.ts';

const RLIMIT_NOFILE = 7;

const unixOf = (file: OpenFile): UnixSocket | null => {
  const socket = socketOf(file);
  return socket !== undefined && isUnix(socket) ? socket : null;
};

const count = <K>(map: Map<K, number>, key: K, by: number): number => {
  const n = (map.get(key) ?? 0) + by;
  if (n === 0) map.delete(key);
  else map.set(key, n);
  return n;
};

/** Puts held descriptions in flight: they belong to the result then. -ETOOMANYREFS, -ENOMEM. */
export const sendRights = (task: Task, files: readonly OpenFile[]): Rights | number => {
  const { kernel, cred, process } = task;
  const { unix } = netOf(kernel);
  const free = capable(cred, CAP.sysResource) || capable(cred, CAP.sysAdmin);
  const limit = process.rlimits[RLIMIT_NOFILE]?.soft ?? 1024;
  const many = (): boolean => !free && (unix.byUser.get(cred.uid) ?? 0) > limit;
  const bytes = files.length * COST.descriptor;
  if (unix.socketsInFlight > unix.nextCollection || many()) collect(kernel);
  if (many()) return -ETOOMANYREFS;
  if (!charge(kernel.heap, bytes)) {
    collect(kernel);
    if (!charge(kernel.heap, bytes)) return -ENOMEM;
  }
  count(unix.byUser, cred.uid, files.length);
  for (const file of files) {
    if (count(unix.inFlight, file, 1) === 1 && unixOf(file) !== null) unix.socketsInFlight++;
  }
  return { files, uid: cred.uid };
};

/** They arrive: whoever calls this holds them from now on. */
export const takeRights = (kernel: Kernel, { files, uid }: Rights): readonly OpenFile[] => {
  const { unix } = netOf(kernel);
  uncharge(kernel.heap, files.length * COST.descriptor);
  count(unix.byUser, uid, -files.length);
  for (const file of files) {
    if (count(unix.inFlight, file, -1) === 0 && unixOf(file) !== null) unix.socketsInFlight--;
  }
  return files;
};

/** They get lost. A chain of sockets in each other's queues is taken apart link by link, however long it is. */
export const dropRights = (kernel: Kernel, rights: Rights): void => {
  const { unix } = netOf(kernel);
  const files = takeRights(kernel, rights);
  if (unix.dropping !== null) {
    unix.dropping.push(...files);
    return;
  }
  const list = [...files];
  unix.dropping = list;
  for (let file = list.pop(); file !== undefined; file = list.pop()) releaseFile(file);
  unix.dropping = null;
};

/** What lies in a socket's queue, and in those of the connections that it has not accepted. */
const carried = function* (u: UnixSocket): Generator<OpenFile> {
  for (const m of u.queue) if (m.rights !== null) yield* m.rights.files;
  for (const p of u.pending) yield* carried(p);
};

const takeAll = (u: UnixSocket, into: Rights[]): void => {
  for (const m of u.queue) {
    if (m.rights !== null) into.push(m.rights);
    m.rights = null;
  }
  for (const p of u.pending) takeAll(p, into);
};

/** Sockets that nothing but messages refers to, and that cannot be reached from any other. */
const unreachable = (unix: UnixState): UnixSocket[] => {
  const left = new Map<OpenFile, number>();
  for (const [file, n] of unix.inFlight) if (file.refs === n && unixOf(file) !== null) left.set(file, n);
  const inside = function* (file: OpenFile): Generator<OpenFile> {
    const u = unixOf(file);
    if (u !== null) for (const f of carried(u)) if (left.has(f)) yield f;
  };
  for (const file of [...left.keys()]) {
    for (const f of inside(file)) left.set(f, (left.get(f) ?? 0) - 1);
  }
  const live = [...left].filter(([, n]) => n > 0).map(([file]) => file);
  for (const file of live) left.delete(file);
  for (let file = live.pop(); file !== undefined; file = live.pop()) {
    for (const f of [...inside(file)]) if (left.delete(f)) live.push(f);
  }
  return [...left.keys()].flatMap((file) => unixOf(file) ?? []);
};

/** As often as there have come to be twice as many sockets in flight: looking costs as much as there are. */
const LEAST = 64;

const collect = (kernel: Kernel): void => {
  const { unix } = netOf(kernel);
  if (unix.dropping !== null) return;
  const lost: Rights[] = [];
  for (const u of unreachable(unix)) takeAll(u, lost);
  for (const rights of lost) dropRights(kernel, rights);
  unix.releases = 0;
  unix.nextCollection = Math.max(LEAST, unix.socketsInFlight * 2);
};

/** An AF_UNIX socket is released: its last descriptor may have been what kept others. */
export const releasedOne = (kernel: Kernel): void => {
  const { unix } = netOf(kernel);
  if (unix.socketsInFlight > 0 && ++unix.releases > unix.socketsInFlight / 16) collect(kernel);
};
