// Constants and structs of socket(2) and its kin: linux/socket.h, linux/net.h, linux/un.h, asm-generic/socket.h.
// The names are what traces print.

import type { FlagTable } from '../gate/codec.ts';
import { struct } from './struct.ts';

export const AF = {
  AF_UNSPEC: 0,
  AF_UNIX: 1,
  AF_INET: 2,
  AF_AX25: 3,
  AF_IPX: 4,
  AF_APPLETALK: 5,
  AF_NETROM: 6,
  AF_BRIDGE: 7,
  AF_ATMPVC: 8,
  AF_X25: 9,
  AF_INET6: 10,
  AF_ROSE: 11,
  AF_DECnet: 12,
  AF_NETBEUI: 13,
  AF_SECURITY: 14,
  AF_KEY: 15,
  AF_NETLINK: 16,
  AF_PACKET: 17,
  AF_ASH: 18,
  AF_ECONET: 19,
  AF_ATMSVC: 20,
  AF_RDS: 21,
  AF_SNA: 22,
  AF_IRDA: 23,
  AF_PPPOX: 24,
  AF_WANPIPE: 25,
  AF_LLC: 26,
  AF_IB: 27,
  AF_MPLS: 28,
  AF_CAN: 29,
  AF_TIPC: 30,
  AF_BLUETOOTH: 31,
  AF_IUCV: 32,
  AF_RXRPC: 33,
  AF_ISDN: 34,
  AF_PHONET: 35,
  AF_IEEE802154: 36,
  AF_CAIF: 37,
  AF_ALG: 38,
  AF_NFC: 39,
  AF_VSOCK: 40,
  AF_KCM: 41,
  AF_QIPCRTR: 42,
  AF_SMC: 43,
  AF_XDP: 44,
  AF_MCTP: 45,
} as const;
/** One more than the highest family. */
export const AF_MAX = 46;

export const SOCK = {
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SOCK_RAW: 3,
  SOCK_RDM: 4,
  SOCK_SEQPACKET: 5,
  SOCK_DCCP: 6,
  SOCK_PACKET: 10,
} as const;
export const SOCK_TYPE_MASK = 0xf;
/** One more than the highest type. */
export const SOCK_MAX = 11;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOCK_FLAGS: FlagTable = { unknown: 'SOCK_???', bits: { SOCK_CLOEXEC, SOCK_NONBLOCK } };
export const MSG = {
  MSG_OOB: 0x1,
  MSG_PEEK: 0x2,
  MSG_DONTROUTE: 0x4,
  MSG_CTRUNC: 0x8,
  MSG_PROBE: 0x10,
  MSG_TRUNC: 0x20,
  MSG_DONTWAIT: 0x40,
  MSG_EOR: 0x80,
  MSG_WAITALL: 0x100,
  MSG_FIN: 0x200,
  MSG_SYN: 0x400,
  MSG_CONFIRM: 0x800,
  MSG_RST: 0x1000,
  MSG_ERRQUEUE: 0x2000,
  MSG_NOSIGNAL: 0x4000,
  MSG_MORE: 0x8000,
  MSG_WAITFORONE: 0x10000,
  MSG_BATCH: 0x40000,
  MSG_ZEROCOPY: 0x4000000,
  MSG_FASTOPEN: 0x20000000,
  MSG_CMSG_CLOEXEC: 0x40000000,
  MSG_CMSG_COMPAT: 0x80000000,
} as const;
export const MESSAGE_FLAGS: FlagTable = { unknown: 'MSG_???', bits: MSG };

export const SHUT = { SHUT_RD: 0, SHUT_WR: 1, SHUT_RDWR: 2 } as const;

export const SOL_SOCKET = 1;
export const LEVELS = {
  SOL_IP: 0,
  SOL_SOCKET,
  SOL_TCP: 6,
  SOL_UDP: 17,
  SOL_IPV6: 41,
  SOL_RAW: 255,
  SOL_PACKET: 263,
  SOL_NETLINK: 270,
} as const;

/** Options at SOL_SOCKET. */
export const SO = {
  SO_DEBUG: 1,
  SO_REUSEADDR: 2,
  SO_TYPE: 3,
  SO_ERROR: 4,
  SO_DONTROUTE: 5,
  SO_BROADCAST: 6,
  SO_SNDBUF: 7,
  SO_RCVBUF: 8,
  SO_KEEPALIVE: 9,
  SO_OOBINLINE: 10,
  SO_NO_CHECK: 11,
  SO_PRIORITY: 12,
  SO_LINGER: 13,
  SO_BSDCOMPAT: 14,
  SO_REUSEPORT: 15,
  SO_PASSCRED: 16,
  SO_PEERCRED: 17,
  SO_RCVLOWAT: 18,
  SO_SNDLOWAT: 19,
  SO_RCVTIMEO_OLD: 20,
  SO_SNDTIMEO_OLD: 21,
  SO_SECURITY_AUTHENTICATION: 22,
  SO_SECURITY_ENCRYPTION_TRANSPORT: 23,
  SO_SECURITY_ENCRYPTION_NETWORK: 24,
  SO_BINDTODEVICE: 25,
  SO_ATTACH_FILTER: 26,
  SO_DETACH_FILTER: 27,
  SO_PEERNAME: 28,
  SO_TIMESTAMP_OLD: 29,
  SO_ACCEPTCONN: 30,
  SO_PEERSEC: 31,
  SO_SNDBUFFORCE: 32,
  SO_RCVBUFFORCE: 33,
  SO_PASSSEC: 34,
  SO_TIMESTAMPNS_OLD: 35,
  SO_MARK: 36,
  SO_TIMESTAMPING_OLD: 37,
  SO_PROTOCOL: 38,
  SO_DOMAIN: 39,
  SO_RXQ_OVFL: 40,
  SO_WIFI_STATUS: 41,
  SO_PEEK_OFF: 42,
  SO_NOFCS: 43,
  SO_LOCK_FILTER: 44,
  SO_SELECT_ERR_QUEUE: 45,
  SO_BUSY_POLL: 46,
  SO_MAX_PACING_RATE: 47,
  SO_BPF_EXTENSIONS: 48,
  SO_INCOMING_CPU: 49,
  SO_ATTACH_BPF: 50,
  SO_ATTACH_REUSEPORT_CBPF: 51,
  SO_ATTACH_REUSEPORT_EBPF: 52,
  SO_CNX_ADVICE: 53,
  SCM_TIMESTAMPING_OPT_STATS: 54,
  SO_MEMINFO: 55,
  SO_INCOMING_NAPI_ID: 56,
  SO_COOKIE: 57,
  SCM_TIMESTAMPING_PKTINFO: 58,
  SO_PEERGROUPS: 59,
  SO_ZEROCOPY: 60,
  SO_TXTIME: 61,
  SO_BINDTOIFINDEX: 62,
  SO_TIMESTAMP_NEW: 63,
  SO_TIMESTAMPNS_NEW: 64,
  SO_TIMESTAMPING_NEW: 65,
  SO_RCVTIMEO_NEW: 66,
  SO_SNDTIMEO_NEW: 67,
  SO_DETACH_REUSEPORT_BPF: 68,
  SO_PREFER_BUSY_POLL: 69,
  SO_BUSY_POLL_BUDGET: 70,
  SO_NETNS_COOKIE: 71,
  SO_BUF_LOCK: 72,
  SO_RESERVE_MEM: 73,
  SO_TXREHASH: 74,
  SO_RCVMARK: 75,
  SO_PASSPIDFD: 76,
  SO_PEERPIDFD: 77,
} as const;

export const SCM = { SCM_RIGHTS: 1, SCM_CREDENTIALS: 2, SCM_SECURITY: 3, SCM_PIDFD: 4 } as const;
/** Most descriptors in one message. */
export const SCM_MAX_FD = 253;

/** Most bytes of any address (struct sockaddr_storage). */
export const SOCKADDR_MAX = 128;
/** Where sun_path begins, and the size of struct sockaddr_un. */
export const SUN_PATH = 2;
export const SOCKADDR_UN_BYTES = 110;

export const UCRED = struct('ucred', { pid: 'i32', uid: 'u32', gid: 'u32' });
export const LINGER = struct('linger', { onoff: 'i32', linger: 'i32' });
export const CMSGHDR = struct('cmsghdr', { len: 'u64', level: 'i32', type: 'i32' });
export const MSGHDR = struct('msghdr', {
  name: 'u64',
  namelen: 'i32',
  iov: 'u64',
  iovlen: 'u64',
  control: 'u64',
  controllen: 'u64',
  flags: 'u32',
});
/** struct mmsghdr: a msghdr and how much was transferred. */
export const MMSGHDR_BYTES = 64;
export const MMSG_LEN = 56;

/** CMSG_ALIGN of cmsg(3). */
export const cmsgAlign = (n: number): number => (n + 7) & ~7;
