// A root of its own: what is above it cannot be reached.
#include "check.h"

int main(void) {
  start();
  char b[5000];
  mkdir("o", 0755);
  mkdir("o/p", 0755);
  make("o/p/f", "f");
  symlink("../..", "o/p/up");
  symlink("/etc", "o/abs");
  CHILD(T(chroot("o")); T(chdir("/")); T(open("/p/f", O_RDONLY) >= 0); T(open("abs", O_RDONLY));
        T(chdir("..")); getcwd(b, 100); printf("%s\n", b); T(open("../../p/f", 0) >= 0);
        T(access("p/up/p/f", 0)););
  CHILD(T(chroot("o")); b[0] = 0; T(syscall(SYS_getcwd, b, 5000) > 0); printf("%.13s\n", b););

  return finish();
}
