// The clock through the vDSO agrees with the clock through the system call.
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long ns(const struct timespec *t) { return t->tv_sec * 1000000000L + t->tv_nsec; }

int main(void) {
  int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_BOOTTIME};
  for (int i = 0; i < 5; i++) {
    struct timespec before, between, after;
    syscall(SYS_clock_gettime, clocks[i], &before);
    clock_gettime(clocks[i], &between);
    syscall(SYS_clock_gettime, clocks[i], &after);
    // Coarse clocks advance by ticks; the wall clock of a machine may be read in two steps.
    long slack = 20000000;
    printf("clock %d %s\n", clocks[i],
           ns(&between) >= ns(&before) - slack && ns(&after) >= ns(&between) - slack ? "in order" : "out of order");
  }
  struct timeval tv;
  gettimeofday(&tv, NULL);
  time_t stored, now = time(&stored);
  printf("%d %d %d\n", now - tv.tv_sec <= 1 && now - tv.tv_sec >= -1, stored == now, tv.tv_usec < 1000000);
  unsigned cpu = 99, node = 99;
  printf("%d\n", getcpu(&cpu, &node));
  struct timespec t;
  printf("%d %d %d\n", clock_getres(CLOCK_MONOTONIC, &t), clock_gettime(99, &t), getauxval(AT_SYSINFO_EHDR) != 0);
  long last = 0;
  for (int i = 0; i < 1000; i++) {
    clock_gettime(CLOCK_MONOTONIC, &t);
    if (ns(&t) < last) return 1;
    last = ns(&t);
  }
  return 0;
}
