// /proc/[pid]/fdinfo of descriptors that stand for something of the kernel's.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

// Lines after the four that every file has; `cut` ends them where numbers of the machine follow.
static void show(int fd, const char *cut) {
  char path[64], line[300];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  FILE *f = fopen(path, "r");
  for (int i = 0; fgets(line, sizeof line, f); i++) {
    char *end = cut == NULL ? NULL : strstr(line, cut);
    if (end != NULL) strcpy(end, "...\n");
    if (i >= 4) printf("%s", line);
  }
  fclose(f);
}

// What epoll and inotify say of an inode agrees with stat.
static int names_inode(int fd, const char *path) {
  struct stat st;
  stat(path, &st);
  char want[64], line[300], info[64];
  snprintf(want, sizeof want, "ino:%lx sdev:%lx ", st.st_ino, (st.st_dev >> 8 & 0xfff) << 20 | (st.st_dev & 0xff) | (st.st_dev >> 20 << 8));
  snprintf(info, sizeof info, "/proc/self/fdinfo/%d", fd);
  FILE *f = fopen(info, "r");
  int found = 0;
  while (fgets(line, sizeof line, f)) found |= strstr(line, want) != NULL;
  fclose(f);
  return found;
}

int main(void) {
  int e = eventfd(18, EFD_SEMAPHORE);
  show(e, "-id:");
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, 40);
  show(signalfd(-1, &set, 0), NULL);
  int t = timerfd_create(CLOCK_MONOTONIC, 0);
  show(t, NULL);
  struct itimerspec when = {{3, 5}, {0, 1}};
  timerfd_settime(t, TFD_TIMER_ABSTIME, &when, 0);
  show(t, NULL);
  int ep = epoll_create1(0);
  struct epoll_event ev = {EPOLLIN | EPOLLET, {.u64 = 0x123456789}};
  epoll_ctl(ep, EPOLL_CTL_ADD, e, &ev);
  show(ep, "ino:");
  int n = inotify_init();
  inotify_add_watch(n, "/tmp", IN_CREATE | IN_ONESHOT);
  inotify_add_watch(n, "/", IN_DELETE | IN_EXCL_UNLINK);
  show(n, "ino:");
  printf("inode %d\n", names_inode(n, "/tmp"));
  pid_t p = fork();
  if (p == 0) pause();
  int fd = syscall(SYS_pidfd_open, p, 0);
  char path[64], line[300];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  for (int round = 0; round < 2; round++) {
    FILE *f = fopen(path, "r");
    while (fgets(line, sizeof line, f)) {
      int pid;
      if (sscanf(line, "Pid:\t%d", &pid) == 1) printf("Pid right %d\n", pid == (round == 0 ? p : -1));
    }
    fclose(f);
    kill(p, SIGKILL);
    waitpid(p, NULL, 0);
  }
  return 0;
}
