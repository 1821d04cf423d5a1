// What each kind of descriptor answers to the calls that are meant for other kinds.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/timerfd.h>
#include <unistd.h>

static void put(const char *what, long r) { printf(" %s %s", what, r < 0 ? strerrorname_np(errno) : "ok"); }

static void ask(const char *name, int fd) {
  char path[64], link[256];
  printf("%s:", name);
  struct pollfd p = {fd, -1, 0};
  poll(&p, 1, 0);
  printf(" events %x", p.revents);
  long at = lseek(fd, -5, SEEK_SET);
  printf(" seek %s %ld", at < 0 ? strerrorname_np(errno) : "ok", at);
  put("nowhere", lseek(fd, 0, 9));
  put("no bytes", write(fd, "", 0));
  put("pread", pread(fd, link, 0, 0));
  put("map to run", mmap(NULL, 4096, PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
  put("direct", fcntl(fd, F_SETFL, O_DIRECT));
  put("append", fcntl(fd, F_SETFL, O_APPEND));
  struct statfs fs;
  fstatfs(fd, &fs);
  printf(" relatime %d", (fs.f_flags & 0x1000) != 0);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(path, link, sizeof link - 1);
  link[n < 0 ? 0 : n] = 0;
  if (link[0] != '/') link[strcspn(link, "0123456789")] = 0;
  printf(" %s\n", link);
}

int main(void) {
  int ends[2], pair[2];
  sigset_t set;
  sigemptyset(&set);
  if (pipe(ends) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 1;
  ask("pipe, to read", ends[0]);
  ask("pipe, to write", ends[1]);
  ask("socket", pair[0]);
  ask("eventfd", eventfd(3, 0));
  ask("full eventfd", eventfd(0, 0));
  ask("epoll", epoll_create1(0));
  ask("timerfd", timerfd_create(CLOCK_MONOTONIC, 0));
  ask("signalfd", signalfd(-1, &set, 0));
  ask("inotify", inotify_init());
  ask("/dev/null", open("/dev/null", O_RDWR));
  ask("/dev/zero", open("/dev/zero", O_RDWR));
  int sealed = memfd_create("sealed", MFD_ALLOW_SEALING);
  fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE);
  put("no bytes into a sealed file", write(sealed, "", 0));
  put("a byte", write(sealed, "", 1));
  put("direct", fcntl(sealed, F_SETFL, O_DIRECT));
  printf("\n");
  char file[] = "/tmp/kinds-XXXXXX";
  close(mkstemp(file));
  put("open directly", open(file, O_RDWR | O_DIRECT));
  put("a device", open("/dev/null", O_RDWR | O_DIRECT));
  put("a directory", open("/", O_DIRECT));
  put("of /proc", open("/proc/self/stat", O_DIRECT));
  printf("\n");
  return unlink(file);
}
