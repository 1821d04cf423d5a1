// Descriptors opened with O_PATH, and the empty path.
#include "check.h"

int main(void) {
  start();
  char b[200];
  mkdir("a", 0755);
  make("a/f", "f");
  make("rw", "hello");
  symlink("a/f", "l");
  int pa = open("rw", O_PATH);
  T(read(pa, b, 1));
  T(fcntl(pa, F_GETFL));
  struct stat s;
  T(fstat(pa, &s));
  T(fchmod(pa, 0600));
  T(ftruncate(pa, 1));
  T(lseek(pa, 0, 0));
  T(ioctl(pa, FIONREAD, b));
  T(fsync(pa));
  T(fcntl(pa, F_SETFL, 0));
  T(fcntl(pa, F_GETFD));
  int pl = open("l", O_PATH | O_NOFOLLOW);
  T(fcntl(pl, F_GETFL));
  T(readlinkat(pl, "", b, 100));
  T(fchownat(pl, "", -1, -1, AT_EMPTY_PATH));
  T(openat(pa, "x", O_RDONLY));
  int pd = open("a", O_PATH);
  OK(openat(pd, "f", O_RDONLY));
  T(fchdir(pa));
  T(fstatat(pd, "", &s, AT_EMPTY_PATH));
  T(fstatat(pd, "", &s, 0));
  T(fstatat(AT_FDCWD, "", &s, AT_EMPTY_PATH));
  T(fstatat(pd, "f", &s, 0x8000));
  T(fstatat(999, "f", &s, 0));
  T(fstatat(999, "/", &s, 0));
  T(stat("a", (void *)8));
  T(stat((void *)8, &s));

  return finish();
}
