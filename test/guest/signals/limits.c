// How many signals wait: RLIMIT_SIGPENDING, the order in which they are taken, and that none is lost.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  const struct timespec now = {0, 0};
  siginfo_t si;
  // Each number in the order of sending, low numbers first.
  for (int i = 0; i < 9000; i++) {
    union sigval v = {.sival_int = i};
    if (sigqueue(getpid(), SIGRTMIN + i % 3, v)) printf("lost %d %s\n", i, strerror(errno));
  }
  sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = 5});
  sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = 6});
  int r = sigtimedwait(&all, &si, &now);
  printf("first %d value %d\n", r, si.si_value.sival_int);
  int wrong = 0;
  for (int i = 0; i < 9000; i++) {
    r = sigtimedwait(&all, &si, &now);
    int n = i / 3000;
    if (r != SIGRTMIN + n || si.si_value.sival_int != i % 3000 * 3 + n) wrong++;
  }
  printf("wrong %d, then %d\n", wrong, sigtimedwait(&all, &si, &now));

  setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){50, 100});
  int n = 0;
  while (n < 100 && sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = n}) == 0) n++;
  printf("full %d %s\n", n > 10 && n <= 50, strerror(errno));
  // Without a value, and below the real-time signals, they come all the same.
  printf("kill %d", kill(getpid(), SIGRTMIN + 1));
  printf(" %d\n", kill(getpid(), SIGRTMIN + 1));
  errno = 0;
  r = sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 7});
  printf("sigqueue of a standard one %d %s\n", r, strerror(errno));
  timer_t t;
  r = timer_create(CLOCK_MONOTONIC, NULL, &t);
  printf("timer %d %s\n", r, strerror(errno));
  r = sigtimedwait(&all, &si, &now);
  printf("took %d\n", r);
  int got = 0;
  while ((r = sigtimedwait(&all, &si, &now)) == SIGRTMIN) got += si.si_value.sival_int == got;
  printf("in order %d, then RTMIN+%d\n", got == n, r - SIGRTMIN);
  printf("end %d\n", sigtimedwait(&all, &si, &now));
  return 0;
}
