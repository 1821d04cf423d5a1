// AF_UNIX sockets as files: readiness, epoll, requests, what stat and /proc say, splice, and many messages at once.
// also: volume
#include "socket.h"

static int n;
static struct epoll_event ev, got[8];
static void events(int ep, const char *what) {
  int k = epoll_wait(ep, got, 8, 0);
  printf("%s: %d", what, k);
  for (int name = 0; name < 9; name++)
    for (int i = 0; i < k; i++) if (got[i].data.fd == name) printf(" %d:%x", name, got[i].events);
  printf("\n");
}
static void watch(int ep, int fd, int name, unsigned what) {
  ev.events = what;
  ev.data.fd = name;
  if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev)) perror("epoll_ctl");
}

static void readiness(void) {
  puts("-- epoll");
  int ep = epoll_create1(0);
  pair(SOCK_STREAM);
  watch(ep, sv[0], 0, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  watch(ep, sv[1], 1, EPOLLIN | EPOLLRDHUP);
  events(ep, "fresh");
  events(ep, "again");
  send(sv[0], "abc", 3, 0);
  events(ep, "one sent");
  get(sv[1], 1, 0);
  events(ep, "some read");
  get(sv[1], 9, 0);
  events(ep, "all read");
  send(sv[1], "x", 1, 0);
  events(ep, "to the edge");
  events(ep, "again");
  send(sv[1], "y", 1, 0);
  events(ep, "more to the edge");
  while (send(sv[0], text, 5000, MSG_DONTWAIT) > 0) ;
  events(ep, "full");
  while (recv(sv[1], text, 5000, MSG_DONTWAIT) > 0) ;
  events(ep, "empty");
  shutdown(sv[0], SHUT_WR);
  events(ep, "shut for sending");
  close(sv[0]);
  events(ep, "closed");
  close(sv[1]);
  events(ep, "both");
  int s = socket(AF_UNIX, SOCK_STREAM, 0), t = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(s, sa, path("ep"));
  watch(ep, s, 2, EPOLLIN | EPOLLOUT);
  watch(ep, t, 3, EPOLLIN | EPOLLOUT);
  events(ep, "unconnected");
  listen(s, 1);
  events(ep, "listening");
  connect(t, sa, path("ep"));
  events(ep, "connected");
  int d = accept(s, 0, 0);
  events(ep, "accepted");
  close(d);
  events(ep, "closed");
  close(t);
  close(s);
  close(ep);
  puts("-- poll wakes");
  pair(SOCK_STREAM);
  fflush(stdout);
  if (!fork()) {
    usleep(100000);
    send(sv[1], "w", 1, 0);
    usleep(100000);
    close(sv[0]);
    close(sv[1]);
    _exit(0);
  }
  close(sv[1]);
  struct pollfd p = {sv[0], POLLIN | POLLRDHUP, 0};
  T(poll(&p, 1, 20000));
  printf("%x\n", p.revents);
  get(sv[0], 9, 0);
  T(poll(&p, 1, 20000));
  printf("%x\n", p.revents);
  fd_set r, w, x;
  FD_ZERO(&r); FD_ZERO(&w); FD_ZERO(&x);
  FD_SET(sv[0], &r), FD_SET(sv[0], &w), FD_SET(sv[0], &x);
  T(select(sv[0] + 1, &r, &w, &x, 0));
  printf("%d %d %d\n", !!FD_ISSET(sv[0], &r), !!FD_ISSET(sv[0], &w), !!FD_ISSET(sv[0], &x));
  wait(0);
  close(sv[0]);
}

static void requests(void) {
  puts("-- requests");
  pair(SOCK_STREAM);
  send(sv[0], "four", 4, 0);
  T(ioctl(sv[1], FIONREAD, &n));
  printf("%d\n", n);
  T(ioctl(sv[1], FIONREAD, (void *)8));
  n = 1;
  T(ioctl(sv[0], FIONBIO, &n));
  get(sv[0], 1, 0);
  printf("%x\n", fcntl(sv[0], F_GETFL));
  n = 0;
  T(ioctl(sv[0], FIONBIO, &n));
  T(fcntl(sv[0], F_SETFL, O_NONBLOCK | O_APPEND));
  printf("%x\n", fcntl(sv[0], F_GETFL));
  n = getpid();
  T(ioctl(sv[0], 0x8902, &n));
  T(fcntl(sv[0], F_GETOWN) - n);
  n = 0;
  T(ioctl(sv[0], 0x8904, &n));
  T(n - getpid());
  T(ioctl(sv[0], 0x5401, text));
  T(ioctl(sv[0], 0x5413, text));
  done();
  n = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(n, sa, path("io"));
  listen(n, 1);
  int k;
  T(ioctl(n, FIONREAD, &k));
  T(ioctl(n, TIOCOUTQ, &k));
  close(n);
}

static void as_files(void) {
  puts("-- as files");
  pair(SOCK_STREAM);
  struct stat s, z;
  T(fstat(sv[0], &s));
  fstat(sv[1], &z);
  printf("mode %o nlink %ld uid %d size %ld block %ld rdev %ld, same device %d, same inode %d\n", s.st_mode, (long)s.st_nlink, s.st_uid, (long)s.st_size, (long)s.st_blksize, (long)s.st_rdev, s.st_dev == z.st_dev, s.st_ino == z.st_ino);
  char link[64], to[100], want[100];
  sprintf(link, "/proc/self/fd/%d", sv[0]);
  to[readlink(link, to, 99)] = 0;
  sprintf(want, "socket:[%ld]", (long)s.st_ino);
  printf("link %d\n", !strncmp(to, want, strlen(want)));
  stat(link, &z);
  printf("same %d\n", z.st_ino == s.st_ino && z.st_dev == s.st_dev);
  T(open(link, O_RDWR));
  T(fchmod(sv[0], 0640));
  T(fchown(sv[0], 3, 4));
  fstat(sv[0], &s);
  printf("mode %o uid %d gid %d\n", s.st_mode, s.st_uid, s.st_gid);
  struct statfs f;
  T(fstatfs(sv[0], &f));
  printf("type %lx\n", (long)f.f_type);
  T(lseek(sv[0], 0, SEEK_SET));
  T(pread(sv[0], text, 1, 0));
  T(pwrite(sv[0], text, 1, 0));
  T(ftruncate(sv[0], 0));
  T(fsync(sv[0]));
  T(fdatasync(sv[0]));
  T((long)mmap(0, 4096, PROT_READ, MAP_SHARED, sv[0], 0));
  T(fallocate(sv[0], 0, 0, 1));
  T(flock(sv[0], LOCK_EX));
  T(posix_fadvise(sv[0], 0, 0, 0));
  T(read(sv[0], (void *)8, 0));
  T(write(sv[0], (void *)8, 0));
  done();
  T(send(0, "x", 1, 0));
  T(getsockname(0, sa, (void *)&n));
  T(connect(99, sa, 2));
}

static void splices(void) {
  puts("-- splice and sendfile");
  int p[2];
  pair(SOCK_STREAM);
  pipe(p);
  make("data", "the contents of a file");
  int f = open("data", O_RDONLY);
  T(sendfile(sv[0], f, 0, 12));
  get(sv[1], 99, 0);
  off_t at = 4;
  T(sendfile(sv[0], f, &at, 100));
  get(sv[1], 99, 0);
  send(sv[0], "through a pipe", 14, 0);
  T(splice(sv[1], 0, p[1], 0, 7, 0));
  T(splice(sv[1], 0, p[1], 0, 100, SPLICE_F_NONBLOCK));
  T(splice(sv[1], 0, p[1], 0, 100, SPLICE_F_NONBLOCK));
  T(splice(sv[1], &at, p[1], 0, 100, 0));
  T(splice(p[0], 0, sv[1], 0, 100, 0));
  get(sv[0], 99, 0);
  T(splice(f, 0, sv[0], 0, 100, 0));
  T(tee(sv[0], p[1], 5, 0));
  T(copy_file_range(f, 0, sv[0], 0, 5, 0));
  shutdown(sv[0], SHUT_WR);
  T(splice(sv[1], 0, p[1], 0, 100, 0));
  T(sendfile(sv[0], f, &at, 1));
  done();
  // More than fits: the reader gets every byte once.
  int big = open("big", O_RDWR | O_CREAT, 0600);
  for (int i = 0; i < 1 << 18; i++) ((int *)text)[i] = i;
  write(big, text, 1 << 20);
  lseek(big, 0, SEEK_SET);
  pair(SOCK_STREAM);
  fflush(stdout);
  if (!fork()) {
    close(sv[0]);
    int v, want = 0;
    while (recv(sv[1], &v, 4, MSG_WAITALL) == 4) if (v != want++) _exit(9);
    _exit(want == 1 << 18 ? 7 : 8);
  }
  close(sv[1]);
  long sent = 0, k;
  while (sent < 1 << 20 && (k = sendfile(sv[0], big, 0, (1 << 20) - sent)) > 0) sent += k;
  printf("sent %ld\n", sent);
  close(sv[0]);
  wait(&n);
  printf("reader %x\n", n);
  puts("-- datagrams of files");
  pair(SOCK_DGRAM);
  at = 0;
  T(sendfile(sv[0], f, &at, 5));
  get(sv[1], 99, 0);
  send(sv[0], "datagram", 8, 0);
  T(splice(sv[1], 0, p[1], 0, 4, 0));
  T(splice(p[0], 0, sv[0], 0, 100, 0));
  get(sv[1], 99, MSG_DONTWAIT);
  done();
}

static void many(int type) {
  printf("-- many messages, type %d\n", type);
  struct mmsghdr m[5];
  struct iovec v[5];
  char b[5][8];
  struct timespec t = {0, 50000000};
  pair(type);
  for (int i = 0; i < 5; i++) {
    sprintf(b[i], "m%d", i);
    v[i] = (struct iovec){b[i], 2};
    m[i] = (struct mmsghdr){{.msg_iov = v + i, .msg_iovlen = 1}, 77};
  }
  T(sendmmsg(sv[0], m, 3, 0));
  printf("%d %d %d %d\n", m[0].msg_len, m[1].msg_len, m[2].msg_len, m[3].msg_len);
  v[3].iov_base = (void *)8;
  T(sendmmsg(sv[0], m + 2, 3, 0));
  T(sendmmsg(sv[0], m + 3, 2, 0));
  T(sendmmsg(sv[0], m, 0, 0));
  T(sendmmsg(sv[0], (void *)8, 3, 0));
  T(sendmmsg(0, m, 1, 0));
  v[3].iov_base = b[3];
  memset(b, 0, sizeof b);
  for (int i = 0; i < 5; i++) v[i].iov_len = type == SOCK_STREAM ? 2 : 8;
  T(recvmmsg(sv[1], m, 2, 0, 0));
  printf("[%s %d][%s %d]\n", b[0], m[0].msg_len, b[1], m[1].msg_len);
  T(recvmmsg(sv[1], m, 5, MSG_WAITFORONE, 0));
  printf("[%s %d][%s %d]\n", b[0], m[0].msg_len, b[1], m[1].msg_len);
  T(recvmmsg(sv[1], m, 5, MSG_DONTWAIT, 0));
  T(recvmmsg(sv[1], m, 0, 0, 0));
  t.tv_nsec = 1000000000;
  T(recvmmsg(sv[1], m, 1, 0, &t));
  T(recvmmsg(sv[1], m, 1, 0, (void *)8));
  fflush(stdout);
  if (!fork()) {
    for (int i = 0; i < 3; i++) {
      usleep(100000);
      send(sv[0], "zz", 2, 0);
    }
    _exit(0);
  }
  t = (struct timespec){0, 150000000};
  int k = recvmmsg(sv[1], m, 5, 0, &t);
  printf("timed: %s, left %ld %ld\n", k == 2 || k == 3 || k == 1 ? "some" : "wrong", (long)t.tv_sec, (long)t.tv_nsec);
  wait(0);
  while (recv(sv[1], text, 10, MSG_DONTWAIT) > 0) ;
  send(sv[0], "a", 1, 0);
  send(sv[0], "b", 1, 0);
  struct timeval tv = {0, 50000};
  setsockopt(sv[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
  T(recvmmsg(sv[1], m, 5, 0, 0));
  T(recvmmsg(sv[1], m, 5, 0, 0));
  send(sv[0], "a", 1, 0);
  v[1].iov_base = (void *)8;
  send(sv[0], "b", 1, 0);
  m[1].msg_hdr.msg_iovlen = 2000;
  k = recvmmsg(sv[1], m, 2, 0, 0);
  printf("then an error: %d\n", k);
  T(recvmmsg(sv[1], m, 1, MSG_DONTWAIT, 0));
  done();
}

static void listed(void) {
  puts("-- /proc/net/unix");
  int s = socket(AF_UNIX, SOCK_STREAM, 0), t = socket(AF_UNIX, SOCK_STREAM, 0), d = socket(AF_UNIX, SOCK_DGRAM, 0);
  bind(s, sa, path("listed-kanmon"));
  listen(s, 1);
  connect(t, sa, path("listed-kanmon"));
  bind(d, sa, abstract("listed-kanmon"));
  FILE *f = fopen("/proc/net/unix", "r");
  char line[300], num[32], name[200];
  unsigned refs, protocol, flags, type, state;
  long ino;
  struct stat st;
  fstat(s, &st);
  fgets(line, sizeof line, f);
  fputs(line, stdout);
  // In no certain order.
  for (int pass = 0; pass < 3; pass++) for (rewind(f); fgets(line, sizeof line, f); ) {
    if (!strstr(line, "listed-kanmon") || (strstr(line, "00010000") ? 0 : strchr(line, '@') ? 1 : 2) != pass) continue;
    int k = sscanf(line, "%[^:]: %x %x %x %x %x %ld %s", num, &refs, &protocol, &flags, &type, &state, &ino, name);
    printf("%d: %s protocol %x flags %x type %x state %x inode %s %c\n", k, strlen(num) == 16 ? "number" : num, protocol, flags, type, state, ino == st.st_ino ? "its own" : ino ? "other" : "none", name[0]);
  }
  fclose(f);
}

int main(void) {
  begin();
  signal(SIGPIPE, SIG_IGN);
  readiness();
  requests();
  as_files();
  splices();
  many(SOCK_DGRAM);
  many(SOCK_STREAM);
  listed();
  cat("/proc/sys/net/unix/max_dgram_qlen");
  return finish();
}
