// Pending signals: standard ones are merged, real-time ones queue in order, lowest number first.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <errno.h>
#include <unistd.h>

static void on(int sig, siginfo_t *si, void *uc) {
  printf("%d value %d\n", sig >= SIGRTMIN ? 1000 + sig - SIGRTMIN : sig, si->si_code == SI_QUEUE ? si->si_value.sival_int : -1);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  struct sigaction sa = {0};
  sa.sa_sigaction = on;
  sa.sa_flags = SA_SIGINFO;
  sigfillset(&sa.sa_mask);
  sigset_t all, none, p;
  sigfillset(&all);
  sigemptyset(&none);
  int list[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGHUP};
  for (int i = 0; i < 4; i++) sigaction(list[i], &sa, NULL);
  for (int i = 0; i < 4; i++) sigaction(SIGRTMIN + i, &sa, NULL);
  sigprocmask(SIG_BLOCK, &all, NULL);
  for (int i = 0; i < 3; i++) {
    union sigval v = {.sival_int = i};
    sigqueue(getpid(), SIGRTMIN + 2, v);
    sigqueue(getpid(), SIGRTMIN, v);
    sigqueue(getpid(), SIGUSR2, v);
    kill(getpid(), SIGHUP);
    kill(getpid(), SIGTERM);
  }
  sigpending(&p);
  printf("pending:");
  for (int i = 1; i < 64; i++)
    if (sigismember(&p, i) == 1) printf(" %d", i >= SIGRTMIN ? 1000 + i - SIGRTMIN : i);
  printf("\n");
  // One at a time: the mask of the handler holds the others back.
  sigprocmask(SIG_SETMASK, &none, NULL);
  sigpending(&p);
  printf("left %d %d\n", sigismember(&p, SIGRTMIN), sigismember(&p, SIGHUP));

  // Ignored signals that become pending while blocked stay; setting SIG_IGN throws them away.
  sigprocmask(SIG_BLOCK, &all, NULL);
  raise(SIGUSR1);
  signal(SIGUSR1, SIG_IGN);
  sigpending(&p);
  printf("ignored stays %d\n", sigismember(&p, SIGUSR1));
  raise(SIGUSR1);
  sigpending(&p);
  printf("ignored and blocked %d\n", sigismember(&p, SIGUSR1));
  signal(SIGCHLD, SIG_DFL);
  raise(SIGCHLD);
  sigpending(&p);
  printf("chld %d\n", sigismember(&p, SIGCHLD));
  return 0;
}
