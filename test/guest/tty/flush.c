// cc: -lutil
// tcflush at both ends of a pty: what has reached the other end's line discipline (4095 bytes) stays there, a waiting
// writer goes on, and packet mode tells of it. Requests that only an administrator may make.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static char big[20000];
// The kernel hands bytes to the other end in its own time.
static void settle(void) { usleep(30000); }

static void pair(int *m, int *s, int lflag) {
  struct termios t;
  openpty(m, s, NULL, NULL, NULL);
  tcgetattr(*s, &t);
  t.c_lflag = lflag;
  t.c_oflag = 0;
  tcsetattr(*s, TCSANOW, &t);
}

static long drain(int fd) {
  struct pollfd p = {fd, POLLIN, 0};
  long all = 0, n;
  while (poll(&p, 1, 100) > 0 && (n = read(fd, big, sizeof big)) > 0) all += n;
  return all;
}

static void get(const char *what, int fd) {
  unsigned char b[32];
  ssize_t n = read(fd, b, sizeof b);
  printf("  %s:", what);
  if (n < 0) printf(" %s", strerror(errno));
  for (ssize_t i = 0; i < n; i++) printf(" %02x", b[i]);
  printf("\n");
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  const int queues[] = {TCIFLUSH, TCOFLUSH, TCIOFLUSH};
  int m, s;
  for (int end = 0; end < 2; end++)
    for (int q = 0; q < 3; q++) {
      pair(&m, &s, 0);
      fcntl(m, F_SETFL, O_NONBLOCK);
      fcntl(s, F_SETFL, O_NONBLOCK);
      write(m, big, 6000);
      settle();
      write(s, big, 6000);
      settle();
      tcflush(end ? m : s, queues[q]);
      settle();
      long at_master = drain(m);
      printf("%s flushes %d: %ld to the master, %ld to the slave\n", end ? "master" : "slave", q, at_master, drain(s));
      close(m);
      close(s);
    }
  for (int end = 0; end < 2; end++)
    for (int q = 0; q < 3; q++) {
      int on = 1;
      pair(&m, &s, ICANON);
      fcntl(m, F_SETFL, O_NONBLOCK);
      fcntl(s, F_SETFL, O_NONBLOCK);
      ioctl(m, TIOCPKT, &on);
      write(m, "ab\nc", 4);
      write(s, "out", 3);
      settle();
      printf("packet mode, %s flushes %d\n", end ? "master" : "slave", q);
      tcflush(end ? m : s, queues[q]);
      get("master", m);
      get("master", m);
      get("slave", s);
      close(m);
      close(s);
    }
  for (int end = 0; end < 2; end++) {
    pair(&m, &s, 0);
    pid_t child = fork();
    if (child == 0) {
      alarm(5);
      for (int i = 0; i < 3; i++) write(end ? m : s, big, sizeof big);
      _exit(0);
    }
    int status = 0;
    for (int i = 0; i < 400 && waitpid(child, &status, WNOHANG) == 0; i++) {
      usleep(10000);
      tcflush(end ? s : m, TCIFLUSH);
    }
    printf("writer at the %s: %#x\n", end ? "master" : "slave", status);
    close(m);
    close(s);
  }
  pair(&m, &s, 0);
  if (geteuid() == 0 && setuid(1000) != 0) return 1;
  const unsigned long requests[] = {TIOCVHANGUP, TIOCCONS};
  for (int i = 0; i < 2; i++) {
    int r = ioctl(s, requests[i]);
    printf("%#lx: %d %s", requests[i], r, strerror(errno));
    r = ioctl(m, requests[i]);
    printf("; at the master: %d %s\n", r, strerror(errno));
  }
  return 0;
}
