// Limits, usage and priorities. Source: asm-generic/resource.h, linux/resource.h.

import { struct } from './struct.ts';

export const RLIMITS = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
} as const;
export const RLIM_NLIMITS = 16;

/** struct rlimit64; RLIM_INFINITY is all ones, so the fields are exact. */
export const RLIMIT64 = struct('rlimit64', { soft: 'b64', hard: 'b64' });
export const RLIM_INFINITY = 0xffffffffffffffffn;

export const RUSAGE_WHO = { RUSAGE_SELF: 0, RUSAGE_CHILDREN: -1, RUSAGE_THREAD: 1 } as const;
export const RUSAGE = struct('rusage', {
  utimeSec: 'i64',
  utimeUsec: 'i64',
  stimeSec: 'i64',
  stimeUsec: 'i64',
  maxrss: 'i64',
  ixrss: 'i64',
  idrss: 'i64',
  isrss: 'i64',
  minflt: 'i64',
  majflt: 'i64',
  nswap: 'i64',
  inblock: 'i64',
  oublock: 'i64',
  msgsnd: 'i64',
  msgrcv: 'i64',
  nsignals: 'i64',
  nvcsw: 'i64',
  nivcsw: 'i64',
});

export const PRIO_WHICH = { PRIO_PROCESS: 0, PRIO_PGRP: 1, PRIO_USER: 2 } as const;
export const IOPRIO_WHO = { IOPRIO_WHO_PROCESS: 1, IOPRIO_WHO_PGRP: 2, IOPRIO_WHO_USER: 3 } as const;

/** struct new_utsname: six strings of 65 bytes. */
export const UTS_FIELD = 65;
export const UTSNAME = struct('utsname', {
  sysname: { bytes: UTS_FIELD },
  nodename: { bytes: UTS_FIELD },
  release: { bytes: UTS_FIELD },
  version: { bytes: UTS_FIELD },
  machine: { bytes: UTS_FIELD },
  domainname: { bytes: UTS_FIELD },
});

export const SYSINFO = struct(
  'sysinfo',
  {
    uptime: 'i64',
    load1: 'u64',
    load5: 'u64',
    load15: 'u64',
    totalram: 'u64',
    freeram: 'u64',
    sharedram: 'u64',
    bufferram: 'u64',
    totalswap: 'u64',
    freeswap: 'u64',
    procs: 'u16',
    pad: 'u16',
    totalhigh: 'u64',
    freehigh: 'u64',
    memUnit: 'u32',
  },
  112,
);
