// What a privileged program may set of the kernel by /proc/sys (sysctl(2), proc_sys(5)) and the kernel obeys: limits of
// each machine, with the values that Linux boots with.

import { MSGMAX, MSGMNB, MSGMNI, SEMMNI, SEMMNS, SEMMSL, SEMOPM } from '../abi/ipc.ts';
import { MSG_DEFAULT, MSGSIZE_DEFAULT, QUEUES_MAX } from '../abi/mqueue.ts';
import { MAX_DGRAM_QLEN, SOMAXCONN } from './net/limits.ts';

/** shmmax and shmall as they are when nobody has set them (linux/shm.h). */
const UNLIMITED = 2n ** 64n - 1n - 2n ** 24n;

/** Each is named by its path below /proc/sys; several numbers in one file are an array. */
export const defaultSettings = () => ({
  'fs/aio-max-nr': 65536n,
  'fs/inotify/max_queued_events': 16384,
  'fs/inotify/max_user_instances': 128,
  /** Seconds until a lease that must go is taken away. */
  'fs/lease-break-time': 45,
  'fs/mqueue/msg_default': MSG_DEFAULT,
  'fs/mqueue/msg_max': MSG_DEFAULT,
  'fs/mqueue/msgsize_default': MSGSIZE_DEFAULT,
  'fs/mqueue/msgsize_max': MSGSIZE_DEFAULT,
  'fs/mqueue/queues_max': QUEUES_MAX,
  'fs/nr_open': 1048576,
  /** Bytes of the largest pipe that anybody may make. */
  'fs/pipe-max-size': 1 << 20,
  'kernel/msgmax': MSGMAX,
  'kernel/msgmnb': MSGMNB,
  'kernel/msgmni': MSGMNI,
  /** Process ids are below it. */
  'kernel/pid_max': 4194304,
  /** Semaphores of a set, of all sets, operations of a semop, sets. */
  'kernel/sem': [SEMMSL, SEMMNS, SEMOPM, SEMMNI] as [number, number, number, number],
  /** Pages of all segments together. */
  'kernel/shmall': UNLIMITED,
  /** Bytes of the largest segment. */
  'kernel/shmmax': UNLIMITED,
  'kernel/shmmni': 4096,
  'net/core/somaxconn': SOMAXCONN,
  'net/unix/max_dgram_qlen': MAX_DGRAM_QLEN,
  /** 0: what could never be had is refused; 1: nothing is; 2: what is beyond the commit limit is. */
  'vm/overcommit_memory': 0,
  /** The commit limit in KiB; 0: by overcommit_ratio. */
  'vm/overcommit_kbytes': 0n,
  /** The commit limit in hundredths of all memory. */
  'vm/overcommit_ratio': 50,
  // About disks, swap space and panics, of which there are none: kept, and obeyed without doing anything.
  'kernel/panic': 0,
  'vm/dirty_background_ratio': 10,
  'vm/dirty_expire_centisecs': 3000,
  'vm/dirty_ratio': 20,
  'vm/dirty_writeback_centisecs': 500,
  'vm/laptop_mode': 0,
  'vm/page-cluster': 3,
  'vm/swappiness': 60,
  'vm/vfs_cache_pressure': 100,
});

export type Settings = ReturnType<typeof defaultSettings>;
