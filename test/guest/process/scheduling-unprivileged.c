// sched(7) without CAP_SYS_NICE: what may be changed, and what SCHED_RESET_ON_FORK leaves to children.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct attr {
  unsigned size, policy;
  unsigned long flags;
  int nice;
  unsigned priority;
  unsigned long runtime, deadline, period;
};
enum { RESET = 1, KEEP_POLICY = 8, KEEP_PARAMS = 16, IDLE = 5, DEADLINE = 6 };

#define SHOW(call) do { errno = 0; long r = (call); printf("%s: %ld %s\n", #call, r, errno ? strerror(errno) : "-"); } while (0)

static int set(struct attr a) {
  a.size = 48;
  return syscall(SYS_sched_setattr, 0, &a, 0);
}
static int scheduler(int policy, int priority) {
  return sched_setscheduler(0, policy, &(struct sched_param){priority});
}
static void now(const char *who) {
  struct attr a;
  syscall(SYS_sched_getattr, 0, &a, 48, 0);
  printf("  %s: policy %x attr %u flags %lx nice %d priority %u, %d\n", who, sched_getscheduler(0), a.policy, a.flags, a.nice,
         a.priority, getpriority(PRIO_PROCESS, 0));
}
static void child(void) {
  if (fork() == 0) {
    now("child");
    _exit(0);
  }
  wait(0);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  setpriority(PRIO_PROCESS, 0, 0);
  setrlimit(RLIMIT_NICE, &(struct rlimit){0, 0});
  setrlimit(RLIMIT_RTPRIO, &(struct rlimit){0, 0});
  setresuid(1000, 1000, 1000);
  SHOW(set((struct attr){.nice = 4}));
  now("self");
  SHOW(set((struct attr){.nice = 3}));
  SHOW(set((struct attr){.nice = -100}));
  SHOW(set((struct attr){.nice = 4, .priority = 1}));
  SHOW(set((struct attr){.nice = 100}));
  now("self");
  SHOW(set((struct attr){.policy = 3, .nice = 19}));
  SHOW(set((struct attr){.policy = 77, .flags = KEEP_POLICY, .nice = 19}));
  SHOW(set((struct attr){.policy = 3, .flags = KEEP_PARAMS, .nice = -3}));
  SHOW(set((struct attr){.policy = -1, .nice = 19}));
  SHOW(set((struct attr){.policy = 0, .flags = 128, .nice = 19}));
  now("self");
  SHOW(scheduler(SCHED_FIFO, 0));
  SHOW(scheduler(SCHED_FIFO, 100));
  SHOW(scheduler(SCHED_RR, 1));
  SHOW(set((struct attr){.policy = DEADLINE}));
  SHOW(set((struct attr){.policy = DEADLINE, .runtime = 1000, .deadline = 1000000}));
  SHOW(set((struct attr){.policy = DEADLINE, .runtime = 500000, .deadline = 400000}));
  SHOW(set((struct attr){.policy = DEADLINE, .runtime = 2000, .deadline = 3000}));
  SHOW(set((struct attr){.policy = DEADLINE, .runtime = 500000, .deadline = 1000000}));
  puts("-- reset on fork");
  SHOW(scheduler(SCHED_BATCH | SCHED_RESET_ON_FORK, 0));
  now("self");
  child();
  SHOW(sched_setparam(0, &(struct sched_param){0}));
  SHOW(set((struct attr){.policy = 3, .flags = KEEP_POLICY, .nice = 19}));
  now("self");
  SHOW(scheduler(SCHED_BATCH, 0));
  SHOW(set((struct attr){.policy = 3, .nice = 19}));
  SHOW(set((struct attr){.policy = 0, .flags = RESET, .nice = 19}));
  now("self");
  puts("-- no way back from SCHED_IDLE");
  SHOW(scheduler(IDLE | SCHED_RESET_ON_FORK, 0));
  now("self");
  child();
  SHOW(scheduler(SCHED_OTHER | SCHED_RESET_ON_FORK, 0));
  SHOW(scheduler(IDLE | SCHED_RESET_ON_FORK, 0));
  return 0;
}
