// Descriptors and credentials in messages (SCM_RIGHTS, SCM_CREDENTIALS): what arrives, what is cut off, what is lost.
#include "socket.h"

static union { char b[2048]; struct cmsghdr align; } ctl;
static struct iovec iov;
static struct msghdr mh;

static int put_rights(int at, const int *fds, int n) {
  struct cmsghdr *c = (void *)(ctl.b + at);
  c->cmsg_len = CMSG_LEN(4 * n);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  memcpy(CMSG_DATA(c), fds, 4 * n);
  return at + CMSG_SPACE(4 * n);
}
static int put_creds(int at, int pid, int uid, int gid) {
  struct cmsghdr *c = (void *)(ctl.b + at);
  struct ucred u = {pid, uid, gid};
  c->cmsg_len = CMSG_LEN(sizeof u);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_CREDENTIALS;
  memcpy(CMSG_DATA(c), &u, sizeof u);
  return at + CMSG_SPACE(sizeof u);
}
static long out(int fd, const char *t, int control) {
  iov = (struct iovec){(void *)t, strlen(t)};
  mh = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control ? ctl.b : 0, .msg_controllen = control};
  return sendmsg(fd, &mh, 0);
}
static long give(int fd, const char *t, const int *fds, int n) { return out(fd, t, put_rights(0, fds, n)); }
static int last[300];
static int me;
// Receives and shows everything; what came is kept in last[] and closed.
static int in(int fd, int n, int room, int flags) {
  memset(text, '.', 64);
  memset(ctl.b, 0x77, sizeof ctl.b);
  iov = (struct iovec){text, n};
  mh = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1, .msg_control = room ? ctl.b : 0, .msg_controllen = room};
  errno = 0;
  long r = recvmsg(fd, &mh, flags);
  printf("  %ld %s [%.*s] flags %x control %ld", r, r < 0 ? error_name() : "-", r < 0 ? 0 : (int)r, text, mh.msg_flags, (long)mh.msg_controllen);
  int count = 0;
  if (r >= 0) for (struct cmsghdr *c = CMSG_FIRSTHDR(&mh); c; c = CMSG_NXTHDR(&mh, c)) {
    printf(" {%ld %d %d", (long)c->cmsg_len, c->cmsg_level, c->cmsg_type);
    if (c->cmsg_type == SCM_RIGHTS) {
      int k = (c->cmsg_len - CMSG_LEN(0)) / 4;
      memcpy(last + count, CMSG_DATA(c), 4 * k);
      for (int i = 0; i < k && i < 3; i++) printf(" %s", fcntl(last[count + i], F_GETFD) == FD_CLOEXEC ? "cloexec" : fcntl(last[count + i], F_GETFD) < 0 ? "bad" : "fd");
      count += k;
    } else {
      struct ucred u = {-9, -9, -9};
      int k = c->cmsg_len - CMSG_LEN(0);
      memcpy(&u, CMSG_DATA(c), k < 12 ? k : 12);
      printf(" %s %d %d", u.pid == me ? "self" : u.pid == 0 ? "none" : "other", u.uid, u.gid);
    }
    printf("}");
  }
  printf("\n");
  for (int i = 0; i < count; i++) close(last[i]);
  return count;
}
static int open_fds(void) {
  int n = 0;
  for (int i = 0; i < 200; i++) n += fcntl(i, F_GETFD) >= 0;
  return n;
}
#define IN(...) do { puts("recvmsg(" #__VA_ARGS__ ")"); in(__VA_ARGS__); } while (0)

static void rights(int type) {
  printf("-- rights, type %d\n", type);
  int fds[300], p[2];
  pair(type);
  make("f", "contents");
  fds[0] = open("f", O_RDONLY);
  fds[1] = 1;
  int before = open_fds();
  T(give(sv[0], "one", fds, 1));
  IN(sv[1], 10, 100, 0);
  T(give(sv[0], "cloexec", fds, 1));
  IN(sv[1], 10, 100, MSG_CMSG_CLOEXEC);
  T(give(sv[0], "two", fds, 2));
  IN(sv[1], 10, 100, 0);
  T(give(sv[0], "no room", fds, 2));
  IN(sv[1], 10, 0, 0);
  T(give(sv[0], "little", fds, 2));
  IN(sv[1], 10, 16, 0);
  T(give(sv[0], "for one", fds, 2));
  IN(sv[1], 10, 20, 0);
  T(give(sv[0], "nearly", fds, 2));
  IN(sv[1], 10, 23, 0);
  T(give(sv[0], "for two", fds, 2));
  IN(sv[1], 10, 24, 0);
  T(give(sv[0], "by read", fds, 1));
  T(read(sv[1], text, 10));
  T(give(sv[0], "by recv", fds, 1));
  get(sv[1], 10, 0);
  T(give(sv[0], "look", fds, 1));
  IN(sv[1], 10, 100, MSG_PEEK);
  IN(sv[1], 10, 100, 0);
  T(give(sv[0], "bytes", fds, 1));
  IN(sv[1], 2, 100, 0);
  IN(sv[1], 9, 100, MSG_DONTWAIT);
  send(sv[0], "plain", 5, 0);
  give(sv[0], "with", fds, 1);
  give(sv[0], "more", fds, 1);
  send(sv[0], "tail", 4, 0);
  for (int i = 0; i < 4; i++) IN(sv[1], 99, 100, MSG_DONTWAIT);
  send(sv[0], "plain", 5, 0);
  give(sv[0], "with", fds, 1);
  IN(sv[1], 99, 100, MSG_PEEK);
  IN(sv[1], 7, 100, 0);
  IN(sv[1], 7, 100, MSG_DONTWAIT);
  T(give(sv[0], "", fds, 1));
  IN(sv[1], 7, 100, MSG_DONTWAIT);
  T(give(sv[0], "none", fds, 0));
  IN(sv[1], 7, 100, MSG_DONTWAIT);
  int n = put_rights(0, fds, 1);
  T(out(sv[0], "twice", put_rights(n, fds, 2)));
  IN(sv[1], 7, 100, 0);
  puts("bad ones");
  fds[2] = 99;
  T(give(sv[0], "bad", fds + 2, 1));
  fds[2] = -1;
  T(give(sv[0], "bad", fds, 3));
  for (int i = 0; i < 300; i++) fds[i] = 0;
  T(give(sv[0], "many", fds, 254));
  T(give(sv[0], "most", fds, 253));
  IN(sv[1], 7, sizeof ctl.b, 0);
  n = put_rights(0, fds, 200);
  T(out(sv[0], "sum", put_rights(n, fds, 60)));
  put_rights(0, fds, 1);
  struct cmsghdr *c = (void *)ctl.b;
  c->cmsg_len = 8;
  T(out(sv[0], "short", 24));
  c->cmsg_len = 200;
  T(out(sv[0], "long", 24));
  c->cmsg_len = CMSG_LEN(4);
  T(out(sv[0], "cut", 19));
  T(out(sv[0], "tiny", 10));
  c->cmsg_type = 9;
  T(out(sv[0], "type", 24));
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_level = 7;
  T(out(sv[0], "level", 24));
  mh.msg_control = (void *)8;
  T(sendmsg(sv[0], &mh, 0));
  mh.msg_controllen = 1 << 30;
  T(sendmsg(sv[0], &mh, 0));
  mh.msg_controllen = 0;
  mh.msg_iovlen = 1025;
  T(sendmsg(sv[0], &mh, 0));
  mh.msg_iovlen = 1;
  mh.msg_iov = (void *)8;
  T(sendmsg(sv[0], &mh, 0));
  mh.msg_iov = &iov;
  mh.msg_name = sa;
  mh.msg_namelen = -1;
  T(sendmsg(sv[0], &mh, 0));
  T(sendmsg(sv[0], (void *)8, 0));
  T(recvmsg(sv[0], (void *)8, 0));
  while (recv(sv[1], text, 99, MSG_DONTWAIT) > 0);
  printf("leaked %d\n", open_fds() - before);
  puts("shared position");
  fds[0] = open("f", O_RDONLY);
  give(sv[0], "pos", fds, 1);
  read(fds[0], text, 3);
  iov = (struct iovec){text, 9};
  mh = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl.b, .msg_controllen = 100};
  recvmsg(sv[1], &mh, 0);
  int fd = *(int *)CMSG_DATA(CMSG_FIRSTHDR(&mh));
  get(0, 0, 0);
  T(lseek(fd, 0, SEEK_CUR));
  close(fd);
  close(fds[0]);
  puts("a pipe's end in flight");
  pipe(p);
  give(sv[0], "w", p + 1, 1);
  close(p[1]);
  fcntl(p[0], F_SETFL, O_NONBLOCK);
  T(read(p[0], text, 1));
  get(sv[1], 1, 0);
  T(read(p[0], text, 1));
  pipe(p);
  give(sv[0], "w", p + 1, 1);
  close(p[1]);
  done();
  T(read(p[0], text, 1));
  struct rlimit l = {1, 3000};
  puts("no numbers left");
  pair(type);
  fds[0] = fds[1] = fds[2] = 1;
  give(sv[0], "full", fds, 3);
  l.rlim_cur = sv[1] + 2;
  while (dup(0) < sv[1]) ;
  setrlimit(RLIMIT_NOFILE, &l);
  IN(sv[1], 9, 100, 0);
  l.rlim_cur = 3000;
  setrlimit(RLIMIT_NOFILE, &l);
  done();
}

static void credentials(int type) {
  printf("-- credentials, type %d\n", type);
  int one = 1;
  pair(type);
  T(out(sv[0], "plain", put_creds(0, me, 0, 0)));
  IN(sv[1], 9, 100, 0);
  send(sv[0], "before", 6, 0);
  T(setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &one, 4));
  IN(sv[1], 9, 100, 0);
  send(sv[0], "auto", 4, 0);
  IN(sv[1], 9, 100, 0);
  send(sv[0], "auto", 4, 0);
  IN(sv[1], 9, 0, 0);
  send(sv[0], "auto", 4, 0);
  IN(sv[1], 9, 20, 0);
  T(out(sv[0], "none", put_creds(0, 0, 0, 0)));
  T(out(sv[0], "no such", put_creds(0, 0x3ffffff, 0, 0)));
  T(out(sv[0], "others", put_creds(0, getppid(), 5, 6)) < 0);
  while (recv(sv[1], text, 20, MSG_DONTWAIT) > 0);
  T(out(sv[0], "mine", put_creds(0, me, 7, 8)));
  IN(sv[1], 9, 100, 0);
  T(out(sv[0], "bad", put_creds(0, me, -1, 8)));
  ((struct cmsghdr *)ctl.b)->cmsg_len--;
  T(out(sv[0], "short", 32));
  int fd = 1, n = put_creds(0, me, 0, 0);
  T(out(sv[0], "both", put_rights(n, &fd, 1)));
  IN(sv[1], 9, 100, 0);
  T(out(sv[0], "both", put_rights(put_creds(0, me, 0, 0), &fd, 1)));
  IN(sv[1], 9, 40, 0);
  get(sv[1], 9, MSG_DONTWAIT);
  CHILD(
    setresgid(11, 12, 13);
    setresuid(21, 22, 23);
    send(sv[0], "child", 5, 0);
    T(out(sv[0], "saved", put_creds(0, getpid(), 23, 13)));
    T(out(sv[0], "effective", put_creds(0, getpid(), 22, 12)));
    T(out(sv[0], "not mine", put_creds(0, getpid(), 24, 12)));
    T(out(sv[0], "not mine", put_creds(0, getpid(), 22, 0)));
    T(out(sv[0], "not me", put_creds(0, me, 22, 12)));
  );
  send(sv[0], "parent", 6, 0);
  for (int i = 0; i < 4; i++) IN(sv[1], 99, 100, MSG_DONTWAIT);
  done();
  pair(type);
  T(setsockopt(sv[0], SOL_SOCKET, SO_PASSCRED, &one, 4));
  send(sv[0], "sender asks", 11, 0);
  T(setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &one, 4));
  IN(sv[1], 99, 100, MSG_DONTWAIT);
  int zero = 0;
  setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &zero, 4);
  T(read(sv[1], text, 0));
  close(sv[0]);
  setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &one, 4);
  IN(sv[1], 99, 100, MSG_DONTWAIT);
  close(sv[1]);
}

int main(void) {
  begin();
  signal(SIGPIPE, SIG_IGN);
  me = getpid();
  int base = open_fds();
  // Without the capabilities that lift limits and let a process name others.
  struct { unsigned version; int pid; } header = {0x20080522, 0};
  struct { unsigned effective, permitted, inheritable; } caps[2];
  syscall(SYS_capget, &header, caps);
  caps[0].effective &= ~(1 << 21 | 1 << 24);
  caps[0].permitted &= ~(1 << 21 | 1 << 24);
  syscall(SYS_capset, &header, caps);
  struct rlimit l = {3000, 3000};
  setrlimit(RLIMIT_NOFILE, &l);
  rights(SOCK_STREAM);
  rights(SOCK_DGRAM);
  rights(SOCK_SEQPACKET);
  credentials(SOCK_STREAM);
  credentials(SOCK_DGRAM);
  puts("-- not accepted yet");
  int s = socket(AF_UNIX, SOCK_STREAM, 0), t = socket(AF_UNIX, SOCK_STREAM, 0), one = 1, d;
  bind(s, sa, path("s"));
  listen(s, 5);
  setsockopt(s, SOL_SOCKET, SO_PASSCRED, &one, 4);
  connect(t, sa, path("s"));
  send(t, "who", 3, 0);
  d = accept(s, 0, 0);
  socklen_t n = 4;
  getsockopt(d, SOL_SOCKET, SO_PASSCRED, &one, &n);
  printf("inherited %d\n", one);
  IN(d, 9, 100, 0);
  one = 1;
  T(setsockopt(socket(AF_UNIX, SOCK_DGRAM, 0), SOL_SOCKET, SO_PASSCRED, &one, 4));

  puts("-- sockets in each other");
  int failures = 0;
  for (int i = 0; i < 1000; i++) {
    int a[2], b[2];
    if (socketpair(AF_UNIX, i % 2 ? SOCK_STREAM : SOCK_DGRAM, 0, a) || socketpair(AF_UNIX, SOCK_STREAM, 0, b)) {
      printf("%d: %s\n", i, error_name());
      break;
    }
    // Each end lies in the other pair's queue, or in its own.
    if (give(a[0], "x", b, 2) != 1 || give(b[0], "y", a, 2) != 1 || give(a[0], "z", a + 1, 1) != 1) {
      // Linux collects in the background.
      usleep(1000);
      failures++;
    }
    close(a[0]), close(a[1]), close(b[0]), close(b[1]);
  }
  printf("descriptors %d, %s\n", open_fds() - base, failures < 1000 ? "collected" : "lost");
  // Another socket's end lets what is left be found.
  for (int i = 0; i < 50; i++) {
    pair(SOCK_STREAM);
    done();
    usleep(1000);
  }
  puts("-- a long chain");
  pair(SOCK_STREAM);
  int held = sv[0], next = sv[1];
  for (int i = 0; i < 1000; i++) {
    int a[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, a);
    if (give(a[0], "c", &next, 1) != 1) printf("%d: %s\n", i, error_name());
    close(next);
    next = a[1];
    close(a[0]);
  }
  send(held, "alive", 5, MSG_DONTWAIT);
  ready("end of the chain", held);
  close(next);
  // Linux lets go of it later.
  for (int i = 0; i < 500; i++) {
    struct pollfd p = {held, 0, 0};
    if (poll(&p, 1, 10) == 1) break;
  }
  ready("chain gone", held);
  close(held);
  puts("-- too many");
  CHILD(
    struct rlimit l = {40, 40};
    setrlimit(RLIMIT_NOFILE, &l);
    setgid(77);
    setuid(7777);
    pair(SOCK_STREAM);
    int k = 0;
    int fds[10] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    while (give(sv[0], "x", fds, 10) == 1) k++;
    printf("%d, %s\n", k, error_name());
    in(sv[1], 1, 100, 0);
    T(give(sv[0], "x", fds, 10));
    T(give(sv[0], "x", fds, 10));
    T(send(sv[0], "x", 1, 0));
  );
  return finish();
}
