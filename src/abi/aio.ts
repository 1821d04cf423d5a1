// Asynchronous input and output as linux/aio_abi.h has it.

import { struct } from './struct.ts';

export const IOCB_CMD = {
  IOCB_CMD_PREAD: 0,
  IOCB_CMD_PWRITE: 1,
  IOCB_CMD_FSYNC: 2,
  IOCB_CMD_FDSYNC: 3,
  IOCB_CMD_POLL: 5,
  IOCB_CMD_NOOP: 6,
  IOCB_CMD_PREADV: 7,
  IOCB_CMD_PWRITEV: 8,
} as const;

/** aio_resfd is an eventfd that hears of the end. */
export const IOCB_FLAG_RESFD = 1;

export const IOCB = struct('iocb', {
  data: 'b64',
  key: 'u32',
  rwFlags: 'u32',
  opcode: 'u16',
  priority: 'i16',
  fd: 'u32',
  buf: 'u64',
  nbytes: 'i64',
  offset: 'i64',
  reserved: 'u64',
  flags: 'u32',
  resfd: 'u32',
});
/** Where `key` is, which the kernel writes. */
export const IOCB_KEY = 8;

export const IO_EVENT_BYTES = 32;
export const AIO_SIGSET = struct('__aio_sigset', { mask: 'u64', bytes: 'u64' });
