// alarm and the three interval timers.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHOW(what, call) do { errno = 0; long r = (call); printf("%s: %ld %s\n", what, r, errno ? strerror(errno) : "-"); } while (0)
static volatile int alrm, vt, prof, code;
static void on(int sig, siginfo_t *si, void *uc) {
  if (sig == SIGALRM) alrm++, code = si->si_code;
  if (sig == SIGVTALRM) vt++;
  if (sig == SIGPROF) prof++;
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  struct sigaction sa = {0};
  sa.sa_sigaction = on;
  sa.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGALRM, &sa, NULL);
  sigaction(SIGVTALRM, &sa, NULL);
  sigaction(SIGPROF, &sa, NULL);
  SHOW("alarm", alarm(1000));
  SHOW("alarm again", alarm(2000) > 990);
  SHOW("alarm off", alarm(0) > 1990);
  SHOW("alarm none", alarm(0));
  struct itimerval it = {{0, 10000}, {0, 10000}}, old;
  SHOW("set", setitimer(ITIMER_REAL, &it, NULL));
  while (alrm < 3) pause();
  SHOW("get", getitimer(ITIMER_REAL, &old));
  printf("interval %ld value %d code %d\n", old.it_interval.tv_usec, old.it_value.tv_usec > 0 && old.it_value.tv_usec <= 10000, code);
  memset(&it, 0, sizeof it);
  SHOW("off", setitimer(ITIMER_REAL, &it, &old));
  printf("old interval %ld\n", old.it_interval.tv_usec);
  getitimer(ITIMER_REAL, &old);
  printf("now %ld %ld\n", old.it_value.tv_sec, old.it_value.tv_usec);
  // A busy loop is interrupted.
  alrm = 0;
  it.it_value.tv_usec = 20000;
  setitimer(ITIMER_REAL, &it, NULL);
  while (!alrm)
    ;
  printf("busy loop left\n");
  it.it_value.tv_usec = 30000;
  it.it_interval.tv_usec = 10000;
  setitimer(ITIMER_VIRTUAL, &it, NULL);
  setitimer(ITIMER_PROF, &it, NULL);
  while (vt < 2 || prof < 2)
    ;
  printf("virtual and prof\n");
  it.it_value.tv_usec = 0;
  setitimer(ITIMER_VIRTUAL, &it, NULL);
  setitimer(ITIMER_PROF, &it, NULL);
  vt = 0;
  it.it_value.tv_usec = 150000;
  setitimer(ITIMER_VIRTUAL, &it, NULL);
  usleep(200000);
  printf("virtual while asleep %d\n", vt);
  it.it_value.tv_usec = 0;
  setitimer(ITIMER_VIRTUAL, &it, NULL);
  SHOW("bad which", setitimer(9, &it, NULL));
  it.it_value.tv_usec = 1000000;
  SHOW("bad time", setitimer(ITIMER_REAL, &it, NULL));
  alarm(100);
  if (fork() == 0) {
    printf("child has no alarm %u\n", alarm(0));
    _exit(0);
  }
  wait(NULL);
  printf("parent has %d\n", alarm(0) > 90);
  // The default action of SIGALRM ends a process.
  pid_t p = fork();
  if (p == 0) {
    signal(SIGALRM, SIG_DFL);
    ualarm(10000, 0);
    for (;;) pause();
  }
  int st;
  waitpid(p, &st, 0);
  printf("killed %d\n", WTERMSIG(st));
  return 0;
}
