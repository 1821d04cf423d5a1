// Signals about files: O_ASYNC on pipes, sockets and terminals, who they go to and what they say, and F_NOTIFY.
// also: volume
// cc: -lutil
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>

static volatile int got, codes, fds, bands;
static int mine;
static void hit(int s, siginfo_t *i, void *c) {
  got++;
  codes = i->si_code;
  if (i->si_code > 0 && i->si_code <= 6) fds = i->si_fd, bands = i->si_band;
}
// What has come since; signals of the same number that wait together are one.
static void say(const char *what) {
  printf("%s: %s code %d", what, got ? "told" : "not told", codes == SI_KERNEL ? 80 : codes);
  if (fds >= 0) printf(" its descriptor %d band %x", fds == mine, bands);
  printf("\n");
  got = codes = 0;
  fds = -1;
}
static int on(int fd) { return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC); }
static int off(int fd) { return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_ASYNC); }
static void owner(const char *what, int fd) {
  struct f_owner_ex o = {-1, -1};
  fcntl(fd, F_GETOWN_EX, &o);
  int n = fcntl(fd, F_GETOWN);
  printf("%s: owner type %d, me %d, my group %d, number me %d, my group %d, none %d\n", what, o.type, o.pid == getpid(),
         o.pid == getpgrp(), n == getpid(), n == -getpgrp(), n == 0);
}

int main(void) {
  start();
  setpgid(0, 0);
  fds = -1;
  sigaction(SIGIO, &(struct sigaction){.sa_sigaction = hit, .sa_flags = SA_SIGINFO | SA_RESTART}, 0);
  sigaction(SIGRTMIN + 1, &(struct sigaction){.sa_sigaction = hit, .sa_flags = SA_SIGINFO | SA_RESTART}, 0);
  int p[2];
  char b[70000] = {0};
  pipe(p);
  owner("nobody", p[0]);
  T(on(p[0]));
  printf("flag %d\n", (fcntl(p[0], F_GETFL) & O_ASYNC) != 0);
  write(p[1], "a", 1);
  say("without an owner");
  T(fcntl(p[0], F_SETOWN, getpid()));
  owner("a process", p[0]);
  write(p[1], "a", 1);
  say("one byte");
  write(p[1], "a", 1);
  say("one more");
  read(p[0], b, 2);
  say("reading");
  T(fcntl(p[0], F_SETSIG, SIGRTMIN + 1));
  T(fcntl(p[0], F_GETSIG) == SIGRTMIN + 1);
  T(fcntl(p[0], F_SETSIG, 65));
  write(p[1], "a", 1);
  mine = p[0];
  say("a signal of choice");
  T(fcntl(p[0], F_SETSIG, SIGIO));
  write(p[1], "a", 1);
  mine = p[0];
  say("SIGIO with information");
  T(off(p[0]));
  write(p[1], "a", 1);
  say("off");
  T(on(p[0]));
  T(fcntl(p[1], F_SETOWN, getpid()));
  T(on(p[1]));
  read(p[0], b, 100);
  say("to the writer");
  T(off(p[1]));
  close(p[1]);
  mine = p[0];
  say("no writer left");
  close(p[0]);

  // Owners.
  pipe(p);
  T(fcntl(p[0], F_SETOWN, -getpgrp()));
  owner("a group", p[0]);
  T(on(p[0]));
  CHILD({
    write(p[1], "x", 1);
    say("in the child");
  });
  say("and here");
  T(fcntl(p[0], F_SETOWN, 0));
  owner("nobody again", p[0]);
  T(fcntl(p[0], F_SETOWN, 999999));
  T(fcntl(p[0], F_SETOWN, -999999));
  T(fcntl(p[0], F_SETOWN, 0x80000000));
  T(fcntl(p[0], F_SETOWN_EX, &((struct f_owner_ex){F_OWNER_TID, syscall(SYS_gettid)})));
  owner("a thread", p[0]);
  T(fcntl(p[0], F_SETOWN_EX, &((struct f_owner_ex){3, 1})));
  T(fcntl(p[0], F_SETOWN_EX, &((struct f_owner_ex){F_OWNER_PGRP, getpgrp()})));
  owner("a group", p[0]);
  T(fcntl(p[0], F_SETOWN_EX, &((struct f_owner_ex){F_OWNER_PID, 999999})));
  int on1 = 1, none = 0;
  T(ioctl(p[0], FIOASYNC, &none));
  printf("flag %d\n", (fcntl(p[0], F_GETFL) & O_ASYNC) != 0);
  T(ioctl(p[0], FIOASYNC, &on1));
  printf("flag %d\n", (fcntl(p[0], F_GETFL) & O_ASYNC) != 0);
  // Through a copy of the descriptor it is the same description.
  int copy = dup(p[0]);
  close(p[0]);
  write(p[1], "x", 1);
  say("after closing one of two");
  close(copy);
  signal(SIGPIPE, SIG_IGN);
  write(p[1], "x", 1);
  say("closed");

  // Files that have no such events.
  int f = open("file", O_CREAT | O_RDWR, 0600), e = eventfd(0, 0);
  T(on(f));
  printf("flag %d\n", (fcntl(f, F_GETFL) & O_ASYNC) != 0);
  T(ioctl(f, FIOASYNC, &on1));
  T(ioctl(f, FIOASYNC, &none));
  T(on(e));
  T(ioctl(e, FIOASYNC, &on1));
  int in = inotify_init();
  T(fcntl(in, F_SETOWN, getpid()));
  T(on(in));
  inotify_add_watch(in, ".", IN_CREATE);
  make("x", "x");
  say("inotify");

  int s[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  T(ioctl(s[0], FIOSETOWN, &((int){getpid()})));
  owner("a socket", s[0]);
  T(fcntl(s[0], F_SETSIG, SIGIO));
  T(on(s[0]));
  write(s[1], "hello", 5);
  mine = s[0];
  say("bytes");
  read(s[0], b, 100);
  say("reading");
  shutdown(s[1], SHUT_WR);
  mine = s[0];
  say("no more to come");
  close(s[1]);
  mine = s[0];
  say("the other end closed");
  struct sockaddr_un a = {AF_UNIX, "listener"};
  int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(l, (void *)&a, sizeof a);
  listen(l, 2);
  T(fcntl(l, F_SETOWN, getpid()));
  T(on(l));
  T(connect(c, (void *)&a, sizeof a));
  say("a connection");
  socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
  T(fcntl(s[0], F_SETOWN, getpid()));
  T(on(s[0]));
  send(s[1], "x", 1, 0);
  say("a datagram");

  int m, t;
  openpty(&m, &t, 0, 0, 0);
  T(on(t));
  owner("a terminal", t);
  write(m, "x", 1);
  say("half a line");
  write(m, "\n", 1);
  usleep(100000); // Linux takes it to the other end in a thread of its own.
  say("a line");
  T(fcntl(t, F_GETFL) & O_ASYNC ? 1 : 0);

  // Directories.
  T(fcntl(f, F_NOTIFY, DN_CREATE));
  mkdir("d", 0755);
  int d = open("d", O_RDONLY);
  T(fcntl(d, F_SETSIG, SIGIO));
  T(fcntl(d, F_NOTIFY, DN_CREATE));
  owner("a directory", d);
  make("d/one", "1");
  mine = d;
  say("a name is made");
  make("d/two", "2");
  say("once only");
  T(fcntl(d, F_NOTIFY, DN_ACCESS | DN_MODIFY | DN_MULTISHOT));
  cat("d/one");
  say("read");
  make("d/one", "11");
  say("written");
  chmod("d/one", 0600);
  say("changed");
  T(fcntl(d, F_NOTIFY, DN_ATTRIB | DN_DELETE | DN_RENAME));
  chmod("d/one", 0644);
  say("changed");
  make("d/one", "1");
  say("written");
  unlink("d/one");
  say("removed");
  rename("d/two", "d/three");
  say("renamed");
  rename("d/three", "elsewhere");
  say("left");
  rename("elsewhere", "d/three");
  say("back");
  T(fcntl(d, F_NOTIFY, 0));
  rename("d/three", "d/two");
  say("no more");
  T(fcntl(d, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
  rename("file", "d/file");
  say("moved in");
  mkdir("d/sub", 0755);
  say("a directory");
  make("d/sub/file", "");
  say("below it");
  close(d);
  make("d/last", "");
  say("closed");
  return finish();
}
