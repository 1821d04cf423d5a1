// Makes kernel objects of the kind in argv[1] without end, in as many processes as it takes. They have to come to an
// end with an error that Linux gives, and afterwards there has to be room again.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static int pipes(void) {
  static char page[65536];
  for (;;) {
    int p[2];
    if (pipe2(p, O_NONBLOCK)) return errno;
    if (write(p[1], page, sizeof page) <= 0) return errno;
  }
}
static int high(void) {
  struct rlimit r;
  getrlimit(RLIMIT_NOFILE, &r);
  return dup2(0, r.rlim_cur - 1) < 0 ? errno : 0;
}
static int links(void) {
  static char target[4000], name[64];
  memset(target, 'x', sizeof target - 1);
  for (int i = 0;; i++) {
    snprintf(name, sizeof name, "/tmp/l%d-%d", getpid(), i);
    if (symlink(target, name)) return errno;
  }
}
static int files(void) {
  static char name[64];
  for (int i = 0;; i++) {
    snprintf(name, sizeof name, "/tmp/f%d-%d", getpid(), i);
    if (mknod(name, S_IFIFO | 0600, 0)) return errno;
  }
}
static int watches(void) {
  for (;;) {
    int ep = epoll_create1(0);
    if (ep < 0) return errno;
    for (int i = 0; i < 200; i++) {
      struct epoll_event e = {EPOLLIN};
      int fd = i < 100 ? eventfd(0, 0) : -1;
      if (fd < 0 && i < 100) return errno;
      if (fd >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e)) return errno;
    }
  }
}
static int signals(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, 0);
  for (;;)
    if (sigqueue(getpid(), SIGRTMIN, (union sigval){0})) return errno;
}
static int locks(void) {
  static char name[64];
  struct flock l = {F_WRLCK, SEEK_SET, 0, 1};
  for (int i = 0;; i++) {
    if (i % 2000 == 0) {
      snprintf(name, sizeof name, "/tmp/f%d-%d", getpid(), i);
      if (open(name, O_RDWR | O_CREAT, 0600) != 3 + i / 2000 + 2) return errno;
    }
    l.l_start = i % 2000 * 2;
    if (fcntl(5 + i / 2000, F_SETLK, &l)) return errno;
  }
}
static int sockets(void) {
  static char bytes[200];
  for (;;) {
    int s[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s)) return errno;
    while (send(s[0], bytes, sizeof bytes, 0) > 0) ;
    if (errno != EAGAIN) return errno;
  }
}
static int rights(void) {
  static union { char b[CMSG_SPACE(1000)]; struct cmsghdr header; } c;
  struct iovec v = {"x", 1};
  struct msghdr m = {0, 0, &v, 1, &c, sizeof c};
  for (;;) {
    int s[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s)) return errno;
    c.header = (struct cmsghdr){CMSG_LEN(1000), SOL_SOCKET, SCM_RIGHTS};
    for (int i = 0; i < 250; i++) ((int *)CMSG_DATA(&c.header))[i] = s[i % 2];
    while (sendmsg(s[0], &m, 0) > 0) ;
    if (errno != EAGAIN) return errno;
    // Nothing but what lies in it keeps the pair.
    close(s[0]);
    close(s[1]);
  }
}
static int timers(void) {
  timer_t t;
  for (;;)
    if (timer_create(CLOCK_MONOTONIC, 0, &t)) return errno;
}

int main(int argc, char **argv) {
  struct { const char *name; int (*run)(void); } kinds[] = {
    {"pipes", pipes}, {"high", high}, {"links", links}, {"files", files}, {"watches", watches}, {"signals", signals}, {"timers", timers}, {"locks", locks},
    {"sockets", sockets}, {"rights", rights},
  };
  int (*run)(void) = 0;
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (!strcmp(argv[1], kinds[i].name)) run = kinds[i].run;
  struct rlimit r;
  getrlimit(RLIMIT_NOFILE, &r);
  r.rlim_cur = r.rlim_max;
  setrlimit(RLIMIT_NOFILE, &r);
  int ends[2], n = 0, bad = 0;
  static pid_t pids[40];
  pipe(ends);
  // Every child keeps what it has made.
  for (; n < 40; n++) {
    pid_t p = fork();
    if (p < 0) break;
    if (p == 0) {
      int e = run();
      write(ends[1], &e, sizeof e);
      pause();
      _exit(0);
    }
    pids[n] = p;
    int e;
    read(ends[0], &e, sizeof e);
    if (e != 0 && e != ENFILE && e != EMFILE && e != ENOSPC && e != ENOMEM && e != EAGAIN && e != ENOLCK && e != ENOBUFS && e != ETOOMANYREFS) bad = e;
  }
  printf("%s\n", bad ? strerror(bad) : "met a limit");
  fflush(stdout);
  for (int i = 0; i < n; i++) kill(pids[i], SIGKILL);
  while (wait(0) > 0) {}
  int s = system("rm -f /tmp/[lf]*; echo a > /tmp/b; cat /tmp/b | cat");
  printf("then %d\n", s);
}
