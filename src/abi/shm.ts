// System V shared memory (shmget(2), shmctl(2)): commands, flags and structs of the kernel's linux/shm.h and
// asm-generic/shmbuf.h.

import { struct } from './struct.ts';

export const IPC_PRIVATE = 0;
export const IPC_CREAT = 0o1000;
export const IPC_EXCL = 0o2000;

export const SHM_RDONLY = 0o10000;
export const SHM_RND = 0o20000;
export const SHM_REMAP = 0o40000;
export const SHM_EXEC = 0o100000;

export const SHM_HUGETLB = 0o4000;
export const SHM_NORESERVE = 0o10000;

/** Bits of shm_perm.mode. */
export const SHM_DEST = 0o1000;
export const SHM_LOCKED = 0o2000;

export const SHMCTL = {
  IPC_RMID: 0,
  IPC_SET: 1,
  IPC_STAT: 2,
  IPC_INFO: 3,
  SHM_LOCK: 11,
  SHM_UNLOCK: 12,
  SHM_STAT: 13,
  SHM_INFO: 14,
  SHM_STAT_ANY: 15,
} as const;

/** struct ipc64_perm, with which the *id_ds of all three kinds of System V objects begin. */
export const IPC_PERM = {
  key: 'i32',
  uid: 'u32',
  gid: 'u32',
  cuid: 'u32',
  cgid: 'u32',
  mode: 'u32',
  seq: 'u16',
  pad: 'u16',
  unused1: 'u64',
  unused2: 'u64',
} as const;

export const SHMID_DS = struct(
  'shmid_ds',
  {
    ...IPC_PERM,
    segsz: 'u64',
    atime: 'i64',
    dtime: 'i64',
    ctime: 'i64',
    cpid: 'i32',
    lpid: 'i32',
    nattch: 'u64',
    unused4: 'u64',
    unused5: 'u64',
  },
  112,
);

export const SHMINFO = struct(
  'shminfo',
  { shmmax: 'u64', shmmin: 'u64', shmmni: 'u64', shmseg: 'u64', shmall: 'u64' },
  72,
);

export const SHM_INFO = struct('shm_info', {
  used_ids: 'i32',
  shm_tot: 'u64',
  shm_rss: 'u64',
  shm_swp: 'u64',
  swap_attempts: 'u64',
  swap_successes: 'u64',
});

export const SHMGET_TABLE = {
  unknown: 'SHM_???',
  bits: { IPC_CREAT, IPC_EXCL, SHM_HUGETLB, SHM_NORESERVE },
} as const;
export const SHMAT_TABLE = {
  unknown: 'SHM_???',
  bits: { SHM_RDONLY, SHM_RND, SHM_REMAP, SHM_EXEC },
} as const;
