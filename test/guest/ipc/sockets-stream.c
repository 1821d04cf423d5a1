// AF_UNIX streams between two ends: bytes, shutting down, closing, SIGPIPE, waiting, timeouts.
#include "socket.h"

static int pipes;
static void on_pipe(int s) { pipes++; }
static void hit(int s) {}
static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

int main(void) {
  begin();
  signal(SIGPIPE, on_pipe);
  T(socket(AF_UNIX, 0, 0));
  T(socket(AF_UNIX, 4, 0));
  T(socket(AF_UNIX, 6, 0));
  T(socket(AF_UNIX, 10, 0));
  T(socket(AF_UNIX, 11, 0));
  T(socket(AF_UNIX, 16, 0));
  T(socket(AF_UNIX, SOCK_STREAM | 0x100, 0));
  T(socket(AF_UNIX, SOCK_STREAM, 2));
  T(socket(AF_UNIX, SOCK_STREAM, -1));
  T(socket(46, SOCK_STREAM, 0));
  T(socket(-1, SOCK_STREAM, 0));
  T(socket(AF_UNSPEC, SOCK_STREAM, 0));
  T(socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)8));
  T(socketpair(AF_UNIX, SOCK_STREAM, 7, sv));
  T(socketpair(AF_UNIX, SOCK_STREAM | 0x40, 0, sv));
  T(socketpair(AF_UNIX, 9, 0, sv));
  int u = socket(AF_UNIX, SOCK_STREAM, 1);
  T(send(u, "x", 1, MSG_NOSIGNAL));
  T(recv(u, text, 1, 0));
  T(write(u, "", 0));
  T(read(u, text, 0));
  T(read(u, text, 1));
  T(shutdown(u, 3));
  T(shutdown(u, -1));
  T(shutdown(u, SHUT_RD));
  ready("unconnected", u);
  close(u);
  T(send(77, "x", 1, 0));
  T(send(0, "x", 1, 0));
  T(listen(0, 1));
  T(shutdown(0, 1));

  puts("-- bytes");
  T(pair(SOCK_STREAM));
  T(send(sv[0], "hello", 5, 0));
  T(write(sv[0], " world", 6));
  get(sv[1], 3, 0);
  get(sv[1], 100, MSG_PEEK);
  get(sv[1], 100, 0);
  get(sv[1], 100, MSG_DONTWAIT);
  T(send(sv[0], "", 0, 0));
  get(sv[1], 100, MSG_DONTWAIT);
  T(send(sv[0], (void *)8, 10, 0));
  T(send(sv[0], "abc", 3, 0));
  T(recv(sv[1], (void *)8, 3, 0));
  get(sv[1], 3, MSG_TRUNC);
  get(sv[1], 3, MSG_DONTWAIT | MSG_ERRQUEUE);
  struct iovec v[3] = {{"one", 3}, {"", 0}, {"two!", 4}};
  T(writev(sv[0], v, 3));
  char a[2], b[10];
  struct iovec w[2] = {{a, 2}, {b, 10}};
  T(readv(sv[1], w, 2));
  printf("[%.2s][%.5s]\n", a, b);
  T(sendto(sv[0], "x", 1, 0, sa, path("nobody")));
  T(sendto(sv[0], "x", 1, 0, sa, 0));
  get(sv[1], 5, 0);
  T(send(sv[0], "waits for all", 13, MSG_EOR | MSG_MORE));
  get(sv[1], 13, MSG_WAITALL);
  fflush(stdout);
  if (!fork()) {
    send(sv[0], "first ", 6, 0);
    usleep(100000);
    send(sv[0], "second", 6, 0);
    _exit(0);
  }
  get(sv[1], 12, MSG_WAITALL);
  wait(0);
  done();

  puts("-- no room");
  T(pair(SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC));
  T(fcntl(sv[0], F_GETFL));
  T(fcntl(sv[1], F_GETFD));
  get(sv[1], 1, 0);
  int q;
  long sent = 0, calls = 0, r;
  while ((r = send(sv[0], text, 1000, 0)) > 0) sent += r, calls++;
  printf("%ld in %ld, %s\n", sent, calls, error_name());
  ready("full", sv[0]);
  T(ioctl(sv[0], TIOCOUTQ, &q));
  printf("out %d\n", q);
  T(ioctl(sv[1], FIONREAD, &q));
  printf("in %d\n", q);
  T(recv(sv[1], text, 40000, 0));
  ready("40000 read", sv[0]);
  T(recv(sv[1], text, 40000, 0));
  ready("80000 read", sv[0]);
  T(send(sv[0], text, 1 << 20, 0));
  T(send(sv[0], text, 1, 0));
  done();
  int sizes[] = {1, 192, 193, 705, 3777, 10000, 36545, 100000, 300000};
  for (int i = 0; i < 9; i++) {
    pair(SOCK_STREAM | SOCK_NONBLOCK);
    sent = calls = 0;
    while ((r = send(sv[0], text, sizes[i], 0)) > 0) sent += r, calls++;
    ioctl(sv[0], TIOCOUTQ, &q);
    printf("by %d: %ld bytes, %ld calls, %d charged\n", sizes[i], sent, calls, q);
    done();
  }

  puts("-- a writer waits");
  pair(SOCK_STREAM);
  fflush(stdout);
  if (!fork()) {
    long n = 0;
    while (n < 700000) n += recv(sv[1], text, 9000, 0);
    _exit(n == 700000 ? 5 : 6);
  }
  memset(text, 'y', 700000);
  T(write(sv[0], text, 700000));
  wait(&q);
  printf("reader %x\n", q);
  done();

  puts("-- shut down");
  pair(SOCK_STREAM);
  send(sv[0], "left", 4, 0);
  T(shutdown(sv[0], SHUT_WR));
  ready("shut for sending", sv[0]);
  ready("its peer", sv[1]);
  T(send(sv[0], "x", 1, 0));
  T(send(sv[0], "x", 1, MSG_NOSIGNAL));
  printf("SIGPIPE %d\n", pipes);
  get(sv[1], 10, 0);
  get(sv[1], 10, 0);
  T(send(sv[1], "back", 4, 0));
  get(sv[0], 10, 0);
  T(shutdown(sv[1], SHUT_RDWR));
  ready("both", sv[0]);
  T(write(sv[1], "x", 1));
  printf("SIGPIPE %d\n", pipes);
  get(sv[0], 10, 0);
  done();
  pair(SOCK_STREAM);
  send(sv[1], "before", 6, 0);
  T(shutdown(sv[0], SHUT_RD));
  T(send(sv[1], "after", 5, MSG_NOSIGNAL));
  get(sv[0], 10, 0);
  get(sv[0], 10, 0);
  ready("shut for receiving", sv[0]);
  ready("its peer", sv[1]);
  done();

  puts("-- closed");
  pair(SOCK_STREAM);
  send(sv[1], "rest", 4, 0);
  close(sv[1]);
  ready("peer closed", sv[0]);
  T(send(sv[0], "x", 1, 0));
  T(writev(sv[0], v, 3));
  printf("SIGPIPE %d\n", pipes);
  get(sv[0], 10, 0);
  get(sv[0], 10, 0);
  close(sv[0]);
  pair(SOCK_STREAM);
  send(sv[0], "never read", 10, 0);
  send(sv[1], "rest", 4, 0);
  close(sv[1]);
  ready("peer closed unread", sv[0]);
  socklen_t l = 4;
  get(sv[0], 10, 0);
  get(sv[0], 10, 0);
  get(sv[0], 10, 0);
  close(sv[0]);
  pair(SOCK_STREAM);
  send(sv[0], "never read", 10, 0);
  close(sv[1]);
  T(send(sv[0], "x", 1, 0));
  T(send(sv[0], "x", 1, 0));
  getsockopt(sv[0], SOL_SOCKET, SO_ERROR, &q, &l);
  printf("error %d\n", q);
  name_of("peer", sv[0], 1);
  close(sv[0]);

  puts("-- waiting");
  pair(SOCK_STREAM);
  struct timeval tv = {0, 200000};
  T(setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
  long long before = now();
  get(sv[0], 1, 0);
  long long took = now() - before;
  printf("waited %s\n", took >= 190 && took < 2000 ? "its time" : "wrong");
  T(setsockopt(sv[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv));
  before = now();
  r = send(sv[0], text, 1 << 20, 0);
  printf("sent %s, %s\n", r > 200000 && r < 300000 ? "part" : "wrong", now() - before >= 190 ? "waited" : "did not wait");
  T(send(sv[0], text, 1, 0));
  done();
  for (int again = 0; again < 2; again++) {
    pair(SOCK_STREAM);
    struct sigaction act = {.sa_handler = hit, .sa_flags = again ? SA_RESTART : 0};
    sigaction(SIGALRM, &act, 0);
    fflush(stdout);
    pid_t p = fork();
    if (!p) {
      // Ticks until it is stopped: the call may begin late.
      struct itimerval ticks = {{0, 50000}, {0, 50000}}, none = {0};
      setitimer(ITIMER_REAL, &ticks, 0);
      get(sv[0], 5, 0);
      tv.tv_sec = 30;
      setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
      get(sv[0], 5, 0);
      r = send(sv[0], text, 1 << 20, 0);
      setitimer(ITIMER_REAL, &none, 0);
      printf("interrupted send: %s\n", r < 0 ? error_name() : r < (1 << 20) ? "part" : "all");
      fflush(stdout);
      _exit(0);
    }
    usleep(300000);
    if (again) send(sv[1], "late", 4, 0);
    waitpid(p, &q, 0);
    done();
  }
  pair(SOCK_STREAM);
  int one = 4;
  T(setsockopt(sv[0], SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one));
  send(sv[1], "ab", 2, 0);
  fflush(stdout);
  if (!fork()) {
    usleep(100000);
    send(sv[1], "cdef", 4, 0);
    _exit(0);
  }
  get(sv[0], 10, 0);
  wait(0);
  done();

  puts("-- descriptions");
  pair(SOCK_STREAM);
  int d = dup(sv[0]);
  close(sv[0]);
  T(write(d, "by dup", 6));
  get(sv[1], 10, 0);
  CHILD(close(sv[1]); _exit(write(d, "child", 5) == 5 ? 3 : 4));
  get(sv[1], 10, 0);
  close(d);
  get(sv[1], 10, 0);
  close(sv[1]);
  return finish();
}
