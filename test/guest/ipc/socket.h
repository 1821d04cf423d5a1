// What the programs about sockets share.
#include "../files/check.h"
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

// A test runner may give the program a socket as its standard input.
static void begin(void) {
  start();
  close(0);
  open("/dev/null", O_RDWR);
}
static struct sockaddr_un sun;
static struct sockaddr *const sa = (void *)&sun;
// The address of a path; returns its length with the NUL.
static socklen_t path(const char *name) {
  memset(&sun, 0, sizeof sun);
  sun.sun_family = AF_UNIX;
  strcpy(sun.sun_path, name);
  return offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1;
}
// The same of an abstract name, which is this process's own.
static socklen_t abstract(const char *name) {
  memset(&sun, 0, sizeof sun);
  sun.sun_family = AF_UNIX;
  return offsetof(struct sockaddr_un, sun_path) + 1 + sprintf(sun.sun_path + 1, "kanmon-%07d-%s", getpid(), name);
}
static void show_address(const char *what, const struct sockaddr_un *a, socklen_t n) {
  printf("%s: length %d", what, n);
  if (n >= 2) printf(" family %d", a->sun_family);
  if (n > 2) {
    printf(" name [");
    // Numbers are the process's or random.
    int random = a->sun_path[0] == 0 && a->sun_path[1] != 'k';
    for (int i = 0; i < (int)n - 2 && i < 108; i++) {
      char c = a->sun_path[i];
      if (c == 0) printf("@");
      else if ((c >= '0' && c <= '9') || (random && c >= 'a' && c <= 'f')) printf("#");
      else printf("%c", c);
    }
    printf("]");
  }
  printf("\n");
}
// An address of sockname or peername, without its digits.
static void name_of(const char *what, int fd, int peer) {
  struct sockaddr_un a;
  memset(&a, 0x55, sizeof a);
  socklen_t n = sizeof a;
  errno = 0;
  int r = peer ? getpeername(fd, (void *)&a, &n) : getsockname(fd, (void *)&a, &n);
  if (r) printf("%s: %s\n", what, error_name());
  else show_address(what, &a, n);
}
static int sv[2];
static int pair(int type) { return socketpair(AF_UNIX, type, 0, sv); }
static void done(void) { close(sv[0]); close(sv[1]); }
// What poll says right now.
static void ready(const char *what, int fd) {
  struct pollfd p = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM | POLLWRBAND, 0};
  int r = poll(&p, 1, 0);
  printf("%s: poll %d %x\n", what, r, p.revents);
}
static char text[1 << 20];
// A receive that shows what came.
static void get(int fd, int n, int flags) {
  memset(text, '.', 64);
  errno = 0;
  long r = recv(fd, text, n, flags);
  int k = r < 0 ? 0 : r > n ? n : r > 40 ? 40 : r;
  printf("recv %d %x: %ld %s [%.*s]\n", n, flags, r, r < 0 ? error_name() : "-", k, text);
}
