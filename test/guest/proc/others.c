// What a user may see of another user's process in /proc; threads.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void attempt(pid_t pid, const char *name) {
  char path[64], buf[256];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  int fd = open(path, O_RDONLY);
  if (fd < 0) {
    printf("%s: %s\n", name, strerror(errno));
    return;
  }
  struct stat st;
  fstat(fd, &st);
  ssize_t n = S_ISDIR(st.st_mode) ? 0 : read(fd, buf, sizeof buf);
  printf("%s: uid %d mode %o %s\n", name, st.st_uid, st.st_mode, n < 0 ? strerror(errno) : "read");
  close(fd);
}

static void link_of(pid_t pid, const char *name) {
  char path[64], buf[256];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  ssize_t n = readlink(path, buf, sizeof buf);
  printf("readlink %s: %s\n", name, n < 0 ? strerror(errno) : "done");
  int fd = open(path, O_RDONLY);
  printf("open %s: %s\n", name, fd < 0 ? strerror(errno) : "done");
  if (fd >= 0) close(fd);
}

static void look(pid_t pid) {
  static const char *names[] = {"stat", "status", "statm", "cmdline", "comm", "maps", "smaps", "environ", "auxv", "fd", "fdinfo", "limits", "mountinfo", "cgroup", "io", "mem", "task", "oom_score_adj", "personality"};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) attempt(pid, names[i]);
  static const char *links[] = {"exe", "cwd", "root"};
  for (unsigned i = 0; i < sizeof links / sizeof *links; i++) link_of(pid, links[i]);
}

static int gate[2];
static void *thread(void *arg) {
  char path[64], buf[64];
  prctl(PR_SET_NAME, "helper");
  snprintf(path, sizeof path, "/proc/self/task/%d/comm", gettid());
  int fd = open(path, O_RDONLY);
  ssize_t n = read(fd, buf, sizeof buf);
  printf("thread's comm %.*s", (int)n, buf);
  close(fd);
  fd = open("/proc/self/comm", O_RDONLY);
  n = read(fd, buf, sizeof buf);
  printf("process's comm %.*s", (int)n, buf);
  close(fd);
  n = readlink("/proc/thread-self", buf, sizeof buf);
  buf[n] = 0;
  snprintf(path, sizeof path, "%d/task/%d", getpid(), gettid());
  printf("thread-self %d\n", strcmp(buf, path) == 0);
  snprintf(path, sizeof path, "/proc/%d/task", getpid());
  DIR *d = opendir(path);
  int count = 0;
  for (struct dirent *e; (e = readdir(d));) count += e->d_name[0] != '.';
  closedir(d);
  struct stat st;
  stat(path, &st);
  printf("threads %d links %d\n", count, (int)st.st_nlink);
  snprintf(path, sizeof path, "/proc/%d/status", gettid());
  printf("by thread id: %s\n", access(path, R_OK) == 0 ? "there" : strerror(errno));
  return arg;
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  prctl(PR_SET_NAME, "leader");
  pthread_t t;
  pthread_create(&t, NULL, thread, NULL);
  pthread_join(t, NULL);

  pid_t target = getpid();
  int st;
  if (fork() == 0) {
    setgroups(0, NULL);
    (void)!setresgid(1000, 1000, 1000);
    (void)!setresuid(1000, 1000, 1000);
    printf("as a stranger\n");
    look(target);
    printf("itself, after setuid\n");
    attempt(getpid(), "environ");
    attempt(getpid(), "stat");
    exit(0);
  }
  wait(&st);
  (void)!pipe(gate);
  pid_t other = fork();
  if (other == 0) {
    (void)!setresuid(1000, 1000, 1000);
    prctl(PR_SET_DUMPABLE, 1);
    char c;
    (void)!write(gate[1], "x", 1);
    pause();
  }
  char c;
  (void)!read(gate[0], &c, 1);
  printf("the owner, of another's\n");
  attempt(other, "status");
  attempt(other, "fd");
  char path[64];
  struct stat s;
  snprintf(path, sizeof path, "/proc/%d", other);
  stat(path, &s);
  printf("directory uid %d mode %o\n", s.st_uid, s.st_mode);
  snprintf(path, sizeof path, "/proc/%d/comm", other);
  int fd = open(path, O_WRONLY);
  printf("comm of another: %s\n", write(fd, "x", 1) < 0 ? strerror(errno) : "written");
  kill(other, SIGKILL);
  wait(&st);
  fd = open("/proc/self/oom_score_adj", O_RDWR);
  printf("oom %s\n", write(fd, "500\n", 4) < 0 ? strerror(errno) : "written");
  char buf[16];
  ssize_t n = pread(fd, buf, sizeof buf, 0);
  printf("oom %.*s", (int)n, buf);
  printf("oom too much: %s\n", write(fd, "1001", 4) < 0 ? strerror(errno) : "written");
  printf("oom nonsense: %s\n", write(fd, "x", 1) < 0 ? strerror(errno) : "written");
  if (fork() == 0) {
    fd = open("/proc/self/oom_score_adj", O_RDONLY);
    n = read(fd, buf, sizeof buf);
    printf("inherited %.*s", (int)n, buf);
    exit(0);
  }
  wait(&st);
  return 0;
}
