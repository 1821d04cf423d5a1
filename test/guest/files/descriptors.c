// fcntl, dup and close_range.
#include "check.h"

int main(void) {
  // Leader of a group: F_GETOWN tells 0 of one whose leader has ended.
  setpgid(0, 0);
  start();
  int ap = (make("rw", "hello"), open("rw", O_WRONLY | O_APPEND));
  T(fcntl(ap, F_GETFL));
  T(fcntl(ap, F_SETFL, O_NONBLOCK));
  T(fcntl(ap, F_GETFL));
  T(fcntl(ap, F_GETFD));
  T(fcntl(ap, F_SETFD, 1));
  T(fcntl(ap, F_GETFD));
  T(fcntl(ap, F_DUPFD, 50));
  T(fcntl(50, F_GETFD));
  T(fcntl(ap, F_DUPFD_CLOEXEC, 50));
  T(fcntl(51, F_GETFD));
  T(fcntl(ap, F_DUPFD, -1));
  T(fcntl(ap, F_DUPFD, 100000000));
  T(fcntl(ap, 1234));
  T(fcntl(999, F_GETFD));
  T(fcntl(ap, F_GETOWN));
  T(fcntl(ap, F_SETOWN, getpid()));
  T(fcntl(ap, F_GETOWN) == getpid());
  struct f_owner_ex owner = {.type = 9};
  T(fcntl(1, F_GETOWN_EX, &owner));
  T(owner.type);
  for (int type = 0; type < 4; type++) {
    owner = (struct f_owner_ex){.type = type, .pid = getpgrp()};
    T(fcntl(ap, F_SETOWN_EX, &owner));
    T(fcntl(ap, F_GETOWN) == (type == F_OWNER_PGRP ? -1 : 1) * getpgrp());
    T(fcntl(ap, F_GETOWN_EX, &owner));
    T(owner.type);
  }
  T(fcntl(ap, F_SETOWN_EX, &(struct f_owner_ex){.type = F_OWNER_PID, .pid = 0x7ffffff0}));
  T(fcntl(ap, F_SETOWN_EX, &(struct f_owner_ex){.type = F_OWNER_PID, .pid = -2}));
  T(fcntl(ap, F_SETOWN, 1 << 31));
  T(fcntl(ap, F_GETSIG));
  T(fcntl(ap, F_GETLEASE));
  T(fcntl(ap, F_GETPIPE_SZ));
  T(fcntl(ap, F_GET_SEALS));
  T(dup2(ap, 60));
  T(dup2(60, 60));
  T(dup2(61, 61));
  T(dup2(ap, -1));
  T(dup2(999, 3));
  T(dup3(ap, 60, O_CLOEXEC));
  T(fcntl(60, F_GETFD));
  T(dup3(ap, ap, 0));
  T(dup3(ap, 61, 1));
  T(close(60));
  T(close(60));
  T(syscall(SYS_close_range, 50, 51, 0));
  T(fcntl(50, F_GETFD));
  T(syscall(SYS_close_range, 5, 4, 0));
  T(syscall(SYS_close_range, 50, ~0U, 4));
  T(syscall(SYS_close_range, 50, 51, 64));

  return finish();
}
