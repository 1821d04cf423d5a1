// Capabilities and the structs of capget(2). Sets are plain numbers below 2^41 in ring 0, so they are tested
// with division, not with 32-bit operators. Source: linux/capability.h.

import { struct } from './struct.ts';

/** In order of their numbers. */
export const CAP_NAMES = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
] as const;

export type CapName = (typeof CAP_NAMES)[number];
/** Capability numbers by name. */
export const CAP = Object.fromEntries(CAP_NAMES.map((name, i) => [name, i])) as Readonly<
  Record<CapName, number>
>;
export const CAP_LAST = CAP_NAMES.length - 1;
/** Every capability. */
export const CAP_FULL = 2 ** CAP_NAMES.length - 1;
/** The set a container gets from docker run. */
export const CAP_DOCKER = (
  [
    'CAP_CHOWN',
    'CAP_DAC_OVERRIDE',
    'CAP_FOWNER',
    'CAP_FSETID',
    'CAP_KILL',
    'CAP_SETGID',
    'CAP_SETUID',
    'CAP_SETPCAP',
    'CAP_NET_BIND_SERVICE',
    'CAP_NET_RAW',
    'CAP_SYS_CHROOT',
    'CAP_MKNOD',
    'CAP_AUDIT_WRITE',
    'CAP_SETFCAP',
  ] as const
).reduce((set, name) => set + 2 ** CAP[name], 0);

export const capHas = (set: number, cap: number): boolean => Math.floor(set / 2 ** cap) % 2 === 1;

export const CAP_VERSION_1 = 0x19980330;
export const CAP_VERSION_2 = 0x20071026;
export const CAP_VERSION_3 = 0x20080522;
export const CAP_HEADER = struct('cap_user_header', { version: 'u32', pid: 'i32' });
/** Version 3 has two of these, low words first. */
export const CAP_DATA = struct('cap_user_data', { effective: 'u32', permitted: 'u32', inheritable: 'u32' });
