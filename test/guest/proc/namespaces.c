// The files behind /proc/self/ns, what ioctl_ns(2) asks them, and setns into where one is already.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SHOW(call) do { errno = 0; long r = (call); printf("%s: %ld %s\n", #call, r, errno ? strerror(errno) : "-"); } while (0)

/** What a link says, without the number. */
static const char *kind(int fd) {
  static char text[99];
  char path[64];
  sprintf(path, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(path, text, sizeof text - 1);
  text[n < 0 ? 0 : n] = 0;
  char *end = strchr(text, '[');
  if (end != NULL) *end = 0;
  return text;
}

static void ask(const char *name) {
  char path[64];
  sprintf(path, "/proc/self/ns/%s", name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  printf("%s: %s flag %x\n", name, kind(fd), ioctl(fd, NS_GET_NSTYPE));
  SHOW(ioctl(fd, NS_GET_PARENT));
  errno = 0;
  int user = ioctl(fd, NS_GET_USERNS);
  printf("belongs to %s %s\n", user < 0 ? "-" : kind(user), strerror(errno));
  if (user >= 0) {
    printf("cloexec %d\n", fcntl(user, F_GETFD));
    close(user);
  }
  unsigned owner = 77;
  SHOW(ioctl(fd, NS_GET_OWNER_UID, &owner));
  printf("owner %u\n", owner);
  close(fd);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  const char *names[] = {"uts", "user", "pid", "mnt", "net", "ipc", "time", "cgroup", "pid_for_children"};
  for (int i = 0; i < 9; i++) ask(names[i]);

  int fd = open("/proc/self/ns/uts", O_RDONLY);
  char buf[8];
  SHOW(read(fd, buf, 4));
  SHOW(pread(fd, buf, 4, 0));
  SHOW(write(fd, buf, 4));
  SHOW(lseek(fd, 0, SEEK_SET));
  SHOW(ftruncate(fd, 0));
  SHOW(fchmod(fd, 0600));
  SHOW(fchown(fd, 1, 1));
  SHOW(futimens(fd, NULL));
  SHOW(chmod("/proc/self/ns/uts", 0600));
  SHOW(fsync(fd));
  SHOW(ioctl(fd, TIOCGPGRP, buf));
  SHOW(mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED);
  struct pollfd ready = {fd, POLLIN | POLLOUT, 0};
  SHOW(poll(&ready, 1, 0));
  printf("%x\n", ready.revents);
  SHOW(open("/proc/self/ns/uts", O_RDWR));
  SHOW(open("/proc/self/ns/uts", O_WRONLY));
  SHOW(open("/proc/self/ns/uts", O_RDONLY | O_TRUNC));

  struct stat a, b, proc;
  struct statfs f;
  fstat(fd, &a);
  stat("/proc/self/ns/uts", &b);
  stat("/proc/self/stat", &proc);
  printf("%o %ld %d %d same %d %d, in proc %d\n", a.st_mode, (long)a.st_size, a.st_uid, (int)a.st_nlink,
         a.st_ino == b.st_ino, a.st_dev == b.st_dev, a.st_dev == proc.st_dev);
  fstatfs(fd, &f);
  printf("%lx %ld %ld\n", (long)f.f_type, (long)f.f_bsize, (long)f.f_namelen);
  char path[64];
  sprintf(path, "/proc/self/fd/%d", fd);
  int again = open(path, O_RDONLY);
  printf("again %d %s\n", again >= 0, kind(again));

  SHOW(setns(fd, CLONE_NEWIPC));
  SHOW(setns(fd, 1));
  SHOW(setns(fd, CLONE_NEWUTS | CLONE_NEWIPC));
  SHOW(setns(99, 0));
  int file = open("/proc/self/stat", O_RDONLY), user = open("/proc/self/ns/user", O_RDONLY);
  SHOW(setns(file, 0));
  SHOW(setns(user, 0));
  int self = syscall(SYS_pidfd_open, getpid(), 0);
  SHOW(setns(self, 0));
  SHOW(setns(self, CLONE_NEWUTS | 1));
  SHOW(setns(self, CLONE_NEWUSER));
  if (geteuid() == 0) (void)!(setgid(1000) | setuid(1000));
  SHOW(setns(fd, CLONE_NEWIPC));
  SHOW(setns(user, 0));
  SHOW(setns(fd, 0));
  SHOW(setns(fd, CLONE_NEWUTS));
  return 0;
}
