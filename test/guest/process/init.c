// Process 1, as everybody else sees it, and what becomes of orphans.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define T(c) do { errno = 0; long r_ = (c); printf("%s = %ld %s\n", #c, r_, r_ < 0 ? strerrorname_np(errno) : "-"); } while (0)
#define OK(c) do { errno = 0; long r_ = (c); printf("%s: %s\n", #c, r_ < 0 ? strerrorname_np(errno) : "ok"); } while (0)

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  T(kill(1, 0));
  T(kill(1, 99));
  OK(getpgid(1));
  OK(getsid(1));
  T(setpgid(1, 1));
  T(waitpid(1, NULL, 0));
  int fd = syscall(SYS_pidfd_open, 1, 0);
  T(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
  struct stat s;
  T(stat("/proc/1", &s));
  printf("%o %d\n", s.st_mode, s.st_uid);
  OK(open("/proc/1/stat", O_RDONLY));
  OK(open("/proc/1/comm", O_RDONLY));
  struct sched_param p = {0};
  T(sched_setscheduler(1, 99, &p));
  void *head;
  size_t len;
  char line[200] = "";
  int n = read(open("/proc/1/stat", O_RDONLY), line, sizeof line - 1);
  char state;
  int parent;
  sscanf(strrchr(line, ')'), ") %c %d", &state, &parent);
  printf("%d %c parent %d\n", n > 0, state, parent);
  if (fork() == 0) {
    setresuid(1000, 1000, 1000);
    T(kill(1, 0));
    T(kill(1, SIGKILL));
    T(setpriority(PRIO_PROCESS, 1, -2));
    T(syscall(SYS_get_robust_list, 1, &head, &len));
    T(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
    OK(open("/proc/1/environ", O_RDONLY));
    OK(readlink("/proc/1/root", line, 10));
    _exit(0);
  }
  wait(NULL);
  return 0;
}
