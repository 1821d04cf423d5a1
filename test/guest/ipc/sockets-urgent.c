// Out-of-band bytes of AF_UNIX streams: the mark, what reads and looks give around it, SIGURG and SO_OOBINLINE.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int s[2];
static volatile int urgent;
// A byte that nobody took stays counted (unix_inq_len of Linux 6.18).
static int dropped;
static void hit(int n) { urgent++; }
static void put(const char *text, int flags) {
  errno = 0;
  int n = send(s[0], text, strlen(text), flags | MSG_NOSIGNAL);
  printf("send %s%s: %d %s\n", text, flags & MSG_OOB ? " urgently" : "", n, n < 0 ? strerrorname_np(errno) : "");
}
static void get(int length, int flags) {
  char b[100] = {0};
  struct iovec v = {b, length};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
  errno = 0;
  int n = recvmsg(s[1], &m, flags | MSG_DONTWAIT);
  printf("get%s%s: %d [%s] flags %x %s\n", flags & MSG_PEEK ? " look" : "", flags & MSG_OOB ? " urgent" : "", n, n > 0 ? b : "",
         n < 0 ? 0 : m.msg_flags, n < 0 ? strerrorname_np(errno) : "");
}
static void state(void) {
  struct pollfd p = {s[1], -1, 0};
  int mark = -1, bytes = -1;
  poll(&p, 1, 0);
  ioctl(s[1], SIOCATMARK, &mark);
  ioctl(s[1], FIONREAD, &bytes);
  printf("state: events %x mark %d", p.revents, mark);
  if (!dropped) printf(" bytes %d", bytes);
  printf("\n");
}
static void fresh(const char *what) {
  close(s[0]);
  close(s[1]);
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  printf("-- %s\n", what);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  signal(SIGURG, hit);
  fresh("none");
  get(10, MSG_OOB);
  put("", MSG_OOB);
  state();
  fresh("one among others");
  put("hello", MSG_OOB);
  put("world", 0);
  state();
  get(10, MSG_OOB | MSG_PEEK);
  get(2, 0);
  get(10, MSG_PEEK);
  get(10, 0);
  state();
  get(10, MSG_OOB);
  state();
  get(10, MSG_OOB);
  get(10, MSG_PEEK);
  get(10, 0);
  state();
  fresh("not taken");
  put("hello", MSG_OOB);
  put("world", 0);
  get(10, 0);
  state();
  get(10, MSG_PEEK);
  get(10, 0);
  get(10, MSG_OOB);
  fresh("taken first");
  put("hello", MSG_OOB);
  get(1, MSG_OOB);
  put("world", 0);
  state();
  get(20, MSG_PEEK);
  get(20, 0);
  state();
  get(20, 0);
  fresh("alone");
  dropped = 1;
  put("x", MSG_OOB);
  state();
  get(5, 0);
  state();
  put("y", MSG_OOB);
  get(5, MSG_PEEK);
  get(5, MSG_OOB);
  state();
  get(5, 0);
  state();
  dropped = 0;
  fresh("two");
  put("ab", MSG_OOB);
  put("cd", MSG_OOB);
  state();
  get(10, MSG_PEEK);
  get(10, 0);
  get(10, MSG_OOB);
  put("ef", MSG_OOB);
  state();
  get(10, 0);
  get(10, 0);
  fresh("inline");
  int on = 1;
  setsockopt(s[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
  put("ab", MSG_OOB);
  put("cd", 0);
  get(10, MSG_OOB);
  get(10, MSG_PEEK);
  get(10, 0);
  state();
  get(10, MSG_PEEK);
  get(10, 0);
  state();
  fresh("waiting for all");
  put("abc", MSG_OOB);
  put("def", 0);
  get(10, MSG_WAITALL);
  get(3, MSG_WAITALL);
  fresh("signals");
  put("x", MSG_OOB);
  printf("told %d\n", urgent);
  fcntl(s[1], F_SETOWN, getpid());
  put("x", MSG_OOB);
  printf("told %d\n", urgent);
  put("x", 0);
  printf("told %d\n", urgent);
  fresh("closed");
  shutdown(s[1], SHUT_RD);
  put("xy", MSG_OOB);
  close(s[1]);
  put("x", MSG_OOB);
  int d[2];
  socketpair(AF_UNIX, SOCK_DGRAM, 0, d);
  printf("datagram: %zd %s\n", send(d[0], "x", 1, MSG_OOB), strerrorname_np(errno));
  printf("datagram: %zd %s\n", recv(d[1], "x", 1, MSG_OOB), strerrorname_np(errno));
  return 0;
}
