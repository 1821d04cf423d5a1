// Descriptors for processes.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHOW(what, call) do { errno = 0; long r = (call); printf("%s: %ld %s\n", what, r, errno ? strerror(errno) : "-"); } while (0)

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  SHOW("nobody", syscall(SYS_pidfd_open, 4000000, 0));
  SHOW("flags", syscall(SYS_pidfd_open, getpid(), 77));
  SHOW("zero", syscall(SYS_pidfd_open, 0, 0));
  int fds[2];
  (void)!pipe(fds);
  pid_t p = fork();
  if (p == 0) {
    pause();
    _exit(3);
  }
  int fd = syscall(SYS_pidfd_open, p, 0);
  printf("open %d cloexec %d\n", fd >= 0, fcntl(fd, F_GETFD));
  struct pollfd pf = {fd, POLLIN, 0};
  SHOW("poll", poll(&pf, 1, 0));
  SHOW("signal 0", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
  char path[32];
  snprintf(path, sizeof path, "/proc/%d", p);
  int dir = open(path, O_RDONLY | O_DIRECTORY);
  SHOW("signal 0 by a directory of /proc", syscall(SYS_pidfd_send_signal, dir, 0, NULL, 0));
  int tasks = openat(dir, "task", O_RDONLY | O_DIRECTORY);
  SHOW("by one below it", syscall(SYS_pidfd_send_signal, tasks, 0, NULL, 0));
  SHOW("waiting by it", waitid(3, dir, NULL, WEXITED));
  SHOW("not a pidfd", syscall(SYS_pidfd_send_signal, fds[0], 0, NULL, 0));
  int copy = syscall(SYS_pidfd_getfd, fd, fds[1], 0);
  printf("getfd %d\n", copy >= 0);
  (void)!write(copy, "z", 1);
  char c = 0;
  (void)!read(fds[0], &c, 1);
  printf("through it %c\n", c);
  int impatient = syscall(SYS_pidfd_open, p, O_NONBLOCK);
  SHOW("waiting without blocking", waitid(3, impatient, NULL, WEXITED));
  SHOW("with WNOHANG", waitid(3, impatient, NULL, WEXITED | WNOHANG));
  SHOW("waiting for a negative one", waitid(3, -1, NULL, WEXITED));
  SHOW("term", syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
  SHOW("poll", poll(&pf, 1, 5000));
  printf("revents %d\n", pf.revents);
  siginfo_t si = {0};
  SHOW("waitid", waitid(3, fd, &si, WEXITED));
  printf("code %d status %d\n", si.si_code, si.si_status);
  SHOW("gone", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
  SHOW("gone from /proc", syscall(SYS_pidfd_send_signal, dir, 0, NULL, 0));
  return 0;
}
