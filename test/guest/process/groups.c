// Process groups, sessions, orphans and subreapers.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void ms(int n) { nanosleep(&(struct timespec){0, n * 1000000L}, NULL); }
#define SHOW(what, call) do { errno = 0; long r = (call); printf("%s: %ld %s\n", what, r, errno ? strerror(errno) : "-"); } while (0)
static int fds[2];
static void wait_byte(void) { char c; (void)!read(fds[0], &c, 1); }
static void send_byte(void) { (void)!write(fds[1], "x", 1); }

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  (void)!pipe(fds);
  int st;
  pid_t a = fork();
  if (a == 0) {
    pid_t me = getpid();
    printf("inherits group %d session %d\n", getpgrp() == getpgid(getppid()), getsid(0) == getsid(getppid()));
    SHOW("setpgid 0", setpgid(0, 0));
    printf("leader %d\n", getpgrp() == me);
    SHOW("setsid as leader", setsid());
    SHOW("setpgid negative", setpgid(0, -5));
    SHOW("setpgid to nobody's group", setpgid(0, 4000000));
    SHOW("setpgid of parent", setpgid(getppid(), 0));
    SHOW("getpgid nobody", getpgid(4000000));
    pid_t b = fork();
    if (b == 0) {
      printf("setsid %d\n", setsid() == getpid());
      printf("session %d group %d\n", getsid(0) == getpid(), getpgrp() == getpid());
      SHOW("setsid again", setsid());
      SHOW("setpgid as session leader", setpgid(0, 0));
      send_byte();
      pause();
    }
    wait_byte();
    SHOW("setpgid other session", setpgid(b, me));
    kill(b, SIGKILL);
    waitpid(b, &st, 0);
    b = fork();
    if (b == 0) {
      execlp("sh", "sh", "-c", "sleep 5", NULL);
      _exit(1);
    }
    int out[2];
    ms(0);
    kill(b, SIGKILL);
    waitpid(b, &st, 0);
    _exit(0);
  }
  waitpid(a, &st, 0);
  printf("st %d\n", st);

  // After exec, the parent may no longer move the child.
  int ex[2];
  (void)!pipe(ex);
  a = fork();
  if (a == 0) {
    dup2(ex[1], 1);
    execlp("sh", "sh", "-c", "echo x; read a", NULL);
    _exit(1);
  }
  char c;
  (void)!read(ex[0], &c, 1);
  SHOW("setpgid after exec", setpgid(a, a));
  kill(a, SIGKILL);
  waitpid(a, &st, 0);

  // Signals to a group.
  a = fork();
  if (a == 0) {
    setpgid(0, 0);
    for (int i = 0; i < 3; i++)
      if (fork() == 0) {
        send_byte();
        pause();
      }
    send_byte();
    for (int i = 0; i < 3; i++) {
      wait(&st);
    }
    _exit(1);
  }
  for (int i = 0; i < 4; i++) wait_byte();
  SHOW("kill group", kill(-a, SIGTERM));
  waitpid(a, &st, 0);
  printf("killed by %d\n", WTERMSIG(st));
  SHOW("no such group", kill(-4000000, 0));

  // Orphans go to the subreaper.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  a = fork();
  if (a == 0) {
    if (fork() == 0) {
      pid_t old = getppid();
      send_byte();
      while (getppid() == old) ms(1);
      _exit(33);
    }
    wait_byte();
    _exit(0);
  }
  pid_t first = wait(&st);
  printf("child %d\n", first == a);
  pid_t second = wait(&st);
  printf("orphan %d exit %d\n", second != a && second > 0, WEXITSTATUS(st));

  // Death of the parent as a signal.
  a = fork();
  if (a == 0) {
    pid_t b = fork();
    if (b == 0) {
      prctl(PR_SET_PDEATHSIG, SIGUSR1);
      send_byte();
      pause();
    }
    wait_byte();
    _exit(0);
  }
  wait(&st);
  wait(&st);
  printf("pdeathsig: %d\n", WIFSIGNALED(st) ? WTERMSIG(st) : -1);

  // A stopped group that becomes orphaned is hung up and continued.
  a = fork();
  if (a == 0) {
    setsid();
    pid_t b = fork();
    if (b == 0) {
      setpgid(0, 0);
      raise(SIGSTOP);
      pause();
    }
    waitpid(b, &st, WUNTRACED);
    _exit(0);
  }
  wait(&st);
  wait(&st);
  printf("orphaned stopped group: %d\n", WIFSIGNALED(st) ? WTERMSIG(st) : -1);
  return 0;
}
