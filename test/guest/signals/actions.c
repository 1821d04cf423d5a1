// sigaction: what a handler is told, which signals are blocked while it runs, and one-shot handlers.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <unistd.h>

static int depth, calls;
static void info(int sig, siginfo_t *si, void *uc) {
  sigset_t now;
  sigprocmask(SIG_SETMASK, NULL, &now);
  printf("sig %d code %d pid ok %d uid ok %d value %d self blocked %d usr2 blocked %d\n", sig, si->si_code,
         si->si_pid == getpid(), si->si_uid == getuid(), si->si_code == SI_QUEUE ? si->si_value.sival_int : -1,
         sigismember(&now, sig), sigismember(&now, SIGUSR2));
}
static void nested(int sig) {
  depth++;
  printf("enter %d\n", depth);
  if (++calls < 3) raise(sig);
  printf("leave %d\n", depth);
  depth--;
}
static void plain(int sig) { printf("plain %d\n", sig); }

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  struct sigaction sa = {0}, old;
  sa.sa_sigaction = info;
  sa.sa_flags = SA_SIGINFO;
  sigaddset(&sa.sa_mask, SIGUSR2);
  struct sigaction error = {0};
  error.sa_handler = SIG_ERR;
  sigaction(SIGUSR1, &error, NULL);
  sigaction(SIGUSR1, NULL, &error);
  printf("SIG_ERR %d\n", error.sa_handler == SIG_ERR);
  sigaction(SIGUSR1, &sa, NULL);
  kill(getpid(), SIGUSR1);
  raise(SIGUSR1);
  union sigval v = {.sival_int = 42};
  sigqueue(getpid(), SIGUSR1, v);
  sigset_t s;
  sigprocmask(SIG_SETMASK, NULL, &s);
  printf("after: usr1 blocked %d usr2 blocked %d\n", sigismember(&s, SIGUSR1), sigismember(&s, SIGUSR2));

  sa.sa_handler = nested;
  sa.sa_flags = SA_NODEFER;
  sigemptyset(&sa.sa_mask);
  sigaction(SIGUSR1, &sa, NULL);
  raise(SIGUSR1);

  sa.sa_flags = 0;
  calls = 0;
  sigaction(SIGUSR1, &sa, NULL);
  raise(SIGUSR1);  // the second one waits for the handler to return
  printf("depth %d\n", depth);

  sa.sa_handler = plain;
  sa.sa_flags = SA_RESETHAND;
  sigaction(SIGUSR2, &sa, NULL);
  raise(SIGUSR2);
  sigaction(SIGUSR2, NULL, &old);
  printf("reset: default %d flags %x\n", old.sa_handler == SIG_DFL, old.sa_flags & 0xfbffffff);

#define SHOW(what, call) do { errno = 0; int r = (call); printf("%s: %d %d\n", what, r, errno); } while (0)
  SHOW("kill", sigaction(SIGKILL, &sa, NULL));
  SHOW("stop", sigaction(SIGSTOP, &sa, NULL));
  SHOW("65", sigaction(65, &sa, NULL));
  SHOW("kill 99", kill(getpid(), 99));
  SHOW("kill nobody", kill(4194303, 0));
  printf("kill self 0: %d\n", kill(getpid(), 0));
  return 0;
}
