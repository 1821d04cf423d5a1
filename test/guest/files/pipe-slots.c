// A pipe is a ring of slots, each with a page: what fills it, what joins the page written last, and what moves whole.
#include "check.h"
#include <poll.h>

static int p[2], q[2];
static char big[1 << 21];

static int left(int fd) {
  int n = -1;
  ioctl(fd, FIONREAD, &n);
  return n;
}

static int room(int fd) {
  struct pollfd pf = {fd, POLLOUT, 0};
  poll(&pf, 1, 0);
  return pf.revents;
}

static void fresh(int *pair, int flags) {
  close(pair[0]);
  close(pair[1]);
  pipe2(pair, O_NONBLOCK | flags);
}

// Writes so much at a time until no more goes; the last may be a part.
static void fill(const char *what, int size) {
  int n = 0, r, last = 0;
  while ((r = write(p[1], big, size)) > 0) n++, last = r;
  printf("%s %d: %d writes, last %d, %s, holds %d, poll %x\n", what, size, n, last, error_name(), left(p[0]), room(p[1]));
}

// What reads of one size give until the pipe is empty.
static void drain(const char *what, int fd, int size) {
  printf("%s", what);
  for (int r; (r = read(fd, big, size)) > 0;) printf(" %d", r);
  printf(" %s\n", error_name());
}

int main(void) {
  start();
  for (int i = 0; i < sizeof big; i++) big[i] = i * 7 + i / 4096;
  p[0] = p[1] = q[0] = q[1] = -1;
  int sizes[] = {1, 100, 1000, 2048, 2049, 4000, 4095, 4096, 4097, 5000, 8191, 8192, 10000, 65535, 65536, 65537, 100000, 1 << 20};
  for (int i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    fresh(p, 0);
    fill("plain", sizes[i]);
    fresh(p, O_DIRECT);
    fill("packets of", sizes[i]);
  }

  // A byte out of a full page makes no room; the whole page does.
  fresh(p, 0);
  fill("full", 4000);
  T(read(p[0], big, 3999));
  T(write(p[1], big, 1));
  T(room(p[1]));
  T(read(p[0], big, 1));
  T(room(p[1]));
  T(write(p[1], big, 8000));
  // What is left of the last page is used after its front was read.
  fresh(p, 0);
  T(write(p[1], big, 3000));
  T(read(p[0], big, 2999));
  T(write(p[1], big, 1096));
  T(fcntl(p[1], F_SETPIPE_SZ, 4096));
  T(write(p[1], big, 1));
  T(left(p[0]));
  // Empty, it begins a page anew.
  T(read(p[0], big, 5000));
  T(write(p[1], big, 4000));
  T(write(p[1], big, 97));
  T(write(p[1], big, 96));
  T(write(p[1], big, 1));
  // Only what a write has beyond whole pages joins the last page.
  fresh(p, 0);
  T(fcntl(p[1], F_SETPIPE_SZ, 8192));
  T(write(p[1], big, 100));
  T(write(p[1], big, 5000));
  T(left(p[0]));
  T(write(p[1], big, 1));
  T(read(p[0], big, 1004));
  T(write(p[1], big, 5000));

  // The size in pages.
  fresh(p, 0);
  long asked[] = {0, 1, 4095, 4096, 4097, 8193, 65537, 1 << 20, (1 << 20) + 1, 1L << 31, (1L << 31) + 1, -1, -4096};
  for (int i = 0; i < sizeof asked / sizeof *asked; i++) {
    errno = 0;
    int r = fcntl(p[1], F_SETPIPE_SZ, asked[i]);
    printf("F_SETPIPE_SZ %ld: %d %s, %d\n", asked[i], r, errno ? error_name() : "", fcntl(p[0], F_GETPIPE_SZ));
  }
  CHILD({
    setgroups(0, 0);
    setresgid(1000, 1000, 1000);
    setresuid(1000, 1000, 1000);
    int o[2];
    pipe(o);
    T(fcntl(o[1], F_SETPIPE_SZ, 1 << 20));
    T(fcntl(o[1], F_SETPIPE_SZ, (1 << 20) + 1));
    T(fcntl(o[1], F_SETPIPE_SZ, 1 << 16));
  });
  fresh(p, 0);
  for (int i = 0; i < 5; i++) write(p[1], big, 4000);
  T(fcntl(p[1], F_SETPIPE_SZ, 16384));
  T(fcntl(p[1], F_SETPIPE_SZ, 20000));
  fill("resized", 4000);
  drain("all of it", p[0], 1 << 20);

  // Packets and plain bytes.
  fresh(p, 0);
  write(p[1], big, 10);
  fcntl(p[1], F_SETFL, O_NONBLOCK | O_DIRECT);
  write(p[1], big, 5);
  write(p[1], big, 4096);
  write(p[1], big, 6);
  fcntl(p[1], F_SETFL, O_NONBLOCK);
  write(p[1], big, 7);
  drain("packets", p[0], 100);
  fcntl(p[1], F_SETFL, O_NONBLOCK | O_DIRECT);
  write(p[1], big, 6);
  write(p[1], big, 9);
  fcntl(p[1], F_SETFL, O_NONBLOCK);
  write(p[1], big, 7);
  write(p[1], big, 8);
  drain("packets by threes", p[0], 3);

  // Memory that ends: in a page of its own each.
  char *two = mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(two + 2 * 4096, 2 * 4096);
  char *end = two + 2 * 4096;
  fresh(p, 0);
  for (int i = 0; i < 3; i++) write(p[1], big, 3000);
  T(read(p[0], end - 4000, 9000));
  T(left(p[0]));
  T(read(p[0], end - 2000, 9000));
  T(left(p[0]));

  // splice of a file: a slot for each of its pages.
  int f = open("f", O_CREAT | O_RDWR, 0600);
  write(f, big, 200000);
  fresh(p, 0);
  loff_t o = 100;
  T(splice(f, &o, p[1], 0, 1 << 20, SPLICE_F_NONBLOCK));
  printf("at %ld\n", (long)o);
  T(room(p[1]));
  T(splice(f, &o, p[1], 0, 1, SPLICE_F_NONBLOCK));
  fresh(p, 0);
  o = 4090;
  T(splice(f, &o, p[1], 0, 10, 0));
  T(write(p[1], big, 3));
  T(fcntl(p[1], F_SETPIPE_SZ, 8192));
  T(fcntl(p[1], F_SETPIPE_SZ, 16384));
  for (int i = 0; i < 3; i++) T(splice(f, &o, p[1], 0, 1, 0));
  drain("spliced", p[0], 4);
  fresh(p, 0);
  off_t so = 10;
  T(sendfile(p[1], f, &so, 200000));
  T(sendfile(p[1], f, &so, 200000));
  printf("at %ld\n", (long)so);
  T(read(p[0], big, 4096));
  T(sendfile(p[1], f, &so, 200000));

  // From pipe to pipe slots move as they are.
  fresh(p, 0);
  fresh(q, 0);
  write(p[1], big, 4000);
  write(p[1], big, 4000);
  write(p[1], big, 4000);
  T(fcntl(q[1], F_SETPIPE_SZ, 8192));
  T(splice(p[0], 0, q[1], 0, 1 << 20, 0));
  T(left(p[0]));
  T(splice(p[0], 0, q[1], 0, 1, SPLICE_F_NONBLOCK));
  T(write(q[1], big, 96));
  T(write(q[1], big, 1));
  T(write(p[1], big, 96));
  drain("moved", q[0], 1 << 20);
  T(splice(p[0], 0, q[1], 0, 100, 0));
  T(write(q[1], big, 100));
  T(write(q[1], big, 3996));
  T(room(q[1]));
  drain("a part", q[0], 1 << 20);
  drain("the rest", p[0], 1 << 20);
  // So do those that tee gives twice.
  for (int i = 0; i < 4; i++) {
    write(p[1], big, 1000);
    write(p[1], big, 4000);
  }
  T(tee(p[0], q[1], 1 << 20, 0));
  T(tee(p[0], q[1], 1 << 20, SPLICE_F_NONBLOCK));
  T(left(q[0]));
  drain("teed", q[0], 700);
  T(tee(p[0], q[1], 1100, 0));
  T(write(q[1], big, 10));
  T(room(q[1]));
  drain("teed", q[0], 700);
  T(read(p[0], big, 1000000));

  // Memory: a slot for each page it lies in. Only the call's own flag keeps it from waiting.
  fresh(p, 0);
  two[0] = 1;
  struct iovec v[3] = {{two + 4000, 200}, {two, 1}, {two, 8192}};
  T(vmsplice(p[1], v, 2, 0));
  T(write(p[1], big, 1));
  T(fcntl(p[1], F_SETPIPE_SZ, 8192));
  T(fcntl(p[1], F_SETPIPE_SZ, 16384));
  T(vmsplice(p[1], v, 3, SPLICE_F_NONBLOCK));
  T(vmsplice(p[1], v, 3, SPLICE_F_NONBLOCK));
  drain("memory", p[0], 1 << 20);
  v[0].iov_base = end - 10;
  T(vmsplice(p[1], v, 2, 0));
  v[0].iov_base = end;
  T(vmsplice(p[1], v, 2, 0));
  drain("memory", p[0], 1 << 20);
  v[0].iov_base = two;
  T(vmsplice(p[0], v, 1, SPLICE_F_NONBLOCK));
  T(write(p[1], big, 300));
  T(vmsplice(p[0], v, 1, 0));
  T(vmsplice(p[0], v, 1, 0));
  // A FIFO that is open for both is written to.
  mkfifo("fifo", 0600);
  int both = open("fifo", O_RDWR | O_NONBLOCK);
  T(vmsplice(both, v, 1, 0));
  T(left(both));
  // Both ends are looked at, each with its own flags.
  fresh(p, 0);
  fresh(q, 0);
  T(splice(p[0], 0, q[1], 0, 10, 0));
  T(splice(p[0], 0, f, 0, 10, 0));
  T(tee(p[0], q[1], 10, 0));
  fcntl(p[0], F_SETFL, 0);
  T(splice(p[0], 0, q[1], 0, 10, 0));
  T(splice(p[0], 0, f, 0, 10, SPLICE_F_NONBLOCK));
  T(tee(p[0], q[1], 10, 0));
  signal(SIGPIPE, SIG_IGN);
  close(q[0]);
  T(splice(p[0], 0, q[1], 0, 10, 0));
  T(splice(f, 0, q[1], 0, 10, 0));
  T(vmsplice(q[1], v, 1, 0));
  write(p[1], big, 3);
  T(splice(p[0], 0, q[1], 0, 10, 0));
  T(tee(p[0], q[1], 10, 0));
  close(p[1]);
  T(splice(p[0], 0, f, 0, 10, 0));
  T(splice(p[0], 0, f, 0, 10, 0));
  T(splice(p[0], 0, q[1], 0, 10, 0));
  T(tee(p[0], q[1], 10, 0));

  // Writers and copies that wait go on when a slot is free.
  pipe(p);
  pipe(q);
  fflush(stdout);
  if (fork() == 0) {
    close(p[1]);
    usleep(50000);
    long sum = 0;
    for (int r; (r = read(p[0], big, 1000)) > 0; sum += r)
      if (sum == 20000) usleep(20000);
    _exit(0);
  }
  close(p[0]);
  for (int i = 0; i < 20; i++) write(p[1], big, 4000);
  T(write(p[1], big, 200001));
  so = 0;
  int total = 0;
  for (int r; (r = sendfile(p[1], f, &so, 1 << 20)) > 0;) total += r;
  printf("sent %d\n", total);
  close(p[1]);
  wait(0);

  return finish();
}
