// access, chmod, chown, umask, set-group-id folders and time stamps.
#include "check.h"

int main(void) {
  start();
  struct stat s;
  mkdir("a", 0755);
  make("a/f", "f");
  make("rw", "hello");
  symlink("a/f", "l");
  symlink("nowhere", "dl");
  int ap = open("rw", O_WRONLY | O_APPEND);
  T(access("a", R_OK | W_OK | X_OK));
  T(access("rw", X_OK));
  T(access("nope", F_OK));
  T(access("a", 8));
  T(faccessat(AT_FDCWD, "dl", F_OK, AT_SYMLINK_NOFOLLOW));
  T(syscall(SYS_faccessat2, AT_FDCWD, "rw", W_OK, AT_EACCESS));
  T(syscall(SYS_faccessat2, AT_FDCWD, "rw", W_OK, 1));
  T(chmod("rw", 04777));
  show("rw");
  T(chmod("rw", 07777 | S_IFDIR));
  show("rw");
  T(write(ap, "x", 1));
  show("rw");
  T(chown("rw", 0, 0));
  show("rw");
  T(chown("rw", -1, 5));
  T(lchown("l", 7, 8));
  show("l");
  T(fchmodat(AT_FDCWD, "l", 0600, 0));
  show("l");
  T(chmod("nope", 0));
  T(fchmod(999, 0));
  T(mkdir("sg", 02775));
  T(chown("sg", 0, 55));
  T(chmod("sg", 02775));
  T(make("sg/f", "1"));
  T(mkdir("sg/d", 0700));
  show("sg/f");
  show("sg/d");
  T(umask(077));
  T(make("um", "1"));
  show("um");
  T(umask(022));
  T(mkdir("st", 01777));
  show("st");
  struct timespec ts[2] = {{1, 2}, {3, 4}};
  T(utimensat(AT_FDCWD, "rw", ts, 0));
  stat("rw", &s);
  printf("%ld.%ld %ld.%ld\n", s.st_atim.tv_sec, s.st_atim.tv_nsec, s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
  ts[0].tv_nsec = UTIME_OMIT;
  ts[1].tv_sec = -5;
  ts[1].tv_nsec = 7;
  T(utimensat(AT_FDCWD, "rw", ts, 0));
  stat("rw", &s);
  printf("%ld.%ld %ld.%ld\n", s.st_atim.tv_sec, s.st_atim.tv_nsec, s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
  ts[1].tv_nsec = 2000000000;
  T(utimensat(AT_FDCWD, "rw", ts, 0));
  T(futimens(ap, 0));
  T(utimensat(AT_FDCWD, "nope", 0, 0));
  T(utimensat(AT_FDCWD, "l", 0, AT_SYMLINK_NOFOLLOW));
  struct timeval tv[2] = {{5, 6}, {7, 8}};
  T(utimes("rw", tv));
  stat("rw", &s);
  printf("%ld.%ld\n", s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
  struct utimbuf ub = {9, 10};
  T(utime("rw", &ub));
  tv[0].tv_usec = 1000000;
  T(utimes("rw", tv));
  T(futimesat(AT_FDCWD, "rw", 0));
  T(syscall(SYS_utimensat, ap, 0, 0, 0));

  // Out of range for any file system: each takes the nearest time that it can keep.
  struct timespec far[2] = {{0x7fffffffffffffff, 5}, {-0x7fffffffffffffff - 1, 5}};
  T(utimensat(AT_FDCWD, "rw", far, 0));
  stat("rw", &s);
  printf("%d %d\n", s.st_atim.tv_sec > 1L << 33, s.st_mtim.tv_sec < 0);

  // fchmodat2, by number: headers are older.
  make("f2", "x");
  symlink("f2", "l2");
  T(syscall(452, AT_FDCWD, "l2", 0640, 0));
  show("f2");
  T(syscall(452, AT_FDCWD, "f2", 0604, AT_SYMLINK_NOFOLLOW));
  show("f2");
  T(syscall(452, AT_FDCWD, "l2", 0600, AT_SYMLINK_NOFOLLOW));
  T(syscall(452, open("f2", O_PATH), "", 0611, 0x1000));
  show("f2");
  T(syscall(452, AT_FDCWD, "f2", 0600, 1));
  T(syscall(452, AT_FDCWD, "none", 0600, 0));
  return finish();
}
