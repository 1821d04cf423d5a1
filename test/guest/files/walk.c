// Path resolution: dots, slashes, symbolic links, long names, and what open, mkdir, rmdir and unlink say of
// them.
// also: volume
#include "check.h"

int main(void) {
  start();
  T(mkdir("a", 0755));
  T(mkdir("a", 0755));
  T(mkdir("a/b/", 0755));
  T(mkdir("x/y", 0755));
  T(mkdir("", 0755));
  T(mkdir("a/.", 0755));
  T(mkdir("a/..", 0755));
  T(mkdir("/", 0755));
  T(make("a/f", "hello"));
  OK(open("a/f/", O_RDONLY));
  OK(open("a/f/g", O_RDONLY));
  OK(open("a/f/.", O_RDONLY));
  T(open("a", O_RDWR));
  T(open("a", O_RDONLY | O_CREAT, 0600));
  T(open("nope/", O_CREAT | O_WRONLY, 0600));
  T(open("nope", O_CREAT | O_DIRECTORY | O_WRONLY, 0600));
  T(open("a/f", O_DIRECTORY));
  T(open("a/f", O_CREAT | O_EXCL, 0600));
  T(symlink("a/f", "l"));
  T(symlink("a/f", "l"));
  T(symlink("nowhere", "dl"));
  T(symlink("loop", "loop"));
  T(symlink("a", "ld"));
  T(symlink("", "e"));
  cat("l");
  T(open("l", O_NOFOLLOW));
  T(open("dl", O_RDONLY));
  T(open("loop", O_RDONLY));
  T(open("dl", O_CREAT | O_EXCL | O_WRONLY, 0600));
  OK(open("dl", O_CREAT | O_WRONLY, 0600));
  show("nowhere");
  show("dl");
  show("ld");
  show("ld/");
  T(open("ld", O_NOFOLLOW | O_DIRECTORY));
  OK(open("ld/", O_NOFOLLOW | O_DIRECTORY));
  T(rmdir("ld"));
  T(rmdir("ld/"));
  T(unlink("a"));
  T(unlink("a/"));
  T(unlink("a/f/"));
  T(rmdir("a/f"));
  T(rmdir("a"));
  T(rmdir("a/b/."));
  T(rmdir("a/b/.."));
  T(rmdir("/"));
  T(unlink("nope"));
  char big[400];
  memset(big, 'x', 300);
  big[300] = 0;
  T(mkdir(big, 0755));
  T(open(big, O_RDONLY));
  big[255] = 0;
  T(mkdir(big, 0755));
  T(rmdir(big));
  char huge[6000];
  memset(huge, '/', 5000);
  huge[5000] = 0;
  T(open(huge, O_RDONLY));
  huge[4095] = 0;
  OK(open(huge, O_RDONLY));
  char b[100];
  T(readlink("l", b, 100));
  T(readlink("l", b, 2));
  T(readlink("a", b, 100));
  T(readlink("l", b, 0));
  T(readlink("nope", b, 1));

  return finish();
}
