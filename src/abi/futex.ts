// futex(2), robust lists and restartable sequences. Source: linux/futex.h, linux/rseq.h.

import type { FlagTable } from '../gate/codec.ts';
import { struct } from './struct.ts';

export const FUTEX = {
  FUTEX_WAIT: 0,
  FUTEX_WAKE: 1,
  FUTEX_FD: 2,
  FUTEX_REQUEUE: 3,
  FUTEX_CMP_REQUEUE: 4,
  FUTEX_WAKE_OP: 5,
  FUTEX_LOCK_PI: 6,
  FUTEX_UNLOCK_PI: 7,
  FUTEX_TRYLOCK_PI: 8,
  FUTEX_WAIT_BITSET: 9,
  FUTEX_WAKE_BITSET: 10,
  FUTEX_WAIT_REQUEUE_PI: 11,
  FUTEX_CMP_REQUEUE_PI: 12,
  FUTEX_LOCK_PI2: 13,
} as const;
export const FUTEX_PRIVATE_FLAG = 128;
export const FUTEX_CLOCK_REALTIME = 256;
export const FUTEX_CMD_MASK = ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
/** The op argument: a command and two flags. */
export const FUTEX_OPS: FlagTable = {
  unknown: 'FUTEX_???',
  field: { mask: FUTEX_CMD_MASK >>> 0, values: FUTEX },
  bits: { FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME },
};

/** The flags of futex_wait(2) and its kin: the word's size and where it is looked for. */
export const FUTEX2_SIZES = {
  FUTEX2_SIZE_U8: 0,
  FUTEX2_SIZE_U16: 1,
  FUTEX2_SIZE_U32: 2,
  FUTEX2_SIZE_U64: 3,
} as const;
export const FUTEX2_SIZE_U32 = 2;
export const FUTEX2_SIZE_MASK = 3;
export const FUTEX2_NUMA = 4;
export const FUTEX2_MPOL = 8;
export const FUTEX2_PRIVATE = 128;
export const FUTEX2_FLAGS: FlagTable = {
  unknown: 'FUTEX2_???',
  field: { mask: FUTEX2_SIZE_MASK, values: FUTEX2_SIZES },
  bits: { FUTEX2_NUMA, FUTEX2_MPOL, FUTEX2_PRIVATE },
};
/** struct futex_waitv. */
export const FUTEX_WAITV = struct('futex_waitv', { val: 'u64', uaddr: 'u64', flags: 'u32', reserved: 'u32' });
export const FUTEX_WAITV_MAX = 128;

export const FUTEX_WAITERS = 0x80000000;
export const FUTEX_OWNER_DIED = 0x40000000;
export const FUTEX_TID_MASK = 0x3fffffff;
export const FUTEX_BITSET_MATCH_ANY = 0xffffffff;

/** FUTEX_WAKE_OP's operations and comparisons. */
export const FUTEX_OP = { SET: 0, ADD: 1, OR: 2, ANDN: 3, XOR: 4, ARG_SHIFT: 8 } as const;
export const FUTEX_OP_CMP = { EQ: 0, NE: 1, LT: 2, LE: 3, GT: 4, GE: 5 } as const;

/** struct robust_list_head: list, futex_offset, list_op_pending. */
export const ROBUST_LIST_HEAD_BYTES = 24;
export const ROBUST_LIST_LIMIT = 2048;

/** Offsets in struct rseq. */
export const RSEQ = { cpuIdStart: 0, cpuId: 4, rseqCs: 8, flags: 16, nodeId: 20, mmCid: 24 } as const;
/** Offsets in struct rseq_cs. */
export const RSEQ_CS = {
  version: 0,
  flags: 4,
  startIp: 8,
  postCommitOffset: 16,
  abortIp: 24,
  size: 32,
} as const;
export const RSEQ_FLAG_UNREGISTER = 1;
