// The namespaces of a process as files: what they are, and what may be asked of them.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define T(c) do { errno = 0; long r_ = (c); printf("%s = %ld %s\n", #c, r_, r_ < 0 ? strerrorname_np(errno) : "-"); } while (0)
#define NS_GET_USERNS _IO(0xb7, 1)
#define NS_GET_PARENT _IO(0xb7, 2)
#define NS_GET_NSTYPE _IO(0xb7, 3)
#define NS_GET_OWNER_UID _IO(0xb7, 4)

int main(void) {
  const char *names[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
  char path[64], text[64], want[64], b[8];
  for (int i = 0; i < 8; i++) {
    printf("%s\n", names[i]);
    snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
    int fd = open(path, O_RDONLY);
    struct stat s, l;
    T(fstat(fd, &s));
    T(stat(path, &l));
    printf("%o %d %d\n", s.st_mode, s.st_ino == l.st_ino, s.st_dev == l.st_dev);
    int n = readlink(path, text, sizeof text - 1);
    text[n < 0 ? 0 : n] = 0;
    snprintf(want, sizeof want, "%s:[%lu]", names[i], (unsigned long)s.st_ino);
    printf("%d\n", strcmp(text, want));
    T(ioctl(fd, NS_GET_NSTYPE));
    unsigned uid = 7;
    T(ioctl(fd, NS_GET_OWNER_UID, &uid));
    printf("uid %u\n", uid);
    int user = ioctl(fd, NS_GET_USERNS);
    printf("%s\n", user < 0 ? strerrorname_np(errno) : "ok");
    if (user >= 0) {
      struct stat u, t;
      printf("%d\n", fstat(user, &u) == 0 && stat("/proc/self/ns/user", &t) == 0 && u.st_ino == t.st_ino);
      T(fcntl(user, F_GETFD));
      T(ioctl(user, NS_GET_NSTYPE));
      close(user);
    }
    T(ioctl(fd, NS_GET_PARENT));
    T(ioctl(fd, _IO(0xb7, 99)));
    T(read(fd, b, 1));
    T(lseek(fd, 1, SEEK_SET));
    close(fd);
    T(open(path, O_WRONLY));
  }
  return 0;
}
