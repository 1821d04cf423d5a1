// Stopping and continuing: wait statuses, SIGCHLD's information, SA_NOCLDSTOP, pending stop signals.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <errno.h>
#include <unistd.h>
#include <time.h>
#include <sys/wait.h>

static volatile int chld;
static volatile int code, status;
static void on(int sig, siginfo_t *si, void *uc) {
  chld++;
  code = si->si_code;
  status = si->si_status;
}
static int ready[2];
static void cont(int sig) {
  (void)!write(1, "handler of CONT\n", 16);
  (void)!write(ready[1], "c", 1);
}
/** SIGCHLD may come a moment after the wait that it announces. */
static void heard(int n) {
  while (chld < n) nanosleep(&(struct timespec){0, 1000000}, NULL);
}
static void show(const char *what, pid_t r, pid_t pid, int st) {
  printf("%s: pid ok %d ", what, r == pid);
  if (WIFSTOPPED(st)) printf("stopped %d", WSTOPSIG(st));
  else if (WIFCONTINUED(st)) printf("continued");
  else if (WIFEXITED(st)) printf("exited %d", WEXITSTATUS(st));
  else printf("killed %d", WTERMSIG(st));
  printf(" | code %d status %d\n", code, status);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  struct sigaction sa = {0};
  sa.sa_sigaction = on;
  sa.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGCHLD, &sa, NULL);
  int fds[2];
  (void)!pipe(fds);
  char c;
  (void)!pipe(ready);
  pid_t pid = fork();
  if (pid == 0) {
    char c;
    // A group with a parent outside: stops of the terminal do nothing to an orphaned one.
    setpgid(0, 0);
    signal(SIGCONT, cont);
    struct sigaction none = {0};
    none.sa_handler = cont;
    none.sa_flags = SA_RESTART;
    sigaction(SIGCONT, &none, NULL);
    (void)!write(ready[1], "r", 1);
    (void)!read(fds[0], &c, 1);
    _exit(c);
  }
  int st, r;
  (void)!read(ready[0], &c, 1);
  kill(pid, SIGSTOP);
  r = waitpid(pid, &st, WUNTRACED);
  heard(1);
  show("stop", r, pid, st);
  printf("reported once: %d\n", waitpid(pid, &st, WUNTRACED | WNOHANG));
  kill(pid, SIGCONT);
  r = waitpid(pid, &st, WCONTINUED);
  (void)!read(ready[0], &c, 1);
  heard(2);
  show("cont", r, pid, st);
  kill(pid, SIGTSTP);
  r = waitpid(pid, &st, WUNTRACED);
  heard(3);
  show("tstp", r, pid, st);
  siginfo_t si = {0};
  kill(pid, SIGCONT);
  waitid(P_PID, pid, &si, WCONTINUED | WNOWAIT);
  (void)!read(ready[0], &c, 1);
  printf("waitid: code %d status %d\n", si.si_code, si.si_status);
  waitid(P_PID, pid, &si, WCONTINUED);
  kill(pid, SIGSTOP);
  waitpid(pid, &st, WUNTRACED);
  (void)!write(fds[1], "\7", 1);
  nanosleep(&(struct timespec){0, 30000000}, NULL);
  printf("stopped ones do not run: %d\n", waitpid(pid, &st, WNOHANG));
  kill(pid, SIGTERM);
  nanosleep(&(struct timespec){0, 30000000}, NULL);
  printf("nor die of TERM: %d\n", waitpid(pid, &st, WNOHANG));
  kill(pid, SIGKILL);
  r = waitpid(pid, &st, 0);
  heard(6);
  show("kill", r, pid, st);

  sa.sa_flags |= SA_NOCLDSTOP;
  sigaction(SIGCHLD, &sa, NULL);
  chld = 0;
  pid = fork();
  if (pid == 0) {
    raise(SIGSTOP);
    _exit(3);
  }
  waitpid(pid, &st, WUNTRACED);
  printf("nocldstop: %d\n", chld);
  kill(pid, SIGCONT);
  r = waitpid(pid, &st, 0);
  heard(1);
  show("end", r, pid, st);
  printf("chld %d\n", chld);

  // A blocked stop signal is discarded by SIGCONT.
  sigset_t s, p;
  sigemptyset(&s);
  sigaddset(&s, SIGTSTP);
  sigprocmask(SIG_BLOCK, &s, NULL);
  kill(getpid(), SIGTSTP);
  sigpending(&p);
  printf("pending %d", sigismember(&p, SIGTSTP));
  kill(getpid(), SIGCONT);
  sigpending(&p);
  printf(" after CONT %d\n", sigismember(&p, SIGTSTP));
  return 0;
}
