// prctl and its neighbours: names, flags, bounding set, personality, segment bases.
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <sched.h>
#include <sys/utsname.h>
#include <sys/random.h>
#include <sys/sysinfo.h>

#define SHOW(what, call) do { errno = 0; long r = (call); printf("%s: %ld %s\n", what, r, errno ? strerror(errno) : "-"); } while (0)

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  char name[20] = {0};
  SHOW("set name", prctl(PR_SET_NAME, "a name that is too long"));
  SHOW("get name", prctl(PR_GET_NAME, name));
  printf("%s\n", name);
  SHOW("name from nowhere", prctl(PR_SET_NAME, 8));
  int v = -1;
  SHOW("pdeathsig", prctl(PR_SET_PDEATHSIG, SIGHUP));
  SHOW("pdeathsig", prctl(PR_GET_PDEATHSIG, &v));
  printf("%d\n", v);
  SHOW("pdeathsig bad", prctl(PR_SET_PDEATHSIG, 99));
  SHOW("dumpable", prctl(PR_GET_DUMPABLE));
  SHOW("dumpable 0", prctl(PR_SET_DUMPABLE, 0));
  SHOW("dumpable", prctl(PR_GET_DUMPABLE));
  SHOW("dumpable 2", prctl(PR_SET_DUMPABLE, 2));
  SHOW("no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  SHOW("no_new_privs 2", prctl(PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0));
  SHOW("no_new_privs 1", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  SHOW("no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  SHOW("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1));
  SHOW("subreaper", prctl(PR_GET_CHILD_SUBREAPER, &v));
  printf("%d\n", v);
  SHOW("slack", prctl(PR_SET_TIMERSLACK, 12345));
  SHOW("slack", prctl(PR_GET_TIMERSLACK));
  SHOW("slack default", prctl(PR_SET_TIMERSLACK, 0));
  SHOW("slack", prctl(PR_GET_TIMERSLACK));
  SHOW("keepcaps", prctl(PR_SET_KEEPCAPS, 2));
  SHOW("bset", prctl(PR_CAPBSET_READ, 0));
  SHOW("bset", prctl(PR_CAPBSET_READ, 63));
  SHOW("securebits", prctl(PR_GET_SECUREBITS));
  SHOW("thp", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
  SHOW("thp set", prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
  SHOW("thp", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
  SHOW("tsc", prctl(PR_GET_TSC, &v));
  printf("%d\n", v);
  SHOW("unknown", prctl(123456));
  // What /proc/sys tells of has its prctl.
  printf("%d\n", (access("/proc/sys/kernel/yama", F_OK) == 0) == (prctl(PR_SET_PTRACER, 0) == 0));
  printf("%d\n", (access("/proc/sys/kernel/seccomp", F_OK) == 0) == (prctl(PR_GET_SECCOMP) == 0));
  SHOW("ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 0, 0));
  SHOW("ambient raise", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0));
  SHOW("timing", prctl(PR_GET_TIMING));
  SHOW("personality", personality(0xffffffff));
  SHOW("personality", personality(ADDR_NO_RANDOMIZE));
  SHOW("personality", personality(0xffffffff));

  SHOW("slack", prctl(PR_SET_TIMERSLACK, 70000));
  if (fork() == 0) {
    prctl(PR_SET_TIMERSLACK, 90000);
    prctl(PR_SET_TIMERSLACK, 0);
    SHOW("a child's default slack", prctl(PR_GET_TIMERSLACK));
    _exit(0);
  }
  wait(NULL);
  SHOW("reset", prctl(PR_SET_TIMERSLACK, 0));
  SHOW("slack", prctl(PR_GET_TIMERSLACK));
  SHOW("thp", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 1));
  SHOW("speculation", prctl(PR_GET_SPECULATION_CTRL, 0, 0, 1, 0));
  personality(STICKY_TIMEOUTS);
  struct timeval tv = {0, 10};
  SHOW("select", select(0, NULL, NULL, NULL, &tv));
  printf("its timeout stays %ld\n", (long)tv.tv_usec);
  personality(0);
  SHOW("select", select(0, NULL, NULL, NULL, &tv));
  printf("is used up %ld\n", (long)tv.tv_usec);

  unsigned long fs = 0, gs = 1;
  SHOW("get fs", syscall(SYS_arch_prctl, ARCH_GET_FS, &fs));
  unsigned long self;
  asm("mov %%fs:0, %0" : "=r"(self));
  printf("fs is self %d\n", fs == self);
  static unsigned long cell[2] = {0xabcdef, 5};
  SHOW("set gs", syscall(SYS_arch_prctl, ARCH_SET_GS, cell));
  SHOW("get gs", syscall(SYS_arch_prctl, ARCH_GET_GS, &gs));
  asm volatile("mov %%gs:8, %0" : "=r"(self));
  printf("gs %d value %lu\n", gs == (unsigned long)cell, self);
  SHOW("bad base", syscall(SYS_arch_prctl, ARCH_SET_GS, 0xffff800000000000ul));
  SHOW("bad code", syscall(SYS_arch_prctl, 0x9999, 0));

  struct utsname u;
  uname(&u);
  printf("%s %s\n", u.sysname, u.machine);
  unsigned char r[64];
  SHOW("getrandom", getrandom(r, 64, 0));
  SHOW("getrandom flags", getrandom(r, 64, 0x80));
  SHOW("getrandom both", getrandom(r, 64, GRND_RANDOM | 4));
  SHOW("getrandom fault", getrandom((void *)8, 64, 0));
  struct sysinfo si;
  SHOW("sysinfo", sysinfo(&si));
  printf("%d\n", si.totalram > si.freeram && si.mem_unit == 1);
  unsigned cpu = 99, node = 99;
  SHOW("getcpu", getcpu(&cpu, &node));
  printf("%d\n", cpu < 64 && node == 0);
  cpu_set_t set;
  CPU_ZERO(&set);
  SHOW("affinity", sched_getaffinity(0, sizeof set, &set));
  printf("%d\n", CPU_COUNT(&set) > 0);
  SHOW("affinity short", syscall(SYS_sched_getaffinity, 0, 1, &set));
  CPU_ZERO(&set);
  SHOW("affinity none", sched_setaffinity(0, sizeof set, &set));
  SHOW("policy", sched_getscheduler(0));
  SHOW("policy bad", sched_setscheduler(0, 77, &(struct sched_param){0}));
  SHOW("policy batch", sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0}));
  SHOW("policy", sched_getscheduler(0));
  SHOW("priority of other", sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){3}));
  SHOW("max", sched_get_priority_max(SCHED_FIFO));
  SHOW("min", sched_get_priority_min(SCHED_RR));
  SHOW("max bad", sched_get_priority_max(77));
  return 0;
}
