// POSIX access control lists (acl(5); fs/posix_acl.c of the kernel): what they allow, how they and the mode follow each
// other, and how a directory's default list is handed down. An access list that says no more than the mode is not kept.

import { ACL, ACL_ENTRY, ACL_HEADER, ACL_UNDEFINED_ID, ACL_VERSION } from '../../abi/acl.ts';
import { EACCES, EINVAL, EOPNOTSUPP } from '../../abi/errno.ts';
import type { Credentials } from '../task/types.ts';

export interface AclEntry {
  /** One of ACL. */
  readonly tag: number;
  /** rwx as in a digit of the mode. */
  readonly perm: number;
  readonly id: number;
}

export type Acl = readonly AclEntry[];

const isNamed = ({ tag }: Pick<AclEntry, 'tag'>): boolean => tag === ACL.user || tag === ACL.group;
const hasMask = (acl: Acl): boolean => acl.some(({ tag }) => tag === ACL.mask);

/** Reads the value of an extended attribute: null for a list without entries, or -errno. */
export const decodeAcl = (bytes: Uint8Array): Acl | null | number => {
  if (bytes.length === 0) return null;
  if (bytes.length < ACL_HEADER) return -EINVAL;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== ACL_VERSION) return -EOPNOTSUPP;
  if ((bytes.length - ACL_HEADER) % ACL_ENTRY !== 0) return -EINVAL;
  const acl: AclEntry[] = [];
  for (let at = ACL_HEADER; at < bytes.length; at += ACL_ENTRY) {
    const tag = view.getUint16(at, true);
    if (!Object.values<number>(ACL).includes(tag)) return -EINVAL;
    const id = isNamed({ tag }) ? view.getUint32(at + 4, true) : ACL_UNDEFINED_ID;
    acl.push({ tag, perm: view.getUint16(at + 2, true), id });
  }
  return acl.length === 0 ? null : acl;
};

export const encodeAcl = (acl: Acl): Uint8Array => {
  const bytes = new Uint8Array(ACL_HEADER + acl.length * ACL_ENTRY);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, ACL_VERSION, true);
  acl.forEach(({ tag, perm, id }, i) => {
    const at = ACL_HEADER + i * ACL_ENTRY;
    view.setUint16(at, tag, true);
    view.setUint16(at + 2, perm, true);
    view.setUint32(at + 4, id, true);
  });
  return bytes;
};

/** What may come after each kind of entry; a named one may be followed by its own kind (posix_acl_valid). */
const AFTER: Readonly<Record<number, readonly number[]>> = {
  0: [ACL.userObj],
  [ACL.userObj]: [ACL.user, ACL.groupObj],
  [ACL.user]: [ACL.user, ACL.groupObj],
  [ACL.groupObj]: [ACL.group, ACL.mask, ACL.other],
  [ACL.group]: [ACL.group, ACL.mask, ACL.other],
  [ACL.mask]: [ACL.other],
};

/** 0 or -EINVAL: entries in order, one mask if anybody is named. */
export const checkAcl = (acl: Acl): number => {
  let before = 0;
  for (const e of acl) {
    if (e.perm & ~7 || !AFTER[before]?.includes(e.tag)) return -EINVAL;
    if (isNamed(e) && e.id === ACL_UNDEFINED_ID) return -EINVAL;
    before = e.tag;
  }
  return before === ACL.other && (hasMask(acl) || !acl.some(isNamed)) ? 0 : -EINVAL;
};

/** The bits of the mode that an entry stands for; null for entries that name somebody. */
const shiftOf = (tag: number, masked: boolean): number | null => {
  if (tag === ACL.userObj) return 6;
  if (tag === ACL.mask || (tag === ACL.groupObj && !masked)) return 3;
  return tag === ACL.other ? 0 : null;
};

/** Permission bits of the mode that belong to a list. */
export const modeOfAcl = (acl: Acl): number => {
  const masked = hasMask(acl);
  let mode = 0;
  for (const { tag, perm } of acl) {
    const shift = shiftOf(tag, masked);
    if (shift !== null) mode |= perm << shift;
  }
  return mode;
};

/** Whether it says no more than the mode. */
export const isMinimal = (acl: Acl): boolean => acl.every((e) => !isNamed(e) && e.tag !== ACL.mask);

/** The list after chmod. */
export const withMode = (acl: Acl, mode: number): Acl => {
  const masked = hasMask(acl);
  return acl.map((e) => {
    const shift = shiftOf(e.tag, masked);
    return shift === null ? e : { ...e, perm: (mode >> shift) & 7 };
  });
};

/** What a new file gets of its directory's default list, when it is made with a mode: no more than both allow. */
export const inheritAcl = (list: Acl, mode: number): { mode: number; acl: Acl | null } => {
  const acl = withMode(list, modeOfAcl(list) & mode);
  const kept = (mode & ~0o777) | modeOfAcl(acl);
  return { mode: kept, acl: isMinimal(acl) ? null : acl };
};

/** May somebody do all of `want` with a file of this owner and group? 0 or -EACCES. */
export const aclPermission = (
  cred: Credentials,
  acl: Acl,
  group: number,
  want: number,
  inGroup: (cred: Credentials, gid: number) => boolean,
): number => {
  const answer = (perm: number): number => ((perm & want) === want ? 0 : -EACCES);
  const mask = acl.find(({ tag }) => tag === ACL.mask)?.perm ?? 7;
  const user = acl.find(({ tag, id }) => tag === ACL.user && id === cred.fsuid);
  if (user !== undefined) return answer(user.perm & mask);
  const groups = acl.filter(
    ({ tag, id }) =>
      (tag === ACL.groupObj && inGroup(cred, group)) || (tag === ACL.group && inGroup(cred, id)),
  );
  // One group has to allow all of it.
  const enough = groups.find(({ perm }) => (perm & want) === want);
  if (enough !== undefined) return answer(enough.perm & mask);
  if (groups.length > 0) return -EACCES;
  return answer(acl.find(({ tag }) => tag === ACL.other)?.perm ?? 0);
};
