// Times that programs set are kept to the nanosecond.
// also: volume
#include "check.h"

static void times(const char *path) {
  struct stat s;
  lstat(path, &s);
  printf("%s: %ld.%09ld %ld.%09ld\n", path, (long)s.st_atim.tv_sec, s.st_atim.tv_nsec, (long)s.st_mtim.tv_sec,
         s.st_mtim.tv_nsec);
}

static void set(const char *path, long asec, long ansec, long msec, long mnsec) {
  struct timespec t[2] = {{asec, ansec}, {msec, mnsec}};
  T(utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW));
  times(path);
}

int main(void) {
  start();
  make("f", "text");
  symlink("f", "l");
  mkdir("d", 0755);
  set("f", 1700000000, 123456789, 1600000000, 999999999);
  set("f", 0, UTIME_OMIT, 1600000001, 1);
  set("f", 1, 987654321, 0, UTIME_OMIT);
  set("d", 1700000000, 123456789, 1600000000, 999999999);
  set("l", 1700000000, 123456789, 1600000000, 999999999);
  T(chmod("f", 0600));
  times("f");
  T(link("f", "g"));
  T(rename("f", "h"));
  times("g");
  times("h");
  struct stat before, after;
  stat("g", &before);
  int fd = open("g", O_WRONLY);
  write(fd, "more", 4);
  close(fd);
  stat("g", &after);
  T(after.st_mtim.tv_sec > before.st_mtim.tv_sec);
  struct timespec t[2] = {after.st_atim, before.st_mtim};
  T(utimensat(AT_FDCWD, "h", t, 0));
  stat("g", &after);
  T(memcmp(&after.st_mtim, &before.st_mtim, sizeof after.st_mtim));
  return finish();
}
