// System V semaphores and message queues (semget(2), msgget(2)): commands, flags and structs of linux/ipc.h, sem.h and
// msg.h and of asm/sembuf.h and msgbuf.h. Shared memory is in shm.ts.

import { IPC_CREAT, IPC_EXCL, IPC_PERM } from './shm.ts';
import { struct } from './struct.ts';

export const IPC_NOWAIT = 0o4000;

export const SEMCTL = {
  IPC_RMID: 0,
  IPC_SET: 1,
  IPC_STAT: 2,
  IPC_INFO: 3,
  GETPID: 11,
  GETVAL: 12,
  GETALL: 13,
  GETNCNT: 14,
  GETZCNT: 15,
  SETVAL: 16,
  SETALL: 17,
  SEM_STAT: 18,
  SEM_INFO: 19,
  SEM_STAT_ANY: 20,
} as const;

export const SEM_UNDO = 0o10000;
/** Limits of linux/sem.h: sets, semaphores of a set, operations of a call, largest value. */
export const SEMMNI = 32000;
export const SEMMSL = 32000;
export const SEMOPM = 500;
export const SEMVMX = 32767;
export const SEMMNS = SEMMNI * SEMMSL;

export const SEMID_DS = struct('semid_ds', {
  ...IPC_PERM,
  otime: 'i64',
  unused3: 'u64',
  ctime: 'i64',
  unused4: 'u64',
  nsems: 'u64',
  unused5: 'u64',
  unused6: 'u64',
});

export const SEMINFO = struct('seminfo', {
  semmap: 'i32',
  semmni: 'i32',
  semmns: 'i32',
  semmnu: 'i32',
  semmsl: 'i32',
  semopm: 'i32',
  semume: 'i32',
  semusz: 'i32',
  semvmx: 'i32',
  semaem: 'i32',
});

export const SEMBUF_BYTES = 6;

export const MSGCTL = {
  IPC_RMID: 0,
  IPC_SET: 1,
  IPC_STAT: 2,
  IPC_INFO: 3,
  MSG_STAT: 11,
  MSG_INFO: 12,
  MSG_STAT_ANY: 13,
} as const;

export const MSG_NOERROR = 0o10000;
export const MSG_EXCEPT = 0o20000;
export const MSG_COPY = 0o40000;
/** Limits of linux/msg.h: queues, bytes of a message, bytes of a queue. */
export const MSGMNI = 32000;
export const MSGMAX = 8192;
export const MSGMNB = 16384;
/** Numbers that only IPC_INFO tells. */
export const MSGPOOL = (MSGMNI * MSGMNB) / 1024;
export const MSGSSZ = 16;
export const MSGSEG = 0xffff;

export const MSQID_DS = struct('msqid_ds', {
  ...IPC_PERM,
  stime: 'i64',
  rtime: 'i64',
  ctime: 'i64',
  cbytes: 'u64',
  qnum: 'u64',
  qbytes: 'u64',
  lspid: 'i32',
  lrpid: 'i32',
  unused3: 'u64',
  unused4: 'u64',
});

export const MSGINFO = struct('msginfo', {
  msgpool: 'i32',
  msgmap: 'i32',
  msgmax: 'i32',
  msgmnb: 'i32',
  msgmni: 'i32',
  msgssz: 'i32',
  msgtql: 'i32',
  msgseg: 'u16',
});

export const IPCGET_TABLE = { unknown: 'IPC_???', bits: { IPC_CREAT, IPC_EXCL } } as const;
export const MSG_TABLE = {
  unknown: 'MSG_???',
  bits: { IPC_NOWAIT, MSG_NOERROR, MSG_EXCEPT, MSG_COPY },
} as const;
