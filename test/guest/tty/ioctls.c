// cc: -lutil
// Requests of ioctl on both ends of a pty, packet mode, poll, and what happens when an end is closed.
#define _GNU_SOURCE
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define SHOW(what, call) do { errno = 0; long r = (call); printf("%s: %ld %s\n", what, r, errno ? strerror(errno) : "-"); } while (0)
// The kernel hands bytes to the other end in its own time.
static void settle(void) { nanosleep(&(struct timespec){0, 30000000}, NULL); }
static void events(const char *what, int fd) {
  struct pollfd p = {fd, -1, 0};
  poll(&p, 1, 0);
  printf("%s: events %#x\n", what, p.revents);
}
static void get(const char *what, int fd) {
  char buf[200];
  errno = 0;
  ssize_t n = read(fd, buf, sizeof buf);
  printf("%s: %zd %s", what, n, errno ? strerror(errno) : "-");
  for (ssize_t i = 0; i < n; i++) printf(" %02x", (unsigned char)buf[i]);
  printf("\n");
}
static void dump(const char *what, int fd, unsigned long request, size_t n) {
  unsigned char b[64] = {0};
  long r = ioctl(fd, request, b);
  printf("%s: %ld ", what, r);
  for (size_t i = 0; i < n; i++) printf("%02x", b[i]);
  printf("\n");
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  int m = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
  int n = -1;
  SHOW("TIOCGPTN", ioctl(m, TIOCGPTN, &n));
  char path[32];
  snprintf(path, sizeof path, "/dev/pts/%d", n);
  struct stat st;
  stat(path, &st);
  printf("node: %d major %u minor %d ino %d\n", S_ISCHR(st.st_mode), major(st.st_rdev), (int)minor(st.st_rdev) - n, (int)st.st_ino - n);
  int v;
  SHOW("TIOCGPTLCK", ioctl(m, TIOCGPTLCK, &v));
  printf("locked %d\n", v);
  SHOW("open locked", open(path, O_RDWR | O_NOCTTY));
  events("fresh master", m);
  get("fresh master", m);
  v = 0;
  SHOW("TIOCSPTLCK", ioctl(m, TIOCSPTLCK, &v));
  int s = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
  dump("TCGETS", s, TCGETS, 36);
  dump("TCGETS2", s, TCGETS2, 44);
  dump("TCGETA", s, TCGETA, 17);
  dump("TCGETS of master", m, TCGETS, 36);
  events("slave", s);
  events("master", m);
  SHOW("write master", write(m, "x", 1));
  settle();
  events("slave with half a line", s);
  SHOW("FIONREAD", ioctl(s, FIONREAD, &v));
  printf("%d\n", v);
  write(m, "yz\nab\004", 6);
  settle();
  events("slave with lines", s);
  SHOW("FIONREAD", ioctl(s, FIONREAD, &v));
  printf("%d\n", v);
  SHOW("FIONREAD of master", ioctl(m, FIONREAD, &v));
  printf("%d\n", v);
  get("slave", s);
  get("slave", s);
  get("slave", s);
  get("master", m);
  write(m, "gone\n", 5);
  settle();
  SHOW("TCFLSH", ioctl(s, TCFLSH, TCIFLUSH));
  get("flushed", s);
  get("master", m);
  SHOW("TIOCGPGRP", ioctl(s, TIOCGPGRP, &v));
  v = 77;
  SHOW("TIOCGPGRP of master", ioctl(m, TIOCGPGRP, &v));
  printf("%d\n", v);
  v = getpgrp();
  SHOW("TIOCSPGRP", ioctl(s, TIOCSPGRP, &v));
  SHOW("TIOCGSID", ioctl(s, TIOCGSID, &v));
  SHOW("TIOCGSID of master", ioctl(m, TIOCGSID, &v));
  SHOW("TIOCNOTTY", ioctl(s, TIOCNOTTY, 0));
  SHOW("TIOCMGET", ioctl(s, TIOCMGET, &v));
  SHOW("TIOCGETD", ioctl(s, TIOCGETD, &v));
  v = 0;
  SHOW("TIOCSETD 0", ioctl(s, TIOCSETD, &v));
  v = 25;
  SHOW("TIOCSETD 25", ioctl(s, TIOCSETD, &v));
  SHOW("TIOCEXCL", ioctl(s, TIOCEXCL, 0));
  SHOW("TIOCGEXCL", ioctl(s, TIOCGEXCL, &v));
  printf("%d\n", v);
  SHOW("TIOCNXCL", ioctl(s, TIOCNXCL, 0));
  SHOW("TIOCOUTQ", ioctl(s, TIOCOUTQ, &v));
  SHOW("TIOCGPTN of slave", ioctl(s, TIOCGPTN, &v));
  SHOW("TIOCPKT of slave", ioctl(s, TIOCPKT, &v));
  SHOW("TIOCSIG that no key sends", ioctl(m, TIOCSIG, 28));
  SHOW("TIOCSIG of nothing", ioctl(m, TIOCSIG, 0));
  SHOW("TIOCSIG of slave", ioctl(s, TIOCSIG, 2));
  SHOW("TIOCGSERIAL", ioctl(s, TIOCGSERIAL, &v));
  SHOW("unknown", ioctl(s, 0x5499, 0));
  SHOW("TCSBRK", ioctl(s, TCSBRK, 1));
  SHOW("TCXONC 9", ioctl(s, TCXONC, 9));
  SHOW("TCFLSH 9", ioctl(s, TCFLSH, 9));
  SHOW("TCSETS null", ioctl(s, TCSETS, NULL));
  SHOW("lseek", lseek(s, 0, SEEK_CUR));
  SHOW("pread", pread(s, path, 1, 0));
  struct winsize w = {10, 20, 1, 2};
  SHOW("TIOCSWINSZ", ioctl(m, TIOCSWINSZ, &w));
  memset(&w, 0, sizeof w);
  SHOW("TIOCGWINSZ", ioctl(s, TIOCGWINSZ, &w));
  printf("%d %d %d %d\n", w.ws_row, w.ws_col, w.ws_xpixel, w.ws_ypixel);

  v = 1;
  SHOW("TIOCPKT", ioctl(m, TIOCPKT, &v));
  write(s, "abc", 3);
  settle();
  get("packet", m);
  ioctl(s, TCFLSH, TCIFLUSH);
  events("packet status", m);
  get("packet", m);
  ioctl(s, TCXONC, TCOOFF);
  get("packet", m);
  SHOW("stopped", write(s, "zz", 2));
  ioctl(s, TCXONC, TCOON);
  get("packet", m);
  get("packet", m);
  ioctl(s, TCXONC, TCIOFF);
  settle();
  get("packet", m);
  ioctl(s, TCXONC, TCION);
  settle();
  get("packet", m);
  struct termios2 t;
  ioctl(s, TCGETS2, &t);
  t.c_iflag &= ~IXON;
  ioctl(s, TCSETS2, &t);
  get("packet", m);
  t.c_iflag |= IXON;
  ioctl(s, TCSETS2, &t);
  get("packet", m);
  v = 0;
  ioctl(m, TIOCPKT, &v);
  t.c_cflag = B115200 | PARENB | CS5;
  ioctl(s, TCSETS2, &t);
  ioctl(s, TCGETS2, &t);
  printf("cflag %o speeds %u %u\n", t.c_cflag, t.c_ispeed, t.c_ospeed);
  t.c_cflag = BOTHER | CS8;
  t.c_ispeed = t.c_ospeed = 12345;
  ioctl(s, TCSETS2, &t);
  ioctl(s, TCGETS2, &t);
  printf("cflag %o speeds %u %u\n", t.c_cflag, t.c_ispeed, t.c_ospeed);

  int peer = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  printf("peer %d cloexec %d\n", peer >= 0, fcntl(peer, F_GETFD));
  char name[32];
  printf("ttyname %d same %d\n", ttyname_r(peer, name, sizeof name), strcmp(name, path) == 0);
  close(peer);
  close(s);
  events("slave closed", m);
  get("master", m);
  s = open(path, O_RDWR | O_NOCTTY);
  events("slave open again", m);
  write(s, "last", 4);
  close(s);
  settle();
  get("master", m);
  get("master", m);
  s = open(path, O_RDWR | O_NOCTTY);
  close(m);
  events("hung up", s);
  get("slave", s);
  SHOW("write slave", write(s, "x", 1));
  SHOW("TCGETS", ioctl(s, TCGETS, &t));
  v = 1;
  SHOW("TIOCSPGRP", ioctl(s, TIOCSPGRP, &v));
  SHOW("open", open(path, O_RDWR | O_NOCTTY));
  return 0;
}
