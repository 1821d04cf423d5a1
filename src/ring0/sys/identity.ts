// User and group ids, supplementary groups and capabilities (credentials(7), capabilities(7)).

import { CAP_DATA, CAP_HEADER, CAP_VERSION_1, CAP_VERSION_2, CAP_VERSION_3 } from '../../abi/capability.ts';
import { EFAULT, EINVAL, EPERM, ESRCH } from '../../abi/errno.ts';
import { addr, idsIn, idsOut, int, structOut, uid, uintOut } from '../../gate/codec.ts';
import { syscall } from '../../gate/row.ts';
import {
  capable,
  capIntersection,
  capSubset,
  capUnion,
  changeIds,
  fromWords,
  highWord,
  lowWord,
} from '../task/creds.ts';
import type { Credentials, Task } from '../task/types.ts';

/** The argument that leaves an id as it is. */
const KEEP = 0xffffffff;
const NGROUPS_MAX = 65536;

/** Both families of ids work alike: their fields, and the capability that lifts the rules. */
const USER = { real: 'uid', effective: 'euid', saved: 'suid', fs: 'fsuid', cap: 'CAP_SETUID' } as const;
const GROUP = { real: 'gid', effective: 'egid', saved: 'sgid', fs: 'fsgid', cap: 'CAP_SETGID' } as const;
type Ids = typeof USER | typeof GROUP;

/** setuid, setgid: all three ids with the capability, else the effective one to the real or saved. */
const setOne = (task: Task, ids: Ids, id: number): number => {
  const c = task.cred;
  if (id === KEEP) return -EINVAL;
  if (capable(task, ids.cap)) changeIds(task, { [ids.real]: id, [ids.effective]: id, [ids.saved]: id });
  else if (id === c[ids.real] || id === c[ids.saved]) changeIds(task, { [ids.effective]: id });
  else return -EPERM;
  return 0;
};

/** setreuid, setregid. */
const setTwo = (task: Task, ids: Ids, real: number, effective: number): number => {
  const c = task.cred;
  if (!capable(task, ids.cap)) {
    if (real !== KEEP && real !== c[ids.real] && real !== c[ids.effective]) return -EPERM;
    const own = [KEEP, c[ids.real], c[ids.effective], c[ids.saved]];
    if (!own.includes(effective)) return -EPERM;
  }
  const next: Partial<Credentials> = {};
  if (real !== KEEP) next[ids.real] = real;
  if (effective !== KEEP) next[ids.effective] = effective;
  const now = next[ids.effective] ?? c[ids.effective];
  // The saved id follows when the real one is set, or the effective one to something other than the real.
  if (real !== KEEP || (effective !== KEEP && effective !== c[ids.real])) next[ids.saved] = now;
  next[ids.effective] = now;
  changeIds(task, next);
  return 0;
};

/** setresuid, setresgid. */
const setThree = (task: Task, ids: Ids, real: number, effective: number, saved: number): number => {
  const c = task.cred;
  if (!capable(task, ids.cap)) {
    const own = [KEEP, c[ids.real], c[ids.effective], c[ids.saved]];
    if (![real, effective, saved].every((id) => own.includes(id))) return -EPERM;
  }
  const next: Partial<Credentials> = { [ids.effective]: effective === KEEP ? c[ids.effective] : effective };
  if (real !== KEEP) next[ids.real] = real;
  if (saved !== KEEP) next[ids.saved] = saved;
  changeIds(task, next);
  return 0;
};

/** setfsuid, setfsgid: return the old id whether or not they set the new one. */
const setFs = (task: Task, ids: Ids, id: number): number => {
  const c = task.cred;
  const own = [c[ids.real], c[ids.effective], c[ids.saved], c[ids.fs]];
  if (id !== KEEP && (own.includes(id) || capable(task, ids.cap))) changeIds(task, { [ids.fs]: id });
  return c[ids.fs];
};

const getThree = (task: Task, ids: Ids, real: number, effective: number, saved: number): number => {
  const { mm, cred: c } = task;
  const ok =
    mm.writeU32(real, c[ids.real]) &&
    mm.writeU32(effective, c[ids.effective]) &&
    mm.writeU32(saved, c[ids.saved]);
  return ok ? 0 : -EFAULT;
};

const getgroups = (task: Task, n: number, at: number): number => {
  const { groups } = task.cred;
  if (n < 0 || (n !== 0 && n < groups.length)) return -EINVAL;
  if (n === 0) return groups.length;
  for (const [i, gid] of groups.entries()) if (!task.mm.writeU32(at + 4 * i, gid)) return -EFAULT;
  return groups.length;
};

const setgroups = (task: Task, n: number, at: number): number => {
  if (!capable(task, 'CAP_SETGID')) return -EPERM;
  if (n < 0 || n > NGROUPS_MAX) return -EINVAL;
  const groups: number[] = [];
  for (let i = 0; i < n; i++) {
    const gid = task.mm.readU32(at + 4 * i);
    if (gid === null) return -EFAULT;
    groups.push(gid);
  }
  // The kernel keeps them sorted.
  task.cred = { ...task.cred, groups: groups.sort((a, b) => a - b) };
  return 0;
};

/** How many data structs a version has; 0 for an unknown one, which is told the version to use. */
const dataCount = (version: number): number =>
  version === CAP_VERSION_1 ? 1 : version === CAP_VERSION_2 || version === CAP_VERSION_3 ? 2 : 0;

const capget = (task: Task, headerAt: number, dataAt: number): number => {
  const header = CAP_HEADER.read(task.mm, headerAt);
  if (header === null) return -EFAULT;
  const n = dataCount(header.version);
  if (n === 0) {
    if (!task.mm.writeU32(headerAt, CAP_VERSION_3)) return -EFAULT;
    return dataAt === 0 ? 0 : -EINVAL;
  }
  if (header.pid < 0) return -EINVAL;
  const target = header.pid === 0 ? task : task.kernel.tasks.get(header.pid);
  if (target === undefined) return -ESRCH;
  if (dataAt === 0) return 0;
  const { capEffective: effective, capPermitted: permitted, capInheritable: inheritable } = target.cred;
  for (let i = 0; i < n; i++) {
    const word = i === 0 ? lowWord : highWord;
    const data = { effective: word(effective), permitted: word(permitted), inheritable: word(inheritable) };
    if (!CAP_DATA.write(task.mm, dataAt + i * CAP_DATA.size, data)) return -EFAULT;
  }
  return 0;
};

const capset = (task: Task, headerAt: number, dataAt: number): number => {
  const header = CAP_HEADER.read(task.mm, headerAt);
  if (header === null) return -EFAULT;
  const n = dataCount(header.version);
  if (n === 0) return task.mm.writeU32(headerAt, CAP_VERSION_3) ? -EINVAL : -EFAULT;
  if (header.pid !== 0 && header.pid !== task.tid) return -EPERM;
  const low = CAP_DATA.read(task.mm, dataAt);
  const high =
    n === 2 ? CAP_DATA.read(task.mm, dataAt + CAP_DATA.size) : { effective: 0, permitted: 0, inheritable: 0 };
  if (low === null || high === null) return -EFAULT;
  const c = task.cred;
  const effective = fromWords(low.effective, high.effective);
  const permitted = fromWords(low.permitted, high.permitted);
  const inheritable = fromWords(low.inheritable, high.inheritable);
  if (!capable(task, 'CAP_SETPCAP') && !capSubset(inheritable, capUnion(c.capInheritable, c.capPermitted)))
    return -EPERM;
  if (!capSubset(inheritable, capUnion(c.capInheritable, c.capBounding))) return -EPERM;
  if (!capSubset(permitted, c.capPermitted) || !capSubset(effective, permitted)) return -EPERM;
  task.cred = {
    ...c,
    capEffective: effective,
    capPermitted: permitted,
    capInheritable: inheritable,
    capAmbient: capIntersection(c.capAmbient, capIntersection(permitted, inheritable)),
  };
  return 0;
};

const creds = { returns: 'int', family: 'creds' } as const;

export const rows = [
  syscall('getuid', [], creds, (task) => task.cred.uid),
  syscall('geteuid', [], creds, (task) => task.cred.euid),
  syscall('getgid', [], creds, (task) => task.cred.gid),
  syscall('getegid', [], creds, (task) => task.cred.egid),
  syscall('setuid', [uid('uid')], creds, (task, id) => setOne(task, USER, id)),
  syscall('setgid', [uid('gid')], creds, (task, id) => setOne(task, GROUP, id)),
  syscall('setreuid', [uid('ruid'), uid('euid')], creds, (task, r, e) => setTwo(task, USER, r, e)),
  syscall('setregid', [uid('rgid'), uid('egid')], creds, (task, r, e) => setTwo(task, GROUP, r, e)),
  syscall('setresuid', [uid('ruid'), uid('euid'), uid('suid')], creds, (task, r, e, s) =>
    setThree(task, USER, r, e, s),
  ),
  syscall('setresgid', [uid('rgid'), uid('egid'), uid('sgid')], creds, (task, r, e, s) =>
    setThree(task, GROUP, r, e, s),
  ),
  syscall('getresuid', [uintOut('ruid'), uintOut('euid'), uintOut('suid')], creds, (task, r, e, s) =>
    getThree(task, USER, r, e, s),
  ),
  syscall('getresgid', [uintOut('rgid'), uintOut('egid'), uintOut('sgid')], creds, (task, r, e, s) =>
    getThree(task, GROUP, r, e, s),
  ),
  syscall('setfsuid', [uid('fsuid')], creds, (task, id) => setFs(task, USER, id)),
  syscall('setfsgid', [uid('fsgid')], creds, (task, id) => setFs(task, GROUP, id)),
  syscall('getgroups', [int('size'), idsOut('list')], creds, getgroups),
  syscall('setgroups', [int('size'), idsIn('list', 'size')], creds, setgroups),
  syscall('capget', [structOut('hdrp', CAP_HEADER), structOut('datap', CAP_DATA)], creds, capget),
  syscall('capset', [structOut('hdrp', CAP_HEADER), addr('datap')], creds, capset),
];
