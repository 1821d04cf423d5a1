// Pipes: reads into memory that is not there keep the bytes; packets.
#include "check.h"
#include <poll.h>

static int left(int fd) {
  int n = -1;
  ioctl(fd, FIONREAD, &n);
  return n;
}

int main(void) {
  start();
  int p[2];
  pipe(p);
  char *two = mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(two + 2 * 4096, 2 * 4096);
  static char big[20000];
  for (int i = 0; i < sizeof big; i++) big[i] = i * 7;

  T(write(p[1], "hello", 5));
  T(read(p[0], (char *)8, 5));
  T(read(p[0], two + 2 * 4096 - 2, 5));
  T(left(p[0]));
  struct iovec v[3] = {{two, 2}, {(char *)8, 100}, {two, 5}};
  T(readv(p[0], v, 2));
  T(left(p[0]));
  v[1].iov_base = two + 100;
  T(readv(p[0], v, 2));
  printf("%.2s%.3s\n", two, two + 100);
  T(write(p[1], big, 12288));
  T(read(p[0], two, 12288));
  T(memcmp(two, big, 8192));
  T(left(p[0]));
  T(read(p[0], two, 8192));
  T(memcmp(two, big + 8192, 4096));
  fcntl(p[0], F_SETFL, O_NONBLOCK);
  T(read(p[0], (char *)8, 5));
  T(write(p[1], (char *)8, 5));
  // A file keeps its position.
  make("f", "some text");
  int fd = open("f", O_RDONLY);
  T(read(fd, (char *)8, 4));
  T(read(fd, two + 2 * 4096 - 4, 9));
  T(lseek(fd, 0, SEEK_CUR));
  close(p[1]);
  T(read(p[0], (char *)8, 5));
  close(p[0]);

  // Packets.
  T(pipe2(p, O_DIRECT | O_CLOEXEC));
  printf("flags %x %x\n", fcntl(p[0], F_GETFL), fcntl(p[1], F_GETFL));
  char b[9000];
  T(write(p[1], "one", 3));
  T(write(p[1], "", 0));
  T(write(p[1], "second", 6));
  T(write(p[1], big, 5000));
  T(left(p[0]));
  T(read(p[0], b, 100));
  T(read(p[0], b, 3));
  printf("%.3s\n", b);
  T(read(p[0], b, sizeof b));
  T(read(p[0], b, sizeof b));
  fcntl(p[0], F_SETFL, O_NONBLOCK);
  T(read(p[0], b, sizeof b));
  fcntl(p[1], F_SETFL, O_NONBLOCK | O_DIRECT);
  int n = 0;
  while (write(p[1], "x", 1) == 1) n++;
  printf("packets %d %s\n", n, error_name());
  struct pollfd pf = {p[1], POLLOUT, 0};
  T(poll(&pf, 1, 0));
  T(left(p[0]));
  while (read(p[0], b, 2) > 0) n--;
  printf("left %d\n", n);
  T(poll(&pf, 1, 0));
  // Mixed with plain bytes.
  T(write(p[1], "packet", 6));
  T(fcntl(p[1], F_SETFL, O_NONBLOCK));
  T(write(p[1], "plain", 5));
  T(write(p[1], "more", 4));
  T(read(p[0], b, 2));
  T(read(p[0], b, 3));
  T(read(p[0], b, 30));
  T(fcntl(p[1], F_SETFL, O_NONBLOCK | O_DIRECT));
  // One read takes all that a larger pipe holds, into one piece of memory or two.
  static char all[1 << 19];
  pipe(p);
  T(fcntl(p[1], F_SETPIPE_SZ, 1 << 18));
  T(write(p[1], all, 200000));
  T(read(p[0], all, sizeof all));
  T(write(p[1], all, 250000));
  struct iovec halves[2] = {{all, 150000}, {all + 200000, 150000}};
  T(readv(p[0], halves, 2));
  T(left(p[0]));
  // Nothing to write is no error, even when nobody reads.
  close(p[0]);
  T(write(p[1], all, 0));
  T(pipe2(p, 0x20000000));
  T(pipe2((int *)8, 0));
  return finish();
}
