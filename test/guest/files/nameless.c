// Files that were unlinked while open, and O_TMPFILE.
// also: volume
#include "check.h"

int main(void) {
  start();
  char b[100];
  struct stat s;
  int fd = open("u", O_CREAT | O_RDWR, 0600);
  T(write(fd, "data", 4));
  T(unlink("u"));
  T(fstat(fd, &s));
  printf("nlink %ld size %ld\n", (long)s.st_nlink, (long)s.st_size);
  T(pread(fd, b, 10, 0));
  T(linkat(AT_FDCWD, "/proc/self/fd/99", AT_FDCWD, "u2", AT_SYMLINK_FOLLOW));
  T(linkat(fd, "", AT_FDCWD, "u2", AT_EMPTY_PATH));
  close(fd);
  fd = open(".", O_TMPFILE | O_RDWR, 0640);
  T(fd >= 0);
  T(write(fd, "tmp", 3));
  T(fstat(fd, &s));
  printf("nlink %ld mode %o\n", (long)s.st_nlink, s.st_mode);
  T(linkat(fd, "", AT_FDCWD, "tf", AT_EMPTY_PATH));
  show("tf");
  cat("tf");
  T(open(".", O_TMPFILE | O_RDONLY, 0600));
  T(open("tf", O_TMPFILE | O_RDWR, 0600));
  int fx = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
  T(linkat(fx, "", AT_FDCWD, "tx", AT_EMPTY_PATH));

  return finish();
}
