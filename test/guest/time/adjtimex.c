// adjtimex(2) and clock_adjtime(2): anybody may read how the clock is kept, and only who may set it may change that.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define T(c) do { errno = 0; long r_ = (c); printf("%s = %ld %s\n", #c, r_, r_ < 0 ? strerrorname_np(errno) : "-"); } while (0)
#define OK(c) do { errno = 0; long r_ = (c); printf("%s: %s\n", #c, r_ < 0 ? strerrorname_np(errno) : "ok"); } while (0)

static struct timex t;
static void show(void) {
  struct timeval now;
  gettimeofday(&now, NULL);
  long us = t.status & STA_NANO ? t.time.tv_usec / 1000 : t.time.tv_usec;
  double off = now.tv_sec - t.time.tv_sec + (now.tv_usec - us) / 1e6;
  printf("precision %ld tolerance %ld tick %d now %d synchronized %d\n", t.precision, t.tolerance, t.tick >= 9000 && t.tick <= 11000, off >= 0 && off < 5, !(t.status & STA_UNSYNC));
}

int main(void) {
  // Nobody but root could, and root may or may not.
  if (geteuid() == 0 && setuid(12345) != 0) return 1;
  memset(&t, -1, sizeof t);
  t.modes = 0;
  int r = adjtimex(&t);
  printf("%d\n", r == (t.status & STA_UNSYNC ? TIME_ERROR : TIME_OK));
  t.status |= STA_UNSYNC;
  show();
  OK(clock_adjtime(CLOCK_REALTIME, &t));
  OK(syscall(SYS_clock_adjtime, CLOCK_REALTIME, &t));
  t.modes = ADJ_FREQUENCY;
  T(adjtimex(&t));
  t.modes = ADJ_OFFSET;
  T(clock_adjtime(CLOCK_REALTIME, &t));
  t.modes = ADJ_OFFSET_SINGLESHOT;
  T(adjtimex(&t));
  t.modes = 0x8000;
  T(adjtimex(&t));
  t.modes = ADJ_OFFSET_SS_READ;
  OK(adjtimex(&t));
  printf("offset %ld\n", t.offset);
  t.modes = ADJ_TICK | ADJ_SETOFFSET;
  T(adjtimex(&t));
  T(syscall(SYS_adjtimex, NULL));
  T(syscall(SYS_adjtimex, (void *)8));
  t.modes = 0;
  T(syscall(SYS_clock_adjtime, CLOCK_REALTIME, (void *)8));
  T(syscall(SYS_clock_adjtime, CLOCK_MONOTONIC, &t));
  T(syscall(SYS_clock_adjtime, CLOCK_PROCESS_CPUTIME_ID, &t));
  T(syscall(SYS_clock_adjtime, CLOCK_BOOTTIME, &t));
  T(syscall(SYS_clock_adjtime, CLOCK_TAI, &t));
  T(syscall(SYS_clock_adjtime, 77, &t));
  T(syscall(SYS_clock_adjtime, -1, &t));
  T(syscall(SYS_clock_adjtime, 77, (void *)8));
  T(adjtime(&(struct timeval){ 0, 1 }, NULL));
  struct timeval left;
  OK(adjtime(NULL, &left));
  struct ntptimeval n;
  OK(ntp_gettime(&n));
}
