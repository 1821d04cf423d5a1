// A storm of signals between two processes, and loops that only a signal ends. argv[1]: storm, loop, deaf.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile long n;
static void on(int s) { n++; }
int main(int argc, char **argv) {
  if (argv[1][0] == 'l') { puts("ready"); fflush(stdout); for (;;) {} }
  if (argv[1][0] == 'd') {
    for (int s = 1; s < 65; s++) signal(s, SIG_IGN);
    puts("ready"); fflush(stdout);
    for (;;) {}
  }
  for (int s = 1; s < 65; s++) if (s != SIGKILL && s != SIGSTOP && s != SIGCHLD) signal(s, on);
  pid_t c = fork();
  if (c == 0) {
    for (int i = 0; i < 4000; i++) kill(getppid(), 34 + i % 20);
    for (int i = 0; i < 2000; i++) kill(getppid(), SIGUSR1);
    _exit(0);
  }
  struct itimerval t = {{0, 100}, {0, 100}};
  setitimer(ITIMER_REAL, &t, 0);
  int s;
  while (waitpid(c, &s, 0) != c) {}
  printf("%s, status %d\n", n > 1000 ? "they came" : "few came", s);
}
