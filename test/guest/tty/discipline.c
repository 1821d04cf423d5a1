// cc: -lutil
// What the line discipline makes of bytes typed at the master: echoes, and what the program reads.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static void show(const char *p, ssize_t n) {
  for (ssize_t i = 0; i < n; i++) {
    unsigned char c = p[i];
    if (c >= 32 && c < 127 && c != '\\') putchar(c);
    else printf("\\%03o", c);
  }
}

static void drain(int fd) {
  char buf[8192];
  printf("[");
  for (;;) {
    struct pollfd p = {fd, POLLIN, 0};
    if (poll(&p, 1, 20) <= 0) break;
    ssize_t n = read(fd, buf, sizeof buf);
    if (n <= 0) {
      printf("%s", n == 0 ? "EOF" : strerror(errno));
      break;
    }
    show(buf, n);
  }
  printf("]");
}

struct mode {
  tcflag_t on[4], off[4];
  int key, value;
};

static void run(const char *name, struct mode m, const char *typed, size_t n) {
  int master, slave;
  if (openpty(&master, &slave, NULL, NULL, NULL) != 0) return;
  struct termios t;
  tcgetattr(slave, &t);
  tcflag_t *f[4] = {&t.c_iflag, &t.c_oflag, &t.c_cflag, &t.c_lflag};
  for (int i = 0; i < 4; i++) *f[i] = (*f[i] | m.on[i]) & ~m.off[i];
  if (m.key >= 0) t.c_cc[m.key] = m.value;
  tcsetattr(slave, TCSANOW, &t);
  fcntl(slave, F_SETFL, O_NONBLOCK);
  printf("%s: ", name);
  if (write(master, typed, n) != (ssize_t)n) printf("short write ");
  drain(master);
  for (int i = 0; i < 5; i++) {
    char buf[4096];
    ssize_t r = read(slave, buf, sizeof buf);
    if (r < 0) {
      printf(" %s", strerror(errno));
      break;
    }
    printf(" (");
    show(buf, r);
    printf(")");
  }
  printf("\n");
  close(slave);
  close(master);
}

#define RUN(name, typed, ...) run(name, (struct mode){.key = -1, __VA_ARGS__}, typed, sizeof(typed) - 1)
#define ION .on[0]
#define IOFF .off[0]
#define OON .on[1]
#define OOFF .off[1]
#define LON .on[3]
#define LOFF .off[3]

int main(void) {
  RUN("line", "hello\r");
  RUN("partial", "hel");
  RUN("erase", "abc\177\177X\n");
  RUN("erase nothing", "\177\177a\n");
  RUN("kill", "abc def\025gh\n");
  RUN("kill without ECHOKE", "abc\025x\n", LOFF = ECHOKE);
  RUN("kill without ECHOK", "abc\025x\n", LOFF = ECHOE | ECHOK);
  RUN("erase without ECHOE", "abc\177x\n", LOFF = ECHOE);
  RUN("ECHOPRT", "abc\177\177x\n", LON = ECHOPRT);
  RUN("ECHOPRT kill", "abc\025x\n", LON = ECHOPRT);
  RUN("werase", "foo bar  \027x\n");
  RUN("werase punctuation", "foo-bar.\027x\n");
  RUN("erase controls", "a\001\002\177\177\177z\n");
  RUN("erase tab", "ab\tc\177\177X\n");
  RUN("erase tab after tab", "a\tb\t\177\177X\n");
  RUN("utf8", "a\303\251\342\202\254\177\177b\n", ION = IUTF8);
  RUN("no utf8", "\303\251\177b\n");
  RUN("eof", "abc\004");
  RUN("eof alone", "\004");
  RUN("eof between", "ab\ncd\004ef\n");
  RUN("lnext", "a\026\003b\026\177c\n");
  RUN("lnext newline", "a\026\nb\n");
  RUN("reprint", "abc\022d\n");
  RUN("eol", "abcXdef\n", .key = VEOL, .value = 'X');
  RUN("eol2", "abcYdef\n", .key = VEOL2, .value = 'Y');
  RUN("igncr", "a\rb\n", ION = IGNCR);
  RUN("inlcr", "a\nb\r", ION = INLCR, IOFF = ICRNL);
  RUN("no icrnl", "a\rb\n", IOFF = ICRNL);
  RUN("istrip", "\341\n", ION = ISTRIP);
  RUN("iuclc", "ABC\n", ION = IUCLC);
  RUN("parmrk", "a\377b\n", ION = PARMRK);
  RUN("no echo", "abc\n", LOFF = ECHO);
  RUN("echonl", "abc\n", LOFF = ECHO, LON = ECHONL);
  RUN("no echoctl", "a\001b\n", LOFF = ECHOCTL);
  RUN("high", "\200\237\240\377\n");
  RUN("intr", "abc\003def\n");
  RUN("noflsh", "abc\003def\n", LON = NOFLSH);
  RUN("no isig", "a\003\034\032\n", LOFF = ISIG);
  RUN("no iexten", "a\026\027b\022\n", LOFF = IEXTEN);
  RUN("raw", "a\r\n\003\177", IOFF = ~0u, OOFF = ~0u, LOFF = ~0u);
  RUN("raw echo", "a\r\n\033\t\001", IOFF = ~0u, LOFF = ICANON | ISIG);
  RUN("stop", "abc\023");
  RUN("stop start", "abc\023de\021\n");
  RUN("no ixon", "a\023\021\n", IOFF = IXON);
  RUN("nul", "a\0b\n");
  RUN("many", "a\nb\nc\n");
  RUN("olcuc", "abc\n", OON = OLCUC);
  RUN("raw with VMIN 0", "", LOFF = ICANON, .key = VMIN, .value = 0);
  RUN("raw with VMIN 3", "ab", LOFF = ICANON, .key = VMIN, .value = 3);

  int master, slave;
  openpty(&master, &slave, NULL, NULL, NULL);
  struct termios t;
  tcgetattr(slave, &t);
  char buf[16];
  printf("parts:");
  (void)!write(master, "abcdef\n", 7);
  for (int i = 0; i < 3; i++) {
    ssize_t n = read(slave, buf, 3);
    printf(" (");
    show(buf, n);
    printf(")");
  }
  drain(master);
  // An end of file after exactly as many bytes as are asked for is part of that read.
  (void)!write(master, "abc\004q\n", 6);
  printf("\nexact: %zd", read(slave, buf, 3));
  printf(" %zd\n", read(slave, buf, 3));
  drain(master);

  // Half a line becomes readable when canonical mode ends, and a line when it begins again.
  fcntl(slave, F_SETFL, O_NONBLOCK);
  (void)!write(master, "half", 4);
  drain(master);
  printf("\ncanonical %zd", read(slave, buf, 2));
  t.c_lflag &= ~ICANON;
  tcsetattr(slave, TCSANOW, &t);
  printf(" raw %zd", read(slave, buf, 2));
  t.c_lflag |= ICANON;
  tcsetattr(slave, TCSANOW, &t);
  printf(" canonical %zd\n", read(slave, buf, 16));

  // VTIME.
  fcntl(slave, F_SETFL, 0);
  t.c_lflag &= ~ICANON;
  t.c_cc[VMIN] = 0;
  t.c_cc[VTIME] = 1;
  tcsetattr(slave, TCSANOW, &t);
  struct timespec a, b;
  clock_gettime(CLOCK_MONOTONIC, &a);
  printf("timed %zd", read(slave, buf, 1));
  clock_gettime(CLOCK_MONOTONIC, &b);
  long ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
  printf(" waited %d", ms >= 95);
  t.c_cc[VMIN] = 5;
  tcsetattr(slave, TCSANOW, &t);
  (void)!write(master, "xy", 2);
  printf(" between bytes %zd\n", read(slave, buf, 5));
  drain(master);
  printf("\n");
  return 0;
}
