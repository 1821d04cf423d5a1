// What another user may do with files, folders and sticky folders. Runs as root.
// also: volume
#include "check.h"

int main(void) {
  start();
  struct stat s;
  mkdir("o", 0755);
  chmod(".", 0755);
  make("priv", "p");
  chmod("priv", 0600);
  make("grp", "g");
  chown("grp", 0, 77);
  chmod("grp", 0640);
  make("pub", "q");
  mkdir("pd", 0700);
  make("pd/f", "x");
  mkdir("stk", 0777);
  chmod("stk", 01777);
  make("stk/r", "r");
  chmod("stk/r", 0666);
  mkdir("w", 0777);
  chmod("w", 0777);
  make("w/r", "r");
  mkdir("xo", 0711);
  make("xo/f", "f");
  mkdir("ro", 0744);
  make("ro/f", "f");
  make("suid", "s");
  chmod("suid", 06777);
  CHILD(gid_t g = 77; setgroups(1, &g); setgid(1000); setuid(1000); T(open("priv", O_RDONLY));
        T(open("grp", O_RDONLY) >= 0); T(open("grp", O_RDWR)); T(open("pub", O_RDONLY) >= 0);
        T(open("pub", O_WRONLY)); T(open("pd/f", O_RDONLY)); T(stat("pd/f", &s)); T(stat("pd", &s));
        T(open("new", O_CREAT | O_WRONLY, 0600)); T(unlink("pub")); T(unlink("stk/r"));
        T(rename("stk/r", "stk/s")); T(open("stk/n", O_CREAT | O_WRONLY, 0600) >= 0); show("stk/n");
        T(unlink("stk/n")); T(unlink("w/r")); T(open("xo/f", 0) >= 0); T(open("xo", O_RDONLY));
        T(open("ro", O_RDONLY) >= 0); T(open("ro/f", O_RDONLY)); T(chmod("pub", 0777));
        T(chown("pub", 1000, 1000)); T(make("w/m", "m")); T(chmod("w/m", 0600)); T(chown("w/m", 0, -1));
        T(chown("w/m", -1, 77)); T(chown("w/m", -1, 78)); T(chown("w/m", 1000, -1));
        T(utimensat(AT_FDCWD, "pub", 0, 0)); struct timespec ts[2] = {{1, 1}, {1, 1}};
        T(utimensat(AT_FDCWD, "pub", ts, 0)); T(utimensat(AT_FDCWD, "stk/r", 0, 0));
        T(utimensat(AT_FDCWD, "stk/r", ts, 0)); int su = open("suid", O_WRONLY); T(write(su, "x", 1));
        show("suid"); T(access("priv", R_OK)); T(mknod("w/dev", S_IFCHR | 0600, 0x103));
        T(mknod("w/ff", S_IFIFO | 0600, 0)); show("w/ff"); T(mknod("w/so", S_IFSOCK | 0600, 0));
        T(mknod("w/rg", 0600, 0)); show("w/rg"); T(chroot("o")); T(link("priv", "w/pl"));
        T(link("pub", "w/publ")); T(open("w/so", O_RDWR)); T(open("pub", O_RDONLY | O_NOATIME));
        T(truncate("pub", 0)); T(chmod("w/m", 02755)); show("w/m"); T(chdir("pd"));
        OK(open("stk/r", O_CREAT | O_RDWR, 0600)););

  return finish();
}
