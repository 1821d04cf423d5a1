// What is asked of a kind of file that has no answer to it, and which error comes first.
// also: volume
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <linux/fs.h>

int main(void) {
  start();
  char b[10];
  int n, p[2], null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR), full = open("/dev/full", O_RDWR);
  pipe(p);
  sigset_t set;
  sigemptyset(&set);
  int nameless[] = {epoll_create1(0), eventfd(1, EFD_NONBLOCK), timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), inotify_init1(IN_NONBLOCK),
                    signalfd(-1, &set, SFD_NONBLOCK)};
  for (int i = 0; i < 5; i++) {
    int x = nameless[i];
    T(fchmod(x, 0600));
    T(fchown(x, -1, -1));
    T(futimens(x, 0));
    T(ioctl(x, FIGETBSZ, &n));
    printf("%d\n", n);
    T(splice(x, 0, p[1], 0, 8, SPLICE_F_NONBLOCK));
  }
  T(ioctl(nameless[0], FIONREAD, &n));
  T(ioctl(nameless[0], 0x1234, &n));
  T(ioctl(p[0], FIGETBSZ, &n));
  // Bytes that nobody looks at need not be there.
  T(write(null, (void *)8, 100));
  T(write(zero, (void *)8, 100));
  T(write(full, (void *)8, 100));
  // Locks.
  make("f", "some text");
  int ro = open("f", O_RDONLY), rw = open("f", O_RDWR);
  struct flock l = {F_WRLCK, SEEK_SET, 0, 0, 1};
  T(fcntl(ro, F_OFD_SETLK, &l));
  T(fcntl(rw, F_OFD_SETLK, &l));
  T(fcntl(rw, F_OFD_GETLK, &l));
  l.l_type = 7;
  T(fcntl(ro, F_OFD_SETLK, &l));
  // Seals.
  int sealed = memfd_create("m", 0);
  T(fcntl(ro, F_ADD_SEALS, 0));
  T(fcntl(p[1], F_ADD_SEALS, 0));
  T(fcntl(p[0], F_ADD_SEALS, 0));
  T(fcntl(sealed, F_ADD_SEALS, 0));
  T(fcntl(sealed, F_ADD_SEALS, 0x1000));
  int shm = open("/dev/shm/odd-requests", O_CREAT | O_RDWR, 0600);
  unlink("/dev/shm/odd-requests");
  T(fcntl(shm, F_GET_SEALS));
  T(fcntl(shm, F_ADD_SEALS, 2));
  // From one file system to another.
  write(sealed, "bytes", 5);
  lseek(sealed, 0, SEEK_SET);
  T(copy_file_range(sealed, 0, rw, 0, 5, 0));
  T(copy_file_range(sealed, 0, ro, 0, 5, 0));
  int dir = open(".", O_RDONLY | O_DIRECTORY);
  T(splice(dir, 0, p[1], 0, 10, 0));
  T(fallocate(shm, 0x80, 0, 10));
  T(fallocate(ro, 0x80, 0, 10));
  T(fallocate(p[1], 0x80, 0, 10));
  T(fallocate(p[1], 0x100, 0, 10));
  // Which kind of file it is comes before what the attribute is called.
  mkfifo("fifo", 0600);
  T(setxattr("fifo", "user.", "x", 1, 0));
  T(setxattr("fifo", "user.a", "x", 1, 0));
  T(getxattr("fifo", "user.", b, 1));
  T(open("", O_TMPFILE | O_RDONLY, 0600));
  T(open("nothing", O_TMPFILE | O_RDONLY, 0600));
  T(open("nothing", O_TMPFILE | O_RDWR, 0600));
  T(open((char *)8, O_TMPFILE | O_RDWR, 0600));
  // One thing at a time, with the size kept or not.
  for (int how = 0; how < 0x100; how++) {
    errno = 0;
    int r = fallocate(p[0], how, 0, 10);
    if (errno != EOPNOTSUPP) printf("fallocate %x: %d %s\n", how, r, error_name());
  }
  T(write(nameless[1], (void *)8, 10));
  T(write(nameless[1], (void *)8, 7));
  // Devices stay where they are.
  off_t o = 5;
  loff_t lo = 7;
  T(sendfile(p[1], zero, &o, 100));
  T(splice(p[0], 0, null, &lo, 50, 0));
  printf("%ld %ld\n", (long)o, (long)lo);
  T(splice(zero, &lo, p[1], 0, 50, 0));
  printf("%ld\n", (long)lo);
  // Into a pipe goes what cannot be sought in, too; not another pipe. Who reads, and room, come first.
  int s[2], q[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  pipe(q);
  write(s[0], "socket", 6);
  T(sendfile(p[1], s[1], 0, 6));
  T(sendfile(rw, s[1], 0, 6));
  T(sendfile(p[1], q[0], 0, 6));
  T(sendfile(nameless[0], rw, 0, 0));
  signal(SIGPIPE, SIG_IGN);
  close(q[0]);
  T(splice(dir, 0, q[1], 0, 10, 0));
  T(sendfile(q[1], rw, 0, 0));
  T(sendfile(q[1], dir, 0, 1));
  // What watchers hear: of a copy that failed nothing, of a vector read at the end of a file that it was read.
  int in = inotify_init1(IN_NONBLOCK);
  make("watched", "text");
  int w = open("watched", O_RDWR);
  inotify_add_watch(in, "watched", IN_ACCESS | IN_MODIFY);
  struct inotify_event e;
  struct iovec v[2] = {{b, 5}, {b, 5}};
#define HEARD() do { e.mask = 0; while (read(in, &e, sizeof e) > 0) printf("heard %x\n", e.mask); } while (0)
  T(sendfile(q[1], w, 0, 4));
  HEARD();
  T(sendfile(p[1], w, 0, 4));
  HEARD();
  T(read(w, b, 5));
  HEARD();
  T(readv(w, v, 2));
  HEARD();
  T(readv(w, v, 0));
  HEARD();
  T(writev(w, v, 0));
  HEARD();
  T(writev(w, v, 2));
  HEARD();
  return finish();
}
