// POSIX message queues: names, attributes, priorities, waiting, notification, and queues as files.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../settle.h"

#define T(c) do { errno = 0; long r_ = (c); printf("%s = %ld %s\n", #c, r_, r_ < 0 ? strerrorname_np(errno) : "-"); } while (0)
#define OK(c) do { errno = 0; long r_ = (c); printf("%s: %s\n", #c, r_ < 0 ? strerrorname_np(errno) : "ok"); } while (0)

static char name[64];
static mqd_t q;

static void attr(const char *what) {
  struct mq_attr a;
  mq_getattr(q, &a);
  printf("%s: flags %lo max %ld size %ld now %ld\n", what, a.mq_flags, a.mq_maxmsg, a.mq_msgsize, a.mq_curmsgs);
}
static void get(void) {
  char b[8192] = "";
  unsigned p = 99;
  errno = 0;
  int r = mq_receive(q, b, sizeof b, &p);
  printf("got %d %s [%.*s] priority %u\n", r, r < 0 ? strerrorname_np(errno) : "-", r < 0 ? 0 : r, b, p);
}
static struct timespec in(long ms) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  t.tv_sec += ms / 1000;
  t.tv_nsec += ms % 1000 * 1000000;
  if (t.tv_nsec >= 1000000000) t.tv_nsec -= 1000000000, t.tv_sec++;
  return t;
}
static void polled(const char *what) {
  struct pollfd p = { q, POLLIN | POLLOUT, 0 };
  int r = poll(&p, 1, 0);
  printf("%s: poll %d%s%s\n", what, r, p.revents & POLLIN ? " in" : "", p.revents & POLLOUT ? " out" : "");
}
static void status(void) {
  char b[100] = "";
  int r = pread(q, b, 99, 0);
  char *pid = strstr(b, "NOTIFY_PID:");
  int mine = pid != NULL && atoi(pid + 11) == getpid();
  if (pid != NULL) strcpy(pid, "");
  printf("read %s [%s] mine %d\n", r > 0 ? "some" : "none", b, mine);
}
static volatile int notified, code, value, from;
static void on(int sig, siginfo_t *i, void *u) {
  notified++;
  code = i->si_code;
  value = i->si_value.sival_int;
  from = i->si_pid == getpid() ? 1 : 2;
}
static void hit(int sig) {}

static void names(void) {
  T(mq_open("/kanmon-none", O_RDWR));
  T(syscall(SYS_mq_open, "", O_RDWR | O_CREAT, 0600, NULL));
  T(syscall(SYS_mq_open, "a/b", O_RDWR | O_CREAT, 0600, NULL));
  T(syscall(SYS_mq_open, ".", O_RDWR, 0600, NULL));
  T(syscall(SYS_mq_open, "..", O_RDWR, 0600, NULL));
  T(syscall(SYS_mq_open, (char *)8, O_RDWR, 0600, NULL));
  T(syscall(SYS_mq_open, "x", O_RDWR | O_CREAT, 0600, (void *)8));
  char b[300] = "/";
  memset(b + 1, 'a', 256);
  T(mq_open(b, O_RDWR));
  T(mq_unlink("/kanmon-none"));
  T(mq_unlink(b));
}

static void making(void) {
  struct mq_attr a = { .mq_maxmsg = 0, .mq_msgsize = 10 };
  T(mq_open(name, O_CREAT | O_RDWR, 0600, &a));
  a.mq_maxmsg = 10, a.mq_msgsize = 0;
  T(mq_open(name, O_CREAT | O_RDWR, 0600, &a));
  a.mq_maxmsg = 65537, a.mq_msgsize = 8;
  T(mq_open(name, O_CREAT | O_RDWR, 0600, &a));
  a.mq_maxmsg = 10, a.mq_msgsize = (16 << 20) + 1;
  T(mq_open(name, O_CREAT | O_RDWR, 0600, &a));
  umask(0);
  OK(q = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0640, NULL));
  attr("default");
  T(mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, NULL));
  T(mq_open(name, O_RDWR | O_WRONLY));
  struct stat s;
  fstat(q, &s);
  printf("mode %o size %ld links %ld\n", s.st_mode, (long)s.st_size, (long)s.st_nlink);
  printf("cloexec %d flags %o\n", fcntl(q, F_GETFD), fcntl(q, F_GETFL) & ~0100000);
  T(mq_close(q));
  T(mq_unlink(name));
  T(mq_unlink(name));
}

static void order(void) {
  char b[64];
  struct mq_attr a = { .mq_maxmsg = 5, .mq_msgsize = 16, .mq_flags = O_NONBLOCK, .mq_curmsgs = 3 };
  OK(q = mq_open(name, O_CREAT | O_RDWR, 0600, &a));
  attr("asked");
  polled("empty");
  T(mq_send(q, "one", 3, 1));
  T(mq_send(q, "five", 4, 5));
  T(mq_send(q, "", 0, 0));
  T(mq_send(q, "five again", 10, 5));
  polled("some");
  T(mq_send(q, "greatest", 8, 32767));
  polled("full");
  T(mq_send(q, "x", 1, 32768));
  T(mq_send(q, "12345678901234567", 17, 0));
  T(mq_send(q, (char *)8, 4, 0));
  attr("full");
  status();
  T(mq_receive(q, b, 15, NULL));
  struct mq_attr n = { .mq_flags = O_NONBLOCK, .mq_maxmsg = 99 };
  T(mq_setattr(q, &n, &a));
  attr("nonblocking");
  T(mq_send(q, "x", 1, 0));
  for (int i = 0; i < 6; i++) get();
  n.mq_flags = O_NONBLOCK | O_APPEND;
  T(mq_setattr(q, &n, NULL));
  n.mq_flags = 0;
  T(mq_setattr(q, &n, NULL));
  T(syscall(SYS_mq_getsetattr, q, (void *)8, NULL));
  T(syscall(SYS_mq_getsetattr, q, NULL, (void *)8));
  T(syscall(SYS_mq_getsetattr, q, NULL, NULL));
  T(write(q, "x", 1));
  mqd_t r = mq_open(name, O_RDONLY), w = mq_open(name, O_WRONLY);
  T(mq_send(r, "x", 1, 0));
  T(mq_receive(w, b, 16, NULL));
  T(mq_send(1, "x", 1, 0));
  T(mq_send(-1, "x", 1, 0));
  T(mq_getattr(1, &a));
  T(mq_notify(1, NULL));
  mq_close(r), mq_close(w);
}

static void waiting(void) {
  char b[16];
  struct timespec t = in(50), bad = { 0, 1000000000 }, past = { 1, 0 };
  T(mq_timedreceive(q, b, 16, NULL, &t));
  T(mq_timedreceive(q, b, 16, NULL, &past));
  T(mq_timedreceive(q, b, 16, NULL, &bad));
  T(syscall(SYS_mq_timedreceive, q, b, 16, NULL, (void *)8));
  for (int i = 0; i < 5; i++) mq_send(q, "fill", 4, 2);
  t = in(50);
  T(mq_timedsend(q, "x", 1, 0, &t));
  pid_t c = fork();
  if (c == 0) _exit(mq_send(q, "waited", 6, 9));
  await_sleep(c, c);
  // The waiting sender's message takes the place at once.
  get();
  attr("handed");
  int s;
  waitpid(c, &s, 0);
  printf("sender %d\n", s);
  for (int i = 0; i < 5; i++) get();
  c = fork();
  if (c == 0) {
    unsigned p;
    _exit(mq_receive(q, b, 16, &p) == 11 && p == 3);
  }
  await_sleep(c, c);
  T(mq_send(q, "handed over", 11, 3));
  attr("taken");
  waitpid(c, &s, 0);
  printf("receiver %d\n", WEXITSTATUS(s));
  for (int restart = 0; restart < 2; restart++) {
    c = fork();
    if (c == 0) {
      struct sigaction sa = { .sa_handler = hit, .sa_flags = restart ? SA_RESTART : 0 };
      sigaction(SIGUSR1, &sa, NULL);
      get();
      _exit(0);
    }
    await_sleep(c, c);
    kill(c, SIGUSR1);
    if (restart) {
      await_sleep(c, c);
      mq_send(q, "after all", 9, 0);
    }
    waitpid(c, &s, 0);
  }
  attr("empty");
  c = fork();
  if (c == 0) {
    struct pollfd p = { q, POLLIN, 0 };
    printf("polled %d\n", poll(&p, 1, 5000));
    get();
    _exit(0);
  }
  await_sleep(c, c);
  mq_send(q, "for poll", 8, 0);
  waitpid(c, &s, 0);
}

static void notices(void) {
  struct sigaction sa = { .sa_sigaction = on, .sa_flags = SA_SIGINFO };
  sigaction(SIGUSR2, &sa, NULL);
  struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value.sival_int = 42 };
  T(mq_notify(q, &e));
  T(mq_notify(q, &e));
  status();
  pid_t c = fork();
  if (c == 0) {
    T(mq_notify(q, &e));
    T(mq_notify(q, NULL));
    mq_close(q);
    _exit(0);
  }
  waitpid(c, NULL, 0);
  status();
  mq_send(q, "a", 1, 0);
  printf("notified %d code %d value %d from %d\n", notified, code, value, from);
  status();
  T(mq_notify(q, &e));
  mq_send(q, "b", 1, 0);
  printf("not empty before: %d\n", notified);
  get(), get();
  c = fork();
  if (c == 0) mq_send(q, "c", 1, 0), _exit(0);
  waitpid(c, NULL, 0);
  printf("notified %d from %d\n", notified, from);
  get();
  T(mq_notify(q, &e));
  c = fork();
  if (c == 0) get(), _exit(0);
  await_sleep(c, c);
  mq_send(q, "to the waiting", 14, 0);
  waitpid(c, NULL, 0);
  printf("somebody waited: %d\n", notified);
  mqd_t d = mq_open(name, O_RDONLY);
  mq_close(d);
  status();
  e.sigev_notify = SIGEV_NONE;
  T(mq_notify(q, &e));
  T(mq_notify(q, NULL));
  e.sigev_notify = 77;
  T(mq_notify(q, &e));
  e.sigev_notify = SIGEV_SIGNAL, e.sigev_signo = 65;
  T(mq_notify(q, &e));
  T(syscall(SYS_mq_notify, q, (void *)8));
  c = fork();
  e.sigev_signo = SIGUSR2;
  if (c == 0) {
    mq_notify(q, &e);
    _exit(0);
  }
  waitpid(c, NULL, 0);
  T(mq_notify(q, NULL));
  status();
}

static void rights(void) {
  fchmod(q, 0600);
  pid_t c = fork();
  if (c == 0) {
    if (setuid(12345) != 0) _exit(1);
    T(mq_open(name, O_RDONLY));
    T(mq_open(name, O_CREAT | O_RDONLY, 0666, NULL) );
    T(mq_unlink(name));
    struct mq_attr a = { .mq_maxmsg = 11, .mq_msgsize = 16 };
    T(mq_open("/kanmon-other", O_CREAT | O_RDWR, 0600, &a));
    a.mq_maxmsg = 10, a.mq_msgsize = 8193;
    T(mq_open("/kanmon-other", O_CREAT | O_RDWR, 0600, &a));
    struct rlimit l = { 1000, 1000 };
    setrlimit(RLIMIT_MSGQUEUE, &l);
    a.mq_msgsize = 100;
    T(mq_open("/kanmon-other", O_CREAT | O_RDWR, 0600, &a));
    a.mq_maxmsg = 2;
    OK(mq_open("/kanmon-other", O_CREAT | O_RDWR, 0600, &a));
    // Both together would be too much.
    a.mq_maxmsg = 4;
    T(mq_open("/kanmon-another", O_CREAT | O_RDWR, 0600, &a));
    T(mq_unlink("/kanmon-other"));
    _exit(0);
  }
  waitpid(c, NULL, 0);
  T(mq_unlink(name));
  T(mq_open(name, O_RDWR));
  T(mq_send(q, "still", 5, 0));
  get();
  char link[100], path[100] = "";
  sprintf(link, "/proc/self/fd/%d", q);
  readlink(link, path, 99);
  printf("deleted %d\n", strstr(path, "(deleted)") != NULL);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  sprintf(name, "/kanmon-%d", getpid());
  for (int i = 3; i < 64; i++) close(i);
  names();
  making();
  order();
  waiting();
  notices();
  rights();
}
