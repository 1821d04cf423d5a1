// The restrictions of openat2 on the way.
#include "check.h"
#include <linux/openat2.h>

static int folder;
static struct open_how how;
static void resolve(const char *path, unsigned long long res) {
  how.resolve = res;
  errno = 0;
  int r = syscall(SYS_openat2, folder, path, &how, sizeof how);
  printf("openat2 %s %x: %s\n", path, (int)res, r < 0 ? error_name() : "ok");
  if (r >= 0) close(r);
}

int main(void) {
  start();
  mkdir("o", 0755);
  mkdir("o/p", 0755);
  make("o/p/f", "f");
  symlink("../..", "o/p/up");
  symlink("/etc", "o/abs");
  symlink("p/f", "o/in");
  folder = open("o", O_PATH);
  how.flags = O_RDONLY;
  resolve("p/f", 0);
  resolve("../o/p/f", 0);
  resolve("../o/p/f", RESOLVE_BENEATH);
  resolve("p/../p/f", RESOLVE_BENEATH);
  resolve("p/../../o", RESOLVE_BENEATH);
  resolve("/etc", RESOLVE_BENEATH);
  resolve("abs", RESOLVE_BENEATH);
  resolve("abs", RESOLVE_IN_ROOT);
  resolve("/p/f", RESOLVE_IN_ROOT);
  resolve("../../p/f", RESOLVE_IN_ROOT);
  resolve("in", RESOLVE_NO_SYMLINKS);
  resolve("in", RESOLVE_BENEATH);
  resolve("p/up/o/p/f", RESOLVE_IN_ROOT);
  resolve("p/f", RESOLVE_NO_XDEV);
  resolve("p/f", 0x100);
  resolve("p/f", RESOLVE_BENEATH | RESOLVE_IN_ROOT);
  how.mode = 0600;
  resolve("p/f", 0);
  how.mode = 0;
  how.flags = O_CREAT | O_WRONLY;
  how.mode = 0600;
  resolve("p/n", RESOLVE_BENEATH);
  resolve("../n", RESOLVE_BENEATH);
  how.flags = 1ull << 40;
  resolve("p/f", 0);
  how.flags = O_PATH | O_WRONLY;
  how.mode = 0;
  resolve("p/f", 0);
  T(syscall(SYS_openat2, folder, "p/f", &how, 8));
  T(syscall(SYS_openat2, folder, "p/f", &how, 5000));

  return finish();
}
