// What a signal does to a call that waits: restart with SA_RESTART, else EINTR; some calls never restart.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <unistd.h>
#include <poll.h>
#include <time.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/select.h>

static volatile int hits;
static int fds[2];
static void hit(int sig) {
  hits++;
  if (hits == 2) (void)!write(fds[1], "x", 1);
}
static void set(int flags) {
  struct sigaction sa = {0};
  sa.sa_handler = hit;
  sa.sa_flags = flags;
  sigaction(SIGALRM, &sa, NULL);
  hits = 0;
}
static void ring(long us, long every) {
  struct itimerval it = {{0, every}, {0, us}};
  setitimer(ITIMER_REAL, &it, NULL);
}
static const char *err(int r) { return r < 0 ? strerror(errno) : "ok"; }

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  char c = 0;
  (void)!pipe(fds);
  set(0);
  ring(20000, 0);
  int r = read(fds[0], &c, 1);
  printf("read: %d %s hits %d\n", r, err(r), hits);
  set(SA_RESTART);
  ring(20000, 20000);
  r = read(fds[0], &c, 1);
  ring(0, 0);
  printf("read restarted: %d %s %c hits %d\n", r, err(r), c, hits);

  struct pollfd p = {fds[0], POLLIN, 0};
  set(SA_RESTART);
  hits = 2;
  ring(20000, 0);
  r = poll(&p, 1, 5000);
  printf("poll: %d %s hits %d\n", r, err(r), hits);
  ring(20000, 0);
  r = select(0, NULL, NULL, NULL, &(struct timeval){5, 0});
  printf("select: %d %s\n", r, err(r));
  ring(20000, 0);
  struct timespec rem = {0, 0};
  r = nanosleep(&(struct timespec){5, 0}, &rem);
  printf("nanosleep: %d %s rem %d\n", r, err(r), rem.tv_sec == 4 && rem.tv_nsec > 0);
  ring(20000, 0);
  r = clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){5, 0}, &rem);
  printf("clock_nanosleep: %s rem %d\n", strerror(r), rem.tv_sec == 4);
  ring(20000, 0);
  r = pause();
  printf("pause: %d %s\n", r, err(r));
  sigset_t none;
  sigemptyset(&none);
  ring(20000, 0);
  r = sigsuspend(&none);
  printf("sigsuspend: %d %s\n", r, err(r));
  sigset_t usr;
  sigemptyset(&usr);
  sigaddset(&usr, SIGUSR1);
  sigprocmask(SIG_BLOCK, &usr, NULL);
  ring(20000, 0);
  r = sigtimedwait(&usr, NULL, &(struct timespec){5, 0});
  printf("sigtimedwait: %d %s\n", r, err(r));

  // wait4 restarts.
  pid_t pid = fork();
  if (pid == 0) {
    nanosleep(&(struct timespec){0, 80000000}, NULL);
    _exit(7);
  }
  set(SA_RESTART);
  hits = 10;
  ring(20000, 20000);
  int st;
  r = waitpid(pid, &st, 0);
  ring(0, 0);
  printf("waitpid restarted: %d exit %d, rang %d\n", r == pid, WEXITSTATUS(st), hits > 11);
  pid = fork();
  if (pid == 0) {
    nanosleep(&(struct timespec){0, 80000000}, NULL);
    _exit(8);
  }
  set(0);
  hits = 10;
  ring(20000, 0);
  r = waitpid(pid, &st, 0);
  printf("waitpid: %s\n", err(r));
  r = waitpid(pid, &st, 0);
  printf("again: %d exit %d\n", r == pid, WEXITSTATUS(st));

  // A write that has transferred something returns that.
  static char big[200000];
  set(0);
  hits = 10;
  ring(20000, 0);
  long n = write(fds[1], big, sizeof big);
  printf("write: some %d all %d\n", n > 0, n == sizeof big);
  return 0;
}
