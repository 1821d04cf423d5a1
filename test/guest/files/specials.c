// FIFOs, sockets and device nodes among other names: made, listed, linked, renamed, exchanged, replaced and removed.
// also: volume
#include "check.h"
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static int swap(const char *a, const char *b) {
  return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2);
}
static int bound(const char *name, int how) {
  struct sockaddr_un a = {AF_UNIX};
  strcpy(a.sun_path, name);
  int s = socket(AF_UNIX, SOCK_STREAM, 0);
  int r = how ? connect(s, (void *)&a, sizeof a) : bind(s, (void *)&a, sizeof a);
  if (r == 0 && !how) listen(s, 1);
  return r < 0 ? -1 : s;
}
static long mtime(const char *path) {
  struct stat s;
  return stat(path, &s) ? -1 : s.st_mtim.tv_sec * 1000000000l + s.st_mtim.tv_nsec;
}
static unsigned long identity(const char *path) {
  struct stat s;
  return lstat(path, &s) ? 0 : s.st_ino * 31 + s.st_dev;
}

int main(void) {
  start();
  mkdir("d", 0755);
  make("file", "file");
  struct stat here, s;
  stat(".", &here);

  T(mkfifo("ff", 0640));
  T(mkfifo("ff", 0640));
  T(mkfifo("file", 0640));
  T(mkfifo("ff/x", 0640));
  T(mkfifo("gg/", 0640));
  T(mknod("so", S_IFSOCK | 0755, 0));
  T(mknod("ch", S_IFCHR | 0600, makedev(1, 3)));
  T(mknod("bl", S_IFBLK | 0600, makedev(7, 0)));
  T(mknod("wh", S_IFCHR, 0));
  T(mkdir("ff", 0755));
  T(symlink("x", "ff"));
  T(link("file", "ff"));
  T(open("ff", O_CREAT | O_EXCL | O_RDWR, 0600));
  T(bound("ff", 0));
  T(rmdir("ff"));
  T(truncate("ff", 0));
  list(".");
  for (int i = 0; i < 5; i++) {
    const char *name = ((const char *[]){"ff", "so", "ch", "bl", "wh"})[i];
    show(name);
    stat(name, &s);
    printf("%s: device %u:%u, on the same file system %d\n", name, major(s.st_rdev), minor(s.st_rdev),
           s.st_dev == here.st_dev);
  }
  T(access("ff", R_OK | W_OK));
  T(access("ff", X_OK));
  T(chmod("ff", 0604));
  T(chown("ff", 5, 6));
  T(utimensat(AT_FDCWD, "ff", (struct timespec[]){{1, 2}, {3, 4}}, 0));
  show("ff");
  stat("ff", &s);
  printf("times %ld.%ld %ld.%ld\n", s.st_atim.tv_sec, s.st_atim.tv_nsec, s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
  T(open("so", O_RDWR));
  T(setxattr("ff", "user.a", "x", 1, 0));

  // A directory's time of change is that of what was made in it last.
  long before = mtime("d");
  usleep(20000);
  T(mkfifo("d/new", 0600));
  long after = mtime("d");
  printf("later %d\n", after > before);
  T(rmdir("d"));
  T(utimensat(AT_FDCWD, "d", (struct timespec[]){{1, 0}, {2, 0}}, 0));
  printf("set back %ld\n", mtime("d"));
  usleep(20000);
  T(unlink("d/new"));
  printf("later %d\n", mtime("d") > after);
  list("d");

  // Names of one pipe.
  T(link("ff", "d/twin"));
  show("ff");
  show("d/twin");
  printf("same %d\n", identity("ff") == identity("d/twin"));
  int r = open("ff", O_RDONLY | O_NONBLOCK), w = open("d/twin", O_WRONLY);
  char b[10] = {0};
  T(write(w, "abc", 3));
  T(read(r, b, 10));
  T(rename("ff", "d/twin"));
  list("d");
  T(unlink("ff"));
  fstat(w, &s);
  printf("nlink %ld\n", (long)s.st_nlink);
  T(write(w, "de", 2));
  T(read(r, b, 10));
  T(unlink("d/twin"));
  fstat(w, &s);
  printf("nlink %ld\n", (long)s.st_nlink);
  T(linkat(AT_FDCWD, (snprintf(b, 10, "%d", w), "/proc/self/fd/x"), AT_FDCWD, "again", AT_SYMLINK_FOLLOW));

  // Over others and others over them.
  unsigned long so = identity("so");
  T(rename("so", "d/so"));
  printf("same %d\n", identity("d/so") == so);
  T(rename("d/so", "file"));
  printf("same %d\n", identity("file") == so);
  show("file");
  make("other", "other");
  T(rename("other", "file"));
  show("file");
  cat("file");
  T(mkfifo("p", 0600));
  T(rename("p", "d"));
  T(rename("d", "p"));
  T(syscall(SYS_renameat2, AT_FDCWD, "p", AT_FDCWD, "file", 1));
  T(rename("p", "ch"));
  list(".");

  // Exchanged.
  unsigned long ch = identity("ch"), bl = identity("bl"), file = identity("file"), d = identity("d");
  T(swap("ch", "bl"));
  printf("swapped %d\n", identity("bl") == ch && identity("ch") == bl);
  T(swap("ch", "file"));
  printf("swapped %d\n", identity("file") == bl && identity("ch") == file);
  T(swap("file", "d"));
  printf("swapped %d\n", identity("d") == bl && identity("file") == d);
  T(swap("d", "d"));
  T(swap("d", "none"));
  cat("ch");
  T(mkfifo("file/in", 0600));
  T(swap("file/in", "ch"));
  cat("file/in");
  show("ch");
  list(".");
  list("file");

  // They go along with their directory, which is not empty.
  T(mkdir("file/deep", 0755));
  T(mkfifo("file/deep/ff", 0600));
  T(rename("file", "moved"));
  show("moved/deep/ff");
  T(rmdir("moved/deep"));
  mkdir("empty", 0755);
  T(rename("empty", "moved/deep"));
  T(unlink("moved/deep/ff"));
  T(rename("empty", "moved/deep"));

  // Sockets are found by whichever name they have.
  OK(bound("server", 0));
  T(bound("server", 0));
  T(rename("server", "moved/server"));
  OK(bound("moved/server", 1));
  T(bound("server", 1));
  T(link("moved/server", "alias"));
  T(unlink("moved/server"));
  OK(bound("alias", 1));
  T(rename("other2", "alias"));
  make("over", "over");
  T(rename("over", "alias"));
  T(bound("alias", 1));
  list(".");
  list("moved");
  return finish();
}
