// Limits and priorities: their rules, and that they are kept.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHOW(what, call) do { errno = 0; long r = (call); printf("%s: %ld %s\n", what, r, errno ? strerror(errno) : "-"); } while (0)

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  struct rlimit rl;
  SHOW("stack", getrlimit(RLIMIT_STACK, &rl));
  SHOW("bad", getrlimit(99, &rl));
  SHOW("soft above hard", setrlimit(RLIMIT_NOFILE, &(struct rlimit){20, 10}));
  SHOW("nofile 10", setrlimit(RLIMIT_NOFILE, &(struct rlimit){10, 20}));
  int n = 0, fd;
  while ((fd = open("/dev/null", O_RDONLY)) >= 0) n = fd;
  printf("last %d %s\n", n, strerror(errno));
  SHOW("dup2 beyond", dup2(0, 15));
  for (int i = 3; i < 10; i++) close(i);
  SHOW("prlimit", prlimit(0, RLIMIT_NOFILE, &(struct rlimit){15, 20}, &rl));
  printf("old %ld %ld\n", (long)rl.rlim_cur, (long)rl.rlim_max);
  SHOW("prlimit nobody", prlimit(4000000, RLIMIT_NOFILE, NULL, &rl));
  SHOW("core", setrlimit(RLIMIT_CORE, &(struct rlimit){0, RLIM_INFINITY}));
  getrlimit(RLIMIT_CORE, &rl);
  printf("infinite %d\n", rl.rlim_cur == 0);

  pid_t p = fork();
  if (p == 0) {
    setrlimit(RLIMIT_CPU, &(struct rlimit){1, 5});
    for (volatile long i = 0;; i++)
      ;
  }
  int st;
  waitpid(p, &st, 0);
  printf("cpu limit: killed %d\n", WIFSIGNALED(st) ? WTERMSIG(st) : 0);

  p = fork();
  if (p == 0) {
    (void)!setuid(4711);
    setrlimit(RLIMIT_NPROC, &(struct rlimit){3, 3});
    int made = 0;
    for (int i = 0; i < 10; i++) {
      pid_t q = fork();
      if (q == 0) {
        pause();
        _exit(0);
      }
      if (q < 0) {
        printf("fork: %s after %d\n", strerror(errno), made);
        break;
      }
      made++;
    }
    SHOW("raise hard", setrlimit(RLIMIT_NOFILE, &(struct rlimit){100, 100}));
    SHOW("nice down", setpriority(PRIO_PROCESS, 0, -5));
    SHOW("nice up", setpriority(PRIO_PROCESS, 0, 5));
    signal(SIGTERM, SIG_IGN);
    kill(-1, SIGTERM);
    while (wait(NULL) > 0)
      ;
    _exit(0);
  }
  waitpid(p, &st, 0);
  printf("st %d\n", st);
  SHOW("nice", getpriority(PRIO_PROCESS, 0));
  SHOW("set", setpriority(PRIO_PROCESS, 0, 100));
  SHOW("nice", getpriority(PRIO_PROCESS, 0));
  SHOW("nobody", getpriority(PRIO_PROCESS, 4000000));
  SHOW("bad", getpriority(7, 0));
  struct rusage ru;
  SHOW("rusage self", getrusage(RUSAGE_SELF, &ru));
  SHOW("rusage children", getrusage(RUSAGE_CHILDREN, &ru));
  printf("children used %d\n", ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec > 500000);
  SHOW("rusage bad", getrusage(5, &ru));
  return 0;
}
