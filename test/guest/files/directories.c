// getdents, directory streams, and working directories that move or go away.
// also: volume
#include "check.h"

static void streams(const char *p) {
  DIR *d = opendir(p);
  int n = 0;
  struct dirent *e;
  long pos[100];
  while (n < 50 && (pos[n] = telldir(d), e = readdir(d))) n++;
  printf("entries %d\n", n);
  seekdir(d, pos[3]);
  e = readdir(d);
  printf("%s\n", e ? "again" : "none");
  rewinddir(d);
  int m = 0;
  while (readdir(d)) m++;
  printf("rewound %d\n", m);
  closedir(d);
}

int main(void) {
  start();
  char b[5000];
  mkdir("dir", 0755);
  for (int i = 0; i < 30; i++) {
    sprintf(b, "dir/file%02d", i);
    make(b, "x");
  }
  streams("dir");
  {
    int d = open("dir", O_RDONLY);
    T(syscall(SYS_getdents64, d, b, 10));
    T(syscall(SYS_getdents64, d, b, 4));
    int tot = 0, n;
    while ((n = syscall(SYS_getdents64, d, b, 100)) > 0) tot += n;
    printf("total %d\n", tot);
    T(syscall(SYS_getdents64, d, b, 100));
    T(syscall(SYS_getdents64, open("dir/file00", 0), b, 100));
    T(syscall(SYS_getdents64, 999, b, 100));
    lseek(d, 0, 0);
    T(syscall(SYS_getdents, d, b, 5000));
  }
  DIR *dp = opendir("dir");
  struct dirent *e;
  int k = 0;
  while ((e = readdir(dp)))
    if (e->d_name[0] != '.') {
      sprintf(b, "dir/%s", e->d_name);
      k += unlink(b) == 0;
    }
  closedir(dp);
  printf("removed %d\n", k);
  list("dir");
  CHILD(mkdir("gone", 0755); chdir("gone"); T(rmdir("../gone")); T(getcwd(b, 100));
        T(open("x", O_CREAT | O_WRONLY, 0600)); T(mkdir("y", 0700)); T(open(".", O_RDONLY) >= 0);
        T(chdir("..")););
  mkdir("o", 0755);
  mkdir("o/p", 0755);
  CHILD(chdir("o/p"); char *c = getcwd(b, 5000); printf("cwd ..%s\n", strrchr(c, '/'));
        T(syscall(SYS_getcwd, b, 3)); T(syscall(SYS_getcwd, (void *)8, 300)); T(rename("../p", "../p2"));
        c = getcwd(b, 5000); printf("cwd ..%s\n", strrchr(c, '/')); T(rename("../p2", "../p")););

  return finish();
}
