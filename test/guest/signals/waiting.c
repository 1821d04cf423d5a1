// Taking signals without handlers: sigwaitinfo, sigtimedwait, signalfd.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  sigset_t s;
  sigemptyset(&s);
  sigaddset(&s, SIGUSR1);
  sigaddset(&s, SIGUSR2);
  sigaddset(&s, SIGCHLD);
  sigaddset(&s, SIGRTMIN + 1);
  sigprocmask(SIG_BLOCK, &s, NULL);
  siginfo_t si;
  int r = sigtimedwait(&s, &si, &(struct timespec){0, 0});
  printf("nothing: %d %s\n", r, strerror(errno));
  r = sigtimedwait(&s, &si, &(struct timespec){0, 20000000});
  printf("timeout: %d %s\n", r, strerror(errno));
  r = sigtimedwait(&s, &si, &(struct timespec){0, -1});
  printf("bad time: %d %s\n", r, strerror(errno));
  union sigval v = {.sival_int = 5};
  sigqueue(getpid(), SIGRTMIN + 1, v);
  raise(SIGUSR2);
  kill(getpid(), SIGUSR1);
  for (int i = 0; i < 3; i++) {
    r = sigwaitinfo(&s, &si);
    printf("took %d code %d value %d\n", r >= SIGRTMIN ? 1000 + r - SIGRTMIN : r, si.si_code, si.si_code == SI_QUEUE ? si.si_value.sival_int : 0);
  }
  pid_t pid = fork();
  if (pid == 0) {
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    kill(getppid(), SIGUSR1);
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    _exit(9);
  }
  r = sigwaitinfo(&s, &si);
  printf("from child: %d pid ok %d\n", r, si.si_pid == pid);
  r = sigwaitinfo(&s, &si);
  printf("chld: %d code %d status %d pid ok %d\n", r, si.si_code, si.si_status, si.si_pid == pid);
  waitpid(pid, NULL, 0);

  int fd = signalfd(-1, &s, SFD_NONBLOCK | SFD_CLOEXEC);
  struct signalfd_siginfo fs[4];
  r = read(fd, fs, sizeof fs);
  printf("signalfd empty: %d %s\n", r, strerror(errno));
  struct pollfd p = {fd, POLLIN, 0};
  printf("poll %d\n", poll(&p, 1, 0));
  raise(SIGUSR1);
  sigqueue(getpid(), SIGRTMIN + 1, v);
  r = poll(&p, 1, 0);
  printf("poll %d %d\n", r, p.revents);
  r = read(fd, fs, sizeof fs);
  printf("read %d: %d code %d, value %d\n", r, fs[0].ssi_signo, fs[0].ssi_code, fs[1].ssi_int);
  r = read(fd, fs, 10);
  printf("short: %d %s\n", r, strerror(errno));
  pid = fork();
  if (pid == 0) {
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    kill(getppid(), SIGUSR2);
    _exit(0);
  }
  r = poll(&p, 1, 5000);
  printf("poll woke %d\n", r);
  r = read(fd, fs, sizeof fs[0]);
  printf("read %d: %d pid ok %d\n", r, fs[0].ssi_signo, (pid_t)fs[0].ssi_pid == pid);
  waitpid(pid, NULL, 0);
  sigemptyset(&s);
  printf("update %d\n", signalfd(fd, &s, 0) == fd);
  r = signalfd(0, &s, 0);
  printf("not a signalfd: %d %s\n", r, strerror(errno));
  return 0;
}
