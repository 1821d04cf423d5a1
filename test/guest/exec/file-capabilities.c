// Programs with capabilities of their own (capabilities(7)): what they gain, and what takes them away.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NAME "security.capability"
enum { CHOWN = 1 << 0, NET_RAW = 1 << 13, SYS_ADMIN = 1 << 21 };
static struct {
  unsigned version, permitted, inheritable, high[2], root;
} caps = {0x02000000};

#define SHOW(call) do { errno = 0; long r = (call); printf("%s: %ld %s\n", #call, r, errno ? strerror(errno) : "-"); } while (0)

static void set(unsigned flags, unsigned permitted, unsigned inheritable) {
  caps.version = 0x02000000 | flags;
  caps.permitted = permitted;
  caps.inheritable = inheritable;
  if (setxattr("prog", NAME, &caps, 20, 0)) perror("setxattr");
}

// Runs the program as a user, with one thing changed before.
enum { PLAIN, UNBOUND, NO_NEW, AMBIENT };
static void run(const char *what, int uid, int how) {
  fflush(stdout);
  if (fork() == 0) {
    if (how == UNBOUND) prctl(PR_CAPBSET_DROP, 13, 0, 0, 0);
    if (how == NO_NEW) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    setgroups(0, NULL);
    setresgid(uid, uid, uid);
    setresuid(uid, uid, uid);
    execl("./prog", "prog", what, NULL);
    printf("%s: %s\n", what, strerror(errno));
    exit(0);
  }
  wait(NULL);
}

static void child(const char *what) {
  char line[200];
  FILE *f = fopen("/proc/self/status", "r");
  printf("%s:", what);
  while (fgets(line, sizeof line, f))
    if (!strncmp(line, "CapPrm", 6) || !strncmp(line, "CapEff", 6) || !strncmp(line, "CapAmb", 6)) {
      unsigned long v = strtoul(line + 7, NULL, 16);
      // Root has what the machine gives; the rest is ours.
      if (v & 2) printf(" %.6s all", line);
      else printf(" %.6s %lx", line, v);
    }
  printf(" secure %lu\n", getauxval(AT_SECURE));
  exit(0);
}

int main(int argc, char **argv) {
  if (argc > 1) child(argv[1]);
  char home[] = "capsXXXXXX", b[100];
  if (mkdtemp(home) == NULL || chdir(home)) return 1;
  chmod(".", 0755);
  umask(022);
  struct stat st;
  int in = open("/proc/self/exe", O_RDONLY), out = open("prog", O_CREAT | O_RDWR, 0755);
  fstat(in, &st);
  while (sendfile(out, in, NULL, st.st_size) > 0) {}
  close(out);

  puts("-- what is taken");
  SHOW(setxattr("prog", NAME, &caps, 12, 0));
  SHOW(setxattr("prog", NAME, &caps, 24, 0));
  caps.version = 0x05000000;
  SHOW(setxattr("prog", NAME, &caps, 20, 0));
  set(0, NET_RAW, 0);
  SHOW(getxattr("prog", NAME, b, sizeof b));
  fflush(stdout);
  if (fork() == 0) {
    setresuid(1000, 1000, 1000);
    SHOW(setxattr("prog", NAME, &caps, 20, 0));
    SHOW(setxattr("prog", NAME, &caps, 3, 0));
    SHOW(removexattr("prog", NAME));
    SHOW(getxattr("prog", NAME, b, sizeof b));
    exit(0);
  }
  wait(NULL);

  puts("-- what is gained");
  run("permitted", 1000, PLAIN);
  run("permitted, out of bounds", 1000, UNBOUND);
  run("permitted, no new privileges", 1000, NO_NEW);
  run("permitted, root", 0, PLAIN);
  set(1, NET_RAW | CHOWN, 0);
  run("effective", 1000, PLAIN);
  run("effective, out of bounds", 1000, UNBOUND);
  run("effective, no new privileges", 1000, NO_NEW);
  run("effective, root", 0, PLAIN);
  set(0, 0, CHOWN);
  run("inheritable", 1000, PLAIN);
  set(1, 0, 0);
  run("nothing", 1000, PLAIN);
  set(1, CHOWN, 0);
  chmod("prog", 04755);
  run("effective and set-user-ID", 1000, PLAIN);
  set(0, CHOWN, 0);
  run("permitted and set-user-ID", 1000, PLAIN);
  chmod("prog", 0755);

  puts("-- what takes them away");
  out = open("prog", O_RDWR);
  SHOW(getxattr("prog", NAME, b, sizeof b));
  write(out, "\177", 1);
  SHOW(getxattr("prog", NAME, b, sizeof b));
  set(0, CHOWN, 0);
  ftruncate(out, st.st_size);
  SHOW(getxattr("prog", NAME, b, sizeof b));
  set(0, CHOWN, 0);
  chown("prog", 0, -1);
  SHOW(getxattr("prog", NAME, b, sizeof b));
  set(0, CHOWN, 0);
  chmod("prog", 0755);
  SHOW(getxattr("prog", NAME, b, sizeof b));
  SHOW(removexattr("prog", NAME));
  SHOW(removexattr("prog", NAME));
  close(out);
  run("none", 1000, PLAIN);
  unlink("prog");
  chdir("..");
  rmdir(home);
  return 0;
}
