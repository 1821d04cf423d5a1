// fork and the ways to wait: statuses, WNOHANG, groups, WNOWAIT, ECHILD, ignored children.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void ms(int n) { nanosleep(&(struct timespec){0, n * 1000000L}, NULL); }
static int gate[2];
static void let_one_go(void) { (void)!write(gate[1], "g", 1); }
/** Ends after `delay` ms; when it is negative, once it is let go. */
static pid_t child(int code, int delay) {
  pid_t p = fork();
  if (p == 0) {
    char c;
    if (delay < 0) (void)!read(gate[0], &c, 1);
    else ms(delay);
    _exit(code);
  }
  return p;
}
#define SHOW(what, call) do { errno = 0; long r = (call); printf("%s: %ld %s\n", what, r, errno ? strerror(errno) : "-"); } while (0)

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  int st = 0;
  (void)!pipe(gate);
  SHOW("no children", wait(&st));
  pid_t a = child(3, 0), b = child(256 + 5, -1);
  pid_t r = waitpid(a, &st, 0);
  printf("a %d exit %d\n", r == a, WEXITSTATUS(st));
  SHOW("b not yet", waitpid(b, &st, WNOHANG));
  let_one_go();
  r = wait(&st);
  printf("b %d exit %d\n", r == b, WEXITSTATUS(st));
  SHOW("gone", waitpid(b, &st, 0));
  SHOW("bad options", waitpid(-1, &st, 0x40));
  SHOW("not mine", waitpid(1, &st, 0));
  SHOW("bad pointer", waitpid(child(1, 0), (int *)8, 0));

  // A process group.
  a = child(1, -1);
  b = child(2, 0);
  setpgid(a, a);
  let_one_go();
  r = waitpid(-a, &st, 0);
  printf("group %d exit %d\n", r == a, WEXITSTATUS(st));
  r = waitpid(0, &st, 0);
  printf("own group %d exit %d\n", r == b, WEXITSTATUS(st));

  // waitid.
  siginfo_t si;
  a = child(9, 0);
  memset(&si, 0xff, sizeof si);
  r = waitid(P_PID, a, &si, WEXITED | WNOWAIT);
  printf("waitid %d: signo %d code %d status %d pid %d\n", r, si.si_signo, si.si_code, si.si_status, si.si_pid == a);
  r = waitid(P_ALL, 0, &si, WEXITED);
  printf("still there %d: %d\n", r, si.si_pid == a);
  a = child(0, -1);
  memset(&si, 0xff, sizeof si);
  r = waitid(P_ALL, 0, &si, WEXITED | WNOHANG);
  printf("nohang %d: signo %d pid %d\n", r, si.si_signo, si.si_pid);
  kill(a, SIGKILL);
  r = waitid(P_PGID, getpgrp(), &si, WEXITED);
  printf("killed %d: code %d status %d\n", r, si.si_code, si.si_status);
  SHOW("waitid nothing", waitid(P_ALL, 0, &si, WEXITED));
  SHOW("waitid no options", waitid(P_ALL, 0, &si, 0));
  SHOW("waitid bad type", waitid(77, 0, &si, WEXITED));

  // Exit codes through exit handlers and returns.
  for (int i = 0; i < 3; i++) {
    a = fork();
    if (a == 0) {
      if (i == 0) exit(-1);
      if (i == 1) return 300;
      abort();
    }
    waitpid(a, &st, 0);
    printf("%d: exited %d %d signal %d\n", i, WIFEXITED(st), WIFEXITED(st) ? WEXITSTATUS(st) : -1, WIFSIGNALED(st) ? WTERMSIG(st) : 0);
  }

  // Children that nobody wants to hear of.
  signal(SIGCHLD, SIG_IGN);
  a = child(1, 20);
  SHOW("ignored", waitpid(a, &st, 0));
  signal(SIGCHLD, SIG_DFL);
  struct sigaction sa = {0};
  sa.sa_handler = SIG_DFL;
  sa.sa_flags = SA_NOCLDWAIT;
  sigaction(SIGCHLD, &sa, NULL);
  a = child(1, 20);
  SHOW("nocldwait", wait(&st));
  sa.sa_flags = 0;
  sigaction(SIGCHLD, &sa, NULL);

  struct rusage ru;
  memset(&ru, 0xff, sizeof ru);
  a = child(0, 0);
  r = wait4(a, &st, 0, &ru);
  printf("rusage: sane %d\n", ru.ru_utime.tv_sec < 5 && ru.ru_utime.tv_usec < 1000000 && ru.ru_maxrss >= 0);

  // Memory is copied, descriptors and offsets are shared.
  static int data = 1;
  int fds[2];
  (void)!pipe(fds);
  a = fork();
  if (a == 0) {
    data = 2;
    (void)!write(fds[1], &data, sizeof data);
    _exit(0);
  }
  int other = 0;
  (void)!read(fds[0], &other, sizeof other);
  waitpid(a, &st, 0);
  printf("mine %d theirs %d\n", data, other);
  return 0;
}
