// clone(2), clone3(2), unshare(2): flags and the argument struct. Source: linux/sched.h.

import type { FlagTable } from '../gate/codec.ts';
import { struct } from './struct.ts';

export const CLONE = {
  CLONE_NEWTIME: 0x80,
  CLONE_VM: 0x100,
  CLONE_FS: 0x200,
  CLONE_FILES: 0x400,
  CLONE_SIGHAND: 0x800,
  CLONE_PIDFD: 0x1000,
  CLONE_PTRACE: 0x2000,
  CLONE_VFORK: 0x4000,
  CLONE_PARENT: 0x8000,
  CLONE_THREAD: 0x10000,
  CLONE_NEWNS: 0x20000,
  CLONE_SYSVSEM: 0x40000,
  CLONE_SETTLS: 0x80000,
  CLONE_PARENT_SETTID: 0x100000,
  CLONE_CHILD_CLEARTID: 0x200000,
  CLONE_DETACHED: 0x400000,
  CLONE_UNTRACED: 0x800000,
  CLONE_CHILD_SETTID: 0x1000000,
  CLONE_NEWCGROUP: 0x2000000,
  CLONE_NEWUTS: 0x4000000,
  CLONE_NEWIPC: 0x8000000,
  CLONE_NEWUSER: 0x10000000,
  CLONE_NEWPID: 0x20000000,
  CLONE_NEWNET: 0x40000000,
  CLONE_IO: 0x80000000,
} as const;
/** clone3 only, in 64 bits. */
export const CLONE3 = { CLONE_CLEAR_SIGHAND: 0x100000000, CLONE_INTO_CGROUP: 0x200000000 } as const;

export const CLONE_FLAGS: FlagTable = { unknown: 'CLONE_???', bits: CLONE };
export const CLONE3_FLAGS: FlagTable = { unknown: 'CLONE_???', bits: { ...CLONE, ...CLONE3 } };
/** The flags that make namespaces. */
export const CLONE_NAMESPACES =
  (CLONE.CLONE_NEWTIME |
    CLONE.CLONE_NEWNS |
    CLONE.CLONE_NEWCGROUP |
    CLONE.CLONE_NEWUTS |
    CLONE.CLONE_NEWIPC |
    CLONE.CLONE_NEWUSER |
    CLONE.CLONE_NEWPID |
    CLONE.CLONE_NEWNET) >>>
  0;
/** The exit signal in the low byte of clone's flags. */
export const CSIGNAL = 0xff;

/** struct clone_args; the sizes that the kernel has had are 64, 80 and 88 bytes. */
export const CLONE_ARGS = struct('clone_args', {
  flags: 'u64',
  pidfd: 'u64',
  childTid: 'u64',
  parentTid: 'u64',
  exitSignal: 'u64',
  stack: 'u64',
  stackSize: 'u64',
  tls: 'u64',
  setTid: 'u64',
  setTidSize: 'u64',
  cgroup: 'u64',
});
export const CLONE_ARGS_SIZE_VER0 = 64;
