// Clocks: which there are, that they agree with each other, and how long sleeping takes at least.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#define SHOW(what, call) do { errno = 0; long r = (call); printf("%s: %ld %s\n", what, r, errno ? strerror(errno) : "-"); } while (0)
static long long now(int c) {
  struct timespec t;
  syscall(SYS_clock_gettime, c, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  struct timespec t;
  for (int c = -1; c < 13; c++) {
    long r = syscall(SYS_clock_gettime, c, &t);
    int e = r < 0 ? errno : 0;
    long q = syscall(SYS_clock_getres, c, &t);
    printf("clock %d: %ld %d sane %d res %ld %d\n", c, r, e, r < 0 || t.tv_nsec < 1000000000, q, q < 0 ? errno : t.tv_sec == 0);
  }
  long long a = now(CLOCK_MONOTONIC), b = now(CLOCK_MONOTONIC_RAW), r = now(CLOCK_REALTIME);
  struct timeval tv;
  gettimeofday(&tv, NULL);
  printf("realtime agrees %d time agrees %d\n", tv.tv_sec * 1000000000LL + tv.tv_usec * 1000LL - r < 500000000LL, time(NULL) - r / 1000000000 < 2);
  printf("after 2020 %d\n", r > 1577836800000000000LL);
  int back = 0;
  for (int i = 0; i < 2000; i++) {
    long long n = now(CLOCK_MONOTONIC);
    back += n < a;
    a = n;
  }
  printf("backwards %d\n", back);

  a = now(CLOCK_MONOTONIC);
  SHOW("nanosleep", nanosleep(&(struct timespec){0, 15000000}, NULL));
  b = now(CLOCK_MONOTONIC) - a;
  printf("at least %d at most %d\n", b >= 15000000, b < 5000000000LL);
  SHOW("nanosleep bad", nanosleep(&(struct timespec){0, 1000000000}, NULL));
  SHOW("nanosleep bad", nanosleep(&(struct timespec){-1, 0}, NULL));
  SHOW("nanosleep fault", syscall(SYS_nanosleep, 8, 0));
  SHOW("nanosleep zero", nanosleep(&(struct timespec){0, 0}, NULL));
  clock_gettime(CLOCK_MONOTONIC, &t);
  a = now(CLOCK_MONOTONIC);
  t.tv_nsec += 12000000;
  if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
  printf("absolute %d\n", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL));
  printf("reached %d\n", now(CLOCK_MONOTONIC) >= t.tv_sec * 1000000000LL + t.tv_nsec);
  printf("past %d\n", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){1, 0}, NULL));
  clock_gettime(CLOCK_REALTIME, &t);
  t.tv_nsec += 12000000;
  if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
  printf("realtime %d\n", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL));
  printf("reached %d\n", now(CLOCK_REALTIME) + 1000000 >= t.tv_sec * 1000000000LL + t.tv_nsec);
  printf("on cpu clock %d\n", clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &(struct timespec){0, 1}, NULL));
  struct timespec one = {0, 1};
  printf("on cpu clock, the call itself %ld", syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &one, NULL));
  printf(" %s\n", strerror(errno));
  int backwards = 0;
  for (int i = 0; i < 2000; i++) {
    struct timespec a, b;
    if (i % 2) clock_gettime(CLOCK_REALTIME, &a), syscall(SYS_clock_gettime, CLOCK_REALTIME, &b);
    else syscall(SYS_clock_gettime, CLOCK_REALTIME, &a), clock_gettime(CLOCK_REALTIME, &b);
    backwards += b.tv_sec < a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec < a.tv_nsec);
  }
  printf("the vDSO and the call agree %d\n", backwards == 0);
  printf("on no clock %d\n", clock_nanosleep(99, 0, &(struct timespec){0, 1}, NULL));

  // CPU time goes on while working and stands still while sleeping.
  long long c0 = now(CLOCK_PROCESS_CPUTIME_ID), t0 = now(CLOCK_THREAD_CPUTIME_ID);
  for (volatile long i = 0; i < 3000000; i++)
    ;
  long long c1 = now(CLOCK_PROCESS_CPUTIME_ID), t1 = now(CLOCK_THREAD_CPUTIME_ID);
  usleep(60000);
  long long c2 = now(CLOCK_PROCESS_CPUTIME_ID);
  printf("worked %d %d slept %d\n", c1 > c0, t1 > t0, c2 - c1 < 50000000);
  clockid_t id;
  printf("process clock %d ", clock_getcpuclockid(0, &id));
  printf("%d ", clock_gettime(id, &t) == 0);
  printf("thread clock %d ", pthread_getcpuclockid(pthread_self(), &id));
  printf("%d\n", clock_gettime(id, &t) == 0);
  struct tms tm;
  printf("times %d\n", times(&tm) > 0 && tm.tms_utime >= 0);
  SHOW("settime", clock_settime(99, &t));
  return 0;
}
