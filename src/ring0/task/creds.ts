// Rules of credentials (credentials(7), capabilities(7)): who may become whom, and what that does to capabilities.

import { CAP, CAP_FULL, type CapName, capHas } from '../../abi/capability.ts';
import { SECBIT } from '../../abi/prctl.ts';
import type { Credentials, Task } from './types.ts';

export const capable = (task: Task, cap: CapName): boolean => capHas(task.cred.capEffective, CAP[cap]);

const HALF = 2 ** 32;
/** A bitwise operation on sets of up to 53 bits. */
const bitwise = (a: number, b: number, op: (x: number, y: number) => number): number =>
  (op(Math.floor(a / HALF), Math.floor(b / HALF)) >>> 0) * HALF + (op(a % HALF, b % HALF) >>> 0);
export const capUnion = (a: number, b: number): number => bitwise(a, b, (x, y) => x | y);
export const capIntersection = (a: number, b: number): number => bitwise(a, b, (x, y) => x & y);
export const capWithout = (a: number, b: number): number => bitwise(a, b, (x, y) => x & ~y);
export const capSubset = (a: number, b: number): boolean => capWithout(a, b) === 0;
export const fromWords = (low: number, high: number): number => capIntersection(high * HALF + low, CAP_FULL);
export const lowWord = (set: number): number => set % HALF;
export const highWord = (set: number): number => Math.floor(set / HALF);

/** Capabilities over files, which follow the file system user id. */
const FS_CAPS = (
  [
    'CAP_CHOWN',
    'CAP_DAC_OVERRIDE',
    'CAP_DAC_READ_SEARCH',
    'CAP_FOWNER',
    'CAP_FSETID',
    'CAP_LINUX_IMMUTABLE',
    'CAP_MKNOD',
    'CAP_MAC_OVERRIDE',
  ] as const
).reduce((set, name) => set + 2 ** CAP[name], 0);

/** "Effect of user ID changes on capabilities". */
const fixCapabilities = (old: Credentials, next: Credentials): void => {
  if ((next.securebits & SECBIT.SECBIT_NO_SETUID_FIXUP) !== 0) return;
  const wasRoot = old.uid === 0 || old.euid === 0 || old.suid === 0;
  const isRoot = next.uid === 0 || next.euid === 0 || next.suid === 0;
  if (wasRoot && !isRoot) {
    if ((next.securebits & SECBIT.SECBIT_KEEP_CAPS) === 0) {
      next.capPermitted = 0;
      next.capEffective = 0;
    }
    next.capAmbient = 0;
  }
  if (old.euid === 0 && next.euid !== 0) next.capEffective = 0;
  if (old.euid !== 0 && next.euid === 0) next.capEffective = next.capPermitted;
  fixFsCapabilities(old, next);
};

const fixFsCapabilities = (old: Credentials, next: Credentials): void => {
  if (old.fsuid === 0 && next.fsuid !== 0) next.capEffective = capWithout(next.capEffective, FS_CAPS);
  if (old.fsuid !== 0 && next.fsuid === 0) {
    next.capEffective = capUnion(next.capEffective, capIntersection(next.capPermitted, FS_CAPS));
  }
};

/** Gives the task other ids. Handlers have checked that it may. */
export const changeIds = (task: Task, change: Partial<Credentials>): void => {
  const old = task.cred;
  const next: Credentials = { ...old, ...change };
  if (change.euid !== undefined && change.fsuid === undefined) next.fsuid = change.euid;
  if (change.egid !== undefined && change.fsgid === undefined) next.fsgid = change.egid;
  if (next.uid !== old.uid || next.euid !== old.euid || next.suid !== old.suid) fixCapabilities(old, next);
  else if (next.fsuid !== old.fsuid) fixFsCapabilities(old, next);
  // A process that changed its user must not be looked into by the new one.
  if (next.euid !== old.euid || next.egid !== old.egid) task.process.attributes.set('dumpable', 0);
  task.cred = next;
};
