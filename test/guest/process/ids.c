// User and group ids: who may become whom, and what root loses on the way.
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <linux/capability.h>

static void ids(const char *what) {
  uid_t r, e, s;
  getresuid(&r, &e, &s);
  printf("%s: %d %d %d fs %d", what, r, e, s, setfsuid(-1));
  gid_t g, h, i;
  getresgid(&g, &h, &i);
  printf(" gid %d %d %d fs %d\n", g, h, i, setfsgid(-1));
}
static void caps(const char *what) {
  struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct d[2];
  long r = syscall(SYS_capget, &h, d);
  printf("%s: %ld effective chown %d setuid %d, permitted %d\n", what, r, d[0].effective & 1, d[0].effective >> 7 & 1, d[0].permitted >> 7 & 1);
}
#define SHOW(what, call) do { errno = 0; long r = (call); printf("%s: %ld %s\n", what, r, errno ? strerror(errno) : "-"); } while (0)
#define CHILD(body) do { pid_t p = fork(); if (p == 0) { body; _exit(0); } int st; waitpid(p, &st, 0); printf("--- %d\n", st); } while (0)

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  ids("start");
  caps("start");
  CHILD({
    SHOW("setgroups", setgroups(3, (gid_t[]){30, 10, 20}));
    gid_t g[10];
    int n = getgroups(10, g);
    printf("%d: %d %d %d\n", n, g[0], g[1], g[2]);
    SHOW("too small", getgroups(1, g));
    SHOW("setgid", setgid(100));
    SHOW("setuid", setuid(1000));
    ids("dropped");
    caps("dropped");
    SHOW("back", setuid(0));
    SHOW("other", setuid(1001));
    SHOW("setgid", setgid(0));
    SHOW("setgroups", setgroups(0, NULL));
    SHOW("same", setuid(1000));
    SHOW("kill parent", kill(getppid(), 0));
  });
  CHILD({
    SHOW("seteuid", seteuid(1000));
    ids("effective");
    caps("effective");
    SHOW("back", seteuid(0));
    ids("back");
    caps("back");
    SHOW("setresuid", setresuid(1, 2, 3));
    ids("three");
    SHOW("swap", setresuid(2, 3, 1));
    ids("swapped");
    SHOW("other", setresuid(-1, 4, -1));
    SHOW("setreuid", setreuid(3, 2));
    ids("reuid");
    SHOW("setreuid no", setreuid(9, -1));
  });
  CHILD({
    prctl(PR_SET_KEEPCAPS, 1);
    SHOW("setuid", setuid(1000));
    caps("kept");
    printf("keepcaps %d\n", prctl(PR_GET_KEEPCAPS));
  });
  CHILD({
    printf("fsuid was %d\n", setfsuid(77));
    printf("fsuid is %d\n", setfsuid(-1));
    caps("fsuid");
    setregid(5, 6);
    ids("regid");
  });
  SHOW("setuid -1", setuid(-1));
  return 0;
}
