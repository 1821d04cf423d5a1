// What a signal does to a call that waits: restart with SA_RESTART, else EINTR; some calls never restart.
#define _GNU_SOURCE
#include <sys/syscall.h>
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
static volatile int release = -1;
static void hit(int sig) {
  hits++;
  if (hits < 2 || release < 0) return;
  (void)!write(release, "x", 1);
  release = -1;
}
static void set(int flags) {
  struct sigaction sa = {0};
  sa.sa_handler = hit;
  sa.sa_flags = flags;
  sigaction(SIGALRM, &sa, NULL);
  hits = 0;
}
/** Again and again: the first one may come before the call that it is to interrupt. */
static void ring(long us) {
  struct itimerval it = {{0, us}, {0, us}};
  setitimer(ITIMER_REAL, &it, NULL);
}
static const char *err(int r) { return r < 0 ? strerror(errno) : "ok"; }

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  char c = 0;
  (void)!pipe(fds);
  set(0);
  ring(20000);
  int r = read(fds[0], &c, 1);
  int error = errno;
  ring(0);
  printf("read: %d %s hits %d\n", r, strerror(error), hits > 0);
  release = fds[1];
  set(SA_RESTART);
  ring(20000);
  r = read(fds[0], &c, 1);
  ring(0);
  printf("read restarted: %d %s %c hits %d\n", r, err(r), c, hits > 1);

  struct pollfd p = {fds[0], POLLIN, 0};
  set(SA_RESTART);
  ring(20000);
  r = poll(&p, 1, 5000);
  printf("poll: %d %s hits %d\n", r, err(r), hits > 0);
  r = select(0, NULL, NULL, NULL, &(struct timeval){5, 0});
  printf("select: %d %s\n", r, err(r));
  struct timespec rem = {0, 0};
  r = nanosleep(&(struct timespec){5, 0}, &rem);
  printf("nanosleep: %d %s rem %d\n", r, err(r), rem.tv_sec == 4 && rem.tv_nsec > 0);
  r = clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){5, 0}, &rem);
  printf("clock_nanosleep: %s rem %d\n", strerror(r), rem.tv_sec == 4);
  r = pause();
  printf("pause: %d %s\n", r, err(r));
  sigset_t none;
  sigemptyset(&none);
  r = sigsuspend(&none);
  printf("sigsuspend: %d %s\n", r, err(r));
  sigset_t usr;
  sigemptyset(&usr);
  sigaddset(&usr, SIGUSR1);
  sigprocmask(SIG_BLOCK, &usr, NULL);
  r = sigtimedwait(&usr, NULL, &(struct timespec){5, 0});
  printf("sigtimedwait: %d %s\n", r, err(r));

  // wait4 restarts.
  int gate[2];
  (void)!pipe(gate);
  pid_t pid = fork();
  if (pid == 0) {
    (void)!read(gate[0], &c, 1);
    _exit(7);
  }
  set(SA_RESTART);
  release = gate[1];
  int st;
  r = waitpid(pid, &st, 0);
  printf("waitpid restarted: %d exit %d, rang %d\n", r == pid, WEXITSTATUS(st), hits > 1);
  pid = fork();
  if (pid == 0) {
    (void)!read(gate[0], &c, 1);
    _exit(8);
  }
  set(0);
  r = waitpid(pid, &st, 0);
  printf("waitpid: %s\n", err(r));
  ring(0);
  (void)!write(gate[1], "x", 1);
  r = waitpid(pid, &st, 0);
  printf("again: %d exit %d\n", r == pid, WEXITSTATUS(st));

  // A write that has transferred something returns that.
  static char big[200000];
  set(0);
  ring(20000);
  long n = write(fds[1], big, sizeof big);
  printf("write: some %d all %d\n", n > 0, n == sizeof big);
  errno = 0;
  printf("restart_syscall %ld %d\n", syscall(SYS_restart_syscall), errno == EINTR);
  return 0;
}
