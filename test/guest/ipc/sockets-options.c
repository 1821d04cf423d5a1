// Options of AF_UNIX sockets (socket(7), unix(7)).
#include "socket.h"

static int fd;
static void show_option(const char *what, int name, socklen_t room) {
  unsigned char b[64];
  memset(b, 0, sizeof b);
  socklen_t n = room;
  errno = 0;
  int r = getsockopt(fd, SOL_SOCKET, name, b, &n);
  printf("%s: %d %s length %d", what, r, r ? error_name() : "-", n);
  if (!r) for (int i = 0; i + 4 <= n && i < 64; i += 4) printf(" %d", *(int *)(b + i));
  printf("\n");
}
#define GET(name) show_option(#name, name, 64)
#define SET(name, value) do { \
    int v_ = value; \
    T(setsockopt(fd, SOL_SOCKET, name, &v_, sizeof v_)); \
    GET(name); \
  } while (0)

int main(void) {
  begin();
  fd = socket(AF_UNIX, SOCK_STREAM, 0);
  GET(SO_TYPE);
  GET(SO_DOMAIN);
  GET(SO_PROTOCOL);
  GET(SO_ERROR);
  GET(SO_ACCEPTCONN);
  GET(SO_SNDBUF);
  GET(SO_RCVBUF);
  GET(SO_PEERCRED);
  GET(SO_PEERGROUPS);
  GET(SO_PEERNAME);
  GET(77);
  GET(SO_PEERSEC);
  GET(SO_SNDLOWAT);
  GET(1000);
  GET(-1);
  SET(SO_REUSEADDR, 5);
  SET(SO_REUSEADDR, 0);
  SET(SO_KEEPALIVE, -1);
  SET(SO_BROADCAST, 1);
  SET(SO_DONTROUTE, 1);
  SET(SO_OOBINLINE, 1);
  SET(SO_PASSCRED, 9);
  SET(SO_DEBUG, 0);
  SET(SO_REUSEPORT, 1);
  SET(SO_REUSEPORT, 0);
  SET(SO_PRIORITY, 5);
  SET(SO_BSDCOMPAT, 1);
  SET(SO_TYPE, 1);
  SET(SO_ERROR, 1);
  SET(SO_ACCEPTCONN, 1);
  SET(SO_PROTOCOL, 1);
  SET(SO_DOMAIN, 1);
  SET(SO_PEERCRED, 1);
  SET(SO_SNDLOWAT, 1);
  SET(SO_RCVLOWAT, 0);
  SET(SO_RCVLOWAT, 7);
  SET(SO_RCVLOWAT, -1);
  SET(SO_SNDBUF, 0);
  SET(SO_SNDBUF, 3000);
  SET(SO_SNDBUF, 100000);
  SET(SO_RCVBUF, 1);
  SET(SO_RCVBUF, 50000);
  SET(SO_PEEK_OFF, 3);
  SET(SO_PEEK_OFF, -1);
  SET(1000, 1);
  puts("-- timeouts");
  struct timeval tv = {2, 500000};
  GET(SO_RCVTIMEO);
  T(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
  GET(SO_RCVTIMEO);
  T(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, 8));
  tv.tv_usec = 1000000;
  T(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
  tv.tv_usec = -1;
  T(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
  tv.tv_usec = 8000;
  tv.tv_sec = 0;
  T(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
  GET(SO_SNDTIMEO);
  tv.tv_sec = -1;
  T(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
  GET(SO_SNDTIMEO);
  struct linger l = {3, 7};
  GET(SO_LINGER);
  T(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l));
  T(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, 4));
  GET(SO_LINGER);
  puts("-- bad arguments");
  int v = 1;
  socklen_t n = 4;
  T(setsockopt(99, SOL_SOCKET, SO_REUSEADDR, &v, 4));
  T(setsockopt(0, SOL_SOCKET, SO_REUSEADDR, &v, 4));
  T(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, 3));
  T(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, -1));
  T(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 0, 4));
  T(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, 40));
  T(setsockopt(fd, 6, 1, &v, 4));
  T(getsockopt(fd, 6, 1, &v, &n));
  T(getsockopt(fd, 0, 1, &v, &n));
  T(getsockopt(fd, SOL_SOCKET, SO_TYPE, (void *)8, &n));
  T(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, 0));
  n = -1;
  T(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, &n));
  show_option("no room", SO_TYPE, 0);
  show_option("two bytes", SO_TYPE, 2);
  show_option("half", SO_LINGER, 4);
  show_option("part", SO_RCVTIMEO, 8);
  T(getsockopt(99, SOL_SOCKET, SO_TYPE, &v, &n));
  T(getsockopt(0, SOL_SOCKET, SO_TYPE, &v, &n));
  puts("-- who is there");
  bind(fd, sa, abstract("o"));
  listen(fd, 5);
  GET(SO_ACCEPTCONN);
  struct ucred c;
  n = sizeof c;
  getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n);
  printf("listener: %s %d %d\n", c.pid == getpid() ? "self" : "other", c.uid, c.gid);
  int s = fd;
  pid_t me = getpid();
  CHILD(
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t k = offsetof(struct sockaddr_un, sun_path) + 1 + sprintf(sun.sun_path + 1, "kanmon-%07d-o", me);
    gid_t groups[] = {5, 7, 9};
    setgroups(3, groups);
    setresgid(11, 12, 13);
    setresuid(21, 22, 23);
    T(connect(fd, sa, k));
    k = sizeof c;
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &k);
    printf("client sees: %s %d %d\n", c.pid == me ? "parent" : "other", c.uid, c.gid);
    GET(SO_ACCEPTCONN);
  );
  fd = accept(s, 0, 0);
  n = sizeof c;
  getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n);
  printf("server sees: %s %d %d\n", c.pid == me ? "self" : "child", c.uid, c.gid);
  GET(SO_PEERGROUPS);
  show_option("one group", SO_PEERGROUPS, 4);
  n = 8;
  T(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n));
  printf("short: length %d uid %d\n", n, c.uid);
  show_option("name", SO_PEERNAME, 2);
  GET(SO_PEERNAME);
  pair(SOCK_DGRAM);
  fd = sv[0];
  n = sizeof c;
  getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n);
  printf("pair: %s %d %d\n", c.pid == me ? "self" : "other", c.uid, c.gid);
  n = 4;
  T(getsockopt(fd, SOL_SOCKET, 77, &v, &n) || fcntl(v, F_GETFD) != FD_CLOEXEC);
  puts("-- buffers");
  for (int size = 1000; size < 60000; size *= 3) {
    pair(SOCK_STREAM | SOCK_NONBLOCK);
    setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &size, 4);
    long sent = 0, k;
    while ((k = send(sv[0], text, 50000, 0)) > 0) sent += k;
    int q;
    ioctl(sv[0], TIOCOUTQ, &q);
    printf("%d: %ld %d\n", size, sent, q);
    done();
    pair(SOCK_DGRAM | SOCK_NONBLOCK);
    setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &size, 4);
    T(send(sv[0], text, size, 0));
    T(send(sv[0], text, size * 2 - 32, 0));
    T(send(sv[0], text, size * 2 - 31, 0));
    ioctl(sv[0], TIOCOUTQ, &q);
    printf("%d: %d\n", size, q);
    done();
  }
  puts("-- looking ahead");
  for (int type = 1; type < 3; type++) {
    pair(type);
    fd = sv[1];
    send(sv[0], "abc", 3, 0);
    send(sv[0], "defg", 4, 0);
    send(sv[0], "hi", 2, 0);
    SET(SO_PEEK_OFF, 1);
    get(fd, 1, MSG_PEEK);
    GET(SO_PEEK_OFF);
    get(fd, 9, MSG_PEEK | MSG_DONTWAIT);
    get(fd, 9, MSG_PEEK | MSG_DONTWAIT);
    get(fd, 9, MSG_PEEK | MSG_DONTWAIT);
    GET(SO_PEEK_OFF);
    get(fd, 2, MSG_DONTWAIT);
    GET(SO_PEEK_OFF);
    get(fd, 9, MSG_DONTWAIT);
    GET(SO_PEEK_OFF);
    SET(SO_PEEK_OFF, 0);
    get(fd, 1, MSG_PEEK | MSG_DONTWAIT);
    done();
  }
  return finish();
}
