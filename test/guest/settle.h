// Waiting until another thread or process has come to rest, instead of for some time in which it should have: a
// busy machine may take longer.
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

static char state_of(pid_t pid, pid_t tid) {
  char path[64], line[512];
  snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
  FILE *f = fopen(path, "re");
  if (f == NULL) return 0;
  size_t n = fread(line, 1, sizeof line - 1, f);
  fclose(f);
  line[n] = 0;
  char *after = strrchr(line, ')');
  return after == NULL ? 0 : after[2];
}

/** Returns when a thread sleeps in a call, or is gone. */
static void await_sleep(pid_t pid, pid_t tid) {
  for (;;) {
    char s = state_of(pid, tid);
    if (s == 'S' || s == 0) return;
    nanosleep(&(struct timespec){0, 1000000}, NULL);
  }
}
