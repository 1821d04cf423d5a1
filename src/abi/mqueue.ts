// POSIX message queues: struct and limits. Source: linux/mqueue.h, linux/limits.h, ipc/mqueue.c of the kernel.

import { struct } from './struct.ts';

export const MQ_ATTR = struct('mq_attr', {
  mq_flags: 'i64',
  mq_maxmsg: 'i64',
  mq_msgsize: 'i64',
  mq_curmsgs: 'i64',
  pad: { bytes: 32 },
});

/** Priorities are below it. */
export const MQ_PRIO_MAX = 32768;
/** Messages of a queue, and bytes of a message, for those who may set what they like (CAP_SYS_RESOURCE). */
export const HARD_MSGMAX = 65536;
export const HARD_MSGSIZEMAX = 16 * 2 ** 20;
/** What queues get, and the most that others may ask for: /proc/sys/fs/mqueue. */
export const MSG_DEFAULT = 10;
export const MSGSIZE_DEFAULT = 8192;
export const QUEUES_MAX = 256;
/** Bytes of the cookie that a notification by thread carries. */
export const NOTIFY_COOKIE_LEN = 32;
/** What RLIMIT_MSGQUEUE counts for a message besides its bytes (struct msg_msg), and for a priority. */
export const MSG_BYTES = 48;
export const PRIORITY_BYTES = 48;
