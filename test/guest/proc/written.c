// What the files of a process in /proc take when they are written to, and those about its calls and timers.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Shown without the process's own id.
static void cat(const char *path) {
  char b[2000], own[20], *at;
  int fd = open(path, O_RDONLY), n = read(fd, b, sizeof b - 1);
  b[n < 0 ? 0 : n] = 0;
  sprintf(own, ".%d", getpid());
  while ((at = strstr(b, own))) memmove(at, at + strlen(own), strlen(at + strlen(own)) + 1);
  printf("%s: %s[%s]\n", path, n < 0 ? strerrorname_np(errno) : "", b);
  close(fd);
}

static void put(const char *name, const char *value) {
  char path[100];
  snprintf(path, sizeof path, "/proc/self/%s", name);
  int fd = open(path, O_WRONLY);
  errno = 0;
  long r = fd < 0 ? -1 : write(fd, value, strlen(value));
  printf("%s <- %s: %ld %s\n", name, value, r, r < 0 ? strerrorname_np(errno) : "");
  close(fd);
  cat(path);
}

// As in a container.
static void without_resource(void) {
  unsigned head[2] = {0x20080522, 0}, data[6];
  syscall(SYS_capget, head, data);
  data[0] &= ~(1u << 24);
  data[1] &= ~(1u << 24);
  syscall(SYS_capset, head, data);
}

static long args[4];
static int call_of(pid_t pid, char *text) {
  char path[40];
  sprintf(path, "/proc/%d/syscall", pid);
  int fd = open(path, O_RDONLY), n = read(fd, text, 299), spaces = 0;
  close(fd);
  text[n > 0 ? n : 0] = 0;
  sscanf(text, "%ld 0x%lx 0x%lx 0x%lx", args, args + 1, args + 2, args + 3);
  for (char *q = text; *q; q++) spaces += *q == ' ';
  return spaces;
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  without_resource();
  timer_t t;
  struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_ptr = (void *)0x1234};
  timer_create(CLOCK_MONOTONIC, &e, &t);
  e.sigev_notify = SIGEV_NONE;
  timer_create(CLOCK_REALTIME, &e, &t);
  e.sigev_notify = SIGEV_THREAD_ID;
  e._sigev_un._tid = getpid();
  timer_create(CLOCK_THREAD_CPUTIME_ID, &e, &t);
  e.sigev_notify = SIGEV_SIGNAL;
  timer_create(CLOCK_PROCESS_CPUTIME_ID, &e, &t);
  cat("/proc/self/timers");

  cat("/proc/self/attr/current");
  put("attr/current", "x");
  put("attr/exec", "");
  char *texts[][8] = {
    {"oom_adj", "3", "15", "16", "-18", "-17", "x", "0"},
    {"oom_score_adj", "0x10", "010", " 5 \n", "5 6", "0", "-1", "1001"},
    {"coredump_filter", "0x7f", "12", "-1", "0xffffffff", "x", "0x100000000", "0"},
    {"timerslack_ns", "0x7f", "12", "-1", "0", "x", "7 8", "9\n"},
    {"setgroups", "deny", "allow", "allow\n", "x", "denyx", "deny\n", " allow"},
  };
  for (int i = 0; i < 5; i++)
    for (int k = 1; k < 8; k++) put(texts[i][0], texts[i][k]);
  put("clear_refs", "6");
  put("clear_refs", "0");
  put("clear_refs", "5");
  put("comm", "abc\ndef");
  put("comm", "0123456789abcdefghi");
  put("uid_map", "0 0 1");
  put("gid_map", "0 0 1");

  // A call that waits, one that reads this, none.
  char b[300];
  int p[2];
  pipe(p);
  pid_t c = fork();
  if (c == 0) {
    read(p[0], b, 77);
    _exit(0);
  }
  usleep(50000);
  int spaces = call_of(c, b);
  printf("%ld %d %ld, %d spaces\n", args[0], args[1] == p[0], args[3], spaces);
  kill(c, SIGKILL);
  usleep(50000);
  call_of(c, b);
  printf("ended: %s", b);
  waitpid(c, 0, 0);
  call_of(getpid(), b);
  printf("own %ld %d %ld\n", args[0], args[2] == (long)b, args[3]);
  c = fork();
  if (c == 0)
    for (;;);
  usleep(50000);
  call_of(c, b);
  printf("%s", b);
  kill(c, SIGSTOP);
  waitpid(c, 0, WUNTRACED);
  spaces = call_of(c, b);
  printf("stopped %ld, %d spaces\n", args[0], spaces);
  kill(c, SIGKILL);
  waitpid(c, 0, 0);
  return 0;
}
