// Hard links and rename with its flags.
// also: volume
#include "check.h"

int main(void) {
  start();
  mkdir("a", 0755);
  mkdir("a/b", 0755);
  make("a/f", "hello");
  symlink("a/f", "l");
  T(link("a/f", "h"));
  show("h");
  T(link("a", "h2"));
  T(link("l", "h3"));
  show("h3");
  T(linkat(AT_FDCWD, "l", AT_FDCWD, "h4", AT_SYMLINK_FOLLOW));
  show("a/f");
  T(link("a/f", "h"));
  T(link("nope", "q"));
  T(link("a/f", "zz/"));
  T(unlink("h4"));
  T(rename("h", "h"));
  T(rename("h", "a/f"));
  show("h");
  T(rename("h", "k"));
  show("h");
  show("k");
  T(rename("a", "a/b/c"));
  T(rename("a/b", "a"));
  T(rename("k", "a"));
  T(rename("a", "k"));
  T(mkdir("d2", 0755));
  T(rename("a/b", "d2"));
  T(rename("d2", "a/b"));
  T(rename("d2/", "a/b/"));
  T(rename("k/", "kk"));
  T(rename("k", "kk/"));
  T(rename(".", "zz"));
  T(rename("a/b/..", "zz"));
  T(rename("a/b", ".."));
  T(rename("nope", "zz"));
  T(mkdir("full", 0755));
  T(make("full/x", "1"));
  T(mkdir("emp", 0755));
  T(rename("emp", "full"));
  T(syscall(SYS_renameat2, AT_FDCWD, "k", AT_FDCWD, "l", 1));
  T(syscall(SYS_renameat2, AT_FDCWD, "k", AT_FDCWD, "full", 2));
  list("k");
  show("full");
  T(syscall(SYS_renameat2, AT_FDCWD, "k", AT_FDCWD, "full", 2));
  T(syscall(SYS_renameat2, AT_FDCWD, "k", AT_FDCWD, "none", 2));
  T(syscall(SYS_renameat2, AT_FDCWD, "k", AT_FDCWD, "none", 3));
  T(syscall(SYS_renameat2, AT_FDCWD, "k", AT_FDCWD, "none", 1));
  T(syscall(SYS_renameat2, AT_FDCWD, "none", AT_FDCWD, "k", 8));
  T(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "a/b", 2));
  T(make("file", "1"));
  T(syscall(SYS_renameat2, AT_FDCWD, "k", AT_FDCWD, "file/", 2));
  T(syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, "emp/", 2));
  T(syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, "emp/", 2));
  T(syscall(SYS_renameat2, AT_FDCWD, "emp", AT_FDCWD, "file", 2));

  // What moves leaves a device 0:0 behind.
  T(syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, "moved", 4));
  T(syscall(SYS_renameat2, AT_FDCWD, "moved", AT_FDCWD, "file", 4 | 1));
  T(syscall(SYS_renameat2, AT_FDCWD, "moved", AT_FDCWD, "file", 4 | 2));
  struct stat w;
  T(lstat("file", &w));
  printf("%o %lx %d\n", w.st_mode, (long)w.st_rdev, (int)w.st_nlink);
  T(unlink("file"));
  CHILD(setuid(65534); T(syscall(SYS_renameat2, AT_FDCWD, "moved", AT_FDCWD, "file", 4)));
  T(syscall(SYS_renameat2, AT_FDCWD, "moved", AT_FDCWD, "file", 4 | 1));
  show("file");
  show("moved");
  T(unlink("moved"));

  // Two names of one file in a folder that may not be written; a folder that may not be written gets another parent.
  T(link("k", "same"));
  T(mkdir("open", 0777));
  T(chmod("open", 0777));
  T(chmod(".", 0755));
  CHILD(setuid(65534); T(rename("k", "same")); T(rename("k", "same2")); T(mkdir("open/d", 0555));
        T(mkdir("open/e", 0755)); T(make("open/e/f", "1")); T(rename("open/e/f", "open/d"));
        T(syscall(SYS_renameat2, AT_FDCWD, "open/e/f", AT_FDCWD, "open/d", 2));
        T(syscall(SYS_renameat2, AT_FDCWD, "open/d", AT_FDCWD, "open/e/f", 2)); T(chmod("open/d", 0755));
        T(syscall(SYS_renameat2, AT_FDCWD, "open/e/f", AT_FDCWD, "open/d", 2)));

  return finish();
}
