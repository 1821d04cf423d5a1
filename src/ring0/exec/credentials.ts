// How execve changes credentials: set-user-ID and set-group-ID files, and the capabilities that follow from the
// user and the file (capabilities(7), "Transformation of capabilities during execve").

import { EPERM } from '../../abi/errno.ts';
import { capIntersection, capSubset, capUnion } from '../task/creds.ts';
import type { Credentials } from '../task/types.ts';
import type { FileCaps } from './file-caps.ts';

const S_ISUID = 0o4000;
const S_ISGID = 0o2000;
const S_IXGRP = 0o010;
const SECBIT_NOROOT = 1;
const SECBIT_KEEP_CAPS = 1 << 4;

export interface ExecFileIds {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly caps: FileCaps | null;
  /** The mount is nosuid. */
  readonly nosuid: boolean;
}

/** Credentials after executing a file, and whether the program must be careful (AT_SECURE); -EPERM for one that could not work. */
export const credentialsAfterExec = (
  old: Credentials,
  file: ExecFileIds,
): { cred: Credentials; secure: boolean } | number => {
  const cred: Credentials = { ...old };
  const honoured = !file.nosuid && !old.noNewPrivs;
  if (honoured && file.mode & S_ISUID) cred.euid = file.uid;
  if (honoured && (file.mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP)) cred.egid = file.gid;
  const setId = cred.euid !== old.euid || cred.egid !== old.egid;

  const caps = file.nosuid ? null : file.caps;
  let permitted = 0;
  let effective = caps?.effective ?? false;
  if (caps !== null) {
    permitted = capUnion(
      capIntersection(old.capBounding, caps.permitted),
      capIntersection(old.capInheritable, caps.inheritable),
    );
    if (effective && !capSubset(caps.permitted, permitted)) return -EPERM;
  }
  const byFile = caps !== null && cred.uid !== 0 && cred.euid === 0;
  const asRoot = !(old.securebits & SECBIT_NOROOT) && !byFile && (cred.euid === 0 || cred.uid === 0);
  if (asRoot) permitted = capUnion(old.capBounding, old.capInheritable);
  if (asRoot && cred.euid === 0) effective = true;
  // prctl(2), PR_SET_NO_NEW_PRIVS: whatever the file has.
  if (old.noNewPrivs && !capSubset(permitted, old.capPermitted))
    permitted = capIntersection(permitted, old.capPermitted);
  if (caps !== null || setId) cred.capAmbient = 0;

  const gained = cred.uid !== 0 && (effective || !capSubset(permitted, cred.capAmbient));
  cred.capPermitted = capUnion(permitted, cred.capAmbient);
  cred.capEffective = effective ? cred.capPermitted : cred.capAmbient;
  cred.suid = cred.euid;
  cred.fsuid = cred.euid;
  cred.sgid = cred.egid;
  cred.fsgid = cred.egid;
  cred.securebits &= ~SECBIT_KEEP_CAPS;
  return { cred, secure: cred.euid !== cred.uid || cred.egid !== cred.gid || gained };
};
