// What mlock(2) and its kin bring in, what only when it is touched, and what counts against the limit.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/capability.h>

#define PAGES 4
static char *fresh(void) {
  return mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static void show(const char *what, char *p) {
  unsigned char in[PAGES];
  mincore(p, PAGES * 4096, in);
  printf("%s:", what);
  for (int i = 0; i < PAGES; i++) printf(" %d", in[i] & 1);
  // The flags that /proc tells of it.
  FILE *f = fopen("/proc/self/smaps", "r");
  char line[512];
  unsigned long from, to;
  int here = 0;
  while (fgets(line, sizeof line, f)) {
    if (sscanf(line, "%lx-%lx ", &from, &to) == 2) here = from <= (unsigned long)p && (unsigned long)p < to;
    if (here && strncmp(line, "VmFlags:", 8) == 0) printf(" %s %s\n", strstr(line, " lo ") ? "lo" : "-", strstr(line, " lf ") ? "lf" : "-");
  }
  fclose(f);
}

int main(void) {
  char *p = fresh();
  show("fresh", p);
  mlock(p, 4096);
  show("a page locked", p);
  munlock(p, PAGES * 4096);
  show("unlocked", p);
  p = fresh();
  mlock2(p, PAGES * 4096, MLOCK_ONFAULT);
  p[4096] = 1;
  show("on fault", p);
  p = fresh();
  mlockall(MCL_CURRENT);
  show("all that is there", p);
  p = fresh();
  show("what comes then", p);
  munlockall();
  mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
  show("all, on fault", p);
  p = fresh();
  show("what comes then", p);
  mlockall(MCL_FUTURE);
  p = fresh();
  show("after MCL_FUTURE", p);
  munlockall();
  p = fresh();
  show("after munlockall", p);

  // What is locked already does not count twice, for who is bound by the limit.
  struct rlimit limit = {4 * 4096, 4 * 4096};
  setrlimit(RLIMIT_MEMLOCK, &limit);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {0};
  syscall(SYS_capset, &header, data);
  printf("%d\n", mlock(p, 3 * 4096));
  printf("%d\n", mlock(p, 4 * 4096));
  printf("%d\n", mlock(p + 4096, 3 * 4096));
  char *q = fresh();
  int r = mlock(q, 4096);
  printf("%d %s\n", r, strerrorname_np(errno));
  munlock(p, 4096);
  printf("%d\n", mlock(q, 4096));

  // The limit is asked before the range is looked at; one of nothing refuses even nothing.
  r = mlock((void *)-4096, 5 * 4096);
  printf("%d %s\n", r, strerrorname_np(errno));
  r = mlock((void *)-4096, 4096);
  printf("%d %s\n", r, strerrorname_np(errno));
  limit.rlim_cur = 0;
  setrlimit(RLIMIT_MEMLOCK, &limit);
  r = mlock(p, 0);
  printf("%d %s\n", r, strerrorname_np(errno));
  r = mlock((void *)-4096, 4096);
  printf("%d %s\n", r, strerrorname_np(errno));
  return 0;
}
