// Processor time in the program and in the kernel are told apart.
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}
static void ask(void) {
  char b[4096];
  for (double until = now() + 0.5; now() < until;)
    for (int i = 0; i < 100; i++) {
      syscall(SYS_getcwd, b, sizeof b);
      access("/proc/self/status", 0);
    }
}
static void say(const char *what, int who) {
  struct rusage r;
  getrusage(who, &r);
  printf("%s: in the program %d, in the kernel %d\n", what, r.ru_utime.tv_sec + r.ru_utime.tv_usec > 0,
         r.ru_stime.tv_sec + r.ru_stime.tv_usec > 0);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  ask();
  say("asking", RUSAGE_SELF);
  struct tms t;
  times(&t);
  printf("%d\n", t.tms_stime > 0);
  say("no child", RUSAGE_CHILDREN);
  if (fork() == 0) {
    ask();
    _exit(0);
  }
  wait(NULL);
  say("child", RUSAGE_CHILDREN);
  struct timespec a, b;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
  ask();
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
  printf("%d\n", b.tv_sec > a.tv_sec || b.tv_nsec > a.tv_nsec);
  return 0;
}
