// timer_create: signals with values, threads, overruns, absolute times; timerfd.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SHOW(what, call) do { errno = 0; long r = (call); printf("%s: %ld %s\n", what, r, errno ? strerror(errno) : "-"); } while (0)
static volatile int hits, value, code, overrun, tid;
static void on(int sig, siginfo_t *si, void *uc) {
  hits++;
  value = si->si_value.sival_int;
  code = si->si_code;
  overrun = si->si_overrun;
  tid = gettid();
}
static void notify(union sigval v) { __atomic_add_fetch(&hits, v.sival_int, __ATOMIC_SEQ_CST); }
static struct itimerspec every(long ms, long first) {
  struct itimerspec s = {{0, ms * 1000000}, {0, first * 1000000}};
  return s;
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  struct sigaction sa = {0};
  sa.sa_sigaction = on;
  sa.sa_flags = SA_SIGINFO;
  sigaction(SIGRTMIN, &sa, NULL);
  sigaction(SIGALRM, &sa, NULL);
  timer_t t;
  struct sigevent ev = {0};
  ev.sigev_notify = SIGEV_SIGNAL;
  ev.sigev_signo = SIGRTMIN;
  ev.sigev_value.sival_int = 77;
  SHOW("create", timer_create(CLOCK_MONOTONIC, &ev, &t));
  struct itimerspec s = every(0, 10), o;
  SHOW("set", timer_settime(t, 0, &s, NULL));
  while (!hits) usleep(1000);
  printf("value %d code %d overrun %d\n", value, code, overrun);
  SHOW("get", timer_gettime(t, &o));
  printf("disarmed %d\n", o.it_value.tv_sec == 0 && o.it_value.tv_nsec == 0);
  // Overruns while the signal is blocked.
  sigset_t m;
  sigemptyset(&m);
  sigaddset(&m, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &m, NULL);
  hits = 0;
  s = every(2, 2);
  timer_settime(t, 0, &s, NULL);
  struct timespec d = {0, 50000000};
  nanosleep(&d, NULL);
  s = every(0, 0);
  sigprocmask(SIG_UNBLOCK, &m, NULL);
  timer_settime(t, 0, &s, &o);
  printf("one signal with overruns %d, interval %ld\n", hits >= 1 && overrun > 10, o.it_interval.tv_nsec);
  SHOW("delete", timer_delete(t));
  SHOW("deleted", timer_gettime(t, &o));
  SHOW("default event", timer_create(CLOCK_REALTIME, NULL, &t));
  hits = 0;
  s = every(0, 5);
  timer_settime(t, 0, &s, NULL);
  while (!hits) usleep(1000);
  printf("alrm code %d\n", code);
  clock_gettime(CLOCK_REALTIME, &s.it_value);
  s.it_value.tv_nsec += 8000000;
  if (s.it_value.tv_nsec >= 1000000000) s.it_value.tv_sec++, s.it_value.tv_nsec -= 1000000000;
  hits = 0;
  SHOW("absolute", timer_settime(t, TIMER_ABSTIME, &s, NULL));
  while (!hits) usleep(1000);
  printf("came\n");
  timer_delete(t);
  SHOW("bad clock", timer_create(99, NULL, &t));
  ev.sigev_signo = 99;
  SHOW("bad signal", timer_create(CLOCK_MONOTONIC, &ev, &t));
  ev.sigev_signo = SIGRTMIN;
  ev.sigev_notify = SIGEV_THREAD_ID;
  ev._sigev_un._tid = gettid();
  SHOW("thread id", timer_create(CLOCK_MONOTONIC, &ev, &t));
  hits = 0;
  s = every(0, 5);
  timer_settime(t, 0, &s, NULL);
  while (!hits) usleep(1000);
  printf("this thread %d\n", tid == gettid());
  timer_delete(t);
  ev.sigev_notify = SIGEV_THREAD;
  ev.sigev_notify_function = notify;
  ev.sigev_notify_attributes = NULL;
  ev.sigev_value.sival_int = 5;
  SHOW("thread", timer_create(CLOCK_MONOTONIC, &ev, &t));
  hits = 0;
  timer_settime(t, 0, &s, NULL);
  while (!hits) usleep(1000);
  printf("thread ran %d\n", hits);
  timer_delete(t);
  ev.sigev_notify = SIGEV_SIGNAL;
  SHOW("cpu clock", timer_create(CLOCK_PROCESS_CPUTIME_ID, &ev, &t));
  hits = 0;
  s = every(0, 20);
  timer_settime(t, 0, &s, NULL);
  while (!hits)
    ;
  printf("cpu timer\n");
  timer_delete(t);

  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  printf("timerfd %d flags %d\n", fd >= 0, fcntl(fd, F_GETFD));
  uint64_t n;
  SHOW("empty", read(fd, &n, 8));
  s = every(5, 5);
  SHOW("arm", timerfd_settime(fd, 0, &s, NULL));
  struct pollfd p = {fd, POLLIN, 0};
  SHOW("poll", poll(&p, 1, 1000));
  SHOW("read", read(fd, &n, 8));
  nanosleep(&d, NULL);
  SHOW("read", read(fd, &n, 8));
  printf("several %d\n", n > 5);
  SHOW("short", read(fd, &n, 4));
  timerfd_gettime(fd, &o);
  printf("interval %ld\n", o.it_interval.tv_nsec);
  fcntl(fd, F_SETFL, 0);
  s = every(0, 10);
  timerfd_settime(fd, 0, &s, &o);
  SHOW("blocking", read(fd, &n, 8));
  printf("once %d\n", (int)n);
  SHOW("bad clock", timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
  SHOW("bad flags", timerfd_create(CLOCK_MONOTONIC, 77));
  SHOW("not a timerfd", timerfd_settime(0, 0, &s, NULL));
  s.it_value.tv_nsec = -1;
  SHOW("bad time", timerfd_settime(fd, 0, &s, NULL));
  return 0;
}
