// What calls say about a process that has ended and is not waited for yet.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHOW(call) do { errno = 0; long r = (call); printf("%s: %ld %s\n", #call, r, errno ? strerror(errno) : "-"); } while (0)

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  setpgid(0, 0);
  pid_t p = fork();
  if (p == 0) _exit(3);
  siginfo_t info;
  waitid(P_PID, p, &info, WEXITED | WNOWAIT);

  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, p};
  struct __user_cap_data_struct caps[2];
  struct sched_param param;
  struct timespec ts;
  cpu_set_t cpus;
  char attr[64];
  struct rlimit limit;
  clockid_t clock;
  void *list;
  size_t length;
  SHOW(syscall(SYS_capget, &head, caps));
  SHOW(kill(p, 0));
  SHOW(kill(p, SIGTERM));
  SHOW(syscall(SYS_tkill, p, 0));
  SHOW(syscall(SYS_tgkill, p, p, 0));
  SHOW(syscall(SYS_tgkill, p, p, SIGTERM));
  SHOW(getpgid(p) == getpgrp());
  SHOW(getsid(p) == getsid(0));
  SHOW(setpgid(p, 0));
  SHOW(getpriority(PRIO_PROCESS, p) == getpriority(PRIO_PROCESS, 0));
  SHOW(setpriority(PRIO_PROCESS, p, 3));
  SHOW(getpriority(PRIO_PROCESS, p));
  SHOW(sched_getscheduler(p));
  SHOW(sched_getparam(p, &param));
  SHOW(sched_setscheduler(p, SCHED_BATCH, &param));
  SHOW(sched_getscheduler(p));
  SHOW(syscall(SYS_sched_getattr, p, attr, sizeof attr, 0));
  SHOW(sched_rr_get_interval(p, &ts));
  SHOW(sched_getaffinity(p, sizeof cpus, &cpus));
  SHOW(sched_setaffinity(p, sizeof cpus, &cpus));
  SHOW(prlimit(p, RLIMIT_NOFILE, NULL, &limit));
  SHOW(prlimit(p, RLIMIT_CORE, &limit, NULL));
  SHOW(syscall(SYS_ioprio_get, 1, p));
  SHOW(syscall(SYS_get_robust_list, p, &list, &length));
  SHOW(clock_getcpuclockid(p, &clock));
  SHOW(clock_gettime(clock, &ts));
  SHOW(syscall(SYS_pidfd_open, p, 0) >= 0);
  union sigval value = {.sival_int = 1};
  SHOW(sigqueue(p, SIGUSR1, value));
  SHOW(sigqueue(p, 0, value));
  struct iovec local = {attr, 8}, remote = {main, 8};
  SHOW(process_vm_readv(p, &local, 1, &remote, 1, 0));
  char path[64];
  FILE *f;
  const char *names[] = {"stat", "status", "cmdline", "maps", "io", "limits", "wchan", "oom_score_adj", "comm", "statm", "mounts", "mountinfo", "mountstats", "sched", "cgroup", "fdinfo", "task", "smaps"};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    sprintf(path, "/proc/%d/%s", p, names[i]);
    errno = 0;
    f = fopen(path, "r");
    printf("%s %s", names[i], f ? "open" : strerror(errno));
    if (f) {
      char buf[4096];
      size_t n = fread(buf, 1, sizeof buf, f);
      printf(" %s %s", n ? "text" : "empty", ferror(f) ? strerror(errno) : "-");
      fclose(f);
    }
    puts("");
  }
  const char *links[] = {"exe", "cwd", "root", "fd/0", "ns/uts", "ns/user", "ns/pid", "ns/pid_for_children", "ns/mnt"};
  for (int i = 0; i < 9; i++) {
    char buf[256];
    sprintf(path, "/proc/%d/%s", p, links[i]);
    errno = 0;
    int named = readlink(path, buf, sizeof buf) > 0;
    printf("%s %d %s\n", links[i], named, strerror(errno));
  }
  SHOW(waitid(P_PID, p, &info, WEXITED));
  SHOW(kill(p, 0));
  SHOW(getpgid(p));
  SHOW(syscall(SYS_capget, &head, caps));
  SHOW(sched_getscheduler(p));
  return 0;
}
