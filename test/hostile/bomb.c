// A fork bomb and a bomb of threads: EAGAIN or ENOMEM at the limit, and SIGKILL ends them all.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
static void *idle(void *x) { pause(); return 0; }
int main(int argc, char **argv) {
  int report[2];
  pipe(report);
  pid_t bomb = fork();
  if (bomb == 0) {
    setpgid(0, 0);
    for (int round = 0; argv[1][0] == 'f'; round++) {
      pid_t c = fork();
      if (c < 0) {
        char e = errno == EAGAIN || errno == ENOMEM ? 'y' : 'n';
        write(report[1], &e, 1);
        pause();
      }
    }
    for (;;) {
      pthread_t t;
      pthread_attr_t a;
      pthread_attr_init(&a);
      pthread_attr_setstacksize(&a, 16384);
      int e = pthread_create(&t, &a, idle, 0);
      if (e == 0) continue;
      char r = e == EAGAIN || e == ENOMEM ? 'y' : 'n';
      write(report[1], &r, 1);
      pause();
    }
  }
  char r = '?';
  read(report[0], &r, 1);
  printf("limit %s\n", r == 'y' ? "met" : "odd");
  setpgid(bomb, bomb);
  kill(-bomb, SIGKILL);
  int s;
  waitpid(bomb, &s, 0);
  printf("signal %d\n", WTERMSIG(s));
  while (kill(-bomb, SIGKILL) == 0) usleep(1000);
  printf("gone %d\n", errno == ESRCH);
  pid_t c = fork();
  if (c == 0) _exit(7);
  waitpid(c, &s, 0);
  printf("then %d\n", WEXITSTATUS(s));
}
