// wait(2): options, id types, and the status word. Source: linux/wait.h, wait(2).

import type { FlagTable } from '../gate/codec.ts';

export const W = {
  WNOHANG: 1,
  WUNTRACED: 2,
  /** waitid's name of WUNTRACED. */
  WSTOPPED: 2,
  WEXITED: 4,
  WCONTINUED: 8,
  WNOWAIT: 0x01000000,
  __WNOTHREAD: 0x20000000,
  __WALL: 0x40000000,
  __WCLONE: 0x80000000,
} as const;

const { WUNTRACED: _alias, ...bits } = W;
/** Of wait4 and waitid: traces know one name for the bit that both have. */
export const WAIT4_FLAGS: FlagTable = { unknown: 'W???', bits };
export const WAITID_FLAGS = WAIT4_FLAGS;

export const P_TYPES = { P_ALL: 0, P_PID: 1, P_PGID: 2, P_PIDFD: 3 } as const;

/** Status word of a normal exit. */
export const exitedStatus = (code: number): number => (code & 0xff) << 8;
/** Status word of a stop. */
export const stoppedStatus = (signo: number): number => (signo << 8) | 0x7f;
/** Status word of a continue. */
export const CONTINUED_STATUS = 0xffff;
