// Scheduling policies and their structs. Source: linux/sched.h, linux/sched/types.h.

import { struct } from './struct.ts';

export const SCHED = {
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
} as const;
/** `flags` of struct sched_attr. */
export const SCHED_FLAG_RESET_ON_FORK = 0x01;
export const SCHED_FLAG_KEEP_POLICY = 0x08;
export const SCHED_FLAG_KEEP_PARAMS = 0x10;
export const SCHED_FLAG_ALL = 0x7f;
/** Or-ed to the policy. */
export const SCHED_RESET_ON_FORK = 0x40000000;

export const SCHED_PARAM = struct('sched_param', { priority: 'i32' });
export const SCHED_ATTR = struct('sched_attr', {
  size: 'u32',
  policy: 'u32',
  flags: 'u64',
  nice: 'i32',
  priority: 'u32',
  runtime: 'u64',
  deadline: 'u64',
  period: 'u64',
  utilMin: 'u32',
  utilMax: 'u32',
});
export const SCHED_ATTR_SIZE_VER0 = 48;
