// Capabilities of files: who may give them, what a program gets of them, and what takes them away.
#include "check.h"
#include <linux/capability.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#define NAME "security.capability"
#define NET_RAW 13
#define SYS_TIME 25

static void caps(const char *what) {
  struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct d[2];
  syscall(SYS_capget, &h, d);
  printf("%s: p %x e %x i %x secure %ld\n", what, d[0].permitted & 1 << NET_RAW, d[0].effective & 1 << NET_RAW,
         d[0].inheritable & 1 << NET_RAW, getauxval(AT_SECURE));
}

static int give(const char *path, unsigned magic, unsigned permitted, unsigned inheritable, int size) {
  unsigned v[6] = {magic, permitted, inheritable, 0, 0, 0};
  return setxattr(path, NAME, v, size, 0);
}

static void run(const char *path) {
  fflush(stdout);
  pid_t p = fork();
  if (!p) {
    setresgid(1000, 1000, 1000);
    setresuid(1000, 1000, 1000);
    execl(path, path, "me", (char *)0);
    printf("%s\n", error_name());
    _exit(0);
  }
  wait(0);
}

static void copy(const char *to) {
  char b[4096];
  int i = open("/proc/self/exe", O_RDONLY), o = open(to, O_CREAT | O_WRONLY | O_TRUNC, 0755), n;
  while ((n = read(i, b, sizeof b)) > 0) write(o, b, n);
  close(o);
  close(i);
}

int main(int argc, char **argv) {
  if (argc > 1) {
    caps("program");
    return 0;
  }
  start();
  copy("p");
  run("./p");
  T(give("p", 0x02000001, 1 << NET_RAW, 0, 20));
  run("./p");
  unsigned got[6];
  T(getxattr("p", NAME, got, sizeof got));
  printf("%x %x\n", got[0], got[1]);
  T(give("p", 0x02000000, 1 << NET_RAW, 0, 20));
  run("./p");
  T(give("p", 0x02000000, 0, 1 << NET_RAW, 20));
  run("./p");
  T(give("p", 0x02000001, 1 << NET_RAW, 0, 24));
  T(give("p", 0x03000001, 1 << NET_RAW, 0, 20));
  T(give("p", 0x05000001, 1 << NET_RAW, 0, 20));
  T(give("p", 0x02000002, 1 << NET_RAW, 0, 20));
  T(give("p", 0x03000001, 1 << NET_RAW, 0, 24));
  T(getxattr("p", NAME, got, sizeof got));
  printf("%x %x\n", got[0], got[1]);
  run("./p");
  // Not below what may be had at all: such a program cannot work.
  CHILD(prctl(PR_CAPBSET_DROP, NET_RAW); run("./p"));
  CHILD(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); run("./p"));
  CHILD(setresuid(1000, 1000, 1000); T(give("p", 0x02000001, 1 << NET_RAW, 0, 20)); T(removexattr("p", NAME)));
  T(chown("p", 0, 0));
  T(getxattr("p", NAME, got, sizeof got));
  T(give("p", 0x02000001, 1 << NET_RAW, 0, 20));
  int fd = open("p", O_WRONLY | O_APPEND);
  write(fd, "x", 1);
  T(getxattr("p", NAME, got, sizeof got));
  T(give("p", 0x02000001, 1 << NET_RAW, 0, 20));
  T(truncate("p", lseek(fd, 0, SEEK_END)));
  close(fd);
  T(getxattr("p", NAME, got, sizeof got));
  T(give("p", 0x02000001, 1 << NET_RAW, 0, 20));
  T(chmod("p", 0755));
  T(removexattr("p", NAME));
  T(removexattr("p", NAME));
  run("./p");
  return finish();
}
