// How execve changes credentials: set-user-ID and set-group-ID files, and the capabilities that follow from the
// user (capabilities(7), "Transformation of capabilities during execve"). Files carry no capabilities here.

import type { Credentials } from '../task/types.ts';

const S_ISUID = 0o4000;
const S_ISGID = 0o2000;
const S_IXGRP = 0o010;
const SECBIT_NOROOT = 1;
const SECBIT_KEEP_CAPS = 1 << 4;
const TWO32 = 2 ** 32;

/** Union of capability sets, which have more than 32 bits. */
const union = (a: number, b: number): number =>
  ((Math.floor(a / TWO32) | Math.floor(b / TWO32)) >>> 0) * TWO32 + ((a | b) >>> 0);

export interface ExecFileIds {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** The mount is nosuid. */
  readonly nosuid: boolean;
}

/** Credentials after executing a file, and whether the program must be careful (AT_SECURE). */
export const credentialsAfterExec = (
  old: Credentials,
  file: ExecFileIds,
): { cred: Credentials; secure: boolean } => {
  const cred: Credentials = { ...old };
  const honoured = !file.nosuid && !old.noNewPrivs;
  if (honoured && file.mode & S_ISUID) cred.euid = file.uid;
  if (honoured && (file.mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP)) cred.egid = file.gid;
  const setId = cred.euid !== old.euid || cred.egid !== old.egid;
  if (setId) cred.capAmbient = 0;

  const asRoot = !(old.securebits & SECBIT_NOROOT) && (cred.euid === 0 || cred.uid === 0);
  cred.capPermitted = asRoot ? union(old.capBounding, old.capInheritable) : cred.capAmbient;
  cred.capEffective = asRoot && cred.euid === 0 ? cred.capPermitted : cred.capAmbient;
  cred.suid = cred.euid;
  cred.fsuid = cred.euid;
  cred.sgid = cred.egid;
  cred.fsgid = cred.egid;
  cred.securebits &= ~SECBIT_KEEP_CAPS;
  const gained = asRoot && cred.uid !== 0;
  return { cred, secure: cred.euid !== cred.uid || cred.egid !== cred.gid || gained };
};
