// Clocks that are there but cannot be timed by, and those that would wake the machine: what refuses them.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static const char *refused(long r) {
  return r >= 0 ? "ok" : strerrorname_np(errno);
}
/** Without a real-time clock device it is not supported, with one it is not permitted. */
static const char *either(long r) {
  return r >= 0 ? "ok" : errno == EOPNOTSUPP || errno == EPERM ? "refused" : strerrorname_np(errno);
}

int main(void) {
  if (geteuid() == 0 && setuid(12345) != 0) return 1;
  int clocks[] = { CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM, 10, 77 };
  for (int i = 0; i < 7; i++) {
    int c = clocks[i], id;
    struct sigevent e = { .sigev_notify = SIGEV_NONE };
    struct timespec t = { 0, 1 };
    printf("%d timerfd %s", c, refused(timerfd_create(c, 0)));
    printf(" with wrong flags %s", refused(timerfd_create(c, 1)));
    printf(" timer %s", either(syscall(SYS_timer_create, c, &e, &id)));
    printf(" nanosleep %s\n", either(syscall(SYS_clock_nanosleep, c, 0, &t, NULL)));
  }
}
