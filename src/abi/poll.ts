// Constants of poll(2), select(2), epoll(7) and eventfd(2), as asm-generic/poll.h, eventpoll.h and eventfd.h have them.

import type { FlagTable } from '../gate/codec.ts';

export const POLL = {
  POLLIN: 0x1,
  POLLPRI: 0x2,
  POLLOUT: 0x4,
  POLLERR: 0x8,
  POLLHUP: 0x10,
  POLLNVAL: 0x20,
  POLLRDNORM: 0x40,
  POLLRDBAND: 0x80,
  POLLWRNORM: 0x100,
  POLLWRBAND: 0x200,
  POLLRDHUP: 0x2000,
} as const;

/** What a file without a poll operation answers: always readable and writable. */
export const DEFAULT_POLLMASK = POLL.POLLIN | POLL.POLLOUT | POLL.POLLRDNORM | POLL.POLLWRNORM;

export const EPOLL_CTL = { EPOLL_CTL_ADD: 1, EPOLL_CTL_DEL: 2, EPOLL_CTL_MOD: 3 } as const;
export const EPOLLEXCLUSIVE = 2 ** 28;
export const EPOLLWAKEUP = 2 ** 29;
export const EPOLLONESHOT = 2 ** 30;
export const EPOLLET = 2 ** 31;
export const EPOLL_CLOEXEC = 0o2000000;
export const EPOLL_FLAGS: FlagTable = { unknown: 'EPOLL_???', bits: { EPOLL_CLOEXEC } };

export const EFD = { EFD_SEMAPHORE: 1, EFD_CLOEXEC: 0o2000000, EFD_NONBLOCK: 0o4000 } as const;
export const EFD_FLAGS: FlagTable = { unknown: 'EFD_???', bits: EFD };
