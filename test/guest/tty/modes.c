// Old requests of tty_ioctl(4) on both ends of a pty: the carrier, breaks, locked modes.
#define _GNU_SOURCE
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define T(c) do { errno = 0; long r_ = (c); printf("%s = %ld %s\n", #c, r_, r_ < 0 ? strerrorname_np(errno) : "-"); } while (0)
int posix_openpt(int), grantpt(int), unlockpt(int);
char *ptsname(int);

static void end(const char *name, int fd) {
  struct termios t, zero;
  int v = 7;
  printf("%s\n", name);
  T(ioctl(fd, TIOCGSOFTCAR, &v));
  printf("soft carrier %d\n", v);
  v = 2;
  T(ioctl(fd, TIOCSSOFTCAR, &v));
  T(ioctl(fd, TIOCGSOFTCAR, &v));
  ioctl(fd, TCGETS, &t);
  printf("soft carrier %d cflag %o\n", v, t.c_cflag);
  v = 0;
  T(ioctl(fd, TIOCSSOFTCAR, &v));
  ioctl(fd, TCGETS, &t);
  printf("cflag %o\n", t.c_cflag);
  T(ioctl(fd, TIOCGSOFTCAR, 8));
  T(ioctl(fd, TIOCSSOFTCAR, 8));
  T(ioctl(fd, TIOCSBRK));
  T(ioctl(fd, TIOCCBRK));
  memset(&t, 1, sizeof t);
  memset(&zero, 0, sizeof zero);
  T(ioctl(fd, TIOCGLCKTRMIOS, &t));
  printf("locked %d\n", memcmp(&t, &zero, 4 * 4 + 1 + 19) != 0);
  T(ioctl(fd, TIOCGLCKTRMIOS, 8));
  T(ioctl(fd, TIOCSLCKTRMIOS, &t));
  T(ioctl(fd, TIOCSLCKTRMIOS, 8));
}

int main(void) {
  int m = posix_openpt(O_RDWR | O_NOCTTY);
  grantpt(m), unlockpt(m);
  int s = open(ptsname(m), O_RDWR | O_NOCTTY);
  // Root might lock modes.
  if (geteuid() == 0 && setuid(12345) != 0) return 1;
  end("master", m);
  end("slave", s);
  T(ioctl(s, TIOCGPTPEER, O_RDWR));
}
